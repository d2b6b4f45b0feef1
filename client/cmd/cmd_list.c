/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl list: own jobs, unfinished ones first (the oldest first), then the newest finished ones,
 * 100 unless more are asked for, wherever it writes to; how many it left out stands on stderr. The
 * daemon gives pages; a page that is not needed is not asked for. On a terminal it is a table
 * fitted to its width; --json is one object a line. Tasks are listed likewise (list_tasks.c).
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/list_tasks.h"
#include "client/cmd/pager.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"
#include "client/cmd/table.h"

/* Those behind the limit are counted up to here. */
#define LIST_COUNT_MAX 1000U
#define LIST_LIMIT_DEFAULT 100U

struct list_options {
        struct option_number limit;
        struct option_list states;
        const char *name;
        const char *queue;
        struct option_number since;
        bool all, failed, tasks, all_users, ids;
};

#define AT(field) offsetof(struct list_options, field)
/* clang-format off */
static const struct option_row cmd_list_rows[] = {
        { OPTION_NUMBER, 'n', "limit", "N", "at most N lines (default 100; 0: all)", AT(limit), 0, UINT32_MAX, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "all", NULL, "all of them, as -n 0", AT(all), 0, 0, false, COMPLETE_NONE },
        { OPTION_LIST, 0, "state", "STATE", "only these: queued, running, failed, active, ...", AT(states), 0, 0, false, COMPLETE_STATE },
        { OPTION_FLAG, 0, "failed", NULL, "only what ended and did not succeed", AT(failed), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "tasks", NULL, "the tasks of these jobs instead", AT(tasks), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 'J', "name", "NAME", "only jobs with this name", AT(name), 0, 0, false, COMPLETE_NAME },
        { OPTION_TEXT, 'q', "queue", "NAME", "only jobs in this queue", AT(queue), 0, 0, false, COMPLETE_QUEUE },
        { OPTION_SINCE, 0, "since", "TIME", "only jobs submitted since then (09:00, now-2h)", AT(since), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "all-users", NULL, "everybody's (only how many, unless you administer)", AT(all_users), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "ids", NULL, "print only the ids", AT(ids), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static const struct table_column cmd_list_columns[] = {
        { "ID", true, false, 0 },   { "NAME", false, true, 8 },     { "STATE", false, false, 0 },
        { "EXIT", true, false, 0 }, { "TIME", true, false, 0 },     { "STARTED", false, false, 0 },
        { "WHY", false, true, 6 },  { "COMMAND", false, true, 12 }, { NULL, false, false, 0 },
};
static const struct table_column cmd_list_columns_users[] = {
        { "ID", true, false, 0 },       { "USER", false, true, 6 }, { "NAME", false, true, 8 },
        { "STATE", false, false, 0 },   { "EXIT", true, false, 0 }, { "TIME", true, false, 0 },
        { "STARTED", false, false, 0 }, { "WHY", false, true, 6 },  { "COMMAND", false, true, 12 },
        { NULL, false, false, 0 },
};

struct list {
        struct app *app;
        const struct list_options *options;
        struct table *table; /* owned; NULL for --json and --ids */
        uint64_t limit;      /* lines; UINT64_MAX: all */
        uint64_t shown;
        uint64_t left_out; /* as far as counted */
        uint64_t now_usec;
};

/* Of a queued job only: how others ended is told by their state and code. NULL without memory. */
static char *list_make_why(const struct jobctl_item *job)
{
        const bool is_queued = jobctl_number_or(job, JOBCTL_JOB_STATE, 0) == JOBCTL_STATE_QUEUED;
        const char *const why = jobctl_get_text(job, JOBCTL_JOB_WHY, NULL);

        return style_reason(is_queued && why ? why : "");
}

static int list_add_row(struct list *list, const struct jobctl_item *job)
{
        const struct jobctl_item *const spec = jobctl_get_item(job, JOBCTL_JOB_SPEC);
        const struct jobctl_item *const attempt = jobctl_get_item_at(job, JOBCTL_JOB_ATTEMPTS, 0);
        const uint64_t start = jobctl_number_or(attempt, JOBCTL_ATTEMPT_START_WALL_USEC, 0);
        const char *const name = jobctl_get_text(spec, JOBCTL_SPEC_NAME, NULL);
        _cleanup_(freep) char *safe_name = text_escape(name ? name : "", name ? strlen(name) : 0);
        _cleanup_(freep) char *command = style_command(spec);
        _cleanup_(freep) char *why = list_make_why(job);
        const char *const colour = style_state(
                list->app->colour, (unsigned int)jobctl_number_or(job, JOBCTL_JOB_STATE, 0));
        char id[STYLE_TEXT_MAX], user[STYLE_TEXT_MAX], state[STYLE_COUNTS_MAX],
                code[STYLE_TEXT_MAX], time[STYLE_TEXT_MAX], started[STYLE_TEXT_MAX] = "";
        int r;

        snprintf(id, sizeof(id), "%llu",
                 (unsigned long long)jobctl_number_or(job, JOBCTL_JOB_ID, 0));
        style_user((uint32_t)jobctl_number_or(job, JOBCTL_JOB_UID, 0), user);
        style_counts(job, state);
        if (jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1) > 1)
                code[0] = time[0] = '\0'; /* would be those of its first task */
        else
                list_tasks_format_exit(attempt, code);
        if (jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1) <= 1)
                list_tasks_format_time(list->now_usec, attempt, time);
        if (start > 0)
                style_time(start, started);
        r = !safe_name || !command || !why || table_add_row(list->table) ||
            table_add_cell(list->table, id, "") ||
            (list->options->all_users && table_add_cell(list->table, user, "")) ||
            table_add_cell(list->table, safe_name, "") ||
            table_add_cell(list->table, state, colour) || table_add_cell(list->table, code, "") ||
            table_add_cell(list->table, time, "") || table_add_cell(list->table, started, "") ||
            table_add_cell(list->table, why, "") || table_add_cell(list->table, command, "");
        return r ? -1 : 0;
}

