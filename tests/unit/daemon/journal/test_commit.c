/* SPDX-License-Identifier: Apache-2.0 */
/* Batches, fetches, reads and errands: what is told, in which order, and only after the commit. */
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"

#include "fixture.h"
#include "suites.h"

START_TEST(a_submission_is_durable_and_found_again)
{
        const struct journal_job_query query = {
                .any_uid = true,
                .want_spec = true,
                .want_environment = true,
        };
        uint8_t key[JOURNAL_KEY_BYTES] = { 17 };
        struct answer answer;

        fixture_start(&the);
        ck_assert_uint_eq(journal_last_job_id(the.journal), 0);
        fixture_submit(&the, 17, 1000);
        fixture_wait_durable(&the, 17);
        ck_assert_uint_eq(journal_durable(the.journal), 17);
        fixture_close(&the);

        fixture_start(&the);
        ck_assert_uint_eq(journal_last_job_id(the.journal), 17);
        ck_assert_uint_eq(journal_last_sequence(the.journal), 17);
        fixture_read_key(&the, 1000, key, &answer);
        ck_assert_uint_eq(answer.found_first, 17);
        ck_assert_uint_eq(answer.found_count, 1);
        answer_deinit(&answer);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 1);
        ck_assert_uint_eq(answer.jobs[0].id, 17);
        ck_assert_uint_eq(answer.jobs[0].gid, 1001);
        ck_assert_uint_eq(answer.jobs[0].spec_bytes, 7);
        ck_assert_mem_eq(answer.spec->data, "spec 17", 7);
        ck_assert_mem_eq(answer.environment->data, "A=1", 3);
        answer_deinit(&answer);
}
END_TEST

START_TEST(marks_survive_without_any_row)
{
        fixture_start(&the);
        journal_post(the.journal, batch_new(), 40, 30, 20);
        journal_post(the.journal, batch_new(), 41, 30, 19);
        fixture_wait_durable(&the, 41);
        fixture_close(&the);
        fixture_open(&the);
        ck_assert_uint_eq(journal_last_sequence(the.journal), 41);
        ck_assert_uint_eq(journal_last_job_id(the.journal), 30);
        ck_assert_uint_eq(journal_last_lease(the.journal), 20);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT last_lease FROM mark"), 20);
}
END_TEST

START_TEST(closing_commits_what_was_posted)
{
        fixture_start(&the);
        for (uint64_t id = 1; id <= 50; id++)
                fixture_submit(&the, id, 5);
        fixture_close(&the);
        ck_assert_str_eq(the.log, "");
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM job"), 50);
        ck_assert_int_eq(fixture_sql(&the, "SELECT last_sequence FROM mark"), 50);
}
END_TEST

/* ------------------------------------------------------------------------------------- order */

struct errand_answer {
        int runs;
        int result;
};

static int errand_run(void *arg)
{
        struct errand_answer *const answer = arg;

        answer->runs++;
        return 7;
}

static void errand_done(void *arg, int result)
{
        struct errand_answer *const answer = arg;

        answer->result = result;
        fixture_note(&the, 'E');
}

START_TEST(answers_come_in_the_order_of_the_questions)
{
        const struct journal_job_query query = { .uid = 5 };
        struct answer answer = { .fixture = &the };
        struct errand_answer errand = { 0 };
        struct journal_read *read;

        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        ck_assert_int_eq(journal_read_jobs(the.journal, &query, answer_take, &answer, &read), 0);
        ck_assert_int_eq(journal_run(the.journal, errand_run, errand_done, &errand), 0);
        fixture_submit(&the, 2, 5);
        fixture_wait_durable(&the, 2);
        ck_assert_str_eq(the.log, "DPED");
        /* The read saw what was posted before it, and only that. */
        ck_assert_uint_eq(answer.jobs_count, 1);
        ck_assert_int_eq(errand.runs, 1);
        ck_assert_int_eq(errand.result, 7);
        answer_deinit(&answer);
}
END_TEST

struct fetched {
        uint64_t token;
        uint64_t durable_before;
        char spec[32];
        char environment[32];
        bool is_there;
        bool has_spec;
};

static void fetched_take(void *arg, uint64_t token, struct journal_blob *spec,
                         struct journal_blob *environment)
{
        struct fetched *const fetched = arg;

        fixture_note(&the, 'F');
        fetched->is_there = true;
        fetched->token = token;
        fetched->durable_before = journal_durable(the.journal);
        fetched->has_spec = spec;
        if (spec)
                memcpy(fetched->spec, spec->data, MIN(spec->size, sizeof(fetched->spec) - 1));
        if (environment)
                memcpy(fetched->environment, environment->data,
                       MIN(environment->size, sizeof(fetched->environment) - 1));
}

