/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a journal: journal_open() makes sure that what is on the disk can be trusted, on the
 * main thread and before anything else runs; journal_start() hands the store to its thread;
 * journal_close() ends both.
 *
 * Opening, in this order, and refusing with a sentence where a person must decide:
 *
 *     the folder is ours and writable                         state_dir.c
 *     a suspect database is rewritten                         recover.c
 *     the database is there, if it ever was                   state_dir.c
 *     it opens, is ours, not newer; older ones are migrated   store.c, schema.c
 *     quick_check, when there is a reason for it              below
 *     it reaches the high-water file                          highwater.c
 *     the WAL has its reserve                                 checkpoint.c
 *
 * quick_check reads the whole file, some seconds at a million jobs. It is done when the file is
 * small, and when its content may have changed behind our back: first start after a boot, or after
 * a high-water file that says nothing. A daemon that was killed has written nothing wrong.
 *
 * A database below the high-water file has lost acknowledged rows. The way on is a file
 * `accept-loss` in the state folder, made by hand: numbers then continue above the high-water, so
 * that no id is ever given out twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "common/error.h"
#include "common/fs.h"
#include "common/log.h"

#include "daemon/journal/handle.h"
#include "daemon/journal/recover.h"

/* Below this a quick_check takes no time worth saving. */
#define CHECK_ALWAYS_BYTES ((uint64_t)64 * 1024 * 1024)

/* What the parts of opening share. */
struct life {
        struct journal *journal;
        const struct journal_options *options;
        enum highwater_found found;
        struct highwater_mark highwater;
        bool is_same_boot;
        struct reason *why;
};

static int life_raise_mark(struct journal *journal)
{
        struct binder set = store_bind(journal->store, STATEMENT_MARK_SET);

        bind_number(&set, journal->mark.sequence);
        bind_number(&set, journal->mark.job_id);
        bind_number(&set, journal->mark.lease);
        return store_run(journal->store, &set, NULL);
}

/* Compares the database with the high-water file; journal->mark is what counts from now on. */
static int life_compare_mark(struct life *life)
{
        struct journal *const journal = life->journal;
        struct highwater_mark *const mark = &journal->mark;
        int r;

        r = store_read_mark(journal->store, &mark->sequence, &mark->job_id, &mark->lease);
        if (r < 0)
                return PASS(r);
        if (life->found != HIGHWATER_VALID || highwater_is_reached(mark, &life->highwater))
                return 0;
        if (!state_dir_has(&journal->dir, STATE_DIR_ACCEPT_LOSS))
                return reason_set(life->why, JOURNAL_E_REFUSED,
                                  "the database lost acknowledged jobs: it ends at event %" PRIu64
                                  " of %" PRIu64 ". Restore a backup, or go on without them: touch "
                                  "%.100s/accept-loss",
                                  mark->sequence, life->highwater.sequence, journal->dir.path);
        log_warning("acknowledged jobs were lost, as accepted: events %" PRIu64 " to %" PRIu64,
                    mark->sequence + 1, life->highwater.sequence);
        *mark = highwater_join(mark, &life->highwater);
        r = life_raise_mark(journal);
        if (r < 0)
                return PASS(r);
        return state_dir_unmark(&journal->dir, STATE_DIR_ACCEPT_LOSS);
}

static bool life_wants_check(const struct life *life)
{
        const struct state_dir *const dir = &life->journal->dir;

        return !life->is_same_boot ||
               state_dir_size_of(dir, STATE_DIR_DATABASE) < CHECK_ALWAYS_BYTES;
}

static int life_open_store(struct life *life, bool is_first)
{
        struct journal *const journal = life->journal;
        _cleanup_(freep) char *path = NULL;
        int r;

        path = fs_path("%s/%s", journal->dir.path, STATE_DIR_DATABASE);
        if (!path)
                return FAULT(-ENOMEM);
        r = store_open(path, is_first, &journal->store, life->why);
        if (r == 0 && life_wants_check(life))
                r = store_check(journal->store, life->why);
        if (r != 0)
                return r < 0 ? PASS(r) : r == STORE_E_LATER ? JOURNAL_E_LATER : JOURNAL_E_REFUSED;
        return life_compare_mark(life);
}

