/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What owners do to unfinished jobs: cancel, signal, pause, resume, hold, release. Each act walks
 * the tasks it is meant for, posts an event for those whose state allows it, and sends the order
 * with that event's sequence as its barrier, so that no worker hears of what may not be on disk.
 *
 * Cancel depends on where a task is. Queued: one event and it is over. Running: STOP is committed,
 * the worker ends the tree, and its report makes the task terminal. Starting: only the worker knows
 * whether it ran; it is asked (REVOKE) and the answer decides, until then the cancel stays open.
 */
#include <string.h>

#include "common/error.h"
#include "common/log.h"

#include "daemon/jobs/engine_private.h"

#define ACT_SETTING_DRAIN "drain"
/* Cancelling one task makes all before it known one by one: not for tasks very far ahead. */
#define ACT_AHEAD_MAX 100000U

/* ------------------------------------------------------------------------------------- cancel */

static void act_cancel_starting(struct engine *e, struct task *task, uint64_t grace_usec)
{
        task->cancel_grace_usec = grace_usec;
        task->actor_uid = e->actor_uid;
        if (!task->start_ready) {
                /* Nothing has left yet, and what the fetch brings finds no lease. */
                task->cancel_wanted = true;
                outcome_return(e, task, NULL);
                return;
        }
        task->cancel_wanted = true;
        if (task->worker && !task->revoking) {
                task->revoking = true;
                worker_revoke(task->worker, task->lease, e->sequence);
        }
}

static void act_cancel_running(struct engine *e, struct task *task, uint64_t grace_usec)
{
        task->stop_reason = JOB_STOP_USER;
        task->cancel_grace_usec = grace_usec;
        engine_apply(e, task, JOB_EV_STOP, NULL, NULL);
        if (task->worker)
                worker_cancel(task->worker, task->lease, grace_usec, e->sequence);
}

static void act_cancel_task(struct engine *e, struct task *task, uint64_t grace_usec)
{
        switch ((enum job_state)task->state) {
        case JOB_QUEUED:
                engine_apply(e, task, JOB_EV_CANCEL, NULL, NULL);
                break;
        case JOB_STARTING:
                act_cancel_starting(e, task, grace_usec);
                break;
        case JOB_RUNNING:
        case JOB_PAUSED:
                act_cancel_running(e, task, grace_usec);
                break;
        default:
                break; /* stopping already */
        }
}

bool engine_act_is_pending(const struct job *job, uint64_t number)
{
        struct task_tree *const tasks = (struct task_tree *)(uintptr_t)&job->tasks; /* read only */
        struct task *task;

        RB_FOREACH (task, task_tree, tasks)
                if ((number == ENGINE_ALL_TASKS || task->number == number) &&
                    (task->cancel_wanted || task->pause_wanted))
                        return true;
        return false;
}

static int act_refuse(struct reason *why, const struct job *job, const char *what)
{
        return reason_set(why, ENGINE_E_STATE, "job %llu %s", (unsigned long long)job->id, what);
}

/* A task that never had a struct: it becomes one, to be cancelled alone. */
static struct task *act_materialise(struct engine *e, struct job *job, uint64_t number)
{
        struct task *task = engine_find_task(job, number);

        if (!task && number - job->task_next >= ACT_AHEAD_MAX)
                return NULL;
        /* Those before it would be queued by themselves, and wait for no partner any more. */
        if (!task && number > job->task_next && !deps_lets_next(job))
                return NULL;
        while (!task && number >= job->task_next && number < job->task_count && !e->fault) {
                struct task *made = engine_add_task(e, job, job->task_next++);

                /* Numbers below task_next have a row each, or a restart would not know of them. */
                if (made)
                        engine_write_task(e, made, NULL);
                if (made && made->number == number)
                        task = made;
        }
        return task;
}

/* All that never had a struct, first: then the last task's end is the job's end. False: ended. */
static bool act_cancel_unstarted(struct engine *e, struct job *job, const char *detail)
{
        const bool is_last = RB_EMPTY(&job->tasks);
        const bool has_rest = job->task_next < job->task_count;

        map_input_give_up(e, job, detail);
        engine_apply_cancel_rest(e, job, detail);
        if (is_last && !has_rest)
                engine_apply_close(e, job, JOB_CANCELLED, detail);
        return !is_last;
}

