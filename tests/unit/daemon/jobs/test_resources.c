/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named resources: together or not at all, in order of asking, never more than there is, nobody
 * forgotten; circles are named. The last test plays random takers against these four rules.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/resources.h"
#include "tests/unit/suite.h"

#define UID 1000U

struct taker {
        struct resource_claim *claim;
        struct resource_holding *holding;
        struct resource_owner owner;
        struct resource_ask asks[4];
        size_t asks_count;
        uint64_t asked; /* when it began to wait; 0: it does not */
        bool is_process, is_called;
};

static struct resource_book *book;

/* A process takes when it is called, a job when the test lets it. */
static void taker_on_call(void *arg, struct resource_claim *claim, void *claim_arg)
{
        struct taker *taker = claim_arg;

        (void)arg;
        ck_assert_ptr_eq(taker->claim, claim);
        taker->is_called = true;
        if (!taker->is_process)
                return;
        ck_assert_int_eq(resource_claim_take(claim, &taker->owner, &taker->holding), 0);
        taker->asked = 0;
}

static const struct resource_ops ops = { .on_call = taker_on_call };

static void set_up(void)
{
        ck_assert_int_eq(resource_book_new(&ops, NULL, &book), 0);
}

static void tear_down(void)
{
        book = resource_book_free(book);
}

static void taker_init(struct taker *taker, bool is_process, uint64_t job, uint32_t pid)
{
        taker->is_process = is_process;
        taker->owner = (struct resource_owner){ .job = job, .pid = pid };
        ck_assert_int_eq(resource_claim_new(book, UID, taker->asks, taker->asks_count,
                                            is_process ? &taker->owner : NULL, taker,
                                            &taker->claim),
                         0);
}

static void taker_ask(struct taker *taker, const char *name, enum resource_mode mode,
                      uint32_t count)
{
        taker->asks[taker->asks_count++] = (struct resource_ask){ name, mode, count };
}

static int taker_take(struct taker *taker)
{
        return resource_claim_take(taker->claim, &taker->owner, &taker->holding);
}

/* Asks for one lock; the answer of the first attempt. */
static int lock(struct taker *taker, const char *name, enum resource_mode mode, uint64_t job,
                uint32_t pid)
{
        taker_ask(taker, name, mode, 1);
        taker_init(taker, true, job, pid);
        return taker_take(taker);
}

static void give(struct taker *taker)
{
        taker->holding = resource_holding_free(taker->holding);
        resource_book_serve(book);
}

static void end(struct taker *taker)
{
        taker->holding = resource_holding_free(taker->holding);
        taker->claim = resource_claim_free(taker->claim);
}

START_TEST(a_lock_goes_from_hand_to_hand_in_order)
{
        struct taker t[4] = { 0 };

        ck_assert_int_eq(lock(&t[0], "a", RESOURCE_EXCLUSIVE, 0, 1), 0);
        for (int i = 1; i < 4; i++)
                ck_assert_int_eq(lock(&t[i], "a", RESOURCE_EXCLUSIVE, 0, (uint32_t)i + 1),
                                 RESOURCE_E_WAIT);
        for (int i = 0; i < 3; i++) {
                give(&t[i]);
                for (int k = 0; k < 4; k++)
                        ck_assert(!!t[k].holding == (k == i + 1));
        }
        for (int i = 0; i < 4; i++)
                end(&t[i]);
}
END_TEST

/* Later shared ones do not overtake an exclusive one that waits. */
START_TEST(shared_ones_together_but_not_past_an_exclusive_one)
{
        struct taker t[5] = { 0 };

        ck_assert_int_eq(lock(&t[0], "a", RESOURCE_SHARED, 0, 1), 0);
        ck_assert_int_eq(lock(&t[1], "a", RESOURCE_SHARED, 0, 2), 0);
        ck_assert_int_eq(lock(&t[2], "a", RESOURCE_EXCLUSIVE, 0, 3), RESOURCE_E_WAIT);
        ck_assert_int_eq(lock(&t[3], "a", RESOURCE_SHARED, 0, 4), RESOURCE_E_WAIT);
        ck_assert_int_eq(lock(&t[4], "a", RESOURCE_SHARED, 0, 5), RESOURCE_E_WAIT);
        give(&t[0]);
        ck_assert_ptr_null(t[2].holding);
        give(&t[1]);
        ck_assert_ptr_nonnull(t[2].holding);
        ck_assert_ptr_null(t[3].holding);
        give(&t[2]);
        ck_assert_ptr_nonnull(t[3].holding);
        ck_assert_ptr_nonnull(t[4].holding);
        for (int i = 0; i < 5; i++)
                end(&t[i]);
}
END_TEST

