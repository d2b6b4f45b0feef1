/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl: finds the command in the table, parses its options, fills in the settings, and runs it.
 * Common options may stand before the command as well as behind it. What goes wrong here is wrong
 * usage: a sentence on stderr, with the nearest word that would have been right.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "common/log.h"
#include "common/parse.h"

#include "client/cmd/command.h"
#include "client/cmd/help.h"
#include "client/cmd/settings.h"

#define MAIN_COMMANDS_MAX 64

static int main_unknown_command(const struct app *app, const char *word)
{
        const char *names[2 * MAIN_COMMANDS_MAX + 1] = { NULL };
        const char *nearest;
        size_t n = 0;

        for (size_t i = 0; commands[i] && n < 2 * MAIN_COMMANDS_MAX - 1; i++) {
                if (commands[i]->flags & COMMAND_HIDDEN)
                        continue;
                names[n++] = commands[i]->name;
                if (commands[i]->alias)
                        names[n++] = commands[i]->alias;
        }
        nearest = parse_nearest(word, names);
        if (nearest)
                return app_usage(app, "unknown command '%s': did you mean '%s'?", word, nearest);
        return app_usage(app, "unknown command '%s'", word);
}

/* Descriptors 0 to 2 exist from here on, so that no file of ours becomes one of them. */
static void main_open_standard_fds(void)
{
        int fd;

        do
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd > STDERR_FILENO)
                close(fd);
}

static int main_run_command(struct app *app, const struct command *command, int argc, char **argv)
{
        struct option_set sets[COMMAND_SETS_MAX + 2];
        _cleanup_(freep) void *options = calloc(1, command->options_bytes + 1);
        struct settings *settings = NULL;
        struct reason why = { "" };
        int rest;
        int r;

        if (!options)
                return app_out_of_memory(app);
        command_list_sets(command, options, app, sets);
        if (option_parse(sets, command->flags & COMMAND_STRICT, argc, argv, &rest, &why))
                return app_usage(app, "%s", why.text);
        if (app->common.help) {
                help_print_command(command, stdout);
                return EXIT_CODE_OK;
        }
        if ((unsigned int)(argc - rest) < command->args_min)
                return app_usage(app, "this needs more: jobctl %s %s", command->name,
                                 command->usage);
        if ((unsigned int)(argc - rest) > command->args_max)
                return app_usage(app, "%s does not take '%s'", command->name,
                                 argv[rest + (int)command->args_max]);
        if (settings_apply(sets, &settings, &why))
                return app_usage(app, "%s", why.text);
        r = app_prepare(app);
        if (r == 0)
                r = command->run(app, options, argv + rest, (size_t)(argc - rest));
        settings_free(settings);
        return r;
}

/* Options before the command; then the command. */
static int main_dispatch(struct app *app, int argc, char **argv)
{
        const struct option_set sets[] = { { app_common_rows, &app->common }, { NULL, NULL } };
        const struct command *command;
        struct reason why = { "" };
        int rest;

        if (option_parse(sets, true, argc, argv, &rest, &why))
                return app_usage(app, "%s", why.text);
        if (app->common.help) {
                help_print_overview(stdout);
                return EXIT_CODE_OK;
        }
        if (rest >= argc) {
                help_print_overview(stderr);
                return EXIT_CODE_USAGE;
        }
        command = command_find(argv[rest]);
        if (!command)
                return main_unknown_command(app, argv[rest]);
        app->name = command->name;
        app->job_code = command->flags & COMMAND_JOB_CODE;
        app->may_start = !(command->flags & COMMAND_NO_START);
        return main_run_command(app, command, argc - rest, argv + rest);
}

int main(int argc, char **argv)
{
        struct app app = { .name = NULL };
        int status;

        main_open_standard_fds();
        log_init("jobctl", LOG_LEVEL_WARNING);
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                printf("jobctl %s\n", jobctl_version());
                return app_finish(&app, EXIT_CODE_OK);
        }
        status = main_dispatch(&app, argc, argv);
        status = app_finish(&app, status);
        app_deinit(&app);
        return status;
}