START_TEST(a_fetch_is_answered_before_its_batch_is_durable)
{
        struct journal_batch *const batch = batch_new();
        struct journal_job row = job_row(3, 5);
        struct fetched own = { 0 }, older = { 0 }, absent = { 0 };

        fixture_start(&the);
        fixture_submit(&the, 2, 5);
        row.spec = blob_of("mine");
        ck_assert_int_eq(journal_put_job(batch, &row), 0);
        journal_blob_unref(row.spec);
        ck_assert_int_eq(journal_fetch_spec(batch, 3, fetched_take, &own, 33), 0);
        ck_assert_int_eq(journal_fetch_spec(batch, 2, fetched_take, &older, 22), 0);
        ck_assert_int_eq(journal_fetch_spec(batch, 99, fetched_take, &absent, 1), 0);
        fixture_post(&the, batch, 3);
        for (uint64_t id = 4; id < 8; id++)
                fixture_submit(&the, id, 5);
        fixture_wait_durable(&the, 7);
        ck_assert_ptr_nonnull(strstr(the.log, "FFF"));
        ck_assert_uint_eq(own.token, 33);
        ck_assert_uint_lt(own.durable_before, 3);
        ck_assert_str_eq(own.spec, "mine");
        ck_assert_str_eq(own.environment, "");
        ck_assert_str_eq(older.spec, "spec 2");
        ck_assert_str_eq(older.environment, "A=1");
        ck_assert(absent.is_there && !absent.has_spec);
}
END_TEST

START_TEST(a_cancelled_read_is_never_answered)
{
        const struct journal_job_query query = { .any_uid = true };
        struct answer one = { .fixture = &the }, two = { .fixture = &the };
        struct journal_read *first, *second;

        fixture_start(&the);
        ck_assert_int_eq(journal_read_jobs(the.journal, &query, answer_take, &one, &first), 0);
        ck_assert_int_eq(journal_read_jobs(the.journal, &query, answer_take, &two, &second), 0);
        journal_read_cancel(first);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        ck_assert(!one.is_there);
        ck_assert(two.is_there);
        answer_deinit(&two);
}
END_TEST

static struct journal_read *victim;

static void cancel_victim(void *arg, const struct journal_page *page)
{
        (void)arg;
        (void)page;
        journal_read_cancel(victim);
}

START_TEST(a_callback_may_cancel_an_answer_that_is_already_there)
{
        const struct journal_job_query query = { .any_uid = true };
        struct answer never = { .fixture = &the };
        struct journal_read *read;

        fixture_start(&the);
        ck_assert_int_eq(journal_read_jobs(the.journal, &query, cancel_victim, NULL, &read), 0);
        ck_assert_int_eq(journal_read_jobs(the.journal, &query, answer_take, &never, &victim), 0);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        ck_assert(!never.is_there);
}
END_TEST

START_TEST(closing_drops_what_was_not_told)
{
        const struct journal_job_query query = { .any_uid = true };
        struct answer never = { .fixture = &the };
        struct errand_answer errand = { 0 };
        struct journal_read *read;

        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        ck_assert_int_eq(journal_read_jobs(the.journal, &query, answer_take, &never, &read), 0);
        ck_assert_int_eq(journal_run(the.journal, errand_run, errand_done, &errand), 0);
        fixture_close(&the);
        ck_assert_int_eq(errand.runs, 1);
        ck_assert(!never.is_there);
        ck_assert_str_eq(the.log, "");
}
END_TEST

/* -------------------------------------------------------------------------------------- rows */

static void set_job(uint64_t sequence, const struct journal_job *row)
{
        struct journal_batch *const batch = batch_new();

        ck_assert_int_eq(journal_set_job(batch, row), 0);
        fixture_post(&the, batch, sequence);
}

static void update_job(uint64_t sequence, const struct journal_job *row)
{
        struct journal_batch *const batch = batch_new();

        ck_assert_int_eq(journal_update_job(batch, row), 0);
        fixture_post(&the, batch, sequence);
        fixture_wait_durable(&the, sequence);
}

