/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs as clients see them: the row says what was asked and how it went, the engine says what an
 * unfinished job is doing now, and the reply waits for the later of the two.
 *
 * A page holds messages that point into rows and unpacked Specs, and is sent before the callback
 * that has the rows returns. Its size is watched by what the Specs weigh, and a job with very many
 * tasks is spread over several messages of the same id, so that a frame stays far below its limit.
 *
 * Used by verb_list.c and verb_info.c.
 */
#include "daemon/clients/job_message.h"

#include <errno.h>
#include <string.h>

#include "common/error.h"

#include "daemon/jobs/ends.h"

#define JOB_PAGE_BYTES (512U * 1024)
#define JOB_ATTEMPTS_MAX 1000U
#define JOB_ATTEMPT_BYTES 128U /* of one on the wire, about */
#define JOB_OTHERS_MAX 1000U
#define JOB_DEPENDENCIES_MAX 100U

/* One Job message and what it points to. */
struct job_message {
        Jobd__Job job;
        Jobd__Spec shown;                 /* the part of `spec` that a list shows */
        Jobd__Spec *spec;                 /* owned */
        Jobd__Environment *environment;   /* owned */
        struct job_attempt *attempts;     /* owned */
        Jobd__Attempt **attempt_pointers; /* owned */
        uint64_t by_state[JOB_STATE_COUNT];
        Jobd__Dependency *dependencies;         /* owned */
        Jobd__Dependency **dependency_pointers; /* owned */
        char why[ENGINE_WHY_TEXT_MAX];
};

struct job_attempt {
        Jobd__Attempt attempt;
        Jobd__Usage usage;
};

struct job_page {
        struct stream *stream; /* borrowed */
        struct job_page_options options;
        Jobd__JobPage body;
        struct job_message *messages; /* owned */
        Jobd__Job **pointers;         /* owned */
        size_t count, room;
        Jobd__UserCount *others;          /* owned */
        Jobd__UserCount **other_pointers; /* owned */
        size_t bytes;
        uint64_t barrier;
};

int job_page_new(struct stream *stream, const struct job_page_options *options, size_t room,
                 struct job_page **out_page)
{
        _cleanup_(job_page_freep) struct job_page *page = calloc(1, sizeof(*page));

        if (!page)
                return FAULT(-ENOMEM);
        page->stream = stream;
        page->options = *options;
        page->room = room;
        jobd__job_page__init(&page->body);
        page->messages = calloc(room + 1, sizeof(*page->messages));
        page->pointers = calloc(room + 1, sizeof(*page->pointers));
        if (!page->messages || !page->pointers)
                return FAULT(-ENOMEM);
        *out_page = TAKE_PTR(page);
        return 0;
}

static void job_page_clear(struct job_page *page)
{
        for (size_t i = 0; i < page->count; i++) {
                struct job_message *message = &page->messages[i];

                wire_free_spec(message->spec);
                wire_free_environment(message->environment);
                free(message->attempts);
                free(message->attempt_pointers);
                free(message->dependencies);
                free(message->dependency_pointers);
                *message = (struct job_message){ 0 };
        }
        page->count = 0;
        page->bytes = 0;
}

struct job_page *job_page_free(struct job_page *page)
{
        if (!page)
                return NULL;
        if (page->messages)
                job_page_clear(page);
        free(page->messages);
        free(page->pointers);
        free(page->others);
        free(page->other_pointers);
        free(page);
        return NULL;
}

/* ------------------------------------------------------------------------------------ attempts */

static void job_fill_usage(Jobd__Attempt *attempt, Jobd__Usage *usage,
                           const struct journal_task *row)
{
        jobd__usage__init(usage);
        usage->has_user_usec = usage->has_system_usec = usage->has_memory_peak_bytes = true;
        usage->has_read_bytes = usage->has_write_bytes = true;
        usage->user_usec = row->user_usec;
        usage->system_usec = row->system_usec;
        usage->memory_peak_bytes = row->memory_peak_bytes;
        usage->read_bytes = row->read_bytes;
        usage->write_bytes = row->write_bytes;
        attempt->usage = usage;
}

static char *job_text(const char *text)
{
        /* protobuf-c wants it writable and never writes. */
        return (char *)(uintptr_t)text;
}

