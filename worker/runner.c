/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one lease at a time, from its process to its result. Orders, timers and deaths become
 * events; run_state.c says what they mean, and the functions in runner_actions[] do it.
 *
 * The job is its main process: when that has been reaped, whatever else is left of it is killed
 * (the cgroup, or every child that this subreaper was given), the pipes have a second to run dry,
 * and the result is complete. A no-op job takes one turn from its death to its report: two wait4,
 * one read for each pipe.
 *
 * Nothing is told or watched for the first 5 ms of a job, since most short ones are over by then:
 * Exited says all that Started would have said. The output of a job that somebody follows is
 * watched at once; its Started still waits, since each costs jobd a commit that the end stands
 * behind.
 *
 * Time runs on CLOCK_MONOTONIC here, whether jobd is there or not, and stands still while the job
 * is paused.
 *
 * Only we reap, and a number that is not reaped belongs to nobody else: signals go to pids and
 * process groups of children that are still ours. Called by worker.c.
 */
#include "worker/runner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/failpoint.h"

#include "worker/report.h"
#include "worker/runner_private.h"
#include "worker/tree.h"

typedef void (*runner_action_fn)(struct runner *runner, struct lease *lease);

static void runner_timer_start(struct loop_timer *timer, uint64_t delay_usec)
{
        if (loop_timer_start(timer, delay_usec))
                abort(); /* without timers no promise about time can be kept: the pool replaces us
                          */
}

void runner_record(struct runner *runner, const struct lease *lease, enum record_state state)
{
        const struct record_entry entry = lease_to_record(lease, state);

        record_write(runner->with.record, lease->slot, &entry);
}

/* ----------------------------------------------------------------------------------- the clock */

static uint64_t runner_run_usec(const struct runner *runner)
{
        const struct runner_clock *clock = &runner->clock;

        return clock->spent_usec + (clock->since_usec ? clock_mono_usec() - clock->since_usec : 0);
}

void runner_arm_limits(struct runner *runner)
{
        const uint64_t run = runner_run_usec(runner);

        if (runner->limit_usec)
                runner_timer_start(runner->limit_timer,
                                   runner->limit_usec > run ? runner->limit_usec - run : 0);
        if (runner->warn_usec && !runner->is_warned)
                runner_timer_start(runner->warn_timer,
                                   runner->warn_usec > run ? runner->warn_usec - run : 0);
}

static void runner_stop_limits(struct runner *runner)
{
        loop_timer_stop(runner->limit_timer);
        loop_timer_stop(runner->warn_timer);
}

/* ----------------------------------------------------------------------------------- processes */

static void runner_signal_tree(struct runner *runner, const struct lease *lease, int signo)
{
        if (cgroup_job_is_open(&runner->cgroup))
                cgroup_job_signal(&runner->cgroup, signo);
        else
                tree_signal(lease->pid, signo);
}

static void runner_kill_tree(struct runner *runner)
{
        if (cgroup_job_is_open(&runner->cgroup))
                cgroup_job_kill(&runner->cgroup);
        (void)tree_kill_children(NULL, NULL);
}

static void runner_sweep(struct runner *runner);

void runner_on_child(struct runner *runner)
{
        struct lease *lease = runner->lease;
        struct rusage usage;
        int status;
        pid_t pid;

        while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
                if (lease && pid == lease->pid && !runner->is_reaped) {
                        runner->is_reaped = true;
                        runner->wait_status = status;
                        runner->usage = usage;
                } else {
                        runner_add_usage(&runner->stray_usage, &usage);
                }
        }
        runner->has_children = pid == 0;
        if (!lease)
                return;
        if (lease->state == RUN_SWEEPING)
                runner_sweep(runner);
        else if (runner->is_reaped)
                runner_step(runner, RUN_EV_EXIT);
}

/* ------------------------------------------------------------------------------------- the end */

static void runner_do_end(struct runner *runner, struct lease *lease)
{
        struct lease_result *result = &lease->result;

        runner_stop_limits(runner);
        loop_timer_stop(runner->look_timer);
        loop_timer_stop(runner->stage_timer);
        output_show(runner->output);
        output_stop(runner->output);
        input_stop(runner->input);
        result->end_wall_usec = clock_wall_usec();
        result->run_usec = runner_run_usec(runner);
        runner_fill_outcome(runner, result);
        runner_fill_usage(runner, result);
        if (result->survivors)
                runner_count_survivors(result);
        cgroup_job_remove(&runner->cgroup);
        runner->lease = NULL;
        if (!lease->is_lost) {
                (void)FAILPOINT("worker-ended");
                runner_record(runner, lease, RECORD_EXITED);
                (void)FAILPOINT("worker-exited");
                report_exited(runner->with.link, lease);
        }
        if (result->survivors)
                runner->ops->on_survived(runner->arg);
}

