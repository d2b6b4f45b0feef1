/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl release: a held job may start again. See act.c. */
#include "client/cmd/act.h"
#include "client/cmd/command.h"

static int cmd_release_run(struct app *app, const void *options, char **args, size_t count)
{
        return act_simply(app, JOBCTL_ACTION_RELEASE, options, args, count, NULL, "is released");
}

static const char *const cmd_release_examples[] = {
        "jobctl release 17",
        "jobctl release all --yes",
        NULL,
};

const struct command cmd_release = {
        .name = "release",
        .usage = "[OPTIONS] ID...",
        .summary = "Let a held job start",
        .examples = cmd_release_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_HELD },
        .options_bytes = sizeof(struct select_options),
        .sets = { { select_option_rows, 0 } },
        .run = cmd_release_run,
};
