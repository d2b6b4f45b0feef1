/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one connection to jobd.db, and the only place that knows how SQLite is set up:
 *
 *     EXCLUSIVE before WAL      no -shm file, and nobody else can open the file: SQLite 3.40 has a
 *                               WAL bug that needs two connections
 *     synchronous=FULL          a COMMIT that returned is on stable storage
 *     wal_autocheckpoint=0      settle.c decides when
 *     persistent WAL            the file is the reserve for a full disk and must not be removed
 *     auto_vacuum=INCREMENTAL   space can be given back in slices (purge.c); must come first
 *
 * It opens on the main thread and is used by the journal thread alone after that (NOMUTEX). The
 * descriptor of the file must never be opened a second time in this process: closing it would drop
 * SQLite's locks.
 *
 * Errors: every statement runs through store_run() or store_step(). The first failure is kept with
 * its sentence; nobody retries, because after FULL, NOMEM or IOERR in a transaction only "unknown"
 * is true of it. The thread reads the sentence, tells the loop and commits nothing more.
 */
#include "daemon/journal/store.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "daemon/journal/schema.h"

/* 4 MiB of pages: enough for the inner pages of every table at a million jobs. */
static const char set_cache[] = "PRAGMA cache_size = -4096";

struct setting {
        const char *sql;
        const char *want; /* what the first column of the answer must be; NULL: no matter */
};
/* Those of the connection, before the file is read for the first time. */
static const struct setting connection_settings[] = {
        { "PRAGMA locking_mode = EXCLUSIVE", "exclusive" },
        { "PRAGMA temp_store = MEMORY", NULL },
        { "PRAGMA mmap_size = 0", NULL },
        { "PRAGMA cell_size_check = ON", NULL },
        { "PRAGMA foreign_keys = ON", NULL },
        { "PRAGMA trusted_schema = OFF", NULL },
        { set_cache, NULL },
};
/* Those that may change the file, once it is known to be ours. In this order. */
static const struct setting file_settings[] = {
        { "PRAGMA journal_mode = WAL", "wal" },
        { "PRAGMA synchronous = FULL", NULL },
        { "PRAGMA wal_autocheckpoint = 0", "0" },
        { "PRAGMA journal_size_limit = -1", "-1" },
};
/* Before anything is in it; later it would cost a commit at every start. */
static const struct setting new_file_settings[] = {
        { "PRAGMA auto_vacuum = INCREMENTAL", NULL },
};

int store_fail(struct store *store, int code)
{
        if (store->failed_code == SQLITE_OK) {
                store->failed_code = code;
                reason_set(&store->failed, 0, "the database failed: %s (SQLite error %d)",
                           sqlite3_errmsg(store->db), code);
        }
        switch (code & 0xff) {
        case SQLITE_NOMEM:
                return FAULT(-ENOMEM);
        case SQLITE_FULL:
                return FAULT(-ENOSPC);
        default:
                return FAULT(-EIO);
        }
}

void store_forgive_memory(struct store *store)
{
        const int code = store->failed_code;

        if ((code & 0xff) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM)
                store->failed_code = SQLITE_OK;
}

