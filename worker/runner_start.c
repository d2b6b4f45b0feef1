/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a lease becomes a process, in the order that at-most-once needs:
 *
 *    prepare (may refuse) - pipes - cgroup - record GO - create the process - record RUNNING
 *
 * Before GO nothing can have run, and a worker that dies there lets the lease be given to another.
 * From GO on the start counts. A child that did not reach execve is reaped here, and the lease
 * ends with the stage, the errno and a sentence.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/failpoint.h"

#include "worker/report.h"
#include "worker/runner_private.h"

#define RUNNER_NOT_EXECUTABLE 126

struct runner_pipes {
        int in_read, in_write;
        int out_read, out_write;
        int err_read, err_write;
};

static void runner_close_pipes(struct runner_pipes *pipes)
{
        fd_close(pipes->in_read);
        fd_close(pipes->in_write);
        fd_close(pipes->out_read);
        fd_close(pipes->out_write);
        fd_close(pipes->err_read);
        fd_close(pipes->err_write);
}

/* A pipe whose end for us does not block; the job's end is an ordinary one. */
static int runner_open_pipe(int *out_ours, int *out_jobs, int our_end)
{
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return FAULT(-errno);
        *out_ours = fds[our_end];
        *out_jobs = fds[!our_end];
        if (fcntl(*out_ours, F_SETFL, O_NONBLOCK) < 0)
                return FAULT(-errno);
        return 0;
}

static int runner_open_pipes(const struct lease *lease, const struct spawn_plan *plan,
                             struct runner_pipes *pipes)
{
        int r = 0;

        if (!plan->output_path)
                r = runner_open_pipe(&pipes->out_read, &pipes->out_write, 0);
        if (r == 0 && !plan->error_path)
                r = runner_open_pipe(&pipes->err_read, &pipes->err_write, 0);
        if (r == 0 && !plan->input_path && lease->what->spec->stdin_pipe)
                r = runner_open_pipe(&pipes->in_write, &pipes->in_read, 1);
        return PASS(r);
}

static int runner_open_cgroup(struct runner *runner, const struct lease *lease)
{
        const struct policy *policy = runner->with.site->policy;
        const struct cgroup_limits limits = {
                .memory_bytes = lease->what->spec->memory_bytes,
                .tasks_max = policy ? policy->tasks_max : UINT64_MAX,
        };
        int r;

        if (runner->with.cgroup_fd < 0)
                return 0;
        r = cgroup_job_open(&runner->cgroup, runner->with.cgroup_fd, lease->uid, lease->job,
                            lease->task, lease->attempt, &limits);
        return PASS(r);
}

static uint64_t runner_boot_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_BOOTTIME, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

/* What of the spec is needed after the start. */
static void runner_take_terms(struct runner *runner, struct lease *lease)
{
        const Jobd__Spec *spec = lease->what->spec;
        uint64_t cap = runner->defaults.cap_bytes;

        if (spec->output_cap_bytes)
                cap = MIN(cap, spec->output_cap_bytes);
        /* What is left of the user's quota, when that is less. */
        if (lease->cap_bytes)
                cap = MIN(cap, lease->cap_bytes);
        lease->log.cap_bytes = cap;
        lease->log.inline_bytes = (size_t)runner->defaults.inline_bytes;
        lease->log.is_blocked = runner->is_disk_full;
        runner->memory_bytes = spec->memory_bytes;
        runner->limit_usec = spec->time_limit_usec;
        runner->warn_signal = (int)spec->warn_signal;
        runner->warn_usec = spec->warn_signal && spec->warn_before_usec < spec->time_limit_usec
                                    ? spec->time_limit_usec - spec->warn_before_usec
                                    : 0;
        runner->grace_usec = spec->has_grace_usec ? spec->grace_usec : runner->defaults.grace_usec;
        runner->stop = RUNNER_STOP_NONE;
        runner->is_warned = false;
        runner->is_reaped = false;
        runner->has_children = false;
        memset(&runner->usage, 0, sizeof(runner->usage));
        memset(&runner->stray_usage, 0, sizeof(runner->stray_usage));
}

/* A child that never became the job: wait for its end, which has come or was ordered. */
static void runner_reap_failed(struct runner *runner, pid_t pid)
{
        if (cgroup_job_is_open(&runner->cgroup))
                cgroup_job_kill(&runner->cgroup);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        cgroup_job_remove(&runner->cgroup);
}

