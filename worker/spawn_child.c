/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new process does before it is the job. The list below is the security of system mode:
 * every step has an order and a reason, every return is checked, and a step that fails ends the
 * child with its name - there is no second choice of folder, user or file.
 *
 * Rules here: only async-signal-safe calls, no malloc, no stdio, no name lookups, nothing that
 * takes a lock. In user mode the child shares its memory with the sleeping worker (vfork), so it
 * must also write to nothing but its own stack and the news. Changes of ids go through raw system
 * calls, because libc's wrappers would look for other threads to change with it.
 *
 * Called by spawn.c only, in the child.
 */
#include "worker/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/failpoint.h"

#include "worker/signals.h"

#define SPAWN_EXIT 125

/* A step returns 0, or -1 with errno. */
typedef int (*spawn_step_fn)(const struct spawn_plan *plan);

struct spawn_step {
        enum spawn_stage stage;
        bool is_system_only;
        spawn_step_fn run;
};

static int child_set_errno(int error)
{
        errno = error;
        return -1;
}

static int child_make_session(_unused_ const struct spawn_plan *plan)
{
        return setsid() < 0 ? -1 : 0;
}

/*
 * The worker has every signal at its default (see signals.c), so only the mask is left to undo.
 * In system mode nothing is left to trust: all are set again.
 */
static int child_reset_signals(const struct spawn_plan *plan)
{
        sigset_t none;

        if (plan->is_system)
                signals_set_default();
        sigemptyset(&none);
        return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child_set_stdio(const struct spawn_plan *plan)
{
        const int in_fd = plan->input_path ? plan->null_fd : plan->in_fd;
        const int out_fd = plan->output_path ? plan->null_fd : plan->out_fd;
        const int err_fd = plan->error_path ? plan->null_fd : plan->err_fd;

        if (dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(err_fd, 2) < 0)
                return -1;
        return 0;
}

/* All are close-on-exec from birth; this catches what a library opened without it. */
static int child_close_descriptors(_unused_ const struct spawn_plan *plan)
{
        if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
                return 0;
        return errno == ENOSYS || errno == EINVAL ? 0 : -1;
}

static int child_reset_oom_score(const struct spawn_plan *plan)
{
        int fd, r;

        if (!plan->reset_oom_score)
                return 0;
        fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -1;
        r = write(fd, "0", 1) == 1 ? 0 : -1;
        close(fd);
        return r;
}

static int child_enter_cgroup(const struct spawn_plan *plan)
{
        if (plan->cgroup_procs_fd < 0)
                return 0;
        return write(plan->cgroup_procs_fd, "0", 1) == 1 ? 0 : -1;
}

/*
 * After the cgroup, whose cpuset bounds it. EINVAL: none of the leased processors is there (any
 * more). The kernel moves running processes off a processor that goes; a new one is not refused.
 */
static int child_set_affinity(const struct spawn_plan *plan)
{
        if (!plan->affinity)
                return 0;
        if (sched_setaffinity(0, plan->affinity_bytes, plan->affinity) < 0 && errno != EINVAL)
                return -1;
        return 0;
}

static int child_set_nice(const struct spawn_plan *plan)
{
        int now;

        if (plan->nice <= 0)
                return 0;
        errno = 0;
        now = getpriority(PRIO_PROCESS, 0);
        if (now == -1 && errno)
                return -1;
        return plan->nice > now ? setpriority(PRIO_PROCESS, 0, plan->nice) : 0;
}

static int child_set_limits(const struct spawn_plan *plan)
{
        for (size_t i = 0; i < plan->limits_count; i++)
                if (setrlimit((__rlimit_resource_t)plan->limits[i].resource,
                              &plan->limits[i].limit) < 0)
                        return -1;
        return 0;
}

static int child_set_umask(const struct spawn_plan *plan)
{
        umask(plan->umask);
        return 0;
}

/* Ambient and inheritable capabilities would survive setresuid and execve. */
static int child_clear_capabilities(_unused_ const struct spawn_plan *plan)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return -1;
        if (prctl(PR_GET_SECUREBITS) != SECUREBITS_DEFAULT &&
            prctl(PR_SET_SECUREBITS, SECUREBITS_DEFAULT) < 0)
                return -1;
        if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
                return -1;
        if (syscall(SYS_capget, &header, data) < 0)
                return -1;
        data[0].inheritable = data[1].inheritable = 0;
        return syscall(SYS_capset, &header, data) < 0 ? -1 : 0;
}

