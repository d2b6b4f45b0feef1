/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One flat piece of memory between a descriptor and the frames in it.
 *
 *       data          start            end        capacity
 *        | handed out   | waiting        | room      |
 *
 * Bytes are read straight into the room, so that a frame lies in one piece and is handed out
 * without a copy. The piece grows by doubling while the bytes of one frame arrive, never because
 * a header announces many: a peer pays with bytes for the memory it holds. What waits moves to
 * the front only when the room is short, which costs at most as much as reading it did.
 *
 * The owner bounds the piece: a frame over the limit is refused from its header, so there is
 * never more than about twice the limit.
 */
#include "proto/assembler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

#define ASSEMBLER_CAPACITY_MIN (64U * 1024)

void assembler_deinit(struct assembler *assembler)
{
        free(assembler->data);
        *assembler = (struct assembler){ 0 };
}

static int assembler_grow(struct assembler *assembler)
{
        const size_t capacity_bytes = MAX(2 * assembler->capacity_bytes, ASSEMBLER_CAPACITY_MIN);
        uint8_t *data = realloc(assembler->data, capacity_bytes);

        if (!data)
                return FAULT(-ENOMEM);
        assembler->data = data;
        assembler->capacity_bytes = capacity_bytes;
        return 0;
}

int assembler_reserve(struct assembler *assembler, uint8_t **out_room, size_t *out_room_bytes)
{
        const size_t waiting = assembler_waiting_bytes(assembler);
        int r;

        if (assembler->capacity_bytes - assembler->end < ASSEMBLER_ROOM_MIN &&
            assembler->start > 0) {
                memmove(assembler->data, assembler->data + assembler->start, waiting);
                assembler->start = 0;
                assembler->end = waiting;
        }
        if (assembler->capacity_bytes - assembler->end < ASSEMBLER_ROOM_MIN) {
                r = assembler_grow(assembler);
                if (r < 0)
                        return PASS(r);
        }
        *out_room = assembler->data + assembler->end;
        *out_room_bytes = assembler->capacity_bytes - assembler->end;
        return 0;
}

void assembler_commit(struct assembler *assembler, size_t size)
{
        assembler->end += size;
}

int assembler_next(struct assembler *assembler, uint32_t max_bytes, const uint8_t **out_body,
                   size_t *out_body_bytes, uint64_t *out_end_offset)
{
        const size_t waiting = assembler_waiting_bytes(assembler);
        uint32_t body_bytes;
        int r;

        if (waiting < FRAME_HEADER_BYTES)
                return FRAME_E_MORE;
        r = frame_get_header(assembler->data + assembler->start, waiting, max_bytes, &body_bytes);
        if (r != 0)
                return r;
        if (waiting - FRAME_HEADER_BYTES < body_bytes)
                return FRAME_E_MORE;
        *out_body = assembler->data + assembler->start + FRAME_HEADER_BYTES;
        *out_body_bytes = body_bytes;
        assembler->start += FRAME_HEADER_BYTES + (size_t)body_bytes;
        assembler->start_offset += FRAME_HEADER_BYTES + (uint64_t)body_bytes;
        *out_end_offset = assembler->start_offset;
        return 0;
}

void assembler_trim(struct assembler *assembler)
{
        if (assembler->start != assembler->end)
                return;
        free(assembler->data);
        assembler->data = NULL;
        assembler->capacity_bytes = 0;
        assembler->start = 0;
        assembler->end = 0;
}

size_t assembler_waiting_bytes(const struct assembler *assembler)
{
        return assembler->end - assembler->start;
}

uint64_t assembler_end_offset(const struct assembler *assembler)
{
        return assembler->start_offset + assembler_waiting_bytes(assembler);
}
