/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders whose owner is checked, lock files, small files.
 *
 * A folder is opened once, judged by its descriptor (so that nothing can be swapped between the
 * look and the use), and everything inside is reached through that descriptor.
 *
 * Locks are the classic fcntl(2) ones: they belong to the process, end with it however it dies, and
 * a child does not inherit them - which is what makes "is the lock held" mean "is that very process
 * alive". Their price: the process loses the lock when it closes *any* descriptor of the file, and
 * never sees its own lock as held. So a lock file is opened here only, by the process that keeps
 * it, and fs_is_locked() must never be called by the holder.
 *
 * These calls block on the disk: in jobd they belong before the loop or on the journal thread.
 */
#include "common/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/failpoint.h"

#define FS_READ_FIRST 4096

/* A path that cannot be had is for people to mend; what is wrong with the machine is a fault. */
static int fs_refuse(struct reason *why, int error, const char *what, const char *path)
{
        static const int faults[] = { ENOMEM, EMFILE, ENFILE, EIO };

        for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
                if (error == faults[i])
                        return FAULT(-error);
        return reason_set(why, FS_E_REFUSED, "cannot %s folder %s: %s", what, path,
                          strerrordesc_np(error));
}

/*
 * Makes the folder at `path` and those above it. *out_made: the last one is new. `path` is changed
 * while it runs and restored.
 */
static int fs_make_folders(char *path, mode_t mode, bool *out_made, struct reason *why)
{
        char *end = path;

        *out_made = false;
        do {
                char kept;
                int error = 0;

                end += strspn(end, "/");
                end += strcspn(end, "/");
                kept = *end;
                *end = '\0';
                if (mkdir(path, mode) < 0)
                        error = errno;
                /* Above what exists we need no rights: only a missing folder counts. */
                if (error && error != EEXIST && access(path, F_OK) < 0)
                        return fs_refuse(why, error, "make", path);
                *out_made = !error;
                *end = kept;
        } while (*end);
        return 0;
}

/* Gives a folder that we have just made the owner and the mode that the umask may have kept. */
static int fs_settle_folder(int fd, const char *path, mode_t mode, uid_t owner, struct reason *why)
{
        if (owner != geteuid() && fchown(fd, owner, (gid_t)-1) < 0)
                return fs_refuse(why, errno, "give away", path);
        if (fchmod(fd, mode) < 0)
                return fs_refuse(why, errno, "set the mode of", path);
        return 0;
}

static int fs_judge_folder(int fd, const char *path, mode_t mode, uid_t owner, struct reason *why)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return FAULT(-errno);
        if (st.st_uid != owner)
                return reason_set(why, FS_E_REFUSED,
                                  "folder %s belongs to uid %u, not to uid %u; give it back (chown "
                                  "%u) or choose another one",
                                  path, st.st_uid, owner, owner);
        if (st.st_mode & ~mode & (S_IWGRP | S_IWOTH))
                return reason_set(why, FS_E_REFUSED,
                                  "folder %s can be written by others (mode %04o); chmod it to "
                                  "%04o",
                                  path, st.st_mode & 07777U, mode);
        return 0;
}

