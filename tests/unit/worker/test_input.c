/* SPDX-License-Identifier: Apache-2.0 */
/* input.c: stdin by offset, duplicates cut off, slow and closed jobs. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"

#include "tests/unit/suite.h"
#include "worker/input.h"

static struct loop *loop;
static struct input *input;
static int fds[2];

static void setup(void)
{
        signal(SIGPIPE, SIG_IGN);
        ck_assert_int_eq(loop_new(&loop), 0);
        ck_assert_int_eq(input_new(loop, &input), 0);
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        input_start(input, fds[1]);
}

static void teardown(void)
{
        fds[0] = fd_close(fds[0]);
        input = input_free(input);
        loop = loop_free(loop);
}

static const char *taken_by_job(void)
{
        static char text[256];
        const ssize_t n = read(fds[0], text, sizeof(text) - 1);

        text[n > 0 ? n : 0] = '\0';
        return n == 0 ? "EOF" : text;
}

static void feed(uint64_t offset, const char *text, bool end)
{
        input_feed(input, offset, text, strlen(text), end);
}

static void expect_news(uint64_t wanted, bool wanted_closed)
{
        uint64_t taken;
        bool is_closed;

        ck_assert(input_take_news(input, &taken, &is_closed));
        ck_assert_uint_eq(taken, wanted);
        ck_assert(is_closed == wanted_closed);
        ck_assert(!input_take_news(input, &taken, &is_closed));
}

START_TEST(pieces_arrive_in_order_and_end_closes)
{
        feed(0, "one ", false);
        feed(4, "two", false);
        ck_assert_str_eq(taken_by_job(), "one two");
        expect_news(7, false);
        feed(7, " three", true);
        ck_assert_str_eq(taken_by_job(), " three");
        ck_assert_str_eq(taken_by_job(), "EOF");
        expect_news(13, false);
        feed(13, "too late", false);
        ck_assert_uint_eq(input_taken(input), 13);
}
END_TEST

START_TEST(what_was_taken_is_skipped)
{
        feed(0, "abcdef", false);
        ck_assert_str_eq(taken_by_job(), "abcdef");
        feed(0, "abc", false);
        feed(2, "cdefgh", false);
        feed(3, "defgh", false);
        ck_assert_str_eq(taken_by_job(), "gh");
        expect_news(8, false);
}
END_TEST

START_TEST(a_gap_is_ignored)
{
        feed(3, "later", true);
        ck_assert_uint_eq(input_taken(input), 0);
        ck_assert_str_eq(taken_by_job(), ""); /* not closed either */
        feed(0, "abc", false);
        feed(3, "later", true);
        ck_assert_str_eq(taken_by_job(), "abclater");
        ck_assert_str_eq(taken_by_job(), "EOF");
}
END_TEST

START_TEST(an_end_may_come_alone_and_twice)
{
        feed(0, "x", false);
        feed(1, "", true);
        feed(1, "", true);
        ck_assert_str_eq(taken_by_job(), "x");
        ck_assert_str_eq(taken_by_job(), "EOF");
}
END_TEST

START_TEST(a_repeated_piece_that_carries_the_end_ends)
{
        feed(0, "abc", false);
        feed(0, "abc", true);
        ck_assert_str_eq(taken_by_job(), "abc");
        ck_assert_str_eq(taken_by_job(), "EOF");
}
END_TEST

static void stop_when_taken(void *arg)
{
        const uint64_t *wanted = arg;
        static char sink[65536];

        while (read(fds[0], sink, sizeof(sink)) > 0)
                continue;
        if (input_taken(input) >= *wanted)
                loop_stop(loop, 0);
}

START_TEST(a_slow_job_gets_it_all_in_its_own_time)
{
        static char data[INPUT_WINDOW_BYTES];
        uint64_t wanted = sizeof(data);
        bool is_closed;
        uint64_t taken;

        input_feed(input, 0, data, sizeof(data), true);
        ck_assert(input_take_news(input, &taken, &is_closed));
        ck_assert_uint_lt(taken, sizeof(data)); /* a pipe holds less than the window */
        ck_assert_int_eq(loop_run(loop, stop_when_taken, &wanted), 0);
        expect_news(sizeof(data), false);
        ck_assert_str_eq(taken_by_job(), "EOF");
}
END_TEST

START_TEST(more_than_the_window_is_not_kept)
{
        static char data[INPUT_WINDOW_BYTES];
        uint64_t before;

        input_feed(input, 0, data, sizeof(data), false);
        before = input_taken(input);
        input_feed(input, sizeof(data), data, sizeof(data), false);
        /* Its sender starts again at what was taken: nothing is out of place. */
        ck_assert_uint_eq(input_taken(input), before);
        input_feed(input, sizeof(data), "x", 1, false);
        ck_assert_uint_eq(input_taken(input), before);
}
END_TEST

START_TEST(a_job_that_closes_is_told_once_to_each_who_asks)
{
        fds[0] = fd_close(fds[0]);
        feed(0, "abc", false);
        expect_news(0, true);
        feed(0, "abc", false);
        expect_news(0, true); /* a client that came later */
}
END_TEST

START_TEST(a_job_without_stdin_ignores_it)
{
        uint64_t taken;
        bool is_closed;

        input_start(input, -1);
        feed(0, "abc", true);
        ck_assert(!input_take_news(input, &taken, &is_closed));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("input");
        TCase *tcase = tcase_create("input");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, pieces_arrive_in_order_and_end_closes);
        tcase_add_test(tcase, what_was_taken_is_skipped);
        tcase_add_test(tcase, a_gap_is_ignored);
        tcase_add_test(tcase, an_end_may_come_alone_and_twice);
        tcase_add_test(tcase, a_repeated_piece_that_carries_the_end_ends);
        tcase_add_test(tcase, a_slow_job_gets_it_all_in_its_own_time);
        tcase_add_test(tcase, more_than_the_window_is_not_kept);
        tcase_add_test(tcase, a_job_that_closes_is_told_once_to_each_who_asks);
        tcase_add_test(tcase, a_job_without_stdin_ignores_it);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
