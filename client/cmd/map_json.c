/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What map and attach print with --json, one object a line, all of it on stdout:
 *
 *     {"job":17,"task":3,"stream":"stdout","time":...,"text":...}   a piece of output
 *     {"job":17,"task":3,"sequence":4,"values":[...],"state":...}   the end of a task
 *     {"id":17,"state":...,"tasks_failed":...}                      at last, the end of the job
 *
 * The first is what logs --json prints, the last what wait --json prints. Output that came along
 * with its task's end, and is small therefore, stands in the end's object as "stdout" and "stderr".
 * Larger output comes before it in pieces as they are read, and --line-buffer makes every line a
 * piece of its own, so that nothing is kept here but a line. A remark of jobd's about the output
 * (a "mark") is always a piece. With --results the files' folder stands there instead. --tag puts
 * the values into each piece, too.
 *
 * Objects go through map_session_output like any output, and so wait for slow readers as that does.
 * Used by map_session.c and map_session_tasks.c.
 */
#include <string.h>

#include "client/cmd/emit_object.h"
#include "client/cmd/map_files.h"
#include "client/cmd/map_resume.h"
#include "client/cmd/map_session_private.h"

#define MAP_JSON_LINE_MAX (1024U * 1024)

static void json_no_memory(struct map_session *session)
{
        map_session_say(session, "out of memory");
        map_session_break(session);
}

/* Takes the object over; NULL: there was no memory for it. */
static void json_put(struct map_session *session, struct json_t *object)
{
        _cleanup_(freep) char *line = NULL;
        size_t size = 0;

        line = object ? emit_object_render(object, &size) : NULL;
        if (!line)
                json_no_memory(session);
        else
                map_session_on_output(session,
                                      map_output_put(session->output, JOBCTL_STDOUT, line, size));
}

static void json_set_values(const struct map_task *task, struct json_t *object)
{
        const struct map_session *const session = task->session;
        size_t count;

        if (!task->values)
                return;
        count = template_split(task->values, task->values_bytes, session->words,
                               session->words_max);
        emit_object_set_words(object, "values", session->words, count);
}

/* ------------------------------------------------------------------------------------- output */

static void json_put_piece(const struct map_task *task, enum jobctl_output which,
                           uint64_t wall_usec, const char *data, size_t size)
{
        const struct emit_log record = { .job = task->session->job,
                                         .task = task->number,
                                         .which = which,
                                         .wall_usec = wall_usec,
                                         .data = data,
                                         .size = size };
        struct json_t *const object = emit_object_from_log(&record);

        if (object && task->session->options->tag)
                json_set_values(task, object);
        json_put(task->session, object);
}

/* What was kept of a line, when there is something. */
static void json_put_line(struct map_task *task, unsigned int i)
{
        struct map_line *const line = &task->lines[i];

        if (line->bytes > 0)
                json_put_piece(task, i == 0 ? JOBCTL_STDOUT : JOBCTL_STDERR,
                               task->line_wall_usec[i], line->data, line->bytes);
        line->bytes = 0;
}

/* Each line a piece, with the time of its last bytes. */
static void json_put_lines(struct map_task *task, enum jobctl_output which, const char *data,
                           size_t size)
{
        const unsigned int i = which == JOBCTL_STDERR;

        while (size > 0 && !task->session->leaving) {
                const char *const end = memchr(data, '\n', size);
                const size_t n = MIN(end ? (size_t)(end - data) + 1 : size, MAP_JSON_LINE_MAX);

                if (!map_line_put(&task->lines[i], data, n)) {
                        json_no_memory(task->session);
                        return;
                }
                data += n;
                size -= n;
                if (data[-1] == '\n' || task->lines[i].bytes >= MAP_JSON_LINE_MAX)
                        json_put_line(task, i);
        }
}

void map_json_on_data(struct map_task *task, enum jobctl_output which, uint64_t wall_usec,
                      const void *data, size_t size)
{
        const unsigned int i = which == JOBCTL_STDERR;

        task->line_wall_usec[i] = wall_usec;
        if (which == JOBCTL_MARK)
                json_put_piece(task, which, wall_usec, data, size);
        else if (task->session->options->live)
                json_put_lines(task, which, data, size);
        else if (task->stream)
                json_put_piece(task, which, wall_usec, data, size);
        else if (!map_line_put(&task->lines[i], data, size))
                json_no_memory(task->session);
}

void map_json_end_output(struct map_task *task)
{
        for (unsigned int i = 0; i < 2 && task->session->options->live; i++)
                json_put_line(task, i);
}

/* -------------------------------------------------------------------------------------- ends */

void map_json_note_end(struct map_task *task, const struct jobctl_item *item)
{
        emit_object_free(task->end.json);
        task->end.json = emit_object_new();
        if (!task->end.json) {
                json_no_memory(task->session);
                return;
        }
        emit_object_set_number(task->end.json, "job", task->session->job);
        emit_object_set_item(task->end.json, item, &emit_task);
}

void map_json_put_end(struct map_task *task)
{
        static const char *const names[] = { "stdout", "stderr" };
        struct map_session *const session = task->session;
        const struct map_session_options *const options = session->options;
        struct json_t *const object = TAKE_PTR(task->end.json);

        if (!object)
                return; /* told */
        if (options->plan)
                emit_object_set_number(object, "sequence",
                                       map_resume_sequence(options->resume, task->number));
        json_set_values(task, object);
        if (task->files)
                emit_object_set_text(object, "results", map_files_path(task->files),
                                     strlen(map_files_path(task->files)));
        for (unsigned int i = 0; i < 2 && !task->files && !task->stream && !options->live; i++)
                emit_object_set_text(object, names[i],
                                     task->lines[i].data ? task->lines[i].data : "",
                                     task->lines[i].bytes);
        json_put(session, object);
}

void map_json_note_job(struct map_session *session, const struct jobctl_item *ended)
{
        session->job_json = emit_object_free(session->job_json);
        if (!ended)
                return; /* it is not known how it ended */
        session->job_json = emit_object_new();
        if (session->job_json)
                emit_object_set_item(session->job_json, ended, &emit_ended);
        else
                json_no_memory(session);
}

void map_json_put_job(struct map_session *session)
{
        if (session->job_json && !session->leaving && !session->shown &&
            TAILQ_EMPTY(&session->live))
                json_put(session, TAKE_PTR(session->job_json));
}
