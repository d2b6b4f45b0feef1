/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After an I/O error nobody knows which pages of the file are on the disk and which only in the
 * kernel's cache, and a second fsync() would not tell. So the thread leaves the marker `suspect`,
 * the daemon ends, and the next start copies whatever can be read into a new file:
 *
 *     1  VACUUM INTO jobd.db.new, sync it
 *     2  rename it to jobd.db.ready, sync the folder      from here on the new file counts
 *     3  remove jobd.db-wal                               it belongs to the old file: read into
 *                                                         the new one it would destroy it
 *     4  rename jobd.db.ready to jobd.db, sync the folder
 *     5  remove `suspect`
 *
 * It may be killed anywhere: before 2 it begins again, after 2 it goes on with 3. The old file is
 * closed without a checkpoint, so it stays as the failed run left it until it is replaced.
 */
#include "daemon/journal/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/failpoint.h"
#include "common/fs.h"

#include "daemon/journal/store.h"

#define RECOVER_NEW "jobd.db.new"
#define RECOVER_READY "jobd.db.ready"

/* Steps 3 to 5; harmless when some of them were done. */
static int recover_replace(const struct state_dir *dir)
{
        int r;

        r = state_dir_unmark(dir, STATE_DIR_WAL);
        if (r < 0)
                return PASS(r);
        if (FAILPOINT("journal.recover_wal_gone"))
                return FAULT(-EIO);
        if (renameat(dir->fd, RECOVER_READY, dir->fd, STATE_DIR_DATABASE) < 0)
                return FAULT(-errno);
        r = state_dir_sync(dir);
        if (r < 0)
                return PASS(r);
        return state_dir_unmark(dir, STATE_DIR_SUSPECT);
}

/* An empty file with the right mode, which VACUUM INTO accepts, open for the sync afterwards. */
static int recover_make_file(const struct state_dir *dir, int *out_fd)
{
        int fd;

        if (unlinkat(dir->fd, RECOVER_NEW, 0) < 0 && errno != ENOENT)
                return FAULT(-errno);
        fd = openat(dir->fd, RECOVER_NEW, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return FAULT(-errno);
        *out_fd = fd;
        return 0;
}

/* `store` must never write to the old file again: not even its checkpoint at close. */
static int recover_copy(const struct state_dir *dir, struct store *store, struct reason *why)
{
        _cleanup_(freep) char *path = NULL;
        sqlite3_stmt *stmt = NULL;
        int code;

        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        path = fs_path("%s/%s", dir->path, RECOVER_NEW);
        if (!path)
                return FAULT(-ENOMEM);
        code = sqlite3_prepare_v2(store->db, "VACUUM INTO ?", -1, &stmt, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
        if (code == SQLITE_OK)
                code = sqlite3_step(stmt);
        if (code == SQLITE_DONE)
                code = SQLITE_OK;
        if (code != SQLITE_OK)
                reason_set(why, 0,
                           "the last run ended by an I/O error and the database cannot be "
                           "rewritten (%s): free space or restore a backup in %.100s",
                           sqlite3_errmsg(store->db), dir->path);
        sqlite3_finalize(stmt);
        return code == SQLITE_OK ? 0 : RECOVER_E_LATER;
}

static int recover_rewrite(const struct state_dir *dir, struct reason *why)
{
        _cleanup_(store_closep) struct store *store = NULL;
        _cleanup_(freep) char *path = NULL;
        _cleanup_(fd_closep) int fd = -1;
        int r;

        path = fs_path("%s/%s", dir->path, STATE_DIR_DATABASE);
        if (!path)
                return FAULT(-ENOMEM);
        r = recover_make_file(dir, &fd);
        if (r < 0)
                return PASS(r);
        r = store_open(path, !state_dir_has(dir, STATE_DIR_INITIALISED), &store, why);
        if (r == 0)
                r = store_check(store, why);
        if (r != 0)
                return r < 0 ? PASS(r) : r == STORE_E_LATER ? RECOVER_E_LATER : RECOVER_E_REFUSED;
        r = recover_copy(dir, store, why);
        if (r != 0)
                return r < 0 ? PASS(r) : r;
        store = store_close(store);
        if (fsync(fd) < 0)
                return FAULT(-errno);
        if (renameat(dir->fd, RECOVER_NEW, dir->fd, RECOVER_READY) < 0)
                return FAULT(-errno);
        return state_dir_sync(dir);
}

int recover_database(const struct state_dir *dir, struct reason *why)
{
        int r;

        if (state_dir_has(dir, RECOVER_READY))
                return recover_replace(dir);
        if (unlinkat(dir->fd, RECOVER_NEW, 0) < 0 && errno != ENOENT)
                return FAULT(-errno);
        if (!state_dir_has(dir, STATE_DIR_SUSPECT))
                return 0;
        /* A missing database is told as such by state_dir_claim_database(). */
        if (!state_dir_has(dir, STATE_DIR_DATABASE))
                return 0;
        r = recover_rewrite(dir, why);
        if (r != 0)
                return r < 0 ? PASS(r) : r;
        if (FAILPOINT("journal.recover_ready"))
                return FAULT(-EIO);
        return recover_replace(dir);
}
