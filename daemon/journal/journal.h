/* SPDX-License-Identifier: Apache-2.0 */
/* The durable store: rows in, one synced transaction per batch, answers in order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/histogram.h"
#include "common/loop.h"
#include "common/spread.h"

struct journal;
struct journal_batch;

#define JOURNAL_KEY_BYTES 16
#define JOURNAL_TOKEN_BYTES 16
#define JOURNAL_PAGE_MAX 1000U

enum journal_answer {
        JOURNAL_E_REFUSED = 1, /* open: the reason says what stands in the way and what to do */
        JOURNAL_E_LATER,       /* open: the same, but it may pass by itself, such as a full disk */
        JOURNAL_E_ABSENT,
};

/* ------------------------------------------------------------------------------------- blobs */

/* Immutable bytes shared by the loop and the journal thread; the count is atomic. */
struct journal_blob {
        size_t size;
        const uint8_t *data;
};
/* Takes over `data` (malloc'd), also when this fails. The count starts at 1. */
_must_use_ int journal_blob_new(void *data, size_t size, struct journal_blob **out_blob);
struct journal_blob *journal_blob_ref(struct journal_blob *blob); /* NULL-safe; returns blob */
struct journal_blob *journal_blob_unref(struct journal_blob *blob);
DEFINE_CLEANUP(struct journal_blob *, journal_blob_unref);

/* -------------------------------------------------------------------------------------- rows */

/*
 * A row of `job`. The journal does not interpret states; `finished` is its only flag. Texts and
 * blobs are borrowed by journal_put_job() for the call (texts copied, blobs referenced), and in a
 * row that comes out they live as long as that row (see journal_page).
 */
struct journal_job {
        uint64_t id;
        uint32_t uid;
        uint32_t gid;
        uint8_t state; /* enum job_state of daemon/jobs */
        bool finished;
        bool hold;
        bool requeue;
        int32_t priority;
        uint32_t cpus;
        uint64_t memory_bytes;
        uint64_t submit_wall_usec;
        uint64_t begin_wall_usec; /* 0: none */
        uint64_t end_wall_usec;   /* 0: not ended */
        uint64_t task_count;
        uint64_t task_next; /* tasks below it have a row of their own, or had one */
        uint64_t array_first, array_step;
        uint32_t array_width; /* 0: no limit */
        uint32_t retries;
        uint64_t retry_delay_usec;
        const uint8_t *retry_on;         /* NULL, or 32 bytes: a bit per exit code */
        uint64_t tasks_ok, tasks_failed; /* of those that ended */
        uint64_t tasks_cancelled, tasks_timeout, tasks_oom, tasks_lost; /* of tasks_failed */
        const char *name;                                               /* NULL when none */
        const char *unique_key;                                         /* NULL when none */
        const char *why;                                                /* NULL when none */
        struct journal_blob *spec;        /* packed jobd.Spec; NULL in rows read without it */
        struct journal_blob *environment; /* packed jobd.Environment, stored once by content */
        uint64_t spec_bytes;              /* size of spec; only in rows that come out */
        uint32_t map_values;              /* a map: values of a task; 0: it is none */
        uint8_t input;                    /* enum journal_input */
        uint64_t chunk_next;              /* chunks of input below it are stored */
        uint64_t input_bytes;             /* of all of them */
        uint64_t seen_task;               /* tasks below it were shown to their owner */
        uint64_t start_delay_usec;        /* between the starts of two tasks */
        uint8_t halt_on;                  /* jobd.HaltOn */
        bool halt_now;
        uint64_t halt_count;      /* 0, or give up after so many */
        uint32_t halt_percent;    /* 0, or after so many percent */
        uint32_t queue;           /* id of a journal_queue; 0: the default one */
        uint64_t time_limit_usec; /* as submitted; 0: none */
        const char *asks;         /* NULL, or what it takes of named resources (asks.h) */
};

enum journal_input {
        JOURNAL_INPUT_CLOSED, /* no more chunks; every job that is no map */
        JOURNAL_INPUT_OPEN,
        JOURNAL_INPUT_CUT, /* closed before its end */
};

