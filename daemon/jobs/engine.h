/* SPDX-License-Identifier: Apache-2.0 */
/* The one door to jobs: what may happen to them, in what order it becomes true, who hears of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/loop.h"

#include "daemon/jobs/job_state.h"
#include "daemon/jobs/resources.h"
#include "daemon/jobs/tally.h"
#include "daemon/journal/journal.h"
#include "daemon/workers/workers.h"

struct deps_lookup;
struct engine;
struct job;
struct task;
struct watch_book;

enum engine_answer {
        ENGINE_E_UNKNOWN = 1, /* no such unfinished job (it may have finished: see the journal) */
        ENGINE_E_STATE,       /* its state forbids it */
        ENGINE_E_LIMIT,       /* a limit of the user or the machine */
        ENGINE_E_FULL,        /* the disk is full */
        ENGINE_E_STOPPING,    /* the daemon is shutting down */
        ENGINE_E_BUSY,        /* no room now: again when tasks have ended */
        ENGINE_E_REFUSED,     /* it can never be so */
        ENGINE_E_LATER,       /* under way: the answer is the next change of the task's state */
};

#define ENGINE_ALL_TASKS UINT64_MAX
#define ENGINE_THESE_TASKS (UINT64_MAX - 1) /* retry: those whose rows are given, no others */

/* What one user may have of the machine. */
struct engine_share {
        uint32_t uid;       /* UINT32_MAX: everybody who has no share of his own */
        uint32_t weight;    /* 1 to FAIR_WEIGHT_MAX */
        uint32_t cores_max; /* at once; 0: no cap */
        uint64_t jobs_max;  /* queued tasks; 0: no cap but queued_max_per_user */
};

/* Which jobs may run on no other cores than those that they lease. */
enum engine_affinity {
        ENGINE_AFFINITY_ASKED, /* those that say how many they need */
        ENGINE_AFFINITY_ALWAYS,
        ENGINE_AFFINITY_NEVER,
};

/* A named resource of the machine; a lock that is one for all users has one unit. */
struct engine_resource {
        const char *name;
        uint32_t capacity;
};
#define ENGINE_RESOURCES_MAX 100U /* of a user */
#define ENGINE_LINKS_MAX 2000000U /* of a user's unfinished jobs: what they wait and ask for */

struct engine_options {
        uint64_t grace_usec;
        uint64_t queued_max_per_user, queued_max;
        uint64_t spec_bytes_max_per_user, spec_bytes_max;
        uint64_t output_quota_bytes; /* kept output per user; 0: no limit */
        uint64_t output_cap_bytes;   /* per attempt */
        bool compress;               /* large outputs, after their end */
        bool jobs_are_public;        /* the numbers of others' jobs may be told */
        int spool_fd;                /* borrowed, for ever: errands unlink and open by it */
        uint32_t cores;              /* 0: one for each worker of the pool */
        uint64_t memory_bytes;       /* 0: not counted */
        uint64_t aging_usec;         /* of waiting, as good as a point of priority; 0: none is */
        enum engine_affinity affinity;
        const struct engine_share *shares; /* borrowed until they are set again */
        size_t shares_count;
        const struct engine_resource *resources; /* the same */
        size_t resources_count;
};

struct engine_ops {
        /* The pool's own process came or went. */
        void (*on_pool)(void *arg, bool connected);
};

/* ops, arg: borrowed, outlive the engine. */
_must_use_ int engine_new(struct loop *loop, const struct engine_options *options,
                          const struct engine_ops *ops, void *arg, struct engine **out_engine);
struct engine *engine_free(struct engine *engine);
DEFINE_CLEANUP(struct engine *, engine_free);
void engine_set_options(struct engine *engine, const struct engine_options *options);

