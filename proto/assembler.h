/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the frames of a stream of bytes together. Internal to proto/. No descriptors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "proto/frame.h"

/* All zero is an empty one. */
struct assembler {
        uint8_t *data; /* owned; NULL while nothing waits */
        size_t capacity_bytes;
        size_t start; /* of the first byte not yet handed out */
        size_t end;
        uint64_t start_offset; /* of `start` in the whole stream */
};

void assembler_deinit(struct assembler *assembler);
/* Room for at least ASSEMBLER_ROOM_MIN bytes behind what is there; invalidates bodies. */
#define ASSEMBLER_ROOM_MIN (16U * 1024)
_must_use_ int assembler_reserve(struct assembler *assembler, uint8_t **out_room,
                                 size_t *out_room_bytes);
/* `size` bytes have been written into the room. */
void assembler_commit(struct assembler *assembler, size_t size);
/*
 * Takes the next complete frame: its body, valid until assembler_reserve() or _trim(), and where
 * the byte behind it stands in the stream. 0 or FRAME_E_*.
 */
_must_use_ int assembler_next(struct assembler *assembler, uint32_t max_bytes,
                              const uint8_t **out_body, size_t *out_body_bytes,
                              uint64_t *out_end_offset);
/* Gives memory back when nothing waits: an idle connection keeps none. */
void assembler_trim(struct assembler *assembler);
/* Bytes that wait for the rest of their frame, or to be taken. */
size_t assembler_waiting_bytes(const struct assembler *assembler);
/* Where the next byte will stand in the stream. */
uint64_t assembler_end_offset(const struct assembler *assembler);
