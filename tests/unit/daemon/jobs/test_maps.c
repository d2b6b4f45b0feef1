/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps and what they share with arrays: input that comes in chunks, values that reach the right
 * task, the close, the cut, slots and widths, pauses between starts, and rules to halt.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

static const struct engine_spec map_of_one = { .map_values = 1 };

static uint64_t new_map(const struct engine_spec *spec)
{
        const uint64_t id = fake_submit(1000, spec);

        ck_assert_uint_ne(id, 0);
        engine_add_appender(fake.engine, engine_find(fake.engine, id));
        return id;
}

static void close_input(uint64_t id, uint64_t chunks)
{
        struct reason why = { "" };

        ck_assert_msg(engine_close_input(fake.engine, engine_find(fake.engine, id), chunks, NULL,
                                         &why) == 0,
                      "%s", why.text);
}

/* Ends the n-th START that was sent. */
static void end_start(size_t nth, int code)
{
        const struct fake_sent *start = fake_find(FAKE_START, nth);

        ck_assert_ptr_nonnull(start);
        fake_exit(fake.workers[start->worker], start->lease, code);
}

static size_t finish_all(size_t from)
{
        while (fake_find(FAKE_START, from)) {
                end_start(from++, 0);
                fake_turn();
        }
        return from;
}

START_TEST(each_task_gets_its_values)
{
        const struct engine_spec pairs = { .map_values = 2 };
        const uint64_t id = new_map(&pairs);

        fake_attach(0);
        ck_assert_int_eq(fake_append(id, 0, "a,b,c,d,"), 0);
        ck_assert_int_eq(fake_append(id, 1, "e,f,g,"), 0);
        close_input(id, 2);
        fake_turn();
        ck_assert_uint_eq(finish_all(0), 4);
        ck_assert_str_eq(fake_find(FAKE_START, 0)->values, "a,b,");
        ck_assert_str_eq(fake_find(FAKE_START, 1)->values, "c,d,");
        ck_assert_str_eq(fake_find(FAKE_START, 2)->values, "e,f,");
        ck_assert_str_eq(fake_find(FAKE_START, 3)->values, "g,");
        ck_assert_int_eq(fake.jobs[id].state, JOB_SUCCEEDED);
        ck_assert_uint_eq(fake.jobs[id].tasks_ok, 4);
        ck_assert(engine_is_empty(fake.engine));
}
END_TEST

START_TEST(a_start_waits_for_its_assignment_although_all_is_in_memory)
{
        const uint64_t id = new_map(&map_of_one);
        const struct fake_sent *second;

        fake_attach(0);
        fake_append(id, 0, "a,b,");
        fake_turn();
        fake_attach(1);
        fake_turn_undurable();
        second = fake_find(FAKE_START, 1);
        ck_assert_ptr_nonnull(second); /* no fetch: queued at once, behind its commit */
        ck_assert_uint_eq(second->barrier, engine_sequence(fake.engine));
        ck_assert_uint_gt(second->barrier, fake.durable);
        ck_assert_uint_eq(fake.fetches_count, 2);
}
END_TEST

START_TEST(an_open_map_outlives_its_tasks)
{
        const uint64_t id = new_map(&map_of_one);

        fake_attach(0);
        fake_append(id, 0, "a,");
        fake_turn();
        end_start(0, 0);
        fake_turn();
        ck_assert_ptr_nonnull(engine_find(fake.engine, id));
        ck_assert(!fake.jobs[id].finished);
        fake_append(id, 1, "b,");
        fake_turn();
        end_start(1, 0);
        fake_turn();
        close_input(id, 2);
        fake_turn();
        ck_assert(fake.jobs[id].finished);
        ck_assert_int_eq(fake.jobs[id].state, JOB_SUCCEEDED);
        ck_assert_uint_eq(fake.jobs[id].task_count, 2);
}
END_TEST

START_TEST(an_empty_map_succeeds_with_its_close)
{
        const uint64_t id = new_map(&map_of_one);

        close_input(id, 0);
        fake_turn();
        ck_assert_int_eq(fake.jobs[id].state, JOB_SUCCEEDED);
        ck_assert(engine_is_empty(fake.engine));
}
END_TEST

