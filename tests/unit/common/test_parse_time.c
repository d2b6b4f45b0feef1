/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time, in a zone with summer time and at its edges. */
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/parse.h"

#include "suite.h"

#define SEC USEC_PER_SEC
/* 2026-11-21T09:30:00Z, a Saturday. */
#define NOW (1795253400 * SEC)
/* A zone with summer time, spelled out so that no zone file is needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static uint64_t at(const char *text, uint64_t now)
{
        uint64_t usec = 0;
        struct reason why = { "" };

        ck_assert_msg(parse_time(text, "begin", now, &usec, &why) == 0, "%s", why.text);
        return usec;
}

START_TEST(rfc3339)
{
        setenv("TZ", BERLIN, 1);
        ck_assert_uint_eq(at("2026-11-21T09:30:00Z", 0), NOW);
        ck_assert_uint_eq(at("2026-11-21t09:30:00z", 0), NOW);
        ck_assert_uint_eq(at("2026-11-21 09:30:00Z", 0), NOW);
        ck_assert_uint_eq(at("2026-11-21T10:30:00+01:00", 0), NOW);
        ck_assert_uint_eq(at("2026-11-20T23:00:00-10:30", 0), NOW);
        ck_assert_uint_eq(at("2026-11-21T09:30:00.25Z", 0), NOW + 250000);
        ck_assert_uint_eq(at("2026-11-21T09:30:00.1234567899Z", 0), NOW + 123456);
        ck_assert_uint_eq(at("2028-02-29T00:00:00Z", 0), 1835395200 * SEC);
        ck_assert_uint_eq(at("2016-12-31T23:59:60Z", 0), 1483228800 * SEC);
        ck_assert_uint_eq(at("1970-01-01T00:00:00Z", 0), 0);
}
END_TEST

START_TEST(local_calendar)
{
        setenv("TZ", BERLIN, 1);
        ck_assert_uint_eq(at("2026-11-21T10:30:00", 0), NOW);
        ck_assert_uint_eq(at("2026-11-21T10:30", 0), NOW);
        ck_assert_uint_eq(at("2026-11-21", 0), NOW - (10 * 3600 + 1800) * SEC);
        ck_assert_uint_eq(at("2026-07-01T12:00", 0), 1782900000 * SEC);
}
END_TEST

START_TEST(from_now_on)
{
        ck_assert_uint_eq(at("now", NOW + 5), NOW + 5);
        ck_assert_uint_eq(at("now+1h", NOW), NOW + 3600 * SEC);
        ck_assert_uint_eq(at("now+90", NOW), NOW + 90 * SEC);
        ck_assert_uint_eq(at("NOW+00:01:00", NOW), NOW + 60 * SEC);
        ck_assert_uint_eq(at("@1795253400", 0), NOW);
        ck_assert_uint_eq(at("@1795253400.5", 0), NOW + 500000);
        ck_assert_uint_eq(at("@0", NOW), 0);
}
END_TEST

START_TEST(tomorrow_is_the_next_local_midnight)
{
        setenv("TZ", BERLIN, 1);
        /* 2026-11-21 10:30 there; midnight is 23:00 in UTC. */
        ck_assert_uint_eq(at("tomorrow", NOW), NOW + (13 * 3600 + 1800) * SEC);
        /* 23:30 in UTC is already the 22nd there. */
        ck_assert_uint_eq(at("tomorrow", NOW + 14 * 3600 * SEC),
                          NOW + (13 * 3600 + 1800 + 86400) * SEC);
        /* 2026-10-25 has 25 hours there: from its midnight, 22:00Z on the 24th. */
        ck_assert_uint_eq(at("tomorrow", 1792879200 * SEC), (1792879200 + 25 * 3600) * SEC);
        /* 2027-03-28 has 23 hours. */
        ck_assert_uint_eq(at("tomorrow", 1806188400 * SEC), (1806188400 + 23 * 3600) * SEC);
}
END_TEST

START_TEST(a_clock_time_is_the_next_one)
{
        setenv("TZ", BERLIN, 1);
        ck_assert_uint_eq(at("11:00", NOW), NOW + 1800 * SEC);
        ck_assert_uint_eq(at("10:00", NOW), NOW + (86400 - 1800) * SEC);
        ck_assert_uint_eq(at("10:30", NOW), NOW + 86400 * SEC);
        ck_assert_uint_eq(at("10:30:01", NOW), NOW + SEC);
        ck_assert_uint_eq(at("10:30", NOW - 1), NOW);
        /* Over the night in which summer time ends: 25 hours later. */
        ck_assert_uint_eq(at("00:00", 1792879200 * SEC), (1792879200 + 25 * 3600) * SEC);
}
END_TEST

