/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds and signals all processes of a job without a cgroup. Worker and pool are subreapers, so a
 * process whose parent died becomes a direct child of one of them, however often it forked and
 * called setsid.
 *
 * A number is only a process as long as that process is not reaped. Direct children are safe: only
 * we reap them. Killing therefore goes through direct children alone, level by level. For other
 * signals the deeper ones are needed too; those are taken by pidfd, and the chain of parents up to
 * us is read again after the pidfd was opened, so that a number that changed hands is not used.
 *
 * Called by runner.c and pool_dead.c. Where there is a cgroup, cgroup.c is used instead.
 */
#include "worker/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process.h"

#define TREE_DEPTH_MAX 256
#define TREE_STOP_ROUNDS 8

static ssize_t tree_read_file(const char *path, char *text, size_t size)
{
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -1;
        n = read(fd, text, size - 1);
        if (n >= 0)
                text[n] = '\0';
        return n;
}

static size_t tree_parse_pids(const char *text, pid_t *pids, size_t count, size_t max)
{
        for (char *end; count < max; text = end) {
                const long pid = strtol(text, &end, 10);

                if (end == text || pid <= 0)
                        break;
                pids[count++] = (pid_t)pid;
        }
        return count;
}

/* Appends the children of `pid` (its main thread's; jobs with forking threads are met by depth). */
static size_t tree_append_children(pid_t pid, pid_t *pids, size_t count, size_t max)
{
        char path[64];
        _cleanup_(freep) char *text = malloc(TREE_CHILDREN_MAX * 8);
        DIR *tasks;
        const struct dirent *entry;

        snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
        tasks = text ? opendir(path) : NULL;
        if (!tasks)
                return count;
        while ((entry = readdir(tasks))) {
                char file[sizeof(path) + sizeof(entry->d_name) + 16];

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(file, sizeof(file), "%s/%s/children", path, entry->d_name);
                if (tree_read_file(file, text, TREE_CHILDREN_MAX * 8) > 0)
                        count = tree_parse_pids(text, pids, count, max);
        }
        closedir(tasks);
        return count;
}

size_t tree_list_children(pid_t *out_pids, size_t max)
{
        return tree_append_children(getpid(), out_pids, 0, max);
}

/* All descendants, parents before children. */
static size_t tree_list_descendants(pid_t *pids, size_t max)
{
        size_t count = tree_list_children(pids, max);

        for (size_t i = 0; i < count; i++)
                count = tree_append_children(pids[i], pids, count, max);
        return count;
}

static bool tree_is_descendant(pid_t pid)
{
        const pid_t self = getpid();
        struct process_stat st;

        for (int depth = 0; depth < TREE_DEPTH_MAX && pid > 1; depth++) {
                if (!process_read_stat(pid, &st))
                        return false;
                if (st.parent == self)
                        return true;
                pid = st.parent;
        }
        return false;
}

static int tree_open_pid(pid_t pid)
{
        return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int tree_send(int pid_fd, int signo)
{
        return (int)syscall(SYS_pidfd_send_signal, pid_fd, signo, NULL, 0);
}

/* Signals one descendant outside the group; false when it had it already or is not ours. */
static bool tree_signal_one(pid_t pid, pid_t group, int signo)
{
        _cleanup_(fd_closep) int pid_fd = tree_open_pid(pid);
        struct process_stat st;

        if (pid_fd < 0 || !process_read_stat(pid, &st) || st.group == group)
                return false;
        if (!tree_is_descendant(pid))
                return false;
        /* If it lives until now, everything read above was about it. */
        return tree_send(pid_fd, signo) == 0;
}

static bool tree_is_listed(const pid_t *pids, size_t count, pid_t pid)
{
        for (size_t i = 0; i < count; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}

void tree_signal(pid_t leader, int signo)
{
        _cleanup_(freep) pid_t *pids = calloc(2 * TREE_CHILDREN_MAX, sizeof(*pids));
        pid_t *seen = pids ? pids + TREE_CHILDREN_MAX : NULL;
        size_t seen_count = 0;

        kill(-leader, signo);
        if (!pids)
                return;
        /* A tree that is being stopped grows until its last member stands still. */
        for (int round = 0; round < (signo == SIGSTOP ? TREE_STOP_ROUNDS : 1); round++) {
                const size_t count = tree_list_descendants(pids, TREE_CHILDREN_MAX);
                bool is_new = false;

                for (size_t i = 0; i < count; i++) {
                        if (tree_is_listed(seen, seen_count, pids[i]))
                                continue;
                        is_new |= tree_signal_one(pids[i], leader, signo);
                        if (seen_count < TREE_CHILDREN_MAX)
                                seen[seen_count++] = pids[i];
                }
                if (!is_new)
                        return;
        }
}

size_t tree_kill_children(bool (*is_ours)(void *arg, pid_t pid), void *arg)
{
        _cleanup_(freep) pid_t *pids = calloc(TREE_CHILDREN_MAX, sizeof(*pids));
        size_t killed = 0, count;

        if (!pids)
                return 0;
        count = tree_list_children(pids, TREE_CHILDREN_MAX);
        for (size_t i = 0; i < count; i++)
                if ((!is_ours || is_ours(arg, pids[i])) && kill(pids[i], SIGKILL) == 0)
                        killed++;
        return killed;
}

void tree_describe_children(char *out_text, size_t size)
{
        pid_t pids[4];
        const size_t count = tree_list_children(pids, ARRAY_SIZE(pids));
        size_t used = 0;

        out_text[0] = '\0';
        for (size_t i = 0; i < count && used < size; i++) {
                struct process_stat st = { .name = "?" };
                int n;

                (void)process_read_stat(pids[i], &st);
                n = snprintf(out_text + used, size - used, "%s%s (%d)", i ? ", " : "", st.name,
                             (int)pids[i]);
                if (n > 0)
                        used += (size_t)n;
        }
}

static bool tree_is_left_over(pid_t pid, pid_t leader, uid_t uid, uint64_t not_before_ticks)
{
        char path[64];
        struct process_stat st;
        struct stat owner;

        snprintf(path, sizeof(path), "/proc/%d", (int)pid);
        /* A zombie waits for its parent, whoever that is: nothing of it runs. */
        return process_read_stat(pid, &st) && st.state != 'Z' && st.session == leader &&
               st.start_ticks >= not_before_ticks && stat(path, &owner) == 0 && owner.st_uid == uid;
}

size_t tree_kill_session(pid_t leader, uid_t uid, uint64_t not_before_usec)
{
        const uint64_t ticks_per_sec = (uint64_t)sysconf(_SC_CLK_TCK);
        const uint64_t ticks = not_before_usec * ticks_per_sec / USEC_PER_SEC;
        /* The kernel rounds a start down to a tick. */
        const uint64_t not_before_ticks = ticks ? ticks - 1 : 0;
        size_t killed = 0;
        DIR *proc = opendir("/proc");
        const struct dirent *entry;

        while (proc && (entry = readdir(proc))) {
                const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

                if (pid <= 1 || pid == getpid())
                        continue;
                if (!tree_is_left_over(pid, leader, uid, not_before_ticks))
                        continue;
                _cleanup_(fd_closep) int pid_fd = tree_open_pid(pid);
                if (pid_fd >= 0 && tree_is_left_over(pid, leader, uid, not_before_ticks) &&
                    tree_send(pid_fd, SIGKILL) == 0)
                        killed++;
        }
        if (proc)
                closedir(proc);
        return killed;
}
