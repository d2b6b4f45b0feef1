/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways in which a selector walks. Each has a step, which gathers a window from memory or asks
 * the journal, and a page function for the answer.
 *
 * An id is looked up in memory first. When the consumer needs nothing else, unfinished jobs never
 * touch the journal; one id that is not there sends the whole window to it. A job may finish while
 * its row is being read: the window is then cut before it, and the next step reads it again.
 */
#include <errno.h>

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

static int selector_put_id(struct selector *s, const struct selector_id *id)
{
        struct selector_id *ids;

        if (s->ids_count == s->ids_room) {
                const size_t room = MAX(2 * s->ids_room, 4U);

                ids = reallocarray(s->ids, room, sizeof(*ids));
                if (!ids)
                        return FAULT(-ENOMEM);
                s->ids = ids;
                s->ids_room = room;
        }
        s->ids[s->ids_count++] = *id;
        return 0;
}

/* A page is searched by id: a job that is named twice has its second turn in the next window. */
static bool selector_is_gathered(const struct selector *s, uint64_t id)
{
        for (size_t i = 0; i < s->ids_count; i++)
                if (s->ids[i].id == id)
                        return true;
        return false;
}

/*
 * Fills the window with the next ids, up to a wide range. A job of which single tasks are named
 * stands alone, so that no other rows of it are read.
 */
static int selector_gather_ids(struct selector *s)
{
        while (s->ids_count < s->options.window && s->range_index < s->ranges_count) {
                const struct selector_range *range = &s->ranges[s->range_index];
                const uint64_t id = s->next_id ? s->next_id : range->first;
                const struct selector_id at = {
                        .id = id,
                        .range = s->range_index,
                        .ends_range = id == range->last,
                };
                int r;

                if (selector_is_wide(range) || selector_is_gathered(s, id) ||
                    (range->has_tasks && s->ids_count > 0))
                        break;
                r = selector_put_id(s, &at);
                if (r)
                        return PASS(r);
                s->next_id = id + 1;
                if (id == range->last) {
                        s->range_index++;
                        s->next_id = 0;
                }
                if (range->has_tasks)
                        break;
        }
        return 0;
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
        if (selector_matches(s, job, row))
                selector_bound(s, selector_add(s, at->id, job, row, page), at->range);
}

/* Was that the end of all ranges, once what was taken is gone? */
static void selector_end_ids(struct selector *s)
{
        if (s->ids_taken == s->ids_count && s->range_index == s->ranges_count)
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
        if (s->ids_count > 0 && s->ids[0].range != SELECTOR_NO_RANGE &&
            s->ranges[s->ids[0].range].has_tasks)
                query.first_task = s->ranges[s->ids[0].range].task_first;
        r = session_read_jobs(s->stream, &query);
        return r ? PASS(r) : 0;
}

/* All that is wanted is in memory. */
static int selector_take_all_ids(struct selector *s)
{
        int r;

        r = selector_begin(s, 2 * s->ids_count);
        if (r)
                return PASS(r);
        for (; s->ids_taken < s->ids_count; s->ids_taken++) {
                const struct selector_id *at = &s->ids[s->ids_taken];

                selector_add_of_range(s, at, selector_find_job(s, at->id), NULL, NULL);
                selector_settle(s, at, true);
        }
        selector_end_ids(s);
        return selector_deliver(s);
}

int selector_step_ids(struct selector *s)
{
        int r;

        r = selector_gather_ids(s);
        if (r)
                return PASS(r);
        if (s->ids_count == 0 && s->range_index < s->ranges_count) {
                s->phase = SELECTOR_PHASE_WIDE;
                s->cursor = 0;
                r = selector_step_wide(s);
        } else if (selector_needs_rows(s) || !selector_has_all_ids(s)) {
                r = selector_read_ids(s);
        } else {
                r = selector_take_all_ids(s);
        }
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
        const size_t dealt = page->more ? MIN((size_t)page->next, s->ids_count) : s->ids_count;
        size_t row_index = 0;
        int r;

        r = selector_begin(s, 2 * dealt);
        if (r)
                return PASS(r);
        for (; s->ids_taken < dealt; s->ids_taken++)
                if (!selector_take_id(s, &s->ids[s->ids_taken], page, &row_index))
                        break;
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

        r = selector_begin(s, page->jobs_count + 1);
        if (r)
                return PASS(r);
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
        query.limit = s->labels_count > 0 || s->has_queue ? 100 : 1;
        r = session_read_jobs(s->stream, &query);
        return r ? PASS(r) : 0;
}

