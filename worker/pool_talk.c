/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pool and jobd say to each other, apart from the dead (pool_dead.c) and the compressed
 * (pool_compact.c): who is alive, how many are wanted, that all is to end, that jobd is of another
 * build than we are. Also the watch on jobd's absence: in user mode a pool that is alone for too
 * long, with nothing running, ends itself.
 *
 * One row per order; an order for a worker is ignored. Nothing is kept for later: PoolState is sent
 * whole, on every new link and in every turn in which it changed.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#include "worker/cgroup.h"
#include "worker/pool_private.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" /* protobuf-c's strings are not const; it only reads  \
                                              */
void pool_send_state(struct pool *pool)
{
        static const char *const containments[] = { "process groups, subreaper and rlimits",
                                                    "cgroup v2" };
        _cleanup_(freep) Jobd__Work__PoolWorker *workers = NULL;
        _cleanup_(freep) Jobd__Work__PoolWorker **list = NULL;
        Jobd__Work__PoolState state = JOBD__WORK__POOL_STATE__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        workers = calloc(pool->seats_count + 1, sizeof(*workers));
        list = calloc(pool->seats_count + 1, sizeof(struct Jobd__Work__PoolWorker *));
        if (!workers || !list)
                return;
        for (uint32_t i = 0; i < pool->seats_count; i++) {
                Jobd__Work__PoolWorker *worker = &workers[state.n_workers];

                if (!pool->seats[i]->pid)
                        continue;
                jobd__work__pool_worker__init(worker);
                worker->number = i;
                worker->generation = pool->seats[i]->generation;
                worker->pid = (uint32_t)pool->seats[i]->pid;
                list[state.n_workers++] = worker;
        }
        state.workers = list;
        state.wanted = pool->wanted;
        state.containment = (char *)containments[pool->cgroup_fd >= 0];
        state.has_stopping = pool->is_stopping;
        state.stopping = pool->is_stopping;
        report.body_case = JOBD__WORK__REPORT__BODY_POOL_STATE;
        report.pool_state = &state;
        link_send(pool->link, &report);
        pool->is_state_news = false;
}
#pragma GCC diagnostic pop

static void pool_judge_build(struct pool *pool, const char *build)
{
        const char *after = pool->options->after_build;

        if (strcmp(pool->options->build, build) == 0 || pool->is_stopping)
                return;
        if (after && strcmp(after, build) == 0) {
                log_warning("jobd is of build %s, but %s is of build %s: install both of one "
                            "version",
                            build, pool->exe_path, pool->options->build);
                return;
        }
        free(pool->next_build);
        pool->next_build = strdup(build);
}

static void pool_on_up(void *arg, const Jobd__Work__Welcome *welcome)
{
        struct pool *pool = arg;

        loop_timer_stop(pool->idle_timer);
        if (welcome->has_grace_usec)
                pool->grace_usec = welcome->grace_usec;
        pool_send_state(pool);
        pool_dead_report_all(pool);
        pool_watch_ask_all(pool);
        pool_judge_build(pool, welcome->build);
}

void pool_start_idle_timer(struct pool *pool)
{
        if (pool->options->is_user_mode && loop_timer_start(pool->idle_timer, pool->idle_usec))
                log_error("the pool does not end by itself: no timer");
}

static void pool_on_down(void *arg)
{
        struct pool *pool = arg;

        pool_watch_dialling(pool);
        if (!loop_timer_is_on(pool->idle_timer))
                pool_start_idle_timer(pool);
}

static bool pool_is_idle(const struct pool *pool)
{
        for (uint32_t i = 0; i < pool->seats_count; i++) {
                const struct pool_seat *seat = pool->seats[i];

                if (seat->pid && (!seat->shared || atomic_load(&seat->shared->busy)))
                        return false;
        }
        return true;
}

void pool_on_idle_time(void *arg)
{
        struct pool *pool = arg;

        if (link_is_up(pool->link))
                return;
        if (!pool_is_idle(pool)) {
                pool_start_idle_timer(pool);
                return;
        }
        log_info("jobd has been away for long and nothing runs: ending");
        pool_begin_stop(pool, 0);
}

/* -------------------------------------------------------------------------------------- orders */

static void pool_on_set(struct pool *pool, const Jobd__Work__Order *order)
{
        const uint32_t wanted = order->pool_set->wanted;

        if (pool->is_stopping || wanted > OPTIONS_WORKERS_MAX || wanted == pool->wanted)
                return;
        if (pool_worker_resize(pool, wanted))
                log_error("the pool could not be resized to %" PRIu32, wanted);
}

static void pool_on_dead_ack(struct pool *pool, const Jobd__Work__Order *order)
{
        pool_dead_on_ack(pool, order->dead_ack->number, order->dead_ack->generation);
}

static void pool_on_compact(struct pool *pool, const Jobd__Work__Order *order)
{
        pool_compact_add(pool, order->compact);
}

static void pool_on_stop(struct pool *pool, _unused_ const Jobd__Work__Order *order)
{
        pool_begin_stop(pool, pool->grace_usec);
}

/*
 * Without cgroups nice and the scheduler's turns are all that users share by. Who may have no jobs
 * here gets no group either, whatever jobd says.
 */
static void pool_on_user_weight(struct pool *pool, const Jobd__Work__Order *order)
{
        const Jobd__Work__UserWeight *user = order->user_weight;
        const bool may_have_jobs = pool->options->is_user_mode
                                           ? user->uid == geteuid()
                                           : !policy_judge_uid(&pool->policy, user->uid, NULL);

        if (pool->cgroup_fd >= 0 && may_have_jobs &&
            cgroup_set_user_weight(pool->cgroup_fd, user->uid, user->weight))
                log_warning("uid %" PRIu32 " could not be given its share of the processors",
                            user->uid);
}

static void pool_on_check(struct pool *pool, _unused_ const Jobd__Work__Order *order)
{
        (void)order;
        pool_watch_check(pool);
}

typedef void (*pool_order_fn)(struct pool *pool, const Jobd__Work__Order *order);

/* clang-format off */
static const pool_order_fn pool_order_rows[] = {
        [JOBD__WORK__ORDER__BODY_POOL_SET]  = pool_on_set,
        [JOBD__WORK__ORDER__BODY_DEAD_ACK]  = pool_on_dead_ack,
        [JOBD__WORK__ORDER__BODY_COMPACT]   = pool_on_compact,
        [JOBD__WORK__ORDER__BODY_POOL_STOP] = pool_on_stop,
        [JOBD__WORK__ORDER__BODY_CHECK_WORKERS] = pool_on_check,
        [JOBD__WORK__ORDER__BODY_USER_WEIGHT] = pool_on_user_weight,
};
/* clang-format on */

static void pool_on_order(void *arg, const Jobd__Work__Order *order)
{
        const size_t i = order->body_case;

        if (i < ARRAY_SIZE(pool_order_rows) && pool_order_rows[i])
                pool_order_rows[i](arg, order);
        else
                log_debug("order %zu is not for a pool", i);
}

const struct link_ops pool_link_ops = {
        .on_up = pool_on_up,
        .on_order = pool_on_order,
        .on_down = pool_on_down,
};
