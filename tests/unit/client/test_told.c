/* SPDX-License-Identifier: Apache-2.0 */
/* The set of tasks that were told: in any order, with gaps, and how little it keeps. */
#include "client/lib/told.h"
#include "tests/unit/suite.h"

static struct told told;

static void teardown(void)
{
        told_deinit(&told);
}

static bool add(uint64_t task)
{
        bool new = false;

        ck_assert_int_eq(told_add(&told, task, &new), 0);
        return new;
}

START_TEST(test_told_once)
{
        ck_assert(!told_has(&told, 0));
        ck_assert(add(3));
        ck_assert(!add(3));
        ck_assert(told_has(&told, 3));
        ck_assert(!told_has(&told, 2));
        ck_assert(!told_has(&told, 3 + 64));
        ck_assert(!told_has(&told, 3 + 512));
        ck_assert_uint_eq(told.low, 0);
}
END_TEST

START_TEST(test_told_rises_over_what_was_told_before)
{
        for (uint64_t i = 1; i < 1500; i++)
                ck_assert(add(i));
        ck_assert_uint_eq(told.low, 0);
        ck_assert(add(0));
        ck_assert_uint_eq(told.low, 1500);
        ck_assert(!add(1499));
        ck_assert(!told_has(&told, 1500));
}
END_TEST

/* A million tasks about in order, at most 2,048 apart: nothing is kept of what lies behind. */
START_TEST(test_told_keeps_a_window)
{
        for (uint64_t i = 0; i < 1000000; i += 2048) {
                for (uint64_t k = 0; k < 2048; k++)
                        ck_assert(add(i + 2047 - k));
                ck_assert_uint_eq(told.low, i + 2048);
                ck_assert_ptr_null(told.blocks);
        }
}
END_TEST

START_TEST(test_told_with_a_step_and_a_mark)
{
        told.low = 1000;
        ck_assert(!add(999));
        ck_assert(told_has(&told, 5));
        ck_assert(add(1000));
        for (uint64_t i = 1; i < 100; i++)
                ck_assert(add(1000 + i * 1000000000));
        ck_assert_uint_eq(told.low, 1001);
        ck_assert(!add(1000 + 99 * UINT64_C(1000000000)));
        ck_assert(add(UINT64_MAX));
        ck_assert(!add(UINT64_MAX));
}
END_TEST

SUITE_MAIN("told", NULL, teardown, test_told_once, test_told_rises_over_what_was_told_before,
           test_told_keeps_a_window, test_told_with_a_step_and_a_mark)
