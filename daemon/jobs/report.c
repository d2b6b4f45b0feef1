/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers and the pool report, turned into events of the engine. daemon.c connects
 * engine_workers_ops to the links; nobody else calls in here.
 *
 * A lease names its holder by (worker number, generation), so a report is believed only from the
 * worker that the lease was given to. After a reconnect a worker says what it holds; a lease of
 * ours that it does not name never reached it, and its task is queued again. A lease that the
 * database calls ended or does not know must not run: it is cancelled, and loudly logged.
 *
 * A worker that is gone keeps its leases until it dials again or the pool reports it dead. When a
 * pool comes that counts neither it nor its record (its folder was wiped), a timer of 15 s ends the
 * wait: such a lease is lost.
 */
#include <errno.h>
#include <inttypes.h>

#include "common/log.h"

#include "daemon/jobs/engine_private.h"

#define REPORT_ORPHAN_USEC (15 * USEC_PER_SEC)

static struct task *report_find(struct engine *e, const struct worker *worker, uint64_t lease)
{
        struct task *task = engine_find_lease(e, lease);

        if (task && task->worker_number == worker_number(worker) &&
            task->generation == worker_generation(worker))
                return task;
        return NULL;
}

static struct watch_subject report_subject(const struct task *task)
{
        return (struct watch_subject){ .job = task->job->id,
                                       .task = task->number,
                                       .attempt = task->attempt + (task->started ? 0 : 1) };
}

/* --------------------------------------------------------------------------- coming and going */

static void report_on_attached(void *arg, struct worker *worker)
{
        struct engine *e = arg;
        struct worker_view *view = calloc(1, sizeof(*view));

        if (!view) {
                engine_note(e, FAULT(-ENOMEM));
                return;
        }
        view->worker = worker;
        LIST_INIT(&view->tasks);
        worker_set_data(worker, view);
        TAILQ_INSERT_TAIL(&e->views, view, entry);
}

static void report_kill_unknown(struct worker *worker, const struct workers_held *held)
{
        log_error("worker %u holds lease %" PRIu64 " of job %" PRIu64
                  ", which is not running by our books: killing it",
                  worker_number(worker), held->lease, held->job);
        if (held->slot == WORKERS_SLOT_ACCEPTED)
                worker_revoke(worker, held->lease, 0);
        else
                worker_cancel(worker, held->lease, 0, 0);
}

static void report_on_held(void *arg, struct worker *worker, const struct workers_held *held)
{
        struct engine *e = arg;
        struct worker_view *view = worker_data(worker);
        struct task *task = report_find(e, worker, held->lease);

        if (!task) {
                if (held->slot != WORKERS_SLOT_EXITED) /* its Exited follows and is acknowledged */
                        report_kill_unknown(worker, held);
                return;
        }
        if (!task->worker && view) {
                engine_bind(e, task, view);
                core_lease_attach(e, task, view, held->cores, held->cores_count);
        }
        task->start_ready = true;
        task->spooled = held->spooled;
        task->output_bytes = held->output_bytes;
        task->stdin_taken = held->stdin_taken;
        task->revoking = false;
        if (held->slot == WORKERS_SLOT_RUNNING && task->state == JOB_STARTING) {
                task->pid = held->pid;
                task->start_wall_usec = held->start_wall_usec;
                engine_apply(e, task, JOB_EV_STARTED, NULL, NULL);
                act_on_started(e, task);
        }
        /* Orders that the old link may have swallowed are given again. */
        if (task->state == JOB_STARTING && task->cancel_wanted)
                worker_revoke(worker, task->lease, e->sequence);
        if (task->state == JOB_STOPPING)
                worker_cancel(worker, task->lease, task->cancel_grace_usec, e->sequence);
        else if (task->state == JOB_PAUSED && !held->paused)
                worker_pause(worker, task->lease, e->sequence);
        else if (task->state == JOB_RUNNING && held->paused)
                worker_resume(worker, task->lease, e->sequence);
        if (watch_wants_output(e->watches, task->job->id))
                worker_follow(worker, task->lease, true);
        if (task->started) {
                const struct watch_subject subject = { task->job->id, task->number, task->attempt };

                /* Who feeds it knows again where it stands. */
                watch_tell_stdin(e->watches, &subject, task->stdin_taken, false);
        }
}

/* Leases of this worker that it does not hold: START never reached it. */
static void report_return_missing(struct engine *e, const struct worker *worker)
{
        struct task *task, *next;

        HASH_ITER (hh, e->leased, task, next) {
                if (task->worker || task->worker_number != worker_number(worker) ||
                    task->generation != worker_generation(worker))
                        continue;
                if (task->state == JOB_STARTING && !task->started)
                        outcome_return(e, task, "the worker had not taken it");
                else
                        outcome_lose(e, task, "its worker no longer knows of it");
        }
}

