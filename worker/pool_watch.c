/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers that hang. Two ways to find one, and neither wakes an idle pool:
 *
 *   work   A worker that gets work while nobody watches says so on its line. From then on each
 *          worker with work is pinged every 10 s; one that is silent for 20 s is killed. When none
 *          has work any more the watch ends. Who is first, the worker that sets `busy` or the pool
 *          that clears `watching`? Each writes its own flag before it reads the other's, so at
 *          least one of them sees the other. A worker that was stopped while idle cannot say so:
 *          jobd, whose START is not answered, has all of them asked (CheckWorkers).
 *   dial   When we have reached jobd, every worker is asked whether it has, too. One that is
 *          silent, or has not reached it for 10 s, is killed: jobd waits for everybody's inventory
 *          and cannot know who is missing. (What a worker said before counts for nothing: it may
 *          have been stopped since, and another jobd be there.)
 *
 * A killed worker is reported as hung at once, and as dead in the usual way.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>

#include "common/log.h"

#include "worker/line.h"
#include "worker/pool_private.h"

static void pool_watch_kill(struct pool_seat *seat, const char *what)
{
        Jobd__Work__Hung hung = JOBD__WORK__HUNG__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        log_write(LOG_LEVEL_WARNING, LOG_EVENT_WORKER_DIED, 0,
                  "worker %" PRIu32 " (pid %d) %s and is killed", seat->number, (int)seat->pid,
                  what);
        seat->was_killed = true;
        pool_worker_kill(seat, SIGKILL);
        hung.number = seat->number;
        hung.generation = seat->generation;
        report.body_case = JOBD__WORK__REPORT__BODY_HUNG;
        report.hung = &hung;
        link_send(seat->pool->link, &report);
}

/* ---------------------------------------------------------------------------------------- work */

static bool pool_watch_is_busy(const struct pool_seat *seat)
{
        return seat->pid && seat->shared && atomic_load(&seat->shared->busy);
}

/* Does any worker have work, or owe an answer? */
static bool pool_watch_has_busy(const struct pool *pool)
{
        for (uint32_t i = 0; i < pool->seats_count; i++) {
                const struct pool_seat *seat = pool->seats[i];

                if (pool_watch_is_busy(seat) || (seat->pid && seat->pinged_usec))
                        return true;
        }
        return false;
}

static void pool_watch_set(struct pool *pool, uint32_t is_watching)
{
        for (uint32_t i = 0; i < pool->seats_count; i++)
                if (pool->seats[i]->shared)
                        atomic_store(&pool->seats[i]->shared->watching, is_watching);
}

static void pool_watch_start(struct pool *pool)
{
        if (loop_timer_start(pool->watch_timer, pool->watch_usec))
                log_error("workers are not watched: no timer");
}

static void pool_watch_ping(struct pool_seat *seat, uint64_t now)
{
        seat->pinged_usec = now;
        line_send(seat->line_fd, LINE_PING, now);
}

static void pool_watch_look_at(struct pool_seat *seat, uint64_t now)
{
        if (!seat->pid || seat->was_killed)
                return;
        if (seat->pinged_usec && now - seat->pinged_usec >= 2 * seat->pool->watch_usec) {
                pool_watch_kill(seat, "does not answer");
                return;
        }
        if (!seat->pinged_usec && pool_watch_is_busy(seat))
                pool_watch_ping(seat, now);
}

static void pool_watch_on_time(void *arg)
{
        struct pool *pool = arg;
        const uint64_t now = clock_mono_usec();

        for (uint32_t i = 0; i < pool->seats_count; i++)
                pool_watch_look_at(pool->seats[i], now);
        if (!pool_watch_has_busy(pool)) {
                pool_watch_set(pool, 0);
                if (!pool_watch_has_busy(pool))
                        return;
                pool_watch_set(pool, 1);
        }
        pool_watch_start(pool);
}

void pool_watch_on_busy(struct pool *pool)
{
        pool_watch_set(pool, 1);
        if (!loop_timer_is_on(pool->watch_timer))
                pool_watch_start(pool);
}

void pool_watch_on_pong(struct pool_seat *seat)
{
        seat->pinged_usec = 0;
}

void pool_watch_check(struct pool *pool)
{
        const uint64_t now = clock_mono_usec();

        for (uint32_t i = 0; i < pool->seats_count; i++)
                if (pool->seats[i]->pid && !pool->seats[i]->pinged_usec)
                        pool_watch_ping(pool->seats[i], now);
        pool_watch_on_busy(pool);
}

/* ---------------------------------------------------------------------------------------- dial */

void pool_watch_ask_all(struct pool *pool)
{
        const uint64_t now = clock_mono_usec();

        for (uint32_t i = 0; i < pool->seats_count; i++) {
                struct pool_seat *seat = pool->seats[i];

                seat->is_dialled = false;
                if (seat->pid)
                        pool_watch_ping(seat, now);
        }
        pool_watch_on_busy(pool);
        pool_watch_dialling(pool);
}

void pool_watch_dialling(struct pool *pool)
{
        const uint64_t now = clock_mono_usec();
        bool is_missing = false;

        if (!link_is_up(pool->link) || pool->is_stopping) {
                loop_timer_stop(pool->dial_timer);
                return;
        }
        for (uint32_t i = 0; i < pool->seats_count; i++) {
                struct pool_seat *seat = pool->seats[i];

                if (!seat->pid || seat->is_dialled) {
                        seat->undialled_since_usec = 0;
                        continue;
                }
                if (!seat->undialled_since_usec || !loop_timer_is_on(pool->dial_timer))
                        seat->undialled_since_usec = now;
                is_missing = true;
        }
        if (is_missing && !loop_timer_is_on(pool->dial_timer) &&
            loop_timer_start(pool->dial_timer, pool->watch_usec))
                log_error("workers that do not dial are not noticed: no timer");
}

static void pool_watch_on_dial_time(void *arg)
{
        struct pool *pool = arg;
        const uint64_t now = clock_mono_usec();
        bool is_missing = false;

        for (uint32_t i = 0; i < pool->seats_count; i++) {
                struct pool_seat *seat = pool->seats[i];

                if (!seat->pid || seat->is_dialled || seat->was_killed)
                        continue;
                if (now - seat->undialled_since_usec >= pool->watch_usec)
                        pool_watch_kill(seat, "has not reached jobd for 10 s");
                else
                        is_missing = true;
        }
        if (is_missing && loop_timer_start(pool->dial_timer, pool->watch_usec))
                log_error("workers that do not dial are not noticed: no timer");
}

int pool_watch_init(struct pool *pool)
{
        int r;

        r = loop_timer_new(pool->loop, pool_watch_on_time, pool, &pool->watch_timer);
        if (r == 0)
                r = loop_timer_new(pool->loop, pool_watch_on_dial_time, pool, &pool->dial_timer);
        return PASS(r);
}
