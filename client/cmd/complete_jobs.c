/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids: of jobs, of tasks behind a point, within ranges and lists; only those that fit the command.
 *
 * Without a digit the daemon chooses by state, unfinished jobs first, and a hundred are shown. With
 * some digits it is asked for the ids that begin with them (17, 170-179, 1700-1799, ...), so that
 * an old job is found among millions at the same cost; the states are then looked at here. A job of
 * several tasks is also offered with a point behind it. Called by cmd_complete.c, complete_live.c.
 */
#include <stdio.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"

#include "client/cmd/complete.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"

#define JOBS_SHOWN_MAX 100
#define JOBS_ASKED_MAX 1000
#define JOBS_DIGITS_MAX 18
#define JOBS_TASKS_SPAN 100
#define JOBS_TEXT_MAX 72

/* Which states fit, from `first` to `last`. */
struct jobs_fit {
        enum jobctl_state first, last;
        bool held;       /* only those that are */
        bool is_one;     /* no list and no `all` */
        bool no_tasks;   /* whole jobs */
        const char *all; /* what `all` means */
};

static const struct jobs_fit *jobs_fit(enum complete_kind kind)
{
        /* clang-format off */
        static const struct jobs_fit table[COMPLETE_KIND_COUNT] = {
                [COMPLETE_JOB] = { .first = JOBCTL_STATE_QUEUED, .last = JOBCTL_STATE_LOST, .all = "all of yours" },
                [COMPLETE_JOB_QUEUED] = { .first = JOBCTL_STATE_QUEUED, .last = JOBCTL_STATE_QUEUED, .all = "all that are queued" },
                [COMPLETE_JOB_HELD] = { .first = JOBCTL_STATE_QUEUED, .last = JOBCTL_STATE_QUEUED, .held = true, .all = "all that are held" },
                [COMPLETE_JOB_STARTED] = { .first = JOBCTL_STATE_STARTING, .last = JOBCTL_STATE_LOST, .all = "all of yours" },
                [COMPLETE_JOB_RUNNING] = { .first = JOBCTL_STATE_STARTING, .last = JOBCTL_STATE_STOPPING, .all = "all that run" },
                [COMPLETE_JOB_PAUSED] = { .first = JOBCTL_STATE_PAUSED, .last = JOBCTL_STATE_PAUSED, .all = "all that are paused" },
                [COMPLETE_JOB_UNFINISHED] = { .first = JOBCTL_STATE_QUEUED, .last = JOBCTL_STATE_STOPPING, .all = "all that have not ended" },
                [COMPLETE_JOB_FINISHED] = { .first = JOBCTL_STATE_SUCCEEDED, .last = JOBCTL_STATE_LOST, .all = "all that have ended" },
                [COMPLETE_JOB_ONE] = { .first = JOBCTL_STATE_QUEUED, .last = JOBCTL_STATE_STOPPING, .is_one = true },
                [COMPLETE_DEPENDENCY] = { .first = JOBCTL_STATE_QUEUED, .last = JOBCTL_STATE_STOPPING, .is_one = true, .no_tasks = true },
        };
        /* clang-format on */
        const bool is_job = kind < COMPLETE_KIND_COUNT && table[kind].first != JOBCTL_STATE_NONE;

        return is_job ? &table[kind] : NULL;
}

static bool jobs_fits(const struct jobs_fit *fit, const struct jobctl_item *job)
{
        const uint64_t state = jobctl_number_or(job, JOBCTL_JOB_STATE, 0);

        return state >= fit->first && state <= fit->last &&
               (!fit->held ||
                (jobctl_number_or(job, JOBCTL_JOB_BLOCKERS, 0) & JOBCTL_BLOCKER_HOLD));
}

/* ---------------------------------------------------------------------------------- choosing */

