/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the file of an attempt's log for a client. It is opened on the journal thread and cannot
 * be called off, so what it reports to is a ticket that may outlive the stream: then the
 * descriptor is closed again. Called by follow.c.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/clients/follow.h"

struct follow_ticket {
        struct follow *follow; /* borrowed; NULL: nobody waits any more */
};

static void follow_file_on_open(void *arg, int fd, bool compressed)
{
        _cleanup_(freep) struct follow_ticket *ticket = arg;
        const struct follow_fact fact = { .fd = fd, .compressed = compressed };

        if (!ticket->follow) {
                fd_close(fd);
                return;
        }
        ticket->follow->opening = NULL;
        session_end_wait(&ticket->follow->stream);
        if (stream_is_ended(&ticket->follow->stream))
                fd_close(fd);
        else
                follow_put(ticket->follow, FOLLOW_IN_OPENED, &fact);
}

int follow_file_open(struct follow *follow)
{
        struct follow_ticket *ticket;
        int r;

        /* One at a time; that of an attempt before this one is not wanted any more. */
        follow_file_forget(follow);
        ticket = malloc(sizeof(*ticket));
        if (!ticket)
                return FAULT(-ENOMEM);
        ticket->follow = follow;
        r = engine_open_spool(follow_engine(follow), follow->options.job, follow->options.task,
                              follow->attempt, follow_file_on_open, ticket);
        if (r) {
                free(ticket);
                return PASS(r);
        }
        follow->opening = ticket;
        session_begin_wait(&follow->stream);
        follow->phase = FOLLOW_OPENING;
        return 0;
}

void follow_file_forget(struct follow *follow)
{
        if (!follow->opening)
                return;
        follow->opening->follow = NULL;
        follow->opening = NULL;
        session_end_wait(&follow->stream);
}
