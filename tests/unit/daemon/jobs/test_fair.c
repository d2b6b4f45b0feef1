/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fair shares by hand, in a time of the test's own: who is first, who has earned what, and what a
 * machine of a few cores comes to when it serves them for an hour.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"

#include "daemon/jobs/fair.h"
#include "tests/unit/suite.h"

#define SECOND USEC_PER_SEC

static struct fair fair;
static struct fair_share alice, bob, carol;

static void setup(void)
{
        fair_init(&fair);
        fair_share_init(&alice, 100);
        fair_share_init(&bob, 100);
        fair_share_init(&carol, 100);
}

static struct fair_share *first_at(uint64_t now_usec)
{
        fair_advance(&fair, now_usec);
        return fair_first(&fair);
}

START_TEST(nobody_waits)
{
        ck_assert_ptr_null(first_at(0));
        fair_set_waiting(&fair, &alice, true, 0);
        fair_set_waiting(&fair, &alice, true, 0);
        ck_assert_ptr_eq(first_at(0), &alice);
        ck_assert_ptr_null(fair_next(&alice));
        fair_set_waiting(&fair, &alice, false, 1);
        ck_assert_ptr_null(first_at(1));
}
END_TEST

START_TEST(who_has_received_less_goes_first)
{
        fair_set_waiting(&fair, &alice, true, 0);
        fair_set_waiting(&fair, &bob, true, 0);
        fair_take(&fair, &alice, 1, 0);
        fair_take(&fair, &bob, 2, 0);
        ck_assert_ptr_eq(first_at(SECOND), &alice);
        ck_assert_ptr_eq(fair_next(&alice), &bob);
        fair_give(&fair, &bob, 2, SECOND);
        ck_assert_ptr_eq(first_at(SECOND), &alice);
        /* Bob has had 2 core-seconds; Alice has more than that after 2.1 s. */
        ck_assert_ptr_eq(first_at(2100 * USEC_PER_MSEC), &bob);
}
END_TEST

START_TEST(equals_get_one_core_each)
{
        struct fair_share *got;

        fair_set_waiting(&fair, &alice, true, 0);
        fair_set_waiting(&fair, &bob, true, 10);
        got = first_at(10);
        fair_take(&fair, got, 1, 10);
        ck_assert_ptr_ne(first_at(10), got);
        fair_take(&fair, fair_first(&fair), 1, 11);
        ck_assert_uint_eq(alice.cores, 1);
        ck_assert_uint_eq(bob.cores, 1);
}
END_TEST

START_TEST(among_equals_the_longest_wait_goes_first)
{
        struct fair_share *const all[] = { &alice, &bob, &carol };

        for (size_t i = 0; i < 3; i++)
                fair_set_waiting(&fair, all[i], true, 0);
        for (size_t i = 0; i < 3; i++) {
                fair_take(&fair, all[i], 1, 0);
                fair_give(&fair, all[i], 1, 0);
        }
        ck_assert_ptr_eq(first_at(0), &alice);
        ck_assert_ptr_eq(fair_next(&alice), &bob);
        ck_assert_ptr_eq(fair_next(&bob), &carol);
        ck_assert_ptr_null(fair_next(&carol));
        fair_take(&fair, &alice, 1, 0);
        fair_give(&fair, &alice, 1, 0);
        ck_assert_ptr_eq(first_at(0), &bob);
}
END_TEST

START_TEST(a_weight_counts_as_so_much_less)
{
        fair_set_weight(&fair, &alice, 300, 0);
        fair_set_waiting(&fair, &alice, true, 0);
        fair_set_waiting(&fair, &bob, true, 0);
        fair_take(&fair, &alice, 1, 0);
        fair_take(&fair, &bob, 1, 0);
        fair_give(&fair, &bob, 1, SECOND);
        ck_assert_ptr_eq(first_at(SECOND), &alice);
        ck_assert_ptr_eq(first_at(2900 * USEC_PER_MSEC), &alice);
        ck_assert_ptr_eq(first_at(3100 * USEC_PER_MSEC), &bob);
        /* What he has received stays; what he receives from here on counts by the new weight. */
        fair_set_weight(&fair, &alice, 100, 3100 * USEC_PER_MSEC);
        fair_set_weight(&fair, &bob, 1, 3100 * USEC_PER_MSEC);
        fair_take(&fair, &bob, 1, 3100 * USEC_PER_MSEC);
        ck_assert_ptr_eq(first_at(4100 * USEC_PER_MSEC), &alice);
}
END_TEST

