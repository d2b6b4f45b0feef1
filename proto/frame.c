/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame header, written and judged.
 *
 *    0        4
 *    +--------+-----------------------+
 *    | length | body, `length` bytes  |     length: big endian, 1 .. max
 *    +--------+-----------------------+
 *
 * Pure: no memory, no descriptors. The assembler and the channel build on it. A length is judged
 * before a single byte of the body is waited for, so that a peer cannot make us keep memory for
 * a frame that would be refused anyway.
 */
#include "proto/frame.h"

void frame_put_header(uint8_t out_header[static FRAME_HEADER_BYTES], uint32_t body_bytes)
{
        out_header[0] = (uint8_t)(body_bytes >> 24);
        out_header[1] = (uint8_t)(body_bytes >> 16);
        out_header[2] = (uint8_t)(body_bytes >> 8);
        out_header[3] = (uint8_t)body_bytes;
}

int frame_get_header(const uint8_t *data, size_t size, uint32_t max, uint32_t *out_body_bytes)
{
        uint32_t body_bytes;

        if (size < FRAME_HEADER_BYTES)
                return FRAME_E_MORE;
        body_bytes = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 |
                     (uint32_t)data[3];
        if (body_bytes == 0)
                return FRAME_E_EMPTY;
        if (body_bytes > max)
                return FRAME_E_TOO_LONG;
        *out_body_bytes = body_bytes;
        return 0;
}