int selector_page_last(struct selector *s, const struct journal_page *page)
{
        bool is_end;
        int r;

        r = selector_begin(s, 1);
        if (r)
                return PASS(r);
        is_end = selector_take_rows(s, page, 1, NULL);
        if (is_end && s->items_count == 0)
                selector_add_missing(s, 0, 0);
        if (is_end || s->items_count > 0)
                s->phase = SELECTOR_PHASE_DONE;
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}

/*
 * What is in memory has not finished: behind a million that wait, the rows of these are not read.
 * False: there may be more of them.
 */
static bool selector_pass_unfinished(struct selector *s)
{
        for (size_t looked = 0; looked < SELECTOR_LOOK_MAX; looked++) {
                if (s->cursor < 2 || !engine_find(s->engine, s->cursor - 1))
                        return true;
                s->cursor--;
        }
        return false;
}

int selector_step_finished(struct selector *s)
{
        struct journal_job_query query = selector_query(s);
        int r;

        if (!selector_pass_unfinished(s)) {
                r = selector_begin(s, 0);
                if (r == 0)
                        r = selector_deliver(s);
                return r ? PASS(r) : 0;
        }
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

        r = selector_begin(s, page->jobs_count);
        if (r)
                return PASS(r);
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

/* Fills the window from the engine; *out_end when it has no more. */
static int selector_gather_unfinished(struct selector *s, bool *out_end)
{
        for (size_t looked = 0; looked < SELECTOR_LOOK_MAX; looked++) {
                struct selector_id at = { .range = SELECTOR_NO_RANGE };
                const struct job *job;
                int r;

                if (s->ids_count == s->options.window)
                        return 0;
                job = selector_next_job(s, s->cursor);
                if (!job) {
                        *out_end = true;
                        return 0;
                }
                at.id = s->cursor = engine_job_id(job);
                if (!selector_has_id(s, at.id) || !selector_may_match(s, job))
                        continue; /* without reading its row: those that run among a million */
                r = selector_put_id(s, &at);
                if (r)
                        return PASS(r);
        }
        return 0;
}

static int selector_take_unfinished(struct selector *s, bool is_end)
{
        int r;

        r = selector_begin(s, s->ids_count);
        if (r)
                return PASS(r);
        for (; s->ids_taken < s->ids_count; s->ids_taken++) {
                const uint64_t id = s->ids[s->ids_taken].id;
                struct job *job = selector_find_job(s, id);

                if (job && selector_matches(s, job, NULL))
                        selector_add(s, id, job, NULL, NULL);
        }
        if (is_end)
                selector_end_unfinished(s);
        return selector_deliver(s);
}

int selector_step_unfinished(struct selector *s)
{
        bool is_end = false;
        int r = 0;

        /* Some may be left from a page that could not hold them all. */
        if (s->ids_count == 0)
                r = selector_gather_unfinished(s, &is_end);
        if (r)
                return PASS(r);
        if (s->ids_count > 0 && selector_needs_rows(s))
                r = selector_read_ids(s);
        else
                r = selector_take_unfinished(s, is_end);
        return r ? PASS(r) : 0;
}

int selector_page_unfinished(struct selector *s, const struct journal_page *page)
{
        const size_t dealt = page->more ? MIN((size_t)page->next, s->ids_count) : s->ids_count;
        size_t row_index = 0;
        int r;

        r = selector_begin(s, dealt);
        if (r)
                return PASS(r);
        for (; s->ids_taken < dealt; s->ids_taken++) {
                const uint64_t id = s->ids[s->ids_taken].id;
                struct job *job = selector_find_job(s, id);
                const struct journal_job *row = &page->jobs[row_index];

                if (row_index >= page->jobs_count || row->id != id)
                        continue;
                row_index++;
                /* One that has finished meanwhile comes in the other part of the walk. */
                if (job && selector_matches(s, job, row))
                        selector_add(s, id, job, row, page);
        }
        if (s->ids_taken == s->ids_count && !selector_next_job(s, s->cursor))
                selector_end_unfinished(s);
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}
