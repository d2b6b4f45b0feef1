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

#include "common/error.h"
#include "common/list.h"
#include "common/map.h"

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
        struct watch_book *book; /* borrowed: owns us */
        struct watch_list list;
        uint32_t telling; /* depth of walks under way */
};

struct watch_book {
        struct watch_set *sets; /* owned, uthash by job id */
};

static struct watch_set *watch_find(const struct watch_book *book, uint64_t job)
{
        struct watch_set *set;

        HASH_FIND(hh, book->sets, &job, sizeof(job), set);
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
                HASH_DEL(set->book->sets, set);
                free(set);
        }
}

static int watch_set_new(struct watch_book *book, uint64_t job, struct watch_set **out_set)
{
        struct watch_set *set = calloc(1, sizeof(*set));

        if (!set)
                return FAULT(-ENOMEM);
        set->job = job;
        set->book = book;
        LIST_INIT(&set->list);
        HASH_ADD(hh, book->sets, job, sizeof(set->job), set);
        if (!set->hh.tbl) {
                free(set);
                return FAULT(-ENOMEM);
        }
        *out_set = set;
        return 0;
}

int watch_new(struct watch_book *book, uint64_t job, const struct watch_ops *ops, void *arg,
              struct watch **out_watch)
{
        struct watch_set *set = watch_find(book, job);
        struct watch *watch;
        int r;

        if (!set) {
                r = watch_set_new(book, job, &set);
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

int watch_book_new(struct watch_book **out_book)
{
        *out_book = calloc(1, sizeof(**out_book));
        return *out_book ? 0 : FAULT(-ENOMEM);
}

struct watch_book *watch_book_free(struct watch_book *book)
{
        struct watch_set *set, *next_set;
        struct watch *watch, *next;

        if (!book)
                return NULL;
        HASH_ITER (hh, book->sets, set, next_set) {
                LIST_FOREACH_SAFE (watch, &set->list, entry, next)
                        free(watch);
                HASH_DEL(book->sets, set);
                free(set);
        }
        free(book);
        return NULL;
}

bool watch_book_is_empty(const struct watch_book *book)
{
        return !book->sets;
}

/* ------------------------------------------------------------------------------------- telling */

/* Calls `body` for each watch on duty of the job; `watch` is its name inside. */
#define WATCH_TELL(book, job_id, body)                                                             \
        do {                                                                                       \
                struct watch_set *set_ = watch_find((book), (job_id));                             \
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

void watch_tell(struct watch_book *book, const struct watch_news *news)
{
        WATCH_TELL(book, news->job, watch->ops->on_news(watch->arg, news));
}

void watch_tell_output(struct watch_book *book, const struct watch_subject *subject,
                       uint64_t offset, const uint8_t *records, size_t size)
{
        WATCH_TELL(book, subject->job, {
                if (watch->ops->on_output)
                        watch->ops->on_output(watch->arg, subject->task, subject->attempt, offset,
                                              records, size);
        });
}

void watch_tell_spooled(struct watch_book *book, const struct watch_subject *subject,
                        uint64_t size_bytes)
{
        WATCH_TELL(book, subject->job, {
                if (watch->ops->on_spooled)
                        watch->ops->on_spooled(watch->arg, subject->task, subject->attempt,
                                               size_bytes);
        });
}

void watch_tell_grown(struct watch_book *book, const struct watch_subject *subject,
                      uint64_t size_bytes)
{
        WATCH_TELL(book, subject->job, {
                if (watch->ops->on_grown)
                        watch->ops->on_grown(watch->arg, subject->task, subject->attempt,
                                             size_bytes);
        });
}

void watch_tell_stdin(struct watch_book *book, const struct watch_subject *subject, uint64_t taken,
                      bool closed)
{
        WATCH_TELL(book, subject->job, {
                if (watch->ops->on_stdin)
                        watch->ops->on_stdin(watch->arg, subject->task, subject->attempt, taken,
                                             closed);
        });
}

bool watch_wants_output(const struct watch_book *book, uint64_t job)
{
        const struct watch_set *set = watch_find(book, job);
        const struct watch *watch;

        if (!set)
                return false;
        LIST_FOREACH (watch, &set->list, entry)
                if (watch->ops && watch->ops->on_output)
                        return true;
        return false;
}
