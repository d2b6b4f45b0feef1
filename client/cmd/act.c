/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acting on jobs: one request, one line per job or task, and above 20 of them one line with counts
 * by state. What was done goes to stdout, what could not be done to stderr with the job's number;
 * the exit status is that of the first failure, or 3 when the selection found nothing at all.
 */
#include "client/cmd/act.h"

#include <stdio.h>
#include <string.h>

#include "client/cmd/emit.h"

#define ACT_ROWS_MAX 20U /* lines; more are summed up */

/* "job 17", "job 17.3". */
static void act_name_row(const struct jobctl_item *row, char out_name[static 64])
{
        const unsigned long long id = jobctl_number_or(row, JOBCTL_ACT_ID, 0);
        uint64_t task;

        if (jobctl_get_number(row, JOBCTL_ACT_TASK, &task))
                snprintf(out_name, 64, "job %llu.%llu", id, (unsigned long long)task);
        else
                snprintf(out_name, 64, "job %llu", id);
}

static void act_print_done(const struct jobctl_item *row, const char *done)
{
        const uint64_t state = jobctl_number_or(row, JOBCTL_ACT_STATE, 0);
        char name[64];

        act_name_row(row, name);
        printf("%s %s\n", name, state == JOBCTL_STATE_STOPPING ? "is being stopped" : done);
}

/* Many rows become one line: how many are in which state now. */
static void act_print_summary(const struct app *app, const struct jobctl_result *result)
{
        const size_t count = jobctl_result_count(result);
        uint64_t by_state[JOBCTL_STATE_COUNT] = { 0 };
        uint64_t done = 0, tasks = 0, task;
        const char *comma = ":";

        if (app->common.json || app->common.quiet)
                return;
        for (size_t i = 0; i < count; i++) {
                const struct jobctl_item *const row = jobctl_result_item(result, i);
                const uint64_t state = jobctl_number_or(row, JOBCTL_ACT_STATE, 0);

                if (jobctl_number_or(row, JOBCTL_ACT_CODE, 0) != JOBCTL_OK)
                        continue;
                done++;
                tasks += jobctl_get_number(row, JOBCTL_ACT_TASK, &task) ? 1 : 0;
                by_state[state < JOBCTL_STATE_COUNT ? state : 0]++;
        }
        if (done == 0)
                return;
        printf("%llu %s", (unsigned long long)done, tasks == done ? "tasks" : "jobs");
        for (unsigned int state = 1; state < JOBCTL_STATE_COUNT; state++) {
                if (by_state[state] == 0)
                        continue;
                printf("%s %llu %s", comma, (unsigned long long)by_state[state],
                       state == JOBCTL_STATE_STOPPING ? "being stopped" : jobctl_state_name(state));
                comma = ",";
        }
        putchar('\n');
}

/* done: NULL when success is not worth a line; *left: how many more failures are. */
static int act_report_row(const struct app *app, const struct jobctl_item *row, const char *done,
                          size_t *left)
{
        const uint64_t code = jobctl_number_or(row, JOBCTL_ACT_CODE, 0);
        const char *const message = jobctl_get_text(row, JOBCTL_ACT_MESSAGE, NULL);
        char job[64];

        if (code == JOBCTL_OK) {
                if (done && !app->common.json && !app->common.quiet)
                        act_print_done(row, done);
                return EXIT_CODE_OK;
        }
        if (*left == 0)
                return exit_code_from_answer((int)code);
        (*left)--;
        act_name_row(row, job);
        if (message && strstr(message, job))
                app_say("%s", message);
        else
                app_say("%s: %s", job, message ? message : "it could not be done");
        return exit_code_from_answer((int)code);
}

/* Rows and what could not be done; the exit status is that of the first failure. */
static int act_report(const struct app *app, bool skips_state, const struct jobctl_result *result,
                      const char *done)
{
        const bool many = jobctl_result_count(result) > ACT_ROWS_MAX;
        size_t left = ACT_ROWS_MAX, failed = 0;
        int status = EXIT_CODE_OK;

        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                const struct jobctl_item *const row = jobctl_result_item(result, i);
                int r;

                if (skips_state && jobctl_number_or(row, JOBCTL_ACT_CODE, 0) == JOBCTL_E_STATE)
                        continue;
                r = act_report_row(app, row, many ? NULL : done, &left);
                failed += r ? 1 : 0;
                status = status ? status : r;
        }
        if (many)
                act_print_summary(app, result);
        if (failed > ACT_ROWS_MAX)
                app_say("and %zu more could not be done", failed - ACT_ROWS_MAX);
        return status;
}

int act_on(struct app *app, const struct jobctl_act_options *act,
           const struct jobctl_selector *selector, const char *done)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        int code;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        code = jobctl_act(app->conn, act, selector, &result);
        if (code)
                return app_fail_answer(app, code);
        return act_show(app, result, act->failed_only || act->lost_only, done);
}

int act_show(struct app *app, const struct jobctl_result *result, bool skips_state,
             const char *done)
{
        int status;

        if (app->common.json && emit_print_array(result, &emit_act))
                return app_out_of_memory(app);
        status = act_report(app, skips_state, result, done);
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
