/* SPDX-License-Identifier: Apache-2.0 */
/* How many lines clients may cause, in the test's time; and that nothing is left out in silence. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bucket.h"
#include "common/clock.h"

#include "daemon/clients/logbook.h"
#include "tests/unit/daemon/fake_time.h"
#include "tests/unit/suite.h"

#define HOUR (3600 * USEC_PER_SEC)

static struct logbook *book;

/* What the log was told. */
static unsigned int lines, summaries;
static char last_summary[2048], last_line[2048];
static uint32_t last_uid;

static void keep(const struct log_record *record)
{
        if (record->event == LOG_EVENT_LEFT_OUT) {
                summaries++;
                snprintf(last_summary, sizeof(last_summary), "%s", record->text);
        } else {
                lines++;
                snprintf(last_line, sizeof(last_line), "%s", record->text);
        }
        last_uid = record->uid;
}

static void set_up(void)
{
        fake_time_start();
        lines = summaries = 0;
        log_init("test", LOG_LEVEL_NOTICE);
        log_set_sink(keep);
        ck_assert_int_eq(logbook_new(NULL, &book), 0);
}

static void tear_down(void)
{
        book = logbook_free(book);
        log_set_sink(NULL);
}

static void noise(uint32_t uid, unsigned int count)
{
        const struct logbook_line line = { .kind = LOGBOOK_BAD, .uid = uid, .pid = 7 };

        for (unsigned int i = 0; i < count; i++)
                logbook_write(book, &line, "sent rubbish");
}

static void act(uint32_t uid, const char *name, uint32_t verb, unsigned int count)
{
        const struct logbook_line line = {
                .kind = LOGBOOK_ACT, .uid = uid, .pid = 7, .verb = verb, .verb_name = name
        };

        for (unsigned int i = 0; i < count; i++)
                logbook_write(book, &line, "asks to %s", name);
}

START_TEST(a_bucket)
{
        const struct bucket_rate rate = { .burst = 3, .every_usec = 10 };
        struct bucket bucket = { 0 };

        for (int i = 0; i < 3; i++)
                ck_assert(bucket_take(&bucket, &rate, 100));
        ck_assert(!bucket_take(&bucket, &rate, 100));
        ck_assert(!bucket_take(&bucket, &rate, 109));
        ck_assert(bucket_take(&bucket, &rate, 110));
        ck_assert(!bucket_take(&bucket, &rate, 110));
        ck_assert(!bucket_is_full(&bucket, 139));
        ck_assert(bucket_is_full(&bucket, 140));
        for (int i = 0; i < 3; i++)
                ck_assert(bucket_take(&bucket, &rate, 1000));
        ck_assert(!bucket_take(&bucket, &rate, 1000));
        /* A clock that runs backwards gives nothing. */
        ck_assert(!bucket_take(&bucket, &rate, 500));
}
END_TEST

START_TEST(a_line_says_who)
{
        noise(1000, 1);
        ck_assert_str_eq(last_line, "uid 1000 (process 7) sent rubbish");
        ck_assert_uint_eq(last_uid, 1000);
        ck_assert_uint_eq(fake_due_usec, 0);
}
END_TEST

START_TEST(a_flood_is_a_few_lines)
{
        noise(1000, 100000);
        ck_assert_uint_eq(lines, 10);
        fake_time_pass(USEC_PER_SEC * 30);
        ck_assert_uint_eq(summaries, 1);
        ck_assert_str_eq(last_summary, "uid 1000: left out of this log: 99990 bad requests");
        ck_assert_uint_eq(logbook_left_out(book, LOGBOOK_BAD), 99990);
        /* Nothing more comes: one more look, and then nothing wakes. */
        fake_time_pass(HOUR);
        ck_assert_uint_eq(summaries, 1);
        ck_assert_uint_eq(fake_due_usec, 0);
}
END_TEST

