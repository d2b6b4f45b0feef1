/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that wait inside for other jobs: what they lend, to whom it goes, and that it is counted
 * once, whatever their clients say and whoever ends first.
 */
#include <check.h>
#include <stdlib.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

static const struct engine_spec plain = { .task_count = 1 };

/* Submits one job and brings it to its worker; its lease. */
static uint64_t start_one(uint64_t *out_job)
{
        const size_t before = fake_count(FAKE_START);

        *out_job = fake_submit(1000, &plain);
        ck_assert_uint_ne(*out_job, 0);
        fake_turn();
        ck_assert_ptr_nonnull(fake_find(FAKE_START, before));
        return fake_find(FAKE_START, before)->lease;
}

/* A job that waits inside for another one must not keep it from starting. */
START_TEST(who_waits_lends)
{
        uint64_t id, lease, lent;

        fake.wanted = 1;
        fake_attach(0);
        lease = start_one(&id);
        ck_assert_uint_eq(engine_lend(fake.engine, id, 0, 1001), 0); /* another's job */
        ck_assert_uint_eq(engine_lend(fake.engine, id, 1, 1000), 0); /* no such task */
        lent = engine_lend(fake.engine, id, 0, 1000);
        ck_assert_uint_eq(lent, lease);
        ck_assert_uint_eq(engine_lend(fake.engine, id, 0, 1000), lease);
        ck_assert_uint_eq(fake.extra, 1);
        fake_attach(1);
        fake_submit(1000, &plain);
        fake_submit(1000, &plain);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
        engine_unlend(fake.engine, lent);
        ck_assert_uint_eq(fake.extra, 1); /* a second client of it still waits */
        engine_unlend(fake.engine, lent);
        ck_assert_uint_eq(fake.extra, 0);
        /* Two cores are taken now and there is one: the third job waits for both of them. */
        fake_exit(fake.workers[1], fake_find(FAKE_START, 1)->lease, 0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
        fake_exit(fake.workers[0], lease, 0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 3);
}
END_TEST

START_TEST(who_ends_while_lending)
{
        uint64_t id, lease;

        fake.wanted = 1;
        fake_attach(0);
        lease = start_one(&id);
        ck_assert_uint_eq(engine_lend(fake.engine, id, 0, 1000), lease);
        fake_exit(fake.workers[0], lease, 0);
        ck_assert_uint_eq(fake.extra, 0);
        engine_unlend(fake.engine, lease);
        ck_assert_uint_eq(fake.extra, 0);
        ck_assert_uint_eq(fake.engine->cores.used, 0);
}
END_TEST

/* One worker with a task that runs and others in its memory behind it: the first two STARTs. */
static void look_ahead(const struct fake_sent **out_first, const struct fake_sent **out_second)
{
        uint64_t id, lease;

        fake.wanted = 1;
        fake.commit_usec = 400;
        fake_attach(0);
        lease = start_one(&id);
        fake_exit(fake.workers[0], lease, 0);
        fake_submit(1000, &plain);
        fake_submit(1000, &plain);
        fake_turn();
        *out_first = fake_find(FAKE_START, 1);
        *out_second = fake_find(FAKE_START, 2);
        ck_assert_ptr_nonnull(*out_second);
        ck_assert_uint_eq((*out_first)->worker, (*out_second)->worker);
        ck_assert_uint_eq(fake.engine->cores.used, 1);
}

START_TEST(what_a_worker_has_is_lent_once)
{
        const struct fake_sent *first, *second;
        uint64_t lent;

        look_ahead(&first, &second);
        lent = engine_lend(fake.engine, first->job, 0, 1000);
        ck_assert_uint_ne(lent, 0);
        ck_assert_uint_eq(fake.engine->cores.used, 0);
        /* A client may say that it is in any task of its user. */
        ck_assert_uint_eq(engine_lend(fake.engine, second->job, 0, 1000), 0);
        ck_assert_uint_eq(fake.engine->cores.used, 0);
        ck_assert_uint_eq(fake.extra, 1);
        engine_unlend(fake.engine, lent);
        ck_assert_uint_eq(fake.engine->cores.used, 1);
        ck_assert_uint_eq(fake.extra, 0);
}
END_TEST

START_TEST(the_next_task_of_the_worker_lends_nothing)
{
        const struct fake_sent *first, *second;

        look_ahead(&first, &second);
        ck_assert_uint_ne(engine_lend(fake.engine, first->job, 0, 1000), 0);
        ck_assert_uint_gt(fake_count(FAKE_REVOKE), 0);
        /* REVOKE comes too late: the worker has begun with it. */
        engine_workers_ops.on_revoked(fake.engine, fake.workers[0], second->lease, true);
        fake_exit(fake.workers[0], first->lease, 0);
        ck_assert_uint_eq(fake.extra, 0);
        ck_assert_uint_eq(fake.engine->cores.used, 1);
        ck_assert_uint_eq(engine_lend(fake.engine, second->job, 0, 1000), second->lease);
        ck_assert_uint_eq(fake.engine->cores.used, 0);
        fake_exit(fake.workers[0], second->lease, 0);
        ck_assert_uint_eq(fake.engine->cores.used, 0);
}
END_TEST

START_TEST(one_user_lends_so_much_and_leaves_others_theirs)
{
        uint64_t first, second, others;

        for (uint32_t i = 0; i < 3; i++)
                fake_attach(i);
        start_one(&first);
        start_one(&second);
        fake.engine->users->lent_count += 63; /* more workers than the fakes have room for */
        ck_assert_uint_ne(engine_lend(fake.engine, first, 0, 1000), 0);
        ck_assert_uint_eq(engine_lend(fake.engine, second, 0, 1000), 0);
        others = fake_submit(2000, &plain);
        fake_turn();
        ck_assert_uint_ne(engine_lend(fake.engine, others, 0, 2000), 0);
        fake.engine->users->lent_count--;
        ck_assert_uint_ne(engine_lend(fake.engine, second, 0, 1000), 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("lending");
        TCase *tests = tcase_create("lending");

        tcase_add_checked_fixture(tests, fake_setup, fake_teardown);
        tcase_add_test(tests, who_waits_lends);
        tcase_add_test(tests, who_ends_while_lending);
        tcase_add_test(tests, what_a_worker_has_is_lent_once);
        tcase_add_test(tests, the_next_task_of_the_worker_lends_nothing);
        tcase_add_test(tests, one_user_lends_so_much_and_leaves_others_theirs);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
