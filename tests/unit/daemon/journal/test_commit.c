/* SPDX-License-Identifier: Apache-2.0 */
/* Batches, fetches, reads and errands: what is told, in which order, and only after the commit. */
#include <string.h>

#include "common/clock.h"

#include "fixture.h"
#include "suites.h"

static struct fixture f;

static void setup(void)
{
        fixture_init(&f);
}

static void teardown(void)
{
        fixture_deinit(&f);
}

static int errand_run(void *arg)
{
        *(int *)arg += 1;
        return 7;
}

struct errand_answer {
        struct fixture *fixture;
        int runs;
        int result;
};

static void errand_done(void *arg, int result)
{
        struct errand_answer *const answer = arg;

        answer->result = result;
        fixture_note(answer->fixture, 'E');
}

static int errand_run_counted(void *arg)
{
        return errand_run(&((struct errand_answer *)arg)->runs);
}

START_TEST(test_submit_is_durable_and_found_again)
{
        struct answer answer;
        uint8_t key[JOURNAL_KEY_BYTES] = { 17 };

        fixture_start(&f);
        ck_assert_uint_eq(journal_last_job_id(f.journal), 0);
        fixture_submit(&f, 17, 1000);
        fixture_wait_durable(&f, 17);
        ck_assert_uint_eq(journal_durable(f.journal), 17);
        fixture_close(&f);

        fixture_start(&f);
        ck_assert_uint_eq(journal_last_job_id(f.journal), 17);
        ck_assert_uint_eq(journal_last_sequence(f.journal), 17);
        fixture_read_key(&f, 1000, key, &answer);
        ck_assert_uint_eq(answer.found_first, 17);
        ck_assert_uint_eq(answer.found_count, 1);
        answer_deinit(&answer);
        fixture_read_jobs(&f,
                          &(struct journal_job_query){
                                  .any_uid = true, .want_spec = true, .want_environment = true },
                          &answer);
        ck_assert_uint_eq(answer.jobs_count, 1);
        ck_assert_uint_eq(answer.jobs[0].id, 17);
        ck_assert_uint_eq(answer.jobs[0].gid, 1001);
        ck_assert_uint_eq(answer.jobs[0].spec_bytes, 7);
        ck_assert_mem_eq(answer.spec->data, "spec 17", 7);
        ck_assert_mem_eq(answer.environment->data, "A=1", 3);
        answer_deinit(&answer);
}
END_TEST

START_TEST(test_order_of_answers)
{
        struct answer answer = { .fixture = &f };
        struct errand_answer errand = { .fixture = &f };
        struct journal_read *read;

        fixture_start(&f);
        fixture_submit(&f, 1, 5);
        ck_assert_int_eq(journal_read_jobs(f.journal, &(struct journal_job_query){ .uid = 5 },
                                           answer_take, &answer, &read),
                         0);
        ck_assert_int_eq(journal_run(f.journal, errand_run_counted, errand_done, &errand), 0);
        fixture_submit(&f, 2, 5);
        fixture_wait_durable(&f, 2);
        /* The read saw what was posted before it, and only that. */
        ck_assert_str_eq(f.log, "DPED");
        ck_assert_uint_eq(answer.jobs_count, 1);
        ck_assert_int_eq(errand.runs, 1);
        ck_assert_int_eq(errand.result, 7);
        answer_deinit(&answer);
}
END_TEST

TCase *commit_case(void)
{
        TCase *const tcase = tcase_create("commit");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, test_submit_is_durable_and_found_again);
        tcase_add_test(tcase, test_order_of_answers);
        return tcase;
}
