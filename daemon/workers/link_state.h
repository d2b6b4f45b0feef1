/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one link on the private socket, as a pure table. */
#pragma once

enum link_state {
        LINK_NONE,    /* in the table: this report is refused here */
        LINK_NEW,     /* accepted, nothing said yet */
        LINK_GREETED, /* a worker, welcomed; its inventory is awaited */
        LINK_READY,   /* a worker that takes orders */
        LINK_POOL,    /* the pool */
        LINK_DEAD,    /* waits for burial */
        LINK_STATE_COUNT,
};

enum link_event {
        LINK_EV_NONE,
        LINK_EV_HELLO_WORKER,
        LINK_EV_HELLO_POOL,
        LINK_EV_INVENTORY,
        LINK_EV_LEASE, /* anything about one lease */
        LINK_EV_POOL,  /* anything that only the pool may say */
        LINK_EVENT_COUNT,
};

/* The state after `event`, or LINK_NONE when the other side must not say that now. */
enum link_state link_state_next(enum link_state state, enum link_event event);
const char *link_state_name(enum link_state state);
