/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which jobs a request means. Ids are the caller's own jobs only (an administrator's: anybody's),
 * whatever the verb, so authority is decided here and a foreign job is simply not found; it takes
 * the same way through the journal as one that never was.
 *
 * Jobs come in windows. The next one is made only when the consumer asks, so neither a range of a
 * million ids nor a million jobs stall the loop or fill memory: a step looks at a bounded number of
 * jobs in memory, or reads one page of rows. selector_walk.c has the ways of walking; this file has
 * what a Selector says and whether a job fits it.
 *
 *    ids            IDS, with WIDE for ranges too long to be taken one by one
 *    last           LAST
 *    all, filters   UNFINISHED, then FINISHED
 *
 * Memory is truer than rows: a row that says "unfinished" of a job that is no longer in memory is
 * of yesterday, and is read again. Used by the verbs.
 */
#include <errno.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/selector_private.h"

#define SELECTOR_RANGES_MAX 4096U

struct selector *selector_free(struct selector *s)
{
        if (!s)
                return NULL;
        for (size_t i = 0; s->labels && i < 2 * s->labels_count; i++)
                free(s->labels[i]);
        free(s->labels);
        free(s->name);
        free(s->ranges);
        free(s->ids);
        free(s->items);
        free(s);
        return NULL;
}

/* ------------------------------------------------------------------------- what a Selector says */

static int selector_copy_labels(struct selector *s, const Jobd__Selector *from)
{
        if (from->n_labels == 0)
                return 0;
        s->labels = calloc(2 * from->n_labels, sizeof(*s->labels));
        if (!s->labels)
                return FAULT(-ENOMEM);
        s->labels_count = from->n_labels;
        for (size_t i = 0; i < from->n_labels; i++) {
                s->labels[2 * i] = strdup(from->labels[i]->key);
                s->labels[2 * i + 1] = strdup(from->labels[i]->value);
                if (!s->labels[2 * i] || !s->labels[2 * i + 1])
                        return FAULT(-ENOMEM);
        }
        return 0;
}

static int selector_copy_ranges(struct selector *s, const Jobd__Selector *from)
{
        if (from->n_ids == 0)
                return 0;
        s->ranges = calloc(from->n_ids, sizeof(*s->ranges));
        if (!s->ranges)
                return FAULT(-ENOMEM);
        s->ranges_count = from->n_ids;
        for (size_t i = 0; i < from->n_ids; i++) {
                const Jobd__IdRange *range = from->ids[i];

                s->ranges[i] = (struct selector_range){
                        .first = range->first,
                        .last = range->last,
                        .has_tasks = range->has_task_first,
                        .task_first = range->has_task_first ? range->task_first : 0,
                        .task_last = range->has_task_first ? range->task_last : 0,
                };
        }
        return 0;
}

/* Who asks for all that is queued gets it, whatever he asks for beside. */
static void selector_copy_queued(struct selector *s, const Jobd__Selector *from)
{
        if (s->state_mask & (1U << JOB_QUEUED))
                return;
        s->wants_held = from->has_held && from->held;
        s->wants_waiting = from->has_waiting && from->waiting;
        if (s->wants_held || s->wants_waiting)
                s->state_mask |= 1U << JOB_QUEUED;
}

static int selector_copy(struct selector *s, const Jobd__Selector *from)
{
        int r;

        if (from->name) {
                s->name = strdup(from->name);
                if (!s->name)
                        return FAULT(-ENOMEM);
        }
        for (size_t i = 0; i < from->n_states; i++)
                s->state_mask |= 1U << ((unsigned int)from->states[i] % 32);
        selector_copy_queued(s, from);
        if (from->has_unfinished && from->unfinished)
                s->options.scope = SELECTOR_UNFINISHED;
        r = selector_copy_labels(s, from);
        if (!r)
                r = selector_copy_ranges(s, from);
        return r ? PASS(r) : 0;
}

