/* SPDX-License-Identifier: Apache-2.0 */
/* The line of bash: words without their quotes, what readline replaces, and quotes put on again. */
#include <stdio.h>
#include <string.h>

#include "client/cmd/complete_line.h"
#include "tests/unit/suite.h"

#define BREAKS " \t\n\"'><=;|&(:"

static struct complete_line line;

static void setup(void)
{
}

static void teardown(void)
{
        complete_line_deinit(&line);
}

/* The words with a | between them. */
static const char *read_words(const char *text)
{
        static char joined[256];
        size_t n = 0;

        complete_line_deinit(&line);
        ck_assert_int_eq(complete_line_read(text, BREAKS, &line), 0);
        for (size_t i = 0; i < line.count; i++)
                n += (size_t)snprintf(joined + n, sizeof(joined) - n, "%s%s", i ? "|" : "",
                                      line.words[i]);
        return joined;
}

START_TEST(test_words)
{
        ck_assert_str_eq(read_words(""), "");
        ck_assert_str_eq(read_words("jobctl"), "jobctl");
        ck_assert_str_eq(read_words("jobctl "), "jobctl|");
        ck_assert_str_eq(read_words("  jobctl \t list  x"), "jobctl|list|x");
        ck_assert_str_eq(read_words("jobctl 'a b'c \"d e\"\\ f"), "jobctl|a bc|d e f");
        ck_assert_str_eq(read_words("jobctl '' \"\" x"), "jobctl|||x");
        ck_assert_str_eq(read_words("jobctl \"\\$a\\\"\\b\\`\" 'c\\"), "jobctl|$a\"\\b`|c\\");
        ck_assert_str_eq(read_words("jobctl a\\\nb \"c\\\nd\""), "jobctl|ab|cd");
        ck_assert_str_eq(read_words("jobctl a\\"), "jobctl|a");
}
END_TEST

START_TEST(test_what_is_left_out)
{
        ck_assert_str_eq(read_words("A=1 B='2 3' jobctl C=4"), "jobctl|C=4");
        ck_assert_str_eq(read_words("jobctl >out 2>&1 <in list"), "jobctl|list");
        ck_assert_str_eq(read_words("jobctl x2>out list"), "jobctl|x2|list");
        ck_assert_str_eq(read_words("true; jobctl list"), "jobctl|list");
        ck_assert_str_eq(read_words("true && (jobctl list"), "jobctl|list");
        ck_assert(!line.is_redirection);
        ck_assert_str_eq(read_words("jobctl list >>ou"), "jobctl|list|ou");
        ck_assert(line.is_redirection);
        (void)read_words("jobctl list &>");
        ck_assert(line.is_redirection);
}
END_TEST

static void check_start(const char *text, size_t start_bytes, char quote)
{
        (void)read_words(text);
        ck_assert_msg(line.start_bytes == start_bytes && line.quote == quote, "%s: %zu, %d", text,
                      line.start_bytes, line.quote);
}

START_TEST(test_what_readline_replaces)
{
        check_start("jobctl lis", 0, 0);
        check_start("jobctl --queue=ni", 8, 0);
        check_start("jobctl afterok:1:2", 10, 0);
        check_start("jobctl a\\:b", 0, 0);
        check_start("jobctl --queue='n:i", 8, '\'');
        check_start("jobctl \"a'b", 0, '"');
        check_start("jobctl a=b c", 0, 0);
        check_start("jobctl 'a=b'c", 0, 0);
}
END_TEST

START_TEST(test_where_words_begin)
{
        (void)read_words("jobctl run 'a b' c");
        ck_assert_str_eq(line.raws[2], "'a b' c");
        ck_assert_str_eq(line.raws[3], "c");
}
END_TEST

/* What is quoted is read as the same word; ! would mean something within "". */
START_TEST(test_quotes)
{
        _cleanup_(freep) char *bang = complete_line_quote("!", '"');
        static const char *const texts[] = {
                "plain", "a b", "it's", "$(x) `y` \"z\"", "a\\b", "!x", "~/a", "*?[a]{b}", "ä€",
                "-a",    "#x",  "",
        };
        static const char quotes[] = { '\0', '\'', '"' };

        ck_assert_str_eq(bang, "\"\\!\"");
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                for (size_t k = 0; k < ARRAY_SIZE(quotes); k++) {
                        _cleanup_(freep) char *quoted = complete_line_quote(texts[i], quotes[k]);
                        char typed[128];

                        ck_assert_ptr_nonnull(quoted);
                        snprintf(typed, sizeof(typed), "%.1s%s%.1s end", &quotes[k], quoted,
                                 &quotes[k]);
                        if (texts[i][0] || quotes[k])
                                ck_assert_str_eq(read_words(typed) + strlen(texts[i]), "|end");
                        if (texts[i][0] || quotes[k])
                                ck_assert_str_eq(line.words[0], texts[i]);
                }
}
END_TEST

SUITE_MAIN("complete_line", setup, teardown, test_words, test_what_is_left_out,
           test_what_readline_replaces, test_where_words_begin, test_quotes)
