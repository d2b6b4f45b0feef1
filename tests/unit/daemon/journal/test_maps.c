/* SPDX-License-Identifier: Apache-2.0 */
/* Maps: chunks of input, pages of results, how far they were seen, and how all of it goes. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "suites.h"

static struct journal_job map_row(uint64_t id, uint32_t uid, uint32_t map_values)
{
        struct journal_job row = job_row(id, uid);

        row.map_values = map_values;
        row.input = JOURNAL_INPUT_OPEN;
        row.task_count = 0;
        return row;
}

static void put_job(struct journal_batch *batch, const struct journal_job *row)
{
        struct journal_job with_spec = *row;

        with_spec.spec = blob_of("spec");
        ck_assert_int_eq(journal_put_job(batch, &with_spec), 0);
        journal_blob_unref(with_spec.spec);
}

static void put_input(struct journal_batch *batch, uint64_t job, uint64_t number,
                      uint64_t first_task, uint64_t count, const char *text)
{
        struct journal_blob *const values = blob_of(text);

        ck_assert_int_eq(journal_put_input(batch, job, number, first_task, count, values), 0);
        journal_blob_unref(values);
}

static void put_task(struct journal_batch *batch, uint64_t job, uint64_t task, const char *output)
{
        struct journal_task row = task_row(job, task);

        row.output_where = output ? JOURNAL_OUTPUT_INLINE : JOURNAL_OUTPUT_NONE;
        ck_assert_int_eq(journal_put_task(batch, &row), 0);
        if (output) {
                struct journal_blob *const records = blob_of(output);

                ck_assert_int_eq(journal_put_output(batch, job, task, 1, records), 0);
                journal_blob_unref(records);
        }
}

/* Job 1 of user 5: two values a task, tasks 0-2 in one chunk, 3 and a shorter 4 in the next. */
static void make_map(void)
{
        struct journal_batch *const batch = batch_new();
        const struct journal_job row = map_row(1, 5, 2);

        fixture_start(&the);
        put_job(batch, &row);
        put_input(batch, 1, 0, 0, 6, "first");
        put_input(batch, 1, 1, 3, 3, "second");
        fixture_post(&the, batch, 1);
}

/* --------------------------------------------------------------------------------------- input */

static void expect_input(uint64_t task, uint64_t first_task, uint64_t count, const char *text)
{
        struct answer answer;

        fixture_read_input(&the, 1, task, &answer);
        ck_assert_int_eq(answer.fault, 0);
        ck_assert_uint_eq(answer.inputs.count, count);
        ck_assert_uint_eq(answer.inputs.first_task, first_task);
        ck_assert_uint_eq(answer.inputs.map_values, text ? 2 : 0);
        ck_assert_int_eq(!answer.inputs.values, !text);
        if (text)
                ck_assert_mem_eq(answer.inputs.values->data, text, strlen(text));
        answer_deinit(&answer);
}

START_TEST(a_chunk_is_found_by_any_of_its_tasks)
{
        make_map();
        expect_input(0, 0, 6, "first");
        expect_input(2, 0, 6, "first");
        expect_input(3, 3, 3, "second");
        expect_input(4, 3, 3, "second");
        expect_input(5, 0, 0, NULL);
        expect_input(INT64_MAX, 0, 0, NULL);
}
END_TEST

START_TEST(the_input_of_others_is_not_found)
{
        struct journal_read *read;
        struct answer answer;

        make_map();
        for (uint32_t uid = 5; uid <= 6; uid++) {
                memset(&answer, 0, sizeof(answer));
                answer.fixture = &the;
                ck_assert_int_eq(journal_read_input(the.journal, 1, false, uid, 0, answer_take,
                                                    &answer, &read),
                                 0);
                fixture_read_input(&the, 2, 0, &(struct answer){ 0 });
                ck_assert(answer.is_there);
                ck_assert_uint_eq(answer.inputs.count, uid == 5 ? 6 : 0);
                ck_assert_int_eq(!answer.inputs.values, uid != 5);
                answer_deinit(&answer);
        }
}
END_TEST

START_TEST(a_chunk_that_comes_again_replaces)
{
        struct journal_batch *const batch = batch_new();

        make_map();
        put_input(batch, 1, 1, 3, 2, "other");
        fixture_post(&the, batch, 2);
        expect_input(3, 3, 2, "other");
        expect_input(4, 0, 0, NULL);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM input"), 2);
        ck_assert_int_eq(fixture_sql(&the, "SELECT max(number) FROM input"), 1);
}
END_TEST

