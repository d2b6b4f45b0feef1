/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in a stream of bytes: a 4-byte big-endian length, then that many bytes. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES 4
#define FRAME_MAX_BEFORE_HELLO (256U * 1024)
#define FRAME_MAX (4U * 1024 * 1024)

enum frame_answer {
        FRAME_E_MORE = 1, /* the header is not complete yet */
        FRAME_E_EMPTY,    /* length 0: refused */
        FRAME_E_TOO_LONG, /* length over max */
};

void frame_put_header(uint8_t out_header[static FRAME_HEADER_BYTES], uint32_t body_bytes);
/* Judges a header of `size` available bytes. 0 and *out_body_bytes, or FRAME_E_*. */
int frame_get_header(const uint8_t *data, size_t size, uint32_t max, uint32_t *out_body_bytes);