START_TEST(a_chunk_again_adds_nothing_and_a_gap_is_refused)
{
        const uint64_t id = new_map(&map_of_one);
        struct reason why;

        ck_assert_int_eq(fake_append(id, 0, "a,b,"), 0);
        ck_assert_int_eq(fake_append(id, 0, "a,b,"), 0);
        ck_assert_uint_eq(fake.inputs_count, 1);
        ck_assert_int_eq(fake_append(id, 2, "c,"), ENGINE_E_STATE);
        ck_assert_ptr_nonnull(strstr(fake_why, "chunk 1"));
        ck_assert_int_eq(
                engine_close_input(fake.engine, engine_find(fake.engine, id), 2, NULL, &why),
                ENGINE_E_STATE);
        close_input(id, 1);
        ck_assert_int_eq(fake_append(id, 1, "c,"), ENGINE_E_STATE);
        ck_assert_uint_eq(fake.jobs[id].task_count, 2);
}
END_TEST

START_TEST(a_full_queue_makes_the_appender_wait)
{
        const uint64_t id = new_map(&map_of_one);
        char chunk[101] = "";

        for (int i = 0; i < 50; i++)
                strcat(chunk, "x,");
        ck_assert_int_eq(fake_append(id, 0, chunk), 0);
        ck_assert_int_eq(fake_append(id, 1, "y,"), ENGINE_E_BUSY);
        fake_attach(0);
        fake_turn();
        ck_assert_int_eq(fake_append(id, 1, "y,"), 0);
        fake.disk_full = true;
        ck_assert_int_eq(fake_append(id, 2, "z,"), ENGINE_E_FULL);
}
END_TEST

START_TEST(a_cut_input_fails_the_job_after_its_tasks)
{
        const uint64_t id = new_map(&map_of_one);
        struct reason why;

        fake_attach(0);
        fake_append(id, 0, "a,");
        fake_turn();
        ck_assert_int_eq(engine_close_input(fake.engine, engine_find(fake.engine, id), 1,
                                            "cannot read x", &why),
                         0);
        fake_turn();
        ck_assert(!fake.jobs[id].finished);
        end_start(0, 0);
        ck_assert_int_eq(fake.jobs[id].state, JOB_FAILED);
        ck_assert_int_eq(fake.jobs[id].input, JOURNAL_INPUT_CUT);
}
END_TEST

START_TEST(without_an_appender_the_input_is_waited_for_and_then_cut)
{
        const uint64_t id = new_map(&map_of_one);
        struct job_map *const map = job_map_of(engine_find(fake.engine, id));

        ck_assert(!map->is_orphan);
        engine_remove_appender(fake.engine, engine_find(fake.engine, id));
        ck_assert(map->is_orphan);
        engine_add_appender(fake.engine, engine_find(fake.engine, id));
        ck_assert(!map->is_orphan);
        engine_remove_appender(fake.engine, engine_find(fake.engine, id));
        ck_assert(loop_timer_is_on(fake.engine->cut_timer));
        ck_assert_uint_gt(map->cut_mono_usec, clock_mono_usec() + 50 * USEC_PER_SEC);
}
END_TEST

START_TEST(cancel_closes_an_open_map)
{
        const uint64_t id = new_map(&map_of_one);

        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         0);
        fake_turn();
        ck_assert_int_eq(fake.jobs[id].state, JOB_CANCELLED);
        ck_assert_int_eq(fake.jobs[id].input, JOURNAL_INPUT_CLOSED);
        ck_assert(engine_is_empty(fake.engine));
}
END_TEST

START_TEST(cancel_of_a_map_with_tasks_waits_for_those_that_run)
{
        const uint64_t id = new_map(&map_of_one);

        fake_attach(0);
        fake_append(id, 0, "a,b,c,");
        fake_turn();
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         ENGINE_E_LATER);
        engine_workers_ops.on_revoked(fake.engine, fake.workers[0], fake_find(FAKE_START, 0)->lease,
                                      false);
        ck_assert_int_eq(fake.jobs[id].state, JOB_CANCELLED);
        ck_assert_uint_eq(fake.jobs[id].tasks_failed, 3);
}
END_TEST

