/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl purge: forgets finished own jobs with their output. Unfinished ones are never touched. */
#include <stdio.h>

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/select.h"

struct purge_options {
        struct select_options select;
        struct option_number older_than, keep;
};

/* clang-format off */
static const struct option_row cmd_purge_rows[] = {
        { OPTION_DURATION, 0, "older-than", "DURATION", "that ended so long ago", offsetof(struct purge_options, older_than), 0, 0, false, COMPLETE_NONE },
        { OPTION_NUMBER, 0, "keep", "N", "but keep the newest N", offsetof(struct purge_options, keep), 0, UINT64_MAX, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static int cmd_purge_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct purge_options *const options = arg;
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        struct select_options select = options->select;
        unsigned long long purged;
        int r;

        /* Without ids and filters: all that finished. */
        if (count == 0 && !select.name && select.states.count == 0) {
                select.states.values[0] = "finished";
                select.states.count = 1;
        }
        if (options->older_than.given || options->keep.given)
                select.yes = true; /* the age or the number was chosen with care */
        r = select_filtered(app, &select, args, count, false, "forget", &selector);
        if (r)
                return r;
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_purge(app->conn, selector,
                         options->older_than.given ? &options->older_than.value : NULL,
                         options->keep.given ? &options->keep.value : NULL, &result);
        if (r)
                return app_fail_answer(app, r);
        if (app->common.json)
                return emit_print_item(jobctl_result_item(result, 0), &emit_purged)
                               ? app_out_of_memory(app)
                               : EXIT_CODE_OK;
        purged = jobctl_number_or(jobctl_result_item(result, 0), JOBCTL_PURGED_JOBS, 0);
        if (!app->common.quiet)
                printf("%llu %s forgotten\n", purged, purged == 1 ? "job" : "jobs");
        return EXIT_CODE_OK;
}

static const char *const cmd_purge_examples[] = {
        "jobctl purge --older-than 7d",
        "jobctl purge --keep 100",
        "jobctl purge 17 20-25",
        NULL,
};

const struct command cmd_purge = {
        .name = "purge",
        .usage = "[OPTIONS] [ID...]",
        .summary = "Forget finished jobs and their output",
        .examples = cmd_purge_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_FINISHED },
        .options_bytes = sizeof(struct purge_options),
        .sets = { { cmd_purge_rows, 0 },
                  { select_option_rows, offsetof(struct purge_options, select) } },
        .run = cmd_purge_run,
};
