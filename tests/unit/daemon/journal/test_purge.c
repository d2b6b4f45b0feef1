/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting jobs and keys, environments that nobody names any more, and empty pages. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"

#include "fixture.h"
#include "suites.h"

static void drop(uint64_t job, uint64_t sequence)
{
        struct journal_batch *const batch = batch_new();

        ck_assert_int_eq(journal_drop_job(batch, job), 0);
        fixture_post(&the, batch, sequence);
}

static int64_t count(const char *table)
{
        char sql[64];

        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
        return fixture_sql(&the, sql);
}

START_TEST(a_dropped_job_leaves_its_key_only)
{
        struct journal_batch *const batch = batch_new();
        const struct journal_task task = task_row(1, 0);
        struct journal_blob *const output = blob_of("out");

        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_submit(&the, 2, 5);
        ck_assert_int_eq(journal_put_task(batch, &task), 0);
        ck_assert_int_eq(journal_put_output(batch, 1, 0, 1, output), 0);
        journal_blob_unref(output);
        fixture_post(&the, batch, 3);
        drop(1, 4);
        fixture_close(&the);
        ck_assert_int_eq(count("job"), 1);
        ck_assert_int_eq(count("spec"), 1);
        ck_assert_int_eq(count("task"), 0);
        ck_assert_int_eq(count("output"), 0);
        ck_assert_int_eq(count("event"), 1);
        ck_assert_int_eq(count("remains"), 0);
        ck_assert_int_eq(count("key"), 2);
        /* Its id is not given out again although no row has it. */
        fixture_open(&the);
        ck_assert_uint_eq(journal_last_job_id(the.journal), 4);
}
END_TEST

START_TEST(an_environment_is_stored_once_and_goes_with_its_last_job)
{
        fixture_start(&the);
        for (uint64_t id = 1; id <= 3; id++)
                fixture_submit(&the, id, 5);
        fixture_close(&the);
        ck_assert_int_eq(count("environment"), 1);
        ck_assert_int_eq(fixture_sql(&the, "SELECT uses FROM environment_use"), 3);

        /* Another process knows it by its hash. */
        fixture_start(&the);
        fixture_submit(&the, 4, 5);
        drop(1, 5);
        drop(2, 6);
        fixture_close(&the);
        ck_assert_int_eq(count("environment"), 1);
        ck_assert_int_eq(fixture_sql(&the, "SELECT uses FROM environment_use"), 2);
        fixture_start(&the);
        drop(3, 7);
        drop(4, 8);
        fixture_close(&the);
        ck_assert_int_eq(count("environment"), 0);
        ck_assert_int_eq(count("environment_use"), 0);
}
END_TEST

START_TEST(an_environment_may_come_back_after_its_last_job)
{
        const struct journal_job_query query = { .any_uid = true, .want_environment = true };
        struct answer answer;

        fixture_start(&the);
        for (uint64_t round = 0; round < 5; round++) {
                fixture_submit(&the, 3 * round + 1, 5);
                if (round % 2)
                        fixture_wait_durable(&the, 3 * round + 1);
                drop(3 * round + 1, 3 * round + 2);
                if (round % 2)
                        fixture_wait_durable(&the, 3 * round + 2);
        }
        fixture_submit(&the, 20, 5);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 1);
        ck_assert_mem_eq(answer.environment->data, "A=1", 3);
        answer_deinit(&answer);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT uses FROM environment_use"), 1);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM spec JOIN environment ON"
                                           " environment.id = spec.environment"),
                         1);
}
END_TEST

START_TEST(many_environments_in_one_transaction)
{
        struct journal_batch *const batch = batch_new();

        fixture_start(&the);
        for (uint64_t id = 1; id <= 400; id++) {
                struct journal_job row = job_row(id, 5);
                char text[32];

                snprintf(text, sizeof(text), "N=%u", (unsigned int)(id % 200));
                row.spec = blob_of("s");
                row.environment = blob_of(text);
                ck_assert_int_eq(journal_put_job(batch, &row), 0);
                journal_blob_unref(row.spec);
                journal_blob_unref(row.environment);
        }
        fixture_post(&the, batch, 400);
        fixture_close(&the);
        ck_assert_int_eq(count("environment"), 200);
        ck_assert_int_eq(
                fixture_sql(&the, "SELECT min(uses) * 10 + max(uses) FROM environment_use"), 22);
}
END_TEST

/* ------------------------------------------------------------------------------------- slices */

/* Waits for the slices: each read that comes back shows what the thread has done since. */
static void wait_until_gone(uint64_t job, uint64_t last_task)
{
        for (;;) {
                struct answer answer;
                bool is_gone;

                fixture_read_task(&the, job, last_task, true, &answer);
                is_gone = answer.tasks_count == 0 && !answer.output;
                answer_deinit(&answer);
                if (is_gone)
                        return;
        }
}

static int64_t file_size(void)
{
        _cleanup_(freep) char *path = fixture_path(&the, "jobd.db");
        struct stat st;

        ck_assert_int_eq(stat(path, &st), 0);
        return st.st_size;
}

