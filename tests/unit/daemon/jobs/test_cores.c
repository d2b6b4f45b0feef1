/* SPDX-License-Identifier: Apache-2.0 */
/* Leased cores: neighbours, none twice, and what was leased before the machine got smaller. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#include "daemon/jobs/cores.h"
#include "tests/unit/suite.h"

static struct cores cores;

static void setup(void)
{
        memset(&cores, 0, sizeof(cores));
}

static void teardown(void)
{
        cores_deinit(&cores);
}

START_TEST(there_are_none)
{
        uint32_t numbers[1];

        ck_assert_uint_eq(cores_free_count(&cores), 0);
        ck_assert(!cores_take(&cores, 1, numbers));
        ck_assert(cores_take(&cores, 0, numbers));
        ck_assert_int_eq(cores_resize(&cores, 0), 0);
        ck_assert(!cores_take(&cores, 1, numbers));
}
END_TEST

START_TEST(neighbours_if_possible)
{
        uint32_t one[1], two[2], three[3], four[4];

        ck_assert_int_eq(cores_resize(&cores, 8), 0);
        ck_assert(cores_take(&cores, 1, one)); /* 0 */
        ck_assert(cores_take(&cores, 2, two)); /* 1 2 */
        ck_assert_uint_eq(two[0], 1);
        ck_assert_uint_eq(two[1], 2);
        ck_assert(cores_take(&cores, 3, three)); /* 3 4 5 */
        cores_give(&cores, 2, two);
        /* Free: 1 2 6 7. The lowest run that is long enough. */
        ck_assert(cores_take(&cores, 2, two));
        ck_assert_uint_eq(two[0], 1);
        cores_give(&cores, 2, two);
        /* No run of three: any that are free. */
        cores_give(&cores, 1, one);
        ck_assert(cores_take(&cores, 1, one));
        ck_assert_uint_eq(one[0], 0);
        ck_assert(cores_take(&cores, 4, four));
        ck_assert_uint_eq(four[0], 1);
        ck_assert_uint_eq(four[1], 2);
        ck_assert_uint_eq(four[2], 6);
        ck_assert_uint_eq(four[3], 7);
        ck_assert_uint_eq(cores_free_count(&cores), 0);
        ck_assert(!cores_take(&cores, 1, one));
}
END_TEST

START_TEST(a_run_over_the_edge_of_a_word)
{
        uint32_t numbers[130];

        ck_assert_int_eq(cores_resize(&cores, 130), 0);
        ck_assert(cores_take(&cores, 60, numbers));
        ck_assert(cores_take(&cores, 70, numbers));
        for (uint32_t i = 0; i < 70; i++)
                ck_assert_uint_eq(numbers[i], 60 + i);
        ck_assert(!cores_take(&cores, 1, numbers));
}
END_TEST

START_TEST(what_somebody_has_already_is_counted)
{
        uint32_t held[3] = { 2, 2, 9 };
        uint32_t numbers[4];

        ck_assert_int_eq(cores_resize(&cores, 4), 0);
        cores_take_these(&cores, 3, held);
        ck_assert_uint_eq(held[0], 2);
        ck_assert_uint_eq(held[1], CORES_ANY); /* another one has it */
        ck_assert_uint_eq(held[2], CORES_ANY); /* does not exist */
        ck_assert_uint_eq(cores_free_count(&cores), 1);
        ck_assert(!cores_take(&cores, 2, numbers));
        ck_assert(cores_take(&cores, 1, numbers));
        ck_assert_uint_eq(numbers[0], 0);
        cores_give(&cores, 3, held);
        ck_assert_uint_eq(cores_free_count(&cores), 3);
        ck_assert(cores_take(&cores, 3, numbers));
        ck_assert_uint_eq(numbers[0], 1);
        ck_assert_uint_eq(numbers[2], 3);
}
END_TEST

