/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's connection, from accept to burial.
 *
 *    GREETING --Hello--> OPEN --(error that ends it)--> CLOSING --> DEAD --BURY--> freed
 *
 * Who the client is was read from the socket at accept and never changes. The first frame must be
 * Hello. Every other request goes to clients->dispatch(), whose replies come back through
 * session_send(), each with the journal sequence that it may not precede.
 *
 * What a client can make us keep is bounded: one frame of 256 KiB before Hello and 4 MiB after,
 * which must be complete 30 s after its first byte; requests are not read any more while replies
 * of half the limit are unread or too many reads of the journal are under way; what lasts longer
 * than its request is counted in session_streams.c.
 *
 * A session never dies in the middle of anything: session_close() ends its streams and moves it to
 * clients->dying, and clients_bury() frees it. Bytes that are no request cost the request, bytes
 * that are no frame cost the connection; neither costs more.
 */
#include "daemon/clients/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/version.h"

#include "proto/frame.h"

#include "daemon/clients/logbook.h"
#include "daemon/clients/orphan.h"

#define SESSION_HELLO_USEC (5 * USEC_PER_SEC)
#define SESSION_FRAME_USEC (30 * USEC_PER_SEC)
#define SESSION_LEAVE_USEC (5 * USEC_PER_SEC)
#define SESSION_WAITS_MAX 8U

static void session_on_frame(void *arg, const uint8_t *body, size_t size, int passed_fd);
static void session_on_end(void *arg, enum channel_end end);
static void session_on_drained(void *arg);
static void session_on_partial(void *arg, size_t waiting_bytes);
static void session_on_timer(void *arg);

static const struct channel_ops session_channel_ops = {
        .on_frame = session_on_frame,
        .on_end = session_on_end,
        .on_drained = session_on_drained,
        .on_partial = session_on_partial,
};

/* ---------------------------------------------------------------------------------- life time */

static int session_open_channel(struct session *session, int fd)
{
        /* The limit pushes back long before (session_update_reading); one reply may go over it. */
        const struct channel_options options = {
                .frame_max_bytes = FRAME_MAX_BEFORE_HELLO,
                .out_max_bytes = session->clients->options.reply_bytes_max + FRAME_MAX,
        };
        int r;

        r = channel_new(session->clients->loop, fd, &options, &session_channel_ops, session,
                        &session->channel);
        if (r)
                return PASS(r);
        r = loop_timer_new(session->clients->loop, session_on_timer, session, &session->timer);
        if (r)
                return PASS(r);
        return loop_timer_start(session->timer, SESSION_HELLO_USEC);
}

/* The kernel has told the groups as they were when the peer connected. */
static bool session_is_in_group(const struct usocket_peer *peer, gid_t gid)
{
        if (peer->gid == gid)
                return true;
        for (size_t i = 0; i < peer->groups_count; i++)
                if (peer->groups[i] == gid)
                        return true;
        return false;
}

void session_update_role(struct session *session)
{
        const struct clients_options *options = &session->clients->options;
        const struct usocket_peer *peer = &session->peer;

        session->is_admin = peer->uid == options->own_uid;
        if (options->system_mode && !session->is_admin)
                session->is_admin =
                        peer->uid == 0 || (options->admin_gid != (gid_t)-1 &&
                                           session_is_in_group(peer, options->admin_gid));
}

int session_new(struct clients *clients, int fd, struct usocket_peer *peer,
                struct session **out_session)
{
        struct session *session = calloc(1, sizeof(*session));
        int r;

        if (!session) {
                fd_close(fd);
                usocket_peer_deinit(peer);
                return FAULT(-ENOMEM);
        }
        session->clients = clients;
        session->peer = *peer;
        stream_set_init(&session->streams);
        *peer = (struct usocket_peer){ 0 };
        session_update_role(session);
        TAILQ_INSERT_TAIL(&clients->sessions, session, entry);
        clients->sessions_count++;
        clients->tally.connections++;
        r = session_open_channel(session, fd);
        if (!r)
                r = users_enter(clients, session->peer.uid, &session->user);
        if (r) {
                TAILQ_REMOVE(&clients->sessions, session, entry);
                clients->sessions_count--;
                session_free(session);
                return PASS(r);
        }
        *out_session = session;
        return 0;
}

