/* SPDX-License-Identifier: Apache-2.0 */
/* What `jobctl top` knows of a daemon: one picture of it, taken at one time. */
#pragma once

#include "common/cleanup.h"

#include "client/cmd/style.h"

/* The parts of the list of jobs, in their order. */
enum top_part {
        TOP_RUNNING,
        TOP_WAITING,
        TOP_ENDED,
        TOP_PART_COUNT
};

struct top_job {
        enum top_part part;
        size_t order; /* within its part */
        uint64_t id;
        uint32_t uid;
        enum jobctl_state state;
        uint64_t start_wall_usec;                 /* of what runs; 0: nothing does */
        uint64_t run_usec;                        /* of what has ended */
        char status[STYLE_COUNTS_MAX];            /* the state in words */
        char *name, *queue, *command, *why, *all; /* owned, safe to print; all: to search in */
};

/* What a user, or a queue, has and wants. */
struct top_share {
        char *name; /* owned, safe to print */
        uint32_t uid;
        bool has_uid; /* not a queue, and not those users who are told together */
        uint64_t jobs, queued, active, cores;
        double weight, core_seconds;
};

struct top_shares {
        struct top_share *rows; /* owned; who has most comes first */
        size_t count;
        double core_seconds; /* of all of them */
};

struct top_model {
        uint64_t taken_wall_usec;
        char *build; /* owned, safe to print */
        bool is_system, is_draining, is_disk_full, is_pool_missing;
        uint64_t start_wall_usec;
        uint64_t workers_wanted, workers_busy, queued, running, finished;
        uint64_t cores, cores_leased;    /* 0: the daemon does not tell */
        struct top_shares users, queues; /* those that this user may know of */
        struct top_job *jobs;            /* owned: those that run, that wait, that have ended */
        size_t jobs_count, jobs_room;
        bool is_short; /* some were left out, or memory ended */
};

void top_model_deinit(struct top_model *model);
/* Adds the daemon (JOBCTL_STATUS_*), what it counts, the jobs of a list (JOBCTL_JOB_*). */
void top_model_add_status(struct top_model *model, const struct jobctl_item *status);
void top_model_add_stats(struct top_model *model, const struct jobctl_result *stats);
void top_model_add_jobs(struct top_model *model, enum top_part part,
                        const struct jobctl_result *list);
/* All is there: puts the jobs in order, and keeps the first `limit`. */
void top_model_finish(struct top_model *model, size_t limit);
/* By id; SIZE_MAX: it is not there. */
size_t top_model_find(const struct top_model *model, uint64_t id);
