/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one user may make the engine keep, by whatever way it comes in: submissions, tasks that run
 * again, dependencies, resources and locks. And that what goes is counted no more.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

#define QUEUED_MAX 50 /* of the fakes' engine */

static const struct engine_spec plain = { .task_count = 1 };
static struct reason why;

static struct user *user(void)
{
        ck_assert_ptr_nonnull(fake.engine->users);
        return fake.engine->users;
}

/* An array of as many tasks as one may have queued, all of them cancelled. */
static uint64_t cancel_many(void)
{
        const struct engine_spec many = { .task_count = QUEUED_MAX,
                                          .is_array = true,
                                          .array_step = 1 };
        const uint64_t id = fake_submit(1000, &many);

        ck_assert_msg(id, "%s", fake_why);
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, &why),
                         0);
        fake_turn();
        ck_assert_ptr_null(engine_find(fake.engine, id));
        return id;
}

static int retry(uint64_t id)
{
        return engine_retry(fake.engine, &fake.jobs[id], NULL, 0, ENGINE_ALL_TASKS,
                            ENGINE_RETRY_ALL, &why);
}

START_TEST(what_runs_again_is_limited_like_a_submission)
{
        const uint64_t one = cancel_many(), two = cancel_many();

        ck_assert_int_eq(retry(one), 0);
        ck_assert_uint_eq(user()->queued_tasks, QUEUED_MAX);
        ck_assert_int_eq(retry(two), ENGINE_E_LIMIT);
        ck_assert_ptr_nonnull(strstr(why.text, "more than 50 queued tasks"));
        ck_assert_ptr_null(engine_find(fake.engine, two));
        ck_assert_uint_eq(user()->queued_tasks, QUEUED_MAX);
}
END_TEST

START_TEST(nothing_runs_again_on_a_full_disk_or_at_the_end)
{
        const uint64_t id = cancel_many();

        fake.disk_full = true;
        ck_assert_int_eq(retry(id), ENGINE_E_FULL);
        fake.disk_full = false;
        engine_stop(fake.engine, false);
        ck_assert_int_eq(retry(id), ENGINE_E_STOPPING);
        ck_assert_ptr_null(engine_find(fake.engine, id));
}
END_TEST

/* Jobs of one user stay in the order of their ids, wherever one comes back. */
START_TEST(who_comes_back_finds_his_place)
{
        const uint64_t first = cancel_many();
        const uint64_t second = fake_submit(1000, &plain);
        const uint64_t others = fake_submit(2000, &plain);
        struct engine_options options = fake.engine->options;
        struct job *job;

        options.queued_max_per_user = options.queued_max = 1000;
        engine_set_options(fake.engine, &options);
        ck_assert_int_eq(retry(first), 0);
        job = engine_next_job(fake.engine, 1000, 0);
        ck_assert_uint_eq(engine_job_id(job), first);
        ck_assert_uint_eq(engine_job_id(engine_next_job(fake.engine, 1000, first)), second);
        ck_assert_ptr_null(engine_next_job(fake.engine, 1000, second));
        ck_assert_uint_eq(engine_job_id(engine_next_job(fake.engine, 2000, 0)), others);
}
END_TEST

START_TEST(what_jobs_wait_and_ask_for_is_limited)
{
        const uint64_t parent = fake_submit(1000, &plain);
        const struct engine_dependency on[] = { { DEPS_AFTEROK, false, parent } };
        const struct engine_spec child = { .task_count = 1,
                                           .dependencies = on,
                                           .dependencies_count = 1 };
        const struct engine_spec locker = { .task_count = 1, .asks = "x a\nx b\n" };
        uint64_t locking;

        ck_assert_uint_ne(fake_submit(1000, &child), 0);
        ck_assert_uint_eq(user()->links_count, 1);
        locking = fake_submit(1000, &locker);
        ck_assert_uint_ne(locking, 0);
        ck_assert_uint_eq(user()->links_count, 3);
        user()->links_count += ENGINE_LINKS_MAX - 4;
        ck_assert_uint_eq(fake_submit(1000, &locker), 0);
        ck_assert_ptr_nonnull(strstr(fake_why, "dependencies, resources and locks"));
        ck_assert_uint_ne(fake_submit(1000, &child), 0);
        ck_assert_uint_eq(fake_submit(1000, &child), 0);
        ck_assert_uint_ne(fake_submit(1000, &plain), 0);
        ck_assert_uint_ne(fake_submit(2000, &locker), 0);
        user()->links_count -= ENGINE_LINKS_MAX - 4;
        /* The ends of both: the lock's owner, and the parent with its two children. */
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, locking), 0, 0, &why),
                         0);
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, parent), 0, 0, &why),
                         0);
        fake_turn();
        ck_assert_uint_eq(user()->links_count, 0);
}
END_TEST

/* What an unfinished job asks for is counted already, so one of its tasks may run again. */
START_TEST(a_task_that_runs_again_asks_for_nothing_more)
{
        const struct engine_spec locker = {
                .task_count = 2, .is_array = true, .array_step = 1, .asks = "x a\n"
        };
        uint64_t id;

        fake_attach(0);
        id = fake_submit(1000, &locker);
        fake_turn();
        fake_exit(fake.workers[0], fake_find(FAKE_START, 0)->lease, 3);
        fake_turn();
        user()->links_count = ENGINE_LINKS_MAX;
        ck_assert_msg(engine_retry(fake.engine, &fake.jobs[id], fake_task_row(id, 0), 1, 0,
                                   ENGINE_RETRY_ALL, &why) == 0,
                      "%s", why.text);
        user()->links_count = 1;
}
END_TEST

/* All who wait for one lock are found out a few at a time; who wants nothing of it comes then. */
START_TEST(a_turn_parks_so_many)
{
        const struct engine_spec locker = { .task_count = 1, .asks = "x a\n" };
        struct engine_options options = fake.engine->options;
        uint64_t last;

        options.queued_max_per_user = options.queued_max = 1000;
        engine_set_options(fake.engine, &options);
        for (int i = 0; i < 150; i++)
                ck_assert_uint_ne(fake_submit(1000, &locker), 0);
        last = fake_submit(1000, &plain);
        fake_attach(0);
        fake_attach(1);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->job, last);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("limits");
        TCase *tests = tcase_create("limits");

        tcase_add_checked_fixture(tests, fake_setup, fake_teardown);
        tcase_add_test(tests, what_runs_again_is_limited_like_a_submission);
        tcase_add_test(tests, nothing_runs_again_on_a_full_disk_or_at_the_end);
        tcase_add_test(tests, who_comes_back_finds_his_place);
        tcase_add_test(tests, what_jobs_wait_and_ask_for_is_limited);
        tcase_add_test(tests, a_task_that_runs_again_asks_for_nothing_more);
        tcase_add_test(tests, a_turn_parks_so_many);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
