/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl info: everything about jobs, one fact a line, what is not set left out.
 *
 * What may be shown is a table per kind of record - the job, its specification, its attempts, what
 * they used - so a new field is a new row. All text of the job's owner is escaped. Of a job with
 * many tasks 20 are shown, or as many as asked for. With --json one job is one object and several
 * are an array. Ids that are unknown are named on stderr and make the exit status 3, while the
 * others are shown.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"
#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/dependency.h"
#include "client/cmd/emit.h"
#include "client/cmd/emit_object.h"
#include "client/cmd/pager.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"
#include "client/cmd/task_walk.h"

#define INFO_TASKS_DEFAULT 20U

struct info_options {
        bool environment, failed;
        struct option_number limit;
};

/* clang-format off */
static const struct option_row cmd_info_rows[] = {
        { OPTION_FLAG, 0, "environment", NULL, "its environment too", offsetof(struct info_options, environment), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "failed", NULL, "of its tasks only those that did not succeed", offsetof(struct info_options, failed), 0, 0, false, COMPLETE_NONE },
        { OPTION_NUMBER, 'n', "tasks", "N", "at most N of its tasks (default 20; 0: all)", offsetof(struct info_options, limit), 0, UINT32_MAX, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};

enum info_kind { INFO_END, INFO_WORDS, INFO_REASON, INFO_PLAIN, INFO_SIGNED, INFO_DURATION, INFO_SIZE, INFO_WALL, INFO_SIGNAL, INFO_YES, INFO_OCTAL, INFO_KIND_COUNT };

struct info_row {
        enum info_kind kind;
        const char *title;
        enum jobctl_field field;
};

static const struct info_row info_job_rows[] = {
        { INFO_REASON, "Why", JOBCTL_JOB_WHY },
        { INFO_WORDS, "Queue", JOBCTL_JOB_QUEUE },
        { INFO_WALL, "Not before", JOBCTL_JOB_BEGIN_WALL_USEC },
        { INFO_WALL, "Submitted", JOBCTL_JOB_SUBMIT_WALL_USEC },
        { INFO_WALL, "Ended", JOBCTL_JOB_END_WALL_USEC },
        { INFO_END, NULL, 0 },
};
static const struct info_row info_spec_rows[] = {
        { INFO_WORDS, "Folder", JOBCTL_SPEC_CWD },
        { INFO_WORDS, "Input", JOBCTL_SPEC_INPUT_PATH },
        { INFO_WORDS, "Output", JOBCTL_SPEC_OUTPUT_PATH },
        { INFO_WORDS, "Error output", JOBCTL_SPEC_ERROR_PATH },
        { INFO_SIZE, "Output cap", JOBCTL_SPEC_OUTPUT_CAP_BYTES },
        { INFO_DURATION, "Time limit", JOBCTL_SPEC_TIME_LIMIT_USEC },
        { INFO_SIGNAL, "Warning signal", JOBCTL_SPEC_WARN_SIGNAL },
        { INFO_DURATION, "Grace", JOBCTL_SPEC_GRACE_USEC },
        { INFO_PLAIN, "Retries", JOBCTL_SPEC_RETRIES },
        { INFO_DURATION, "Retry delay", JOBCTL_SPEC_RETRY_DELAY_USEC },
        { INFO_YES, "Requeue", JOBCTL_SPEC_REQUEUE },
        { INFO_YES, "Keep waiting", JOBCTL_SPEC_KEEP_WAITING },
        { INFO_WORDS, "Unique key", JOBCTL_SPEC_UNIQUE },
        { INFO_SIGNED, "Priority", JOBCTL_SPEC_PRIORITY },
        { INFO_SIGNED, "Nice", JOBCTL_SPEC_NICE },
        { INFO_OCTAL, "Umask", JOBCTL_SPEC_UMASK },
        { INFO_PLAIN, "At once", JOBCTL_SPEC_ARRAY_WIDTH },
        { INFO_DURATION, "Start delay", JOBCTL_SPEC_START_DELAY_USEC },
        { INFO_PLAIN, "Cores", JOBCTL_SPEC_CPUS },
        { INFO_SIZE, "Memory", JOBCTL_SPEC_MEMORY_BYTES },
        { INFO_END, NULL, 0 },
};
static const struct info_row info_attempt_rows[] = {
        { INFO_PLAIN, "Attempt", JOBCTL_ATTEMPT_ATTEMPT },
        { INFO_PLAIN, "Slot", JOBCTL_ATTEMPT_SLOT },
        { INFO_SIGNED, "Exit code", JOBCTL_ATTEMPT_EXIT_CODE },
        { INFO_SIGNAL, "Signal", JOBCTL_ATTEMPT_EXIT_SIGNAL },
        { INFO_WORDS, "Reason", JOBCTL_ATTEMPT_WHY },
        { INFO_WALL, "Started", JOBCTL_ATTEMPT_START_WALL_USEC },
        { INFO_WALL, "Ended", JOBCTL_ATTEMPT_END_WALL_USEC },
        { INFO_DURATION, "Run time", JOBCTL_ATTEMPT_RUN_USEC },
        { INFO_PLAIN, "Process", JOBCTL_ATTEMPT_PID },
        { INFO_PLAIN, "Worker", JOBCTL_ATTEMPT_WORKER },
        { INFO_SIZE, "Output kept", JOBCTL_ATTEMPT_OUTPUT_BYTES },
        { INFO_YES, "Output cut", JOBCTL_ATTEMPT_OUTPUT_CUT },
        { INFO_END, NULL, 0 },
};
static const struct info_row info_usage_rows[] = {
        { INFO_DURATION, "User time", JOBCTL_USAGE_USER_USEC },
        { INFO_DURATION, "System time", JOBCTL_USAGE_SYSTEM_USEC },
        { INFO_SIZE, "Peak memory", JOBCTL_USAGE_MEMORY_PEAK_BYTES },
        { INFO_SIZE, "Read", JOBCTL_USAGE_READ_BYTES },
        { INFO_SIZE, "Written", JOBCTL_USAGE_WRITE_BYTES },
        { INFO_END, NULL, 0 },
};
/* clang-format on */

static void info_line(FILE *out, const char *title, const char *text)
{
        fprintf(out, "  %-15s %s\n", title, text);
}

/* Text and bytes, safe to print. */
static void info_line_bytes(FILE *out, const char *title, const char *data, size_t size)
{
        _cleanup_(freep) char *safe = text_escape(data, size);

        info_line(out, title, safe ? safe : "?");
}

static const char *info_format(enum info_kind kind, int64_t value, char text[static STYLE_TEXT_MAX])
{
        const unsigned long long number = (unsigned long long)value;

        if (kind == INFO_SIGNED)
                snprintf(text, STYLE_TEXT_MAX, "%lld", (long long)value);
        else if (kind == INFO_OCTAL)
                snprintf(text, STYLE_TEXT_MAX, "%03llo", number);
        else if (kind == INFO_YES)
                snprintf(text, STYLE_TEXT_MAX, "%s", value ? "yes" : "no");
        else if (kind == INFO_DURATION)
                style_duration((uint64_t)value, text);
        else if (kind == INFO_SIZE)
                text_format_size((uint64_t)value, text);
        else if (kind == INFO_WALL)
                clock_format_rfc3339((uint64_t)value, text);
        else if (kind == INFO_SIGNAL)
                return parse_signal_name((int)value, text);
        else
                snprintf(text, STYLE_TEXT_MAX, "%llu", number);
        return text;
}

static void info_print_rows(const struct jobctl_item *item, const struct info_row *rows, FILE *out)
{
        for (; rows->kind != INFO_END; rows++) {
                char text[STYLE_TEXT_MAX];
                int64_t value;
                size_t size;

                if (rows->kind == INFO_WORDS) {
                        const char *const data = jobctl_get_text(item, rows->field, &size);

                        if (data && size > 0)
                                info_line_bytes(out, rows->title, data, size);
                } else if (rows->kind == INFO_REASON) {
                        const char *const data = jobctl_get_text(item, rows->field, NULL);
                        _cleanup_(freep) char *words = data ? style_reason(data) : NULL;

                        if (words)
                                info_line(out, rows->title, words);
                } else if (jobctl_get_signed(item, rows->field, &value) &&
                           (value != 0 || rows->kind == INFO_SIGNED || rows->kind == INFO_OCTAL)) {
                        info_line(out, rows->title, info_format(rows->kind, value, text));
                }
        }
}

static void info_print_labels(const struct jobctl_item *spec, FILE *out)
{
        for (size_t i = 0; i < jobctl_count(spec, JOBCTL_SPEC_LABELS); i++) {
                const struct jobctl_item *const label =
                        jobctl_get_item_at(spec, JOBCTL_SPEC_LABELS, i);
                _cleanup_(freep) char *text = NULL;

                if (asprintf(&text, "%s=%s", jobctl_get_text(label, JOBCTL_LABEL_KEY, NULL),
                             jobctl_get_text(label, JOBCTL_LABEL_VALUE, NULL)) < 0)
                        text = NULL;
                else
                        info_line_bytes(out, "Label", text, strlen(text));
        }
}

/* "gpu=2"; "archive", "archive:shared": as one asks for them. */
static void info_print_asks(const struct jobctl_item *spec, FILE *out)
{
        for (size_t i = 0; i < jobctl_count(spec, JOBCTL_SPEC_RESOURCES); i++) {
                const struct jobctl_item *const ask =
                        jobctl_get_item_at(spec, JOBCTL_SPEC_RESOURCES, i);
                const char *const name = jobctl_get_text(ask, JOBCTL_RESOURCE_ASK_NAME, NULL);
                _cleanup_(freep) char *safe =
                        text_escape(name ? name : "", strlen(name ? name : ""));

                fprintf(out, "  %-15s %s=%llu\n", "Resource", safe ? safe : "?",
                        (unsigned long long)jobctl_number_or(ask, JOBCTL_RESOURCE_ASK_COUNT, 1));
        }
        for (size_t i = 0; i < jobctl_count(spec, JOBCTL_SPEC_LOCKS); i++) {
                const struct jobctl_item *const ask =
                        jobctl_get_item_at(spec, JOBCTL_SPEC_LOCKS, i);
                const char *const name = jobctl_get_text(ask, JOBCTL_LOCK_ASK_NAME, NULL);
                _cleanup_(freep) char *safe =
                        text_escape(name ? name : "", strlen(name ? name : ""));
                const bool shared = jobctl_number_or(ask, JOBCTL_LOCK_ASK_SHARED, 0) != 0;

                fprintf(out, "  %-15s %s%s\n", "Lock", safe ? safe : "?", shared ? ":shared" : "");
        }
}

/* The exit codes of --retry-on. */
static void info_print_retry_on(const struct jobctl_item *spec, FILE *out)
{
        const size_t count = jobctl_count(spec, JOBCTL_SPEC_RETRY_ON);

        for (size_t i = 0; i < count; i++)
                fprintf(out, i == 0 ? "  %-15s %llu" : "%s%llu", i == 0 ? "Retry on" : ",",
                        (unsigned long long)jobctl_get_number_at(spec, JOBCTL_SPEC_RETRY_ON, i));
        if (count > 0)
                putc('\n', out);
}

/* As --halt takes it: "soon,fail=1". */
static void info_print_halt(const struct jobctl_item *spec, FILE *out)
{
        const struct jobctl_item *const halt = jobctl_get_item(spec, JOBCTL_SPEC_HALT);
        uint64_t count = 0;
        char text[80];
        bool is_percent;

        if (!halt)
                return;
        is_percent = jobctl_get_number(halt, JOBCTL_HALT_PERCENT, &count);
        if (!is_percent)
                count = jobctl_number_or(halt, JOBCTL_HALT_COUNT, 0);
        snprintf(text, sizeof(text), "%s,%s=%llu%s",
                 jobctl_number_or(halt, JOBCTL_HALT_NOW, 0) ? "now" : "soon",
                 style_halt_word(jobctl_number_or(halt, JOBCTL_HALT_ON, 0)),
                 (unsigned long long)count, is_percent ? "%" : "");
        info_line(out, "Halt", text);
}

/* Jobs on their way to the terminal, or to JSON. */
struct info {
        struct app *app;
        const struct info_options *options;
        const struct select_job *job; /* the one at hand */
        const char *containment;      /* borrowed: what holds jobs just now; NULL: not known */
        FILE *out;
        struct json_t *object; /* the one at hand, as JSON */
        size_t shown;          /* jobs */
        uint64_t tasks;        /* of the job at hand */
        uint64_t limit;        /* tasks of each job */
        bool cut;
};

static void info_print_environment(const struct jobctl_item *job, FILE *out)
{
        const struct jobctl_item *const environment = jobctl_get_item(job, JOBCTL_JOB_ENVIRONMENT);

        for (size_t i = 0; i < jobctl_count(environment, JOBCTL_ENVIRONMENT_ENTRIES); i++) {
                size_t size;
                const char *const entry =
                        jobctl_get_text_at(environment, JOBCTL_ENVIRONMENT_ENTRIES, i, &size);

                info_line_bytes(out, i == 0 ? "Environment" : "", entry, size);
        }
}

static void info_print_job(void *arg, const struct jobctl_item *job)
{
        struct info *const info = arg;
        const struct app *const app = info->app;
        FILE *const out = info->out;
        const struct jobctl_item *const spec = jobctl_get_item(job, JOBCTL_JOB_SPEC);
        const unsigned int state = (unsigned int)jobctl_number_or(job, JOBCTL_JOB_STATE, 0);
        const char *const name = jobctl_get_text(spec, JOBCTL_SPEC_NAME, NULL);
        _cleanup_(freep) char *command = style_command(spec);
        _cleanup_(freep) char *waits_for = dependency_describe(job);
        char user[STYLE_TEXT_MAX], tasks[STYLE_TASKS_MAX];

        if (info->shown++ > 0)
                fputc('\n', out);
        fprintf(out, "%sJob %llu%s: %s%s%s\n", style_bold(app->colour),
                (unsigned long long)jobctl_number_or(job, JOBCTL_JOB_ID, 0), style_end(app->colour),
                style_state(app->colour, state), style_state_word(job), style_end(app->colour));
        info_line(out, "Command", command ? command : "?");
        if (name)
                info_line_bytes(out, "Name", name, strlen(name));
        info_line(out, "User",
                  style_user((uint32_t)jobctl_number_or(job, JOBCTL_JOB_UID, 0), user));
        if (style_tasks(job, tasks)[0])
                info_line(out, "Tasks", tasks);
        if (waits_for)
                info_line(out, "Waits for", waits_for);
        if (info->containment && state < JOBCTL_STATE_SUCCEEDED)
                info_line(out, "Containment", info->containment);
        info_print_rows(job, info_job_rows, out);
        info_print_rows(spec, info_spec_rows, out);
        info_print_halt(spec, out);
        info_print_retry_on(spec, out);
        info_print_asks(spec, out);
        info_print_labels(spec, out);
        info_print_environment(job, out);
}

/* Counts a task of the job at hand; true when it is one too many. */
static bool info_is_full(struct info *info)
{
        if (info->limit > 0 && info->tasks == info->limit) {
                info->cut = true;
                return true;
        }
        info->tasks++;
        return false;
}

static enum task_walk_answer info_print_task(void *arg, const struct jobctl_item *job,
                                             const struct jobctl_item *attempt)
{
        struct info *const info = arg;
        const unsigned int state = (unsigned int)jobctl_number_or(attempt, JOBCTL_ATTEMPT_STATE, 0);

        if (info_is_full(info))
                return TASK_WALK_ENOUGH;
        if (info->job->task_count > 1)
                fprintf(info->out, "  Task %llu.%llu: %s%s%s\n",
                        (unsigned long long)jobctl_number_or(job, JOBCTL_JOB_ID, 0),
                        (unsigned long long)jobctl_number_or(attempt, JOBCTL_ATTEMPT_TASK, 0),
                        style_state(info->app->colour, state), jobctl_state_name(state),
                        style_end(info->app->colour));
        info_print_rows(attempt, info_attempt_rows, info->out);
        info_print_rows(jobctl_get_item(attempt, JOBCTL_ATTEMPT_USAGE), info_usage_rows, info->out);
        return TASK_WALK_ON;
}

static void info_emit_job(void *arg, const struct jobctl_item *job)
{
        struct info *const info = arg;

        info->object = emit_begin_job(job);
        if (info->object && info->containment &&
            jobctl_number_or(job, JOBCTL_JOB_STATE, 0) < JOBCTL_STATE_SUCCEEDED)
                emit_object_set_text(info->object, "containment", info->containment,
                                     strlen(info->containment));
}

static enum task_walk_answer info_emit_task(void *arg, const struct jobctl_item *job _unused_,
                                            const struct jobctl_item *attempt)
{
        struct info *const info = arg;

        if (!info->object)
                return TASK_WALK_ENOUGH;
        if (info_is_full(info))
                return TASK_WALK_ENOUGH;
        emit_add_attempt(info->object, attempt);
        return TASK_WALK_ON;
}

/* Shows one job; in_array: of several, as JSON. Returns 0, or an exit status. */
static int info_show_job(struct info *info, bool in_array)
{
        const bool is_json = info->app->common.json;
        const struct task_walk walk = { .job = info->job,
                                        .failed_only = info->options->failed,
                                        .environment = info->options->environment,
                                        .page = info->options->failed || info->limit == 0
                                                        ? 0
                                                        : MIN(info->limit + 1, (uint64_t)1000),
                                        .on_job = is_json ? info_emit_job : info_print_job,
                                        .fn = is_json ? info_emit_task : info_print_task,
                                        .arg = info };
        int r;

        info->tasks = 0;
        info->object = NULL;
        r = task_walk_run(info->app, &walk);
        if (r || !is_json)
                return r;
        if (!info->object)
                return app_fail(info->app, EXIT_CODE_ERROR, "job %llu cannot be shown",
                                (unsigned long long)info->job->id);
        return emit_end_job(info->object, in_array ? info->shown++ : EMIT_ALONE)
                       ? app_out_of_memory(info->app)
                       : 0;
}

static int info_show(struct info *info, const struct select_job *jobs, size_t count)
{
        const bool is_json = info->app->common.json;
        size_t lines = 0;
        int r = 0;

        for (size_t i = 0; i < count; i++)
                lines += 14 * (1 + (jobs[i].task_count > 1 ? MIN(jobs[i].task_count, 20U) : 0));
        if (!is_json)
                info->out = pager_open(info->app, lines);
        for (size_t i = 0; i < count && r == 0; i++) {
                info->job = &jobs[i];
                r = info_show_job(info, count > 1);
        }
        if (!is_json)
                pager_close(info->out);
        else if (count > 1)
                emit_end_array(info->shown);
        return r;
}

static int cmd_info_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct info_options *const options = arg;
        struct info info = {
                .app = app,
                .options = options,
                .limit = options->limit.given ? options->limit.value : INFO_TASKS_DEFAULT,
        };
        _cleanup_(freep) struct select_job *jobs = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *daemon = NULL;
        size_t jobs_count = 0;
        int status = EXIT_CODE_OK;
        int r;

        r = select_jobs(app, args, count, &jobs, &jobs_count, &status);
        if (r)
                return r;
        if (jobs_count == 0 && status == EXIT_CODE_OK)
                return app_fail(app, EXIT_CODE_NO_SUCH_JOB, "no job matches");
        if (jobctl_status(app->conn, &daemon) == JOBCTL_OK)
                info.containment = jobctl_get_text(jobctl_result_item(daemon, 0),
                                                   JOBCTL_STATUS_CONTAINMENT, NULL);
        r = info_show(&info, jobs, jobs_count);
        if (r == 0 && info.cut)
                app_tell(app, "there are more tasks than the first %llu: -n 0 shows all of them",
                         (unsigned long long)info.limit);
        return r ? r : status;
}

static const char *const cmd_info_examples[] = {
        "jobctl info 17",
        "jobctl info --environment last",
        "jobctl info 17.3-9                   some of its tasks",
        "jobctl info --failed 17              those that failed",
        "jobctl info --json 17 | jq .attempts",
        NULL,
};

const struct command cmd_info = {
        .name = "info",
        .alias = "show",
        .usage = "[OPTIONS] ID...",
        .summary = "Tell everything about jobs",
        .examples = cmd_info_examples,
        .args_min = 1,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB },
        .options_bytes = sizeof(struct info_options),
        .sets = { { cmd_info_rows, 0 } },
        .run = cmd_info_run,
};
