/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine against a journal in memory and workers that only remember: each test is the story of
 * a job or two, told by events, and looks at what was sent, what was written, and when.
 */
#include <check.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

static const struct engine_spec plain = { .task_count = 1 };

START_TEST(start_leaves_after_the_commit)
{
        fake_attach(0);
        fake_submit(1000, &plain);
        fake_turn_undurable();
        ck_assert_uint_eq(fake_count(FAKE_START), 0);
        ck_assert_int_eq(fake_task_row(1, 0)->state, JOB_STARTING);
        fake_make_durable();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        ck_assert_uint_eq(fake_find(FAKE_START, 0)->attempt, 1);
}
END_TEST

START_TEST(end_is_written_before_it_is_acknowledged)
{
        uint64_t id, lease;

        fake_attach(0);
        lease = fake_start_one(&id);
        fake_exit(fake.workers[0], lease, 0);
        ck_assert_int_eq(fake.jobs[id].state, JOB_SUCCEEDED);
        ck_assert(fake.jobs[id].finished);
        ck_assert_int_eq(fake_task_row(id, 0)->exit_code, 0);
        ck_assert_uint_eq(fake_task_row(id, 0)->attempt, 1);
        ck_assert_uint_eq(fake.outputs_count, 1);
        /* The acknowledgement is behind the end's own sequence, which is not durable yet. */
        ck_assert_uint_eq(fake_find(FAKE_ACK, 0)->barrier, engine_sequence(fake.engine));
        ck_assert_uint_gt(fake_find(FAKE_ACK, 0)->barrier, fake.durable);
        fake_turn();
        ck_assert_ptr_null(engine_find(fake.engine, id));
        ck_assert(engine_is_empty(fake.engine));
}
END_TEST

START_TEST(a_second_report_of_the_end_is_only_acknowledged)
{
        uint64_t id, lease;
        size_t events;

        fake_attach(0);
        lease = fake_start_one(&id);
        fake_exit(fake.workers[0], lease, 3);
        events = fake.events_count;
        fake_exit(fake.workers[0], lease, 0);
        ck_assert_uint_eq(fake.events_count, events);
        ck_assert_uint_eq(fake_count(FAKE_ACK), 2);
        ck_assert_int_eq(fake.jobs[id].state, JOB_FAILED);
}
END_TEST

START_TEST(cancel_of_a_queued_job_is_final)
{
        const uint64_t id = fake_submit(1000, &plain);

        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         0);
        fake_attach(0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 0);
        ck_assert_int_eq(fake.jobs[id].state, JOB_CANCELLED);
}
END_TEST

START_TEST(cancel_before_start_left_needs_no_worker)
{
        uint64_t id;

        fake_attach(0);
        id = fake_submit(1000, &plain);
        fake_turn_undurable();
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         0);
        fake_make_durable();
        ck_assert_uint_eq(fake_count(FAKE_START), 0);
        ck_assert_int_eq(fake.jobs[id].state, JOB_CANCELLED);
}
END_TEST

START_TEST(cancel_of_a_starting_job_waits_for_the_worker)
{
        uint64_t id, lease;
        struct job *job;

        fake_attach(0);
        lease = fake_start_one(&id);
        job = engine_find(fake.engine, id);
        ck_assert_int_eq(engine_cancel(fake.engine, job, ENGINE_ALL_TASKS, USEC_NONE, NULL),
                         ENGINE_E_LATER);
        ck_assert(engine_act_is_pending(job, ENGINE_ALL_TASKS));
        ck_assert_uint_eq(fake_find(FAKE_REVOKE, 0)->lease, lease);
        engine_workers_ops.on_revoked(fake.engine, fake.workers[0], lease, false);
        ck_assert_int_eq(fake.jobs[id].state, JOB_CANCELLED);
        ck_assert_uint_eq(fake_task_row(id, 0)->attempt, 0);
}
END_TEST

