/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal thread. It takes all that was posted and goes through it in order: consecutive
 * batches become one transaction (the group), which is committed when a read or an errand comes,
 * when it grows heavy, or at the end; reads and errands run after the commit of what was before
 * them. While it syncs, the next group gathers in the exchange by itself, so one submission costs
 * one sync and ten thousand cost one too. It never waits for more to come.
 *
 *     take -> begin -> apply ... apply -> counts, marks -> COMMIT -> high-water file -> deliver
 *
 * Order of promises: nobody hears of a group before COMMIT returned and the high-water file was
 * written. A group comes back to the loop as those of its batches that have a fetch to answer, and
 * its last one, whose sequence says how far the store has come.
 *
 * After any failure the outcome of the group is unknown: it is rolled back if that still can be
 * done, the loop is told once, the file is marked suspect if it may be damaged, and from then on
 * nothing is committed, read or run; the daemon ends.
 *
 * When work ceases: a checkpoint if one is due, leftovers of dropped jobs in slices as long as
 * nobody waits, and after IDLE_USEC of silence one more checkpoint, after which memory that the
 * work needed goes back to the system. Then it sleeps without a timer.
 */
#include "daemon/journal/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/failpoint.h"

#include "daemon/journal/query.h"

/* A group that adds more than this is committed before the next batch is looked at. */
#define GROUP_BYTES_MAX ((size_t)8 * 1024 * 1024)
/* Silence after work before the WAL is emptied. */
#define IDLE_USEC USEC_PER_SEC

struct thread {
        struct thread_tools tools;
        pthread_t id;
        struct work_queue group; /* batches of the open transaction */
        size_t group_bytes;
        struct highwater_mark group_mark;
        uint64_t begun_usec;       /* when the transaction began */
        struct exchange_disk disk; /* sizes as of the last checkpoint, room as of the last commit */
        bool is_full;              /* as the exchange was told */
        bool is_below_floor;       /* one reason for it: checkpoints wait */
        bool may_grow;             /* space was made: the WAL may get the reserve that it lacks */
        bool has_failed;
};

/* ------------------------------------------------------------------------------------ failing */

static void thread_free_queue(struct work_queue *queue)
{
        struct work *work;

        while ((work = STAILQ_FIRST(queue))) {
                STAILQ_REMOVE_HEAD(queue, entry);
                journal_batch_free((struct journal_batch *)work);
        }
}

static void thread_fail(struct thread *thread)
{
        struct store *const store = thread->tools.store;
        struct reason sentence = store->failed;

        thread->has_failed = true;
        store_rollback(store);
        /* A failure to leave the marker adds nothing to the one that is being reported. */
        if (store_is_doubtful(store->failed_code) &&
            state_dir_mark(thread->tools.dir, STATE_DIR_SUSPECT) < 0)
                reason_set(&sentence, 0, "%s; the state folder cannot be written",
                           store->failed.text);
        if (store->failed_code == SQLITE_OK)
                reason_set(&sentence, 0, "the journal ran out of memory");
        thread_free_queue(&thread->group);
        exchange_fail(thread->tools.exchange, &sentence);
}

/* ----------------------------------------------------------------------------------- the disk */

/* Done after each commit, so it asks the disk for no more than it must: room. */
static void thread_check_disk(struct thread *thread)
{
        const struct thread_tools *const tools = &thread->tools;
        struct exchange_disk *const disk = &thread->disk;
        bool full;

        if (state_dir_read_free(tools->dir, &disk->free_bytes) < 0)
                return;
        /* Commits do nothing to the files but to make this one longer. */
        disk->wal_bytes = MAX(disk->wal_bytes, checkpoint_wal_bytes(tools->store));
        thread->is_below_floor = disk->free_bytes < tools->floor_bytes;
        full = thread->is_below_floor || checkpoint_is_blocked(tools->checkpoint);
        thread->may_grow = thread->may_grow || (thread->is_full && !full);
        thread->is_full = full;
        exchange_set_disk(tools->exchange, full, disk);
}

static void thread_measure_files(struct thread *thread)
{
        const struct state_dir *const dir = thread->tools.dir;

        thread->disk.database_bytes = state_dir_size_of(dir, STATE_DIR_DATABASE);
        thread->disk.wal_bytes = state_dir_size_of(dir, STATE_DIR_WAL);
        thread_check_disk(thread);
}

static void thread_run_checkpoint(struct thread *thread)
{
        if (thread->has_failed)
                return;
        if (checkpoint_run(thread->tools.checkpoint, thread->tools.store) < 0)
                thread_fail(thread);
        thread_measure_files(thread);
}

