/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl why: one sentence for each job: what it waits for and about how long, or since when it
 * runs, or how it ended. jobd gives half sentences with marks for users and times; style.c puts
 * them into words. Ids that are unknown are named on stderr and make the exit status 3.
 */
#include <stdio.h>

#include "common/cleanup.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"

static int why_print(const struct app *app, const struct jobctl_item *job)
{
        const char *const text = jobctl_get_text(job, JOBCTL_WHY_TEXT, NULL);
        const uint64_t wait_usec = jobctl_number_or(job, JOBCTL_WHY_WAIT_USEC, 0);
        _cleanup_(freep) char *words = style_reason(text ? text : "cannot be explained");
        char about[STYLE_TEXT_MAX];

        if (!words)
                return app_out_of_memory(app);
        printf("job %llu %s", (unsigned long long)jobctl_number_or(job, JOBCTL_WHY_ID, 0), words);
        if (wait_usec > 0)
                printf("; about %s", style_duration(wait_usec, about));
        putchar('\n');
        return 0;
}

/* What could not be told, on stderr; the status of the first. */
static int why_print_problems(const struct jobctl_result *result)
{
        int status = EXIT_CODE_OK;

        for (size_t i = 0; i < jobctl_result_problem_count(result); i++) {
                const struct jobctl_item *const problem = jobctl_result_problem(result, i);
                const int r = exit_code_from_answer(
                        (int)jobctl_number_or(problem, JOBCTL_PROBLEM_CODE, 0));

                app_say("%s", jobctl_get_text(problem, JOBCTL_PROBLEM_MESSAGE, NULL));
                status = status ? status : r;
        }
        return status;
}

static int cmd_why_run(struct app *app, const void *options _unused_, char **args, size_t count)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        int r;

        r = select_words(app, args, count, &selector);
        if (r)
                return r;
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_why(app->conn, selector, &result);
        if (r)
                return app_fail_answer(app, r);
        if (app->common.json && emit_print_array(result, &emit_why))
                return app_out_of_memory(app);
        for (size_t i = 0; !app->common.json && i < jobctl_result_count(result) && r == 0; i++)
                r = why_print(app, jobctl_result_item(result, i));
        return r ? r : why_print_problems(result);
}

static const char *const cmd_why_examples[] = {
        "jobctl why 17",
        "jobctl why all      each of your jobs that has not ended",
        NULL,
};

const struct command cmd_why = {
        .name = "why",
        .usage = "ID...",
        .summary = "Say in one sentence why a job is not running yet",
        .examples = cmd_why_examples,
        .args_min = 1,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_UNFINISHED },
        .run = cmd_why_run,
};