/* Also where the worker decides later; nothing that happens by itself has an actor. */
START_TEST(history_tells_who_acts_on_others_jobs)
{
        uint64_t id, lease;
        struct job *job;

        fake_attach(0);
        lease = fake_start_one(&id);
        job = engine_find(fake.engine, id);
        ck_assert_str_eq(fake.detail, "");
        ck_assert_uint_eq(engine_set_actor(fake.engine, 0), ENGINE_NOBODY);
        ck_assert_int_eq(engine_cancel(fake.engine, job, ENGINE_ALL_TASKS, USEC_NONE, NULL),
                         ENGINE_E_LATER);
        ck_assert_uint_eq(engine_set_actor(fake.engine, ENGINE_NOBODY), 0);
        engine_workers_ops.on_revoked(fake.engine, fake.workers[0], lease, false);
        ck_assert_str_eq(fake.detail, "by {uid:0}");
        (void)engine_set_actor(fake.engine, 1000);
        id = fake_submit(1000, &plain);
        ck_assert_int_eq(engine_hold(fake.engine, engine_find(fake.engine, id), NULL), 0);
        ck_assert_str_eq(fake.detail, "");
        (void)engine_set_actor(fake.engine, 1001);
        ck_assert_int_eq(engine_release(fake.engine, engine_find(fake.engine, id), NULL), 0);
        ck_assert_str_eq(fake.detail, "by {uid:1001}");
        (void)engine_set_actor(fake.engine, ENGINE_NOBODY);
        fake_turn();
        ck_assert_str_eq(fake.detail, "");
}
END_TEST

START_TEST(cancel_that_comes_too_late_stops_the_run)
{
        uint64_t id, lease;
        const struct workers_exit end = { .outcome = WORKERS_OUTCOME_CANCELLED,
                                          .exit_code = -1,
                                          .exit_signal = 15 };
        struct workers_exit exit = end;

        fake_attach(0);
        lease = fake_start_one(&id);
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         ENGINE_E_LATER);
        engine_workers_ops.on_revoked(fake.engine, fake.workers[0], lease, true);
        ck_assert_int_eq(fake_state(id), JOB_STOPPING);
        ck_assert(!engine_act_is_pending(engine_find(fake.engine, id), ENGINE_ALL_TASKS));
        ck_assert_uint_eq(fake_find(FAKE_CANCEL, 0)->barrier, engine_sequence(fake.engine));
        exit.lease = lease;
        engine_workers_ops.on_exited(fake.engine, fake.workers[0], &exit);
        ck_assert_int_eq(fake.jobs[id].state, JOB_CANCELLED);
}
END_TEST

START_TEST(a_stopping_job_that_exits_zero_is_cancelled)
{
        uint64_t id, lease;

        fake_attach(0);
        lease = fake_start_one(&id);
        engine_workers_ops.on_started(fake.engine, fake.workers[0], lease, 4711, 1);
        ck_assert_int_eq(fake_state(id), JOB_RUNNING);
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         0);
        fake_exit(fake.workers[0], lease, 0);
        ck_assert_int_eq(fake.jobs[id].state, JOB_CANCELLED);
}
END_TEST

START_TEST(retries_go_back_to_the_queue_and_not_through_an_end)
{
        const struct engine_spec spec = { .task_count = 1, .retries = 1, .retry_delay_usec = 1 };
        uint64_t id;

        fake_attach(0);
        id = fake_submit(1000, &spec);
        fake_turn();
        fake_exit(fake.workers[0], fake_find(FAKE_START, 0)->lease, 9);
        ck_assert(!fake.jobs[id].finished);
        ck_assert_int_eq(fake_state(id), JOB_QUEUED);
        ck_assert(engine_find_task(engine_find(fake.engine, id), 0)->is_delayed);
        run_queue_undelay(fake.engine, engine_find_task(engine_find(fake.engine, id), 0));
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->attempt, 2);
        fake_exit(fake.workers[0], fake_find(FAKE_START, 1)->lease, 9);
        ck_assert_int_eq(fake.jobs[id].state, JOB_FAILED);
        ck_assert_uint_eq(fake_task_row(id, 0)->attempt, 2);
}
END_TEST