/* Its last task may succeed by itself meanwhile: the job was given up all the same. */
START_TEST(a_cancelled_map_ends_cancelled)
{
        const uint64_t id = new_map(&map_of_one);

        fake_attach(0);
        fake_append(id, 0, "a,b,c,");
        fake_turn();
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         ENGINE_E_LATER);
        end_start(0, 0);
        fake_turn();
        ck_assert_int_eq(fake.jobs[id].state, JOB_CANCELLED);
        ck_assert_uint_eq(fake.jobs[id].tasks_ok, 1);
}
END_TEST

START_TEST(a_restart_goes_on_where_it_was)
{
        const uint64_t id = new_map(&map_of_one);
        struct engine_view view;

        fake_attach(0);
        fake_append(id, 0, "a,b,c,d,");
        fake_turn();
        end_start(0, 0);
        fake_turn();
        end_start(1, 1);
        fake_turn();
        fake_append(id, 1,
                    "e,"); /* writes the job's row, with counts that must not be added twice */
        fake_turn();
        fake_restart();
        engine_view_job(fake.engine, engine_find(fake.engine, id), &view);
        ck_assert(view.is_open);
        ck_assert_uint_eq(view.by_state[JOB_SUCCEEDED], 1);
        ck_assert_uint_eq(view.by_state[JOB_FAILED], 1);
        ck_assert_uint_eq(view.by_state[JOB_QUEUED] + view.by_state[JOB_STARTING], 3);
        ck_assert_uint_eq(view.task_count, 5);
        ck_assert(job_map_of(engine_find(fake.engine, id))->is_orphan);
        ck_assert_int_eq(fake_append(id, 0, "a,b,c,d,"), 0);
        ck_assert_int_eq(fake_append(id, 2, "f,"), 0);
        ck_assert_uint_eq(fake.inputs_count, 3);
}
END_TEST

START_TEST(a_cancelled_task_far_ahead_keeps_those_before_it)
{
        const struct engine_spec array = { .task_count = 10, .is_array = true, .array_step = 1 };
        const uint64_t id = fake_submit(1000, &array);
        struct engine_view view;

        ck_assert_int_eq(
                engine_cancel(fake.engine, engine_find(fake.engine, id), 5, USEC_NONE, NULL), 0);
        fake_turn();
        fake_restart();
        engine_view_job(fake.engine, engine_find(fake.engine, id), &view);
        ck_assert_uint_eq(view.by_state[JOB_QUEUED], 9);
        ck_assert_uint_eq(view.by_state[JOB_CANCELLED], 1);
}
END_TEST

START_TEST(a_cancelled_rest_is_still_cancelled_after_a_restart)
{
        const uint64_t id = new_map(&map_of_one);
        struct engine_view view;

        fake_attach(0);
        fake_append(id, 0, "a,b,c,");
        fake_turn();
        engine_workers_ops.on_started(fake.engine, fake.workers[0], fake_find(FAKE_START, 0)->lease,
                                      5, 1);
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         0);
        fake_turn();
        fake_restart();
        engine_view_job(fake.engine, engine_find(fake.engine, id), &view);
        ck_assert_uint_eq(view.by_state[JOB_STOPPING], 1);
        ck_assert_uint_eq(view.by_state[JOB_CANCELLED], 2);
        ck_assert_uint_eq(view.by_state[JOB_QUEUED], 0);
}
END_TEST

START_TEST(slots_are_those_of_workers_and_come_back)
{
        const uint64_t id = new_map(&map_of_one);

        fake_attach(3);
        fake_attach(5);
        fake_append(id, 0, "a,b,c,d,");
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 0)->slot, 1);
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->slot, 2);
        end_start(1, 0);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 2)->slot, 2);
        end_start(0, 0);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 3)->slot, 1);
}
END_TEST

