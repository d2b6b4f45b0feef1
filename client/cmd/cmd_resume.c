/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl resume: continues what pause stopped. See act.c. */
#include "client/cmd/act.h"
#include "client/cmd/command.h"

static int cmd_resume_run(struct app *app, const void *options, char **args, size_t count)
{
        return act_simply(app, JOBCTL_ACTION_RESUME, options, args, count, NULL, "goes on");
}

static const char *const cmd_resume_examples[] = {
        "jobctl resume 17",
        "jobctl resume --state paused --yes",
        NULL,
};

const struct command cmd_resume = {
        .name = "resume",
        .usage = "[OPTIONS] ID...",
        .summary = "Let a paused job go on",
        .examples = cmd_resume_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_PAUSED },
        .options_bytes = sizeof(struct select_options),
        .sets = { { select_option_rows, 0 } },
        .run = cmd_resume_run,
};
