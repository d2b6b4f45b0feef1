/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl config: the daemon's configuration in force, with --origin where each value is from. */
#include "client/cmd/command.h"
#include "client/cmd/config_print.h"
#include "client/cmd/emit.h"
#include "client/cmd/select.h"

struct config_options {
        bool origin;
};

/* clang-format off */
static const struct option_row cmd_config_rows[] = {
        { OPTION_FLAG, 0, "origin", NULL, "say where each value is from", offsetof(struct config_options, origin), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static int cmd_config_run(struct app *app, const void *arg, char **args _unused_,
                          size_t count _unused_)
{
        const struct config_options *const options = arg;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        int r;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_config(app->conn, &result);
        if (r)
                return app_fail_answer(app, r);
        if (!app->common.json)
                return config_print_entries(app, result, options->origin);
        if (emit_print_item(jobctl_result_item(result, 0), &emit_config))
                return app_out_of_memory(app);
        return EXIT_CODE_OK;
}

static const char *const cmd_config_examples[] = {
        "jobctl config --origin",
        NULL,
};

const struct command cmd_config = {
        .name = "config",
        .usage = "[--origin]",
        .summary = "Show the daemon's configuration",
        .examples = cmd_config_examples,
        .options_bytes = sizeof(struct config_options),
        .sets = { { cmd_config_rows, 0 } },
        .run = cmd_config_run,
};
