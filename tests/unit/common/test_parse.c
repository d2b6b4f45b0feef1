/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, sizes, durations, UTF-8 and near words: every form, every limit, every refusal. */
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"

#include "suite.h"

#define UNTOUCHED 0x5eedULL

START_TEST(u64)
{
        static const char *const bad[] = {
                "",
                " 1",
                "1 ",
                "+1",
                "-1",
                "0x10",
                "1e3",
                "ten",
                "1.0",
                "18446744073709551616",
                "99999999999999999999999",
        };
        uint64_t value = UNTOUCHED;
        struct reason why;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                ck_assert_int_eq(parse_u64(bad[i], "n", 0, UINT64_MAX, &value, &why), PARSE_E_BAD);
                ck_assert_uint_eq(value, UNTOUCHED);
        }
        ck_assert_int_eq(parse_u64("18446744073709551615", "n", 0, UINT64_MAX, &value, &why), 0);
        ck_assert_uint_eq(value, UINT64_MAX);
        ck_assert_int_eq(parse_u64("007", "n", 0, 7, &value, &why), 0);
        ck_assert_uint_eq(value, 7);
        ck_assert_int_eq(parse_u64("11", "retries", 1, 10, &value, &why), PARSE_E_BAD);
        ck_assert_str_eq(why.text, "retries: 11 is not between 1 and 10");
        ck_assert_int_eq(parse_u64("0", "retries", 1, 10, &value, NULL), PARSE_E_BAD);
        ck_assert_int_eq(parse_u64("x", "retries", 1, 10, &value, &why), PARSE_E_BAD);
        ck_assert_str_eq(why.text, "retries: \"x\" is not a whole number");
        ck_assert_uint_eq(value, 7);
}
END_TEST

START_TEST(hundredths)
{
        static const char *const bad[] = { "",        "-1",    "1.",
                                           ".5",      "1.005", "1.0.0",
                                           "1x",      "+1",    "99999999999999999999",
                                           "42949673" };
        struct reason why;
        uint32_t value = 7;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ck_assert_int_eq(parse_hundredths(bad[i], "w", 0, UINT32_MAX, &value, &why),
                                 PARSE_E_BAD);
        ck_assert_uint_eq(value, 7);
        ck_assert_int_eq(parse_hundredths("2", "w", 1, 10000, &value, &why), 0);
        ck_assert_uint_eq(value, 200);
        ck_assert_int_eq(parse_hundredths("0.5", "w", 1, 10000, &value, &why), 0);
        ck_assert_uint_eq(value, 50);
        ck_assert_int_eq(parse_hundredths("1.250", "w", 1, 10000, &value, &why), 0);
        ck_assert_uint_eq(value, 125);
        ck_assert_int_eq(parse_hundredths("0", "w", 1, 10000, &value, &why), PARSE_E_BAD);
        ck_assert_str_eq(why.text, "w: must be 0.01 to 100.00");
        ck_assert_int_eq(parse_hundredths("100.01", "w", 1, 10000, &value, &why), PARSE_E_BAD);
}
END_TEST

START_TEST(boolean)
{
        static const char *const yes[] = { "yes", "true", "on", "1", "YES", "True" };
        static const char *const no[] = { "no", "false", "off", "0", "No" };
        static const char *const bad[] = { "", "2", "y", "n", "yes ", "enable" };
        bool value = false;

        for (size_t i = 0; i < ARRAY_SIZE(yes); i++, value = false) {
                ck_assert_int_eq(parse_bool(yes[i], "b", &value, NULL), 0);
                ck_assert(value);
        }
        for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
                value = true;
                ck_assert_int_eq(parse_bool(no[i], "b", &value, NULL), 0);
                ck_assert(!value);
        }
        value = true;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                ck_assert_int_eq(parse_bool(bad[i], "b", &value, NULL), PARSE_E_BAD);
                ck_assert(value);
        }
}
END_TEST