START_TEST(retry_on_names_the_codes)
{
        uint8_t codes[JOB_RETRY_ON_BYTES] = { 0 };
        const struct engine_spec spec = { .task_count = 1, .retries = 5, .retry_on = codes };
        uint64_t id;

        codes[75 / 8] = 1U << (75 % 8);
        fake_attach(0);
        id = fake_submit(1000, &spec);
        fake_turn();
        fake_exit(fake.workers[0], fake_find(FAKE_START, 0)->lease, 74);
        ck_assert_int_eq(fake.jobs[id].state, JOB_FAILED);
}
END_TEST

/* The worker's policy forbids it: nothing ran, and nothing is counted as if it had. */
START_TEST(a_refusal_is_no_attempt)
{
        struct workers_exit exit = { .outcome = WORKERS_OUTCOME_REFUSED, .exit_code = -1 };
        const struct tally *const tally = engine_tally(fake.engine);
        uint64_t id;

        fake_attach(0);
        exit.lease = fake_start_one(&id);
        engine_workers_ops.on_exited(fake.engine, fake.workers[0], &exit);
        ck_assert_int_eq(fake.jobs[id].state, JOB_FAILED);
        ck_assert_uint_eq(tally->attempts, 0);
        ck_assert_uint_eq(tally->run_usec.count, 0);
        fake_turn();
        ck_assert_uint_ne(fake_submit(1000, &plain), 0);
        fake_turn();
        fake_exit(fake.workers[0], fake_find(FAKE_START, 1)->lease, 0);
        ck_assert_uint_eq(tally->attempts, 1);
        ck_assert_uint_eq(tally->run_usec.count, 1);
}
END_TEST

/* Only a job that asks is bound to its cores; they stay leased when jobd is started again. */
START_TEST(a_start_tells_cores_and_weight)
{
        struct engine_spec spec = { .task_count = 1 };
        struct engine_options options = { .affinity = ENGINE_AFFINITY_ALWAYS };
        const struct engine_share share = { .uid = 1000, .weight = 7 };
        const struct fake_sent *sent;

        options.queued_max = options.queued_max_per_user = 10;
        options.spec_bytes_max = options.spec_bytes_max_per_user = 1000;
        fake_attach(0);
        fake_attach(1);
        fake_attach(2);
        fake_submit(1000, &spec);
        fake_turn();
        sent = fake_find(FAKE_START, 0);
        ck_assert_uint_eq(sent->cores_count, 1);
        ck_assert(!sent->bind);
        ck_assert_uint_eq(fake.weight_uid, 1000);
        ck_assert_uint_eq(fake.weight, 100);
        spec.cpus = 2;
        fake_submit(1000, &spec);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->cores_count, 2);
        ck_assert_uint_ne(fake_find(FAKE_START, 1)->cores[0], sent->cores[0]);
        ck_assert_uint_ne(fake_find(FAKE_START, 1)->cores[1], sent->cores[0]);
        ck_assert(fake_find(FAKE_START, 1)->bind);
        options.shares = &share;
        options.shares_count = 1;
        engine_set_options(fake.engine, &options);
        ck_assert_uint_eq(fake.weight, 7);
        spec.cpus = 0;
        fake_submit(1000, &spec);
        fake_turn();
        ck_assert(fake_find(FAKE_START, 2)->bind);
}
END_TEST

START_TEST(hold_keeps_and_release_frees)
{
        const struct engine_spec spec = { .task_count = 1, .hold = true };
        const uint64_t id = fake_submit(1000, &spec);
        struct reason why;

        fake_attach(0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 0);
        ck_assert_int_eq(engine_release(fake.engine, engine_find(fake.engine, id), &why), 0);
        ck_assert(!fake.jobs[id].hold);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
}
END_TEST

