/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl version: of this program, and of the daemon if there is one. Never starts one. */
#include <stdio.h>

#include "client/cmd/command.h"

static int cmd_version_run(struct app *app, const void *options _unused_, char **args _unused_,
                           size_t count _unused_)
{
        const char *daemon = NULL;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        jobctl_set_patience(app->conn, 0);
        if (jobctl_connect(app->conn) == 0)
                daemon = jobctl_daemon_build(app->conn);
        if (app->common.json) {
                printf("{\"jobctl\":\"%s\",\"daemon\":%s%s%s}\n", jobctl_version(),
                       daemon ? "\"" : "", daemon ? daemon : "null", daemon ? "\"" : "");
                return EXIT_CODE_OK;
        }
        printf("jobctl %s\n", jobctl_version());
        if (daemon)
                printf("daemon: jobd %s at %s\n", daemon, jobctl_socket_path(app->conn));
        else
                printf("daemon: none (%s)\n", jobctl_error_text(app->conn));
        return EXIT_CODE_OK;
}

static const char *const cmd_version_examples[] = { "jobctl version", NULL };

const struct command cmd_version = {
        .name = "version",
        .usage = "",
        .summary = "Show the versions of jobctl and of the daemon",
        .examples = cmd_version_examples,
        .flags = COMMAND_NO_START,
        .run = cmd_version_run,
};
