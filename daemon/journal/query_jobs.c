/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job lists: by ids, or newest first through a filter.
 *
 * A filter walks `job` (all users) or job_by_uid (one) down from where the last page ended, and
 * compares the other conditions here, row by row. There is no index for them: each would cost every
 * submission, and a walk of READ_LOOK_MAX rows takes some 10 ms. The page ends when it is full,
 * when that many rows were looked at, or when its blobs are heavy; `next` is then the id below
 * which to go on.
 *
 * By ids, `next` is how many of the ids were dealt with. Task rows follow for the jobs of the page;
 * where READ_TASKS_MAX cuts them, the page ends with that job and next_task says where to go on.
 */
#include <errno.h>
#include <string.h>

#include "common/error.h"

#include "daemon/journal/query.h"
#include "daemon/journal/row.h"

struct walk {
        struct query *query;
        const struct journal_job_query *ask;
        size_t blob_bytes;
};

static bool query_is_full(const struct walk *walk)
{
        const uint32_t limit = walk->ask->limit;
        const size_t most = limit > 0 ? MIN(limit, JOURNAL_PAGE_MAX) : JOURNAL_PAGE_MAX;

        return walk->query->read->page.jobs_count >= most ||
               walk->blob_bytes >= READ_BLOB_BYTES_MAX;
}

/* Takes the current row of `stmt` to the page's end. */
static int query_take_job(struct walk *walk, sqlite3_stmt *stmt)
{
        struct journal_read *const read = walk->query->read;
        struct taker from = { .stmt = stmt, .arena = &read->arena };
        struct journal_job *const row = read_add_job(read);

        if (row)
                row_take_job(&from, row);
        return !row || from.failed ? FAULT(-ENOMEM) : 0;
}

/* The blobs of the row that was taken last. */
static int query_take_blobs(struct walk *walk)
{
        struct query *const query = walk->query;
        struct journal_page *const page = &query->read->page;
        struct journal_job *const row = &page->jobs[page->jobs_count - 1];
        struct binder get = store_bind(query->store, STATEMENT_SPEC_GET);
        uint64_t environment = 0;
        int r;

        if (!walk->ask->want_spec && !walk->ask->want_environment)
                return 0;
        bind_number(&get, row->id);
        r = store_step(query->store, &get);
        if (r > 0) {
                environment = (uint64_t)sqlite3_column_int64(get.stmt, 0);
                r = walk->ask->want_spec ? store_take_blob(&get, 1, &row->spec) : 0;
        }
        store_reset(&get);
        if (r == 0 && environment != 0 && walk->ask->want_environment)
                r = environments_read(query->environments, query->store, environment,
                                      &row->environment);
        if (r < 0)
                return PASS(r);
        walk->blob_bytes += row->spec ? row->spec->size : 0;
        walk->blob_bytes += row->environment ? row->environment->size : 0;
        return 0;
}

/* --------------------------------------------------------------------------------------- by id */

static int query_take_id(struct walk *walk, uint64_t id)
{
        struct binder get = store_bind(walk->query->store, STATEMENT_JOB_GET);
        bool found;
        int r;

        bind_number(&get, id);
        r = store_step(walk->query->store, &get);
        found = r > 0 &&
                (walk->ask->any_uid ||
                 (uint32_t)sqlite3_column_int64(get.stmt, JOB_COLUMN_UID) == walk->ask->uid);
        if (found)
                r = query_take_job(walk, get.stmt);
        store_reset(&get);
        if (r < 0)
                return PASS(r);
        return found ? query_take_blobs(walk) : 0;
}

static int query_read_ids(struct walk *walk)
{
        struct journal_page *const page = &walk->query->read->page;

        for (size_t i = 0; i < walk->ask->ids_count; i++) {
                int r;

                if (query_is_full(walk)) {
                        page->more = true;
                        page->next = i;
                        return 0;
                }
                r = query_take_id(walk, walk->ask->ids[i]);
                if (r < 0)
                        return PASS(r);
        }
        page->next = walk->ask->ids_count;
        return 0;
}

/* ----------------------------------------------------------------------------------- by filter */

static bool query_is_wanted(const struct journal_job_query *ask, sqlite3_stmt *stmt)
{
        const uint64_t submitted = (uint64_t)sqlite3_column_int64(stmt, JOB_COLUMN_SUBMIT);
        const uint64_t ended = (uint64_t)sqlite3_column_int64(stmt, JOB_COLUMN_END);
        const int state = sqlite3_column_int(stmt, JOB_COLUMN_STATE);
        const void *name;

        if (ask->finished_only && sqlite3_column_int(stmt, JOB_COLUMN_FINISHED) == 0)
                return false;
        if (submitted < ask->since_wall_usec)
                return false;
        if (ask->ended_before_wall_usec > 0 && (ended == 0 || ended >= ask->ended_before_wall_usec))
                return false;
        if (ask->state_mask != 0 &&
            (state < 0 || state > 31 || (ask->state_mask & (1U << state)) == 0))
                return false;
        if (!ask->name)
                return true;
        name = sqlite3_column_text(stmt, JOB_COLUMN_NAME);
        return name && strcmp(name, ask->name) == 0;
}

