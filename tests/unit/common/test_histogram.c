/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms: bounds that rise, numbers on both sides of each, sums. */
#include <inttypes.h>
#include <string.h>

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

/* Whoever collects them adds up what these bounds have counted over years and machines. */
START_TEST(bounds_stay_as_they_were_told)
{
        static const char *const told[] = {
                "100 250 500 1000 2500 5000 10000 25000 50000 100000 250000 500000 1000000 5000000 "
                "20000000 ",
                "10000 100000 1000000 5000000 10000000 30000000 60000000 300000000 600000000 "
                "1800000000 3600000000 14400000000 43200000000 86400000000 604800000000 ",
                "1 2 5 10 20 50 100 200 500 1000 2000 5000 10000 ",
        };
        const struct histogram_bounds *const all[] = { &histogram_short_usec, &histogram_long_usec,
                                                       &histogram_sizes };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                char text[400] = "";

                for (size_t n = 0; n < all[i]->count; n++)
                        sprintf(text + strlen(text), "%" PRIu64 " ", all[i]->at[n]);
                ck_assert_str_eq(text, told[i]);
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

SUITE_MAIN("histogram", NULL, NULL, bounds_rise, bounds_stay_as_they_were_told,
           a_number_at_a_bound_is_within_it)
