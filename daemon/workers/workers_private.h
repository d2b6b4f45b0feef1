/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the two structs, and who does which part. */
#pragma once

#include "common/list.h"

#include "proto/channel.h"

#include "daemon/workers/link_state.h"
#include "daemon/workers/workers.h"

/* A lease whose end is, or will be, on disk. */
struct worker_due_ack {
        uint64_t lease;
        uint64_t barrier;
};

/* One connection, of a worker or of the pool. */
struct worker {
        TAILQ_ENTRY(worker) entry; /* in workers->fresh, ->attached, ->buried, or as ->pool */
        struct workers *workers;   /* borrowed: owns us */
        struct channel *channel;   /* owned */
        enum link_state state;
        bool is_broken; /* no more orders: its end is on the way through the loop */
        bool is_retiring;
        uint32_t number;
        uint64_t generation;
        uint32_t pid;
        uint32_t slots;
        char *build;                 /* owned */
        void *data;                  /* borrowed: the engine's */
        uint64_t start_barrier;      /* of the newest START: none may pass another */
        uint64_t spec_job;           /* whose specification that START left with the worker */
        uint64_t spec_version;       /* and which one */
        struct worker_due_ack *acks; /* owned: worker_ack() since the last flush, and not yet due */
        size_t acks_count, acks_room;
};
TAILQ_HEAD(worker_list, worker);

struct workers_pool_worker {
        uint64_t generation;
        uint32_t number;
};

/* What the pool is to give a user; by uid. */
struct workers_weight {
        uint32_t uid;
        uint32_t weight;
};

struct workers {
        struct loop *loop;               /* borrowed: outlives us */
        const struct workers_ops *ops;   /* borrowed: outlive us */
        void *arg;                       /* borrowed: of ops */
        char *socket_path;               /* owned */
        char *clients_socket_path;       /* owned */
        int listen_fd;                   /* owned */
        struct loop_watch *accept_watch; /* owned */
        struct loop_timer *accept_timer; /* owned: out of descriptors, look again */
        uid_t peer_uid;
        uint8_t instance[16];
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        uint32_t wanted;
        uint32_t extra; /* workers beyond that, for a while */
        uint64_t inline_max_bytes;
        uint64_t output_cap_bytes;
        uint64_t grace_usec;
        uint64_t durable; /* as workers_flush() was last told */
        bool is_disk_full;
        bool is_stopping; /* workers_stop_pool() was called */
        uint64_t changes; /* of who is connected: links made and dropped */

        struct worker_list fresh;    /* no Hello yet */
        struct worker_list attached; /* owned; by number */
        struct worker_list buried;   /* owned; freed by workers_bury() */
        struct worker *pool;         /* owned; NULL: not connected */

        /* As the pool last said; kept while it is away. */
        char *containment; /* owned; NULL: unknown */
        bool is_pool_stopping;
        struct workers_pool_worker *pool_workers; /* owned; by number */
        size_t pool_workers_count;

        struct workers_weight *weights; /* owned; sorted by uid */
        size_t weights_count, weights_room;
};

/* ------------------------------------------------------------------------------ worker_link.c */

/* Makes a link of an accepted connection; fd is owned by it from here, also when this fails. */
_must_use_ int worker_link_new(struct workers *workers, int fd);
struct worker *worker_link_free(struct worker *worker);
/*
 * Ends a link now, tells the engine (on_gone, on_pool) and leaves it to workers_bury(). `why` goes
 * to the log; NULL: an ordinary end. Only from callbacks of the loop, never from an order.
 */
void worker_link_drop(struct worker *worker, const char *why);
/* Queues an order. A link that cannot take it is broken: its end comes through the loop. */
void worker_link_send(struct worker *worker, const Jobd__Work__Order *order, uint64_t barrier);
/* Sends what may leave, acknowledgements first. */
void worker_link_flush(struct worker *worker, uint64_t durable);
/* Is what runs there of another build than we are? After an upgrade, or after a way back. */
bool worker_link_is_other(const struct worker *worker);
/* Asks workers of another build to retire, once a pool of our build can replace them. */
void worker_link_retire_others(struct workers *workers);

/* ---------------------------------------------------------------------------- worker_orders.c */

/* One Ack for everything that is durable. */
void worker_orders_send_acks(struct worker *worker, uint64_t durable);
/* The three orders that open a link's life. */
void worker_orders_welcome(struct worker *worker);
void worker_orders_pool_set(struct worker *worker);
void worker_orders_disk(struct worker *worker);

/* ---------------------------------------------------------------------------- user_weights.c */

/* Every weight that is known, to a pool that has just connected. */
void user_weights_tell_all(struct workers *workers);
void user_weights_deinit(struct workers *workers);

/* --------------------------------------------------------------------------- worker_reports.c */

/* Which event of the table is this report? LINK_EV_NONE: no report at all. */
enum link_event worker_report_event(const Jobd__Work__Report *report);
/* Passes on one report that the table allows; Hello is worker_link.c's. WIRE_E_BAD: breach. */
_must_use_ int worker_report_apply(struct worker *worker, const Jobd__Work__Report *report,
                                   struct reason *why);
