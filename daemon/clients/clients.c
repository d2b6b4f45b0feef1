/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The people's side of jobd as a whole: it joins listeners, sessions and verbs, and takes part in
 * the turn. INPUT comes by itself, from the loop. daemon.c calls clients_flush() in OUTPUT, with
 * the sequence that is on disk, and clients_bury() at the very end; between the two nothing here
 * moves. Only sessions that have something to write are looked at, so a turn costs nothing for
 * those that are idle.
 */
#include "daemon/clients/clients.h"

#include <errno.h>

#include "common/error.h"

#include "daemon/clients/listener.h"
#include "daemon/clients/logbook.h"
#include "daemon/clients/orphan.h"
#include "daemon/clients/session.h"
#include "daemon/clients/share.h"
#include "daemon/clients/ticket.h"
#include "daemon/clients/verbs.h"

int clients_new(struct loop *loop, const struct clients_options *options, struct engine *engine,
                const struct clients_ops *ops, void *arg, struct clients **out_clients)
{
        _cleanup_(clients_freep) struct clients *clients = calloc(1, sizeof(*clients));
        int r;

        if (!clients)
                return FAULT(-ENOMEM);
        clients->loop = loop;
        clients->options = *options;
        clients->engine = engine;
        clients->ops = ops;
        clients->arg = arg;
        clients->dispatch = verbs_dispatch;
        clients->reserve_fd = -1;
        LIST_INIT(&clients->listeners);
        LIST_INIT(&clients->events_waiters);
        LIST_INIT(&clients->tickets);
        TAILQ_INIT(&clients->appends);
        TAILQ_INIT(&clients->sessions);
        TAILQ_INIT(&clients->dying);
        TAILQ_INIT(&clients->busy);
        r = stream_hub_init(&clients->hub, loop, &session_hub_ops);
        if (r)
                return PASS(r);
        r = logbook_new(loop, &clients->logbook);
        if (r)
                return PASS(r);
        r = listeners_init(clients);
        if (r)
                return PASS(r);
        *out_clients = TAKE_PTR(clients);
        return 0;
}

struct clients *clients_free(struct clients *clients)
{
        struct session *session;

        if (!clients)
                return NULL;
        clients->hub.is_journal_closed = true;
        /* jobd ends, not its clients: they dial again, so nobody takes leave of a job. */
        while ((session = TAILQ_FIRST(&clients->sessions)))
                session_close(session, false);
        stream_hub_deinit(&clients->hub);
        clients_bury(clients);
        listeners_deinit(clients);
        tickets_clear(clients);
        orphan_clear(clients);
        share_clear(clients);
        logbook_free(clients->logbook);
        free(clients);
        return NULL;
}

void clients_set_limits(struct clients *clients, const struct clients_options *options)
{
        struct session *session;

        clients->options.connections_max = options->connections_max;
        clients->options.connections_max_per_user = options->connections_max_per_user;
        clients->options.reply_bytes_max = options->reply_bytes_max;
        clients->options.admin_gid = options->admin_gid;
        clients->options.jobs_are_public = options->jobs_are_public;
        TAILQ_FOREACH (session, &clients->sessions, entry)
                session_update_role(session);
}

int clients_listen(struct clients *clients, int listen_fd)
{
        const int r = listeners_add(clients, listen_fd);

        return r ? PASS(r) : 0;
}

void clients_turn_away(int listen_fd, const char *sentence)
{
        listeners_turn_away(listen_fd, sentence);
}

void clients_flush(struct clients *clients, uint64_t durable)
{
        struct session *session, *next;

        TAILQ_FOREACH_SAFE (session, &clients->busy, busy_entry, next)
                session_flush(session, durable);
}

void clients_bury(struct clients *clients)
{
        struct session *session;
        bool any = false;

        stream_hub_bury(&clients->hub);
        while ((session = TAILQ_FIRST(&clients->dying))) {
                TAILQ_REMOVE(&clients->dying, session, entry);
                session_free(session);
                any = true;
        }
        if (any)
                listeners_resume(clients);
}

size_t clients_count(const struct clients *clients)
{
        return clients->sessions_count;
}

void clients_on_events(struct clients *clients)
{
        struct events_waiter *waiter;
        struct append_waiter *append;

        LIST_FOREACH (waiter, &clients->events_waiters, entry)
                stream_wake(waiter->stream);
        TAILQ_FOREACH (append, &clients->appends, entry)
                if (!append->is_behind)
                        stream_wake(append->stream);
}
