/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups (version 2 only), used when they were delegated to us: systemd marks such a group
 * with the attribute trusted.delegate or user.delegate, and nothing else is taken for permission -
 * a root shell may write everywhere, but the session it runs in is not ours to rearrange. The
 * managers of users set no such mark (252): there the unit says it by --delegated.
 *
 *    <delegated>/pool/                  the pool and its workers: inner nodes hold no processes
 *    <delegated>/u1000/                 a user: cpu.weight. Made with the first job or weight, and
 *                                       never removed by us: its weight must stay with it
 *    <delegated>/u1000/j17.0.1/         one attempt: memory.max, pids.max, exact usage
 *
 * cgroup.kill ends every process of an attempt in one write, whatever it forks meanwhile. A worker
 * that dies leaves the folder; the pool finds it by the numbers in the record.
 *
 * What a kernel lacks (memory.peak before 5.19, a controller that did not reach us) is left out
 * without a word, except that a memory limit which cannot be set is a fault: the job must not run
 * without it.
 */
#include "worker/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "common/fs.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_FILE_MAX 65536
/* Groups cost the kernel memory: so many of them, whatever users jobd names. */
#define CGROUP_GROUPS_MAX "65536"

static const char *const cgroup_controllers[] = { "+memory", "+pids", "+cpu", "+io" };

static int cgroup_write(int folder_fd, const char *name, const char *text)
{
        _cleanup_(fd_closep) int fd = openat(folder_fd, name, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* The file's text, or NULL. */
static char *cgroup_read(int folder_fd, const char *name)
{
        char *text;

        return fs_read_file(folder_fd, name, CGROUP_FILE_MAX, &text, NULL) == 0 ? text : NULL;
}

/* ------------------------------------------------------------------------------------ the pool */

/* The path behind "0::" in /proc/self/cgroup, in a leaf of ours its parent. */
static int cgroup_find_own(char **out_path)
{
        _cleanup_(freep) char *text = NULL;
        char *line, *end, *slash;
        int r;

        r = fs_read_file(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_MAX, &text, NULL);
        if (r)
                return CGROUP_E_ABSENT;
        line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
        if (!line)
                return CGROUP_E_ABSENT;
        line = strchr(line, '/');
        if (!line)
                return CGROUP_E_ABSENT;
        end = strchr(line, '\n');
        if (end)
                *end = '\0';
        slash = strrchr(line, '/');
        /* A pool that runs its program anew is in the leaf already. */
        if (slash != line && strcmp(slash, "/pool") == 0)
                *slash = '\0';
        *out_path = fs_path("%s%s", CGROUP_ROOT, line);
        return *out_path ? 0 : FAULT(-ENOMEM);
}

static bool cgroup_is_delegated(const char *path)
{
        static const char *const names[] = { "trusted.delegate", "user.delegate" };
        char value[8];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const ssize_t n = getxattr(path, names[i], value, sizeof(value));

                if (n == 1 && value[0] == '1')
                        return true;
        }
        return false;
}

static bool cgroup_is_version_2(const char *path)
{
        struct statfs st;

        return statfs(path, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

static int cgroup_enter_leaf(int folder_fd)
{
        int r;

        if (mkdirat(folder_fd, "pool", 0755) < 0 && errno != EEXIST)
                return CGROUP_E_ABSENT;
        r = cgroup_write(folder_fd, "pool/cgroup.procs", "0");
        return r ? CGROUP_E_ABSENT : 0;
}

int cgroup_settle(bool is_delegated, char **out_path)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(fd_closep) int folder_fd = -1;
        int r;

        r = cgroup_find_own(&path);
        if (r)
                return r < 0 ? PASS(r) : r;
        if (!cgroup_is_version_2(path) || (!is_delegated && !cgroup_is_delegated(path)))
                return CGROUP_E_ABSENT;
        folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0 || faccessat(folder_fd, "cgroup.kill", W_OK, AT_EACCESS) < 0)
                return CGROUP_E_ABSENT;
        r = cgroup_enter_leaf(folder_fd);
        if (r)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(cgroup_controllers); i++)
                (void)cgroup_write(folder_fd, "cgroup.subtree_control", cgroup_controllers[i]);
        (void)cgroup_write(folder_fd, "cgroup.max.descendants", CGROUP_GROUPS_MAX);
        *out_path = TAKE_PTR(path);
        return 0;
}

