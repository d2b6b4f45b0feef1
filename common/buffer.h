/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of bytes between a descriptor and its reader: libevent's evbuffer behind our names. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/cleanup.h"

struct buffer;

enum buffer_answer {
        BUFFER_E_AGAIN = 1, /* the descriptor takes nothing now */
};

_must_use_ int buffer_new(struct buffer **out_buffer);
struct buffer *buffer_free(struct buffer *buffer);
DEFINE_CLEANUP(struct buffer *, buffer_free);

size_t buffer_length(const struct buffer *buffer);
/* Copies `size` bytes in. */
_must_use_ int buffer_append(struct buffer *buffer, const void *data, size_t size);
/*
 * The first `size` bytes as one piece, owned by the buffer and valid until it changes;
 * NULL when there are fewer or memory ends.
 */
const uint8_t *buffer_peek(struct buffer *buffer, size_t size);
/* Fills up to `max` vectors with what is there, without copying; returns how many. */
int buffer_peek_iov(struct buffer *buffer, struct iovec *iov, int max);
/* Drops `size` bytes from the front (at most what is there). */
void buffer_drain(struct buffer *buffer, size_t size);
/* One writev(2). 0 when bytes left (*out_written), or BUFFER_E_AGAIN, or a fault (EPIPE too). */
_must_use_ int buffer_write_fd(struct buffer *buffer, int fd, size_t *out_written);
