/* SPDX-License-Identifier: Apache-2.0 */
/* An engine and a journal played by the test: a table of jobs, and a trace of what was asked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/jobs/engine.h"
#include "daemon/jobs/grants.h"
#include "daemon/jobs/queues.h"
#include "daemon/jobs/watch.h"

#define FAKE_TASKS_MIN 4U /* every job has room for so many */
#define FAKE_CHUNKS_MAX 16
#define FAKE_TRACE_MAX 65536

struct fake_task {
        struct journal_task row;
        struct journal_blob *output; /* owned */
};

/* A job is a row; while `is_open` the engine has it in memory, too. */
struct job {
        struct journal_job row;
        bool is_open;
        bool is_dropped;
        bool cancel_is_later; /* engine_cancel() answers ENGINE_E_LATER, */
        bool cancel_is_pending;
        char name[32];
        struct fake_task *tasks; /* owned, by number; those below row.task_next have rows */
        uint64_t tasks_room;
        bool spooled[FAKE_TASKS_MIN];
        struct fake_chunk {
                uint64_t first_task, count;  /* of values */
                struct journal_blob *values; /* owned */
        } chunks[FAKE_CHUNKS_MAX];           /* row.chunk_next of them, of a map */
        uint32_t appenders_count;
        uint64_t stdin_taken;
        bool is_detached; /* its worker is away */
        uint64_t barrier;
};

struct engine {
        struct loop *loop;
        struct watch_book *watches; /* owned */
        struct job **jobs;          /* owned; job n stands at n - 1 */
        size_t jobs_count, jobs_room;
        struct queues queues; /* owned */
        uint64_t last_id;
        uint64_t sequence;
        char trace[FAKE_TRACE_MAX]; /* "cancel(17,all) follow(17.0,on) " */

        /* submit */
        int submit_answer;       /* ENGINE_E_*, or 0 */
        bool submit_is_existing; /* the key is known: answered with a read */
        struct engine_spec spec; /* of the last submission, first job; pointers are not valid */
        uint8_t retry_on[32];
        char spec_name[32];
        char spec_queue[32];
        bool is_admin;
        size_t environments_count; /* different blobs */

        /* locks */
        struct resource_book *book;              /* owned; what the test puts there */
        int lock_answer;                         /* ENGINE_E_*, or 0: as asked for */
        const char *lock_sentence;               /* with it */
        uint8_t lock_token[JOURNAL_TOKEN_BYTES]; /* of the last asking */
        uint64_t lock_start;
        grant_fn lock_done;
        void *lock_arg;

        /* maps */
        bool is_queue_full;

        /* the journal */
        struct journal_read *reads; /* owned, oldest first */
        size_t reads_count;         /* asked so far */
        uint64_t read_before_id;    /* of the last question for jobs */
        bool is_holding_reads;
        uint32_t page_max; /* jobs in a page, besides the query's own limit; 0: none */
        struct journal_event events[64];
        size_t events_count;
        bool is_disk_full;

        uint32_t actor_uid;   /* who acts just now; ENGINE_NOBODY */
        uint32_t updated_uid; /* who did the last update */
        /* what was counted; the test's own */
        struct tally tally;
        struct tally_machine machine;
        const struct tally_user *users;
        size_t users_count;
        struct journal_totals *totals; /* slices, the test's own */
        size_t totals_count, totals_told;

        /* open_spool */
        int spool_fd; /* owned; duplicated for each that opens; -1: there is no file */
        bool spool_is_compressed;
        bool is_holding_spool;
};

void fake_engine_init(struct engine *engine, struct loop *loop);
void fake_engine_deinit(struct engine *engine);
/* Writes into engine->trace. */
void fake_trace(struct engine *engine, const char *fmt, ...) _printf_(2, 3);
void fake_locks_init(struct engine *engine);
/* The lock is held now, or will not be (r, why). */
void fake_end_lock(struct engine *engine, int r, const char *why);
/* Answers the reads and openings that were asked for. Called in each turn. */
void fake_engine_answer(struct engine *engine);
/* The journal is closed: what was asked is never answered. */
void fake_journal_close(struct engine *engine);

/* Open or not; NULL when it never was, or was dropped. */
struct job *fake_row(const struct engine *engine, uint64_t id);
/* A queued job of one task. */
struct job *fake_add(struct engine *engine, uint32_t uid);
/* An open map of one value per task, with so many tasks, all queued. */
struct job *fake_add_map(struct engine *engine, uint32_t uid, uint64_t tasks_count);
/* Tasks are added to a map, as many as that it has so many then. */
void fake_grow(struct job *job, uint64_t tasks_count);
/* The same, finished: with a task row. */
struct job *fake_add_finished(struct engine *engine, uint32_t uid, enum job_state state,
                              int32_t exit_code);
/* Its Spec is then twice as long as the value. */
void fake_set_label(struct job *job, const char *key, const char *value);
void fake_set_output(struct job *job, uint64_t task, const char *log);
/* The task moves: memory, row and watches. An attempt begins with JOB_EV_STARTED. */
void fake_tell(struct engine *engine, struct job *job, uint64_t task, enum job_event event,
               enum job_state state);
/* The same for the end of the whole job, with inline output (may be NULL). */
void fake_finish(struct engine *engine, struct job *job, enum job_state state, int32_t exit_code,
                 const char *log);
/* A task of many ends; fake_tell() with its exit code and inline output (may be NULL). */
void fake_end_task(struct engine *engine, struct job *job, uint64_t task, enum job_state state,
                   int32_t exit_code, const char *log);
/* Those that never began are cancelled, in one piece of news; with it the job may end. */
void fake_cancel_rest(struct engine *engine, struct job *job, bool ends_job);
/* The end of many, by the close of its input. */
void fake_close(struct engine *engine, struct job *job, enum job_state state, const char *why);
void fake_say_output(struct engine *engine, struct job *job, uint64_t offset, const char *text);
void fake_say_spooled(struct engine *engine, struct job *job, uint64_t size);
void fake_say_grown(struct engine *engine, struct job *job, uint64_t size);
void fake_say_stdin(struct engine *engine, struct job *job, uint64_t taken, bool closed);