/* ---------------------------------------------------------------------------------- the worker */

void cgroup_job_init(struct cgroup_job *job)
{
        *job = (struct cgroup_job){ .base_fd = -1, .folder_fd = -1, .procs_fd = -1 };
}

bool cgroup_job_is_open(const struct cgroup_job *job)
{
        return job->folder_fd >= 0;
}

static int cgroup_make_user(int base_fd, uid_t uid)
{
        _cleanup_(fd_closep) int fd = -1;
        char name[32];

        snprintf(name, sizeof(name), "u%" PRIu32, (uint32_t)uid);
        if (mkdirat(base_fd, name, 0755) < 0)
                return errno == EEXIST ? 0 : FAULT(-errno);
        fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return FAULT(-errno);
        for (size_t i = 0; i < ARRAY_SIZE(cgroup_controllers); i++)
                (void)cgroup_write(fd, "cgroup.subtree_control", cgroup_controllers[i]);
        return 0;
}

static int cgroup_set_limits(int folder_fd, const struct cgroup_limits *limits)
{
        char number[32];
        int r;

        if (limits->memory_bytes) {
                snprintf(number, sizeof(number), "%" PRIu64,
                         MAX(limits->memory_bytes, (uint64_t)CGROUP_MEMORY_MIN_BYTES));
                r = cgroup_write(folder_fd, "memory.max", number);
                if (r)
                        return FAULT(r);
                (void)cgroup_write(folder_fd, "memory.swap.max", "0");
                (void)cgroup_write(folder_fd, "memory.oom.group", "1");
        }
        if (limits->tasks_max != UINT64_MAX) {
                snprintf(number, sizeof(number), "%" PRIu64, limits->tasks_max);
                r = cgroup_write(folder_fd, "pids.max", number);
                if (r && r != -ENOENT)
                        return FAULT(r);
        }
        return 0;
}

static void cgroup_job_name(char *out_name, size_t size, uid_t uid, uint64_t id, uint64_t task,
                            uint32_t attempt)
{
        snprintf(out_name, size, "u%" PRIu32 "/j%" PRIu64 ".%" PRIu64 ".%" PRIu32, (uint32_t)uid,
                 id, task, attempt);
}

int cgroup_job_open(struct cgroup_job *job, int base_fd, uid_t uid, uint64_t id, uint64_t task,
                    uint32_t attempt, const struct cgroup_limits *limits)
{
        int r;

        job->base_fd = base_fd;
        cgroup_job_name(job->name, sizeof(job->name), uid, id, task, attempt);
        r = cgroup_make_user(base_fd, uid);
        if (r)
                return PASS(r);
        if (mkdirat(base_fd, job->name, 0755) < 0 && errno != EEXIST)
                return FAULT(-errno);
        job->folder_fd = openat(base_fd, job->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = job->folder_fd < 0 ? FAULT(-errno) : cgroup_set_limits(job->folder_fd, limits);
        if (r == 0) {
                job->procs_fd = openat(job->folder_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
                r = job->procs_fd < 0 ? FAULT(-errno) : 0;
        }
        if (r)
                cgroup_job_remove(job);
        return PASS(r);
}

void cgroup_job_kill(const struct cgroup_job *job)
{
        (void)cgroup_write(job->folder_fd, "cgroup.kill", "1");
}

/* Is `pid` still in this group? Asked after its pidfd was opened. */
static bool cgroup_holds(const struct cgroup_job *job, pid_t pid)
{
        _cleanup_(freep) char *text = NULL;
        char path[64];
        const char *end;

        snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
        if (fs_read_file(AT_FDCWD, path, CGROUP_FILE_MAX, &text, NULL))
                return false;
        end = strstr(text, job->name);
        return end && (end[strlen(job->name)] == '\n' || end[strlen(job->name)] == '\0');
}

void cgroup_job_signal(const struct cgroup_job *job, int signo)
{
        _cleanup_(freep) char *text = cgroup_read(job->folder_fd, "cgroup.procs");
        char *end;

        for (const char *p = text; p && *p; p = *end ? end + 1 : end) {
                const pid_t pid = (pid_t)strtol(p, &end, 10);
                _cleanup_(fd_closep) int pid_fd = -1;

                if (pid <= 0)
                        return;
                pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
                if (pid_fd >= 0 && cgroup_holds(job, pid))
                        (void)syscall(SYS_pidfd_send_signal, pid_fd, signo, NULL, 0);
        }
}

/* The number after `key` and a space at the start of a line; 0 when there is none. */
static uint64_t cgroup_find_number(const char *text, const char *key)
{
        const size_t size = strlen(key);

        for (const char *line = text; line && *line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, size) == 0 && line[size] == ' ')
                        return strtoull(line + size + 1, NULL, 10);
        }
        return 0;
}

