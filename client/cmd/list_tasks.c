/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasks of jobs that have begun, one line each, by rising number: a table, or one object a line
 * with --json. No more lines than the limit says; how many were left out stands on stderr, counted
 * as far as that is cheap. Used by cmd_list.c, which also shows attempts in its own lines.
 */
#include "client/cmd/list_tasks.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

#include "client/cmd/emit.h"
#include "client/cmd/pager.h"
#include "client/cmd/table.h"
#include "client/cmd/task_walk.h"

static const struct table_column list_tasks_columns[] = {
        { "TASK", true, false, 0 },     { "STATE", false, false, 0 }, { "ATTEMPT", true, false, 0 },
        { "EXIT", true, false, 0 },     { "TIME", true, false, 0 },   { "MEMORY", true, false, 0 },
        { "STARTED", false, false, 0 }, { "WHY", false, true, 12 },   { NULL, false, false, 0 },
};

struct list_tasks {
        struct app *app;
        const struct list_tasks_options *options;
        struct table *table; /* owned; NULL for --json and --ids */
        uint64_t shown, left_out;
        uint64_t now_usec;
        bool failed; /* no memory */
};

void list_tasks_format_exit(const struct jobctl_item *attempt, char text[static STYLE_TEXT_MAX])
{
        uint64_t signo;
        int64_t code;

        text[0] = '\0';
        if (jobctl_get_number(attempt, JOBCTL_ATTEMPT_EXIT_SIGNAL, &signo) && signo > 0)
                snprintf(text, STYLE_TEXT_MAX, "%d", 128 + (int)signo);
        else if (jobctl_get_signed(attempt, JOBCTL_ATTEMPT_EXIT_CODE, &code))
                snprintf(text, STYLE_TEXT_MAX, "%d", (int)code);
}

void list_tasks_format_time(uint64_t now_usec, const struct jobctl_item *attempt,
                            char text[static STYLE_TEXT_MAX])
{
        const uint64_t start = jobctl_number_or(attempt, JOBCTL_ATTEMPT_START_WALL_USEC, 0);
        uint64_t usec;

        text[0] = '\0';
        if (jobctl_get_number(attempt, JOBCTL_ATTEMPT_RUN_USEC, &usec))
                style_duration(usec, text);
        else if (start > 0 && jobctl_number_or(attempt, JOBCTL_ATTEMPT_END_WALL_USEC, 0) == 0)
                style_duration(now_usec > start ? now_usec - start : 0, text);
}

static int list_tasks_add_row(struct list_tasks *list, const char *id,
                              const struct jobctl_item *attempt)
{
        const struct jobctl_item *const usage = jobctl_get_item(attempt, JOBCTL_ATTEMPT_USAGE);
        const uint64_t start = jobctl_number_or(attempt, JOBCTL_ATTEMPT_START_WALL_USEC, 0);
        const uint64_t memory = jobctl_number_or(usage, JOBCTL_USAGE_MEMORY_PEAK_BYTES, 0);
        const unsigned int state = (unsigned int)jobctl_number_or(attempt, JOBCTL_ATTEMPT_STATE, 0);
        const char *const why = jobctl_get_text(attempt, JOBCTL_ATTEMPT_WHY, NULL);
        _cleanup_(freep) char *safe = text_escape(why ? why : "", why ? strlen(why) : 0);
        char number[STYLE_TEXT_MAX], code[STYLE_TEXT_MAX], time[STYLE_TEXT_MAX],
                size[STYLE_TEXT_MAX] = "", started[STYLE_TEXT_MAX] = "";
        int r;

        snprintf(number, sizeof(number), "%llu",
                 (unsigned long long)jobctl_number_or(attempt, JOBCTL_ATTEMPT_ATTEMPT, 0));
        list_tasks_format_exit(attempt, code);
        list_tasks_format_time(list->now_usec, attempt, time);
        if (memory > 0)
                text_format_size(memory, size);
        if (start > 0)
                style_time(start, started);
        r = !safe || table_add_row(list->table) || table_add_cell(list->table, id, "") ||
            table_add_cell(list->table, jobctl_state_name(state),
                           style_state(list->app->colour, state)) ||
            table_add_cell(list->table, number, "") || table_add_cell(list->table, code, "") ||
            table_add_cell(list->table, time, "") || table_add_cell(list->table, size, "") ||
            table_add_cell(list->table, started, "") || table_add_cell(list->table, safe, "");
        return r ? -1 : 0;
}

static enum task_walk_answer list_tasks_show(void *arg, const struct jobctl_item *job,
                                             const struct jobctl_item *attempt)
{
        struct list_tasks *const list = arg;
        const uint64_t number = jobctl_number_or(job, JOBCTL_JOB_ID, 0);
        char id[48];

        if (list->shown == list->options->limit)
                return ++list->left_out > list->options->count_max ? TASK_WALK_ENOUGH
                                                                   : TASK_WALK_ON;
        list->shown++;
        snprintf(id, sizeof(id), "%llu.%llu", (unsigned long long)number,
                 (unsigned long long)jobctl_number_or(attempt, JOBCTL_ATTEMPT_TASK, 0));
        if (list->app->common.json)
                list->failed = emit_print_task(number, attempt) || list->failed;
        else if (list->options->ids_only)
                puts(id);
        else
                list->failed = list_tasks_add_row(list, id, attempt) || list->failed;
        return list->failed ? TASK_WALK_ENOUGH : TASK_WALK_ON;
}

static void list_tasks_print(const struct list_tasks *list)
{
        const struct app *const app = list->app;
        FILE *out;

        if (list->table && table_count_rows(list->table) > 0) {
                out = pager_open(app, table_count_rows(list->table) + 2);
                table_print(list->table, table_terminal_width(), style_bold(app->colour),
                            style_end(app->colour), out);
                pager_close(out);
        }
        if (list->shown == 0)
                app_tell(app, list->options->failed_only ? "no task of these failed"
                                                         : "no task of these has begun");
        if (list->left_out > list->options->count_max)
                app_tell(app, "there are more than %llu more: -n 0 shows all",
                         (unsigned long long)list->options->count_max);
        else if (list->left_out > 0)
                app_tell(app, "there are %llu more: -n 0 shows all",
                         (unsigned long long)list->left_out);
}

int list_tasks_run(struct app *app, const struct list_tasks_options *options, char **words,
                   size_t count)
{
        struct list_tasks list = { .app = app, .options = options, .now_usec = clock_wall_usec() };
        _cleanup_(table_freep) struct table *table = NULL;
        _cleanup_(freep) struct select_job *jobs = NULL;
        size_t jobs_count = 0;
        int status = EXIT_CODE_OK;
        int r;

        r = select_jobs(app, words, count, &jobs, &jobs_count, &status);
        if (r == 0 && !app->common.json && !options->ids_only &&
            table_new(list_tasks_columns, &table))
                r = app_out_of_memory(app);
        list.table = table;
        for (size_t i = 0; i < jobs_count && r == 0; i++) {
                const struct task_walk walk = { .job = &jobs[i],
                                                .failed_only = options->failed_only,
                                                .fn = list_tasks_show,
                                                .arg = &list };

                r = task_walk_run(app, &walk);
                if (r == 0 && list.failed)
                        r = app_out_of_memory(app);
        }
        if (r)
                return r;
        if (jobs_count > 0)
                list_tasks_print(&list);
        return status;
}
