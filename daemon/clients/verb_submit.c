/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit: many jobs in one frame, accepted together or not at all.
 *
 * Everything is judged before the engine hears of it, and the refusal names the job by its place
 * in the frame; jobs that wait for each other in a circle are named by their names. What the engine
 * needs goes into struct engine_spec, which points into the request; the rest travels packed: one
 * blob for each Spec, and one for each Environment of the frame that is used, however many jobs
 * share it.
 *
 * The engine answers at once, or, when the key may be known, after a look into the journal; both
 * come to submit_on_done(). The answer waits for the commit (its barrier), never this code.
 */
#include <errno.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/submit_spec.h"
#include "daemon/clients/ticket.h"
#include "daemon/clients/verb.h"
#include "daemon/jobs/asks.h"

/* A submission on its way to the engine. */
struct submit {
        struct engine_spec *specs; /* owned, with the blobs in it */
        size_t specs_count;
        struct journal_blob **environments; /* owned; NULL where no job uses it */
        size_t environments_count;
        uint8_t *retry_on; /* owned: a bitmap for each job; NULL when no job has one */
        struct engine_dependency *dependencies; /* owned: those of all jobs, one after the other */
};

static void submit_deinit(struct submit *submit)
{
        for (size_t i = 0; submit->specs && i < submit->specs_count; i++) {
                journal_blob_unref(submit->specs[i].spec);
                free((void *)(uintptr_t)submit->specs[i].asks);
        }
        for (size_t i = 0; submit->environments && i < submit->environments_count; i++)
                journal_blob_unref(submit->environments[i]);
        free(submit->specs);
        free(submit->environments);
        free(submit->retry_on);
        free(submit->dependencies);
}

/* ------------------------------------------------------------------------------------- judging */

static int submit_check_flow(const Jobd__Submit *request, struct reason *why)
{
        _cleanup_(freep) Jobd__Spec **specs = calloc(request->n_jobs, sizeof(*specs));
        struct reason detail = { "" };
        int r;

        if (!specs)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < request->n_jobs; i++)
                specs[i] = request->jobs[i]->spec;
        r = wire_check_flow(specs, request->n_jobs, &detail);
        if (r < 0)
                return PASS(r);
        return r ? reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "%s", detail.text) : 0;
}

static int submit_check(const Jobd__Submit *request, struct reason *why)
{
        struct reason detail = { "" };
        int r;

        for (size_t i = 0; i < request->n_environments; i++) {
                r = wire_check_environment(request->environments[i], &detail);
                if (r < 0)
                        return PASS(r);
                if (r)
                        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "environment %zu: %s",
                                          i, detail.text);
        }
        for (size_t i = 0; i < request->n_jobs; i++) {
                const Jobd__Spec *spec = request->jobs[i]->spec;

                r = wire_check_spec(spec, &detail);
                if (r < 0)
                        return PASS(r);
                if (!r && spec->unique && request->n_jobs > 1)
                        r = reason_set(&detail, 1, "a job with a unique key is submitted alone");
                if (r && request->n_jobs == 1)
                        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "%s", detail.text);
                if (r)
                        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "job %zu: %s", i,
                                          detail.text);
        }
        return submit_check_flow(request, why);
}

/* ------------------------------------------------------------------------------------- filling */

int submit_pack(const ProtobufCMessage *message, struct journal_blob **out_blob)
{
        void *data;
        size_t size;
        int r;

        r = wire_pack(message, &data, &size);
        if (r)
                return PASS(r);
        r = journal_blob_new(data, size, out_blob);
        return r ? PASS(r) : 0;
}