START_TEST(users_take_turns)
{
        uint64_t first;
        int i;

        for (i = 0; i < 4; i++)
                fake_submit(1000, &plain);
        first = fake_submit(2000, &plain);
        fake_attach(0);
        fake_attach(1);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->job, first);
}
END_TEST

/* One user with short tasks: the worker gets a few more than it can run. */
static void fill_look_ahead(void)
{
        int i;

        fake.commit_usec = 400;
        fake_attach(0);
        fake_submit(1000, &plain);
        fake_turn();
        fake_exit(fake.workers[0], fake_find(FAKE_START, 0)->lease, 0);
        for (i = 0; i < 40; i++)
                fake_submit(1000, &plain);
        fake_turn();
}

START_TEST(short_tasks_are_looked_ahead)
{
        fill_look_ahead();
        ck_assert_uint_gt(fake_count(FAKE_START), 2);
        ck_assert_uint_lt(fake_count(FAKE_START), 40);
}
END_TEST

START_TEST(look_ahead_is_taken_back_for_another_user)
{
        const struct fake_sent *revoke;
        uint64_t other;
        size_t before;

        fill_look_ahead();
        other = fake_submit(2000, &plain);
        fake_turn();
        revoke = fake_find(FAKE_REVOKE, 0);
        ck_assert_ptr_nonnull(revoke);
        engine_workers_ops.on_revoked(fake.engine, fake.workers[0], revoke->lease, false);
        before = fake_count(FAKE_START);
        fake_attach(1);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, before)->job, other);
}
END_TEST

START_TEST(an_idle_worker_takes_over_look_ahead)
{
        size_t before;

        fake.commit_usec = 400;
        fake_attach(0);
        fake_submit(1000, &plain);
        fake_turn();
        fake_exit(fake.workers[0], fake_find(FAKE_START, 0)->lease, 0);
        fake_submit(1000, &plain);
        fake_submit(1000, &plain);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 3);
        fake_attach(1);
        fake_turn();
        before = fake_count(FAKE_START);
        ck_assert_uint_eq(fake_count(FAKE_REVOKE), 1);
        engine_workers_ops.on_revoked(fake.engine, fake.workers[0],
                                      fake_find(FAKE_REVOKE, 0)->lease, false);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), before + 1);
        ck_assert_uint_eq(fake_find(FAKE_START, before)->worker, 1);
}
END_TEST

START_TEST(an_array_starts_each_task_once)
{
        const struct engine_spec spec = {
                .task_count = 3, .is_array = true, .array_first = 10, .array_step = 5
        };
        uint64_t id;
        size_t i;

        fake_attach(0);
        id = fake_submit(1000, &spec);
        for (i = 0; i < 3; i++) {
                fake_turn();
                ck_assert_uint_eq(fake_find(FAKE_START, i)->task, i);
                fake_exit(fake.workers[0], fake_find(FAKE_START, i)->lease, i == 1 ? 2 : 0);
        }
        ck_assert_int_eq(fake.jobs[id].state, JOB_FAILED);
        ck_assert_uint_eq(fake.jobs[id].tasks_ok, 2);
        ck_assert_uint_eq(fake.jobs[id].tasks_failed, 1);
}
END_TEST

START_TEST(an_array_keeps_to_its_width)
{
        const struct engine_spec spec = {
                .task_count = 4, .is_array = true, .array_step = 1, .array_width = 1
        };

        fake_attach(0);
        fake_attach(1);
        fake_submit(1000, &spec);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
}
END_TEST