START_TEST(all_together_or_nothing)
{
        struct taker first = { 0 }, both = { 0 }, late = { 0 };

        ck_assert_int_eq(lock(&first, "a", RESOURCE_EXCLUSIVE, 0, 1), 0);
        taker_ask(&both, "a", RESOURCE_EXCLUSIVE, 1);
        taker_ask(&both, "b", RESOURCE_EXCLUSIVE, 1);
        taker_init(&both, true, 0, 2);
        ck_assert_int_eq(taker_take(&both), RESOURCE_E_WAIT);
        /* "b" is nobody's, and kept for the one who asked first. */
        ck_assert_int_eq(lock(&late, "b", RESOURCE_EXCLUSIVE, 0, 3), RESOURCE_E_WAIT);
        give(&first);
        ck_assert_ptr_nonnull(both.holding);
        ck_assert_ptr_null(late.holding);
        give(&both);
        ck_assert_ptr_nonnull(late.holding);
        end(&first), end(&both), end(&late);
}
END_TEST

START_TEST(units_have_ids_and_a_lower_capacity_takes_nothing_away)
{
        struct taker t[3] = { 0 };
        const char *name = NULL;
        char *ids = NULL;
        struct reason why;
        struct resource_ask three = { "gpu", RESOURCE_UNITS, 3 };

        ck_assert_int_eq(resource_judge(book, UID, &three, &why), RESOURCE_E_UNKNOWN);
        ck_assert_int_eq(resource_declare(book, RESOURCE_EVERYBODY, "gpu", 2), 0);
        ck_assert_int_eq(resource_judge(book, UID, &three, &why), RESOURCE_E_TOO_MUCH);
        for (int i = 0; i < 3; i++) {
                taker_ask(&t[i], "gpu", RESOURCE_UNITS, 1);
                taker_init(&t[i], false, (uint64_t)i + 1, 0);
                ck_assert_int_eq(taker_take(&t[i]), i < 2 ? 0 : RESOURCE_E_WAIT);
        }
        ck_assert_int_eq(resource_holding_ids(t[1].holding, 0, &name, &ids), 0);
        ck_assert_str_eq(name, "gpu");
        ck_assert_str_eq(ids, "1");
        free(ids);
        ck_assert_int_eq(resource_holding_ids(t[1].holding, 1, &name, &ids), RESOURCE_E_UNKNOWN);
        ck_assert_int_eq(resource_declare(book, RESOURCE_EVERYBODY, "gpu", 1), 0);
        give(&t[1]);
        ck_assert(!t[2].is_called);
        give(&t[0]);
        ck_assert(t[2].is_called);
        ck_assert_int_eq(taker_take(&t[2]), 0);
        ck_assert_int_eq(resource_withdraw(book, RESOURCE_EVERYBODY, "gpu", false),
                         RESOURCE_E_IN_USE);
        for (int i = 0; i < 3; i++)
                end(&t[i]);
        ck_assert_int_eq(resource_withdraw(book, RESOURCE_EVERYBODY, "gpu", false), 0);
}
END_TEST

