/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tasks were told: the low mark, the bits above it, how words make room, against a plain
 * array of flags.
 */
#include <check.h>
#include <stdlib.h>

#include "daemon/clients/results.h"
#include "tests/unit/suite.h"

#define TASKS 1000U

static struct results_told told;

static void setup(void)
{
        told = (struct results_told){ 0 };
}

static void teardown(void)
{
        results_told_deinit(&told);
}

static void add(uint64_t task)
{
        ck_assert_int_eq(results_told_add(&told, task), 0);
        ck_assert(results_told_has(&told, task));
}

START_TEST(nothing_at_first)
{
        ck_assert(!results_told_has(&told, 0));
        ck_assert(!results_told_has(&told, UINT64_MAX));
}
END_TEST

START_TEST(in_order_needs_one_word)
{
        for (uint64_t task = 0; task < TASKS; task++) {
                add(task);
                ck_assert_uint_eq(told.base, task + 1);
        }
        ck_assert_uint_eq(told.words_room, 1);
        ck_assert(!results_told_has(&told, TASKS));
}
END_TEST

START_TEST(in_order_from_the_middle)
{
        told.base = 100;
        ck_assert(results_told_has(&told, 99));
        ck_assert(!results_told_has(&told, 100));
        add(5); /* no-op */
        ck_assert_uint_eq(told.base, 100);
        for (uint64_t task = 100; task < TASKS; task++)
                add(task);
        ck_assert_uint_eq(told.base, TASKS);
        ck_assert_uint_eq(told.words_room, 1);
}
END_TEST

START_TEST(backwards)
{
        for (uint64_t task = TASKS; task-- > 1;) {
                add(task);
                ck_assert_uint_eq(told.base, 0);
                ck_assert(!results_told_has(&told, task - 1));
        }
        add(0);
        ck_assert_uint_eq(told.base, TASKS);
        ck_assert(!results_told_has(&told, TASKS));
}
END_TEST

START_TEST(over_the_edge_of_a_word)
{
        static const uint64_t edges[] = { 63, 64, 65, 127, 128 };

        for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
                results_told_deinit(&told);
                for (uint64_t task = edges[i] + 2; task-- > 0;)
                        if (task != edges[i])
                                add(task);
                ck_assert_uint_eq(told.base, edges[i]);
                ck_assert(!results_told_has(&told, edges[i]));
                ck_assert(results_told_has(&told, edges[i] + 1));
                add(edges[i]);
                ck_assert_uint_eq(told.base, edges[i] + 2);
                ck_assert(!results_told_has(&told, edges[i] + 2));
        }
}
END_TEST

/* As by hand: whatever the order. */
START_TEST(any_order)
{
        bool flags[TASKS] = { false };
        uint64_t state = 88172645463325252U + (uint64_t)_i;
        uint64_t base = 0;

        for (unsigned int n = 0; n < 6 * TASKS; n++) {
                uint64_t task;

                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                task = MIN(base + state % 200, TASKS - 1);
                flags[task] = true;
                add(task);
                while (base < TASKS && flags[base])
                        base++;
                ck_assert_uint_eq(told.base, base);
                for (uint64_t t = base; t < MIN(base + 300, TASKS); t++)
                        if (results_told_has(&told, t) != flags[t])
                                ck_abort_msg("task %u", (unsigned int)t);
        }
}
END_TEST

START_TEST(skipping)
{
        add(70);
        add(200);
        results_told_skip(&told, 69);
        ck_assert_uint_eq(told.base, 69);
        ck_assert(!results_told_has(&told, 69));
        ck_assert(results_told_has(&told, 70));
        ck_assert(results_told_has(&told, 200));
        ck_assert(!results_told_has(&told, 199));
        results_told_skip(&told, 10); /* never back */
        ck_assert_uint_eq(told.base, 69);
        results_told_skip(&told, 100000);
        ck_assert(results_told_has(&told, 99999));
        ck_assert(!results_told_has(&told, 100000));
        add(100000);
        ck_assert_uint_eq(told.base, 100001);
        ck_assert_uint_le(told.words_room, 8);
}
END_TEST

/* One task runs for long, a million others end: an eighth of a byte for each. */
START_TEST(one_that_lasts)
{
        for (uint64_t task = 1; task <= 1000000; task++)
                ck_assert_int_eq(results_told_add(&told, task), 0);
        ck_assert_uint_le(told.words_room * sizeof(uint64_t), 262144);
        add(0);
        ck_assert_uint_eq(told.base, 1000001);
        ck_assert(!results_told_has(&told, 1000001));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients results told");
        TCase *t = tcase_create("told");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, nothing_at_first);
        tcase_add_test(t, in_order_needs_one_word);
        tcase_add_test(t, in_order_from_the_middle);
        tcase_add_test(t, backwards);
        tcase_add_test(t, over_the_edge_of_a_word);
        tcase_add_loop_test(t, any_order, 0, 8);
        tcase_add_test(t, skipping);
        tcase_add_test(t, one_that_lasts);
        suite_add_tcase(suite, t);
        return suite_run(suite);
}
