/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums over the jobs that are kept and over their tasks, a slice at a time.
 *
 * The walk goes down the ids, as lists do, and reads each job's task rows; a slice ends after
 * TOTALS_LOOK_MAX rows, also in the middle of a job, since commits wait meanwhile. Rows are added
 * up here instead of being handed out: a million of them would otherwise cross to the loop. What
 * the sums of a slice mean - which state is which - is for whoever asks; they are counted by
 * number.
 *
 * Ids rise with the time of submission unless somebody sets the clock back, so a walk that asks for
 * jobs since a time ends when it is TOTALS_SLACK_USEC past it.
 */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/error.h"

#include "daemon/journal/query.h"

#define TOTALS_LOOK_MAX 5000U
#define TOTALS_GROUPS_MAX 256U
#define TOTALS_SLACK_USEC (3600 * USEC_PER_SEC)

/* In the order of the two statements. */
enum totals_job_column {
        TOTALS_JOB_ID,
        TOTALS_JOB_UID,
        TOTALS_JOB_STATE,
        TOTALS_JOB_FINISHED,
        TOTALS_JOB_SUBMIT,
        TOTALS_JOB_TASK_COUNT,
        TOTALS_JOB_CPUS,
        TOTALS_JOB_QUEUE,
};
enum totals_task_column {
        TOTALS_TASK_NUMBER,
        TOTALS_TASK_STATE,
        TOTALS_TASK_ATTEMPT,
        TOTALS_TASK_START,
        TOTALS_TASK_RUN,
        TOTALS_TASK_CPU,
};

struct totals_walk {
        struct query *query;
        const struct journal_totals_query *ask;
        struct journal_totals *totals;
        struct journal_total *group; /* of the job at hand */
        uint64_t id, submit_wall_usec, cores;
        uint64_t rows;       /* tasks of it that have one, so far */
        uint64_t first_task; /* where its rows begin in this slice */
        uint32_t looked;
};

static uint64_t totals_column(const struct binder *from, int column)
{
        return (uint64_t)sqlite3_column_int64(from->stmt, column);
}

static void totals_count_state(uint64_t counts[JOURNAL_STATES_MAX], uint64_t state)
{
        counts[state < JOURNAL_STATES_MAX ? state : 0]++;
}

/* The sums of a user in a queue; NULL: there is no room for one more. */
static struct journal_total *totals_find(struct journal_totals *totals, uint32_t uid,
                                         uint32_t queue)
{
        struct journal_total *group;

        for (size_t i = totals->groups_count; i > 0; i--) {
                group = &totals->groups[i - 1];
                if (group->uid == uid && group->queue == queue)
                        return group;
        }
        if (totals->groups_count == TOTALS_GROUPS_MAX)
                return NULL;
        group = &totals->groups[totals->groups_count++];
        *group = (struct journal_total){ .uid = uid, .queue = queue };
        return group;
}

static void totals_add_task(struct totals_walk *walk, const struct binder *row)
{
        const uint64_t start = totals_column(row, TOTALS_TASK_START);
        const uint64_t run = totals_column(row, TOTALS_TASK_RUN);

        walk->rows++;
        totals_count_state(walk->group->tasks_by_state, totals_column(row, TOTALS_TASK_STATE));
        walk->group->cpu_usec += totals_column(row, TOTALS_TASK_CPU);
        walk->group->core_usec += run * walk->cores;
        if (start > 0 && totals_column(row, TOTALS_TASK_ATTEMPT) == 1)
                spread_add(&walk->totals->wait_usec,
                           start > walk->submit_wall_usec ? start - walk->submit_wall_usec : 0);
        if (run > 0)
                spread_add(&walk->totals->run_usec, run);
}

/* 1: all rows of the job were read; 0: the slice is full; <0: a fault. */
static int totals_read_tasks(struct totals_walk *walk)
{
        struct binder list = store_bind(walk->query->store, STATEMENT_TASK_TOTALS);
        struct journal_page *const page = &walk->query->read->page;
        int r;

        bind_number(&list, walk->id);
        bind_number(&list, walk->first_task);
        while ((r = store_step(walk->query->store, &list)) > 0) {
                if (walk->looked++ >= TOTALS_LOOK_MAX) {
                        page->next_task = totals_column(&list, TOTALS_TASK_NUMBER);
                        page->next = walk->id + 1;
                        walk->totals->rows_before = walk->rows;
                        break;
                }
                totals_add_task(walk, &list);
        }
        store_reset(&list);
        return r < 0 ? PASS(r) : r == 0;
}

