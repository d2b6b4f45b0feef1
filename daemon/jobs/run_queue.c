/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who could start now. A job is ready when it is not held, its begin time has come, it is under its
 * width, it has a task that is queued and not waiting for a retry, and it asks for no more than it
 * could ever be given (the settings may have changed since it was taken in). run_queue_update() is
 * called after every change of a job and puts it into its lane (lanes.c) or takes it out.
 *
 * What waits for a time stands in two more trees: `begins` by wall clock with one alarm, since
 * --begin means what the clock on the wall says and must follow it when it is set, and `delays` by
 * the monotonic clock with one timer, since the pause before a retry is a duration. Without
 * waiters neither costs a wake-up.
 */
#include <errno.h>

#include "common/log.h"

#include "daemon/jobs/engine_private.h"

static int run_queue_compare_begin(struct job_extra *a, struct job_extra *b)
{
        if (a->begin_wall_usec != b->begin_wall_usec)
                return a->begin_wall_usec < b->begin_wall_usec ? -1 : 1;
        return a->job->id < b->job->id ? -1 : a->job->id > b->job->id;
}

static int run_queue_compare_delay(struct task *a, struct task *b)
{
        if (a->retry_mono_usec != b->retry_mono_usec)
                return a->retry_mono_usec < b->retry_mono_usec ? -1 : 1;
        if (a->job->id != b->job->id)
                return a->job->id < b->job->id ? -1 : 1;
        return a->number < b->number ? -1 : a->number > b->number;
}

/* clang-format off */
RB_GENERATE_STATIC(begin_tree, job_extra, begin_entry, run_queue_compare_begin)
RB_GENERATE_STATIC(delay_tree, task, delay_entry, run_queue_compare_delay)
/* clang-format on */

static int run_queue_compare_pace(struct job_map *a, struct job_map *b)
{
        if (a->start_mono_usec != b->start_mono_usec)
                return a->start_mono_usec < b->start_mono_usec ? -1 : 1;
        return a->job->id < b->job->id ? -1 : a->job->id > b->job->id;
}

/* clang-format off */
RB_GENERATE_STATIC(pace_tree, job_map, pace_entry, run_queue_compare_pace)
/* clang-format on */

bool run_queue_is_full(const struct job *job)
{
        const uint32_t width = job->extra ? job->extra->array_width : 0;
        const struct job_map *map = job_map_of(job);

        return width && (map ? map->slots_used : job->leased_count) >= width;
}

static bool run_queue_could_start(const struct job *job)
{
        const struct job_map *map = job_map_of(job);

        if (job->hold || job->is_impossible || job->is_waiting || !job->is_begin_due ||
            (map && (map->is_halted || map->is_paced)))
                return false;
        return !TAILQ_EMPTY(&job->requeued) ||
               (job->task_next < job->task_count && deps_lets_next(job));
}

bool run_queue_is_only_full(const struct job *job)
{
        return run_queue_is_full(job) && run_queue_could_start(job);
}

void run_queue_update(struct engine *e, struct job *job)
{
        bool could_start, may_start;

        job->is_impossible = !scheduler_is_possible(e, job);
        could_start = run_queue_could_start(job);
        may_start = could_start && !run_queue_is_full(job);
        if (!may_start && claims_is_waiting(job))
                claims_leave(job);
        may_start = may_start && !job->is_parked;
        if (may_start && !job->is_ready)
                lanes_insert(e, job);
        else if (!may_start && job->is_ready)
                lanes_take_out(e, job);
        engine_tally_sort_job(e, job, could_start);
}

void run_queue_update_all(struct engine *e)
{
        struct user *user;
        struct job *job;

        for (user = e->users; user; user = user->hh.next)
                TAILQ_FOREACH (job, &user->jobs, user_entry)
                        run_queue_update(e, job);
}

void run_queue_update_queue(struct engine *e, struct queue *queue)
{
        struct lane *lane;
        struct job *job;

        TAILQ_FOREACH (lane, &queue->lanes, queue_entry)
                TAILQ_FOREACH (job, &lane->user->jobs, user_entry)
                        if (job->lane == lane)
                                run_queue_update(e, job);
}

/* ------------------------------------------------------------------------------------- begins */

static void run_queue_arm_begins(struct engine *e)
{
        const struct job_extra *first = RB_MIN(begin_tree, &e->begins);

        engine_note(e, loop_alarm_set(e->begin_alarm, first ? first->begin_wall_usec : USEC_NONE));
}

static void run_queue_on_begin(void *arg, bool clock_jumped)
{
        struct engine *e = arg;
        const uint64_t now = clock_wall_usec();
        struct job_extra *x;

        if (clock_jumped)
                log_info("the wall clock was set: looking at begin times again");
        while ((x = RB_MIN(begin_tree, &e->begins)) && x->begin_wall_usec <= now) {
                RB_REMOVE(begin_tree, &e->begins, x);
                x->job->is_begin_due = true;
                run_queue_update(e, x->job);
        }
        run_queue_arm_begins(e);
}

