/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: accepting, finding out who calls, and turning away whom we cannot serve.
 *
 * Who calls is what the kernel says of the socket; a connection without that is closed, never
 * given a guessed identity. One over a limit, and in user mode anybody but the owner, gets an Error
 * with tag 0 and is closed at once, before a session exists for it.
 *
 * Out of descriptors, accept(2) would fail and the level-triggered loop would spin: the listeners
 * then leave the loop until a session ends (or a second has passed, should it not be the sessions
 * that hold them). One descriptor is kept in reserve, so that the caller who met the limit is told.
 */
#include "daemon/clients/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/error.h"
#include "common/log.h"
#include "common/usocket.h"

#include "proto/frame.h"

#include "daemon/clients/logbook.h"
#include "daemon/clients/session.h"

#define LISTENER_ACCEPTS_MAX 64 /* in one callback */
#define LISTENER_RETRY_USEC USEC_PER_SEC

struct listener {
        LIST_ENTRY(listener) entry;
        struct clients *clients;  /* borrowed: owns us */
        int fd;                   /* owned */
        struct loop_watch *watch; /* owned */
};

static struct listener *listener_free(struct listener *listener)
{
        if (!listener)
                return NULL;
        loop_watch_free(listener->watch);
        fd_close(listener->fd);
        free(listener);
        return NULL;
}
DEFINE_CLEANUP(struct listener *, listener_free);

/* ------------------------------------------------------------------------------- turning away */

/* Tells why, as far as the socket takes it at once, and hangs up. */
static void listener_refuse(int fd, Jobd__ErrorCode code, const char *sentence)
{
        _cleanup_(fd_closep) int owned_fd = fd;
        _cleanup_(freep) void *body = NULL;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Error error = JOBD__ERROR__INIT;
        uint8_t header[FRAME_HEADER_BYTES];
        struct reason why;
        size_t size, sent;

        (void)reason_set(&why, 0, "%s", sentence);
        error.code = code;
        error.message = why.text;
        reply.body_case = JOBD__REPLY__BODY_ERROR;
        reply.error = &error;
        if (wire_pack(&reply.base, &body, &size))
                return;
        frame_put_header(header, (uint32_t)size);
        const struct iovec iov[] = { { header, sizeof(header) }, { body, size } };

        if (usocket_send(owned_fd, iov, ARRAY_SIZE(iov), -1, &sent))
                log_debug("a caller hung up before it was turned away");
}

static const char *const listener_full =
        "the daemon has as many connections as it may have: try again";

/* 0 when this peer may come in. */
static int listener_judge(const struct clients *clients, const struct usocket_peer *peer,
                          struct reason *why)
{
        const struct clients_options *options = &clients->options;
        const struct client_user *user = users_find(clients, peer->uid);

        if (!options->system_mode && peer->uid != options->own_uid)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_DENIED,
                                  "this daemon belongs to uid %u and serves nobody else",
                                  (unsigned int)options->own_uid);
        if (clients->sessions_count >= options->connections_max)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_BUSY, "%s", listener_full);
        if (user && user->sessions_count >= options->connections_max_per_user)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_BUSY,
                                  "you have %u connections, which is the limit: try again",
                                  user->sessions_count);
        return 0;
}

static void listener_admit(struct clients *clients, int fd)
{
        struct usocket_peer peer = { 0 };
        struct session *session;
        struct reason why;
        int r;

        r = usocket_read_peer(fd, 1, &peer);
        if (r) {
                log_debug("a caller whom the kernel does not name is not served");
                fd_close(fd);
                return;
        }
        r = listener_judge(clients, &peer, &why);
        if (r) {
                const struct logbook_line line = { .kind = LOGBOOK_REFUSED,
                                                   .uid = peer.uid,
                                                   .pid = peer.pid };

                clients->tally.turned_away++;
                logbook_write(clients->logbook, &line, "was turned away: %s", why.text);
                usocket_peer_deinit(&peer);
                listener_refuse(fd, (Jobd__ErrorCode)r, why.text);
                return;
        }
        r = session_new(clients, fd, &peer, &session);
        if (r)
                log_debug("a connection could not be taken: %s", strerror(-r));
}

