/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine counts beside the sums that the fakes check in every turn: attempts and how long
 * they were waited for, deaths, core time, users beyond those that are listed; and whose output a
 * compacted file is.
 */
#include <check.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

static const struct engine_spec plain = { .task_count = 1 };

/* Submits one job, which starts. */
static uint64_t start_one(void)
{
        const uint64_t id = fake_submit(1000, &plain);

        ck_assert_uint_ne(id, 0);
        fake_turn();
        ck_assert_int_eq(fake_state(id), JOB_STARTING);
        return id;
}

/* The newest START has come to its end, with so much on the disk. */
static void end_newest(uint64_t spooled_bytes)
{
        const struct fake_sent *const start = fake_find(FAKE_START, fake_count(FAKE_START) - 1);
        const struct workers_exit exit = { .lease = start->lease,
                                           .outcome = WORKERS_OUTCOME_EXITED,
                                           .exit_code = 3,
                                           .start_wall_usec = clock_wall_usec(),
                                           .spooled = spooled_bytes > 0,
                                           .output_bytes = spooled_bytes };

        engine_workers_ops.on_exited(fake.engine, fake.workers[start->worker], &exit);
        fake_turn();
}

/* A task waits for its first start; what comes after is not that. */
START_TEST(only_first_attempts_were_waited_for)
{
        const struct tally *const tally = engine_tally(fake.engine);
        struct reason why;
        uint64_t id;

        fake_attach(0);
        id = start_one();
        end_newest(0);
        ck_assert_int_eq(engine_retry(fake.engine, &fake.jobs[id], fake_task_row(id, 0), 1, 0,
                                      ENGINE_RETRY_ALL, &why),
                         0);
        fake_turn();
        end_newest(0);
        ck_assert_uint_eq(tally->attempts, 2);
        ck_assert_uint_eq(tally->run_usec.count, 2);
        ck_assert_uint_eq(tally->wait_usec.count, 1);
}
END_TEST

START_TEST(a_death_is_counted)
{
        fake_attach(0);
        start_one();
        engine_workers_ops.on_dead(fake.engine, 0, 1, true, NULL, 0, "killed by a test");
        ck_assert_uint_eq(engine_tally(fake.engine)->worker_deaths, 1);
        ck_assert_uint_eq(engine_tally(fake.engine)->returned, 1);
}
END_TEST

/* It counts while the task runs: the core has been held for some time after a while. */
START_TEST(core_time_of_a_queue_grows)
{
        struct tally_queue queues[2];

        fake_attach(0);
        start_one();
        do
                ck_assert_uint_eq(engine_tally_queues(fake.engine, queues, 2), 1);
        while (queues[0].core_usec == 0);
        ck_assert_uint_eq(queues[0].cores, 1);
        ck_assert_uint_eq(engine_tally_queues(fake.engine, queues, 0), 0);
}
END_TEST

START_TEST(users_behind_the_last_are_one)
{
        struct tally_user users[2];

        for (uint32_t uid = 1000; uid < 1003; uid++)
                ck_assert_uint_ne(fake_submit(uid, &plain), 0);
        ck_assert_uint_eq(engine_tally_users(fake.engine, users, 2), 2);
        ck_assert_uint_eq(users[0].uid, 1000);
        ck_assert_uint_eq(users[0].queued, 1);
        ck_assert_uint_eq(users[1].uid, UINT32_MAX);
        ck_assert_uint_eq(users[1].queued, 2);
}
END_TEST

/* The file of an attempt that was forgotten meanwhile is nobody's, and goes. */
START_TEST(a_compacted_file_is_of_one_attempt)
{
        struct user *user;
        uint64_t id;

        fake_attach(0);
        id = start_one();
        user = engine_find(fake.engine, id)->user;
        end_newest(1000);
        ck_assert_uint_eq(user->output_bytes, 1000);
        history_compacted(fake.engine, id, 0, 2, 10);
        ck_assert(!STAILQ_EMPTY(&fake.engine->doomed));
        fake_turn();
        ck_assert_uint_eq(user->output_bytes, 1000);
        history_compacted(fake.engine, id, 0, 1, 10);
        ck_assert(STAILQ_EMPTY(&fake.engine->doomed));
        ck_assert_uint_eq(user->output_bytes, 10);
}
END_TEST

/* What the journal was asked went with it, before the engine goes. */
START_TEST(jobd_ends_while_a_compacted_file_is_looked_up)
{
        uint64_t id;

        fake_attach(0);
        id = start_one();
        end_newest(1000);
        fake.holds_all_reads = true;
        history_compacted(fake.engine, id, 0, 1, 10);
        ck_assert_uint_eq(fake.held_count, 1);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("tally");
        TCase *tests = tcase_create("tally");

        tcase_add_checked_fixture(tests, fake_setup, fake_teardown);
        tcase_add_test(tests, only_first_attempts_were_waited_for);
        tcase_add_test(tests, a_death_is_counted);
        tcase_add_test(tests, core_time_of_a_queue_grows);
        tcase_add_test(tests, users_behind_the_last_are_one);
        tcase_add_test(tests, a_compacted_file_is_of_one_attempt);
        tcase_add_test(tests, jobd_ends_while_a_compacted_file_is_looked_up);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
