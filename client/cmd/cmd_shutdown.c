/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl shutdown: the daemon starts nothing more, lets running jobs finish, keeps the queue on
 * disk, and ends. --now cancels what runs. It never starts a daemon to stop it.
 */
#include "client/cmd/command.h"
#include "client/cmd/emit.h"

struct shutdown_options {
        bool now;
};

/* clang-format off */
static const struct option_row cmd_shutdown_rows[] = {
        { OPTION_FLAG, 0, "now", NULL, "cancel what runs", offsetof(struct shutdown_options, now), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static int cmd_shutdown_run(struct app *app, const void *arg, char **args _unused_,
                            size_t count _unused_)
{
        const struct shutdown_options *const options = arg;
        int r;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        jobctl_set_patience(app->conn, 0);
        r = jobctl_shutdown(app->conn, options->now);
        if (r)
                return app_fail_answer(app, r);
        if (app->common.json)
                return emit_print_flag(NULL, "stopping", true) ? app_out_of_memory(app)
                                                               : EXIT_CODE_OK;
        app_tell(app, options->now ? "the daemon cancels what runs and ends"
                                   : "the daemon ends when what runs has finished");
        return EXIT_CODE_OK;
}

static const char *const cmd_shutdown_examples[] = {
        "jobctl shutdown          running jobs finish first, queued ones stay queued",
        "jobctl shutdown --now    running jobs are cancelled",
        NULL,
};

const struct command cmd_shutdown = {
        .name = "shutdown",
        .usage = "[--now]",
        .summary = "Stop the daemon; the queue is kept",
        .examples = cmd_shutdown_examples,
        .flags = COMMAND_NO_START,
        .options_bytes = sizeof(struct shutdown_options),
        .sets = { { cmd_shutdown_rows, 0 } },
        .run = cmd_shutdown_run,
};
