/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting: rows of dropped jobs, submission keys that grew old, and empty pages of the file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "daemon/journal/journal.h"
#include "daemon/journal/store.h"

/* Rows removed in one go, between two commits. */
#define PURGE_SLICE_ROWS 1000U

struct purge {
        uint64_t key_keep_usec;
        struct {
                uint64_t put;         /* keys put by this transaction */
                uint64_t oldest_wall; /* no key is older than this */
                uint64_t round_wall;  /* the oldest one kept in this round */
                uint32_t uid;         /* the last one looked at */
                uint8_t key[JOURNAL_KEY_BYTES];
        } keys;
        bool has_remains;   /* table `remains` is not empty */
        bool may_give_back; /* rows went since the free pages were last looked at */
};

/* Reads what an earlier run left to do. */
_must_use_ int purge_init(struct purge *purge, struct store *store, uint64_t key_keep_usec);
/* Removes task, output and event rows of a job; what is too much is left to purge_run_slice(). */
_must_use_ int purge_drop_rows(struct purge *purge, struct store *store, uint64_t job);
/* What is known of the keys' age: start-up reads them all anyway. */
void purge_set_oldest_key(struct purge *purge, uint64_t wall_usec);
/* A key is put, at this time. */
void purge_count_key(struct purge *purge, uint64_t wall_usec);
/* Before COMMIT: looks through as many old keys as were put and drops those that have expired. */
_must_use_ int purge_keys(struct purge *purge, struct store *store, uint64_t now_wall_usec);
/* Is there something for purge_run_slice()? */
bool purge_is_due(const struct purge *purge);
/* One slice, inside a transaction. */
_must_use_ int purge_run_slice(struct purge *purge, struct store *store);
