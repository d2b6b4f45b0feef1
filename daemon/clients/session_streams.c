/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lasts longer than its request: the streams of a session, their turns, their reads of the
 * journal, their watches, and the counts that keep one user from having all of these.
 *
 * The journal thread reads between commits, so a user who asks much would make everybody's commits
 * wait. At most STREAMS_WAITS_MAX questions of a user are under way at a time; a stream whose turn
 * comes beyond that waits in user->blocked. Whenever a question is answered or a stream has had its
 * turn, the first of those that wait gets one, so the places are never left empty.
 *
 * A stream is weighed by the request that made it, because its memory follows from that; one that
 * gathers more says so (session_add_weight()).
 */
#include <errno.h>
#include <inttypes.h>

#include "common/error.h"

#include "daemon/clients/session.h"

#define STREAMS_MAX 10000U
#define STREAMS_WAITS_MAX 8U /* of a user */
#define STREAMS_WATCHES_MAX 100000U
#define STREAMS_USER_WATCHES_MAX 200000U
#define STREAMS_PROMISES_MAX 1000U
#define STREAMS_WEIGHT_MAX ((size_t)32 * 1024 * 1024)
#define STREAMS_USER_WEIGHT_MAX ((uint64_t)128 * 1024 * 1024)
#define STREAMS_WEIGHT_MIN 1024U /* of a stream, */
#define STREAMS_WEIGHT_FACTOR 8U /* and for each byte of its request */

/* --------------------------------------------------------------------------------------- turns */

/* A place is free: the next of the user's blocked streams has its turn. */
static void session_offer_turn(struct client_user *user)
{
        struct stream *stream = TAILQ_FIRST(&user->blocked);

        if (stream && user->waits_count < STREAMS_WAITS_MAX)
                stream_wake(stream);
}

void session_run_stream(struct stream *stream)
{
        struct session *session = stream->session;
        struct client_user *user = session->user;
        struct engine *const engine = session->clients->engine;
        uint32_t before_uid;
        int r;

        if (user->waits_count >= STREAMS_WAITS_MAX) {
                stream_wait_in(stream, &user->blocked);
                return;
        }
        before_uid = engine_set_actor(engine, session->peer.uid);
        r = stream->type->run(stream);
        (void)engine_set_actor(engine, before_uid);
        if (r)
                session_fail(session, PASS(r));
        session_offer_turn(user);
}

static void session_on_stream_end(struct stream *stream)
{
        struct client_user *user = stream->session->user;

        stream->set->weight_bytes -= stream->weight_bytes;
        user->weight_bytes -= stream->weight_bytes;
        stream->set->waits_count -= stream->waits_count;
        user->waits_count -= stream->waits_count;
        stream->waits_count = 0;
        session_end_lending(stream);
        session_offer_turn(user);
}

static void session_on_stream_fault(struct stream *stream, int r)
{
        session_fail(stream->session, r);
}

const struct stream_hub_ops session_hub_ops = {
        .run = session_run_stream,
        .on_end = session_on_stream_end,
        .on_fault = session_on_stream_fault,
};

/* --------------------------------------------------------------------------------- new streams */

static int session_judge_stream(const struct session *session, uint64_t tag, size_t weight,
                                struct reason *why)
{
        const struct stream_set *set = &session->streams;
        const struct client_user *user = session->user;

        if (stream_set_find(set, tag))
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "tag %" PRIu64 " is in use by a request under way", tag);
        if (stream_set_count(set) >= STREAMS_MAX)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_BUSY,
                                  "a connection can have %u requests under way: wait for some",
                                  STREAMS_MAX);
        if ((set->weight_bytes > 0 && set->weight_bytes + weight > STREAMS_WEIGHT_MAX) ||
            (user->weight_bytes > 0 && user->weight_bytes + weight > STREAMS_USER_WEIGHT_MAX))
                return reason_set(why, JOBD__ERROR_CODE__ERROR_BUSY,
                                  "too many long requests are under way: wait for some");
        return 0;
}

int session_add_stream(struct session *session, const struct stream_type *type, uint64_t tag,
                       size_t size, struct stream **out_stream, struct reason *why)
{
        const size_t weight = STREAMS_WEIGHT_MIN + STREAMS_WEIGHT_FACTOR * session->request_bytes;
        int r;

        r = session_judge_stream(session, tag, weight, why);
        if (r)
                return r;
        r = stream_new(&session->clients->hub, &session->streams, session, type, tag, size,
                       out_stream);
        if (r)
                return PASS(r);
        (*out_stream)->weight_bytes = weight;
        session->streams.weight_bytes += weight;
        session->user->weight_bytes += weight;
        return 0;
}

int session_add_weight(struct stream *stream, size_t bytes, struct reason *why)
{
        struct client_user *user = stream->session->user;

        if (user->weight_bytes + bytes > STREAMS_USER_WEIGHT_MAX)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_BUSY,
                                  "too many long requests are under way: wait for some");
        stream->weight_bytes += bytes;
        stream->set->weight_bytes += bytes;
        user->weight_bytes += bytes;
        return 0;
}

