/* SPDX-License-Identifier: Apache-2.0 */
/* A journal in memory and workers that only remember: what the engine stands on, for its tests. */
#pragma once

#include "daemon/jobs/engine.h"
#include "daemon/jobs/watch.h"

#define FAKE_MAX 256

enum fake_order {
        FAKE_NONE,
        FAKE_START,
        FAKE_REVOKE,
        FAKE_CANCEL,
        FAKE_SIGNAL,
        FAKE_PAUSE,
        FAKE_RESUME,
        FAKE_ACK,
};

struct fake_sent {
        enum fake_order order;
        uint32_t worker;
        uint64_t lease, job, task, barrier;
        uint32_t attempt, slot;
        uint32_t cores[32], cores_count;
        bool bind;
        uint64_t spec_version;
        size_t spec_size;
        char values[64]; /* a map's, with commas for the zero bytes */
};

struct fake_input {
        uint64_t job, number, first_task, count;
        struct journal_blob *values; /* owned */
};

#define FAKE_WORKERS_MAX 64
#define FAKE_WORKERS 8 /* wanted, unless the test says otherwise */

/* Everything a test looks at; reset by fake_setup(). */
struct fake {
        struct loop *loop;
        struct engine *engine;
        struct worker *workers[FAKE_WORKERS_MAX];
        struct fake_sent sent[FAKE_MAX];
        size_t sent_count;
        /* What the journal was given. */
        struct journal_job jobs[FAKE_MAX];            /* by id */
        char names[FAKE_MAX][32], whys[FAKE_MAX][96]; /* copies of theirs */
        struct journal_task tasks[FAKE_MAX];
        size_t tasks_count;
        struct journal_dependency dependencies[FAKE_MAX];
        size_t dependencies_count;
        uint8_t events[FAKE_MAX];
        size_t events_count;
        char detail[96]; /* of the newest event */
        uint64_t posted, durable;
        struct fake_input inputs[FAKE_MAX];
        size_t inputs_count;
        size_t fetches_count; /* ever made, of both kinds */
        size_t outputs_count;
        struct journal_queue queues[ENGINE_QUEUES_MAX + 1]; /* by id; name NULL: none */
        char queue_names[ENGINE_QUEUES_MAX + 1][32], queue_users[ENGINE_QUEUES_MAX + 1][32];
        uint32_t last_queue_id;
        size_t updates_count;
        bool is_drain_written;
        bool disk_full;
        bool key_known;
        bool holds_reads; /* reads by filter wait for fake_answer() */
        bool holds_all_reads;
        bool is_journal_closed; /* no read can be taken back any more */
        size_t held_count;      /* of those that wait */
        uint64_t commit_usec;
        uint32_t dead_acked;
        bool is_pool_away, pool_knows_nobody;
        uint32_t wanted; /* size of the pool; 0: FAKE_WORKERS */
        /* For runs of any length: rows are not kept, and orders go here instead of into `sent`. */
        void (*on_order)(const struct fake_sent *order);
        bool is_timed;               /* turns are not to be looked at */
        uint32_t extra;              /* workers_set_extra() */
        uint32_t weight_uid, weight; /* as the pool was last told */
};
extern struct fake fake;

void fake_setup(void);
void fake_teardown(void);
/* A worker with this number attaches, holding nothing, and is ready. */
struct worker *fake_attach(uint32_t number);
/* One that has not told yet what it holds. */
struct worker *fake_dial(uint32_t number);
void fake_detach(struct worker *worker);
/* Throws the memory away and reads the rows back, as after a crash. */
void fake_restart(void);
/* One turn: decide, commit, and the journal makes it durable and answers the fetches. */
void fake_turn(void);
/* The same without the journal's answer. */
void fake_turn_undurable(void);
void fake_make_durable(void);
/* Answers the read that has waited longest. */
void fake_answer(void);
/* The newest row of this task, or NULL. */
const struct journal_task *fake_task_row(uint64_t job, uint64_t task);
/* The n-th order of this kind, or NULL. */
const struct fake_sent *fake_find(enum fake_order order, size_t nth);
size_t fake_count(enum fake_order order);
/* Submits one job of this user; 0 when refused (the reason is in fake_why). */
uint64_t fake_submit(uint32_t uid, const struct engine_spec *spec);
extern char fake_why[256];
/* The same for several at once; the first id. */
uint64_t fake_submit_many(uint32_t uid, const struct engine_spec *specs, size_t count);
/* Submits a first job, of user 1000, and brings it to its worker; its lease. */
uint64_t fake_start_one(uint64_t *out_job);
/* As the job is told to be: in memory, or by its last row. */
enum job_state fake_state(uint64_t job);
/* Rows of dependencies that this job has. */
size_t fake_dependencies(uint64_t job);
/* Appends chunk `number` to a map: `text` with commas in place of zero bytes ("a,b,"). */
int fake_append(uint64_t job, uint64_t number, const char *text);
void fake_exit(struct worker *worker, uint64_t lease, int code);
