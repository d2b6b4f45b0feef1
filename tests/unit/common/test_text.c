/* SPDX-License-Identifier: Apache-2.0 */
/* Text made safe for terminals, words made safe for shells, sizes in words. */
#include <stdbool.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"

#include "suite.h"

static void expect_escaped(const char *bytes, size_t size, const char *text, const char *lines)
{
        _cleanup_(freep) char *escaped = text_escape(bytes, size);
        _cleanup_(freep) char *kept = text_escape_lines(bytes, size);

        ck_assert_str_eq(escaped, text);
        ck_assert_str_eq(kept, lines);
}

START_TEST(escape)
{
        expect_escaped("", 0, "", "");
        expect_escaped("plain \\ text", 12, "plain \\ text", "plain \\ text");
        expect_escaped("a\nb\tc\r", 6, "a\\nb\\tc\\x0d", "a\nb\tc\\x0d");
        expect_escaped("a\0b", 3, "a\\x00b", "a\\x00b");
        expect_escaped("\x1b[31m\x07\x7f", 7, "\\x1b[31m\\x07\\x7f", "\\x1b[31m\\x07\\x7f");
        /* CSI as one character of C1, in UTF-8 and as a bare byte. */
        expect_escaped("\xc2\x9b", 2, "\\u{009B}", "\\u{009B}");
        expect_escaped("\x9b", 1, "\\x9b", "\\x9b");
        expect_escaped("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
                       "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                       "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}
END_TEST

START_TEST(escape_direction_and_line_marks)
{
        static const char *const marks[] = {
                "\xd8\x9c",     "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9",
                "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
                "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9",
        };

        for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
                _cleanup_(freep) char *escaped = text_escape_lines(marks[i], strlen(marks[i]));

                ck_assert_int_eq(strncmp(escaped, "\\u{", 3), 0);
        }
        expect_escaped("a\xe2\x80\xae"
                       "b",
                       5, "a\\u{202E}b", "a\\u{202E}b");
        expect_escaped("\xe2\x80\xa8", 3, "\\u{2028}", "\\u{2028}");
        /* A dash is none of them. */
        expect_escaped("\xe2\x80\x94", 3, "\xe2\x80\x94", "\xe2\x80\x94");
}
END_TEST

START_TEST(escape_invalid_utf8)
{
        expect_escaped("\xff\xfe", 2, "\\xff\\xfe", "\\xff\\xfe");
        expect_escaped("\xc0\x8a", 2, "\\xc0\\x8a", "\\xc0\\x8a");
        expect_escaped("\xed\xa0\x80", 3, "\\xed\\xa0\\x80", "\\xed\\xa0\\x80");
        expect_escaped("\xe2\x82", 2, "\\xe2\\x82", "\\xe2\\x82");
        expect_escaped("\xe2\nz", 3, "\\xe2\\nz", "\\xe2\nz");
        expect_escaped("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80");
}
END_TEST

START_TEST(every_pair_of_bytes_becomes_printable)
{
        for (unsigned int pair = 0; pair < 0x10000; pair++) {
                const uint8_t bytes[] = { (uint8_t)(pair >> 8), (uint8_t)pair };
                _cleanup_(freep) char *escaped = text_escape(bytes, sizeof(bytes));
                bool is_good = strlen(escaped) >= 2 && parse_is_utf8(escaped, strlen(escaped));

                for (const char *p = escaped; *p; p++)
                        is_good = is_good && (unsigned char)*p >= 0x20 && *p != 0x7f;
                if (!is_good)
                        ck_abort_msg("%04x", pair);
        }
}
END_TEST

START_TEST(escape_into_cuts_whole_characters)
{
        char buf[8];

        ck_assert_uint_eq(text_escape_into("abcdefg", 7, buf, 8), 7);
        ck_assert_str_eq(buf, "abcdefg");
        ck_assert_uint_eq(text_escape_into("abcdefgh", 8, buf, 8), 7);
        ck_assert_uint_eq(text_escape_into("abcd\x01", 5, buf, 8), 4);
        ck_assert_str_eq(buf, "abcd");
        ck_assert_uint_eq(text_escape_into("abc\x01", 4, buf, 8), 7);
        ck_assert_str_eq(buf, "abc\\x01");
        ck_assert_uint_eq(text_escape_into("abcde\xe2\x82\xac", 8, buf, 8), 5);
        ck_assert_str_eq(buf, "abcde");
        ck_assert_uint_eq(text_escape_into("x", 1, buf, 1), 0);
        ck_assert_str_eq(buf, "");
}
END_TEST

START_TEST(quote)
{
        static const struct {
                const char *argv[4];
                size_t argc;
                const char *text;
        } cases[] = {
                { { NULL }, 0, "" },
                { { "ls", "-l", "a.txt" }, 3, "ls -l a.txt" },
                { { "echo", "a b", "" }, 3, "echo 'a b' ''" },
                { { "echo", "it's" }, 2, "echo 'it'\\''s'" },
                { { "echo", "$HOME", "*" }, 3, "echo '$HOME' '*'" },
                { { "env", "A=b" }, 2, "env A=b" },
                { { "A=b" }, 1, "'A=b'" },
                { { "echo", "~", "#x", "!" }, 4, "echo '~' '#x' '!'" },
                { { "echo", "\xc3\xa4" }, 2, "echo '\xc3\xa4'" },
                { { "printf", "a\nb\x1b'\\\xff\xe2\x80\xae" },
                  2,
                  "printf $'a\\nb\\x1b\\'\\\\\\xff\\xe2\\x80\\xae'" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *text = text_quote_argv(cases[i].argv, cases[i].argc);

                ck_assert_str_eq(text, cases[i].text);
        }
}
END_TEST

START_TEST(sizes)
{
        static const struct {
                uint64_t bytes;
                const char *text;
        } cases[] = {
                { 0, "0 B" },
                { 1023, "1023 B" },
                { 1024, "1 KiB" },
                { 1536, "1.5 KiB" },
                { 1024 * 1024 - 1, "1 MiB" },
                { 1572864, "1.5 MiB" },
                { 10ULL << 30, "10 GiB" },
                { 1ULL << 40, "1 TiB" },
                { 1ULL << 63, "8 EiB" },
                { UINT64_MAX - 1, "16 EiB" },
                { UINT64_MAX, "infinity" },
        };
        char buf[TEXT_SIZE_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_str_eq(text_format_size(cases[i].bytes, buf), cases[i].text);
}
END_TEST

SUITE_MAIN("text", NULL, NULL, escape, escape_direction_and_line_marks, escape_invalid_utf8,
           every_pair_of_bytes_becomes_printable, escape_into_cuts_whole_characters, quote, sizes)
