/* SPDX-License-Identifier: Apache-2.0 */
/* Disks and memory that fail under the journal: nothing is acknowledged, nothing goes on. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bad_disk.h"
#include "fixture.h"
#include "suites.h"

static void setup(void)
{
        bad_disk_install();
        fixture_setup();
}

static bool has_file(const char *name)
{
        _cleanup_(freep) char *path = fixture_path(&the, name);

        return access(path, F_OK) == 0;
}

START_TEST(durable_means_synced)
{
        fixture_start(&the);
        for (uint64_t id = 1; id <= 20; id++) {
                const unsigned int before = atomic_load(&bad_disk.wal_syncs);

                fixture_submit(&the, id, 5);
                fixture_wait_durable(&the, id);
                ck_assert_uint_gt(atomic_load(&bad_disk.wal_syncs), before);
        }
}
END_TEST

static int errand_run(void *arg)
{
        *(bool *)arg = true;
        return 0;
}

static int errand_result;

static void errand_done(void *arg, int result)
{
        (void)arg;
        errand_result = result;
        fixture_note(&the, 'E');
}

static bool has_errand(void *arg)
{
        (void)arg;
        return strchr(the.log, 'E') != NULL;
}

/* Everything asked after a failure is refused, not answered from a store in doubt. */
static void expect_dead(void)
{
        struct answer answer;
        bool has_run = false;

        ck_assert_int_eq(journal_run(the.journal, errand_run, errand_done, &has_run), 0);
        fixture_wait(&the, has_errand, NULL);
        ck_assert_int_lt(errand_result, 0);
        ck_assert(!has_run);
        fixture_read_task(&the, 1, 0, true, &answer);
        ck_assert_int_lt(answer.fault, 0);
        answer_deinit(&answer);
}

START_TEST(an_error_of_the_sync_ends_it_and_leaves_the_mark)
{
        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        atomic_store(&bad_disk.wal_sync, SQLITE_IOERR_FSYNC);
        fixture_submit(&the, 2, 5);
        fixture_wait_failed(&the);
        ck_assert_ptr_nonnull(strstr(the.failed, "disk I/O error"));
        ck_assert_uint_eq(the.durable, 1);
        ck_assert(has_file("suspect"));

        /* The disk works again, but nobody knows what is on it. */
        atomic_store(&bad_disk.wal_sync, 0);
        fixture_submit(&the, 3, 5);
        expect_dead();
        ck_assert_uint_eq(the.durable, 1);
        fixture_close(&the);
        ck_assert(has_file("suspect"));

        the.failed[0] = '\0';
        fixture_start(&the);
        ck_assert(!has_file("suspect"));
        ck_assert_uint_ge(journal_last_job_id(the.journal), 1);
        fixture_submit(&the, 4, 5);
        fixture_wait_durable(&the, 4);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM job WHERE id IN (1, 4)"), 2);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM job WHERE id = 3"), 0);
}
END_TEST

START_TEST(a_full_disk_in_a_commit_ends_it_without_the_mark)
{
        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        atomic_store(&bad_disk.wal_write, SQLITE_FULL);
        fixture_submit(&the, 2, 5);
        fixture_wait_failed(&the);
        ck_assert_ptr_nonnull(strstr(the.failed, "full"));
        ck_assert_uint_eq(the.durable, 1);
        expect_dead();
        ck_assert(!has_file("suspect"));
        fixture_close(&the);
        atomic_store(&bad_disk.wal_write, 0);
        ck_assert_int_eq(fixture_sql(&the, "SELECT max(id) FROM job"), 1);
}
END_TEST

START_TEST(a_lack_of_memory_in_a_commit_ends_it_without_the_mark)
{
        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        sqlite3_hard_heap_limit64(1);
        fixture_submit(&the, 2, 5);
        fixture_wait_failed(&the);
        ck_assert_ptr_nonnull(strstr(the.failed, "memory"));
        ck_assert_uint_eq(the.durable, 1);
        ck_assert(!has_file("suspect"));
        sqlite3_hard_heap_limit64(0);
}
END_TEST

START_TEST(a_lack_of_memory_in_a_read_spoils_that_answer_only)
{
        const struct journal_job_query query = { .any_uid = true };
        struct answer answer;

        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        sqlite3_hard_heap_limit64(1);
        fixture_read_jobs(&the, &query, &answer);
        sqlite3_hard_heap_limit64(0);
        ck_assert_int_eq(answer.fault, -ENOMEM);
        ck_assert_uint_eq(answer.jobs_count, 0);
        answer_deinit(&answer);
        fixture_submit(&the, 2, 5);
        fixture_wait_durable(&the, 2);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 2);
        answer_deinit(&answer);
        ck_assert_str_eq(the.failed, "");
}
END_TEST