static void report_on_ready(void *arg, struct worker *worker)
{
        struct engine *e = arg;
        struct worker_view *view = worker_data(worker);

        report_return_missing(e, worker);
        if (view)
                view->is_ready = true;
}

static void report_on_gone(void *arg, struct worker *worker)
{
        struct engine *e = arg;
        struct worker_view *view = worker_data(worker);
        struct task *task;

        if (!view)
                return;
        while ((task = LIST_FIRST(&view->tasks)))
                engine_unbind(e, task);
        core_lease_detach(view);
        TAILQ_REMOVE(&e->views, view, entry);
        worker_set_data(worker, NULL);
        free(view);
}

/* ------------------------------------------------------------------------------ one lease's life
 */

static void report_on_started(void *arg, struct worker *worker, uint64_t lease, uint32_t pid,
                              uint64_t start_wall_usec)
{
        struct engine *e = arg;
        struct task *task = report_find(e, worker, lease);

        if (!task || task->state != JOB_STARTING)
                return;
        task->pid = pid;
        task->start_wall_usec = start_wall_usec;
        task->start_mono_usec = clock_mono_usec();
        engine_apply(e, task, JOB_EV_STARTED, NULL, NULL);
        act_on_started(e, task);
}

static void report_on_exited(void *arg, struct worker *worker, const struct workers_exit *exit)
{
        struct engine *e = arg;
        struct task *task = report_find(e, worker, exit->lease);
        struct worker_view *view = worker_data(worker);

        if (task)
                outcome_apply(e, task, exit);
        else
                log_debug("an end of lease %" PRIu64 " came again", exit->lease);
        worker_ack(worker, exit->lease, e->sequence);
        if (view) {
                view->unacked_count++;
                view->unacked_sequence = e->sequence;
        }
}

static void report_on_revoked(void *arg, struct worker *worker, uint64_t lease, bool too_late)
{
        struct engine *e = arg;
        struct task *task = report_find(e, worker, lease);

        if (!task)
                return;
        task->revoking = false;
        if (!too_late) {
                if (task->state == JOB_STARTING)
                        outcome_return(e, task, NULL);
                return;
        }
        if (!task->cancel_wanted || task->state != JOB_STARTING)
                return;
        /* It runs although its Started is still to come: stop it now. */
        engine_apply(e, task, JOB_EV_STARTED, NULL, NULL);
        act_on_started(e, task);
}

static void report_on_paused(void *arg, struct worker *worker, uint64_t lease, bool paused)
{
        (void)arg;
        log_debug("worker %u: lease %" PRIu64 " %s", worker_number(worker), lease,
                  paused ? "paused" : "resumed");
}

static void report_on_output(void *arg, struct worker *worker, uint64_t lease, uint64_t offset,
                             const uint8_t *records, size_t size)
{
        struct engine *e = arg;
        struct task *task = report_find(e, worker, lease);
        struct watch_subject subject;

        if (!task)
                return;
        subject = report_subject(task);
        if (offset + size > task->output_bytes)
                task->output_bytes = offset + size;
        watch_tell_output(e->watches, &subject, offset, records, size);
}

static void report_on_spooled(void *arg, struct worker *worker, uint64_t lease, uint64_t size_bytes)
{
        struct engine *e = arg;
        struct task *task = report_find(e, worker, lease);
        struct watch_subject subject;

        if (!task)
                return;
        subject = report_subject(task);
        task->spooled = true;
        task->output_bytes = size_bytes;
        watch_tell_spooled(e->watches, &subject, size_bytes);
}

static void report_on_grown(void *arg, struct worker *worker, uint64_t lease, uint64_t size_bytes)
{
        struct engine *e = arg;
        struct task *task = report_find(e, worker, lease);
        struct watch_subject subject;

        if (!task)
                return;
        subject = report_subject(task);
        task->output_bytes = size_bytes;
        watch_tell_grown(e->watches, &subject, size_bytes);
}

static void report_on_stdin_taken(void *arg, struct worker *worker, uint64_t lease, uint64_t taken,
                                  bool closed)
{
        struct engine *e = arg;
        struct task *task = report_find(e, worker, lease);
        struct watch_subject subject;

        if (!task)
                return;
        subject = report_subject(task);
        task->stdin_taken = taken;
        watch_tell_stdin(e->watches, &subject, taken, closed);
}

/* --------------------------------------------------------------------------- the dead, the pool */

static const struct workers_held *report_find_held(const struct workers_held *held, size_t count,
                                                   uint64_t lease)
{
        size_t i;

        for (i = 0; i < count; i++)
                if (held[i].lease == lease)
                        return &held[i];
        return NULL;
}

