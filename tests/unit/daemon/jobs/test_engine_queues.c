/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named queues: made, changed, paused, drained and removed; which one a job goes to; what comes
 * back after a crash.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

static struct reason why;

static struct engine_queue get(const char *name)
{
        struct engine_queue queue;

        ck_assert_msg(engine_queue_find(fake.engine, name, &queue, &why), "%s", why.text);
        return queue;
}

static void add(const char *name, enum queue_policy policy, uint32_t width)
{
        const struct journal_queue row = { .name = name,
                                           .policy = (uint8_t)policy,
                                           .width_tasks = width,
                                           .weight = 100,
                                           .owner_uid = 7 };

        ck_assert_msg(engine_queue_add(fake.engine, &row, &why) == 0, "%s", why.text);
        fake_turn();
}

static void set(const struct engine_queue *queue)
{
        ck_assert_msg(engine_queue_set(fake.engine, &queue->row, &why) == 0, "%s", why.text);
        fake_turn();
}

static uint64_t submit_to(const char *queue, uint32_t uid, int32_t priority)
{
        const struct engine_spec spec = { .queue = queue, .priority = priority, .task_count = 1 };

        return fake_submit(uid, &spec);
}

/* The job of the n-th START, which ends now. */
static uint64_t end_start(size_t nth)
{
        const struct fake_sent *start = fake_find(FAKE_START, nth);

        ck_assert_ptr_nonnull(start);
        fake_exit(fake.workers[start->worker], start->lease, 0);
        fake_turn();
        return start->job;
}

START_TEST(the_default_one_is_always_there)
{
        struct engine_queue queue;

        ck_assert(engine_queue_at(fake.engine, 0, &queue));
        ck_assert_str_eq(queue.row.name, "default");
        ck_assert_uint_eq(queue.row.policy, QUEUE_PRIORITY);
        ck_assert(!engine_queue_at(fake.engine, 1, &queue));
        ck_assert_str_eq(get(NULL).row.name, "default");
        ck_assert_int_eq(engine_queue_remove(fake.engine, "default", NULL, &why), ENGINE_E_STATE);
        ck_assert_str_eq(why.text, "the default queue always exists");
}
END_TEST

START_TEST(a_job_goes_to_the_queue_it_names)
{
        uint64_t id;

        add("night", QUEUE_FIFO, 0);
        id = submit_to("night", 1000, 0);
        ck_assert_uint_ne(id, 0);
        fake_turn();
        ck_assert_uint_eq(fake.jobs[id].queue, get("night").row.id);
        ck_assert_str_eq(engine_job_queue(engine_find(fake.engine, id)), "night");
        ck_assert_uint_eq(get("night").jobs_count, 1);
        ck_assert_uint_eq(fake.jobs[submit_to(NULL, 1000, 0)].queue, 0);
}
END_TEST

START_TEST(refusals_say_what_there_is)
{
        struct engine_queue queue;

        add("night", QUEUE_FIFO, 0);
        ck_assert_uint_eq(submit_to("nihgt", 1000, 0), 0);
        ck_assert_str_eq(fake_why, "there is no queue \"nihgt\"; there are: default, night");
        queue = get("night");
        queue.row.users = "1,@5";
        set(&queue);
        ck_assert_uint_eq(submit_to("night", 1000, 0), 0);
        ck_assert_str_eq(fake_why,
                         "you may not use the queue \"night\"; there are: default, night");
        ck_assert_uint_ne(submit_to("night", 1, 0), 0);
        queue = get("night");
        queue.row.is_draining = true;
        set(&queue);
        ck_assert_uint_eq(submit_to("night", 1, 0), 0);
        ck_assert_str_eq(fake_why,
                         "the queue \"night\" takes no more jobs; there are: default, night");
        ck_assert_uint_eq(get("night").jobs_count, 1);
}
END_TEST