static int child_set_groups(const struct spawn_plan *plan)
{
        return syscall(SYS_setgroups, plan->groups_count, plan->groups) < 0 ? -1 : 0;
}

static int child_set_gid(const struct spawn_plan *plan)
{
        return syscall(SYS_setresgid, plan->gid, plan->gid, plan->gid) < 0 ? -1 : 0;
}

static int child_set_uid(const struct spawn_plan *plan)
{
        return syscall(SYS_setresuid, plan->uid, plan->uid, plan->uid) < 0 ? -1 : 0;
}

static int child_prove_ids(const struct spawn_plan *plan)
{
        uid_t uids[3];
        gid_t gids[3];

        if (syscall(SYS_getresuid, &uids[0], &uids[1], &uids[2]) < 0 ||
            syscall(SYS_getresgid, &gids[0], &gids[1], &gids[2]) < 0)
                return -1;
        for (int i = 0; i < 3; i++)
                if (uids[i] != plan->uid || gids[i] != plan->gid)
                        return child_set_errno(EPERM);
        if (getgroups(0, NULL) != (int)plan->groups_count)
                return child_set_errno(EPERM);
        return 0;
}

/* Nothing may be regained: what succeeds here would succeed in the job. */
static int child_prove(const struct spawn_plan *plan)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];
        const gid_t root_group = 0;

        if (child_prove_ids(plan) < 0)
                return -1;
        if (plan->uid == 0)
                return 0;
        if (syscall(SYS_setresuid, -1, 0, -1) == 0 || syscall(SYS_setreuid, -1, 0) == 0 ||
            syscall(SYS_setuid, 0) == 0 || syscall(SYS_setgroups, 1, &root_group) == 0)
                return child_set_errno(EPERM);
        if (plan->gid != 0 &&
            (syscall(SYS_setresgid, -1, 0, -1) == 0 || syscall(SYS_setgid, 0) == 0))
                return child_set_errno(EPERM);
        if (syscall(SYS_capget, &header, data) < 0)
                return -1;
        for (int i = 0; i < 2; i++)
                if (data[i].effective || data[i].permitted || data[i].inheritable)
                        return child_set_errno(EPERM);
        return 0;
}

/* After setresuid, which clears it. The worker may have died before: then nobody would tell. */
static int child_follow_parent(const struct spawn_plan *plan)
{
        if (!plan->death_signal)
                return 0;
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return -1;
        return getppid() == plan->worker_pid ? 0 : child_set_errno(ESRCH);
}