/* ------------------------------------------------------------------------- out of descriptors */

static int listener_open_reserve(void)
{
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void listeners_set_watched(struct clients *clients, bool on)
{
        struct listener *listener;

        LIST_FOREACH (listener, &clients->listeners, entry)
                if (loop_watch_set(listener->watch, on ? LOOP_READ : 0))
                        log_debug("a listening socket cannot be watched");
}

static void listeners_pause(struct clients *clients)
{
        if (clients->is_full)
                return;
        clients->is_full = true;
        listeners_set_watched(clients, false);
        if (loop_timer_start(clients->accept_timer, LISTENER_RETRY_USEC))
                log_debug("clients are not accepted until a connection ends");
}

/* Uses the reserve to tell the caller who met the limit. */
static void listener_tell_full(struct listener *listener)
{
        struct clients *clients = listener->clients;
        int fd = -1;

        clients->reserve_fd = fd_close(clients->reserve_fd);
        if (usocket_accept(listener->fd, &fd) == 0) {
                clients->tally.turned_away++;
                listener_refuse(fd, JOBD__ERROR_CODE__ERROR_BUSY, listener_full);
        }
        clients->reserve_fd = listener_open_reserve();
        listeners_pause(clients);
}

void listeners_resume(struct clients *clients)
{
        if (!clients->is_full)
                return;
        clients->is_full = false;
        loop_timer_stop(clients->accept_timer);
        if (clients->reserve_fd < 0)
                clients->reserve_fd = listener_open_reserve();
        listeners_set_watched(clients, true);
}

static void listeners_on_retry(void *arg)
{
        listeners_resume(arg);
}

/* ---------------------------------------------------------------------------------- accepting */

static void listener_on_ready(void *arg, unsigned int flags)
{
        struct listener *listener = arg;

        (void)flags;
        for (int i = 0; i < LISTENER_ACCEPTS_MAX; i++) {
                int fd = -1;
                const int r = usocket_accept(listener->fd, &fd);

                if (r == USOCKET_E_AGAIN)
                        return;
                if (r == USOCKET_E_NO_FD) {
                        listener_tell_full(listener);
                        return;
                }
                if (r) {
                        listeners_pause(listener->clients);
                        return;
                }
                listener_admit(listener->clients, fd);
        }
}

void listeners_turn_away(int listen_fd, const char *sentence)
{
        int fd = -1;

        /* As many as may wait; not those who keep coming. */
        for (int i = 0; i < SOMAXCONN && usocket_accept(listen_fd, &fd) == 0; i++)
                listener_refuse(fd, JOBD__ERROR_CODE__ERROR_INTERNAL, sentence);
}

int listeners_init(struct clients *clients)
{
        int r;

        LIST_INIT(&clients->listeners);
        clients->reserve_fd = listener_open_reserve();
        if (clients->reserve_fd < 0)
                return FAULT(-errno);
        r = loop_timer_new(clients->loop, listeners_on_retry, clients, &clients->accept_timer);
        return r ? PASS(r) : 0;
}

int listeners_add(struct clients *clients, int fd)
{
        _cleanup_(listener_freep) struct listener *listener = calloc(1, sizeof(*listener));
        int r;

        if (!listener) {
                fd_close(fd);
                return FAULT(-ENOMEM);
        }
        listener->clients = clients;
        listener->fd = fd;
        r = loop_watch_new(clients->loop, fd, clients->is_full ? 0 : LOOP_READ, listener_on_ready,
                           listener, &listener->watch);
        if (r)
                return PASS(r);
        LIST_INSERT_HEAD(&clients->listeners, listener, entry);
        (void)TAKE_PTR(listener);
        return 0;
}

void listeners_close(struct clients *clients)
{
        struct listener *listener;

        while ((listener = LIST_FIRST(&clients->listeners))) {
                LIST_REMOVE(listener, entry);
                listener_free(listener);
        }
}

void listeners_deinit(struct clients *clients)
{
        listeners_close(clients);
        clients->accept_timer = loop_timer_free(clients->accept_timer);
        clients->reserve_fd = fd_close(clients->reserve_fd);
}
