/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl pool: the workers, and how many there should be.
 *
 * Asking and resizing are the same request, so `resize N` answers with the table too; the workers
 * that go stay in it as "retiring" until their job has ended. Who may resize is the daemon's
 * decision. A worker that is known and not connected is "away": it runs its job without jobd.
 */
#include <stdio.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"
#include "client/cmd/table.h"

static const struct table_column cmd_pool_columns[] = {
        { "WORKER", true, false, 0 }, { "PID", true, false, 0 },   { "STATE", false, false, 0 },
        { "JOB", false, false, 0 },   { "BUILD", false, true, 8 }, { NULL, false, false, 0 },
};

static const char *pool_state(const struct jobctl_item *worker)
{
        uint64_t job;

        if (!jobctl_number_or(worker, JOBCTL_WORKER_CONNECTED, 0))
                return "away";
        if (jobctl_number_or(worker, JOBCTL_WORKER_RETIRING, 0))
                return "retiring";
        return jobctl_get_number(worker, JOBCTL_WORKER_JOB, &job) ? "busy" : "idle";
}

static int pool_add_worker(struct table *table, const struct jobctl_item *worker)
{
        const char *const build = jobctl_get_text(worker, JOBCTL_WORKER_BUILD, NULL);
        _cleanup_(freep) char *safe = text_escape(build ? build : "", build ? strlen(build) : 0);
        char number[24], pid[24], job[48] = "";
        uint64_t id, task;

        snprintf(number, sizeof(number), "%llu",
                 (unsigned long long)jobctl_number_or(worker, JOBCTL_WORKER_NUMBER, 0));
        snprintf(pid, sizeof(pid), "%llu",
                 (unsigned long long)jobctl_number_or(worker, JOBCTL_WORKER_PID, 0));
        if (jobctl_get_number(worker, JOBCTL_WORKER_JOB, &id)) {
                snprintf(job, sizeof(job), "%llu", (unsigned long long)id);
                if (jobctl_get_number(worker, JOBCTL_WORKER_TASK, &task) && task > 0)
                        snprintf(job + strlen(job), sizeof(job) - strlen(job), ".%llu",
                                 (unsigned long long)task);
        }
        if (!safe || table_add_row(table) || table_add_cell(table, number, "") ||
            table_add_cell(table, pid, "") || table_add_cell(table, pool_state(worker), "") ||
            table_add_cell(table, job, "") || table_add_cell(table, safe, ""))
                return -1;
        return 0;
}

static int pool_print(const struct app *app, const struct jobctl_item *pool)
{
        _cleanup_(table_freep) struct table *table = NULL;
        const size_t count = jobctl_count(pool, JOBCTL_POOL_WORKERS);

        if (table_new(cmd_pool_columns, &table))
                return -1;
        for (size_t i = 0; i < count; i++)
                if (pool_add_worker(table, jobctl_get_item_at(pool, JOBCTL_POOL_WORKERS, i)))
                        return -1;
        printf("%llu workers wanted, %zu known%s\n",
               (unsigned long long)jobctl_number_or(pool, JOBCTL_POOL_WANTED, 0), count,
               jobctl_number_or(pool, JOBCTL_POOL_CONNECTED, 0) ? ""
                                                                : "; the pool is not connected");
        if (count > 0)
                table_print(table, table_terminal_width(), style_bold(app->colour),
                            style_end(app->colour), stdout);
        return 0;
}

static int cmd_pool_run(struct app *app, const void *options _unused_, char **args, size_t count)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        struct reason why = { "" };
        uint64_t workers = 0;
        int r;

        if (count > 0 && strcmp(args[0], "resize") != 0)
                return app_usage(app, "pool takes 'resize N', not '%s'", args[0]);
        if (count == 1)
                return app_usage(app, "resize needs the number of workers");
        if (count == 2 && parse_u64(args[1], "workers", 1, 4096, &workers, &why))
                return app_usage(app, "%s", why.text);
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_pool(app->conn, (uint32_t)workers, &result);
        if (r)
                return app_fail_answer(app, r);
        r = app->common.json ? emit_print_item(jobctl_result_item(result, 0), &emit_pool)
                             : pool_print(app, jobctl_result_item(result, 0));
        return r ? app_out_of_memory(app) : EXIT_CODE_OK;
}

static const char *const cmd_pool_examples[] = {
        "jobctl pool               the workers",
        "jobctl pool resize 8      eight from now on",
        NULL,
};

static const struct command_word cmd_pool_words[] = {
        { "resize", "change how many workers there are", COMPLETE_NONE },
        { NULL, NULL, COMPLETE_NONE },
};

const struct command cmd_pool = {
        .name = "pool",
        .usage = "[resize N]",
        .summary = "Show the workers, or change how many there are",
        .examples = cmd_pool_examples,
        .args_max = 2,
        .complete = { COMPLETE_WORD },
        .words = cmd_pool_words,
        .run = cmd_pool_run,
};
