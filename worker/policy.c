/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root side does not believe jobd: which uids may run and how high a limit may be stands in a
 * file that only root writes, never in a message. Format, all keys optional:
 *
 *     [Jobs]
 *     RootJobs=no             # may uid 0 submit jobs?
 *     MinimumUid=1            # lower uids (except 0, see above) are refused
 *     TasksMax=4096           # processes and threads of one task, where cgroups are delegated;
 * infinity [Limits]                # hard ceilings; a job's captured limits can only be lower
 *     LimitNOFILE=524288      # the names and units of systemd.exec(5): bytes take K, M, G
 *
 * A file that others could have written, or a key that nobody knows, is refused as a whole: a
 * policy that is half understood is none.
 */
#include "worker/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/parse.h"

struct policy_limit {
        const char *name;
        int resource;
        bool is_size;
};

/* clang-format off */
static const struct policy_limit policy_limits[] = {
        { "LimitCPU",        RLIMIT_CPU,        false },
        { "LimitFSIZE",      RLIMIT_FSIZE,      true },
        { "LimitDATA",       RLIMIT_DATA,       true },
        { "LimitSTACK",      RLIMIT_STACK,      true },
        { "LimitCORE",       RLIMIT_CORE,       true },
        { "LimitRSS",        RLIMIT_RSS,        true },
        { "LimitNOFILE",     RLIMIT_NOFILE,     false },
        { "LimitAS",         RLIMIT_AS,         true },
        { "LimitNPROC",      RLIMIT_NPROC,      false },
        { "LimitMEMLOCK",    RLIMIT_MEMLOCK,    true },
        { "LimitLOCKS",      RLIMIT_LOCKS,      false },
        { "LimitSIGPENDING", RLIMIT_SIGPENDING, false },
        { "LimitMSGQUEUE",   RLIMIT_MSGQUEUE,   true },
        { "LimitNICE",       RLIMIT_NICE,       false },
        { "LimitRTPRIO",     RLIMIT_RTPRIO,     false },
        { "LimitRTTIME",     RLIMIT_RTTIME,     false },
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(policy_limits) == RLIMIT_NLIMITS, "a limit without a name");

struct policy_reading {
        struct policy *policy;
        struct reason *why;
        bool is_bad;
};

int policy_init(struct policy *out_policy)
{
        struct policy policy = { .minimum_uid = 1, .tasks_max = POLICY_TASKS_MAX };

        for (int i = 0; i < (int)RLIMIT_NLIMITS; i++) {
                struct rlimit limit;

                if (getrlimit((__rlimit_resource_t)i, &limit) < 0)
                        return FAULT(-errno);
                policy.ceilings[i] = limit.rlim_max;
        }
        *out_policy = policy;
        return 0;
}

static int policy_parse_count(const char *value, const char *name, uint64_t *out_count,
                              struct reason *why)
{
        if (strcmp(value, "infinity") == 0) {
                *out_count = UINT64_MAX;
                return 0;
        }
        return parse_u64(value, name, 0, UINT64_MAX - 1, out_count, why);
}

static int policy_set_limit(struct policy *policy, const char *name, const char *value,
                            struct reason *why)
{
        for (size_t i = 0; i < ARRAY_SIZE(policy_limits); i++) {
                const struct policy_limit *limit = &policy_limits[i];
                uint64_t number;
                int r;

                if (strcmp(name, limit->name) != 0)
                        continue;
                r = limit->is_size ? parse_size(value, name, &number, why)
                                   : policy_parse_count(value, name, &number, why);
                if (r)
                        return r;
                /* RLIM_INFINITY is UINT64_MAX on every 64-bit Linux. */
                policy->ceilings[limit->resource] = (rlim_t)number;
                return 0;
        }
        return reason_set(why, PARSE_E_BAD, "unknown key %s in [Limits]", name);
}

static int policy_set_job_key(struct policy *policy, const char *name, const char *value,
                              struct reason *why)
{
        uint64_t number;
        int r;