void act_give_up(struct engine *e, struct job *job, bool now, const char *detail)
{
        struct task *task, *next;

        if (!act_cancel_unstarted(e, job, detail))
                return;
        RB_FOREACH_SAFE (task, task_tree, &job->tasks, next) {
                if (now || task->state == JOB_QUEUED) {
                        act_cancel_task(e, task, e->options.grace_usec);
                } else if (task->state == JOB_STARTING && !task->start_ready) {
                        outcome_return(e, task, detail);
                } else if (task->state == JOB_STARTING && task->worker && !task->revoking) {
                        task->revoking = true;
                        worker_revoke(task->worker, task->lease, e->sequence);
                }
        }
}

int engine_cancel(struct engine *e, struct job *job, uint64_t number, uint64_t grace_usec,
                  struct reason *why)
{
        struct task *task, *next;

        if (grace_usec == USEC_NONE)
                grace_usec = e->options.grace_usec;
        if (number != ENGINE_ALL_TASKS) {
                task = act_materialise(e, job, number);
                if (!task)
                        return act_refuse(why, job,
                                          "has no such unfinished task, or one too far ahead");
                act_cancel_task(e, task, grace_usec);
                return job_table_find(&e->jobs, job->id) && engine_act_is_pending(job, number)
                               ? ENGINE_E_LATER
                               : 0;
        }
        if (job->extra)
                job->extra->is_cancelled = true;
        if (!act_cancel_unstarted(e, job, NULL))
                return 0;
        RB_FOREACH_SAFE (task, task_tree, &job->tasks, next)
                act_cancel_task(e, task, grace_usec);
        return engine_act_is_pending(job, number) ? ENGINE_E_LATER : 0;
}

/* ----------------------------------------------------------------- signal, pause and resume */

typedef void (*act_fn)(struct engine *e, struct task *task, uint32_t signo);

/* Applies `act` to the tasks meant whose state allows `event`; how many there were. */
static uint64_t act_each(struct engine *e, struct job *job, uint64_t number, enum job_event event,
                         act_fn act, uint32_t signo)
{
        struct task *task, *next;
        uint64_t count = 0;

        RB_FOREACH_SAFE (task, task_tree, &job->tasks, next) {
                if (number != ENGINE_ALL_TASKS && task->number != number)
                        continue;
                if (!engine_allows(task, event))
                        continue;
                act(e, task, signo);
                count++;
        }
        return count;
}

static void act_signal(struct engine *e, struct task *task, uint32_t signo)
{
        engine_apply(e, task, JOB_EV_SIGNAL, NULL, NULL);
        if (task->worker)
                worker_signal(task->worker, task->lease, signo, e->sequence);
}

static void act_pause(struct engine *e, struct task *task, uint32_t signo)
{
        (void)signo;
        engine_apply(e, task, JOB_EV_PAUSE, NULL, NULL);
        if (task->worker)
                worker_pause(task->worker, task->lease, e->sequence);
}

static void act_resume(struct engine *e, struct task *task, uint32_t signo)
{
        (void)signo;
        engine_apply(e, task, JOB_EV_RESUME, NULL, NULL);
        if (task->worker)
                worker_resume(task->worker, task->lease, e->sequence);
}

int engine_signal(struct engine *e, struct job *job, uint64_t number, uint32_t signo,
                  struct reason *why)
{
        struct task *task;

        /* A start that is not confirmed yet: the worker holds the process, or will say so. */
        RB_FOREACH (task, task_tree, &job->tasks)
                if ((number == ENGINE_ALL_TASKS || task->number == number) &&
                    task->state == JOB_STARTING && task->start_ready && task->worker) {
                        worker_signal(task->worker, task->lease, signo, e->sequence);
                        return 0;
                }
        if (act_each(e, job, number, JOB_EV_SIGNAL, act_signal, signo) == 0)
                return act_refuse(why, job, "is not running");
        return 0;
}