START_TEST(size)
{
        static const struct {
                const char *text;
                uint64_t bytes;
        } good[] = {
                { "0", 0 },
                { "4096", 4096 },
                { "64K", 65536 },
                { "64k", 65536 },
                { "64KB", 65536 },
                { "1.5G", 1610612736 },
                { "2MiB", 2097152 },
                { "0.5K", 512 },
                { "0.0001K", 0 },
                { "10B", 10 },
                { "1T", 1ULL << 40 },
                { "9223372036854775807", INT64_MAX },
                { "8388607T", 8388607ULL << 40 },
                { "infinity", UINT64_MAX },
        };
        static const char *const bad[] = {
                "",
                "K",
                "-1",
                "1.5",
                "1.5B",
                "1 K",
                "1KK",
                "1.K",
                ".5K",
                "1..5K",
                "1e9",
                "0x10",
                "1P",
                "1.5GiBs",
                "8388608T",
                "9223372036854775808",
                "18446744073709551615",
                "99999999999999999999G",
                "1,5G",
                "1.0000000001G",
                "infinit",
                "infinity1",
        };
        uint64_t bytes;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                ck_assert_int_eq(parse_size(good[i].text, "mem", &bytes, NULL), 0);
                ck_assert_msg(bytes == good[i].bytes, "%s", good[i].text);
        }
        bytes = UNTOUCHED;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ck_assert_msg(parse_size(bad[i], "mem", &bytes, NULL) == PARSE_E_BAD, "%s", bad[i]);
        ck_assert_uint_eq(bytes, UNTOUCHED);
}
END_TEST

START_TEST(duration_good)
{
        static const struct {
                const char *text;
                uint64_t usec;
        } good[] = {
                { "0", 0 },
                { "90", 90 * USEC_PER_SEC },
                { "0.25", 250000 },
                { "90s", 90 * USEC_PER_SEC },
                { "250ms", 250000 },
                { "1us", 1 },
                { "0.000001s", 1 },
                { "15m", 900 * USEC_PER_SEC },
                { "15min", 900 * USEC_PER_SEC },
                { "1h30m", 5400 * USEC_PER_SEC },
                { "1.5h", 5400 * USEC_PER_SEC },
                { "1h0.5s", 3600 * USEC_PER_SEC + 500000 },
                { "2d", 172800 * USEC_PER_SEC },
                { "1w", 604800 * USEC_PER_SEC },
                { "1d1h1m1s1ms1us", 90061 * USEC_PER_SEC + 1001 },
                { "1hour", 3600 * USEC_PER_SEC },
                { "2days", 172800 * USEC_PER_SEC },
                { "00:00:00", 0 },
                { "01:02:03", 3723 * USEC_PER_SEC },
                { "100:00:00", 360000 * USEC_PER_SEC },
                { "1:2:3", 3723 * USEC_PER_SEC },
                { "2-00:00:01", 172801 * USEC_PER_SEC },
                { "0-23:59:59", 86399 * USEC_PER_SEC },
                { "9223372036854775807us", INT64_MAX },
                { "9223372036854.775807s", INT64_MAX },
                { "9223372036854", 9223372036854 * USEC_PER_SEC },
        };
        uint64_t usec;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                usec = UNTOUCHED;
                ck_assert_msg(parse_duration(good[i].text, "t", &usec, NULL) == 0, "%s",
                              good[i].text);
                ck_assert_msg(usec == good[i].usec, "%s", good[i].text);
        }
}
END_TEST

