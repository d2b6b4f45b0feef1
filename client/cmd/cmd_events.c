/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl events: what happened, one line each; -f stays.
 *
 * It begins with the last 50, or behind a number that --after names, and goes on without a gap when
 * the daemon is restarted, since each event has a number. --json is one object a line, for programs
 * that act on them; every line is flushed at once. Called through the table of commands.
 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"

struct events_options {
        bool follow;
        struct option_number last, after;
};

#define AT(field) offsetof(struct events_options, field)
/* clang-format off */
static const struct option_row cmd_events_rows[] = {
        { OPTION_FLAG, 'f', "follow", NULL, "stay and show what comes", AT(follow), 0, 0, false },
        { OPTION_NUMBER, 'n', "last", "N", "begin with the last N (default 50)", AT(last), 0, UINT32_MAX, false },
        { OPTION_NUMBER, 0, "after", "SEQ", "begin behind event SEQ", AT(after), 0, UINT64_MAX, false },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false },
};
/* clang-format on */

struct events {
        struct app *app;
        int status;
};

static void events_on_event(void *arg, const struct jobctl_item *event)
{
        struct events *const events = arg;
        const bool colour = events->app->colour;
        const char *const kind = jobctl_get_text(event, JOBCTL_EVENT_KIND, NULL);
        const char *const detail = jobctl_get_text(event, JOBCTL_EVENT_DETAIL, NULL);
        _cleanup_(freep) char *safe = NULL;
        char time[STYLE_TEXT_MAX];
        char job[STYLE_TEXT_MAX];
        uint64_t task;
        uint64_t state = 0;

        if (events->app->common.json) {
                (void)emit_print_item(event, &emit_event);
                fflush(stdout);
                return;
        }
        snprintf(job, sizeof(job), "%llu",
                 (unsigned long long)jobctl_number_or(event, JOBCTL_EVENT_JOB, 0));
        if (jobctl_get_number(event, JOBCTL_EVENT_TASK, &task) && task > 0)
                snprintf(job + strlen(job), sizeof(job) - strlen(job), ".%llu",
                         (unsigned long long)task);
        safe = text_escape(detail ? detail : "", detail ? strlen(detail) : 0);
        (void)jobctl_get_number(event, JOBCTL_EVENT_STATE, &state);
        printf("%s  %-8s %s%-12s%s%s%s\n",
               style_time(jobctl_number_or(event, JOBCTL_EVENT_WALL_USEC, 0), time), job,
               style_state(colour, (unsigned int)state), kind, style_end(colour),
               safe && safe[0] ? " " : "", safe ? safe : "");
        fflush(stdout);
        if (ferror(stdout))
                events->status = EXIT_CODE_ERROR;
}

static void events_on_end(void *arg, int code, const char *text,
                          const struct jobctl_item *ended _unused_)
{
        struct events *const events = arg;

        if (code)
                events->status = app_fail(events->app, exit_code_from_answer(code), "%s", text);
}

static int cmd_events_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct events_options *const options = arg;
        const struct jobctl_stream_ops ops = { .size = sizeof(ops),
                                               .on_item = events_on_event,
                                               .on_end = events_on_end };
        struct jobctl_events_options query = {
                .size = sizeof(query),
                .follow = options->follow,
                .after_seq = options->after.value,
                .last = options->after.given  ? 0
                        : options->last.given ? (uint32_t)options->last.value
                                              : 50,
        };
        struct events events = { .app = app };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        struct jobctl_stream *stream;
        int r;

        r = select_words(app, args, count, &selector);
        if (r)
                return r;
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        query.selector = selector;
        r = jobctl_events(app->conn, &query, &ops, &events, &stream);
        if (r == 0)
                r = jobctl_stream_run(stream, UINT64_MAX);
        return r ? app_fail_answer(app, r) : events.status;
}

static const char *const cmd_events_examples[] = {
        "jobctl events            the last 50",
        "jobctl events -f 17      what happens to job 17, as it happens",
        NULL,
};

const struct command cmd_events = {
        .name = "events",
        .usage = "[OPTIONS] [ID...]",
        .summary = "Show what happened, one line each",
        .examples = cmd_events_examples,
        .args_max = COMMAND_ARGS_ANY,
        .options_bytes = sizeof(struct events_options),
        .sets = { { cmd_events_rows, 0 } },
        .run = cmd_events_run,
};