static uint64_t ago(const char *text, uint64_t now)
{
        uint64_t usec = 0;
        struct reason why = { "" };

        ck_assert_msg(parse_past_time(text, "since", now, &usec, &why) == 0, "%s", why.text);
        return usec;
}

START_TEST(a_past_clock_time_is_the_last_one)
{
        setenv("TZ", BERLIN, 1);
        ck_assert_uint_eq(ago("10:00", NOW), NOW - 1800 * SEC);
        ck_assert_uint_eq(ago("10:30", NOW), NOW);
        ck_assert_uint_eq(ago("11:00", NOW), NOW - (86400 - 1800) * SEC);
        /* At 10:00 of the day with 25 hours: 10:30 of the day before. */
        ck_assert_uint_eq(ago("10:30", (1792879200 + 11 * 3600) * SEC),
                          (1792879200 - 13 * 3600 - 1800) * SEC);
        ck_assert_uint_eq(ago("now-1h", NOW), NOW - 3600 * SEC);
        ck_assert_uint_eq(ago("NOW-90s", NOW), NOW - 90 * SEC);
        ck_assert_uint_eq(ago("now", NOW), NOW);
        ck_assert_uint_eq(ago("2026-11-21", NOW), NOW - (10 * 3600 + 1800) * SEC);
        ck_assert_uint_eq(ago("@0", NOW), 0);
}
END_TEST

START_TEST(the_future_has_not_passed)
{
        static const char *const bad[] = { "now+1h",     "tomorrow",
                                           "2026-11-22", "soon",
                                           "now-",       "now-30000d",
                                           "now-1y",     "@1795253400.000001" };
        uint64_t usec = 42;
        struct reason why;

        setenv("TZ", BERLIN, 1);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ck_assert_msg(parse_past_time(bad[i], "since", NOW, &usec, &why) == PARSE_E_BAD,
                              "%s", bad[i]);
        ck_assert_uint_eq(usec, 42);
        ck_assert_int_eq(parse_past_time("tomorrow", "since", NOW, &usec, &why), PARSE_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "since: \"tomorrow\" lies in the future"));
}
END_TEST

START_TEST(nothing_else_is_taken)
{
        static const char *const bad[] = {
                "",
                "tomorrow ",
                "today",
                "now+",
                "now-1h",
                "now 1h",
                "now+1h ",
                "now+infinity",
                "now+9223372036854775807us",
                "@",
                "@-1",
                "@x",
                "@9223372036855",
                "24:00",
                "12:60",
                "12:00:61",
                "1:00",
                "12",
                "12:",
                "12:00x",
                "1969-12-31T23:59:59Z",
                "1970-01-01T00:00:00+00:01",
                "2026-02-29T00:00:00Z",
                "2100-02-29T00:00:00Z",
                "2026-13-01",
                "2026-00-01",
                "2026-01-00",
                "2026-04-31",
                "2026-1-1",
                "2026-11-21T",
                "2026-11-21T9:30",
                "2026-11-21T09:30:00+1:00",
                "2026-11-21T09:30:00+0100",
                "2026-11-21T09:30:00ZZ",
                "2026-11-21T09:30:00.Z",
                "2026-11-21T09:30:00+24:00",
                "99999-01-01",
                "2026-11-21X09:30",
        };
        uint64_t usec = 42;
        struct reason why;

        setenv("TZ", BERLIN, 1);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ck_assert_msg(parse_time(bad[i], "begin", NOW, &usec, &why) == PARSE_E_BAD, "%s",
                              bad[i]);
        ck_assert_uint_eq(usec, 42);
        ck_assert_int_eq(parse_time("soon", "begin", NOW, &usec, &why), PARSE_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "begin: \"soon\" is not a time"));
}
END_TEST

SUITE_MAIN("parse_time", NULL, NULL, rfc3339, local_calendar, from_now_on,
           tomorrow_is_the_next_local_midnight, a_clock_time_is_the_next_one,
           a_past_clock_time_is_the_last_one, the_future_has_not_passed, nothing_else_is_taken)
