/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People submit a thousand jobs from one shell, and each carries the same few kilobytes of
 * environment. A row of `environment` holds each content once, found by SHA-256; `environment_use`
 * counts the specs that name it, and the row is deleted with the last of them.
 *
 * Hashing and looking up would cost more than all the rest of a submission, so the contents seen
 * last are kept in memory (references to the blobs, not copies) and compared by pointer, then by
 * bytes. The same cache answers reads for a START. Counts change in memory first and are written
 * once per transaction: a batch of ten thousand submissions writes one count.
 *
 * A transaction that fails is never followed by another one in this process, so the cache need not
 * be undone. Used by the journal thread only.
 */
#include "daemon/journal/environment.h"

#include <errno.h>
#include <sha256.h>
#include <string.h>

#include "common/error.h"

void environments_deinit(struct environments *all)
{
        for (size_t i = 0; i < ENVIRONMENT_CACHE; i++)
                all->cache[i].blob = journal_blob_unref(all->cache[i].blob);
}

static void environments_remember(struct environments *all, struct journal_blob *blob, uint64_t id)
{
        const size_t place = all->cache_next;

        all->cache_next = (place + 1) % ENVIRONMENT_CACHE;
        journal_blob_unref(all->cache[place].blob);
        all->cache[place].blob = journal_blob_ref(blob);
        all->cache[place].id = id;
}

static void environments_forget(struct environments *all, uint64_t id)
{
        for (size_t i = 0; i < ENVIRONMENT_CACHE; i++)
                if (all->cache[i].id == id)
                        all->cache[i].blob = journal_blob_unref(all->cache[i].blob);
}

/* The id of a cached content, or 0. */
static uint64_t environments_recall(const struct environments *all, const struct journal_blob *blob)
{
        for (size_t i = 0; i < ENVIRONMENT_CACHE; i++) {
                const struct journal_blob *const known = all->cache[i].blob;

                if (known && (known == blob || (known->size == blob->size &&
                                                memcmp(known->data, blob->data, blob->size) == 0)))
                        return all->cache[i].id;
        }
        return 0;
}

static int environments_count(struct environments *all, struct store *store, uint64_t id,
                              int64_t change)
{
        for (size_t i = 0; i < all->pending_count; i++) {
                if (all->pending[i].id == id) {
                        all->pending[i].change += change;
                        return 0;
                }
        }
        if (all->pending_count == ENVIRONMENT_PENDING) {
                const int r = environments_flush(all, store);

                if (r < 0)
                        return PASS(r);
        }
        all->pending[all->pending_count].id = id;
        all->pending[all->pending_count].change = change;
        all->pending_count++;
        return 0;
}

/* Looks the content up by its hash, or inserts it. */
static int environments_store(struct store *store, const struct journal_blob *blob,
                              uint64_t *out_id)
{
        uint8_t hash[SHA256_DIGEST_LENGTH];
        SHA2_CTX context;
        struct binder find = store_bind(store, STATEMENT_ENVIRONMENT_FIND);
        struct binder put = store_bind(store, STATEMENT_ENVIRONMENT_PUT);
        int r;

        SHA256Init(&context);
        SHA256Update(&context, blob->data, blob->size);
        SHA256Final(hash, &context);
        bind_blob(&find, hash, sizeof(hash));
        r = store_step(store, &find);
        if (r > 0)
                *out_id = (uint64_t)sqlite3_column_int64(find.stmt, 0);
        store_reset(&find);
        if (r != 0)
                return r < 0 ? PASS(r) : 0;
        bind_blob(&put, hash, sizeof(hash));
        bind_blob(&put, blob->size > 0 ? (const void *)blob->data : "", blob->size);
        r = store_run(store, &put, NULL);
        if (r < 0)
                return PASS(r);
        *out_id = (uint64_t)sqlite3_last_insert_rowid(store->db);
        return 0;
}

int environments_take(struct environments *all, struct store *store, struct journal_blob *blob,
                      uint64_t *out_id)
{
        uint64_t id = environments_recall(all, blob);
        int r;

        if (id == 0) {
                r = environments_store(store, blob, &id);
                if (r < 0)
                        return PASS(r);
                environments_remember(all, blob, id);
        }
        r = environments_count(all, store, id, 1);
        if (r < 0)
                return PASS(r);
        *out_id = id;
        return 0;
}

int environments_give(struct environments *all, struct store *store, uint64_t id)
{
        return environments_count(all, store, id, -1);
}

static int environments_drop(struct environments *all, struct store *store, uint64_t id)
{
        struct binder use = store_bind(store, STATEMENT_USE_DROP);
        struct binder row = store_bind(store, STATEMENT_ENVIRONMENT_DROP);
        int r;

        environments_forget(all, id);
        bind_number(&use, id);
        r = store_run(store, &use, NULL);
        if (r < 0)
                return PASS(r);
        bind_number(&row, id);
        return store_run(store, &row, NULL);
}

static int environments_write_count(struct environments *all, struct store *store, uint64_t id,
                                    int64_t change)
{
        struct binder add = store_bind(store, STATEMENT_USE_ADD);
        struct binder get = store_bind(store, STATEMENT_USE_GET);
        int64_t uses = 1;
        int r;

        bind_number(&add, id);
        bind_signed(&add, change);
        r = store_run(store, &add, NULL);
        if (r < 0 || change > 0)
                return r < 0 ? PASS(r) : 0;
        bind_number(&get, id);
        r = store_step(store, &get);
        if (r > 0)
                uses = sqlite3_column_int64(get.stmt, 0);
        store_reset(&get);
        if (r < 0)
                return PASS(r);
        return uses <= 0 ? environments_drop(all, store, id) : 0;
}

int environments_flush(struct environments *all, struct store *store)
{
        for (size_t i = 0; i < all->pending_count; i++) {
                const int64_t change = all->pending[i].change;
                int r;

                /* A row that came and went in one transaction has change 0 and must go too. */
                r = environments_write_count(all, store, all->pending[i].id, change);
                if (r < 0)
                        return PASS(r);
        }
        all->pending_count = 0;
        return 0;
}

int environments_read(struct environments *all, struct store *store, uint64_t id,
                      struct journal_blob **out_blob)
{
        struct binder get = store_bind(store, STATEMENT_ENVIRONMENT_GET);
        int r;

        *out_blob = NULL;
        for (size_t i = 0; i < ENVIRONMENT_CACHE; i++) {
                if (all->cache[i].blob && all->cache[i].id == id) {
                        *out_blob = journal_blob_ref(all->cache[i].blob);
                        return 0;
                }
        }
        bind_number(&get, id);
        r = store_step(store, &get);
        if (r > 0)
                r = store_take_blob(&get, 0, out_blob);
        store_reset(&get);
        if (r < 0)
                return PASS(r);
        if (*out_blob)
                environments_remember(all, *out_blob, id);
        return 0;
}
