/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl help: the list of commands, or one of them in full. */
#include <stdio.h>

#include "client/cmd/command.h"
#include "client/cmd/help.h"

static int cmd_help_run(struct app *app, const void *options _unused_, char **args, size_t count)
{
        const struct command *command;

        if (count == 0) {
                help_print_overview(stdout);
                return EXIT_CODE_OK;
        }
        command = command_find(args[0]);
        if (!command)
                return app_usage(app, "there is no command '%s'", args[0]);
        help_print_command(command, stdout);
        return EXIT_CODE_OK;
}

static const char *const cmd_help_examples[] = { "jobctl help submit", NULL };

const struct command cmd_help = {
        .name = "help",
        .usage = "[COMMAND]",
        .summary = "Explain a command",
        .examples = cmd_help_examples,
        .flags = COMMAND_NO_START,
        .args_max = 1,
        .complete = { COMPLETE_TOPIC },
        .run = cmd_help_run,
};
