/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What completes a value and only a daemon knows: names of jobs, queues, resources and locks, and
 * what a dependency is made of. Ids are in complete_jobs.c.
 *
 * Each function asks once and adds what the answer has; without a daemon, or when it refuses, there
 * is simply nothing to add, and nobody is told. The daemon shows nobody another's jobs or locks.
 * Called by cmd_complete.c.
 */
#include <stdio.h>
#include <string.h>

#include "client/cmd/complete.h"
#include "client/cmd/select.h"

#define LIVE_NAMES_MAX 1000U
#define LIVE_TEXT_MAX 80

struct jobctl *complete_connect(struct complete *ask)
{
        struct jobctl *conn;

        complete_flush(ask);
        conn = app_connection(ask->app);
        if (conn)
                jobctl_set_patience(conn, 0);
        return conn;
}

/* Did one of the records before `i` have the same text? */
static bool live_is_known(const struct jobctl_result *result, enum jobctl_field outer,
                          enum jobctl_field field, size_t i, const char *text)
{
        for (size_t k = 0; k < i; k++) {
                const struct jobctl_item *item = jobctl_result_item(result, k);
                const char *other;

                if (outer)
                        item = jobctl_get_item(item, outer);
                other = jobctl_get_text(item, field, NULL);
                if (other && strcmp(other, text) == 0)
                        return true;
        }
        return false;
}

static void live_add_names(struct complete *ask)
{
        const struct jobctl_list_options query = { .size = sizeof(query), .limit = LIVE_NAMES_MAX };
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        struct jobctl *const conn = complete_connect(ask);

        if (!conn || jobctl_list(conn, &query, &result))
                return;
        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                const struct jobctl_item *const spec =
                        jobctl_get_item(jobctl_result_item(result, i), JOBCTL_JOB_SPEC);
                const char *const name = jobctl_get_text(spec, JOBCTL_SPEC_NAME, NULL);

                if (name && !live_is_known(result, JOBCTL_JOB_SPEC, JOBCTL_SPEC_NAME, i, name))
                        complete_add(ask, name, COMPLETE_CLOSED, NULL);
        }
}

static void live_add_queues_if(struct complete *ask, bool only_mine)
{
        const struct jobctl_queue_options query = { .size = sizeof(query),
                                                    .action = JOBCTL_QUEUE_LIST };
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        struct jobctl *const conn = complete_connect(ask);

        if (!conn || jobctl_queue(conn, &query, &result))
                return;
        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                const struct jobctl_item *const queue = jobctl_result_item(result, i);
                const char *const name = jobctl_get_text(queue, JOBCTL_QUEUE_NAME, NULL);
                const unsigned long long jobs = jobctl_number_or(queue, JOBCTL_QUEUE_JOBS, 0);
                char text[LIVE_TEXT_MAX];

                if (!name || (only_mine && !jobctl_number_or(queue, JOBCTL_QUEUE_MAY_USE, 0)))
                        continue;
                snprintf(text, sizeof(text), "%llu %s%s%s", jobs, jobs == 1 ? "job" : "jobs",
                         jobctl_number_or(queue, JOBCTL_QUEUE_PAUSED, 0) ? ", paused" : "",
                         jobctl_number_or(queue, JOBCTL_QUEUE_DRAINING, 0) ? ", draining" : "");
                complete_add(ask, name, COMPLETE_CLOSED, text);
        }
}

static void live_add_queues(struct complete *ask)
{
        live_add_queues_if(ask, true);
}

static void live_add_all_queues(struct complete *ask)
{
        live_add_queues_if(ask, false);
}

/* `units`: "=" before their number. */
static void live_add_resources_with(struct complete *ask, const char *units)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        struct jobctl *const conn = complete_connect(ask);

        if (!conn || jobctl_resource_list(conn, &result))
                return;
        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                const struct jobctl_item *const resource = jobctl_result_item(result, i);
                const char *const name = jobctl_get_text(resource, JOBCTL_RESOURCE_NAME, NULL);
                _cleanup_(freep) char *word = NULL;
                char text[LIVE_TEXT_MAX];

                if (!name || asprintf(&word, "%s%s", name, units) < 0) {
                        word = NULL;
                        continue;
                }
                snprintf(text, sizeof(text), "%llu of %llu used",
                         (unsigned long long)jobctl_number_or(resource, JOBCTL_RESOURCE_USED, 0),
                         (unsigned long long)jobctl_number_or(resource, JOBCTL_RESOURCE_CAPACITY,
                                                              0));
                complete_add(ask, word, units[0] ? COMPLETE_OPEN : COMPLETE_CLOSED, text);
        }
}

static void live_add_resources(struct complete *ask)
{
        live_add_resources_with(ask, "");
}

static void live_add_resource_units(struct complete *ask)
{
        live_add_resources_with(ask, "=");
}

static void live_add_locks(struct complete *ask)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        struct jobctl *const conn = complete_connect(ask);

        if (!conn || jobctl_lock_list(conn, &result))
                return;
        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                const struct jobctl_item *const lock = jobctl_result_item(result, i);
                const char *const name = jobctl_get_text(lock, JOBCTL_LOCK_NAME, NULL);

                if (name && !live_is_known(result, 0, JOBCTL_LOCK_NAME, i, name))
                        complete_add(ask, name, COMPLETE_CLOSED, NULL);
        }
}

/* "afterok:17,afterany:": what comes behind the last , or ?, and within that behind the last colon.
 */
static void live_add_dependencies(struct complete *ask)
{
        complete_skip_to(ask, ",?");
        if (strchr(complete_typed(ask), ':')) {
                complete_skip_to(ask, ":");
                complete_add_jobs(ask, COMPLETE_DEPENDENCY);
                return;
        }
        for (unsigned int i = JOBCTL_DEPENDENCY_AFTER; i < JOBCTL_DEPENDENCY_COUNT; i++) {
                static const char *const help[JOBCTL_DEPENDENCY_COUNT] = {
                        [JOBCTL_DEPENDENCY_AFTER] = "it has started",
                        [JOBCTL_DEPENDENCY_AFTEROK] = "it has succeeded",
                        [JOBCTL_DEPENDENCY_AFTERANY] = "it has ended",
                        [JOBCTL_DEPENDENCY_AFTERNOTOK] = "it has not succeeded",
                        [JOBCTL_DEPENDENCY_AFTERCORR] = "task by task",
                        [JOBCTL_DEPENDENCY_SINGLETON] = "one job of this name at a time",
                };
                const bool is_alone = i == JOBCTL_DEPENDENCY_SINGLETON;
                char word[32];

                snprintf(word, sizeof(word), "%s%s", jobctl_dependency_name(i),
                         is_alone ? "" : ":");
                complete_add(ask, word, is_alone ? COMPLETE_CLOSED : COMPLETE_OPEN, help[i]);
        }
}

complete_fn complete_find_live(enum complete_kind kind)
{
        static const complete_fn table[COMPLETE_KIND_COUNT] = {
                [COMPLETE_NAME] = live_add_names,
                [COMPLETE_QUEUE] = live_add_queues,
                [COMPLETE_QUEUE_ANY] = live_add_all_queues,
                [COMPLETE_RESOURCE] = live_add_resources,
                [COMPLETE_RESOURCE_UNITS] = live_add_resource_units,
                [COMPLETE_LOCK] = live_add_locks,
                [COMPLETE_DEPENDENCY] = live_add_dependencies,
        };

        return kind < COMPLETE_KIND_COUNT ? table[kind] : NULL;
}
