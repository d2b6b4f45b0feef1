/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's inside, shared by the files of daemon/jobs and by nobody else. */
#pragma once

#include "daemon/jobs/cores.h"
#include "daemon/jobs/dependency.h"
#include "daemon/jobs/ends.h"
#include "daemon/jobs/engine.h"
#include "daemon/jobs/job.h"
#include "daemon/jobs/job_table.h"
#include "daemon/jobs/key_set.h"
#include "daemon/jobs/tally.h"
#include "daemon/jobs/watch.h"

RB_PROTOTYPE(task_tree, task, entry, engine_compare_tasks)
RB_HEAD(begin_tree, job_extra);
RB_HEAD(delay_tree, task);
RB_HEAD(pace_tree, job_map);

/* A present worker as the scheduler sees it: worker_data() of its link. */
struct worker_view {
        TAILQ_ENTRY(worker_view) entry; /* in engine->views */
        struct worker *worker;          /* borrowed: its link outlives us (on_gone frees us) */
        struct task_list tasks;         /* leased to it, newest first */
        struct core_lease *core_lease;  /* borrowed: what those have of the machine; NULL: none */
        uint32_t leases_count;
        uint32_t unacked_count;    /* ended, and their slots perhaps not free yet */
        uint64_t unacked_sequence; /* of the last of them */
        bool is_ready;             /* its inventory is complete */
        bool is_filling;           /* has so little ahead that it gets more (scheduler.c) */
};
TAILQ_HEAD(view_queue, worker_view);

/* What the tasks of one worker have of the machine (core_lease.c). */
struct core_lease {
        TAILQ_ENTRY(core_lease) entry; /* in engine->core_leases */
        struct worker_view *view;      /* borrowed: NULL while its link is gone */
        struct lane *lane;             /* borrowed: whose they are */
        uint64_t generation;
        uint64_t memory_bytes;
        uint64_t start_mono_usec;
        uint32_t worker_number;
        uint32_t refs; /* tasks */
        bool is_lent;  /* its job waits for others: neither cores nor widths are counted */
        uint32_t count;
        uint32_t *numbers; /* owned: of the cores; CORES_ANY: not known which */
};
TAILQ_HEAD(core_lease_list, core_lease);

/* The reservation of a job that is due and does not fit (backfill.c). */
struct backfill {
        const struct job *job;     /* borrowed within one DECIDE; NULL: there is no reservation */
        uint64_t shadow_mono_usec; /* about when it will fit; 0: not foreseen */
        uint32_t spare_cores;      /* that it will leave free then */
        uint64_t spare_memory_bytes;
};

/* An attempt whose output files go when this turn's transaction is on disk. */
struct files_doomed {
        STAILQ_ENTRY(files_doomed) entry;
        uint64_t job, task;
        uint32_t attempt;
};
STAILQ_HEAD(files_queue, files_doomed);

struct submit_wait; /* submit.c */
TAILQ_HEAD(submit_waits, submit_wait);
TAILQ_HEAD(compactions, history_compaction);

struct engine {
        struct loop *loop; /* borrowed */
        struct engine_options options;
        const struct engine_ops *ops; /* borrowed */
        void *arg;
        struct journal *journal;     /* borrowed: daemon.c closes it after us */
        struct workers *workers;     /* borrowed */
        struct journal_batch *batch; /* owned: what this turn posted */
        int fault;                   /* the first one met; ends the daemon at COMMIT */