START_TEST(an_update_replaces_spec_and_environment)
{
        const struct journal_job_query query = {
                .any_uid = true, .want_spec = true, .want_environment = true, .name = "new"
        };
        const uint8_t codes[32] = { 2 };
        struct journal_job row = job_row(1, 5);
        struct answer answer;

        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        row.name = "new";
        row.cpus = 4;
        row.memory_bytes = 5;
        row.retries = 6;
        row.retry_delay_usec = 7;
        row.retry_on = codes;
        row.requeue = true;
        row.time_limit_usec = 9;
        row.priority = -8;
        row.spec = blob_of("another spec");
        row.environment = blob_of("another environment");
        update_job(2, &row);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 1);
        ck_assert_uint_eq(answer.jobs[0].cpus, 4);
        ck_assert_uint_eq(answer.jobs[0].memory_bytes, 5);
        ck_assert_uint_eq(answer.jobs[0].retries, 6);
        ck_assert_uint_eq(answer.jobs[0].retry_delay_usec, 7);
        ck_assert(answer.jobs[0].requeue);
        ck_assert_uint_eq(answer.jobs[0].time_limit_usec, 9);
        ck_assert_int_eq(answer.jobs[0].priority, -8);
        ck_assert_uint_eq(answer.jobs[0].spec_bytes, 12);
        ck_assert_mem_eq(answer.spec->data, "another spec", 12);
        ck_assert_mem_eq(answer.environment->data, "another environment", 19);
        answer_deinit(&answer);
        row.environment = journal_blob_unref(row.environment);
        update_job(3, &row);
        journal_blob_unref(row.spec);
        fixture_close(&the);
        /* Nobody names the old ones any more. */
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM environment"), 0);
        ck_assert_int_eq(fixture_sql(&the, "SELECT environment FROM spec"), 0);
}
END_TEST

START_TEST(changes_of_a_job_keep_what_never_changes)
{
        const struct journal_job_query query = { .any_uid = true, .want_spec = true };
        struct journal_job row = job_row(1, 1000);
        struct answer answer;

        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        row.state = 9;
        row.finished = true;
        row.hold = true;
        row.priority = -7;
        row.begin_wall_usec = 11;
        row.end_wall_usec = 12;
        row.task_next = 13;
        row.tasks_ok = 14;
        row.tasks_failed = 15;
        row.tasks_cancelled = 16;
        row.tasks_timeout = 17;
        row.tasks_oom = 18;
        row.tasks_lost = 19;
        set_job(2, &row);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs[0].uid, 5);
        ck_assert_uint_eq(answer.jobs[0].state, 9);
        ck_assert(answer.jobs[0].finished && answer.jobs[0].hold);
        ck_assert_int_eq(answer.jobs[0].priority, -7);
        ck_assert_uint_eq(answer.jobs[0].begin_wall_usec, 11);
        ck_assert_uint_eq(answer.jobs[0].end_wall_usec, 12);
        ck_assert_uint_eq(answer.jobs[0].task_next, 13);
        ck_assert_uint_eq(answer.jobs[0].tasks_ok, 14);
        ck_assert_uint_eq(answer.jobs[0].tasks_failed, 15);
        ck_assert_uint_eq(answer.jobs[0].tasks_cancelled, 16);
        ck_assert_uint_eq(answer.jobs[0].tasks_timeout, 17);
        ck_assert_uint_eq(answer.jobs[0].tasks_oom, 18);
        ck_assert_uint_eq(answer.jobs[0].tasks_lost, 19);
        ck_assert_mem_eq(answer.spec->data, "spec 1", 6);
        answer_deinit(&answer);

        /* A finished job that is queued again. */
        row.finished = false;
        row.state = 1;
        set_job(3, &row);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert(!answer.jobs[0].finished);
        answer_deinit(&answer);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM job WHERE finished = 0"), 1);
}
END_TEST

