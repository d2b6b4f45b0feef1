/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual file system in the sense of SQLite: everything is passed on to the default one, except
 * that reads, writes and syncs of the database or its WAL can be told to fail. Only version 1 of
 * the file methods is offered, which is all that an exclusive connection needs; this also shows
 * that the journal never asks for shared memory.
 */
#include "bad_disk.h"

#include <check.h>
#include <sqlite3.h>
#include <string.h>

struct bad_disk bad_disk;

struct bad_file {
        sqlite3_file face; /* first: SQLite holds its address */
        int is_wal;
        int is_database;
        sqlite3_file *real; /* behind us in the same piece of memory */
};

static sqlite3_vfs bad_vfs;
static sqlite3_vfs *real_vfs;

static struct bad_file *bad_of(sqlite3_file *file)
{
        return (struct bad_file *)(void *)file;
}

static int bad_close(sqlite3_file *file)
{
        return bad_of(file)->real->pMethods->xClose(bad_of(file)->real);
}

static int bad_read(sqlite3_file *file, void *data, int size, sqlite3_int64 at)
{
        struct bad_file *const bad = bad_of(file);
        const int code = bad->is_database ? atomic_load(&bad_disk.database_read) : 0;

        return code ? code : bad->real->pMethods->xRead(bad->real, data, size, at);
}

static int bad_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
        struct bad_file *const bad = bad_of(file);
        int code = 0;

        if (bad->is_wal)
                code = atomic_load(&bad_disk.wal_write);
        else if (bad->is_database)
                code = atomic_load(&bad_disk.database_write);
        return code ? code : bad->real->pMethods->xWrite(bad->real, data, size, at);
}

static int bad_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        return bad_of(file)->real->pMethods->xTruncate(bad_of(file)->real, size);
}

static int bad_sync(sqlite3_file *file, int flags)
{
        struct bad_file *const bad = bad_of(file);
        int code = bad->is_wal ? atomic_load(&bad_disk.wal_sync) : 0;

        if (!code)
                code = bad->real->pMethods->xSync(bad->real, flags);
        if (!code && bad->is_wal)
                atomic_fetch_add(&bad_disk.wal_syncs, 1);
        return code;
}

static int bad_size(sqlite3_file *file, sqlite3_int64 *out_size)
{
        return bad_of(file)->real->pMethods->xFileSize(bad_of(file)->real, out_size);
}

static int bad_lock(sqlite3_file *file, int lock)
{
        return bad_of(file)->real->pMethods->xLock(bad_of(file)->real, lock);
}

static int bad_unlock(sqlite3_file *file, int lock)
{
        return bad_of(file)->real->pMethods->xUnlock(bad_of(file)->real, lock);
}

static int bad_check(sqlite3_file *file, int *out_held)
{
        return bad_of(file)->real->pMethods->xCheckReservedLock(bad_of(file)->real, out_held);
}

static int bad_control(sqlite3_file *file, int op, void *arg)
{
        return bad_of(file)->real->pMethods->xFileControl(bad_of(file)->real, op, arg);
}

static int bad_sector(sqlite3_file *file)
{
        return bad_of(file)->real->pMethods->xSectorSize(bad_of(file)->real);
}

static int bad_device(sqlite3_file *file)
{
        return bad_of(file)->real->pMethods->xDeviceCharacteristics(bad_of(file)->real);
}

static const sqlite3_io_methods bad_methods = {
        .iVersion = 1,
        .xClose = bad_close,
        .xRead = bad_read,
        .xWrite = bad_write,
        .xTruncate = bad_truncate,
        .xSync = bad_sync,
        .xFileSize = bad_size,
        .xLock = bad_lock,
        .xUnlock = bad_unlock,
        .xCheckReservedLock = bad_check,
        .xFileControl = bad_control,
        .xSectorSize = bad_sector,
        .xDeviceCharacteristics = bad_device,
};

static int bad_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *out_flags)
{
        struct bad_file *const bad = bad_of(file);
        int code;

        (void)vfs;
        bad->real = (sqlite3_file *)(void *)(bad + 1);
        bad->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
        bad->is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
        code = real_vfs->xOpen(real_vfs, name, bad->real, flags, out_flags);
        bad->face.pMethods = bad->real->pMethods ? &bad_methods : NULL;
        return code;
}

void bad_disk_install(void)
{
        real_vfs = sqlite3_vfs_find(NULL);
        ck_assert_ptr_nonnull(real_vfs);
        bad_vfs = *real_vfs;
        bad_vfs.zName = "bad disk";
        bad_vfs.szOsFile = (int)sizeof(struct bad_file) + real_vfs->szOsFile;
        bad_vfs.xOpen = bad_open;
        ck_assert_int_eq(sqlite3_vfs_register(&bad_vfs, 1), SQLITE_OK);
}