/* Loads the rows (before journal_start()); decides those of another boot when the turn comes. */
_must_use_ int engine_restore(struct engine *engine, struct journal *journal);
/* From now on the engine may post to this journal and give leases to these workers. */
void engine_connect(struct engine *engine, struct journal *journal, struct workers *workers);
/* What workers_ops and journal_ops report; daemon.c connects them. `arg` is the engine. */
extern const struct workers_ops engine_workers_ops;
void engine_on_durable(struct engine *engine, uint64_t durable);

/* DECIDE: matches ready tasks with workers. */
void engine_decide(struct engine *engine);
/* COMMIT: hands what this turn posted to the journal thread. A fault ends the daemon. */
_must_use_ int engine_commit(struct engine *engine);
/* The journal sequence of the newest posted event: the barrier of an answer that shows it. */
uint64_t engine_sequence(const struct engine *engine);
/*
 * The journal, with this turn's events handed over first, so that a read through it sees them.
 * NULL after a fault (the daemon is about to end).
 */
struct journal *engine_journal(struct engine *engine);

/* ------------------------------------------------------------------------------------ submit */

/* What a job waits for. */
struct engine_dependency {
        uint8_t kind; /* jobd.DependencyKind */
        bool is_sibling;
        uint64_t job; /* its id; a sibling's: its place in the submission */
};

struct engine_spec {
        /* What the engine itself needs of a job; the rest is in `spec`. */
        const char *name;                 /* NULL when none; borrowed */
        const char *unique_key;           /* NULL when none; borrowed */
        const char *queue;                /* NULL: the default one; borrowed */
        const char *asks;                 /* NULL, or named resources as text (asks.h); borrowed */
        struct journal_blob *spec;        /* borrowed (the engine refs) */
        struct journal_blob *environment; /* borrowed; NULL: empty */
        bool hold, requeue;
        int32_t priority;
        uint32_t cpus;
        uint64_t memory_bytes;
        uint64_t time_limit_usec; /* to guess when its cores are free again; 0: none */
        uint64_t begin_wall_usec;
        uint32_t retries;
        uint64_t retry_delay_usec;
        const uint8_t *retry_on; /* NULL, or 32 bytes */
        uint64_t task_count;     /* 1 without an array, 0 for a map */
        bool is_array;
        uint64_t array_first, array_step;
        uint32_t array_width;
        uint32_t map_values; /* a map with so many values per task, still empty; 0: none */
        /* Arrays and maps: */
        uint64_t start_delay_usec;
        uint8_t halt_on; /* jobd.HaltOn; then either a count or a percentage */
        bool halt_now;
        uint64_t halt_count;
        uint32_t halt_percent;
        const struct engine_dependency *dependencies; /* borrowed; no circle among siblings */
        size_t dependencies_count;
        bool dependencies_any; /* one of them is enough */
        bool keep_waiting;
};

struct engine_submission {
        uint32_t uid, gid;
        const gid_t *groups; /* the others he is in; borrowed */
        size_t groups_count;
        bool is_admin; /* may depend on anybody's jobs, and use every queue */
        uint8_t key[JOURNAL_KEY_BYTES];
        const struct engine_spec *specs;
        size_t specs_count;
};

/*
 * done: at once or later in another turn; first_id 0: r and why say why not (ENGINE_E_LIMIT,
 * REFUSED, FULL, STOPPING). barrier: what the answer must wait for.
 */
typedef void (*engine_submitted_fn)(void *arg, int r, uint64_t first_id, uint32_t count,
                                    bool existing, uint64_t barrier, const struct reason *why);
/*
 * All or none. A key that is known gives the ids of its first use. A single job with a unique_key
 * of an unfinished job gives that one's id. *out_read is set when the answer comes later: cancel
 * it with journal_read_cancel() if the asker dies. Returns 0 or a fault.
 */
_must_use_ int engine_submit(struct engine *engine, const struct engine_submission *submission,
                             engine_submitted_fn done, void *arg, struct journal_read **out_read);

/* ------------------------------------------------------------------------------------ queues */

