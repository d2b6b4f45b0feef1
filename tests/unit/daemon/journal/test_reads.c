/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of jobs and events: filters, users, order, and pages that are continued. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "suites.h"

/* Jobs first..last in one batch: odd ids are of user 1, even ones of user 2; every third finished.
 */
static void put_jobs(uint64_t first, uint64_t last)
{
        struct journal_batch *const batch = batch_new();

        for (uint64_t id = first; id <= last; id++) {
                struct journal_job row = job_row(id, id % 2 ? 1 : 2);
                const struct journal_event event = event_row(id, id, row.uid);
                char name[32];

                snprintf(name, sizeof(name), "name %" PRIu64, id % 10);
                row.name = name;
                row.finished = id % 3 == 0;
                row.state = row.finished ? 5 : 1;
                row.end_wall_usec = row.finished ? 1000 * id + 1 : 0;
                ck_assert_int_eq(journal_put_job(batch, &row), 0);
                ck_assert_int_eq(journal_put_event(batch, &event), 0);
        }
        fixture_post(&the, batch, last);
}

static void expect_ids(const struct journal_job_query *query, const uint64_t *ids, size_t count)
{
        struct answer answer;

        fixture_read_jobs(&the, query, &answer);
        ck_assert_int_eq(answer.fault, 0);
        ck_assert_uint_eq(answer.jobs_count, count);
        for (size_t i = 0; i < count; i++)
                ck_assert_uint_eq(answer.jobs[i].id, ids[i]);
        answer_deinit(&answer);
}

#define EXPECT_IDS(query, ...)                                                                     \
        do {                                                                                       \
                const uint64_t ids_[] = { __VA_ARGS__ };                                           \
                expect_ids((query), ids_, ARRAY_SIZE(ids_));                                       \
        } while (0)

START_TEST(filters_narrow_the_list)
{
        struct journal_job_query query = { .any_uid = true };

        fixture_start(&the);
        put_jobs(1, 12);
        EXPECT_IDS(&query, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);
        query.finished_only = true;
        EXPECT_IDS(&query, 12, 9, 6, 3);
        query.any_uid = false;
        query.uid = 1;
        EXPECT_IDS(&query, 9, 3);
        query.finished_only = false;
        EXPECT_IDS(&query, 11, 9, 7, 5, 3, 1);
        query.min_id = 3;
        query.max_id = 7;
        EXPECT_IDS(&query, 7, 5, 3);
        query.before_id = 7;
        EXPECT_IDS(&query, 5, 3);
        query.since_wall_usec = 5000;
        EXPECT_IDS(&query, 5);
        query = (struct journal_job_query){ .any_uid = true, .state_mask = 1U << 5 };
        EXPECT_IDS(&query, 12, 9, 6, 3);
        query.ended_before_wall_usec = 6001;
        EXPECT_IDS(&query, 3);
        query = (struct journal_job_query){ .any_uid = true, .name = "name 2" };
        EXPECT_IDS(&query, 12, 2);
        query.min_id = 13;
        expect_ids(&query, NULL, 0);
}
END_TEST

START_TEST(ids_come_in_the_order_asked)
{
        const uint64_t ids[] = { 4, 99, 2, 1 };
        struct journal_job_query query = { .ids = ids, .ids_count = 4, .any_uid = true };
        struct answer answer;

        fixture_start(&the);
        put_jobs(1, 5);
        EXPECT_IDS(&query, 4, 2, 1);
        query.any_uid = false;
        query.uid = 2;
        EXPECT_IDS(&query, 4, 2);
        query.limit = 1;
        fixture_read_jobs(&the, &query, &answer);
        ck_assert(answer.more);
        ck_assert_uint_eq(answer.jobs_count, 1);
        ck_assert_uint_eq(answer.next, 1);
        answer_deinit(&answer);
}
END_TEST

