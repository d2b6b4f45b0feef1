/* SPDX-License-Identifier: Apache-2.0 */
/* Which jobs a command is about: words of its command line, and filters. */
#pragma once

#include "client/cmd/app.h"
#include "client/cmd/option.h"

struct select_options {
        const char *name;
        const char *queue;
        struct option_list states;
        bool yes;
};
/* --name --queue --state --yes */
extern const struct option_row select_option_rows[];

/*
 * Ids from words ("17", "17.3", "1-5,8", "last", "all"). *out_selector is owned by the caller.
 * Returns 0, or an exit status after the sentence.
 */
int select_words(const struct app *app, char **words, size_t count,
                 struct jobctl_selector **out_selector);
/*
 * Words or filters, one of both. unfinished: a filter finds only unfinished jobs. verb: when a
 * filter finds more than one job, it is asked whether to `verb` them; NULL: never. Returns
 * likewise.
 */
int select_filtered(struct app *app, const struct select_options *options, char **words,
                    size_t count, bool unfinished, const char *verb,
                    struct jobctl_selector **out_selector);
/* Tasks first..last of one job. Returns likewise. */
int select_tasks(const struct app *app, uint64_t job, uint64_t first, uint64_t last,
                 struct jobctl_selector **out_selector);

/* One of the jobs that words name. */
struct select_job {
        uint64_t id;
        uint64_t task_count;            /* so far, when its input is still open */
        bool is_finished, is_open;      /* open: a map whose input is not closed */
        bool has_tasks;                 /* only these were named: */
        uint64_t task_first, task_last; /* always set; all tasks when !has_tasks */
};
/*
 * The jobs of the words in their order, those of a range by rising id; *out_jobs is owned by the
 * caller. What there is not is said on stderr, and *out_status is then that of the first. Costs the
 * same for a job with a million tasks. Returns likewise.
 */
int select_jobs(struct app *app, char **words, size_t count, struct select_job **out_jobs,
                size_t *out_count, int *out_status);
/* One job, "17", "17.3" or "last"; *out_task 0 without one. Returns likewise. */
int select_one(struct app *app, const char *word, uint64_t *out_id, uint64_t *out_task);
/* Adds --state words to a selector. Returns likewise. */
int select_states(const struct app *app, const struct option_list *states,
                  struct jobctl_selector *selector);

/* The words for several states at once ("active"): number `i`; NULL past the last. */
const char *select_state_group(size_t i);

/* Calls fn for each job that the selector finds, page by page. Returns likewise. */
typedef int (*select_job_fn)(void *arg, const struct jobctl_item *job);
int select_each(struct app *app, const struct jobctl_selector *selector, select_job_fn fn,
                void *arg);

DEFINE_CLEANUP(struct jobctl_selector *, jobctl_selector_free);
DEFINE_CLEANUP(struct jobctl_result *, jobctl_result_free);
