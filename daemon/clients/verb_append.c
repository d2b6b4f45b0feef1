/* SPDX-License-Identifier: Apache-2.0 */
/*
 * append and close_input: the input of a map, chunk by chunk.
 *
 * A chunk usually enters at once and is answered when it is durable. It has to wait when the queue
 * is full, when the Submit that it belongs to (job 0) is still being looked up, and behind another
 * of the same job. All that have no answer stand in clients->appends in order of arrival. The first
 * of each connection and job tries again after each turn in which something happened, and the one
 * behind it when it leaves; the reader of the input is slowed down by the answers that do not come.
 *
 * A job that is not in memory has ended, or is not the caller's: its row tells which.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/verb.h"

struct append {
        struct stream stream;
        struct append_waiter waiter;
        uint64_t number;
        uint64_t count;              /* CLOSE: unused */
        struct journal_blob *values; /* owned; NULL: it is a close */
        char *cut;                   /* owned; CLOSE: why the input ends early, or NULL */
        bool is_close;
};

/* ----------------------------------------------------------------------------------- the answers
 */

/* It leaves the queue, and the one behind it is the first now. */
static void append_leave(struct append *append)
{
        struct append_waiter_list *list = &append->stream.session->clients->appends;
        struct append_waiter *next = TAILQ_NEXT(&append->waiter, entry);

        TAILQ_REMOVE(list, &append->waiter, entry);
        append->waiter.stream = NULL;
        for (; next; next = TAILQ_NEXT(next, entry))
                if (next->stream->session == append->stream.session &&
                    next->job == append->waiter.job) {
                        stream_wake(next->stream);
                        return;
                }
}

static int append_end(struct append *append)
{
        append_leave(append);
        stream_end(&append->stream);
        return 0;
}

static int append_refuse(struct append *append, int code, const struct reason *why)
{
        answer_stream_error(&append->stream, (Jobd__ErrorCode)code, 0, false, why->text);
        return append_end(append);
}

static int append_answer(struct append *append, uint64_t task_count)
{
        struct engine *engine = append->stream.session->clients->engine;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Appended appended = JOBD__APPENDED__INIT;
        Jobd__Done done = JOBD__DONE__INIT;

        if (append->is_close) {
                reply.body_case = JOBD__REPLY__BODY_DONE;
                reply.done = &done;
        } else {
                appended.number = append->number;
                appended.task_count = task_count;
                reply.body_case = JOBD__REPLY__BODY_APPENDED;
                reply.appended = &appended;
        }
        session_send_on(&append->stream, &reply, engine_sequence(engine), -1);
        return append_end(append);
}

/* ------------------------------------------------------------------------------------- waiting */

static void append_enter_queue(struct append *append, uint64_t job)
{
        const struct session *session = append->stream.session;

        append->waiter.job = job || session->submits_pending > 0 ? job : session->last_submitted;
        append->waiter.stream = &append->stream;
        TAILQ_INSERT_TAIL(&append->stream.session->clients->appends, &append->waiter, entry);
}

/* One before it in the same connection, for the same job, is not answered. */
static bool append_is_behind(const struct append *append)
{
        struct append_waiter *waiter;

        TAILQ_FOREACH (waiter, &append->stream.session->clients->appends, entry) {
                const struct append *other = (const struct append *)waiter->stream;

                if (other == append)
                        return false;
                if (other->stream.session == append->stream.session &&
                    waiter->job == append->waiter.job)
                        return true;
        }
        return false;
}

/* --------------------------------------------------------------------------------------- trying */

/* Nothing in memory: ended, foreign, or never there. append_on_page() goes on. */
static int append_ask_row(struct append *append)
{
        const struct session *session = append->stream.session;
        const struct journal_job_query query = {
                .ids = &append->waiter.job,
                .ids_count = 1,
                .any_uid = session->is_admin,
                .uid = session->peer.uid,
        };
        const int r = session_read_jobs(&append->stream, &query);

        return r ? PASS(r) : 0;
}

