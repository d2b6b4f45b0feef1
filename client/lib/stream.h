/* SPDX-License-Identifier: Apache-2.0 */
/* What all streams have in common. */
#pragma once

#include "client/lib/connection.h"

struct jobctl_stream {
        struct call call; /* first: a stream is a call */
        struct jobctl_stream_ops ops;
        void *arg; /* borrowed: see jobctl.h */
        bool paused;
        bool ended;
};

/* Starts a stream whose memory begins with struct jobctl_stream; on failure it has been freed. */
_must_use_ int stream_start(struct jobctl *conn, struct jobctl_stream *stream,
                            const struct call_ops *call_ops, const struct jobctl_stream_ops *ops,
                            void *arg);
/* The end, told once. ended: NULL or JobEnded. */
void stream_end(struct jobctl_stream *stream, int code, const char *text,
                const Jobd__JobEnded *ended);
/* call_ops.on_fail of every stream. */
void stream_on_fail(struct call *call, int code, const char *text);
/* Hands a message to on_item. */
void stream_item(struct jobctl_stream *stream, const ProtobufCMessage *message);
/* Ends the stream with a reply's Error. */
void stream_error(struct jobctl_stream *stream, const Jobd__Error *error);

/* follow.c, for the functions of jobctl.h that serve only followed jobs. */
struct stdin_feed *follow_stdin(struct jobctl_stream *stream);
/* jobctl_stream_await() of a follow_ops stream that has not ended. */
void follow_await(struct jobctl_stream *stream);
extern const struct call_ops follow_ops;
