/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing jobs. Words are ids; without words a filter chooses, and a filter is easily wider than
 * its writer thinks, so whoever would touch more than one job by it is asked first - or told to say
 * --yes where nobody can be asked. Ids that were written out are never questioned.
 */
#include "client/cmd/select.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/parse.h"

/* clang-format off */
const struct option_row select_option_rows[] = {
        { OPTION_TEXT, 'J', "name", "NAME", "own jobs with this name", offsetof(struct select_options, name), 0, 0, false, COMPLETE_NAME },
        { OPTION_TEXT, 'q', "queue", "NAME", "own jobs in this queue", offsetof(struct select_options, queue), 0, 0, false, COMPLETE_QUEUE },
        { OPTION_LIST, 0, "state", "STATE", "own jobs in this state (queued, running, ...)", offsetof(struct select_options, states), 0, 0, false, COMPLETE_STATE },
        { OPTION_FLAG, 'y', "yes", NULL, "do not ask", offsetof(struct select_options, yes), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

int select_words(const struct app *app, char **words, size_t count,
                 struct jobctl_selector **out_selector)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        struct reason why = { "" };

        if (jobctl_selector_new(&selector))
                return app_out_of_memory(app);
        for (size_t i = 0; i < count; i++)
                if (jobctl_selector_add(selector, words[i], why.text, sizeof(why.text)))
                        return app_usage(app, "%s", why.text);
        *out_selector = TAKE_PTR(selector);
        return 0;
}

int select_tasks(const struct app *app, uint64_t job, uint64_t first, uint64_t last,
                 struct jobctl_selector **out_selector)
{
        char word[80];
        char *words[] = { word };

        snprintf(word, sizeof(word), "%llu.%llu-%llu", (unsigned long long)job,
                 (unsigned long long)first, (unsigned long long)last);
        return select_words(app, words, 1, out_selector);
}

/* "held" and "waiting" are shown for queued jobs; "active" and "finished" mean several states. */
static const struct {
        const char *word;
        void (*set_fn)(struct jobctl_selector *selector, bool on); /* or NULL, and two states */
        enum jobctl_state first, last;
} select_groups[] = {
        { "held", jobctl_selector_set_held, JOBCTL_STATE_NONE, JOBCTL_STATE_NONE },
        { "waiting", jobctl_selector_set_waiting, JOBCTL_STATE_NONE, JOBCTL_STATE_NONE },
        { "active", NULL, JOBCTL_STATE_QUEUED, JOBCTL_STATE_STOPPING },
        { "finished", NULL, JOBCTL_STATE_SUCCEEDED, JOBCTL_STATE_LOST },
};

const char *select_state_group(size_t i)
{
        return i < ARRAY_SIZE(select_groups) ? select_groups[i].word : NULL;
}

static int select_add_state(const struct app *app, const char *word,
                            struct jobctl_selector *selector)
{
        const char *names[JOBCTL_STATE_COUNT + 1] = { NULL };
        enum jobctl_state first = jobctl_state_from_name(word);
        enum jobctl_state last = first;
        const char *nearest;

        for (size_t i = 0; i < ARRAY_SIZE(select_groups); i++)
                if (strcmp(select_groups[i].word, word) == 0) {
                        if (select_groups[i].set_fn) {
                                select_groups[i].set_fn(selector, true);
                                return 0;
                        }
                        first = select_groups[i].first;
                        last = select_groups[i].last;
                }
        if (first == JOBCTL_STATE_NONE) {
                for (unsigned int i = 1; i < JOBCTL_STATE_COUNT; i++)
                        names[i - 1] = jobctl_state_name(i);
                nearest = parse_nearest(word, names);
                return app_usage(app, "'%s' is no state%s%s%s", word,
                                 nearest ? ": did you mean " : "", nearest ? nearest : "",
                                 nearest ? "?" : "");
        }
        for (unsigned int state = first; state <= last; state++)
                if (jobctl_selector_add_state(selector, (enum jobctl_state)state))
                        return app_out_of_memory(app);
        return 0;
}

int select_states(const struct app *app, const struct option_list *states,
                  struct jobctl_selector *selector)
{
        for (size_t i = 0; i < states->count; i++) {
                _cleanup_(freep) char *words = strdup(states->values[i]);
                char *rest = words;
                char *word;

                if (!words)
                        return app_out_of_memory(app);
                while ((word = strsep(&rest, ","))) {
                        const int r = select_add_state(app, word, selector);

                        if (r)
                                return r;
                }
        }
        return 0;
}

int select_each(struct app *app, const struct jobctl_selector *selector, select_job_fn fn,
                void *arg)
{
        struct jobctl_list_options options = { .size = sizeof(options),
                                               .selector = selector,
                                               .limit = 1000 };

        for (;;) {
                _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
                const struct jobctl_item *page;
                const int code = jobctl_list(app->conn, &options, &result);

                if (code)
                        return app_fail_answer(app, code);
                for (size_t i = 0; i < jobctl_result_count(result); i++) {
                        const int r = fn(arg, jobctl_result_item(result, i));

                        if (r)
                                return r;
                }
                page = jobctl_result_page(result);
                if (!jobctl_number_or(page, JOBCTL_PAGE_MORE, 0))
                        return 0;
                options.after_id = jobctl_number_or(page, JOBCTL_PAGE_NEXT_ID, 0);
                options.after_finished = jobctl_number_or(page, JOBCTL_PAGE_NEXT_FINISHED, 0);
        }
}

static int select_count(void *arg, const struct jobctl_item *job _unused_)
{
        (*(size_t *)arg)++;
        return 0;
}

static int select_ask(const struct app *app, const struct select_options *options, size_t found,
                      const char *verb)
{
        char line[16] = "";

        if (found <= 1 || options->yes)
                return 0;
        if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1)
                return app_fail(app, EXIT_CODE_ERROR,
                                "this would %s %zu jobs: say --yes if that is meant", verb, found);
        fflush(stdout);
        fprintf(stderr, "%s %zu jobs? [y/N] ", verb, found);
        if (fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y'))
                return 0;
        return app_fail(app, EXIT_CODE_ERROR, "nothing was done");
}

/* Is the word "all", a filter in the place of an id? */
static bool select_has_all(char **words, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (strcmp(words[i], "all") == 0)
                        return true;
        return false;
}

int select_filtered(struct app *app, const struct select_options *options, char **words,
                    size_t count, bool unfinished, const char *verb,
                    struct jobctl_selector **out_selector)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        const bool filtered = options->name || options->queue || options->states.count > 0;
        const bool all = select_has_all(words, count);
        size_t found = 0;
        int r;

        if (count == 0 && !filtered)
                return app_usage(app,
                                 "name the jobs: their ids, last, all, --name, --queue or --state");
        if (count > 0 && !all && filtered)
                return app_usage(app, "give either ids or filters, not both");
        r = select_words(app, words, count, &selector);
        if (r)
                return r;
        if (options->name && jobctl_selector_set_name(selector, options->name))
                return app_out_of_memory(app);
        if (options->queue && jobctl_selector_set_queue(selector, options->queue))
                return app_out_of_memory(app);
        r = select_states(app, &options->states, selector);
        if (r)
                return r;
        if (filtered || all) {
                if (!app_connection(app))
                        return EXIT_CODE_ERROR;
                jobctl_selector_set_unfinished(selector, unfinished);
                r = verb ? select_each(app, selector, select_count, &found) : 0;
                if (r == 0)
                        r = select_ask(app, options, found, verb);
                if (r)
                        return r;
        }
        *out_selector = TAKE_PTR(selector);
        return 0;
}