START_TEST(limits_refuse_before_anything_is_posted)
{
        const struct engine_spec many = { .task_count = 51, .is_array = true, .array_step = 1 };

        ck_assert_uint_eq(fake_submit(1000, &many), 0);
        ck_assert_ptr_nonnull(strstr(fake_why, "50"));
        ck_assert_uint_eq(fake.events_count, 0);
        fake.disk_full = true;
        ck_assert_uint_eq(fake_submit(1000, &plain), 0);
        ck_assert_ptr_nonnull(strstr(fake_why, "disk"));
        fake.disk_full = false;
        engine_stop(fake.engine, false);
        ck_assert_uint_eq(fake_submit(1000, &plain), 0);
        ck_assert_uint_eq(fake.events_count, 0);
}
END_TEST

START_TEST(a_known_key_gives_the_first_ids)
{
        const uint64_t id = fake_submit(1000, &plain);

        ck_assert_uint_eq(id, 1);
        fake.key_known = true; /* the same key again */
        ck_assert_uint_eq(fake_submit(1000, &plain), 77);
}
END_TEST

START_TEST(a_unique_job_stands_for_the_next)
{
        const struct engine_spec spec = { .task_count = 1, .unique_key = "nightly" };
        const uint64_t id = fake_submit(1000, &spec);

        ck_assert_uint_eq(fake_submit(1000, &spec), id);
        ck_assert_uint_ne(fake_submit(2000, &spec), id);
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         0);
        ck_assert_uint_ne(fake_submit(1000, &spec), id);
}
END_TEST

START_TEST(retry_brings_a_finished_job_back)
{
        uint64_t id, lease;
        struct reason why;

        fake_attach(0);
        lease = fake_start_one(&id);
        fake_exit(fake.workers[0], lease, 1);
        fake_turn();
        ck_assert_int_eq(engine_retry(fake.engine, &fake.jobs[id], fake.tasks, 1, ENGINE_ALL_TASKS,
                                      ENGINE_RETRY_FAILED, &why),
                         0);
        ck_assert(!fake.jobs[id].finished);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->attempt, 2);
        fake_exit(fake.workers[0], fake_find(FAKE_START, 1)->lease, 0);
        fake_turn();
        ck_assert_int_eq(fake.jobs[id].state, JOB_SUCCEEDED);
        ck_assert_int_eq(engine_retry(fake.engine, &fake.jobs[id], fake.tasks, 1, ENGINE_ALL_TASKS,
                                      ENGINE_RETRY_FAILED, &why),
                         ENGINE_E_STATE);
}
END_TEST

START_TEST(retry_of_a_cancelled_job_without_a_row)
{
        const uint64_t id = fake_submit(1000, &plain);
        struct reason why;

        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         0);
        fake_turn();
        ck_assert_int_eq(engine_retry(fake.engine, &fake.jobs[id], NULL, 0, ENGINE_ALL_TASKS,
                                      ENGINE_RETRY_ALL, &why),
                         0);
        fake_attach(0);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 0)->job, id);
}
END_TEST

START_TEST(drain_starts_nothing_new)
{
        fake_attach(0);
        engine_drain(fake.engine, true);
        fake_submit(1000, &plain);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 0);
        engine_drain(fake.engine, false);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
}
END_TEST

START_TEST(a_drain_outlives_a_restart)
{
        uint64_t before;

        fake_submit(1000, &plain);
        fake_turn();
        before = engine_sequence(fake.engine);
        engine_drain(fake.engine, true);
        ck_assert_uint_gt(engine_sequence(fake.engine), before); /* the answer's barrier */
        fake_turn();
        fake_restart();
        fake_attach(0);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 0);
        engine_drain(fake.engine, false);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        fake_restart();
        ck_assert(!fake.engine->is_draining);
}
END_TEST

