/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for the ends of jobs, shared by wait and submit --wait. */
#pragma once

#include "client/cmd/app.h"

struct wait_session_options {
        const struct jobctl_selector *selector; /* ids only */
        size_t count;                           /* how many jobs that are; 1: its own exit code */
        bool any;
        uint64_t timeout_usec;         /* UINT64_MAX: none */
        const uint64_t *progress_jobs; /* show how far these are; NULL: no */
        size_t progress_count;
};

/* Returns the exit status as CLI.md says. */
int wait_session_run(struct app *app, const struct wait_session_options *options);
