/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl reload: the daemon reads its configuration again; a wrong one is refused and kept out. */
#include "client/cmd/command.h"
#include "client/cmd/config_print.h"
#include "client/cmd/emit.h"
#include "client/cmd/select.h"

static int cmd_reload_run(struct app *app, const void *options _unused_, char **args _unused_,
                          size_t count _unused_)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        int r;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_reload(app->conn, &result);
        if (r)
                return app_fail_answer(app, r);
        config_print_warnings(jobctl_result_item(result, 0));
        if (app->common.json)
                return emit_print_flag(NULL, "reloaded", true) ? app_out_of_memory(app)
                                                               : EXIT_CODE_OK;
        app_tell(app, "the configuration was read again");
        return EXIT_CODE_OK;
}

static const char *const cmd_reload_examples[] = {
        "jobctl reload && jobctl config --origin",
        NULL,
};

const struct command cmd_reload = {
        .name = "reload",
        .usage = "",
        .summary = "Let the daemon read its configuration again",
        .examples = cmd_reload_examples,
        .run = cmd_reload_run,
};
