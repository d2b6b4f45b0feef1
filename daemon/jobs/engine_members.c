/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's members: users, their unfinished jobs, the tasks that exist on their own, and which
 * worker holds which lease. Making and linking only; what happens to them is engine_apply.c's. A
 * function that runs out of memory notes the fault and gives NULL: the turn is then not committed.
 */
#include <errno.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"

static int engine_compare_tasks(struct task *a, struct task *b)
{
        return a->number < b->number ? -1 : a->number > b->number;
}

/* clang-format off */
RB_GENERATE(task_tree, task, entry, engine_compare_tasks)
/* clang-format on */

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
        TAILQ_INIT(&user->lanes);
        fair_init(&user->lanes_fair);
        fair_share_init(&user->share, FAIR_WEIGHT_DEFAULT);
        HASH_ADD(hh, e->users, uid, sizeof(user->uid), user);
        if (!user->hh.tbl) {
                free(user);
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        lanes_set_share(e, user);
        return user;
}

struct job *engine_add_job(struct engine *e, uint64_t id, uint32_t uid)
{
        struct user *user = engine_get_user(e, uid);
        struct job *job = user ? calloc(1, sizeof(*job)) : NULL;
        struct job *last, *after;
        int r;

        if (!job) {
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        job->id = id;
        job->user = user;
        job->task_count = 1;
        job->is_begin_due = true;
        RB_INIT(&job->tasks);
        TAILQ_INIT(&job->requeued);
        lanes_set_queue(e, job, queues_default(&e->queues));
        if (!job->lane) {
                free(job);
                return NULL;
        }
        /* Nearly always the newest; a retried job finds its old place. */
        last = TAILQ_LAST(&user->jobs, job_queue);
        after = last && last->id > id ? engine_next_job(e, uid, id) : NULL;
        r = job_table_add(&e->jobs, id, job);
        if (r) {
                job->lane->queue->jobs_count--;
                free(job);
                engine_note(e, PASS(r));
                return NULL;
        }
        if (after)
                TAILQ_INSERT_BEFORE(after, job, user_entry);
        else
                TAILQ_INSERT_TAIL(&user->jobs, job, user_entry);
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

struct job_map *engine_add_map(struct engine *e, struct job *job)
{
        struct job_extra *x = engine_extra(e, job);
        struct job_map *map = x ? calloc(1, sizeof(*map)) : NULL;

        if (!map) {
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        map->job = job;
        x->map = map;
        return map;
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
        task->actor_uid = ENGINE_NOBODY;
        task->state = JOB_QUEUED;
        RB_INSERT(task_tree, &job->tasks, task);
        engine_enqueue(task);
        return task;
}

void engine_enqueue(struct task *task)
{
        TAILQ_INSERT_TAIL(&task->job->requeued, task, queue_entry);
}

void engine_dequeue(struct task *task)
{
        TAILQ_REMOVE(&task->job->requeued, task, queue_entry);
}

struct task *engine_find_task(const struct job *job, uint64_t number)
{
        struct task_tree *tasks = (struct task_tree *)(uintptr_t)&job->tasks; /* not changed */
        struct task key;

        key.number = number;
        return RB_FIND(task_tree, tasks, &key);
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