bool cgroup_job_is_populated(const struct cgroup_job *job)
{
        _cleanup_(freep) char *text = cgroup_read(job->folder_fd, "cgroup.events");

        return text && cgroup_find_number(text, "populated") != 0;
}

/* io.stat: one line a device, "8:0 rbytes=1 wbytes=2 ...". */
static uint64_t cgroup_sum_io(const char *text, const char *key)
{
        const size_t size = strlen(key);
        uint64_t sum = 0;

        for (const char *p = text; (p = strstr(p, key)); p += size)
                sum += strtoull(p + size, NULL, 10);
        return sum;
}

void cgroup_job_read_usage(const struct cgroup_job *job, struct cgroup_usage *out_usage)
{
        _cleanup_(freep) char *cpu = cgroup_read(job->folder_fd, "cpu.stat");
        _cleanup_(freep) char *peak = cgroup_read(job->folder_fd, "memory.peak");
        _cleanup_(freep) char *events = cgroup_read(job->folder_fd, "memory.events");
        _cleanup_(freep) char *io = cgroup_read(job->folder_fd, "io.stat");

        *out_usage = (struct cgroup_usage){
                .user_usec = cpu ? cgroup_find_number(cpu, "user_usec") : 0,
                .system_usec = cpu ? cgroup_find_number(cpu, "system_usec") : 0,
                .memory_peak_bytes = peak ? strtoull(peak, NULL, 10) : 0,
                .was_oom_killed = events && cgroup_find_number(events, "oom_kill") > 0,
                .read_bytes = io ? cgroup_sum_io(io, "rbytes=") : 0,
                .write_bytes = io ? cgroup_sum_io(io, "wbytes=") : 0,
        };
}

void cgroup_job_remove(struct cgroup_job *job)
{
        job->procs_fd = fd_close(job->procs_fd);
        if (job->folder_fd >= 0)
                (void)unlinkat(job->base_fd, job->name, AT_REMOVEDIR);
        job->folder_fd = fd_close(job->folder_fd);
}

int cgroup_set_user_weight(int base_fd, uid_t uid, uint32_t weight)
{
        char name[64], number[16];
        int r;

        r = cgroup_make_user(base_fd, uid);
        if (r)
                return PASS(r);
        snprintf(name, sizeof(name), "u%" PRIu32 "/cpu.weight", (uint32_t)uid);
        snprintf(number, sizeof(number), "%" PRIu32, weight);
        r = cgroup_write(base_fd, name, number);
        return r ? FAULT(r) : 0;
}

bool cgroup_kill_left(int base_fd, uid_t uid, uint64_t id, uint64_t task, uint32_t attempt)
{
        char name[96], kill_name[128];

        cgroup_job_name(name, sizeof(name), uid, id, task, attempt);
        snprintf(kill_name, sizeof(kill_name), "%s/cgroup.kill", name);
        if (cgroup_write(base_fd, kill_name, "1") == -ENOENT)
                return true;
        return unlinkat(base_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}
