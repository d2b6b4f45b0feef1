/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl list --tasks: one line for each task of a job. */
#pragma once

#include "client/cmd/app.h"
#include "client/cmd/style.h"

struct list_tasks_options {
        uint64_t limit;     /* lines; UINT64_MAX: all */
        uint64_t count_max; /* those behind the limit are counted up to here */
        bool failed_only, ids_only;
};
/* words: ids of jobs or tasks. Returns an exit status. */
int list_tasks_run(struct app *app, const struct list_tasks_options *options, char **words,
                   size_t count);

/* The exit code of an attempt as a shell would see it, "" before its end. */
void list_tasks_format_exit(const struct jobctl_item *attempt, char text[static STYLE_TEXT_MAX]);
/* How long it runs, or ran. */
void list_tasks_format_time(uint64_t now_usec, const struct jobctl_item *attempt,
                            char text[static STYLE_TEXT_MAX]);
