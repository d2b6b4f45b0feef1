/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets a worker next. Between users, and between one user's queues: fair.c. Within a queue: the
 * first of the lane. A task that starts takes its cores and its memory at once, or does not start.
 *
 * A job that is due and does not fit gets a reservation: what becomes free is kept for it, and
 * others pass it only if that does not delay it (backfill.c). There is one reservation at a time.
 *
 * Look-ahead. A worker that finishes a task of half a millisecond would stand idle until the end is
 * reported and the next start is committed. So a worker that runs short one-core tasks of the only
 * user who wants something gets a few more leases, which wait in its memory. Their number follows
 * from how long a commit takes and how long this user's tasks take; for long tasks it is zero. They
 * are handed out when half of them are used up, many at a time, so that they share a transaction,
 * and taken back (REVOKE) when another user becomes entitled, when a job has a reservation, and
 * when another worker would otherwise be idle, so that look-ahead never decides who runs, only how
 * early a worker knows of it.
 *
 * What a START needs is start.c's.
 */
#include "common/log.h"

#include "daemon/jobs/engine_private.h"

#define SCHEDULER_AHEAD_USEC (8 * USEC_PER_MSEC) /* so much work waits in a worker's memory */
#define SCHEDULER_STALL_USEC (5 * USEC_PER_SEC)
#define SCHEDULER_DEPTH_MAX 16U

/* ----------------------------------------------------------------------------------- choosing */

/* Of those who cannot start now so many are passed in one search, and so many of one lane. */
#define SCHEDULER_PASS_MAX 256U
#define SCHEDULER_PASS_LANE_MAX 32U
/* So many are found in one turn to wait for named resources. */
#define SCHEDULER_PARK_MAX 100U

/* One search for somebody who may start. */
struct scheduler_search {
        uint32_t left;         /* so many may still be passed */
        bool is_user_finished; /* nothing more of the present user starts */
};

static bool scheduler_fits(const struct engine *e, const struct job *job)
{
        const uint64_t memory_bytes = job_memory_bytes(job);

        return job_cores(job) <= cores_free_count(&e->cores) &&
               (!e->options.memory_bytes || !memory_bytes ||
                e->memory_used + memory_bytes <= e->options.memory_bytes);
}

bool scheduler_is_possible(const struct engine *e, const struct job *job)
{
        const uint32_t cores = job_cores(job);
        const struct queue *queue = job->lane->queue;

        return cores <= engine_cores(e) &&
               (!job->user->cores_max || cores <= job->user->cores_max) &&
               (!queue->width_cores || cores <= queue->width_cores) &&
               (!e->options.memory_bytes || job_memory_bytes(job) <= e->options.memory_bytes);
}

static bool scheduler_is_over_cap(const struct job *job)
{
        const struct user *user = job->user;

        return user->cores_max && user->share.cores + job_cores(job) > user->cores_max;
}

/*
 * Nobody of his passes a job that is too wide for what its user may still have, and nobody in its
 * queue one that is too wide for that: it would wait for ever.
 */
static bool scheduler_is_barred(struct engine *e, struct scheduler_search *search,
                                const struct job *job)
{
        struct queue *queue = job->lane->queue;

        if (scheduler_is_over_cap(job))
                search->is_user_finished = true;
        else if (!queue_has_cores(queue, job_cores(job)))
                queue->is_kept = true;
        if (!search->is_user_finished && !queue->is_kept)
                return false;
        e->is_barred = true;
        return true;
}

/* The first job of the lane that may start now. */
static struct job *scheduler_pick_in_lane(struct engine *e, struct lane *lane,
                                          struct scheduler_search *search)
{
        uint32_t left = MIN(search->left, SCHEDULER_PASS_LANE_MAX);
        struct job *job;

        for (job = lane_first(lane); job && left > 0; job = lane_next(job)) {
                if (scheduler_is_barred(e, search, job))
                        return NULL;
                if (!scheduler_fits(e, job)) {
                        if (!e->backfill.job)
                                backfill_reserve(e, job);
                        if (cores_free_count(&e->cores) == 0) { /* nor does anybody else */
                                search->left = 0;
                                return NULL;
                        }
                } else if (!e->backfill.job || backfill_may_pass(e, job)) {
                        return job;
                }
                left--;
                search->left--;
        }
        return NULL;
}

static struct job *scheduler_pick_of_user(struct engine *e, struct user *user,
                                          struct scheduler_search *search)
{
        struct fair_share *share;
        struct job *job;

        search->is_user_finished = false;
        fair_advance(&user->lanes_fair, clock_mono_usec());
        for (share = fair_first(&user->lanes_fair); share && !search->is_user_finished;
             share = fair_next(share)) {
                job = scheduler_pick_in_lane(e, lane_of(share), search);
                if (job)
                        return job;
        }
        return NULL;
}

static struct job *scheduler_pick(struct engine *e)
{
        struct scheduler_search search = { .left = SCHEDULER_PASS_MAX };
        struct fair_share *share;
        struct job *job;

        for (share = fair_first(&e->fair); share && search.left > 0; share = fair_next(share)) {
                job = scheduler_pick_of_user(e, user_of(share), &search);
                if (job)
                        return job;
        }
        return NULL;
}

/* The one who is furthest behind, or NULL when nobody waits. */
static struct user *scheduler_first_user(const struct engine *e)
{
        struct fair_share *share = fair_first(&e->fair);

