/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions that have one answer, and the orders to the service: each builds its request on the
 * stack and lets ask.c send it and wait. All may be asked twice without harm, so all are repeated
 * after a reconnection.
 */
#include "client/lib/ask.h"
#include "client/lib/selector.h"

static int query(struct jobctl *conn, Jobd__Request__BodyCase kind, void *body,
                 struct jobctl_result **out_result)
{
        Jobd__Request request = JOBD__REQUEST__INIT;

        request.body_case = kind;
        request.ping = body; /* every body is a pointer at the same place */
        return ask_wait(conn, &request, ASK_AGAIN, out_result);
}

/* The same without waiting. */
static int query_async(struct jobctl *conn, Jobd__Request__BodyCase kind, void *body,
                       jobctl_result_fn fn, void *arg)
{
        Jobd__Request request = JOBD__REQUEST__INIT;

        request.body_case = kind;
        request.ping = body;
        return ask_async(conn, &request, ASK_AGAIN, fn, arg);
}

int jobctl_ping(struct jobctl *conn)
{
        Jobd__Ping ping = JOBD__PING__INIT;

        return query(conn, JOBD__REQUEST__BODY_PING, &ping, NULL);
}

static void query_fill_list(const struct jobctl_list_options *options, Jobd__List *list)
{
        list->selector = selector_message(options->selector);
        list->has_limit = options->limit != 0;
        list->limit = options->limit;
        list->has_after_id = options->after_id != 0;
        list->after_id = options->after_id;
        list->has_after_finished = list->has_after_id;
        list->after_finished = options->after_finished;
        list->has_all_users = list->all_users = options->all_users;
        list->has_since_wall_usec = options->since_wall_usec != 0;
        list->since_wall_usec = options->since_wall_usec;
}

int jobctl_list(struct jobctl *conn, const struct jobctl_list_options *options,
                struct jobctl_result **out_result)
{
        Jobd__List list = JOBD__LIST__INIT;

        query_fill_list(options, &list);
        return query(conn, JOBD__REQUEST__BODY_LIST, &list, out_result);
}

int jobctl_list_async(struct jobctl *conn, const struct jobctl_list_options *options,
                      jobctl_result_fn fn, void *arg)
{
        Jobd__List list = JOBD__LIST__INIT;

        query_fill_list(options, &list);
        return query_async(conn, JOBD__REQUEST__BODY_LIST, &list, fn, arg);
}

int jobctl_info(struct jobctl *conn, const struct jobctl_selector *selector, bool environment,
                struct jobctl_result **out_result)
{
        Jobd__Info info = JOBD__INFO__INIT;

        info.selector = selector_message(selector);
        info.has_environment = info.environment = environment;
        return query(conn, JOBD__REQUEST__BODY_INFO, &info, out_result);
}

int jobctl_why(struct jobctl *conn, const struct jobctl_selector *selector,
               struct jobctl_result **out_result)
{
        Jobd__Why why = JOBD__WHY__INIT;

        why.selector = selector_message(selector);
        return query(conn, JOBD__REQUEST__BODY_WHY, &why, out_result);
}

int jobctl_status(struct jobctl *conn, struct jobctl_result **out_result)
{
        Jobd__Status status = JOBD__STATUS__INIT;

        return query(conn, JOBD__REQUEST__BODY_STATUS, &status, out_result);
}

int jobctl_status_async(struct jobctl *conn, jobctl_result_fn fn, void *arg)
{
        Jobd__Status status = JOBD__STATUS__INIT;

        return query_async(conn, JOBD__REQUEST__BODY_STATUS, &status, fn, arg);
}

int jobctl_pool(struct jobctl *conn, uint32_t resize, struct jobctl_result **out_result)
{
        Jobd__Pool pool = JOBD__POOL__INIT;

        pool.has_resize = resize != 0;
        pool.resize = resize;
        return query(conn, JOBD__REQUEST__BODY_POOL, &pool, out_result);
}

