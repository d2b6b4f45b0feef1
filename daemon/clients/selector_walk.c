/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways in which a selector walks. Each has a step, which gathers a window from memory or asks
 * the journal, and a page function for the answer.
 *
 * An id is looked up in memory first. When the consumer needs nothing else, unfinished jobs never
 * touch the journal; one id that is not there sends the whole window to it. A job may finish while
 * its row is being read: the window is then cut before it, and the next step reads it again.
 */
#include "common/error.h"

#include "daemon/clients/selector_private.h"

/* A range longer than this is walked by its rows. */
#define SELECTOR_WIDE 500U
/* Jobs of the engine looked at in one step. */
#define SELECTOR_LOOK_MAX 2000U

/* Of yesterday: it has finished since the row was read. */
static bool selector_is_stale(const struct journal_job *row, const struct job *job)
{
        return row && !row->finished && !job;
}

/* ---------------------------------------------------------------------------------------- ids */

static bool selector_is_wide(const struct selector_range *range)
{
        return range->last - range->first >= SELECTOR_WIDE;
}

/* Fills the window with the next ids, up to a wide range. */
static void selector_gather_ids(struct selector *s)
{
        while (s->ids_count < s->options.window && s->range_index < s->ranges_count) {
                const struct selector_range *range = &s->ranges[s->range_index];
                const uint64_t id = s->next_id ? s->next_id : range->first;

                if (selector_is_wide(range))
                        return;
                s->ids[s->ids_count++] = (struct selector_id){
                        .id = id,
                        .range = s->range_index,
                        .ends_range = id == range->last,
                };
                s->next_id = id + 1;
                if (id == range->last) {
                        s->range_index++;
                        s->next_id = 0;
                }
        }
}

/* An id of a range was dealt with. */
static void selector_settle(struct selector *s, const struct selector_id *at, bool is_found)
{
        struct selector_range *range = &s->ranges[at->range];

        range->is_found |= is_found;
        if (at->ends_range && !range->is_found)
                selector_add_missing(s, range->first, range->last);
}

static void selector_add_of_range(struct selector *s, const struct selector_id *at, struct job *job,
                                  const struct journal_job *row, const struct journal_page *page)
{
        const struct selector_range *range = &s->ranges[at->range];
        struct selector_item *item;

        if (!selector_matches(s, job, row))
                return;
        item = selector_add(s, at->id, job, row, page);
        item->has_range = range->has_tasks;
        item->task_first = range->task_first;
        item->task_last = range->task_last;
}

/* Takes the first `count` ids off the window. */
static void selector_drop_ids(struct selector *s, size_t count)
{
        for (size_t i = count; i < s->ids_count; i++)
                s->ids[i - count] = s->ids[i];
        s->ids_count -= count;
}

static void selector_end_ids(struct selector *s)
{
        if (s->ids_count == 0 && s->range_index == s->ranges_count)
                s->phase = SELECTOR_PHASE_DONE;
}

static bool selector_has_all_ids(const struct selector *s)
{
        for (size_t i = 0; i < s->ids_count; i++)
                if (!selector_find_job(s, s->ids[i].id))
                        return false;
        return true;
}

static int selector_read_ids(struct selector *s)
{
        struct journal_job_query query = selector_query(s);
        uint64_t ids[JOURNAL_PAGE_MAX];
        int r;

        for (size_t i = 0; i < s->ids_count; i++)
                ids[i] = s->ids[i].id;
        query.ids = ids;
        query.ids_count = s->ids_count;
        r = session_read_jobs(s->stream, &query);
        return r ? PASS(r) : 0;
}

