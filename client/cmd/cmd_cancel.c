/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl cancel: a queued job never starts, a running one gets TERM, the grace, then KILL, with
 * everything that it started. The answer comes when the decision is on disk; `jobctl wait` tells
 * when the job has really ended. See act.c.
 */
#include "client/cmd/act.h"
#include "client/cmd/command.h"

struct cancel_options {
        struct select_options select;
        struct option_number grace;
};

/* clang-format off */
static const struct option_row cmd_cancel_rows[] = {
        { OPTION_DURATION, 0, "grace", "DURATION", "from TERM to KILL", offsetof(struct cancel_options, grace), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static int cmd_cancel_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct cancel_options *const options = arg;
        const struct jobctl_act_options act = {
                .size = sizeof(act),
                .action = JOBCTL_ACTION_CANCEL,
                .grace_usec = options->grace.given ? &options->grace.value : NULL,
        };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        int r;

        r = select_filtered(app, &options->select, args, count, true, "cancel", &selector);
        return r ? r : act_on(app, &act, selector, "is cancelled");
}

static const char *const cmd_cancel_examples[] = {
        "jobctl cancel 17                  one job",
        "jobctl cancel 17.3 20-25          a task, and a range of jobs",
        "jobctl cancel --name nightly      all own jobs with this name",
        "jobctl cancel all --yes           everything",
        NULL,
};

const struct command cmd_cancel = {
        .name = "cancel",
        .usage = "[OPTIONS] ID...",
        .summary = "End jobs: TERM, a grace, KILL; queued ones never start",
        .examples = cmd_cancel_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_UNFINISHED },
        .options_bytes = sizeof(struct cancel_options),
        .sets = { { select_option_rows, offsetof(struct cancel_options, select) },
                  { cmd_cancel_rows, 0 } },
        .run = cmd_cancel_run,
};
