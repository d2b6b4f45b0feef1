/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in and out of a buffer: order, pieces, limits, and descriptors that give or take little. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/buffer.h"

#include "suite.h"

static struct buffer *buffer_of(const char *text)
{
        struct buffer *buffer = NULL;

        ck_assert_int_eq(buffer_new(&buffer), 0);
        ck_assert_int_eq(buffer_append(buffer, text, strlen(text)), 0);
        return buffer;
}

START_TEST(appended_bytes_come_out_in_order)
{
        _cleanup_(buffer_freep) struct buffer *buffer = buffer_of("abc");

        ck_assert_int_eq(buffer_append(buffer, "def", 3), 0);
        ck_assert_int_eq(buffer_append(buffer, NULL, 0), 0);
        ck_assert_uint_eq(buffer_length(buffer), 6);
        ck_assert_mem_eq(buffer_peek(buffer, 6), "abcdef", 6);
        ck_assert_ptr_nonnull(buffer_peek(buffer, 0));
        ck_assert_ptr_null(buffer_peek(buffer, 7));
        ck_assert_ptr_null(buffer_peek(buffer, SIZE_MAX));
        buffer_drain(buffer, 4);
        ck_assert_mem_eq(buffer_peek(buffer, 2), "ef", 2);
        buffer_drain(buffer, 100);
        ck_assert_uint_eq(buffer_length(buffer), 0);
        ck_assert_ptr_nonnull(buffer_peek(buffer, 0));
        ck_assert_ptr_null(buffer_peek(buffer, 1));
}
END_TEST

START_TEST(peek_joins_pieces)
{
        _cleanup_(buffer_freep) struct buffer *buffer = buffer_of("x");
        static char block[10000];

        memset(block, 'y', sizeof(block));
        for (int i = 0; i < 5; i++)
                ck_assert_int_eq(buffer_append(buffer, block, sizeof(block)), 0);
        ck_assert_mem_eq(buffer_peek(buffer, 10001) + 1, block, sizeof(block));
        ck_assert_uint_eq(buffer_length(buffer), 50001);
}
END_TEST

START_TEST(peek_iov_shows_all_without_taking)
{
        _cleanup_(buffer_freep) struct buffer *buffer = NULL;
        static char block[9000];
        struct iovec iov[8];
        size_t sum = 0;
        int n;

        ck_assert_int_eq(buffer_new(&buffer), 0);
        ck_assert_int_eq(buffer_peek_iov(buffer, iov, 8), 0);
        for (int i = 0; i < 4; i++)
                ck_assert_int_eq(buffer_append(buffer, block, sizeof(block)), 0);
        n = buffer_peek_iov(buffer, iov, 8);
        ck_assert_int_ge(n, 1);
        for (int i = 0; i < n; i++)
                sum += iov[i].iov_len;
        ck_assert_uint_eq(sum, 4 * sizeof(block));
        ck_assert_int_le(buffer_peek_iov(buffer, iov, 1), 1);
        ck_assert_uint_eq(buffer_length(buffer), 4 * sizeof(block));
}
END_TEST

START_TEST(write_stops_at_a_full_pipe_and_goes_on)
{
        _cleanup_(buffer_freep) struct buffer *out = buffer_of("");
        static char block[300000], in[sizeof(block)];
        size_t written = 0, received = 0;
        ssize_t got;
        int fds[2], r;

        for (size_t i = 0; i < sizeof(block); i++)
                block[i] = (char)(i % 251);
        ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
        ck_assert_int_eq(buffer_write_fd(out, fds[1], &written), 0);
        ck_assert_uint_eq(written, 0);
        ck_assert_int_eq(buffer_append(out, block, sizeof(block)), 0);
        while (buffer_length(out)) {
                r = buffer_write_fd(out, fds[1], &written);
                ck_assert_int_ge(r, 0);
                if (r == BUFFER_E_AGAIN) {
                        got = read(fds[0], in + received, sizeof(in) - received);
                        ck_assert_int_gt(got, 0);
                        received += (size_t)got;
                }
        }
        while ((got = read(fds[0], in + received, sizeof(in) - received)) > 0)
                received += (size_t)got;
        ck_assert_uint_eq(received, sizeof(block));
        ck_assert_mem_eq(in, block, sizeof(block));
        close(fds[0]);
        close(fds[1]);
}
END_TEST

START_TEST(write_to_nobody_is_a_fault)
{
        _cleanup_(buffer_freep) struct buffer *out = buffer_of("x");
        size_t written;
        int fds[2];

        signal(SIGPIPE, SIG_IGN);
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        close(fds[0]);
        ck_assert_int_eq(buffer_write_fd(out, fds[1], &written), -EPIPE);
        ck_assert_uint_eq(buffer_length(out), 1);
        close(fds[1]);
}
END_TEST

SUITE_MAIN("buffer", NULL, NULL, appended_bytes_come_out_in_order, peek_joins_pieces,
           peek_iov_shows_all_without_taking, write_stops_at_a_full_pipe_and_goes_on,
           write_to_nobody_is_a_fault)
