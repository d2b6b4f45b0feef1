/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/stat. One line, made by the kernel without looking at the process's memory, so reading
 * it waits for nobody. The name in it may hold spaces and brackets: the fields begin behind the
 * last one. A number is only this process as long as it is not reaped: who must be sure asks again
 * after having opened a pidfd.
 *
 * Used by jobd for those who hold locks, by the client for itself, and by the worker (tree.c).
 */
#include "common/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define PROCESS_LINE_MAX 1024U

bool process_read_stat(pid_t pid, struct process_stat *out_stat)
{
        char path[32], text[PROCESS_LINE_MAX];
        _cleanup_(fd_closep) int fd = -1;
        struct process_stat stat;
        char *begin, *end;
        ssize_t size;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (size <= 0)
                return false;
        text[size] = '\0';
        begin = strchr(text, '(');
        end = strrchr(text, ')');
        if (!begin || !end || end < begin)
                return false;
        *end = '\0';
        snprintf(stat.name, sizeof(stat.name), "%s", begin + 1);
        if (sscanf(end + 1,
                   " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d"
                   " %" SCNu64,
                   &stat.state, &stat.parent, &stat.group, &stat.session, &stat.start_ticks) != 5)
                return false;
        *out_stat = stat;
        return true;
}

uint64_t process_read_start(pid_t pid)
{
        struct process_stat stat;

        return process_read_stat(pid, &stat) ? stat.start_ticks : 0;
}
