/* SPDX-License-Identifier: Apache-2.0 */
/* The line for `systemctl status`: told at once, then once a second, and not while nothing changes.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/loop.h"

#include "daemon/service.h"
#include "daemon/status_line.h"

/* The manager, the clock and the timer are the test's (--wrap). */
bool __wrap_service_is_heard(void);
void __wrap_service_tell_status(const char *fmt, ...);
uint64_t __wrap_clock_mono_usec(void);
int __wrap_loop_timer_start(struct loop_timer *timer, uint64_t delay_usec);
bool __wrap_loop_timer_is_on(const struct loop_timer *timer);
int __wrap_loop_timer_new(struct loop *loop, loop_timer_fn fn, void *arg,
                          struct loop_timer **out_timer);
struct loop_timer *__wrap_loop_timer_free(struct loop_timer *timer);

static bool is_heard;
static uint64_t now_usec, due_usec;
static loop_timer_fn timer_fn;
static void *timer_arg;
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

uint64_t __wrap_clock_mono_usec(void)
{
        return now_usec;
}

int __wrap_loop_timer_start(struct loop_timer *timer _unused_, uint64_t delay_usec)
{
        due_usec = now_usec + delay_usec;
        return 0;
}

bool __wrap_loop_timer_is_on(const struct loop_timer *timer _unused_)
{
        return due_usec > 0;
}

int __wrap_loop_timer_new(struct loop *loop _unused_, loop_timer_fn fn, void *arg,
                          struct loop_timer **out_timer)
{
        timer_fn = fn;
        timer_arg = arg;
        *out_timer = NULL;
        return 0;
}

struct loop_timer *__wrap_loop_timer_free(struct loop_timer *timer _unused_)
{
        return NULL;
}

/* Lets time pass, and the timer go off when it is due. */
static void pass(uint64_t usec)
{
        now_usec += usec;
        if (due_usec == 0 || due_usec > now_usec)
                return;
        due_usec = 0;
        timer_fn(timer_arg);
}

static void describe(void *arg _unused_, char *text, size_t size)
{
        described++;
        snprintf(text, size, "%d jobs", jobs);
}

static void set_up(void)
{
        is_heard = true;
        now_usec = 1000 * USEC_PER_SEC;
        due_usec = 0;
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
        pass(3600 * USEC_PER_SEC);
        status_line_look(line, 0);
        ck_assert_int_eq(described, 1);
        ck_assert_uint_eq(due_usec, 0);
}
END_TEST

START_TEST(a_storm_is_told_once_a_second)
{
        for (uint64_t mark = 1; mark <= 5000; mark++) {
                jobs++;
                status_line_look(line, mark);
                pass(USEC_PER_MSEC);
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
        pass(USEC_PER_SEC);
        ck_assert_int_eq(told, 2);
        status_line_look(line, 2);
        ck_assert_uint_eq(due_usec, 0);
}
END_TEST

START_TEST(the_same_line_is_not_told_again)
{
        for (uint64_t mark = 1; mark <= 10; mark++) {
                status_line_look(line, mark);
                pass(2 * USEC_PER_SEC);
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
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, the_first_is_told_at_once);
        tcase_add_test(tests, a_storm_is_told_once_a_second);
        tcase_add_test(tests, the_last_change_is_told);
        tcase_add_test(tests, the_same_line_is_not_told_again);
        tcase_add_test(tests, nobody_listens);
        suite_add_tcase(suite, tests);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
