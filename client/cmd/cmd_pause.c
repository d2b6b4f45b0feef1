/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl pause: stops a running job's whole tree; its time limit stands still meanwhile. See act.c.
 */
#include "client/cmd/act.h"
#include "client/cmd/command.h"

static int cmd_pause_run(struct app *app, const void *options, char **args, size_t count)
{
        return act_simply(app, JOBCTL_ACTION_PAUSE, options, args, count, "pause", "is paused");
}

static const char *const cmd_pause_examples[] = {
        "jobctl pause 17         freeze it",
        "jobctl resume 17        and let it go on",
        NULL,
};

const struct command cmd_pause = {
        .name = "pause",
        .usage = "[OPTIONS] ID...",
        .summary = "Stop a running job's processes for a while",
        .examples = cmd_pause_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_RUNNING },
        .options_bytes = sizeof(struct select_options),
        .sets = { { select_option_rows, 0 } },
        .run = cmd_pause_run,
};
