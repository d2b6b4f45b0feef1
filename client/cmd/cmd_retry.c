/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl retry: queues finished jobs again, as a new attempt with the same id. See act.c. */
#include "client/cmd/act.h"
#include "client/cmd/command.h"

struct retry_options {
        struct select_options select;
        bool failed, lost;
};

/* clang-format off */
static const struct option_row cmd_retry_rows[] = {
        { OPTION_FLAG, 0, "failed", NULL, "only what did not succeed", offsetof(struct retry_options, failed), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "lost", NULL, "only what was lost", offsetof(struct retry_options, lost), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static int cmd_retry_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct retry_options *const options = arg;
        const struct jobctl_act_options act = {
                .size = sizeof(act),
                .action = JOBCTL_ACTION_RETRY,
                .failed_only = options->failed,
                .lost_only = options->lost,
        };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        struct select_options select = options->select;
        int r;

        /* `jobctl retry --failed` alone means all that failed. */
        if (count == 0 && (options->failed || options->lost) && !select.name &&
            select.states.count == 0) {
                select.states.values[0] =
                        options->lost ? "lost" : "failed,cancelled,timeout,oom,lost";
                select.states.count = 1;
        }
        r = select_filtered(app, &select, args, count, false, NULL, &selector);
        return r ? r : act_on(app, &act, selector, "is queued again");
}

static const char *const cmd_retry_examples[] = {
        "jobctl retry 17                 run it again",
        "jobctl retry --failed --yes     everything that failed",
        NULL,
};

const struct command cmd_retry = {
        .name = "retry",
        .usage = "[OPTIONS] ID...",
        .summary = "Run finished jobs again, as a new attempt",
        .examples = cmd_retry_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_FINISHED },
        .options_bytes = sizeof(struct retry_options),
        .sets = { { cmd_retry_rows, 0 },
                  { select_option_rows, offsetof(struct retry_options, select) } },
        .run = cmd_retry_run,
};