int selector_step_ids(struct selector *s)
{
        int r;

        selector_gather_ids(s);
        if (s->ids_count == 0 && s->range_index < s->ranges_count) {
                s->phase = SELECTOR_PHASE_WIDE;
                s->cursor = 0;
                return selector_step_wide(s);
        }
        if (selector_needs_rows(s) || !selector_has_all_ids(s))
                return selector_read_ids(s);
        for (size_t i = 0; i < s->ids_count; i++) {
                selector_add_of_range(s, &s->ids[i], selector_find_job(s, s->ids[i].id), NULL,
                                      NULL);
                selector_settle(s, &s->ids[i], true);
        }
        s->ids_count = 0;
        selector_end_ids(s);
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}

/* One id whose row, if there is one, is the next of the page. False: read it again. */
static bool selector_take_id(struct selector *s, const struct selector_id *at,
                             const struct journal_page *page, size_t *row_index)
{
        const struct journal_job *row = NULL;
        struct job *job = selector_find_job(s, at->id);

        if (*row_index < page->jobs_count && page->jobs[*row_index].id == at->id)
                row = &page->jobs[*row_index];
        if (selector_is_stale(row, job))
                return false;
        if (row)
                (*row_index)++;
        if (row)
                selector_add_of_range(s, at, job, row, page);
        selector_settle(s, at, row);
        return true;
}

int selector_page_ids(struct selector *s, const struct journal_page *page)
{
        const size_t dealt = page->more ? (size_t)page->next : s->ids_count;
        size_t row_index = 0, i;
        int r;

        for (i = 0; i < dealt && i < s->ids_count; i++)
                if (!selector_take_id(s, &s->ids[i], page, &row_index))
                        break;
        selector_drop_ids(s, i);
        selector_end_ids(s);
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}

/* ------------------------------------------------------------------------- rows, newest first */

/*
 * Adds the rows that fit, up to the first stale one. Leaves the cursor where the next page begins;
 * true when this was the end of the walk.
 */
static bool selector_take_rows(struct selector *s, const struct journal_page *page, size_t max,
                               struct selector_range *range)
{
        for (size_t i = 0; i < page->jobs_count; i++) {
                const struct journal_job *row = &page->jobs[i];
                struct job *job = selector_find_job(s, row->id);

                if (selector_is_stale(row, job) || s->items_count >= max) {
                        s->cursor = row->id + 1;
                        return false;
                }
                if (range)
                        range->is_found = true;
                if (selector_has_id(s, row->id) && selector_matches(s, job, row))
                        selector_add(s, row->id, job, row, page);
        }
        if (page->more)
                s->cursor = page->next;
        return !page->more;
}

int selector_step_wide(struct selector *s)
{
        const struct selector_range *range = &s->ranges[s->range_index];
        struct journal_job_query query = selector_query(s);
        int r;

        query.before_id = s->cursor;
        query.min_id = range->first;
        query.max_id = range->last;
        r = session_read_jobs(s->stream, &query);
        return r ? PASS(r) : 0;
}

int selector_page_wide(struct selector *s, const struct journal_page *page)
{
        struct selector_range *range = &s->ranges[s->range_index];
        int r;

        if (selector_take_rows(s, page, s->options.window, range)) {
                if (!range->is_found)
                        selector_add_missing(s, range->first, range->last);
                s->range_index++;
                s->phase = SELECTOR_PHASE_IDS;
                selector_end_ids(s);
        }
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}

int selector_step_last(struct selector *s)
{
        struct journal_job_query query = selector_query(s);
        int r;

        query.before_id = s->cursor;
        query.name = s->name;
        query.state_mask = s->state_mask;
        query.limit = s->labels_count > 0 ? 100 : 1;
        r = session_read_jobs(s->stream, &query);
        return r ? PASS(r) : 0;
}

int selector_page_last(struct selector *s, const struct journal_page *page)
{
        const bool is_end = selector_take_rows(s, page, 1, NULL);
        int r;

        if (is_end && s->items_count == 0)
                selector_add_missing(s, 0, 0);
        if (is_end || s->items_count > 0)
                s->phase = SELECTOR_PHASE_DONE;
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}

