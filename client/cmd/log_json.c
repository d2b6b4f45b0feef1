/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs --json: each piece of output as the worker read it becomes one object with its time and its
 * stream, written at once, so that a program can follow along. With --tail a piece is a line. A
 * piece may end in the middle of a character: the exact bytes then stand beside the text (emit.c).
 *
 * No signal is caught: Ctrl-C ends jobctl, the job goes on. See follow_session.c for plain text.
 */
#include "client/cmd/log_json.h"

#include <stdio.h>

#include "client/cmd/emit.h"
#include "client/cmd/line_filter.h"

struct log_json {
        struct app *app; /* borrowed */
        const struct log_json_options *options;
        struct line_filter *filter; /* owned; NULL: pieces pass as they are */
        bool failed;                /* no memory */
        int status;
};

DEFINE_CLEANUP(struct line_filter *, line_filter_free);

static void log_json_print(struct log_json *log, enum jobctl_output which, uint64_t wall_usec,
                           const void *data, size_t size)
{
        const struct emit_log record = { .job = log->options->job,
                                         .task = log->options->task,
                                         .which = which,
                                         .wall_usec = wall_usec,
                                         .data = data,
                                         .size = size };

        if (emit_print_log(&record))
                log->failed = true;
        fflush(stdout);
}

static int log_json_on_line(void *arg, enum jobctl_output which, const void *data, size_t size)
{
        struct log_json *const log = arg;

        log_json_print(log, which, line_filter_wall_usec(log->filter), data, size);
        return 0;
}

static void log_json_on_data(void *arg, enum jobctl_output which, uint64_t wall_usec,
                             const void *data, size_t size)
{
        struct log_json *const log = arg;

        if ((which == JOBCTL_STDOUT && log->options->no_stdout) ||
            (which == JOBCTL_STDERR && log->options->no_stderr))
                return;
        if (!log->filter || which == JOBCTL_MARK)
                log_json_print(log, which, wall_usec, data, size);
        else if (line_filter_put(log->filter, which, wall_usec, data, size))
                log->failed = true;
}

static void log_json_on_news(void *arg, const struct jobctl_item *news)
{
        const struct log_json *const log = arg;
        const char *const path = jobctl_get_text(news, JOBCTL_NEWS_OUTPUT_PATH, NULL);

        if (path)
                app_tell(log->app, "the output of job %llu goes to a file of its own: %s",
                         (unsigned long long)log->options->job, path);
}

static void log_json_on_caught_up(void *arg)
{
        struct log_json *const log = arg;

        if (log->filter && line_filter_show_tail(log->filter))
                log->failed = true;
}

static void log_json_on_end(void *arg, int code, const char *text, const struct jobctl_item *ended)
{
        struct log_json *const log = arg;
        char why[512];

        if (code)
                log->status = app_fail(log->app, exit_code_from_answer(code), "%s", text);
        else if (log->filter && line_filter_finish(log->filter))
                log->failed = true;
        if (code || !ended || !log->options->show_end)
                return;
        if (emit_print_item(ended, &emit_ended))
                log->failed = true;
        log->status = exit_code_from_end(ended, why, sizeof(why));
        if (why[0])
                app_tell(log->app, "job %llu: %s", (unsigned long long)log->options->job, why);
}

int log_json_run(struct app *app, const struct log_json_options *options)
{
        static const struct jobctl_stream_ops ops = {
                .size = sizeof(ops),
                .on_data = log_json_on_data,
                .on_item = log_json_on_news,
                .on_caught_up = log_json_on_caught_up,
                .on_end = log_json_on_end,
        };
        const unsigned int tail = options->tail_lines ? JOBCTL_FOLLOW_CAUGHT_UP : 0;
        const unsigned int flags = options->until_end ? JOBCTL_FOLLOW_UNTIL_END | tail : 0;
        struct log_json log = { .app = app, .options = options };
        _cleanup_(line_filter_freep) struct line_filter *filter = NULL;
        struct jobctl_stream *stream;
        int r;

        if (options->tail_lines &&
            line_filter_new(options->tail_lines, false, log_json_on_line, &log, &filter))
                return app_out_of_memory(app);
        log.filter = filter;
        r = jobctl_follow(app->conn, options->job, options->task, flags, &ops, &log, &stream);
        if (r == 0) {
                r = jobctl_stream_run(stream, UINT64_MAX);
                jobctl_stream_free(stream);
        }
        if (r)
                return app_fail_answer(app, r);
        return log.failed ? app_out_of_memory(app) : log.status;
}

int log_json_run_new(struct app *app, uint64_t job, bool existing)
{
        const struct log_json_options options = { .job = job, .until_end = true, .show_end = true };

        if (emit_print_submitted(job, existing))
                return app_out_of_memory(app);
        return log_json_run(app, &options);
}
