/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two simple streams: waiting for the ends of jobs, and events.
 *
 * Both remember how far they came, since after a reconnection the daemon starts over: a wait skips
 * the jobs and tasks whose end was told (by id, so a selection should be made of ids: a filter such
 * as "unfinished" no longer finds what ended meanwhile), events continue behind the last number
 * seen.
 */
#include <errno.h>

#include "common/map.h"

#include "client/lib/selector.h"
#include "client/lib/stream.h"

/* --------------------------------------------------------------------------------------- wait */

/* A job, or one task of it. */
struct told_key {
        uint64_t id, task; /* task: UINT64_MAX for the whole job */
};

struct told {
        struct told_key key;
        UT_hash_handle hh;
};

struct wait {
        struct jobctl_stream stream;
        void *packed; /* owned: the request */
        size_t packed_bytes;
        struct told *told; /* owned */
};

static void wait_free(struct call *call)
{
        struct wait *const wait = (struct wait *)call;
        struct told *told;
        struct told *next;

        HASH_ITER (hh, wait->told, told, next) {
                HASH_DEL(wait->told, told);
                free(told);
        }
        free(wait->packed);
        free(wait);
}

static int wait_send(struct call *call)
{
        const struct wait *const wait = (const struct wait *)call;
        int r;

        r = link_send_packed(call->conn->link, wait->packed, wait->packed_bytes);
        return r ? PASS(r) : 0;
}

/* True for the first time that this job or task is told. */
static bool wait_is_new(struct wait *wait, const Jobd__JobEnded *ended)
{
        const struct told_key key = { .id = ended->id,
                                      .task = ended->has_task ? ended->task : UINT64_MAX };
        struct told *told;

        HASH_FIND(hh, wait->told, &key, sizeof(key), told);
        if (told)
                return false;
        told = calloc(1, sizeof(*told));
        if (!told)
                return true;
        told->key = key;
        HASH_ADD(hh, wait->told, key, sizeof(told->key), told);
        if (!told->hh.tbl)
                free(told);
        return true;
}

static void wait_on_reply(struct call *call, Jobd__Reply **reply)
{
        struct wait *const wait = (struct wait *)call;
        const Jobd__Reply *const got = *reply;
        struct jobctl_stream *const stream = &wait->stream;

        if (got->body_case == JOBD__REPLY__BODY_JOB_ENDED) {
                if (wait_is_new(wait, got->job_ended))
                        stream_item(stream, &got->job_ended->base);
        } else if (got->body_case == JOBD__REPLY__BODY_ERROR && got->has_more && got->more) {
                if (stream->ops.on_problem)
                        stream->ops.on_problem(stream->arg, (int)got->error->code,
                                               got->error->message);
        } else if (got->body_case == JOBD__REPLY__BODY_ERROR) {
                stream_error(stream, got->error);
        }
        if (got->body_case == JOBD__REPLY__BODY_DONE)
                stream_end(stream, JOBCTL_OK, "", NULL);
}

static const struct call_ops wait_ops = {
        .send = wait_send,
        .on_reply = wait_on_reply,
        .on_fail = stream_on_fail,
        .free = wait_free,
};

int jobctl_wait(struct jobctl *conn, const struct jobctl_selector *selector, bool any,
                const struct jobctl_stream_ops *ops, void *arg, struct jobctl_stream **out_stream)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Wait message = JOBD__WAIT__INIT;
        struct wait *wait;
        int r;

        wait = calloc(1, sizeof(*wait));
        if (!wait)
                return failure_from(&conn->failure, -ENOMEM, "waiting");
        message.selector = selector_message(selector);
        message.has_any = message.any = any;
        request.body_case = JOBD__REQUEST__BODY_WAIT;
        request.wait = &message;
        request.tag = conn->next_tag; /* the one that stream_start() gives next */
        r = wire_pack(&request.base, &wait->packed, &wait->packed_bytes);
        if (r)
                wait_free(&wait->stream.call);
        else
                r = stream_start(conn, &wait->stream, &wait_ops, ops, arg);
        if (r)
                return failure_from(&conn->failure, r, "waiting");
        *out_stream = &wait->stream;
        return JOBCTL_OK;
}

/* ------------------------------------------------------------------------------------- events */

struct events {
        struct jobctl_stream stream;
        uint64_t after_seq;
        uint32_t last;
        bool follow;
        bool seen_any;
        Jobd__Selector *ids; /* owned; NULL: all */
};

static void events_free(struct call *call)
{
        struct events *const events = (struct events *)call;

        if (events->ids)
                jobd__selector__free_unpacked(events->ids, NULL);
        free(events);
}

static int events_send(struct call *call)
{
        const struct events *const events = (const struct events *)call;
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Events message = JOBD__EVENTS__INIT;
        int r;

        message.has_after_seq = events->seen_any || events->last == 0;
        message.after_seq = events->after_seq;
        message.has_last = !message.has_after_seq;
        message.last = events->last;
        message.has_follow = message.follow = events->follow;
        message.n_ids = events->ids ? events->ids->n_ids : 0;
        message.ids = events->ids ? events->ids->ids : NULL;
        request.body_case = JOBD__REQUEST__BODY_EVENTS;
        request.events = &message;
        r = call_send(call, &request);
        return r ? PASS(r) : 0;
}

static void events_on_reply(struct call *call, Jobd__Reply **reply)
{
        struct events *const events = (struct events *)call;
        const Jobd__Reply *const got = *reply;

        if (got->body_case == JOBD__REPLY__BODY_EVENT_PAGE)
                for (size_t i = 0; i < got->event_page->n_events && !events->stream.ended; i++) {
                        const Jobd__Event *const event = got->event_page->events[i];

                        if (events->seen_any && event->seq <= events->after_seq)
                                continue;
                        events->seen_any = true;
                        events->after_seq = event->seq;
                        stream_item(&events->stream, &event->base);
                }
        if (got->body_case == JOBD__REPLY__BODY_ERROR)
                stream_error(&events->stream, got->error);
        else if (!got->has_more || !got->more)
                stream_end(&events->stream, JOBCTL_OK, "", NULL);
}

static const struct call_ops events_ops = {
        .send = events_send,
        .on_reply = events_on_reply,
        .on_fail = stream_on_fail,
        .free = events_free,
};

/* A copy of the selector's message, by way of its packed form. */
static int events_copy_ids(struct events *events, const struct jobctl_selector *selector)
{
        const Jobd__Selector *const from = selector_message(selector);
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        if (!from || from->n_ids == 0)
                return 0;
        r = wire_pack(&from->base, &data, &size);
        if (r)
                return PASS(r);
        events->ids = jobd__selector__unpack(NULL, size, data);
        return events->ids ? 0 : FAULT(-ENOMEM);
}

int jobctl_events(struct jobctl *conn, const struct jobctl_events_options *options,
                  const struct jobctl_stream_ops *ops, void *arg, struct jobctl_stream **out_stream)
{
        struct events *events;
        int r;

        events = calloc(1, sizeof(*events));
        if (!events)
                return failure_from(&conn->failure, -ENOMEM, "events");
        events->after_seq = options->after_seq;
        events->last = options->last;
        events->follow = options->follow;
        r = events_copy_ids(events, options->selector);
        if (r)
                events_free(&events->stream.call);
        else
                r = stream_start(conn, &events->stream, &events_ops, ops, arg);
        if (r)
                return failure_from(&conn->failure, r, "events");
        *out_stream = &events->stream;
        return JOBCTL_OK;
}
