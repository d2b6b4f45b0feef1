/* SPDX-License-Identifier: Apache-2.0 */
/* The pool's inside, shared by its files; see the head of each for what it owns. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/list.h"
#include "common/loop.h"

#include "proto/wire.h"

#include "worker/link.h"
#include "worker/options.h"
#include "worker/policy.h"
#include "worker/record.h"
#include "worker/signals.h"

#define POOL_IDLE_USEC (600 * USEC_PER_SEC)
#define POOL_WATCH_USEC (10 * USEC_PER_SEC)
#define POOL_GRACE_USEC (10 * USEC_PER_SEC)
#define POOL_LINE_FD 3 /* in a worker */

struct pool;

/* One number of the pool and the worker that has it now. */
struct pool_seat {
        struct pool *pool; /* borrowed: holds us */
        uint32_t number;
        struct loop_timer *backoff; /* owned; on: a replacement waits */
        uint64_t backoff_usec;      /* the next wait; 0: at once */

        pid_t pid; /* 0: empty */
        uint64_t generation;
        uint64_t started_usec;
        int line_fd;                   /* owned */
        struct loop_watch *line_watch; /* owned */
        struct record_shared *shared;  /* owned mapping; NULL when it could not be had */
        bool is_dialled;
        uint64_t undialled_since_usec;
        uint64_t pinged_usec; /* 0: no ping is out */
        bool is_retiring;     /* was told to */
        bool was_killed;      /* by us, because it hung */
};

/* A worker that is gone and that jobd has not acknowledged yet. */
struct pool_dead {
        TAILQ_ENTRY(pool_dead) entry;
        uint32_t number;
        uint64_t generation;
        struct record_image image;
        bool is_intact;
        bool is_ours;  /* our child: what it left is our child now */
        bool is_clean; /* nothing of its jobs is left: may be reported */
        uint64_t since_usec;
        char why[160];
};
TAILQ_HEAD(pool_dead_list, pool_dead);

/* A worker of an earlier pool that is still ending its job. */
struct pool_orphan {
        TAILQ_ENTRY(pool_orphan) entry;
        struct pool *pool; /* borrowed: holds us */
        uint32_t number;
        uint64_t generation;
        int pid_fd;               /* owned */
        struct loop_watch *watch; /* owned */
};
TAILQ_HEAD(pool_orphan_list, pool_orphan);

struct pool_compaction {
        STAILQ_ENTRY(pool_compaction) entry;
        uint64_t job, task;
        uint32_t attempt;
};
STAILQ_HEAD(pool_compaction_list, pool_compaction);

struct pool {
        const struct options *options; /* borrowed: main's */
        char *exe_path;                /* owned from here */
        char *cgroup_path;
        struct loop *loop;
        struct signals *signals;
        struct link *link;
        struct loop_timer *idle_timer;  /* user mode: alone for too long */
        struct loop_timer *watch_timer; /* runs only while some worker has work */
        struct loop_timer *dial_timer;  /* runs only while some worker has not dialled */
        struct loop_timer *sweep_timer;
        struct loop_timer *stop_timer;
        struct policy policy; /* system mode */
        int records_fd, spool_fd, lock_fd, cgroup_fd;
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        Jobd__Work__Hello hello;

        struct pool_seat **seats; /* owned; by number */
        uint32_t seats_count;
        uint32_t wanted;
        uint64_t generation; /* the last one given */
        struct pool_dead_list dead;
        struct pool_orphan_list orphans;
        struct pool_compaction_list compactions;
        size_t compactions_count;
        pid_t compact_pid;       /* 0: none runs */
        bool is_compacting_less; /* some were left as they are; the log has it */
        uint64_t grace_usec;
        uint64_t idle_usec;
        uint64_t watch_usec; /* between two looks at working workers; what dialling may take */
        bool is_state_news;  /* PoolState is to be sent at the end of the turn */
        bool is_stopping;
        bool is_last_wait; /* all workers are gone, only acknowledgements are missing */
        char *next_build;  /* owned; jobd is newer: run the program anew */
};

/* pool.c */
void pool_begin_stop(struct pool *pool, uint64_t grace_usec);

/* pool_talk.c: jobd */
extern const struct link_ops pool_link_ops;
void pool_send_state(struct pool *pool);
void pool_start_idle_timer(struct pool *pool);
void pool_on_idle_time(void *arg);

/* pool_worker.c: seats */
_must_use_ int pool_worker_resize(struct pool *pool, uint32_t wanted);
/* The child of this pid is gone. False: it is no worker. */
bool pool_worker_on_exit(struct pool *pool, pid_t pid, int status);
bool pool_worker_is_known(const struct pool *pool, pid_t pid);
uint32_t pool_worker_count(const struct pool *pool);
void pool_worker_kill(struct pool_seat *seat, int signo);
/* Takes over a worker that the same process started before its re-exec. */
_must_use_ int pool_worker_adopt(struct pool *pool, uint32_t number, uint64_t generation, pid_t pid,
                                 int line_fd, bool is_dialled);
void pool_worker_deinit_all(struct pool *pool);
/* Starts this program again with `argv`; line_fd becomes POOL_LINE_FD there (-1: none). */
_must_use_ int pool_spawn_self(const char *const argv[], int line_fd, pid_t *out_pid);

/* pool_watch.c: workers that hang or do not dial */
_must_use_ int pool_watch_init(struct pool *pool);
void pool_watch_on_busy(struct pool *pool);
void pool_watch_on_pong(struct pool_seat *seat);
/* Somebody owes jobd an answer: every worker is asked for a sign of life. */
void pool_watch_check(struct pool *pool);
/* We have reached jobd: has everybody else? */
void pool_watch_ask_all(struct pool *pool);
/* Some worker's connection came or went, or ours did. */
void pool_watch_dialling(struct pool *pool);

/* pool_dead.c: records of the dead */
_must_use_ int pool_dead_init(struct pool *pool);
/* Finds the records of earlier pools, and the highest generation ever given. */
_must_use_ int pool_dead_scan(struct pool *pool);
void pool_dead_add(struct pool *pool, uint32_t number, uint64_t generation, bool is_ours,
                   const char *why);
/* Kills what is left and reports what is clean; called when a child died or time passed. */
void pool_dead_sweep(struct pool *pool);
void pool_dead_report_all(struct pool *pool);
void pool_dead_on_ack(struct pool *pool, uint32_t number, uint64_t generation);
void pool_dead_deinit(struct pool *pool);

/* pool_compact.c */
void pool_compact_add(struct pool *pool, const Jobd__Work__Compact *compact);
bool pool_compact_on_exit(struct pool *pool, pid_t pid, int status);
void pool_compact_deinit(struct pool *pool);

/* pool_exec.c: the same process runs a newer program */
/* Returns only when it failed; the pool goes on as it is. */
void pool_exec_again(struct pool *pool);
/* Takes over what the old program handed over in options->state_fd. */
_must_use_ int pool_exec_resume(struct pool *pool);
