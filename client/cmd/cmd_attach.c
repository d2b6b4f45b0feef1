/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl attach: shows a job's output from its beginning and stays until it ends, with its exit
 * code. Leaving (Ctrl-C, a closed terminal) leaves the job running. See follow_session.c.
 */
#include "client/cmd/command.h"
#include "client/cmd/follow_session.h"
#include "client/cmd/select.h"

static int cmd_attach_run(struct app *app, const void *options _unused_, char **args,
                          size_t count _unused_)
{
        struct follow_session_options session = {
                .flags = FOLLOW_SESSION_UNTIL_END | FOLLOW_SESSION_SAY_WHERE,
        };
        const int r = select_one(app, args[0], &session.job, &session.task);

        return r ? r : follow_session_run(app, &session);
}

static const char *const cmd_attach_examples[] = {
        "jobctl attach 17        Ctrl-C leaves, the job goes on",
        "jobctl attach last",
        NULL,
};

const struct command cmd_attach = {
        .name = "attach",
        .usage = "ID",
        .summary = "Stay with a job until it ends, with its output and exit code",
        .examples = cmd_attach_examples,
        .flags = COMMAND_JOB_CODE,
        .args_min = 1,
        .args_max = 1,
        .run = cmd_attach_run,
};