static void job_fill_end(Jobd__Attempt *attempt, const struct journal_task *row)
{
        attempt->has_exit_code = row->exit_code >= 0;
        attempt->exit_code = row->exit_code;
        attempt->has_exit_signal = row->exit_signal > 0;
        attempt->exit_signal = row->exit_signal;
        attempt->has_end_wall_usec = row->end_wall_usec > 0;
        attempt->end_wall_usec = row->end_wall_usec;
        attempt->has_run_usec = row->end_wall_usec > 0;
        attempt->run_usec = row->run_usec;
        attempt->has_output_bytes = row->output_bytes > 0;
        attempt->output_bytes = row->output_bytes;
        attempt->has_output_cut = attempt->output_cut = row->output_cut;
}

static void job_fill_attempt(struct job_attempt *to, const struct journal_task *row)
{
        Jobd__Attempt *attempt = &to->attempt;

        jobd__attempt__init(attempt);
        attempt->has_task = attempt->has_state = attempt->has_attempt = true;
        attempt->task = row->task;
        attempt->state = (Jobd__JobState)row->state;
        attempt->attempt = row->attempt;
        attempt->has_start_wall_usec = row->start_wall_usec > 0;
        attempt->start_wall_usec = row->start_wall_usec;
        attempt->has_worker = row->attempt > 0;
        attempt->worker = row->worker;
        attempt->has_pid = row->pid > 0;
        attempt->pid = row->pid;
        attempt->has_slot = row->slot > 0;
        attempt->slot = row->slot;
        attempt->why = job_text(row->why);
        job_fill_end(attempt, row);
        if (row->end_wall_usec > 0)
                job_fill_usage(attempt, &to->usage, row);
}

/* Newer than the row: the task moves while its row waits for the disk. */
static void job_overlay_attempt(const struct job_page *page, const struct job *job,
                                Jobd__Attempt *attempt)
{
        struct engine_task_view view;

        if (!job ||
            !engine_view_task(page->stream->session->clients->engine, job, attempt->task, &view))
                return;
        attempt->state = (Jobd__JobState)view.state;
        if (!job_state_is_leased(view.state))
                return;
        attempt->attempt = view.attempt;
        attempt->has_pid = view.pid > 0;
        attempt->pid = view.pid;
        attempt->has_output_bytes = true;
        attempt->output_bytes = view.output_bytes;
}

static int job_fill_attempts(struct job_page *page, struct job_message *message,
                             const struct job *job, const struct journal_task *tasks, size_t count)
{
        if (count == 0)
                return 0;
        message->attempts = calloc(count, sizeof(*message->attempts));
        message->attempt_pointers = calloc(count, sizeof(*message->attempt_pointers));
        if (!message->attempts || !message->attempt_pointers)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++) {
                job_fill_attempt(&message->attempts[i], &tasks[i]);
                job_overlay_attempt(page, job, &message->attempts[i].attempt);
                message->attempt_pointers[i] = &message->attempts[i].attempt;
                page->bytes += JOB_ATTEMPT_BYTES;
        }
        message->job.attempts = message->attempt_pointers;
        message->job.n_attempts = count;
        return 0;
}

/* ---------------------------------------------------------------------------- Spec, environment */

static int job_fill_spec(struct job_page *page, struct job_message *message,
                         const struct journal_job *row)
{
        struct reason why;
        int r;

        if (!row->spec)
                return 0;
        r = wire_unpack_spec(row->spec->data, row->spec->size, &message->spec, &why);
        if (r < 0)
                return PASS(r);
        if (r)
                return 0; /* kept by a later release, perhaps: the rest is worth showing */
        page->bytes += row->spec->size;
        if (page->options.is_full) {
                message->job.spec = message->spec;
                return 0;
        }
        jobd__spec__init(&message->shown);
        message->shown.argv = message->spec->argv;
        message->shown.n_argv = message->spec->n_argv;
        message->shown.name = message->spec->name;
        message->shown.has_shell = message->spec->has_shell;
        message->shown.shell = message->spec->shell;
        message->shown.labels = message->spec->labels;
        message->shown.n_labels = message->spec->n_labels;
        message->job.spec = &message->shown;
        return 0;
}

static int job_fill_environment(struct job_page *page, struct job_message *message,
                                const struct journal_job *row)
{
        struct reason why;
        int r;

        if (!page->options.environment || !row->environment)
                return 0;
        r = wire_unpack_environment(row->environment->data, row->environment->size,
                                    &message->environment, &why);
        if (r < 0)
                return PASS(r);
        if (r)
                return 0;
        page->bytes += row->environment->size;
        message->job.environment = message->environment;
        return 0;
}