START_TEST(users_of_a_list)
{
        const gid_t groups[] = { 5, 6 };

        ck_assert(queues_is_user_list("") && queues_is_user_list("0") &&
                  queues_is_user_list("1000,@100,@0"));
        ck_assert(!queues_is_user_list("a") && !queues_is_user_list("1,") &&
                  !queues_is_user_list("@") && !queues_is_user_list(",1") &&
                  !queues_is_user_list("1 2") && !queues_is_user_list("4294967295"));
        ck_assert(queues_admits(NULL, 1, 1, NULL, 0));
        ck_assert(!queues_admits("", 1, 1, NULL, 0));
        ck_assert(queues_admits("3,1", 1, 9, groups, 2));
        ck_assert(!queues_admits("@1", 1, 9, groups, 2));
        ck_assert(queues_admits("@9", 1, 9, groups, 2));
        ck_assert(queues_admits("7,@6", 1, 9, groups, 2));
        ck_assert(!queues_admits("5,6", 1, 9, groups, 2));
}
END_TEST

START_TEST(a_paused_queue_starts_nothing)
{
        struct engine_queue queue;
        struct engine_view view;
        uint64_t id;

        add("night", QUEUE_FIFO, 0);
        queue = get("night");
        queue.row.is_paused = true;
        set(&queue);
        fake_attach(0);
        id = submit_to("night", 1000, 0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 0);
        engine_view_job(fake.engine, engine_find(fake.engine, id), &view);
        ck_assert_uint_eq(view.blockers, 32);
        ck_assert_uint_ne(submit_to(NULL, 1000, 0), 0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        end_start(0);
        queue = get("night");
        queue.row.is_paused = false;
        set(&queue);
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
        ck_assert_uint_eq(end_start(1), id);
}
END_TEST

START_TEST(a_width_holds)
{
        struct engine_queue queue;

        add("narrow", QUEUE_FIFO, 1);
        fake_attach(0);
        fake_attach(1);
        submit_to("narrow", 1000, 0);
        submit_to("narrow", 1001, 0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        ck_assert_uint_eq(get("narrow").tasks_leased, 1);
        queue = get("narrow");
        queue.row.width_tasks = 2;
        set(&queue);
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
}
END_TEST

/* The order of what waits changes with the policy. */
START_TEST(a_policy_may_change)
{
        struct engine_queue queue;
        uint64_t first, second, third;

        add("some", QUEUE_FIFO, 1);
        first = submit_to("some", 1000, 0);
        second = submit_to("some", 1000, 5);
        third = submit_to("some", 1000, 0);
        queue = get("some");
        queue.row.policy = QUEUE_LIFO;
        set(&queue);
        fake_attach(0);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 0)->job, third);
        queue = get("some");
        queue.row.policy = QUEUE_PRIORITY;
        set(&queue);
        ck_assert_uint_eq(end_start(0), third);
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->job, second);
        ck_assert_uint_eq(end_start(1), second);
        ck_assert_uint_eq(end_start(2), first);
}
END_TEST

/* A job that is too wide for its queue waits for the queue, and blocks nobody meanwhile. */
START_TEST(a_width_in_cores_may_change)
{
        const struct engine_spec wide = { .queue = "night", .cpus = 2, .task_count = 1 };
        struct engine_queue queue;
        uint64_t first, second;

        add("night", QUEUE_FIFO, 0);
        first = fake_submit(1000, &wide);
        queue = get("night");
        queue.row.width_cores = 1;
        set(&queue);
        second = submit_to("night", 1000, 0);
        fake_attach(0);
        fake_attach(1);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        ck_assert_uint_eq(end_start(0), second);
        queue = get("night");
        queue.row.width_cores = 2;
        set(&queue);
        ck_assert_uint_eq(end_start(1), first);
}
END_TEST