static void submit_fill_array(const Jobd__Spec *spec, struct engine_spec *to)
{
        to->task_count = 1;
        to->array_width = spec->has_array_width ? spec->array_width : 0;
        to->start_delay_usec = spec->has_start_delay_usec ? spec->start_delay_usec : 0;
        if (spec->halt) {
                to->halt_on = (uint8_t)spec->halt->on;
                to->halt_now = spec->halt->now;
                to->halt_count = spec->halt->count;
                to->halt_percent = spec->halt->percent;
        }
        if (spec->has_map_values) {
                to->map_values = spec->map_values;
                to->task_count = 0;
        }
        if (!spec->has_array_first)
                return;
        to->is_array = true;
        to->array_first = spec->array_first;
        to->array_step = spec->has_array_step ? spec->array_step : 1;
        to->task_count = (spec->array_last - spec->array_first) / to->array_step + 1;
}

void submit_fill_spec(const Jobd__Spec *spec, struct engine_spec *to)
{
        to->name = spec->name && spec->name[0] ? spec->name : NULL;
        to->unique_key = spec->unique;
        to->queue = spec->queue && spec->queue[0] ? spec->queue : NULL;
        to->hold = spec->has_hold && spec->hold;
        to->requeue = spec->has_requeue && spec->requeue;
        to->priority = spec->has_priority ? spec->priority : 0;
        to->cpus = spec->has_cpus ? spec->cpus : 0;
        to->memory_bytes = spec->has_memory_bytes ? spec->memory_bytes : 0;
        to->time_limit_usec = spec->has_time_limit_usec ? spec->time_limit_usec : 0;
        to->begin_wall_usec = spec->has_begin_wall_usec ? spec->begin_wall_usec : 0;
        to->retries = spec->has_retries ? spec->retries : 0;
        to->retry_delay_usec = spec->has_retry_delay_usec ? spec->retry_delay_usec : 0;
        submit_fill_array(spec, to);
}

void submit_fill_codes(const Jobd__Spec *spec, uint8_t bits[static SUBMIT_RETRY_ON_BYTES])
{
        for (size_t i = 0; i < spec->n_retry_on; i++)
                bits[(spec->retry_on[i] & 255) / 8] |= (uint8_t)(1U << (spec->retry_on[i] % 8));
}

static int submit_fill_retry_on(struct submit *submit, const Jobd__Spec *spec, size_t index)
{
        uint8_t *bits;

        if (spec->n_retry_on == 0)
                return 0;
        if (!submit->retry_on)
                submit->retry_on = calloc(submit->specs_count, SUBMIT_RETRY_ON_BYTES);
        if (!submit->retry_on)
                return FAULT(-ENOMEM);
        bits = submit->retry_on + index * SUBMIT_RETRY_ON_BYTES;
        submit_fill_codes(spec, bits);
        submit->specs[index].retry_on = bits;
        return 0;
}

static int submit_fill_dependencies(struct submit *submit, const Jobd__Submit *request)
{
        struct engine_dependency *to;
        size_t count = 0;

        for (size_t i = 0; i < request->n_jobs; i++)
                count += request->jobs[i]->spec->n_dependencies;
        if (count == 0)
                return 0;
        to = submit->dependencies = calloc(count, sizeof(*to));
        if (!to)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < request->n_jobs; i++) {
                const Jobd__Spec *const spec = request->jobs[i]->spec;

                submit->specs[i].dependencies = to;
                submit->specs[i].dependencies_count = spec->n_dependencies;
                submit->specs[i].dependencies_any = spec->dependencies_any;
                submit->specs[i].keep_waiting = spec->keep_waiting;
                for (size_t k = 0; k < spec->n_dependencies; k++, to++) {
                        to->kind = (uint8_t)spec->dependencies[k]->kind;
                        to->is_sibling = spec->dependencies[k]->has_sibling;
                        to->job = to->is_sibling ? spec->dependencies[k]->sibling
                                                 : spec->dependencies[k]->job;
                }
        }
        return 0;
}

static int submit_fill_asks(struct submit *submit, const Jobd__Spec *spec, size_t index)
{
        char *text = NULL;
        int r = 0;

        for (size_t i = 0; !r && i < spec->n_resources; i++)
                r = asks_add(&text,
                             &(struct resource_ask){ spec->resources[i]->name, RESOURCE_UNITS,
                                                     spec->resources[i]->count });
        for (size_t i = 0; !r && i < spec->n_locks; i++)
                r = asks_add(&text,
                             &(struct resource_ask){ spec->locks[i]->name,
                                                     spec->locks[i]->shared ? RESOURCE_SHARED
                                                                            : RESOURCE_EXCLUSIVE,
                                                     1 });
        submit->specs[index].asks = text;
        return r ? PASS(r) : 0;
}

