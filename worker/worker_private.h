/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's inside, shared by worker.c (life) and worker_orders.c (what jobd says). */
#pragma once

#include "worker/lease.h"
#include "worker/link.h"
#include "worker/names.h"
#include "worker/options.h"
#include "worker/policy.h"
#include "worker/prepare.h"
#include "worker/record.h"
#include "worker/runner.h"
#include "worker/signals.h"

struct worker {
        const struct options *options; /* borrowed: main's */
        struct loop *loop;             /* all owned from here */
        struct signals *signals;
        struct record *record;
        struct names *names;
        struct link *link;
        struct runner *runner;
        struct loop_watch *line_watch;
        struct loop_timer *exit_timer; /* a stopped worker does not wait for Ack for ever */
        int spool_fd;
        int cgroup_fd;
        struct policy policy;
        struct prepare_site site;
        Jobd__Work__Hello hello;
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];

        struct job *last_job; /* reference held; of the last Start on this link; NULL: none */

        struct lease_list leases; /* owned; in order of arrival */
        uint32_t leases_count;
        bool is_retiring; /* takes nothing more, exits when nothing is held */
        bool is_stopping; /* the pool ends: does not wait for Ack for ever */
        bool is_orphaned; /* the pool is gone */
};

/* An order other than Welcome. */
void worker_take_order(struct worker *worker, const Jobd__Work__Order *order);
/* No more leases: what has not started goes back. */
void worker_retire(struct worker *worker);
/* Takes a lease off the list, frees its slot and it. */
void worker_drop_lease(struct worker *worker, struct lease *lease);
/* Tells the pool that there is work now, if it does not know. */
void worker_show_busy(struct worker *worker);