/* The ids that begin with these digits. */
static int jobs_select_digits(struct jobctl_selector *selector, const char *digits)
{
        uint64_t first, last;
        struct reason why;
        int r;

        if (parse_u64(digits, "id", 1, INT64_MAX, &first, &why))
                return JOBCTL_E_USAGE;
        last = first;
        for (size_t n = strlen(digits);; n++) {
                r = jobctl_selector_add_range(selector, first, last);
                if (r || n >= JOBS_DIGITS_MAX)
                        return r;
                first *= 10;
                last = last * 10 + 9;
        }
}

static int jobs_select(const struct jobs_fit *fit, const char *digits,
                       struct jobctl_selector **out_selector)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        int r;

        r = jobctl_selector_new(&selector);
        if (r == 0 && digits[0])
                r = jobs_select_digits(selector, digits);
        for (unsigned int i = fit->first; r == 0 && !digits[0] && i <= fit->last; i++)
                r = jobctl_selector_add_state(selector, (enum jobctl_state)i);
        if (r)
                return r;
        *out_selector = TAKE_PTR(selector);
        return JOBCTL_OK;
}

/* ------------------------------------------------------------------------------------ adding */

/* "running  nightly", or the command where there is no name. */
static void jobs_describe(const struct jobctl_item *job, char text[static JOBS_TEXT_MAX])
{
        const struct jobctl_item *const spec = jobctl_get_item(job, JOBCTL_JOB_SPEC);
        const char *const name = jobctl_get_text(spec, JOBCTL_SPEC_NAME, NULL);
        _cleanup_(freep) char *command = name ? NULL : style_command(spec);
        const char *const what = name ? name : command ? command : "";
        char safe[JOBS_TEXT_MAX / 2];

        text_escape_into(what, strlen(what), safe, sizeof(safe));
        snprintf(text, JOBS_TEXT_MAX, "%s  %s", style_state_word(job), safe);
}

static void jobs_add(struct complete *ask, const struct jobs_fit *fit,
                     const struct jobctl_result *result)
{
        size_t shown = 0;

        for (size_t i = 0; i < jobctl_result_count(result) && shown < JOBS_SHOWN_MAX; i++) {
                const struct jobctl_item *const job = jobctl_result_item(result, i);
                char word[32], text[JOBS_TEXT_MAX];

                if (!jobs_fits(fit, job))
                        continue;
                jobs_describe(job, text);
                snprintf(word, sizeof(word), "%llu",
                         (unsigned long long)jobctl_number_or(job, JOBCTL_JOB_ID, 0));
                complete_add(ask, word, COMPLETE_CLOSED, text);
                shown++;
                if (fit->no_tasks || jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1) < 2 ||
                    strcmp(word, complete_typed(ask)) != 0)
                        continue;
                snprintf(text, sizeof(text), "%s.", word);
                complete_add(ask, text, COMPLETE_OPEN, "one of its tasks");
        }
}

/* is_whole: the word is nothing but this, so that it may be `last` or `all`. */
static void jobs_add_ids(struct complete *ask, const struct jobs_fit *fit, bool is_whole)
{
        const char *const digits = complete_typed(ask);
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        struct jobctl_list_options query = { .size = sizeof(query), .limit = JOBS_ASKED_MAX };
        struct jobctl *conn;

        if (is_whole)
                complete_add(ask, "last", COMPLETE_CLOSED, "the newest job");
        if (is_whole && fit->all)
                complete_add(ask, "all", COMPLETE_CLOSED, fit->all);
        if (digits[strspn(digits, "0123456789")] || digits[0] == '0')
                return;
        if (jobs_select(fit, digits, &selector))
                return;
        conn = complete_connect(ask);
        if (!conn)
                return;
        query.selector = selector;
        if (!digits[0] && !fit->held)
                query.limit = JOBS_SHOWN_MAX;
        if (jobctl_list(conn, &query, &result) == JOBCTL_OK)
                jobs_add(ask, fit, result);
}

/* ------------------------------------------------------------------------------------- tasks */

