/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: the ready jobs of one user in one queue, in the order of the queue's policy.
 *
 *     fair (users) --> user --> fair (his lanes) --> lane --> tree of ready jobs, best first
 *
 * A lane waits for cores when it has a ready job and its queue is open (not paused, not at its
 * width); a user waits when one of his lanes does and he is below his cap. lanes_update() and its
 * like keep that true after every change; scheduler.c only asks who is first.
 *
 * Order. fifo and lifo go by job id. priority goes by the time of submission less so much a point
 * of priority (aging): who has waited long enough overtakes, so that a low priority is late and not
 * never, and the order of two jobs never changes while they wait, which is why a tree can hold it.
 */
#include <errno.h>

#include "daemon/jobs/engine_private.h"

static int lanes_compare_ready(struct job *a, struct job *b)
{
        if (a->order_key != b->order_key)
                return a->order_key < b->order_key ? -1 : 1;
        return a->id < b->id ? -1 : a->id > b->id;
}

/* clang-format off */
RB_GENERATE_STATIC(job_ready, job, ready_entry, lanes_compare_ready)
/* clang-format on */

static int64_t lanes_order_key(const struct engine *e, const struct job *job)
{
        const int64_t aging_usec = (int64_t)e->options.aging_usec;

        switch ((enum queue_policy)job->lane->queue->policy) {
        case QUEUE_FIFO:
                return (int64_t)job->id;
        case QUEUE_LIFO:
                return -(int64_t)job->id;
        case QUEUE_PRIORITY:
                break;
        }
        return aging_usec ? (int64_t)job->submit_wall_usec - job->priority * aging_usec
                          : -(int64_t)job->priority;
}

/* -------------------------------------------------------------------------------- who is waiting
 */

static bool lanes_is_capped(const struct user *user)
{
        return user->cores_max && user->share.cores >= user->cores_max;
}

static void lanes_update_user(struct engine *e, struct user *user)
{
        const bool is_waiting = fair_first(&user->lanes_fair) && !lanes_is_capped(user);

        if (is_waiting != user->share.is_waiting)
                fair_set_waiting(&e->fair, &user->share, is_waiting, clock_mono_usec());
}

static void lanes_update(struct engine *e, struct lane *lane)
{
        const bool is_waiting = !RB_EMPTY(&lane->ready) && queue_is_open(lane->queue);

        if (is_waiting != lane->share.is_waiting)
                fair_set_waiting(&lane->user->lanes_fair, &lane->share, is_waiting,
                                 clock_mono_usec());
        lanes_update_user(e, lane->user);
}

void lanes_update_queue(struct engine *e, struct queue *queue)
{
        struct lane *lane;

        TAILQ_FOREACH (lane, &queue->lanes, queue_entry)
                lanes_update(e, lane);
}

/* ------------------------------------------------------------------------------------ ready jobs
 */

void lanes_insert(struct engine *e, struct job *job)
{
        job->order_key = lanes_order_key(e, job);
        RB_INSERT(job_ready, &job->lane->ready, job);
        job->is_ready = true;
        lanes_update(e, job->lane);
}

void lanes_take_out(struct engine *e, struct job *job)
{
        RB_REMOVE(job_ready, &job->lane->ready, job);
        job->is_ready = false;
        lanes_update(e, job->lane);
}

struct job *lane_first(struct lane *lane)
{
        return RB_MIN(job_ready, &lane->ready);
}

struct job *lane_next(struct job *job)
{
        return RB_NEXT(job_ready, &job->lane->ready, job);
}

uint64_t lane_position(const struct job *job, uint64_t max)
{
        struct job *at = (struct job *)(uintptr_t)job; /* not changed */
        uint64_t position = 0;

        while (position < max && (at = RB_PREV(job_ready, &at->lane->ready, at)))
                position++;
        return position;
}

/* --------------------------------------------------------------------------------------- counting
 */

