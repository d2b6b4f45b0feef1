/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking over tasks: a page of a thousand numbers is asked for at a time, and what began of them
 * is handed on. Memory is that of one page, whatever the job's size; whoever walks may end early.
 * Used by info, logs and list.
 */
#include "client/cmd/task_walk.h"

#define TASK_WALK_PAGE 1000U
/* Where nothing has begun, the steps become longer, up to this. */
#define TASK_WALK_STRIDE_MAX 64000U

bool task_walk_is_failed(const struct jobctl_item *attempt)
{
        const unsigned int state = (unsigned int)jobctl_number_or(attempt, JOBCTL_ATTEMPT_STATE, 0);

        return jobctl_state_is_finished(state) && state != JOBCTL_STATE_SUCCEEDED;
}

static enum task_walk_answer task_walk_show(const struct task_walk *walk,
                                            const struct jobctl_item *job)
{
        enum task_walk_answer answer = TASK_WALK_ON;

        for (size_t i = 0; i < jobctl_count(job, JOBCTL_JOB_ATTEMPTS); i++) {
                const struct jobctl_item *const attempt =
                        jobctl_get_item_at(job, JOBCTL_JOB_ATTEMPTS, i);

                if (walk->failed_only && !task_walk_is_failed(attempt))
                        continue;
                answer = walk->fn(walk->arg, job, attempt);
                if (answer != TASK_WALK_ON)
                        break;
        }
        return answer;
}

int task_walk_run(struct app *app, const struct task_walk *walk)
{
        const uint64_t page = walk->page ? walk->page : TASK_WALK_PAGE;
        uint64_t stride = page;
        const uint64_t begin = walk->job->task_first;
        const uint64_t last = walk->job->task_last;
        enum task_walk_answer answer = TASK_WALK_ON;

        for (uint64_t first = begin; first <= last && answer == TASK_WALK_ON;) {
                _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
                _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
                const struct jobctl_item *job;
                int r;

                r = select_tasks(app, walk->job->id, first, MIN(last, first + stride - 1),
                                 &selector);
                if (r)
                        return r;
                r = jobctl_info(app->conn, selector, walk->environment && first == begin, &result);
                if (r)
                        return app_fail_answer(app, r);
                if (jobctl_result_count(result) == 0)
                        return 0; /* it was forgotten meanwhile */
                job = jobctl_result_item(result, 0);
                if (walk->on_job && first == begin)
                        walk->on_job(walk->arg, job);
                answer = task_walk_show(walk, job);
                first += stride;
                stride = jobctl_count(job, JOBCTL_JOB_ATTEMPTS) > 0
                                 ? page
                                 : MIN(2 * stride, (uint64_t)TASK_WALK_STRIDE_MAX);
        }
        return 0;
}