struct fetched {
        uint64_t token, first_task, count, durable_before;
        char text[16];
        bool is_there;
};

static void fetched_take(void *arg, uint64_t token, uint64_t first_task, uint64_t count,
                         struct journal_blob *values)
{
        struct fetched *const fetched = arg;

        fetched->is_there = true;
        fetched->token = token;
        fetched->first_task = first_task;
        fetched->count = count;
        fetched->durable_before = journal_durable(the.journal);
        if (values)
                memcpy(fetched->text, values->data, MIN(values->size, sizeof(fetched->text) - 1));
}

START_TEST(a_fetch_sees_what_its_own_batch_puts)
{
        struct journal_batch *const batch = batch_new();
        struct fetched older = { 0 }, own = { 0 }, absent = { 0 }, nobody = { 0 };

        make_map();
        put_input(batch, 1, 2, 5, 2, "third");
        ck_assert_int_eq(journal_fetch_input(batch, 1, 1, fetched_take, &older, 11), 0);
        ck_assert_int_eq(journal_fetch_input(batch, 1, 5, fetched_take, &own, 22), 0);
        ck_assert_int_eq(journal_fetch_input(batch, 1, 6, fetched_take, &absent, 33), 0);
        ck_assert_int_eq(journal_fetch_input(batch, 9, 0, fetched_take, &nobody, 44), 0);
        fixture_post(&the, batch, 2);
        fixture_wait_durable(&the, 2);
        ck_assert_str_eq(older.text, "first");
        ck_assert(older.token == 11 && older.first_task == 0 && older.count == 6);
        ck_assert_str_eq(own.text, "third");
        ck_assert(own.token == 22 && own.first_task == 5 && own.count == 2);
        ck_assert_uint_lt(own.durable_before, 2);
        ck_assert(absent.is_there && absent.token == 33 && absent.count == 0 && !absent.text[0]);
        ck_assert(nobody.is_there && nobody.count == 0 && !nobody.text[0]);
}
END_TEST

START_TEST(an_unposted_batch_gives_back_input)
{
        struct journal_batch *const batch = batch_new();

        put_input(batch, 1, 0, 0, 1, "x");
        ck_assert_int_eq(journal_fetch_input(batch, 1, 0, fetched_take, NULL, 0), 0);
        ck_assert_int_eq(journal_set_seen(batch, 1, 0), 0);
        journal_batch_free(batch);
}
END_TEST

/* ------------------------------------------------------------------------------------ the row */

static int keep_job(void *arg, const struct journal_job *row)
{
        struct journal_job *const kept = arg;

        *kept = *row;
        kept->name = kept->unique_key = kept->why = NULL;
        return 0;
}

static int drop_task(void *arg, const struct journal_task *row)
{
        (void)arg;
        (void)row;
        return 0;
}

static int drop_key(void *arg, uint32_t uid, const uint8_t key[static JOURNAL_KEY_BYTES])
{
        (void)arg;
        (void)uid;
        (void)key;
        return 0;
}

START_TEST(the_columns_of_a_map_come_back)
{
        static const struct journal_restore restore = { .on_job = keep_job,
                                                        .on_task = drop_task,
                                                        .on_key = drop_key };
        struct journal_batch *const batch = batch_new();
        struct journal_job row = map_row(1, 5, 3), found;

        row.start_delay_usec = 70;
        row.halt_on = 2;
        row.halt_now = true;
        row.halt_count = 1000000000000;
        row.halt_percent = 33;
        row.tasks_cancelled = 34;
        row.tasks_timeout = 35;
        row.tasks_oom = 36;
        row.tasks_lost = 37;
        put_job(batch, &row);
        /* What changes, and what must not. */
        row.state = 2;
        row.task_count = 8;
        row.task_next = 7;
        row.chunk_next = 4;
        row.input = JOURNAL_INPUT_CUT;
        row.input_bytes = 1 << 20;
        row.seen_task = 6;
        ck_assert_int_eq(journal_set_job(batch, &row), 0);
        fixture_start(&the);
        fixture_post(&the, batch, 1);
        fixture_close(&the);
        fixture_open(&the);
        ck_assert_int_eq(journal_read_all(the.journal, &restore, &found), 0);
        row.spec_bytes = 4;
        ck_assert_uint_eq(found.map_values, row.map_values);
        ck_assert_uint_eq(found.input, row.input);
        ck_assert_uint_eq(found.chunk_next, row.chunk_next);
        ck_assert_uint_eq(found.input_bytes, row.input_bytes);
        ck_assert_uint_eq(found.seen_task, row.seen_task);
        ck_assert_uint_eq(found.start_delay_usec, row.start_delay_usec);
        ck_assert_uint_eq(found.halt_on, row.halt_on);
        ck_assert_uint_eq(found.halt_now, row.halt_now);
        ck_assert_uint_eq(found.halt_count, row.halt_count);
        ck_assert_uint_eq(found.halt_percent, row.halt_percent);
        ck_assert_uint_eq(found.tasks_cancelled, row.tasks_cancelled);
        ck_assert_uint_eq(found.tasks_timeout, row.tasks_timeout);
        ck_assert_uint_eq(found.tasks_oom, row.tasks_oom);
        ck_assert_uint_eq(found.tasks_lost, row.tasks_lost);
        ck_assert_uint_eq(found.state, row.state);
        ck_assert_uint_eq(found.task_count, row.task_count);
        ck_assert_uint_eq(found.task_next, row.task_next);
        ck_assert_uint_eq(found.spec_bytes, row.spec_bytes);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT finished FROM job"), 0);
}
END_TEST