/* The record keeps codes and no sentences. What has no process never ran, and wrote nothing. */
static const char *report_dead_why(const struct workers_held *held)
{
        if (held->pid)
                return held->spooled ? NULL : "its worker died after it: the output is lost";
        if (held->outcome == WORKERS_OUTCOME_CANCELLED)
                return NULL;
        return "it was not started, and its worker died before it could say why";
}

/* What the record of a dead worker says of one lease. */
static void report_decide_dead(struct engine *e, struct task *task, const struct workers_held *held,
                               bool record_intact, const char *why)
{
        if (!held && record_intact && !task->started) {
                outcome_return(e, task, why);
        } else if (held && held->slot == WORKERS_SLOT_ACCEPTED) {
                outcome_return(e, task, why);
        } else if (held && held->slot == WORKERS_SLOT_EXITED &&
                   held->outcome != WORKERS_OUTCOME_NONE) {
                const struct workers_exit exit = {
                        .lease = held->lease,
                        .outcome = held->outcome,
                        .exit_code = held->exit_code,
                        .exit_signal = held->exit_signal,
                        .why = report_dead_why(held),
                        .pid = held->pid,
                        .start_wall_usec = held->start_wall_usec,
                        .output_bytes = held->spooled ? held->output_bytes : 0,
                        .spooled = held->spooled,
                };
                outcome_apply(e, task, &exit);
        } else {
                outcome_lose(e, task, why ? why : "its worker died while it ran");
        }
}

/*
 * The pool may tell of a death before the dead worker's own link is read to its end: from now on
 * that link gets nothing, or the lease would be lost with it.
 */
static void report_close_view(struct engine *e, uint32_t number, uint64_t generation)
{
        struct worker_view *view;

        TAILQ_FOREACH (view, &e->views, entry)
                if (worker_number(view->worker) == number &&
                    worker_generation(view->worker) == generation)
                        view->is_ready = false;
}

static void report_on_dead(void *arg, uint32_t number, uint64_t generation, bool record_intact,
                           const struct workers_held *held, size_t held_count, const char *why)
{
        struct engine *e = arg;
        struct task *task, *next;

        log_write(LOG_LEVEL_WARNING, LOG_EVENT_WORKER_DIED, 0,
                  "worker %u (generation %" PRIu64 ") is gone: %s", number, generation,
                  why ? why : "no reason given");
        e->tally.worker_deaths++;
        report_close_view(e, number, generation);
        HASH_ITER (hh, e->leased, task, next) {
                if (task->worker_number == number && task->generation == generation &&
                    task->boot_is_ours)
                        report_decide_dead(e, task, report_find_held(held, held_count, task->lease),
                                           record_intact, why);
        }
        workers_ack_dead(e->workers, number, generation, e->sequence);
}

static void report_on_orphan_time(void *arg)
{
        struct engine *e = arg;
        struct task *task, *next;

        if (!workers_has_pool(e->workers))
                return;
        HASH_ITER (hh, e->leased, task, next) {
                if (!task->worker &&
                    !workers_pool_has(e->workers, task->worker_number, task->generation))
                        outcome_lose(e, task, "the worker that held it is unknown to the pool");
        }
}

static void report_on_pool(void *arg, bool connected)
{
        struct engine *e = arg;

        e->ops->on_pool(e->arg, connected);
        if (!connected)
                return;
        if (!e->orphan_timer)
                engine_note(e, loop_timer_new(e->loop, report_on_orphan_time, e, &e->orphan_timer));
        if (e->orphan_timer && HASH_COUNT(e->leased) > 0)
                engine_note(e, loop_timer_start(e->orphan_timer, REPORT_ORPHAN_USEC));
}

static void report_on_compacted(void *arg, uint64_t job, uint64_t task, uint32_t attempt, bool done,
                                uint64_t size_bytes)
{
        struct engine *e = arg;

        if (done)
                history_compacted(e, job, task, attempt, size_bytes);
}

const struct workers_ops engine_workers_ops = {
        .on_attached = report_on_attached,
        .on_held = report_on_held,
        .on_ready = report_on_ready,
        .on_gone = report_on_gone,
        .on_started = report_on_started,
        .on_exited = report_on_exited,
        .on_revoked = report_on_revoked,
        .on_paused = report_on_paused,
        .on_output = report_on_output,
        .on_spooled = report_on_spooled,
        .on_grown = report_on_grown,
        .on_stdin_taken = report_on_stdin_taken,
        .on_dead = report_on_dead,
        .on_compacted = report_on_compacted,
        .on_pool = report_on_pool,
};