int selector_step_finished(struct selector *s)
{
        struct journal_job_query query = selector_query(s);
        int r;

        query.finished_only = true;
        query.before_id = s->cursor;
        query.name = s->name;
        query.state_mask = s->state_mask;
        query.since_wall_usec = s->options.since_wall_usec;
        query.ended_before_wall_usec = s->options.ended_before_wall_usec;
        for (size_t i = 0; i < s->ranges_count; i++) {
                query.min_id = i ? MIN(query.min_id, s->ranges[i].first) : s->ranges[i].first;
                query.max_id = MAX(query.max_id, s->ranges[i].last);
        }
        r = session_read_jobs(s->stream, &query);
        return r ? PASS(r) : 0;
}

int selector_page_finished(struct selector *s, const struct journal_page *page)
{
        int r;

        if (selector_take_rows(s, page, s->options.window, NULL))
                s->phase = SELECTOR_PHASE_DONE;
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}

/* -------------------------------------------------------------------------------- unfinished */

/* The next unfinished job by id: the caller's, or anybody's. */
static struct job *selector_next_job(const struct selector *s, uint64_t after_id)
{
        struct job *job, *best = NULL;
        int64_t uid = -1;
        uint32_t next;

        if (!s->any_uid)
                return engine_next_job(s->engine, s->uid, after_id);
        while (engine_next_user(s->engine, uid, &next)) {
                job = engine_next_job(s->engine, next, after_id);
                if (job && (!best || engine_job_id(job) < engine_job_id(best)))
                        best = job;
                uid = next;
        }
        return best;
}

static void selector_end_unfinished(struct selector *s)
{
        const uint32_t finished = ~((1U << JOB_SUCCEEDED) - 1);
        const bool goes_on = s->options.scope != SELECTOR_UNFINISHED &&
                             (s->state_mask == 0 || (s->state_mask & finished) != 0);

        s->cursor = 0;
        s->phase = goes_on ? SELECTOR_PHASE_FINISHED : SELECTOR_PHASE_DONE;
}

/* Fills the window from the engine; true when it has no more. */
static bool selector_gather_unfinished(struct selector *s)
{
        for (size_t looked = 0; looked < SELECTOR_LOOK_MAX; looked++) {
                const struct job *job;

                if (s->ids_count == s->options.window)
                        return false;
                job = selector_next_job(s, s->cursor);
                if (!job)
                        return true;
                s->cursor = engine_job_id(job);
                if (!selector_has_id(s, s->cursor))
                        continue;
                s->ids[s->ids_count++] = (struct selector_id){
                        .id = s->cursor,
                        .range = SELECTOR_NO_RANGE,
                };
        }
        return false;
}

int selector_step_unfinished(struct selector *s)
{
        bool is_end = false;
        int r;

        /* Some may be left from a page that could not hold them all. */
        if (s->ids_count == 0)
                is_end = selector_gather_unfinished(s);
        if (s->ids_count > 0 && selector_needs_rows(s))
                return selector_read_ids(s);
        for (size_t i = 0; i < s->ids_count; i++) {
                struct job *job = selector_find_job(s, s->ids[i].id);

                if (job && selector_matches(s, job, NULL))
                        selector_add(s, s->ids[i].id, job, NULL, NULL);
        }
        s->ids_count = 0;
        if (is_end)
                selector_end_unfinished(s);
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}

int selector_page_unfinished(struct selector *s, const struct journal_page *page)
{
        const size_t dealt = page->more ? (size_t)page->next : s->ids_count;
        int r;

        for (size_t i = 0; i < page->jobs_count; i++) {
                const struct journal_job *row = &page->jobs[i];
                struct job *job = selector_find_job(s, row->id);

                /* One that has finished meanwhile comes in the other part of the walk. */
                if (job && selector_matches(s, job, row))
                        selector_add(s, row->id, job, row, page);
        }
        selector_drop_ids(s, MIN(dealt, s->ids_count));
        if (s->ids_count == 0 && !selector_next_job(s, s->cursor))
                selector_end_unfinished(s);
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}
