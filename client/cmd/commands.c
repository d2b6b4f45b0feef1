/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of commands, in the order in which help lists them. To add one: cmd_NAME.c with its
 * struct command, the declaration in command.h, the row here.
 */
#include <string.h>

#include "client/cmd/command.h"

const struct command *const commands[] = {
        &cmd_submit,  &cmd_run,     &cmd_map,      &cmd_list,   &cmd_info,       &cmd_status,
        &cmd_logs,    &cmd_attach,  &cmd_wait,     &cmd_cancel, &cmd_kill,       &cmd_pause,
        &cmd_resume,  &cmd_hold,    &cmd_release,  &cmd_update, &cmd_why,        &cmd_retry,
        &cmd_queue,   &cmd_lock,    &cmd_resource, &cmd_purge,  &cmd_events,     &cmd_top,
        &cmd_stats,   &cmd_metrics, &cmd_pool,     &cmd_drain,  &cmd_shutdown,   &cmd_reload,
        &cmd_config,  &cmd_ping,    &cmd_version,  &cmd_help,   &cmd_completion, &cmd_complete,
        &cmd_options, NULL,
};

const struct command *command_find(const char *name)
{
        for (const struct command *const *at = commands; *at; at++)
                if (strcmp((*at)->name, name) == 0 ||
                    ((*at)->alias && strcmp((*at)->alias, name) == 0))
                        return *at;
        return NULL;
}

static bool command_rows_know(const struct option_row *rows, const char *name)
{
        for (; rows->kind != OPTION_END; rows++)
                if (rows->setting && strcmp(rows->name, name) == 0)
                        return true;
        return false;
}

bool command_knows_setting(const char *name)
{
        for (const struct command *const *at = commands; *at; at++)
                for (size_t i = 0; i < COMMAND_SETS_MAX && (*at)->sets[i].rows; i++)
                        if (command_rows_know((*at)->sets[i].rows, name))
                                return true;
        return command_rows_know(app_common_rows, name);
}

void command_list_sets(const struct command *command, void *options, struct app *app,
                       struct option_set out_sets[static COMMAND_SETS_MAX + 2])
{
        size_t n = 0;

        for (; n < COMMAND_SETS_MAX && command->sets[n].rows; n++)
                out_sets[n] = (struct option_set){
                        .rows = command->sets[n].rows,
                        .at = (char *)options + command->sets[n].offset,
                };
        out_sets[n++] = (struct option_set){ .rows = app_common_rows, .at = &app->common };
        out_sets[n] = (struct option_set){ .rows = NULL };
}
