/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl wait: until jobs end. Without ids it means all own unfinished ones; filters are turned
 * into ids first, so that a job which ends while the daemon restarts is not overlooked.
 */
#include <string.h>

#include "common/parse.h"

#include "client/cmd/command.h"
#include "client/cmd/select.h"
#include "client/cmd/wait_session.h"

struct wait_options {
        bool any;
        struct option_number timeout;
        const char *name;
};

/* clang-format off */
static const struct option_row cmd_wait_rows[] = {
        { OPTION_FLAG, 0, "any", NULL, "until one of them ends; prints its id", offsetof(struct wait_options, any), 0, 0, false },
        { OPTION_DURATION, 0, "timeout", "DURATION", "at most so long (exit 124)", offsetof(struct wait_options, timeout), 0, 0, false },
        { OPTION_TEXT, 'J', "name", "NAME", "own unfinished jobs with this name", offsetof(struct wait_options, name), 0, 0, false },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false },
};
/* clang-format on */

/* The ids that a filter found, as a selector of ranges. */
struct wait_ids {
        struct jobctl_selector *selector; /* borrowed */
        uint64_t first, last;             /* the range in the making; 0: none */
        size_t count;
};

static int wait_close_range(struct wait_ids *ids)
{
        if (ids->first == 0)
                return 0;
        return jobctl_selector_add_range(ids->selector, ids->first, ids->last);
}

static int wait_on_job(void *arg, const struct jobctl_item *job)
{
        struct wait_ids *const ids = arg;
        const uint64_t id = jobctl_number_or(job, JOBCTL_JOB_ID, 0);

        ids->count++;
        if (ids->first > 0 && id == ids->last + 1) {
                ids->last = id;
                return 0;
        }
        if (wait_close_range(ids))
                return EXIT_CODE_ERROR;
        ids->first = ids->last = id;
        return 0;
}

/* Replaces what a filter means by the ids that it finds now. */
static int wait_resolve(struct app *app, const struct wait_options *options, bool all,
                        struct jobctl_selector *selector, size_t *out_count)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *filter = NULL;
        struct wait_ids ids = { .selector = selector };
        int r;

        if (jobctl_selector_new(&filter) ||
            (options->name && jobctl_selector_set_name(filter, options->name)))
                return app_out_of_memory(app);
        jobctl_selector_set_all(filter, all && !options->name);
        jobctl_selector_set_unfinished(filter, true);
        r = select_each(app, filter, wait_on_job, &ids);
        if (r)
                return r;
        if (wait_close_range(&ids))
                return app_out_of_memory(app);
        *out_count = ids.count;
        return 0;
}

/* How many jobs the words name; "last" is one. */
static size_t wait_count_words(char **words, size_t count)
{
        size_t jobs = 0;

        for (size_t i = 0; i < count; i++) {
                _cleanup_(freep) struct parse_id_range *ranges = NULL;
                size_t n = 0;

                if (parse_ids(words[i], &ranges, &n, NULL))
                        jobs++;
                for (size_t k = 0; k < n; k++)
                        jobs += (size_t)(ranges[k].last - ranges[k].first + 1);
        }
        return jobs;
}

static int cmd_wait_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct wait_options *const options = arg;
        const bool all = count == 1 && strcmp(args[0], "all") == 0;
        struct wait_session_options session = {
                .any = options->any,
                .timeout_usec = options->timeout.given ? options->timeout.value : UINT64_MAX,
                .count = wait_count_words(args, count),
        };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        int r;

        if (options->name && count > 0)
                return app_usage(app, "give either ids or --name, not both");
        if (!app_connection(app))
                return EXIT_CODE_OURS;
        r = select_words(app, all ? NULL : args, all ? 0 : count, &selector);
        if (r == 0 && (count == 0 || all))
                r = wait_resolve(app, options, all, selector, &session.count);
        if (r)
                return r;
        if (session.count == 0) {
                if (!options->name)
                        return EXIT_CODE_OK; /* nothing is unfinished: like wait(1) of a shell */
                return app_fail(app, EXIT_CODE_NO_SUCH_JOB, "no unfinished job is named '%s'",
                                options->name);
        }
        session.selector = selector;
        return wait_session_run(app, &session);
}

static const char *const cmd_wait_examples[] = {
        "jobctl wait 17                  ends with job 17's exit code",
        "jobctl wait 17-20               ends with the number that failed",
        "jobctl wait --timeout 5m        for all own jobs, at most five minutes",
        "jobctl wait --any 17 18         prints the id of the first that ends",
        NULL,
};

const struct command cmd_wait = {
        .name = "wait",
        .usage = "[OPTIONS] [ID...]",
        .summary = "Wait until jobs end",
        .examples = cmd_wait_examples,
        .flags = COMMAND_JOB_CODE,
        .args_max = COMMAND_ARGS_ANY,
        .options_bytes = sizeof(struct wait_options),
        .sets = { { cmd_wait_rows, 0 } },
        .run = cmd_wait_run,
};
