/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl status: the daemon in a few lines; with ids, one line for each job's state.
 *
 * Without ids it is for a person who asks "is it well?": workers, queue, containment, disk, how
 * long commits take. What is wrong (no pool, draining, a full disk) stands where one looks for it.
 * The same as numbers with --json. Called through the table of commands.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"
#include "client/cmd/task_walk.h"

#define STATUS_TASKS_MAX 20U /* attempts that --json shows of a job */

static void status_print_daemon(const struct app *app, const struct jobctl_item *status)
{
        char text[STYLE_TEXT_MAX];
        const uint64_t started = jobctl_number_or(status, JOBCTL_STATUS_START_WALL_USEC, 0);
        const uint64_t now = clock_wall_usec();
        _cleanup_(freep) char *build = NULL;
        const char *const name = jobctl_get_text(status, JOBCTL_STATUS_BUILD, NULL);

        build = text_escape(name ? name : "?", name ? strlen(name) : 1);
#define N(field) ((unsigned long long)jobctl_number_or(status, JOBCTL_STATUS_##field, 0))
        printf("%sjobd %s%s, %s mode, pid %llu, up %s\n", style_bold(app->colour),
               build ? build : "?", style_end(app->colour), N(SYSTEM_MODE) ? "system" : "user",
               N(PID), style_duration(now > started ? now - started : 0, text));
        printf("  Workers      %llu of %llu, %llu busy%s%s\n", N(WORKERS_ALIVE), N(WORKERS_WANTED),
               N(WORKERS_BUSY), N(POOL_CONNECTED) ? "" : ", the pool is not connected",
               N(DRAINING) ? ", draining: nothing starts" : "");
        printf("  Jobs         %llu queued, %llu running, %llu finished since the start\n",
               N(QUEUED), N(RUNNING), N(FINISHED));
        printf("  Yours        %llu queued, %llu running\n", N(OWN_QUEUED), N(OWN_RUNNING));
        printf("  Containment  %s\n", jobctl_get_text(status, JOBCTL_STATUS_CONTAINMENT, NULL));
        printf("  State        %s, %s free%s\n",
               jobctl_get_text(status, JOBCTL_STATUS_STATE_DIR, NULL),
               text_format_size(jobctl_number_or(status, JOBCTL_STATUS_DISK_FREE_BYTES, 0), text),
               N(DISK_FULL) ? " - the disk is full: submissions are refused" : "");
        printf("  Commits      %llu, half within %.1f ms, slowest %.1f ms\n", N(COMMIT_COUNT),
               (double)N(COMMIT_USEC_P50) / 1000, (double)N(COMMIT_USEC_MAX) / 1000);
        printf("  Socket       %s, %llu connections\n", jobctl_socket_path(app->conn), N(SESSIONS));
#undef N
}

static int status_of_daemon(struct app *app)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        int r;

        r = jobctl_status(app->conn, &result);
        if (r)
                return app_fail_answer(app, r);
        if (!app->common.json)
                status_print_daemon(app, jobctl_result_item(result, 0));
        else if (emit_print_item(jobctl_result_item(result, 0), &emit_status))
                return app_out_of_memory(app);
        return EXIT_CODE_OK;
}

/* One line: "17 running: 42 of 100 done, 3 running, 1 failed", "18 queued: why". */
static void status_print_job(const struct app *app, const struct jobctl_item *job)
{
        const unsigned int state = (unsigned int)jobctl_number_or(job, JOBCTL_JOB_STATE, 0);
        const char *const why = jobctl_get_text(job, JOBCTL_JOB_WHY, NULL);
        _cleanup_(freep) char *safe = text_escape(why ? why : "", why ? strlen(why) : 0);
        char tasks[STYLE_TASKS_MAX];

        style_tasks(job, tasks);
        printf("%llu %s%s%s%s%s%s%s\n", (unsigned long long)jobctl_number_or(job, JOBCTL_JOB_ID, 0),
               style_state(app->colour, state), style_state_word(job), style_end(app->colour),
               tasks[0] ? ": " : "", tasks, why ? ": " : "", safe ? safe : "");
}

/* "17.3 failed: why". */
static enum task_walk_answer status_print_task(void *arg, const struct jobctl_item *job,
                                               const struct jobctl_item *attempt)
{
        const struct app *const app = arg;
        const unsigned int state = (unsigned int)jobctl_number_or(attempt, JOBCTL_ATTEMPT_STATE, 0);
        const char *const why = jobctl_get_text(attempt, JOBCTL_ATTEMPT_WHY, NULL);
        _cleanup_(freep) char *safe = text_escape(why ? why : "", why ? strlen(why) : 0);

        printf("%llu.%llu %s%s%s%s%s\n",
               (unsigned long long)jobctl_number_or(job, JOBCTL_JOB_ID, 0),
               (unsigned long long)jobctl_number_or(attempt, JOBCTL_ATTEMPT_TASK, 0),
               style_state(app->colour, state), jobctl_state_name(state), style_end(app->colour),
               why ? ": " : "", safe ? safe : "");
        return TASK_WALK_ON;
}

static int status_of_job(struct app *app, const struct select_job *job, size_t index)
{
        const struct task_walk walk = { .job = job, .fn = status_print_task, .arg = app };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        const uint64_t first = job->task_first;
        int r;

        if (job->has_tasks && !app->common.json)
                return task_walk_run(app, &walk);
        r = select_tasks(app, job->id, first, MIN(job->task_last, first + STATUS_TASKS_MAX - 1),
                         &selector);
        if (r)
                return r;
        r = jobctl_info(app->conn, selector, false, &result);
        if (r)
                return app_fail_answer(app, r);
        if (jobctl_result_count(result) == 0)
                return 0; /* forgotten meanwhile */
        if (!app->common.json)
                status_print_job(app, jobctl_result_item(result, 0));
        else if (emit_print_next(index, jobctl_result_item(result, 0), &emit_job))
                return app_out_of_memory(app);
        return 0;
}

static int cmd_status_run(struct app *app, const void *options _unused_, char **args, size_t count)
{
        _cleanup_(freep) struct select_job *jobs = NULL;
        size_t jobs_count = 0;
        int status = EXIT_CODE_OK;
        int r;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        if (count == 0)
                return status_of_daemon(app);
        r = select_jobs(app, args, count, &jobs, &jobs_count, &status);
        for (size_t i = 0; i < jobs_count && r == 0; i++)
                r = status_of_job(app, &jobs[i], i);
        if (r == 0 && app->common.json)
                emit_end_array(jobs_count);
        return r ? r : status;
}

static const char *const cmd_status_examples[] = {
        "jobctl status          the daemon",
        "jobctl status 17 18    the state of jobs, one a line",
        "jobctl status 18.3-9   the state of tasks",
        NULL,
};

const struct command cmd_status = {
        .name = "status",
        .usage = "[ID...]",
        .summary = "Tell how the daemon is, or the state of jobs",
        .examples = cmd_status_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB },
        .run = cmd_status_run,
};
