/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen and inputs: what was shown of a map, and what it was given; both also of one that has ended
 * long ago. A job that is not in memory is looked up: its row says whether there is such a job of
 * the caller's, and nothing is written or told before that. Never sends more than one chunk of
 * input: who wants more asks again behind it. Called through the table in verbs.c.
 */
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/verb.h"

#define INPUTS_TASKS 1000U

struct seen {
        struct stream stream;
        uint64_t job;
        uint64_t task; /* seen: the next one; inputs: the first */
        uint32_t limit;
        bool is_row_read; /* inputs */
};

static int seen_refuse(struct stream *stream, uint64_t job)
{
        struct reason why;
        const int code = answer_no_such_job(&why, job, job);

        answer_stream_error(stream, (Jobd__ErrorCode)code, 0, false, why.text);
        stream_end(stream);
        return 0;
}

/* ---------------------------------------------------------------------------------------- seen */

static int seen_run(struct stream *stream)
{
        const struct seen *seen = (const struct seen *)stream;
        const struct journal_job_query query = {
                .ids = &seen->job,
                .ids_count = 1,
                .any_uid = stream->session->is_admin,
                .uid = stream->session->peer.uid,
        };
        int r;

        if (stream->read)
                return 0;
        r = session_read_jobs(stream, &query);
        return r ? PASS(r) : 0;
}

static int seen_on_page(struct stream *stream, const struct journal_page *page)
{
        const struct seen *seen = (const struct seen *)stream;
        struct engine *engine = stream->session->clients->engine;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Done done = JOBD__DONE__INIT;

        if (page->jobs_count == 0)
                return seen_refuse(stream, seen->job);
        audit_job(stream->session, AUDIT_ACT_SEEN, page->jobs[0].id, page->jobs[0].uid);
        engine_seen(engine, seen->job, seen->task);
        reply.body_case = JOBD__REPLY__BODY_DONE;
        reply.done = &done;
        session_send_on(stream, &reply, engine_sequence(engine), -1);
        stream_end(stream);
        return 0;
}

static const struct stream_type seen_type = {
        .run = seen_run,
        .on_page = seen_on_page,
};

int verb_seen(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why)
{
        const Jobd__Seen *body = request->seen;
        struct stream *stream;
        int r;

        if (job) { /* the usual case needs no row */
                engine_seen(from->clients->engine, body->job, body->next_task);
                answer_done(from, request->tag, engine_sequence(from->clients->engine));
                return 0;
        }
        r = session_add_stream(from, &seen_type, request->tag, sizeof(struct seen), &stream, why);
        if (r)
                return r;
        ((struct seen *)stream)->job = body->job;
        ((struct seen *)stream)->task = body->next_task;
        session_run_stream(stream);
        return 0;
}

/* -------------------------------------------------------------------------------------- inputs */

static int inputs_run(struct stream *stream)
{
        const struct seen *seen = (const struct seen *)stream;
        int r;

        if (stream->read)
                return 0;
        r = session_read_input(stream, seen->job, seen->task);
        return r ? PASS(r) : 0;
}

/* Past `count` values. */
static size_t inputs_skip(const struct journal_blob *values, size_t at, uint64_t count)
{
        while (count-- > 0 && at < values->size) {
                const uint8_t *const zero = memchr(values->data + at, 0, values->size - at);

                at = zero ? (size_t)(zero - values->data) + 1 : values->size;
        }
        return at;
}

static uint64_t inputs_count(const uint8_t *data, size_t size)
{
        uint64_t count = 0;

        for (size_t i = 0; i < size; i++)
                count += data[i] == 0;
        return count;
}

static int inputs_on_page(struct stream *stream, const struct journal_page *page)
{
        struct seen *seen = (struct seen *)stream;
        const struct journal_inputs *chunk = &page->inputs;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__InputPage body = JOBD__INPUT_PAGE__INIT;
        size_t begin, end;

        if (!chunk->values && !seen->is_row_read) {
                seen->is_row_read = true;
                return seen_run(stream); /* no such task, or no such job? */
        }
        if (!chunk->values && page->jobs_count == 0)
                return seen_refuse(stream, seen->job);
        body.first_task = seen->task;
        if (chunk->values) {
                const uint32_t per_task = chunk->map_values;

                begin = inputs_skip(chunk->values, 0, (seen->task - chunk->first_task) * per_task);
                end = inputs_skip(chunk->values, begin, (uint64_t)seen->limit * per_task);
                body.values.data = (uint8_t *)(uintptr_t)chunk->values->data + begin;
                body.values.len = end - begin;
                body.count = inputs_count(body.values.data, body.values.len);
        }
        reply.body_case = JOBD__REPLY__BODY_INPUT_PAGE;
        reply.input_page = &body;
        session_send_on(stream, &reply, 0, -1);
        stream_end(stream);
        return 0;
}

static const struct stream_type inputs_type = {
        .run = inputs_run,
        .on_page = inputs_on_page,
};

int verb_inputs(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        const Jobd__Inputs *body = request->inputs;
        struct stream *stream;
        struct seen *seen;
        int r;

        (void)job;
        r = session_add_stream(from, &inputs_type, request->tag, sizeof(*seen), &stream, why);
        if (r)
                return r;
        seen = (struct seen *)stream;
        seen->job = body->job;
        seen->task = body->first_task;
        seen->limit = body->has_limit && body->limit ? body->limit : INPUTS_TASKS;
        session_run_stream(stream);
        return 0;
}