        uint64_t sequence;
        uint64_t posted_sequence;
        uint64_t events_posted;
        uint64_t last_job_id;
        uint64_t last_lease;
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];

        struct job_table jobs;
        struct user *users;              /* owned, uthash by uid */
        struct resource_book *resources; /* owned */
        struct grant *grants;            /* owned, uthash: locks of processes (grants.c) */
        STAILQ_HEAD(, grant) dying_grants;
        struct fair fair; /* between users */
        struct queues queues;
        struct cores cores;
        struct core_lease_list core_leases; /* owned */
        struct backfill backfill;
        bool is_barred;             /* a job waits for its user's cap or its queue: one DECIDE */
        uint64_t memory_used;       /* asked for by what runs */
        uint32_t lent_count;        /* tasks that wait inside for others */
        struct task *leased;        /* uthash by lease; tasks are owned by their jobs */
        struct watch_book *watches; /* owned */
        struct view_queue views;
        struct job_queue buried; /* finished in this turn: freed at COMMIT */
        struct files_queue doomed;
        struct key_set keys;

        struct begin_tree begins; /* --begin, by wall clock */
        struct delay_tree delays; /* retries, by monotonic clock */
        struct pace_tree paces;   /* jobs whose next start is due later, by monotonic clock */
        struct map_queue orphans; /* open maps without an appender, longest first */
        struct map_queue seens;   /* whose seen_task goes with the next transaction */
        struct deps deps;         /* jobs that wait for jobs */
        struct submit_waits submit_waits; /* borrowed: their reads own them */
        struct compactions compactions;   /* looked up (history.c) */
        struct map_queue halts;           /* whose rest is cancelled in this turn's DECIDE */
        struct loop_alarm *begin_alarm;
        struct loop_timer *delay_timer;
        struct loop_timer *pace_timer;
        struct loop_timer *cut_timer;
        struct loop_timer *seen_timer;
        struct loop_timer *stall_timer;  /* STARTs that nobody answers */
        struct loop_timer *orphan_timer; /* leases that neither worker nor pool knows of */

        uint64_t jobs_count;
        uint64_t queued_tasks;
        uint64_t spec_bytes;
        uint64_t finished_tasks;
        struct tally tally;
        uint32_t actor_uid; /* who acts just now; ENGINE_NOBODY */
        bool is_draining;
        bool is_stopping;
};

/* ----------------------------------------------------------------------- engine.c: the only door
 */

/* What an end tells beyond its event; all zero for other events. */
struct engine_end {
        const struct workers_exit *exit; /* NULL: nobody knows */
        const char *why;
        uint64_t retry_wall_usec; /* REQUEUE: not before; 0: now */
        uint64_t retry_delay_usec;
};

/*
 * Applies one event to one task: asks the table, changes memory, writes the rows and the history,
 * tells the watches. The event must be allowed (see engine_allows()): anything else is a bug.
 * detail: for the history; NULL when none. end: NULL, or what is known of the attempt's end.
 */
void engine_apply(struct engine *engine, struct task *task, enum job_event event,
                  const char *detail, const struct engine_end *end);
/* CANCEL of all tasks that never had a struct; may finish the job. */
void engine_apply_cancel_rest(struct engine *engine, struct job *job, const char *detail);
/*
 * The input of a map is closed: ends the job if all of its tasks have ended. clean: its state when
 * no task failed and the input was not cut.
 */
void engine_apply_close(struct engine *engine, struct job *job, enum job_state clean,
                        const char *detail);
/* HOLD and RELEASE, which are about the job. */
void engine_apply_hold(struct engine *engine, struct job *job, bool hold);
bool engine_allows(const struct task *task, enum job_event event);

/* Keeps the first fault; the turn goes on and COMMIT ends the daemon. */
void engine_note(struct engine *engine, int r);
/* The batch of this turn; NULL after a fault. */
struct journal_batch *engine_batch(struct engine *engine);
/* Writes one line of history and gives it the next sequence. */
void engine_post_event(struct engine *engine, struct job *job, uint64_t task, enum job_event event,
                       enum job_state state, const char *detail);
/* The task's row as it is now; the inline output of the attempt that ended. */
void engine_write_task(struct engine *engine, const struct task *task,
                       const struct engine_end *end);
void engine_write_output(struct engine *engine, const struct task *task,
                         const struct workers_exit *exit);
/* The job's row as it is now (no spec). */
void engine_fill_job_row(const struct job *job, struct journal_job *out_row);

/* A task struct for `number`, queued, linked into the job; NULL after a fault. */
struct task *engine_add_task(struct engine *engine, struct job *job, uint64_t number);
struct task *engine_find_task(const struct job *job, uint64_t number);
/* It is queued and not delayed: in its job's list of those; and out of it. */
void engine_enqueue(struct task *task);
void engine_dequeue(struct task *task);
struct task *engine_find_lease(struct engine *engine, uint64_t lease);
/* The lease's bookkeeping at both ends. */
void engine_bind(struct engine *engine, struct task *task, struct worker_view *view);
void engine_unbind(struct engine *engine, struct task *task);
_must_use_ int engine_index_lease(struct engine *engine, struct task *task);

struct user *engine_get_user(struct engine *engine, uint32_t uid); /* NULL after a fault */
/* A job with nothing in it yet, linked to its user; NULL after a fault. */
struct job *engine_add_job(struct engine *engine, uint64_t id, uint32_t uid);
struct job_extra *engine_extra(struct engine *engine, struct job *job);
/* Makes the job an array or a map; NULL after a fault. */
struct job_map *engine_add_map(struct engine *engine, struct job *job);
uint64_t engine_job_open_tasks(const struct job *job); /* tasks not finished */

