/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's half of a start. Two ways to make the child:
 *
 *   user mode    vfork: the child borrows our memory while we sleep, so a start costs the same from
 *                a big process as from a small one, and its news come through that memory. The
 *                child belongs to the same user as we do: it cannot be stopped by anybody who could
 *                not stop us. A file of the job's on a file system that hangs holds us up with it;
 *                the pool then replaces us.
 *   system mode  fork: between setresuid and execve the child can be stopped by its user, so it
 *                gets memory of its own and its news come through a pipe that is read with a
 *                time-out. EOF without the hot message means that it never came as far as execve.
 *
 * Promises: *out_result says truly whether execve happened; a child that exists is never forgotten
 * (pid > 0 must be reaped by the caller, who owns all waiting). Nothing here knows of leases.
 *
 * Called by runner.c.
 */
#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#include "worker/spawn_child.h"

/* clang-format off */
static const char *const spawn_stage_names[] = {
        [SPAWN_STAGE_NONE]              = "none",
        [SPAWN_STAGE_PREPARE]           = "prepare",
        [SPAWN_STAGE_SESSION]           = "session",
        [SPAWN_STAGE_SIGNALS]           = "signals",
        [SPAWN_STAGE_STDIO]             = "stdio",
        [SPAWN_STAGE_DESCRIPTORS]       = "descriptors",
        [SPAWN_STAGE_OOM_SCORE]         = "oom-score",
        [SPAWN_STAGE_CGROUP]            = "cgroup",
        [SPAWN_STAGE_AFFINITY]          = "affinity",
        [SPAWN_STAGE_NICE]              = "nice",
        [SPAWN_STAGE_LIMITS]            = "limits",
        [SPAWN_STAGE_UMASK]             = "umask",
        [SPAWN_STAGE_CAPABILITIES]      = "capabilities",
        [SPAWN_STAGE_GROUPS]            = "groups",
        [SPAWN_STAGE_GID]               = "gid",
        [SPAWN_STAGE_UID]               = "uid",
        [SPAWN_STAGE_PROOF]             = "proof",
        [SPAWN_STAGE_PARENT]            = "parent",
        [SPAWN_STAGE_KEYRING]           = "keyring",
        [SPAWN_STAGE_CHDIR]             = "chdir",
        [SPAWN_STAGE_INPUT]             = "input",
        [SPAWN_STAGE_OUTPUT]            = "output",
        [SPAWN_STAGE_ERROR]             = "error",
        [SPAWN_STAGE_DESCRIPTORS_AGAIN] = "descriptors-again",
        [SPAWN_STAGE_EXECVE]            = "execve",
        [SPAWN_STAGE_TIMEOUT]           = "timeout",
        [SPAWN_STAGE_DIED]              = "died",
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(spawn_stage_names) == SPAWN_STAGE_COUNT, "a stage without a name");

const char *spawn_stage_name(enum spawn_stage stage)
{
        return spawn_stage_names[stage];
}

static void spawn_judge(const struct spawn_plan *plan, const struct spawn_news *news,
                        struct spawn_result *result)
{
        if (news->stage == SPAWN_STAGE_NONE && news->is_hot)
                return;
        result->stage = news->stage ? news->stage : SPAWN_STAGE_DIED;
        result->error = news->error;
        if (news->stage == SPAWN_STAGE_EXECVE) {
                result->candidate = plan->candidates[news->candidate];
                result->is_interpreter_missing = news->is_interpreter_missing;
        }
}

/* Alone in its function: nothing of this frame may live in a register that the child changes. */
static __attribute__((noinline)) pid_t spawn_vfork(const struct spawn_plan *plan,
                                                   struct spawn_news *news)
{
        const pid_t pid = vfork();

        if (pid == 0)
                spawn_child_run(plan, news, -1);
        return pid;
}

static void spawn_as_ourselves(const struct spawn_plan *plan, struct spawn_result *result)
{
        struct spawn_news news = { .stage = SPAWN_STAGE_NONE };
        const pid_t pid = spawn_vfork(plan, &news);

        if (pid < 0) {
                result->stage = SPAWN_STAGE_PREPARE;
                result->error = errno;
                return;
        }
        result->pid = pid;
        spawn_judge(plan, &news, result);
}

/* Reads messages until EOF. False: the time is over. */
static bool spawn_read_news(int fd, uint64_t timeout_usec, struct spawn_news *out_news)
{
        const uint64_t deadline = clock_mono_usec() + timeout_usec;

        for (;;) {
                struct spawn_news news;
                struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
                const uint64_t now = clock_mono_usec();
                ssize_t n;
                int r;

                if (now >= deadline)
                        return false;
                r = poll(&poll_fd, 1, (int)((deadline - now) / USEC_PER_MSEC + 1));
                if (r <= 0)
                        continue;
                n = read(fd, &news, sizeof(news));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n != (ssize_t)sizeof(news))
                        return true;
                memcpy(out_news, &news, sizeof(news));
        }
}

static void spawn_as_user(const struct spawn_plan *plan, struct spawn_result *result)
{
        struct spawn_news news = { .stage = SPAWN_STAGE_NONE };
        _cleanup_(fd_closep) int read_fd = -1;
        int fds[2];
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0) {
                result->stage = SPAWN_STAGE_PREPARE;
                result->error = errno;
                return;
        }
        read_fd = fds[0];
        pid = fork();
        if (pid == 0)
                spawn_child_run(plan, &news, fds[1]);
        close(fds[1]);
        if (pid < 0) {
                result->stage = SPAWN_STAGE_PREPARE;
                result->error = errno;
                return;
        }
        result->pid = pid;
        if (spawn_read_news(read_fd, plan->timeout_usec ? plan->timeout_usec : SPAWN_TIMEOUT_USEC,
                            &news)) {
                spawn_judge(plan, &news, result);
                return;
        }
        /* Not reaped yet, so the number is still its own. */
        kill(pid, SIGKILL);
        result->stage = SPAWN_STAGE_TIMEOUT;
        result->error = ETIMEDOUT;
}

void spawn_process(const struct spawn_plan *plan, struct spawn_result *out_result)
{
        *out_result = (struct spawn_result){ .pid = -1 };
        if (plan->is_system)
                spawn_as_user(plan, out_result);
        else
                spawn_as_ourselves(plan, out_result);
}

char **spawn_list_candidates(const char *file, const char *path)
{
        const size_t file_size = strlen(file) + 1;
        size_t count = 1;
        char **list, *text;
        size_t n = 0;

        if (strchr(file, '/'))
                path = NULL;
        for (const char *p = path; p && *p; p++)
                count += *p == ':';
        list = malloc((count + 1) * sizeof(*list) + count * (file_size + 1) +
                      (path ? strlen(path) : 0) + 1);
        if (!list)
                return NULL;
        text = (char *)(list + count + 1);
        do {
                const size_t folder_size = path ? strcspn(path, ":") : 0;

                list[n++] = text;
                if (folder_size) {
                        text = (char *)mempcpy(text, path, folder_size);
                        *text++ = '/';
                }
                text = (char *)mempcpy(text, file, file_size);
                path = path && path[folder_size] ? path + folder_size + 1 : NULL;
        } while (path);
        list[n] = NULL;
        return list;
}
