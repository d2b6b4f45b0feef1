/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms: bounds that rise, numbers on both sides of each, sums. */
#include "common/cleanup.h"
#include "common/histogram.h"

#include "suite.h"

START_TEST(bounds_rise)
{
        const struct histogram_bounds *const all[] = { &histogram_short_usec, &histogram_long_usec,
                                                       &histogram_sizes };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                ck_assert_uint_le(all[i]->count, HISTOGRAM_BOUNDS_MAX);
                for (size_t n = 1; n < all[i]->count; n++)
                        ck_assert_uint_lt(all[i]->at[n - 1], all[i]->at[n]);
        }
}
END_TEST

START_TEST(a_number_at_a_bound_is_within_it)
{
        static const struct histogram_bounds bounds = { .at = { 10, 100 }, .count = 2 };
        struct histogram histogram = { .bounds = &bounds };

        histogram_add(&histogram, 0);
        histogram_add(&histogram, 10);
        histogram_add(&histogram, 11);
        histogram_add(&histogram, 100);
        histogram_add(&histogram, 101);
        histogram_add(&histogram, 5000);
        histogram_add(&histogram, 7);
        ck_assert_uint_eq(histogram.counts[0], 3);
        ck_assert_uint_eq(histogram.counts[1], 2);
        ck_assert_uint_eq(histogram.counts[2], 2);
        ck_assert_uint_eq(histogram.count, 7);
        ck_assert_uint_eq(histogram.sum, 5229);
        ck_assert_uint_eq(histogram.longest, 5000);
}
END_TEST

SUITE_MAIN("histogram", NULL, NULL, bounds_rise, a_number_at_a_bound_is_within_it)