/* Who asks for more than there is now stands in nobody's way, and keeps its place. */
START_TEST(stranded_and_back)
{
        struct taker big = { 0 }, small = { 0 }, holder = { 0 };

        ck_assert_int_eq(resource_declare(book, UID, "x", 4), 0);
        taker_ask(&holder, "x", RESOURCE_UNITS, 1);
        taker_ask(&big, "x", RESOURCE_UNITS, 4);
        taker_ask(&small, "x", RESOURCE_UNITS, 1);
        taker_init(&holder, true, 1, 0);
        taker_init(&big, true, 2, 0);
        taker_init(&small, true, 3, 0);
        ck_assert_int_eq(taker_take(&holder), 0);
        ck_assert_int_eq(taker_take(&big), RESOURCE_E_WAIT);
        ck_assert_int_eq(taker_take(&small), RESOURCE_E_WAIT);
        ck_assert_int_eq(resource_declare(book, UID, "x", 2), 0);
        resource_book_serve(book);
        ck_assert_ptr_nonnull(small.holding);
        ck_assert(resource_claim_is_waiting(big.claim));
        ck_assert_int_eq(resource_declare(book, UID, "x", 4), 0);
        give(&small);
        ck_assert_ptr_null(big.holding);
        give(&holder);
        ck_assert_ptr_nonnull(big.holding);
        end(&holder), end(&big), end(&small);
}
END_TEST

START_TEST(what_was_held_before_a_restart)
{
        struct taker before = { 0 }, after = { 0 };
        const char *name = NULL;
        char *ids = NULL;

        ck_assert_int_eq(resource_declare(book, UID, "x", 2), 0);
        taker_ask(&before, "x", RESOURCE_UNITS, 2);
        taker_ask(&before, "l", RESOURCE_EXCLUSIVE, 1);
        taker_init(&before, false, 1, 0);
        ck_assert_int_eq(resource_claim_retake(before.claim, &before.owner, "5,1", &before.holding),
                         0);
        ck_assert_int_eq(resource_holding_ids(before.holding, 0, &name, &ids), 0);
        ck_assert_str_eq(ids, "5,1");
        free(ids);
        taker_ask(&after, "x", RESOURCE_UNITS, 1);
        taker_init(&after, true, 2, 0);
        ck_assert_int_eq(taker_take(&after), RESOURCE_E_WAIT);
        give(&before);
        ck_assert_ptr_nonnull(after.holding);
        end(&before), end(&after);
}
END_TEST

START_TEST(circles_are_named)
{
        struct taker a1 = { 0 }, b2 = { 0 }, b1 = { 0 }, a2 = { 0 }, own = { 0 };
        struct reason why = { "" };

        ck_assert_int_eq(lock(&a1, "a", RESOURCE_EXCLUSIVE, 7, 0), 0);
        ck_assert_int_eq(lock(&b2, "b", RESOURCE_EXCLUSIVE, 8, 0), 0);
        ck_assert_int_eq(lock(&b1, "b", RESOURCE_EXCLUSIVE, 7, 70), RESOURCE_E_WAIT);
        taker_ask(&a2, "a", RESOURCE_EXCLUSIVE, 1);
        taker_init(&a2, true, 8, 80);
        ck_assert_int_eq(resource_claim_judge(a2.claim, &why), RESOURCE_E_CYCLE);
        ck_assert_str_eq(why.text,
                         "it would wait for ever: \"a\" is held by job 7, which waits for "
                         "\"b\", which job 8 holds");
        taker_ask(&own, "a", RESOURCE_SHARED, 1);
        taker_init(&own, true, 7, 71);
        ck_assert_int_eq(resource_claim_judge(own.claim, &why), RESOURCE_E_CYCLE);
        ck_assert_str_eq(why.text, "\"a\" is held by job 7 itself: it would wait for ever");
        end(&a1), end(&b2), end(&b1), end(&a2), end(&own);
}
END_TEST

/* K waits for a and b; who holds a and asks for b would wait behind K, which waits for it. */
START_TEST(who_is_waited_for_goes_first)
{
        struct taker p = { 0 }, q = { 0 }, k = { 0 }, p2 = { 0 };
        struct reason why = { "" };

        ck_assert_int_eq(lock(&p, "a", RESOURCE_EXCLUSIVE, 1, 10), 0);
        ck_assert_int_eq(lock(&q, "b", RESOURCE_EXCLUSIVE, 2, 20), 0);
        taker_ask(&k, "a", RESOURCE_EXCLUSIVE, 1);
        taker_ask(&k, "b", RESOURCE_EXCLUSIVE, 1);
        taker_init(&k, false, 0, 0);
        ck_assert_int_eq(taker_take(&k), RESOURCE_E_WAIT);
        taker_ask(&p2, "b", RESOURCE_EXCLUSIVE, 1);
        taker_init(&p2, true, 1, 11);
        ck_assert_int_eq(resource_claim_judge(p2.claim, &why), 0);
        ck_assert_int_eq(taker_take(&p2), RESOURCE_E_WAIT);
        give(&q);
        ck_assert_ptr_nonnull(p2.holding);
        give(&p2);
        ck_assert(!k.is_called);
        give(&p);
        ck_assert(k.is_called);
        end(&p), end(&q), end(&k), end(&p2);
}
END_TEST

