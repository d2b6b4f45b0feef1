/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.c and assembler.c: headers are written and judged, and frames come out whole whatever
 * pieces the bytes arrive in.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/assembler.h"
#include "proto/frame.h"

#include "tests/unit/suite.h"

START_TEST(header_is_big_endian)
{
        uint8_t header[FRAME_HEADER_BYTES];
        uint32_t size = 0;

        frame_put_header(header, 0x00012345);
        ck_assert_mem_eq(header, "\x00\x01\x23\x45", 4);
        ck_assert_int_eq(frame_get_header(header, 4, FRAME_MAX, &size), 0);
        ck_assert_uint_eq(size, 0x12345);
}
END_TEST

START_TEST(header_is_judged)
{
        static const struct {
                const char *bytes;
                size_t size;
                uint32_t max;
                int answer;
        } rows[] = {
                { "", 0, FRAME_MAX, FRAME_E_MORE },
                { "\0\0\0", 3, FRAME_MAX, FRAME_E_MORE },
                { "\xff\xff\xff", 3, FRAME_MAX, FRAME_E_MORE },
                { "\0\0\0\0", 4, FRAME_MAX, FRAME_E_EMPTY },
                { "\0\0\0\1", 4, FRAME_MAX, 0 },
                { "\xff\xff\xff\xff", 4, FRAME_MAX, FRAME_E_TOO_LONG },
                { "\x00\x40\x00\x00", 4, FRAME_MAX, 0 },
                { "\x00\x40\x00\x01", 4, FRAME_MAX, FRAME_E_TOO_LONG },
                { "\x00\x04\x00\x00", 4, FRAME_MAX_BEFORE_HELLO, 0 },
                { "\x00\x04\x00\x01", 4, FRAME_MAX_BEFORE_HELLO, FRAME_E_TOO_LONG },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint32_t size = 77;
                const int r = frame_get_header((const uint8_t *)rows[i].bytes, rows[i].size,
                                               rows[i].max, &size);

                ck_assert_msg(r == rows[i].answer, "row %zu: %d", i, r);
                if (r != 0)
                        ck_assert_uint_eq(size, 77);
        }
}
END_TEST

static void feed(struct assembler *assembler, const void *data, size_t size)
{
        const uint8_t *at = data;

        while (size > 0) {
                uint8_t *room;
                size_t bytes;

                /* Check writes a line for each assertion: too slow for every byte. */
                if (assembler_reserve(assembler, &room, &bytes) < 0 || bytes < ASSEMBLER_ROOM_MIN)
                        ck_abort_msg("no room");
                bytes = MIN(bytes, size);
                memcpy(room, at, bytes);
                assembler_commit(assembler, bytes);
                at += bytes;
                size -= bytes;
        }
}

/* Frames of many sizes in a row; frame n is filled with the byte n. */
static const uint32_t frame_sizes[] = { 1, 2, 3, 100, 16384, 16380, 65532, 1, 300000, 5 };

static uint8_t *make_stream(size_t *out_size)
{
        size_t size = 0, at = 0;
        uint8_t *stream;

        for (size_t i = 0; i < ARRAY_SIZE(frame_sizes); i++)
                size += FRAME_HEADER_BYTES + frame_sizes[i];
        stream = malloc(size);
        ck_assert_ptr_nonnull(stream);
        for (size_t i = 0; i < ARRAY_SIZE(frame_sizes); i++) {
                frame_put_header(stream + at, frame_sizes[i]);
                memset(stream + at + FRAME_HEADER_BYTES, (int)i, frame_sizes[i]);
                at += FRAME_HEADER_BYTES + frame_sizes[i];
        }
        *out_size = size;
        return stream;
}

static void expect_frames(struct assembler *assembler, size_t *next, uint64_t *offset)
{
        const uint8_t *body;
        size_t size;
        uint64_t end;

        while (assembler_next(assembler, FRAME_MAX, &body, &size, &end) == 0) {
                ck_assert_uint_lt(*next, ARRAY_SIZE(frame_sizes));
                ck_assert_uint_eq(size, frame_sizes[*next]);
                ck_assert_uint_eq(body[0], *next);
                ck_assert_uint_eq(body[size - 1], *next);
                *offset += FRAME_HEADER_BYTES + size;
                ck_assert_uint_eq(end, *offset);
                (*next)++;
        }
        assembler_trim(assembler);
}

START_TEST(frames_come_out_whole)
{
        static const size_t pieces[] = { 1, 3, 4, 5, 1000, 16384, 100000, 1000000 };
        const size_t piece = pieces[_i];
        struct assembler assembler = { 0 };
        size_t size, next = 0;
        uint64_t offset = 0;
        uint8_t *stream = make_stream(&size);

        for (size_t at = 0; at < size; at += piece) {
                feed(&assembler, stream + at, MIN(piece, size - at));
                expect_frames(&assembler, &next, &offset);
        }
        ck_assert_uint_eq(next, ARRAY_SIZE(frame_sizes));
        ck_assert_uint_eq(assembler_waiting_bytes(&assembler), 0);
        ck_assert_uint_eq(assembler_end_offset(&assembler), size);
        ck_assert_ptr_null(assembler.data);
        free(stream);
        assembler_deinit(&assembler);
}
END_TEST

/* A header that announces 4 MiB must not make us keep 4 MiB. */
START_TEST(announcing_is_not_paying)
{
        struct assembler assembler = { 0 };
        const uint8_t *body;
        uint64_t end;
        size_t size;

        feed(&assembler, "\x00\x40\x00\x00x", 5);
        ck_assert_int_eq(assembler_next(&assembler, FRAME_MAX, &body, &size, &end), FRAME_E_MORE);
        ck_assert_uint_le(assembler.capacity_bytes, 64 * 1024);
        ck_assert_uint_eq(assembler_waiting_bytes(&assembler), 5);
        assembler_deinit(&assembler);
}
END_TEST

START_TEST(bad_headers_are_refused)
{
        struct assembler assembler = { 0 };
        const uint8_t *body;
        uint64_t end;
        size_t size;

        feed(&assembler, "\0\0\0\0", 4);
        ck_assert_int_eq(assembler_next(&assembler, FRAME_MAX, &body, &size, &end), FRAME_E_EMPTY);
        assembler_deinit(&assembler);
        feed(&assembler, "\xff\xff\xff\xff", 4);
        ck_assert_int_eq(assembler_next(&assembler, FRAME_MAX, &body, &size, &end),
                         FRAME_E_TOO_LONG);
        assembler_deinit(&assembler);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("frame");
        TCase *tcase = tcase_create("frame");

        tcase_add_test(tcase, header_is_big_endian);
        tcase_add_test(tcase, header_is_judged);
        tcase_add_loop_test(tcase, frames_come_out_whole, 0, 8);
        tcase_add_test(tcase, announcing_is_not_paying);
        tcase_add_test(tcase, bad_headers_are_refused);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
