/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl kill: sends a signal to running jobs; TERM unless -s says another. See act.c. */
#include <signal.h>
#include <stdio.h>

#include "common/parse.h"

#include "client/cmd/act.h"
#include "client/cmd/command.h"

struct kill_options {
        struct select_options select;
        struct option_number signo;
};

/* clang-format off */
static const struct option_row cmd_kill_rows[] = {
        { OPTION_SIGNAL, 's', "signal", "SIG", "TERM, SIGTERM or 15; default TERM", offsetof(struct kill_options, signo), 0, 0, false, COMPLETE_SIGNAL },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static int cmd_kill_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct kill_options *const options = arg;
        const struct jobctl_act_options act = {
                .size = sizeof(act),
                .action = JOBCTL_ACTION_KILL,
                .signo = options->signo.given ? (int)options->signo.value : SIGTERM,
        };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        char name[16];
        char done[40];
        int r;

        snprintf(done, sizeof(done), "was sent %s", parse_signal_name(act.signo, name));
        r = select_filtered(app, &options->select, args, count, true, "signal", &selector);
        return r ? r : act_on(app, &act, selector, done);
}

static const char *const cmd_kill_examples[] = {
        "jobctl kill 17            send TERM",
        "jobctl kill -s USR1 17    ask it for a report",
        NULL,
};

const struct command cmd_kill = {
        .name = "kill",
        .usage = "[-s SIG] ID...",
        .summary = "Send a signal to running jobs",
        .examples = cmd_kill_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_RUNNING },
        .options_bytes = sizeof(struct kill_options),
        .sets = { { cmd_kill_rows, 0 },
                  { select_option_rows, offsetof(struct kill_options, select) } },
        .run = cmd_kill_run,
};