START_TEST(more_may_be_held_than_there_are)
{
        uint32_t held[6] = { 0, 1, CORES_ANY, CORES_ANY, CORES_ANY, CORES_ANY };
        uint32_t numbers[4];

        ck_assert_int_eq(cores_resize(&cores, 4), 0);
        cores_take_these(&cores, 6, held);
        ck_assert_uint_eq(cores_free_count(&cores), 0);
        cores_give(&cores, 2, held + 4);
        ck_assert(!cores_take(&cores, 1, numbers));
        cores_give(&cores, 1, held + 3);
        ck_assert(cores_take(&cores, 1, numbers));
        ck_assert_uint_eq(numbers[0], 2);
}
END_TEST

START_TEST(the_machine_gets_smaller_and_larger)
{
        uint32_t all[8], numbers[8];

        ck_assert_int_eq(cores_resize(&cores, 8), 0);
        ck_assert(cores_take(&cores, 8, all));
        ck_assert_int_eq(cores_resize(&cores, 4), 0);
        ck_assert_uint_eq(cores_free_count(&cores), 0);
        cores_give(&cores, 4, all + 2); /* 2 to 5 */
        ck_assert(!cores_take(&cores, 1, numbers));
        cores_give(&cores, 1, all); /* 0; left: 1 6 7 */
        ck_assert(cores_take(&cores, 1, numbers));
        ck_assert_uint_eq(numbers[0], 0);
        cores_give(&cores, 1, numbers);
        ck_assert_int_eq(cores_resize(&cores, 200), 0);
        ck_assert_uint_eq(cores_free_count(&cores), 197);
        ck_assert(cores_take(&cores, 5, numbers));
        ck_assert_uint_eq(numbers[0], 8); /* 2 to 5 are only four */
        cores_give(&cores, 5, numbers);
        cores_give(&cores, 1, all + 1);
        cores_give(&cores, 2, all + 6);
        ck_assert_uint_eq(cores_free_count(&cores), 200);
        ck_assert_uint_eq(cores.used, 0);
}
END_TEST

#define LEASES 40

/* At random, against a plain array of who has which. */
START_TEST(none_is_leased_twice)
{
        uint32_t numbers[LEASES][16];
        uint32_t counts[LEASES] = { 0 };
        int owner[100];
        uint32_t used = 0;

        srand((unsigned int)_i);
        memset(owner, 0xff, sizeof(owner));
        ck_assert_int_eq(cores_resize(&cores, 100), 0);
        for (int step = 0; step < 20000; step++) {
                const int at = rand() % LEASES;
                const uint32_t n = 1 + (uint32_t)rand() % 16;

                if (counts[at]) {
                        cores_give(&cores, counts[at], numbers[at]);
                        for (uint32_t i = 0; i < counts[at]; i++)
                                owner[numbers[at][i]] = -1;
                        used -= counts[at];
                        counts[at] = 0;
                } else if (cores_take(&cores, n, numbers[at])) {
                        for (uint32_t i = 0; i < n; i++) {
                                ck_assert_uint_lt(numbers[at][i], 100);
                                ck_assert_int_eq(owner[numbers[at][i]], -1);
                                owner[numbers[at][i]] = at;
                        }
                        counts[at] = n;
                        used += n;
                } else {
                        ck_assert_uint_gt(used + n, 100);
                }
                ck_assert_uint_eq(cores_free_count(&cores), 100 - used);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("cores");
        TCase *tcase = tcase_create("leases");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, there_are_none);
        tcase_add_test(tcase, neighbours_if_possible);
        tcase_add_test(tcase, a_run_over_the_edge_of_a_word);
        tcase_add_test(tcase, what_somebody_has_already_is_counted);
        tcase_add_test(tcase, more_may_be_held_than_there_are);
        tcase_add_test(tcase, the_machine_gets_smaller_and_larger);
        tcase_add_loop_test(tcase, none_is_leased_twice, 0, 3);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
