/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the file of an attempt's log for a client. It is opened on the journal thread and cannot
 * be called off; when the stream is gone meanwhile, the descriptor is closed again. Called by
 * follow.c.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/clients/follow.h"
#include "daemon/clients/ticket.h"

static void follow_file_on_open(void *arg, int fd, bool compressed)
{
        const struct follow_fact fact = { .fd = fd, .compressed = compressed };
        struct follow *follow = ticket_redeem(arg);

        if (!follow) {
                fd_close(fd);
                return;
        }
        follow->opening = NULL;
        session_end_wait(&follow->stream);
        if (stream_is_ended(&follow->stream))
                fd_close(fd);
        else
                follow_put(follow, FOLLOW_IN_OPENED, &fact);
}

int follow_file_open(struct follow *follow)
{
        struct ticket *ticket;
        int r;

        /* One at a time; that of an attempt before this one is not wanted any more. */
        follow_file_forget(follow);
        r = ticket_new(follow->stream.session->clients, follow, &ticket);
        if (r)
                return PASS(r);
        r = engine_open_spool(follow_engine(follow), follow->options.job, follow->options.task,
                              follow->attempt, follow_file_on_open, ticket);
        if (r) {
                ticket_void(ticket);
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
        ticket_forget(TAKE_PTR(follow->opening));
        session_end_wait(&follow->stream);
}