void act_on_started(struct engine *e, struct task *task)
{
        const uint32_t actor_uid = e->actor_uid;

        e->actor_uid = task->actor_uid;
        if (task->cancel_wanted) {
                task->cancel_wanted = false;
                act_cancel_running(e, task, task->cancel_grace_usec);
        } else if (task->pause_wanted) {
                task->pause_wanted = false;
                act_pause(e, task, 0);
        }
        e->actor_uid = actor_uid;
}

/* Tasks whose start is under way: their user cannot know that they are not quite running yet. */
static uint64_t act_pause_starting(struct engine *e, struct job *job, uint64_t number)
{
        struct task *task;
        uint64_t count = 0;

        (void)e;
        RB_FOREACH (task, task_tree, &job->tasks)
                if ((number == ENGINE_ALL_TASKS || task->number == number) &&
                    task->state == JOB_STARTING) {
                        task->pause_wanted = true;
                        task->actor_uid = e->actor_uid;
                        count++;
                }
        return count;
}

int engine_pause(struct engine *e, struct job *job, uint64_t number, struct reason *why)
{
        if (act_pause_starting(e, job, number) > 0) {
                (void)act_each(e, job, number, JOB_EV_PAUSE, act_pause, 0);
                return ENGINE_E_LATER;
        }
        if (act_each(e, job, number, JOB_EV_PAUSE, act_pause, 0) == 0)
                return act_refuse(why, job,
                                  "is not running; `jobctl hold` keeps a queued job from starting");
        return 0;
}

int engine_resume(struct engine *e, struct job *job, uint64_t number, struct reason *why)
{
        if (act_each(e, job, number, JOB_EV_RESUME, act_resume, 0) == 0)
                return act_refuse(why, job,
                                  "is not paused; `jobctl release` frees a job that is held");
        return 0;
}

/* ---------------------------------------------------------------------------- hold and release */

int engine_hold(struct engine *e, struct job *job, struct reason *why)
{
        if (job->hold)
                return 0;
        if (TAILQ_EMPTY(&job->requeued) && job->task_next == job->task_count)
                return act_refuse(why, job,
                                  "has nothing queued to hold; `jobctl pause` stops a running job");
        engine_apply_hold(e, job, true);
        return 0;
}

int engine_release(struct engine *e, struct job *job, struct reason *why)
{
        if (!job->hold)
                return act_refuse(why, job, "is not held");
        engine_apply_hold(e, job, false);
        return 0;
}

/* ----------------------------------------------------------------------------- the whole engine */

void engine_drain(struct engine *e, bool on)
{
        struct journal_batch *batch;

        if (e->is_draining == on)
                return;
        e->is_draining = on;
        e->sequence++; /* no event; but the answer waits for this transaction */
        batch = engine_batch(e);
        if (batch)
                engine_note(e, journal_put_setting(batch, ACT_SETTING_DRAIN, on));
}

int act_restore_setting(void *arg, const char *name, uint64_t value)
{
        struct engine *e = arg;

        if (strcmp(name, ACT_SETTING_DRAIN) != 0)
                return 0;
        e->is_draining = value;
        if (value)
                log_notice("draining, as before: nothing starts until `jobctl drain --end`");
        return 0;
}

bool engine_is_draining(const struct engine *e)
{
        return e->is_draining;
}

bool engine_is_stopping(const struct engine *e)
{
        return e->is_stopping;
}

void engine_stop(struct engine *e, bool now)
{
        struct task *task, *next;

        e->is_stopping = true;
        if (!now)
                return;
        HASH_ITER (hh, e->leased, task, next) {
                act_cancel_task(e, task, e->options.grace_usec);
                if (e->fault)
                        return;
        }
}

/* --------------------------------------------------------------------------- output and stdin */

void engine_follow(struct engine *e, struct job *job, uint64_t number, bool on)
{
        const struct task *task = engine_find_task(job, number);

        (void)e;
        if (task && task->worker && task->start_ready)
                worker_follow(task->worker, task->lease, on);
}

void engine_stdin(struct engine *e, struct job *job, uint64_t number, uint64_t offset,
                  const void *data, size_t size, bool end)
{
        const struct task *task = engine_find_task(job, number);

        (void)e;
        if (task && task->worker && task->start_ready)
                worker_stdin(task->worker, task->lease, offset, data, size, end);
}
