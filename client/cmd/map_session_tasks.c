/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasks of a map as they end, and their output.
 *
 *     results: task 7 has ended
 *       | its output came along                  shown at once, whole
 *       | its output is a file (large)           results pause, jobctl_follow() gives it, they go
 * on results: task 9 has started (live only)    followed until it ends, whole lines as they come
 *
 * Ordering is jobd's work: ordered results come by number. Live and ordered, only the task whose
 * turn it is is followed; the others are shown as they end. A task counts as shown when all of its
 * output was given to map_session_output; what jobd is told to have been seen is what was also
 * written (map_session.c); with --json it is objects that are shown (map_json.c). A task whose
 * values are needed finds them in map_session_values.
 */
#include <errno.h>
#include <string.h>

#include "common/clock.h"

#include "client/cmd/emit_object.h"
#include "client/cmd/job_counts.h"
#include "client/cmd/map_files.h"
#include "client/cmd/map_options.h"
#include "client/cmd/map_resume.h"
#include "client/cmd/map_session_private.h"
#include "client/cmd/on_done.h"

#define MAP_TASK_LINE_MAX (1024U * 1024)
#define MAP_TASK_PROGRESS_USEC 100000

/* ---------------------------------------------------------------------------------- one task */

static void task_deinit(struct map_task *task)
{
        jobctl_stream_free(task->stream);
        map_files_drop(task->files);
        for (int i = 0; i < 2; i++)
                free(task->lines[i].data);
        free(task->kept.data);
        free(task->tag);
        free(task->end.why);
        emit_object_free(task->end.json);
}

static struct map_task *task_free(struct map_task *task)
{
        if (task)
                task_deinit(task);
        free(task);
        return NULL;
}

static void task_no_memory(struct map_session *session)
{
        map_session_say(session, "out of memory");
        map_session_break(session);
}

bool map_line_put(struct map_line *line, const void *data, size_t size)
{
        if (size == 0)
                return true;
        if (line->bytes + size > line->room) {
                const size_t room = MAX(2 * line->room, line->bytes + size);
                char *const bigger = realloc(line->data, room);

                if (!bigger)
                        return false;
                line->data = bigger;
                line->room = room;
        }
        memcpy(line->data + line->bytes, data, size);
        line->bytes += size;
        return true;
}

/* Its values, its files. False: the session was broken off. */
static bool task_begin(struct map_task *task)
{
        struct map_session *const session = task->session;
        const struct map_session_options *const options = session->options;
        struct reason why = { "out of memory" };
        size_t count;

        if (!session->values ||
            !map_values_find(session->values, task->number, &task->values, &task->values_bytes))
                return true;
        if (!options->files)
                return true;
        count = template_split(task->values, task->values_bytes, session->words,
                               session->words_max);
        if (map_files_begin(options->files, map_resume_sequence(options->resume, task->number),
                            session->words, count, &task->files, &why) == 0)
                return true;
        map_session_say(session, "%s", why.text);
        map_session_break(session);
        return false;
}

/* The values with spaces between and a tab behind. */
static bool task_make_tag(struct map_task *task)
{
        if (task->tag)
                return true;
        task->tag = malloc(task->values_bytes + 1);
        if (!task->tag)
                return false;
        if (task->values_bytes == 0)
                task->tag[task->tag_bytes++] = '\t';
        for (size_t i = 0; i < task->values_bytes; i++) {
                const char c = task->values[i];

                task->tag[task->tag_bytes++] = c ? c : ' ';
        }
        task->tag[task->tag_bytes - 1] = '\t';
        return true;
}

/* ----------------------------------------------------------------------------------- output */

static void task_put(struct map_task *task, enum jobctl_output which, const void *data, size_t size)
{
        map_session_on_output(task->session,
                              map_output_put(task->session->output, which, data, size));
}

/* With the tag at the beginning of each line. */
static void task_put_tagged(struct map_task *task, enum jobctl_output which, const char *data,
                            size_t size)
{
        bool *const in_line = &task->in_line[which == JOBCTL_STDERR];

        if (!task->session->options->tag) {
                task_put(task, which, data, size);
                return;
        }
        if (!task_make_tag(task)) {
                task_no_memory(task->session);
                return;
        }
        while (size > 0 && !task->session->leaving) {
                const char *const end = memchr(data, '\n', size);
                const size_t n = end ? (size_t)(end - data) + 1 : size;

                if (!*in_line)
                        task_put(task, which, task->tag, task->tag_bytes);
                task_put(task, which, data, n);
                *in_line = !end;
                data += n;
                size -= n;
        }
}