START_TEST(a_width_counts_workers_and_not_what_waits_in_them)
{
        const struct engine_spec narrow = { .map_values = 1, .array_width = 1 };
        const uint64_t id = new_map(&narrow);
        size_t first;

        fake_attach(0);
        fake_attach(1);
        fake_append(id, 0, "a,b,c,d,e,f,g,h,i,j,");
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        fake.commit_usec = 4000; /* tasks are known to be short now: more are given ahead */
        end_start(0, 0);
        fake_turn();
        first = fake_find(FAKE_START, 0)->worker;
        ck_assert_uint_gt(fake_count(FAKE_START), 2);
        for (size_t i = 0; i < fake_count(FAKE_START); i++)
                ck_assert_uint_eq(fake_find(FAKE_START, i)->worker, first);
        ck_assert_uint_eq(fake_count(FAKE_REVOKE), 0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_REVOKE), 0);
}
END_TEST

START_TEST(halt_soon_lets_running_tasks_end)
{
        const struct engine_spec rule = { .map_values = 1, .halt_on = 1, .halt_count = 1 };
        const uint64_t id = new_map(&rule);

        fake_attach(0);
        fake_attach(1);
        fake_append(id, 0, "a,b,c,d,");
        fake_turn();
        engine_workers_ops.on_started(fake.engine, fake.workers[fake_find(FAKE_START, 1)->worker],
                                      fake_find(FAKE_START, 1)->lease, 5, 1);
        end_start(0, 1);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
        ck_assert_uint_eq(fake_count(FAKE_CANCEL), 0);
        ck_assert(!fake.jobs[id].finished);
        ck_assert_int_eq(fake_append(id, 1, "e,"), ENGINE_E_STATE);
        end_start(1, 0);
        fake_turn();
        ck_assert(fake.jobs[id].finished);
        ck_assert_int_eq(fake.jobs[id].state, JOB_FAILED);
}
END_TEST

START_TEST(halt_now_stops_running_tasks)
{
        const struct engine_spec rule = {
                .map_values = 1, .halt_on = 1, .halt_count = 1, .halt_now = true
        };
        const uint64_t id = new_map(&rule);

        fake_attach(0);
        fake_attach(1);
        fake_append(id, 0, "a,b,c,");
        fake_turn();
        engine_workers_ops.on_started(fake.engine, fake.workers[fake_find(FAKE_START, 1)->worker],
                                      fake_find(FAKE_START, 1)->lease, 5, 1);
        end_start(0, 1);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_CANCEL), 1);
        ck_assert_uint_eq(fake_find(FAKE_CANCEL, 0)->lease, fake_find(FAKE_START, 1)->lease);
}
END_TEST

/* The lease of a task that the halt cancels comes back: it is cancelled once. */
START_TEST(halt_now_cancels_what_only_starts)
{
        const struct engine_spec rule = {
                .map_values = 1, .halt_on = 1, .halt_count = 1, .halt_now = true
        };
        const uint64_t id = new_map(&rule);
        uint64_t second;

        fake_attach(0);
        fake_attach(1);
        fake_append(id, 0, "a,b,c,");
        close_input(id, 1);
        fake_turn();
        second = fake_find(FAKE_START, 1)->lease;
        end_start(0, 1);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_REVOKE), 1);
        ck_assert_uint_eq(fake_find(FAKE_REVOKE, 0)->lease, second);
        engine_workers_ops.on_revoked(fake.engine, fake.workers[fake_find(FAKE_START, 1)->worker],
                                      second, false);
        fake_turn();
        ck_assert(fake.jobs[id].finished);
        ck_assert_uint_eq(fake.jobs[id].tasks_failed, 3);
        ck_assert_uint_eq(fake.jobs[id].tasks_cancelled, 2);
}
END_TEST

START_TEST(halt_takes_back_what_only_starts)
{
        const struct engine_spec rule = { .map_values = 1, .halt_on = 3, .halt_percent = 50 };
        const uint64_t id = new_map(&rule);
        size_t n;

        fake_attach(0);
        fake_append(id, 0, "a,b,c,d,e,f,");
        close_input(id, 1);
        fake_turn();
        for (n = 0; n < 3; n++) {
                ck_assert_uint_eq(fake_count(FAKE_START), n + 1); /* no look-ahead */
                end_start(n, 0);
                fake_turn();
        }
        ck_assert_uint_eq(fake_count(FAKE_START), 3);
        ck_assert(fake.jobs[id].finished);
        ck_assert_uint_eq(fake.jobs[id].tasks_ok, 3);
        ck_assert_uint_eq(fake.jobs[id].tasks_failed, 3);
}
END_TEST