/* --------------------------------------------------------------------------------- run_queue.c */

/* Puts the job where it belongs after any change: among the ready, or not. */
void run_queue_update(struct engine *engine, struct job *job);
/* It begins at another time: extra->begin_wall_usec becomes this; 0: at once. */
void run_queue_set_begin(struct engine *engine, struct job *job, uint64_t begin_wall_usec);
/* The same for all: the settings have changed. */
void run_queue_update_all(struct engine *engine);
/* And for those of one queue, whose width in cores has changed. */
void run_queue_update_queue(struct engine *engine, struct queue *queue);
/* Takes it out of every queue: it is finished. */
void run_queue_remove(struct engine *engine, struct job *job);
/* Waits for extra->begin_wall_usec. */
void run_queue_begin_at(struct engine *engine, struct job *job);
/* As many workers as its width permits have tasks of it. */
bool run_queue_is_full(const struct job *job);
/* Could start if it were not for its width: its own workers may be given more. */
bool run_queue_is_only_full(const struct job *job);
/* A task of it was given to a worker: is a pause due before the next? */
void run_queue_pace(struct engine *engine, struct job *job);
/* Waits so long before the task may start again. */
void run_queue_delay(struct engine *engine, struct task *task, uint64_t delay_usec);
void run_queue_undelay(struct engine *engine, struct task *task);
_must_use_ int run_queue_init(struct engine *engine);
void run_queue_deinit(struct engine *engine);

/* ------------------------------------------------------------------------------------- lanes.c */

/* The lane of a user in a queue, made when there is none; NULL after a fault. */
struct lane *lanes_get(struct engine *engine, struct user *user, struct queue *queue);
void lanes_free(struct lane *lane);
/* A job has become ready, or is no longer. */
void lanes_insert(struct engine *engine, struct job *job);
void lanes_take_out(struct engine *engine, struct job *job);
struct job *lane_first(struct lane *lane);
struct job *lane_next(struct job *job);
/* How many ready jobs of its lane go before this ready one; counts up to max. */
uint64_t lane_position(const struct job *job, uint64_t max);
/* A worker begins, or ends, to work for this lane. */
void lanes_take(struct engine *engine, struct lane *lane, uint32_t cores);
void lanes_give(struct engine *engine, struct lane *lane, uint32_t cores);
/* Moves the job to a queue; what runs of it stays counted where it began. */
void lanes_set_queue(struct engine *engine, struct job *job, struct queue *queue);
/* Its priority has changed. */
void lanes_reorder(struct engine *engine, struct job *job);
/* Weight and caps of the user, as the options say. */
void lanes_set_share(struct engine *engine, struct user *user);
/* The queue was paused, continued, or has another width; another weight. O(its users). */
void lanes_update_queue(struct engine *engine, struct queue *queue);
void lanes_set_weight(struct queue *queue);

/* ----------------------------------------------------------------------------- engine_queues.c */

/* The queue that a specification means. ENGINE_E_REFUSED or _STATE, with a
 * sentence, when it may not go there. */
_must_use_ int engine_queues_judge(const struct engine *engine,
                                   const struct engine_submission *submission,
                                   const struct engine_spec *spec, struct reason *why);
/* A journal_restore's on_queue; arg is the engine. */
_must_use_ int engine_queues_restore(void *arg, const struct journal_queue *row);
/* The queue of that id; the default one, with a warning, when it is gone. */
struct queue *engine_queues_find(struct engine *engine, uint32_t id, uint64_t job);

/* ----------------------------------------------------------------------------------- submit.c */

/* Is anything new taken at all? 0, ENGINE_E_STOPPING or ENGINE_E_FULL. */
int submit_check_open(const struct engine *engine, struct reason *why);
/*
 * Is there room for so many queued tasks more, bytes of specifications, and dependencies, resources
 * and locks? 0 or ENGINE_E_LIMIT.
 */
int submit_check_room(const struct engine *engine, const struct user *user, uint64_t tasks,
                      uint64_t bytes, uint64_t links, struct reason *why);
/* Could so much ever be given to one task of this user? 0 or ENGINE_E_REFUSED. */
int submit_check_possible(const struct engine *engine, const struct user *user,
                          const struct engine_spec *spec, struct reason *why);

/* -------------------------------------------------------------------------------- core_lease.c */