START_TEST(pause_and_resume_follow_the_table)
{
        uint64_t id, lease;
        struct reason why;
        struct job *job;

        fake_attach(0);
        lease = fake_start_one(&id);
        job = engine_find(fake.engine, id);
        ck_assert_int_eq(engine_resume(fake.engine, job, ENGINE_ALL_TASKS, &why), ENGINE_E_STATE);
        ck_assert_int_eq(engine_pause(fake.engine, job, ENGINE_ALL_TASKS, &why), ENGINE_E_LATER);
        ck_assert(engine_act_is_pending(job, ENGINE_ALL_TASKS));
        engine_workers_ops.on_started(fake.engine, fake.workers[0], lease, 1, 1);
        ck_assert(!engine_act_is_pending(job, ENGINE_ALL_TASKS));
        ck_assert_int_eq(fake_state(id), JOB_PAUSED);
        ck_assert_int_eq(engine_resume(fake.engine, job, ENGINE_ALL_TASKS, &why), 0);
        ck_assert_int_eq(fake_state(id), JOB_RUNNING);
        ck_assert_uint_eq(fake_find(FAKE_PAUSE, 0)->lease, lease);
        ck_assert_uint_eq(fake_find(FAKE_RESUME, 0)->lease, lease);
}
END_TEST

/* ------------------------------------------------------------------------------------- watches */

struct seen {
        struct watch *watch;
        size_t news;
        bool finished;
        enum job_state last;
};

static void on_news(void *arg, const struct watch_news *news)
{
        struct seen *seen = arg;

        seen->news++;
        seen->last = news->state;
        seen->finished = news->job_finished;
        if (news->job_finished)
                seen->watch = watch_free(seen->watch);
}

START_TEST(watches_hear_everything_and_may_leave_in_the_call)
{
        static const struct watch_ops ops = { .on_news = on_news };
        struct seen a = { 0 }, b = { 0 };
        uint64_t id, lease;

        fake_attach(0);
        id = fake_submit(1000, &plain);
        ck_assert_int_eq(watch_new(engine_watches(fake.engine), id, &ops, &a, &a.watch), 0);
        ck_assert_int_eq(watch_new(engine_watches(fake.engine), id, &ops, &b, &b.watch), 0);
        fake_turn();
        ck_assert_uint_eq(a.news, 1);
        lease = fake_find(FAKE_START, 0)->lease;
        engine_workers_ops.on_started(fake.engine, fake.workers[0], lease, 1, 1);
        fake_exit(fake.workers[0], lease, 0);
        ck_assert_uint_eq(a.news, 3);
        ck_assert_uint_eq(b.news, 3);
        ck_assert(a.finished && b.finished);
        ck_assert_int_eq(a.last, JOB_SUCCEEDED);
        ck_assert(watch_book_is_empty(engine_watches(fake.engine)));
}
END_TEST

SUITE_MAIN("engine", fake_setup, fake_teardown, start_leaves_after_the_commit,
           end_is_written_before_it_is_acknowledged,
           a_second_report_of_the_end_is_only_acknowledged, cancel_of_a_queued_job_is_final,
           cancel_before_start_left_needs_no_worker, cancel_of_a_starting_job_waits_for_the_worker,
           history_tells_who_acts_on_others_jobs, cancel_that_comes_too_late_stops_the_run,
           a_stopping_job_that_exits_zero_is_cancelled,
           retries_go_back_to_the_queue_and_not_through_an_end, retry_on_names_the_codes,
           a_refusal_is_no_attempt, a_start_tells_cores_and_weight, hold_keeps_and_release_frees,
           users_take_turns, short_tasks_are_looked_ahead,
           look_ahead_is_taken_back_for_another_user, an_idle_worker_takes_over_look_ahead,
           an_array_starts_each_task_once, an_array_keeps_to_its_width,
           limits_refuse_before_anything_is_posted, a_known_key_gives_the_first_ids,
           a_unique_job_stands_for_the_next, retry_brings_a_finished_job_back,
           retry_of_a_cancelled_job_without_a_row, drain_starts_nothing_new,
           a_drain_outlives_a_restart, pause_and_resume_follow_the_table,
           watches_hear_everything_and_may_leave_in_the_call)
