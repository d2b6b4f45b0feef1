/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl __complete: what may stand next, one word a line, for the shells' completion. The words so
 * far are the arguments, the unfinished one last. Commands and options come from the same tables
 * that parse them; ids are asked from a daemon that runs, and nothing is ever started or said.
 */
#include <stdio.h>
#include <string.h>

#include "client/cmd/command.h"
#include "client/cmd/select.h"

static void complete_word(const char *candidate, const char *begun)
{
        if (strncmp(candidate, begun, strlen(begun)) == 0)
                puts(candidate);
}

static void complete_commands(const char *begun)
{
        for (const struct command *const *at = commands; *at; at++)
                if (!((*at)->flags & COMMAND_HIDDEN))
                        complete_word((*at)->name, begun);
}

static void complete_rows(const struct option_row *rows, const char *begun)
{
        for (; rows->kind != OPTION_END; rows++) {
                char word[64];

                snprintf(word, sizeof(word), "--%s", rows->name);
                complete_word(word, begun);
        }
}

static void complete_options(const struct command *command, const char *begun)
{
        for (size_t i = 0; command && i < COMMAND_SETS_MAX && command->sets[i].rows; i++)
                complete_rows(command->sets[i].rows, begun);
        complete_rows(app_common_rows, begun);
}

/* The newest ids, where a daemon runs. */
static void complete_ids(struct app *app, const char *begun)
{
        const struct jobctl_list_options query = { .size = sizeof(query), .limit = 100 };
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;

        if (!app_connection(app) || jobctl_list(app->conn, &query, &result))
                return;
        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                char word[24];

                snprintf(word, sizeof(word), "%llu",
                         (unsigned long long)jobctl_number_or(jobctl_result_item(result, i),
                                                              JOBCTL_JOB_ID, 0));
                complete_word(word, begun);
        }
}

static bool complete_takes_ids(const struct command *command)
{
        return strstr(command->usage, "ID") && strcmp(command->name, "__complete") != 0;
}

static int cmd_complete_run(struct app *app, const void *options _unused_, char **args,
                            size_t count)
{
        const char *const begun = count > 0 ? args[count - 1] : "";
        const struct command *command = NULL;

        for (size_t i = 0; i + 1 < count && !command; i++)
                if (args[i][0] != '-')
                        command = command_find(args[i]);
        if (begun[0] == '-') {
                complete_options(command, begun);
        } else if (!command || command == &cmd_help) {
                complete_commands(begun);
        } else if (complete_takes_ids(command)) {
                complete_word("last", begun);
                complete_word("all", begun);
                complete_ids(app, begun);
        }
        return EXIT_CODE_OK;
}

const struct command cmd_complete = {
        .name = "__complete",
        .usage = "[WORD...]",
        .summary = "Print what may stand next",
        .flags = COMMAND_HIDDEN | COMMAND_NO_START | COMMAND_STRICT,
        .args_max = COMMAND_ARGS_ANY,
        .run = cmd_complete_run,
};