/* What the job itself adds, once all of its tasks were seen. */
static void totals_add_job(struct totals_walk *walk, const struct binder *row)
{
        const uint64_t tasks = totals_column(row, TOTALS_JOB_TASK_COUNT);
        const uint64_t unseen = tasks - MIN(tasks, walk->rows);

        totals_count_state(walk->group->jobs_by_state, totals_column(row, TOTALS_JOB_STATE));
        if (totals_column(row, TOTALS_JOB_FINISHED))
                walk->group->tasks_never += unseen;
        else
                walk->group->tasks_open += unseen;
        walk->totals->oldest_wall_usec = walk->submit_wall_usec;
}

/* As totals_read_tasks(). */
static int totals_read_job(struct totals_walk *walk, const struct binder *row)
{
        const uint64_t cpus = totals_column(row, TOTALS_JOB_CPUS);
        int r;

        walk->group = totals_find(walk->totals, (uint32_t)totals_column(row, TOTALS_JOB_UID),
                                  (uint32_t)totals_column(row, TOTALS_JOB_QUEUE));
        if (!walk->group) {
                walk->query->read->page.next = walk->id + 1;
                return 0;
        }
        walk->cores = MAX(cpus, (uint64_t)1);
        r = totals_read_tasks(walk);
        if (r > 0)
                totals_add_job(walk, row);
        walk->rows = walk->first_task = 0;
        return r < 0 ? PASS(r) : r;
}

/* As totals_read_tasks(): 1 when there is more, which is not said, and 0 when the slice is full. */
static int totals_visit(struct totals_walk *walk, const struct binder *row)
{
        walk->id = totals_column(row, TOTALS_JOB_ID);
        walk->submit_wall_usec = totals_column(row, TOTALS_JOB_SUBMIT);
        if (walk->id + 1 != walk->ask->before_id)
                walk->rows = walk->first_task = 0; /* that one was forgotten meanwhile */
        if (walk->looked++ >= TOTALS_LOOK_MAX) {
                walk->query->read->page.next = walk->id + 1;
                return 0;
        }
        if (walk->submit_wall_usec < walk->ask->since_wall_usec) {
                walk->rows = walk->first_task = 0;
                return 1;
        }
        return totals_read_job(walk, row);
}

static bool totals_is_past(const struct totals_walk *walk)
{
        return walk->submit_wall_usec + TOTALS_SLACK_USEC < walk->ask->since_wall_usec;
}

static int totals_walk(struct totals_walk *walk)
{
        const struct journal_totals_query *const ask = walk->ask;
        struct journal_page *const page = &walk->query->read->page;
        struct binder list =
                store_bind(walk->query->store,
                           ask->any_uid ? STATEMENT_JOB_TOTALS : STATEMENT_JOB_TOTALS_USER);
        int r;

        bind_number(&list, ask->before_id > 0 ? ask->before_id - 1 : (uint64_t)INT64_MAX);
        if (!ask->any_uid)
                bind_number(&list, ask->uid);
        while ((r = store_step(walk->query->store, &list)) > 0) {
                r = totals_visit(walk, &list);
                if (r <= 0) {
                        page->more = r == 0;
                        break;
                }
                if (totals_is_past(walk))
                        break;
        }
        store_reset(&list);
        return r < 0 ? PASS(r) : 0;
}

int query_read_totals(struct query *query)
{
        const struct journal_totals_query *const ask = &query->read->ask.totals;
        struct totals_walk walk = {
                .query = query, .ask = ask, .rows = ask->rows_before, .first_task = ask->first_task
        };
        int r;

        walk.totals = calloc(1, sizeof(*walk.totals));
        if (!walk.totals)
                return FAULT(-ENOMEM);
        query->read->page.totals = walk.totals;
        walk.totals->groups = calloc(TOTALS_GROUPS_MAX, sizeof(*walk.totals->groups));
        if (!walk.totals->groups)
                return FAULT(-ENOMEM);
        r = totals_walk(&walk);
        return r < 0 ? PASS(r) : 0;
}
