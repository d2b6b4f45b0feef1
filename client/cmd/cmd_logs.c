/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl logs: what jobs have written, stdout to stdout and stderr to stderr. Several jobs, and the
 * tasks of an array, come one after the other with a header each. A job whose output went to a file
 * of its own says where.
 */
#include <stdio.h>

#include "client/cmd/command.h"
#include "client/cmd/follow_session.h"
#include "client/cmd/select.h"

struct logs_options {
        bool follow, only_stdout, only_stderr, timestamps;
        struct option_number tail;
};

#define AT(field) offsetof(struct logs_options, field)
/* clang-format off */
static const struct option_row cmd_logs_rows[] = {
        { OPTION_FLAG, 'f', "follow", NULL, "stay until the job ends", AT(follow), 0, 0, false },
        { OPTION_NUMBER, 'n', "tail", "N", "only the last N lines", AT(tail), 0, 10000000, false },
        { OPTION_FLAG, 0, "stdout", NULL, "only what went to stdout", AT(only_stdout), 0, 0, false },
        { OPTION_FLAG, 0, "stderr", NULL, "only what went to stderr", AT(only_stderr), 0, 0, false },
        { OPTION_FLAG, 0, "timestamps", NULL, "before each line, when it came", AT(timestamps), 0, 0, false },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false },
};
/* clang-format on */

struct logs {
        struct app *app;
        const struct logs_options *options;
        bool with_headers;
        int status; /* of the first that failed */
};

static void logs_show_task(struct logs *logs, uint64_t job, uint64_t task, bool is_array)
{
        const struct logs_options *const options = logs->options;
        const struct follow_session_options session = {
                .job = job,
                .task = task,
                .flags = FOLLOW_SESSION_SAY_WHERE |
                         (options->follow ? FOLLOW_SESSION_UNTIL_END : 0) |
                         (options->only_stdout ? FOLLOW_SESSION_NO_STDERR : 0) |
                         (options->only_stderr ? FOLLOW_SESSION_NO_STDOUT : 0) |
                         (options->timestamps ? FOLLOW_SESSION_TIMESTAMPS : 0),
                .tail_lines = options->tail.given ? &options->tail.value : NULL,
        };
        int status;

        if (logs->with_headers && is_array)
                printf("==> job %llu.%llu <==\n", (unsigned long long)job,
                       (unsigned long long)task);
        else if (logs->with_headers)
                printf("==> job %llu <==\n", (unsigned long long)job);
        status = follow_session_run(logs->app, &session);
        logs->status = logs->status ? logs->status : status;
}

static void logs_show_job(struct logs *logs, const struct jobctl_item *job)
{
        const uint64_t id = jobctl_number_or(job, JOBCTL_JOB_ID, 0);
        const size_t count = jobctl_count(job, JOBCTL_JOB_ATTEMPTS);
        uint64_t first;

        if (!jobctl_get_number(jobctl_get_item(job, JOBCTL_JOB_SPEC), JOBCTL_SPEC_ARRAY_FIRST,
                               &first)) {
                logs_show_task(logs, id, 0, false);
                return;
        }
        logs->with_headers = logs->with_headers || (count > 1 && !logs->app->common.quiet);
        for (size_t i = 0; i < count && logs->status != EXIT_CODE_INTERRUPTED; i++)
                logs_show_task(logs, id,
                               jobctl_number_or(jobctl_get_item_at(job, JOBCTL_JOB_ATTEMPTS, i),
                                                JOBCTL_ATTEMPT_TASK, 0),
                               true);
}

static int cmd_logs_run(struct app *app, const void *arg, char **args, size_t count)
{
        struct logs logs = { .app = app, .options = arg };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        int r;

        if (logs.options->only_stdout && logs.options->only_stderr)
                return app_usage(app, "--stdout and --stderr exclude each other");
        r = select_words(app, args, count, &selector);
        if (r)
                return r;
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_info(app->conn, selector, false, &result);
        if (r)
                return app_fail_answer(app, r);
        for (size_t i = 0; i < jobctl_result_problem_count(result); i++) {
                const struct jobctl_item *const problem = jobctl_result_problem(result, i);

                app_say("%s", jobctl_get_text(problem, JOBCTL_PROBLEM_MESSAGE, NULL));
                logs.status = exit_code_from_answer(
                        (int)jobctl_number_or(problem, JOBCTL_PROBLEM_CODE, 0));
        }
        if (jobctl_result_count(result) == 0 && logs.status == 0)
                return app_fail(app, EXIT_CODE_NO_SUCH_JOB, "no job matches");
        logs.with_headers = jobctl_result_count(result) > 1 && !app->common.quiet;
        for (size_t i = 0; i < jobctl_result_count(result) && logs.status != EXIT_CODE_INTERRUPTED;
             i++)
                logs_show_job(&logs, jobctl_result_item(result, i));
        return logs.status;
}

static const char *const cmd_logs_examples[] = {
        "jobctl logs 17",
        "jobctl logs -f --tail 20 last        the last lines, then what comes",
        "jobctl logs --stderr 17 18.3",
        NULL,
};

const struct command cmd_logs = {
        .name = "logs",
        .usage = "[OPTIONS] ID...",
        .summary = "Show what jobs have written",
        .examples = cmd_logs_examples,
        .args_min = 1,
        .args_max = COMMAND_ARGS_ANY,
        .options_bytes = sizeof(struct logs_options),
        .sets = { { cmd_logs_rows, 0 } },
        .run = cmd_logs_run,
};