void run_queue_begin_at(struct engine *e, struct job *job)
{
        if (job->extra->begin_wall_usec <= clock_wall_usec())
                return;
        job->is_begin_due = false;
        RB_INSERT(begin_tree, &e->begins, job->extra);
        run_queue_arm_begins(e);
}

static void run_queue_forget_begin(struct engine *e, struct job *job)
{
        if (job->is_begin_due)
                return;
        RB_REMOVE(begin_tree, &e->begins, job->extra);
        job->is_begin_due = true;
        run_queue_arm_begins(e);
}

void run_queue_set_begin(struct engine *e, struct job *job, uint64_t begin_wall_usec)
{
        run_queue_forget_begin(e, job);
        job->extra->begin_wall_usec = begin_wall_usec;
        if (begin_wall_usec)
                run_queue_begin_at(e, job);
        run_queue_update(e, job);
}

/* ------------------------------------------------------------------------------------- delays */

static void run_queue_arm_delays(struct engine *e)
{
        const struct task *first = RB_MIN(delay_tree, &e->delays);
        const uint64_t now = clock_mono_usec();

        if (!first)
                loop_timer_stop(e->delay_timer);
        else
                engine_note(e,
                            loop_timer_start(e->delay_timer, first->retry_mono_usec > now
                                                                     ? first->retry_mono_usec - now
                                                                     : 0));
}

static void run_queue_on_delay(void *arg)
{
        struct engine *e = arg;
        const uint64_t now = clock_mono_usec();
        struct task *task;

        while ((task = RB_MIN(delay_tree, &e->delays)) && task->retry_mono_usec <= now)
                run_queue_undelay(e, task);
        run_queue_arm_delays(e);
}

void run_queue_delay(struct engine *e, struct task *task, uint64_t delay_usec)
{
        task->retry_mono_usec = clock_mono_usec() + delay_usec;
        task->is_delayed = true;
        engine_dequeue(task);
        RB_INSERT(delay_tree, &e->delays, task);
        run_queue_arm_delays(e);
}

void run_queue_undelay(struct engine *e, struct task *task)
{
        RB_REMOVE(delay_tree, &e->delays, task);
        task->is_delayed = false;
        engine_enqueue(task);
        run_queue_update(e, task->job);
}

/* -------------------------------------------------------------------------------------- paces */

static void run_queue_arm_paces(struct engine *e)
{
        const struct job_map *first = RB_MIN(pace_tree, &e->paces);
        const uint64_t now = clock_mono_usec();

        if (!first)
                loop_timer_stop(e->pace_timer);
        else
                engine_note(e,
                            loop_timer_start(e->pace_timer, first->start_mono_usec > now
                                                                    ? first->start_mono_usec - now
                                                                    : 0));
}

static void run_queue_unpace(struct engine *e, struct job_map *map)
{
        RB_REMOVE(pace_tree, &e->paces, map);
        map->is_paced = false;
}

static void run_queue_on_pace(void *arg)
{
        struct engine *e = arg;
        const uint64_t now = clock_mono_usec();
        struct job_map *map;

        while ((map = RB_MIN(pace_tree, &e->paces)) && map->start_mono_usec <= now) {
                run_queue_unpace(e, map);
                run_queue_update(e, map->job);
        }
        run_queue_arm_paces(e);
}

void run_queue_pace(struct engine *e, struct job *job)
{
        struct job_map *map = job_map_of(job);

        if (!map || !map->start_delay_usec || map->is_paced)
                return;
        map->start_mono_usec = clock_mono_usec() + map->start_delay_usec;
        map->is_paced = true;
        RB_INSERT(pace_tree, &e->paces, map);
        run_queue_arm_paces(e);
        run_queue_update(e, job);
}

/* ---------------------------------------------------------------------------------- life time */

void run_queue_remove(struct engine *e, struct job *job)
{
        struct task *task;

        if (job->is_ready)
                lanes_take_out(e, job);
        claims_leave(job);
        if (job_map_of(job) && job_map_of(job)->is_paced)
                run_queue_unpace(e, job_map_of(job));
        run_queue_forget_begin(e, job);
        RB_FOREACH (task, task_tree, &job->tasks)
                if (task->is_delayed) {
                        RB_REMOVE(delay_tree, &e->delays, task);
                        task->is_delayed = false;
                }
}

int run_queue_init(struct engine *e)
{
        int r;

        r = loop_alarm_new(e->loop, run_queue_on_begin, e, &e->begin_alarm);
        if (r)
                return PASS(r);
        r = loop_timer_new(e->loop, run_queue_on_delay, e, &e->delay_timer);
        if (r)
                return PASS(r);
        r = loop_timer_new(e->loop, run_queue_on_pace, e, &e->pace_timer);
        return r ? PASS(r) : 0;
}

void run_queue_deinit(struct engine *e)
{
        e->begin_alarm = loop_alarm_free(e->begin_alarm);
        e->delay_timer = loop_timer_free(e->delay_timer);
        e->pace_timer = loop_timer_free(e->pace_timer);
}
