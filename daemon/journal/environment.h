/* SPDX-License-Identifier: Apache-2.0 */
/* Environments stored once by content: finding the row of one, counting who names it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "daemon/journal/journal.h"
#include "daemon/journal/store.h"

#define ENVIRONMENT_CACHE 8U
#define ENVIRONMENT_PENDING 64U

/* The environments seen last, and counts that the end of the transaction will write. */
struct environments {
        struct {
                struct journal_blob *blob; /* reference held; NULL: free place */
                uint64_t id;
        } cache[ENVIRONMENT_CACHE];
        size_t cache_next; /* the place to use next */
        struct {
                uint64_t id;
                int64_t change;
        } pending[ENVIRONMENT_PENDING];
        size_t pending_count;
};

void environments_deinit(struct environments *all);
/* The id of the row with this content, made when there is none; counts one more use. */
_must_use_ int environments_take(struct environments *all, struct store *store,
                                 struct journal_blob *blob, uint64_t *out_id);
/* One use less; the row goes with the last. */
_must_use_ int environments_give(struct environments *all, struct store *store, uint64_t id);
/* Writes the counts: call it before COMMIT. */
_must_use_ int environments_flush(struct environments *all, struct store *store);
/* The content of a row (reference for the caller); *out_blob NULL when there is none. */
_must_use_ int environments_read(struct environments *all, struct store *store, uint64_t id,
                                 struct journal_blob **out_blob);
