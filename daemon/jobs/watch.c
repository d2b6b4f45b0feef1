/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: who wants to hear of which job. A hash by job id leads to the list of a job's watches;
 * the engine tells them in the middle of applying an event, so a callback may read the engine and
 * register or free watches, but should leave acts to its own turn.
 *
 * Freeing inside a callback is allowed: while a list is being told, a freed watch is only unhooked
 * from duty, and the walk frees it. A job without a list costs nothing, which is nearly all of
 * them.
 */
#include "daemon/jobs/watch.h"

#include <errno.h>

#include "daemon/jobs/engine_private.h"

struct watch {
        LIST_ENTRY(watch) entry;
        struct watch_set *set;
        const struct watch_ops *ops; /* borrowed; NULL: freed while its list was told */
        void *arg;
};
LIST_HEAD(watch_list, watch);

struct watch_set {
        UT_hash_handle hh;
        uint64_t job;
        struct engine *engine; /* borrowed: owns us */
        struct watch_list list;
        uint32_t telling; /* depth of walks under way */
};

static struct watch_set *watch_find(const struct engine *e, uint64_t job)
{
        struct watch_set *set;

        HASH_FIND(hh, e->watches, &job, sizeof(job), set);
        return set;
}

static void watch_set_sweep(struct watch_set *set)
{
        struct watch *watch, *next;

        if (set->telling > 0)
                return;
        LIST_FOREACH_SAFE (watch, &set->list, entry, next)
                if (!watch->ops) {
                        LIST_REMOVE(watch, entry);
                        free(watch);
                }
        if (LIST_EMPTY(&set->list)) {
                HASH_DEL(set->engine->watches, set);
                free(set);
        }
}

static int watch_set_new(struct engine *e, uint64_t job, struct watch_set **out_set)
{
        struct watch_set *set = calloc(1, sizeof(*set));

        if (!set)
                return FAULT(-ENOMEM);
        set->job = job;
        set->engine = e;
        LIST_INIT(&set->list);
        HASH_ADD(hh, e->watches, job, sizeof(set->job), set);
        if (!set->hh.tbl) {
                free(set);
                return FAULT(-ENOMEM);
        }
        *out_set = set;
        return 0;
}

int watch_new(struct engine *e, struct job *job, const struct watch_ops *ops, void *arg,
              struct watch **out_watch)
{
        struct watch_set *set = watch_find(e, job->id);
        struct watch *watch;
        int r;

        if (!set) {
                r = watch_set_new(e, job->id, &set);
                if (r)
                        return PASS(r);
        }
        watch = calloc(1, sizeof(*watch));
        if (!watch) {
                watch_set_sweep(set);
                return FAULT(-ENOMEM);
        }
        watch->set = set;
        watch->ops = ops;
        watch->arg = arg;
        LIST_INSERT_HEAD(&set->list, watch, entry);
        *out_watch = watch;
        return 0;
}

struct watch *watch_free(struct watch *watch)
{
        if (!watch)
                return NULL;
        watch->ops = NULL;
        watch_set_sweep(watch->set);
        return NULL;
}

void watch_deinit(struct engine *e)
{
        struct watch_set *set, *next_set;
        struct watch *watch, *next;

        HASH_ITER (hh, e->watches, set, next_set) {
                LIST_FOREACH_SAFE (watch, &set->list, entry, next)
                        free(watch);
                HASH_DEL(e->watches, set);
                free(set);
        }
}

/* ------------------------------------------------------------------------------------- telling */

/* Calls `body` for each watch on duty of the job; `watch` is its name inside. */
#define WATCH_TELL(e, job_id, body)                                                                \
        do {                                                                                       \
                struct watch_set *set_ = watch_find((e), (job_id));                                \
                struct watch *watch;                                                               \
                                                                                                   \
                if (!set_)                                                                         \
                        break;                                                                     \
                set_->telling++;                                                                   \
                LIST_FOREACH (watch, &set_->list, entry)                                           \
                        if (watch->ops)                                                            \
                                body;                                                              \
                set_->telling--;                                                                   \
                watch_set_sweep(set_);                                                             \
        } while (0)

void watch_tell(struct engine *e, const struct watch_news *news)
{
        WATCH_TELL(e, news->job, watch->ops->on_news(watch->arg, news));
}

void watch_tell_output(struct engine *e, const struct task *task, uint64_t offset,
                       const uint8_t *records, size_t size)
{
        const uint32_t attempt = task->attempt + (task->started ? 0 : 1);

        WATCH_TELL(e, task->job->id, {
                if (watch->ops->on_output)
                        watch->ops->on_output(watch->arg, task->number, attempt, offset, records,
                                              size);
        });
}

void watch_tell_spooled(struct engine *e, const struct task *task, uint64_t size_bytes)
{
        const uint32_t attempt = task->attempt + (task->started ? 0 : 1);

        WATCH_TELL(e, task->job->id, {
                if (watch->ops->on_spooled)
                        watch->ops->on_spooled(watch->arg, task->number, attempt, size_bytes);
        });
}

void watch_tell_grown(struct engine *e, const struct task *task, uint64_t size_bytes)
{
        const uint32_t attempt = task->attempt + (task->started ? 0 : 1);

        WATCH_TELL(e, task->job->id, {
                if (watch->ops->on_grown)
                        watch->ops->on_grown(watch->arg, task->number, attempt, size_bytes);
        });
}

void watch_tell_stdin(struct engine *e, const struct task *task, uint64_t taken, bool closed)
{
        const uint32_t attempt = task->attempt + (task->started ? 0 : 1);

        WATCH_TELL(e, task->job->id, {
                if (watch->ops->on_stdin)
                        watch->ops->on_stdin(watch->arg, task->number, attempt, taken, closed);
        });
}

bool watch_wants_output(const struct engine *e, uint64_t job)
{
        const struct watch_set *set = watch_find(e, job);
        const struct watch *watch;

        if (!set)
                return false;
        LIST_FOREACH (watch, &set->list, entry)
                if (watch->ops && watch->ops->on_output)
                        return true;
        return false;
}