START_TEST(a_list_is_continued_page_by_page)
{
        struct journal_job_query query = { .any_uid = true, .limit = 4 };
        uint64_t expect = 10;
        struct answer answer;

        fixture_start(&the);
        put_jobs(1, 10);
        for (;;) {
                bool more;

                fixture_read_jobs(&the, &query, &answer);
                for (size_t i = 0; i < answer.jobs_count; i++)
                        ck_assert_uint_eq(answer.jobs[i].id, expect--);
                query.before_id = answer.next;
                more = answer.more;
                ck_assert(more == (expect > 0));
                answer_deinit(&answer);
                if (!more)
                        break;
        }
        ck_assert_uint_eq(expect, 0);
}
END_TEST

START_TEST(a_page_looks_at_a_bounded_number_of_rows)
{
        struct journal_job_query query = { .any_uid = true, .name = "name 7", .max_id = 25000 };
        struct journal_event_query events = { .any_uid = true, .min_job = 24999 };
        struct answer answer;

        fixture_start(&the);
        put_jobs(1, 25000);
        query.name = "nowhere";
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 0);
        ck_assert(answer.more);
        ck_assert_uint_eq(answer.next, 5001);
        query.before_id = answer.next;
        answer_deinit(&answer);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert(!answer.more);
        answer_deinit(&answer);

        fixture_read_events(&the, &events, &answer);
        ck_assert_uint_eq(answer.events_count, 0);
        ck_assert(answer.more);
        ck_assert_uint_eq(answer.next, 20000);
        events.after_seq = answer.next;
        answer_deinit(&answer);
        fixture_read_events(&the, &events, &answer);
        ck_assert_uint_eq(answer.events_count, 2);
        ck_assert(!answer.more);
        answer_deinit(&answer);
}
END_TEST

START_TEST(heavy_specs_end_a_page_early)
{
        const struct journal_job_query query = { .any_uid = true, .want_spec = true };
        struct journal_blob *const heavy = blob_of_size((size_t)3 * 1024 * 1024, 'x');
        struct journal_batch *const batch = batch_new();
        struct answer answer;

        fixture_start(&the);
        for (uint64_t id = 1; id <= 5; id++) {
                struct journal_job row = job_row(id, 5);

                row.spec = heavy;
                ck_assert_int_eq(journal_put_job(batch, &row), 0);
        }
        journal_blob_unref(heavy);
        fixture_post(&the, batch, 5);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 3);
        ck_assert(answer.more);
        ck_assert_uint_eq(answer.next, 3);
        answer_deinit(&answer);
}
END_TEST

/* ------------------------------------------------------------------------------------- tasks */

static void put_tasks(uint64_t job, uint64_t count, uint64_t sequence)
{
        struct journal_batch *const batch = batch_new();

        for (uint64_t number = 0; number < count; number++) {
                const struct journal_task row = task_row(job, number);

                ck_assert_int_eq(journal_put_task(batch, &row), 0);
        }
        fixture_post(&the, batch, sequence);
}

START_TEST(tasks_come_with_their_jobs)
{
        const uint64_t ids[] = { 2, 1 };
        struct journal_job_query query = {
                .ids = ids,
                .ids_count = 2,
                .any_uid = true,
                .want_tasks = true,
        };
        struct answer answer;

        fixture_start(&the);
        put_jobs(1, 2);
        put_tasks(1, 3, 3);
        put_tasks(2, 2, 4);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.tasks_count, 2);
        ck_assert_uint_eq(answer.tasks[0].job, 2);
        ck_assert_uint_eq(answer.tasks[1].job, 1);
        ck_assert_uint_eq(answer.tasks[1].task, 0);
        answer_deinit(&answer);
        query.all_tasks = true;
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.tasks_count, 5);
        ck_assert_uint_eq(answer.tasks[4].task, 2);
        ck_assert_uint_eq(answer.next_task, 0);
        answer_deinit(&answer);
        query.first_task = 2;
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.tasks_count, 1);
        ck_assert_uint_eq(answer.tasks[0].job, 1);
        answer_deinit(&answer);
}
END_TEST

