/* SPDX-License-Identifier: Apache-2.0 */
/* Starts `jobd-worker --pool` where no service manager does it, and again when it dies. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/loop.h"

#include "daemon/paths.h"

struct start_pool;

enum start_pool_answer {
        START_POOL_E_REFUSED = 1, /* no worker program, or it cannot be started: the reason */
};

struct start_pool_options {
        const struct paths *paths; /* borrowed, outlives the object */
        int records_fd;            /* borrowed, outlives the object: pool.lock is looked at here */
        uint32_t workers;
        uint64_t idle_usec; /* user mode: it ends after so long without jobd; USEC_NONE: never */
        uid_t jobd_uid;     /* who will listen on the private socket */
        /* System mode by hand: jobd has dropped by the time the pool dies, so it stays dead. */
        bool may_restart;
};

_must_use_ int start_pool_new(const struct start_pool_options *options,
                              struct start_pool **out_pool, struct reason *why);
struct start_pool *start_pool_free(struct start_pool *pool);
DEFINE_CLEANUP(struct start_pool *, start_pool_free);

/*
 * Starts the pool now unless one holds pool.lock (then it is left alone, not our child). The pool
 * runs in a session of its own and outlives jobd. START_POOL_E_REFUSED or a fault.
 */
_must_use_ int start_pool_run(struct start_pool *pool, struct reason *why);
/*
 * From now on a pool that dies is started again: after one second, then 2, 4 ... 60 s while it
 * keeps dying young. The same for an earlier jobd's pool, which is not our child: daemon.c tells
 * of its link by start_pool_on_link(). Called once.
 */
_must_use_ int start_pool_watch(struct start_pool *pool, struct loop *loop);
/* The pool's link came or went (workers_ops.on_pool). */
void start_pool_on_link(struct start_pool *pool, bool connected);
/*
 * Our child, if there is one, is to end: jobd did not come as far as to serve, so nobody else knows
 * of it. In system mode it is root's and stays for the next start.
 */
void start_pool_end(struct start_pool *pool);
/*
 * No more restarts: jobd is ending. Lets go of the loop, so it must come before loop_free(); may be
 * called twice.
 */
void start_pool_stop(struct start_pool *pool);