/* A row of `task`: its newest attempt. Made when the task first starts, or ends without a start. */
struct journal_task {
        uint64_t job;
        uint64_t task;
        uint8_t state;
        uint8_t stop_reason; /* enum job_stop: why it is stopping, 0 none */
        bool started;        /* GO is known to have been given */
        uint32_t attempt;    /* attempts begun: 0 before the first GO */
        uint64_t lease;      /* of the newest assignment */
        uint32_t worker;
        uint32_t slot;    /* of the job's workers, from 1; 0: none, or no array or map */
        const char *held; /* NULL, or ids of named resources it has while leased (asks.h) */
        uint64_t generation;
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES]; /* of the newest assignment */
        uint32_t pid;
        uint64_t retry_wall_usec; /* not before; 0: none */
        uint64_t start_wall_usec;
        uint64_t end_wall_usec;
        uint64_t run_usec;
        int32_t exit_code;    /* -1: none */
        uint32_t exit_signal; /* 0: none */
        uint64_t user_usec, system_usec;
        uint64_t memory_peak_bytes, read_bytes, write_bytes;
        uint64_t output_bytes;      /* length of the record log */
        uint64_t output_disk_bytes; /* what it occupies: in the database or as a file */
        uint8_t output_where;       /* enum journal_where */
        bool output_cut;
        const char *why; /* NULL when none */
};

enum journal_where {
        JOURNAL_OUTPUT_NONE,
        JOURNAL_OUTPUT_INLINE, /* in table `output` */
        JOURNAL_OUTPUT_SPOOL,
        JOURNAL_OUTPUT_ZSTD,
};

/*
 * A row of `dependency`: what an unfinished job waits for. kind and flags are daemon/jobs' own.
 * Rows go when they are decided, and with their job's end.
 */
struct journal_dependency {
        uint64_t job;
        uint32_t ordinal; /* of the job's dependencies */
        uint8_t kind;
        uint8_t flags;
        uint64_t parent;
        uint8_t parent_state; /* only in rows that come out: what it ended with; 0: unfinished */
};

/* A row of `queue`. Texts as in struct journal_job. */
struct journal_queue {
        uint32_t id; /* never used twice */
        const char *name;
        uint8_t policy;       /* enum queue_policy of daemon/jobs */
        uint32_t width_tasks; /* 0: no limit; so are the next three */
        uint32_t width_cores;
        uint64_t time_limit_usec; /* for jobs that do not say; so are the next three */
        uint64_t memory_bytes;
        uint32_t cpus;
        int32_t priority;
        uint32_t weight; /* hundredths */
        bool is_paused, is_draining;
        uint32_t owner_uid; /* who made it */
        const char *users;  /* who may use it: "1000,@100"; NULL: everybody */
};

/* A lock that a process holds. name: borrowed, as above. */
struct journal_grant {
        uint32_t uid;
        uint8_t token[JOURNAL_TOKEN_BYTES]; /* of the asking; with the uid: which one */
        const char *name;
        bool shared;
        uint32_t pid;
        uint64_t start; /* of the process, in clock ticks since boot; 0: not known */
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        uint64_t job, task; /* it is inside; job 0: none */
};

/* A row of `event`: history, never read at start. `kind` is enum job_event of daemon/jobs. */
struct journal_event {
        uint64_t seq; /* the journal sequence; strictly rising */
        uint64_t wall_usec;
        uint64_t job;
        uint64_t task;
        uint32_t uid;
        uint8_t kind;
        uint8_t state;      /* afterwards */
        const char *detail; /* NULL when none */
};

/* ---------------------------------------------------------------------------------- life time */

struct journal_options {
        const char *state_dir;  /* borrowed for the call: exists, ours, locked by the caller */
        uint64_t floor_bytes;   /* submissions are refused below so much free space (256 MiB) */
        uint64_t reserve_bytes; /* the WAL is grown once to this (64 MiB) and kept */
        uint64_t key_keep_usec; /* how long submit keys are remembered: at least 24 h */
};

struct journal_ops {
        /* Everything posted with a sequence <= durable is on stable storage. On the loop. */
        void (*on_durable)(void *arg, uint64_t durable);
        /* The store failed; outcome of what was posted is unknown. The daemon must exit. */
        void (*on_failed)(void *arg, const char *sentence);
        /* journal_is_disk_full() changed. */
        void (*on_disk)(void *arg, bool full);
};

