/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: jobs that end, have ended, or are not there; arrays and their single tasks; many at once;
 * a client that does not read.
 */
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

START_TEST(as_they_end)
{
        struct job *one = fake_add(e, getuid()), *two = fake_add(e, getuid());

        fake_add_finished(e, getuid(), JOB_FAILED, 3);
        peer_wait(peer, 2, IDS({ 1, 3 }), false);
        peer_expect(peer, "2 ended(3 failed exit 3)+");
        fake_finish(e, two, JOB_SUCCEEDED, 0, NULL);
        peer_expect(peer, "2 ended(2 succeeded exit 0)+");
        peer_expect_nothing(peer);
        fake_finish(e, one, JOB_TIMEOUT, -1, NULL);
        peer_expect(peer, "2 ended(1 timeout)+");
        peer_expect(peer, "2 done");
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(e->watches));
}
END_TEST

/* A client inside a job: it lends while any of these streams waits. */
START_TEST(inside_a_job)
{
        struct job *one = fake_add(e, getuid()), *two = fake_add(e, getuid());
        struct peer *inside = peer_dial(&stage);

        peer_hello_inside(inside, 1, 17, 4);
        peer_expect(inside, "1 hello_ok");
        peer_wait(inside, 2, IDS({ 1, 1 }), false);
        peer_wait(inside, 3, IDS({ 2, 2 }), false);
        stage_turn(&stage);
        ck_assert_str_eq(e->trace, "lend(17.4,own) ");
        fake_finish(e, one, JOB_SUCCEEDED, 0, NULL);
        stage_turn(&stage);
        ck_assert_str_eq(e->trace, "lend(17.4,own) ");
        fake_finish(e, two, JOB_SUCCEEDED, 0, NULL);
        stage_turn(&stage);
        ck_assert_str_eq(e->trace, "lend(17.4,own) unlend(77) ");
}
END_TEST

START_TEST(the_first)
{
        struct job *two;

        fake_add(e, getuid());
        two = fake_add(e, getuid());
        peer_wait(peer, 2, &(const struct selection){ .all = true }, true);
        stage_turn(&stage);
        fake_finish(e, two, JOB_SUCCEEDED, 0, NULL);
        peer_expect(peer, "2 ended(2 succeeded exit 0)+");
        peer_expect(peer, "2 done");
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(e->watches));
}
END_TEST

START_TEST(unknown_ids)
{
        struct job *job = fake_add(e, getuid());

        peer_wait(peer, 2, IDS({ 99 }, { 1 }), false);
        peer_expect(peer, "2 error(NO_SUCH_JOB)+");
        peer_expect_nothing(peer);
        fake_finish(e, job, JOB_SUCCEEDED, 0, NULL);
        peer_expect(peer, "2 ended(1 succeeded exit 0)+");
        peer_expect(peer, "2 done");
        peer_wait(peer, 3, IDS({ 99 }), false);
        peer_expect(peer, "3 error(NO_SUCH_JOB)+");
        peer_expect(peer, "3 done");
}
END_TEST

START_TEST(nothing_to_wait_for)
{
        peer_wait(peer, 2, &(const struct selection){ .all = true }, false);
        peer_expect(peer, "2 done");
        peer_wait(peer, 3, &(const struct selection){ 0 }, false);
        peer_expect(peer, "3 error(USAGE)");
}
END_TEST

START_TEST(stops)
{
        fake_add(e, getuid());
        peer_wait(peer, 2, IDS({ 1 }), false);
        peer_stop(peer, 3, 2);
        peer_expect(peer, "2 done");
        peer_expect(peer, "3 done");
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(e->watches));
        peer_stop(peer, 4, 2);
        peer_expect(peer, "4 done");
}
END_TEST

START_TEST(retries_are_no_end)
{
        struct job *job = fake_add(e, getuid());

        peer_wait(peer, 2, IDS({ 1 }), false);
        stage_turn(&stage);
        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(e, job, 0, JOB_EV_STARTED, JOB_RUNNING);
        fake_tell(e, job, 0, JOB_EV_REQUEUE, JOB_QUEUED);
        peer_expect_nothing(peer);
        fake_finish(e, job, JOB_SUCCEEDED, 0, NULL);
        peer_expect(peer, "2 ended(1 succeeded exit 0)+");
        peer_expect(peer, "2 done");
}
END_TEST

/* ----------------------------------------------------------------------------------------- arrays
 */

static struct job *add_array(void)
{
        struct job *job = fake_add(e, getuid());

        job->row.task_count = 3;
        return job;
}