static void jobs_add_task(struct complete *ask, const struct jobs_fit *fit,
                          const struct jobctl_item *job, uint64_t number)
{
        enum jobctl_state state = JOBCTL_STATE_QUEUED;
        char word[24];

        for (size_t i = 0; i < jobctl_count(job, JOBCTL_JOB_ATTEMPTS); i++) {
                const struct jobctl_item *const attempt =
                        jobctl_get_item_at(job, JOBCTL_JOB_ATTEMPTS, i);

                if (jobctl_number_or(attempt, JOBCTL_ATTEMPT_TASK, 0) == number)
                        state = (enum jobctl_state)jobctl_number_or(attempt, JOBCTL_ATTEMPT_STATE,
                                                                    0);
        }
        if (state < fit->first || state > fit->last)
                return;
        snprintf(word, sizeof(word), "%llu", (unsigned long long)number);
        complete_add(ask, word, COMPLETE_CLOSED, jobctl_state_name(state));
}

/* Tasks first..last of the job, as far as there are such. False: there is nothing more to ask. */
static bool jobs_add_tasks_between(struct complete *ask, const struct jobs_fit *fit,
                                   struct jobctl *conn, uint64_t id, uint64_t first, uint64_t last)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        const struct jobctl_item *job;
        uint64_t count;
        char word[80];

        snprintf(word, sizeof(word), "%llu.%llu-%llu", (unsigned long long)id,
                 (unsigned long long)first, (unsigned long long)last);
        if (jobctl_selector_new(&selector) || jobctl_selector_add(selector, word, NULL, 0) ||
            jobctl_info(conn, selector, false, &result) || jobctl_result_count(result) == 0)
                return false;
        job = jobctl_result_item(result, 0);
        count = jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1);
        for (uint64_t number = first; number <= last && number < count; number++)
                jobs_add_task(ask, fit, job, number);
        return count > last;
}

/* Behind "17.": numbers that begin with what is typed. */
static void jobs_add_tasks(struct complete *ask, const struct jobs_fit *fit, uint64_t id)
{
        const char *const digits = complete_typed(ask);
        uint64_t first = 0, last = JOBS_TASKS_SPAN - 1;
        struct jobctl *conn;
        struct reason why;

        conn = complete_connect(ask);
        if (!conn)
                return;
        if (!digits[0]) {
                (void)jobs_add_tasks_between(ask, fit, conn, id, first, last);
                return;
        }
        if (parse_u64(digits, "task", 0, INT32_MAX, &first, &why))
                return;
        for (last = first; last - first < JOBS_TASKS_SPAN; last = last * 10 + 9) {
                if (!jobs_add_tasks_between(ask, fit, conn, id, first, last) || last == 0)
                        return;
                first *= 10;
        }
}

/* "5,17.", "5,17.3-": the id whose tasks are asked for; false: none is. */
static bool jobs_find_task_job(struct complete *ask, uint64_t *out_id)
{
        const char *const typed = complete_typed(ask);
        struct reason why;
        char digits[24];
        const size_t n = strspn(typed, "0123456789");

        if (n == 0 || n >= sizeof(digits) || !strchr("._", typed[n]) || !typed[n])
                return false;
        memcpy(digits, typed, n);
        digits[n] = '\0';
        if (parse_u64(digits, "id", 1, INT64_MAX, out_id, &why))
                return false;
        ask->head_bytes += n + 1;
        return true;
}

void complete_add_jobs(struct complete *ask, enum complete_kind kind)
{
        const struct jobs_fit *const fit = jobs_fit(kind);
        const size_t before = ask->head_bytes;
        uint64_t id;
        bool is_task;

        if (!fit)
                return;
        if (!fit->is_one)
                complete_skip_to(ask, ",");
        is_task = !fit->no_tasks && jobs_find_task_job(ask, &id);
        if (!fit->is_one)
                complete_skip_to(ask, "-");
        if (is_task)
                jobs_add_tasks(ask, fit, id);
        else
                jobs_add_ids(ask, fit, ask->head_bytes == before);
}
