/* SPDX-License-Identifier: Apache-2.0 */
/* What a question that cannot be called off carries, so that whoever asked may go before the
 * answer. */
#pragma once

#include "daemon/clients/shared.h"

struct ticket;

/* owner: borrowed until the ticket is redeemed or forgotten; not NULL. */
_must_use_ int ticket_new(struct clients *clients, void *owner, struct ticket **out_ticket);
/* The answer has come: frees the ticket, returns its owner, or NULL when that is gone. */
void *ticket_redeem(struct ticket *ticket);
/* The owner goes. NULL-safe. */
void ticket_forget(struct ticket *ticket);
/* The answer will not come, because nothing was asked after all. NULL-safe. */
void ticket_void(struct ticket *ticket);
/* jobd ends: no answers come any more. */
void tickets_clear(struct clients *clients);