int fs_open_folder(const char *path, mode_t mode, uid_t owner, int *out_fd, struct reason *why)
{
        _cleanup_(freep) char *plain = strdup(path);
        _cleanup_(fd_closep) int fd = -1;
        bool made = false;
        size_t length;
        int r;

        if (!plain)
                return FAULT(-ENOMEM);
        /* With a slash at its end even O_NOFOLLOW follows the last step. */
        for (length = strlen(plain); length > 1 && plain[length - 1] == '/'; length--)
                plain[length - 1] = '\0';
        if (length == 0)
                return reason_set(why, FS_E_REFUSED, "the name of a folder is empty");
        r = fs_make_folders(plain, mode, &made, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        fd = open(plain, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
                return reason_set(why, FS_E_REFUSED, "%s is not a folder", plain);
        if (fd < 0) {
                r = fs_refuse(why, errno, "open", plain);
                return r < 0 ? PASS(r) : r;
        }
        if (made) {
                r = fs_settle_folder(fd, plain, mode, owner, why);
                if (r)
                        return r < 0 ? PASS(r) : r;
        }
        r = fs_judge_folder(fd, plain, mode, owner, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        *out_fd = TAKE_FD(fd);
        return 0;
}

static struct flock fs_lock_region(void)
{
        return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
}

int fs_lock_file(int folder_fd, const char *name, bool wait, int *out_fd)
{
        _cleanup_(fd_closep) int fd = -1;
        struct flock region = fs_lock_region();
        int r;

        fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (fd < 0)
                return FAULT(-errno);
        do
                r = fcntl(fd, wait ? F_SETLKW : F_SETLK, &region);
        while (r < 0 && errno == EINTR);
        if (r < 0 && (errno == EAGAIN || errno == EACCES))
                return FS_E_LOCKED;
        if (r < 0)
                return FAULT(-errno);
        *out_fd = TAKE_FD(fd);
        return 0;
}

int fs_is_locked(int folder_fd, const char *name)
{
        _cleanup_(fd_closep) int fd = -1;
        struct flock region = fs_lock_region();

        /* To ask needs no right to write. */
        fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT ? 0 : FAULT(-errno);
        if (fcntl(fd, F_GETLK, &region) < 0)
                return FAULT(-errno);
        return region.l_type != F_UNLCK;
}

/* Reads to the end into *text, which grows; one byte stays free for the NUL. */
static int fs_read_all(int fd, size_t max, char **text, size_t *out_size)
{
        size_t size = 0, room = MIN(max, (size_t)FS_READ_FIRST) + 1;

        for (;;) {
                char *bigger = realloc(*text, room + 1);
                ssize_t n;

                if (!bigger)
                        return FAULT(-ENOMEM);
                *text = bigger;
                n = read(fd, *text + size, room - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return FAULT(-errno);
                if (n == 0)
                        break;
                size += (size_t)n;
                /* There is always room for one byte more than allowed, so that it is seen. */
                if (size > max)
                        return FAULT(-EFBIG);
                if (size == room)
                        room = MIN(2 * room, max + 1);
        }
        (*text)[size] = '\0';
        *out_size = size;
        return 0;
}

int fs_read_file(int folder_fd, const char *name, size_t max, char **out_text, size_t *out_size)
{
        _cleanup_(fd_closep) int fd = -1;
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        int r;

        fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT ? FS_E_ABSENT : FAULT(-errno);
        r = fs_read_all(fd, MIN(max, SIZE_MAX / 4), &text, &size);
        if (r)
                return PASS(r);
        *out_text = TAKE_PTR(text);
        if (out_size)
                *out_size = size;
        return 0;
}

static int fs_write_new(int folder_fd, const char *name, const void *data, size_t size, mode_t mode)
{
        _cleanup_(fd_closep) int fd = -1;
        int r;

        fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return FAULT(-errno);
        r = fs_write_all(fd, data, size);
        if (r)
                return PASS(r);
        /* open(2) would have taken the umask off. */
        if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
                return FAULT(-errno);
        return 0;
}

int fs_replace_file(int folder_fd, const char *name, const void *data, size_t size, mode_t mode)
{
        /* One for each process: two writers may race for the name, not inside one file. */
        _cleanup_(freep) char *fresh = fs_path(".%s.%d.new", name, (int)getpid());
        int r;

        if (strchr(name, '/'))
                return FAULT(-EINVAL);
        if (!fresh)
                return FAULT(-ENOMEM);
        /* Left by a process of the same number that died right here. */
        if (unlinkat(folder_fd, fresh, 0) < 0 && errno != ENOENT)
                return FAULT(-errno);
        r = fs_write_new(folder_fd, fresh, data, size, mode);
        if (r == 0 && FAILPOINT("fs-replace-written"))
                r = FAULT(-EIO);
        if (r == 0 && renameat(folder_fd, fresh, folder_fd, name) < 0)
                r = FAULT(-errno);
        if (r) {
                unlinkat(folder_fd, fresh, 0);
                return PASS(r);
        }
        if (fsync(folder_fd) < 0)
                return FAULT(-errno);
        return 0;
}

int fs_write_all(int fd, const void *data, size_t size)
{
        const char *p = data;

        while (size) {
                const ssize_t n = write(fd, p, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return FAULT(-errno);
                p += n;
                size -= (size_t)n;
        }
        return 0;
}

char *fs_path(const char *fmt, ...)
{
        char *path = NULL;
        va_list args;
        int n;

        va_start(args, fmt);
        n = vasprintf(&path, fmt, args);
        va_end(args);
        return n < 0 ? NULL : path;
}
