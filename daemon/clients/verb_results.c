/* SPDX-License-Identifier: Apache-2.0 */
/*
 * results: the heart of map. A stream that tells one client of each task of a job once, when it has
 * ended, with its output; in any order, or strictly by number.
 *
 * There are two sources. *News* of the engine come as tasks end; they wait in `news` until the
 * stream's next turn, ordered if that is wanted. *Rows* of the journal are scanned when there may
 * be ends that no news has told: at the beginning, and after news had to be dropped because the
 * client reads too slowly or, when ordered, one task keeps all others waiting. While a scan runs,
 * news are still collected; what both sources tell is told once, since `told` remembers. A read of
 * rows comes after all that was posted before it, so nothing falls between the two.
 *
 *    news ---> [news, at most RESULTS_NEWS_MAX] --- turn, client reads ---> TaskPage
 *                 | too many: dropped, and in the range of those missing     ^
 *                 '------> scan of the rows in that range -------------------'
 *
 * When ordered, a scan stops at the first task that has not ended. What is missing behind it stays
 * missing, and the scan goes on when the low mark has passed that task and its successor is not
 * among the news.
 *
 * Memory is bounded by that, whatever the client does. The job's own end waits until all of its
 * tasks were told. Tasks that were cancelled before they began have no rows and are not told one by
 * one. If you add a way for a task to end: it must either have a row or come as `is_rest`.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/answer.h"
#include "daemon/clients/results.h"
#include "daemon/clients/verb.h"

#define RESULTS_NEWS_MAX 4096U
#define RESULTS_NEWS_BYTES (4U * 1024 * 1024)
#define RESULTS_STARTS_MAX 4096U
#define RESULTS_SCAN_PAGE 256U
#define RESULTS_PROGRESS_MIN_USEC (50 * USEC_PER_MSEC)

static struct engine *results_engine(const struct results *results)
{
        return results->stream.session->clients->engine;
}

static void results_fail(struct results *results, int r)
{
        session_fail(results->stream.session, PASS(r));
}

/* ---------------------------------------------------------------------------------------- news */

static void results_drop_news(struct results *results, struct result_end *end)
{
        TAILQ_REMOVE(&results->news, end, entry);
        results->news_count--;
        results->news_bytes -= end->bytes;
        free(end);
}

/* Ends come nearly in order: the place is found from the back. */
static void results_insert(struct results *results, struct result_end *end)
{
        struct result_end *before = TAILQ_LAST(&results->news, result_list);

        while (results->options.ordered && before && before->body.task > end->body.task)
                before = TAILQ_PREV(before, result_list, entry);
        if (before)
                TAILQ_INSERT_AFTER(&results->news, before, end, entry);
        else
                TAILQ_INSERT_HEAD(&results->news, end, entry);
        results->news_count++;
        results->news_bytes += end->bytes;
}

static bool results_is_missing(const struct results *results)
{
        return results->told.base < results->missing_end &&
               results->missing_first < results->missing_end;
}

static void results_note_missing(struct results *results, uint64_t first, uint64_t end)
{
        const bool is_first = !results_is_missing(results);

        results->missing_first = is_first ? first : MIN(results->missing_first, first);
        results->missing_end = is_first ? end : MAX(results->missing_end, end);
}

static bool results_is_full(const struct results *results)
{
        return results->news_count >= RESULTS_NEWS_MAX || results->news_bytes >= RESULTS_NEWS_BYTES;
}

/* Those at the front that were told, by a scan or just now. */
static void results_drop_told(struct results *results)
{
        struct result_end *end;

        while ((end = TAILQ_FIRST(&results->news)) &&
               results_told_has(&results->told, end->body.task))
                results_drop_news(results, end);
}

/* Ordered: what is due later gives way, or the task that all wait for would never be told. */
static bool results_make_room(struct results *results, uint64_t task)
{
        struct result_end *last;

        if (results_is_full(results))
                results_drop_told(results);
        while (results_is_full(results)) {
                last = TAILQ_LAST(&results->news, result_list);
                if (!results->options.ordered || last->body.task < task)
                        return false;
                results_note_missing(results, last->body.task, last->body.task + 1);
                results_drop_news(results, last);
        }
        return true;
}

static int results_keep(struct results *results, const struct watch_news *news)
{
        struct result_end *end;
        int r;

        if (news->task == results->unfinished)
                results->unfinished = UINT64_MAX;
        if (results_told_has(&results->told, news->task))
                return 0; /* it was run again, or is below what was asked for */
        if (!results_make_room(results, news->task)) {
                results_note_missing(results, news->task, news->task + 1);
                return 0;
        }
        r = result_end_new(news, results->options.output, &end);
        if (r)
                return PASS(r);
        results_insert(results, end);
        return 0;
}