static void end_task(struct job *job, uint64_t task, enum job_state state, int32_t exit_code)
{
        fake_tell(e, job, task, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(e, job, task, JOB_EV_STARTED, JOB_RUNNING);
        job->tasks[task].row.exit_code = exit_code;
        fake_tell(e, job, task, JOB_EV_FAIL, state);
}

START_TEST(the_task_that_failed_first_speaks)
{
        struct job *job = add_array();

        peer_wait(peer, 2, IDS({ 1 }), false);
        stage_turn(&stage);
        end_task(job, 1, JOB_FAILED, 7);
        end_task(job, 2, JOB_FAILED, 8);
        peer_expect_nothing(peer);
        job->tasks[0].row.attempt = 1;
        fake_finish(e, job, JOB_FAILED, 9, NULL);
        peer_expect(peer, "2 ended(1 failed exit 7)+");
        peer_expect(peer, "2 done");
        /* The same afterwards. */
        peer_wait(peer, 3, IDS({ 1 }), false);
        peer_expect(peer, "3 ended(1 failed exit 7)+");
        peer_expect(peer, "3 done");
}
END_TEST

START_TEST(single_tasks)
{
        struct job *job = add_array();
        const struct selection task = {
                .ids = { { 1 } }, .has_tasks = true, .task_first = 1, .task_last = 1
        };

        peer_wait(peer, 2, &task, false);
        stage_turn(&stage);
        end_task(job, 0, JOB_FAILED, 7);
        peer_expect_nothing(peer);
        end_task(job, 1, JOB_FAILED, 8);
        peer_expect(peer, "2 ended(1.1 failed exit 8)+");
        peer_expect(peer, "2 done");
        /* Ended, in a job that goes on. */
        peer_wait(peer, 3, &task, false);
        peer_expect(peer, "3 ended(1.1 failed exit 8)+");
        peer_expect(peer, "3 done");
}
END_TEST

START_TEST(several_tasks_of_a_job)
{
        struct job *job = add_array();
        const struct selection tasks = {
                .ids = { { 1 } }, .has_tasks = true, .task_first = 0, .task_last = 2
        };

        peer_wait(peer, 2, &tasks, false);
        stage_turn(&stage);
        end_task(job, 2, JOB_FAILED, 7);
        peer_expect(peer, "2 ended(1.2 failed exit 7)+");
        end_task(job, 0, JOB_SUCCEEDED, 0);
        peer_expect(peer, "2 ended(1.0 succeeded exit 0)+");
        peer_wait(peer, 3, &tasks, true);
        peer_expect(peer, "3 ended(1.0 succeeded exit 0)+");
        peer_expect(peer, "3 done");
        end_task(job, 1, JOB_FAILED, 8);
        peer_expect(peer, "2 ended(1.1 failed exit 8)+");
        peer_expect(peer, "2 done");
}
END_TEST

START_TEST(a_task_that_never_began)
{
        struct job *job = add_array();

        peer_wait(peer, 2,
                  &(const struct selection){
                          .ids = { { 1 } }, .has_tasks = true, .task_first = 2, .task_last = 3 },
                  false);
        peer_expect(peer, "2 error(NO_SUCH_JOB)+");
        /* All that had not begun goes with one piece of news, of the first of them. */
        job->tasks[1].row.state = job->tasks[2].row.state = JOB_CANCELLED;
        fake_tell(e, job, 1, JOB_EV_CANCEL, JOB_CANCELLED);
        peer_expect(peer, "2 ended(1.2 cancelled)+");
        peer_expect(peer, "2 done");
        ck_assert_uint_eq(peer->tasks_failed, 1);
        ck_assert_uint_eq(peer->tasks_cancelled, 1);
}
END_TEST

/* ------------------------------------------------------------------------------------------- many
 */

START_TEST(many_jobs)
{
        for (int i = 0; i < 3000; i++)
                fake_add(e, getuid());
        peer_wait(peer, 2, &(const struct selection){ .all = true }, false);
        for (int i = 0; i < 20; i++)
                stage_turn(&stage);
        for (size_t i = 0; i < 3000; i++)
                fake_finish(e, e->jobs[i], JOB_SUCCEEDED, 0, NULL);
        while (peer->lines_count < 3002)
                stage_turn(&stage);
        ck_assert_str_eq(peer->lines[3001], "2 done");
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(e->watches));
}
END_TEST

START_TEST(too_many_jobs)
{
        uint64_t tag;

        for (int i = 0; i < 500; i++)
                fake_add(e, getuid());
        for (tag = 2; tag < 202; tag++) {
                peer_wait(peer, tag, &(const struct selection){ .all = true }, false);
                stage_turn(&stage);
        }
        peer_expect_nothing(peer);
        /* 100,000 are watched now. */
        peer_wait(peer, 500, IDS({ 1 }), false);
        peer_expect(peer, "500 error(BUSY)");
        peer_stop(peer, 501, 2);
        peer_expect(peer, "2 done");
        peer_expect(peer, "501 done");
        peer_wait(peer, 502, IDS({ 1 }), false);
        peer_expect_nothing(peer);
}
END_TEST

START_TEST(client_that_does_not_read)
{
        for (int i = 0; i < 40000; i++)
                fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        channel_set_reading(peer->channel, false);
        peer_wait(peer, 2, &(const struct selection){ .all = true }, false);
        for (int i = 0; i < 300; i++)
                stage_turn(&stage);
        /* It stopped looking for more before it had seen all. */
        ck_assert_uint_lt(e->reads_count, 80);
        channel_set_reading(peer->channel, true);
        while (peer->lines_count < 40002)
                stage_turn(&stage);
        ck_assert_str_eq(peer->lines[40001], "2 done");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients wait");
        TCase *t = tcase_create("wait");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, as_they_end);
        tcase_add_test(t, inside_a_job);
        tcase_add_test(t, the_first);
        tcase_add_test(t, unknown_ids);
        tcase_add_test(t, nothing_to_wait_for);
        tcase_add_test(t, stops);
        tcase_add_test(t, retries_are_no_end);
        tcase_add_test(t, the_task_that_failed_first_speaks);
        tcase_add_test(t, single_tasks);
        tcase_add_test(t, several_tasks_of_a_job);
        tcase_add_test(t, a_task_that_never_began);
        tcase_add_test(t, many_jobs);
        tcase_add_test(t, too_many_jobs);
        tcase_add_test(t, client_that_does_not_read);
        suite_add_tcase(suite, t);
        return suite_run(suite);
}
