/* SPDX-License-Identifier: Apache-2.0 */
/* The line for `systemctl status`: told at once, then once a second, and not while nothing changes.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#include "daemon/service.h"
#include "daemon/status_line.h"
#include "tests/unit/daemon/fake_time.h"
#include "tests/unit/suite.h"

/* The manager is the test's, too (--wrap). */
bool __wrap_service_is_heard(void);
void __wrap_service_tell_status(const char *fmt, ...);

static bool is_heard;
static int told, described, jobs;
static struct status_line *line;

bool __wrap_service_is_heard(void)
{
        return is_heard;
}

void __wrap_service_tell_status(const char *fmt _unused_, ...)
{
        told++;
}

static void describe(void *arg _unused_, char *text, size_t size)
{
        described++;
        snprintf(text, size, "%d jobs", jobs);
}

static void set_up(void)
{
        is_heard = true;
        fake_time_start();
        told = described = jobs = 0;
        ck_assert_int_eq(status_line_new(NULL, describe, NULL, &line), 0);
}

static void tear_down(void)
{
        line = status_line_free(line);
}

START_TEST(the_first_is_told_at_once)
{
        status_line_look(line, 0);
        ck_assert_int_eq(told, 1);
        fake_time_pass(3600 * USEC_PER_SEC);
        status_line_look(line, 0);
        ck_assert_int_eq(described, 1);
        ck_assert_uint_eq(fake_due_usec, 0);
}
END_TEST

START_TEST(a_storm_is_told_once_a_second)
{
        for (uint64_t mark = 1; mark <= 5000; mark++) {
                jobs++;
                status_line_look(line, mark);
                fake_time_pass(USEC_PER_MSEC);
        }
        ck_assert_int_ge(told, 5);
        ck_assert_int_le(told, 6);
}
END_TEST

START_TEST(the_last_change_is_told)
{
        status_line_look(line, 1);
        jobs = 7;
        status_line_look(line, 2);
        ck_assert_int_eq(told, 1);
        fake_time_pass(USEC_PER_SEC);
        ck_assert_int_eq(told, 2);
        status_line_look(line, 2);
        ck_assert_uint_eq(fake_due_usec, 0);
}
END_TEST

START_TEST(the_same_line_is_not_told_again)
{
        for (uint64_t mark = 1; mark <= 10; mark++) {
                status_line_look(line, mark);
                fake_time_pass(2 * USEC_PER_SEC);
        }
        ck_assert_int_eq(told, 1);
        ck_assert_int_eq(described, 10);
}
END_TEST

START_TEST(nobody_listens)
{
        struct status_line *none = line;

        is_heard = false;
        ck_assert_int_eq(status_line_new(NULL, describe, NULL, &none), 0);
        ck_assert_ptr_null(none);
        status_line_look(none, 1);
        ck_assert_int_eq(described, 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("status_line");
        TCase *tests = tcase_create("status_line");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, the_first_is_told_at_once);
        tcase_add_test(tests, a_storm_is_told_once_a_second);
        tcase_add_test(tests, the_last_change_is_told);
        tcase_add_test(tests, the_same_line_is_not_told_again);
        tcase_add_test(tests, nobody_listens);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
