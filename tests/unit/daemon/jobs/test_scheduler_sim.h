/* SPDX-License-Identifier: Apache-2.0 */
/* A machine in virtual time around the engine, and the rules of sharing that it is held to. */
#pragma once

#include <check.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"

#define SIM_USERS_MAX 64
#define SIM_UID 1000U /* of the first user; the others follow */

/* A job as the test asked for it, and how far it is by what the workers saw. */
struct sim_job {
        uint64_t id;
        uint32_t user, queue; /* number of the user, id of the queue */
        uint32_t cores;
        uint64_t memory_bytes;
        int32_t priority;
        uint32_t width; /* workers at once; 0: no limit */
        uint64_t tasks_count;
        uint64_t limit_usec;              /* 0: none */
        uint64_t run_usec, run_span_usec; /* each task: run_usec and less than the span more */
        uint64_t submit_usec;
        uint64_t first_start_usec; /* USEC_NONE: not yet */
        uint64_t end_usec;         /* of the last task; USEC_NONE: not yet */
        uint64_t leased_count;     /* tasks that workers have, or have ended */
        uint64_t ended_count;
        bool hold;
};

#define SIM_SLOTS 32
struct sim_worker {
        uint64_t leases[SIM_SLOTS]; /* the first one runs */
        uint32_t leases_count;
        bool is_running;
        uint64_t start_usec, end_usec;
};

struct sim_lease {
        uint64_t job, task;
};

struct sim {
        uint64_t now_usec;
        uint32_t workers_count, cores, users_count;
        uint64_t memory_bytes; /* 0: not counted */
        uint64_t aging_usec;
        struct engine_share shares[SIM_USERS_MAX];
        struct sim_worker workers[FAKE_WORKERS_MAX];
        struct sim_job *jobs; /* by id */
        size_t jobs_count, jobs_size;
        size_t open_from; /* all jobs before have ended */
        struct sim_lease *leases;
        size_t leases_size;
        struct fake_sent orders[8192]; /* of this turn */
        size_t orders_count;
        uint64_t got_usec[SIM_USERS_MAX]; /* core-time that each user has received */
        uint64_t starts_count, revokes_count, ahead_count;
        bool is_unchecked; /* for runs that are too large for the rules */
        bool is_exact;     /* all time limits are there and right */
};
extern struct sim sim;

/* As ck_assert(), which writes into a file each time that it is reached. */
#define sim_require_msg(condition, ...)                                                            \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        ck_abort_msg(__VA_ARGS__);                                                 \
        } while (0)
#define sim_require(condition) sim_require_msg(condition, "%s is not so", #condition)

/* Fresh: so many cores, workers and users of weight 100 without caps. */
void sim_setup(uint32_t cores, uint32_t workers, uint32_t users);
void sim_teardown(void);
/* sim.memory_bytes, aging_usec and shares go to the engine. */
void sim_configure(void);
struct queue *sim_add_queue(uint32_t id, enum queue_policy policy);
/* Submits now; 0 cores, tasks: 1. Valid until the next one. NULL: refused (fake_why). */
struct sim_job *sim_submit(const struct sim_job *asked);
struct sim_job *sim_job(uint64_t id);
void sim_hold(struct sim_job *job, bool on);
/* Turns until nothing is sent any more. */
void sim_settle(void);
/* The next end of a task, at most until then; false: nothing ended before. */
bool sim_step(uint64_t until_usec);
void sim_run(uint64_t until_usec);
/* Until all jobs have ended; fails when they do not by then. */
void sim_finish(uint64_t until_usec);

/* ------------------------------------------------------------------------------ by the machine */

uint32_t sim_free_cores(void);
uint64_t sim_free_memory(void);
uint32_t sim_user_cores(uint32_t user);
void sim_queue_use(uint32_t queue, uint32_t *out_tasks, uint32_t *out_cores);
uint32_t sim_job_workers(const struct sim_job *job); /* that have tasks of it */
/* When it would fit if nothing started any more; by the time limits. */
uint64_t sim_shadow(const struct sim_job *job, uint32_t *out_spare_cores,
                    uint64_t *out_spare_memory);

/* ---------------------------------------------------------------------- test_scheduler_rules.c */

/* A worker gets this task; the machine is as it was right before. */
void sim_check_start(const struct sim_job *job, const struct sim_worker *worker);
/* Nothing more is going to start: is anybody kept waiting for nothing? */
void sim_check_settled(void);