static void runner_fail(struct runner *runner, struct lease *lease, const struct spawn_plan *plan,
                        const struct spawn_result *result)
{
        struct reason why = { "" };

        spawn_explain(plan, result, &why);
        lease->result.stage = result->stage;
        lease->result.error = (uint32_t)result->error;
        lease->result.has_exit_code = true;
        lease->result.exit_code = spawn_exit_code(result);
        lease->pid = 0;
        runner_end_unstarted(runner, lease, JOBD__WORK__OUTCOME__OUTCOME_NOT_STARTED, &why);
}

static void runner_begin(struct runner *runner, struct lease *lease, struct runner_pipes *pipes)
{
        runner->lease = lease;
        runner->clock = (struct runner_clock){ .since_usec = clock_mono_usec(), .spent_usec = 0 };
        input_start(runner->input, TAKE_FD(pipes->in_write));
        output_start(runner->output, &lease->log, TAKE_FD(pipes->out_read),
                     TAKE_FD(pipes->err_read));
        runner_step(runner, RUN_EV_STARTED);
        lease_drop_job(lease);
}

/* GO and after. The plan's descriptors are the pipes' other ends. */
static void runner_launch(struct runner *runner, struct lease *lease, struct spawn_plan *plan,
                          struct runner_pipes *pipes)
{
        struct spawn_result result;

        lease->start_boot_usec = runner_boot_usec();
        lease->start_wall_usec = clock_wall_usec();
        runner_record(runner, lease, RECORD_GO);
        (void)FAILPOINT("worker-go");
        spawn_process(plan, &result);
        (void)FAILPOINT("worker-spawned");
        if (result.stage) {
                if (result.pid > 0)
                        runner_reap_failed(runner, result.pid);
                else
                        cgroup_job_remove(&runner->cgroup);
                runner_fail(runner, lease, plan, &result);
                return;
        }
        lease->pid = result.pid;
        runner_record(runner, lease, RECORD_RUNNING);
        (void)FAILPOINT("worker-running");
        runner_begin(runner, lease, pipes);
}

/* A machine that gives no pipe, memory or cgroup now: the job did not start, and nothing ran. */
static void runner_fail_early(struct runner *runner, struct lease *lease,
                              const struct spawn_plan *plan, int error)
{
        const struct spawn_result result = { .pid = -1,
                                             .stage = SPAWN_STAGE_PREPARE,
                                             .error = error };

        cgroup_job_remove(&runner->cgroup);
        runner_fail(runner, lease, plan, &result);
}

/* The command cannot be made of this task's values: not executable, as a shell would say. */
static void runner_fail_command(struct runner *runner, struct lease *lease,
                                const struct reason *why)
{
        lease->result.has_exit_code = true;
        lease->result.exit_code = RUNNER_NOT_EXECUTABLE;
        lease->result.stage = SPAWN_STAGE_PREPARE;
        lease->result.error = E2BIG;
        runner_end_unstarted(runner, lease, JOBD__WORK__OUTCOME__OUTCOME_NOT_STARTED, why);
}

void runner_start(struct runner *runner, struct lease *lease)
{
        struct runner_pipes pipes = { -1, -1, -1, -1, -1, -1 };
        struct preparation preparation;
        struct spawn_plan *plan = &preparation.plan;
        struct reason why = { "" };
        int r;

        (void)FAILPOINT("worker-accepted");
        r = prepare_job(runner->with.site, lease, &preparation, &why);
        if (r == PREPARE_E_REFUSED) {
                runner_end_unstarted(runner, lease, JOBD__WORK__OUTCOME__OUTCOME_REFUSED, &why);
                return;
        }
        if (r == PREPARE_E_COMMAND) {
                runner_fail_command(runner, lease, &why);
                return;
        }
        if (r) {
                runner_fail_early(runner, lease, NULL, -r);
                return;
        }
        runner_take_terms(runner, lease);
        r = runner_open_pipes(lease, plan, &pipes);
        if (r == 0)
                r = runner_open_cgroup(runner, lease);
        if (r) {
                runner_fail_early(runner, lease, plan, -r);
        } else {
                plan->in_fd = pipes.in_read >= 0 ? pipes.in_read : plan->null_fd;
                plan->out_fd = pipes.out_write;
                plan->err_fd = pipes.err_write;
                plan->cgroup_procs_fd = runner->cgroup.procs_fd;
                plan->death_signal = !cgroup_job_is_open(&runner->cgroup);
                plan->worker_pid = runner->with.site->pid;
                runner_launch(runner, lease, plan, &pipes);
        }
        runner_close_pipes(&pipes);
        preparation_deinit(&preparation);
}
