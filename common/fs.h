/* SPDX-License-Identifier: Apache-2.0 */
/* Folders whose owner is checked, lock files, small files: what the three programs share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"

enum fs_answer {
        FS_E_REFUSED = 1, /* not ours, too open, not a folder: the reason says */
        FS_E_LOCKED,      /* somebody else holds the lock */
        FS_E_ABSENT,
};

/*
 * Opens `path` as a folder (O_NOFOLLOW for the last step), making it and its parents with `mode`
 * when absent; a new one gets exactly `mode` and, when we are root, `owner`. Refuses one that is
 * not owned by `owner` or is writable by group or others beyond `mode`. *out_fd is CLOEXEC.
 * 0, FS_E_REFUSED with the reason (also for a path that cannot be made or opened), or a fault.
 */
_must_use_ int fs_open_folder(const char *path, mode_t mode, uid_t owner, int *out_fd,
                              struct reason *why);
/*
 * Opens (making it, 0600) and locks `name` in the folder with an fcntl(2) write lock on its first
 * byte, which ends with this process and is not inherited. FS_E_LOCKED when held. Closing any
 * descriptor of the file drops the lock: keep *out_fd, and open the file nowhere else.
 */
_must_use_ int fs_lock_file(int folder_fd, const char *name, bool wait, int *out_fd);
/*
 * Is the lock of fs_lock_file() held by another process? 1 yes, 0 no (or no file), or a fault.
 * Never for the holder to call: it sees no lock of its own, and would drop it by asking.
 */
_must_use_ int fs_is_locked(int folder_fd, const char *name);
/*
 * Reads the whole file; NUL-terminated, owned by the caller; *out_size (may be NULL) is without the
 * NUL. folder_fd may be AT_FDCWD. 0, FS_E_ABSENT, or a fault (-EFBIG beyond `max` bytes).
 */
_must_use_ int fs_read_file(int folder_fd, const char *name, size_t max, char **out_text,
                            size_t *out_size);
/*
 * Writes a new file beside `name` (no '/' in it), syncs it, renames it over and syncs the folder:
 * after a crash the old file is there or the new one. Exactly `mode`, whatever the umask.
 */
_must_use_ int fs_replace_file(int folder_fd, const char *name, const void *data, size_t size,
                               mode_t mode);
/* All bytes or a fault; EINTR is retried. For regular files and blocking descriptors only. */
_must_use_ int fs_write_all(int fd, const void *data, size_t size);
/* printf into a new string, owned by the caller; NULL when memory ends. */
char *fs_path(const char *fmt, ...) _printf_(1, 2);
