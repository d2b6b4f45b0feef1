/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl hold: a queued job stays queued until it is released. See act.c. */
#include "client/cmd/act.h"
#include "client/cmd/command.h"

static int cmd_hold_run(struct app *app, const void *options, char **args, size_t count)
{
        return act_simply(app, JOBCTL_ACTION_HOLD, options, args, count, NULL, "is held");
}

static const char *const cmd_hold_examples[] = {
        "jobctl hold 17",
        "jobctl hold --name nightly --yes",
        NULL,
};

const struct command cmd_hold = {
        .name = "hold",
        .usage = "[OPTIONS] ID...",
        .summary = "Keep a queued job from starting",
        .examples = cmd_hold_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_QUEUED },
        .options_bytes = sizeof(struct select_options),
        .sets = { { select_option_rows, 0 } },
        .run = cmd_hold_run,
};