/* Whole lines; the rest waits for its end. */
static void task_put_lines(struct map_task *task, enum jobctl_output which, const char *data,
                           size_t size)
{
        struct map_line *const line = &task->lines[which == JOBCTL_STDERR];
        const char *const last = memrchr(data, '\n', size);
        const size_t whole = last ? (size_t)(last - data) + 1 : 0;

        if (whole > 0) {
                if (line->bytes > 0)
                        task_put_tagged(task, which, line->data, line->bytes);
                line->bytes = 0;
                task_put_tagged(task, which, data, whole);
        }
        if (!map_line_put(line, data + whole, size - whole))
                task_no_memory(task->session);
        if (line->bytes > MAP_TASK_LINE_MAX) {
                task_put_tagged(task, which, line->data, line->bytes);
                line->bytes = 0;
        }
}

static void task_on_data(void *arg, enum jobctl_output which, uint64_t wall_usec, const void *data,
                         size_t size)
{
        struct map_task *const task = arg;
        struct map_session *const session = task->session;
        struct reason why = { "out of memory" };

        if (session->leaving)
                return;
        if (which == JOBCTL_MARK && !session->json) {
                map_session_say(session, "task %llu.%llu: %.*s", (unsigned long long)session->job,
                                (unsigned long long)task->number, (int)MIN(size, 1000U),
                                (const char *)data);
                return;
        }
        if (which == JOBCTL_STDOUT)
                task->stdout_bytes += size;
        if (which == JOBCTL_STDOUT && session->options->on_done &&
            task->kept.bytes < ON_DONE_OUTPUT_MAX &&
            !map_line_put(&task->kept, data, MIN(size, ON_DONE_OUTPUT_MAX - task->kept.bytes)))
                task_no_memory(session);
        if (session->json && (!task->files || which == JOBCTL_MARK)) {
                map_json_on_data(task, which, wall_usec, data, size);
        } else if (task->files) {
                if (map_files_write(task->files, which, data, size, &why)) {
                        map_session_say(session, "%s", why.text);
                        map_session_break(session);
                }
        } else if (task->stream && session->options->live) {
                task_put_lines(task, which, data, size);
        } else {
                task_put_tagged(task, which, data, size);
        }
}

/* ------------------------------------------------------------------------------------- its end */

/* What the record says; 0, or a fault (told). */
static int task_note_end(struct map_task *task, const struct jobctl_item *item)
{
        struct map_task_end *const end = &task->end;
        const char *const why = jobctl_get_text(item, JOBCTL_TASK_WHY, NULL);

        end->state = jobctl_number_or(item, JOBCTL_TASK_STATE, 0);
        end->attempt = jobctl_number_or(item, JOBCTL_TASK_ATTEMPT, 0);
        end->slot = jobctl_number_or(item, JOBCTL_TASK_SLOT, 0);
        end->start_wall_usec = jobctl_number_or(item, JOBCTL_TASK_START_WALL_USEC, 0);
        end->end_wall_usec = jobctl_number_or(item, JOBCTL_TASK_END_WALL_USEC, 0);
        end->run_usec = jobctl_number_or(item, JOBCTL_TASK_RUN_USEC, 0);
        end->exit_signal = jobctl_number_or(item, JOBCTL_TASK_EXIT_SIGNAL, 0);
        end->exit_code = -1;
        (void)jobctl_get_signed(item, JOBCTL_TASK_EXIT_CODE, &end->exit_code);
        task->has_ended = true;
        if (task->session->json)
                map_json_note_end(task, item);
        if (why && why[0] && end->state != JOBCTL_STATE_SUCCEEDED) {
                end->why = strdup(why);
                if (!end->why) {
                        task_no_memory(task->session);
                        return -ENOMEM;
                }
        }
        return 0;
}

uint64_t map_session_shown_next(const struct map_session *session)
{
        return session->options->ordered ? session->shown_next : session->told.low;
}

/* All of its output was shown, and it has ended. */
static void task_finish(struct map_task *task)
{
        struct map_session *const session = task->session;
        bool new;

        if (session->json)
                map_json_end_output(task);
        for (int i = 0; i < 2 && !session->json; i++)
                if (task->lines[i].bytes > 0)
                        task_put_tagged(task, i == 0 ? JOBCTL_STDOUT : JOBCTL_STDERR,
                                        task->lines[i].data, task->lines[i].bytes);
        if (session->leaving || !map_session_count(session, task))
                return;
        if (session->json)
                map_json_put_end(task);
        if (session->leaving)
                return;
        if (session->values)
                map_values_drop(session->values, task->number);
        if (session->options->ordered)
                session->shown_next = task->number + 1;
        else if (told_add(&session->told, task->number, &new))
                task_no_memory(session);
}