START_TEST(idleness_earns_nothing)
{
        fair_set_waiting(&fair, &alice, true, 0);
        fair_take(&fair, &alice, 1, 0);
        first_at(1000 * SECOND);
        fair_set_waiting(&fair, &bob, true, 1000 * SECOND);
        ck_assert_ptr_eq(first_at(1000 * SECOND), &bob);
        fair_take(&fair, &bob, 1, 1000 * SECOND);
        /* From here on they are equal: he does not get the thousand seconds back. */
        ck_assert_ptr_eq(first_at(1001 * SECOND), &alice);
        fair_give(&fair, &alice, 1, 1001 * SECOND);
        ck_assert_ptr_eq(first_at(1002 * SECOND), &alice);
}
END_TEST

/* Nobody asked who is first while she ran, and she is idle herself when he comes. */
START_TEST(nor_does_it_when_nobody_waited_meanwhile)
{
        fair_take(&fair, &alice, 1, 0);
        fair_give(&fair, &alice, 1, 1000 * SECOND);
        fair_set_waiting(&fair, &bob, true, 1000 * SECOND);
        fair_set_waiting(&fair, &alice, true, 1000 * SECOND);
        fair_take(&fair, &bob, 1, 1000 * SECOND);
        ck_assert_ptr_eq(first_at(1000 * SECOND), &alice);
        fair_take(&fair, &alice, 1, 1000 * SECOND);
        fair_give(&fair, &bob, 1, 1001 * SECOND);
        ck_assert_ptr_eq(first_at(1001 * SECOND), &bob);
        fair_take(&fair, &bob, 1, 1001 * SECOND);
        fair_give(&fair, &alice, 1, 1002 * SECOND);
        fair_give(&fair, &bob, 1, 1003 * SECOND);
        ck_assert_ptr_eq(first_at(1003 * SECOND), &alice);
}
END_TEST

/* Bob wants no more than the one core that he has: Alice owes him nothing for the others. */
START_TEST(nor_does_a_small_wish)
{
        fair_set_waiting(&fair, &bob, true, 0);
        fair_take(&fair, &bob, 1, 0);
        fair_set_waiting(&fair, &bob, false, 0);
        fair_set_waiting(&fair, &alice, true, 0);
        fair_take(&fair, &alice, 63, 0);
        first_at(1000 * SECOND);
        fair_set_waiting(&fair, &carol, true, 1000 * SECOND);
        fair_set_waiting(&fair, &bob, true, 1000 * SECOND);
        fair_give(&fair, &alice, 63, 1000 * SECOND);
        fair_take(&fair, &carol, 2, 1000 * SECOND);
        fair_take(&fair, &bob, 1, 1000 * SECOND);
        ck_assert_ptr_eq(first_at(1001 * SECOND), &alice);
}
END_TEST

START_TEST(a_debt_is_not_forgiven_by_a_pause)
{
        fair_set_waiting(&fair, &alice, true, 0);
        fair_set_waiting(&fair, &bob, true, 0);
        fair_take(&fair, &bob, 1, 0);
        fair_take(&fair, &alice, 2, 0);
        first_at(10 * SECOND);
        fair_give(&fair, &alice, 2, 10 * SECOND);
        fair_set_waiting(&fair, &alice, false, 10 * SECOND);
        fair_set_waiting(&fair, &alice, true, 11 * SECOND);
        ck_assert_ptr_eq(first_at(11 * SECOND), &bob);
        ck_assert_ptr_eq(first_at(19 * SECOND), &bob);
        ck_assert_ptr_eq(first_at(21 * SECOND), &alice);
}
END_TEST

