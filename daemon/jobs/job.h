/* SPDX-License-Identifier: Apache-2.0 */
/* What jobd keeps in memory of unfinished jobs, of their leased or waiting tasks, and of users. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/map.h"

#include "daemon/jobs/fair.h"
#include "daemon/jobs/job_state.h"
#include "daemon/jobs/queues.h"

struct core_lease;
struct grant;
struct resource_claim;
struct resource_holding;
struct worker;
struct user;
struct job;
struct job_deps;

/* Why a task is stopping; stored. */
enum job_stop {
        JOB_STOP_NONE,
        JOB_STOP_USER,     /* its owner, or an administrator */
        JOB_STOP_SHUTDOWN, /* `shutdown --now` */
};

#define JOB_RETRY_ON_BYTES 32

/*
 * A task that has begun to exist on its own: leased to a worker, or queued again after an attempt.
 * Queued tasks that never started are only a number below job->task_count.
 */
struct task {
        RB_ENTRY(task) entry;          /* in job->tasks */
        LIST_ENTRY(task) worker_entry; /* in worker_view->tasks, while leased to a present worker */
        TAILQ_ENTRY(task) queue_entry; /* in job->requeued, while queued and not delayed */
        UT_hash_handle hh;             /* by lease, while leased */
        struct job *job;               /* borrowed: owns us */
        struct worker *worker;         /* borrowed: NULL when queued, or while its link is gone */
        struct resource_holding *holding; /* owned: named resources; NULL: none */
        struct core_lease *core_lease; /* shared with the tasks of the same worker; while leased */
        uint64_t number;
        uint64_t lease;
        uint64_t generation; /* of the worker that holds the lease */
        uint32_t worker_number;
        uint32_t attempt; /* attempts begun (GO known) */
        uint32_t pid;
        uint32_t lenders;    /* clients inside it that wait for other jobs (lending.c) */
        uint32_t slot;       /* which of the job's workers, from 1; 0: none, or no array */
        uint32_t last_slot;  /* `slot` of the newest lease, also behind its end */
        uint8_t state;       /* enum job_state */
        uint8_t stop_reason; /* enum job_stop */
        bool started;        /* GO of the current lease is known */
        bool cancel_wanted;  /* a cancel waits for REVOKED or TOO_LATE */
        bool pause_wanted;   /* a pause waits for the start */
        bool revoking;       /* REVOKE was sent and not answered */
        bool boot_is_ours;   /* the lease is of this boot */
        bool is_delayed;     /* in engine->retries: waits for its retry time */
        bool spooled;
        bool start_ready; /* START has left, or may leave: spec was fetched */
        uint64_t cancel_grace_usec;
        uint32_t actor_uid;    /* who wants the cancel or the pause that waits; ENGINE_NOBODY */
        uint64_t output_bytes; /* as far as the worker told */
        uint64_t stdin_taken;
        uint64_t start_wall_usec;
        uint64_t sent_mono_usec;  /* when START left */
        uint64_t start_mono_usec; /* 0: this jobd did not see the start */
        uint64_t retry_wall_usec; /* 0: none */
        uint64_t retry_mono_usec; /* when is_delayed */
        RB_ENTRY(task) delay_entry;
};
LIST_HEAD(task_list, task);
TAILQ_HEAD(task_queue, task);
RB_HEAD(task_tree, task);

/*
 * What arrays and maps have beyond other jobs: where their input stands, when to give up, and,
 * while tasks of theirs are leased, what each START needs (start.c).
 */
struct job_map {
        struct job *job;       /* borrowed: owns us */
        uint32_t values_count; /* values per task; 0: an array */
        uint8_t input;         /* enum journal_input */
        uint8_t halt_on;       /* jobd.HaltOn */
        bool halt_now;         /* also stop what runs */
        bool is_short;         /* the last task has fewer values: nothing can follow */
        bool is_halted;        /* nothing more starts */
        bool is_halt_due;      /* in engine->halts: the rest is cancelled in DECIDE */
        bool is_seen_due;      /* in engine->seens: seen_task is not written yet */
        bool is_paced;         /* in engine->paces: the next start is due later */
        bool is_orphan;        /* in engine->orphans: open, and nobody appends */
        uint32_t appenders_count;
        uint32_t halt_percent;
        uint64_t halt_count;
        uint64_t halted_at;   /* how many it were when is_halted was set */
        uint64_t chunk_next;  /* number of the next chunk */
        uint64_t input_bytes; /* of all chunks: part of the user's spec_bytes */
        uint64_t seen_task;   /* tasks below were shown to their owner */
        uint64_t start_delay_usec;
        uint64_t start_mono_usec;     /* when is_paced: not before */
        uint64_t cut_mono_usec;       /* when is_orphan: the input is cut then */
        uint64_t run_usec, run_count; /* of the tasks that ended since this jobd started */
        RB_ENTRY(job_map) pace_entry;
        TAILQ_ENTRY(job_map) orphan_entry;
        TAILQ_ENTRY(job_map) halt_entry;
        TAILQ_ENTRY(job_map) seen_entry;

        /* While tasks are leased; NULL and 0 else. */
        struct journal_blob *spec;        /* owned */
        struct journal_blob *environment; /* owned; NULL also when the job has none */
        struct journal_blob *chunk;       /* owned: the values of chunk_tasks tasks */
        uint64_t chunk_first, chunk_tasks;
        uint64_t cursor_task; /* the task whose values begin at cursor */
        size_t cursor;
        uint32_t *slot_leases; /* owned: leases by slot - 1 */
        uint32_t slots_size, slots_used;
};
TAILQ_HEAD(map_queue, job_map);

