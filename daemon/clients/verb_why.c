/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why: one reason for each job named. Of an unfinished job the engine knows it (why.c in jobs), of
 * a finished one its row: how and when it ended. Users, times and durations stay marks, which the
 * client puts into words. An id that is not the caller's is an Error among the pages; the last
 * reply, and only that, has no `more`.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/selector.h"
#include "daemon/clients/verb.h"

#define WHY_WINDOW 100U
#define WHY_COUNT_MAX 10000U /* of the jobs before it, when one job is asked about */
#define WHY_COUNT_MANY 100U

struct why_row {
        Jobd__WhyOne one; /* its text is in `why` */
        struct engine_why why;
};

static const char *const why_ends[JOB_STATE_COUNT] = {
        [JOB_SUCCEEDED] = "has succeeded",
        [JOB_FAILED] = "has failed",
        [JOB_CANCELLED] = "was cancelled",
        [JOB_TIMEOUT] = "was ended by its time limit",
        [JOB_OOM] = "was ended by its memory limit",
        [JOB_LOST] = "is lost: nobody knows how it ended",
};

/* A finished job, by its row and the row of its only task. */
static void why_fill_end(const struct selector_item *item, struct why_row *row)
{
        const struct journal_task *task = item->tasks_count > 0 ? item->tasks : NULL;
        const bool is_single = !engine_row_is_many(item->row);
        const char *const word = why_ends[item->row->state];
        const char *reason = item->row->why;
        char *const text = row->why.text;
        int n;

        if (!reason && is_single && task)
                reason = task->why;
        n = snprintf(text, ENGINE_WHY_TEXT_MAX, "%s at {time:%" PRIu64 "}",
                     word ? word : "has ended", item->row->end_wall_usec);
        if (is_single && task && task->exit_code > 0)
                n += snprintf(text + n, ENGINE_WHY_TEXT_MAX - (size_t)n, ", with exit code %d",
                              task->exit_code);
        if (reason && strlen(reason) < ENGINE_WHY_TEXT_MAX - (size_t)n - 2)
                snprintf(text + n, ENGINE_WHY_TEXT_MAX - (size_t)n, ": %s", reason);
}

static void why_fill(struct selector_stream *stream, const struct selector_item *item, size_t count,
                     struct why_row *row, uint64_t *barrier)
{
        struct engine *engine = stream->stream.session->clients->engine;
        struct engine_view view;

        jobd__why_one__init(&row->one);
        row->one.id = item->id;
        row->one.why = row->why.text;
        if (!item->job) {
                row->one.state = (Jobd__JobState)item->row->state;
                why_fill_end(item, row);
                return;
        }
        engine_view_job(engine, item->job, &view);
        engine_why(engine, item->job, count == 1 ? WHY_COUNT_MAX : WHY_COUNT_MANY, &row->why);
        row->one.state = (Jobd__JobState)view.state;
        row->one.has_blockers = view.blockers != 0;
        row->one.blockers = view.blockers;
        row->one.has_wait_usec = row->why.wait_usec > 0;
        row->one.wait_usec = row->why.wait_usec;
        /* What holds it back are others' states as of now. */
        *barrier = engine_sequence(engine);
}

static void why_send(struct selector_stream *stream, Jobd__WhyOne **ones, size_t count,
                     uint64_t barrier, bool more)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__WhyReply body = JOBD__WHY_REPLY__INIT;

        body.jobs = ones;
        body.n_jobs = count;
        reply.has_more = reply.more = more;
        reply.body_case = JOBD__REPLY__BODY_WHY;
        reply.why = &body;
        session_send_on(&stream->stream, &reply, barrier, -1);
}

static void why_refuse(struct selector_stream *stream, const struct selector_item *item)
{
        struct reason why;
        const int code = answer_no_such_job(&why, item->id, item->last_id);

        answer_stream_error(&stream->stream, (Jobd__ErrorCode)code, 0, true, why.text);
}

static int why_on_window(struct stream *base, const struct selector_item *items, size_t count)
{
        struct selector_stream *stream = (struct selector_stream *)base;
        _cleanup_(freep) struct why_row *rows = calloc(count + 1, sizeof(*rows));
        _cleanup_(freep) Jobd__WhyOne **ones = calloc(count + 1, sizeof(*ones));
        const bool is_done = selector_is_done(stream->selector);
        uint64_t barrier = 0;
        size_t n = 0;

        if (!rows || !ones)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++) {
                if (items[i].is_missing) {
                        why_refuse(stream, &items[i]);
                        continue;
                }
                why_fill(stream, &items[i], count, &rows[n], &barrier);
                ones[n] = &rows[n].one;
                n++;
        }
        if (n > 0 || is_done)
                why_send(stream, ones, n, barrier, !is_done);
        if (is_done)
                stream_end(base);
        else
                stream_wake(base);
        return 0;
}

static const struct stream_type why_type = {
        .run = selector_stream_run,
        .on_page = selector_stream_on_page,
        .deinit = selector_stream_deinit,
};

int verb_why(struct session *from, const Jobd__Request *request, struct job *job,
             struct reason *why)
{
        const struct selector_options options = {
                .selector = request->why->selector,
                .scope = SELECTOR_UNFINISHED,
                .window = WHY_WINDOW,
                .want_rows = true,
                .want_tasks = true,
                .on_window = why_on_window,
        };
        struct stream *stream;
        int r;

        (void)job;
        r = session_add_stream(from, &why_type, request->tag, sizeof(struct selector_stream),
                               &stream, why);
        if (r)
                return r;
        r = selector_new(stream, &options, &((struct selector_stream *)stream)->selector, why);
        if (r > 0)
                stream_end(stream);
        if (r)
                return r;
        session_run_stream(stream);
        return 0;
}
