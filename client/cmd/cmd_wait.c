/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl wait: until jobs, or the tasks that were named, end. Without ids it means all own
 * unfinished ones, `all` also those that have ended. Both are turned into ids first, so that a job
 * which ends while the daemon restarts is not overlooked.
 */
#include <string.h>

#include "common/parse.h"

#include "client/cmd/command.h"
#include "client/cmd/select.h"
#include "client/cmd/wait_session.h"

struct wait_options {
        bool any;
        bool progress;
        struct option_number timeout;
        const char *name;
        const char *queue;
};

/* clang-format off */
static const struct option_row cmd_wait_rows[] = {
        { OPTION_FLAG, 0, "any", NULL, "until one of them ends; prints its id", offsetof(struct wait_options, any), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "progress", NULL, "show how far they are", offsetof(struct wait_options, progress), 0, 0, false, COMPLETE_NONE },
        { OPTION_DURATION, 0, "timeout", "DURATION", "at most so long (exit 124)", offsetof(struct wait_options, timeout), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 'J', "name", "NAME", "own unfinished jobs with this name", offsetof(struct wait_options, name), 0, 0, false, COMPLETE_NAME },
        { OPTION_TEXT, 'q', "queue", "NAME", "own unfinished jobs in this queue", offsetof(struct wait_options, queue), 0, 0, false, COMPLETE_QUEUE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

/* The ids that a filter found. */
struct wait_ids {
        uint64_t *ids; /* owned */
        size_t count, room;
};

static void wait_ids_deinit(struct wait_ids *ids)
{
        free(ids->ids);
}

static int wait_on_job(void *arg, const struct jobctl_item *job)
{
        struct wait_ids *const ids = arg;

        if (ids->count == ids->room) {
                const size_t room = MAX(2 * ids->room, (size_t)256);
                uint64_t *const bigger = reallocarray(ids->ids, room, sizeof(*bigger));

                if (!bigger)
                        return EXIT_CODE_OURS;
                ids->ids = bigger;
                ids->room = room;
        }
        ids->ids[ids->count++] = jobctl_number_or(job, JOBCTL_JOB_ID, 0);
        return 0;
}

static int wait_compare(const void *a, const void *b)
{
        const uint64_t left = *(const uint64_t *)a;
        const uint64_t right = *(const uint64_t *)b;

        return (left > right) - (left < right);
}

/* As few ranges as possible. */
static int wait_add_ranges(const struct wait_ids *ids, struct jobctl_selector *selector)
{
        size_t first = 0;

        for (size_t i = 1; i <= ids->count; i++) {
                if (i < ids->count && ids->ids[i] == ids->ids[i - 1] + 1)
                        continue;
                if (jobctl_selector_add_range(selector, ids->ids[first], ids->ids[i - 1]))
                        return -1;
                first = i;
        }
        return 0;
}

/* The ids of all jobs that a selector finds. 0, or an exit status. */
static int wait_list(struct app *app, const struct jobctl_selector *selector, struct wait_ids *ids)
{
        size_t kept = 0;
        int r;

        r = select_each(app, selector, wait_on_job, ids);
        if (r || ids->count == 0)
                return r;
        qsort(ids->ids, ids->count, sizeof(*ids->ids), wait_compare);
        /* One that ends meanwhile may come as unfinished and as finished. */
        for (size_t i = 0; i < ids->count; i++)
                if (kept == 0 || ids->ids[kept - 1] != ids->ids[i])
                        ids->ids[kept++] = ids->ids[i];
        ids->count = kept;
        return 0;
}

/* Replaces what a filter means by the ids that it finds now. */
static int wait_resolve(struct app *app, const struct wait_options *options, bool all,
                        struct jobctl_selector *selector, size_t *out_count)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *filter = NULL;
        _cleanup_(wait_ids_deinit) struct wait_ids ids = { 0 };
        int r;

        if (jobctl_selector_new(&filter) ||
            (options->name && jobctl_selector_set_name(filter, options->name)) ||
            (options->queue && jobctl_selector_set_queue(filter, options->queue)))
                return app_out_of_memory(app);
        jobctl_selector_set_all(filter, all && !options->name && !options->queue);
        jobctl_selector_set_unfinished(filter, !all);
        r = wait_list(app, filter, &ids);
        if (r)
                return r;
        if (wait_add_ranges(&ids, selector))
                return app_out_of_memory(app);
        *out_count = ids.count;
        return 0;
}

/* How many jobs and single tasks the words name; "last" is one. */
static size_t wait_count_words(char **words, size_t count)
{
        size_t jobs = 0;

        for (size_t i = 0; i < count; i++) {
                _cleanup_(freep) struct parse_id_range *ranges = NULL;
                size_t n = 0;

                if (parse_ids(words[i], &ranges, &n, NULL))
                        jobs++;
                for (size_t k = 0; k < n; k++) {
                        const uint64_t more = ranges[k].has_tasks
                                                      ? ranges[k].task_last - ranges[k].task_first
                                                      : ranges[k].last - ranges[k].first;

                        /* Nobody waits for so many; their number must not wrap to one, or none. */
                        jobs = MIN(jobs, SIZE_MAX / 2) + MIN((size_t)more, SIZE_MAX / 2 - 1) + 1;
                }
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
        _cleanup_(wait_ids_deinit) struct wait_ids shown = { 0 };
        int r;

        if ((options->name || options->queue) && count > 0)
                return app_usage(app, "give either ids or --name and --queue, not both");
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
        if (options->progress) {
                r = wait_list(app, selector, &shown);
                if (r)
                        return r;
                session.progress_jobs = shown.count > 0 ? shown.ids : NULL;
                session.progress_count = shown.count;
        }
        session.selector = selector;
        return wait_session_run(app, &session);
}

static const char *const cmd_wait_examples[] = {
        "jobctl wait 17                  ends with job 17's exit code",
        "jobctl wait 17-20               ends with the number that failed",
        "jobctl wait 17.3 17.5-7         four tasks of job 17, one by one",
        "jobctl wait --timeout 5m        for all own jobs, at most five minutes",
        "jobctl wait --progress 17       with a line that tells how far it is",
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
        .complete = { COMPLETE_JOB_UNFINISHED },
        .options_bytes = sizeof(struct wait_options),
        .sets = { { cmd_wait_rows, 0 } },
        .run = cmd_wait_run,
};
