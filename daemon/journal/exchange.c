/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meeting point of the two threads of jobd. All that they share is in here, under one lock that
 * nobody holds while doing anything slow:
 *
 *       loop                              journal thread
 *         exchange_post    -- todo -->      exchange_take (waits on the condition)
 *         exchange_collect <-- done --      exchange_deliver (writes the eventfd)
 *
 * Both queues are first in, first out: that is what makes "a read sees what was posted before it"
 * and "the answer comes before what was posted later" true without further thought. The eventfd is
 * written only when the loop has not been told yet, and the condition signalled only when the
 * thread waits: a busy daemon exchanges work with no system call, an idle one makes none.
 */
#include "daemon/journal/exchange.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "common/clock.h"

#define COMMITS_KEPT 1024U
/* p50 and max are worked out again only so often: they need a sort. */
#define COMMITS_PER_SORT 32U
/* Weight of the newest commit in commit_usec_recent: 1/8. */
#define RECENT_SHIFT 3

struct exchange {
        pthread_mutex_t lock;
        pthread_cond_t posted;
        int event_fd; /* owned */
        atomic_bool is_disk_full;

        /* Under the lock: */
        struct work_queue todo;
        struct work_queue done;
        bool is_waiting; /* the thread, on the condition */
        bool is_told;    /* the eventfd is readable */
        bool is_stopping;
        bool has_failed;
        struct reason sentence;
        uint64_t oldest_usec; /* of what the thread has taken; 0 none */
        struct exchange_disk disk;
        struct histogram commit_usec, commit_events;
        uint64_t commit_count;
        uint64_t commit_usec_recent;
        uint32_t commits[COMMITS_KEPT]; /* ring of microseconds */

        /* On the loop only: */
        uint64_t sorted_at; /* commit_count when p50 and max were worked out */
        uint64_t p50_usec, max_usec;
};

int exchange_new(struct exchange **out_exchange)
{
        _cleanup_(freep) struct exchange *exchange = calloc(1, sizeof(*exchange));
        pthread_condattr_t attr;
        int r;

        if (!exchange)
                return FAULT(-ENOMEM);
        STAILQ_INIT(&exchange->todo);
        STAILQ_INIT(&exchange->done);
        atomic_init(&exchange->is_disk_full, false);
        exchange->commit_usec.bounds = &histogram_short_usec;
        exchange->commit_events.bounds = &histogram_sizes;
        exchange->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (exchange->event_fd < 0)
                return FAULT(-errno);
        r = pthread_mutex_init(&exchange->lock, NULL);
        if (r == 0)
                r = pthread_condattr_init(&attr);
        if (r == 0) {
                pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
                r = pthread_cond_init(&exchange->posted, &attr);
                pthread_condattr_destroy(&attr);
        }
        if (r != 0) {
                exchange->event_fd = fd_close(exchange->event_fd);
                return FAULT(-r);
        }
        *out_exchange = TAKE_PTR(exchange);
        return 0;
}

struct exchange *exchange_free(struct exchange *exchange)
{
        if (!exchange)
                return NULL;
        exchange->event_fd = fd_close(exchange->event_fd);
        pthread_cond_destroy(&exchange->posted);
        pthread_mutex_destroy(&exchange->lock);
        free(exchange);
        return NULL;
}

/* With the lock held. */
static void exchange_tell(struct exchange *exchange)
{
        const uint64_t one = 1;

        if (exchange->is_told)
                return;
        exchange->is_told = true;
        /* Cannot fail: the counter is 0. */
        (void)!write(exchange->event_fd, &one, sizeof(one));
}

/* ------------------------------------------------------------------------------- on the loop */

int exchange_fd(const struct exchange *exchange)
{
        return exchange->event_fd;
}

void exchange_post(struct exchange *exchange, struct work *work)
{
        bool wake;

        work->posted_usec = clock_mono_usec();
        pthread_mutex_lock(&exchange->lock);
        STAILQ_INSERT_TAIL(&exchange->todo, work, entry);
        wake = exchange->is_waiting;
        exchange->is_waiting = false;
        pthread_mutex_unlock(&exchange->lock);
        if (wake)
                pthread_cond_signal(&exchange->posted);
}

void exchange_collect(struct exchange *exchange, struct work_queue *out_done)
{
        uint64_t count;

        STAILQ_INIT(out_done);
        pthread_mutex_lock(&exchange->lock);
        STAILQ_CONCAT(out_done, &exchange->done);
        if (exchange->is_told)
                (void)!read(exchange->event_fd, &count, sizeof(count));
        exchange->is_told = false;
        pthread_mutex_unlock(&exchange->lock);
}

void exchange_stop(struct exchange *exchange)
{
        pthread_mutex_lock(&exchange->lock);
        exchange->is_stopping = true;
        exchange->is_waiting = false;
        pthread_mutex_unlock(&exchange->lock);
        pthread_cond_signal(&exchange->posted);
}

bool exchange_read_failure(struct exchange *exchange, struct reason *out_sentence)
{
        bool failed;

        pthread_mutex_lock(&exchange->lock);
        failed = exchange->has_failed;
        if (failed)
                *out_sentence = exchange->sentence;
        pthread_mutex_unlock(&exchange->lock);
        return failed;
}

bool exchange_is_disk_full(const struct exchange *exchange)
{
        return atomic_load_explicit(&exchange->is_disk_full, memory_order_relaxed);
}

