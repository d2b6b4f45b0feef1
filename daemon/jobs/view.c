/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what the engine holds, for answers: a job's state as a whole, counts, who runs where.
 * Each view carries the barrier that an answer built from it must wait for. Finished jobs are not
 * seen here; their rows are the journal's to read.
 *
 * Changes nothing and posts nothing: verbs and streams call it as often as they like. A job's own
 * state is derived here, never stored: the most alive state among its tasks.
 */
#include <string.h>

#include "daemon/jobs/engine_private.h"

/* jobd.Blocker; the same numbers. */
#define VIEW_BLOCKER_HOLD 1U
#define VIEW_BLOCKER_BEGIN 2U
#define VIEW_BLOCKER_RETRY 4U
#define VIEW_BLOCKER_DEPENDENCY 8U
#define VIEW_BLOCKER_DRAIN 16U
#define VIEW_BLOCKER_QUEUE 32U
#define VIEW_BLOCKER_RESOURCE 64U
#define VIEW_BLOCKER_CORES 128U
#define VIEW_BLOCKER_CAP 256U

/* Others' jobs that are passed over before the user's own list is walked instead. */
#define VIEW_PASS_MAX 1000U

struct job *engine_find(struct engine *e, uint64_t id)
{
        return job_table_find(&e->jobs, id);
}

uint32_t engine_job_uid(const struct job *job)
{
        return job->user->uid;
}

uint64_t engine_job_id(const struct job *job)
{
        return job->id;
}

struct watch_book *engine_watches(struct engine *e)
{
        return e->watches;
}

static struct user *view_find_user(const struct engine *e, uint32_t uid)
{
        struct user *user;

        HASH_FIND(hh, e->users, &uid, sizeof(uid), user);
        return user;
}

/*
 * A walk that goes on behind a job which has ended meanwhile: among all jobs the next one by id is
 * near, and usually of the same user.
 */
struct job *engine_next_job(struct engine *e, uint32_t uid, uint64_t after_id)
{
        struct user *user = view_find_user(e, uid);
        struct job *job = user ? job_table_find(&e->jobs, after_id) : NULL;
        unsigned int passed;

        if (!user)
                return NULL;
        if (job && job->user == user)
                return TAILQ_NEXT(job, user_entry);
        job = job_table_next(&e->jobs, after_id);
        for (passed = 0; job && job->user != user && passed < VIEW_PASS_MAX; passed++)
                job = job_table_next(&e->jobs, job->id);
        if (!job || job->user == user)
                return job;
        TAILQ_FOREACH (job, &user->jobs, user_entry)
                if (job->id > after_id)
                        return job;
        return NULL;
}

bool engine_next_user(struct engine *e, int64_t after_uid, uint32_t *out_uid)
{
        const struct user *user, *best = NULL;

        for (user = e->users; user; user = user->hh.next)
                if ((int64_t)user->uid > after_uid && !TAILQ_EMPTY(&user->jobs) &&
                    (!best || user->uid < best->uid))
                        best = user;
        if (best)
                *out_uid = best->uid;
        return best;
}

/* The most alive of the states: what the job as a whole is doing. */
static enum job_state view_sum_up(const struct engine_view *view)
{
        static const enum job_state order[] = { JOB_RUNNING, JOB_STOPPING, JOB_PAUSED, JOB_STARTING,
                                                JOB_QUEUED };
        size_t i;

        for (i = 0; i < ARRAY_SIZE(order); i++)
                if (view->by_state[order[i]])
                        return order[i];
        return JOB_QUEUED;
}

