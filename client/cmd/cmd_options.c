/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl __options: the tables of commands and options as they are compiled in, for whoever must
 * agree with them: the test of the manual, and the packages' checks. One line each, fields parted
 * by tabs, "-" where there is nothing:
 *
 *    command  NAME  ALIAS  USAGE   starts|-                 may it start a daemon?
 *    option   NAME  -L     --long  VALUE  setting|-
 *
 * The options that all commands have come first, as those of the command "*". Hidden commands are
 * left out. Fields may be added at a line's end, never in between.
 */
#include <stdio.h>

#include "client/cmd/command.h"

static void options_print_row(const char *command, const struct option_row *row)
{
        const char letter[3] = { '-', row->letter, '\0' };

        printf("option\t%s\t%s\t--%s\t%s\t%s\n", command, letter, row->name,
               row->value ? row->value : "-", row->setting ? "setting" : "-");
}

static void options_print_command(const struct command *command)
{
        printf("command\t%s\t%s\t%s\t%s\n", command->name, command->alias ? command->alias : "-",
               command->usage[0] ? command->usage : "-",
               command->flags & COMMAND_NO_START ? "-" : "starts");
        for (size_t i = 0; i < COMMAND_SETS_MAX && command->sets[i].rows; i++)
                for (const struct option_row *row = command->sets[i].rows; row->kind; row++)
                        options_print_row(command->name, row);
}

static int cmd_options_run(struct app *app _unused_, const void *options _unused_,
                           char **args _unused_, size_t count _unused_)
{
        for (const struct option_row *row = app_common_rows; row->kind; row++)
                options_print_row("*", row);
        for (const struct command *const *at = commands; *at; at++)
                if (!((*at)->flags & COMMAND_HIDDEN))
                        options_print_command(*at);
        return EXIT_CODE_OK;
}

const struct command cmd_options = {
        .name = "__options",
        .usage = "",
        .summary = "Print the tables of commands and options",
        .flags = COMMAND_HIDDEN | COMMAND_NO_START,
        .run = cmd_options_run,
};