static int exchange_compare(const void *a, const void *b)
{
        const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

static void exchange_sort(struct exchange *exchange, uint32_t *commits, uint64_t count)
{
        const size_t kept = (size_t)MIN(count, (uint64_t)COMMITS_KEPT);

        qsort(commits, kept, sizeof(*commits), exchange_compare);
        exchange->p50_usec = kept > 0 ? commits[kept / 2] : 0;
        exchange->max_usec = kept > 0 ? commits[kept - 1] : 0;
        exchange->sorted_at = count;
}

void exchange_read_stats(struct exchange *exchange, struct journal_stats *out_stats)
{
        uint32_t commits[COMMITS_KEPT];
        const struct work *first;
        uint64_t oldest;
        bool sort;

        pthread_mutex_lock(&exchange->lock);
        oldest = exchange->oldest_usec;
        STAILQ_FOREACH (first, &exchange->todo, entry) {
                if (oldest > 0)
                        break;
                if (first->kind == WORK_BATCH)
                        oldest = first->posted_usec;
        }
        out_stats->commit_count = exchange->commit_count;
        out_stats->commit_usec_recent = exchange->commit_usec_recent;
        out_stats->disk_free_bytes = exchange->disk.free_bytes;
        out_stats->database_bytes = exchange->disk.database_bytes;
        out_stats->wal_bytes = exchange->disk.wal_bytes;
        out_stats->commit_usec = exchange->commit_usec;
        out_stats->commit_events = exchange->commit_events;
        sort = exchange->commit_count <= 2 * COMMITS_PER_SORT ||
               exchange->commit_count - exchange->sorted_at >= COMMITS_PER_SORT;
        if (sort)
                memcpy(commits, exchange->commits, sizeof(commits));
        pthread_mutex_unlock(&exchange->lock);
        if (sort)
                exchange_sort(exchange, commits, out_stats->commit_count);
        out_stats->commit_usec_p50 = exchange->p50_usec;
        out_stats->commit_usec_max = exchange->max_usec;
        out_stats->oldest_batch_usec = oldest > 0 ? clock_mono_usec() - oldest : 0;
}

/* ----------------------------------------------------------------------------- on the thread */

static struct timespec exchange_deadline(uint64_t idle_usec)
{
        const uint64_t at = clock_mono_usec() + idle_usec;

        return (struct timespec){
                .tv_sec = (time_t)(at / USEC_PER_SEC),
                .tv_nsec = (long)(at % USEC_PER_SEC * 1000),
        };
}

enum exchange_taken exchange_take(struct exchange *exchange, uint64_t idle_usec,
                                  struct work_queue *out_todo)
{
        const bool is_timed = idle_usec != USEC_NONE;
        const struct timespec until = exchange_deadline(is_timed ? idle_usec : 0);
        enum exchange_taken taken;
        int r = 0;

        STAILQ_INIT(out_todo);
        pthread_mutex_lock(&exchange->lock);
        while (STAILQ_EMPTY(&exchange->todo) && !exchange->is_stopping && r != ETIMEDOUT) {
                exchange->is_waiting = true;
                if (is_timed)
                        r = pthread_cond_timedwait(&exchange->posted, &exchange->lock, &until);
                else
                        r = pthread_cond_wait(&exchange->posted, &exchange->lock);
        }
        exchange->is_waiting = false;
        if (!STAILQ_EMPTY(&exchange->todo))
                taken = EXCHANGE_WORK;
        else
                taken = exchange->is_stopping ? EXCHANGE_STOP : EXCHANGE_IDLE;
        STAILQ_CONCAT(out_todo, &exchange->todo);
        pthread_mutex_unlock(&exchange->lock);
        return taken;
}

bool exchange_is_busy(struct exchange *exchange)
{
        bool busy;

        pthread_mutex_lock(&exchange->lock);
        busy = !STAILQ_EMPTY(&exchange->todo) || exchange->is_stopping;
        pthread_mutex_unlock(&exchange->lock);
        return busy;
}

void exchange_deliver(struct exchange *exchange, struct work_queue *done)
{
        if (STAILQ_EMPTY(done))
                return;
        pthread_mutex_lock(&exchange->lock);
        STAILQ_CONCAT(&exchange->done, done);
        exchange_tell(exchange);
        pthread_mutex_unlock(&exchange->lock);
}

void exchange_set_oldest(struct exchange *exchange, uint64_t posted_usec)
{
        pthread_mutex_lock(&exchange->lock);
        exchange->oldest_usec = posted_usec;
        pthread_mutex_unlock(&exchange->lock);
}

void exchange_count_commit(struct exchange *exchange, uint64_t took_usec, uint64_t events)
{
        pthread_mutex_lock(&exchange->lock);
        exchange->commits[exchange->commit_count % COMMITS_KEPT] =
                (uint32_t)MIN(took_usec, (uint64_t)UINT32_MAX);
        exchange->commit_count++;
        histogram_add(&exchange->commit_usec, took_usec);
        histogram_add(&exchange->commit_events, events);
        if (exchange->commit_usec_recent == 0)
                exchange->commit_usec_recent = took_usec;
        exchange->commit_usec_recent -= exchange->commit_usec_recent >> RECENT_SHIFT;
        exchange->commit_usec_recent += took_usec >> RECENT_SHIFT;
        pthread_mutex_unlock(&exchange->lock);
}

void exchange_set_disk(struct exchange *exchange, bool full, const struct exchange_disk *disk)
{
        pthread_mutex_lock(&exchange->lock);
        exchange->disk = *disk;
        if (atomic_exchange_explicit(&exchange->is_disk_full, full, memory_order_relaxed) != full)
                exchange_tell(exchange);
        pthread_mutex_unlock(&exchange->lock);
}

void exchange_fail(struct exchange *exchange, const struct reason *sentence)
{
        pthread_mutex_lock(&exchange->lock);
        if (!exchange->has_failed) {
                exchange->has_failed = true;
                exchange->sentence = *sentence;
                exchange_tell(exchange);
        }
        pthread_mutex_unlock(&exchange->lock);
}