/*
 * Opens or makes the database in the state folder: checks owner and marker, schema version
 * (migrating older ones), quick_check, high-water file; rewrites the file first if the last run
 * ended by an I/O error. Starts no thread yet. JOURNAL_E_REFUSED or _LATER with a sentence, or a
 * fault. A database below the high-water file is refused until somebody makes a file `accept-loss`
 * in the state folder, which is used up by the next start.
 */
_must_use_ int journal_open(const struct journal_options *options, struct journal **out_journal,
                            struct reason *why);
/*
 * Starts the thread; callbacks come on `loop` from now on, and may post, ask and cancel, but not
 * close the journal. ops, arg: borrowed until journal_close(). After on_failed() nothing more is
 * committed: batches are dropped, reads answer with a fault, errands are not run (-ECANCELED).
 */
_must_use_ int journal_start(struct journal *journal, struct loop *loop,
                             const struct journal_ops *ops, void *arg);
/* Commits what was posted, ends the thread, closes. Callbacks that were due are not called. */
struct journal *journal_close(struct journal *journal);
DEFINE_CLEANUP(struct journal *, journal_close);

/* Marks the high numbers already used: never handed out again, whatever the rows say. */
uint64_t journal_last_job_id(const struct journal *journal);
uint64_t journal_last_sequence(const struct journal *journal);
uint64_t journal_last_lease(const struct journal *journal);

/* -------------------------------------------------------------------- restoring (before start) */

struct journal_restore {
        /* Unfinished jobs by rising id (no spec, no environment); then their tasks; then
         * dependencies; then keys. */
        int (*on_job)(void *arg, const struct journal_job *row);
        int (*on_task)(void *arg, const struct journal_task *row);
        int (*on_key)(void *arg, uint32_t uid, const uint8_t key[static JOURNAL_KEY_BYTES]);
        /* After the tasks, by job and ordinal. */
        int (*on_dependency)(void *arg, const struct journal_dependency *row);
        /* Queues by id, before all else; may be NULL. */
        int (*on_queue)(void *arg, const struct journal_queue *row);
};
/* Only between journal_open() and journal_start(). Stops at the first non-zero callback (PASSed).
 */
_must_use_ int journal_read_all(struct journal *journal, const struct journal_restore *restore,
                                void *arg);
/* The newest id that a queue ever had, also one that is gone; 0 for none; same time. */
_must_use_ int journal_read_queue_id(struct journal *journal, uint32_t *out_id);
/* Bytes of kept output by user, for the quota; same time. */
_must_use_ int journal_read_output_use(struct journal *journal,
                                       int (*on_use)(void *arg, uint32_t uid, uint64_t bytes),
                                       void *arg);

/* What administrators said of the daemon, by name; same time. */
_must_use_ int journal_read_settings(struct journal *journal,
                                     int (*on_setting)(void *arg, const char *name, uint64_t value),
                                     void *arg);
/* Users' named resources, and locks that processes hold; same time. */
_must_use_ int journal_read_resources(struct journal *journal,
                                      int (*on_resource)(void *arg, uint32_t uid, const char *name,
                                                         uint32_t capacity),
                                      void *arg);
_must_use_ int journal_read_grants(struct journal *journal,
                                   int (*on_grant)(void *arg, const struct journal_grant *row),
                                   void *arg);

/* ------------------------------------------------------------------------------------- writing */

/*
 * A batch is one transaction. All put functions copy what they are given and may fail only with a
 * fault (memory); a batch that met a fault must be freed, not posted.
 */
_must_use_ int journal_batch_new(struct journal_batch **out_batch);
struct journal_batch *journal_batch_free(struct journal_batch *batch);
DEFINE_CLEANUP(struct journal_batch *, journal_batch_free);
bool journal_batch_is_empty(const struct journal_batch *batch);

_must_use_ int journal_put_job(struct journal_batch *batch, const struct journal_job *row);
/* Updates the columns of an existing row that change: state, finished, hold, priority, begin, end,
 * task_count, task_next, counts, why, input, chunk_next, input_bytes, seen_task, queue. */