void session_send_on(struct stream *stream, Jobd__Reply *reply, uint64_t barrier, int pass_fd)
{
        if (stream_is_ended(stream)) {
                fd_close(pass_fd);
                return;
        }
        stream->barrier = MAX(stream->barrier, barrier);
        session_send(stream->session, stream->tag, reply, stream->barrier, pass_fd);
}

/* ------------------------------------------------------------------------------------- watches */

bool session_take_watch(struct session *session)
{
        if (session->watches_count >= STREAMS_WATCHES_MAX ||
            session->user->watches_count >= STREAMS_USER_WATCHES_MAX)
                return false;
        session->watches_count++;
        session->user->watches_count++;
        return true;
}

void session_give_watch(struct session *session)
{
        session->watches_count--;
        session->user->watches_count--;
}

/* ------------------------------------------------------------------------------------- promises */

int session_promise_stdin(struct session *session, uint64_t job)
{
        uint64_t *promises;

        if (session->promises_count >= STREAMS_PROMISES_MAX)
                return 0;
        if (session->promises_count == session->promises_room) {
                const size_t room = MAX(2 * session->promises_room, 4U);

                promises = reallocarray(session->promises, room, sizeof(*promises));
                if (!promises)
                        return FAULT(-ENOMEM);
                session->promises = promises;
                session->promises_room = room;
        }
        session->promises[session->promises_count++] = job;
        return 0;
}

void session_keep_promise(struct session *session, uint64_t job)
{
        for (size_t i = 0; i < session->promises_count; i++)
                if (session->promises[i] == job) {
                        session->promises[i] = session->promises[--session->promises_count];
                        return;
                }
}

/* ------------------------------------------------------------------------ asking the journal */

void session_begin_wait(struct stream *stream)
{
        stream->waits_count++;
        stream->set->waits_count++;
        stream->session->user->waits_count++;
        session_update_reading(stream->session);
}

void session_end_wait(struct stream *stream)
{
        struct client_user *user = stream->session->user;

        if (stream->waits_count == 0)
                return; /* given back when the stream ended */
        stream->waits_count--;
        stream->set->waits_count--;
        user->waits_count--;
        session_update_reading(stream->session);
        session_offer_turn(user);
}

static void session_on_page(void *arg, const struct journal_page *page)
{
        struct stream *stream = arg;
        struct engine *const engine = stream->session->clients->engine;
        uint32_t before_uid;
        int r;

        stream->read = NULL;
        session_end_wait(stream);
        before_uid = engine_set_actor(engine, stream->session->peer.uid);
        r = page->fault ? page->fault : stream->type->on_page(stream, page);
        (void)engine_set_actor(engine, before_uid);
        if (r)
                session_fail(stream->session, PASS(r));
}

/* Common end of all: the read is under way. */
static int session_begin_read(struct stream *stream, int r)
{
        if (r)
                return PASS(r);
        session_begin_wait(stream);
        return 0;
}

int session_read_jobs(struct stream *stream, const struct journal_job_query *query)
{
        struct journal *journal = engine_journal(stream->session->clients->engine);

        if (!journal)
                return FAULT(-EIO);
        return session_begin_read(
                stream, journal_read_jobs(journal, query, session_on_page, stream, &stream->read));
}

int session_read_task(struct stream *stream, uint64_t job, uint64_t task, bool want_output)
{
        struct journal *journal = engine_journal(stream->session->clients->engine);

        if (!journal)
                return FAULT(-EIO);
        return session_begin_read(stream,
                                  journal_read_task(journal, job, task, want_output,
                                                    session_on_page, stream, &stream->read));
}

int session_read_results(struct stream *stream, const struct journal_results_query *query)
{
        struct journal *journal = engine_journal(stream->session->clients->engine);

        if (!journal)
                return FAULT(-EIO);
        return session_begin_read(stream, journal_read_results(journal, query, session_on_page,
                                                               stream, &stream->read));
}

int session_read_input(struct stream *stream, uint64_t job, uint64_t task)
{
        const struct session *session = stream->session;
        struct journal *journal = engine_journal(session->clients->engine);

        if (!journal)
                return FAULT(-EIO);
        return session_begin_read(
                stream, journal_read_input(journal, job, session->is_admin, session->peer.uid, task,
                                           session_on_page, stream, &stream->read));
}

int session_read_events(struct stream *stream, const struct journal_event_query *query)
{
        struct journal *journal = engine_journal(stream->session->clients->engine);

        if (!journal)
                return FAULT(-EIO);
        return session_begin_read(stream, journal_read_events(journal, query, session_on_page,
                                                              stream, &stream->read));
}

int session_read_totals(struct stream *stream, const struct journal_totals_query *query)
{
        struct journal *journal = engine_journal(stream->session->clients->engine);

        if (!journal)
                return FAULT(-EIO);
        return session_begin_read(stream, journal_read_totals(journal, query, session_on_page,
                                                              stream, &stream->read));
}