uint32_t job_cores(const struct job *job);
uint64_t job_memory_bytes(const struct job *job);
/* The task was given to this worker: shares what the worker has, or takes it. */
void core_lease_take(struct engine *engine, struct task *task, struct worker_view *view);
/* A task of a row that a worker of this boot holds. */
void core_lease_restore(struct engine *engine, struct task *task);
/* Its worker is here (again), and has told which cores it uses; count 0: it did not. */
void core_lease_attach(struct engine *engine, struct task *task, struct worker_view *view,
                       const uint32_t *numbers, size_t count);
void core_lease_detach(struct worker_view *view);
void core_lease_drop(struct engine *engine, struct task *task);
/* Its cores and places are others' meanwhile; and its own again, whatever the others took. */
void core_lease_lend(struct engine *engine, struct core_lease *lease);
void core_lease_reclaim(struct engine *engine, struct core_lease *lease);

/* ----------------------------------------------------------------------------------- lending.c */

/* By its JOBD_TASK_ID; NULL: it is not in memory. */
struct task *lending_find_task(const struct job *job, uint64_t task_id);
/* Its lease ends; before core_lease_drop(). */
void lending_forget(struct engine *engine, struct task *task);

/* ---------------------------------------------------------------------------------- backfill.c */

/* This job is due and does not fit. */
void backfill_reserve(struct engine *engine, const struct job *job);
/* May this job, which fits now, start before it? What it takes of the spare is noted. */
bool backfill_may_pass(struct engine *engine, const struct job *job);
void backfill_forget(struct engine *engine);

/* --------------------------------------------------------------------------------- scheduler.c */

void scheduler_run(struct engine *engine);
/* Could it ever be given what it asks for? What there is may have been lowered since it came. */
bool scheduler_is_possible(const struct engine *engine, const struct job *job);
/* What waits in the worker's memory beside this task goes back. */
void scheduler_revoke_others(struct engine *engine, const struct task *task);
_must_use_ int scheduler_init(struct engine *engine);
void scheduler_deinit(struct engine *engine);
/* START has left: the worker owes an answer. */
void scheduler_expect_answer(struct engine *engine, struct task *task);

/* ------------------------------------------------------------------------------------ submit.c */

/* The journal is closed: nobody answers those who wait for it. */
void submit_deinit(struct engine *engine);

/* ------------------------------------------------------------------------------------- start.c */

/* The task has a lease: gets what its START needs and sends it. */
void start_request(struct engine *engine, struct task *task);
/* A leased task's slot: one per worker that holds tasks of the job. */
void start_take_slot(struct engine *engine, struct task *task);
void start_give_slot(struct task *task);
/* Forgets what was kept for the next START of this job. */
void start_forget(struct job_map *map);
/* The job's specification is another one now: STARTs that did not leave get it. */
void start_replace(struct job_map *map, struct journal_blob *spec,
                   struct journal_blob *environment);

/* --------------------------------------------------------------------------------- map_input.c */

/* What an open map waits for is over: it is finished, or loaded and alone. */
void map_input_end(struct engine *engine, struct job_map *map);
/* Its job is finished: takes it out of every list here. */
void map_input_forget(struct engine *engine, struct job_map *map);
/* Its job is given up: an open input is closed, the job stays. No-op when it is not open. */
void map_input_give_up(struct engine *engine, struct job *job, const char *detail);
/* What was seen goes into this batch. */
void map_input_write_seens(struct engine *engine, struct journal_batch *batch);
void map_input_expect_appender(struct engine *engine, struct job_map *map);
_must_use_ int map_input_init(struct engine *engine);
void map_input_deinit(struct engine *engine);

/* -------------------------------------------------------------------------------------- halt.c */

/* A task has ended: is it time to give up the rest? */
void halt_look(struct engine *engine, struct job *job, enum job_state state);
/* DECIDE: cancels the rest of those. */
void halt_run(struct engine *engine);
/* What a halted job ends as, and why. */
enum job_state halt_end_state(const struct job_map *map);
void halt_describe(const struct job_map *map, char *buf, size_t size);
void halt_forget(struct engine *engine, struct job_map *map);

/* --------------------------------------------------------------------------------------- act.c */

/* The start is confirmed: what waited for it (a cancel, a pause) is done now. */
void act_on_started(struct engine *engine, struct task *task);
/* A journal_read_settings(); arg is the engine. */
_must_use_ int act_restore_setting(void *arg, const char *name, uint64_t value);
/* Nothing more of this job starts; now: and what runs is stopped. May finish the job. */
void act_give_up(struct engine *engine, struct job *job, bool now, const char *detail);

/* ------------------------------------------------------------------------------------- outcome.c
 */

