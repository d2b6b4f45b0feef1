/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acting on jobs: one request, one line per job. What was done goes to stdout, what could not be
 * done to stderr with the job's number; the exit status is that of the first failure, or 3 when
 * the selection found nothing at all.
 */
#include "client/cmd/act.h"

#include <stdio.h>
#include <string.h>

#include "client/cmd/emit.h"

static void act_print_done(const struct jobctl_item *row, const char *done)
{
        const uint64_t id = jobctl_number_or(row, JOBCTL_ACT_ID, 0);
        const uint64_t state = jobctl_number_or(row, JOBCTL_ACT_STATE, 0);
        uint64_t task;

        printf("job %llu", (unsigned long long)id);
        if (jobctl_get_number(row, JOBCTL_ACT_TASK, &task))
                printf(".%llu", (unsigned long long)task);
        printf(" %s\n", state == JOBCTL_STATE_STOPPING ? "is being stopped" : done);
}

static int act_report_row(const struct app *app, const struct jobctl_item *row, const char *done)
{
        const uint64_t code = jobctl_number_or(row, JOBCTL_ACT_CODE, 0);
        const unsigned long long id = jobctl_number_or(row, JOBCTL_ACT_ID, 0);
        const char *const message = jobctl_get_text(row, JOBCTL_ACT_MESSAGE, NULL);
        char job[40];

        if (code == JOBCTL_OK) {
                if (!app->common.json && !app->common.quiet)
                        act_print_done(row, done);
                return EXIT_CODE_OK;
        }
        snprintf(job, sizeof(job), "job %llu", id);
        if (message && strstr(message, job))
                app_say("%s", message);
        else
                app_say("%s: %s", job, message ? message : "it could not be done");
        return exit_code_from_answer((int)code);
}

int act_on(struct app *app, const struct jobctl_act_options *act,
           const struct jobctl_selector *selector, const char *done)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        bool skips_state; /* what does not need it is no failure */
        int status = EXIT_CODE_OK;
        int code;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        code = jobctl_act(app->conn, act, selector, &result);
        if (code)
                return app_fail_answer(app, code);
        skips_state = act->failed_only || act->lost_only;
        if (app->common.json && emit_print_array(result, &emit_act))
                return app_out_of_memory(app);
        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                const struct jobctl_item *const row = jobctl_result_item(result, i);
                int r;

                if (skips_state && jobctl_number_or(row, JOBCTL_ACT_CODE, 0) == JOBCTL_E_STATE)
                        continue;
                r = act_report_row(app, row, done);
                status = status ? status : r;
        }
        for (size_t i = 0; i < jobctl_result_problem_count(result); i++) {
                const struct jobctl_item *const problem = jobctl_result_problem(result, i);
                const int r = exit_code_from_answer(
                        (int)jobctl_number_or(problem, JOBCTL_PROBLEM_CODE, 0));

                app_say("%s", jobctl_get_text(problem, JOBCTL_PROBLEM_MESSAGE, NULL));
                status = status ? status : r;
        }
        if (jobctl_result_count(result) == 0 && jobctl_result_problem_count(result) == 0)
                return app_fail(app, EXIT_CODE_NO_SUCH_JOB, "no job matches");
        return status;
}

int act_simply(struct app *app, enum jobctl_action action, const struct select_options *options,
               char **words, size_t count, const char *verb, const char *done)
{
        const struct jobctl_act_options act = { .size = sizeof(act), .action = action };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        int r;

        r = select_filtered(app, options, words, count, true, verb, &selector);
        return r ? r : act_on(app, &act, selector, done);
}
