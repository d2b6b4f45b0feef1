/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing here may hold up commits: whatever can be large is done in slices, and the thread puts
 * them where nobody waits (purge_is_due() after the queue ran dry).
 *
 * Dropped jobs. The job's own row, its spec and its first PURGE_SLICE_ROWS tasks and events go in
 * the transaction of the batch: an ordinary job is then gone. A job with more (a map of a million
 * tasks) is noted in `remains` and eaten slice by slice, also across restarts. Its rows can no
 * longer be reached meanwhile: every read begins at `job`, and event lists of a dropped job's slice
 * merely get shorter.
 *
 * Keys. There is no index on their age: it would cost every submission. As long as the oldest key
 * is known to be young enough, nothing is done; after that, each transaction that puts n keys looks
 * through n old ones in key order, round and round, and removes those that have expired. A whole
 * round tells how old the oldest is. So the table holds at most about twice what must be kept, and
 * a daemon that is given no work does none.
 *
 * Free pages go back to the file system only when more than a quarter of a file is empty: a queue
 * that fills and drains every day shall keep its pages.
 */
#include "daemon/journal/purge.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/failpoint.h"

/* For transactions that put one key; and the memory for one that puts very many. */
#define KEYS_AT_LEAST 16U
#define KEYS_AT_MOST 8192U
/* Records may be 64 KiB each. */
#define OUTPUTS_PER_SLICE 64U
/* And a chunk of input 1 MiB; mostly it is 64 KiB. */
#define INPUTS_PER_SLICE 16U
#define FREE_PAGES_MIN 4096
#define FREE_PAGES_SLICE 512

int purge_init(struct purge *purge, struct store *store, uint64_t key_keep_usec)
{
        struct binder first = store_bind(store, STATEMENT_REMAINS_FIRST);
        const int r = store_step(store, &first);

        store_reset(&first);
        if (r < 0)
                return PASS(r);
        *purge = (struct purge){
                .key_keep_usec = key_keep_usec,
                .keys.round_wall = UINT64_MAX,
                .has_remains = r > 0,
        };
        return 0;
}

/* Runs one of the sliced DELETEs; sets *more when it may not have been the last slice. */
static int purge_delete(struct store *store, enum statement which, uint64_t job, uint64_t limit,
                        bool *more)
{
        struct binder delete = store_bind(store, which);
        uint64_t changes = 0;
        int r;

        bind_number(&delete, job);
        bind_number(&delete, limit);
        r = store_run(store, &delete, &changes);
        if (r < 0)
                return PASS(r);
        *more = *more || changes == limit;
        return 0;
}

static int purge_slice_of(struct store *store, uint64_t job, bool *out_more)
{
        int r;

        *out_more = false;
        r = purge_delete(store, STATEMENT_OUTPUT_DROP, job, OUTPUTS_PER_SLICE, out_more);
        if (r == 0)
                r = purge_delete(store, STATEMENT_INPUT_DROP, job, INPUTS_PER_SLICE, out_more);
        if (r == 0)
                r = purge_delete(store, STATEMENT_TASK_DROP, job, PURGE_SLICE_ROWS, out_more);
        if (r == 0)
                r = purge_delete(store, STATEMENT_EVENT_DROP, job, PURGE_SLICE_ROWS, out_more);
        return r < 0 ? PASS(r) : 0;
}

int purge_drop_rows(struct purge *purge, struct store *store, uint64_t job)
{
        struct binder put = store_bind(store, STATEMENT_REMAINS_PUT);
        bool more;
        int r;

        purge->may_give_back = true;
        r = purge_slice_of(store, job, &more);
        if (r < 0 || !more)
                return r < 0 ? PASS(r) : 0;
        bind_number(&put, job);
        r = store_run(store, &put, NULL);
        if (r < 0)
                return PASS(r);
        purge->has_remains = true;
        return 0;
}

/* ---------------------------------------------------------------------------------------- keys */

struct purge_key {
        uint32_t uid;
        uint8_t key[JOURNAL_KEY_BYTES];
};

void purge_set_oldest_key(struct purge *purge, uint64_t wall_usec)
{
        purge->keys.oldest_wall = wall_usec;
}

void purge_count_key(struct purge *purge, uint64_t wall_usec)
{
        purge->keys.put++;
        purge->keys.oldest_wall = MIN(purge->keys.oldest_wall, wall_usec);
        purge->keys.round_wall = MIN(purge->keys.round_wall, wall_usec);
}

static int purge_drop_key(struct store *store, const struct purge_key *key)
{
        struct binder drop = store_bind(store, STATEMENT_KEY_DROP);

        bind_number(&drop, key->uid);
        bind_blob(&drop, key->key, sizeof(key->key));
        return store_run(store, &drop, NULL);
}

