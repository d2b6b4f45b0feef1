/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasks of one job as they end.
 *
 *     replies ----> held ----> work(): on_task, on_started, on_progress; at last on_end
 *
 * Each task is told once. After a reconnection jobd starts over: an ordered stream asks from the
 * task behind the last one told, an unordered one from its low-water mark, and skips what it knows
 * to have told (told.c). Without a first task given by the user and nothing told yet, jobd itself
 * knows where to begin (Job.seen_task), now as then.
 *
 * While the user has paused the stream replies are held; when that is more than 1 MiB the link is
 * not read, and jobd, which sees a slow reader, falls back to its rows. One exception: a followed
 * task whose output is wanted now (conn->awaiting_count), since that is what the user waits for
 * before he resumes us.
 */
#include <errno.h>
#include <string.h>

#include "common/list.h"

#include "proto/spool.h"

#include "client/lib/stream.h"
#include "client/lib/told.h"

#define RESULTS_HELD_MAX (1024U * 1024)
#define RESULTS_SLICE_BYTES (1024U * 1024)

struct results_reply {
        STAILQ_ENTRY(results_reply) entry;
        Jobd__Reply *reply; /* owned */
        size_t bytes;       /* about what it takes */
        size_t at;          /* how many of its ends were told */
};

struct results {
        struct jobctl_stream stream;
        uint64_t job;
        struct jobctl_results_options options; /* without first_task */
        bool has_first;                        /* `told` says where to begin */
        struct told told;
        STAILQ_HEAD(, results_reply) held; /* owned, oldest first */
        size_t held_bytes;
        bool stuffed; /* counted in conn->stuffed_count */
};

static void results_drop(struct results *results)
{
        struct results_reply *const first = STAILQ_FIRST(&results->held);

        STAILQ_REMOVE_HEAD(&results->held, entry);
        results->held_bytes -= first->bytes;
        wire_free_reply(first->reply);
        free(first);
}

static void results_set_stuffed(struct results *results, bool stuffed)
{
        struct jobctl *const conn = results->stream.call.conn;

        if (results->stuffed == stuffed)
                return;
        results->stuffed = stuffed;
        if (stuffed) {
                conn->stuffed_count++;
        } else {
                conn->stuffed_count--;
                conn_wake(conn); /* to watch the link again */
        }
}

static void results_rewind(struct results *results)
{
        while (!STAILQ_EMPTY(&results->held))
                results_drop(results);
        if (results->stream.call.conn)
                results_set_stuffed(results, false);
}

static void results_free(struct call *call)
{
        struct results *const results = (struct results *)call;

        results_rewind(results);
        told_deinit(&results->told);
        free(results);
}

static int results_send(struct call *call)
{
        struct results *const results = (struct results *)call;
        const struct jobctl_results_options *const options = &results->options;
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Results message = JOBD__RESULTS__INIT;
        int r;

        results_rewind(results);
        message.job = results->job;
        message.has_first_task = results->has_first;
        message.first_task = results->told.low;
        message.has_ordered = message.ordered = options->ordered;
        message.has_output = message.output = options->output;
        message.has_starts = message.starts = options->starts;
        message.has_until_end = message.until_end = options->until_end;
        message.has_no_tasks = message.no_tasks = options->no_tasks;
        message.has_progress_usec = options->progress_usec > 0;
        message.progress_usec = options->progress_usec;
        request.body_case = JOBD__REQUEST__BODY_RESULTS;
        request.results = &message;
        r = call_send(call, &request);
        return r ? PASS(r) : 0;
}

static void results_out_of_memory(struct results *results)
{
        stream_end(&results->stream, JOBCTL_E_SYSTEM, "out of memory", NULL);
}

/* Notes the task; *out_new: it was not told yet. */
static int results_note(struct results *results, uint64_t task, bool *out_new)
{
        int r;

        if (results->options.ordered) {
                *out_new = !results->has_first || task >= results->told.low;
                if (*out_new)
                        results->told.low = task + 1;
                results->has_first = true;
                return 0;
        }
        r = told_add(&results->told, task, out_new);
        return r ? PASS(r) : 0;
}

static size_t results_weigh(const Jobd__Reply *reply)
{
        size_t bytes = sizeof(*reply);

        if (reply->body_case != JOBD__REPLY__BODY_TASK_PAGE)
                return bytes;
        for (size_t i = 0; i < reply->task_page->n_ends; i++)
                bytes += sizeof(Jobd__TaskEnd) + reply->task_page->ends[i]->records.len;
        return bytes + reply->task_page->n_started * sizeof(uint64_t);
}

static void results_on_reply(struct call *call, Jobd__Reply **reply)
{
        struct results *const results = (struct results *)call;
        struct results_reply *const one = calloc(1, sizeof(*one));

        if (!one) {
                results_out_of_memory(results);
                return;
        }
        one->bytes = results_weigh(*reply);
        one->reply = TAKE_PTR(*reply);
        STAILQ_INSERT_TAIL(&results->held, one, entry);
        results->held_bytes += one->bytes;
        results_set_stuffed(results,
                            results->stream.paused && results->held_bytes > RESULTS_HELD_MAX);
}

