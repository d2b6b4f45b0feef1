/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retry: the engine wants a finished job's row together with the rows of the tasks to run again,
 * because the job is not in memory. They come page by page; what is not wanted of them is left
 * here, so that the few failed tasks of a million cost no more than they are. ACT_RETRY_TASKS_MAX
 * can be run again at once; beyond that they have to be named in ranges.
 *
 * The highest row that there is stays in any case: behind it are the tasks that never began. Called
 * by verb_act.c.
 */
#include "daemon/clients/act_retry.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#define ACT_RETRY_TASKS_MAX 100000U

struct act_retry {
        struct journal_job row;
        char *name, *unique_key; /* owned: what the row points to */
        uint8_t retry_on[32];
        struct journal_task *tasks; /* owned */
        size_t tasks_count, tasks_room;
        bool has_unwanted; /* the last one is there for its number only */
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

static int act_retry_put(struct act_retry *to, const struct journal_task *row, bool is_wanted)
{
        struct journal_task *tasks;

        if (to->has_unwanted)
                to->tasks_count--;
        if (to->tasks_count == to->tasks_room) {
                const size_t room = MAX(2 * to->tasks_room, (size_t)64);

                tasks = reallocarray(to->tasks, room, sizeof(*tasks));
                if (!tasks)
                        return FAULT(-ENOMEM);
                to->tasks = tasks;
                to->tasks_room = room;
        }
        to->tasks[to->tasks_count] = *row;
        to->tasks[to->tasks_count++].why = NULL;
        to->has_unwanted = !is_wanted;
        return 0;
}

static int act_retry_gather(struct act_retry *to, const struct selector_item *item,
                            enum engine_retry which)
{
        for (size_t i = 0; i < item->tasks_count; i++) {
                const struct journal_task *row = &item->tasks[i];
                int r;

                if (item->has_range &&
                    (row->task < item->task_first || row->task > item->task_last))
                        continue;
                if (to->tasks_count > ACT_RETRY_TASKS_MAX)
                        to->is_too_long = true;
                if (to->is_too_long)
                        break;
                r = act_retry_put(to, row, engine_retry_wants(which, row));
                if (r)
                        return PASS(r);
        }
        return 0;
}

/* All that was named has come. */
static int act_retry_finish(const struct act_retry *retry, struct engine *engine,
                            const struct selector_item *item, enum engine_retry which,
                            struct reason *why)
{
        struct journal_job row = retry->row;
        int r;

        if (item->has_range && item->task_first >= row.task_count)
                return reason_set(why, ACT_RETRY_E_STATE, "job %" PRIu64 " has %" PRIu64 " tasks",
                                  item->id, row.task_count);
        if (retry->is_too_long)
                return reason_set(why, ACT_RETRY_E_STATE,
                                  "job %" PRIu64 " has more than %u tasks to run again: name them "
                                  "in ranges",
                                  item->id, ACT_RETRY_TASKS_MAX);
        /* Tasks that were named one by one: the first has brought the job back. */
        if (item->has_range && item->job)
                row.finished = false;
        r = engine_retry(engine, &row, retry->tasks, retry->tasks_count,
                         item->has_range ? ENGINE_THESE_TASKS : ENGINE_ALL_TASKS, which, why);
        if (r < 0)
                return PASS(r);
        return r ? ACT_RETRY_E_STATE : 0;
}

int act_retry_item(struct act_retry **retry, struct engine *engine,
                   const struct selector_item *item, enum engine_retry which, struct reason *why)
{
        int r = 0;

        if (!item->is_continued)
                r = act_retry_begin(retry, item->row);
        if (!r && *retry)
                r = act_retry_gather(*retry, item, which);
        if (r)
                return PASS(r);
        if (item->has_more_tasks)
                return ACT_RETRY_E_MORE;
        r = *retry ? act_retry_finish(*retry, engine, item, which, why)
                   : reason_set(why, ACT_RETRY_E_STATE, "job %" PRIu64 " has gone", item->id);
        *retry = act_retry_free(*retry);
        return r;
}