static int selector_check(const struct selector_options *options, struct reason *why)
{
        const Jobd__Selector *from = options->selector;

        if (!from || options->may_be_empty)
                return 0;
        if (from->n_ids == 0 && !from->all && !from->last && !from->name && from->n_states == 0 &&
            from->n_labels == 0 && !from->unfinished && !from->queue && !from->held &&
            !from->waiting)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "no job was named: give ids, a filter, or all");
        if (from->n_ids > SELECTOR_RANGES_MAX)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "a request names at most %u ranges of ids", SELECTOR_RANGES_MAX);
        return 0;
}

static int selector_find_queue(struct selector *s, const char *name, struct reason *why)
{
        struct engine_queue queue;

        if (!engine_queue_find(s->engine, name, &queue, why))
                return JOBD__ERROR_CODE__ERROR_USAGE;
        s->has_queue = true;
        s->queue_id = queue.row.id;
        return 0;
}

/* The part of the states that a phase can find. */
static bool selector_wants_unfinished(const struct selector *s)
{
        const uint32_t mask = (1U << JOB_SUCCEEDED) - 1;

        return s->options.scope != SELECTOR_FINISHED && !s->options.after_finished &&
               (s->state_mask == 0 || (s->state_mask & mask) != 0);
}

static enum selector_phase selector_first_phase(const struct selector *s,
                                                const Jobd__Selector *from)
{
        if (from && from->n_ids > 0 && !s->options.ids_are_filter)
                return SELECTOR_PHASE_IDS;
        if (from && from->has_last && from->last)
                return SELECTOR_PHASE_LAST;
        return selector_wants_unfinished(s) ? SELECTOR_PHASE_UNFINISHED : SELECTOR_PHASE_FINISHED;
}

int selector_new(struct stream *stream, const struct selector_options *options,
                 struct selector **out_selector, struct reason *why)
{
        _cleanup_(selector_freep) struct selector *s = NULL;
        const struct session *session = stream->session;
        int r;

        r = selector_check(options, why);
        if (r)
                return r;
        s = calloc(1, sizeof(*s));
        if (!s)
                return FAULT(-ENOMEM);
        s->stream = stream;
        s->engine = session->clients->engine;
        s->options = *options;
        s->uid = session->peer.uid;
        s->cursor = options->after_id;
        if (options->selector) {
                r = selector_copy(s, options->selector);
                if (r)
                        return PASS(r);
        }
        if (options->selector && options->selector->queue) {
                r = selector_find_queue(s, options->selector->queue, why);
                if (r)
                        return r;
        }
        s->options.selector = NULL;
        s->phase = selector_first_phase(s, options->selector);
        s->any_uid = (options->everybody && (session->is_admin || options->is_public)) ||
                     (session->is_admin && s->ranges_count > 0);
        *out_selector = TAKE_PTR(s);
        return 0;
}

/* -------------------------------------------------------------------------- does a job fit it? */

bool selector_needs_rows(const struct selector *s)
{
        return s->options.want_rows || s->name || s->labels_count > 0 ||
               s->options.since_wall_usec > 0;
}

struct job *selector_find_job(const struct selector *s, uint64_t id)
{
        struct job *job = engine_find(s->engine, id);

        return job && (s->any_uid || engine_job_uid(job) == s->uid) ? job : NULL;
}

static bool selector_has_label(const Jobd__Spec *spec, const char *key, const char *value)
{
        for (size_t i = 0; i < spec->n_labels; i++)
                if (strcmp(spec->labels[i]->key, key) == 0 &&
                    strcmp(spec->labels[i]->value, value) == 0)
                        return true;
        return false;
}

static bool selector_matches_labels(const struct selector *s, const struct journal_job *row)
{
        _cleanup_(wire_free_specp) Jobd__Spec *spec = NULL;

        if (s->labels_count == 0)
                return true;
        if (!row || !row->spec ||
            wire_unpack_spec(row->spec->data, row->spec->size, &spec, NULL) != 0)
                return false;
        for (size_t i = 0; i < s->labels_count; i++)
                if (!selector_has_label(spec, s->labels[2 * i], s->labels[2 * i + 1]))
                        return false;
        return true;
}