/* ---------------------------------------------------------------------------------- the group */

static int thread_write_mark(struct thread *thread)
{
        const struct highwater_mark *const mark = &thread->group_mark;
        struct binder set = store_bind(thread->tools.store, STATEMENT_MARK_SET);

        if (highwater_is_reached(&thread->tools.mark, mark))
                return 0;
        bind_number(&set, mark->sequence);
        bind_number(&set, mark->job_id);
        bind_number(&set, mark->lease);
        return store_run(thread->tools.store, &set, NULL);
}

static int thread_begin(struct thread *thread)
{
        thread->begun_usec = clock_mono_usec();
        thread->group_mark = thread->tools.mark;
        thread->group_bytes = 0;
        if (store_begin(thread->tools.store) < 0)
                return -1;
        if (FAILPOINT("journal.begin"))
                return store_fail(thread->tools.store, SQLITE_IOERR);
        return 0;
}

static int thread_finish(struct thread *thread)
{
        struct store *const store = thread->tools.store;
        uint64_t events;
        int r;

        r = apply_finish(thread->tools.apply);
        if (r == 0)
                r = thread_write_mark(thread);
        if (r < 0)
                return PASS(r);
        if (FAILPOINT("journal.before_commit"))
                return store_fail(store, SQLITE_IOERR);
        r = store_commit(store);
        if (r < 0)
                return PASS(r);
        if (FAILPOINT("journal.after_commit"))
                return store_fail(store, SQLITE_IOERR);
        events = thread->group_mark.sequence - thread->tools.mark.sequence;
        thread->tools.mark = thread->group_mark;
        highwater_write(thread->tools.highwater, &thread->tools.mark);
        exchange_count_commit(thread->tools.exchange, clock_mono_usec() - thread->begun_usec,
                              events);
        return 0;
}

/* The committed group goes back: what has a fetch to answer, and the last, which says how far. */
static void thread_deliver_group(struct thread *thread)
{
        struct work_queue back = STAILQ_HEAD_INITIALIZER(back);
        struct work *work;

        while ((work = STAILQ_FIRST(&thread->group))) {
                struct journal_batch *const batch = (struct journal_batch *)work;

                STAILQ_REMOVE_HEAD(&thread->group, entry);
                if (batch->has_fetch || STAILQ_EMPTY(&thread->group))
                        STAILQ_INSERT_TAIL(&back, work, entry);
                else
                        journal_batch_free(batch);
        }
        exchange_set_oldest(thread->tools.exchange, 0);
        exchange_deliver(thread->tools.exchange, &back);
}

/* Ends the transaction, if one is open. */
static void thread_commit(struct thread *thread)
{
        if (STAILQ_EMPTY(&thread->group))
                return;
        if (thread_finish(thread) < 0) {
                thread_fail(thread);
                return;
        }
        if (FAILPOINT("journal.before_durable")) {
                store_fail(thread->tools.store, SQLITE_IOERR);
                thread_fail(thread);
                return;
        }
        thread_deliver_group(thread);
        thread_check_disk(thread);
}

/* --------------------------------------------------------------------------- kinds of work */

static void thread_do_batch(struct thread *thread, struct work *work)
{
        struct journal_batch *const batch = (struct journal_batch *)work;
        const bool is_first = STAILQ_EMPTY(&thread->group);
        const struct highwater_mark mark = {
                .sequence = batch->sequence,
                .job_id = batch->last_job_id,
                .lease = batch->last_lease,
        };
        int r = 0;

        if (is_first)
                exchange_set_oldest(thread->tools.exchange, work->posted_usec);
        STAILQ_INSERT_TAIL(&thread->group, work, entry);
        if (is_first)
                r = thread_begin(thread);
        if (r == 0)
                r = apply_batch(thread->tools.apply, batch);
        if (r < 0) {
                thread_fail(thread);
                return;
        }
        thread->group_mark = highwater_join(&thread->group_mark, &mark);
        thread->group_bytes += batch->bytes;
        if (thread->group_bytes >= GROUP_BYTES_MAX)
                thread_commit(thread);
}

static void thread_deliver_one(struct thread *thread, struct work *work)
{
        struct work_queue back = STAILQ_HEAD_INITIALIZER(back);

        STAILQ_INSERT_TAIL(&back, work, entry);
        exchange_deliver(thread->tools.exchange, &back);
}

static void thread_do_read(struct thread *thread, struct work *work)
{
        struct journal_read *const read = (struct journal_read *)work;
        struct query query = {
                .store = thread->tools.store,
                .environments = &thread->tools.apply->environments,
                .read = read,
        };

        thread_commit(thread);
        if (thread->has_failed)
                read_fail(read, FAULT(-EIO));
        else if (!atomic_load(&read->is_cancelled) && query_run(&query) < 0)
                thread_fail(thread);
        thread_deliver_one(thread, work);
}