/* A called job without a place to run is passed by processes inside jobs only. */
START_TEST(a_job_that_cannot_run_yet)
{
        struct taker holder = { 0 }, job = { 0 }, inside = { 0 }, outside = { 0 };

        ck_assert_int_eq(lock(&holder, "a", RESOURCE_EXCLUSIVE, 0, 1), 0);
        taker_ask(&job, "a", RESOURCE_EXCLUSIVE, 1);
        taker_init(&job, false, 0, 0);
        ck_assert_int_eq(taker_take(&job), RESOURCE_E_WAIT);
        ck_assert_int_eq(lock(&inside, "a", RESOURCE_EXCLUSIVE, 5, 50), RESOURCE_E_WAIT);
        ck_assert_int_eq(lock(&outside, "a", RESOURCE_EXCLUSIVE, 0, 60), RESOURCE_E_WAIT);
        give(&holder);
        ck_assert(job.is_called);
        ck_assert_ptr_null(inside.holding);
        resource_book_serve_passed(book);
        ck_assert_ptr_nonnull(inside.holding);
        ck_assert_int_eq(taker_take(&job), RESOURCE_E_WAIT);
        job.is_called = false;
        give(&inside);
        ck_assert(job.is_called);
        resource_book_serve_passed(book);
        ck_assert_ptr_null(outside.holding);
        resource_book_set_paused(book, true);
        resource_book_serve(book);
        ck_assert_ptr_nonnull(outside.holding);
        end(&holder), end(&job), end(&inside), end(&outside);
}
END_TEST

START_TEST(names)
{
        char longest[RESOURCE_NAME_MAX + 2];

        memset(longest, 'x', sizeof(longest));
        longest[RESOURCE_NAME_MAX + 1] = '\0';
        ck_assert(!resource_is_name(longest));
        longest[RESOURCE_NAME_MAX] = '\0';
        ck_assert(resource_is_name(longest));
        ck_assert(resource_is_name("a b/\xc3\xa9"));
        ck_assert(!resource_is_name(""));
        ck_assert(!resource_is_name("a\nb"));
        ck_assert(!resource_is_name("\x7f"));
        ck_assert(!resource_is_name("\xc2\x85"));
        ck_assert(!resource_is_name("\xff"));
}
END_TEST

/* ----------------------------------------------------------------------------- against a model */

#define TAKERS 16
#define NAMES 5
static const char *const names_of[NAMES] = { "gpu", "disk", "a", "b", "c" };
static const uint32_t capacity_of[NAMES] = { 4, 2, 1, 1, 1 };

static bool model_fits(const struct taker *takers, const struct resource_ask *ask)
{
        uint32_t units = 0, shared = 0, exclusive = 0, capacity = 0;

        for (size_t n = 0; n < NAMES; n++)
                if (strcmp(names_of[n], ask->name) == 0)
                        capacity = capacity_of[n];
        for (size_t i = 0; i < TAKERS; i++)
                for (size_t k = 0; takers[i].holding && k < takers[i].asks_count; k++) {
                        const struct resource_ask *held = &takers[i].asks[k];

                        if (strcmp(held->name, ask->name) != 0)
                                continue;
                        units += held->mode == RESOURCE_UNITS ? held->count : 0;
                        shared += held->mode == RESOURCE_SHARED;
                        exclusive += held->mode == RESOURCE_EXCLUSIVE;
                }
        ck_assert_uint_le(units, capacity);
        ck_assert(exclusive + (shared > 0) + (units > 0) <= 1);
        if (ask->mode == RESOURCE_SHARED)
                return exclusive + units == 0;
        if (ask->mode == RESOURCE_EXCLUSIVE)
                return exclusive + units + shared == 0;
        return exclusive + shared == 0 && units + ask->count <= capacity;
}

