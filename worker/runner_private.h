/* SPDX-License-Identifier: Apache-2.0 */
/* The runner's inside: runner.c (what happens), runner_start.c (how it begins), runner_end.c. */
#pragma once

#include <sys/resource.h>

#include "worker/cgroup.h"
#include "worker/input.h"
#include "worker/output.h"
#include "worker/runner.h"

#define RUNNER_LOOK_USEC (5 * USEC_PER_MSEC)    /* younger jobs are not worth a report */
#define RUNNER_SURVIVE_USEC (30 * USEC_PER_SEC) /* what outlives KILL so long is stuck */
#define RUNNER_DRAIN_USEC (1 * USEC_PER_SEC)    /* for pipes that a stranger holds */
#define RUNNER_CGROUP_RETRY_USEC (20 * USEC_PER_MSEC)
#define RUNNER_GRACE_USEC (10 * USEC_PER_SEC)

/* Time that counts while the job is not paused. */
struct runner_clock {
        uint64_t since_usec; /* CLOCK_MONOTONIC; 0: paused */
        uint64_t spent_usec;
};

struct runner {
        struct runner_options with;   /* members borrowed */
        const struct runner_ops *ops; /* borrowed */
        void *arg;
        struct runner_defaults defaults;
        struct output *output;                                                  /* owned */
        struct input *input;                                                    /* owned */
        struct loop_timer *look_timer, *limit_timer, *warn_timer, *stage_timer; /* owned */
        bool is_disk_full;

        struct lease *lease; /* borrowed from worker.c while it runs; NULL: idle */
        struct cgroup_job cgroup;
        enum runner_stop stop;
        struct runner_clock clock;
        uint64_t memory_bytes; /* 0: not limited */
        uint64_t limit_usec;   /* 0: none */
        uint64_t warn_usec;    /* 0: none; into the run */
        int warn_signal;
        uint64_t grace_usec;
        uint64_t kill_due_usec;    /* while it is stopping */
        uint64_t stage_since_usec; /* of KILLING and SWEEPING */
        bool is_warned;
        bool is_reaped;
        int wait_status;
        bool has_children;                /* as the last look at them said */
        struct rusage usage, stray_usage; /* of the main process; of adopted ones */
};

/* Moves the current lease; no-op when the pair has no meaning. */
void runner_step(struct runner *runner, enum run_event event);
/* Writes the lease's slot. */
void runner_record(struct runner *runner, const struct lease *lease, enum record_state state);
/* (Re)starts the timers of the limit and the warning from the clock. */
void runner_arm_limits(struct runner *runner);

/* runner_end.c: sums usage; says how it ended; names what outlived KILL. */
void runner_add_usage(struct rusage *sum, const struct rusage *usage);
void runner_fill_usage(struct runner *runner, struct lease_result *result);
void runner_fill_outcome(const struct runner *runner, struct lease_result *result);
void runner_count_survivors(struct lease_result *result);