static int append_enter(struct append *append, struct job *job)
{
        struct engine *engine = append->stream.session->clients->engine;
        struct reason why = { "" };
        uint64_t task_count = 0;
        int r;

        if (append->is_close) {
                r = engine_close_input(engine, job, append->number, append->cut, &why);
        } else {
                const struct engine_chunk chunk = { .number = append->number,
                                                    .count = append->count,
                                                    .values = append->values };

                r = appender_enter(&append->stream.session->appender, engine, job);
                if (!r)
                        r = engine_append(engine, job, &chunk, &task_count, &why);
        }
        if (r < 0)
                return PASS(r);
        if (r == ENGINE_E_BUSY)
                return 0; /* it stays in the queue */
        return r ? append_refuse(append, answer_code_of(r), &why)
                 : append_answer(append, task_count);
}

static int append_run(struct stream *stream)
{
        struct append *append = (struct append *)stream;
        struct session *session = stream->session;
        struct job *job;
        struct reason why;

        if (stream->read)
                return 0;
        if (append->waiter.job == 0 && session->submits_pending > 0)
                return 0;
        if (append->waiter.job == 0)
                return append_refuse(append,
                                     reason_set(&why, JOBD__ERROR_CODE__ERROR_USAGE,
                                                "job 0 is that of this connection's last Submit, "
                                                "which made none"),
                                     &why);
        append->waiter.is_behind = append_is_behind(append);
        if (append->waiter.is_behind)
                return 0;
        job = engine_find(session->clients->engine, append->waiter.job);
        if (job && !session->is_admin && engine_job_uid(job) != session->peer.uid)
                job = NULL;
        if (!job)
                return append_ask_row(append);
        audit_job(session, append->is_close ? AUDIT_ACT_CLOSE_INPUT : AUDIT_ACT_APPEND,
                  engine_job_id(job), engine_job_uid(job));
        return append_enter(append, job);
}

static int append_on_page(struct stream *stream, const struct journal_page *page)
{
        struct append *append = (struct append *)stream;
        struct reason why;

        if (page->jobs_count == 0)
                return append_refuse(
                        append, answer_no_such_job(&why, append->waiter.job, append->waiter.job),
                        &why);
        if (!page->jobs[0].finished)
                return append_run(stream); /* queued again while it was read */
        if (append->is_close)
                return append_answer(append, 0);
        /* It was taken, and its answer got lost. */
        if (append->number < page->jobs[0].chunk_next)
                return append_answer(append, page->jobs[0].task_count);
        return append_refuse(
                append,
                answer_finished(&why, append->waiter.job, (enum job_state)page->jobs[0].state),
                &why);
}

static void append_deinit(struct stream *stream)
{
        struct append *append = (struct append *)stream;

        if (append->waiter.stream)
                TAILQ_REMOVE(&stream->session->clients->appends, &append->waiter, entry);
        journal_blob_unref(append->values);
        free(append->cut);
}

static const struct stream_type append_type = {
        .run = append_run,
        .on_page = append_on_page,
        .deinit = append_deinit,
};

/* --------------------------------------------------------------------------------------- verbs */

static int append_copy_values(struct append *append, const Jobd__Append *request)
{
        void *copy = malloc(request->values.len + 1);
        int r;

        if (!copy)
                return FAULT(-ENOMEM);
        memcpy(copy, request->values.len ? request->values.data : (const uint8_t *)"",
               request->values.len);
        r = journal_blob_new(copy, request->values.len, &append->values);
        return r ? PASS(r) : 0;
}

int verb_append(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        struct stream *stream;
        struct append *append;
        int r;

        (void)job;
        r = session_add_stream(from, &append_type, request->tag, sizeof(*append), &stream, why);
        if (r)
                return r;
        append = (struct append *)stream;
        append->number = request->append->number;
        append->count = request->append->count;
        r = append_copy_values(append, request->append);
        if (r)
                return PASS(r);
        append_enter_queue(append, request->append->job);
        session_run_stream(stream);
        return 0;
}

int verb_close_input(struct session *from, const Jobd__Request *request, struct job *job,
                     struct reason *why)
{
        const Jobd__CloseInput *body = request->close_input;
        struct stream *stream;
        struct append *append;
        int r;

        (void)job;
        r = session_add_stream(from, &append_type, request->tag, sizeof(*append), &stream, why);
        if (r)
                return r;
        append = (struct append *)stream;
        append->is_close = true;
        append->number = body->chunks;
        append->cut = body->cut ? strdup(body->cut) : NULL;
        if (body->cut && !append->cut)
                return FAULT(-ENOMEM);
        append_enter_queue(append, body->job);
        session_run_stream(stream);
        return 0;
}