/* The worker's own session keyring is empty (see worker.c): a system without keys is no danger. */
static int child_join_keyring(_unused_ const struct spawn_plan *plan)
{
        (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
        return 0;
}

static int child_change_folder(const struct spawn_plan *plan)
{
        return chdir(plan->cwd);
}

static bool child_is_null_device(const struct stat *st)
{
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* Opens a file that the user named, with the user's rights, onto descriptor `to`. */
static int child_open_file(const char *path, int flags, int to)
{
        const int fd = open(path, flags | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0666);
        struct stat st;

        if (fd < 0)
                return -1;
        if (fstat(fd, &st) < 0)
                return -1;
        if (S_ISDIR(st.st_mode))
                return child_set_errno(EISDIR);
        if (!S_ISREG(st.st_mode) && !child_is_null_device(&st))
                return child_set_errno(ENXIO);
        if (S_ISREG(st.st_mode) && (flags & O_ACCMODE) == O_WRONLY && !(flags & O_APPEND) &&
            ftruncate(fd, 0) < 0)
                return -1;
        if (fcntl(fd, F_SETFL, flags & O_APPEND) < 0 || dup2(fd, to) < 0)
                return -1;
        close(fd);
        return 0;
}

static int child_open_input(const struct spawn_plan *plan)
{
        return plan->input_path ? child_open_file(plan->input_path, O_RDONLY, 0) : 0;
}

static int child_open_output(const struct spawn_plan *plan)
{
        const int flags = O_WRONLY | O_CREAT | (plan->output_append ? O_APPEND : 0);

        return plan->output_path ? child_open_file(plan->output_path, flags, 1) : 0;
}

static int child_open_error(const struct spawn_plan *plan)
{
        const int flags = O_WRONLY | O_CREAT | (plan->output_append ? O_APPEND : 0);

        if (!plan->error_path)
                return 0;
        if (plan->output_path && strcmp(plan->output_path, plan->error_path) == 0)
                return dup2(1, 2) < 0 ? -1 : 0;
        return child_open_file(plan->error_path, flags, 2);
}

static int child_drop_privileges_for_ever(const struct spawn_plan *plan)
{
        if (plan->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -1;
        return child_close_descriptors(plan);
}

/* clang-format off */
static const struct spawn_step child_steps[] = {
        { SPAWN_STAGE_SESSION,           false, child_make_session },
        { SPAWN_STAGE_SIGNALS,           false, child_reset_signals },
        { SPAWN_STAGE_STDIO,             false, child_set_stdio },
        { SPAWN_STAGE_DESCRIPTORS,       false, child_close_descriptors },
        { SPAWN_STAGE_OOM_SCORE,         true,  child_reset_oom_score },
        { SPAWN_STAGE_CGROUP,            false, child_enter_cgroup },
        { SPAWN_STAGE_AFFINITY,          false, child_set_affinity },
        { SPAWN_STAGE_NICE,              false, child_set_nice },
        { SPAWN_STAGE_LIMITS,            false, child_set_limits },
        { SPAWN_STAGE_UMASK,             false, child_set_umask },
        { SPAWN_STAGE_CAPABILITIES,      true,  child_clear_capabilities },
        { SPAWN_STAGE_GROUPS,            true,  child_set_groups },
        { SPAWN_STAGE_GID,               true,  child_set_gid },
        { SPAWN_STAGE_UID,               true,  child_set_uid },
        { SPAWN_STAGE_PROOF,             true,  child_prove },
        { SPAWN_STAGE_PARENT,            false, child_follow_parent },
        { SPAWN_STAGE_KEYRING,           true,  child_join_keyring },
        { SPAWN_STAGE_CHDIR,             false, child_change_folder },
        { SPAWN_STAGE_INPUT,             false, child_open_input },
        { SPAWN_STAGE_OUTPUT,            false, child_open_output },
        { SPAWN_STAGE_ERROR,             false, child_open_error },
        { SPAWN_STAGE_DESCRIPTORS_AGAIN, true,  child_drop_privileges_for_ever },
};
/* clang-format on */

static void child_tell(struct spawn_news *news, int error_fd)
{
        if (error_fd >= 0)
                (void)!write(error_fd, news, sizeof(*news));
}

/* As a shell would: go on to the next folder of PATH, but remember a file that may not be run. */
static void child_execute(const struct spawn_plan *plan, struct spawn_news *news)
{
        news->error = ENOENT;
        for (unsigned int i = 0; plan->candidates[i]; i++) {
                int error;

                execve(plan->candidates[i], plan->argv, plan->envp);
                error = errno;
                if (error == ENOTDIR)
                        continue;
                if (error == ENOENT) {
                        if (access(plan->candidates[i], F_OK) < 0)
                                continue;
                        news->is_interpreter_missing = 1; /* the file itself is there */
                }
                if (error == EACCES && news->error == EACCES)
                        continue;
                news->error = error;
                news->candidate = i;
                if (error != EACCES)
                        return;
        }
}

_Noreturn void spawn_child_run(const struct spawn_plan *plan, struct spawn_news *news, int error_fd)
{
        for (size_t i = 0; i < ARRAY_SIZE(child_steps); i++) {
                if (child_steps[i].is_system_only && !plan->is_system)
                        continue;
                if (FAILPOINT("spawn-step"))
                        errno = EIO;
                else if (child_steps[i].run(plan) == 0)
                        continue;
                news->stage = child_steps[i].stage;
                news->error = errno;
                child_tell(news, error_fd);
                _exit(SPAWN_EXIT);
        }
        (void)FAILPOINT("spawn-before-exec");
        news->is_hot = 1;
        child_tell(news, error_fd);
        child_execute(plan, news);
        news->stage = SPAWN_STAGE_EXECVE;
        child_tell(news, error_fd);
        _exit(SPAWN_EXIT);
}