bool selector_may_match(const struct selector *s, const struct job *job)
{
        struct engine_view view;

        if (s->has_queue && engine_job_queue_id(job) != s->queue_id)
                return false;
        if (s->state_mask == 0)
                return true;
        engine_view_job(s->engine, job, &view);
        if (view.state != JOB_QUEUED || !(s->wants_held || s->wants_waiting))
                return s->state_mask & (1U << view.state);
        return view.blockers & JOBD__BLOCKER__BLOCKER_HOLD ? s->wants_held
                                                           : view.blockers && s->wants_waiting;
}

bool selector_matches(const struct selector *s, const struct job *job,
                      const struct journal_job *row)
{
        if (job && !selector_may_match(s, job))
                return false;
        if (s->state_mask && !job && row && !(s->state_mask & (1U << (row->state % 32))))
                return false;
        if (s->has_queue && !job && row && row->queue != s->queue_id)
                return false;
        if (s->name && (!row || !row->name || strcmp(row->name, s->name) != 0))
                return false;
        if (row && row->submit_wall_usec < s->options.since_wall_usec)
                return false;
        return selector_matches_labels(s, row);
}

bool selector_has_id(const struct selector *s, uint64_t id)
{
        if (s->ranges_count == 0)
                return true;
        for (size_t i = 0; i < s->ranges_count; i++)
                if (id >= s->ranges[i].first && id <= s->ranges[i].last)
                        return true;
        return false;
}

/* --------------------------------------------------------------------------------- the windows */

/* The task rows of one job; they stand together in the page. */
static void selector_add_tasks(struct selector_item *item, const struct journal_page *page)
{
        size_t i;

        for (i = 0; i < page->tasks_count && page->tasks[i].job != item->id; i++)
                ;
        item->tasks = page->tasks + i;
        for (; i < page->tasks_count && page->tasks[i].job == item->id; i++)
                item->tasks_count++;
}

int selector_begin(struct selector *s, size_t room)
{
        free(s->items);
        s->items_count = 0;
        s->items = calloc(room + 1, sizeof(*s->items));
        s->window_phase = s->phase;
        s->window_range = s->range_index;
        s->window_cursor = s->cursor;
        return s->items ? 0 : FAULT(-ENOMEM);
}

struct selector_item *selector_add(struct selector *s, uint64_t id, struct job *job,
                                   const struct journal_job *row, const struct journal_page *page)
{
        struct selector_item *item = &s->items[s->items_count++];

        *item = (struct selector_item){ .id = id, .job = job, .row = row, .source = s->ids_taken };
        s->continue_range = SELECTOR_NO_RANGE;
        if (row && page->tasks_count > 0)
                selector_add_tasks(item, page);
        if (row && page->next_task > 0 && row == &page->jobs[page->jobs_count - 1]) {
                item->has_more_tasks = true;
                s->continue_id = id;
                s->continue_task = page->next_task;
        }
        return item;
}

void selector_bound(struct selector *s, struct selector_item *item, size_t range)
{
        const struct selector_range *of = &s->ranges[range];

        s->continue_range = range;
        item->has_range = of->has_tasks;
        item->task_first = of->task_first;
        item->task_last = of->task_last;
        if (item->has_more_tasks && of->has_tasks && s->continue_task > of->task_last) {
                item->has_more_tasks = false;
                s->continue_id = 0;
        }
}

void selector_add_missing(struct selector *s, uint64_t first, uint64_t last)
{
        s->items[s->items_count++] = (struct selector_item){
                .id = first,
                .last_id = last,
                .is_missing = true,
                .source = s->ids_taken,
        };
}

static void selector_drop_taken(struct selector *s)
{
        s->ids_count -= s->ids_taken;
        if (s->ids_count > 0) {
                memmove(s->ids, s->ids + s->ids_taken, s->ids_count * sizeof(*s->ids));
        } else {
                free(s->ids);
                s->ids = NULL;
                s->ids_room = 0;
        }
        s->ids_taken = 0;
}

int selector_deliver(struct selector *s)
{
        const int r = s->options.on_window(s->stream, s->items, s->items_count);

        selector_drop_taken(s);
        free(s->items);
        s->items = NULL;
        return r;
}

void selector_rewind(struct selector *s, const struct selector_item *item)
{
        const bool has_ids = s->window_phase == SELECTOR_PHASE_IDS ||
                             s->window_phase == SELECTOR_PHASE_UNFINISHED;

        s->phase = s->window_phase;
        s->range_index = has_ids ? s->range_index : s->window_range;
        s->cursor = has_ids ? s->window_cursor : item->id + 1;
        s->ids_taken = item->source;
        s->continue_id = 0;
}

