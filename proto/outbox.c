/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outgoing half of a channel, without its socket.
 *
 *    outbox_put()  --barrier not durable-->  held  --outbox_release()--.
 *        |                                                             v
 *        '--------------------------------------------------------> sendable  --> sendmsg(2)
 *
 * A frame is packed once, into the memory that sendmsg(2) takes it from. Frames with barriers that
 * do not fall keep their order: a release moves all that it frees at once, before anything sent
 * later can become sendable directly.
 *
 * A frame with a descriptor is sent by a sendmsg(2) that holds nothing but (the beginning of) that
 * frame: only so can the other side tell which frame the descriptor belongs to, since recvmsg(2)
 * glues earlier bytes to it, but never later ones.
 */
#include "proto/outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "common/error.h"

#include "proto/frame.h"

struct outbox_frame {
        STAILQ_ENTRY(outbox_frame) entry;
        uint64_t barrier;
        size_t size_bytes; /* header and body */
        size_t sent_bytes;
        int pass_fd; /* owned; -1 from the moment its first byte has left */
        uint8_t data[];
};

static struct outbox_frame *outbox_frame_free(struct outbox_frame *frame)
{
        if (frame)
                fd_close(frame->pass_fd);
        free(frame);
        return NULL;
}

static void outbox_queue_clear(struct outbox_queue *queue)
{
        struct outbox_frame *frame;

        while ((frame = STAILQ_FIRST(queue))) {
                STAILQ_REMOVE_HEAD(queue, entry);
                outbox_frame_free(frame);
        }
}

void outbox_init(struct outbox *outbox)
{
        *outbox = (struct outbox){ .held_least = UINT64_MAX };
        STAILQ_INIT(&outbox->sendable);
        STAILQ_INIT(&outbox->held);
}

void outbox_deinit(struct outbox *outbox)
{
        outbox_queue_clear(&outbox->held);
        outbox_queue_clear(&outbox->sendable);
        outbox->pending_bytes = 0;
        outbox->pending_count = 0;
}

int outbox_put(struct outbox *outbox, const ProtobufCMessage *message, size_t body_bytes,
               uint64_t barrier, int pass_fd)
{
        struct outbox_frame *frame = malloc(sizeof(*frame) + FRAME_HEADER_BYTES + body_bytes);

        if (!frame) {
                fd_close(pass_fd);
                return FAULT(-ENOMEM);
        }
        frame->barrier = barrier;
        frame->size_bytes = FRAME_HEADER_BYTES + body_bytes;
        frame->sent_bytes = 0;
        frame->pass_fd = pass_fd;
        frame_put_header(frame->data, (uint32_t)body_bytes);
        protobuf_c_message_pack(message, frame->data + FRAME_HEADER_BYTES);
        if (barrier > outbox->durable) {
                STAILQ_INSERT_TAIL(&outbox->held, frame, entry);
                outbox->held_least = MIN(outbox->held_least, barrier);
        } else {
                STAILQ_INSERT_TAIL(&outbox->sendable, frame, entry);
        }
        outbox->pending_bytes += frame->size_bytes;
        outbox->pending_count++;
        return 0;
}

void outbox_release(struct outbox *outbox, uint64_t durable)
{
        struct outbox_queue still = STAILQ_HEAD_INITIALIZER(still);
        struct outbox_frame *frame;

        outbox->durable = MAX(outbox->durable, durable);
        if (outbox->held_least > outbox->durable)
                return;
        outbox->held_least = UINT64_MAX;
        while ((frame = STAILQ_FIRST(&outbox->held))) {
                STAILQ_REMOVE_HEAD(&outbox->held, entry);
                if (frame->barrier <= outbox->durable) {
                        STAILQ_INSERT_TAIL(&outbox->sendable, frame, entry);
                } else {
                        STAILQ_INSERT_TAIL(&still, frame, entry);
                        outbox->held_least = MIN(outbox->held_least, frame->barrier);
                }
        }
        STAILQ_CONCAT(&outbox->held, &still);
}

int outbox_gather(const struct outbox *outbox, struct iovec *iov, int max, int *out_pass_fd)
{
        struct outbox_frame *frame;
        int count = 0;

        *out_pass_fd = -1;
        STAILQ_FOREACH (frame, &outbox->sendable, entry) {
                if (count == max || (count > 0 && frame->pass_fd >= 0))
                        break;
                iov[count++] = (struct iovec){
                        .iov_base = frame->data + frame->sent_bytes,
                        .iov_len = frame->size_bytes - frame->sent_bytes,
                };
                *out_pass_fd = frame->pass_fd;
                if (frame->pass_fd >= 0)
                        break;
        }
        return count;
}

void outbox_sent(struct outbox *outbox, size_t sent)
{
        outbox->pending_bytes -= sent;
        while (sent > 0) {
                struct outbox_frame *frame = STAILQ_FIRST(&outbox->sendable);
                const size_t bytes = MIN(sent, frame->size_bytes - frame->sent_bytes);

                frame->pass_fd = fd_close(frame->pass_fd);
                frame->sent_bytes += bytes;
                sent -= bytes;
                if (frame->sent_bytes < frame->size_bytes)
                        break;
                STAILQ_REMOVE_HEAD(&outbox->sendable, entry);
                outbox_frame_free(frame);
                outbox->pending_count--;
        }
}

size_t outbox_memory_bytes(const struct outbox *outbox)
{
        return outbox->pending_bytes + outbox->pending_count * sizeof(struct outbox_frame);
}
