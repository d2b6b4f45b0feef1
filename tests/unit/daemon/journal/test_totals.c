/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over kept jobs: slices that are joined say the same as the rows one by one. */
#include <string.h>

#include "fixture.h"
#include "suites.h"

#define TASKS 12000U /* of one job: more than a slice looks at */
#define SECOND 1000000ULL

/* All slices of a walk. */
struct sums {
        struct journal_totals_query query;
        struct journal_total all; /* uid, queue: of the first group */
        size_t groups_count;      /* in all slices */
        struct spread wait_usec, run_usec;
        uint64_t oldest_wall_usec;
        unsigned int slices;
        bool is_there, is_more;
};

static void sums_take(void *arg, const struct journal_page *page)
{
        struct sums *const sums = arg;

        ck_assert_int_eq(page->fault, 0);
        ck_assert_ptr_nonnull(page->totals);
        for (size_t g = 0; g < page->totals->groups_count; g++) {
                const struct journal_total *const group = &page->totals->groups[g];

                for (size_t i = 0; i < JOURNAL_STATES_MAX; i++) {
                        sums->all.jobs_by_state[i] += group->jobs_by_state[i];
                        sums->all.tasks_by_state[i] += group->tasks_by_state[i];
                }
                sums->all.tasks_never += group->tasks_never;
                sums->all.tasks_open += group->tasks_open;
                sums->all.core_usec += group->core_usec;
                sums->all.cpu_usec += group->cpu_usec;
                sums->groups_count++;
        }
        spread_join(&sums->wait_usec, &page->totals->wait_usec);
        spread_join(&sums->run_usec, &page->totals->run_usec);
        if (page->totals->oldest_wall_usec)
                sums->oldest_wall_usec = page->totals->oldest_wall_usec;
        sums->slices++;
        sums->is_more = page->more;
        sums->query.before_id = page->next;
        sums->query.first_task = page->next_task;
        sums->query.rows_before = page->totals->rows_before;
        sums->is_there = true;
}

static bool sums_is_there(void *arg)
{
        return ((const struct sums *)arg)->is_there;
}

static void sums_step(struct sums *sums)
{
        struct journal_read *read;

        sums->is_there = false;
        ck_assert_int_eq(journal_read_totals(the.journal, &sums->query, sums_take, sums, &read), 0);
        fixture_wait(&the, sums_is_there, sums);
}

static void sums_collect(struct sums *sums)
{
        do
                sums_step(sums);
        while (sums->is_more);
}

static void put_task(struct journal_batch *batch, uint64_t job, uint64_t number, uint8_t state,
                     uint64_t start_wall_usec, uint64_t run_usec)
{
        struct journal_task row = task_row(job, number);

        row.state = state;
        row.attempt = 1;
        row.start_wall_usec = start_wall_usec;
        row.run_usec = run_usec;
        row.user_usec = row.system_usec = run_usec / 4;
        ck_assert_int_eq(journal_put_task(batch, &row), 0);
}

static void put_job(struct journal_batch *batch, uint64_t id, uint32_t uid, uint8_t state,
                    uint64_t tasks, uint32_t cpus)
{
        struct journal_job row = job_row(id, uid);

        row.submit_wall_usec = id * SECOND;
        row.state = state;
        row.finished = state > 5;
        row.task_count = tasks;
        row.cpus = cpus;
        row.queue = uid;
        ck_assert_int_eq(journal_put_job(batch, &row), 0);
}

START_TEST(jobs_and_tasks_are_summed_up)
{
        struct journal_batch *const batch = batch_new();
        struct sums sums = { .query = { .any_uid = true } };

        fixture_start(&the);
        put_job(batch, 1, 1, 6, 1, 4);
        put_task(batch, 1, 0, 6, 3 * SECOND, 10 * SECOND);
        put_job(batch, 2, 1, 8, 5, 0); /* two of five began; the rest was cancelled */
        put_task(batch, 2, 0, 7, 2 * SECOND, SECOND);
        put_task(batch, 2, 3, 8, 0, 0);
        put_job(batch, 3, 2, 1, 7, 0); /* unfinished: one runs, one has ended */
        put_task(batch, 3, 0, 3, 3 * SECOND, 0);
        put_task(batch, 3, 1, 6, 4 * SECOND, 2 * SECOND);
        fixture_post(&the, batch, 3);
        sums_collect(&sums);
        ck_assert_uint_eq(sums.groups_count, 2);
        ck_assert_uint_eq(sums.all.jobs_by_state[6], 1);
        ck_assert_uint_eq(sums.all.jobs_by_state[8], 1);
        ck_assert_uint_eq(sums.all.jobs_by_state[1], 1);
        ck_assert_uint_eq(sums.all.tasks_by_state[6], 2);
        ck_assert_uint_eq(sums.all.tasks_by_state[7], 1);
        ck_assert_uint_eq(sums.all.tasks_by_state[8], 1);
        ck_assert_uint_eq(sums.all.tasks_by_state[3], 1);
        ck_assert_uint_eq(sums.all.tasks_never, 3);
        ck_assert_uint_eq(sums.all.tasks_open, 5);
        ck_assert_uint_eq(sums.all.core_usec, (4 * 10 + 1 + 2) * SECOND);
        ck_assert_uint_eq(sums.all.cpu_usec, 13 * SECOND / 2);
        ck_assert_uint_eq(sums.wait_usec.count, 4); /* at 2, 0, 0 and 1 s */
        ck_assert_uint_eq(sums.wait_usec.sum, 3 * SECOND);
        ck_assert_uint_eq(sums.run_usec.count, 3);
        ck_assert_uint_eq(sums.oldest_wall_usec, SECOND);
}
END_TEST