/* Told once for each task, as its end is: rows and further attempts may say it again. */
static int results_note_start(struct results *results, uint64_t task, uint64_t barrier)
{
        int r;

        results_told_skip(&results->started, results->told.base);
        if (results_told_has(&results->told, task) || results_told_has(&results->started, task) ||
            results->starts_count >= RESULTS_STARTS_MAX)
                return 0;
        r = results_told_add(&results->started, task);
        if (r)
                return PASS(r);
        results->starts_barrier = MAX(results->starts_barrier, barrier);
        if (results->starts_count == results->starts_room) {
                const size_t room = MAX(2 * results->starts_room, 64U);
                uint64_t *const bigger = reallocarray(results->starts, room, sizeof(*bigger));

                if (!bigger)
                        return FAULT(-ENOMEM);
                results->starts = bigger;
                results->starts_room = room;
        }
        results->starts[results->starts_count++] = task;
        return 0;
}

static int results_note_over(struct results *results, const struct watch_news *news)
{
        results_keep_counts(results);
        results->is_over = true;
        results->state = news->job_state;
        results->tasks_failed = news->tasks_failed;
        results->barrier = news->barrier;
        /* A plain job's reason is its task's. */
        results->why = news->job_why ? strdup(news->job_why) : NULL;
        return news->job_why && !results->why ? FAULT(-ENOMEM) : 0;
}

static int results_take_news(struct results *results, const struct watch_news *news)
{
        const struct results_options *options = &results->options;
        int r = 0;

        if (options->starts && news->event == JOB_EV_STARTED)
                r = results_note_start(results, news->task, news->barrier);
        if (!r && !options->no_tasks && job_state_is_finished(news->state) && !news->is_rest)
                r = results_keep(results, news);
        if (!r && news->job_finished)
                r = results_note_over(results, news);
        return r ? PASS(r) : 0;
}

static void results_on_news(void *arg, const struct watch_news *news)
{
        struct results *results = arg;
        int r;

        if (stream_is_ended(&results->stream) || results->is_over)
                return;
        r = results_take_news(results, news);
        if (!r && results->timer && !loop_timer_is_on(results->timer))
                r = loop_timer_start(results->timer, results->options.progress_usec);
        if (r)
                results_fail(results, r);
        else if (results->news_count || results->starts_count || results->is_over)
                stream_wake(&results->stream);
}

static const struct watch_ops results_watch_ops = { .on_news = results_on_news };

static void results_on_timer(void *arg)
{
        struct results *results = arg;

        results->is_progress_due = true;
        stream_wake(&results->stream);
}

/* ------------------------------------------------------------------------------------- telling */

static bool results_is_slow(const struct results *results)
{
        return session_is_slow(results->stream.session, SESSION_SLOW_BYTES);
}

/* Is this end's turn? With gaps: no more can come before it. */
static bool results_is_due(const struct results *results, uint64_t task, bool with_gaps)
{
        return !results->options.ordered || with_gaps || task == results->told.base;
}

/* The news that are due. Those that were told by a scan are dropped. */
static int results_tell_news(struct results *results)
{
        struct results_page *page;
        struct result_end *end, *next;
        const bool with_gaps = results->is_over && !results_is_missing(results);
        int r;

        r = results_page_new(results, &page);
        if (r)
                return PASS(r);
        TAILQ_FOREACH_SAFE (end, &results->news, entry, next) {
                if (!results_told_has(&results->told, end->body.task)) {
                        if (results_is_slow(results) ||
                            !results_is_due(results, end->body.task, with_gaps))
                                break;
                        r = results_told_add(&results->told, end->body.task);
                        if (r)
                                break;
                        results_page_add(page, &end->body, end->barrier);
                        continue; /* it lives until the page is sent */
                }
        }
        results_page_end(page);
        results_drop_told(results);
        return r ? PASS(r) : 0;
}

static int results_over(struct results *results)
{
        if (results->options.progress_usec)
                results_tell_progress(results);
        results_tell_end(results);
        stream_end(&results->stream);
        return 0;
}

static int results_done(struct results *results)
{
        answer_stream_done(&results->stream);
        stream_end(&results->stream);
        return 0;
}

/* ---------------------------------------------------------------------------------------- rows */

/* Ordered: the low mark's own task is in the rows, unless it is known that it has not ended. */
static bool results_wants_scan(const struct results *results)
{
        const uint64_t base = results->told.base;

        if (!results_is_missing(results))
                return false;
        return !results->options.ordered || results->is_over ||
               (base >= results->missing_first && base != results->unfinished);
}

static void results_begin_scan(struct results *results)
{
        results->is_scanning = true;
        results->scan_is_last = results->is_over;
        results->cursor = results->options.ordered
                                  ? results->told.base
                                  : MAX(results->told.base, results->missing_first);
        results->scan_end = results->missing_end;
        results->missing_first = results->missing_end = 0;
        results->unfinished = UINT64_MAX;
}

