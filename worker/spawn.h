/* SPDX-License-Identifier: Apache-2.0 */
/* Creates a job's process: everything between the decision to start it and its execve. */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"

/* In the order in which they happen; the name of a stage is what Exited.stage says. */
enum spawn_stage {
        SPAWN_STAGE_NONE,
        SPAWN_STAGE_PREPARE, /* pipes, memory, process: before there is a child */
        SPAWN_STAGE_SESSION,
        SPAWN_STAGE_SIGNALS,
        SPAWN_STAGE_STDIO,
        SPAWN_STAGE_DESCRIPTORS,
        SPAWN_STAGE_OOM_SCORE,
        SPAWN_STAGE_CGROUP,
        SPAWN_STAGE_AFFINITY,
        SPAWN_STAGE_NICE,
        SPAWN_STAGE_LIMITS,
        SPAWN_STAGE_UMASK,
        SPAWN_STAGE_CAPABILITIES,
        SPAWN_STAGE_GROUPS,
        SPAWN_STAGE_GID,
        SPAWN_STAGE_UID,
        SPAWN_STAGE_PROOF, /* that no privilege can be regained */
        SPAWN_STAGE_PARENT,
        SPAWN_STAGE_KEYRING,
        SPAWN_STAGE_CHDIR,
        SPAWN_STAGE_INPUT,
        SPAWN_STAGE_OUTPUT,
        SPAWN_STAGE_ERROR,
        SPAWN_STAGE_DESCRIPTORS_AGAIN,
        SPAWN_STAGE_EXECVE,
        SPAWN_STAGE_TIMEOUT, /* the child did not reach execve in time */
        SPAWN_STAGE_DIED,    /* the child was killed before execve */
        SPAWN_STAGE_COUNT,
};

#define SPAWN_TIMEOUT_USEC (10ULL * 1000 * 1000)

struct spawn_limit {
        int resource;
        struct rlimit limit;
};

/*
 * All that the child needs, complete before it exists: it allocates nothing and looks nothing up.
 * Everything is borrowed for the call.
 */
struct spawn_plan {
        bool is_system; /* become `uid`: the fork path with the whole list */
        uid_t uid;
        gid_t gid;
        const gid_t *groups;
        size_t groups_count;
        bool no_new_privs;

        char *const *argv;
        char *const *envp;
        const char *const *candidates; /* NULL-terminated: what execve is tried with, in order */
        const char *cwd;
        mode_t umask;

        const char *input_path; /* opened as the user; NULL: in_fd */
        const char *output_path;
        const char *error_path; /* equal to output_path: the same open file */
        bool output_append;
        int in_fd, out_fd, err_fd; /* dup'ed to 0, 1, 2 where there is no path */
        int null_fd;               /* /dev/null, for the time until a path is opened */

        const struct spawn_limit *limits;
        size_t limits_count;
        const cpu_set_t *affinity; /* NULL: as the worker's */
        size_t affinity_bytes;
        int nice; /* 0: leave it */
        bool reset_oom_score;
        int cgroup_procs_fd; /* -1: no cgroup */
        bool death_signal;   /* KILL when the worker dies: where there is no cgroup */
        pid_t worker_pid;
        uint64_t timeout_usec; /* system mode: until execve; 0: SPAWN_TIMEOUT_USEC */
};

struct spawn_result {
        pid_t pid;              /* > 0: a process was made and must be reaped, started or not */
        enum spawn_stage stage; /* SPAWN_STAGE_NONE: execve happened */
        int error;              /* errno of that stage */
        const char *candidate;  /* EXECVE: the file that failed, borrowed from the plan */
        bool is_interpreter_missing; /* EXECVE, ENOENT: `candidate` is there, its #! line lies */
};

/*
 * Makes the process and waits until it is past execve or failed. All blockable signals must be
 * blocked in the caller and have their default action. Never longer than the time-out in system
 * mode; in user mode as long as the user's own file system takes.
 */
void spawn_process(const struct spawn_plan *plan, struct spawn_result *out_result);
const char *spawn_stage_name(enum spawn_stage stage);
/* The exit code that a shell would give for a failed start. */
int spawn_exit_code(const struct spawn_result *result);
/* The sentence for people about a failed start. */
void spawn_explain(const struct spawn_plan *plan, const struct spawn_result *result,
                   struct reason *out_why);

/*
 * The files that execve(2) is to be tried with for `file`: itself when it holds a slash, else one
 * for each folder of `path`. One piece of memory, owned by the caller; NULL when memory ends.
 */
char **spawn_list_candidates(const char *file, const char *path);
