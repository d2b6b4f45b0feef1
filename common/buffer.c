/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of bytes between a descriptor and its reader: libevent's evbuffer behind our names.
 *
 * Bytes stand in a chain of blocks: appending never moves what is there, and a block goes back to
 * the heap as soon as it is read. An empty buffer therefore costs next to nothing, which matters
 * with thousands of idle connections.
 *
 * There is no limit in here: who appends for a peer must look at buffer_length() first.
 * Used by proto/channel and by whoever reads a pipe. Not for more than one thread.
 */
#include "common/buffer.h"

#include <errno.h>
#include <event2/buffer.h>
#include <limits.h>

#include "common/error.h"

struct buffer {
        struct evbuffer *bytes; /* owned */
};

int buffer_new(struct buffer **out_buffer)
{
        _cleanup_(buffer_freep) struct buffer *buffer = calloc(1, sizeof(*buffer));

        if (!buffer)
                return FAULT(-ENOMEM);
        buffer->bytes = evbuffer_new();
        if (!buffer->bytes)
                return FAULT(-ENOMEM);
        *out_buffer = TAKE_PTR(buffer);
        return 0;
}

struct buffer *buffer_free(struct buffer *buffer)
{
        if (!buffer)
                return NULL;
        if (buffer->bytes)
                evbuffer_free(buffer->bytes);
        free(buffer);
        return NULL;
}

size_t buffer_length(const struct buffer *buffer)
{
        return evbuffer_get_length(buffer->bytes);
}

int buffer_append(struct buffer *buffer, const void *data, size_t size)
{
        if (size && evbuffer_add(buffer->bytes, data, size) < 0)
                return FAULT(-ENOMEM);
        return 0;
}

const uint8_t *buffer_peek(struct buffer *buffer, size_t size)
{
        static const uint8_t nothing[1];

        if (size == 0)
                return nothing;
        if (size > buffer_length(buffer))
                return NULL;
        return evbuffer_pullup(buffer->bytes, (ev_ssize_t)size);
}

int buffer_peek_iov(struct buffer *buffer, struct iovec *iov, int max)
{
        return evbuffer_peek(buffer->bytes, -1, NULL, iov, max);
}

void buffer_drain(struct buffer *buffer, size_t size)
{
        evbuffer_drain(buffer->bytes, size);
}

int buffer_write_fd(struct buffer *buffer, int fd, size_t *out_written)
{
        int n;

        if (!buffer_length(buffer)) {
                *out_written = 0;
                return 0;
        }
        do
                n = evbuffer_write(buffer->bytes, fd);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return BUFFER_E_AGAIN;
        if (n < 0)
                return FAULT(-errno);
        *out_written = (size_t)n;
        return 0;
}
