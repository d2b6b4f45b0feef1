/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite connection: its settings, its prepared statements, and what its errors mean. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "daemon/journal/journal.h"
#include "daemon/journal/statement.h"

enum store_answer {
        STORE_E_REFUSED = 1, /* the reason says what stands in the way and what to do */
        STORE_E_LATER,       /* the same, but it may pass by itself: a full disk, another program */
};

struct store {
        sqlite3 *db; /* owned */
        sqlite3_stmt *statements[STATEMENT_COUNT];
        uint64_t wal_frames; /* in the WAL and not yet free for reuse */
        uint64_t page_bytes;
        bool in_transaction;
        int failed_code;      /* first SQLite error of a statement; SQLITE_OK while all is well */
        struct reason failed; /* the sentence for it */
};

/*
 * Opens the existing file with the settings of the journal, migrates it and prepares the
 * statements. path: no symbolic link in it. may_be_empty: it is a new one; else a file without
 * tables is refused. An answer with a sentence, or a fault. One thread at a time may use it.
 */
_must_use_ int store_open(const char *path, bool may_be_empty, struct store **out_store,
                          struct reason *why);
struct store *store_close(struct store *store);
DEFINE_CLEANUP(struct store *, store_close);

/* PRAGMA quick_check. STORE_E_REFUSED with its first finding, or STORE_E_LATER. */
_must_use_ int store_check(struct store *store, struct reason *why);
/* The numbers of the row in `mark`. */
_must_use_ int store_read_mark(struct store *store, uint64_t *out_sequence, uint64_t *out_job_id,
                               uint64_t *out_lease);

_must_use_ int store_begin(struct store *store);
_must_use_ int store_commit(struct store *store);
/* Harmless without a transaction. */
void store_rollback(struct store *store);

/* Keeps the first SQLite error and its sentence; returns the fault for it. */
int store_fail(struct store *store, int code);
/* Outside a transaction: a lack of memory that was kept is forgotten, for it spoiled nothing. */
void store_forgive_memory(struct store *store);
/* Does this SQLite error leave the file in doubt, so that the next start must rewrite it? */
bool store_is_doubtful(int code);
/* Runs SQL that is not worth preparing. */
_must_use_ int store_execute(struct store *store, const char *sql);

/* Brings the page cache back to its usual size. */
_must_use_ int store_set_cache(struct store *store);

/* Gives pages and freed memory of the whole process back to the system: for a quiet moment. */
void store_release_memory(struct store *store);

/* A binder for a prepared statement, which must be reset. */
struct binder store_bind(struct store *store, enum statement which);
/* Runs a bound statement that gives no rows, and resets it. *out_changes (or NULL): rows changed.
 */
_must_use_ int store_run(struct store *store, struct binder *bound, uint64_t *out_changes);
/* Next row of a bound statement: 1 row, 0 no more, <0 fault. Reset it with store_reset(). */
_must_use_ int store_step(struct store *store, struct binder *bound);
void store_reset(struct binder *bound);
/* Copies a column of the current row into a new blob; SQL NULL gives NULL. */
_must_use_ int store_take_blob(struct binder *bound, int column, struct journal_blob **out_blob);