static int submit_fill_environment(struct submit *submit, const Jobd__Submit *request, size_t index)
{
        const Jobd__Submission *job = request->jobs[index];
        struct journal_blob **blob;
        int r;

        if (!job->has_environment)
                return 0;
        blob = &submit->environments[job->environment];
        if (!*blob) {
                r = submit_pack(&request->environments[job->environment]->base, blob);
                if (r)
                        return PASS(r);
        }
        submit->specs[index].environment = *blob;
        return 0;
}

/* What the job does not say and its queue does. Whether it may go there is the engine's to say. */
static void submit_fill_defaults(const struct engine *engine, Jobd__Spec *spec)
{
        struct engine_queue queue;

        if (!engine_queue_find(engine, spec->queue && spec->queue[0] ? spec->queue : NULL, &queue,
                               NULL))
                return;
        if (!spec->has_time_limit_usec && queue.row.time_limit_usec) {
                spec->has_time_limit_usec = true;
                spec->time_limit_usec = queue.row.time_limit_usec;
        }
        if (!spec->has_memory_bytes && queue.row.memory_bytes) {
                spec->has_memory_bytes = true;
                spec->memory_bytes = queue.row.memory_bytes;
        }
        if (!spec->has_cpus && queue.row.cpus) {
                spec->has_cpus = true;
                spec->cpus = queue.row.cpus;
        }
        if (!spec->has_priority && queue.row.priority) {
                spec->has_priority = true;
                spec->priority = queue.row.priority;
        }
}

static int submit_fill(const struct engine *engine, struct submit *submit,
                       const Jobd__Submit *request)
{
        int r;

        submit->specs = calloc(request->n_jobs, sizeof(*submit->specs));
        submit->environments = calloc(request->n_environments + 1, sizeof(*submit->environments));
        if (!submit->specs || !submit->environments)
                return FAULT(-ENOMEM);
        submit->specs_count = request->n_jobs;
        submit->environments_count = request->n_environments;
        for (size_t i = 0; i < request->n_jobs; i++) {
                const Jobd__Spec *spec = request->jobs[i]->spec;
                Jobd__Spec filled = *spec;

                submit_fill_defaults(engine, &filled);
                submit_fill_spec(&filled, &submit->specs[i]);
                r = submit_pack(&filled.base, &submit->specs[i].spec);
                if (!r)
                        r = submit_fill_retry_on(submit, spec, i);
                if (!r)
                        r = submit_fill_asks(submit, spec, i);
                if (!r)
                        r = submit_fill_environment(submit, request, i);
                if (r)
                        return PASS(r);
        }
        r = submit_fill_dependencies(submit, request);
        return r ? PASS(r) : 0;
}

/* ----------------------------------------------------------------------------------- the answer */

/* A client that goes meanwhile may ask again with its key; the jobs are taken all the same. */
struct submit_stream {
        struct stream stream;
        struct ticket *ticket; /* borrowed: freed when the engine answers; NULL then */
        bool feeds_stdin;      /* one job, whose stdin comes from this client */
        bool is_map;           /* one job, whose input comes from this client */
};

static void submit_answer(struct stream *stream, int r, const Jobd__Submitted *submitted,
                          uint64_t barrier, const struct reason *why)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Submitted body = *submitted;

        if (r) {
                answer_stream_error(stream, answer_code_of(r), barrier, false,
                                    why ? why->text : "the jobs were refused");
                return;
        }
        reply.body_case = JOBD__REPLY__BODY_SUBMITTED;
        reply.submitted = &body;
        session_send_on(stream, &reply, barrier, -1);
}