START_TEST(virtual_times_wrap)
{
        struct fair_share *const all[] = { &alice, &bob, &carol };
        const uint64_t start = UINT64_MAX - 500 * SECOND * 100; /* wraps within the run below */
        uint64_t got[3] = { 0 };
        uint64_t now = 0;

        fair.vnow = start;
        fair.vmost = start;
        for (size_t i = 0; i < 3; i++) {
                all[i]->vtime = start;
                fair_set_waiting(&fair, all[i], true, 0);
        }
        for (int i = 0; i < 3000; i++, now += SECOND) {
                struct fair_share *const share = first_at(now);

                fair_take(&fair, share, 1, now);
                got[share == &alice ? 0 : share == &bob ? 1 : 2]++;
                fair_give(&fair, share, 1, now + SECOND);
        }
        ck_assert_uint_lt(fair.vnow, start); /* it did */
        for (size_t i = 0; i < 3; i++)
                ck_assert_uint_eq(got[i], 1000);
}
END_TEST

/* ------------------------------------------------------------------------------- a small machine
 */

#define CORES 8
#define SHARES 64

struct run {
        struct fair_share *share; /* NULL: the core is free */
        uint64_t start_usec, end_usec;
};

/* `shares` of these weights, all with more to do than there is, on a machine with CORES cores. */
static void serve(struct fair_share *shares, size_t count, uint64_t end_usec, uint64_t longest_usec,
                  uint64_t *out_got_usec)
{
        struct run runs[CORES] = { 0 };
        uint64_t now = 0;

        for (size_t i = 0; i < count; i++)
                fair_set_waiting(&fair, &shares[i], true, 0);
        while (now < end_usec) {
                struct run *next = &runs[0];

                fair_advance(&fair, now);
                for (struct run *run = runs; run < runs + CORES; run++) {
                        if (!run->share) {
                                run->share = fair_first(&fair);
                                run->start_usec = now;
                                run->end_usec = now + 1 + (uint64_t)rand() % longest_usec;
                                fair_expect(run->share, longest_usec / 2);
                                fair_take(&fair, run->share, 1, now);
                        }
                        if (run->end_usec < next->end_usec)
                                next = run;
                }
                now = MIN(next->end_usec, end_usec);
                for (struct run *run = runs; run < runs + CORES; run++)
                        if (run->end_usec <= now || now == end_usec) {
                                out_got_usec[run->share - shares] += now - run->start_usec;
                                fair_give(&fair, run->share, 1, now);
                                run->share = NULL;
                        }
        }
}

START_TEST(all_come_within_a_task_of_the_ideal)
{
        static struct fair_share shares[SHARES];
        const uint64_t longest = 20 * SECOND;
        uint64_t got[SHARES] = { 0 };
        uint64_t weights = 0;

        srand((unsigned int)_i);
        for (size_t i = 0; i < SHARES; i++) {
                /* The first run with equal ones; else up to 1 : 10. */
                fair_share_init(&shares[i], _i ? 100 + (uint32_t)rand() % 901 : 100);
                weights += shares[i].weight;
        }
        serve(shares, SHARES, 3600 * SECOND, longest, got);
        for (size_t i = 0; i < SHARES; i++) {
                const double ideal = CORES * 3600.0 * SECOND * shares[i].weight / (double)weights;

                ck_assert_msg((double)got[i] > ideal - (double)longest &&
                                      (double)got[i] < ideal + (double)longest,
                              "weight %u: %.1f s instead of %.1f s", shares[i].weight,
                              (double)got[i] / (double)SECOND, ideal / (double)SECOND);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("fair");
        TCase *tcase = tcase_create("shares");

        tcase_add_checked_fixture(tcase, setup, NULL);
        tcase_add_test(tcase, nobody_waits);
        tcase_add_test(tcase, who_has_received_less_goes_first);
        tcase_add_test(tcase, equals_get_one_core_each);
        tcase_add_test(tcase, among_equals_the_longest_wait_goes_first);
        tcase_add_test(tcase, a_weight_counts_as_so_much_less);
        tcase_add_test(tcase, idleness_earns_nothing);
        tcase_add_test(tcase, nor_does_it_when_nobody_waited_meanwhile);
        tcase_add_test(tcase, nor_does_a_small_wish);
        tcase_add_test(tcase, a_debt_is_not_forgiven_by_a_pause);
        tcase_add_test(tcase, virtual_times_wrap);
        tcase_add_loop_test(tcase, all_come_within_a_task_of_the_ideal, 0, 10);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
