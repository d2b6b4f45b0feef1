/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl events: what happened, one line each; -f stays.
 *
 * It begins with the last 50, or behind a number that --after names, and goes on without a gap when
 * the daemon is restarted, since each event has a number. --json is one object a line, for programs
 * that act on them; every line is flushed at once. Called through the table of commands.
 *
 * The daemon chooses by jobs; events of single tasks ("17.3-9") are picked out here. Their last 50
 * are found by counting all of the job's first.
 */
#include <stdio.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"

#define EVENTS_LAST_DEFAULT 50U

struct events_options {
        bool follow;
        struct option_number last, after;
};

#define AT(field) offsetof(struct events_options, field)
/* clang-format off */
static const struct option_row cmd_events_rows[] = {
        { OPTION_FLAG, 'f', "follow", NULL, "stay and show what comes", AT(follow), 0, 0, false, COMPLETE_NONE },
        { OPTION_NUMBER, 'n', "last", "N", "begin with the last N (default 50)", AT(last), 0, UINT32_MAX, false, COMPLETE_NONE },
        { OPTION_NUMBER, 0, "after", "SEQ", "begin behind event SEQ", AT(after), 0, UINT64_MAX, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

struct events {
        struct app *app;
        struct parse_id_range *ranges; /* owned */
        size_t ranges_count;
        bool has_tasks;    /* single tasks are among them */
        bool only_count;   /* nothing is shown yet */
        uint64_t matching; /* so far */
        uint64_t skip;     /* that many of them come before the last ones */
        int status;
};

static void events_deinit(struct events *events)
{
        free(events->ranges);
}

static bool events_is_wanted(const struct events *events, const struct jobctl_item *event)
{
        const uint64_t job = jobctl_number_or(event, JOBCTL_EVENT_JOB, 0);
        const uint64_t task = jobctl_number_or(event, JOBCTL_EVENT_TASK, 0);

        if (!events->has_tasks)
                return true;
        for (size_t i = 0; i < events->ranges_count; i++) {
                const struct parse_id_range *const range = &events->ranges[i];

                if (job >= range->first && job <= range->last &&
                    (!range->has_tasks || (task >= range->task_first && task <= range->task_last)))
                        return true;
        }
        return false;
}

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

        if (!events_is_wanted(events, event) || events->matching++ < events->skip ||
            events->only_count)
                return;
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
        safe = style_reason(detail ? detail : "");
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

/* Ids become ranges; "all" is no restriction, "last" the newest job. Returns an exit status. */
static int events_read_words(struct events *events, char **words, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                char last[32];
                const char *word = words[i];
                struct reason why = { "" };
                uint64_t id, task;
                int r;

                if (strcmp(word, "all") == 0)
                        continue;
                if (strcmp(word, "last") == 0) {
                        r = select_one(events->app, word, &id, &task);
                        if (r)
                                return r;
                        snprintf(last, sizeof(last), "%llu", (unsigned long long)id);
                        word = last;
                }
                r = parse_ids(word, &events->ranges, &events->ranges_count, &why);
                if (r)
                        return r > 0 ? app_usage(events->app, "%s", why.text)
                                     : app_out_of_memory(events->app);
        }
        for (size_t i = 0; i < events->ranges_count; i++)
                events->has_tasks = events->has_tasks || events->ranges[i].has_tasks;
        return 0;
}

static int events_select(const struct events *events, struct jobctl_selector **out_selector)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;

        if (jobctl_selector_new(&selector))
                return app_out_of_memory(events->app);
        for (size_t i = 0; i < events->ranges_count; i++)
                if (jobctl_selector_add_range(selector, events->ranges[i].first,
                                              events->ranges[i].last))
                        return app_out_of_memory(events->app);
        *out_selector = TAKE_PTR(selector);
        return 0;
}

/* Tells them all; returns an exit status. */
static int events_stream(struct events *events, const struct jobctl_events_options *query)
{
        static const struct jobctl_stream_ops ops = { .size = sizeof(ops),
                                                      .on_item = events_on_event,
                                                      .on_end = events_on_end };
        struct jobctl_stream *stream;
        int r;

        events->matching = 0;
        r = jobctl_events(events->app->conn, query, &ops, events, &stream);
        if (r == 0) {
                r = jobctl_stream_run(stream, UINT64_MAX);
                jobctl_stream_free(stream);
        }
        return r ? app_fail_answer(events->app, r) : events->status;
}

/* Of single tasks: how many events come before the last `last` ones. */
static int events_count(struct events *events, const struct jobctl_events_options *query,
                        uint64_t last)
{
        struct jobctl_events_options all = *query;
        int r;

        all.follow = false;
        events->only_count = true;
        r = events_stream(events, &all);
        events->only_count = false;
        events->skip = events->matching > last ? events->matching - last : 0;
        return r;
}

static int cmd_events_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct events_options *const options = arg;
        const uint64_t last = options->after.given  ? 0
                              : options->last.given ? options->last.value
                                                    : EVENTS_LAST_DEFAULT;
        struct jobctl_events_options query = { .size = sizeof(query),
                                               .follow = options->follow,
                                               .after_seq = options->after.value };
        _cleanup_(events_deinit) struct events events = { .app = app };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        int r;

        r = events_read_words(&events, args, count);
        if (r == 0)
                r = events_select(&events, &selector);
        if (r)
                return r;
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        query.selector = selector;
        if (!events.has_tasks)
                query.last = (uint32_t)last;
        else if (last > 0)
                r = events_count(&events, &query, last);
        return r ? r : events_stream(&events, &query);
}

static const char *const cmd_events_examples[] = {
        "jobctl events            the last 50",
        "jobctl events -f 17      what happens to job 17, as it happens",
        "jobctl events 17.3-9     what happened to some of its tasks",
        NULL,
};

const struct command cmd_events = {
        .name = "events",
        .usage = "[OPTIONS] [ID...]",
        .summary = "Show what happened, one line each",
        .examples = cmd_events_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB },
        .options_bytes = sizeof(struct events_options),
        .sets = { { cmd_events_rows, 0 } },
        .run = cmd_events_run,
};
