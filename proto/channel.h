/* SPDX-License-Identifier: Apache-2.0 */
/* A framed, buffered, non-blocking connection, used by all three programs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/loop.h"

#include "proto/wire.h"

struct channel;

enum channel_answer {
        CHANNEL_E_FULL = 1, /* the peer reads too slowly: more than out_max_bytes wait */
        CHANNEL_E_CLOSED,   /* the connection is gone */
};

enum channel_end {
        CHANNEL_END_EOF,   /* the peer closed; nothing was cut */
        CHANNEL_END_CUT,   /* the peer closed in the middle of a frame, or the connection broke */
        CHANNEL_END_BAD,   /* a frame of length 0 or over the limit */
        CHANNEL_END_FAULT, /* ours */
};

struct channel_ops {
        /* One frame's body, borrowed for the call. passed_fd: -1, or owned by the callee. */
        void (*on_frame)(void *arg, const uint8_t *body, size_t size, int passed_fd);
        /*
         * No more frames come, called once. The channel may be freed only after this callback
         * returned (in BURY). What was queued is not sent any more.
         */
        void (*on_end)(void *arg, enum channel_end end);
        /* May be NULL: everything that could be sent has left after having been stuck. */
        void (*on_drained)(void *arg);
        /*
         * May be NULL: so many bytes of a frame that is not complete are here, told after each
         * read that leaves some; 0 once when it has become complete.
         */
        void (*on_partial)(void *arg, size_t waiting_bytes);
};

struct channel_options {
        uint32_t frame_max_bytes; /* of incoming frames; channel_set_frame_max() changes it */
        size_t out_max_bytes;     /* 0: no limit */
        bool take_fds;            /* false: read(2), so that the kernel drops passed descriptors */
};

/* fd: owned by the channel from here, also when this fails. ops, arg: borrowed, outlive it. */
_must_use_ int channel_new(struct loop *loop, int fd, const struct channel_options *options,
                           const struct channel_ops *ops, void *arg, struct channel **out_channel);
struct channel *channel_free(struct channel *channel);
DEFINE_CLEANUP(struct channel *, channel_free);

void channel_set_frame_max(struct channel *channel, uint32_t frame_max_bytes);
/* Stops or goes on reading: push back on a peer that asks faster than it listens. */
void channel_set_reading(struct channel *channel, bool on);

/*
 * Queues one message as a frame that may not leave before journal sequence `barrier` is durable
 * (0: at any time). Frames behind a held one may pass it; a caller that needs order among some
 * gives them barriers that do not fall. Nothing is written before channel_flush().
 * pass_fd: -1, or a descriptor owned by the channel from here, also when this fails.
 * CHANNEL_E_FULL: what waits, with its overhead, and this are over out_max_bytes (one frame is
 * always taken when nothing waits). 0, CHANNEL_E_FULL, CHANNEL_E_CLOSED, or a fault.
 */
_must_use_ int channel_send(struct channel *channel, const ProtobufCMessage *message,
                            uint64_t barrier, int pass_fd);
/* Frames with barrier <= durable may leave now (channel_flush() sends them). */
void channel_release(struct channel *channel, uint64_t durable);
/* Does any frame wait for a barrier? */
bool channel_is_held(const struct channel *channel);
/* Writes what may leave; the rest goes when the socket is writable. */
void channel_flush(struct channel *channel);
/* Bytes queued and not yet written, held frames included. */
size_t channel_pending_bytes(const struct channel *channel);
int channel_fd(const struct channel *channel);
