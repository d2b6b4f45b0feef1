/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatch of reads, and the two small ones: a task with its output, and a submission key.
 *
 * Reads run between two transactions of the journal thread, so everything that was posted before
 * them is committed and visible. While one runs, commits wait: each looks at a bounded number of
 * rows and hands back a bounded page (read.h), and the caller asks again for more.
 *
 * A lack of memory spoils one answer. Any other failure is one of the store and ends the daemon.
 */
#include "daemon/journal/query.h"

#include <errno.h>

#include "common/error.h"

#include "daemon/journal/row.h"

static int query_read_output(struct query *query, uint64_t job, uint64_t task)
{
        struct binder get = store_bind(query->store, STATEMENT_OUTPUT_GET);
        int r;

        bind_number(&get, job);
        bind_number(&get, task);
        r = store_step(query->store, &get);
        if (r > 0)
                r = store_take_blob(&get, 0, &query->read->page.output);
        store_reset(&get);
        return r < 0 ? PASS(r) : 0;
}

static int query_read_task(struct query *query)
{
        struct journal_read *const read = query->read;
        struct binder get = store_bind(query->store, STATEMENT_TASK_GET);
        struct taker from = { .stmt = get.stmt, .arena = &read->arena };
        struct journal_task *row;
        int r;

        bind_number(&get, read->ask.task.job);
        bind_number(&get, read->ask.task.task);
        r = store_step(query->store, &get);
        if (r > 0) {
                row = read_add_task(read);
                if (row)
                        row_take_task(&from, row);
                r = !row || from.failed ? FAULT(-ENOMEM) : 0;
        }
        store_reset(&get);
        if (r < 0)
                return PASS(r);
        if (!read->ask.task.want_output)
                return 0;
        return query_read_output(query, read->ask.task.job, read->ask.task.task);
}

static int query_read_key(struct query *query)
{
        struct journal_read *const read = query->read;
        struct binder get = store_bind(query->store, STATEMENT_KEY_GET);
        int r;

        bind_number(&get, read->ask.key.uid);
        bind_blob(&get, read->ask.key.key, JOURNAL_KEY_BYTES);
        r = store_step(query->store, &get);
        if (r > 0) {
                read->page.found_first = (uint64_t)sqlite3_column_int64(get.stmt, 0);
                read->page.found_count = (uint32_t)sqlite3_column_int64(get.stmt, 1);
        }
        store_reset(&get);
        return r < 0 ? PASS(r) : 0;
}

/* clang-format off */
static int (*const readers[READ_KIND_COUNT])(struct query *query) = {
        [READ_JOBS] = query_read_jobs,
        [READ_TASK] = query_read_task,
        [READ_KEY] = query_read_key,
        [READ_EVENTS] = query_read_events,
        [READ_RESULTS] = query_read_results,
        [READ_INPUT] = query_read_input,
        [READ_TOTALS] = query_read_totals,
};
/* clang-format on */

int query_run(struct query *query)
{
        const int r = readers[query->read->kind](query);

        if (r >= 0)
                return 0;
        read_fail(query->read, r);
        store_forgive_memory(query->store);
        return query->store->failed_code != SQLITE_OK ? PASS(r) : 0;
}