void runner_end_unstarted(struct runner *runner, struct lease *lease, Jobd__Work__Outcome outcome,
                          const struct reason *why)
{
        lease->state = RUN_ENDED;
        lease->result.outcome = outcome;
        lease->result.why = *why;
        lease->result.end_wall_usec = clock_wall_usec();
        lease_drop_job(lease);
        runner_record(runner, lease, RECORD_EXITED);
        report_exited(runner->with.link, lease);
}

/* --------------------------------------------------------------------------------- the actions */

static void runner_watch_output(struct runner *runner)
{
        if (output_watch(runner->output))
                abort(); /* unread pipes would stop the job: the pool replaces us */
}

static void runner_do_begin_watch(struct runner *runner, struct lease *lease)
{
        runner_timer_start(runner->look_timer, RUNNER_LOOK_USEC);
        if (lease->wants_follow) {
                output_follow(runner->output, true);
                runner_watch_output(runner);
        }
        runner_arm_limits(runner);
}

/* The job is worth attention: it has been running for a while, or somebody looks. */
static void runner_on_look(void *arg)
{
        struct runner *runner = arg;
        struct lease *lease = runner->lease;

        if (!lease)
                return;
        if (!lease->is_started_told) {
                lease->is_started_told = true;
                report_started(runner->with.link, lease);
        }
        runner_watch_output(runner);
}

static uint64_t runner_due_after(uint64_t delay_usec)
{
        const uint64_t now_usec = clock_mono_usec();

        return delay_usec < USEC_NONE - now_usec ? now_usec + delay_usec : USEC_NONE;
}

static void runner_do_term(struct runner *runner, struct lease *lease)
{
        runner_stop_limits(runner);
        runner_signal_tree(runner, lease, SIGTERM);
        runner_signal_tree(runner, lease, SIGCONT);
        runner->kill_due_usec = runner_due_after(runner->grace_usec);
        runner_timer_start(runner->stage_timer, runner->grace_usec);
}

/* Asked again with a shorter grace: it counts from now, and never gives more than was left. */
static void runner_do_shorten(struct runner *runner, struct lease *lease)
{
        const uint64_t due_usec = runner_due_after(runner->grace_usec);

        (void)lease;
        if (due_usec >= runner->kill_due_usec)
                return;
        runner->kill_due_usec = due_usec;
        runner_timer_start(runner->stage_timer, runner->grace_usec);
}

static void runner_do_pause(struct runner *runner, struct lease *lease)
{
        runner->clock.spent_usec = runner_run_usec(runner);
        runner->clock.since_usec = 0;
        runner_stop_limits(runner);
        runner_signal_tree(runner, lease, SIGSTOP);
        report_paused(runner->with.link, lease);
}

static void runner_do_resume(struct runner *runner, struct lease *lease)
{
        runner->clock.since_usec = clock_mono_usec();
        runner_signal_tree(runner, lease, SIGCONT);
        runner_arm_limits(runner);
        report_paused(runner->with.link, lease);
}

static void runner_do_say_paused(struct runner *runner, struct lease *lease)
{
        report_paused(runner->with.link, lease);
}

static void runner_do_say_too_late(struct runner *runner, struct lease *lease)
{
        report_revoked(runner->with.link, lease->id, true);
}

static void runner_do_warn(struct runner *runner, struct lease *lease)
{
        runner->is_warned = true;
        runner_signal_tree(runner, lease, runner->warn_signal);
}

static void runner_do_kill(struct runner *runner, struct lease *lease)
{
        (void)lease;
        runner_stop_limits(runner);
        runner->stage_since_usec = clock_mono_usec();
        runner_kill_tree(runner);
        runner_timer_start(runner->stage_timer, RUNNER_SURVIVE_USEC);
}

static void runner_do_abandon(struct runner *runner, struct lease *lease)
{
        lease->is_lost = true;
        runner_do_kill(runner, lease);
}

