/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that are answered over time, and the turns they take.
 *
 * A stream works in small pieces: run() does one and says how it wants to be called again, by
 * stream_wake() (in the next turn), by stream_wait_drained() (when the client has read), or by
 * whatever else it waits for: a page of the journal, news of a job. Thus a request for a million
 * jobs stalls neither the loop nor grows beyond one page, and many of them take turns.
 *
 * A stream that ends leaves its session's table at once, so that the tag is free again, but its
 * memory stays until BURY: the callback it ended in may still hold it.
 *
 * This file knows nothing of frames; session.c and the verbs use it.
 */
#include "daemon/clients/stream.h"

#include <errno.h>

#include "common/clock.h"
#include "common/error.h"

/* Work of streams in one turn, before others have theirs. */
#define STREAM_TURN_USEC (10 * USEC_PER_MSEC)

static void stream_free(struct stream *stream)
{
        if (stream->type->deinit)
                stream->type->deinit(stream);
        free(stream);
}

/* ------------------------------------------------------------------------------------- the hub */

static void stream_hub_on_timer(void *arg)
{
        struct stream_hub *hub = arg;
        const uint64_t end_usec = clock_mono_usec() + STREAM_TURN_USEC;
        size_t left = hub->runnable_count;
        struct stream *stream;

        while (left-- > 0 && (stream = TAILQ_FIRST(&hub->runnable))) {
                TAILQ_REMOVE(&hub->runnable, stream, entry);
                hub->runnable_count--;
                stream->place = STREAM_IDLE;
                hub->ops->run(stream);
                if (clock_mono_usec() >= end_usec)
                        break;
        }
        if (!TAILQ_EMPTY(&hub->runnable) && loop_timer_start(hub->timer, 0) < 0)
                hub->ops->on_fault(TAILQ_FIRST(&hub->runnable), FAULT(-ENOMEM));
}

int stream_hub_init(struct stream_hub *hub, struct loop *loop, const struct stream_hub_ops *ops)
{
        const int r = loop_timer_new(loop, stream_hub_on_timer, hub, &hub->timer);

        TAILQ_INIT(&hub->runnable);
        TAILQ_INIT(&hub->ended);
        hub->ops = ops;
        return r ? PASS(r) : 0;
}

void stream_hub_bury(struct stream_hub *hub)
{
        struct stream *stream;

        while ((stream = TAILQ_FIRST(&hub->ended))) {
                TAILQ_REMOVE(&hub->ended, stream, entry);
                stream_free(stream);
        }
}

void stream_hub_deinit(struct stream_hub *hub)
{
        if (!hub->timer)
                return;
        stream_hub_bury(hub);
        hub->timer = loop_timer_free(hub->timer);
}

/* ------------------------------------------------------------------------- those of one session */

void stream_set_init(struct stream_set *set)
{
        *set = (struct stream_set){ .by_tag = NULL };
        TAILQ_INIT(&set->stuck);
}

struct stream *stream_set_find(const struct stream_set *set, uint64_t tag)
{
        struct stream *stream;

        HASH_FIND(hh, set->by_tag, &tag, sizeof(tag), stream);
        return stream;
}

size_t stream_set_count(const struct stream_set *set)
{
        return HASH_COUNT(set->by_tag);
}

void stream_list_wake(struct stream_list *list)
{
        struct stream *stream;

        while ((stream = TAILQ_FIRST(list)))
                stream_wake(stream);
}

/* ------------------------------------------------------------------------------------ one of them
 */

int stream_new(struct stream_hub *hub, struct stream_set *set, struct session *session,
               const struct stream_type *type, uint64_t tag, size_t size,
               struct stream **out_stream)
{
        struct stream *stream = calloc(1, size);

        if (!stream)
                return FAULT(-ENOMEM);
        stream->type = type;
        stream->hub = hub;
        stream->set = set;
        stream->session = session;
        stream->tag = tag;
        HASH_ADD(hh, set->by_tag, tag, sizeof(stream->tag), stream);
        if (!stream->hh.tbl) {
                free(stream);
                return FAULT(-ENOMEM);
        }
        *out_stream = stream;
        return 0;
}

static void stream_leave_place(struct stream *stream)
{
        if (stream->place == STREAM_RUNNABLE) {
                TAILQ_REMOVE(&stream->hub->runnable, stream, entry);
                stream->hub->runnable_count--;
        } else if (stream->place == STREAM_STUCK) {
                TAILQ_REMOVE(stream->list, stream, entry);
        }
        stream->place = STREAM_IDLE;
}

void stream_end(struct stream *stream)
{
        if (stream->place == STREAM_ENDED)
                return;
        stream_leave_place(stream);
        if (stream->read && !stream->hub->is_journal_closed)
                journal_read_cancel(TAKE_PTR(stream->read));
        HASH_DEL(stream->set->by_tag, stream);
        stream->place = STREAM_ENDED;
        TAILQ_INSERT_TAIL(&stream->hub->ended, stream, entry);
        stream->hub->ops->on_end(stream);
}

void stream_wake(struct stream *stream)
{
        if (stream->place == STREAM_RUNNABLE || stream->place == STREAM_ENDED)
                return;
        stream_leave_place(stream);
        if (TAILQ_EMPTY(&stream->hub->runnable) && loop_timer_start(stream->hub->timer, 0) < 0) {
                stream->hub->ops->on_fault(stream, FAULT(-ENOMEM));
                return;
        }
        stream->place = STREAM_RUNNABLE;
        TAILQ_INSERT_TAIL(&stream->hub->runnable, stream, entry);
        stream->hub->runnable_count++;
}

void stream_wait_in(struct stream *stream, struct stream_list *list)
{
        if (stream->place == STREAM_ENDED)
                return;
        stream_leave_place(stream);
        stream->place = STREAM_STUCK;
        stream->list = list;
        TAILQ_INSERT_TAIL(list, stream, entry);
}
