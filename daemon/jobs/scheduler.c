/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets a worker next. Between users: the one with the fewest tasks on workers, and among equals
 * the one who has waited longest for a turn. Within a user: the first of the ready tree.
 *
 * Look-ahead. A worker that finishes a task of half a millisecond would stand idle until the end is
 * reported and the next start is committed. So a worker that runs short tasks of the only user who
 * wants something gets a few more leases, which wait in its memory. Their number follows from how
 * long a commit takes and how long this user's tasks take; for long tasks it is zero. They are
 * handed out when half of them are used up, many at a time, so that they share a transaction, and
 * taken back (REVOKE) when another user becomes entitled, and when another worker would otherwise
 * be idle, so that look-ahead never decides who runs, only how early a worker knows of it.
 *
 * What a START needs is start.c's.
 */
#include "common/log.h"

#include "daemon/jobs/engine_private.h"

#define SCHEDULER_AHEAD_USEC (8 * USEC_PER_MSEC) /* so much work waits in a worker's memory */
#define SCHEDULER_STALL_USEC (5 * USEC_PER_SEC)
#define SCHEDULER_DEPTH_MAX 16U

/* ----------------------------------------------------------------------------------- choosing */

static struct user *scheduler_pick_user(struct engine *e)
{
        struct user *user, *best = NULL;

        TAILQ_FOREACH (user, &e->ready_users, ready_entry)
                if (!best || user->leased_tasks < best->leased_tasks ||
                    (user->leased_tasks == best->leased_tasks && user->last_turn < best->last_turn))
                        best = user;
        return best;
}

static struct task *scheduler_pick_task(struct engine *e, struct job *job)
{
        struct task *const task = TAILQ_FIRST(&job->requeued);

        return task ? task : engine_add_task(e, job, job->task_next++);
}

static bool scheduler_has_room(const struct worker_view *view)
{
        return view->is_ready && !worker_is_retiring(view->worker) &&
               view->leases_count + view->unacked_count < worker_slots(view->worker);
}

static void scheduler_assign(struct engine *e, struct job *job, struct worker_view *view)
{
        struct task *task = scheduler_pick_task(e, job);

        if (!task || e->fault)
                return;
        task->lease = ++e->last_lease;
        task->worker_number = worker_number(view->worker);
        task->generation = worker_generation(view->worker);
        task->boot_is_ours = true;
        task->started = false;
        task->start_ready = false;
        task->spooled = false;
        task->output_bytes = 0;
        task->start_wall_usec = 0;
        task->start_mono_usec = 0;
        job->user->last_turn = ++e->turn;
        engine_bind(e, task, view);
        engine_apply(e, task, JOB_EV_ASSIGN, NULL, NULL);
        run_queue_pace(e, job);
        start_request(e, task);
}

static struct worker_view *scheduler_find_idle(struct engine *e)
{
        struct worker_view *view;

        TAILQ_FOREACH (view, &e->views, entry)
                if (view->leases_count == 0 && scheduler_has_room(view))
                        return view;
        return NULL;
}

/* --------------------------------------------------------------------------------- look-ahead */

static uint32_t scheduler_depth(const struct engine *e, const struct user *user)
{
        struct journal_stats stats;
        uint64_t depth;

        if (user->short_usec == 0)
                return 0;
        journal_read_stats(e->journal, &stats);
        depth = (SCHEDULER_AHEAD_USEC + 2 * stats.commit_usec_recent) / user->short_usec;
        return depth < SCHEDULER_DEPTH_MAX ? (uint32_t)depth : SCHEDULER_DEPTH_MAX;
}

static bool scheduler_runs_for(const struct worker_view *view, const struct user *user)
{
        const struct task *first = LIST_FIRST(&view->tasks);

        return first && first->job->user == user;
}

/* Which workers get more now: those that have used up half of what they may have. */
static void scheduler_mark_filling(struct engine *e, uint32_t depth)
{
        struct worker_view *view;

        TAILQ_FOREACH (view, &e->views, entry)
                view->is_filling = view->leases_count <= (depth + 1) / 2;
}

static struct worker_view *scheduler_find_shallow(struct engine *e, const struct user *user,
                                                  uint32_t depth)
{
        struct worker_view *view, *best = NULL;

        TAILQ_FOREACH (view, &e->views, entry)
                if (view->is_filling && scheduler_runs_for(view, user) &&
                    view->leases_count <= depth && scheduler_has_room(view) &&
                    (!best || view->leases_count < best->leases_count))
                        best = view;
        return best;
}

/* A rule to halt, or a pause between starts, wants to know each end before the next start. */
static bool scheduler_may_look_ahead(const struct job *job)
{
        const struct job_map *map = job_map_of(job);

        return !map || (!map->halt_on && !map->start_delay_usec);
}

static void scheduler_look_ahead(struct engine *e)
{
        struct user *user = TAILQ_FIRST(&e->ready_users);
        struct worker_view *view;
        uint32_t depth;

        if (!user || TAILQ_NEXT(user, ready_entry))
                return;
        depth = scheduler_depth(e, user);
        scheduler_mark_filling(e, depth);
        while (depth > 0 && user->is_ready && !e->fault &&
               scheduler_may_look_ahead(run_queue_first(user)) &&
               (view = scheduler_find_shallow(e, user, depth)))
                scheduler_assign(e, run_queue_first(user), view);
}

