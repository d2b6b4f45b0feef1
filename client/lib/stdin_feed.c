/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeding a job's stdin across reconnections.
 *
 *      taken            sent              written
 *   -----|----------------|------------------|---->  offsets of the job's stdin
 *        '--- kept in a ring of 1 MiB -------'
 *                         '-- may go up to `limit`
 *
 * The job's worker tells by StdinWindow how far it has taken bytes and how far the client may send.
 * Bytes are kept until they were taken, so that a new connection can send them again from there;
 * the worker recognises what it has by the offset. Owned by a followed job's stream (follow.c).
 */
#include "client/lib/stdin_feed.h"

#include <errno.h>
#include <string.h>

#define STDIN_FEED_PIECE_MAX (256U * 1024)

struct stdin_feed {
        uint64_t job;
        uint8_t *ring; /* owned: STDIN_FEED_MAX bytes; made by the first write */
        uint64_t taken, sent, written;
        uint64_t limit;
        bool end; /* nothing more will be written */
        bool end_sent;
        bool closed;  /* the job reads no more */
        uint64_t tag; /* of StdinData: refusals are ignored, since the job's end tells more */
        bool spent;   /* a new attempt cannot be given what the one before took */
};

int stdin_feed_new(uint64_t job, struct stdin_feed **out_feed)
{
        struct stdin_feed *const feed = calloc(1, sizeof(*feed));

        if (!feed)
                return FAULT(-ENOMEM);
        feed->job = job;
        *out_feed = feed;
        return 0;
}

struct stdin_feed *stdin_feed_free(struct stdin_feed *feed)
{
        if (feed)
                free(feed->ring);
        free(feed);
        return NULL;
}

size_t stdin_feed_room(const struct stdin_feed *feed)
{
        if (feed->end || feed->closed || feed->spent)
                return 0;
        return STDIN_FEED_MAX - (size_t)(feed->written - feed->taken);
}

int stdin_feed_write(struct stdin_feed *feed, const void *data, size_t size, size_t *out_taken)
{
        const size_t count = MIN(size, stdin_feed_room(feed));
        const size_t at = (size_t)(feed->written % STDIN_FEED_MAX);
        const size_t first = MIN(count, STDIN_FEED_MAX - at);

        if (!feed->ring)
                feed->ring = malloc(STDIN_FEED_MAX);
        if (!feed->ring)
                return FAULT(-ENOMEM);
        memcpy(feed->ring + at, data, first);
        memcpy(feed->ring, (const uint8_t *)data + first, count - first);
        feed->written += count;
        *out_taken = count;
        return 0;
}

void stdin_feed_close(struct stdin_feed *feed)
{
        feed->end = true;
}

bool stdin_feed_is_closed(const struct stdin_feed *feed)
{
        return feed->closed || feed->spent;
}

static int stdin_feed_send(struct stdin_feed *feed, struct call *call, size_t count, bool end)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__StdinData data = JOBD__STDIN_DATA__INIT;
        int r;

        data.job = feed->job;
        data.offset = feed->sent;
        data.has_data = count > 0;
        data.data.data = count > 0 ? feed->ring + feed->sent % STDIN_FEED_MAX : NULL;
        data.data.len = count;
        data.has_end = data.end = end;
        request.body_case = JOBD__REQUEST__BODY_STDIN_DATA;
        request.stdin_data = &data;
        if (feed->tag == 0)
                feed->tag = call->conn->next_tag++;
        request.tag = feed->tag;
        r = link_send(call->conn->link, &request.base);
        if (r)
                return PASS(r);
        feed->sent += count;
        feed->end_sent = end;
        return 0;
}

int stdin_feed_pump(struct stdin_feed *feed, struct call *call)
{
        if (call->conn->state != CONN_UP)
                return 0;
        if (feed->spent && feed->limit > 0 && !feed->end_sent)
                return stdin_feed_send(feed, call, 0, true);
        while (!feed->spent && !feed->closed && !feed->end_sent) {
                const uint64_t stop = MIN(feed->written, feed->limit);
                const uint64_t straight = STDIN_FEED_MAX - feed->sent % STDIN_FEED_MAX;
                uint64_t count = stop > feed->sent ? stop - feed->sent : 0;
                bool end;
                int r;

                count = MIN(MIN(count, straight), STDIN_FEED_PIECE_MAX);
                end = feed->end && feed->sent + count == feed->written;
                if (count == 0 && !end)
                        break;
                r = stdin_feed_send(feed, call, (size_t)count, end);
                if (r)
                        return PASS(r);
        }
        return 0;
}

void stdin_feed_on_window(struct stdin_feed *feed, const Jobd__StdinWindow *window)
{
        feed->limit = window->limit;
        if (feed->spent)
                return;
        /* A jobd that has just started may not have heard from the worker: the next window counts.
         */
        if (window->taken < feed->taken)
                feed->limit = 0;
        if (window->taken > feed->taken && window->taken <= feed->written)
                feed->taken = window->taken;
        feed->sent = MAX(feed->sent, feed->taken);
        if (window->has_closed && window->closed)
                feed->closed = true;
}

void stdin_feed_restart(struct stdin_feed *feed)
{
        feed->spent = feed->spent || feed->taken > 0;
        feed->closed = false;
        stdin_feed_rewind(feed);
}

void stdin_feed_rewind(struct stdin_feed *feed)
{
        feed->sent = 0;
        feed->limit = 0; /* the next window says where to begin */
        feed->end_sent = false;
}
