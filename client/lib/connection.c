/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection's life, and which call a reply belongs to.
 *
 *            conn_start_call()           socket             HELLO answered
 *      DOWN ------------------> DIALING --------> GREETING ---------------> UP
 *       ^    every call failed   |  ^                 |                      |
 *       '------------------------'  '-----------------'------- it broke -----'
 *
 * Every request is a `struct call` with a tag that stays the same for its whole life. When the
 * socket breaks, calls that may be asked again are sent once more after the next HELLO - streams
 * with their offset, submissions with their key; the others fail with JOBCTL_E_LOST. A daemon that
 * was never reached is not waited for, one that was is dialled for the patience
 * (connection_dial.c).
 *
 * One epoll descriptor holds the socket and a timer, so that a program polls a single number that
 * never changes. jobctl_process() is one turn: dial or read, hand out replies, let streams work,
 * write, free what died. Nothing is freed within a turn, so a callback may end any stream.
 */
#include "client/lib/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "common/clock.h"

#include "client/lib/connection_dial.h"

#define CONN_READS_PER_TURN 8

bool conn_may_send(const struct jobctl *conn)
{
        return conn->state == CONN_UP || conn->sends_early;
}

bool conn_is_reading(const struct jobctl *conn)
{
        return conn->stuffed_count == 0 || conn->awaiting_count > 0;
}

static void conn_watch_link(struct jobctl *conn)
{
        const uint32_t want = (conn_is_reading(conn) ? (uint32_t)EPOLLIN : 0) |
                              (link_pending_bytes(conn->link) > 0 ? (uint32_t)EPOLLOUT : 0);
        struct epoll_event event = { .events = want };

        if (conn->link_is_watched && conn->link_events == want)
                return;
        if (epoll_ctl(conn->epoll_fd, conn->link_is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                      link_fd(conn->link), &event) < 0)
                return;
        conn->link_is_watched = true;
        conn->link_events = want;
}

