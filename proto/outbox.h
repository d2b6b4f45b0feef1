/* SPDX-License-Identifier: Apache-2.0 */
/* Frames on their way out: those that may leave, and those held back. Internal to proto/. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/cleanup.h"
#include "common/list.h"

struct outbox_frame;
STAILQ_HEAD(outbox_queue, outbox_frame);

struct outbox {
        struct outbox_queue sendable; /* owned */
        struct outbox_queue held;     /* owned; in the order of sending */
        uint64_t held_least;          /* the lowest barrier in `held` */
        uint64_t durable;             /* the highest sequence released */
        size_t pending_bytes;         /* packed and not yet sent */
        size_t pending_count;
};

void outbox_init(struct outbox *outbox);
void outbox_deinit(struct outbox *outbox);

/* pass_fd: owned by the outbox from here, also when this fails. 0 or a fault. */
_must_use_ int outbox_put(struct outbox *outbox, const ProtobufCMessage *message, size_t body_bytes,
                          uint64_t barrier, int pass_fd);
/* Frames with barrier <= durable may leave. */
void outbox_release(struct outbox *outbox, uint64_t durable);
/*
 * Vectors for one sendmsg(2), and the descriptor (borrowed) that goes on its first byte or -1.
 * A frame with a descriptor goes alone. Returns how many.
 */
int outbox_gather(const struct outbox *outbox, struct iovec *iov, int max, int *out_pass_fd);
/* `sent` bytes of what was gathered have left, with the descriptor. */
void outbox_sent(struct outbox *outbox, size_t sent);
/* What the frames take, for limits. */
size_t outbox_memory_bytes(const struct outbox *outbox);

static inline bool outbox_is_sendable(const struct outbox *outbox)
{
        return !STAILQ_EMPTY(&outbox->sendable);
}
