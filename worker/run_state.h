/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one lease in a worker, as a pure table. */
#pragma once

#include <stdbool.h>

enum run_state {
        RUN_ABSENT,
        RUN_HELD,     /* accepted, nothing ran: waits for its turn */
        RUN_ACTIVE,   /* its process runs */
        RUN_PAUSED,   /* its whole tree is stopped */
        RUN_STOPPING, /* was sent TERM, the grace runs */
        RUN_KILLING,  /* was sent KILL, the main process is not reaped yet */
        RUN_SWEEPING, /* the main process ended, what it left is being killed */
        RUN_DRAINING, /* no process is left, output still comes from the pipes */
        RUN_ENDED,    /* the result waits for jobd's Ack */
        RUN_STATE_COUNT,
};

enum run_event {
        RUN_EV_NONE,
        RUN_EV_ACCEPT,   /* Start arrived */
        RUN_EV_STARTED,  /* execve happened */
        RUN_EV_REFUSED,  /* no process came to be */
        RUN_EV_REVOKE,   /* order */
        RUN_EV_CANCEL,   /* order, or the administrator stops the pool */
        RUN_EV_SIGNAL,   /* order */
        RUN_EV_PAUSE,    /* order */
        RUN_EV_RESUME,   /* order */
        RUN_EV_WARN,     /* the time of the warning signal */
        RUN_EV_LIMIT,    /* the time limit is over */
        RUN_EV_GRACE,    /* the grace is over */
        RUN_EV_EXIT,     /* the main process was reaped */
        RUN_EV_CLEAN,    /* no process is left */
        RUN_EV_SURVIVED, /* some process outlived KILL for too long */
        RUN_EV_DRAINED,  /* the pipes are at their end, or had their time */
        RUN_EV_ACK,      /* jobd has the end on disk */
        RUN_EV_ABANDON,  /* the pool is gone: end without a result */
        RUN_EVENT_COUNT,
};

/* What the runner does on the way. */
enum run_action {
        RUN_DO_NOTHING,
        RUN_DO_QUEUE,
        RUN_DO_BEGIN_WATCH,
        RUN_DO_END,           /* make the result known */
        RUN_DO_GIVE_BACK,     /* Revoked, not too late; the slot is free */
        RUN_DO_SAY_TOO_LATE,  /* Revoked, too late */
        RUN_DO_END_CANCELLED, /* never started, and never will */
        RUN_DO_TERM,          /* TERM and CONT to the tree, start the grace */
        RUN_DO_SHORTEN,       /* a second cancel may only shorten the grace */
        RUN_DO_SIGNAL,
        RUN_DO_PAUSE,
        RUN_DO_RESUME,
        RUN_DO_SAY_PAUSED, /* tell jobd how things are */
        RUN_DO_WARN,
        RUN_DO_KILL,
        RUN_DO_ABANDON, /* KILL, and no result */
        RUN_DO_SWEEP,
        RUN_DO_DRAIN,
        RUN_DO_DRAIN_SURVIVED, /* the same, and count who is still there */
        RUN_DO_FREE,
        RUN_DO_DROP, /* free without a word */
        RUN_ACTION_COUNT,
};

struct run_step {
        enum run_state next;
        enum run_action action;
};

/*
 * The step for `event` in `state`. False: the pair has no meaning (a late order, a repeated one);
 * nothing is to be done and *out_step is untouched.
 */
bool run_state_step(enum run_state state, enum run_event event, struct run_step *out_step);
const char *run_state_name(enum run_state state);
const char *run_event_name(enum run_event event);