/*
 * Every change posts a row and returns 0 (its barrier is engine_sequence() right after),
 * ENGINE_E_UNKNOWN or ENGINE_E_STATE, _LIMIT with a sentence, or a fault. Who may was asked before.
 */
struct engine_queue {
        struct journal_queue row; /* its texts live until the queue changes */
        uint64_t jobs_count;      /* unfinished, of all users */
        uint32_t tasks_leased, cores_leased;
};
/* The n-th by age, the default one first; false past the last. */
bool engine_queue_at(const struct engine *engine, size_t index, struct engine_queue *out_queue);
/* By name, NULL: the default one; false with a sentence that says what there is. */
bool engine_queue_find(const struct engine *engine, const char *name,
                       struct engine_queue *out_queue, struct reason *why);
/* May this user put jobs into it? */
bool engine_queue_admits(const struct engine_queue *queue, uint32_t uid, uint32_t gid,
                         const gid_t *groups, size_t groups_count);
#define ENGINE_QUEUES_MAX 256U /* with the default one */
/* row->id and row->is_* are not looked at; row->users NULL: everybody. */
_must_use_ int engine_queue_add(struct engine *engine, const struct journal_queue *row,
                                struct reason *why);
/* row: the whole row as it is to be, by id; the name cannot change. */
_must_use_ int engine_queue_set(struct engine *engine, const struct journal_queue *row,
                                struct reason *why);
/*
 * move_to: NULL, or the queue that gets its unfinished jobs. Refused while a task of it has a
 * worker, and without move_to while a job is in it.
 */
_must_use_ int engine_queue_remove(struct engine *engine, const char *name, const char *move_to,
                                   struct reason *why);
/* NULL: it is gone. */
const char *engine_queue_name(const struct engine *engine, uint32_t id);
const char *engine_job_queue(const struct job *job);
uint32_t engine_job_queue_id(const struct job *job);

/* ------------------------------------------------------------------------------------ update */

/* What a queued job shall be from now on. */
struct engine_update {
        uint64_t id;
        /* As it would be submitted now. Unique key, array and map are not looked at, and hold and
         * begin and queue and what it waits for only if they are set here. */
        struct engine_spec spec;
        bool sets_name, sets_hold, sets_begin, sets_queue;
        bool sets_dependencies; /* and whether one is enough; no siblings among them */
        bool sets_keep_waiting;
        struct deps_lookup *lookup; /* by engine_update_prepare(), of all; borrowed; or NULL */
        const char *detail;         /* what has changed: for the history; borrowed */
        uint64_t read_sequence;     /* engine_sequence() before its old specification was read */
};
/* Has it something that did not start yet? Then it may be changed. */
bool engine_is_updatable(const struct job *job);
/*
 * What the new dependencies name and memory does not tell must be read before. *out_lookup: owned
 * by the caller, for the engine's life at most; NULL: nothing must. 0 or a fault.
 */
_must_use_ int engine_update_prepare(struct engine *engine, const struct engine_submission *asker,
                                     const struct engine_update *updates, size_t count,
                                     struct deps_lookup **out_lookup);
/* Reads it; done: in a later turn, with 0 or a fault. Until then *out_read may be cancelled. */
_must_use_ int engine_lookup_run(struct deps_lookup *lookup, void (*done)(void *arg, int fault),
                                 void *arg, struct journal_read **out_read);
struct deps_lookup *engine_lookup_free(struct deps_lookup *lookup);
/*
 * Changes all of these jobs or none (asker: who wants it, as for a submission; no jobs in it): then
 * *out_index is the first that cannot be changed, and why says so. ENGINE_E_STATE (it runs, or has
 * ended, or a new dependency can never come true), _UNKNOWN (there is no such parent), _REFUSED (it
 * could never start), _LIMIT, _FULL, or _BUSY: its specification was changed
 * after the read. Tasks that a worker has already keep what they were started with. The barrier of
 * a 0 is engine_sequence() right after.
 */