static bool model_shares(const struct taker *a, const struct taker *b)
{
        for (size_t i = 0; i < a->asks_count; i++)
                for (size_t k = 0; k < b->asks_count; k++)
                        if (strcmp(a->asks[i].name, b->asks[k].name) == 0)
                                return true;
        return false;
}

/* May it take now: it fits, and nobody who wants any of the same has asked earlier? */
static bool model_may(const struct taker *takers, const struct taker *taker)
{
        for (size_t i = 0; i < TAKERS; i++)
                if (takers[i].asked && takers[i].asked < taker->asked &&
                    model_shares(&takers[i], taker))
                        return false;
        for (size_t k = 0; k < taker->asks_count; k++)
                if (!model_fits(takers, &taker->asks[k]))
                        return false;
        return true;
}

static void model_make(struct taker *taker, size_t number)
{
        size_t at = (size_t)rand() % NAMES;
        const size_t count = 1 + (size_t)rand() % 3;

        *taker = (struct taker){ 0 };
        for (size_t i = 0; i < count; i++, at = (at + 1) % NAMES) {
                const bool is_lock = at >= 2 || rand() % 4 == 0;

                if (is_lock)
                        taker_ask(taker, names_of[at],
                                  rand() % 2 ? RESOURCE_SHARED : RESOURCE_EXCLUSIVE, 1);
                else
                        taker_ask(taker, names_of[at], RESOURCE_UNITS,
                                  1 + (uint32_t)rand() % capacity_of[at]);
        }
        taker_init(taker, false, number + 1, 0);
}

static void model_try(struct taker *takers, struct taker *taker, uint64_t *clock)
{
        bool expected;

        if (!taker->asked)
                taker->asked = ++*clock;
        expected = model_may(takers, taker);
        ck_assert_int_eq(taker_take(taker), expected ? 0 : RESOURCE_E_WAIT);
        taker->is_called = false;
        if (expected)
                taker->asked = 0;
}

/* Nobody who may take waits uncalled. */
static void model_check_called(const struct taker *takers)
{
        for (size_t i = 0; i < TAKERS; i++)
                if (takers[i].asked && model_may(takers, &takers[i]))
                        ck_assert(takers[i].is_called);
}

START_TEST(random_takers)
{
        static struct taker takers[TAKERS];
        uint64_t clock = 0, taken = 0;

        memset(takers, 0, sizeof(takers));
        srand((unsigned int)_i + 1);
        ck_assert_int_eq(resource_declare(book, RESOURCE_EVERYBODY, "gpu", 4), 0);
        ck_assert_int_eq(resource_declare(book, UID, "disk", 2), 0);
        for (int step = 0; step < 4000; step++) {
                struct taker *taker = &takers[rand() % TAKERS];

                if (!taker->claim)
                        model_make(taker, (size_t)(taker - takers));
                if (taker->holding) {
                        end(taker);
                        taken++;
                } else if (taker->asked && rand() % 10 == 0) {
                        taker->asked = 0;
                        end(taker);
                } else {
                        model_try(takers, taker, &clock);
                }
                resource_book_serve(book);
                model_check_called(takers);
        }
        ck_assert_uint_gt(taken, 150);
        for (size_t i = 0; i < TAKERS; i++)
                end(&takers[i]);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("resources");
        TCase *tcase = tcase_create("resources");

        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, a_lock_goes_from_hand_to_hand_in_order);
        tcase_add_test(tcase, shared_ones_together_but_not_past_an_exclusive_one);
        tcase_add_test(tcase, all_together_or_nothing);
        tcase_add_test(tcase, units_have_ids_and_a_lower_capacity_takes_nothing_away);
        tcase_add_test(tcase, stranded_and_back);
        tcase_add_test(tcase, what_was_held_before_a_restart);
        tcase_add_test(tcase, circles_are_named);
        tcase_add_test(tcase, who_is_waited_for_goes_first);
        tcase_add_test(tcase, a_job_that_cannot_run_yet);
        tcase_add_test(tcase, names);
        tcase_add_loop_test(tcase, random_takers, 0, 8);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
