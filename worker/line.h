/* SPDX-License-Identifier: Apache-2.0 */
/* The line between the pool and one of its workers: small messages, and EOF when one dies. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"

enum line_kind {
        LINE_NONE,
        LINE_PING,    /* pool: answer PONG, and whether you have dialled */
        LINE_STOP,    /* pool: end your job (value: grace, microseconds), then exit */
        LINE_PONG,    /* worker */
        LINE_BUSY,    /* worker: I have work and nobody watches me */
        LINE_DIALLED, /* worker: I have (1) or have no longer (0) reached jobd */
        LINE_KIND_COUNT,
};

enum line_answer {
        LINE_E_AGAIN = 1,
        LINE_E_EOF, /* the other side is gone */
};

struct line_message {
        uint32_t kind; /* enum line_kind */
        uint32_t reserved;
        uint64_t value;
};

/* Both ends: non-blocking, CLOEXEC, message boundaries kept. */
_must_use_ int line_open(int out_fds[static 2]);
/* Best effort: a line that is full or closed loses the message, and EOF tells the rest. */
void line_send(int fd, enum line_kind kind, uint64_t value);
_must_use_ int line_receive(int fd, struct line_message *out_message);
