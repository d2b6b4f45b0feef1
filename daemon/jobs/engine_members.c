/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's members: users, their unfinished jobs, the tasks that exist on their own, and which
 * worker holds which lease. Making and linking only; what happens to them is engine_apply.c's. A
 * function that runs out of memory notes the fault and gives NULL: the turn is then not committed.
 */
#include <errno.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"

struct user *engine_get_user(struct engine *e, uint32_t uid)
{
        struct user *user;

        HASH_FIND(hh, e->users, &uid, sizeof(uid), user);
        if (user)
                return user;
        user = calloc(1, sizeof(*user));
        if (!user) {
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        user->uid = uid;
        TAILQ_INIT(&user->jobs);
        RB_INIT(&user->ready);
        HASH_ADD(hh, e->users, uid, sizeof(user->uid), user);
        if (!user->hh.tbl) {
                free(user);
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        return user;
}

struct job *engine_add_job(struct engine *e, uint64_t id, uint32_t uid)
{
        struct user *user = engine_get_user(e, uid);
        struct job *job = user ? calloc(1, sizeof(*job)) : NULL;
        struct job *before;
        int r;

        if (!job) {
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        job->id = id;
        job->user = user;
        job->task_count = 1;
        job->is_begin_due = true;
        LIST_INIT(&job->tasks);
        r = job_table_add(&e->jobs, id, job);
        if (r) {
                free(job);
                engine_note(e, PASS(r));
                return NULL;
        }
        /* Nearly always the newest; a retried job finds its old place. */
        before = TAILQ_LAST(&user->jobs, job_queue);
        while (before && before->id > id)
                before = TAILQ_PREV(before, job_queue, user_entry);
        if (before)
                TAILQ_INSERT_AFTER(&user->jobs, before, job, user_entry);
        else
                TAILQ_INSERT_HEAD(&user->jobs, job, user_entry);
        e->jobs_count++;
        return job;
}

struct job_extra *engine_extra(struct engine *e, struct job *job)
{
        if (job->extra)
                return job->extra;
        job->extra = calloc(1, sizeof(*job->extra));
        if (job->extra)
                job->extra->job = job;
        else
                engine_note(e, FAULT(-ENOMEM));
        return job->extra;
}

uint64_t engine_job_open_tasks(const struct job *job)
{
        const struct job_extra *extra = job->extra;

        return job->task_count - (extra ? extra->tasks_ok + extra->tasks_failed : 0);
}

struct task *engine_add_task(struct engine *e, struct job *job, uint64_t number)
{
        struct task *task = calloc(1, sizeof(*task));

        if (!task) {
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        task->job = job;
        task->number = number;
        task->state = JOB_QUEUED;
        job->requeued_count++;
        LIST_INSERT_HEAD(&job->tasks, task, entry);
        return task;
}

struct task *engine_find_task(const struct job *job, uint64_t number)
{
        struct task *task;

        LIST_FOREACH (task, &job->tasks, entry)
                if (task->number == number)
                        return task;
        return NULL;
}

struct task *engine_find_lease(struct engine *e, uint64_t lease)
{
        struct task *task;

        HASH_FIND(hh, e->leased, &lease, sizeof(lease), task);
        return task;
}

int engine_index_lease(struct engine *e, struct task *task)
{
        HASH_ADD(hh, e->leased, lease, sizeof(task->lease), task);
        return task->hh.tbl ? 0 : FAULT(-ENOMEM);
}

void engine_bind(struct engine *e, struct task *task, struct worker_view *view)
{
        (void)e;
        task->worker = view->worker;
        LIST_INSERT_HEAD(&view->tasks, task, worker_entry);
        view->leases_count++;
}

void engine_unbind(struct engine *e, struct task *task)
{
        struct worker_view *view = task->worker ? worker_data(task->worker) : NULL;

        (void)e;
        if (view) {
                LIST_REMOVE(task, worker_entry);
                view->leases_count--;
        }
        task->worker = NULL;
}