/* Entered at the main process's end and again whenever another child was reaped. */
static void runner_sweep(struct runner *runner)
{
        const bool is_populated =
                cgroup_job_is_open(&runner->cgroup) && cgroup_job_is_populated(&runner->cgroup);

        if (!runner->has_children && !is_populated) {
                runner_step(runner, RUN_EV_CLEAN);
                return;
        }
        if (clock_mono_usec() - runner->stage_since_usec > RUNNER_SURVIVE_USEC) {
                runner_step(runner, RUN_EV_SURVIVED);
                return;
        }
        runner_kill_tree(runner);
        /* Without children of ours nobody tells us when the cgroup is empty. */
        runner_timer_start(runner->stage_timer,
                           runner->has_children ? RUNNER_SURVIVE_USEC : RUNNER_CGROUP_RETRY_USEC);
}

static void runner_do_sweep(struct runner *runner, struct lease *lease)
{
        (void)lease;
        runner_stop_limits(runner);
        loop_timer_stop(runner->stage_timer);
        runner->stage_since_usec = clock_mono_usec();
        runner_sweep(runner);
}

static void runner_do_drain(struct runner *runner, struct lease *lease)
{
        (void)lease;
        if (output_drain(runner->output)) {
                runner_step(runner, RUN_EV_DRAINED);
                return;
        }
        if (output_watch(runner->output))
                abort();
        runner_timer_start(runner->stage_timer, RUNNER_DRAIN_USEC);
}

static void runner_do_drain_survived(struct runner *runner, struct lease *lease)
{
        lease->result.survivors = 1; /* counted when the result is made */
        runner_do_drain(runner, lease);
}

/* clang-format off */
static const runner_action_fn runner_actions[RUN_ACTION_COUNT] = {
        [RUN_DO_BEGIN_WATCH]    = runner_do_begin_watch,
        [RUN_DO_END]            = runner_do_end,
        [RUN_DO_SAY_TOO_LATE]   = runner_do_say_too_late,
        [RUN_DO_TERM]           = runner_do_term,
        [RUN_DO_SHORTEN]        = runner_do_shorten,
        [RUN_DO_PAUSE]          = runner_do_pause,
        [RUN_DO_RESUME]         = runner_do_resume,
        [RUN_DO_SAY_PAUSED]     = runner_do_say_paused,
        [RUN_DO_WARN]           = runner_do_warn,
        [RUN_DO_KILL]           = runner_do_kill,
        [RUN_DO_ABANDON]        = runner_do_abandon,
        [RUN_DO_SWEEP]          = runner_do_sweep,
        [RUN_DO_DRAIN]          = runner_do_drain,
        [RUN_DO_DRAIN_SURVIVED] = runner_do_drain_survived,
        /* The others concern leases that do not run, or take an argument: see worker.c and below. */
};
/* clang-format on */

void runner_step(struct runner *runner, enum run_event event)
{
        struct lease *lease = runner->lease;
        struct run_step step;

        if (!lease || !run_state_step(lease->state, event, &step))
                return;
        lease->state = step.next;
        if (runner_actions[step.action])
                runner_actions[step.action](runner, lease);
}

static void runner_on_limit(void *arg)
{
        struct runner *runner = arg;

        runner->stop = RUNNER_STOP_LIMIT;
        runner_step(runner, RUN_EV_LIMIT);
}

static void runner_on_warn(void *arg)
{
        runner_step(arg, RUN_EV_WARN);
}

/* One timer for the stages of an end, since a lease is in one at a time. */
static void runner_on_stage(void *arg)
{
        static const enum run_event events[RUN_STATE_COUNT] = {
                [RUN_STOPPING] = RUN_EV_GRACE,
                [RUN_KILLING] = RUN_EV_SURVIVED,
                [RUN_DRAINING] = RUN_EV_DRAINED,
        };
        struct runner *runner = arg;

        if (!runner->lease)
                return;
        if (runner->lease->state == RUN_SWEEPING)
                runner_sweep(runner);
        else
                runner_step(runner, events[runner->lease->state]);
}

/* ------------------------------------------------------------------------------- output, input */

static void runner_on_output_end(void *arg)
{
        runner_step(arg, RUN_EV_DRAINED);
}

static void runner_on_piece(void *arg, uint64_t offset, const uint8_t *records, size_t size)
{
        struct runner *runner = arg;

        report_piece(runner->with.link, runner->lease->id, offset, records, size);
}

static void runner_on_spooled(void *arg, uint64_t size_bytes)
{
        struct runner *runner = arg;

        runner_record(runner, runner->lease, RECORD_RUNNING);
        report_spooled(runner->with.link, runner->lease->id, size_bytes);
}

static void runner_on_grown(void *arg, uint64_t size_bytes)
{
        struct runner *runner = arg;

        report_grown(runner->with.link, runner->lease->id, size_bytes);
}