/* The next round begins at the first key. */
static void purge_end_round(struct purge *purge)
{
        purge->keys.oldest_wall = purge->keys.round_wall;
        purge->keys.round_wall = UINT64_MAX;
        purge->keys.uid = 0;
        memset(purge->keys.key, 0, sizeof(purge->keys.key));
}

/* Looks at `limit` keys behind the last one, and collects those from before `before`. */
static int purge_find_keys(struct purge *purge, struct store *store, uint64_t before,
                           uint64_t limit, struct purge_key *found, size_t *out_count)
{
        struct binder walk = store_bind(store, STATEMENT_KEY_WALK);
        uint8_t after[JOURNAL_KEY_BYTES];
        uint64_t looked = 0;
        int r;

        *out_count = 0;
        memcpy(after, purge->keys.key, sizeof(after));
        bind_number(&walk, purge->keys.uid);
        bind_blob(&walk, after, sizeof(after));
        bind_number(&walk, limit);
        while ((r = store_step(store, &walk)) > 0) {
                const void *const key = sqlite3_column_blob(walk.stmt, 1);
                const uint64_t wall = (uint64_t)sqlite3_column_int64(walk.stmt, 2);

                looked++;
                purge->keys.uid = (uint32_t)sqlite3_column_int64(walk.stmt, 0);
                if (key && sqlite3_column_bytes(walk.stmt, 1) == JOURNAL_KEY_BYTES)
                        memcpy(purge->keys.key, key, JOURNAL_KEY_BYTES);
                if (wall >= before) {
                        purge->keys.round_wall = MIN(purge->keys.round_wall, wall);
                        continue;
                }
                found[*out_count].uid = purge->keys.uid;
                memcpy(found[*out_count].key, purge->keys.key, JOURNAL_KEY_BYTES);
                (*out_count)++;
        }
        store_reset(&walk);
        if (r == 0 && looked < limit)
                purge_end_round(purge);
        return r < 0 ? PASS(r) : 0;
}

int purge_keys(struct purge *purge, struct store *store, uint64_t now_wall_usec)
{
        const uint64_t put = purge->keys.put;
        const uint64_t limit = MIN(MAX(put, (uint64_t)KEYS_AT_LEAST), (uint64_t)KEYS_AT_MOST);
        _cleanup_(freep) struct purge_key *found = NULL;
        uint64_t before;
        size_t count = 0;
        int r;

        purge->keys.put = 0;
        if (put == 0 || now_wall_usec <= purge->key_keep_usec)
                return 0;
        before = now_wall_usec - purge->key_keep_usec;
        if (purge->keys.oldest_wall >= before)
                return 0;
        found = calloc(limit, sizeof(*found));
        if (!found)
                return FAULT(-ENOMEM);
        r = purge_find_keys(purge, store, before, limit, found, &count);
        for (size_t i = 0; r == 0 && i < count; i++)
                r = purge_drop_key(store, &found[i]);
        return r < 0 ? PASS(r) : 0;
}

/* -------------------------------------------------------------------------------------- slices */

bool purge_is_due(const struct purge *purge)
{
        return purge->has_remains || purge->may_give_back;
}

static int purge_read_number(struct store *store, const char *sql, int64_t *out_number)
{
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_step(stmt);
        if (code == SQLITE_ROW)
                *out_number = sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);
        return code == SQLITE_ROW ? 0 : store_fail(store, code);
}

static int purge_give_back(struct purge *purge, struct store *store)
{
        char sql[64];
        int64_t free_pages = 0, pages = 0;
        int r;

        r = purge_read_number(store, "PRAGMA freelist_count", &free_pages);
        if (r == 0)
                r = purge_read_number(store, "PRAGMA page_count", &pages);
        if (r < 0)
                return PASS(r);
        if (free_pages < FREE_PAGES_MIN || free_pages < pages / 4) {
                purge->may_give_back = false;
                return 0;
        }
        sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", FREE_PAGES_SLICE);
        return store_execute(store, sql);
}

static int purge_remains(struct purge *purge, struct store *store)
{
        struct binder first = store_bind(store, STATEMENT_REMAINS_FIRST);
        struct binder drop = store_bind(store, STATEMENT_REMAINS_DROP);
        uint64_t job = 0;
        bool more;
        int r;

        r = store_step(store, &first);
        if (r > 0)
                job = (uint64_t)sqlite3_column_int64(first.stmt, 0);
        store_reset(&first);
        if (r <= 0) {
                purge->has_remains = r != 0;
                return r < 0 ? PASS(r) : 0;
        }
        r = purge_slice_of(store, job, &more);
        if (r < 0 || more)
                return r < 0 ? PASS(r) : 0;
        bind_number(&drop, job);
        return store_run(store, &drop, NULL);
}

int purge_run_slice(struct purge *purge, struct store *store)
{
        if (FAILPOINT("journal.purge"))
                return store_fail(store, SQLITE_IOERR);
        if (purge->has_remains)
                return purge_remains(purge, store);
        return purge_give_back(purge, store);
}