_must_use_ int journal_set_job(struct journal_batch *batch, const struct journal_job *row);
/*
 * Changes what the owner of an unfinished job may change of it: the same columns as above and name,
 * cpus, memory, time limit, retries with their codes and delay, requeue, and replaces its spec and
 * environment (borrowed as by journal_put_job(), and given, too).
 */
_must_use_ int journal_update_job(struct journal_batch *batch, const struct journal_job *row);
/* Inserts or replaces. */
_must_use_ int journal_put_task(struct journal_batch *batch, const struct journal_task *row);
/* The record log of one attempt, <= 64 KiB; replaces that of an earlier attempt. */
_must_use_ int journal_put_output(struct journal_batch *batch, uint64_t job, uint64_t task,
                                  uint32_t attempt, struct journal_blob *records);
/*
 * Chunk `number` of a map's input: `count` (>= 1) values, each ended by a zero byte, of the tasks
 * from first_task on. Referenced. A chunk of the same tasks is replaced.
 */
_must_use_ int journal_put_input(struct journal_batch *batch, uint64_t job, uint64_t number,
                                 uint64_t first_task, uint64_t count, struct journal_blob *values);
/* Inserts or replaces. */
_must_use_ int journal_put_dependency(struct journal_batch *batch,
                                      const struct journal_dependency *row);
_must_use_ int journal_drop_dependency(struct journal_batch *batch, uint64_t job, uint32_t ordinal);
/* All that these jobs wait for. */
_must_use_ int journal_drop_dependencies(struct journal_batch *batch, uint64_t first_job,
                                         uint64_t last_job);
/* Only this column, of a finished job too. */
_must_use_ int journal_set_seen(struct journal_batch *batch, uint64_t job, uint64_t seen_task);
/* The finished task's output was compressed: where it is now and what it occupies. */
_must_use_ int journal_set_output(struct journal_batch *batch, uint64_t job, uint64_t task,
                                  uint8_t output_where, uint64_t output_disk_bytes);
/* Inserts or replaces. */
_must_use_ int journal_put_queue(struct journal_batch *batch, const struct journal_queue *row);
_must_use_ int journal_drop_queue(struct journal_batch *batch, uint32_t id);
/* From here on all unfinished jobs of queue `from` are in `to`; O(unfinished jobs) of the thread.
 */
_must_use_ int journal_move_jobs(struct journal_batch *batch, uint32_t from, uint32_t to);
_must_use_ int journal_put_event(struct journal_batch *batch, const struct journal_event *row);
_must_use_ int journal_put_key(struct journal_batch *batch, uint32_t uid,
                               const uint8_t key[static JOURNAL_KEY_BYTES], uint64_t first_id,
                               uint32_t count, uint64_t wall_usec);
/* Inserts or replaces. */
_must_use_ int journal_put_setting(struct journal_batch *batch, const char *name, uint64_t value);
/* A user's named resource; again: its new capacity. Absent ones are dropped without a word. */
_must_use_ int journal_put_resource(struct journal_batch *batch, uint32_t uid, const char *name,
                                    uint32_t capacity);
_must_use_ int journal_drop_resource(struct journal_batch *batch, uint32_t uid, const char *name);
_must_use_ int journal_put_grant(struct journal_batch *batch, const struct journal_grant *row);
_must_use_ int journal_drop_grant(struct journal_batch *batch, uint32_t uid,
                                  const uint8_t token[static JOURNAL_TOKEN_BYTES]);
/*
 * Forgets a finished job: its rows, tasks, outputs, inputs, events. Keys stay until key_keep_usec.
 * Of a job with thousands of tasks the rest goes later, in slices between commits, restarts
 * included.
 */
_must_use_ int journal_drop_job(struct journal_batch *batch, uint64_t job);

/*
 * Reads spec and environment of a job back inside the same transaction, for a START.
 * done: on the loop after the commit, before on_durable of this batch; the blobs are borrowed for
 * the call (ref to keep). spec NULL: no such row.
 */
_must_use_ int journal_fetch_spec(struct journal_batch *batch, uint64_t job,
                                  void (*done)(void *arg, uint64_t token, struct journal_blob *spec,
                                               struct journal_blob *environment),
                                  void *arg, uint64_t token);

/*
 * The same for the chunk of a map's input that holds `task`, with the tasks from first_task on and
 * `count` values. values NULL: there is none.
 */
