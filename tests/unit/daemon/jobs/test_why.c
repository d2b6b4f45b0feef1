/* SPDX-License-Identifier: Apache-2.0 */
/* Why a job is where it is: each reason, which of several is told, and what is estimated. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"

static struct engine_why why;

static const char *ask(uint64_t id)
{
        engine_why(fake.engine, engine_find(fake.engine, id), 100, &why);
        return why.text;
}

static uint32_t blockers_of(uint64_t id)
{
        struct engine_view view;

        engine_view_job(fake.engine, engine_find(fake.engine, id), &view);
        return view.blockers;
}

static uint64_t submit(uint32_t cpus)
{
        const struct engine_spec spec = { .task_count = 1, .cpus = cpus };

        return fake_submit(1000, &spec);
}

START_TEST(held_comes_before_all_else)
{
        const struct engine_spec spec = { .task_count = 1,
                                          .hold = true,
                                          .begin_wall_usec = clock_wall_usec() + 3600000000ULL };
        const uint64_t id = fake_submit(1000, &spec);
        struct reason reason;

        ck_assert_str_eq(ask(id), "is held: `jobctl release 1` lets it start");
        ck_assert_uint_eq(why.wait_usec, 0);
        ck_assert_int_eq(engine_release(fake.engine, engine_find(fake.engine, id), &reason), 0);
        ck_assert_ptr_nonnull(strstr(ask(id), "begins at {time:"));
        ck_assert_uint_gt(why.wait_usec, 3500000000ULL);
}
END_TEST

START_TEST(nobody_works)
{
        ck_assert_str_eq(ask(submit(0)), "waits: no worker is connected");
}
END_TEST

START_TEST(its_place_behind_busy_workers)
{
        uint64_t first, second, third;

        fake_attach(0);
        submit(0);
        fake_turn();
        first = submit(0);
        second = submit(0);
        third = submit(0);
        fake_turn();
        ck_assert_str_eq(ask(first), "is next of {uid:1000}'s: all 1 workers are busy");
        ck_assert_str_eq(ask(second),
                         "is 2nd of {uid:1000}'s in queue default; all 1 workers are busy");
        ck_assert_str_eq(ask(third),
                         "is 3rd of {uid:1000}'s in queue default; all 1 workers are busy");
        ck_assert_uint_eq(blockers_of(third), 0);
        /* Nothing is known of how long any of it takes. */
        ck_assert_uint_eq(why.wait_usec, 0);
        engine_why(fake.engine, engine_find(fake.engine, third), 1, &why);
        ck_assert_ptr_nonnull(strstr(why.text, "has more than 0 of {uid:1000}'s before it"));
}
END_TEST

START_TEST(ordinals)
{
        uint64_t id = 0;

        fake_attach(0);
        submit(0);
        fake_turn();
        for (size_t i = 0; i < 23; i++) {
                char expected[16];
                const char *const end = i == 0 || i == 20   ? "st"
                                        : i == 1 || i == 21 ? "nd"
                                        : i == 2 || i == 22 ? "rd"
                                                            : "th";

                id = submit(0);
                snprintf(expected, sizeof(expected), "is %zu%s of", i + 1, end);
                if (i > 0)
                        ck_assert_ptr_nonnull(strstr(ask(id), expected));
        }
}
END_TEST

START_TEST(a_time_limit_tells_when)
{
        const struct engine_spec limited = { .task_count = 1, .time_limit_usec = 60000000 };
        uint64_t id;

        fake_attach(0);
        fake_submit(1000, &limited);
        fake_turn();
        id = submit(0);
        fake_turn();
        ask(id);
        ck_assert_uint_gt(why.wait_usec, 50000000);
        ck_assert_uint_le(why.wait_usec, 60000000);
}
END_TEST

START_TEST(too_few_cores)
{
        uint64_t wide;

        fake.wanted = 2;
        fake_attach(0);
        fake_attach(1);
        submit(0);
        fake_turn();
        wide = submit(2);
        fake_turn();
        ck_assert_str_eq(ask(wide), "asks for 2 cores, and 1 of 2 are free; what becomes free is "
                                    "kept for it");
        ck_assert_uint_eq(blockers_of(wide), 128);
}
END_TEST

START_TEST(a_queue_at_its_width)
{
        struct queue *queue = queues_default(&fake.engine->queues);
        uint64_t id;

        fake_attach(0);
        fake_attach(1);
        queue->width_tasks = 1;
        submit(0);
        fake_turn();
        id = submit(0);
        ck_assert_str_eq(ask(id), "is 1st of {uid:1000}'s in queue default, which is at its width "
                                  "1 of 1");
        ck_assert_uint_eq(blockers_of(id), 32);
        queue->is_paused = true;
        ck_assert_str_eq(ask(id), "waits: queue default is paused");
}
END_TEST

START_TEST(a_user_at_his_cap)
{
        uint64_t id;

        fake_attach(0);
        fake_attach(1);
        submit(0);
        fake_turn();
        id = submit(0);
        engine_find(fake.engine, id)->user->cores_max = 1;
        ck_assert_str_eq(ask(id), "is 1st of {uid:1000}'s in queue default, and has 1 of the 1 "
                                  "cores that {uid:1000} may have at once");
        ck_assert_uint_eq(blockers_of(id), 256);
}
END_TEST

START_TEST(drained)
{
        const uint64_t id = submit(0);

        engine_drain(fake.engine, true);
        ck_assert_ptr_nonnull(strstr(ask(id), "is draining"));
}
END_TEST

START_TEST(an_open_map_waits_for_input)
{
        const struct engine_spec map = { .map_values = 1 };
        const uint64_t id = fake_submit(1000, &map);

        ck_assert_str_eq(ask(id), "waits for input");
}
END_TEST

START_TEST(some_of_its_tasks_run)
{
        const struct engine_spec spec = {
                .task_count = 3, .is_array = true, .array_step = 1, .array_width = 1
        };
        const uint64_t id = fake_submit(1000, &spec);

        fake_attach(0);
        fake_turn();
        ck_assert_str_eq(ask(id), "is being started; of its other tasks the next has as many tasks "
                                  "at work as its width allows: 1");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("why");
        TCase *t = tcase_create("why");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(t, fake_setup, fake_teardown);
        tcase_add_test(t, held_comes_before_all_else);
        tcase_add_test(t, nobody_works);
        tcase_add_test(t, its_place_behind_busy_workers);
        tcase_add_test(t, ordinals);
        tcase_add_test(t, a_time_limit_tells_when);
        tcase_add_test(t, too_few_cores);
        tcase_add_test(t, a_queue_at_its_width);
        tcase_add_test(t, a_user_at_his_cap);
        tcase_add_test(t, drained);
        tcase_add_test(t, an_open_map_waits_for_input);
        tcase_add_test(t, some_of_its_tasks_run);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
