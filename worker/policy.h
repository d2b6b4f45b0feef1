/* SPDX-License-Identifier: Apache-2.0 */
/* What root allows jobs to be, whatever jobd says: read from a file that only root can write. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"

enum policy_answer {
        POLICY_E_BAD = 1, /* the file is not to be trusted, or says something wrong */
        POLICY_E_FORBIDDEN,
};

/* Enough for a job of many threads, and a fork bomb is held long before the machine is. */
#define POLICY_TASKS_MAX 4096

struct policy {
        bool root_jobs;
        uint32_t minimum_uid;
        uint64_t tasks_max;              /* pids.max of a job's cgroup; UINT64_MAX: no limit */
        rlim_t ceilings[RLIMIT_NLIMITS]; /* hard limits that no job exceeds */
};

/*
 * The defaults: no root jobs, uids from 1, ceilings as this process has its hard limits (what a
 * service started by the same init, and so a fresh login, gets).
 */
_must_use_ int policy_init(struct policy *out_policy);
/*
 * The defaults, changed by the file when it exists. It must be owned by uid 0 or our own, be
 * writable by nobody else, and hold nothing unknown. 0, POLICY_E_BAD with a sentence, or a fault.
 */
_must_use_ int policy_load(const char *path, struct policy *out_policy, struct reason *why);
/* May a job run as `uid`? 0 or POLICY_E_FORBIDDEN with a sentence. */
_must_use_ int policy_judge_uid(const struct policy *policy, uid_t uid, struct reason *why);
