/* SPDX-License-Identifier: Apache-2.0 */
/* A batch becomes rows: one function per kind of record, inside a transaction. */
#pragma once

#include "common/cleanup.h"

#include "daemon/journal/batch.h"
#include "daemon/journal/environment.h"
#include "daemon/journal/purge.h"
#include "daemon/journal/store.h"

struct apply {
        struct store *store; /* borrowed: outlives us, both belong to the journal */
        struct environments environments;
        struct purge purge;
};

/* Runs the records of the batch in order; answers of fetches are left in it. */
_must_use_ int apply_batch(struct apply *apply, struct journal_batch *batch);
/* What the transaction owes at its end: counts, expired keys. Call it before COMMIT. */
_must_use_ int apply_finish(struct apply *apply);