/* ---------------------------------------------------------------------------- words, one by one */

struct select_list {
        struct app *app;
        const struct parse_id_range *range; /* that is asked for; NULL: a word like "last" */
        struct select_job *jobs;            /* owned until handed over */
        size_t count, room;
        int status;
};

static void select_list_deinit(struct select_list *list)
{
        free(list->jobs);
}

static int select_list_add(void *arg, const struct jobctl_item *job)
{
        struct select_list *const list = arg;
        const struct parse_id_range *const range = list->range;
        const uint64_t tasks = MAX(jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1), (uint64_t)1);
        struct select_job *one;

        if (list->count == list->room) {
                const size_t room = MAX(2 * list->room, (size_t)16);
                struct select_job *const more = reallocarray(list->jobs, room, sizeof(*more));

                if (!more)
                        return app_out_of_memory(list->app);
                list->jobs = more;
                list->room = room;
        }
        one = &list->jobs[list->count++];
        *one = (struct select_job){ .is_open = jobctl_number_or(job, JOBCTL_JOB_OPEN, 0) != 0,
                                    .id = jobctl_number_or(job, JOBCTL_JOB_ID, 0),
                                    .task_count = tasks,
                                    .is_finished =
                                            jobctl_state_is_finished((unsigned int)jobctl_number_or(
                                                    job, JOBCTL_JOB_STATE, 0)),
                                    .task_last = tasks - 1 };
        if (range && range->has_tasks) {
                one->has_tasks = true;
                one->task_first = range->task_first;
                one->task_last = MIN(range->task_last, tasks - 1);
        }
        return 0;
}

