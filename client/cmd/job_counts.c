/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the states of a job's tasks. A task that is retried counts as not done. Pure. */
#include "client/cmd/job_counts.h"

#include <string.h>

void job_counts_read(const struct jobctl_item *progress, struct progress_counts *out_counts)
{
        struct progress_counts counts = {
                .total = jobctl_number_or(progress, JOBCTL_PROGRESS_TASK_COUNT, 0),
                .open = jobctl_number_or(progress, JOBCTL_PROGRESS_OPEN, 0) != 0,
                .run_usec = jobctl_number_or(progress, JOBCTL_PROGRESS_RUN_USEC, 0),
                .run_count = jobctl_number_or(progress, JOBCTL_PROGRESS_RUN_COUNT, 0),
        };
        const size_t states = jobctl_count(progress, JOBCTL_PROGRESS_TASKS_BY_STATE);

        for (size_t i = 0; i < states; i++) {
                const uint64_t n =
                        jobctl_get_number_at(progress, JOBCTL_PROGRESS_TASKS_BY_STATE, i);

                if (jobctl_state_is_finished((unsigned int)i)) {
                        counts.done += n;
                        if (i == JOBCTL_STATE_CANCELLED)
                                counts.cancelled += n;
                        else if (i != JOBCTL_STATE_SUCCEEDED)
                                counts.failed += n;
                } else if (i != JOBCTL_STATE_QUEUED && i != JOBCTL_STATE_NONE) {
                        counts.running += n;
                }
        }
        *out_counts = counts;
}

void job_counts_end(struct progress_counts *counts, const struct jobctl_item *ended)
{
        const uint64_t cancelled = jobctl_number_or(ended, JOBCTL_ENDED_TASKS_CANCELLED, 0);
        const uint64_t others = jobctl_number_or(ended, JOBCTL_ENDED_TASKS_FAILED, 0);

        if (counts->done < counts->total) {
                counts->cancelled = MAX(counts->cancelled, cancelled);
                counts->failed = MAX(counts->failed, others - MIN(others, cancelled));
        }
        counts->done = counts->total;
        counts->running = 0;
        counts->open = false;
}

void job_counts_add(struct progress_counts *counts, const struct progress_counts *more)
{
        counts->total += more->total;
        counts->open = counts->open || more->open;
        counts->done += more->done;
        counts->failed += more->failed;
        counts->cancelled += more->cancelled;
        counts->running += more->running;
        counts->run_usec += more->run_usec;
        counts->run_count += more->run_count;
}