void engine_view_job(const struct engine *e, const struct job *job, struct engine_view *out_view)
{
        const struct job_extra *x = job->extra;
        const struct job_map *map = job_map_of(job);
        struct task_tree *const tasks = (struct task_tree *)(uintptr_t)&job->tasks; /* read only */
        struct task *task;

        memset(out_view, 0, sizeof(*out_view));
        out_view->task_count = job->task_count;
        out_view->barrier = job->last_sequence;
        out_view->by_state[JOB_QUEUED] = job->task_count - job->task_next;
        out_view->task_next = job->task_next;
        out_view->is_many = job_is_many(job);
        if (map) {
                out_view->is_open = map->input == JOURNAL_INPUT_OPEN;
                out_view->seen_task = map->seen_task;
                out_view->run_usec = map->run_usec;
                out_view->run_count = map->run_count;
        }
        if (x)
                ends_count(x, out_view->by_state);
        RB_FOREACH (task, task_tree, tasks) {
                /* While an end is told its task is still here, and counted above. */
                if (!out_view->is_many || !job_state_is_finished((enum job_state)task->state))
                        out_view->by_state[task->state]++;
                if (task->is_delayed) {
                        out_view->blockers |= VIEW_BLOCKER_RETRY;
                        out_view->begin_wall_usec = task->retry_wall_usec;
                }
        }
        out_view->state = view_sum_up(out_view);
        if (!job->is_begin_due) {
                out_view->blockers |= VIEW_BLOCKER_BEGIN;
                out_view->begin_wall_usec = x->begin_wall_usec;
        }
        if (job->is_waiting || (job->task_next < job->task_count && !deps_lets_next(job)))
                out_view->blockers |= VIEW_BLOCKER_DEPENDENCY;
        if (job->hold)
                out_view->blockers |= VIEW_BLOCKER_HOLD;
        if (job->is_parked && out_view->state == JOB_QUEUED)
                out_view->blockers |= VIEW_BLOCKER_RESOURCE;
        if (e->is_draining && out_view->state == JOB_QUEUED)
                out_view->blockers |= VIEW_BLOCKER_DRAIN;
        if (out_view->state != JOB_QUEUED)
                return;
        if (!queue_is_open(job->lane->queue))
                out_view->blockers |= VIEW_BLOCKER_QUEUE;
        if (why_blockers_cores(e, job))
                out_view->blockers |= VIEW_BLOCKER_CORES;
        if (why_blockers_cap(job))
                out_view->blockers |= VIEW_BLOCKER_CAP;
}

size_t engine_view_dependencies(const struct job *job, struct engine_waited *out_list, size_t max)
{
        const struct job_deps *child = job->extra ? job->extra->deps : NULL;
        const struct deps_edge *edge;
        size_t count = 0;

        if (!child)
                return 0;
        TAILQ_FOREACH (edge, &child->edges, child_entry) {
                if (count == max)
                        break;
                out_list[count].kind = edge->kind;
                out_list[count].job = edge->parent->id;
                out_list[count++].is_impossible = deps_is_impossible(edge);
        }
        return count;
}

bool engine_describe_dependency(const struct job *job, char *buf, size_t size)
{
        return deps_describe(job, buf, size);
}

bool engine_view_task(const struct engine *e, const struct job *job, uint64_t number,
                      struct engine_task_view *out_view)
{
        const struct task *task = engine_find_task(job, number);

        (void)e;
        memset(out_view, 0, sizeof(*out_view));
        out_view->barrier = job->last_sequence;
        out_view->state = JOB_QUEUED;
        if (!task)
                return number >= job->task_next && number < job->task_count;
        out_view->state = (enum job_state)task->state;
        out_view->attempt = task->attempt;
        if (job_state_is_leased(out_view->state) && !task->started)
                out_view->attempt++;
        out_view->pid = task->pid;
        out_view->output_bytes = task->output_bytes;
        out_view->spooled = task->spooled;
        out_view->stdin_taken = task->stdin_taken;
        out_view->attached = task->worker && task->start_ready;
        return true;
}

uint32_t engine_cores(const struct engine *e)
{
        if (e->options.cores)
                return e->options.cores;
        return e->workers ? MAX(workers_wanted(e->workers), 1) : 1;
}

void engine_count(const struct engine *e, struct engine_counts *out_counts)
{
        const struct worker_view *view;

        memset(out_counts, 0, sizeof(*out_counts));
        out_counts->queued_tasks = e->queued_tasks;
        out_counts->leased_tasks = HASH_COUNT(e->leased);
        out_counts->finished_tasks = e->finished_tasks;
        out_counts->draining = e->is_draining;
        out_counts->stopping = e->is_stopping;
        TAILQ_FOREACH (view, &e->views, entry) {
                out_counts->workers_alive++;
                if (view->leases_count > 0)
                        out_counts->workers_busy++;
        }
}

void engine_count_user(const struct engine *e, uint32_t uid, uint64_t *out_queued,
                       uint64_t *out_leased)
{
        const struct user *user = view_find_user(e, uid);

        *out_queued = user ? user->queued_tasks : 0;
        *out_leased = user ? user->leased_tasks : 0;
}

bool engine_worker_task(const struct engine *e, uint32_t number, uint64_t *out_job,
                        uint64_t *out_task, uint32_t *out_leases)
{
        const struct worker_view *view;
        const struct task *task, *oldest = NULL;

        TAILQ_FOREACH (view, &e->views, entry) {
                if (worker_number(view->worker) != number)
                        continue;
                LIST_FOREACH (task, &view->tasks, worker_entry)
                        oldest = task; /* newest first: the last one runs */
                *out_leases = view->leases_count;
                if (!oldest)
                        return false;
                *out_job = oldest->job->id;
                *out_task = oldest->number;
                return true;
        }
        return false;
}

bool engine_is_quiet(const struct engine *e)
{
        return HASH_COUNT(e->leased) == 0;
}

bool engine_is_empty(const struct engine *e)
{
        return e->jobs_count == 0;
}