static const struct output_ops runner_output_ops = {
        .on_end = runner_on_output_end,
        .on_piece = runner_on_piece,
        .on_spooled = runner_on_spooled,
        .on_grown = runner_on_grown,
};

void runner_show(struct runner *runner)
{
        uint64_t taken;
        bool is_closed;

        if (!runner->lease)
                return;
        output_show(runner->output);
        if (input_take_news(runner->input, &taken, &is_closed))
                report_stdin_taken(runner->with.link, runner->lease->id, taken, is_closed);
}

void runner_follow(struct runner *runner, bool on)
{
        output_follow(runner->output, on);
        if (on && runner->lease)
                runner_watch_output(runner);
}

void runner_feed(struct runner *runner, const Jobd__Work__StdinPiece *piece)
{
        input_feed(runner->input, piece->offset, piece->data.data, piece->data.len, piece->end);
}

uint64_t runner_stdin_taken(const struct runner *runner)
{
        return input_taken(runner->input);
}

void runner_set_disk_full(struct runner *runner, bool is_full)
{
        runner->is_disk_full = is_full;
        if (runner->lease)
                output_log_set_full(&runner->lease->log, is_full);
}

void runner_on_link_down(struct runner *runner)
{
        /* Whether it was started, spooled or paused the inventory will tell. */
        output_follow(runner->output, false);
}

/* -------------------------------------------------------------------------------------- orders */

void runner_cancel(struct runner *runner, enum runner_stop reason, uint64_t grace_usec)
{
        if (!runner->lease)
                return;
        if (runner->lease->state == RUN_ACTIVE || runner->lease->state == RUN_PAUSED)
                runner->stop = reason;
        if (grace_usec != USEC_NONE)
                runner->grace_usec = grace_usec;
        runner_step(runner, RUN_EV_CANCEL);
}

void runner_end(struct runner *runner, uint64_t most_usec)
{
        runner_cancel(runner, RUNNER_STOP_ADMIN, MIN(runner->grace_usec, most_usec));
}

void runner_signal(struct runner *runner, int signo)
{
        struct lease *lease = runner->lease;
        struct run_step step;

        if (lease && run_state_step(lease->state, RUN_EV_SIGNAL, &step))
                runner_signal_tree(runner, lease, signo);
}

void runner_order(struct runner *runner, enum run_event event)
{
        runner_step(runner, event);
}

void runner_abandon(struct runner *runner)
{
        runner_step(runner, RUN_EV_ABANDON);
}

struct lease *runner_current(const struct runner *runner)
{
        return runner->lease;
}

void runner_set_defaults(struct runner *runner, const struct runner_defaults *defaults)
{
        runner->defaults = *defaults;
}

/* ---------------------------------------------------------------------------------------- life */

int runner_new(const struct runner_options *options, const struct runner_ops *ops, void *arg,
               struct runner **out_runner)
{
        _cleanup_(runner_freep) struct runner *runner = calloc(1, sizeof(*runner));
        int r;

        if (!runner)
                return FAULT(-ENOMEM);
        runner->with = *options;
        runner->ops = ops;
        runner->arg = arg;
        cgroup_job_init(&runner->cgroup);
        runner->defaults = (struct runner_defaults){
                .inline_bytes = 64 * 1024,
                .cap_bytes = UINT64_MAX,
                .grace_usec = RUNNER_GRACE_USEC,
        };
        r = output_new(options->loop, &runner_output_ops, runner, &runner->output);
        if (r == 0)
                r = input_new(options->loop, &runner->input);
        if (r == 0)
                r = loop_timer_new(options->loop, runner_on_look, runner, &runner->look_timer);
        if (r == 0)
                r = loop_timer_new(options->loop, runner_on_limit, runner, &runner->limit_timer);
        if (r == 0)
                r = loop_timer_new(options->loop, runner_on_warn, runner, &runner->warn_timer);
        if (r == 0)
                r = loop_timer_new(options->loop, runner_on_stage, runner, &runner->stage_timer);
        if (r)
                return PASS(r);
        *out_runner = TAKE_PTR(runner);
        return 0;
}

struct runner *runner_free(struct runner *runner)
{
        if (!runner)
                return NULL;
        output_free(runner->output);
        input_free(runner->input);
        loop_timer_free(runner->look_timer);
        loop_timer_free(runner->limit_timer);
        loop_timer_free(runner->warn_timer);
        loop_timer_free(runner->stage_timer);
        free(runner);
        return NULL;
}