/* Ids from `low` to `high`, both included; false when there are none. */
static bool query_find_bounds(const struct journal_job_query *ask, uint64_t *out_low,
                              uint64_t *out_high)
{
        const uint64_t top = INT64_MAX;
        uint64_t high = ask->before_id > 0 ? MIN(ask->before_id - 1, top) : top;

        if (ask->max_id > 0)
                high = MIN(high, ask->max_id);
        *out_low = MIN(ask->min_id, top);
        *out_high = high;
        return *out_low <= high;
}

static int query_bind_filter(struct walk *walk, struct binder *out_list)
{
        const struct journal_job_query *const ask = walk->ask;
        uint64_t low, high;

        if (!query_find_bounds(ask, &low, &high))
                return 0;
        *out_list = store_bind(walk->query->store,
                               ask->any_uid ? STATEMENT_JOB_LIST : STATEMENT_JOB_LIST_USER);
        bind_number(out_list, low);
        bind_number(out_list, high);
        if (!ask->any_uid)
                bind_number(out_list, ask->uid);
        return 1;
}

static int query_read_filter(struct walk *walk)
{
        struct journal_page *const page = &walk->query->read->page;
        struct binder list;
        uint32_t looked = 0;
        int r;

        if (query_bind_filter(walk, &list) == 0)
                return 0;
        while ((r = store_step(walk->query->store, &list)) > 0) {
                if (query_is_full(walk) || looked == READ_LOOK_MAX) {
                        page->more = true;
                        break;
                }
                looked++;
                page->next = (uint64_t)sqlite3_column_int64(list.stmt, JOB_COLUMN_ID);
                if (!query_is_wanted(walk->ask, list.stmt))
                        continue;
                r = query_take_job(walk, list.stmt);
                if (r == 0)
                        r = query_take_blobs(walk);
                if (r < 0)
                        break;
        }
        store_reset(&list);
        return r < 0 ? PASS(r) : 0;
}

/* --------------------------------------------------------------------------------------- tasks */

/* The task rows of one job; sets next_task when they do not fit. */
static int query_take_tasks(struct walk *walk, uint64_t job)
{
        struct journal_read *const read = walk->query->read;
        struct binder list = store_bind(walk->query->store, STATEMENT_TASK_LIST);
        int r;

        bind_number(&list, job);
        bind_number(&list, walk->ask->first_task);
        while ((r = store_step(walk->query->store, &list)) > 0) {
                struct taker from = { .stmt = list.stmt, .arena = &read->arena };
                struct journal_task *row;

                if (read->page.tasks_count >= READ_TASKS_MAX) {
                        read->page.next_task =
                                (uint64_t)sqlite3_column_int64(list.stmt, TASK_COLUMN_TASK);
                        break;
                }
                row = read_add_task(read);
                if (row)
                        row_take_task(&from, row);
                r = !row || from.failed ? FAULT(-ENOMEM) : 0;
                if (r < 0 || !walk->ask->all_tasks)
                        break;
        }
        store_reset(&list);
        return r < 0 ? PASS(r) : 0;
}

/* Ends the page with the job at `last`: what came behind it is for the next page. */
static void query_cut_jobs(struct walk *walk, size_t last)
{
        const struct journal_job_query *const ask = walk->ask;
        struct journal_page *const page = &walk->query->read->page;

        if (last + 1 == page->jobs_count)
                return;
        for (size_t i = last + 1; i < page->jobs_count; i++) {
                journal_blob_unref(page->jobs[i].spec);
                journal_blob_unref(page->jobs[i].environment);
        }
        page->jobs_count = last + 1;
        page->more = true;
        page->next = page->jobs[last].id;
        for (size_t i = 0; ask->ids && i < ask->ids_count; i++) {
                if (ask->ids[i] == page->jobs[last].id) {
                        page->next = i + 1;
                        break;
                }
        }
}

static int query_read_tasks(struct walk *walk)
{
        struct journal_page *const page = &walk->query->read->page;

        for (size_t i = 0; i < page->jobs_count && page->next_task == 0; i++) {
                const int r = query_take_tasks(walk, page->jobs[i].id);

                if (r < 0)
                        return PASS(r);
                if (page->next_task > 0)
                        query_cut_jobs(walk, i);
        }
        return 0;
}

int query_read_jobs(struct query *query)
{
        struct walk walk = { .query = query, .ask = &query->read->ask.jobs };
        int r;

        r = walk.ask->ids ? query_read_ids(&walk) : query_read_filter(&walk);
        if (r == 0 && walk.ask->want_tasks)
                r = query_read_tasks(&walk);
        return r < 0 ? PASS(r) : 0;
}
