/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of one job's results, and chunks of a map's input.
 *
 * Results walk `task` and, when outputs are wanted, `output` at the same time: both are ordered by
 * (job, task), so each page is two short scans and no look-ups. A page ends when it is full or when
 * its outputs are heavy; next_task is then the first row that is not in it. Tasks without a row
 * have not started: they are no results, and leave no gap here.
 *
 * Everything begins at the job's row: what is left of a dropped job cannot be reached.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/journal/query.h"
#include "daemon/journal/row.h"

struct results {
        struct query *query;
        const struct journal_results_query *ask;
        struct binder outputs; /* the walk of `output` */
        bool has_output;       /* it stands on a row */
        size_t output_bytes;
};

static int query_take_results_job(struct results *results, bool *out_found)
{
        const struct journal_results_query *const ask = results->ask;
        struct journal_read *const read = results->query->read;
        struct binder get = store_bind(results->query->store, STATEMENT_JOB_GET);
        struct taker from = { .stmt = get.stmt, .arena = &read->arena };
        int r;

        bind_number(&get, ask->job);
        r = store_step(results->query->store, &get);
        *out_found = r > 0 && (ask->any_uid || (uint32_t)sqlite3_column_int64(
                                                       get.stmt, JOB_COLUMN_UID) == ask->uid);
        if (*out_found) {
                struct journal_job *const row = read_add_job(read);

                if (row)
                        row_take_job(&from, row);
                r = !row || from.failed ? FAULT(-ENOMEM) : 0;
        }
        store_reset(&get);
        return r < 0 ? PASS(r) : 0;
}

static int query_next_output(struct results *results)
{
        const int r = store_step(results->query->store, &results->outputs);

        results->has_output = r > 0;
        return r < 0 ? PASS(r) : 0;
}

/* Puts the output of `task` at the place of the page's last task, when there is one. */
static int query_take_output(struct results *results, uint64_t task)
{
        struct journal_page *const page = &results->query->read->page;
        struct journal_blob **const to = &page->outputs[page->tasks_count - 1];
        int r = 0;

        while (results->has_output &&
               (uint64_t)sqlite3_column_int64(results->outputs.stmt, 0) < task && r == 0)
                r = query_next_output(results);
        if (r < 0 || !results->has_output ||
            (uint64_t)sqlite3_column_int64(results->outputs.stmt, 0) != task)
                return r < 0 ? PASS(r) : 0;
        r = store_take_blob(&results->outputs, 1, to);
        if (r == 0 && *to)
                results->output_bytes += (*to)->size;
        return r < 0 ? PASS(r) : 0;
}

static int query_take_result(struct results *results, sqlite3_stmt *stmt)
{
        struct journal_read *const read = results->query->read;
        struct taker from = { .stmt = stmt, .arena = &read->arena };
        struct journal_task *const row = read_add_task(read);

        if (row)
                row_take_task(&from, row);
        if (!row || from.failed)
                return FAULT(-ENOMEM);
        if (!results->ask->want_output || row->output_where != JOURNAL_OUTPUT_INLINE)
                return 0;
        return query_take_output(results, row->task);
}

static int query_walk_results(struct results *results, struct binder *list, size_t limit)
{
        struct journal_page *const page = &results->query->read->page;
        int r;

        while ((r = store_step(results->query->store, list)) > 0) {
                if (page->tasks_count >= limit || results->output_bytes >= READ_OUTPUT_BYTES_MAX) {
                        page->more = true;
                        page->next_task =
                                (uint64_t)sqlite3_column_int64(list->stmt, TASK_COLUMN_TASK);
                        return 0;
                }
                r = query_take_result(results, list->stmt);
                if (r < 0)
                        return PASS(r);
        }
        return r < 0 ? PASS(r) : 0;
}

static int query_begin_outputs(struct results *results, size_t limit)
{
        struct journal_page *const page = &results->query->read->page;

        if (!results->ask->want_output)
                return 0;
        page->outputs = calloc(limit, sizeof(*page->outputs));
        if (!page->outputs)
                return FAULT(-ENOMEM);
        bind_number(&results->outputs, results->ask->job);
        bind_number(&results->outputs, results->ask->first_task);
        return query_next_output(results);
}

int query_read_results(struct query *query)
{
        const struct journal_results_query *const ask = &query->read->ask.results;
        const size_t limit = ask->limit > 0 ? MIN(ask->limit, JOURNAL_PAGE_MAX) : JOURNAL_PAGE_MAX;
        struct results results = {
                .query = query,
                .ask = ask,
                .outputs = store_bind(query->store, STATEMENT_OUTPUT_LIST),
        };
        struct binder list = store_bind(query->store, STATEMENT_TASK_LIST);
        bool found = false;
        int r;

        r = query_take_results_job(&results, &found);
        if (r < 0 || !found)
                return r < 0 ? PASS(r) : 0;
        r = query_begin_outputs(&results, limit);
        if (r == 0) {
                bind_number(&list, ask->job);
                bind_number(&list, ask->first_task);
                r = query_walk_results(&results, &list, limit);
        }
        store_reset(&list);
        store_reset(&results.outputs);
        return r < 0 ? PASS(r) : 0;
}

/* --------------------------------------------------------------------------------------- input */

/* Does the chunk at the statement's row reach as far as `task`? The last task may lack values. */
static bool query_holds_task(const struct journal_inputs *inputs, uint64_t task)
{
        const uint64_t each = MAX(inputs->map_values, 1U);

        return task - inputs->first_task < inputs->count / each + (inputs->count % each != 0);
}

int query_find_input(struct store *store, uint64_t job, bool any_uid, uint32_t uid, uint64_t task,
                     struct journal_inputs *out_found)
{
        struct binder get = store_bind(store, STATEMENT_INPUT_GET);
        struct journal_inputs found = { .count = 0 };
        int r;

        bind_number(&get, job);
        bind_number(&get, task);
        r = store_step(store, &get);
        if (r > 0) {
                r = 0;
                found.map_values =
                        (uint32_t)sqlite3_column_int64(get.stmt, INPUT_COLUMN_MAP_VALUES);
                found.first_task =
                        (uint64_t)sqlite3_column_int64(get.stmt, INPUT_COLUMN_FIRST_TASK);
                found.count = (uint64_t)sqlite3_column_int64(get.stmt, INPUT_COLUMN_COUNT);
                if (query_holds_task(&found, task) &&
                    (any_uid || (uint32_t)sqlite3_column_int64(get.stmt, INPUT_COLUMN_UID) == uid))
                        r = store_take_blob(&get, INPUT_COLUMN_DATA, &found.values);
        }
        store_reset(&get);
        if (r < 0)
                return PASS(r);
        *out_found = found.values ? found : (struct journal_inputs){ .count = 0 };
        return 0;
}

int query_read_input(struct query *query)
{
        struct journal_read *const read = query->read;
        const int r =
                query_find_input(query->store, read->ask.input.job, read->ask.input.any_uid,
                                 read->ask.input.uid, read->ask.input.task, &read->page.inputs);

        return r < 0 ? PASS(r) : 0;
}