/* Shows one job, or counts it; not 0 without memory. */
static int list_show(struct list *list, const struct jobctl_item *job)
{
        if (list->shown >= list->limit) {
                list->left_out++;
                return 0;
        }
        list->shown++;
        if (list->app->common.json)
                return emit_print_item(job, &emit_job);
        if (!list->options->ids)
                return list_add_row(list, job);
        printf("%llu\n", (unsigned long long)jobctl_number_or(job, JOBCTL_JOB_ID, 0));
        return 0;
}

static void list_show_others(const struct list *list, const struct jobctl_item *page)
{
        for (size_t i = 0; i < jobctl_count(page, JOBCTL_PAGE_OTHERS); i++) {
                const struct jobctl_item *const other =
                        jobctl_get_item_at(page, JOBCTL_PAGE_OTHERS, i);
                char user[STYLE_TEXT_MAX];

                if (list->app->common.json)
                        (void)emit_print_item(other, &emit_other);
                else
                        printf("%s: %llu queued, %llu running\n",
                               style_user((uint32_t)jobctl_number_or(other, JOBCTL_OTHER_UID, 0),
                                          user),
                               (unsigned long long)jobctl_number_or(other, JOBCTL_OTHER_QUEUED, 0),
                               (unsigned long long)jobctl_number_or(other, JOBCTL_OTHER_RUNNING,
                                                                    0));
        }
}

static int list_pages(struct list *list, const struct jobctl_selector *selector)
{
        struct jobctl_list_options query = {
                .size = sizeof(query),
                .selector = selector,
                .all_users = list->options->all_users,
                .since_wall_usec = list->options->since.value,
        };

        for (;;) {
                _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
                const uint64_t wanted = list->limit - list->shown;
                const struct jobctl_item *page;
                int r;

                query.limit = (uint32_t)(wanted > 0 ? MIN(wanted, (uint64_t)1000) : LIST_COUNT_MAX);
                r = jobctl_list(list->app->conn, &query, &result);
                if (r)
                        return app_fail_answer(list->app, r);
                for (size_t i = 0; i < jobctl_result_count(result); i++)
                        if (list_show(list, jobctl_result_item(result, i)))
                                return app_out_of_memory(list->app);
                page = jobctl_result_page(result);
                if (query.after_id == 0)
                        list_show_others(list, page);
                if (!jobctl_number_or(page, JOBCTL_PAGE_MORE, 0))
                        return 0;
                if (list->left_out > 0) {
                        list->left_out = LIST_COUNT_MAX + 1;
                        return 0;
                }
                query.after_id = jobctl_number_or(page, JOBCTL_PAGE_NEXT_ID, 0);
                query.after_finished = jobctl_number_or(page, JOBCTL_PAGE_NEXT_FINISHED, 0);
        }
}

