/* SPDX-License-Identifier: Apache-2.0 */
/* A job's cgroup, and the tree that the pool keeps for them, where cgroup v2 is delegated. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"

#define CGROUP_MEMORY_MIN_BYTES (4ULL * 1024 * 1024)

enum cgroup_answer {
        CGROUP_E_ABSENT = 1, /* no cgroup v2, not delegated to us, or not writable */
};

/* ---------------------------------------------------------------------------------- the pool */

/*
 * Finds the cgroup that is delegated to this process, moves the process into its leaf "pool" and
 * lets the controllers memory, pids, cpu and io reach its other children. *out_path (owned by the
 * caller) is the folder under which jobs get theirs. CGROUP_E_ABSENT or a fault. is_delegated: the
 * caller knows that it is, marked or not.
 */
_must_use_ int cgroup_settle(bool is_delegated, char **out_path);

/* --------------------------------------------------------------------------------- the worker */

struct cgroup_limits {
        uint64_t memory_bytes; /* 0: none */
        uint64_t tasks_max;    /* UINT64_MAX: none */
};

struct cgroup_usage {
        uint64_t user_usec, system_usec;
        uint64_t memory_peak_bytes;
        uint64_t read_bytes, write_bytes;
        bool was_oom_killed;
};

/* The cgroup of one attempt. All members are the module's own. */
struct cgroup_job {
        int base_fd; /* borrowed: the folder of cgroup_settle() */
        int folder_fd;
        int procs_fd;
        char name[96]; /* under base_fd */
};

void cgroup_job_init(struct cgroup_job *job);
/* Makes u<uid>/j<job>.<task>.<attempt> with its limits. A fault leaves nothing behind. */
_must_use_ int cgroup_job_open(struct cgroup_job *job, int base_fd, uid_t uid, uint64_t id,
                               uint64_t task, uint32_t attempt, const struct cgroup_limits *limits);
bool cgroup_job_is_open(const struct cgroup_job *job);
/* KILL to every process in it, at once and for ever. */
void cgroup_job_kill(const struct cgroup_job *job);
/* Another signal, process by process; one that is made meanwhile may be missed. */
void cgroup_job_signal(const struct cgroup_job *job, int signo);
bool cgroup_job_is_populated(const struct cgroup_job *job);
void cgroup_job_read_usage(const struct cgroup_job *job, struct cgroup_usage *out_usage);
/* Removes the folder (it must be empty of processes) and closes everything. */
void cgroup_job_remove(struct cgroup_job *job);

/*
 * (pool) Sets cpu.weight (1 to 10000) of the user's group, which is made if need be and stays with
 * it. A fault.
 */
_must_use_ int cgroup_set_user_weight(int base_fd, uid_t uid, uint32_t weight);
/* (pool) Kills what is in the cgroup of a dead worker's attempt. True when it is gone. */
bool cgroup_kill_left(int base_fd, uid_t uid, uint64_t id, uint64_t task, uint32_t attempt);
