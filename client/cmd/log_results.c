/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs of a job with many tasks that has ended, or of an open map (-f): the tasks come in order, a
 * page at a time, each with its output as far as that is kept in the database, which is nearly
 * always so; following them one by one would cost a question each. A task whose output is a file
 * interrupts the stream, is shown by whoever called us, and the stream goes on behind it.
 *
 * Plain text goes to stdout and stderr, apart and in the order in which it was written; a remark of
 * jobd itself becomes a line on stderr. Used by cmd_logs.c.
 */
#include "client/cmd/log_results.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "client/cmd/emit.h"

struct log_results {
        struct app *app;
        const struct log_results_options *options;
        struct jobctl_stream *stream; /* owned; NULL between two streams */
        uint64_t next;                /* the first task that was not shown */
        uint64_t task;                /* the one at hand */
        bool is_file;                 /* and it is to be shown by on_file() */
        bool is_done;
        bool failed; /* no memory */
        int status;
};

static void log_results_print(struct log_results *log, enum jobctl_output which, uint64_t wall_usec,
                              const void *data, size_t size)
{
        const struct emit_log record = { .job = log->options->job->id,
                                         .task = log->task,
                                         .which = which,
                                         .wall_usec = wall_usec,
                                         .data = data,
                                         .size = size };

        if (log->app->common.json) {
                log->failed = emit_print_log(&record) || log->failed;
        } else if (which == JOBCTL_STDOUT) {
                (void)fwrite(data, 1, size, stdout);
        } else {
                fflush(stdout);
                if (which == JOBCTL_STDERR)
                        (void)fwrite(data, 1, size, stderr);
                else
                        app_say("%.*s", (int)MIN(size, 1000U), (const char *)data);
        }
}

static void log_results_on_output(void *arg, enum jobctl_output which, uint64_t wall_usec,
                                  const void *data, size_t size)
{
        struct log_results *const log = arg;

        if ((which == JOBCTL_STDOUT && log->options->no_stdout) ||
            (which == JOBCTL_STDERR && log->options->no_stderr))
                return;
        log_results_print(log, which, wall_usec, data, size);
}

/* No more of this stream; the caller looks at what comes next. */
static void log_results_leave(struct log_results *log)
{
        log->stream = jobctl_stream_free(log->stream);
}

static void log_results_on_task(void *arg, const struct jobctl_item *task)
{
        struct log_results *const log = arg;
        const struct log_results_options *const options = log->options;

        if (!log->stream)
                return;
        log->task = jobctl_number_or(task, JOBCTL_TASK_NUMBER, 0);
        log->next = log->task + 1;
        if (log->task > options->job->task_last && !options->until_end) {
                log->is_done = true;
                log_results_leave(log);
                return;
        }
        if (options->failed_only &&
            jobctl_number_or(task, JOBCTL_TASK_STATE, 0) == JOBCTL_STATE_SUCCEEDED)
                return;
        if (jobctl_number_or(task, JOBCTL_TASK_SPOOLED, 0)) {
                log->is_file = true;
                log_results_leave(log);
                return;
        }
        if (options->headers)
                printf("==> job %llu.%llu <==\n", (unsigned long long)options->job->id,
                       (unsigned long long)log->task);
        if (jobctl_task_output(task, log_results_on_output, log)) {
                app_say("the output of job %llu.%llu is damaged",
                        (unsigned long long)options->job->id, (unsigned long long)log->task);
                log->status = log->status ? log->status : EXIT_CODE_ERROR;
        }
        if (options->until_end)
                fflush(stdout);
}

static void log_results_on_end(void *arg, int code, const char *text,
                               const struct jobctl_item *ended _unused_)
{
        struct log_results *const log = arg;

        log->is_done = true;
        if (code)
                log->status = app_fail(log->app, exit_code_from_answer(code), "%s", text);
}

/* Waits for the daemon, and lets the callbacks run. Returns a code of jobctl.h. */
static int log_results_turn(const struct log_results *log)
{
        struct pollfd p = { .fd = jobctl_fd(log->app->conn), .events = POLLIN };

        if (poll(&p, 1, -1) < 0 && errno != EINTR)
                return JOBCTL_E_SYSTEM;
        return jobctl_process(log->app->conn);
}

/* One stream: to the end, or to a task whose output is a file. Returns an exit status. */
static int log_results_stream(struct log_results *log)
{
        static const struct jobctl_stream_ops ops = { .size = sizeof(ops),
                                                      .on_task = log_results_on_task,
                                                      .on_end = log_results_on_end };
        const struct jobctl_results_options query = { .size = sizeof(query),
                                                      .first_task = &log->next,
                                                      .ordered = true,
                                                      .until_end = log->options->until_end,
                                                      .output = true };
        int r;

        r = jobctl_results(log->app->conn, log->options->job->id, &query, &ops, log, &log->stream);
        while (r == 0 && log->stream && !log->is_done)
                r = log_results_turn(log);
        log_results_leave(log);
        return r ? app_fail_answer(log->app, r) : 0;
}

int log_results_run(struct app *app, const struct log_results_options *options)
{
        struct log_results log = { .app = app,
                                   .options = options,
                                   .next = options->job->task_first };

        while (!log.is_done && log.status != EXIT_CODE_INTERRUPTED) {
                int r;

                log.is_file = false;
                r = log_results_stream(&log);
                if (r == 0 && log.is_file)
                        r = options->on_file(options->arg, log.task);
                log.status = log.status ? log.status : r;
                log.is_done = log.is_done || (r && !log.is_file);
        }
        return log.failed ? app_out_of_memory(app) : log.status;
}
