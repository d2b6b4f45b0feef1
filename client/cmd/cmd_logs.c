/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl logs: what jobs have written, stdout to stdout and stderr to stderr. Several jobs, and the
 * tasks of an array or a map, come one after the other with a header each, in order; with -f each
 * task is awaited in its turn. A job whose output went to a file of its own says where. --json is
 * one object a record, for both streams on stdout.
 */
#include <stdio.h>

#include "client/cmd/command.h"
#include "client/cmd/follow_session.h"
#include "client/cmd/log_json.h"
#include "client/cmd/log_results.h"
#include "client/cmd/select.h"
#include "client/cmd/task_walk.h"

struct logs_options {
        bool follow, only_stdout, only_stderr, timestamps, failed;
        struct option_number tail;
};

#define AT(field) offsetof(struct logs_options, field)
/* clang-format off */
static const struct option_row cmd_logs_rows[] = {
        { OPTION_FLAG, 'f', "follow", NULL, "stay until the job ends", AT(follow), 0, 0, false, COMPLETE_NONE },
        { OPTION_NUMBER, 'n', "tail", "N", "only the last N lines", AT(tail), 0, 10000000, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "stdout", NULL, "only what went to stdout", AT(only_stdout), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "stderr", NULL, "only what went to stderr", AT(only_stderr), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "timestamps", NULL, "before each line, when it came", AT(timestamps), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "failed", NULL, "only of tasks that did not succeed", AT(failed), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

struct logs {
        struct app *app;
        const struct logs_options *options;
        bool with_headers;
        int status; /* of the first that failed */
};

static int logs_show_text(const struct logs *logs, uint64_t job, uint64_t task)
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

        return follow_session_run(logs->app, &session);
}

static int logs_show_json(const struct logs *logs, uint64_t job, uint64_t task)
{
        const struct logs_options *const options = logs->options;
        const struct log_json_options log = {
                .job = job,
                .task = task,
                .until_end = options->follow,
                .no_stdout = options->only_stderr,
                .no_stderr = options->only_stdout,
                .tail_lines = options->tail.given ? &options->tail.value : NULL,
        };

        return log_json_run(logs->app, &log);
}

static void logs_show_task(struct logs *logs, const struct select_job *job, uint64_t task)
{
        const bool is_json = logs->app->common.json;
        int status;

        if (logs->with_headers && (job->task_count > 1 || job->has_tasks))
                printf("==> job %llu.%llu <==\n", (unsigned long long)job->id,
                       (unsigned long long)task);
        else if (logs->with_headers)
                printf("==> job %llu <==\n", (unsigned long long)job->id);
        status =
                is_json ? logs_show_json(logs, job->id, task) : logs_show_text(logs, job->id, task);
        logs->status = logs->status ? logs->status : status;
}

struct logs_walk {
        struct logs *logs;
        const struct select_job *job;
};

static enum task_walk_answer logs_on_task(void *arg, const struct jobctl_item *job _unused_,
                                          const struct jobctl_item *attempt)
{
        const struct logs_walk *const walk = arg;

        logs_show_task(walk->logs, walk->job, jobctl_number_or(attempt, JOBCTL_ATTEMPT_TASK, 0));
        return walk->logs->status == EXIT_CODE_INTERRUPTED ? TASK_WALK_ENOUGH : TASK_WALK_ON;
}

/* Every task in its turn, those that have not begun too. */
static void logs_follow_tasks(struct logs *logs, const struct select_job *job)
{
        for (uint64_t task = job->task_first;
             task <= job->task_last && logs->status != EXIT_CODE_INTERRUPTED; task++)
                logs_show_task(logs, job, task);
}

static int logs_on_file(void *arg, uint64_t task)
{
        const struct logs_walk *const walk = arg;

        logs_show_task(walk->logs, walk->job, task);
        return walk->logs->status;
}

/* Does its output go to files of its owner's? Each task then says where. */
static bool logs_has_file(const struct logs *logs, const struct select_job *job)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        const struct jobctl_item *spec;

        if (select_tasks(logs->app, job->id, job->task_first, job->task_first, &selector) ||
            jobctl_info(logs->app->conn, selector, false, &result))
                return true; /* the longer way will say why */
        spec = jobctl_get_item(jobctl_result_item(result, 0), JOBCTL_JOB_SPEC);
        return jobctl_get_text(spec, JOBCTL_SPEC_OUTPUT_PATH, NULL) != NULL;
}