/* Turns what a worker or its record says of an end into events, retries included. */
void outcome_apply(struct engine *engine, struct task *task, const struct workers_exit *exit);
/* GO was given and nobody knows how it ended. */
void outcome_lose(struct engine *engine, struct task *task, const char *why);
/* The lease came back and nothing ran. */
void outcome_return(struct engine *engine, struct task *task, const char *why);

/* --------------------------------------------------------------------------------------- why.c */

/* Would a task more be over its user's cap; is there too little of what it asks for? */
bool why_blockers_cap(const struct job *job);
bool why_blockers_cores(const struct engine *engine, const struct job *job);

/* ------------------------------------------------------------------------- claims.c, grants.c */

_must_use_ int claims_init(struct engine *engine);
/* The options say what the machine has. */
void claims_set_machine(struct engine *engine);
/* Is there so much of everything? 0 or ENGINE_E_REFUSED. text: NULL, or as in asks.h. */
_must_use_ int claims_judge(const struct engine *engine, uint32_t uid, const char *text,
                            struct reason *why);
/* The job asks for these; no-op for NULL. */
void claims_make(struct engine *engine, struct job *job, const char *text);
void claims_free(struct job *job);
bool claims_has_any(const struct job *job);
/*
 * For the next task of this job: true: it may start, with *out_holding (NULL: it asks for nothing).
 * false: it is parked and out of its lane.
 */
bool claims_take(struct engine *engine, struct job *job, struct resource_holding **out_holding);
void claims_give(struct task *task);
bool claims_is_waiting(const struct job *job);
void claims_leave(struct job *job);
/* A leased task of a row; held: the ids in it. */
void claims_restore(struct engine *engine, struct task *task, const char *held);
/* For its row: ids, one line for each ask; owned by the caller; NULL: none, or a fault. */
char *claims_format_held(struct engine *engine, const struct task *task);
/* For its START: "JOBD_RESOURCE_gpu=0,1" and so on, each ended by a zero byte; owned, NULL: none.
 */
char *claims_format_environment(struct engine *engine, const struct task *task, size_t *out_size);
/*
 * What a parked job waits for: "waits for lock build, held by job 9 ({uid:1000}'s)". At most
 * count_max of those before it are counted. *out_wait_usec: set when the holder's rest is known.
 * false, and nothing written: it is not parked, or its turn has come.
 */
bool claims_describe(const struct engine *engine, const struct job *job, uint64_t count_max,
                     char *text, size_t size, uint64_t *out_wait_usec);
_must_use_ int claims_restore_resources(struct engine *engine, struct journal *journal);

/* A process's turn has come. */
void grants_on_call(struct engine *engine, struct resource_claim *claim, struct claimant *claimant);
_must_use_ int grants_restore(struct engine *engine, struct journal *journal);
/* COMMIT: frees those that ended. */
void grants_bury(struct engine *engine);
void grants_deinit(struct engine *engine);

/* -------------------------------------------------------------------------------------
 * engine_tally.c */

void engine_tally_init(struct tally *tally);
/* So many of the job's tasks more are queued, or fewer. */
void engine_tally_queue_tasks(struct engine *engine, struct job *job, int64_t more);
/* The job has changed: why do its queued tasks wait? could_start: but for cores and its width. */
void engine_tally_sort_job(struct engine *engine, struct job *job, bool could_start);
void engine_tally_move_task(struct engine *engine, enum job_state before, enum job_state after);
/* An attempt of it has begun; and one has ended. */
void engine_tally_start(struct engine *engine, const struct task *task);
void engine_tally_exit(struct engine *engine, const struct workers_exit *exit);

/* ----------------------------------------------------------------------------------- restore.c */

/* Checks a row of an unfinished job and brings it to memory; a fault when it cannot be. */
_must_use_ int restore_job(struct engine *engine, const struct journal_job *row,
                           struct job **out_job);
_must_use_ int restore_task(struct engine *engine, struct job *job, const struct journal_task *row);

/* ----------------------------------------------------------------------------------- history.c */

/* Unlinks an attempt's spool files, on the journal thread, after this turn's transaction. */
void files_unlink(struct engine *engine, uint64_t job, uint64_t task, uint32_t attempt);
/* An attempt's spool file was compressed to size_bytes: its row and its owner's quota learn it. */
void history_compacted(struct engine *engine, uint64_t job, uint64_t task, uint32_t attempt,
                       uint64_t size_bytes);
/* Forgets what was compressed and is still looked up: readers find either file. */
void history_deinit(struct engine *engine);
/* COMMIT: sends the errands for what was doomed in this turn. */
_must_use_ int files_commit(struct engine *engine);