START_TEST(an_hour_of_flood_is_bounded)
{
        uint64_t said = 0;

        for (int i = 0; i < 3600; i++) {
                noise(1000, 1000);
                fake_time_pass(USEC_PER_SEC);
        }
        said = lines;
        ck_assert_uint_le(said, 10 + 120);
        ck_assert_uint_le(summaries, 61);
        ck_assert_uint_eq(logbook_left_out(book, LOGBOOK_BAD) + said, 3600U * 1000);
}
END_TEST

START_TEST(noise_does_not_cost_acts)
{
        noise(1000, 100000);
        lines = 0;
        act(1000, "drain", 17, 5);
        act(0, "drain", 17, 5);
        ck_assert_uint_eq(lines, 10);
}
END_TEST

START_TEST(attempts_do_not_cost_acts)
{
        const struct logbook_line attempt = {
                .kind = LOGBOOK_ATTEMPT, .uid = 1000, .verb = 17, .verb_name = "drain"
        };

        for (int i = 0; i < 100000; i++)
                logbook_write(book, &attempt, "asks to drain: refused");
        ck_assert_uint_eq(lines, 10);
        act(0, "drain", 17, 100);
        ck_assert_uint_eq(lines, 110);
        fake_time_pass(30 * USEC_PER_SEC);
        ck_assert_str_eq(last_summary, "uid 1000: left out of this log: 99990 attempts at "
                                       "administrative acts (drain 99990)");
}
END_TEST

START_TEST(others_are_not_silenced)
{
        noise(1000, 100000);
        lines = 0;
        noise(1001, 3);
        ck_assert_uint_eq(lines, 3);
}
END_TEST

START_TEST(acts_left_out_are_counted_by_verb)
{
        act(0, "cancel", 65, 90);
        act(0, "queue", 32, 60);
        ck_assert_uint_eq(lines, 100);
        fake_time_pass(30 * USEC_PER_SEC);
        ck_assert_str_eq(last_summary,
                         "uid 0: left out of this log: 50 administrative acts (queue 50)");
        act(0, "cancel", 65, 1000);
        noise(0, 20);
        fake_time_pass(60 * USEC_PER_SEC);
        ck_assert_ptr_nonnull(
                strstr(last_summary, " administrative acts, 10 bad requests (cancel "));
}
END_TEST

START_TEST(many_users_together_are_bounded)
{
        for (uint32_t uid = 1; uid <= 5000; uid++)
                noise(uid, 2);
        ck_assert_uint_eq(lines, 100);
        fake_time_pass(30 * USEC_PER_SEC);
        /* Each of those who are remembered, and one line for the rest. */
        ck_assert_uint_le(summaries, 1025);
        ck_assert_uint_eq(logbook_left_out(book, LOGBOOK_BAD), 10000 - 100);
}
END_TEST

START_TEST(the_end_tells_the_rest)
{
        act(0, "reload", 18, 101);
        ck_assert_uint_eq(summaries, 0);
        book = logbook_free(book);
        ck_assert_uint_eq(summaries, 1);
        ck_assert_ptr_nonnull(strstr(last_summary, "(reload 1)"));
}
END_TEST

START_TEST(what_is_not_shown_is_not_counted)
{
        log_init("test", LOG_LEVEL_ERROR);
        noise(1000, 100);
        ck_assert_uint_eq(lines, 0);
        ck_assert_uint_eq(logbook_left_out(book, LOGBOOK_BAD), 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("logbook");
        TCase *tests = tcase_create("logbook");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, a_bucket);
        tcase_add_test(tests, a_line_says_who);
        tcase_add_test(tests, a_flood_is_a_few_lines);
        tcase_add_test(tests, an_hour_of_flood_is_bounded);
        tcase_add_test(tests, noise_does_not_cost_acts);
        tcase_add_test(tests, attempts_do_not_cost_acts);
        tcase_add_test(tests, others_are_not_silenced);
        tcase_add_test(tests, acts_left_out_are_counted_by_verb);
        tcase_add_test(tests, many_users_together_are_bounded);
        tcase_add_test(tests, the_end_tells_the_rest);
        tcase_add_test(tests, what_is_not_shown_is_not_counted);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