START_TEST(seen_is_set_alone_and_of_a_finished_job)
{
        struct journal_batch *batch = batch_new();
        struct journal_job row = map_row(1, 5, 1);
        const struct journal_job other = map_row(2, 5, 1);

        row.finished = true;
        row.tasks_ok = 9;
        fixture_start(&the);
        put_job(batch, &row);
        put_job(batch, &other);
        ck_assert_int_eq(journal_set_seen(batch, 1, 7), 0);
        ck_assert_int_eq(journal_set_seen(batch, 99, 7), 0);
        fixture_post(&the, batch, 1);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT seen_task * 10 + tasks_ok FROM job"
                                           " WHERE id = 1 AND finished = 1"),
                         79);
        ck_assert_int_eq(fixture_sql(&the, "SELECT seen_task FROM job WHERE id = 2"), 0);
}
END_TEST

/* ------------------------------------------------------------------------------------- results */

START_TEST(results_come_with_their_outputs)
{
        struct journal_batch *const batch = batch_new();
        struct journal_results_query query = { .job = 1, .uid = 5, .want_output = true };
        struct answer answer;

        make_map();
        put_task(batch, 1, 0, "zero");
        put_task(batch, 1, 2, NULL);
        put_task(batch, 1, 3, "three");
        /* Left from an attempt before the one that wrote a file. */
        put_task(batch, 1, 4, "four");
        put_task(batch, 1, 4, NULL);
        put_task(batch, 1, 7, "seven");
        put_task(batch, 2, 0, "another job's");
        fixture_post(&the, batch, 2);

        fixture_read_results(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 1);
        ck_assert_uint_eq(answer.jobs[0].map_values, 2);
        ck_assert_ptr_null(answer.spec);
        ck_assert_uint_eq(answer.tasks_count, 5);
        ck_assert_uint_eq(answer.tasks[1].task, 2);
        ck_assert_mem_eq(answer.outputs[0]->data, "zero", 4);
        ck_assert_ptr_null(answer.outputs[1]);
        ck_assert_mem_eq(answer.outputs[2]->data, "three", 5);
        ck_assert_ptr_null(answer.outputs[3]);
        ck_assert_mem_eq(answer.outputs[4]->data, "seven", 5);
        ck_assert(!answer.more && answer.next_task == 0);
        answer_deinit(&answer);

        query.first_task = 1;
        query.limit = 2;
        fixture_read_results(&the, &query, &answer);
        ck_assert_uint_eq(answer.tasks_count, 2);
        ck_assert_ptr_null(answer.outputs[0]);
        ck_assert_mem_eq(answer.outputs[1]->data, "three", 5);
        ck_assert(answer.more && answer.next_task == 4);
        answer_deinit(&answer);

        query.want_output = false;
        query.first_task = answer.next_task = 4;
        fixture_read_results(&the, &query, &answer);
        ck_assert_uint_eq(answer.tasks_count, 2);
        ck_assert(!answer.has_outputs && !answer.more);
        answer_deinit(&answer);
}
END_TEST