_must_use_ int engine_update(struct engine *engine, const struct engine_submission *asker,
                             const struct engine_update *updates, size_t count, size_t *out_index,
                             struct reason *why);

/* -------------------------------------------------------------------------------------- maps */

/* Are the job's tasks counted, and ended by themselves? An array of one task is a plain job. */
static inline bool engine_row_is_many(const struct journal_job *row)
{
        return row->task_count != 1 || row->map_values > 0;
}

struct engine_chunk {
        uint64_t number;             /* from 0 */
        uint64_t count;              /* of values */
        struct journal_blob *values; /* borrowed (the engine refs): each ended by a zero byte */
};
/*
 * Adds a chunk of input to an open map. A number that is known adds nothing. 0 (its barrier is
 * engine_sequence() right after), or ENGINE_E_STATE, _LIMIT, _FULL with a sentence, or _BUSY: the
 * queue is full.
 */
_must_use_ int engine_append(struct engine *engine, struct job *job,
                             const struct engine_chunk *chunk, uint64_t *out_task_count,
                             struct reason *why);
/*
 * No more than `chunks` chunks will come. cut: NULL, or why there should have been more. No-op when
 * it is closed. ENGINE_E_STATE when chunks are missing.
 */
_must_use_ int engine_close_input(struct engine *engine, struct job *job, uint64_t chunks,
                                  const char *cut, struct reason *why);
/* Somebody appends to this job, and is gone: after 60 s without any the input is cut. */
void engine_add_appender(struct engine *engine, struct job *job);
void engine_remove_appender(struct engine *engine, struct job *job);
/* Tasks below next_task were written by the job's owner; also of a finished job. */
void engine_seen(struct engine *engine, uint64_t id, uint64_t next_task);

/* --------------------------------------------------------------------------- named resources */

/* A user's own resource, made or changed. ENGINE_E_STATE or _LIMIT with a sentence. */
_must_use_ int engine_resource_set(struct engine *engine, uint32_t uid, const char *name,
                                   uint32_t capacity, struct reason *why);
/* ENGINE_E_REFUSED: there is none; ENGINE_E_STATE: unfinished jobs ask for it. */
_must_use_ int engine_resource_remove(struct engine *engine, uint32_t uid, const char *name,
                                      struct reason *why);
/* To look at. */
const struct resource_book *engine_resources(const struct engine *engine);
/* The job of a waiting claim (struct resource_taker's claim_arg); 0: a process's. */
uint64_t engine_claimant_job(const void *claim_arg);

/* -------------------------------------------------------------------------------------- acts */

/*
 * What is done to jobs from here on is done by this user, until it is ENGINE_NOBODY again: the
 * history of somebody else's job tells who it was, "by {uid:0}".
 */
#define ENGINE_NOBODY UINT32_MAX
uint32_t engine_set_actor(struct engine *engine, uint32_t uid); /* returns who it was before */
/* The unfinished job with this id, or NULL. Valid until this turn's callbacks end. */
struct job *engine_find(struct engine *engine, uint64_t id);
uint32_t engine_job_uid(const struct job *job);
uint64_t engine_job_id(const struct job *job);
/* Where watches on jobs are registered: see watch.h. */
struct watch_book *engine_watches(struct engine *engine);
/* The next unfinished job of a user with id > after, or NULL. */
struct job *engine_next_job(struct engine *engine, uint32_t uid, uint64_t after_id);
/* Users with unfinished jobs: the next one with uid > after; false when there is none. */
bool engine_next_user(struct engine *engine, int64_t after_uid, uint32_t *out_uid);

/*
 * grace_usec: TERM to KILL, USEC_NONE for the daemon's own.
 * Each posts its events and returns 0, or ENGINE_E_STATE / ENGINE_E_LATER with a sentence. task:
 * a task's number, or ENGINE_ALL_TASKS. The barrier of a 0 is engine_sequence() right after.
 * LATER: a starting task's cancel is decided by its worker; watch the job (watch.h): the answer is
 * due at the first news in which engine_act_is_pending() is false. A pause of a starting task waits
 * likewise.
 */