struct session *session_free(struct session *session)
{
        if (!session)
                return NULL;
        if (session->is_busy)
                TAILQ_REMOVE(&session->clients->busy, session, busy_entry);
        if (session->user)
                users_leave(session->clients, session->user);
        loop_timer_free(session->timer);
        channel_free(session->channel);
        usocket_peer_deinit(&session->peer);
        appender_leave_all(&session->appender, session->clients->engine);
        free(session->promises);
        free(session);
        return NULL;
}

static void session_end_streams(struct session *session, bool is_gone)
{
        struct stream *stream, *next;

        HASH_ITER (hh, session->streams.by_tag, stream, next) {
                if (is_gone && stream->type->on_leave)
                        stream->type->on_leave(stream);
                stream_end(stream);
        }
}

/* Jobs that it would have fed do not wait for it. */
static void session_break_promises(struct session *session)
{
        for (size_t i = 0; i < session->promises_count; i++)
                if (orphan_add(session->clients, session->promises[i], 0, true))
                        log_debug("the input of a task cannot be ended for its client");
}

void session_close(struct session *session, bool is_gone)
{
        struct clients *clients = session->clients;

        if (session->state == SESSION_DEAD)
                return;
        session->state = SESSION_DEAD;
        TAILQ_REMOVE(&clients->sessions, session, entry);
        TAILQ_INSERT_TAIL(&clients->dying, session, entry);
        clients->sessions_count--;
        for (int kind = 0; kind < CLIENT_BYTES_COUNT; kind++)
                users_count_bytes(clients, session->user, (enum client_bytes)kind,
                                  &session->bytes[kind], 0);
        loop_timer_stop(session->timer);
        channel_set_reading(session->channel, false);
        session_end_streams(session, is_gone);
        if (is_gone)
                session_break_promises(session);
        loop_wake(clients->loop);
}

void session_finish(struct session *session)
{
        if (session_is_over(session))
                return;
        session->state = SESSION_CLOSING;
        channel_set_reading(session->channel, false);
        session_end_streams(session, true);
        if (loop_timer_start(session->timer, SESSION_LEAVE_USEC) < 0)
                session_close(session, true);
}

#define session_log(session, what, ...)                                                            \
        logbook_write((session)->clients->logbook,                                                 \
                      &(const struct logbook_line){ .kind = (what),                                \
                                                    .uid = (session)->peer.uid,                    \
                                                    .pid = (session)->peer.pid },                  \
                      __VA_ARGS__)

void session_fail(struct session *session, int r)
{
        if (session->state == SESSION_DEAD)
                return;
        session_log(session, LOGBOOK_FAULT, "loses its connection after an internal error: %s",
                    strerrordesc_np(-r));
        session_close(session, true);
}

/* Hello, the rest of a frame, or the reading of the last reply took too long. */
static void session_on_timer(void *arg)
{
        struct session *session = arg;

        session_log(session, LOGBOOK_LIMIT, "was too slow and lost its connection: %s",
                    session->state == SESSION_GREETING  ? "no Hello in 5 s"
                    : session->state == SESSION_CLOSING ? "its last reply was not read in 5 s"
                                                        : "a frame took more than 30 s");
        session_close(session, true);
}

/* ----------------------------------------------------------------------------------- push back */

static uint64_t session_read_limit(const struct session *session)
{
        return session->clients->options.reply_bytes_max / 2;
}

void session_update_reading(struct session *session)
{
        const bool on = !session_is_over(session) &&
                        session->streams.waits_count < SESSION_WAITS_MAX &&
                        channel_pending_bytes(session->channel) <= session_read_limit(session);

        channel_set_reading(session->channel, on);
        /* A frame that we do not read cannot be late; reading on starts its clock again. */
        if (!on && session->state == SESSION_OPEN)
                loop_timer_stop(session->timer);
}

