/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some questions to the engine cannot be called off: a submission whose key is looked up, a file
 * that is being opened. Their answer comes to a ticket, which knows who asked, or that nobody waits
 * any more. All tickets are listed, because at the end of jobd answers that were due never come.
 * Used by verb_submit.c and follow_file.c.
 */
#include "daemon/clients/ticket.h"

#include <errno.h>

#include "common/error.h"

struct ticket {
        LIST_ENTRY(ticket) entry; /* in clients->tickets */
        void *owner;              /* borrowed; NULL: gone */
};

int ticket_new(struct clients *clients, void *owner, struct ticket **out_ticket)
{
        struct ticket *ticket = malloc(sizeof(*ticket));

        if (!ticket)
                return FAULT(-ENOMEM);
        ticket->owner = owner;
        LIST_INSERT_HEAD(&clients->tickets, ticket, entry);
        *out_ticket = ticket;
        return 0;
}

void ticket_void(struct ticket *ticket)
{
        if (!ticket)
                return;
        LIST_REMOVE(ticket, entry);
        free(ticket);
}

void *ticket_redeem(struct ticket *ticket)
{
        void *owner = ticket->owner;

        ticket_void(ticket);
        return owner;
}

void ticket_forget(struct ticket *ticket)
{
        if (ticket)
                ticket->owner = NULL;
}

void tickets_clear(struct clients *clients)
{
        while (!LIST_EMPTY(&clients->tickets))
                ticket_void(LIST_FIRST(&clients->tickets));
}
