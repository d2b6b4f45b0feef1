/* SPDX-License-Identifier: Apache-2.0 */
/* backoff.c: it doubles, it ends somewhere, it spreads, and it can be foretold. */
#include <check.h>
#include <stdlib.h>

#include "common/clock.h"

#include "daemon/jobs/backoff.h"
#include "tests/unit/suite.h"

static void expect_about(uint64_t delay, uint64_t wanted)
{
        ck_assert_uint_ge(delay, wanted - wanted / 10);
        ck_assert_uint_le(delay, wanted + wanted / 10);
}

START_TEST(it_doubles_up_to_an_hour)
{
        for (uint32_t attempt = 1; attempt < 1000; attempt++) {
                const uint64_t seconds = attempt < 13 ? 1ULL << (attempt - 1) : 3600;

                expect_about(backoff_usec(0, attempt, 17, 3), MIN(seconds, 3600) * USEC_PER_SEC);
                expect_about(backoff_usec(50, attempt, 17, 3),
                             attempt < 28 ? 50ULL << (attempt - 1) : 3600 * USEC_PER_SEC);
        }
        expect_about(backoff_usec(0, 0, 1, 0), USEC_PER_SEC);
}
END_TEST

/* Who asks for more than an hour gets it, and it does not double. */
START_TEST(a_long_delay_stays)
{
        const uint64_t day = 86400 * USEC_PER_SEC, century = 36600 * day;

        expect_about(backoff_usec(day, 1, 1, 0), day);
        expect_about(backoff_usec(day, 40, 1, 0), day);
        expect_about(backoff_usec(century, UINT32_MAX, UINT64_MAX, UINT64_MAX), century);
        expect_about(backoff_usec(1, 1, 1, 0), 1);
}
END_TEST

START_TEST(it_is_the_same_every_time_and_spreads)
{
        const uint64_t tenth = 100 * USEC_PER_SEC;
        unsigned int parts[20] = { 0 };

        for (uint64_t task = 0; task < 2000; task++) {
                const uint64_t delay = backoff_usec(10 * tenth, 1, 5, task);

                ck_assert_uint_eq(delay, backoff_usec(10 * tenth, 1, 5, task));
                parts[MIN((delay - 9 * tenth) * 20 / (2 * tenth), 19)]++;
        }
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                ck_assert_uint_gt(parts[i], 50);
                ck_assert_uint_lt(parts[i], 150);
        }
        ck_assert_uint_ne(backoff_usec(tenth, 1, 5, 0), backoff_usec(tenth, 1, 6, 0));
        ck_assert_uint_ne(backoff_usec(tenth, 2, 5, 0), 2 * backoff_usec(tenth, 1, 5, 0));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("backoff");
        TCase *tests = tcase_create("all");

        tcase_add_test(tests, it_doubles_up_to_an_hour);
        tcase_add_test(tests, a_long_delay_stays);
        tcase_add_test(tests, it_is_the_same_every_time_and_spreads);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