static void list_print(const struct list *list)
{
        const struct app *const app = list->app;
        FILE *out;

        if (list->table && table_count_rows(list->table) > 0) {
                out = pager_open(app, table_count_rows(list->table) + 2);
                table_print(list->table, table_terminal_width(), style_bold(app->colour),
                            style_end(app->colour), out);
                pager_close(out);
        } else if (list->table && app->out_is_terminal) {
                app_tell(app, "no jobs");
        }
        if (list->left_out > LIST_COUNT_MAX)
                app_tell(app, "there are more than %u more: -n 0 shows all", LIST_COUNT_MAX);
        else if (list->left_out > 0)
                app_tell(app, "there are %llu more: -n 0 shows all",
                         (unsigned long long)list->left_out);
}

static int list_make_selector(struct app *app, const struct list_options *options, char **args,
                              size_t count, struct jobctl_selector **out_selector)
{
        int r;

        r = select_words(app, args, count, out_selector);
        if (r == 0 && options->name && jobctl_selector_set_name(*out_selector, options->name))
                r = app_out_of_memory(app);
        if (r == 0 && options->queue && jobctl_selector_set_queue(*out_selector, options->queue))
                r = app_out_of_memory(app);
        if (r == 0)
                r = select_states(app, &options->states, *out_selector);
        for (unsigned int state = JOBCTL_STATE_FAILED;
             r == 0 && options->failed && state <= JOBCTL_STATE_LOST; state++)
                if (jobctl_selector_add_state(*out_selector, (enum jobctl_state)state))
                        r = app_out_of_memory(app);
        return r;
}

/* Are there tasks among the words ("17.3-9")? Then these are what is listed. */
static bool list_names_tasks(char **words, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (strpbrk(words[i], "._"))
                        return true;
        return false;
}

static int list_run_tasks(const struct list *list, char **args, size_t count)
{
        const struct list_options *const options = list->options;
        const struct list_tasks_options tasks = {
                .limit = list->limit,
                .count_max = LIST_COUNT_MAX,
                .failed_only = options->failed,
                .ids_only = options->ids,
        };

        if (count == 0)
                return app_usage(list->app, "--tasks needs the id of a job");
        if (options->name || options->queue || options->states.count > 0 || options->since.given ||
            options->all_users)
                return app_usage(list->app, "tasks are chosen by ids and --failed only");
        return list_tasks_run(list->app, &tasks, args, count);
}

static int cmd_list_run(struct app *app, const void *arg, char **args, size_t count)
{
        struct list list = { .app = app, .options = arg, .now_usec = clock_wall_usec() };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(table_freep) struct table *table = NULL;
        int r;

        list.limit = list.options->all               ? UINT64_MAX
                     : !list.options->limit.given    ? LIST_LIMIT_DEFAULT
                     : list.options->limit.value > 0 ? list.options->limit.value
                                                     : UINT64_MAX;
        if (list.options->failed && list.options->states.count > 0)
                return app_usage(app, "--failed and --state exclude each other");
        if (list.options->tasks || list_names_tasks(args, count))
                return list_run_tasks(&list, args, count);
        r = list_make_selector(app, list.options, args, count, &selector);
        if (r)
                return r;
        if (!app->common.json && !list.options->ids &&
            table_new(list.options->all_users ? cmd_list_columns_users : cmd_list_columns, &table))
                return app_out_of_memory(app);
        list.table = table;
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = list_pages(&list, selector);
        if (r == 0)
                list_print(&list);
        return r;
}

static const char *const cmd_list_examples[] = {
        "jobctl list",
        "jobctl list --failed --since 00:00",
        "jobctl list --tasks --failed 17      which tasks of job 17 failed",
        "jobctl list --json | jq -r 'select(.exit_code != 0).id'",
        NULL,
};

const struct command cmd_list = {
        .name = "list",
        .alias = "ls",
        .usage = "[OPTIONS] [ID...]",
        .summary = "List jobs, active ones first",
        .examples = cmd_list_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB },
        .options_bytes = sizeof(struct list_options),
        .sets = { { cmd_list_rows, 0 } },
        .run = cmd_list_run,
};
