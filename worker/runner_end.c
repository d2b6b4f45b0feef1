/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attempt's end amounts to: usage summed over the main process and what it left behind (the
 * cgroup's own count where there is one, since it misses nobody), the outcome, and who survived
 * KILL. Reads and counts only; runner.c decides when an attempt has ended.
 */
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "common/clock.h"

#include "worker/runner_private.h"
#include "worker/tree.h"

void runner_add_usage(struct rusage *sum, const struct rusage *usage)
{
        timeradd(&sum->ru_utime, &usage->ru_utime, &sum->ru_utime);
        timeradd(&sum->ru_stime, &usage->ru_stime, &sum->ru_stime);
        sum->ru_maxrss = MAX(sum->ru_maxrss, usage->ru_maxrss);
        sum->ru_inblock += usage->ru_inblock;
        sum->ru_oublock += usage->ru_oublock;
}

static uint64_t runner_timeval_usec(const struct timeval *tv)
{
        return (uint64_t)tv->tv_sec * USEC_PER_SEC + (uint64_t)tv->tv_usec;
}

/*
 * The kernel killed something of the job for memory. With a limit of its own that was all of it.
 * Without one the machine was short, and took one process: a job that could do without it has not
 * failed.
 */
static void runner_judge_oom(const struct runner *runner, struct lease_result *result)
{
        const unsigned long long mib = runner->memory_bytes >> 20;

        if (runner->memory_bytes) {
                result->outcome = JOBD__WORK__OUTCOME__OUTCOME_OOM;
                reason_set(&result->why, 0,
                           "it went over its memory limit of %llu%s; ask for more with --mem",
                           mib ? mib : (unsigned long long)runner->memory_bytes,
                           mib ? " MiB" : " bytes");
        } else if (!result->has_exit_code || result->exit_code != 0) {
                result->outcome = JOBD__WORK__OUTCOME__OUTCOME_OOM;
                reason_set(&result->why, 0,
                           "the machine ran out of memory and the kernel killed a process of it");
        }
}

void runner_fill_usage(struct runner *runner, struct lease_result *result)
{
        struct rusage sum = runner->usage;
        struct cgroup_usage cgroup;

        runner_add_usage(&sum, &runner->stray_usage);
        result->user_usec = runner_timeval_usec(&sum.ru_utime);
        result->system_usec = runner_timeval_usec(&sum.ru_stime);
        result->memory_peak_bytes = (uint64_t)sum.ru_maxrss * 1024;
        result->read_bytes = (uint64_t)sum.ru_inblock * 512;
        result->write_bytes = (uint64_t)sum.ru_oublock * 512;
        if (!cgroup_job_is_open(&runner->cgroup))
                return;
        cgroup_job_read_usage(&runner->cgroup, &cgroup);
        result->user_usec = MAX(result->user_usec, cgroup.user_usec);
        result->system_usec = MAX(result->system_usec, cgroup.system_usec);
        result->memory_peak_bytes =
                cgroup.memory_peak_bytes ? cgroup.memory_peak_bytes : result->memory_peak_bytes;
        result->read_bytes = MAX(result->read_bytes, cgroup.read_bytes);
        result->write_bytes = MAX(result->write_bytes, cgroup.write_bytes);
        if (cgroup.was_oom_killed && runner->stop == RUNNER_STOP_NONE)
                runner_judge_oom(runner, result);
}

void runner_fill_outcome(const struct runner *runner, struct lease_result *result)
{
        static const struct {
                Jobd__Work__Outcome outcome;
                const char *why;
        } stops[] = {
                [RUNNER_STOP_CANCEL] = { JOBD__WORK__OUTCOME__OUTCOME_CANCELLED, NULL },
                [RUNNER_STOP_LIMIT] = { JOBD__WORK__OUTCOME__OUTCOME_TIMEOUT, NULL },
                [RUNNER_STOP_ADMIN] = { JOBD__WORK__OUTCOME__OUTCOME_CANCELLED,
                                        "the workers were stopped, by an administrator or with the "
                                        "machine" },
        };

        if (runner->is_reaped && WIFEXITED(runner->wait_status)) {
                result->outcome = JOBD__WORK__OUTCOME__OUTCOME_EXITED;
                result->has_exit_code = true;
                result->exit_code = WEXITSTATUS(runner->wait_status);
        } else {
                result->outcome = JOBD__WORK__OUTCOME__OUTCOME_SIGNALED;
                result->exit_signal = runner->is_reaped ? (uint32_t)WTERMSIG(runner->wait_status)
                                                        : (uint32_t)SIGKILL;
        }
        if (runner->stop == RUNNER_STOP_NONE)
                return;
        result->outcome = stops[runner->stop].outcome;
        if (stops[runner->stop].why)
                reason_set(&result->why, 0, "%s", stops[runner->stop].why);
}

void runner_count_survivors(struct lease_result *result)
{
        char names[128];
        pid_t pids[64];

        result->survivors = (uint32_t)tree_list_children(pids, ARRAY_SIZE(pids));
        tree_describe_children(names, sizeof(names));
        reason_set(&result->why, 0, "%u processes cannot be killed (stuck in the kernel): %s",
                   result->survivors, names);
}
