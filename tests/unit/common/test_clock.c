/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks, the boot id, and that every time we write can be read back exactly. */
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/parse.h"

#include "suite.h"

START_TEST(clocks_are_those_of_the_kernel)
{
        struct timespec ts;
        const uint64_t mono = clock_mono_usec(), wall = clock_wall_usec();

        ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
        ck_assert_uint_le(mono, (uint64_t)ts.tv_sec * USEC_PER_SEC + 999999);
        ck_assert_uint_le(mono, clock_mono_usec());
        ck_assert_uint_ge(wall / USEC_PER_SEC + 5, (uint64_t)time(NULL));
        ck_assert_uint_le(wall / USEC_PER_SEC, (uint64_t)time(NULL) + 5);
}
END_TEST

START_TEST(boot_id_is_the_text_of_the_kernel)
{
        uint8_t id[CLOCK_BOOT_ID_BYTES];
        char seen[40] = "", told[40] = "";
        FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

        ck_assert_ptr_nonnull(file);
        ck_assert_ptr_nonnull(fgets(told, sizeof(told), file));
        fclose(file);
        ck_assert_int_eq(clock_read_boot_id(id), 0);
        for (size_t i = 0; i < sizeof(id); i++)
                snprintf(seen + strlen(seen), 4, "%02x%s", id[i],
                         i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
        told[36] = '\0';
        ck_assert_str_eq(seen, told);
}
END_TEST

START_TEST(rfc3339)
{
        char buf[CLOCK_TEXT_MAX];

        ck_assert_str_eq(clock_format_rfc3339(0, buf), "1970-01-01T00:00:00.000000Z");
        ck_assert_str_eq(clock_format_rfc3339(1795253400 * USEC_PER_SEC, buf),
                         "2026-11-21T09:30:00.000000Z");
        ck_assert_str_eq(clock_format_rfc3339(1795253400 * USEC_PER_SEC + 250000, buf),
                         "2026-11-21T09:30:00.250000Z");
        ck_assert_str_eq(clock_format_rfc3339(1, buf), "1970-01-01T00:00:00.000001Z");
        ck_assert_str_eq(clock_format_rfc3339(USEC_NONE, buf), "never");
        ck_assert_uint_lt(strlen(clock_format_rfc3339(USEC_NONE - 1, buf)), CLOCK_TEXT_MAX);
}
END_TEST

START_TEST(durations)
{
        static const struct {
                uint64_t usec;
                const char *text;
        } cases[] = {
                { 0, "0s" },
                { 1, "0.000001s" },
                { 250 * USEC_PER_MSEC, "0.25s" },
                { 59 * USEC_PER_SEC, "59s" },
                { 60 * USEC_PER_SEC, "1m" },
                { 90 * USEC_PER_SEC, "1m30s" },
                { 90 * USEC_PER_SEC + 500000, "1m30.5s" },
                { 3600 * USEC_PER_SEC, "1h" },
                { 3600 * USEC_PER_SEC + 500000, "1h0.5s" },
                { 90061 * USEC_PER_SEC, "1d1h1m1s" },
                { USEC_NONE, "infinity" },
        };
        char buf[CLOCK_TEXT_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_str_eq(clock_format_duration(cases[i].usec, buf), cases[i].text);
        ck_assert_uint_lt(strlen(clock_format_duration(USEC_NONE - 1, buf)), CLOCK_TEXT_MAX);
}
END_TEST

START_TEST(texts_read_back_exactly)
{
        uint64_t usec = 1, back;

        for (int i = 0; i < 60; i++, usec = usec * 2 + (uint64_t)i % 3) {
                char buf[CLOCK_TEXT_MAX];

                if (usec > (uint64_t)INT64_MAX)
                        break;
                ck_assert_int_eq(parse_duration(clock_format_duration(usec, buf), "t", &back, NULL),
                                 0);
                ck_assert_uint_eq(back, usec);
                if (usec / USEC_PER_SEC > 253402300799) /* the year 9999 */
                        continue;
                ck_assert_int_eq(parse_time(clock_format_rfc3339(usec, buf), "t", 0, &back, NULL),
                                 0);
                ck_assert_uint_eq(back, usec);
        }
}
END_TEST

SUITE_MAIN("clock", NULL, NULL, clocks_are_those_of_the_kernel, boot_id_is_the_text_of_the_kernel,
           rfc3339, durations, texts_read_back_exactly)