_must_use_ int engine_cancel(struct engine *engine, struct job *job, uint64_t task,
                             uint64_t grace_usec, struct reason *why);
bool engine_act_is_pending(const struct job *job, uint64_t task);
_must_use_ int engine_signal(struct engine *engine, struct job *job, uint64_t task, uint32_t signo,
                             struct reason *why);
_must_use_ int engine_pause(struct engine *engine, struct job *job, uint64_t task,
                            struct reason *why);
_must_use_ int engine_resume(struct engine *engine, struct job *job, uint64_t task,
                             struct reason *why);
_must_use_ int engine_hold(struct engine *engine, struct job *job, struct reason *why);
_must_use_ int engine_release(struct engine *engine, struct job *job, struct reason *why);

enum engine_retry {
        ENGINE_RETRY_ALL,    /* every finished task */
        ENGINE_RETRY_FAILED, /* those that did not succeed */
        ENGINE_RETRY_LOST,
};
/*
 * Queues finished tasks again. row: as the journal answered; tasks: at least the rows that
 * engine_retry_wants(), by rising number, and for ENGINE_ALL_TASKS the last row that there is: the
 * tasks behind it never began and are queued, too. When the job is unfinished now, what is in
 * memory counts. ENGINE_E_STATE when there is nothing to retry.
 */
_must_use_ int engine_retry(struct engine *engine, const struct journal_job *row,
                            const struct journal_task *tasks, size_t tasks_count, uint64_t task,
                            enum engine_retry which, struct reason *why);
bool engine_retry_wants(enum engine_retry which, const struct journal_task *row);
/* Forgets finished jobs (rows and files); ids of unfinished ones are skipped. Returns how many. */
_must_use_ int engine_drop(struct engine *engine, const struct journal_page *page,
                           uint64_t *out_dropped);

/* ------------------------------------------------------------------------------------- state */

/*
 * A client inside this task (by its JOBD_TASK_ID) of this uid's job waits for other jobs: the task
 * lends its cores. Gives what engine_unlend() wants when the waiting is over, or 0: nothing is
 * lent.
 */
uint64_t engine_lend(struct engine *engine, uint64_t job, uint64_t task_id, uint32_t uid);
void engine_unlend(struct engine *engine, uint64_t lease);

/* Cores that there are to lease. */
uint32_t engine_cores(const struct engine *engine);

/* What is in memory of a job, for answers; the rows have the rest. */
struct engine_view {
        enum job_state state; /* of the job: the most alive of its tasks' states */
        uint32_t blockers;    /* jobd.Blocker bits */
        uint64_t begin_wall_usec;
        uint64_t task_count;
        uint64_t by_state[JOB_STATE_COUNT];
        uint64_t barrier;
        bool is_many;       /* an array of several tasks, or a map */
        bool is_open;       /* a map that takes input */
        uint64_t task_next; /* tasks from here on never started */
        uint64_t seen_task;
        uint64_t run_usec, run_count; /* of the tasks that ended since this jobd started */
};
void engine_view_job(const struct engine *engine, const struct job *job,
                     struct engine_view *out_view);
/* What the job still waits for of other jobs: at most `max`; returns how many. */
struct engine_waited {
        uint8_t kind; /* jobd.DependencyKind */
        bool is_impossible;
        uint64_t job;
};
size_t engine_view_dependencies(const struct job *job, struct engine_waited *out_list, size_t max);
/* Why it waits in vain, "afterok:17: job 17 failed"; false: it does not. */
bool engine_describe_dependency(const struct job *job, char *buf, size_t size);

struct engine_task_view {
        enum job_state state;
        uint32_t attempt; /* the current one, from 1; 0 when none began */
        uint32_t pid;
        uint64_t output_bytes;
        bool spooled;
        uint64_t stdin_taken;
        bool attached; /* its worker has it and can be told things; else stdin_taken is not known */
        uint64_t barrier;
};
/* false: no such task. */
bool engine_view_task(const struct engine *engine, const struct job *job, uint64_t task,
                      struct engine_task_view *out_view);

