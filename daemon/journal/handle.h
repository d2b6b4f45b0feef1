/* SPDX-License-Identifier: Apache-2.0 */
/* struct journal from inside: what life.c builds and post.c uses. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/loop.h"

#include "daemon/journal/apply.h"
#include "daemon/journal/checkpoint.h"
#include "daemon/journal/exchange.h"
#include "daemon/journal/highwater.h"
#include "daemon/journal/journal.h"
#include "daemon/journal/state_dir.h"
#include "daemon/journal/store.h"
#include "daemon/journal/thread.h"

struct journal {
        /* Owned; the thread's while there is one. */
        struct state_dir dir;
        struct store *store;
        struct apply apply;
        struct checkpoint checkpoint;
        struct highwater highwater;

        struct exchange *exchange; /* owned */
        struct thread *thread;     /* owned; NULL before journal_start() */

        struct highwater_mark mark; /* high numbers ever used, as of journal_open() */
        uint64_t floor_bytes;

        /* On the loop. */
        struct loop_watch *watch;      /* owned; the exchange's descriptor */
        struct loop_timer *timer;      /* owned; runs while the disk is full */
        const struct journal_ops *ops; /* borrowed until journal_close() */
        void *arg;                     /* borrowed */
        uint64_t durable;              /* as on_durable() told */
        bool is_full;                  /* as on_disk() told */
        bool has_failed;               /* on_failed() was called */
};

/* post.c: the callbacks of journal->watch and journal->timer. */
void post_on_ready(void *arg, unsigned int flags);
void post_on_timer(void *arg);
/* Frees what never came to its callback. */
void post_discard(struct journal *journal);
