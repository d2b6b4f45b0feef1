/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: calls that answer many times and live until their user frees them. Here is what follow.c
 * and watch.c share: starting, ending exactly once, pausing, stopping at the daemon when the user
 * has had enough, and the blocking form. A stream that ended stays as a dead handle, so that its
 * user may free it at any time and also inside its own callbacks.
 */
#include "client/lib/stream.h"

#include <string.h>

#include "common/clock.h"

#include "client/lib/stdin_feed.h"

int stream_start(struct jobctl *conn, struct jobctl_stream *stream, const struct call_ops *call_ops,
                 const struct jobctl_stream_ops *ops, void *arg)
{
        int r;

        memcpy(&stream->ops, ops, MIN(ops->size, sizeof(stream->ops)));
        stream->arg = arg;
        r = conn_start_call(conn, &stream->call, call_ops);
        if (r) {
                call_free(&stream->call);
                return PASS(r);
        }
        return 0;
}

void stream_end(struct jobctl_stream *stream, int code, const char *text,
                const Jobd__JobEnded *ended)
{
        if (stream->ended)
                return;
        stream->ended = true;
        call_finish(&stream->call);
        if (code == JOBCTL_E_STOPPING)
                stream->call.conn->stopping = true;
        if (code)
                failure_set(&stream->call.conn->failure, code, "%s", text);
        if (stream->ops.on_end)
                stream->ops.on_end(stream->arg, code, text, (const void *)ended);
}

void stream_on_fail(struct call *call, int code, const char *text)
{
        stream_end((struct jobctl_stream *)call, code, text, NULL);
}

void stream_error(struct jobctl_stream *stream, const Jobd__Error *error)
{
        stream_end(stream, (int)error->code, error->message, NULL);
}

void stream_item(struct jobctl_stream *stream, const ProtobufCMessage *message)
{
        if (stream->ops.on_item)
                stream->ops.on_item(stream->arg, (const void *)message);
}

struct jobctl_stream *jobctl_stream_free(struct jobctl_stream *stream)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Stop stop = JOBD__STOP__INIT;
        struct jobctl *conn;

        if (!stream)
                return NULL;
        conn = stream->call.conn;
        if (!stream->ended && conn->link && (conn->state == CONN_UP || stream->call.early)) {
                stop.stop_tag = stream->call.tag;
                request.body_case = JOBD__REQUEST__BODY_STOP;
                request.stop = &stop;
                request.tag = conn->next_tag++;
                if (link_send(conn->link, &request.base) == 0 && conn->depth == 0)
                        conn_flush(conn);
        }
        stream->ended = true;
        call_free(&stream->call);
        return NULL;
}

void jobctl_stream_pause(struct jobctl_stream *stream, bool on)
{
        if (stream->paused && !on)
                conn_wake(stream->call.conn);
        stream->paused = on;
}

void jobctl_stream_await(struct jobctl_stream *stream)
{
        if (stream->call.ops == &follow_ops && !stream->ended)
                follow_await(stream);
}

int jobctl_stream_run(struct jobctl_stream *stream, uint64_t timeout_usec)
{
        const uint64_t now = clock_mono_usec();

        return conn_run_until(stream->call.conn, &stream->ended,
                              timeout_usec > USEC_NONE - now ? USEC_NONE : now + timeout_usec);
}

/* The stdin of a followed job; streams of another kind have none. */
static struct stdin_feed *stream_stdin(const struct jobctl_stream *stream)
{
        if (stream->call.ops != &follow_ops)
                return NULL;
        return follow_stdin((struct jobctl_stream *)(uintptr_t)stream);
}

size_t jobctl_stream_room(const struct jobctl_stream *stream)
{
        const struct stdin_feed *const feed = stream_stdin(stream);

        return feed ? stdin_feed_room(feed) : 0;
}

bool jobctl_stream_is_stdin_closed(const struct jobctl_stream *stream)
{
        const struct stdin_feed *const feed = stream_stdin(stream);

        return !feed || stream->ended || stdin_feed_is_closed(feed);
}

/* Sends what the window allows after something was added. */
static int stream_pump_stdin(struct jobctl_stream *stream, struct stdin_feed *feed)
{
        struct jobctl *const conn = stream->call.conn;
        int r;

        r = stdin_feed_pump(feed, &stream->call);
        if (r)
                return failure_from(&conn->failure, r, "sending to the job's stdin");
        if (conn->depth == 0)
                conn_flush(conn);
        return JOBCTL_OK;
}

int jobctl_stream_write(struct jobctl_stream *stream, const void *data, size_t size,
                        size_t *out_taken)
{
        struct stdin_feed *const feed = stream_stdin(stream);
        int r;

        if (!feed)
                return failure_set(&stream->call.conn->failure, JOBCTL_E_USAGE,
                                   "this stream feeds no stdin");
        r = stdin_feed_write(feed, data, size, out_taken);
        if (r)
                return failure_from(&stream->call.conn->failure, r, "the job's stdin");
        return stream_pump_stdin(stream, feed);
}

int jobctl_stream_close_stdin(struct jobctl_stream *stream)
{
        struct stdin_feed *const feed = stream_stdin(stream);

        if (!feed)
                return failure_set(&stream->call.conn->failure, JOBCTL_E_USAGE,
                                   "this stream feeds no stdin");
        stdin_feed_close(feed);
        return stream_pump_stdin(stream, feed);
}
