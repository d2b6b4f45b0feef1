/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of a results stream: TaskPage, Progress, JobEnded. A page collects what is due in one
 * turn and is sent when it is large enough, or at its end; its barrier is the highest of what it
 * shows. Called by verb_results.c, which decides what is due.
 */
#include <errno.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/results.h"
#include "daemon/jobs/ends.h"

#define RESULTS_PAGE_BYTES (128U * 1024)
#define RESULTS_PAGE_ENDS 512U
#define RESULTS_END_BYTES 64U /* of one on the wire without its output, about */

struct results_page {
        struct results *results; /* borrowed */
        Jobd__TaskEnd *ends[RESULTS_PAGE_ENDS];
        size_t count, bytes;
        uint64_t barrier;
};

/* --------------------------------------------------------------------------------- single ends */

static void result_fill_where(Jobd__TaskEnd *body, uint8_t where)
{
        body->has_spooled = body->spooled = where >= JOURNAL_OUTPUT_SPOOL;
}

static void result_fill_records(Jobd__TaskEnd *body, const uint8_t *data, size_t size)
{
        body->has_records = size > 0;
        body->records.data = (uint8_t *)(uintptr_t)data;
        body->records.len = size;
}

void result_end_fill(Jobd__TaskEnd *body, const struct journal_task *row,
                     const struct journal_blob *output)
{
        jobd__task_end__init(body);
        body->task = row->task;
        body->state = (Jobd__JobState)row->state;
        body->has_attempt = true;
        body->attempt = row->attempt;
        body->has_exit_code = row->exit_code >= 0;
        body->exit_code = row->exit_code;
        body->has_exit_signal = row->exit_signal > 0;
        body->exit_signal = row->exit_signal;
        body->why = (char *)(uintptr_t)row->why;
        body->has_start_wall_usec = row->start_wall_usec > 0;
        body->start_wall_usec = row->start_wall_usec;
        body->has_end_wall_usec = row->end_wall_usec > 0;
        body->end_wall_usec = row->end_wall_usec;
        body->has_run_usec = true;
        body->run_usec = row->run_usec;
        body->has_output_bytes = row->output_bytes > 0;
        body->output_bytes = row->output_bytes;
        body->has_slot = row->slot > 0;
        body->slot = row->slot;
        body->has_output_cut = body->output_cut = row->output_cut;
        result_fill_where(body, row->output_where);
        if (output)
                result_fill_records(body, output->data, output->size);
}

static void result_fill_news(Jobd__TaskEnd *body, const struct watch_news *news)
{
        jobd__task_end__init(body);
        body->task = news->task;
        body->state = (Jobd__JobState)news->state;
        body->has_attempt = true;
        body->attempt = news->attempt;
        body->has_exit_code = news->exit_code >= 0;
        body->exit_code = news->exit_code;
        body->has_exit_signal = news->exit_signal > 0;
        body->exit_signal = news->exit_signal;
        body->has_start_wall_usec = news->start_wall_usec > 0;
        body->start_wall_usec = news->start_wall_usec;
        body->has_end_wall_usec = news->end_wall_usec > 0;
        body->end_wall_usec = news->end_wall_usec;
        body->has_run_usec = true;
        body->run_usec = news->run_usec;
        body->has_output_bytes = news->output_bytes > 0;
        body->output_bytes = news->output_bytes;
        body->has_slot = news->slot > 0;
        body->slot = news->slot;
        body->has_output_cut = body->output_cut = news->output_cut;
        result_fill_where(body, news->output_where);
}

int result_end_new(const struct watch_news *news, bool with_output, struct result_end **out_end)
{
        const size_t why_size = news->why ? strlen(news->why) + 1 : 0;
        const size_t log_size = with_output ? news->records_size : 0;
        struct result_end *end = malloc(sizeof(*end) + log_size + why_size);

        if (!end)
                return FAULT(-ENOMEM);
        end->barrier = news->barrier;
        end->bytes = sizeof(*end) + log_size + why_size;
        result_fill_news(&end->body, news);
        if (log_size > 0)
                memcpy(end->data, news->records, log_size);
        result_fill_records(&end->body, end->data, log_size);
        if (why_size > 0) {
                memcpy(end->data + log_size, news->why, why_size);
                end->body.why = (char *)end->data + log_size;
        }
        *out_end = end;
        return 0;
}

/* ------------------------------------------------------------------------------------- pages */

