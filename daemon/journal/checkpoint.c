/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits append to the WAL; a checkpoint copies its pages into the database, after which the WAL
 * is written again from its beginning. It costs two syncs, so it is done when CHECKPOINT_BYTES are
 * in use, or once when work has ceased and there is something worth copying.
 *
 * The file never shrinks (RESTART, not TRUNCATE), and is grown once to reserve_bytes: those blocks
 * are the reserve for a full disk. While the disk is full no checkpoint runs, since it might have
 * to grow the database; ends and cancels of jobs go into blocks that the WAL already has.
 *
 * Growing: a throw-away transaction inserts one huge blob while the page cache is tiny, so that
 * SQLite spills the pages into the WAL, and then rolls back. Nothing is synced and nothing has to
 * be copied or vacuumed afterwards; the file keeps its size.
 */
#include "daemon/journal/checkpoint.h"

#include "common/error.h"
#include "common/failpoint.h"

#define CHECKPOINT_BYTES ((uint64_t)16 * 1024 * 1024)
#define CHECKPOINT_IDLE_BYTES ((uint64_t)1024 * 1024)
#define WAL_HEADER_BYTES 32U
#define FRAME_HEADER_BYTES 24U
#define SPILL_CACHE_PAGES 16

static uint64_t checkpoint_used(const struct store *store)
{
        return store->wal_frames * (store->page_bytes + FRAME_HEADER_BYTES);
}

uint64_t checkpoint_wal_bytes(const struct store *store)
{
        return WAL_HEADER_BYTES + checkpoint_used(store);
}

/* With a small reserve checkpoints come earlier, so that most of it stays free. */
static uint64_t checkpoint_limit(const struct checkpoint *checkpoint)
{
        const uint64_t quarter = checkpoint->reserve_bytes / 4;

        return quarter > 0 ? MIN(CHECKPOINT_BYTES, quarter) : CHECKPOINT_BYTES;
}

bool checkpoint_is_due(const struct checkpoint *checkpoint, const struct store *store,
                       bool is_disk_full)
{
        const uint64_t used = checkpoint_used(store), limit = checkpoint_limit(checkpoint);

        if (checkpoint->is_blocked && used < checkpoint->blocked_at_bytes + limit / 4)
                return !is_disk_full;
        return used >= (is_disk_full ? checkpoint->reserve_bytes / 2 : limit);
}

bool checkpoint_is_worthwhile(const struct checkpoint *checkpoint, const struct store *store)
{
        return checkpoint_used(store) >= MIN(CHECKPOINT_IDLE_BYTES, checkpoint_limit(checkpoint));
}

bool checkpoint_is_blocked(const struct checkpoint *checkpoint)
{
        return checkpoint->is_blocked;
}

int checkpoint_run(struct checkpoint *checkpoint, struct store *store)
{
        int code;

        if (FAILPOINT("journal.checkpoint"))
                return store_fail(store, SQLITE_IOERR);
        code = sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
        checkpoint->is_blocked = (code & 0xff) == SQLITE_FULL;
        checkpoint->blocked_at_bytes = checkpoint_used(store);
        if (checkpoint->is_blocked)
                return CHECKPOINT_E_NO_SPACE;
        if (code != SQLITE_OK)
                return store_fail(store, code);
        store->wal_frames = 0;
        return 0;
}

/* SQLITE_OK, SQLITE_FULL when the disk has no room after all, or an error. */
static int checkpoint_spill(struct store *store, uint64_t bytes)
{
        char sql[128];
        int code;

        code = sqlite3_exec(store->db, "BEGIN IMMEDIATE; CREATE TABLE throw_away (x)", NULL, NULL,
                            NULL);
        sqlite3_snprintf(sizeof(sql), sql, "INSERT INTO throw_away VALUES (zeroblob(%llu))",
                         (unsigned long long)bytes);
        if (code == SQLITE_OK)
                code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
        if (!sqlite3_get_autocommit(store->db))
                sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return code;
}

int checkpoint_grow(struct checkpoint *checkpoint, struct store *store)
{
        const uint64_t frame = store->page_bytes + FRAME_HEADER_BYTES;
        const uint64_t have = state_dir_size_of(checkpoint->dir, STATE_DIR_WAL);
        const uint64_t want = checkpoint->reserve_bytes;
        uint64_t free_bytes = 0;
        char sql[64];
        int code, r;

        if (have >= want)
                return 0;
        r = state_dir_read_free(checkpoint->dir, &free_bytes);
        if (r < 0)
                return PASS(r);
        /* It must not be what fills the disk. */
        if (free_bytes / 2 < want - have)
                return 0;
        r = checkpoint_run(checkpoint, store);
        if (r != 0)
                return r < 0 ? PASS(r) : 0;
        sqlite3_snprintf(sizeof(sql), sql, "PRAGMA cache_size = %d", SPILL_CACHE_PAGES);
        r = store_execute(store, sql);
        if (r < 0)
                return PASS(r);
        code = checkpoint_spill(store, (want - WAL_HEADER_BYTES) / frame * store->page_bytes);
        r = store_set_cache(store);
        if (r < 0)
                return PASS(r);
        if (code != SQLITE_OK && (code & 0xff) != SQLITE_FULL)
                return store_fail(store, code);
        return 0;
}
