/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event lists, by rising sequence. Events of one job are found by event_by_job; all others by
 * walking `event` from after_seq and comparing user and job here, READ_LOOK_MAX rows at most.
 *
 * "The last n" walks backwards first, until n matching events were seen or the bound is reached,
 * and then reads forwards from there like any other question.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/journal/query.h"
#include "daemon/journal/row.h"

static bool query_is_of_one_job(const struct journal_event_query *ask)
{
        return ask->min_job > 0 && ask->min_job == ask->max_job;
}

static bool query_is_wanted(const struct journal_event_query *ask, sqlite3_stmt *stmt)
{
        const uint64_t job = (uint64_t)sqlite3_column_int64(stmt, EVENT_COLUMN_JOB);
        const uint32_t uid = (uint32_t)sqlite3_column_int64(stmt, EVENT_COLUMN_UID);

        if (!ask->any_uid && uid != ask->uid)
                return false;
        if (ask->min_job > 0 && job < ask->min_job)
                return false;
        return ask->max_job == 0 || job <= ask->max_job;
}

static uint64_t query_seq(sqlite3_stmt *stmt)
{
        return (uint64_t)sqlite3_column_int64(stmt, EVENT_COLUMN_SEQ);
}

static struct binder query_bind_events(struct query *query, uint64_t after_seq, bool back)
{
        const struct journal_event_query *const ask = &query->read->ask.events;
        const enum statement one = back ? STATEMENT_EVENT_LIST_JOB_BACK : STATEMENT_EVENT_LIST_JOB;
        const enum statement all = back ? STATEMENT_EVENT_LIST_BACK : STATEMENT_EVENT_LIST;
        struct binder list = store_bind(query->store, query_is_of_one_job(ask) ? one : all);

        bind_number(&list, MIN(after_seq, (uint64_t)INT64_MAX));
        if (query_is_of_one_job(ask))
                bind_number(&list, ask->min_job);
        return list;
}

/* The sequence after which the last `last` matching events begin. */
static int query_find_last(struct query *query, uint64_t *out_after)
{
        const struct journal_event_query *const ask = &query->read->ask.events;
        struct binder list = query_bind_events(query, ask->after_seq, true);
        uint32_t looked = 0, matched = 0;
        int r = 0;

        *out_after = ask->after_seq;
        while (matched < ask->last && looked < READ_LOOK_MAX) {
                r = store_step(query->store, &list);
                if (r <= 0)
                        break;
                looked++;
                *out_after = query_seq(list.stmt) - 1;
                if (query_is_wanted(ask, list.stmt))
                        matched++;
        }
        store_reset(&list);
        return r < 0 ? PASS(r) : 0;
}

static int query_take_event(struct query *query, sqlite3_stmt *stmt)
{
        struct taker from = { .stmt = stmt, .arena = &query->read->arena };
        struct journal_event *const row = read_add_event(query->read);

        if (row)
                row_take_event(&from, row);
        return !row || from.failed ? FAULT(-ENOMEM) : 0;
}

int query_read_events(struct query *query)
{
        const struct journal_event_query *const ask = &query->read->ask.events;
        struct journal_page *const page = &query->read->page;
        const size_t limit = ask->limit > 0 ? MIN(ask->limit, JOURNAL_PAGE_MAX) : JOURNAL_PAGE_MAX;
        uint64_t after = ask->after_seq;
        uint32_t looked = 0;
        struct binder list;
        int r = 0;

        if (ask->last > 0)
                r = query_find_last(query, &after);
        if (r < 0)
                return PASS(r);
        page->next = after;
        list = query_bind_events(query, after, false);
        while ((r = store_step(query->store, &list)) > 0) {
                if (page->events_count == limit || looked == READ_LOOK_MAX) {
                        page->more = true;
                        break;
                }
                looked++;
                page->next = query_seq(list.stmt);
                if (!query_is_wanted(ask, list.stmt))
                        continue;
                r = query_take_event(query, list.stmt);
                if (r < 0)
                        break;
        }
        store_reset(&list);
        return r < 0 ? PASS(r) : 0;
}