/* The folder's own entry in its parent must survive too; not ours to insist on. */
static void life_sync_parent(const struct journal *journal)
{
        _cleanup_(fd_closep) int fd = -1;

        fd = openat(journal->dir.fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                (void)fsync(fd);
}

/* Empties the WAL that the last run left, and sees to its size. A full disk is no obstacle. */
static int life_prepare_wal(struct life *life)
{
        struct journal *const journal = life->journal;
        int r;

        journal->checkpoint.dir = &journal->dir;
        journal->checkpoint.reserve_bytes = life->options->reserve_bytes;
        r = checkpoint_run(&journal->checkpoint, journal->store);
        if (r >= 0)
                r = checkpoint_grow(&journal->checkpoint, journal->store);
        return r < 0 ? PASS(r) : 0;
}

static int life_open_files(struct life *life)
{
        struct journal *const journal = life->journal;
        const struct journal_options *const options = life->options;
        bool is_first, is_made = false;
        int r;

        r = state_dir_open(options->state_dir, &journal->dir, life->why);
        if (r != 0)
                return r < 0 ? PASS(r) : JOURNAL_E_REFUSED;
        is_first = !state_dir_has(&journal->dir, STATE_DIR_INITIALISED);
        r = recover_database(&journal->dir, life->why);
        if (r == RECOVER_E_LATER)
                return JOURNAL_E_LATER;
        if (r == 0)
                r = state_dir_claim_database(&journal->dir, &is_made, life->why);
        if (r != 0)
                return r < 0 ? PASS(r) : JOURNAL_E_REFUSED;
        r = highwater_open(journal->dir.fd, &journal->highwater, &life->found, &life->highwater,
                           &life->is_same_boot);
        if (r < 0)
                return PASS(r);
        r = life_open_store(life, is_first);
        if (r != 0)
                return r < 0 ? PASS(r) : r;
        if (is_made)
                life_sync_parent(journal);
        return 0;
}

int journal_open(const struct journal_options *options, struct journal **out_journal,
                 struct reason *why)
{
        _cleanup_(journal_closep) struct journal *journal = calloc(1, sizeof(*journal));
        struct life life = { .journal = journal, .options = options, .why = why };
        int r;

        if (!journal)
                return FAULT(-ENOMEM);
        journal->dir.fd = -1;
        journal->highwater.fd = -1;
        journal->floor_bytes = options->floor_bytes;
        r = life_open_files(&life);
        if (r != 0)
                return r < 0 ? PASS(r) : r;
        r = life_prepare_wal(&life);
        if (r == 0)
                r = state_dir_mark(&journal->dir, STATE_DIR_INITIALISED);
        if (r < 0)
                return PASS(r);
        highwater_write(&journal->highwater, &journal->mark);
        journal->durable = journal->mark.sequence;
        journal->apply.store = journal->store;
        r = purge_init(&journal->apply.purge, journal->store, options->key_keep_usec);
        if (r == 0)
                r = exchange_new(&journal->exchange);
        if (r < 0)
                return PASS(r);
        *out_journal = TAKE_PTR(journal);
        return 0;
}

int journal_start(struct journal *journal, struct loop *loop, const struct journal_ops *ops,
                  void *arg)
{
        const struct thread_tools tools = {
                .exchange = journal->exchange,
                .store = journal->store,
                .apply = &journal->apply,
                .checkpoint = &journal->checkpoint,
                .highwater = &journal->highwater,
                .dir = &journal->dir,
                .floor_bytes = journal->floor_bytes,
                .mark = journal->mark,
        };
        int r;

        journal->ops = ops;
        journal->arg = arg;
        r = loop_watch_new(loop, exchange_fd(journal->exchange), LOOP_READ, post_on_ready, journal,
                           &journal->watch);
        if (r == 0)
                r = loop_timer_new(loop, post_on_timer, journal, &journal->timer);
        if (r == 0)
                r = thread_start(&tools, &journal->thread);
        return r < 0 ? PASS(r) : 0;
}

struct journal *journal_close(struct journal *journal)
{
        if (!journal)
                return NULL;
        journal->thread = thread_join(journal->thread);
        journal->timer = loop_timer_free(journal->timer);
        journal->watch = loop_watch_free(journal->watch);
        if (journal->exchange)
                post_discard(journal);
        journal->exchange = exchange_free(journal->exchange);
        environments_deinit(&journal->apply.environments);
        journal->store = store_close(journal->store);
        highwater_close(&journal->highwater);
        state_dir_close(&journal->dir);
        free(journal);
        return NULL;
}

uint64_t journal_last_job_id(const struct journal *journal)
{
        return journal->mark.job_id;
}

uint64_t journal_last_sequence(const struct journal *journal)
{
        return journal->mark.sequence;
}

uint64_t journal_last_lease(const struct journal *journal)
{
        return journal->mark.lease;
}
