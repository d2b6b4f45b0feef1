/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport below a connection: bytes of a non-blocking unix socket cut into frames
 * (proto/frame.h), frames to be sent gathered into one write, and passed descriptors in order.
 *
 * It knows neither tags nor messages' meaning, never waits and never reconnects: connection.c does
 * all that. proto/channel is not used because it lives inside a loop of common/loop, while this
 * library must fit into the loop of any program. The socket is read with recvmsg(2) since spool
 * files arrive as descriptors; at most LINK_FDS_MAX may wait, more are closed.
 */
#include "client/lib/link.h"

#include <errno.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/usocket.h"

#include "proto/frame.h"

#define LINK_READ_BYTES (256U * 1024)
#define LINK_FDS_MAX 64
#define LINK_IOV_MAX 16

struct link {
        int fd;                /* owned */
        struct buffer *in;     /* owned */
        struct buffer *out;    /* owned */
        uint8_t *room;         /* owned: LINK_READ_BYTES to read into */
        size_t frame_bytes;    /* header and body of the frame that link_next_frame() gave */
        int fds[LINK_FDS_MAX]; /* owned: passed, oldest first */
        size_t fds_count;
};

struct link *link_free(struct link *link)
{
        if (!link)
                return NULL;
        for (size_t i = 0; i < link->fds_count; i++)
                fd_close(link->fds[i]);
        free(link->room);
        buffer_free(link->out);
        buffer_free(link->in);
        fd_close(link->fd);
        free(link);
        return NULL;
}

int link_new(int fd, struct link **out_link)
{
        _cleanup_(link_freep) struct link *link = NULL;
        int r;

        link = calloc(1, sizeof(*link));
        if (!link) {
                fd_close(fd);
                return FAULT(-ENOMEM);
        }
        link->fd = fd;
        link->room = malloc(LINK_READ_BYTES);
        if (!link->room)
                return FAULT(-ENOMEM);
        r = buffer_new(&link->in);
        if (r)
                return PASS(r);
        r = buffer_new(&link->out);
        if (r)
                return PASS(r);
        *out_link = TAKE_PTR(link);
        return 0;
}

int link_fd(const struct link *link)
{
        return link->fd;
}

int link_send_packed(struct link *link, const void *data, size_t size)
{
        uint8_t header[FRAME_HEADER_BYTES];
        int r;

        if (size == 0 || size > FRAME_MAX)
                return FAULT(-EMSGSIZE);
        frame_put_header(header, (uint32_t)size);
        r = buffer_append(link->out, header, sizeof(header));
        if (r)
                return PASS(r);
        r = buffer_append(link->out, data, size);
        return r ? PASS(r) : 0;
}

int link_send(struct link *link, const ProtobufCMessage *message)
{
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        r = wire_pack(message, &data, &size);
        if (r)
                return PASS(r);
        r = link_send_packed(link, data, size);
        return r ? PASS(r) : 0;
}

int link_flush(struct link *link)
{
        struct iovec iov[LINK_IOV_MAX];

        while (buffer_length(link->out) > 0) {
                const int count = buffer_peek_iov(link->out, iov, LINK_IOV_MAX);
                size_t sent;
                const int r = usocket_send(link->fd, iov, count, -1, &sent);

                if (r == USOCKET_E_AGAIN)
                        return 0;
                if (r)
                        return LINK_E_CLOSED;
                buffer_drain(link->out, sent);
        }
        return 0;
}

size_t link_pending_bytes(const struct link *link)
{
        return buffer_length(link->out);
}

int link_receive(struct link *link, bool *out_more)
{
        size_t received;
        int fd = -1;
        int r;

        r = usocket_receive(link->fd, link->room, LINK_READ_BYTES, &received, &fd);
        if (r == USOCKET_E_AGAIN)
                return LINK_E_AGAIN;
        if (r)
                return LINK_E_CLOSED;
        /* A read ends behind a passed descriptor, however much lies there. */
        *out_more = received == LINK_READ_BYTES || fd >= 0;
        if (fd >= 0 && link->fds_count < LINK_FDS_MAX)
                link->fds[link->fds_count++] = TAKE_FD(fd);
        fd_close(fd);
        r = buffer_append(link->in, link->room, received);
        return r ? PASS(r) : 0;
}

int link_next_frame(struct link *link, const uint8_t **out_body, size_t *out_size)
{
        const size_t there = buffer_length(link->in);
        const uint8_t *head = NULL;
        uint32_t body_bytes;
        const uint8_t *frame;
        int r;

        if (there >= FRAME_HEADER_BYTES)
                head = buffer_peek(link->in, FRAME_HEADER_BYTES);
        if (!head)
                return LINK_E_AGAIN;
        r = frame_get_header(head, FRAME_HEADER_BYTES, FRAME_MAX, &body_bytes);
        if (r)
                return LINK_E_CLOSED;
        if (there < FRAME_HEADER_BYTES + (size_t)body_bytes)
                return LINK_E_AGAIN;
        frame = buffer_peek(link->in, FRAME_HEADER_BYTES + (size_t)body_bytes);
        if (!frame)
                return FAULT(-ENOMEM);
        link->frame_bytes = FRAME_HEADER_BYTES + (size_t)body_bytes;
        *out_body = frame + FRAME_HEADER_BYTES;
        *out_size = body_bytes;
        return 0;
}

void link_drop_frame(struct link *link)
{
        buffer_drain(link->in, link->frame_bytes);
        link->frame_bytes = 0;
}

int link_take_fd(struct link *link)
{
        int fd;

        if (link->fds_count == 0)
                return -1;
        fd = link->fds[0];
        link->fds_count--;
        for (size_t i = 0; i < link->fds_count; i++)
                link->fds[i] = link->fds[i + 1];
        return fd;
}