START_TEST(a_queue_with_jobs_is_not_removed)
{
        uint64_t one, two;

        add("old", QUEUE_FIFO, 1);
        add("new", QUEUE_FIFO, 0);
        one = submit_to("old", 1000, 0);
        ck_assert_int_eq(engine_queue_remove(fake.engine, "old", NULL, &why), ENGINE_E_STATE);
        ck_assert_str_eq(why.text, "1 job waits in it: move it (--move-to QUEUE) or cancel it");
        two = submit_to("old", 1001, 0);
        ck_assert_int_eq(engine_queue_remove(fake.engine, "old", NULL, &why), ENGINE_E_STATE);
        ck_assert_str_eq(why.text, "2 jobs wait in it: move them (--move-to QUEUE) or cancel them");
        ck_assert_int_eq(engine_queue_remove(fake.engine, "old", "none", &why), ENGINE_E_UNKNOWN);
        ck_assert_int_eq(engine_queue_remove(fake.engine, "old", "old", &why), ENGINE_E_STATE);
        fake_attach(0);
        fake_turn();
        ck_assert_int_eq(engine_queue_remove(fake.engine, "old", "new", &why), ENGINE_E_STATE);
        ck_assert_ptr_nonnull(strstr(why.text, "1 of its tasks run"));
        ck_assert_uint_eq(end_start(0), one);
        /* The second has begun now. */
        ck_assert_uint_eq(end_start(1), two);
        ck_assert_int_eq(engine_queue_remove(fake.engine, "old", NULL, &why), 0);
        ck_assert(!engine_queue_find(fake.engine, "old", &(struct engine_queue){ 0 }, &why));
}
END_TEST

START_TEST(jobs_move_to_another_queue)
{
        uint64_t one, two;
        uint32_t id;

        add("old", QUEUE_FIFO, 0);
        add("new", QUEUE_LIFO, 1);
        id = get("new").row.id;
        one = submit_to("old", 1000, 0);
        two = submit_to("old", 1000, 0);
        ck_assert_int_eq(engine_queue_remove(fake.engine, "old", "new", &why), 0);
        fake_turn();
        ck_assert_uint_eq(fake.jobs[one].queue, id);
        ck_assert_uint_eq(fake.jobs[two].queue, id);
        ck_assert_uint_eq(get("new").jobs_count, 2);
        fake_attach(0);
        fake_turn();
        ck_assert_uint_eq(end_start(0), two);
        ck_assert_uint_eq(end_start(1), one);
}
END_TEST

/* A task that lends its place is counted nowhere, and takes it again in the queue it began in. */
START_TEST(a_queue_whose_task_lends_is_not_removed)
{
        uint64_t id, lent;

        add("old", QUEUE_FIFO, 0);
        fake_attach(0);
        id = submit_to("old", 1000, 0);
        fake_turn();
        lent = engine_lend(fake.engine, id, 0, 1000);
        ck_assert_uint_ne(lent, 0);
        ck_assert_uint_eq(get("old").tasks_leased, 0);
        ck_assert_int_eq(engine_queue_remove(fake.engine, "old", "default", &why), ENGINE_E_STATE);
        ck_assert_str_eq(why.text, "1 of its tasks run: pause or drain it and wait for them, or "
                                   "cancel them");
        engine_unlend(fake.engine, lent);
        ck_assert_uint_eq(get("old").tasks_leased, 1);
        ck_assert_uint_eq(end_start(0), id);
        ck_assert_int_eq(engine_queue_remove(fake.engine, "old", NULL, &why), 0);
}
END_TEST

START_TEST(names_and_ids_are_used_once)
{
        const struct journal_queue again = { .name = "night", .weight = 100 };
        uint32_t id;

        add("night", QUEUE_FIFO, 0);
        id = get("night").row.id;
        ck_assert_int_eq(engine_queue_add(fake.engine, &again, &why), ENGINE_E_STATE);
        ck_assert_int_eq(engine_queue_remove(fake.engine, "night", NULL, &why), 0);
        fake_turn();
        fake_restart();
        add("night", QUEUE_FIFO, 0);
        ck_assert_uint_gt(get("night").row.id, id);
}
END_TEST