bool store_is_doubtful(int code)
{
        const int primary = code & 0xff;

        if (code == SQLITE_IOERR_NOMEM)
                return false;
        return primary == SQLITE_IOERR || primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

int store_execute(struct store *store, const char *sql)
{
        const int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

        return code == SQLITE_OK ? 0 : store_fail(store, code);
}

int store_set_cache(struct store *store)
{
        return store_execute(store, set_cache);
}

void store_release_memory(struct store *store)
{
        sqlite3_db_release_memory(store->db);
        malloc_trim(0);
}

/* ------------------------------------------------------------------------------------ opening */

/* What a failed opening means for the person who starts jobd. */
static int store_refuse(struct store *store, int code, struct reason *why)
{
        switch (code & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return reason_set(why, STORE_E_REFUSED,
                                  "the database jobd.db is damaged (%s): restore it from a backup, "
                                  "or move it and jobd.db-wal away and remove `initialised` to "
                                  "begin anew",
                                  sqlite3_errmsg(store->db));
        case SQLITE_FULL:
                return reason_set(why, STORE_E_LATER,
                                  "no space is left on the disk of the state folder: free some");
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return reason_set(why, STORE_E_LATER,
                                  "another program has the database jobd.db open: close it");
        case SQLITE_NOMEM:
                return FAULT(-ENOMEM);
        default:
                return reason_set(why, STORE_E_LATER, "the database jobd.db cannot be opened: %s",
                                  sqlite3_errmsg(store->db));
        }
}

/* First column of the first row must be `want`. SQLITE_OK, an error, or SQLITE_MISUSE. */
static int store_set(struct store *store, const char *sql, const char *want)
{
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_step(stmt);
        if (code == SQLITE_ROW) {
                const void *const got = sqlite3_column_text(stmt, 0);

                if (want && (!got || strcmp(got, want) != 0))
                        code = SQLITE_MISUSE;
        }
        sqlite3_finalize(stmt);
        return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int store_on_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
        struct store *const store = arg;

        (void)db;
        (void)name;
        store->wal_frames = (uint64_t)frames;
        return SQLITE_OK;
}

static int store_set_all(struct store *store, const struct setting *settings, size_t count)
{
        int code = SQLITE_OK;

        for (size_t i = 0; code == SQLITE_OK && i < count; i++)
                code = store_set(store, settings[i].sql, settings[i].want);
        return code;
}

/* Until the file is known to be ours, closing it must leave it and its WAL as they are. */
static int store_keep_wal(struct store *store, bool is_untouchable)
{
        int on = 1;

        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_untouchable ? 1 : 0,
                          NULL);
        return sqlite3_file_control(store->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
}

static int store_configure(struct store *store)
{
        int code;

        sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
        code = store_keep_wal(store, true);
        if (code == SQLITE_OK)
                code = store_set_all(store, connection_settings, ARRAY_SIZE(connection_settings));
        return code;
}

static int store_prepare(struct store *store)
{
        int code = SQLITE_OK;

        for (size_t i = 0; code == SQLITE_OK && i < STATEMENT_COUNT; i++)
                code = sqlite3_prepare_v3(store->db, statement_sql((enum statement)i), -1,
                                          SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
        return code;
}

static int store_examine(struct store *store, bool may_be_empty, bool *out_is_new,
                         struct reason *why)
{
        int version = 0;

        switch (schema_examine(store->db, schema_steps_count, &version)) {
        case 0:
                *out_is_new = version == 0;
                if (version > 0 || may_be_empty)
                        return 0;
                return reason_set(why, STORE_E_REFUSED,
                                  "the database jobd.db is empty although it held jobs (was "
                                  "jobd.db-wal removed?): restore both, or remove `initialised` "
                                  "to begin anew");
        case SCHEMA_E_FOREIGN:
                return reason_set(why, STORE_E_REFUSED,
                                  "jobd.db in the state folder is not a database of jobd: move it "
                                  "away, or choose another state folder");
        case SCHEMA_E_NEWER:
                return reason_set(why, STORE_E_REFUSED,
                                  "the database jobd.db is of a newer jobd (schema %d, this one "
                                  "knows %zu): install that version again",
                                  version, schema_steps_count);
        default:
                return store_refuse(store, sqlite3_errcode(store->db), why);
        }
}

static int store_read_page_size(struct store *store)
{
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(store->db, "PRAGMA page_size", -1, &stmt, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_step(stmt);
        if (code == SQLITE_ROW)
                store->page_bytes = (uint64_t)sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);
        return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* The file is ours: brings it to our settings and our schema. */
static int store_prepare_file(struct store *store, bool is_new, struct reason *why)
{
        int code = SQLITE_OK;

        if (is_new)
                code = store_set_all(store, new_file_settings, ARRAY_SIZE(new_file_settings));
        if (code == SQLITE_OK)
                code = store_set_all(store, file_settings, ARRAY_SIZE(file_settings));
        /* After the settings: wal_autocheckpoint takes the same place. */
        sqlite3_wal_hook(store->db, store_on_wal, store);
        if (code == SQLITE_OK)
                code = store_read_page_size(store);
        if (code == SQLITE_MISUSE)
                return reason_set(why, STORE_E_REFUSED,
                                  "the file system of the state folder cannot hold the database "
                                  "(no write-ahead log): choose a local disk");
        if (code == SQLITE_OK && schema_migrate(store->db, schema_steps, schema_steps_count) != 0)
                code = sqlite3_extended_errcode(store->db);
        if (code == SQLITE_OK)
                code = store_prepare(store);
        if (code == SQLITE_OK)
                code = store_keep_wal(store, false);
        return code == SQLITE_OK ? 0 : store_refuse(store, code, why);
}

int store_open(const char *path, bool may_be_empty, struct store **out_store, struct reason *why)
{
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW |
                          SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX;
        _cleanup_(store_closep) struct store *store = calloc(1, sizeof(*store));
        bool is_new = false;
        int code, r;

        if (!store)
                return FAULT(-ENOMEM);
        code = sqlite3_open_v2(path, &store->db, flags, NULL);
        if (!store->db)
                return FAULT(-ENOMEM);
        if (code == SQLITE_OK)
                code = store_configure(store);
        if (code != SQLITE_OK)
                return store_refuse(store, code, why);
        r = store_examine(store, may_be_empty, &is_new, why);
        if (r == 0)
                r = store_prepare_file(store, is_new, why);
        if (r != 0)
                return r < 0 ? PASS(r) : r;
        *out_store = TAKE_PTR(store);
        return 0;
}

struct store *store_close(struct store *store)
{
        if (!store)
                return NULL;
        for (size_t i = 0; i < STATEMENT_COUNT; i++)
                sqlite3_finalize(store->statements[i]);
        /* After a failure nothing may be moved from the WAL into the file: see recover.c. */
        if (store->db && store->failed_code != SQLITE_OK)
                sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_close(store->db);
        free(store);
        return NULL;
}

int store_check(struct store *store, struct reason *why)
{
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
        int r = 0;

        if (code == SQLITE_OK)
                code = sqlite3_step(stmt);
        if (code != SQLITE_ROW) {
                r = store_refuse(store, code, why);
        } else {
                const void *const found = sqlite3_column_text(stmt, 0);
                const char *const text = found;

                if (!text || strcmp(text, "ok") != 0)
                        r = reason_set(why, STORE_E_REFUSED,
                                       "the database jobd.db is damaged: restore it from a backup, "
                                       "or move it and jobd.db-wal away and remove `initialised` "
                                       "to begin anew (%.80s)",
                                       text ? text : "no answer");
        }
        sqlite3_finalize(stmt);
        return r;
}

int store_read_mark(struct store *store, uint64_t *out_sequence, uint64_t *out_job_id,
                    uint64_t *out_lease)
{
        static const char sql[] =
                "SELECT last_sequence, last_job_id, last_lease FROM mark WHERE id = 1";
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);
        int r = 0;

        if (code == SQLITE_OK)
                code = sqlite3_step(stmt);
        if (code == SQLITE_ROW) {
                *out_sequence = (uint64_t)sqlite3_column_int64(stmt, 0);
                *out_job_id = (uint64_t)sqlite3_column_int64(stmt, 1);
                *out_lease = (uint64_t)sqlite3_column_int64(stmt, 2);
        } else {
                r = store_fail(store, code == SQLITE_DONE ? SQLITE_CORRUPT : code);
        }
        sqlite3_finalize(stmt);
        return r;
}

/* ------------------------------------------------------------------------------------ running */

struct binder store_bind(struct store *store, enum statement which)
{
        return (struct binder){ .stmt = store->statements[which], .code = SQLITE_OK };
}

int store_step(struct store *store, struct binder *bound)
{
        int code = bound->code;

        if (code == SQLITE_OK)
                code = sqlite3_step(bound->stmt);
        if (code == SQLITE_ROW)
                return 1;
        return code == SQLITE_DONE ? 0 : store_fail(store, code);
}

void store_reset(struct binder *bound)
{
        sqlite3_reset(bound->stmt);
}

int store_run(struct store *store, struct binder *bound, uint64_t *out_changes)
{
        const int r = store_step(store, bound);

        if (r == 0 && out_changes)
                *out_changes = (uint64_t)sqlite3_changes64(store->db);
        store_reset(bound);
        return r < 0 ? PASS(r) : 0;
}

int store_take_blob(struct binder *bound, int column, struct journal_blob **out_blob)
{
        const void *const from = sqlite3_column_blob(bound->stmt, column);
        const size_t size = (size_t)sqlite3_column_bytes(bound->stmt, column);
        void *copy;

        if (sqlite3_column_type(bound->stmt, column) == SQLITE_NULL) {
                *out_blob = NULL;
                return 0;
        }
        if (size > 0 && !from)
                return FAULT(-ENOMEM);
        copy = malloc(MAX(size, (size_t)1));
        if (!copy)
                return FAULT(-ENOMEM);
        if (size > 0)
                memcpy(copy, from, size);
        return journal_blob_new(copy, size, out_blob);
}

static int store_run_plain(struct store *store, enum statement which)
{
        struct binder plain = store_bind(store, which);

        return store_run(store, &plain, NULL);
}

int store_begin(struct store *store)
{
        const int r = store_run_plain(store, STATEMENT_BEGIN);

        store->in_transaction = r == 0;
        return r < 0 ? PASS(r) : 0;
}

int store_commit(struct store *store)
{
        const int r = store_run_plain(store, STATEMENT_COMMIT);

        if (r < 0)
                return PASS(r);
        store->in_transaction = false;
        return 0;
}

void store_rollback(struct store *store)
{
        struct binder plain = store_bind(store, STATEMENT_ROLLBACK);

        /* SQLite may have rolled back by itself: then there is nothing left to do. */
        if (store->in_transaction && !sqlite3_get_autocommit(store->db))
                sqlite3_step(plain.stmt);
        store_reset(&plain);
        store->in_transaction = false;
}