/* What job 0 means to the Appends that follow; those that waited for it try again. */
static void submit_note(struct submit_stream *submit, uint64_t first_id)
{
        struct session *session = submit->stream.session;
        struct append_waiter *waiter;

        session->submits_pending--;
        session->last_submitted = first_id;
        TAILQ_FOREACH (waiter, &session->clients->appends, entry)
                if (waiter->stream->session == session && waiter->job == 0) {
                        waiter->job = session->submits_pending > 0 ? 0 : first_id;
                        stream_wake(waiter->stream);
                }
}

static int submit_enter_map(struct session *session, uint64_t id)
{
        struct job *job = engine_find(session->clients->engine, id);
        const int r = job ? appender_enter(&session->appender, session->clients->engine, job) : 0;

        return r ? PASS(r) : 0;
}

static void submit_on_done(void *arg, int r, uint64_t first_id, uint32_t count, bool existing,
                           uint64_t barrier, const struct reason *why)
{
        struct submit_stream *submit = ticket_redeem(arg);
        Jobd__Submitted submitted = JOBD__SUBMITTED__INIT;

        if (!submit)
                return;
        submit->ticket = NULL;
        submit_note(submit, r ? 0 : first_id);
        if (stream_is_ended(&submit->stream))
                return;
        submitted.first_id = first_id;
        submitted.count = count;
        submitted.has_existing = submitted.existing = existing;
        if (!r && submit->feeds_stdin)
                r = session_promise_stdin(submit->stream.session, first_id);
        if (!r && submit->is_map)
                r = submit_enter_map(submit->stream.session, first_id);
        if (r < 0) {
                session_fail(submit->stream.session, r);
                return;
        }
        submit_answer(&submit->stream, r, &submitted, barrier, why);
        session_end_wait(&submit->stream);
        stream_end(&submit->stream);
}

/* Never woken: only the engine's answer is waited for. */
static int submit_run(struct stream *stream)
{
        (void)stream;
        return 0;
}

static void submit_deinit_stream(struct stream *stream)
{
        struct submit_stream *submit = (struct submit_stream *)stream;

        ticket_forget(submit->ticket);
}

static const struct stream_type submit_type = {
        .run = submit_run,
        .deinit = submit_deinit_stream,
};

static int submit_hand_over(struct session *from, const Jobd__Submit *request,
                            const struct submit *submit, struct submit_stream *stream)
{
        struct engine_submission submission = {
                .uid = from->peer.uid,
                .gid = from->peer.gid,
                .groups = from->peer.groups,
                .groups_count = from->peer.groups_count,
                .is_admin = from->is_admin,
                .specs = submit->specs,
                .specs_count = submit->specs_count,
        };
        struct journal_read *read = NULL;
        int r;

        memcpy(submission.key, request->key.data, sizeof(submission.key));
        r = ticket_new(from->clients, stream, &stream->ticket);
        if (r)
                return PASS(r);
        from->submits_pending++;
        r = engine_submit(from->clients->engine, &submission, submit_on_done, stream->ticket,
                          &read);
        if (r)
                return PASS(r);
        if (stream->ticket && !stream_is_ended(&stream->stream))
                session_begin_wait(&stream->stream);
        return 0;
}

int verb_submit(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        _cleanup_(submit_deinit) struct submit submit = { 0 };
        struct stream *stream;
        int r;

        (void)job;
        r = submit_check(request->submit, why);
        if (r)
                return r;
        r = session_add_stream(from, &submit_type, request->tag, sizeof(struct submit_stream),
                               &stream, why);
        if (r)
                return r;
        ((struct submit_stream *)stream)->feeds_stdin =
                request->submit->n_jobs == 1 && request->submit->jobs[0]->spec->stdin_pipe;
        ((struct submit_stream *)stream)->is_map =
                request->submit->n_jobs == 1 && request->submit->jobs[0]->spec->has_map_values;
        r = submit_fill(from->clients->engine, &submit, request->submit);
        if (!r)
                r = submit_hand_over(from, request->submit, &submit,
                                     (struct submit_stream *)stream);
        return r ? PASS(r) : 0;
}
