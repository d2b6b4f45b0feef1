/* SPDX-License-Identifier: Apache-2.0 */
/* Lines: the last so many, times before each, two streams that do not mix. */
#include <string.h>

#include "client/cmd/line_filter.h"
#include "tests/unit/suite.h"

#define WHEN 1700000000000000ULL

static char seen[4096];
static size_t size;
static int refuse;

static int on_write(void *arg _unused_, enum jobctl_output which, const void *data, size_t count)
{
        if (refuse)
                return refuse;
        if (which == JOBCTL_STDERR)
                seen[size++] = '!';
        memcpy(seen + size, data, count);
        size += count;
        seen[size] = '\0';
        return 0;
}

static struct line_filter *make(const uint64_t *tail, bool timestamps)
{
        struct line_filter *filter;

        ck_assert_int_eq(line_filter_new(tail, timestamps, on_write, NULL, &filter), 0);
        return filter;
}

static void put(struct line_filter *filter, enum jobctl_output which, const char *text)
{
        ck_assert_int_eq(line_filter_put(filter, which, WHEN, text, strlen(text)), 0);
}

START_TEST(test_tail)
{
        const uint64_t two = 2;
        struct line_filter *filter = make(&two, false);

        put(filter, JOBCTL_STDOUT, "one\ntwo\nth");
        put(filter, JOBCTL_STDOUT, "ree\n");
        ck_assert_uint_eq(size, 0);
        ck_assert_int_eq(line_filter_finish(filter), 0);
        ck_assert_str_eq(seen, "two\nthree\n");
        line_filter_free(filter);
}
END_TEST

START_TEST(test_tail_counts_an_unfinished_line)
{
        const uint64_t two = 2;
        struct line_filter *filter = make(&two, false);

        put(filter, JOBCTL_STDOUT, "one\ntwo\nthree");
        ck_assert_int_eq(line_filter_finish(filter), 0);
        ck_assert_str_eq(seen, "two\nthree");
        line_filter_free(filter);
}
END_TEST

START_TEST(test_tail_of_nothing)
{
        const uint64_t none = 0;
        struct line_filter *filter = make(&none, false);

        put(filter, JOBCTL_STDOUT, "one\n");
        ck_assert_int_eq(line_filter_show_tail(filter), 0);
        put(filter, JOBCTL_STDOUT, "two\n");
        ck_assert_str_eq(seen, "two\n");
        line_filter_free(filter);
}
END_TEST

START_TEST(test_after_the_tail_lines_pass)
{
        const uint64_t one = 1;
        struct line_filter *filter = make(&one, false);

        put(filter, JOBCTL_STDOUT, "a\nb\nc");
        ck_assert_int_eq(line_filter_show_tail(filter), 0);
        ck_assert_str_eq(seen, "b\n");
        put(filter, JOBCTL_STDOUT, "d\ne\n");
        ck_assert_str_eq(seen, "b\ncd\ne\n");
        line_filter_free(filter);
}
END_TEST

START_TEST(test_streams_do_not_mix)
{
        struct line_filter *filter = make(NULL, false);

        put(filter, JOBCTL_STDOUT, "out");
        put(filter, JOBCTL_STDERR, "err\n");
        put(filter, JOBCTL_STDOUT, "put\n");
        ck_assert_str_eq(seen, "!err\noutput\n");
        line_filter_free(filter);
}
END_TEST

START_TEST(test_timestamps)
{
        struct line_filter *filter = make(NULL, true);

        put(filter, JOBCTL_STDOUT, "one\ntwo\n");
        ck_assert_str_eq(seen,
                         "2023-11-14T22:13:20.000000Z one\n2023-11-14T22:13:20.000000Z two\n");
        line_filter_free(filter);
}
END_TEST

START_TEST(test_a_long_line_passes_in_pieces)
{
        static char text[1024 * 1024 + 5];
        struct line_filter *filter = make(NULL, false);

        refuse = 77;
        memset(text, 'x', sizeof(text));
        ck_assert_int_eq(line_filter_put(filter, JOBCTL_STDOUT, WHEN, text, 1000), 0);
        ck_assert_int_eq(line_filter_put(filter, JOBCTL_STDOUT, WHEN, text, sizeof(text)), 77);
        line_filter_free(filter);
}
END_TEST

SUITE_MAIN("line_filter", NULL, NULL, test_tail, test_tail_counts_an_unfinished_line,
           test_tail_of_nothing, test_after_the_tail_lines_pass, test_streams_do_not_mix,
           test_timestamps, test_a_long_line_passes_in_pieces)