/* Somebody holds too much of the machine's memory: his fattest connection goes. */
static void session_shed(struct clients *clients, enum client_bytes kind)
{
        const struct client_user *user = users_find_greediest(clients, kind);
        struct session *session, *fattest = NULL;

        TAILQ_FOREACH (session, &clients->sessions, entry)
                if (session->user == user &&
                    (!fattest || session->bytes[kind] > fattest->bytes[kind]))
                        fattest = session;
        if (!fattest)
                return;
        session_log(fattest, LOGBOOK_LIMIT,
                    "loses a connection: all together hold too many unfinished %s",
                    kind == CLIENT_FRAMES ? "requests" : "replies");
        session_close(fattest, true);
}

static void session_count_bytes(struct session *session, enum client_bytes kind, size_t bytes)
{
        if (session->bytes[kind] == bytes)
                return;
        users_count_bytes(session->clients, session->user, kind, &session->bytes[kind], bytes);
        if (users_is_over(session->clients, kind))
                session_shed(session->clients, kind);
}

bool session_is_slow(const struct session *session, size_t bytes)
{
        return channel_pending_bytes(session->channel) > bytes;
}

/* ---------------------------------------------------------------------------------- frames out */

void session_send(struct session *session, uint64_t tag, Jobd__Reply *reply, uint64_t barrier,
                  int pass_fd)
{
        int r;

        if (session_is_over(session)) {
                fd_close(pass_fd);
                return;
        }
        reply->tag = tag;
        r = channel_send(session->channel, &reply->base, barrier, pass_fd);
        if (r < 0) {
                session_fail(session, PASS(r));
                return;
        }
        if (r == CHANNEL_E_FULL) {
                session_log(session, LOGBOOK_LIMIT,
                            "does not read its replies and lost its connection");
                session_close(session, true);
                return;
        }
        if (!session->is_busy) {
                session->is_busy = true;
                TAILQ_INSERT_TAIL(&session->clients->busy, session, busy_entry);
        }
        session_update_reading(session);
}

void session_count_refusal(struct session *session, Jobd__ErrorCode code)
{
        const size_t i = (size_t)code;

        session->clients->tally.refused[i < CLIENTS_ERRORS_MAX ? i : 0]++;
}

void session_send_error(struct session *session, uint64_t tag, Jobd__ErrorCode code,
                        uint64_t barrier, const char *fmt, ...)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Error error = JOBD__ERROR__INIT;
        struct reason why;
        va_list args;

        va_start(args, fmt);
        vsnprintf(why.text, sizeof(why.text), fmt, args);
        va_end(args);
        session_count_refusal(session, code);
        error.code = code;
        error.message = why.text;
        reply.body_case = JOBD__REPLY__BODY_ERROR;
        reply.error = &error;
        session_send(session, tag, &reply, barrier, -1);
}

/* After bytes left: what was waiting for that? */
static void session_look_at_pending(struct session *session)
{
        const size_t pending = channel_pending_bytes(session->channel);

        if (session->state == SESSION_DEAD)
                return;
        session_count_bytes(session, CLIENT_REPLIES, pending);
        if (session->state == SESSION_CLOSING && pending == 0)
                session_close(session, true);
        if (session_is_over(session))
                return;
        if (pending <= SESSION_DRAINED_BYTES)
                stream_list_wake(&session->streams.stuck);
        session_update_reading(session);
}

void session_flush(struct session *session, uint64_t durable)
{
        channel_release(session->channel, durable);
        channel_flush(session->channel);
        if (!channel_is_held(session->channel)) {
                session->is_busy = false;
                TAILQ_REMOVE(&session->clients->busy, session, busy_entry);
        }
        session_look_at_pending(session);
}

static void session_on_drained(void *arg)
{
        session_look_at_pending(arg);
}

/* ----------------------------------------------------------------------------------- frames in */

