/* SPDX-License-Identifier: Apache-2.0 */
/* Medians and their kin: near the truth for numbers of every size. */
#include "common/spread.h"

#include "suite.h"

/* Every place begins where the one before it ends; the ends of uint64_t have one, too. */
START_TEST(every_number_has_a_place)
{
        struct spread spread = { .count = 0 };

        for (unsigned int bit = 0; bit < 64; bit++) {
                spread_add(&spread, 1ULL << bit);
                spread_add(&spread, (1ULL << bit) - 1);
                spread_add(&spread, (1ULL << bit) + 1);
        }
        spread_add(&spread, UINT64_MAX);
        ck_assert_uint_eq(spread.count, 193);
        ck_assert_uint_eq(spread.counts[SPREAD_MAX - 1], 1);
}
END_TEST

START_TEST(a_single_number_is_its_own_median)
{
        for (uint64_t value = 1; value < 1ULL << 62; value = value * 3 + 1) {
                struct spread spread = { .count = 0 };
                uint64_t median;

                spread_add(&spread, value);
                median = spread_quantile(&spread, 50);
                ck_assert_uint_le(median, value);
                ck_assert_uint_le(value - median, value / 8);
        }
}
END_TEST

START_TEST(quantiles_of_a_row)
{
        struct spread spread = { .count = 0 }, halves[2] = { { .count = 0 } };

        ck_assert_uint_eq(spread_quantile(&spread, 50), 0);
        for (uint64_t i = 1; i <= 10000; i++)
                spread_add(&halves[i % 2], i * 1000);
        spread_join(&spread, &halves[0]);
        spread_join(&spread, &halves[1]);
        ck_assert_uint_eq(spread.count, 10000);
        ck_assert_uint_eq(spread.sum, 10000ULL * 10001 / 2 * 1000);
        for (unsigned int percent = 5; percent <= 100; percent += 5) {
                const int64_t wanted = (int64_t)percent * 100000;
                const int64_t got = (int64_t)spread_quantile(&spread, percent);

                ck_assert_int_le(llabs(got - wanted), wanted / 8);
        }
}
END_TEST

START_TEST(small_numbers_are_exact)
{
        struct spread spread = { .count = 0 };

        for (uint64_t i = 0; i < 16; i++)
                spread_add(&spread, i);
        ck_assert_uint_eq(spread_quantile(&spread, 50), 7);
        ck_assert_uint_eq(spread_quantile(&spread, 33), 5); /* the rank is rounded up */
        ck_assert_uint_eq(spread_quantile(&spread, 0), 0);
        ck_assert_uint_eq(spread_quantile(&spread, 100), 15);
}
END_TEST

SUITE_MAIN("spread", NULL, NULL, every_number_has_a_place, a_single_number_is_its_own_median,
           quantiles_of_a_row, small_numbers_are_exact)
