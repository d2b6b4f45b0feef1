/* SPDX-License-Identifier: Apache-2.0 */
/* A task's output as JSON, one object a record. */
#pragma once

#include "client/cmd/app.h"

struct log_json_options {
        uint64_t job, task;
        bool until_end; /* stay until it ends; else what is there now */
        bool show_end;  /* and print how it ended, whose code is then the exit status */
        bool no_stdout, no_stderr;
        const uint64_t *tail_lines; /* only the last so many lines of what is there; NULL: all */
};

/* Writes to stdout. Returns an exit status. */
int log_json_run(struct app *app, const struct log_json_options *options);
/* Of a job that was submitted just now, until it ends: its id comes first, its end last. */
int log_json_run_new(struct app *app, uint64_t job, bool existing);
