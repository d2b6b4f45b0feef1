/* SPDX-License-Identifier: Apache-2.0 */
/* The options that describe a job, shared by submit and run. */
#pragma once

#include "client/cmd/app.h"
#include "client/cmd/option.h"

struct job_options {
        const char *name;
        const char *cwd;
        struct option_list env;
        const char *export;
        const char *input;
        const char *output;
        const char *error;
        bool append;
        bool shell;
        struct option_number time_limit;
        const char *warn; /* SIG@TIME */
        struct option_number grace;
        struct option_number retries;
        const char *retry_on;
        struct option_number retry_delay;
        bool requeue;
        const char *unique;
        bool hold;
        const char *queue;
        struct option_number begin;
        struct option_signed nice;
        struct option_signed priority;
        struct option_list labels;
        struct option_number output_cap;
        struct option_number cpus;
        struct option_number memory;
        const char *array; /* A-B:STEP%MAX */
        struct option_list resources, locks;
        const char *dependency;
        uint64_t last_id; /* what `last` means in it: job_options_find_last() */
        bool keep_waiting;
        bool dry_run;
};

extern const struct option_row job_option_rows[];

enum job_options_answer {
        JOB_OPTIONS_E_BAD = 1, /* the reason says */
};

/*
 * Captures this process and applies the options. *out_spec is owned by the caller. 0,
 * JOB_OPTIONS_E_BAD, or a fault.
 */
_must_use_ int job_options_build(const struct job_options *options, char **args, size_t count,
                                 struct jobctl_spec **out_spec, struct reason *why);
/* Asks which job is the last one, if an option names it. 0, or an exit status after a sentence. */
_must_use_ int job_options_find_last(struct app *app, struct job_options *options);
/* --dry-run: shows what would be submitted, on stdout. Returns the exit status. */
int job_options_show(const struct app *app, const struct jobctl_spec *spec);
