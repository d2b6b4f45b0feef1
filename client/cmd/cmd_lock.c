/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl lock: run a command here while holding a named lock, or take one for a shell.
 *
 * `lock NAME -- CMD` takes the lock for this process and then becomes CMD: the lock goes when CMD
 * ends, whatever ends it, the exit code is CMD's own, and nothing stands between it and its
 * signals.
 * `--acquire` takes it for the shell that called (or --holder PID), `--release` gives that back.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/select.h"
#include "client/cmd/table.h"

#define EXIT_CODE_NOT_EXECUTABLE 126
#define EXIT_CODE_NOT_FOUND 127

struct cmd_lock_options {
        bool shared, acquire, release, list;
        struct option_number timeout, holder;
};

#define AT(field) offsetof(struct cmd_lock_options, field)
/* clang-format off */
static const struct option_row cmd_lock_rows[] = {
        { OPTION_FLAG, 0, "shared", NULL, "together with others who share it", AT(shared), 0, 0, false, COMPLETE_NONE },
        { OPTION_DURATION, 0, "timeout", "DURATION", "give up after so long: exit code 124", AT(timeout), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "acquire", NULL, "take it for the calling shell and return", AT(acquire), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "release", NULL, "give back what --acquire took", AT(release), 0, 0, false, COMPLETE_NONE },
        { OPTION_NUMBER, 0, "holder", "PID", "another process than the calling shell", AT(holder), 1, INT32_MAX, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "list", NULL, "who holds and who waits", AT(list), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

/* ------------------------------------------------------------------------------------- listing */

static const struct table_column cmd_lock_columns[] = {
        { "LOCK", false, true, 8 },    { "STATE", false, false, 0 }, { "MODE", false, false, 0 },
        { "HOLDER", false, false, 0 }, { NULL, false, false, 0 },
};

static void lock_describe_holder(const struct jobctl_item *item, char *buf, size_t size)
{
        uint64_t pid = 0, job = 0, task = 0;

        (void)jobctl_get_number(item, JOBCTL_LOCK_PID, &pid);
        (void)jobctl_get_number(item, JOBCTL_LOCK_TASK, &task);
        if (jobctl_get_number(item, JOBCTL_LOCK_JOB, &job) && task)
                snprintf(buf, size, "job %llu.%llu", (unsigned long long)job,
                         (unsigned long long)task);
        else if (job)
                snprintf(buf, size, "job %llu", (unsigned long long)job);
        else if (pid)
                snprintf(buf, size, "process %llu", (unsigned long long)pid);
        else
                snprintf(buf, size, "user %llu",
                         (unsigned long long)jobctl_number_or(item, JOBCTL_LOCK_UID, 0));
        if (job && pid)
                snprintf(buf + strlen(buf), size - strlen(buf), " (process %llu)",
                         (unsigned long long)pid);
}

static const char *lock_state(const struct jobctl_item *item)
{
        return jobctl_number_or(item, JOBCTL_LOCK_STATE, 0) == 2 ? "held" : "waiting";
}

static int lock_add_row(struct table *table, const struct jobctl_item *item)
{
        const char *const name = jobctl_get_text(item, JOBCTL_LOCK_NAME, NULL);
        _cleanup_(freep) char *safe = text_escape(name ? name : "", name ? strlen(name) : 0);
        const bool shared = jobctl_number_or(item, JOBCTL_LOCK_SHARED, 0) != 0;
        char holder[96];

        lock_describe_holder(item, holder, sizeof(holder));
        if (!safe || table_add_row(table) || table_add_cell(table, safe, "") ||
            table_add_cell(table, lock_state(item), "") ||
            table_add_cell(table, shared ? "shared" : "alone", "") ||
            table_add_cell(table, holder, ""))
                return -1;
        return 0;
}

static int lock_list(struct app *app)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        _cleanup_(table_freep) struct table *table = NULL;
        int r;

        r = jobctl_lock_list(app->conn, &result);
        if (r)
                return app_fail_answer(app, r);
        if (table_new(cmd_lock_columns, &table))
                return app_out_of_memory(app);
        for (size_t i = 0; i < jobctl_result_count(result); i++)
                if (app->common.json)
                        (void)emit_print_item(jobctl_result_item(result, i), &emit_lock);
                else if (lock_add_row(table, jobctl_result_item(result, i)))
                        return app_out_of_memory(app);
        if (!app->common.json)
                table_print(table, table_terminal_width(), "", "", stdout);
        return EXIT_CODE_OK;
}

/* -------------------------------------------------------------------------------------- taking */

struct lock_wait {
        const struct app *app;
        const char *name;
};

static void lock_on_wait(void *arg)
{
        const struct lock_wait *wait = arg;

        if (isatty(STDERR_FILENO))
                app_tell(wait->app, "waiting for the lock \"%s\"", wait->name);
}

static int lock_take(struct app *app, const struct cmd_lock_options *options, const char *name,
                     uint32_t holder)
{
        struct lock_wait wait = { .app = app, .name = name };
        const struct jobctl_lock_options take = {
                .size = sizeof(take),
                .shared = options->shared,
                .holder_pid = holder,
                .timeout_usec = options->timeout.given ? &options->timeout.value : NULL,
                .on_wait = lock_on_wait,
                .arg = &wait,
        };
        const int r = jobctl_lock(app->conn, name, &take);

        if (r == JOBCTL_E_TIMEOUT) {
                app_say("%s", jobctl_error_text(app->conn));
                return EXIT_CODE_TIME_LIMIT;
        }
        return r ? app_fail_answer(app, r) : EXIT_CODE_OK;
}

static int lock_tell(struct app *app, const char *name, bool is_held)
{
        if (app->common.json && emit_print_flag(name, "held", is_held))
                return app_out_of_memory(app);
        return EXIT_CODE_OK;
}

/* This process becomes the command; only a failure comes back. */
static int lock_become(struct app *app, char **args)
{
        int error;

        app->conn = jobctl_free(app->conn);
        (void)signal(SIGPIPE, SIG_DFL);
        execvp(args[0], args);
        error = errno;
        app_say("%s: %s", args[0], strerror(error));
        return error == ENOENT ? EXIT_CODE_NOT_FOUND : EXIT_CODE_NOT_EXECUTABLE;
}

static int lock_judge(const struct app *app, const struct cmd_lock_options *options, size_t count)
{
        const bool alone = options->acquire || options->release;

        if (options->list && (count > 0 || alone))
                return app_usage(app, "--list takes nothing else");
        if (options->list)
                return 0;
        if (count == 0)
                return app_usage(app, "which lock? `jobctl lock NAME -- COMMAND`");
        if (options->acquire && options->release)
                return app_usage(app, "either --acquire or --release");
        if (alone && count > 1)
                return app_usage(app, "--acquire and --release run no command");
        if (!alone && count < 2)
                return app_usage(app,
                                 "what is to run? `jobctl lock NAME -- COMMAND`, or --acquire");
        if (options->holder.given && !alone)
                return app_usage(app, "--holder is for --acquire and --release");
        return 0;
}

static int cmd_lock_run(struct app *app, const void *at, char **args, size_t count)
{
        struct cmd_lock_options given = *(const struct cmd_lock_options *)at;
        const struct cmd_lock_options *const options = &given;
        const struct option_set sets[] = { { cmd_lock_rows, &given }, { NULL, NULL } };
        struct reason why = { "" };
        uint32_t holder;
        int r, command = 1;

        /* Options may stand behind the name, too; behind the command they are the command's. */
        if (count > 1 && option_parse(sets, true, (int)count, args, &command, &why))
                return app_usage(app, "%s", why.text);
        if (count > 1)
                count = count - (size_t)command + 1;
        holder = options->holder.given ? (uint32_t)options->holder.value : (uint32_t)getppid();
        r = lock_judge(app, options, count);
        if (r)
                return r;
        if (!app_connection(app))
                return app->job_code ? EXIT_CODE_OURS : EXIT_CODE_ERROR;
        if (options->list)
                return lock_list(app);
        if (options->release) {
                r = jobctl_unlock(app->conn, args[0], holder);
                return r ? app_fail_answer(app, r) : lock_tell(app, args[0], false);
        }
        r = lock_take(app, options, args[0], options->acquire ? holder : 0);
        if (r || options->acquire)
                return r ? r : lock_tell(app, args[0], true);
        return lock_become(app, args + command);
}

static const char *const cmd_lock_examples[] = {
        "jobctl lock build -- make install     # one at a time",
        "jobctl lock db --shared -- ./report   # beside other readers",
        "jobctl lock --acquire db; ...; jobctl lock --release db   # in a script",
        NULL,
};

const struct command cmd_lock = {
        .name = "lock",
        .usage = "NAME [--] COMMAND [ARGUMENT...]",
        .summary = "Run a command here while holding a named lock",
        .examples = cmd_lock_examples,
        .flags = COMMAND_JOB_CODE | COMMAND_STRICT,
        .args_min = 0,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_LOCK, COMPLETE_COMMAND },
        .options_bytes = sizeof(struct cmd_lock_options),
        .sets = { { cmd_lock_rows, 0 } },
        .run = cmd_lock_run,
};