static bool results_is_stopped(const struct results *results)
{
        return results->stream.paused || results->stream.ended;
}

static void results_tell_end(struct results *results, const Jobd__TaskEnd *end)
{
        bool new;

        if (results_note(results, end->task, &new))
                results_out_of_memory(results);
        else if (new && results->stream.ops.on_task)
                results->stream.ops.on_task(results->stream.arg, (const void *)end);
}

/* True when the whole page was told, and not stopped in it. */
static bool results_tell_page(struct results *results, struct results_reply *one)
{
        const Jobd__TaskPage *const page = one->reply->task_page;
        const struct jobctl_stream_ops *const ops = &results->stream.ops;

        for (size_t i = 0; one->at == 0 && i < page->n_started; i++)
                if (ops->on_started && !results->stream.ended &&
                    !told_has(&results->told, page->started[i]))
                        ops->on_started(results->stream.arg, page->started[i]);
        while (one->at < page->n_ends && !results_is_stopped(results))
                results_tell_end(results, page->ends[one->at++]);
        return one->at == page->n_ends && !results->stream.ended;
}

/* One held reply. False: it stays, since the stream was stopped in it. */
static bool results_tell(struct results *results, struct results_reply *one)
{
        const Jobd__Reply *const reply = one->reply;
        const struct jobctl_stream_ops *const ops = &results->stream.ops;

        switch (reply->body_case) {
        case JOBD__REPLY__BODY_TASK_PAGE:
                return results_tell_page(results, one);
        case JOBD__REPLY__BODY_PROGRESS:
                if (ops->on_progress)
                        ops->on_progress(results->stream.arg, (const void *)reply->progress);
                return true;
        case JOBD__REPLY__BODY_ERROR:
                stream_error(&results->stream, reply->error);
                return false;
        case JOBD__REPLY__BODY_JOB_ENDED:
                stream_end(&results->stream, JOBCTL_OK, "", reply->job_ended);
                return false;
        case JOBD__REPLY__BODY_DONE:
                stream_end(&results->stream, JOBCTL_OK, "", NULL);
                return false;
        default:
                return true;
        }
}

static bool results_work(struct call *call)
{
        struct results *const results = (struct results *)call;
        size_t told_bytes = 0;

        while (!STAILQ_EMPTY(&results->held) && !results_is_stopped(results) &&
               told_bytes < RESULTS_SLICE_BYTES) {
                struct results_reply *const first = STAILQ_FIRST(&results->held);

                told_bytes += first->bytes;
                if (!results_tell(results, first))
                        break;
                results_drop(results);
        }
        results_set_stuffed(results, results->stream.paused && !results->stream.ended &&
                                             results->held_bytes > RESULTS_HELD_MAX);
        return !STAILQ_EMPTY(&results->held) && !results_is_stopped(results);
}

static const struct call_ops results_ops = {
        .send = results_send,
        .on_reply = results_on_reply,
        .on_fail = stream_on_fail,
        .work = results_work,
        .free = results_free,
};

int jobctl_results(struct jobctl *conn, uint64_t job, const struct jobctl_results_options *options,
                   const struct jobctl_stream_ops *ops, void *arg,
                   struct jobctl_stream **out_stream)
{
        struct results *results;
        int r;

        results = calloc(1, sizeof(*results));
        if (!results)
                return failure_from(&conn->failure, -ENOMEM, "results");
        STAILQ_INIT(&results->held);
        results->job = job;
        memcpy(&results->options, options, MIN(options->size, sizeof(results->options)));
        results->has_first = results->options.first_task != NULL;
        results->told.low = results->has_first ? *results->options.first_task : 0;
        results->options.first_task = NULL;
        r = stream_start(conn, &results->stream, &results_ops, ops, arg);
        if (r)
                return failure_from(&conn->failure, r, "results");
        *out_stream = &results->stream;
        return JOBCTL_OK;
}

/* ------------------------------------------------------------------------- output of one task */

struct results_output {
        jobctl_output_fn fn;
        void *arg;
};

static int results_on_data(void *arg, const struct spool_record *record, const uint8_t *data,
                           size_t size)
{
        const struct results_output *const output = arg;

        output->fn(output->arg, (enum jobctl_output)record->stream, record->wall_usec, data, size);
        return 0;
}

int jobctl_task_output(const struct jobctl_item *task, jobctl_output_fn fn, void *arg)
{
        const ProtobufCMessage *const message = (const void *)task;
        const Jobd__TaskEnd *const end = (const void *)task;
        struct results_output output = { .fn = fn, .arg = arg };
        struct spool_parser parser;

        if (!task || message->descriptor != &jobd__task_end__descriptor || !end->has_records)
                return JOBCTL_OK;
        spool_parser_init(&parser);
        if (spool_parser_feed(&parser, end->records.data, end->records.len, results_on_data,
                              &output))
                return JOBCTL_E_PROTOCOL;
        return JOBCTL_OK;
}