        return share ? user_of(share) : NULL;
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

/* False: it waits for named resources and is out of its lane now. */
static bool scheduler_assign(struct engine *e, struct job *job, struct worker_view *view)
{
        struct resource_holding *holding;
        struct task *task;

        if (!claims_take(e, job, &holding))
                return false;
        task = scheduler_pick_task(e, job);
        if (!task || e->fault) {
                resource_holding_free(holding);
                return true;
        }
        task->holding = holding;
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
        core_lease_take(e, task, view);
        engine_bind(e, task, view);
        engine_apply(e, task, JOB_EV_ASSIGN, NULL, NULL);
        run_queue_pace(e, job);
        start_request(e, task);
        return true;
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

static bool scheduler_is_plain(const struct core_lease *lease)
{
        return lease && lease->count == 1 && !lease->memory_bytes;
}

static struct worker_view *scheduler_find_shallow(struct engine *e, const struct lane *lane,
                                                  uint32_t depth)
{
        struct worker_view *view, *best = NULL;

        TAILQ_FOREACH (view, &e->views, entry)
                if (view->is_filling && scheduler_is_plain(view->core_lease) &&
                    view->core_lease->lane == lane && view->leases_count <= depth &&
                    scheduler_has_room(view) && (!best || view->leases_count < best->leases_count))
                        best = view;
        return best;
}

/* A rule to halt, or a pause between starts, wants to know each end before the next start. */
static bool scheduler_may_look_ahead(const struct job *job)
{
        const struct job_map *map = job_map_of(job);

        return job_cores(job) == 1 && !job_memory_bytes(job) && !claims_has_any(job) &&
               (!map || (!map->halt_on && !map->start_delay_usec));
}

/* The only lane that waits, of the only user who does. */
static struct lane *scheduler_only_lane(const struct engine *e)
{
        struct fair_share *share = fair_first(&e->fair);

        if (!share || fair_next(share))
                return NULL;
        share = fair_first(&user_of(share)->lanes_fair);
        return share && !fair_next(share) ? lane_of(share) : NULL;
}

static void scheduler_look_ahead(struct engine *e)
{
        struct lane *lane = scheduler_only_lane(e);
        struct worker_view *view;
        uint32_t depth;

        if (!lane)
                return;
        depth = scheduler_depth(e, lane->user);
        scheduler_mark_filling(e, depth);
        while (depth > 0 && lane_first(lane) && !e->fault &&
               scheduler_may_look_ahead(lane_first(lane)) &&
               (view = scheduler_find_shallow(e, lane, depth)))
                (void)scheduler_assign(e, lane_first(lane), view);
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
                    !scheduler_may_look_ahead(job) || !scheduler_is_plain(view->core_lease))
                        continue;
                depth = scheduler_depth(e, job->user);
                if (view->leases_count > (depth + 1) / 2)
                        continue;
                while (!e->fault && view->leases_count <= depth && scheduler_has_room(view) &&
                       run_queue_is_only_full(job))
                        (void)scheduler_assign(e, job, view);
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

void scheduler_revoke_others(struct engine *e, const struct task *task)
{
        struct worker_view *view = task->worker ? worker_data(task->worker) : NULL;
        struct task *other;

        if (!view)
                return;
        LIST_FOREACH (other, &view->tasks, worker_entry)
                if (other != task && !other->revoking && other->state == JOB_STARTING &&
                    other->start_ready) {
                        other->revoking = true;
                        worker_revoke(other->worker, other->lease, e->sequence);
                }
}

static bool scheduler_is_revoking(const struct worker_view *view)
{
        const struct task *task;

        LIST_FOREACH (task, &view->tasks, worker_entry)
                if (task->revoking)
                        return true;
        return false;
}

/* Somebody else is entitled, or a wide job waits for cores: look-ahead would take from them. */
static void scheduler_take_back(struct engine *e)
{
        struct user *waiting = scheduler_first_user(e);
        struct worker_view *view;

        if (!waiting)
                return;
        TAILQ_FOREACH (view, &e->views, entry)
                if (view->leases_count > 1 &&
                    (e->backfill.job || e->is_barred || !scheduler_runs_for(view, waiting)))
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

        if (fair_first(&e->fair) || !scheduler_find_idle(e) || cores_free_count(&e->cores) == 0)
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

/* As many cores as the configuration says, or one for each worker of the pool. */
static void scheduler_count_cores(struct engine *e)
{
        const uint32_t count = engine_cores(e);

        if (count == e->cores.count)
                return;
        engine_note(e, cores_resize(&e->cores, count));
        run_queue_update_all(e);
}

static void scheduler_forget_barred(struct engine *e)
{
        struct queue *queue;

        e->is_barred = false;
        TAILQ_FOREACH (queue, &e->queues.list, entry)
                queue->is_kept = false;
}

/* Gives the idle workers to those who are due. */
static void scheduler_give(struct engine *e)
{
        struct worker_view *view;
        uint32_t parked = 0;
        struct job *job;

        while (!e->fault && fair_first(&e->fair) && (view = scheduler_find_idle(e)) &&
               (job = scheduler_pick(e))) {
                if (scheduler_assign(e, job, view) || ++parked < SCHEDULER_PARK_MAX)
                        continue;
                loop_wake(e->loop); /* a million of them may wait for the same lock */
                return;
        }
}

void scheduler_run(struct engine *e)
{
        if (e->is_draining || e->is_stopping || !e->journal)
                return;
        scheduler_count_cores(e);
        scheduler_forget_barred(e);
        backfill_forget(e);
        if (fair_first(&e->fair))
                fair_advance(&e->fair, clock_mono_usec());
        scheduler_give(e);
        if (fair_first(&e->fair)) {
                if (!e->backfill.job && !e->is_barred)
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
