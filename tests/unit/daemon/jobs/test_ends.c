/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many tasks of a job ended in which state: while it runs, in its last news, across a restart,
 * in its row, and when some of them run again. And the slot that a task ran in, which its row
 * keeps.
 */
#include <check.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

static const struct engine_spec array_of_seven = { .task_count = 7,
                                                   .is_array = true,
                                                   .array_step = 1 };
static const struct engine_spec map_of_one = { .map_values = 1 };

/* The view and the row at the last news of the job. */
struct last {
        struct engine_view view;
        struct watch_news news;
};

static void last_on_news(void *arg, const struct watch_news *news)
{
        struct last *last = arg;

        engine_view_job(fake.engine, engine_find(fake.engine, news->job), &last->view);
        last->news = *news;
}

static const struct watch_ops last_ops = { .on_news = last_on_news };

static void watch_last(uint64_t id, struct last *last)
{
        struct watch *watch; /* goes with the book */

        ck_assert_int_eq(watch_new(engine_watches(fake.engine), id, &last_ops, last, &watch), 0);
}

static void end_start(size_t nth, enum workers_outcome outcome, int code)
{
        const struct fake_sent *start = fake_find(FAKE_START, nth);
        const struct workers_exit exit = {
                .lease = start->lease, .outcome = outcome, .exit_code = code, .pid = 4711
        };

        engine_workers_ops.on_exited(fake.engine, fake.workers[start->worker], &exit);
        fake_turn();
}

static void check_states(const uint64_t by_state[JOB_STATE_COUNT], const uint64_t ends[static 6])
{
        for (size_t i = 0; i < 6; i++)
                ck_assert_msg(by_state[JOB_SUCCEEDED + i] == ends[i], "%s: %ju, not %ju",
                              job_state_name((enum job_state)(JOB_SUCCEEDED + i)),
                              (uintmax_t)by_state[JOB_SUCCEEDED + i], (uintmax_t)ends[i]);
}

static void check_view(uint64_t id, const uint64_t ends[static 6])
{
        struct engine_view view;

        engine_view_job(fake.engine, engine_find(fake.engine, id), &view);
        check_states(view.by_state, ends);
}

static void cancel_task(uint64_t id, uint64_t task)
{
        ck_assert_int_eq(
                engine_cancel(fake.engine, engine_find(fake.engine, id), task, USEC_NONE, NULL), 0);
}

/* Seven tasks, one for each state in its order, and one more that succeeds at last. */
static uint64_t end_all_but_one(void)
{
        static const enum workers_outcome outcomes[] = {
                WORKERS_OUTCOME_EXITED, WORKERS_OUTCOME_EXITED, WORKERS_OUTCOME_TIMEOUT,
                WORKERS_OUTCOME_OOM, WORKERS_OUTCOME_NONE
        };
        const uint64_t id = fake_submit(1000, &array_of_seven);

        cancel_task(id, 2);
        fake_attach(0);
        fake_turn();
        for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
                end_start(i, outcomes[i], i == 0 ? 0 : i == 1 ? 3 : -1);
        return id;
}

START_TEST(each_state_is_counted_apart)
{
        static const uint64_t before[6] = { 1, 1, 1, 1, 1, 1 }, after[6] = { 2, 1, 1, 1, 1, 1 };
        const uint64_t id = end_all_but_one();
        uint64_t by_state[JOB_STATE_COUNT];
        struct last last;

        check_view(id, before);
        fake_restart();
        check_view(id, before);

        watch_last(id, &last);
        fake_attach(0);
        fake_turn();
        end_start(fake_count(FAKE_START) - 1, WORKERS_OUTCOME_EXITED, 0);
        ck_assert(last.news.job_finished);
        check_states(last.view.by_state, after);
        ck_assert_uint_eq(last.news.tasks_failed, 5);
        ck_assert_int_eq(fake.jobs[id].state, JOB_FAILED);
        ck_assert(ends_row_fits(&fake.jobs[id]));
        ends_count_row(&fake.jobs[id], by_state);
        check_states(by_state, after);
}
END_TEST

START_TEST(what_runs_again_is_counted_no_more)
{
        static const uint64_t lost_again[6] = { 2, 1, 1, 1, 1, 0 }, all_again[6] = { 2 };
        const uint64_t id = end_all_but_one();
        struct reason why;

        end_start(5, WORKERS_OUTCOME_EXITED, 0);
        ck_assert_int_eq(engine_retry(fake.engine, &fake.jobs[id], fake.tasks, fake.tasks_count,
                                      ENGINE_THESE_TASKS, ENGINE_RETRY_LOST, &why),
                         0);
        check_view(id, lost_again);
        fake_turn();
        fake_restart();
        check_view(id, lost_again);
        fake.jobs[id].finished = false;
        ck_assert_int_eq(engine_retry(fake.engine, &fake.jobs[id], fake.tasks, fake.tasks_count,
                                      ENGINE_ALL_TASKS, ENGINE_RETRY_FAILED, &why),
                         0);
        check_view(id, all_again);
}
END_TEST