static bool has_answer(void *arg)
{
        const struct answer *const answer = arg;

        return answer->is_there;
}

START_TEST(a_read_error_ends_it)
{
        const struct journal_job_query query = { .any_uid = true,
                                                 .want_spec = true,
                                                 .limit = 1000 };
        struct answer answer = { .fixture = &the };
        struct journal_read *read;

        /* More than the page cache holds, and out of the WAL, so that reads reach the file. */
        fixture_start(&the);
        for (uint64_t id = 1; id <= 300; id++) {
                struct journal_batch *const batch = batch_new();
                struct journal_job row = job_row(id, 5);

                row.spec = blob_of_size(60000, 's');
                ck_assert_int_eq(journal_put_job(batch, &row), 0);
                journal_blob_unref(row.spec);
                fixture_post(&the, batch, id);
        }
        fixture_wait_durable(&the, 300);
        fixture_close(&the);
        fixture_start(&the);
        atomic_store(&bad_disk.database_read, SQLITE_IOERR_READ);
        ck_assert_int_eq(journal_read_jobs(the.journal, &query, answer_take, &answer, &read), 0);
        fixture_wait_failed(&the);
        fixture_wait(&the, has_answer, &answer);
        ck_assert_int_lt(answer.fault, 0);
        answer_deinit(&answer);
        atomic_store(&bad_disk.database_read, 0);
        ck_assert(has_file("suspect"));
}
END_TEST

/* ------------------------------------------------------------------------------ checkpoints */

static bool is_disk_told_full(void *arg)
{
        (void)arg;
        return the.disk == 1;
}

static bool is_disk_told_free(void *arg)
{
        (void)arg;
        return the.disk == 0;
}

START_TEST(a_checkpoint_without_space_is_put_off)
{
        uint64_t id;

        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        atomic_store(&bad_disk.database_write, SQLITE_FULL);
        for (id = 2; the.disk != 1 && id < 200; id++) {
                fixture_submit(&the, id, 5);
                fixture_wait_durable(&the, id);
        }
        fixture_wait(&the, is_disk_told_full, NULL);
        ck_assert(journal_is_disk_full(the.journal));
        /* Ends of jobs go on. */
        for (uint64_t last = id + 10; id < last; id++) {
                fixture_submit(&the, id, 5);
                fixture_wait_durable(&the, id);
        }
        atomic_store(&bad_disk.database_write, 0);
        fixture_submit(&the, id, 5);
        fixture_wait(&the, is_disk_told_free, NULL);
        ck_assert(!journal_is_disk_full(the.journal));
        ck_assert_str_eq(the.failed, "");
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM job"), (int64_t)id);
}
END_TEST

START_TEST(an_error_of_a_checkpoint_ends_it)
{
        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        atomic_store(&bad_disk.database_write, SQLITE_IOERR_WRITE);
        for (uint64_t id = 2; the.failed[0] == '\0' && id < 500; id++)
                fixture_submit(&the, id, 5);
        fixture_wait_failed(&the);
        ck_assert(has_file("suspect"));
        fixture_close(&the);
        atomic_store(&bad_disk.database_write, 0);
        fixture_open(&the);
        ck_assert_uint_ge(journal_last_job_id(the.journal), the.durable);
        fixture_close(&the);
        ck_assert_int_ge(fixture_sql(&the, "SELECT count(*) FROM job"), (int64_t)the.durable);
}
END_TEST

TCase *faults_case(void)
{
        TCase *const tcase = tcase_create("faults");

        tcase_add_checked_fixture(tcase, setup, fixture_teardown);
        tcase_add_test(tcase, durable_means_synced);
        tcase_add_test(tcase, an_error_of_the_sync_ends_it_and_leaves_the_mark);
        tcase_add_test(tcase, a_full_disk_in_a_commit_ends_it_without_the_mark);
        tcase_add_test(tcase, a_lack_of_memory_in_a_commit_ends_it_without_the_mark);
        tcase_add_test(tcase, a_lack_of_memory_in_a_read_spoils_that_answer_only);
        tcase_add_test(tcase, a_read_error_ends_it);
        tcase_add_test(tcase, a_checkpoint_without_space_is_put_off);
        tcase_add_test(tcase, an_error_of_a_checkpoint_ends_it);
        return tcase;
}
