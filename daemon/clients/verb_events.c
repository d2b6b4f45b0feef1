/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events: the history of the caller's jobs (an administrator's: of everybody's), page by page, in
 * the order in which it happened. With `follow` the stream stays when it has reached the end, and
 * reads on when the daemon says that events were posted; it reads through the journal, so it tells
 * nothing that is not on disk. One read is in flight at a time, and none while the client is slow.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/clients/verb.h"

#define EVENTS_PAGE 500U
#define EVENTS_RANGES_MAX 4096U

struct events_range {
        uint64_t first, last;
};

struct events {
        struct stream stream;
        struct events_waiter waiter;
        struct journal_event_query query; /* after_seq moves on */
        struct events_range *ranges;      /* owned; NULL: all jobs */
        size_t ranges_count;
        bool is_following;
        bool is_due; /* events were posted while a read was in flight */
};

/* A page on its way out; borrows the rows. */
struct events_page {
        Jobd__Event messages[EVENTS_PAGE];
        Jobd__Event *pointers[EVENTS_PAGE];
        size_t count;
};

static bool events_wants(const struct events *events, uint64_t job)
{
        if (events->ranges_count == 0)
                return true;
        for (size_t i = 0; i < events->ranges_count; i++)
                if (job >= events->ranges[i].first && job <= events->ranges[i].last)
                        return true;
        return false;
}

static void events_add(struct events_page *page, const struct journal_event *row)
{
        Jobd__Event *event = &page->messages[page->count];

        jobd__event__init(event);
        event->seq = row->seq;
        event->wall_usec = row->wall_usec;
        event->job = row->job;
        event->has_task = true;
        event->task = row->task;
        event->kind = (char *)(uintptr_t)job_event_name((enum job_event)row->kind);
        event->has_state = row->state != JOB_ABSENT;
        event->state = (Jobd__JobState)row->state;
        event->detail = (char *)(uintptr_t)row->detail;
        page->pointers[page->count++] = event;
}

static int events_send(struct events *events, const struct journal_page *rows)
{
        _cleanup_(freep) struct events_page *page = NULL;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__EventPage body = JOBD__EVENT_PAGE__INIT;

        page = calloc(1, sizeof(*page));
        if (!page)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < rows->events_count && page->count < EVENTS_PAGE; i++)
                if (events_wants(events, rows->events[i].job))
                        events_add(page, &rows->events[i]);
        if (page->count == 0)
                return 0;
        body.events = page->pointers;
        body.n_events = page->count;
        reply.has_more = reply.more = true;
        reply.body_case = JOBD__REPLY__BODY_EVENT_PAGE;
        reply.event_page = &body;
        session_send_on(&events->stream, &reply, 0, -1);
        return 0;
}

static int events_on_page(struct stream *stream, const struct journal_page *page)
{
        struct events *events = (struct events *)stream;
        int r;

        r = events_send(events, page);
        if (r)
                return PASS(r);
        events->query.after_seq = MAX(page->next, events->query.after_seq);
        events->query.last = 0;
        if (page->more || events->is_due) {
                stream_wake(stream);
        } else if (!events->is_following) {
                answer_stream_done(stream);
                stream_end(stream);
        }
        return 0;
}

/* The first time, the next page, or something was posted. */
static int events_run(struct stream *stream)
{
        struct events *events = (struct events *)stream;
        int r;

        events->is_due = true;
        if (stream->read)
                return 0;
        if (session_is_slow(stream->session, SESSION_SLOW_BYTES)) {
                stream_wait_drained(stream);
                return 0;
        }
        events->is_due = false;
        r = session_read_events(stream, &events->query);
        return r ? PASS(r) : 0;
}

static void events_deinit(struct stream *stream)
{
        struct events *events = (struct events *)stream;

        if (events->waiter.stream)
                LIST_REMOVE(&events->waiter, entry);
        free(events->ranges);
}

static const struct stream_type events_type = {
        .is_stoppable = true,
        .run = events_run,
        .on_page = events_on_page,
        .deinit = events_deinit,
};

static int events_copy_ranges(struct events *events, const Jobd__Events *request)
{
        if (request->n_ids == 0)
                return 0;
        events->ranges = calloc(request->n_ids, sizeof(*events->ranges));
        if (!events->ranges)
                return FAULT(-ENOMEM);
        events->ranges_count = request->n_ids;
        for (size_t i = 0; i < request->n_ids; i++) {
                const Jobd__IdRange *range = request->ids[i];

                events->ranges[i] = (struct events_range){ range->first, range->last };
                events->query.min_job = i ? MIN(events->query.min_job, range->first) : range->first;
                events->query.max_job = MAX(events->query.max_job, range->last);
        }
        return 0;
}

int verb_events(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        const Jobd__Events *body = request->events;
        struct stream *stream;
        struct events *events;
        int r;

        (void)job;
        if (body->n_ids > EVENTS_RANGES_MAX)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "a request names at most %u ranges of ids", EVENTS_RANGES_MAX);
        r = session_add_stream(from, &events_type, request->tag, sizeof(*events), &stream, why);
        if (r)
                return r;
        events = (struct events *)stream;
        events->is_following = body->has_follow && body->follow;
        events->query = (struct journal_event_query){
                .after_seq = body->has_after_seq ? body->after_seq : 0,
                .any_uid = from->is_admin,
                .uid = from->peer.uid,
                .last = body->has_last ? body->last : 0,
                .limit = EVENTS_PAGE,
        };
        r = events_copy_ranges(events, body);
        if (r)
                return PASS(r);
        if (events->is_following) {
                events->waiter.stream = stream;
                LIST_INSERT_HEAD(&from->clients->events_waiters, &events->waiter, entry);
        }
        session_run_stream(stream);
        return 0;
}