START_TEST(a_task_and_its_output_are_replaced)
{
        struct journal_blob *const first = blob_of("first"), *const second = blob_of("second one");
        struct journal_task row = task_row(1, 4);
        struct journal_batch *batch = batch_new();
        struct answer answer;

        fixture_start(&the);
        memset(row.boot_id, 0xab, sizeof(row.boot_id));
        row.why = "because";
        row.slot = 3;
        row.memory_peak_bytes = UINT64_MAX;
        row.exit_code = -1;
        ck_assert_int_eq(journal_put_task(batch, &row), 0);
        ck_assert_int_eq(journal_put_output(batch, 1, 4, 1, first), 0);
        fixture_post(&the, batch, 1);
        fixture_read_task(&the, 1, 4, true, &answer);
        ck_assert_uint_eq(answer.tasks_count, 1);
        ck_assert_uint_eq(answer.tasks[0].task, 4);
        ck_assert_mem_eq(answer.tasks[0].boot_id, row.boot_id, sizeof(row.boot_id));
        ck_assert_uint_eq(answer.tasks[0].slot, 3);
        ck_assert_uint_eq(answer.tasks[0].memory_peak_bytes, UINT64_MAX);
        ck_assert_int_eq(answer.tasks[0].exit_code, -1);
        ck_assert_mem_eq(answer.output->data, "first", 5);
        answer_deinit(&answer);

        batch = batch_new();
        row.attempt = 2;
        row.exit_code = 3;
        ck_assert_int_eq(journal_put_task(batch, &row), 0);
        ck_assert_int_eq(journal_put_output(batch, 1, 4, 2, second), 0);
        ck_assert_int_eq(journal_set_output(batch, 1, 4, JOURNAL_OUTPUT_ZSTD, 777), 0);
        fixture_post(&the, batch, 2);
        fixture_read_task(&the, 1, 4, true, &answer);
        ck_assert_uint_eq(answer.tasks[0].attempt, 2);
        ck_assert_int_eq(answer.tasks[0].exit_code, 3);
        ck_assert_uint_eq(answer.tasks[0].output_where, JOURNAL_OUTPUT_ZSTD);
        ck_assert_uint_eq(answer.tasks[0].output_disk_bytes, 777);
        ck_assert_uint_eq(answer.output->size, 10);
        answer_deinit(&answer);
        fixture_read_task(&the, 1, 5, true, &answer);
        ck_assert_uint_eq(answer.tasks_count, 0);
        ck_assert_ptr_null(answer.output);
        answer_deinit(&answer);
        journal_blob_unref(first);
        journal_blob_unref(second);
}
END_TEST

START_TEST(every_column_of_a_job_comes_back)
{
        const struct journal_job_query query = { .any_uid = true, .want_environment = true };
        struct journal_batch *const batch = batch_new();
        struct journal_job row = job_row(1, UINT32_MAX - 1), *got;
        uint8_t retry_on[32];
        struct answer answer;

        memset(retry_on, 0x5a, sizeof(retry_on));
        row.requeue = true;
        row.cpus = 3;
        row.memory_bytes = UINT64_MAX;
        row.array_first = 5;
        row.array_step = 2;
        row.array_width = 6;
        row.task_count = 1000000;
        row.retries = 7;
        row.retry_delay_usec = 8;
        row.retry_on = retry_on;
        row.name = "n\xc3\xa4me";
        row.unique_key = "only once";
        row.why = "why not";
        row.spec = blob_of("");
        row.environment = blob_of("");
        fixture_start(&the);
        ck_assert_int_eq(journal_put_job(batch, &row), 0);
        fixture_post(&the, batch, 1);
        fixture_read_jobs(&the, &query, &answer);
        got = &answer.jobs[0];
        ck_assert_uint_eq(got->uid, UINT32_MAX - 1);
        ck_assert_uint_eq(got->gid, UINT32_MAX);
        ck_assert(got->requeue);
        ck_assert_uint_eq(got->cpus, 3);
        ck_assert_uint_eq(got->memory_bytes, UINT64_MAX);
        ck_assert_uint_eq(got->array_first, 5);
        ck_assert_uint_eq(got->array_step, 2);
        ck_assert_uint_eq(got->array_width, 6);
        ck_assert_uint_eq(got->task_count, 1000000);
        ck_assert_uint_eq(got->retries, 7);
        ck_assert_uint_eq(got->retry_delay_usec, 8);
        ck_assert_uint_eq(got->submit_wall_usec, 1000);
        ck_assert_str_eq(answer.names[0], "n\xc3\xa4me");
        ck_assert_uint_eq(answer.environment->size, 0);
        answer_deinit(&answer);
        journal_blob_unref(row.spec);
        journal_blob_unref(row.environment);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT length(retry_on) = 32 AND unique_key = "
                                           "'only once' AND why = 'why not' FROM job"),
                         1);
}
END_TEST