/*
 * Nobody is ready, but a job is only as wide as it may be: the workers that run it get its next
 * tasks, which does not widen it.
 */
static void scheduler_look_ahead_full(struct engine *e)
{
        struct worker_view *view;

        TAILQ_FOREACH (view, &e->views, entry) {
                const struct task *first = LIST_FIRST(&view->tasks);
                struct job *job = first ? first->job : NULL;
                uint32_t depth;

                if (!job || !first->slot || !run_queue_is_only_full(job) ||
                    !scheduler_may_look_ahead(job))
                        continue;
                depth = scheduler_depth(e, job->user);
                if (view->leases_count > (depth + 1) / 2)
                        continue;
                while (!e->fault && view->leases_count <= depth && scheduler_has_room(view) &&
                       run_queue_is_only_full(job))
                        scheduler_assign(e, job, view);
        }
}

/* The newest lease of this worker goes back, unless it is the only one or already on its way. */
static bool scheduler_revoke_last(struct engine *e, struct worker_view *view)
{
        struct task *task = LIST_FIRST(&view->tasks);

        if (!task || !LIST_NEXT(task, worker_entry) || task->revoking ||
            task->state != JOB_STARTING || !task->start_ready)
                return false;
        task->revoking = true;
        worker_revoke(task->worker, task->lease, e->sequence);
        return true;
}

static bool scheduler_is_revoking(const struct worker_view *view)
{
        const struct task *task;

        LIST_FOREACH (task, &view->tasks, worker_entry)
                if (task->revoking)
                        return true;
        return false;
}

/* Somebody who has less than his share waits behind another user's look-ahead. */
static void scheduler_take_back(struct engine *e)
{
        struct user *waiting = scheduler_pick_user(e);
        struct worker_view *view;

        if (!waiting)
                return;
        TAILQ_FOREACH (view, &e->views, entry)
                if (view->leases_count > 1 && !scheduler_runs_for(view, waiting))
                        scheduler_revoke_last(e, view);
}

/* Would another worker be given it? Not when its job is as wide as it may be. */
static bool scheduler_may_move(const struct worker_view *view)
{
        return !run_queue_is_full(LIST_FIRST(&view->tasks)->job);
}

/* Nothing is ready, a worker is idle, and another holds more than it can run now. */
static void scheduler_steal(struct engine *e)
{
        struct worker_view *view, *richest = NULL;

        if (!TAILQ_EMPTY(&e->ready_users) || !scheduler_find_idle(e))
                return;
        TAILQ_FOREACH (view, &e->views, entry) {
                if (scheduler_is_revoking(view))
                        return; /* one at a time: the answer brings a ready task */
                if (view->leases_count > 1 && scheduler_may_move(view) &&
                    (!richest || view->leases_count > richest->leases_count))
                        richest = view;
        }
        if (richest)
                scheduler_revoke_last(e, richest);
}

void scheduler_run(struct engine *e)
{
        struct worker_view *view;
        struct user *user;

        if (e->is_draining || e->is_stopping || !e->journal)
                return;
        while (!e->fault && (user = scheduler_pick_user(e)) && (view = scheduler_find_idle(e)))
                scheduler_assign(e, run_queue_first(user), view);
        if (!TAILQ_EMPTY(&e->ready_users)) {
                scheduler_look_ahead(e);
                scheduler_take_back(e);
        } else {
                scheduler_look_ahead_full(e);
        }
        scheduler_steal(e);
}

/* -------------------------------------------------------------------------------------- START */

/*
 * A worker tells of a start within milliseconds. One that was stopped while idle never will, and
 * neither it nor the pool knows: so the oldest unanswered START has the pool look after 5 s. The
 * timer runs only while a START is open, and its worker had nothing else to do.
 */
static const struct task *scheduler_find_unanswered(const struct worker_view *view)
{
        const struct task *task, *oldest = NULL;

        LIST_FOREACH (task, &view->tasks, worker_entry)
                oldest = task; /* newest first */
        return oldest && oldest->state == JOB_STARTING && oldest->sent_mono_usec ? oldest : NULL;
}

static void scheduler_on_stall_time(void *arg)
{
        struct engine *e = arg;
        const uint64_t now = clock_mono_usec();
        const struct worker_view *view;
        const struct task *task;
        bool is_stalled = false, is_open = false;

        TAILQ_FOREACH (view, &e->views, entry) {
                task = scheduler_find_unanswered(view);
                is_open = is_open || task;
                is_stalled =
                        is_stalled || (task && now - task->sent_mono_usec >= SCHEDULER_STALL_USEC);
        }
        if (is_stalled)
                workers_check(e->workers);
        if (is_open)
                engine_note(e, loop_timer_start(e->stall_timer, SCHEDULER_STALL_USEC));
}

void scheduler_expect_answer(struct engine *e, struct task *task)
{
        task->sent_mono_usec = clock_mono_usec();
        if (!loop_timer_is_on(e->stall_timer))
                engine_note(e, loop_timer_start(e->stall_timer, SCHEDULER_STALL_USEC));
}

int scheduler_init(struct engine *e)
{
        const int r = loop_timer_new(e->loop, scheduler_on_stall_time, e, &e->stall_timer);

        return r ? PASS(r) : 0;
}

void scheduler_deinit(struct engine *e)
{
        e->stall_timer = loop_timer_free(e->stall_timer);
}