/* ------------------------------------------------------------------------------------ following */

static void task_follow_next(struct map_session *session);

static struct map_task *task_find_live(const struct map_session *session, uint64_t number)
{
        struct map_task *task;

        TAILQ_FOREACH (task, &session->live, entry)
                if (task->number == number)
                        return task;
        return NULL;
}

/* The end of a followed task: known from its results, and all of its output was shown. */
static void task_end_live(struct map_task *task)
{
        struct map_session *const session = task->session;

        if (!task->has_ended || !task->has_all_output)
                return;
        task_finish(task);
        TAILQ_REMOVE(&session->live, task, entry);
        task_free(task);
        task_follow_next(session);
}

static void task_on_stream_end(void *arg, int code, const char *text,
                               const struct jobctl_item *ended _unused_)
{
        struct map_task *const task = arg;
        struct map_session *const session = task->session;

        if (session->leaving)
                return;
        if (code && code != JOBCTL_E_NO_SUCH_JOB) {
                map_session_say(session, "the output of task %llu.%llu: %s",
                                (unsigned long long)session->job, (unsigned long long)task->number,
                                text);
                session->ours = true;
        }
        task->has_all_output = true;
        if (task != session->shown) {
                task_end_live(task);
                return;
        }
        session->shown = NULL;
        task_finish(task);
        task_free(task);
        map_session_update_flow(session);
}

/* A task on the heap whose output comes by a stream; NULL: broken off. */
static struct map_task *task_follow(struct map_session *session, uint64_t number, bool until_end)
{
        static const struct jobctl_stream_ops ops = { .size = sizeof(ops),
                                                      .on_data = task_on_data,
                                                      .on_end = task_on_stream_end };
        struct map_task *const task = calloc(1, sizeof(*task));

        if (!task) {
                task_no_memory(session);
                return NULL;
        }
        task->session = session;
        task->number = number;
        if (!task_begin(task))
                return task_free(task);
        if (jobctl_follow(session->app->conn, session->job, number,
                          until_end ? JOBCTL_FOLLOW_UNTIL_END : 0, &ops, task, &task->stream)) {
                map_session_say(session, "%s", jobctl_error_text(session->app->conn));
                map_session_break(session);
                return task_free(task);
        }
        return task;
}

static void task_follow_live(struct map_session *session, uint64_t number)
{
        struct map_task *task;

        if (task_find_live(session, number))
                return;
        task = task_follow(session, number, true);
        if (task)
                TAILQ_INSERT_TAIL(&session->live, task, entry);
}

/* Ordered and live: the task whose turn it is, if it runs. */
static void task_follow_next(struct map_session *session)
{
        if (session->options->live && session->options->ordered && !session->leaving &&
            told_has(&session->begun, session->shown_next))
                task_follow_live(session, session->shown_next);
}

static void tasks_on_started(void *arg, uint64_t number)
{
        struct map_session *const session = arg;
        bool new;

        if (session->leaving)
                return;
        if (!session->options->ordered)
                task_follow_live(session, number);
        else if (told_add(&session->begun, number, &new))
                task_no_memory(session);
        else
                task_follow_next(session);
}

/* -------------------------------------------------------------------------------------- results */

static void task_show_now(struct map_session *session, uint64_t number,
                          const struct jobctl_item *item)
{
        struct map_task task = { .session = session, .number = number };

        if (task_note_end(&task, item) == 0 && task_begin(&task)) {
                if (jobctl_task_output(item, task_on_data, &task))
                        map_session_say(session, "the output of task %llu.%llu is damaged",
                                        (unsigned long long)session->job,
                                        (unsigned long long)number);
                task_finish(&task);
        }
        task_deinit(&task);
        task_follow_next(session);
}

static void task_show_file(struct map_session *session, uint64_t number,
                           const struct jobctl_item *item)
{
        session->shown = task_follow(session, number, false);
        if (session->shown)
                (void)task_note_end(session->shown, item);
}

