/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that wait inside for other jobs: `jobctl run`, `map`, `wait` or `lock` in a job's script.
 * Were such a job to keep its place, a pool full of them would wait for ever. So while one of its
 * clients waits, a job lends its cores and its place in its queue's width, and the pool has a
 * worker more. What waits in the worker's memory behind it goes back to the queue.
 *
 * When the waiting is over the job runs on at once, so its cores are taken again come what may;
 * nothing else starts until it fits. Its memory is never lent: it is still in use. So many jobs may
 * lend at once that nesting works at any sensible depth, and a script that starts itself is
 * bounded; and one user's share of them leaves others theirs.
 *
 * What a worker has is lent once, by the first of its tasks that asks. Were the task that waits
 * behind it in the worker's memory to lend the same cores again, they would be counted free twice.
 *
 * A client says in its Hello which job it is in, and only its own user's jobs are believed.
 * Called by daemon/clients.
 */
#include "common/log.h"

#include "daemon/jobs/engine_private.h"

#define LENDING_MAX 256U
#define LENDING_MAX_PER_USER 64U

static void lending_count(struct engine *e, struct user *user, bool is_more)
{
        if (is_more) {
                e->lent_count++;
                user->lent_count++;
        } else {
                e->lent_count--;
                user->lent_count--;
        }
        if (e->workers)
                workers_set_extra(e->workers, e->lent_count);
}

/* By its JOBD_TASK_ID, which for an array is the user's own number. */
struct task *lending_find_task(const struct job *job, uint64_t task_id)
{
        const struct job_extra *x = job->extra;

        if (x && x->array_step && task_id >= x->array_first)
                return engine_find_task(job, (task_id - x->array_first) / x->array_step);
        return engine_find_task(job, task_id);
}

uint64_t engine_lend(struct engine *e, uint64_t id, uint64_t task_id, uint32_t uid)
{
        const struct job *job = engine_find(e, id);
        struct task *task = job && job->user->uid == uid ? lending_find_task(job, task_id) : NULL;

        if (task && task->lenders > 0) {
                task->lenders++;
                return task->lease;
        }
        /* A client in it may be here before the worker has told of its start. */
        if (!task || !task->core_lease || !task->start_ready || task->core_lease->is_lent ||
            e->lent_count >= LENDING_MAX || job->user->lent_count >= LENDING_MAX_PER_USER)
                return 0;
        task->lenders = 1;
        core_lease_lend(e, task->core_lease);
        scheduler_revoke_others(e, task);
        lending_count(e, job->user, true);
        return task->lease;
}

void engine_unlend(struct engine *e, uint64_t lease)
{
        struct task *task = engine_find_lease(e, lease);

        if (!task || task->lenders == 0 || --task->lenders > 0)
                return;
        core_lease_reclaim(e, task->core_lease);
        lending_count(e, task->job->user, false);
}

void lending_forget(struct engine *e, struct task *task)
{
        if (task->lenders == 0)
                return;
        task->lenders = 0;
        /* The worker goes on with the next one: that lends nothing. */
        if (task->core_lease->refs > 1)
                core_lease_reclaim(e, task->core_lease);
        lending_count(e, task->job->user, false);
}