static void session_greet(struct session *session, uint64_t tag, const Jobd__Hello *hello)
{
        const struct clients_options *options = &session->clients->options;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__HelloOk ok = JOBD__HELLO_OK__INIT;
        uint8_t instance[sizeof(options->instance)];
        char build[VERSION_BYTES];

        if (hello->version_min > WIRE_VERSION || hello->version_max < WIRE_VERSION) {
                session_send_error(
                        session, tag, JOBD__ERROR_CODE__ERROR_VERSION, 0,
                        "this daemon (jobd %s) speaks version %u of the protocol and you "
                        "speak %u to %u: use the jobctl that belongs to it",
                        version_text, WIRE_VERSION, hello->version_min, hello->version_max);
                session_finish(session);
                return;
        }
        loop_timer_stop(session->timer);
        session->state = SESSION_OPEN;
        session->inside_job = hello->inside_job;
        session->inside_task = hello->inside_task;
        channel_set_frame_max(session->channel, FRAME_MAX);
        memcpy(instance, options->instance, sizeof(instance));
        ok.version = WIRE_VERSION;
        snprintf(build, sizeof(build), "%s", version_text);
        ok.build = build;
        ok.instance.data = instance;
        ok.instance.len = sizeof(instance);
        ok.frame_max_bytes = FRAME_MAX;
        ok.system_mode = options->system_mode;
        ok.your_uid = session->peer.uid;
        reply.body_case = JOBD__REPLY__BODY_HELLO_OK;
        reply.hello_ok = &ok;
        session_send(session, tag, &reply, 0, -1);
}

/* A whole frame whose bytes are no request of ours. */
static void session_refuse_frame(struct session *session, const uint8_t *body, size_t size,
                                 const struct reason *why)
{
        session->clients->tally.bad_frames++;
        session_log(session, LOGBOOK_BAD, "sent bytes that are no request: %s", why->text);
        session_send_error(session, wire_peek_tag(body, size), JOBD__ERROR_CODE__ERROR_USAGE, 0,
                           "%s", why->text);
        if (session->state == SESSION_GREETING)
                session_finish(session);
}

static void session_serve(struct session *session, const Jobd__Request *request, size_t size)
{
        int r;

        if (session->state == SESSION_GREETING) {
                if (request->body_case == JOBD__REQUEST__BODY_HELLO) {
                        session_greet(session, request->tag, request->hello);
                        return;
                }
                session_log(session, LOGBOOK_BAD, "did not begin with Hello");
                session_send_error(session, request->tag, JOBD__ERROR_CODE__ERROR_USAGE, 0,
                                   "the first request of a connection must be Hello");
                session_finish(session);
                return;
        }
        session->request_bytes = size;
        r = session->clients->dispatch(session, request);
        if (r)
                session_fail(session, PASS(r));
}

static void session_on_frame(void *arg, const uint8_t *body, size_t size, int passed_fd)
{
        _cleanup_(wire_free_requestp) Jobd__Request *request = NULL;
        struct session *session = arg;
        struct reason why = { "" };
        int r;

        fd_close(passed_fd);
        if (session_is_over(session))
                return;
        if (session->state == SESSION_OPEN)
                loop_timer_stop(session->timer);
        r = wire_unpack_request(body, size, &request, &why);
        if (r < 0)
                session_fail(session, PASS(r));
        else if (r)
                session_refuse_frame(session, body, size, &why);
        else
                session_serve(session, request, size);
}

/* The clock of a frame runs from its first byte to its last, however it trickles in. */
static void session_on_partial(void *arg, size_t waiting_bytes)
{
        struct session *session = arg;

        if (session_is_over(session))
                return;
        session_count_bytes(session, CLIENT_FRAMES, waiting_bytes);
        if (session->state != SESSION_OPEN)
                return;
        if (waiting_bytes == 0)
                loop_timer_stop(session->timer);
        else if (!loop_timer_is_on(session->timer) &&
                 loop_timer_start(session->timer, SESSION_FRAME_USEC) < 0)
                session_fail(session, FAULT(-ENOMEM));
}

static void session_on_end(void *arg, enum channel_end end)
{
        struct session *session = arg;

        session->clients->tally.bad_frames += end == CHANNEL_END_BAD;
        if (end == CHANNEL_END_BAD)
                session_log(session, LOGBOOK_BAD, "sent a frame of no or too great length");
        session_close(session, true);
}