/* The task at the low mark has not ended, unless news of that were dropped meanwhile. */
static void results_stop_scan(struct results *results)
{
        const uint64_t base = results->told.base;

        results->is_scanning = false;
        if (!results_is_missing(results) || base < results->missing_first)
                results->unfinished = base;
        if (base < results->scan_end)
                results_note_missing(results, base, results->scan_end);
}

static int results_read(struct results *results)
{
        const struct session *session = results->stream.session;
        const struct journal_results_query query = {
                .job = results->options.job,
                .any_uid = session->is_admin,
                .uid = session->peer.uid,
                .first_task = results->cursor,
                .limit = RESULTS_SCAN_PAGE,
                .want_output = results->options.output,
        };
        const int r = session_read_results(&results->stream, &query);

        return r ? PASS(r) : 0;
}

/* Ordered: no row from this one on can be told now. The job's end is the end of all its tasks. */
static bool results_is_stop(const struct results *results, const struct journal_task *row)
{
        if (!results->options.ordered || results->scan_is_last || row->task < results->told.base)
                return false;
        return row->task > results->told.base || !job_state_is_finished((enum job_state)row->state);
}

static bool results_row_runs(const struct journal_task *row)
{
        return row->state == JOB_RUNNING || row->state == JOB_PAUSED || row->state == JOB_STOPPING;
}

/* One row; `end` is room for what is told of it. */
static int results_tell_row(struct results *results, struct results_page *page,
                            const struct journal_task *row, const struct journal_blob *output,
                            Jobd__TaskEnd *end)
{
        int r;

        if (results->options.starts && results_row_runs(row)) {
                r = results_note_start(results, row->task, 0);
                if (r)
                        return PASS(r);
        }
        if (results_is_stop(results, row)) {
                results_stop_scan(results);
                return 0;
        }
        results->cursor = row->task + 1;
        if (!job_state_is_finished((enum job_state)row->state) ||
            results_told_has(&results->told, row->task))
                return 0;
        result_end_fill(end, row, output);
        results_page_add(page, end, 0);
        r = results_told_add(&results->told, row->task);
        return r ? PASS(r) : 0;
}

/* Tells the ends among the rows, and says where the scan goes on, or that it stops. */
static int results_tell_rows(struct results *results, const struct journal_page *rows)
{
        _cleanup_(freep) Jobd__TaskEnd *ends = calloc(rows->tasks_count + 1, sizeof(*ends));
        struct results_page *page;
        int r;

        if (!ends)
                return FAULT(-ENOMEM);
        r = results_page_new(results, &page);
        if (r)
                return PASS(r);
        for (size_t i = 0; !r && results->is_scanning && i < rows->tasks_count; i++)
                r = results_tell_row(results, page, &rows->tasks[i],
                                     rows->outputs ? rows->outputs[i] : NULL, &ends[i]);
        results_page_end(page);
        if (!rows->more || results->cursor >= results->scan_end)
                results->is_scanning = false;
        return r ? PASS(r) : 0;
}

static int results_no_such_job(struct results *results)
{
        struct reason why;
        const int code = answer_no_such_job(&why, results->options.job, results->options.job);

        answer_stream_error(&results->stream, (Jobd__ErrorCode)code, 0, false, why.text);
        stream_end(&results->stream);
        return 0;
}

/* The job is not in memory: its row says how it ended. */
static int results_take_row(struct results *results, const struct journal_job *row)
{
        if (!row->finished || results->watch)
                return 0;
        results->is_over = true;
        results->state = (enum job_state)row->state;
        results_take_counts(results, row);
        free(results->why);
        results->why = row->why ? strdup(row->why) : NULL;
        return row->why && !results->why ? FAULT(-ENOMEM) : 0;
}

static int results_begin(struct results *results);

static int results_on_page(struct stream *stream, const struct journal_page *page)
{
        struct results *results = (struct results *)stream;
        int r;

        if (page->jobs_count == 0)
                return results_no_such_job(results);
        if (!results->is_begun) { /* the row was read to see whether there is such a job */
                audit_job(stream->session, AUDIT_ACT_RESULTS, page->jobs[0].id, page->jobs[0].uid);
                r = results_take_row(results, &page->jobs[0]);
                if (!results->options.is_first_given)
                        results->told.base = page->jobs[0].seen_task;
                results->is_begun = true;
                if (!r && !results->is_over)
                        return results_begin(results); /* queued again meanwhile */
                if (!results->options.no_tasks)
                        results_note_missing(results, results->told.base, UINT64_MAX);
                if (!r)
                        stream_wake(stream);
                return r ? PASS(r) : 0;
        }
        r = results_tell_rows(results, page);
        if (r)
                return PASS(r);
        stream_wake(stream);
        return 0;
}