START_TEST(a_cancelled_rest_is_cancelled_and_can_run_again)
{
        static const uint64_t none[6] = { 0 }, rest[6] = { [JOB_CANCELLED - JOB_SUCCEEDED] = 7 };
        const uint64_t id = fake_submit(1000, &array_of_seven);
        uint64_t by_state[JOB_STATE_COUNT];
        struct last last;
        struct reason why;

        watch_last(id, &last);
        cancel_task(id, ENGINE_ALL_TASKS);
        ck_assert(last.news.is_rest && last.news.job_finished);
        ck_assert_uint_eq(last.news.tasks_failed, 7);
        ck_assert_uint_eq(last.news.tasks_cancelled, 7);
        check_states(last.view.by_state, rest);
        ends_count_row(&fake.jobs[id], by_state);
        check_states(by_state, rest);
        fake_turn();
        ck_assert_int_eq(engine_retry(fake.engine, &fake.jobs[id], NULL, 0, ENGINE_ALL_TASKS,
                                      ENGINE_RETRY_FAILED, &why),
                         0);
        check_view(id, none);
}
END_TEST

START_TEST(a_map_of_one_task_is_counted_too)
{
        static const uint64_t failed[6] = { 0, 1 }, none[6] = { 0 };
        const uint64_t id = fake_submit(1000, &map_of_one);
        struct reason why;

        fake_attach(0);
        fake_append(id, 0, "a,");
        fake_turn();
        end_start(0, WORKERS_OUTCOME_EXITED, 1);
        check_view(id, failed);
        ck_assert_int_eq(engine_retry(fake.engine, &fake.jobs[id], fake.tasks, 1, ENGINE_ALL_TASKS,
                                      ENGINE_RETRY_FAILED, &why),
                         0);
        check_view(id, none);
        ck_assert_int_eq(
                engine_close_input(fake.engine, engine_find(fake.engine, id), 1, NULL, &why), 0);
        fake_turn();
        end_start(1, WORKERS_OUTCOME_EXITED, 1);
        ck_assert(fake.jobs[id].finished);
        ck_assert_uint_eq(fake.jobs[id].tasks_failed, 1);
        ck_assert_int_eq(engine_retry(fake.engine, &fake.jobs[id], fake.tasks, 1, ENGINE_ALL_TASKS,
                                      ENGINE_RETRY_FAILED, &why),
                         0);
        check_view(id, none);
}
END_TEST

START_TEST(cancelled_tasks_do_not_halt)
{
        const struct engine_spec rule = { .map_values = 1, .halt_on = 1, .halt_count = 2 };
        const uint64_t id = fake_submit(1000, &rule);

        fake_append(id, 0, "a,b,c,d,");
        cancel_task(id, 3);
        fake_attach(0);
        fake_turn();
        end_start(0, WORKERS_OUTCOME_EXITED, 1);
        ck_assert(!fake.jobs[id].finished);
        end_start(1, WORKERS_OUTCOME_EXITED, 1);
        ck_assert(fake.jobs[id].finished);
        ck_assert_uint_eq(fake.jobs[id].tasks_failed, 4);
        ck_assert_uint_eq(fake.jobs[id].tasks_cancelled, 2);
}
END_TEST

START_TEST(rows_that_count_too_much_do_not_fit)
{
        struct journal_job row = { .task_count = 10, .tasks_ok = 4, .tasks_failed = 6 };

        ck_assert(ends_row_fits(&row));
        row.tasks_lost = 6;
        ck_assert(ends_row_fits(&row));
        row.tasks_cancelled = 1;
        ck_assert(!ends_row_fits(&row));
        row.tasks_cancelled = UINT64_MAX; /* together they would be 5 */
        ck_assert(!ends_row_fits(&row));
        row.tasks_cancelled = 0;
        row.tasks_ok = 5;
        ck_assert(!ends_row_fits(&row));
}
END_TEST

START_TEST(the_slot_of_a_task_is_kept)
{
        const uint64_t id = fake_submit(1000, &map_of_one);
        struct last last;

        fake_attach(3);
        fake_attach(5);
        fake_append(id, 0, "a,b,");
        fake_turn();
        watch_last(id, &last);
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->slot, 2);
        end_start(0, WORKERS_OUTCOME_EXITED, 0);
        ck_assert_uint_eq(last.news.slot, 1);
        ck_assert_uint_eq(fake_task_row(id, 0)->slot, 1);
        ck_assert_uint_eq(fake_task_row(id, 1)->slot, 2);

        /* The second worker keeps its number, though the first is free. */
        fake_restart();
        ck_assert_uint_eq(engine_find_task(engine_find(fake.engine, id), 1)->slot, 2);
        ck_assert_uint_eq(job_map_of(engine_find(fake.engine, id))->slots_used, 1);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("ends");
        TCase *tests = tcase_create("ends");

        tcase_add_checked_fixture(tests, fake_setup, fake_teardown);
        tcase_add_test(tests, each_state_is_counted_apart);
        tcase_add_test(tests, what_runs_again_is_counted_no_more);
        tcase_add_test(tests, a_cancelled_rest_is_cancelled_and_can_run_again);
        tcase_add_test(tests, a_map_of_one_task_is_counted_too);
        tcase_add_test(tests, cancelled_tasks_do_not_halt);
        tcase_add_test(tests, rows_that_count_too_much_do_not_fit);
        tcase_add_test(tests, the_slot_of_a_task_is_kept);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