/*
 * Nothing more comes, and no line has to be told from another: the whole job is one stream. So is
 * one that is followed while nobody knows yet how many tasks it will have.
 */
static bool logs_is_stream(const struct logs *logs, const struct select_job *job)
{
        const struct logs_options *const options = logs->options;
        const bool many = job->task_last > job->task_first;

        if (options->timestamps || options->tail.given)
                return false;
        return (job->is_finished && many) || (job->is_open && options->follow && !job->has_tasks);
}

static void logs_show_stream(struct logs *logs, const struct select_job *job)
{
        struct logs_walk walk = { .logs = logs, .job = job };
        const struct log_results_options stream = {
                .job = job,
                .until_end = !job->is_finished,
                .failed_only = logs->options->failed,
                .no_stdout = logs->options->only_stderr,
                .no_stderr = logs->options->only_stdout,
                .headers = logs->with_headers,
                .on_file = logs_on_file,
                .arg = &walk,
        };
        const int r = log_results_run(logs->app, &stream);

        logs->status = logs->status ? logs->status : r;
}

/* Tasks of which some run, or whose lines are wanted: one by one. */
static void logs_walk_tasks(struct logs *logs, const struct select_job *job)
{
        struct logs_walk walk = { .logs = logs, .job = job };
        const struct task_walk tasks = {
                .job = job, .failed_only = logs->options->failed, .fn = logs_on_task, .arg = &walk
        };
        const int r = task_walk_run(logs->app, &tasks);

        logs->status = logs->status ? logs->status : r;
}

static void logs_show_job(struct logs *logs, const struct select_job *job)
{
        const bool many = job->task_last > job->task_first;

        if (logs_is_stream(logs, job) && !logs_has_file(logs, job))
                logs_show_stream(logs, job);
        else if (logs->options->failed || (many && !logs->options->follow))
                logs_walk_tasks(logs, job);
        else
                logs_follow_tasks(logs, job);
}

static int cmd_logs_run(struct app *app, const void *arg, char **args, size_t count)
{
        struct logs logs = { .app = app, .options = arg };
        _cleanup_(freep) struct select_job *jobs = NULL;
        size_t jobs_count = 0;
        int r;

        if (logs.options->only_stdout && logs.options->only_stderr)
                return app_usage(app, "--stdout and --stderr exclude each other");
        r = select_jobs(app, args, count, &jobs, &jobs_count, &logs.status);
        if (r)
                return r;
        if (jobs_count == 0 && logs.status == 0)
                return app_fail(app, EXIT_CODE_NO_SUCH_JOB, "no job matches");
        logs.with_headers =
                !app->common.quiet && !app->common.json &&
                (jobs_count > 1 || (jobs_count == 1 && jobs[0].task_last > jobs[0].task_first));
        for (size_t i = 0; i < jobs_count && logs.status != EXIT_CODE_INTERRUPTED; i++)
                logs_show_job(&logs, &jobs[i]);
        return logs.status;
}

static const char *const cmd_logs_examples[] = {
        "jobctl logs 17",
        "jobctl logs -f --tail 20 last        the last lines, then what comes",
        "jobctl logs --stderr 17 18.3-9       of a job, and of some tasks of another",
        "jobctl logs --failed 18              of the tasks that failed",
        "jobctl logs --json -f 17 | jq -r .text",
        NULL,
};

const struct command cmd_logs = {
        .name = "logs",
        .usage = "[OPTIONS] ID...",
        .summary = "Show what jobs have written",
        .examples = cmd_logs_examples,
        .args_min = 1,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_STARTED },
        .options_bytes = sizeof(struct logs_options),
        .sets = { { cmd_logs_rows, 0 } },
        .run = cmd_logs_run,
};
