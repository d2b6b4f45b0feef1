/* SPDX-License-Identifier: Apache-2.0 */
/* Staying with a map: its inputs to jobd, the output of its tasks to us, until all have ended. */
#pragma once

#include "client/cmd/app.h"

struct joblog;
struct map_files;
struct map_input;
struct map_plan;
struct map_resume;
struct on_done;
struct template;

/* Everything is borrowed. */
struct map_session_options {
        uint64_t job; /* show the rest of this one; or else 0, and: */

        struct jobctl_spec *spec; /* submit this one, */
        struct map_input *input;  /* with these inputs; prepared, when there are any */
        const struct map_plan *plan;
        const struct template *template; /* of the plan's command */
        struct map_resume *resume;       /* NULL: tasks count as they come */
        struct map_files *files;         /* --results; NULL: output goes to stdout and stderr */
        struct joblog *joblog;           /* NULL: none */
        struct on_done *on_done;         /* NULL: none */

        bool ordered;  /* tasks are shown by number; else as they end */
        bool live;     /* lines of output as they come */
        bool tag;      /* a task's values before each of its lines */
        bool progress; /* a line that tells how far it is */
        bool detach;   /* Ctrl-C leaves the job running */
};

/*
 * Returns the exit status: how many tasks failed, 101 for more than 100, or as --halt has it; 125
 * for failures of ours, with a sentence; 130 after Ctrl-C.
 */
int map_session_run(struct app *app, const struct map_session_options *options);
