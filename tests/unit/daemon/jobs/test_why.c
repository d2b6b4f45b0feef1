/* SPDX-License-Identifier: Apache-2.0 */
/* Why a job is where it is: each reason, which of several is told, and what is estimated. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

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
        ck_assert_str_eq(ask(first), "is next of {uid:1000}'s: the only worker is busy");
        ck_assert_str_eq(ask(second),
                         "is 2nd of {uid:1000}'s in queue default; the only worker is busy");
        ck_assert_str_eq(ask(third),
                         "is 3rd of {uid:1000}'s in queue default; the only worker is busy");
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

/* Fewer than what runs has: a worker is idle, and has no core. */
START_TEST(cores_that_were_taken_away)
{
        uint64_t next;

        fake.wanted = 2;
        fake_attach(0);
        fake_attach(1);
        submit(2);
        fake_turn();
        fake.wanted = 1;
        next = submit(0);
        fake_turn();
        ck_assert_str_eq(ask(next),
                         "is next of {uid:1000}'s: all cores are in use, and there are 1");
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

/* ------------------------------------------------------------------------ resources and locks */

static uint64_t submit_asking(uint32_t uid, const char *asks)
{
        const struct engine_spec spec = { .task_count = 1, .asks = asks };

        return fake_submit(uid, &spec);
}

/* So that places to run are never what a job waits for. */
static void attach_many(void)
{
        for (uint32_t i = 0; i < 6; i++)
                fake_attach(i);
}

static void declare(uint32_t scope, const char *name, uint32_t capacity)
{
        ck_assert_int_eq(resource_declare(fake.engine->resources, scope, name, capacity), 0);
}

/* A process takes it, or waits. pid: of this uid; job 0: in none. */
static struct resource_holding *take(uint32_t uid, const char *name, enum resource_mode mode,
                                     const struct resource_owner *owner)
{
        const struct resource_ask wish = { .name = name, .mode = mode, .count = 1 };
        struct resource_holding *holding = NULL;
        struct resource_claim *claim;

        ck_assert_int_eq(
                resource_claim_new(fake.engine->resources, uid, &wish, 1, owner, NULL, &claim), 0);
        ck_assert_int_eq(resource_claim_take(claim, owner, &holding), 0);
        resource_claim_free(claim);
        return holding;
}

START_TEST(a_lock_that_a_job_holds)
{
        uint64_t second, third;

        attach_many();
        submit_asking(1000, "x build\n");
        fake_turn();
        second = submit_asking(1000, "x build\n");
        third = submit_asking(1000, "s build\n");
        fake_turn();
        ck_assert_str_eq(ask(second), "waits for lock build, held by job 1 ({uid:1000}'s)");
        ck_assert_uint_eq(blockers_of(second), 64);
        ck_assert_str_eq(ask(third), "waits for lock build, held by job 1 ({uid:1000}'s); 1 is "
                                     "before it in line");
        ck_assert_uint_eq(why.wait_usec, 0);
        fake_exit(fake.workers[fake_find(FAKE_START, 0)->worker], fake_find(FAKE_START, 0)->lease,
                  0);
        fake_turn();
        ck_assert_str_eq(ask(second), "is being started");
        ck_assert_uint_eq(blockers_of(second), 0);
        ck_assert_str_eq(ask(third), "waits for lock build, held by job 2 ({uid:1000}'s)");
}
END_TEST

START_TEST(units_that_are_taken)
{
        uint64_t ids[4];

        attach_many();
        declare(1000, "gpu", 2);
        submit_asking(1000, "1 gpu\n");
        fake_turn();
        ids[0] = submit_asking(1000, "2 gpu\n");
        for (size_t i = 1; i < 4; i++)
                ids[i] = submit_asking(1000, "1 gpu\n");
        fake_turn();
        ck_assert_str_eq(ask(ids[0]), "waits for 2 of resource gpu: 1 of 2 is taken");
        /* One is free, and is kept for the first. */
        ck_assert_str_eq(ask(ids[1]), "waits for 1 of resource gpu; 1 is before it in line");
        ck_assert_str_eq(ask(ids[3]), "waits for 1 of resource gpu; 3 are before it in line");
        ck_assert_uint_eq(blockers_of(ids[3]), 64);
        engine_why(fake.engine, engine_find(fake.engine, ids[3]), 2, &why);
        ck_assert_str_eq(why.text, "waits for 1 of resource gpu; 2 or more are before it in line");
        declare(1000, "gpu", 1);
        ck_assert_str_eq(ask(ids[0]), "waits for 2 of resource gpu, of which there is only 1");
        declare(1000, "gpu", 0);
        ck_assert_str_eq(ask(ids[1]), "waits for 1 of resource gpu, of which there is nothing now");
        ck_assert_uint_eq(why.wait_usec, 0);
}
END_TEST

START_TEST(what_is_not_free_before_what_is)
{
        uint64_t id;

        attach_many();
        declare(1000, "gpu", 2);
        declare(1000, "net", 1);
        submit_asking(1000, "2 gpu\n");
        fake_turn();
        id = submit_asking(1000, "1 net\n1 gpu\nx build\n");
        fake_turn();
        ck_assert_str_eq(ask(id), "waits for 1 of resource gpu: 2 of 2 are taken");
        declare(1000, "net", 0);
        ck_assert_str_eq(ask(id), "waits for 1 of resource net, of which there is nothing now");
}
END_TEST

START_TEST(who_holds_a_lock)
{
        const struct resource_owner alone = { .pid = 123 };
        const struct resource_owner inside = { .job = 1, .pid = 124 };
        struct resource_holding *one, *two;
        uint64_t id;

        attach_many();
        submit(0);
        fake_turn();
        one = take(1000, "build", RESOURCE_SHARED, &alone);
        id = submit_asking(1000, "x build\n");
        fake_turn();
        ck_assert_str_eq(ask(id), "waits for lock build, held by process 123");
        resource_holding_free(one);
        one = take(1000, "other", RESOURCE_SHARED, &alone);
        two = take(1000, "other", RESOURCE_SHARED, &inside);
        id = submit_asking(1000, "x other\n");
        fake_turn();
        ck_assert_str_eq(ask(id), "waits for lock other, held by process 124 in job 1 "
                                  "({uid:1000}'s) and 1 other");
        resource_holding_free(one);
        resource_holding_free(two);
}
END_TEST

/* With PrivateJobs=no (_i 1) also which job it is. */
START_TEST(nothing_of_others_but_who)
{
        static const char *const gpu[] = {
                "waits for 1 of resource gpu, locked by a job of {uid:1001}'s",
                "waits for 1 of resource gpu, locked by job 1 ({uid:1001}'s)",
        };
        static const char *const tape[] = {
                "waits for lock tape, held by a job of {uid:1001}'s",
                "waits for lock tape, held by job 1 ({uid:1001}'s)",
        };
        struct engine_options options = fake.engine->options;
        const struct resource_owner alone = { .pid = 123 };
        const struct resource_owner inside = { .job = 1, .pid = 124 };
        struct resource_holding *holding;
        uint64_t id, next;

        options.jobs_are_public = _i == 1;
        engine_set_options(fake.engine, &options);
        attach_many();
        declare(RESOURCE_EVERYBODY, "gpu", 1);
        declare(RESOURCE_EVERYBODY, "net", 1);
        submit_asking(1001, "x gpu\n");
        fake_turn();
        id = submit_asking(1000, "1 gpu\n");
        fake_turn();
        ck_assert_str_eq(ask(id), gpu[_i]);
        holding = take(1001, "net", RESOURCE_EXCLUSIVE, &alone);
        next = submit_asking(1000, "x net\n");
        fake_turn();
        ck_assert_str_eq(ask(next), "waits for lock net, held by a process of {uid:1001}'s");
        resource_holding_free(holding);
        declare(RESOURCE_EVERYBODY, "tape", 1);
        holding = take(1001, "tape", RESOURCE_EXCLUSIVE, &inside);
        next = submit_asking(1000, "x tape\n");
        fake_turn();
        ck_assert_str_eq(ask(next), tape[_i]);
        resource_holding_free(holding);
}
END_TEST

START_TEST(a_lock_that_its_own_task_holds)
{
        const struct engine_spec spec = {
                .task_count = 3, .is_array = true, .array_step = 1, .asks = "x build\n"
        };
        uint64_t id, next;

        attach_many();
        id = fake_submit(1000, &spec);
        fake_turn();
        ck_assert_str_eq(ask(id), "is being started; of its other tasks the next waits for lock "
                                  "build, held by its own task 0");
        next = submit_asking(1000, "x build\n");
        fake_turn();
        ck_assert_str_eq(ask(next), "waits for lock build, held by job 1.0 ({uid:1000}'s); 1 is "
                                    "before it in line");
}
END_TEST

START_TEST(the_holders_time_limit_tells_when)
{
        const struct engine_spec limited = { .task_count = 1,
                                             .time_limit_usec = 60000000,
                                             .asks = "x build\n" };
        const struct fake_sent *start;
        uint64_t first, second;

        attach_many();
        fake_submit(1000, &limited);
        fake_turn();
        first = submit_asking(1000, "x build\n");
        second = submit_asking(1000, "x build\n");
        fake_turn();
        ask(first);
        ck_assert_uint_eq(why.wait_usec, 0); /* it has not even started */
        start = fake_find(FAKE_START, 0);
        engine_workers_ops.on_started(fake.engine, fake.workers[start->worker], start->lease, 4711,
                                      clock_wall_usec());
        ask(first);
        ck_assert_uint_gt(why.wait_usec, 50000000);
        ck_assert_uint_le(why.wait_usec, 60000000);
        ask(second);
        ck_assert_uint_eq(why.wait_usec, 0);
}
END_TEST

START_TEST(a_name_that_a_terminal_would_obey)
{
        uint64_t id;

        attach_many();
        submit_asking(1000, "x a\xe2\x80\xae"
                            "b\n");
        fake_turn();
        id = submit_asking(1000, "x a\xe2\x80\xae"
                                 "b\n");
        fake_turn();
        ck_assert_str_eq(ask(id), "waits for lock a\\u{202E}b, held by job 1 ({uid:1000}'s)");
}
END_TEST

START_TEST(a_hold_and_a_drain_come_before_a_lock)
{
        struct reason reason;
        uint64_t id;

        attach_many();
        submit_asking(1000, "x build\n");
        fake_turn();
        id = submit_asking(1000, "x build\n");
        fake_turn();
        engine_drain(fake.engine, true);
        ck_assert_ptr_nonnull(strstr(ask(id), "is draining"));
        ck_assert_uint_eq(blockers_of(id), 16 + 64);
        engine_drain(fake.engine, false);
        ck_assert_int_eq(engine_hold(fake.engine, engine_find(fake.engine, id), &reason), 0);
        ck_assert_ptr_nonnull(strstr(ask(id), "is held"));
        ck_assert_uint_eq(blockers_of(id), 1);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("why");
        TCase *t = tcase_create("why");

        tcase_add_checked_fixture(t, fake_setup, fake_teardown);
        tcase_add_test(t, held_comes_before_all_else);
        tcase_add_test(t, nobody_works);
        tcase_add_test(t, its_place_behind_busy_workers);
        tcase_add_test(t, ordinals);
        tcase_add_test(t, a_time_limit_tells_when);
        tcase_add_test(t, too_few_cores);
        tcase_add_test(t, cores_that_were_taken_away);
        tcase_add_test(t, a_queue_at_its_width);
        tcase_add_test(t, a_user_at_his_cap);
        tcase_add_test(t, drained);
        tcase_add_test(t, an_open_map_waits_for_input);
        tcase_add_test(t, some_of_its_tasks_run);
        tcase_add_test(t, a_lock_that_a_job_holds);
        tcase_add_test(t, units_that_are_taken);
        tcase_add_test(t, what_is_not_free_before_what_is);
        tcase_add_test(t, who_holds_a_lock);
        tcase_add_loop_test(t, nothing_of_others_but_who, 0, 2);
        tcase_add_test(t, a_lock_that_its_own_task_holds);
        tcase_add_test(t, the_holders_time_limit_tells_when);
        tcase_add_test(t, a_name_that_a_terminal_would_obey);
        tcase_add_test(t, a_hold_and_a_drain_come_before_a_lock);
        suite_add_tcase(suite, t);
        return suite_run(suite);
}