void lanes_take(struct engine *e, struct lane *lane, uint32_t cores)
{
        const uint64_t now = clock_mono_usec();
        struct queue *queue = lane->queue;
        const bool was_open = queue_is_open(queue);

        fair_expect(&lane->user->share, lane->user->short_usec);
        fair_expect(&lane->share, lane->user->short_usec);
        fair_take(&e->fair, &lane->user->share, cores, now);
        fair_take(&lane->user->lanes_fair, &lane->share, cores, now);
        queue->tasks_leased++;
        queue->cores_leased += cores;
        if (was_open != queue_is_open(queue))
                lanes_update_queue(e, queue);
        lanes_update_user(e, lane->user);
}

void lanes_give(struct engine *e, struct lane *lane, uint32_t cores)
{
        const uint64_t now = clock_mono_usec();
        struct queue *queue = lane->queue;
        const bool was_open = queue_is_open(queue);

        fair_give(&e->fair, &lane->user->share, cores, now);
        fair_give(&lane->user->lanes_fair, &lane->share, cores, now);
        queue->tasks_leased--;
        queue->cores_leased -= cores;
        if (was_open != queue_is_open(queue))
                lanes_update_queue(e, queue);
        lanes_update_user(e, lane->user);
}

/* -------------------------------------------------------------------------------------- life time
 */

struct lane *lanes_get(struct engine *e, struct user *user, struct queue *queue)
{
        struct lane *lane;

        TAILQ_FOREACH (lane, &user->lanes, user_entry)
                if (lane->queue == queue)
                        return lane;
        lane = calloc(1, sizeof(*lane));
        if (!lane) {
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        lane->user = user;
        lane->queue = queue;
        RB_INIT(&lane->ready);
        fair_share_init(&lane->share, queue->weight);
        TAILQ_INSERT_TAIL(&user->lanes, lane, user_entry);
        TAILQ_INSERT_TAIL(&queue->lanes, lane, queue_entry);
        return lane;
}

void lanes_free(struct lane *lane)
{
        TAILQ_REMOVE(&lane->user->lanes, lane, user_entry);
        TAILQ_REMOVE(&lane->queue->lanes, lane, queue_entry);
        free(lane);
}

void lanes_set_queue(struct engine *e, struct job *job, struct queue *queue)
{
        const bool was_ready = job->is_ready;
        struct lane *lane = lanes_get(e, job->user, queue);

        if (!lane || lane == job->lane)
                return;
        if (was_ready)
                lanes_take_out(e, job);
        if (job->lane) {
                job->lane->queue->jobs_count--;
                job->lane->queue->queued_tasks -= job->queued_tasks;
        }
        job->lane = lane;
        queue->jobs_count++;
        queue->queued_tasks += job->queued_tasks;
        if (was_ready)
                lanes_insert(e, job);
}

void lanes_reorder(struct engine *e, struct job *job)
{
        if (!job->is_ready)
                return;
        lanes_take_out(e, job);
        lanes_insert(e, job);
}

static const struct engine_share *lanes_find_share(const struct engine *e, uint32_t uid)
{
        const struct engine_share *others = NULL;

        for (size_t i = 0; i < e->options.shares_count; i++) {
                if (e->options.shares[i].uid == uid)
                        return &e->options.shares[i];
                if (e->options.shares[i].uid == UINT32_MAX)
                        others = &e->options.shares[i];
        }
        return others;
}

void lanes_set_share(struct engine *e, struct user *user)
{
        const struct engine_share *share = lanes_find_share(e, user->uid);

        user->cores_max = share ? share->cores_max : 0;
        user->jobs_max = share ? share->jobs_max : 0;
        fair_set_weight(&e->fair, &user->share, share ? share->weight : FAIR_WEIGHT_DEFAULT,
                        clock_mono_usec());
        lanes_update_user(e, user);
        if (user->share.cores) /* others are told when they start something */
                workers_set_user_weight(e->workers, user->uid, user->share.weight);
}

void lanes_set_weight(struct queue *queue)
{
        struct lane *lane;

        TAILQ_FOREACH (lane, &queue->lanes, queue_entry)
                fair_set_weight(&lane->user->lanes_fair, &lane->share, queue->weight,
                                clock_mono_usec());
}
