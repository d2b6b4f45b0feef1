/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl ping: is a daemon there, and how fast does it answer? Never starts one. */
#include <stdio.h>

#include "common/clock.h"

#include "client/cmd/command.h"

static int cmd_ping_run(struct app *app, const void *options _unused_, char **args _unused_,
                        size_t count _unused_)
{
        uint64_t start;
        uint64_t took;
        int r;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        jobctl_set_patience(app->conn, 0); /* one that is just ending is no daemon */
        r = jobctl_connect(app->conn);
        if (r)
                return app_fail_answer(app, r);
        start = clock_mono_usec();
        r = jobctl_ping(app->conn);
        if (r)
                return app_fail_answer(app, r);
        took = clock_mono_usec() - start;
        if (app->common.json)
                printf("{\"seconds\":%.6f}\n", (double)took / (double)USEC_PER_SEC);
        else if (!app->common.quiet)
                printf("jobd %s at %s answered in %.2f ms\n", jobctl_daemon_build(app->conn),
                       jobctl_socket_path(app->conn), (double)took / 1000);
        return EXIT_CODE_OK;
}

static const char *const cmd_ping_examples[] = {
        "jobctl ping --quiet || echo 'no daemon'",
        NULL,
};

const struct command cmd_ping = {
        .name = "ping",
        .usage = "",
        .summary = "Ask whether the daemon is there",
        .examples = cmd_ping_examples,
        .flags = COMMAND_NO_START,
        .run = cmd_ping_run,
};
