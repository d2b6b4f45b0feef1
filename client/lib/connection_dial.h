/* SPDX-License-Identifier: Apache-2.0 */
/* From no connection to an open one: finding, starting, greeting, trying again. */
#pragma once

#include "client/lib/connection.h"

/* Begins to look for the daemon; the first attempt is made at once by the next turn. */
void dial_begin(struct jobctl *conn);
/* A turn in DIALING or GREETING: attempts what is due, gives up what is over. */
void dial_on_time(struct jobctl *conn);
/* The first reply. */
void dial_on_greeting(struct jobctl *conn, const Jobd__Reply *reply);
/* The link ended in GREETING and was dropped. */
void dial_on_broken_greeting(struct jobctl *conn);
/* When dial_on_time() is due (monotonic), or USEC_NONE. */
uint64_t dial_next_usec(const struct jobctl *conn);

/* Of connection.c, for here. */
/* Ends every call with conn->failure. */
void conn_fail(struct jobctl *conn);
void conn_drop_link(struct jobctl *conn);
void conn_send_all(struct jobctl *conn);
