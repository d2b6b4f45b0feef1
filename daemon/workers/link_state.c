/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which report may come when. A link is one connection that a worker or the pool has dialled:
 *
 *    NEW --hello (worker)--> GREETED --inventory--> READY --(leases)--> READY
 *     '----hello (pool)----> POOL --(pool's reports)--> POOL
 *
 * Every empty cell is a breach of the protocol, which costs the link and nothing else: the other
 * side dials again and says what it holds. Pure; used by worker_link.c alone.
 */
#include "daemon/workers/link_state.h"

#include "common/cleanup.h"

/* clang-format off */
static const enum link_state link_next[LINK_STATE_COUNT][LINK_EVENT_COUNT] = {
        [LINK_NEW]     = { [LINK_EV_HELLO_WORKER] = LINK_GREETED,
                           [LINK_EV_HELLO_POOL]   = LINK_POOL },
        [LINK_GREETED] = { [LINK_EV_INVENTORY]    = LINK_READY },
        [LINK_READY]   = { [LINK_EV_LEASE]        = LINK_READY },
        [LINK_POOL]    = { [LINK_EV_POOL]         = LINK_POOL },
};

static const char *const link_names[] = {
        [LINK_NONE]    = "none",
        [LINK_NEW]     = "new",
        [LINK_GREETED] = "greeted",
        [LINK_READY]   = "ready",
        [LINK_POOL]    = "pool",
        [LINK_DEAD]    = "dead",
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(link_names) == LINK_STATE_COUNT, "a name per state");

enum link_state link_state_next(enum link_state state, enum link_event event)
{
        if (state >= LINK_STATE_COUNT || event >= LINK_EVENT_COUNT)
                return LINK_NONE;
        return link_next[state][event];
}

const char *link_state_name(enum link_state state)
{
        return state < LINK_STATE_COUNT ? link_names[state] : "?";
}
