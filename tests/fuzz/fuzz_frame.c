/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: whatever the pieces a stream arrives in, the same frames come out of it. The first byte
 * chooses the pieces; the rest is the stream. A plain reading of the whole is the witness.
 */
#include <string.h>

#include "proto/assembler.h"

#include "fuzz.h"

#define FUZZ_FRAME_MAX 4096U

/* Where the next frame of the whole stream ends, as assembler_next() should tell. */
static int witness_next(const uint8_t *data, size_t size, size_t *at, size_t *out_body_bytes)
{
        uint32_t body_bytes = 0;
        const int r = frame_get_header(data + *at, size - *at, FUZZ_FRAME_MAX, &body_bytes);

        if (r != 0)
                return r;
        FUZZ_CHECK(body_bytes >= 1 && body_bytes <= FUZZ_FRAME_MAX);
        if (size - *at - FRAME_HEADER_BYTES < body_bytes)
                return FRAME_E_MORE;
        *at += FRAME_HEADER_BYTES + body_bytes;
        *out_body_bytes = body_bytes;
        return 0;
}

static void feed(struct assembler *assembler, const uint8_t *data, size_t size)
{
        uint8_t *room;
        size_t room_bytes;

        FUZZ_CHECK(assembler_reserve(assembler, &room, &room_bytes) == 0);
        FUZZ_CHECK(room_bytes >= size);
        memcpy(room, data, size);
        assembler_commit(assembler, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct assembler assembler = { 0 };
        size_t piece, at = 0;
        int r = FRAME_E_MORE;

        if (size < 1)
                return 0;
        piece = 1 + (size_t)data[0] * data[0] / 16;
        data++;
        size--;
        for (size_t fed = 0; fed < size && r == FRAME_E_MORE; fed += piece) {
                const size_t bytes = MIN(piece, size - fed);
                const uint8_t *body;
                size_t body_bytes;
                uint64_t end;

                feed(&assembler, data + fed, bytes);
                for (;;) {
                        const size_t start = at;
                        size_t expected_bytes = 0;
                        const int expected = witness_next(data, fed + bytes, &at, &expected_bytes);

                        r = assembler_next(&assembler, FUZZ_FRAME_MAX, &body, &body_bytes, &end);
                        FUZZ_CHECK(r == expected);
                        if (r != 0)
                                break;
                        FUZZ_CHECK(body_bytes == expected_bytes && end == at);
                        FUZZ_CHECK(memcmp(body, data + start + FRAME_HEADER_BYTES, body_bytes) ==
                                   0);
                }
                assembler_trim(&assembler);
                FUZZ_CHECK(assembler_end_offset(&assembler) == fed + bytes);
        }
        assembler_deinit(&assembler);
        return 0;
}