/* --------------------------------------------------------------------------------------- jobs */

/* The one message of a page under work; counted from here on. */
static struct job_message *job_page_begin(struct job_page *page, const struct selector_item *item,
                                          enum job_state state)
{
        struct job_message *message = &page->messages[page->count];

        jobd__job__init(&message->job);
        message->job.id = item->id;
        message->job.uid = item->row->uid;
        message->job.state = (Jobd__JobState)state;
        page->pointers[page->count++] = &message->job;
        return message;
}

static void job_fill_states(struct job_message *message, const struct engine_view *view,
                            const struct journal_job *row)
{
        Jobd__Job *job = &message->job;

        job->has_task_count = true;
        job->task_count = view ? view->task_count : row->task_count;
        job->has_open = job->open = row->input == JOURNAL_INPUT_OPEN && !row->finished;
        job->has_seen_task = row->seen_task > 0;
        job->seen_task = row->seen_task;
        if (!engine_row_is_many(row))
                return;
        if (view)
                memcpy(message->by_state, view->by_state, sizeof(message->by_state));
        else
                ends_count_row(row, message->by_state);
        job->tasks_by_state = message->by_state;
        job->n_tasks_by_state = JOB_STATE_COUNT;
}

/* NULL: the queue is gone. */
static char *job_find_queue(const struct engine *engine, const struct selector_item *item)
{
        return job_text(item->job ? engine_job_queue(item->job)
                                  : engine_queue_name(engine, item->row->queue));
}

static void job_fill_row(const struct engine *engine, struct job_message *message,
                         const struct selector_item *item, const struct engine_view *view)
{
        const struct journal_job *row = item->row;
        Jobd__Job *job = &message->job;
        const uint64_t begin = view ? view->begin_wall_usec : row->begin_wall_usec;
        const char *why = row->why;

        if (!why && !engine_row_is_many(row) && item->tasks_count > 0)
                why = item->tasks[0].why;
        job->why = job_text(why);
        job->queue = job_find_queue(engine, item);
        job->has_blockers = view && view->blockers;
        job->blockers = view ? view->blockers : 0;
        job->has_submit_wall_usec = true;
        job->submit_wall_usec = row->submit_wall_usec;
        job->has_begin_wall_usec = begin > 0;
        job->begin_wall_usec = begin;
        job->has_end_wall_usec = !view && row->end_wall_usec > 0;
        job->end_wall_usec = row->end_wall_usec;
        job_fill_states(message, view, row);
}

/* Jobs before it are counted up to here, for each of a page. */
#define JOB_WHY_COUNT_MAX 100U

/* Of a queued job, why it does not start; what others do is seen by their state. */
static void job_fill_why(struct job_page *page, struct job_message *message, const struct job *job)
{
        const struct engine *engine = page->stream->session->clients->engine;
        struct engine_why why;

        if (!job || message->job.state != JOBD__JOB_STATE__STATE_QUEUED)
                return;
        engine_why(engine, job, JOB_WHY_COUNT_MAX, &why);
        memcpy(message->why, why.text, sizeof(message->why));
        message->job.why = message->why;
        page->barrier = MAX(page->barrier, engine_sequence(engine)); /* it tells of others, too */
}

/* What it waits for of other jobs, in full; a list says only why it waits in vain. */
static int job_fill_dependencies(struct job_page *page, struct job_message *message,
                                 const struct job *job)
{
        struct engine_waited list[JOB_DEPENDENCIES_MAX];
        const size_t max = page->options.is_full ? JOB_DEPENDENCIES_MAX : 0;
        const size_t count = engine_view_dependencies(job, list, max);

        if (!message->job.why &&
            engine_describe_dependency(job, message->why, sizeof(message->why)))
                message->job.why = message->why;
        if (count == 0)
                return 0;
        message->dependencies = calloc(count, sizeof(*message->dependencies));
        message->dependency_pointers = calloc(count, sizeof(*message->dependency_pointers));
        if (!message->dependencies || !message->dependency_pointers)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++) {
                Jobd__Dependency *const to = &message->dependencies[i];

                jobd__dependency__init(to);
                to->kind = (Jobd__DependencyKind)list[i].kind;
                to->has_job = true;
                to->job = list[i].job;
                to->has_impossible = to->impossible = list[i].is_impossible;
                message->dependency_pointers[i] = to;
        }
        message->job.dependencies = message->dependency_pointers;
        message->job.n_dependencies = count;
        return 0;
}