/* ----------------------------------------------------------------------------------- the stream */

static int results_watch(struct results *results, struct job *job)
{
        struct session *session = results->stream.session;
        int r;

        if (!session_take_watch(session)) {
                answer_stream_error(&results->stream, JOBD__ERROR_CODE__ERROR_BUSY, 0, false,
                                    "you wait for too many jobs already");
                stream_end(&results->stream);
                return 0;
        }
        r = watch_new(engine_watches(results_engine(results)), engine_job_id(job),
                      &results_watch_ops, results, &results->watch);
        if (r)
                session_give_watch(session);
        return r ? PASS(r) : 0;
}

static int results_begin(struct results *results)
{
        struct engine *engine = results_engine(results);
        struct job *job = engine_find(engine, results->options.job);
        struct engine_view view;
        int r;

        if (!job || (!results->stream.session->is_admin &&
                     engine_job_uid(job) != results->stream.session->peer.uid)) {
                const struct session *session = results->stream.session;
                const struct journal_job_query query = { .ids = &results->options.job,
                                                         .ids_count = 1,
                                                         .any_uid = session->is_admin,
                                                         .uid = session->peer.uid };

                results->is_begun = false;
                return session_read_jobs(&results->stream, &query);
        }
        results->is_begun = true;
        engine_view_job(engine, job, &view);
        if (!results->options.is_first_given)
                results->told.base = view.seen_task;
        r = results_watch(results, job);
        if (r || stream_is_ended(&results->stream))
                return r ? PASS(r) : 0;
        if (results->options.progress_usec)
                results_tell_progress(results);
        /* Whatever ends from now on is news, and is told after what has ended before. */
        if (!results->options.no_tasks)
                results_note_missing(results, results->told.base, view.task_next);
        if (results_wants_scan(results))
                results_begin_scan(results);
        stream_wake(&results->stream);
        return 0;
}

static int results_run(struct stream *stream)
{
        struct results *results = (struct results *)stream;
        int r;

        if (stream->read)
                return 0;
        if (!results->is_begun)
                return results_begin(results);
        if (results_is_slow(results)) {
                stream_wait_drained(stream);
                return 0;
        }
        if (results->is_progress_due) {
                results->is_progress_due = false;
                results_tell_progress(results);
        }
        if (stream_is_ended(stream))
                return 0;
        if (results->is_scanning)
                return results_read(results);
        r = results_tell_news(results);
        if (r || stream_is_ended(stream))
                return r ? PASS(r) : 0;
        if (results_is_slow(results)) {
                stream_wait_drained(stream);
                return 0;
        }
        if (results_wants_scan(results)) {
                results_begin_scan(results);
                return results_read(results);
        }
        if (results->is_over && TAILQ_EMPTY(&results->news))
                return results_over(results);
        return results->options.until_end ? 0 : results_done(results);
}

static void results_deinit(struct stream *stream)
{
        struct results *results = (struct results *)stream;
        struct result_end *end;

        if (results->watch) {
                results->watch = watch_free(results->watch);
                session_give_watch(stream->session);
        }
        while ((end = TAILQ_FIRST(&results->news)))
                results_drop_news(results, end);
        results_told_deinit(&results->told);
        results_told_deinit(&results->started);
        loop_timer_free(results->timer);
        free(results->starts);
        free(results->why);
}

static const struct stream_type results_type = {
        .is_stoppable = true,
        .run = results_run,
        .on_page = results_on_page,
        .deinit = results_deinit,
};

int verb_results(struct session *from, const Jobd__Request *request, struct job *job,
                 struct reason *why)
{
        const Jobd__Results *body = request->results;
        struct stream *stream;
        struct results *results;
        int r;

        (void)job;
        r = session_add_stream(from, &results_type, request->tag, sizeof(*results), &stream, why);
        if (r)
                return r;
        results = (struct results *)stream;
        TAILQ_INIT(&results->news);
        results->options = (struct results_options){
                .job = body->job,
                .is_first_given = body->has_first_task,
                .ordered = body->ordered,
                .output = body->output,
                .starts = body->starts,
                .until_end = body->until_end,
                .no_tasks = body->no_tasks,
                .progress_usec = body->progress_usec
                                         ? MAX(body->progress_usec, RESULTS_PROGRESS_MIN_USEC)
                                         : 0,
        };
        results->told.base = body->first_task;
        results->unfinished = UINT64_MAX;
        if (results->options.progress_usec) {
                r = loop_timer_new(from->clients->loop, results_on_timer, results, &results->timer);
                if (r)
                        return PASS(r);
        }
        if (results->options.until_end)
                session_begin_lending(stream, body->job);
        session_run_stream(stream);
        return 0;
}