/* States of tasks that ended and neither succeeded nor failed. */
#define JOB_OTHER_ENDS (JOB_STATE_COUNT - JOB_CANCELLED)

/* Whose claim it is: a job's, or a process's (grants.c). */
struct claimant {
        struct job *job;     /* borrowed: holds us; NULL: a process's */
        struct grant *grant; /* borrowed: holds us */
};

/* What only some jobs have; one allocation when any of it is needed. */
struct job_extra {
        uint64_t begin_wall_usec; /* 0: none; while in engine->begins */
        uint64_t retry_delay_usec;
        uint64_t memory_bytes;
        uint64_t time_limit_usec; /* as submitted; 0: none */
        uint64_t array_first, array_step;
        uint64_t tasks_ok, tasks_failed;      /* ended; failed: all that did not succeed, */
        uint64_t tasks_other[JOB_OTHER_ENDS]; /* these among them, from JOB_CANCELLED on */
        uint64_t rows_count;                  /* while rows are restored: how many tasks have one */
        uint64_t update_sequence;             /* of the last change of its specification; 0: none */
        uint32_t array_width;
        uint32_t retries;
        uint32_t cpus;
        bool has_retry_on;
        bool is_cancelled; /* as a whole: it ends so, whatever its last task does */
        uint8_t retry_on[JOB_RETRY_ON_BYTES];
        char *unique_key;      /* owned; NULL when none */
        struct job_map *map;   /* owned; NULL unless an array or a map */
        struct job_deps *deps; /* owned; NULL unless it waits for other jobs (deps_decide.c) */
        struct resource_claim *claim; /* owned; NULL: it asks for no named resources (claims.c) */
        struct claimant claimant;
        struct job *job; /* borrowed: owns us */
        RB_ENTRY(job_extra) begin_entry;
        UT_hash_handle unique_hh; /* in user->unique */
};

struct job {
        uint64_t id;
        struct user *user;           /* borrowed: outlives its jobs */
        struct lane *lane;           /* borrowed: its user's in its queue */
        TAILQ_ENTRY(job) user_entry; /* in user->jobs, by id */
        RB_ENTRY(job) ready_entry;   /* in lane->ready, while is_ready */
        int64_t order_key;           /* its place there */
        struct task_tree tasks;      /* owned, by number */
        struct task_queue requeued;  /* those that are queued and not delayed, longest first */
        struct job_extra *extra;     /* owned; NULL for plain jobs */
        uint64_t last_sequence;      /* of the last event: the barrier of what shows its state */
        uint64_t submit_wall_usec;
        uint64_t task_count;
        uint64_t task_next;    /* the first task that never started */
        uint64_t queued_tasks; /* only engine_tally_queue_tasks() changes it */
        uint32_t leased_count; /* tasks leased now */
        uint32_t gid;
        uint32_t spec_bytes; /* what it counts for the user's limit */
        int32_t priority;
        bool hold;
        bool requeue;
        bool is_ready;
        bool is_parked;     /* waits for named resources */
        bool is_begin_due;  /* has no begin time, or it has come */
        bool is_waiting;    /* for other jobs (deps_decide.c) */
        bool is_impossible; /* asks for more than it could be given, as the settings are now */
        uint8_t queued_as;  /* enum tally_queued */
};
static inline struct job_map *job_map_of(const struct job *job)
{
        return job->extra ? job->extra->map : NULL;
}

/* Are its tasks counted? An array of one is a plain job to all but its own environment. */
static inline bool job_is_many(const struct job *job)
{
        const struct job_map *map = job_map_of(job);

        return job->task_count != 1 || (map && map->values_count > 0);
}

TAILQ_HEAD(job_queue, job);
RB_HEAD(job_ready, job);

/* The jobs of one user in one queue (lanes.c). */
struct lane {
        TAILQ_ENTRY(lane) user_entry;  /* in user->lanes */
        TAILQ_ENTRY(lane) queue_entry; /* in queue->lanes */
        struct user *user;             /* borrowed: owns us */
        struct queue *queue;           /* borrowed */
        struct job_ready ready;        /* those with a task that may start, best first */
        struct fair_share share;       /* in user->lanes_fair */
};

struct user {
        UT_hash_handle hh; /* by uid */
        uint32_t uid;
        struct job_queue jobs;    /* unfinished, by id */
        struct queue_lanes lanes; /* owned */
        struct fair lanes_fair;   /* between them */
        struct fair_share share;  /* in engine->fair */
        struct job_extra *unique; /* uthash by unique_key */
        uint64_t queued_tasks;
        uint64_t leased_tasks;
        uint64_t spec_bytes;
        uint64_t output_bytes;    /* kept on disk */
        uint64_t short_usec;      /* smoothed run time of its tasks; 0: unknown */
        uint32_t cores_max;       /* at once; 0: no cap */
        uint64_t jobs_max;        /* queued tasks; 0: no cap but the machine's */
        uint64_t rename_sequence; /* of the last change of a job's name; 0: none since the start */
        uint64_t rename_first_id; /* the lowest id of those jobs */
        uint64_t links_count;     /* dependencies, resources and locks of its unfinished jobs */
        uint32_t lent_count;      /* tasks that wait inside for others (lending.c) */
};

static inline struct lane *lane_of(struct fair_share *share)
{
        return (struct lane *)(void *)((char *)share - offsetof(struct lane, share));
}

static inline struct user *user_of(struct fair_share *share)
{
        return (struct user *)(void *)((char *)share - offsetof(struct user, share));
}