static void put_big_job(uint64_t id, uint64_t tasks)
{
        struct journal_blob *const output = blob_of_size(4000, 'o');
        struct journal_batch *const batch = batch_new();
        const struct journal_job row = job_row(id, 5);

        ck_assert_int_eq(journal_put_job(batch, &row), 0);
        for (uint64_t i = 0; i < tasks; i++) {
                const struct journal_task task = task_row(id, i);
                const struct journal_event event = event_row(id + i, id, 5);

                ck_assert_int_eq(journal_put_task(batch, &task), 0);
                ck_assert_int_eq(journal_put_output(batch, id, i, 1, output), 0);
                ck_assert_int_eq(journal_put_event(batch, &event), 0);
        }
        journal_blob_unref(output);
        fixture_post(&the, batch, id + tasks);
}

START_TEST(a_big_job_goes_in_slices)
{
        fixture_start(&the);
        put_big_job(1, 3000);
        drop(1, 3002);
        fixture_wait_durable(&the, 3002);
        wait_until_gone(1, 2999);
        fixture_close(&the);
        ck_assert_int_eq(count("job"), 0);
        ck_assert_int_eq(count("task"), 0);
        ck_assert_int_eq(count("output"), 0);
        ck_assert_int_eq(count("event"), 0);
}
END_TEST

START_TEST(slices_go_on_after_a_restart)
{
        fixture_start(&the);
        put_big_job(1, 3000);
        drop(1, 3002);
        fixture_close(&the);
        ck_assert_int_eq(count("job"), 0);
        ck_assert_int_eq(count("remains"), 1);
        ck_assert_int_gt(count("output"), 0);
        fixture_start(&the);
        wait_until_gone(1, 2999);
        fixture_close(&the);
        ck_assert_int_eq(count("task"), 0);
        ck_assert_int_eq(count("output"), 0);
}
END_TEST

START_TEST(free_pages_are_given_back_when_most_of_the_file_is_empty)
{
        struct answer answer;
        int64_t full;

        fixture_start(&the);
        put_big_job(1, 9000);
        fixture_wait_durable(&the, 9001);
        /* The checkpoint after the commit is over when the next question is answered. */
        fixture_read_task(&the, 1, 1, false, &answer);
        answer_deinit(&answer);
        full = file_size();
        ck_assert_int_gt(full, 9000 * 4096);
        drop(1, 9002);
        wait_until_gone(1, 8999);
        while (file_size() > full / 2) {
                fixture_read_task(&the, 1, 1, true, &answer);
                answer_deinit(&answer);
        }
}
END_TEST

/* --------------------------------------------------------------------------------------- keys */

static void put_key(uint64_t number, uint64_t wall_usec)
{
        struct journal_batch *const batch = batch_new();
        uint8_t key[JOURNAL_KEY_BYTES] = { 0 };

        memcpy(key, &number, sizeof(number));
        ck_assert_int_eq(journal_put_key(batch, 5, key, number, 1, wall_usec), 0);
        fixture_post(&the, batch, number);
}

/* `number` keys of a user, every other one old, in one batch. */
static void put_keys(uint32_t uid, uint64_t number, uint64_t old, uint64_t young, uint64_t sequence)
{
        struct journal_batch *const batch = batch_new();

        for (uint64_t i = 1; i <= number; i++) {
                uint8_t key[JOURNAL_KEY_BYTES] = { 0xff };

                memcpy(key + 1, &i, sizeof(i));
                ck_assert_int_eq(journal_put_key(batch, uid, key, i, 1, i % 2 ? old : young), 0);
        }
        fixture_post(&the, batch, sequence);
}

START_TEST(old_keys_go_and_young_ones_stay)
{
        const uint64_t now = clock_wall_usec();
        const uint64_t old = now - 2 * the.options.key_keep_usec;
        const uint64_t young = now - the.options.key_keep_usec / 2;

        fixture_start(&the);
        put_keys(9, 100, old, young, 1);
        fixture_close(&the);
        ck_assert_int_ge(count("key"), 50);
        fixture_start(&the);
        for (uint64_t i = 101; i <= 150; i++) {
                put_key(i, now);
                fixture_wait_durable(&the, i);
        }
        /* Keys that sort before those already looked at. */
        put_keys(1, 100, old, young, 151);
        for (uint64_t i = 152; i <= 199; i++) {
                put_key(i, now);
                fixture_wait_durable(&the, i);
        }
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM key WHERE uid = 9"), 50);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM key WHERE uid = 1"), 50);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM key WHERE uid = 5"), 98);
}
END_TEST

TCase *purge_case(void)
{
        TCase *const tcase = tcase_create("purge");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, a_dropped_job_leaves_its_key_only);
        tcase_add_test(tcase, an_environment_is_stored_once_and_goes_with_its_last_job);
        tcase_add_test(tcase, an_environment_may_come_back_after_its_last_job);
        tcase_add_test(tcase, many_environments_in_one_transaction);
        tcase_add_test(tcase, a_big_job_goes_in_slices);
        tcase_add_test(tcase, slices_go_on_after_a_restart);
        tcase_add_test(tcase, free_pages_are_given_back_when_most_of_the_file_is_empty);
        tcase_add_test(tcase, old_keys_go_and_young_ones_stay);
        return tcase;
}
