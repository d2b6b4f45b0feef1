/* SPDX-License-Identifier: Apache-2.0 */
/* From a lease to a spawn plan: who, with what arguments, environment, files and limits. */
#pragma once

#include <stdbool.h>
#include <sys/resource.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/usocket.h"

#include "worker/environment.h"
#include "worker/lease.h"
#include "worker/names.h"
#include "worker/policy.h"
#include "worker/spawn.h"

enum prepare_answer {
        PREPARE_E_REFUSED = 1, /* policy or the user's absence forbids it; nothing was done */
        PREPARE_E_COMMAND,     /* no command can be made of the task's values */
};

/* What is the same for every job of this worker. */
struct prepare_site {
        bool is_system;
        const struct policy *policy;       /* borrowed; system mode */
        struct names *names;               /* borrowed */
        struct rlimit own[RLIMIT_NLIMITS]; /* of this process: what needs no call is left out */
        uint32_t slot;                     /* the worker's number + 1 */
        int null_fd;
        uint32_t *processors; /* owned; that we may use: leased core n is the n-th of them */
        size_t processors_count;
        pid_t pid;       /* of the worker */
        bool has_cgroup; /* limits of memory are the cgroup's business then */
        bool reset_oom_score;
        char socket[USOCKET_PATH_BYTES]; /* of jobd for its clients; "": not known */
};

/* Owns what the plan points to. */
struct preparation {
        struct spawn_plan plan;
        struct environment environment;
        char **argv;
        char **candidates;
        char *cwd, *input_path, *output_path, *error_path;
        struct spawn_limit limits[RLIMIT_NLIMITS];
        cpu_set_t *affinity;
};

/* Reads what is the same for every job. */
_must_use_ int prepare_site_init(struct prepare_site *site);
void prepare_site_deinit(struct prepare_site *site);

/*
 * Fills *out: everything but the descriptors of pipes and cgroup (all -1). May ask the name
 * services and so block. 0, PREPARE_E_* with a sentence, or a fault.
 */
_must_use_ int prepare_job(const struct prepare_site *site, const struct lease *lease,
                           struct preparation *out, struct reason *why);
void preparation_deinit(struct preparation *preparation);