START_TEST(a_key_keeps_its_first_answer)
{
        const uint8_t key[JOURNAL_KEY_BYTES] = "a submission ke";
        struct journal_batch *const batch = batch_new();
        struct answer answer;

        fixture_start(&the);
        ck_assert_int_eq(journal_put_key(batch, 5, key, 10, 3, clock_wall_usec()), 0);
        ck_assert_int_eq(journal_put_key(batch, 5, key, 20, 4, clock_wall_usec()), 0);
        ck_assert_int_eq(journal_put_key(batch, 6, key, 30, 5, clock_wall_usec()), 0);
        fixture_post(&the, batch, 1);
        fixture_read_key(&the, 5, key, &answer);
        ck_assert_uint_eq(answer.found_first, 10);
        ck_assert_uint_eq(answer.found_count, 3);
        answer_deinit(&answer);
        fixture_read_key(&the, 6, key, &answer);
        ck_assert_uint_eq(answer.found_first, 30);
        answer_deinit(&answer);
        fixture_read_key(&the, 7, key, &answer);
        ck_assert_uint_eq(answer.found_first, 0);
        answer_deinit(&answer);
}
END_TEST

START_TEST(commits_are_measured)
{
        struct journal_stats stats;

        fixture_start(&the);
        journal_read_stats(the.journal, &stats);
        ck_assert_uint_eq(stats.commit_count, 0);
        ck_assert_uint_eq(stats.oldest_batch_usec, 0);
        for (uint64_t id = 1; id <= 40; id++) {
                fixture_submit(&the, id, 5);
                fixture_wait_durable(&the, id);
        }
        journal_read_stats(the.journal, &stats);
        ck_assert_uint_eq(stats.commit_count, 40);
        ck_assert_uint_eq(stats.commit_usec.count, 40);
        ck_assert_uint_eq(stats.commit_events.count, 40);
        ck_assert_uint_eq(stats.commit_events.sum, 40);
        ck_assert_uint_gt(stats.commit_usec_p50, 0);
        ck_assert_uint_ge(stats.commit_usec_max, stats.commit_usec_p50);
        ck_assert_uint_gt(stats.commit_usec_recent, 0);
        ck_assert_uint_gt(stats.disk_free_bytes, 0);
        ck_assert_uint_eq(stats.oldest_batch_usec, 0);
}
END_TEST

static uint64_t size_of(const char *name)
{
        _cleanup_(freep) char *path = fixture_path(&the, name);
        struct stat st;

        ck_assert_int_eq(stat(path, &st), 0);
        return (uint64_t)st.st_size;
}

/* What is told of the files is what they are, behind every commit. */
static void check_sizes(struct journal_stats *out_stats)
{
        struct answer answer;

        fixture_read_task(&the, 1, 0, false, &answer); /* the thread is done with the commit */
        answer_deinit(&answer);
        journal_read_stats(the.journal, out_stats);
        ck_assert_uint_eq(out_stats->database_bytes, size_of("jobd.db"));
        ck_assert_uint_eq(out_stats->wal_bytes, size_of("jobd.db-wal"));
}

START_TEST(files_are_measured)
{
        struct journal_stats before, after;
        uint64_t id = 0;

        /* With a small reserve a checkpoint comes soon; without one the WAL grows. */
        if (_i == 1)
                the.options.reserve_bytes = 0;
        fixture_start(&the);
        check_sizes(&before);
        do {
                fixture_submit(&the, ++id, 5);
                fixture_wait_durable(&the, id);
                check_sizes(&after);
        } while (after.database_bytes + after.wal_bytes ==
                         before.database_bytes + before.wal_bytes &&
                 id < 1000);
        ck_assert_uint_gt(_i ? after.wal_bytes : after.database_bytes,
                          _i ? before.wal_bytes : before.database_bytes);
}
END_TEST

TCase *commit_case(void)
{
        TCase *const tcase = tcase_create("commit");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, a_submission_is_durable_and_found_again);
        tcase_add_test(tcase, marks_survive_without_any_row);
        tcase_add_test(tcase, closing_commits_what_was_posted);
        tcase_add_test(tcase, answers_come_in_the_order_of_the_questions);
        tcase_add_test(tcase, a_fetch_is_answered_before_its_batch_is_durable);
        tcase_add_test(tcase, a_cancelled_read_is_never_answered);
        tcase_add_test(tcase, a_callback_may_cancel_an_answer_that_is_already_there);
        tcase_add_test(tcase, closing_drops_what_was_not_told);
        tcase_add_test(tcase, an_update_replaces_spec_and_environment);
        tcase_add_test(tcase, changes_of_a_job_keep_what_never_changes);
        tcase_add_test(tcase, a_task_and_its_output_are_replaced);
        tcase_add_test(tcase, every_column_of_a_job_comes_back);
        tcase_add_test(tcase, a_key_keeps_its_first_answer);
        tcase_add_test(tcase, commits_are_measured);
        tcase_add_loop_test(tcase, files_are_measured, 0, 2);
        return tcase;
}