        if (strcmp(name, "RootJobs") == 0)
                return parse_bool(value, name, &policy->root_jobs, why);
        if (strcmp(name, "TasksMax") == 0)
                return policy_parse_count(value, name, &policy->tasks_max, why);
        if (strcmp(name, "MinimumUid") != 0)
                return reason_set(why, PARSE_E_BAD, "unknown key %s in [Jobs]", name);
        r = parse_u64(value, name, 0, UINT32_MAX - 1, &number, why);
        if (r == 0)
                policy->minimum_uid = (uint32_t)number;
        return r;
}

/* libinih's callback: 0 makes the line an error, 1 goes on. */
static int policy_on_key(void *arg, const char *section, const char *name, const char *value)
{
        struct policy_reading *reading = arg;
        int r;

        if (reading->is_bad)
                return 0;
        if (strcmp(section, "Jobs") == 0)
                r = policy_set_job_key(reading->policy, name, value, reading->why);
        else if (strcmp(section, "Limits") == 0)
                r = policy_set_limit(reading->policy, name, value, reading->why);
        else if (!*section)
                r = reason_set(reading->why, PARSE_E_BAD, "%s stands before the first [section]",
                               name);
        else
                r = reason_set(reading->why, PARSE_E_BAD, "unknown section [%s]", section);
        reading->is_bad = r != 0;
        return r == 0;
}

static int policy_judge_file(int fd, const char *path, struct reason *why)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return FAULT(-errno);
        if (!S_ISREG(st.st_mode))
                return reason_set(why, POLICY_E_BAD, "%s is not a file", path);
        if (st.st_uid != 0 && st.st_uid != geteuid())
                return reason_set(why, POLICY_E_BAD,
                                  "%s belongs to uid %" PRIu32 ": only root may own it", path,
                                  (uint32_t)st.st_uid);
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return reason_set(why, POLICY_E_BAD,
                                  "%s can be written by others than its owner: chmod go-w it",
                                  path);
        return 0;
}

int policy_load(const char *path, struct policy *out_policy, struct reason *why)
{
        _cleanup_(fd_closep) int fd = -1;
        struct policy policy;
        struct reason inner = { "" };
        struct policy_reading reading = { .policy = &policy, .why = &inner };
        FILE *file;
        int line, r;

        r = policy_init(&policy);
        if (r)
                return PASS(r);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 && errno == ENOENT) {
                *out_policy = policy;
                return 0;
        }
        if (fd < 0)
                return reason_set(why, POLICY_E_BAD, "cannot read %s: %s", path, strerror(errno));
        r = policy_judge_file(fd, path, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        file = fdopen(fd, "re");
        if (!file)
                return FAULT(-errno);
        TAKE_FD(fd);
        line = ini_parse_file(file, policy_on_key, &reading);
        fclose(file);
        if (line < 0)
                return reason_set(why, POLICY_E_BAD, "cannot read %s", path);
        if (line > 0)
                return reason_set(why, POLICY_E_BAD, "%s:%d: %s", path, line,
                                  inner.text[0] ? inner.text : "not a key=value line");
        *out_policy = policy;
        return 0;
}

int policy_judge_uid(const struct policy *policy, uid_t uid, struct reason *why)
{
        if (uid == (uid_t)-1)
                return reason_set(why, POLICY_E_FORBIDDEN, "uid -1 is nobody");
        if (uid == 0 && !policy->root_jobs)
                return reason_set(why, POLICY_E_FORBIDDEN,
                                  "jobs of root are not allowed here; RootJobs=yes in the worker "
                                  "policy would allow them");
        if (uid != 0 && uid < policy->minimum_uid)
                return reason_set(why, POLICY_E_FORBIDDEN,
                                  "jobs of uid %" PRIu32 " are not allowed here: the worker "
                                  "policy says MinimumUid=%" PRIu32,
                                  (uint32_t)uid, policy->minimum_uid);
        return 0;
}
