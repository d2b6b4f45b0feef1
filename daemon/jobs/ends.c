/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counts of a job's ended tasks, in memory and as columns of its row. Two of them are kept
 * whole, since they decide how the job ends: those that succeeded, and all others. Which of the
 * others were cancelled, timed out, ran out of memory or were lost is counted beside; what is left
 * of them failed. So an old row, which knows only the two, is not wrong.
 *
 * Jobs with one task need none of this: their state says it. Pure. Called by the engine's files,
 * and by the sessions for jobs that are only rows.
 */
#include "daemon/jobs/ends.h"

#include <string.h>

#include "daemon/jobs/job.h"

/* Places in job_extra.tasks_other. */
enum {
        ENDS_CANCELLED = JOB_CANCELLED - JOB_CANCELLED,
        ENDS_TIMEOUT = JOB_TIMEOUT - JOB_CANCELLED,
        ENDS_OOM = JOB_OOM - JOB_CANCELLED,
        ENDS_LOST = JOB_LOST - JOB_CANCELLED,
};
_Static_assert(JOB_OTHER_ENDS == ENDS_LOST + 1, "a state of ended tasks has no column");

void ends_add(struct job_extra *x, enum job_state state, uint64_t count)
{
        if (state == JOB_SUCCEEDED)
                x->tasks_ok += count;
        else
                x->tasks_failed += count;
        if (state >= JOB_CANCELLED)
                x->tasks_other[state - JOB_CANCELLED] += count;
}

void ends_remove(struct job_extra *x, enum job_state state, uint64_t count)
{
        if (state == JOB_SUCCEEDED)
                x->tasks_ok -= count;
        else
                x->tasks_failed -= count;
        if (state >= JOB_CANCELLED)
                x->tasks_other[state - JOB_CANCELLED] -= count;
}

void ends_count(const struct job_extra *x, uint64_t by_state[JOB_STATE_COUNT])
{
        by_state[JOB_SUCCEEDED] = x->tasks_ok;
        by_state[JOB_FAILED] = x->tasks_failed;
        for (size_t i = 0; i < JOB_OTHER_ENDS; i++) {
                by_state[JOB_CANCELLED + i] = x->tasks_other[i];
                by_state[JOB_FAILED] -= x->tasks_other[i];
        }
}

void ends_to_row(const struct job_extra *x, struct journal_job *row)
{
        row->tasks_ok = x->tasks_ok;
        row->tasks_failed = x->tasks_failed;
        row->tasks_cancelled = x->tasks_other[ENDS_CANCELLED];
        row->tasks_timeout = x->tasks_other[ENDS_TIMEOUT];
        row->tasks_oom = x->tasks_other[ENDS_OOM];
        row->tasks_lost = x->tasks_other[ENDS_LOST];
}

void ends_from_row(struct job_extra *x, const struct journal_job *row)
{
        x->tasks_ok = row->tasks_ok;
        x->tasks_failed = row->tasks_failed;
        x->tasks_other[ENDS_CANCELLED] = row->tasks_cancelled;
        x->tasks_other[ENDS_TIMEOUT] = row->tasks_timeout;
        x->tasks_other[ENDS_OOM] = row->tasks_oom;
        x->tasks_other[ENDS_LOST] = row->tasks_lost;
}

void ends_clear_row(struct journal_job *row)
{
        static const struct job_extra none;

        ends_to_row(&none, row);
}

bool ends_row_fits(const struct journal_job *row)
{
        const uint64_t parts[] = { row->tasks_cancelled, row->tasks_timeout, row->tasks_oom,
                                   row->tasks_lost };
        uint64_t left = row->tasks_failed;

        if (row->tasks_ok > row->task_count || row->tasks_failed > row->task_count - row->tasks_ok)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                if (parts[i] > left)
                        return false;
                left -= parts[i];
        }
        return true;
}

void ends_count_row(const struct journal_job *row, uint64_t out_by_state[JOB_STATE_COUNT])
{
        struct job_extra x;

        memset(out_by_state, 0, JOB_STATE_COUNT * sizeof(*out_by_state));
        ends_from_row(&x, row);
        ends_count(&x, out_by_state);
}
