/* SPDX-License-Identifier: Apache-2.0 */
/* Our stdout or stderr as a place for a job's output: fast, and never in the way of a signal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

struct sink;

enum sink_answer {
        SINK_E_CLOSED = 1, /* nobody reads any more (EPIPE) */
        SINK_E_FAILED,     /* cannot be written: errno tells */
};

/*
 * fd: borrowed (1 or 2). interrupt_fd: borrowed; when it becomes readable while sink_write() waits
 * for the reader, the rest is kept and sink_write() returns. -1: none.
 */
_must_use_ int sink_new(int fd, int interrupt_fd, struct sink **out_sink);
struct sink *sink_free(struct sink *sink);
DEFINE_CLEANUP(struct sink *, sink_free);

/* Writes all of it, or keeps the rest. 0 or SINK_E_*, or a fault. */
_must_use_ int sink_write(struct sink *sink, const void *data, size_t size);
/* Writes what was kept, as far as the reader takes it at once. */
_must_use_ int sink_flush(struct sink *sink);
/* Is something kept? Then wait for sink_fd() to be writable. */
bool sink_is_full(const struct sink *sink);
int sink_fd(const struct sink *sink);