int results_page_new(struct results *results, struct results_page **out_page)
{
        struct results_page *page = malloc(sizeof(*page));

        if (!page)
                return FAULT(-ENOMEM);
        page->results = results;
        page->count = page->bytes = 0;
        page->barrier = 0;
        *out_page = page;
        return 0;
}

static void results_page_send(struct results_page *page)
{
        struct results *results = page->results;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__TaskPage body = JOBD__TASK_PAGE__INIT;

        if (page->count == 0 && results->starts_count == 0)
                return;
        body.ends = page->ends;
        body.n_ends = page->count;
        body.started = results->starts;
        body.n_started = results->starts_count;
        reply.has_more = reply.more = true;
        reply.body_case = JOBD__REPLY__BODY_TASK_PAGE;
        reply.task_page = &body;
        session_send_on(&results->stream, &reply, MAX(page->barrier, results->starts_barrier), -1);
        page->count = page->bytes = 0;
        results->starts_count = 0;
        results->starts_barrier = 0;
}

void results_page_add(struct results_page *page, Jobd__TaskEnd *body, uint64_t barrier)
{
        const size_t bytes = RESULTS_END_BYTES + body->records.len;

        page->ends[page->count++] = body;
        page->bytes += bytes;
        page->barrier = MAX(page->barrier, barrier);
        if (page->count == RESULTS_PAGE_ENDS || page->bytes >= RESULTS_PAGE_BYTES)
                results_page_send(page);
}

struct results_page *results_page_end(struct results_page *page)
{
        results_page_send(page);
        free(page);
        return NULL;
}

/* -------------------------------------------------------------------------------- the other two */

void results_keep_counts(struct results *results)
{
        struct engine *engine = results->stream.session->clients->engine;
        const struct job *job = engine_find(engine, results->options.job);
        struct engine_view view;

        if (!job)
                return;
        engine_view_job(engine, job, &view);
        results->task_count = view.task_count;
        results->run_usec = view.run_usec;
        results->run_count = view.run_count;
        memcpy(results->by_state, view.by_state, sizeof(results->by_state));
}

void results_take_counts(struct results *results, const struct journal_job *row)
{
        results->task_count = row->task_count;
        if (engine_row_is_many(row)) {
                results->tasks_failed = row->tasks_failed;
                ends_count_row(row, results->by_state);
                return;
        }
        results->tasks_failed = row->state != JOB_SUCCEEDED;
        if (row->state < JOB_STATE_COUNT)
                results->by_state[row->state] = 1;
}

/* The counts of a job that has ended and is not in memory any more. */
static void results_view_over(const struct results *results, struct engine_view *out_view)
{
        *out_view = (struct engine_view){ .task_count = results->task_count,
                                          .run_usec = results->run_usec,
                                          .run_count = results->run_count,
                                          .barrier = results->barrier };
        memcpy(out_view->by_state, results->by_state, sizeof(out_view->by_state));
}

void results_tell_progress(struct results *results)
{
        struct engine *engine = results->stream.session->clients->engine;
        const struct job *job = engine_find(engine, results->options.job);
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Progress body = JOBD__PROGRESS__INIT;
        struct engine_view view;

        if (results->is_over)
                results_view_over(results, &view);
        else if (job)
                engine_view_job(engine, job, &view);
        else
                return; /* its end says the rest */
        body.task_count = view.task_count;
        body.has_open = body.open = view.is_open;
        body.tasks_by_state = view.by_state;
        body.n_tasks_by_state = ARRAY_SIZE(view.by_state);
        body.has_run_usec = body.has_run_count = true;
        body.run_usec = view.run_usec;
        body.run_count = view.run_count;
        reply.has_more = reply.more = true;
        reply.body_case = JOBD__REPLY__BODY_PROGRESS;
        reply.progress = &body;
        session_send_on(&results->stream, &reply, view.barrier, -1);
}

void results_tell_end(struct results *results)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = results->options.job;
        ended.state = (Jobd__JobState)results->state;
        ended.why = results->why;
        ended.has_tasks_failed = true;
        ended.tasks_failed = results->tasks_failed;
        ended.has_tasks_cancelled = results->by_state[JOB_CANCELLED] > 0;
        ended.tasks_cancelled = results->by_state[JOB_CANCELLED];
        reply.body_case = JOBD__REPLY__BODY_JOB_ENDED;
        reply.job_ended = &ended;
        session_send_on(&results->stream, &reply, results->barrier, -1);
}