START_TEST(a_pause_between_starts)
{
        const struct engine_spec slow = { .map_values = 1, .start_delay_usec = USEC_PER_SEC };
        const uint64_t id = new_map(&slow);

        fake_attach(0);
        fake_attach(1);
        fake_append(id, 0, "a,b,");
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        ck_assert(loop_timer_is_on(fake.engine->pace_timer));
        ck_assert_int_eq(
                engine_cancel(fake.engine, engine_find(fake.engine, id), 1, USEC_NONE, NULL), 0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
}
END_TEST

START_TEST(a_retry_from_before_the_chunk_gets_its_own_values)
{
        const struct engine_spec again = { .map_values = 1, .retries = 1, .retry_delay_usec = 1 };
        const uint64_t id = new_map(&again);
        struct task *task;

        fake_attach(0);
        fake_append(id, 0, "a,");
        fake_append(id, 1, "b,c,");
        fake_turn();
        end_start(0, 1);
        fake_turn();
        ck_assert_str_eq(fake_find(FAKE_START, 1)->values, "b,");
        fake_attach(1);
        task = engine_find_task(engine_find(fake.engine, id), 0);
        if (task->is_delayed)
                run_queue_undelay(fake.engine, task);
        fake_turn();
        ck_assert_str_eq(fake_find(FAKE_START, 2)->values, "c,");
        ck_assert_str_eq(fake_find(FAKE_START, 3)->values, "a,");
        ck_assert_uint_eq(fake_find(FAKE_START, 3)->attempt, 2);
        fake_append(id, 2, "d,");
        fake_turn();
        ck_assert_str_eq(fake_find(FAKE_START, 4)->values, "d,");
}
END_TEST

START_TEST(what_was_seen_is_kept)
{
        const uint64_t id = new_map(&map_of_one);
        const uint64_t before = engine_sequence(fake.engine);

        fake_turn();
        engine_seen(fake.engine, id, 7);
        ck_assert_uint_gt(engine_sequence(fake.engine), before);
        ck_assert(loop_timer_is_on(fake.engine->seen_timer));
        fake_turn();
        ck_assert_uint_eq(fake.jobs[id].seen_task, 0); /* it waits for company */
        ck_assert_uint_lt(fake.posted, engine_sequence(fake.engine));
        fake_append(id, 0, "a,");
        fake_turn();
        ck_assert_uint_eq(fake.jobs[id].seen_task, 7);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("maps");
        TCase *tests = tcase_create("maps");
        const TTest *const all[] = { each_task_gets_its_values,
                                     a_start_waits_for_its_assignment_although_all_is_in_memory,
                                     an_open_map_outlives_its_tasks,
                                     an_empty_map_succeeds_with_its_close,
                                     a_chunk_again_adds_nothing_and_a_gap_is_refused,
                                     a_full_queue_makes_the_appender_wait,
                                     a_cut_input_fails_the_job_after_its_tasks,
                                     without_an_appender_the_input_is_waited_for_and_then_cut,
                                     a_cancelled_map_ends_cancelled,
                                     cancel_closes_an_open_map,
                                     cancel_of_a_map_with_tasks_waits_for_those_that_run,
                                     a_restart_goes_on_where_it_was,
                                     a_cancelled_task_far_ahead_keeps_those_before_it,
                                     a_cancelled_rest_is_still_cancelled_after_a_restart,
                                     slots_are_those_of_workers_and_come_back,
                                     a_width_counts_workers_and_not_what_waits_in_them,
                                     halt_soon_lets_running_tasks_end,
                                     halt_now_stops_running_tasks,
                                     halt_now_cancels_what_only_starts,
                                     halt_takes_back_what_only_starts,
                                     a_pause_between_starts,
                                     a_retry_from_before_the_chunk_gets_its_own_values,
                                     what_was_seen_is_kept };

        tcase_add_checked_fixture(tests, fake_setup, fake_teardown);
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                tcase_add_test(tests, all[i]);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
