/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of jobd-worker. No job data ever appears in it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"

#define OPTIONS_POLICY_DEFAULT "/etc/jobd/worker-policy.conf"
#define OPTIONS_WORKERS_MAX 4096

enum options_answer {
        OPTIONS_E_USAGE = 1,
};

enum options_mode {
        OPTIONS_NONE,
        OPTIONS_POOL,
        OPTIONS_WORKER,
        OPTIONS_COMPACT,
        OPTIONS_VERSION,
        OPTIONS_HELP,
        OPTIONS_MODE_COUNT,
};

/* All texts borrowed from argv. */
struct options {
        enum options_mode mode;
        const char *build;    /* of this program */
        const char *exe_path; /* where it stands on disk, for the pool's re-exec */
        const char *socket_path;
        const char *records_path;
        const char *spool_path;
        const char *policy_path;
        bool is_user_mode;
        bool is_delegated; /* pool: the control group it was started in is its own */
        uid_t owner_uid;   /* jobd's */
        uint32_t workers;

        uint32_t number;         /* worker */
        uint64_t generation;     /* worker */
        int line_fd;             /* worker: to the pool */
        const char *cgroup_path; /* worker: where jobs get theirs; NULL: no cgroups */

        int state_fd;            /* pool after re-exec: what the old program handed over; -1 */
        const char *after_build; /* pool after re-exec: the build that jobd named */

        const char *from_name, *to_name; /* compact: file names in the spool folder */
};

_must_use_ int options_parse(int argc, char **argv, struct options *out_options,
                             struct reason *why);
extern const char options_help[];