_must_use_ int journal_fetch_input(struct journal_batch *batch, uint64_t job, uint64_t task,
                                   void (*done)(void *arg, uint64_t token, uint64_t first_task,
                                                uint64_t count, struct journal_blob *values),
                                   void *arg, uint64_t token);

/*
 * Hands the batch over (owned by the journal from here). `sequence` is the sequence of its last
 * event: on_durable(sequence) tells of the commit. Sequences never fall. The thread commits all
 * that has been posted as one transaction and never waits for more. Free of blocking.
 */
void journal_post(struct journal *journal, struct journal_batch *batch, uint64_t sequence,
                  uint64_t last_job_id, uint64_t last_lease);
uint64_t journal_durable(const struct journal *journal);

/* ------------------------------------------------------------------------------------- reading */

/*
 * Reads run on the journal thread, in order with the batches: a read sees all that was posted
 * before it, committed. The answer comes on the loop. A read in flight may be cancelled: `done` is
 * then not called.
 */
struct journal_read;
void journal_read_cancel(struct journal_read *read);

/* One chunk of a map's input. */
struct journal_inputs {
        uint64_t first_task;
        uint64_t count;              /* of values; 0: there is no such chunk */
        uint32_t map_values;         /* of each task but perhaps the last */
        struct journal_blob *values; /* each ended by a zero byte; NULL: none */
};

#define JOURNAL_STATES_MAX 16

/* Sums over the kept jobs of one user in one queue. */
struct journal_total {
        uint32_t uid, queue;
        uint64_t jobs_by_state[JOURNAL_STATES_MAX];
        uint64_t tasks_by_state[JOURNAL_STATES_MAX]; /* those that have a row */
        uint64_t tasks_never;                        /* without one, of finished jobs, */
        uint64_t tasks_open;                         /* and of others */
        uint64_t core_usec, cpu_usec; /* run time times cores; used, as far as known */
};

/* One slice of a walk over them; the newest attempts are what counts. */
struct journal_totals {
        struct journal_total *groups; /* owned */
        size_t groups_count;
        struct spread wait_usec; /* from the submission to the start of a first attempt */
        struct spread run_usec;
        uint64_t oldest_wall_usec; /* submission of the last job; 0: there was none */
        uint64_t rows_before;      /* with next_task: for the next query */
};

struct journal_page {
        int fault; /* < 0: the read failed; everything else is empty */
        struct journal_job *jobs;
        size_t jobs_count;
        struct journal_task *tasks; /* of the jobs asked for, by job and task */
        size_t tasks_count;
        struct journal_event *events;
        size_t events_count;
        struct journal_blob *output;   /* NULL when there is none */
        struct journal_blob **outputs; /* results with outputs: as many as tasks; NULL: none */
        struct journal_inputs inputs;
        struct journal_totals *totals; /* NULL unless asked for */
        bool more; /* the limit ended it, or what may be looked at or held for one page */
        /* Where to go on: jobs by filter: before_id; by ids: how many of them are dealt with;
         * events: after_seq. */
        uint64_t next;
        uint64_t next_task;   /* > 0: the page's last job has more tasks (first_task, it alone);
                               * results: with `more`, where to go on */
        uint64_t found_first; /* key look-up: ids; 0 when unknown */
        uint32_t found_count;
};
/* page: borrowed for the call. */
typedef void (*journal_page_fn)(void *arg, const struct journal_page *page);

struct journal_job_query {
        const uint64_t *ids; /* these jobs, in this order (absent ones left out); or NULL: filter */
        size_t ids_count;    /* at most JOURNAL_PAGE_MAX */
        bool any_uid;        /* else only rows of `uid` */
        uint32_t uid;
        bool finished_only;              /* filter: finished ones, newest id first */
        uint64_t before_id;              /* filter: ids below it; 0: from the newest */
        uint64_t min_id, max_id;         /* filter: 0, or bounds */
        uint64_t since_wall_usec;        /* filter: submitted at or after; 0 */
        uint64_t ended_before_wall_usec; /* filter: 0, or only jobs that ended before */
        const char *name;                /* filter: NULL, or the exact name */
        uint32_t state_mask;             /* filter: 0, or bits 1 << state */
        uint32_t limit;                  /* at most JOURNAL_PAGE_MAX */
        bool want_spec, want_environment, want_tasks;
        bool all_tasks;      /* with want_tasks: every task row, else the first of each job */
        uint64_t first_task; /* with want_tasks: rows of tasks from this number on */
};
_must_use_ int journal_read_jobs(struct journal *journal, const struct journal_job_query *query,
                                 journal_page_fn done, void *arg, struct journal_read **out_read);
