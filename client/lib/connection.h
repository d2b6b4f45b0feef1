/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct jobctl: calls that await replies, and the state of the connection. */
#pragma once

#include "common/error.h"
#include "common/list.h"

#include "proto/wire.h"

#include "client/jobctl.h"
#include "client/lib/failure.h"
#include "client/lib/find.h"
#include "client/lib/link.h"

enum conn_state {
        CONN_DOWN,    /* not asked for, or ended for good */
        CONN_DIALING, /* no socket; the next attempt at `next_try_usec` */
        CONN_GREETING,
        CONN_UP,
        CONN_STATE_COUNT,
};

struct call;

/* What stands behind one tag. Everything but `send` and `free` may be NULL. */
struct call_ops {
        /* Queues the request: at the start, and after each reconnection. 0 or a fault. */
        int (*send)(struct call *call);
        /* One reply; *reply may be taken. When nothing more comes, call_finish(). */
        void (*on_reply)(struct call *call, Jobd__Reply **reply);
        /* No reply will come; call_finish() was done. */
        void (*on_fail)(struct call *call, int code, const char *text);
        /* May it be asked again after the connection broke? NULL: yes. */
        bool (*may_repeat)(const struct call *call);
        /* Something that no descriptor tells of, a slice at a time; returns: more to do at once. */
        bool (*work)(struct call *call);
        void (*free)(struct call *call);
};

TAILQ_HEAD(call_list, call);

struct call {
        TAILQ_ENTRY(call) entry;
        const struct call_ops *ops; /* borrowed, constant */
        struct jobctl *conn;        /* borrowed: frees all its calls before itself */
        uint64_t tag;
        bool active; /* on conn->calls; else on conn->idle or conn->dead */
        bool early;  /* was sent behind the greeting that is not answered yet */
        bool dead;   /* on conn->dead */
};

struct jobctl {
        struct find_options options;
        uint64_t patience_usec;

        struct find_target target; /* resolved at the first dial */
        enum conn_state state;
        struct link *link; /* owned; GREETING and UP */
        int epoll_fd;      /* owned: what jobctl_fd() gives; holds the link and the timer */
        int timer_fd;      /* owned */
        uint64_t timer_at_usec;
        bool link_is_watched;
        uint32_t link_events;
        unsigned int stuffed_count;  /* streams that hold too much: the link is not read, */
        unsigned int awaiting_count; /* unless one awaits what its user must have first */

        bool was_there;         /* somebody has listened there: worth waiting for */
        unsigned int refusals;  /* greetings in a row that were not answered */
        bool stopping;          /* it said that it shuts down: do not start another */
        uint64_t give_up_usec;  /* DIALING: until when */
        uint64_t next_try_usec; /* DIALING */
        uint64_t back_off_usec; /* DIALING */
        uint64_t dialing_since_usec;
        uint64_t greet_by_usec; /* GREETING */

        struct call_list calls; /* active ones, oldest first */
        struct call_list idle;  /* streams that ended and are not freed */
        struct call *cursor;    /* the next call of the walk in progress */
        struct call_list dead;  /* freed when the turn ends */
        bool sends_early;       /* in conn_send_early() */
        bool woken;             /* conn_wake() was called in this turn */
        unsigned int depth;     /* > 0: inside jobctl_process(), nothing is freed */
        uint64_t next_tag;

        char *build; /* owned */
        bool system_mode;
        struct failure failure;
};

/* Puts the call on the list and sends it, now or when the connection is made. 0 or a fault. */
_must_use_ int conn_start_call(struct jobctl *conn, struct call *call, const struct call_ops *ops);
/* Takes it off the list of those that await replies; the memory stays. */
void call_finish(struct call *call);
/* Finishes and frees it, at the end of the turn when inside one. */
void call_free(struct call *call);
/* May a request go out now? Not before the greeting but for those that go right behind it. */
bool conn_may_send(const struct jobctl *conn);
/*
 * Sends what may be repeated right behind the greeting, which saves waiting for its answer: when it
 * is refused, or the connection breaks, all is sent again behind the next one.
 */
void conn_send_early(struct jobctl *conn);
/* Is the link read now? */
bool conn_is_reading(const struct jobctl *conn);
/* Queues `request` with the call's tag. 0 or a fault. */
_must_use_ int call_send(struct call *call, Jobd__Request *request);
/* Gives jobctl_process() another turn at once, for ops->work. */
void conn_wake(struct jobctl *conn);
/* Waits for something to do, at most until `deadline_usec` (monotonic; USEC_NONE), and does it. */
int conn_turn(struct jobctl *conn, uint64_t deadline_usec);
/*
 * Turns until *done or `deadline_usec` is over: 0, or JOBCTL_E_TIMEOUT. The caller's
 * call sets *done, also when it fails.
 */
int conn_run_until(struct jobctl *conn, const bool *done, uint64_t deadline_usec);
/* Sends what is queued as far as the socket takes it. */
void conn_flush(struct jobctl *conn);
/* The connection broke: dial again for those that may be repeated. */
void conn_lost(struct jobctl *conn, const char *why);