START_TEST(too_many_tasks_end_the_page_with_their_job)
{
        const uint64_t ids[] = { 1, 2, 3 };
        struct journal_job_query query = {
                .ids = ids,
                .ids_count = 3,
                .any_uid = true,
                .want_tasks = true,
                .all_tasks = true,
                .want_spec = true,
        };
        struct answer answer;

        fixture_start(&the);
        put_jobs(1, 3);
        put_tasks(1, 4000, 4);
        put_tasks(2, 7000, 5);
        put_tasks(3, 1, 6);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 2);
        ck_assert_uint_eq(answer.tasks_count, 10000);
        ck_assert(answer.more);
        ck_assert_uint_eq(answer.next, 2);
        ck_assert_uint_eq(answer.next_task, 6000);
        answer_deinit(&answer);
        query.ids = &ids[1];
        query.ids_count = 1;
        query.first_task = 6000;
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.tasks_count, 1000);
        ck_assert_uint_eq(answer.next_task, 0);
        ck_assert(!answer.more);
        answer_deinit(&answer);
}
END_TEST

/* ------------------------------------------------------------------------------------- events */

static void expect_events(const struct journal_event_query *query, const uint64_t *seqs,
                          size_t count, bool more)
{
        struct answer answer;

        fixture_read_events(&the, query, &answer);
        ck_assert_int_eq(answer.fault, 0);
        ck_assert_uint_eq(answer.events_count, count);
        for (size_t i = 0; i < count; i++)
                ck_assert_uint_eq(answer.events[i].seq, seqs[i]);
        ck_assert(answer.more == more);
        answer_deinit(&answer);
}

#define EXPECT_EVENTS(query, more, ...)                                                            \
        do {                                                                                       \
                const uint64_t seqs_[] = { __VA_ARGS__ };                                          \
                expect_events((query), seqs_, ARRAY_SIZE(seqs_), more);                            \
        } while (0)

START_TEST(events_are_found_by_user_job_and_place)
{
        struct journal_event_query query = { .any_uid = true };

        fixture_start(&the);
        put_jobs(1, 8);
        EXPECT_EVENTS(&query, false, 1, 2, 3, 4, 5, 6, 7, 8);
        query.limit = 3;
        EXPECT_EVENTS(&query, true, 1, 2, 3);
        query.after_seq = 3;
        EXPECT_EVENTS(&query, true, 4, 5, 6);
        query = (struct journal_event_query){ .uid = 2 };
        EXPECT_EVENTS(&query, false, 2, 4, 6, 8);
        query.last = 2;
        EXPECT_EVENTS(&query, false, 6, 8);
        query.last = 100;
        EXPECT_EVENTS(&query, false, 2, 4, 6, 8);
        query = (struct journal_event_query){ .any_uid = true, .min_job = 3, .max_job = 5 };
        EXPECT_EVENTS(&query, false, 3, 4, 5);
        query = (struct journal_event_query){ .any_uid = true, .min_job = 3, .max_job = 3 };
        EXPECT_EVENTS(&query, false, 3);
        query.last = 1;
        EXPECT_EVENTS(&query, false, 3);
        query = (struct journal_event_query){ .uid = 2, .min_job = 3, .max_job = 3 };
        expect_events(&query, NULL, 0, false);
        query = (struct journal_event_query){ .any_uid = true, .after_seq = 8 };
        expect_events(&query, NULL, 0, false);
}
END_TEST

TCase *reads_case(void)
{
        TCase *const tcase = tcase_create("reads");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, filters_narrow_the_list);
        tcase_add_test(tcase, ids_come_in_the_order_asked);
        tcase_add_test(tcase, a_list_is_continued_page_by_page);
        tcase_add_test(tcase, a_page_looks_at_a_bounded_number_of_rows);
        tcase_add_test(tcase, heavy_specs_end_a_page_early);
        tcase_add_test(tcase, tasks_come_with_their_jobs);
        tcase_add_test(tcase, too_many_tasks_end_the_page_with_their_job);
        tcase_add_test(tcase, events_are_found_by_user_job_and_place);
        return tcase;
}
