/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobd-worker --compact --spool DIR FROM TO: one output file becomes independent zstd frames
 * (proto/spool), beside the plain one, with its group and mode. The plain file goes last, after the
 * new one is synced; a crash anywhere leaves at least one whole file.
 *
 * The spool folder can be written by jobd's group, so nothing in it is believed: both files are
 * opened by the folder's descriptor without following links, the source must be an ordinary file of
 * our own with a single name, the target must not exist.
 *
 * Run by the pool, one at a time, nice 19 and in the idle class of the disk's scheduler.
 */
#include "worker/compact.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "common/error.h"
#include "common/failpoint.h"
#include "common/log.h"

#include "proto/spool.h"

static void compact_be_idle(void)
{
        (void)setpriority(PRIO_PROCESS, 0, 19);
        (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
                      IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

static int compact_open_source(int folder_fd, const char *name, int *out_fd, struct stat *out_st)
{
        _cleanup_(fd_closep) int fd = -1;

        fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return FAULT(-errno);
        if (fstat(fd, out_st) < 0)
                return FAULT(-errno);
        if (!S_ISREG(out_st->st_mode) || out_st->st_nlink != 1 || out_st->st_uid != geteuid())
                return FAULT(-EPERM);
        *out_fd = TAKE_FD(fd);
        return 0;
}

static int compact_write(int folder_fd, int from_fd, const char *to_name, const struct stat *st)
{
        _cleanup_(fd_closep) int fd = -1;
        uint64_t size;
        int r;

        fd = openat(folder_fd, to_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return FAULT(-errno);
        /* The folder's setgid bit has chosen the group already, except in user mode. */
        (void)!fchown(fd, (uid_t)-1, st->st_gid);
        r = fchmod(fd, 0640) < 0 ? FAULT(-errno) : spool_compress(from_fd, fd, &size);
        if (r == 0 && fsync(fd) < 0)
                r = FAULT(-errno);
        if (r)
                (void)unlinkat(folder_fd, to_name, 0);
        return r < 0 ? PASS(r) : r;
}

static int compact_file(const struct options *options)
{
        _cleanup_(fd_closep) int folder_fd = -1;
        _cleanup_(fd_closep) int from_fd = -1;
        struct stat st;
        int r;

        if (strchr(options->from_name, '/') || strchr(options->to_name, '/'))
                return FAULT(-EINVAL);
        folder_fd = open(options->spool_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
                return FAULT(-errno);
        r = compact_open_source(folder_fd, options->from_name, &from_fd, &st);
        if (r)
                return PASS(r);
        /* Left by an attempt that was killed: only a whole file lets the plain one go. */
        (void)unlinkat(folder_fd, options->to_name, 0);
        r = compact_write(folder_fd, from_fd, options->to_name, &st);
        if (r)
                return r < 0 ? PASS(r) : r;
        (void)FAILPOINT("compact-written");
        if (fsync(folder_fd) < 0 || unlinkat(folder_fd, options->from_name, 0) < 0)
                return FAULT(-errno);
        return 0;
}

int compact_run(const struct options *options)
{
        int r;

        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                return 1;
        umask(027);
        compact_be_idle();
        r = compact_file(options);
        if (r)
                log_debug("%s was not compressed%s", options->from_name,
                          r == SPOOL_E_NO_ZSTD ? ": libzstd.so.1 is not installed" : "");
        return r ? 1 : 0;
}