START_TEST(only_of_one_user_and_since_a_time)
{
        struct journal_batch *const batch = batch_new();
        struct sums sums = { .query = { .uid = 2 } };

        fixture_start(&the);
        for (uint64_t id = 1; id <= 12000; id++)
                put_job(batch, id, 1 + id % 2, 6, 1, 0);
        fixture_post(&the, batch, 12000);
        sums_collect(&sums);
        ck_assert_uint_eq(sums.all.jobs_by_state[6], 6000);
        ck_assert_uint_gt(sums.slices, 1);
        sums = (struct sums){ .query = { .any_uid = true, .since_wall_usec = 11991 * SECOND } };
        sums_collect(&sums);
        ck_assert_uint_eq(sums.all.jobs_by_state[6], 10);
        ck_assert_uint_eq(sums.oldest_wall_usec, 11991 * SECOND);
        ck_assert_uint_eq(sums.slices, 1); /* it did not walk to the first */
}
END_TEST

static void put_wide(void)
{
        struct journal_batch *const batch = batch_new();

        put_job(batch, 1, 1, 6, 1, 0);
        put_task(batch, 1, 0, 6, SECOND, SECOND);
        put_job(batch, 2, 1, 7, TASKS + 100, 2);
        for (uint64_t i = 0; i < TASKS; i++)
                put_task(batch, 2, i, i % 2 ? 6 : 7, 2 * SECOND + i, 1000);
        fixture_post(&the, batch, 2);
        fixture_wait_durable(&the, 2);
}

START_TEST(a_wide_job_comes_in_slices)
{
        struct sums sums = { .query = { .any_uid = true } };

        fixture_start(&the);
        put_wide();
        sums_collect(&sums);
        ck_assert_uint_eq(sums.slices, 3);
        ck_assert_uint_eq(sums.all.tasks_by_state[6], TASKS / 2 + 1);
        ck_assert_uint_eq(sums.all.tasks_by_state[7], TASKS / 2);
        ck_assert_uint_eq(sums.all.tasks_never, 100);
        ck_assert_uint_eq(sums.all.jobs_by_state[7], 1);
        ck_assert_uint_eq(sums.all.jobs_by_state[6], 1);
        ck_assert_uint_eq(sums.all.core_usec, TASKS * 2000ULL + SECOND);
}
END_TEST

/* What was seen of it counts; the job before it is summed up from its beginning. */
START_TEST(a_job_that_is_forgotten_between_slices)
{
        struct sums sums = { .query = { .any_uid = true } };
        struct journal_batch *batch;
        uint64_t seen;

        fixture_start(&the);
        put_wide();
        sums_step(&sums);
        seen = sums.all.tasks_by_state[6];
        ck_assert(sums.is_more);
        ck_assert_uint_gt(sums.query.first_task, 0);
        batch = batch_new();
        ck_assert_int_eq(journal_drop_job(batch, 2), 0);
        fixture_post(&the, batch, 3);
        fixture_wait_durable(&the, 3);
        sums_collect(&sums);
        ck_assert_uint_eq(sums.all.jobs_by_state[6], 1);
        ck_assert_uint_eq(sums.all.jobs_by_state[7], 0);
        ck_assert_uint_eq(sums.all.tasks_by_state[6], seen + 1);
        ck_assert_uint_eq(sums.all.tasks_never, 0);
}
END_TEST

TCase *totals_case(void)
{
        TCase *const tcase = tcase_create("totals");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, jobs_and_tasks_are_summed_up);
        tcase_add_test(tcase, only_of_one_user_and_since_a_time);
        tcase_add_test(tcase, a_wide_job_comes_in_slices);
        tcase_add_test(tcase, a_job_that_is_forgotten_between_slices);
        return tcase;
}