START_TEST(all_of_it_outlives_a_crash)
{
        struct engine_queue queue;
        uint64_t id;

        add("night", QUEUE_LIFO, 3);
        queue = get("night");
        queue.row.is_paused = true;
        queue.row.is_draining = true;
        queue.row.weight = 250;
        queue.row.time_limit_usec = 5;
        queue.row.users = "1000";
        queue.row.is_draining = false;
        set(&queue);
        id = submit_to("night", 1000, 0);
        queue = get(NULL);
        queue.row.width_tasks = 9;
        set(&queue);
        fake_restart();
        queue = get("night");
        ck_assert_uint_eq(queue.row.policy, QUEUE_LIFO);
        ck_assert_uint_eq(queue.row.width_tasks, 3);
        ck_assert_uint_eq(queue.row.weight, 250);
        ck_assert_uint_eq(queue.row.owner_uid, 7);
        ck_assert(queue.row.is_paused && !queue.row.is_draining);
        ck_assert_str_eq(queue.row.users, "1000");
        ck_assert_uint_eq(queue.jobs_count, 1);
        ck_assert_str_eq(engine_job_queue(engine_find(fake.engine, id)), "night");
        ck_assert_uint_eq(get(NULL).row.width_tasks, 9);
        fake_attach(0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 0);
}
END_TEST

/* No row says what it was: its jobs are not lost with it. */
START_TEST(jobs_of_a_lost_queue_go_to_the_default_one)
{
        uint64_t id;

        add("night", QUEUE_FIFO, 0);
        id = submit_to("night", 1000, 0);
        fake_turn();
        fake.queues[get("night").row.id].name = NULL;
        fake_restart();
        ck_assert_str_eq(engine_job_queue(engine_find(fake.engine, id)), "default");
        fake_attach(0);
        fake_turn();
        ck_assert_uint_eq(end_start(0), id);
}
END_TEST

/* There is an end to them, and all are told of up to it. */
START_TEST(so_many_and_no_more)
{
        static struct tally_queue told[ENGINE_QUEUES_MAX + 1];
        char name[16];
        struct journal_queue row = { .name = name, .weight = 100 };

        for (unsigned int n = 1; n < ENGINE_QUEUES_MAX; n++) { /* the default one is there */
                snprintf(name, sizeof(name), "q%u", n);
                ck_assert_msg(engine_queue_add(fake.engine, &row, &why) == 0, "%u: %s", n,
                              why.text);
        }
        ck_assert_uint_eq(engine_tally_queues(fake.engine, told, ARRAY_SIZE(told)),
                          ENGINE_QUEUES_MAX);
        snprintf(name, sizeof(name), "one more");
        ck_assert_int_eq(engine_queue_add(fake.engine, &row, &why), ENGINE_E_LIMIT);
        ck_assert_str_eq(why.text, "there are 256 queues already: remove one");
        ck_assert_int_eq(engine_queue_remove(fake.engine, "q7", NULL, &why), 0);
        ck_assert_int_eq(engine_queue_add(fake.engine, &row, &why), 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("engine_queues");
        TCase *tests = tcase_create("engine_queues");

        tcase_add_checked_fixture(tests, fake_setup, fake_teardown);
        tcase_add_test(tests, the_default_one_is_always_there);
        tcase_add_test(tests, a_job_goes_to_the_queue_it_names);
        tcase_add_test(tests, refusals_say_what_there_is);
        tcase_add_test(tests, users_of_a_list);
        tcase_add_test(tests, a_paused_queue_starts_nothing);
        tcase_add_test(tests, a_width_holds);
        tcase_add_test(tests, a_policy_may_change);
        tcase_add_test(tests, a_width_in_cores_may_change);
        tcase_add_test(tests, a_queue_with_jobs_is_not_removed);
        tcase_add_test(tests, jobs_move_to_another_queue);
        tcase_add_test(tests, a_queue_whose_task_lends_is_not_removed);
        tcase_add_test(tests, names_and_ids_are_used_once);
        tcase_add_test(tests, so_many_and_no_more);
        tcase_add_test(tests, all_of_it_outlives_a_crash);
        tcase_add_test(tests, jobs_of_a_lost_queue_go_to_the_default_one);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