#define ENGINE_WHY_TEXT_MAX 320
/* Why an unfinished job is where it is. */
struct engine_why {
        /* "is held: ...": half a sentence, its subject is the job. With marks for the client to put
         * into words: {uid:N}, {time:WALL_USEC}, {for:USEC}. */
        char text[ENGINE_WHY_TEXT_MAX];
        uint64_t wait_usec; /* about so long until it starts; 0: not known */
};
/* count_max: of the jobs before it no more are counted. */
void engine_why(const struct engine *engine, const struct job *job, uint64_t count_max,
                struct engine_why *out_why);

struct engine_counts {
        uint64_t queued_tasks, leased_tasks, finished_tasks; /* finished: since the start */
        uint32_t workers_alive, workers_busy;
        bool draining, stopping;
};
void engine_count(const struct engine *engine, struct engine_counts *out_counts);
void engine_count_user(const struct engine *engine, uint32_t uid, uint64_t *out_queued,
                       uint64_t *out_leased);

/* What was counted, and what there is to lease. */
const struct tally *engine_tally(const struct engine *engine);
void engine_tally_machine(const struct engine *engine, struct tally_machine *out_machine);
/*
 * The first max - 1 users that jobd has seen since its start, and in the last place the next one,
 * or the sum of all others with uid UINT32_MAX. Returns how many; max >= 1.
 */
size_t engine_tally_users(const struct engine *engine, struct tally_user *out_users, size_t max);
/* One of them; false: never seen. */
bool engine_tally_user(const struct engine *engine, uint32_t uid, struct tally_user *out_user);
/* The first max queues by age; the names are borrowed for the turn. Returns how many. */
size_t engine_tally_queues(const struct engine *engine, struct tally_queue *out_queues, size_t max);

/* What worker `number` runs: false when nothing. */
bool engine_worker_task(const struct engine *engine, uint32_t number, uint64_t *out_job,
                        uint64_t *out_task, uint32_t *out_leases);

/*
 * No more starts (drain), also after a restart; `on` false: start again. The barrier is
 * engine_sequence() right after.
 */
void engine_drain(struct engine *engine, bool on);
bool engine_is_draining(const struct engine *engine);
bool engine_is_stopping(const struct engine *engine);
/* No more submissions or starts; `now` also cancels what runs. */
void engine_stop(struct engine *engine, bool now);
/* Nothing is leased: a stopping daemon may end. */
bool engine_is_quiet(const struct engine *engine);
/* Nothing is unfinished. */
bool engine_is_empty(const struct engine *engine);
/* Tells after each turn in which events were posted (the events command follows by it). */
uint64_t engine_events_posted(const struct engine *engine);

/* ------------------------------------------------------------------------- output and stdin */

/* Somebody watches the output of this leased task: the worker sends it (again, from offset 0, what
 * it has in memory; Spooled and Grown when it is a file). on false: nobody any more. */
void engine_follow(struct engine *engine, struct job *job, uint64_t task, bool on);
/* For stdin_pipe jobs; ignored unless the task is leased and has started or may start. */
void engine_stdin(struct engine *engine, struct job *job, uint64_t task, uint64_t offset,
                  const void *data, size_t size, bool end);
/* The name of an attempt's file in the spool folder: the same text as proto/spool.h's. */
void engine_spool_name(char *out_name, size_t size, uint64_t job, uint64_t task, uint32_t attempt,
                       bool compressed);
/* Opens the output file of an attempt, on the journal thread; done gets an owned fd or < 0. */
_must_use_ int engine_open_spool(struct engine *engine, uint64_t job, uint64_t task,
                                 uint32_t attempt, void (*done)(void *arg, int fd, bool compressed),
                                 void *arg);
