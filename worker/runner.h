/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one lease at a time: its process, its timers, its output, its end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/loop.h"

#include "worker/lease.h"
#include "worker/link.h"
#include "worker/prepare.h"
#include "worker/record.h"

struct runner;

enum runner_stop {
        RUNNER_STOP_NONE,
        RUNNER_STOP_CANCEL, /* the owner's order */
        RUNNER_STOP_LIMIT,  /* the time limit */
        RUNNER_STOP_ADMIN,  /* the pool is being stopped */
};

struct runner_ops {
        /* Some process outlived KILL: this worker must be replaced. */
        void (*on_survived)(void *arg);
};

struct runner_options {
        struct loop *loop; /* all borrowed: the worker's, outlive the runner */
        struct link *link;
        struct record *record;
        const struct prepare_site *site;
        int cgroup_fd; /* -1: none */
};

/* What jobd's Welcome says for jobs that start from now on. */
struct runner_defaults {
        uint64_t inline_bytes;
        uint64_t cap_bytes; /* UINT64_MAX: none */
        uint64_t grace_usec;
};

_must_use_ int runner_new(const struct runner_options *options, const struct runner_ops *ops,
                          void *arg, struct runner **out_runner);
struct runner *runner_free(struct runner *runner);
DEFINE_CLEANUP(struct runner *, runner_free);
void runner_set_defaults(struct runner *runner, const struct runner_defaults *defaults);

/* The lease that runs, or NULL: the last one is RUN_ENDED and reported, another may start. */
struct lease *runner_current(const struct runner *runner);
/* Starts a lease in RUN_HELD while none runs. When it cannot run it has ended on return. */
void runner_start(struct runner *runner, struct lease *lease);

/* Orders about the current lease. grace_usec: USEC_NONE for the job's own. */
void runner_cancel(struct runner *runner, enum runner_stop reason, uint64_t grace_usec);
/*
 * The workers are being stopped: TERM to the job, if any, and KILL after its own grace, or after
 * `most_usec` if that is shorter; a cancel under way is shortened.
 */
void runner_end(struct runner *runner, uint64_t most_usec);
void runner_signal(struct runner *runner, int signo);
void runner_order(struct runner *runner, enum run_event event); /* PAUSE, RESUME, REVOKE */
void runner_follow(struct runner *runner, bool on);
void runner_feed(struct runner *runner, const Jobd__Work__StdinPiece *piece);
void runner_set_disk_full(struct runner *runner, bool is_full);
uint64_t runner_stdin_taken(const struct runner *runner);
/* jobd is away: nobody follows any more. */
void runner_on_link_down(struct runner *runner);
/* Kill at once and tell nobody: the pool is gone. */
void runner_abandon(struct runner *runner);

/* SIGCHLD. */
void runner_on_child(struct runner *runner);
/* OUTPUT of the turn. */
void runner_show(struct runner *runner);

/* A lease that never started is over: its result is made and reported. */
void runner_end_unstarted(struct runner *runner, struct lease *lease, Jobd__Work__Outcome outcome,
                          const struct reason *why);