/* The timer fires at `at_usec` (monotonic; USEC_NONE: never). */
static void conn_set_timer(struct jobctl *conn, uint64_t at_usec)
{
        struct itimerspec when = { 0 };

        if (conn->timer_at_usec == at_usec)
                return;
        conn->timer_at_usec = at_usec;
        if (at_usec != USEC_NONE) {
                when.it_value.tv_sec = (time_t)(at_usec / USEC_PER_SEC);
                when.it_value.tv_nsec = (long)(at_usec % USEC_PER_SEC * 1000);
                if (at_usec == 0)
                        when.it_value.tv_nsec = 1;
        }
        (void)timerfd_settime(conn->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void conn_wake(struct jobctl *conn)
{
        conn->woken = true;
        conn_set_timer(conn, 0);
}

/* -------------------------------------------------------------------------------------- calls */

void call_finish(struct call *call)
{
        struct jobctl *const conn = call->conn;

        if (!call->active)
                return;
        if (conn->cursor == call)
                conn->cursor = TAILQ_NEXT(call, entry);
        TAILQ_REMOVE(&conn->calls, call, entry);
        TAILQ_INSERT_TAIL(&conn->idle, call, entry);
        call->active = false;
}

/* Walks the active calls while callbacks end any of them: conn->cursor is the one to come. */
static struct call *conn_first_call(struct jobctl *conn)
{
        struct call *const call = TAILQ_FIRST(&conn->calls);

        conn->cursor = call ? TAILQ_NEXT(call, entry) : NULL;
        return call;
}

static struct call *conn_next_call(struct jobctl *conn)
{
        struct call *const call = conn->cursor;

        if (call)
                conn->cursor = TAILQ_NEXT(call, entry);
        return call;
}

static void conn_reap(struct jobctl *conn)
{
        struct call *call;

        while ((call = TAILQ_FIRST(&conn->dead))) {
                TAILQ_REMOVE(&conn->dead, call, entry);
                call->ops->free(call);
        }
}

void call_free(struct call *call)
{
        struct jobctl *const conn = call->conn;

        if (call->dead)
                return;
        call_finish(call);
        TAILQ_REMOVE(&conn->idle, call, entry);
        TAILQ_INSERT_TAIL(&conn->dead, call, entry);
        call->dead = true;
        if (conn->depth == 0)
                conn_reap(conn);
}

int call_send(struct call *call, Jobd__Request *request)
{
        int r;

        request->tag = call->tag;
        if (!conn_may_send(call->conn))
                return 0;
        r = link_send(call->conn->link, &request->base);
        return r ? PASS(r) : 0;
}

int conn_start_call(struct jobctl *conn, struct call *call, const struct call_ops *ops)
{
        int r;

        call->ops = ops;
        call->conn = conn;
        call->tag = conn->next_tag++;
        call->active = true;
        TAILQ_INSERT_TAIL(&conn->calls, call, entry);
        if (conn->state == CONN_DOWN)
                dial_begin(conn);
        if (conn->state != CONN_UP)
                return 0;
        r = ops->send(call);
        if (r)
                return PASS(r);
        if (conn->depth == 0)
                conn_flush(conn);
        return 0;
}

static void call_fail(struct call *call, int code, const char *text)
{
        call_finish(call);
        if (call->ops->on_fail)
                call->ops->on_fail(call, code, text);
}

/* ----------------------------------------------------------------------------- ends and breaks */

void conn_drop_link(struct jobctl *conn)
{
        conn->link = link_free(conn->link);
        conn->link_is_watched = false;
}

void conn_fail(struct jobctl *conn)
{
        const struct failure failure = conn->failure;
        struct call *call;

        conn_drop_link(conn);
        conn->state = CONN_DOWN;
        conn->depth++;
        while ((call = TAILQ_FIRST(&conn->calls)))
                call_fail(call, failure.code, failure.text);
        conn->depth--;
        conn->failure = failure;
        if (conn->depth == 0)
                conn_reap(conn);
}

void conn_lost(struct jobctl *conn, const char *why)
{
        const bool greeting = conn->state == CONN_GREETING;
        struct call *call;

        if (conn->state != CONN_UP && !greeting)
                return;
        conn_drop_link(conn);
        if (greeting) {
                dial_on_broken_greeting(conn);
                return;
        }
        failure_set(&conn->failure, JOBCTL_E_LOST,
                    "%s before the answer came: whether it was done is unknown", why);
        conn->depth++;
        for (call = conn_first_call(conn); call; call = conn_next_call(conn))
                if (call->ops->may_repeat && !call->ops->may_repeat(call))
                        call_fail(call, conn->failure.code, conn->failure.text);
        conn->depth--;
        conn->state = CONN_DOWN;
        if (!TAILQ_EMPTY(&conn->calls))
                dial_begin(conn);
}

static void conn_send_call(struct jobctl *conn, struct call *call)
{
        const int r = call->ops->send(call);

        if (r) {
                failure_from(&conn->failure, r, "sending a request");
                call_fail(call, conn->failure.code, conn->failure.text);
        }
}

void conn_send_all(struct jobctl *conn)
{
        struct call *call;

        for (call = conn_first_call(conn); call; call = conn_next_call(conn)) {
                if (!call->early)
                        conn_send_call(conn, call);
                call->early = false;
        }
}

void conn_send_early(struct jobctl *conn)
{
        struct call *call;

        conn->sends_early = true;
        for (call = conn_first_call(conn); call; call = conn_next_call(conn)) {
                /* Their order stays: behind one that must wait all do. */
                call->early = conn->sends_early &&
                              (!call->ops->may_repeat || call->ops->may_repeat(call));
                conn->sends_early = call->early;
                if (call->early)
                        conn_send_call(conn, call);
        }
        conn->sends_early = false;
}

/* --------------------------------------------------------------------------------- the turn */

static struct call *conn_find_call(struct jobctl *conn, uint64_t tag)
{
        struct call *call;

        TAILQ_FOREACH (call, &conn->calls, entry)
                if (call->tag == tag)
                        return call;
        return NULL;
}

static void conn_on_reply(struct jobctl *conn, Jobd__Reply **reply)
{
        struct call *call;

        if (conn->state == CONN_GREETING) {
                dial_on_greeting(conn, *reply);
                return;
        }
        call = conn_find_call(conn, (*reply)->tag);
        if (call && call->ops->on_reply)
                call->ops->on_reply(call, reply);
        else if ((*reply)->body_case == JOBD__REPLY__BODY_OUTPUT &&
                 (*reply)->output->what_case == JOBD__OUTPUT__WHAT_FILE)
                fd_close(link_take_fd(conn->link));
}

/* One frame. False: there is none, or the link is gone. */
static bool conn_take_frame(struct jobctl *conn)
{
        _cleanup_(wire_free_replyp) Jobd__Reply *reply = NULL;
        struct reason why = { "" };
        const uint8_t *body;
        size_t size;
        int r;

        r = link_next_frame(conn->link, &body, &size);
        if (r == LINK_E_AGAIN)
                return false;
        if (r) {
                conn_lost(conn, "the daemon sent something that is no frame");
                return false;
        }
        r = wire_unpack_reply(body, size, &reply, &why);
        link_drop_frame(conn->link);
        if (r) {
                failure_set(&conn->failure, JOBCTL_E_PROTOCOL,
                            "the daemon's answer makes no sense: %s", why.text);
                conn_fail(conn);
                return false;
        }
        conn_on_reply(conn, &reply);
        return conn->link;
}

static void conn_read(struct jobctl *conn)
{
        bool more = true;

        for (int i = 0; i < CONN_READS_PER_TURN && more; i++) {
                int r;

                if (!conn->link || !conn_is_reading(conn))
                        return;
                r = link_receive(conn->link, &more);
                if (r == LINK_E_AGAIN)
                        return;
                if (r) {
                        conn_lost(conn, "the connection to the daemon broke");
                        return;
                }
                while (conn_take_frame(conn))
                        ;
        }
}

void conn_flush(struct jobctl *conn)
{
        if (!conn->link)
                return;
        if (link_flush(conn->link))
                conn_lost(conn, "the connection to the daemon broke");
        else
                conn_watch_link(conn);
}

static bool conn_work(struct jobctl *conn)
{
        struct call *call;
        bool more = false;

        for (call = conn_first_call(conn); call; call = conn_next_call(conn))
                if (call->ops->work && call->ops->work(call))
                        more = true;
        return more;
}

int jobctl_process(struct jobctl *conn)
{
        bool more;

        conn->depth++;
        conn->woken = false;
        if (conn->state == CONN_DIALING || conn->state == CONN_GREETING)
                dial_on_time(conn);
        if (conn->link)
                conn_read(conn);
        more = conn_work(conn);
        conn_flush(conn);
        conn_set_timer(conn, more || conn->woken ? 0 : dial_next_usec(conn));
        conn->depth--;
        if (conn->depth == 0)
                conn_reap(conn);
        return conn->state == CONN_DOWN ? conn->failure.code : JOBCTL_OK;
}

int conn_turn(struct jobctl *conn, uint64_t deadline_usec)
{
        struct pollfd p = { .fd = conn->epoll_fd, .events = POLLIN };
        int timeout_ms = -1;

        if (deadline_usec != USEC_NONE) {
                const uint64_t now = clock_mono_usec();

                if (now >= deadline_usec)
                        return failure_set(&conn->failure, JOBCTL_E_TIMEOUT, "no answer in time");
                timeout_ms = (int)MIN((deadline_usec - now) / USEC_PER_MSEC + 1, 3600000U);
        }
        if (poll(&p, 1, timeout_ms) < 0 && errno != EINTR) {
                failure_from(&conn->failure, -errno, "waiting for the daemon");
                conn_fail(conn);
        }
        (void)jobctl_process(conn);
        return 0;
}

int conn_run_until(struct jobctl *conn, const bool *done, uint64_t deadline_usec)
{
        while (!*done) {
                const int r = conn_turn(conn, deadline_usec);

                if (r)
                        return r;
        }
        return 0;
}