_must_use_ int journal_read_task(struct journal *journal, uint64_t job, uint64_t task,
                                 bool want_output, journal_page_fn done, void *arg,
                                 struct journal_read **out_read);
/*
 * Task rows of one job by rising number, each with its inline output when that is wanted: a page
 * ends early when it holds about 1 MiB of them. jobs[0] is the job's row, without blobs. A job that
 * is absent, or another user's, gives an empty page.
 */
struct journal_results_query {
        uint64_t job;
        bool any_uid; /* else only a job of `uid` */
        uint32_t uid;
        uint64_t first_task;
        uint32_t limit; /* at most JOURNAL_PAGE_MAX; 0: that */
        bool want_output;
};
_must_use_ int journal_read_results(struct journal *journal,
                                    const struct journal_results_query *query, journal_page_fn done,
                                    void *arg, struct journal_read **out_read);
/*
 * page->totals: sums over jobs of `uid` (or any) from before_id down (0: the newest) that were
 * submitted at or after since. Looks at a few thousand rows; with `more`, page->next, next_task and
 * totals->rows_before are before_id, first_task and rows_before of the next query.
 */
struct journal_totals_query {
        bool any_uid;
        uint32_t uid;
        uint64_t since_wall_usec;
        uint64_t before_id, first_task, rows_before;
};
_must_use_ int journal_read_totals(struct journal *journal,
                                   const struct journal_totals_query *query, journal_page_fn done,
                                   void *arg, struct journal_read **out_read);
/* The chunk of input that holds `task`: page->inputs, empty as above. */
_must_use_ int journal_read_input(struct journal *journal, uint64_t job, bool any_uid, uint32_t uid,
                                  uint64_t task, journal_page_fn done, void *arg,
                                  struct journal_read **out_read);
_must_use_ int journal_read_key(struct journal *journal, uint32_t uid,
                                const uint8_t key[static JOURNAL_KEY_BYTES], journal_page_fn done,
                                void *arg, struct journal_read **out_read);
/*
 * Events with seq > after_seq by rising seq, of `uid` (or any), of jobs min_job..max_job (0: no
 * bound). Looks at no more than 20,000 rows: `next` is the last seq looked at, `more` says that
 * rows remain. last > 0: begin so many matching events before the end instead.
 */
struct journal_event_query {
        uint64_t after_seq;
        bool any_uid;
        uint32_t uid;
        uint64_t min_job, max_job;
        uint32_t last;
        uint32_t limit;
};
_must_use_ int journal_read_events(struct journal *journal, const struct journal_event_query *query,
                                   journal_page_fn done, void *arg, struct journal_read **out_read);

/*
 * An errand for the journal thread, in order with everything else: the few file operations that
 * the loop must not do itself (open a spool file, unlink one). work: on the thread; done: on the
 * loop, with its result. done may be NULL.
 */
_must_use_ int journal_run(struct journal *journal, int (*work)(void *arg),
                           void (*done)(void *arg, int result), void *arg);

/* -------------------------------------------------------------------------------------- state */

struct journal_stats {
        uint64_t commit_count;
        uint64_t commit_usec_p50;    /* over the last 1,024 */
        uint64_t commit_usec_max;    /* over the last 1,024 */
        uint64_t commit_usec_recent; /* smoothed: what a commit takes now */
        uint64_t disk_free_bytes;
        uint64_t oldest_batch_usec; /* how long the oldest uncommitted batch waits; 0 none */
        /* Since the start: */
        struct histogram commit_usec;
        struct histogram commit_events;     /* lines of history in one commit */
        uint64_t database_bytes, wal_bytes; /* files, as of the last commit */
};
void journal_read_stats(const struct journal *journal, struct journal_stats *out_stats);
/* Free space is below the floor, or the WAL's reserve is in use: refuse what grows the store. */
bool journal_is_disk_full(const struct journal *journal);
