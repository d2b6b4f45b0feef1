/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that holds the database, as far as the journal cares (it was made, and locked against
 * a second daemon, by our caller). Markers are empty files: they must be readable when the database
 * is not.
 *
 *     initialised   a database was made here; without it, a missing jobd.db is a new beginning
 *     suspect       the last run saw an I/O error: recover.c rewrites the database first
 *     accept-loss   made by hand: go on although the high-water file proves a loss (life.c)
 *
 * Everything is done by descriptor of the folder, except by SQLite, which wants a path: it gets the
 * resolved one, because its NOFOLLOW refuses a symbolic link anywhere in it.
 */
#include "daemon/journal/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static int state_dir_judge(const struct state_dir *dir, struct reason *why)
{
        struct stat st;

        if (fstat(dir->fd, &st) < 0)
                return FAULT(-errno);
        if (st.st_uid != geteuid())
                return reason_set(why, STATE_DIR_E_REFUSED,
                                  "the state folder %.120s belongs to uid %u, not to uid %u which "
                                  "runs jobd: chown it or choose another one",
                                  dir->path, (unsigned int)st.st_uid, (unsigned int)geteuid());
        if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
                return reason_set(why, STATE_DIR_E_REFUSED,
                                  "the state folder %.120s is writable by others (mode %04o): "
                                  "chmod it to 0700",
                                  dir->path, (unsigned int)(st.st_mode & 07777));
        if (faccessat(dir->fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
                return reason_set(why, STATE_DIR_E_REFUSED,
                                  "the state folder %.120s cannot be written (%s): mount it "
                                  "writable or choose another one",
                                  dir->path, strerror(errno));
        return 0;
}

int state_dir_open(const char *path, struct state_dir *out_dir, struct reason *why)
{
        struct state_dir dir = { .fd = -1, .path = NULL };
        int r;

        dir.path = realpath(path, NULL);
        if (dir.path)
                dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir.fd < 0)
                r = reason_set(why, STATE_DIR_E_REFUSED,
                               "the state folder %.120s cannot be opened: %s", path,
                               strerror(errno));
        else
                r = state_dir_judge(&dir, why);
        if (r != 0) {
                state_dir_close(&dir);
                return r;
        }
        *out_dir = dir;
        return 0;
}

void state_dir_close(struct state_dir *dir)
{
        dir->fd = fd_close(dir->fd);
        free(TAKE_PTR(dir->path));
}

bool state_dir_has(const struct state_dir *dir, const char *name)
{
        struct stat st;

        return fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

uint64_t state_dir_size_of(const struct state_dir *dir, const char *name)
{
        struct stat st;

        return fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_size : 0;
}

int state_dir_sync(const struct state_dir *dir)
{
        return fsync(dir->fd) < 0 ? FAULT(-errno) : 0;
}

int state_dir_mark(const struct state_dir *dir, const char *name)
{
        _cleanup_(fd_closep) int fd = -1;

        if (state_dir_has(dir, name))
                return 0;
        fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return FAULT(-errno);
        return state_dir_sync(dir);
}

int state_dir_unmark(const struct state_dir *dir, const char *name)
{
        if (unlinkat(dir->fd, name, 0) < 0)
                return errno == ENOENT ? 0 : FAULT(-errno);
        return state_dir_sync(dir);
}

int state_dir_claim_database(const struct state_dir *dir, bool *out_made, struct reason *why)
{
        _cleanup_(fd_closep) int fd = -1;
        struct stat st;

        *out_made = false;
        if (fstatat(dir->fd, STATE_DIR_DATABASE, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                if (S_ISREG(st.st_mode) && st.st_uid == geteuid())
                        return 0;
                return reason_set(why, STATE_DIR_E_REFUSED,
                                  "%.120s/jobd.db is not a plain file of uid %u: move it away",
                                  dir->path, (unsigned int)geteuid());
        }
        if (errno != ENOENT)
                return FAULT(-errno);
        if (state_dir_has(dir, STATE_DIR_INITIALISED))
                return reason_set(why, STATE_DIR_E_REFUSED,
                                  "the database jobd.db is missing from %.120s: restore it, or "
                                  "remove `initialised` there to begin with an empty queue",
                                  dir->path);
        /* A log without its database would be read into the new one. */
        if (state_dir_has(dir, STATE_DIR_WAL) || state_dir_has(dir, STATE_DIR_JOURNAL))
                return reason_set(why, STATE_DIR_E_REFUSED,
                                  "%.120s holds jobd.db-wal or jobd.db-journal without jobd.db: "
                                  "restore the database or move the rest away",
                                  dir->path);
        /* Made here so that it is 0600 whatever the umask; SQLite gives the WAL the same mode. */
        fd = openat(dir->fd, STATE_DIR_DATABASE, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0600);
        if (fd < 0)
                return reason_set(why, STATE_DIR_E_REFUSED,
                                  "the database cannot be made in %.120s: %s", dir->path,
                                  strerror(errno));
        *out_made = true;
        return 0;
}

int state_dir_read_free(const struct state_dir *dir, uint64_t *out_bytes)
{
        struct statvfs st;

        if (fstatvfs(dir->fd, &st) < 0)
                return FAULT(-errno);
        *out_bytes = (uint64_t)st.f_bavail * (uint64_t)st.f_frsize;
        return 0;
}