struct journal_job_query selector_query(const struct selector *s)
{
        return (struct journal_job_query){
                .any_uid = s->any_uid,
                .uid = s->uid,
                .limit = s->options.window,
                .want_spec = s->options.want_spec || s->labels_count > 0,
                .want_environment = s->options.want_environment,
                .want_tasks = s->options.want_tasks,
                .all_tasks = s->options.all_tasks,
        };
}

bool selector_is_done(const struct selector *s)
{
        return s->phase == SELECTOR_PHASE_DONE && s->continue_id == 0;
}

/* -------------------------------------------------------------------- a job with very many tasks
 */

static int selector_read_rest(struct selector *s)
{
        struct journal_job_query query = selector_query(s);
        int r;

        query.ids = &s->continue_id;
        query.ids_count = 1;
        query.first_task = s->continue_task;
        r = session_read_jobs(s->stream, &query);
        return r ? PASS(r) : 0;
}

static int selector_page_rest(struct selector *s, const struct journal_page *page)
{
        const uint64_t id = s->continue_id;
        const size_t range = s->continue_range;
        struct selector_item *item;
        int r;

        s->continue_id = 0;
        r = selector_begin(s, 1);
        if (r)
                return PASS(r);
        if (page->jobs_count > 0) {
                item = selector_add(s, id, selector_find_job(s, id), &page->jobs[0], page);
                item->is_continued = true;
                if (range != SELECTOR_NO_RANGE)
                        selector_bound(s, item, range);
        }
        r = selector_deliver(s);
        return r ? PASS(r) : 0;
}

/* --------------------------------------------------------------------------------- the phases */

static int selector_step_done(struct selector *s)
{
        int r;

        r = selector_begin(s, 0);
        if (!r)
                r = selector_deliver(s);
        return r ? PASS(r) : 0;
}

int selector_step(struct selector *s)
{
        /* clang-format off */
        static int (*const steps[SELECTOR_PHASE_COUNT])(struct selector *) = {
                [SELECTOR_PHASE_IDS] = selector_step_ids,
                [SELECTOR_PHASE_WIDE] = selector_step_wide,
                [SELECTOR_PHASE_LAST] = selector_step_last,
                [SELECTOR_PHASE_UNFINISHED] = selector_step_unfinished,
                [SELECTOR_PHASE_FINISHED] = selector_step_finished,
                [SELECTOR_PHASE_DONE] = selector_step_done,
        };
        /* clang-format on */

        return s->continue_id ? selector_read_rest(s) : steps[s->phase](s);
}

int selector_on_page(struct selector *s, const struct journal_page *page)
{
        /* clang-format off */
        static int (*const pages[SELECTOR_PHASE_COUNT])(struct selector *,
                                                        const struct journal_page *) = {
                [SELECTOR_PHASE_IDS] = selector_page_ids,
                [SELECTOR_PHASE_WIDE] = selector_page_wide,
                [SELECTOR_PHASE_LAST] = selector_page_last,
                [SELECTOR_PHASE_UNFINISHED] = selector_page_unfinished,
                [SELECTOR_PHASE_FINISHED] = selector_page_finished,
        };
        /* clang-format on */

        if (s->continue_id)
                return selector_page_rest(s, page);
        return pages[s->phase](s, page);
}

/* ------------------------------------------------------------------------------- plain streams */

int selector_stream_run(struct stream *stream)
{
        int r;

        if (session_is_slow(stream->session, SESSION_SLOW_BYTES)) {
                stream_wait_drained(stream);
                return 0;
        }
        r = stream->read ? 0 : selector_step(((struct selector_stream *)stream)->selector);
        return r ? PASS(r) : 0;
}

int selector_stream_on_page(struct stream *stream, const struct journal_page *page)
{
        return selector_on_page(((struct selector_stream *)stream)->selector, page);
}

void selector_stream_deinit(struct stream *stream)
{
        selector_free(((struct selector_stream *)stream)->selector);
}