static void thread_do_errand(struct thread *thread, struct work *work)
{
        struct errand *const errand = (struct errand *)work;

        thread_commit(thread);
        /* An errand may rely on the batch before it, which was not committed. */
        errand->result = thread->has_failed ? FAULT(-ECANCELED) : errand->run(errand->arg);
        thread_deliver_one(thread, work);
}

static void thread_do_probe(struct thread *thread, struct work *work)
{
        (void)thread; /* thread_do() looks at the disk before every work while it is full */
        free(work);
}

/* clang-format off */
static void (*const doers[WORK_KIND_COUNT])(struct thread *thread, struct work *work) = {
        [WORK_BATCH] = thread_do_batch,
        [WORK_READ] = thread_do_read,
        [WORK_ERRAND] = thread_do_errand,
        [WORK_PROBE] = thread_do_probe,
};
/* clang-format on */

static void thread_do(struct thread *thread, struct work_queue *todo)
{
        struct work *work;

        if (thread->is_full)
                thread_check_disk(thread);
        while ((work = STAILQ_FIRST(todo))) {
                STAILQ_REMOVE_HEAD(todo, entry);
                if (thread->has_failed && work->kind == WORK_BATCH)
                        journal_batch_free((struct journal_batch *)work);
                else
                        doers[work->kind](thread, work);
        }
        thread_commit(thread);
}

/* ----------------------------------------------------------------------------- between groups */

static int thread_purge_slice(struct thread *thread)
{
        struct store *const store = thread->tools.store;
        int r;

        r = store_begin(store);
        if (r == 0)
                r = purge_run_slice(&thread->tools.apply->purge, store);
        if (r == 0)
                r = store_commit(store);
        return r < 0 ? PASS(r) : 0;
}

static void thread_settle_wal(struct thread *thread)
{
        const struct thread_tools *const tools = &thread->tools;

        if (thread->has_failed)
                return;
        if (checkpoint_is_due(tools->checkpoint, tools->store, thread->is_below_floor))
                thread_run_checkpoint(thread);
        if (!thread->may_grow || thread->has_failed)
                return;
        thread->may_grow = false;
        if (checkpoint_grow(tools->checkpoint, tools->store) < 0)
                thread_fail(thread);
        thread_measure_files(thread);
}

static void thread_settle(struct thread *thread)
{
        const struct thread_tools *const tools = &thread->tools;

        thread_settle_wal(thread);
        while (!thread->has_failed && !thread->is_full && purge_is_due(&tools->apply->purge) &&
               !exchange_is_busy(tools->exchange)) {
                if (thread_purge_slice(thread) < 0)
                        thread_fail(thread);
                thread_settle_wal(thread);
        }
}

static uint64_t thread_idle_usec(const struct thread *thread)
{
        const struct thread_tools *const tools = &thread->tools;

        if (thread->has_failed || thread->is_full)
                return USEC_NONE;
        return checkpoint_is_worthwhile(tools->checkpoint, tools->store) ? IDLE_USEC : USEC_NONE;
}

static void *thread_main(void *arg)
{
        struct thread *const thread = arg;
        struct work_queue todo;

        for (;;) {
                thread_settle(thread);
                switch (exchange_take(thread->tools.exchange, thread_idle_usec(thread), &todo)) {
                case EXCHANGE_WORK:
                        thread_do(thread, &todo);
                        break;
                case EXCHANGE_IDLE:
                        thread_run_checkpoint(thread);
                        store_release_memory(thread->tools.store);
                        break;
                case EXCHANGE_STOP:
                        return NULL;
                }
        }
}

int thread_start(const struct thread_tools *tools, struct thread **out_thread)
{
        _cleanup_(freep) struct thread *thread = calloc(1, sizeof(*thread));
        sigset_t all, before;
        int r;

        if (!thread)
                return FAULT(-ENOMEM);
        thread->tools = *tools;
        STAILQ_INIT(&thread->group);
        thread_measure_files(thread); /* the first submission must find the answer */
        /* Signals are for the loop. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&thread->id, NULL, thread_main, thread);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return FAULT(-r);
        pthread_setname_np(thread->id, "journal");
        *out_thread = TAKE_PTR(thread);
        return 0;
}

struct thread *thread_join(struct thread *thread)
{
        if (!thread)
                return NULL;
        exchange_stop(thread->tools.exchange);
        pthread_join(thread->id, NULL);
        free(thread);
        return NULL;
}