static int select_compare_jobs(const void *a, const void *b)
{
        const struct select_job *const left = a;
        const struct select_job *const right = b;

        return (left->id > right->id) - (left->id < right->id);
}

/* What selector finds goes behind what is there, by rising id. */
static int select_list_find(struct select_list *list, const struct jobctl_selector *selector)
{
        const size_t before = list->count;
        int r;

        r = select_each(list->app, selector, select_list_add, list);
        if (r == 0 && list->count > before + 1)
                qsort(&list->jobs[before], list->count - before, sizeof(*list->jobs),
                      select_compare_jobs);
        return r;
}

static void select_list_miss(struct select_list *list, const char *fmt, ...) _printf_(2, 3);
static void select_list_miss(struct select_list *list, const char *fmt, ...)
{
        char text[160];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        app_say("%s", text);
        if (list->status == 0)
                list->status = list->app->job_code ? EXIT_CODE_OURS : EXIT_CODE_NO_SUCH_JOB;
}

static int select_list_range(struct select_list *list, const struct parse_id_range *range)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        const unsigned long long first = range->first, last = range->last;
        const size_t before = list->count;
        int r;

        if (jobctl_selector_new(&selector) ||
            jobctl_selector_add_range(selector, range->first, range->last))
                return app_out_of_memory(list->app);
        list->range = range;
        r = select_list_find(list, selector);
        if (r)
                return r;
        if (list->count == before && first == last)
                select_list_miss(list, "there is no job %llu of yours", first);
        else if (list->count == before)
                select_list_miss(list, "there is no job of yours from %llu to %llu", first, last);
        else if (list->jobs[before].task_first >= list->jobs[before].task_count)
                select_list_miss(list, "job %llu has no task %llu: its last one is %llu.%llu",
                                 first, (unsigned long long)list->jobs[--list->count].task_first,
                                 first, (unsigned long long)list->jobs[before].task_count - 1);
        return 0;
}

static int select_list_word(struct select_list *list, const char *word)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(freep) struct parse_id_range *ranges = NULL;
        struct reason why = { "" };
        size_t count = 0;
        int r = 0;

        if (strcmp(word, "last") == 0 || strcmp(word, "all") == 0) {
                if (jobctl_selector_new(&selector) ||
                    jobctl_selector_add(selector, word, why.text, sizeof(why.text)))
                        return app_out_of_memory(list->app);
                list->range = NULL;
                return select_list_find(list, selector);
        }
        r = parse_ids(word, &ranges, &count, &why);
        if (r)
                return r > 0 ? app_usage(list->app, "%s", why.text) : app_out_of_memory(list->app);
        for (size_t i = 0; i < count && r == 0; i++)
                r = select_list_range(list, &ranges[i]);
        return r;
}

int select_jobs(struct app *app, char **words, size_t count, struct select_job **out_jobs,
                size_t *out_count, int *out_status)
{
        _cleanup_(select_list_deinit) struct select_list list = { .app = app };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *checked = NULL;
        int r;

        r = select_words(app, words, count, &checked); /* before anything is asked */
        if (r)
                return r;
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        for (size_t i = 0; i < count; i++) {
                r = select_list_word(&list, words[i]);
                if (r)
                        return r;
        }
        *out_jobs = TAKE_PTR(list.jobs);
        *out_count = list.count;
        *out_status = list.status;
        return 0;
}

/* ------------------------------------------------------------------------------------- one job */

/* "last": asks for the newest job. */
static int select_last(struct app *app, uint64_t *out_id)
{
        _cleanup_(select_list_deinit) struct select_list list = { .app = app };
        int r;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = select_list_word(&list, "last");
        if (r)
                return r;
        if (list.count == 0)
                return app_fail(app, EXIT_CODE_NO_SUCH_JOB, "you have no job yet");
        *out_id = list.jobs[0].id;
        return 0;
}

int select_one(struct app *app, const char *word, uint64_t *out_id, uint64_t *out_task)
{
        _cleanup_(freep) struct parse_id_range *ranges = NULL;
        struct reason why = { "" };
        size_t count = 0;

        *out_task = 0;
        if (strcmp(word, "last") == 0)
                return select_last(app, out_id);
        if (parse_ids(word, &ranges, &count, &why))
                return app_usage(app, "%s", why.text);
        if (count != 1 || ranges[0].first != ranges[0].last ||
            (ranges[0].has_tasks && ranges[0].task_first != ranges[0].task_last))
                return app_usage(app, "'%s' is more than one job", word);
        *out_id = ranges[0].first;
        if (ranges[0].has_tasks)
                *out_task = ranges[0].task_first;
        return 0;
}
