/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an attempt ended, as events. A worker says what it saw; whether that finishes the task or
 * brings another attempt is decided here, from the job's retries and from whether its owner chose
 * at-least-once (`requeue`). An outcome that nobody knows is LOST, never "exit 0".
 *
 *   the task was stopping     -> cancelled, whatever the worker saw
 *   exit 0                    -> succeeded
 *   failed, attempts left     -> queued again after a delay that doubles (backoff.c)
 *   failed                    -> failed | timeout | oom
 *   stopped with the pool     -> queued again with `requeue`, else cancelled
 *   nobody knows              -> queued again with `requeue`, else lost
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/parse.h"

#include "daemon/jobs/backoff.h"
#include "daemon/jobs/engine_private.h"

/* clang-format off */
static const enum job_event outcome_events[WORKERS_OUTCOME_COUNT] = {
        [WORKERS_OUTCOME_NONE] = JOB_EV_LOSE,
        [WORKERS_OUTCOME_EXITED] = JOB_EV_FAIL, /* SUCCEED for code 0 */
        [WORKERS_OUTCOME_SIGNALED] = JOB_EV_FAIL,
        [WORKERS_OUTCOME_TIMEOUT] = JOB_EV_TIMEOUT,
        [WORKERS_OUTCOME_OOM] = JOB_EV_OOM,
        [WORKERS_OUTCOME_NOT_STARTED] = JOB_EV_FAIL,
        [WORKERS_OUTCOME_CANCELLED] = JOB_EV_CANCELLED,
        [WORKERS_OUTCOME_REFUSED] = JOB_EV_FAIL,
};
/* clang-format on */

static bool outcome_retry_matches(const struct job_extra *x, const struct workers_exit *exit)
{
        /* What could not be started would not start the next time either, unless somebody knows
         * better. */
        if (!x->has_retry_on)
                return exit->outcome != WORKERS_OUTCOME_NOT_STARTED;
        if (exit->exit_code < 0 || exit->exit_code > 255)
                return false;
        return x->retry_on[exit->exit_code / 8] & (1U << (exit->exit_code % 8));
}

/* Is another attempt due? Attempts begun so far include the one that just ended. */
static bool outcome_wants_retry(const struct task *task, enum job_event event,
                                const struct workers_exit *exit)
{
        const struct job_extra *x = task->job->extra;
        const uint32_t begun = task->attempt + (task->started ? 0 : 1);

        if (!x || (x->map && x->map->is_halted) || begun > x->retries ||
            exit->outcome == WORKERS_OUTCOME_REFUSED)
                return false;
        return (event == JOB_EV_FAIL || event == JOB_EV_TIMEOUT || event == JOB_EV_OOM) &&
               outcome_retry_matches(x, exit);
}

/* The line of history: "exit 3", "signal TERM", and the reason when there is one. */
static const char *outcome_describe(const struct workers_exit *exit, const char *why, char *buf,
                                    size_t size)
{
        char signal_name[16];
        int n = 0;

        if (exit && exit->exit_signal)
                n = snprintf(buf, size, "signal %s",
                             parse_signal_name((int)exit->exit_signal, signal_name));
        else if (exit && exit->exit_code >= 0)
                n = snprintf(buf, size, "exit %d", exit->exit_code);
        else
                buf[0] = '\0';
        if (why && n >= 0 && (size_t)n < size)
                snprintf(buf + n, size - (size_t)n, "%s%s", n ? ": " : "", why);
        return buf[0] ? buf : NULL;
}

/* What a user's tasks take, smoothed over about eight of them: the look-ahead goes by it. */
static void outcome_learn(struct user *user, uint64_t run_usec)
{
        const uint64_t run = MAX(run_usec, 1);

        user->short_usec = user->short_usec ? (user->short_usec * 7 + run) / 8 : run;
}

static void outcome_requeue(struct engine *e, struct task *task, struct engine_end *end,
                            const char *detail, bool delayed)
{
        const struct job *job = task->job;

        if (delayed) {
                const uint64_t delay = backoff_usec(job->extra->retry_delay_usec, task->attempt,
                                                    job->id, task->number);

                end->retry_delay_usec = delay;
                end->retry_wall_usec = clock_wall_usec() + delay;
        }
        e->tally.retried += delayed;
        e->tally.requeued += !delayed;
        engine_apply(e, task, JOB_EV_REQUEUE, detail, end);
}

void outcome_apply(struct engine *e, struct task *task, const struct workers_exit *exit)
{
        struct engine_end end = { .exit = exit, .why = exit->why };
        enum job_event event = outcome_events[exit->outcome];
        const bool was_stopping = task->state == JOB_STOPPING;
        char text[320];
        const char *detail = outcome_describe(exit, exit->why, text, sizeof(text));

        if (exit->outcome == WORKERS_OUTCOME_EXITED && exit->exit_code == 0)
                event = JOB_EV_SUCCEED;
        if (event == JOB_EV_LOSE) {
                outcome_lose(e, task, exit->why);
                return;
        }
        outcome_learn(task->job->user, exit->run_usec);
        if (was_stopping) {
                engine_apply(e, task, JOB_EV_CANCELLED, detail, &end);
                return;
        }
        if (event == JOB_EV_CANCELLED && task->job->requeue) {
                outcome_requeue(e, task, &end, detail, false);
                return;
        }
        if (event == JOB_EV_CANCELLED) {
                /* The pool was stopped, or a cancel came before we saw the start. */
                if (task->state == JOB_STARTING)
                        engine_apply(e, task, JOB_EV_STARTED, NULL, NULL);
                engine_apply(e, task, JOB_EV_STOP, NULL, NULL);
                engine_apply(e, task, JOB_EV_CANCELLED, detail, &end);
                return;
        }
        if (!task->cancel_wanted && outcome_wants_retry(task, event, exit)) {
                outcome_requeue(e, task, &end, detail, true);
                return;
        }
        engine_apply(e, task, event, detail, &end);
}

void outcome_lose(struct engine *e, struct task *task, const char *why)
{
        struct log_record about = { .level = LOG_LEVEL_WARNING,
                                    .event = LOG_EVENT_JOB_LOST,
                                    .has_uid = true };
        struct engine_end end = { .why = why };

        if (task->job->requeue && task->state != JOB_STOPPING && !task->cancel_wanted) {
                outcome_requeue(e, task, &end, why, false);
                return;
        }
        about.job_id = task->job->id;
        about.uid = engine_job_uid(task->job);
        log_write_about(&about, "job %" PRIu64 " is lost: %s", task->job->id,
                        why ? why : "unknown");
        engine_apply(e, task, JOB_EV_LOSE, why, &end);
}

void outcome_return(struct engine *e, struct task *task, const char *why)
{
        const struct job_map *const map = job_map_of(task->job);
        /* What comes back to a job that is halted is cancelled there, and gone. */
        const bool cancel = task->cancel_wanted && !(map && map->is_halted);
        const uint32_t actor_uid = e->actor_uid;

        engine_apply(e, task, JOB_EV_UNSTARTED, why, NULL);
        if (!cancel)
                return;
        e->actor_uid = task->actor_uid;
        engine_apply(e, task, JOB_EV_CANCEL, NULL, NULL);
        e->actor_uid = actor_uid;
}
