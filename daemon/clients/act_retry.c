/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retry: the engine wants a finished job's row together with all its task rows, because the job is
 * not in memory. Usually they come in one page. A job with more tasks than a page holds is gathered
 * here first, up to ACT_RETRY_TASKS_MAX; beyond that its tasks have to be named in ranges.
 *
 * Tasks that were named one by one are given to the engine one by one: the first brings the job
 * back, and from then on it counts as unfinished. Called by verb_act.c.
 */
#include "daemon/clients/act_retry.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#define ACT_RETRY_TASKS_MAX 100000U
#define ACT_RETRY_RANGE_MAX 1000U

struct act_retry {
        struct journal_job row;
        char *name, *unique_key; /* owned: what the row points to */
        uint8_t retry_on[32];
        struct journal_task *tasks; /* owned */
        size_t tasks_count;
        bool is_too_long;
};

struct act_retry *act_retry_free(struct act_retry *retry)
{
        if (!retry)
                return NULL;
        free(retry->name);
        free(retry->unique_key);
        free(retry->tasks);
        free(retry);
        return NULL;
}

static int act_retry_copy_text(const char *from, char **owned, const char **to)
{
        *owned = from ? strdup(from) : NULL;
        *to = *owned;
        return from && !*owned ? FAULT(-ENOMEM) : 0;
}

static int act_retry_begin(struct act_retry **retry, const struct journal_job *row)
{
        struct act_retry *to;
        int r;

        act_retry_free(*retry);
        *retry = to = calloc(1, sizeof(*to));
        if (!to)
                return FAULT(-ENOMEM);
        to->row = *row;
        to->row.spec = to->row.environment = NULL;
        to->row.why = NULL;
        if (row->retry_on) {
                memcpy(to->retry_on, row->retry_on, sizeof(to->retry_on));
                to->row.retry_on = to->retry_on;
        }
        r = act_retry_copy_text(row->name, &to->name, &to->row.name);
        if (!r)
                r = act_retry_copy_text(row->unique_key, &to->unique_key, &to->row.unique_key);
        return r ? PASS(r) : 0;
}

static int act_retry_gather(struct act_retry *to, const struct selector_item *item)
{
        struct journal_task *tasks;

        if (to->tasks_count + item->tasks_count > ACT_RETRY_TASKS_MAX)
                to->is_too_long = true;
        if (to->is_too_long || item->tasks_count == 0)
                return 0;
        tasks = reallocarray(to->tasks, to->tasks_count + item->tasks_count, sizeof(*tasks));
        if (!tasks)
                return FAULT(-ENOMEM);
        to->tasks = tasks;
        for (size_t i = 0; i < item->tasks_count; i++) {
                tasks[to->tasks_count] = item->tasks[i];
                tasks[to->tasks_count++].why = NULL;
        }
        return 0;
}

/* ------------------------------------------------------------------------------ to the engine */

static const struct journal_task *act_retry_find(const struct selector_item *item, uint64_t task)
{
        for (size_t i = 0; i < item->tasks_count; i++)
                if (item->tasks[i].task == task)
                        return &item->tasks[i];
        return NULL;
}

static int act_retry_range(struct engine *engine, const struct selector_item *item,
                           enum engine_retry which, struct reason *why)
{
        struct journal_job row = *item->row;
        const uint64_t last = MIN(item->task_last, row.task_count - 1);
        uint64_t done = 0;
        int r = ENGINE_E_STATE;

        if (row.task_count == 0 || item->task_first > last)
                return reason_set(why, ACT_RETRY_E_STATE, "job %" PRIu64 " has %" PRIu64 " tasks",
                                  item->id, row.task_count);
        if (last - item->task_first >= ACT_RETRY_RANGE_MAX)
                return reason_set(why, ACT_RETRY_E_STATE,
                                  "at most %u tasks of a job can be named for retry",
                                  ACT_RETRY_RANGE_MAX);
        for (uint64_t task = item->task_first; task <= last; task++) {
                const struct journal_task *found = act_retry_find(item, task);

                r = engine_retry(engine, &row, found, found ? 1 : 0, task, which, why);
                if (r < 0)
                        return PASS(r);
                if (r)
                        continue;
                done++;
                row.finished = false; /* it is open again, whatever the row said */
        }
        return done ? 0 : ACT_RETRY_E_STATE;
}

static int act_retry_whole(struct engine *engine, const struct journal_job *row,
                           const struct journal_task *tasks, size_t tasks_count,
                           enum engine_retry which, struct reason *why)
{
        const int r = engine_retry(engine, row, tasks, tasks_count, ENGINE_ALL_TASKS, which, why);

        if (r < 0)
                return PASS(r);
        return r ? ACT_RETRY_E_STATE : 0;
}

/* A piece of a job with very many tasks. */
static int act_retry_piece(struct act_retry **retry, struct engine *engine,
                           const struct selector_item *item, enum engine_retry which,
                           struct reason *why)
{
        int r = 0;

        if (!item->is_continued)
                r = act_retry_begin(retry, item->row);
        if (!r && *retry)
                r = act_retry_gather(*retry, item);
        if (r)
                return PASS(r);
        if (item->has_more_tasks)
                return ACT_RETRY_E_MORE;
        if (!*retry || (*retry)->is_too_long)
                r = reason_set(why, ACT_RETRY_E_STATE,
                               "job %" PRIu64 " has more than %u tasks: name them in ranges",
                               item->id, ACT_RETRY_TASKS_MAX);
        else
                r = act_retry_whole(engine, &(*retry)->row, (*retry)->tasks, (*retry)->tasks_count,
                                    which, why);
        *retry = act_retry_free(*retry);
        return r;
}

int act_retry_item(struct act_retry **retry, struct engine *engine,
                   const struct selector_item *item, enum engine_retry which, struct reason *why)
{
        if (item->has_range)
                return act_retry_range(engine, item, which, why);
        if (item->has_more_tasks || item->is_continued)
                return act_retry_piece(retry, engine, item, which, why);
        return act_retry_whole(engine, item->row, item->tasks, item->tasks_count, which, why);
}