static void query_fill_stats(const struct jobctl_stats_options *options, Jobd__Stats *stats)
{
        stats->has_kept = stats->kept = options->kept;
        stats->has_since_wall_usec = options->since_wall_usec != 0;
        stats->since_wall_usec = options->since_wall_usec;
}

int jobctl_stats(struct jobctl *conn, const struct jobctl_stats_options *options,
                 struct jobctl_result **out_result)
{
        Jobd__Stats stats = JOBD__STATS__INIT;

        query_fill_stats(options, &stats);
        return query(conn, JOBD__REQUEST__BODY_STATS, &stats, out_result);
}

int jobctl_stats_async(struct jobctl *conn, const struct jobctl_stats_options *options,
                       jobctl_result_fn fn, void *arg)
{
        Jobd__Stats stats = JOBD__STATS__INIT;

        query_fill_stats(options, &stats);
        return query_async(conn, JOBD__REQUEST__BODY_STATS, &stats, fn, arg);
}

int jobctl_config(struct jobctl *conn, struct jobctl_result **out_result)
{
        Jobd__Config config = JOBD__CONFIG__INIT;

        return query(conn, JOBD__REQUEST__BODY_CONFIG, &config, out_result);
}

int jobctl_purge(struct jobctl *conn, const struct jobctl_selector *selector,
                 const uint64_t *older_than_usec, const uint64_t *keep_count,
                 struct jobctl_result **out_result)
{
        Jobd__Purge purge = JOBD__PURGE__INIT;

        purge.selector = selector_message(selector);
        purge.has_older_than_usec = older_than_usec != NULL;
        purge.older_than_usec = older_than_usec ? *older_than_usec : 0;
        purge.has_keep_count = keep_count != NULL;
        purge.keep_count = keep_count ? *keep_count : 0;
        return query(conn, JOBD__REQUEST__BODY_PURGE, &purge, out_result);
}

int jobctl_drain(struct jobctl *conn, bool end)
{
        Jobd__Drain drain = JOBD__DRAIN__INIT;

        drain.has_end = drain.end = end;
        return query(conn, JOBD__REQUEST__BODY_DRAIN, &drain, NULL);
}

int jobctl_shutdown(struct jobctl *conn, bool now)
{
        Jobd__Shutdown shutdown = JOBD__SHUTDOWN__INIT;

        shutdown.has_now = shutdown.now = now;
        return query(conn, JOBD__REQUEST__BODY_SHUTDOWN, &shutdown, NULL);
}

int jobctl_reload(struct jobctl *conn, struct jobctl_result **out_result)
{
        Jobd__Reload reload = JOBD__RELOAD__INIT;

        return query(conn, JOBD__REQUEST__BODY_RELOAD, &reload, out_result);
}

int jobctl_seen(struct jobctl *conn, uint64_t job, uint64_t next_task)
{
        Jobd__Seen seen = JOBD__SEEN__INIT;

        seen.job = job;
        seen.next_task = next_task;
        return query(conn, JOBD__REQUEST__BODY_SEEN, &seen, NULL);
}

int jobctl_seen_async(struct jobctl *conn, uint64_t job, uint64_t next_task, jobctl_result_fn fn,
                      void *arg)
{
        Jobd__Seen seen = JOBD__SEEN__INIT;

        seen.job = job;
        seen.next_task = next_task;
        return query_async(conn, JOBD__REQUEST__BODY_SEEN, &seen, fn, arg);
}

int jobctl_inputs(struct jobctl *conn, uint64_t job, uint64_t first_task, uint32_t limit,
                  struct jobctl_result **out_result)
{
        Jobd__Inputs inputs = JOBD__INPUTS__INIT;

        inputs.job = job;
        inputs.first_task = first_task;
        inputs.has_limit = limit != 0;
        inputs.limit = limit;
        return query(conn, JOBD__REQUEST__BODY_INPUTS, &inputs, out_result);
}
