/* SPDX-License-Identifier: Apache-2.0 */
/* The output of very many tasks, as they have ended. */
#pragma once

#include "client/cmd/app.h"
#include "client/cmd/select.h"

struct log_results_options {
        const struct select_job *job;
        bool until_end;   /* stay until the job has ended; else what is there now */
        bool failed_only; /* only tasks that did not succeed */
        bool no_stdout, no_stderr;
        bool headers; /* before each task: "==> job 17.3 <==" */
        /* Shows one task whose output is a file; returns an exit status. */
        int (*on_file)(void *arg, uint64_t task);
        void *arg; /* borrowed */
};
/* As text, or as JSON when the app says so. Returns an exit status: the first that is not 0. */
int log_results_run(struct app *app, const struct log_results_options *options);