START_TEST(duration_bad)
{
        static const char *const bad[] = {
                "",
                "s",
                "-1",
                "+1",
                " 1",
                "1 ",
                "1 h",
                "1x",
                "h1",
                "1m1m",
                "1m1h",
                "1h30",
                "30:00",
                "1::2",
                "1:60:00",
                "1:00:60",
                "1-24:00:00",
                "1-00:00",
                "-1-00:00:00",
                "1-",
                "1:2:3:4",
                "1.5:00:00",
                "01:02:03s",
                "1.",
                ".5s",
                "1.5.5s",
                "infinity",
                "9223372036854775808us",
                "9223372036854.775808s",
                "9223372036855",
                "18446744073709551615s",
                "18446744073709551616",
                "106751992d",
                "106751991d9999999999h",
                "106751991d5h",
                "2562047789:00:00",
                "106751992-00:00:00",
                "9223372036854775807-00:00:00",
                "9223372036854775807:00:00",
                "0.5us",
                "99999999999999999999999w",
        };
        uint64_t usec = UNTOUCHED;
        struct reason why;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ck_assert_msg(parse_duration(bad[i], "t", &usec, &why) == PARSE_E_BAD, "%s",
                              bad[i]);
        ck_assert_uint_eq(usec, UNTOUCHED);
        ck_assert_int_eq(parse_duration("1 h", "time limit", &usec, &why), PARSE_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "time limit: \"1 h\" is not a duration"));
}
END_TEST

START_TEST(utf8)
{
        static const struct {
                const char *bytes;
                size_t size;
                bool is_valid;
        } cases[] = {
                { "", 0, true },
                { "plain\n\x7f", 7, true },
                { "\xc2\x80\xdf\xbf", 4, true },
                { "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", 12, true },
                { "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, true },
                { "a\0b", 3, false },
                { "\x80", 1, false },
                { "\xc0\x80", 2, false },
                { "\xc1\xbf", 2, false },
                { "\xe0\x9f\xbf", 3, false },
                { "\xf0\x8f\xbf\xbf", 4, false },
                { "\xed\xa0\x80", 3, false },
                { "\xed\xbf\xbf", 3, false },
                { "\xf4\x90\x80\x80", 4, false },
                { "\xf8\x88\x80\x80\x80", 5, false },
                { "\xe2\x82", 2, false },
                { "\xe2\x82z", 3, false },
                { "ok\xff", 3, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_msg(parse_is_utf8(cases[i].bytes, cases[i].size) == cases[i].is_valid,
                              "case %zu", i);
}
END_TEST

START_TEST(distance)
{
        char longer[101];

        ck_assert_uint_eq(parse_distance("", ""), 0);
        ck_assert_uint_eq(parse_distance("", "abc"), 3);
        ck_assert_uint_eq(parse_distance("abc", ""), 3);
        ck_assert_uint_eq(parse_distance("cancel", "cancel"), 0);
        ck_assert_uint_eq(parse_distance("cancle", "cancel"), 1);
        ck_assert_uint_eq(parse_distance("kitten", "sitting"), 3);
        ck_assert_uint_eq(parse_distance("ca", "abc"), 3);
        ck_assert_uint_eq(parse_distance("submti", "submit"), 1);
        ck_assert_uint_eq(parse_distance("sumbit", "submit"), 1);
        memset(longer, 'a', 100);
        longer[100] = '\0';
        ck_assert_uint_eq(parse_distance(longer, "a"), 100);
        longer[64] = '\0';
        ck_assert_uint_eq(parse_distance(longer, "a"), 63);
        ck_assert_uint_eq(parse_distance("a", longer), 63);
}
END_TEST

START_TEST(nearest)
{
        static const char *const words[] = { "submit", "run", "ls", "logs", "cancel", NULL };

        ck_assert_str_eq(parse_nearest("sumbit", words), "submit");
        ck_assert_str_eq(parse_nearest("log", words), "logs");
        ck_assert_str_eq(parse_nearest("ru", words), "run");
        ck_assert_str_eq(parse_nearest("cancel", words), "cancel");
        ck_assert_ptr_null(parse_nearest("xy", words));
        ck_assert_ptr_null(parse_nearest("", words));
        ck_assert_ptr_null(parse_nearest("submarine", words));
        ck_assert_ptr_null(parse_nearest("run", words + 5));
}
END_TEST

SUITE_MAIN("parse", NULL, NULL, u64, hundredths, boolean, size, duration_good, duration_bad, utf8,
           distance, nearest)
