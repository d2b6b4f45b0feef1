/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl drain: nothing more is started, what runs goes on; --end starts jobs again. */
#include <stdio.h>

#include "client/cmd/command.h"
#include "client/cmd/emit.h"

struct drain_options {
        bool end;
};

/* clang-format off */
static const struct option_row cmd_drain_rows[] = {
        { OPTION_FLAG, 0, "end", NULL, "start jobs again", offsetof(struct drain_options, end), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static int cmd_drain_run(struct app *app, const void *arg, char **args _unused_,
                         size_t count _unused_)
{
        const struct drain_options *const options = arg;
        int r;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_drain(app->conn, options->end);
        if (r)
                return app_fail_answer(app, r);
        if (app->common.json)
                return emit_print_flag(NULL, "draining", !options->end) ? app_out_of_memory(app)
                                                                        : EXIT_CODE_OK;
        app_tell(app, options->end ? "jobs are started again"
                                   : "nothing more is started; undo with: jobctl drain --end");
        return EXIT_CODE_OK;
}

static const char *const cmd_drain_examples[] = {
        "jobctl drain          before maintenance",
        "jobctl drain --end    afterwards",
        NULL,
};

const struct command cmd_drain = {
        .name = "drain",
        .usage = "[--end]",
        .summary = "Start nothing more; what runs goes on",
        .examples = cmd_drain_examples,
        .options_bytes = sizeof(struct drain_options),
        .sets = { { cmd_drain_rows, 0 } },
        .run = cmd_drain_run,
};