/* The tasks that were asked for: the first, all, or a range of them. */
static void job_find_tasks(const struct job_page *page, const struct selector_item *item,
                           const struct journal_task **out_tasks, size_t *out_count)
{
        const struct journal_task *tasks = item->tasks;
        size_t count = item->tasks_count;

        while (item->has_range && count > 0 && tasks[0].task < item->task_first) {
                tasks++;
                count--;
        }
        while (item->has_range && count > 0 && tasks[count - 1].task > item->task_last)
                count--;
        *out_tasks = tasks;
        *out_count = page->options.is_full ? count : MIN(count, 1U);
}

int job_page_add(struct job_page *page, const struct selector_item *item)
{
        struct engine *engine = page->stream->session->clients->engine;
        struct engine_view view;
        struct job_message *message;
        const struct journal_task *tasks;
        size_t left, n;
        int r = 0;

        if (item->job) {
                engine_view_job(engine, item->job, &view);
                page->barrier = MAX(page->barrier, view.barrier);
        }
        job_find_tasks(page, item, &tasks, &left);
        n = MIN(left, JOB_ATTEMPTS_MAX);
        message = job_page_begin(page, item,
                                 item->job ? view.state : (enum job_state)item->row->state);
        if (!item->is_continued) {
                job_fill_row(engine, message, item, item->job ? &view : NULL);
                job_fill_why(page, message, item->job);
                r = job_fill_spec(page, message, item->row);
                if (!r && item->job)
                        r = job_fill_dependencies(page, message, item->job);
                if (!r)
                        r = job_fill_environment(page, message, item->row);
        }
        if (!r)
                r = job_fill_attempts(page, message, item->job, tasks, n);
        if (r)
                return PASS(r);
        if (left > n) {
                struct selector_item rest = *item;

                job_page_send(page, true);
                rest.is_continued = true;
                rest.has_range = false;
                rest.tasks = tasks + n;
                rest.tasks_count = left - n;
                return job_page_add(page, &rest);
        }
        return 0;
}

bool job_page_is_heavy(const struct job_page *page)
{
        return page->bytes >= JOB_PAGE_BYTES || page->count >= page->room;
}

size_t job_page_count(const struct job_page *page)
{
        return page->count;
}

/* -------------------------------------------------------------------------------------- the page
 */

int job_page_add_others(struct job_page *page)
{
        const struct session *session = page->stream->session;
        struct engine *engine = session->clients->engine;
        int64_t after = -1;
        uint32_t uid;
        size_t n = 0;

        page->others = calloc(JOB_OTHERS_MAX, sizeof(*page->others));
        page->other_pointers = calloc(JOB_OTHERS_MAX, sizeof(*page->other_pointers));
        if (!page->others || !page->other_pointers)
                return FAULT(-ENOMEM);
        while (n < JOB_OTHERS_MAX && engine_next_user(engine, after, &uid)) {
                after = uid;
                if (uid == session->peer.uid)
                        continue;
                jobd__user_count__init(&page->others[n]);
                page->others[n].uid = uid;
                engine_count_user(engine, uid, &page->others[n].queued, &page->others[n].running);
                page->other_pointers[n] = &page->others[n];
                n++;
        }
        page->body.others = page->other_pointers;
        page->body.n_others = n;
        /* The counts are of this moment. */
        page->barrier = MAX(page->barrier, engine_sequence(engine));
        return 0;
}

void job_page_set_next(struct job_page *page, uint64_t after_id, bool after_finished)
{
        page->body.has_more_jobs = page->body.more_jobs = true;
        page->body.has_next_after_id = true;
        page->body.next_after_id = after_id;
        page->body.has_next_after_finished = true;
        page->body.next_after_finished = after_finished;
}

void job_page_send(struct job_page *page, bool more)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;

        page->body.jobs = page->pointers;
        page->body.n_jobs = page->count;
        reply.has_more = reply.more = more;
        reply.body_case = JOBD__REPLY__BODY_JOB_PAGE;
        reply.job_page = &page->body;
        session_send_on(page->stream, &reply, page->barrier, -1);
        job_page_clear(page);
}
