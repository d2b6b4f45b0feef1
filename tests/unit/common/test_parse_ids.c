/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of job ids, and signals by name and number. */
#include <signal.h>
#include <string.h>

#include "common/parse.h"

#include "suite.h"

START_TEST(every_form)
{
        static const struct parse_id_range want[] = {
                { .first = 17, .last = 17 },
                { .first = 17, .last = 17, .has_tasks = true, .task_first = 3, .task_last = 3 },
                { .first = 17, .last = 17, .has_tasks = true, .task_first = 3, .task_last = 9 },
                { .first = 17, .last = 17, .has_tasks = true, .task_first = 0, .task_last = 0 },
                { .first = 1, .last = 5 },
                { .first = 8, .last = 8 },
                { .first = INT64_MAX, .last = INT64_MAX },
        };
        _cleanup_(freep) struct parse_id_range *ranges = NULL;
        size_t count = 0;

        ck_assert_int_eq(
                parse_ids("17,17.3,17.3-9,17_0,1-5,8,9223372036854775807", &ranges, &count, NULL),
                0);
        ck_assert_uint_eq(count, ARRAY_SIZE(want));
        for (size_t i = 0; i < count; i++) {
                ck_assert_uint_eq(ranges[i].first, want[i].first);
                ck_assert_uint_eq(ranges[i].last, want[i].last);
                ck_assert_int_eq(ranges[i].has_tasks, want[i].has_tasks);
                ck_assert_uint_eq(ranges[i].task_first, want[i].task_first);
                ck_assert_uint_eq(ranges[i].task_last, want[i].task_last);
        }
}
END_TEST

START_TEST(nothing_else_is_taken)
{
        static const char *const bad[] = {
                "",
                ",",
                "1,",
                ",1",
                "1,,2",
                "0",
                "0-5",
                "5-1",
                "-5",
                "1-",
                "1-5-9",
                "1.",
                ".3",
                "1.3-",
                "1.9-3",
                "1-5.3",
                "1.2.3",
                "1_2_3",
                "1.3-1.9",
                " 1",
                "1 ",
                "1, 2",
                "a",
                "1a",
                "+1",
                "9223372036854775808",
                "1-18446744073709551616",
                "1.9223372036854775808",
                "last",
        };
        _cleanup_(freep) struct parse_id_range *ranges = NULL;
        size_t count = 0;
        struct reason why;

        ck_assert_int_eq(parse_ids("7", &ranges, &count, &why), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                ck_assert_msg(parse_ids(bad[i], &ranges, &count, &why) == PARSE_E_BAD, "%s",
                              bad[i]);
                ck_assert_uint_eq(count, 1);
                ck_assert_uint_eq(ranges[0].first, 7);
        }
        ck_assert_int_eq(parse_ids("1,zwei", &ranges, &count, &why), PARSE_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "\"1,zwei\" is not a list of job ids"));
}
END_TEST

START_TEST(at_most_4096_in_all)
{
        _cleanup_(freep) struct parse_id_range *ranges = NULL;
        static char text[2 * 4097];
        size_t count = 0;
        struct reason why;

        for (size_t i = 0; i < sizeof(text); i += 2)
                memcpy(text + i, "1,", 2);
        text[2 * 4095 - 1] = '\0';
        ck_assert_int_eq(parse_ids(text, &ranges, &count, &why), 0);
        ck_assert_uint_eq(count, 4095);
        ck_assert_int_eq(parse_ids("2,3", &ranges, &count, &why), PARSE_E_BAD);
        ck_assert_str_eq(why.text, "more than 4096 job ids or ranges");
        ck_assert_uint_eq(count, 4095);
        ck_assert_int_eq(parse_ids("2", &ranges, &count, &why), 0);
        ck_assert_uint_eq(count, 4096);
        ck_assert_uint_eq(ranges[4095].first, 2);
        ck_assert_int_eq(parse_ids("3", &ranges, &count, &why), PARSE_E_BAD);
        ck_assert_uint_eq(count, 4096);
}
END_TEST

START_TEST(signals)
{
        const struct {
                const char *text;
                int signo;
        } good[] = {
                { "TERM", SIGTERM },        { "SIGTERM", SIGTERM },
                { "sigterm", SIGTERM },     { "15", SIGTERM },
                { "9", SIGKILL },           { "Usr1", SIGUSR1 },
                { "RTMIN", SIGRTMIN },      { "RTMIN+3", SIGRTMIN + 3 },
                { "SIGRTMIN+0", SIGRTMIN }, { "RTMAX-1", SIGRTMAX - 1 },
                { "SIGRTMAX", SIGRTMAX },   { "64", 64 },
                { "IOT", SIGABRT },         { "CLD", SIGCHLD },
        };
        static const char *const bad[] = {
                "",           "0",       "-9",       "65",
                "32",         "33",      "TREM",     "SIG",
                "SIGSIGTERM", "TERM ",   "RTMIN+",   "RTMIN-1",
                "RTMIN+99",   "RTMAX+1", "RTMAX-99", "RTMIN+18446744073709551616",
                "9x",
        };
        int signo = -7;
        struct reason why;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ck_assert_msg(parse_signal(bad[i], "signal", &signo, &why) == PARSE_E_BAD, "%s",
                              bad[i]);
        ck_assert_int_eq(signo, -7);
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                ck_assert_msg(parse_signal(good[i].text, "signal", &signo, &why) == 0, "%s",
                              good[i].text);
                ck_assert_int_eq(signo, good[i].signo);
        }
}
END_TEST

START_TEST(signal_names_read_back)
{
        char buf[16];

        ck_assert_str_eq(parse_signal_name(SIGTERM, buf), "TERM");
        ck_assert_str_eq(parse_signal_name(SIGRTMIN, buf), "RTMIN");
        ck_assert_str_eq(parse_signal_name(SIGRTMIN + 2, buf), "RTMIN+2");
        ck_assert_str_eq(parse_signal_name(0, buf), "0");
        ck_assert_str_eq(parse_signal_name(-5, buf), "-5");
        ck_assert_str_eq(parse_signal_name(32, buf), "32");
        for (int signo = 1; signo <= SIGRTMAX; signo++) {
                int back = 0;

                if (signo == 32 || signo == 33)
                        continue;
                ck_assert_int_eq(parse_signal(parse_signal_name(signo, buf), "", &back, NULL), 0);
                ck_assert_int_eq(back, signo);
        }
}
END_TEST

SUITE_MAIN("parse_ids", NULL, NULL, every_form, nothing_else_is_taken, at_most_4096_in_all, signals,
           signal_names_read_back)
