/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets a worker next. Between users: the one with the fewest tasks on workers, and among equals
 * the one who has waited longest for a turn. Within a user: the first of the ready tree.
 *
 * Look-ahead. A worker that finishes a task of half a millisecond would stand idle until the end is
 * reported and the next start is committed. So a worker that runs short tasks of the only user who
 * wants something gets a few more leases, which wait in its memory. Their number follows from how
 * long a commit takes and how long this user's tasks take; for long tasks it is zero. They are
 * taken back (REVOKE) when another user becomes entitled, and when another worker would otherwise
 * be idle, so that look-ahead never decides who runs, only how early a worker knows of it.
 *
 * A START leaves in two steps. The decision is posted as an ASSIGN event, and with it a fetch of
 * spec and environment in the same transaction; when the commit is durable, the journal hands them
 * to scheduler_on_fetched(), which sends the order.
 */
#include "common/failpoint.h"
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
        struct task *task;

        if (job->requeued_count > 0)
                LIST_FOREACH (task, &job->tasks, entry)
                        if (task->state == JOB_QUEUED && !task->is_delayed)
                                return task;
        return engine_add_task(e, job, job->task_next++);
}

static bool scheduler_has_room(const struct worker_view *view)
{
        return view->is_ready && !worker_is_retiring(view->worker) &&
               view->leases_count + view->unacked_count < worker_slots(view->worker);
}

static void scheduler_assign(struct engine *e, struct user *user, struct worker_view *view)
{
        struct job *job = run_queue_first(user);
        struct task *task = scheduler_pick_task(e, job);
        struct journal_batch *batch = engine_batch(e);

        if (!task || !batch)
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
        user->last_turn = ++e->turn;
        engine_bind(e, task, view);
        engine_apply(e, task, JOB_EV_ASSIGN, NULL, NULL);
        engine_note(e, journal_fetch_spec(batch, job->id, scheduler_on_fetched, e, task->lease));
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

static struct worker_view *scheduler_find_shallow(struct engine *e, const struct user *user,
                                                  uint32_t depth)
{
        struct worker_view *view, *best = NULL;

        TAILQ_FOREACH (view, &e->views, entry)
                if (scheduler_runs_for(view, user) && view->leases_count <= depth &&
                    scheduler_has_room(view) && (!best || view->leases_count < best->leases_count))
                        best = view;
        return best;
}

static void scheduler_look_ahead(struct engine *e)
{
        struct user *user = TAILQ_FIRST(&e->ready_users);
        struct worker_view *view;
        uint32_t depth;

        if (!user || TAILQ_NEXT(user, ready_entry))
                return;
        depth = scheduler_depth(e, user);
        while (depth > 0 && user->is_ready && !e->fault &&
               (view = scheduler_find_shallow(e, user, depth)))
                scheduler_assign(e, user, view);
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

/* Nothing is ready, a worker is idle, and another holds more than it can run now. */
static void scheduler_steal(struct engine *e)
{
        struct worker_view *view, *richest = NULL;

        if (!TAILQ_EMPTY(&e->ready_users) || !scheduler_find_idle(e))
                return;
        TAILQ_FOREACH (view, &e->views, entry) {
                if (scheduler_is_revoking(view))
                        return; /* one at a time: the answer brings a ready task */
                if (view->leases_count > 1 &&
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
                scheduler_assign(e, user, view);
        if (!TAILQ_EMPTY(&e->ready_users)) {
                scheduler_look_ahead(e);
                scheduler_take_back(e);
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

static void scheduler_expect_answer(struct engine *e, struct task *task)
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

/* What is left of the user's quota bounds what one attempt may write. */
static uint64_t scheduler_output_cap(const struct engine *e, const struct user *user)
{
        const struct engine_options *o = &e->options;
        uint64_t left;

        if (o->output_quota_bytes == 0)
                return 0;
        left = o->output_quota_bytes - MIN(user->output_bytes, o->output_quota_bytes);
        left = MAX(left, 64 * 1024); /* enough to say why there is no more */
        return o->output_cap_bytes && left > o->output_cap_bytes ? 0 : left;
}

void scheduler_on_fetched(void *arg, uint64_t lease, struct journal_blob *spec,
                          struct journal_blob *environment)
{
        struct engine *e = arg;
        struct task *task = engine_find_lease(e, lease);
        struct workers_start start;

        if (!task || task->state != JOB_STARTING)
                return; /* cancelled before it could leave */
        if (!spec) {
                log_error("job %llu has no specification in the store",
                          (unsigned long long)task->job->id);
                outcome_lose(e, task, "its specification is missing from the store");
                return;
        }
        task->start_ready = true;
        if (!task->worker)
                return; /* its link is gone: the next inventory, or the pool, decides */
        start = (struct workers_start){
                .lease = lease,
                .job = task->job->id,
                .task = task->number,
                .attempt = task->attempt + 1,
                .uid = task->job->user->uid,
                .gid = task->job->gid,
                .spec = spec->data,
                .spec_size = spec->size,
                .environment = environment ? environment->data : NULL,
                .environment_size = environment ? environment->size : 0,
                .follow = watch_wants_output(e->watches, task->job->id),
                .output_cap_bytes = scheduler_output_cap(e, task->job->user),
        };
        if (task->job->extra && task->job->extra->array_step) {
                start.is_array = true;
                start.array_index =
                        task->job->extra->array_first + task->number * task->job->extra->array_step;
        }
        if (FAILPOINT("engine.before_start"))
                return;
        worker_start(task->worker, &start, 0);
        scheduler_expect_answer(e, task);
}