START_TEST(results_of_others_are_none)
{
        struct journal_batch *const batch = batch_new();
        struct journal_results_query query = { .job = 1, .uid = 6, .want_output = true };
        struct answer answer;

        make_map();
        put_task(batch, 1, 0, "zero");
        fixture_post(&the, batch, 2);
        for (int i = 0; i < 3; i++) {
                /* Another's; any; absent. */
                query.any_uid = i > 0;
                query.job = i < 2 ? 1 : 9;
                fixture_read_results(&the, &query, &answer);
                ck_assert_uint_eq(answer.jobs_count, i == 1);
                ck_assert_uint_eq(answer.tasks_count, i == 1);
                answer_deinit(&answer);
        }
}
END_TEST

START_TEST(heavy_outputs_end_a_page)
{
        struct journal_batch *const batch = batch_new();
        struct journal_results_query query = { .job = 1, .any_uid = true, .want_output = true };
        struct journal_blob *const records = blob_of_size(64 * 1024, 'x');
        struct answer answer;
        uint64_t seen = 0;
        int pages = 0;

        make_map();
        for (uint64_t task = 0; task < 40; task++) {
                put_task(batch, 1, task, "");
                ck_assert_int_eq(journal_put_output(batch, 1, task, 1, records), 0);
        }
        journal_blob_unref(records);
        fixture_post(&the, batch, 2);
        do {
                fixture_read_results(&the, &query, &answer);
                ck_assert_uint_le(answer.tasks_count, 16);
                ck_assert_uint_eq(answer.tasks[0].task, seen);
                ck_assert_uint_eq(answer.outputs[answer.tasks_count - 1]->size, 64 * 1024);
                seen += answer.tasks_count;
                query.first_task = answer.next_task;
                pages += 1 + 100 * !answer.more;
                answer_deinit(&answer);
        } while (pages < 100);
        ck_assert_int_eq(pages, 103);
        ck_assert_uint_eq(seen, 40);
}
END_TEST

/* --------------------------------------------------------------------------------------- going */

START_TEST(the_input_goes_with_its_job)
{
        struct journal_batch *batch = batch_new();
        const struct journal_job row = map_row(1, 5, 1), other = map_row(2, 5, 1);
        struct answer answer;
        bool is_gone;

        fixture_start(&the);
        put_job(batch, &row);
        put_job(batch, &other);
        /* More than go with the row at once, in as many slices as the tasks. */
        for (uint64_t task = 0; task < 4000; task++)
                put_task(batch, 1, task, NULL);
        for (uint64_t number = 0; number < 50; number++)
                put_input(batch, 1, number, number, 1, "a chunk");
        put_input(batch, 2, 0, 0, 1, "kept");
        fixture_post(&the, batch, 2);
        batch = batch_new();
        ck_assert_int_eq(journal_drop_job(batch, 1), 0);
        fixture_post(&the, batch, 3);
        /* What is left cannot be reached. */
        fixture_read_input(&the, 1, 49, &answer);
        ck_assert_ptr_null(answer.inputs.values);
        answer_deinit(&answer);
        fixture_close(&the);
        /* And goes when nobody waits, here or in the next run; its last task goes last. */
        fixture_start(&the);
        do {
                fixture_read_task(&the, 1, 3999, false, &answer);
                is_gone = answer.tasks_count == 0;
                answer_deinit(&answer);
        } while (!is_gone);
        fixture_read_input(&the, 2, 0, &answer);
        ck_assert_mem_eq(answer.inputs.values->data, "kept", 4);
        answer_deinit(&answer);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM input"), 1);
}
END_TEST

TCase *maps_case(void)
{
        TCase *const tcase = tcase_create("maps");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, a_chunk_is_found_by_any_of_its_tasks);
        tcase_add_test(tcase, the_input_of_others_is_not_found);
        tcase_add_test(tcase, a_chunk_that_comes_again_replaces);
        tcase_add_test(tcase, a_fetch_sees_what_its_own_batch_puts);
        tcase_add_test(tcase, an_unposted_batch_gives_back_input);
        tcase_add_test(tcase, the_columns_of_a_map_come_back);
        tcase_add_test(tcase, seen_is_set_alone_and_of_a_finished_job);
        tcase_add_test(tcase, results_come_with_their_outputs);
        tcase_add_test(tcase, results_of_others_are_none);
        tcase_add_test(tcase, heavy_outputs_end_a_page);
        tcase_add_test(tcase, the_input_goes_with_its_job);
        return tcase;
}