static void tasks_on_task(void *arg, const struct jobctl_item *item)
{
        struct map_session *const session = arg;
        const uint64_t number = jobctl_number_or(item, JOBCTL_TASK_NUMBER, 0);
        struct map_task *live;

        if (session->leaving)
                return;
        live = TAILQ_EMPTY(&session->live) ? NULL : task_find_live(session, number);
        if (live) {
                jobctl_stream_await(live->stream);
                if (task_note_end(live, item) == 0)
                        task_end_live(live);
        } else if (jobctl_number_or(item, JOBCTL_TASK_SPOOLED, 0)) {
                task_show_file(session, number, item);
        } else {
                task_show_now(session, number, item);
        }
        map_session_update_flow(session);
}

static void tasks_on_progress(void *arg, const struct jobctl_item *item)
{
        struct map_session *const session = arg;

        job_counts_read(item, &session->counts);
        progress_update(session->progress, &session->counts, clock_mono_usec());
}

static void tasks_on_end(void *arg, int code, const char *text, const struct jobctl_item *ended)
{
        struct map_session *const session = arg;
        const char *const why = jobctl_get_text(ended, JOBCTL_ENDED_WHY, NULL);
        const uint64_t state = jobctl_number_or(ended, JOBCTL_ENDED_STATE, 0);
        const uint64_t cancelled = jobctl_number_or(ended, JOBCTL_ENDED_TASKS_CANCELLED, 0);
        const uint64_t others = jobctl_number_or(ended, JOBCTL_ENDED_TASKS_FAILED, 0);

        session->done = true;
        session->leave_by_usec = clock_mono_usec() + MAP_SESSION_LEAVE_USEC;
        session->job_failed = state != JOBCTL_STATE_SUCCEEDED;
        if (session->leaving)
                return;
        if (session->json)
                map_json_note_job(session, ended);
        if (session->progress && ended) {
                session->counts.total = MAX(session->counts.total, session->tally.done);
                job_counts_end(&session->counts, ended);
                progress_update(session->progress, &session->counts, clock_mono_usec());
        }
        if (code) {
                map_session_say(session, "%s", text);
                session->ours = true;
        } else if (session->job_failed && !session->cancelled && why && why[0] && !session->ours) {
                map_session_say(session, "job %llu: %s", (unsigned long long)session->job, why);
        }
        if (!session->options->plan)
                session->tally.failed = MAX(session->tally.failed, others - MIN(others, cancelled));
}

void map_session_ask_results(struct map_session *session)
{
        static const struct jobctl_stream_ops ops = { .size = sizeof(ops),
                                                      .on_end = tasks_on_end,
                                                      .on_task = tasks_on_task,
                                                      .on_started = tasks_on_started,
                                                      .on_progress = tasks_on_progress };
        const struct map_session_options *const options = session->options;
        const struct jobctl_results_options results = {
                .size = sizeof(results),
                .ordered = options->ordered,
                .output = true,
                .starts = options->live,
                .until_end = true,
                .progress_usec = session->progress ? MAP_TASK_PROGRESS_USEC : 0,
        };

        if (jobctl_results(session->app->conn, session->job, &results, &ops, session,
                           &session->results)) {
                map_session_say(session, "%s", jobctl_error_text(session->app->conn));
                map_session_break(session);
        }
}

/* Has a followed task ended whose output is still to come? What ended after it is shown after it.
 */
static bool session_awaits_output(const struct map_session *session)
{
        const struct map_task *task;

        TAILQ_FOREACH (task, &session->live, entry)
                if (task->has_ended)
                        return true;
        return false;
}

void map_session_update_flow(struct map_session *session)
{
        const struct on_done *const on_done = session->options->on_done;
        const bool full = map_output_is_full(session->output);
        const bool awaits = session_awaits_output(session);
        const bool waits =
                full || session->shown || awaits || (on_done && on_done_is_full(on_done));
        struct map_task *task;

        if (session->results)
                jobctl_stream_pause(session->results, waits);
        if (session->shown && session->shown->stream)
                jobctl_stream_pause(session->shown->stream, full);
        TAILQ_FOREACH (task, &session->live, entry)
                jobctl_stream_pause(task->stream, full || (awaits && !task->has_ended));
}

void map_session_drop_tasks(struct map_session *session)
{
        struct map_task *task;

        session->results = jobctl_stream_free(session->results);
        session->shown = task_free(session->shown);
        while ((task = TAILQ_FIRST(&session->live))) {
                TAILQ_REMOVE(&session->live, task, entry);
                task_free(task);
        }
}
