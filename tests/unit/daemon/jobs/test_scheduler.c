/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets the machine: the engine with a machine in virtual time (test_scheduler_sim.c), held to
 * the rules (test_scheduler_rules.c) over random work, and some stories of their own for what the
 * rules cannot say of a single moment: how long anybody waits, and what everybody has got in the
 * end.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test_scheduler_sim.h"
#include "tests/unit/suite.h"

#define SECOND USEC_PER_SEC
#define MSEC USEC_PER_MSEC

static uint32_t pick(uint32_t count)
{
        return (uint32_t)rand() % count;
}

/* ---------------------------------------------------------------------------------- random work
 */

enum random_limits {
        LIMITS_NONE,
        LIMITS_EXACT,
        LIMITS_SOME,
        LIMITS_COUNT
};

static enum random_limits random_limits;
static uint32_t random_queues;

static void random_machine(void)
{
        const uint32_t cores = 1 + pick(16);

        sim_setup(cores, cores + pick(3), 1 + pick(8));
        random_limits = pick(LIMITS_COUNT);
        random_queues = 1 + pick(3);
        sim.is_exact = random_limits == LIMITS_EXACT;
        sim.memory_bytes = pick(2) ? 1000 : 0;
        sim.aging_usec = pick(2) ? SECOND : 0;
        for (uint32_t i = 0; i < sim.users_count; i++) {
                sim.shares[i].weight = pick(2) ? 100 : 1 + pick(1000);
                sim.shares[i].cores_max = pick(3) ? 0 : 1 + pick(cores);
        }
        sim_configure();
        for (uint32_t i = 1; i < random_queues; i++) {
                struct queue *queue = sim_add_queue(i, pick(3));

                queue->width_tasks = pick(2) ? 0 : 1 + pick(4);
                queue->width_cores = pick(2) ? 0 : 1 + pick(cores);
                queue->weight = 1 + pick(200);
        }
}

/* Short ones, long ones, and some of each user's kind only, so that look-ahead sets in. */
static uint64_t random_run_usec(uint32_t user)
{
        if (user % 3 == 1)
                return 200 + pick(400);
        return pick(4) ? 1 + pick(20) * MSEC : 1 + pick(3000) * MSEC;
}

static void random_submit(void)
{
        struct sim_job job = { .user = pick(sim.users_count), .queue = pick(random_queues) };
        const uint32_t cap = sim.shares[job.user].cores_max;
        const struct queue *queue = queues_find(&fake.engine->queues, job.queue);
        uint32_t most = cap ? MIN(cap, sim.cores) : sim.cores;

        if (queue->width_cores)
                most = MIN(most, queue->width_cores);
        if (pick(4) == 0)
                job.cores = 1 + pick(most);
        if (sim.memory_bytes && pick(3) == 0)
                job.memory_bytes = 1 + pick((uint32_t)sim.memory_bytes);
        job.priority = (int32_t)pick(7) - 3;
        job.tasks_count = pick(5) ? 1 : 1 + pick(30);
        job.width = job.tasks_count > 1 && pick(2) ? 1 + pick(4) : 0;
        job.run_usec = random_run_usec(job.user);
        if (random_limits == LIMITS_EXACT || (random_limits == LIMITS_SOME && pick(2)))
                job.limit_usec = job.run_usec;
        ck_assert_msg(sim_submit(&job) != NULL, "%s", fake_why);
}

START_TEST(random_work_obeys_the_rules)
{
        uint64_t work_usec = 0;

        srand((unsigned int)_i);
        random_machine();
        for (int i = 0; i < 60; i++) {
                for (uint32_t n = pick(8); n > 0; n--)
                        random_submit();
                if (sim.jobs_count && pick(4) == 0)
                        sim_hold(&sim.jobs[1 + pick((uint32_t)sim.jobs_count)], pick(2));
                sim_run(sim.now_usec + pick(400) * MSEC);
        }
        for (uint64_t id = 1; id <= sim.jobs_count; id++) {
                sim_hold(&sim.jobs[id], false);
                work_usec += sim.jobs[id].tasks_count * sim.jobs[id].run_usec;
        }
        /* One after the other would be the worst that may come of it. */
        sim_finish(sim.now_usec + work_usec);
        sim_teardown();
}
END_TEST

/* ------------------------------------------------------------------------------------ fairness */

/* Each has more long tasks than there is time for: an hour of a machine with 8 cores. */
START_TEST(sixty_four_users_come_within_a_task_of_the_ideal)
{
        const uint64_t longest_usec = 20 * SECOND, hour_usec = 3600 * SECOND;
        double weights = 0;

        srand((unsigned int)_i);
        sim_setup(8, 8, SIM_USERS_MAX);
        sim.is_unchecked = true;
        for (uint32_t i = 0; i < SIM_USERS_MAX; i++) {
                sim.shares[i].weight = _i ? 100 + pick(901) : 100;
                weights += sim.shares[i].weight;
        }
        sim_configure();
        for (uint32_t i = 0; i < SIM_USERS_MAX; i++)
                sim_submit(&(struct sim_job){ .user = i,
                                              .tasks_count = 100000,
                                              .run_usec = 1,
                                              .run_span_usec = longest_usec });
        sim_run(sim.now_usec + hour_usec);
        for (uint32_t i = 0; i < sim.workers_count; i++)
                sim.got_usec[sim_job(sim.leases[sim.workers[i].leases[0]].job)->user] +=
                        sim.now_usec - sim.workers[i].start_usec;
        for (uint32_t i = 0; i < SIM_USERS_MAX; i++) {
                const double ideal = 8.0 * (double)hour_usec * sim.shares[i].weight / weights;

                ck_assert_msg((double)sim.got_usec[i] > ideal - (double)longest_usec &&
                                      (double)sim.got_usec[i] < ideal + (double)longest_usec,
                              "weight %u: %.1f s instead of %.1f s", sim.shares[i].weight,
                              (double)sim.got_usec[i] / 1e6, ideal / 1e6);
        }
        sim_teardown();
}
END_TEST

/* Short tasks with look-ahead, long ones, wide ones: core-time counts, whatever it is used for. */
START_TEST(shares_do_not_depend_on_the_kind_of_work)
{
        static const struct sim_job kinds[] = {
                { .user = 0, .tasks_count = 10000000, .run_usec = 7 * MSEC },
                { .user = 1, .tasks_count = 1000000, .run_usec = 5 * SECOND },
                { .user = 2, .tasks_count = 1000000, .run_usec = SECOND / 2, .cores = 2 },
                { .user = 3, .tasks_count = 1000000, .run_usec = 50 * MSEC },
        };
        static const uint32_t weights[] = { 100, 100, 200, 400 };
        const uint64_t long_usec = 500 * SECOND;

        sim_setup(4, 4, 4);
        sim.is_unchecked = true;
        for (uint32_t i = 0; i < 4; i++)
                sim.shares[i].weight = weights[i];
        sim_configure();
        for (uint32_t i = 0; i < 4; i++)
                sim_submit(&kinds[i]);
        sim_run(sim.now_usec + long_usec);
        for (uint32_t i = 0; i < 4; i++) {
                const double ideal = 4.0 * (double)long_usec * weights[i] / 800;

                ck_assert_msg((double)sim.got_usec[i] > 0.97 * ideal &&
                                      (double)sim.got_usec[i] < 1.03 * ideal,
                              "user %u: %.1f s instead of %.1f s", i, (double)sim.got_usec[i] / 1e6,
                              ideal / 1e6);
        }
        sim_teardown();
}
END_TEST

START_TEST(queues_of_one_user_share_by_their_weights)
{
        uint64_t ended[2];

        sim_setup(2, 2, 2);
        sim_add_queue(1, QUEUE_FIFO)->weight = 300;
        for (uint32_t user = 0; user < 2; user++)
                for (uint32_t queue = 0; queue < 2; queue++)
                        sim_submit(&(struct sim_job){ .user = user,
                                                      .queue = queue,
                                                      .tasks_count = 100000,
                                                      .run_usec = SECOND });
        sim_run(sim.now_usec + 2000 * SECOND);
        for (uint32_t user = 0; user < 2; user++) {
                for (uint32_t queue = 0; queue < 2; queue++)
                        ended[queue] = sim_job(1 + 2 * user + queue)->ended_count;
                ck_assert_uint_ge(ended[0], 498);
                ck_assert_uint_le(ended[0], 502);
                ck_assert_uint_ge(ended[1], 1498);
                ck_assert_uint_le(ended[1], 1502);
        }
        sim_teardown();
}
END_TEST

/* Ten hours of one long job, or alone on the machine, are no claim to what comes after. */
START_TEST(who_comes_back_is_an_equal)
{
        uint64_t before_usec;

        sim_setup(4, 4, 3);
        sim_submit(&(struct sim_job){ .user = 1, .run_usec = 36001 * SECOND });
        sim_submit(&(struct sim_job){ .user = 0, .tasks_count = 1000000, .run_usec = 10 * SECOND });
        sim_run(sim.now_usec + 36000 * SECOND);
        before_usec = sim.got_usec[0];
        sim_submit(&(struct sim_job){ .user = 1, .tasks_count = 1000000, .run_usec = 10 * SECOND });
        sim_submit(&(struct sim_job){ .user = 2, .tasks_count = 1000000, .run_usec = 10 * SECOND });
        sim_run(sim.now_usec + 300 * SECOND);
        ck_assert_uint_ge(sim.got_usec[0] - before_usec, 360 * SECOND);
        ck_assert_uint_ge(sim.got_usec[2], 360 * SECOND);
        sim_teardown();
}
END_TEST

/* ------------------------------------------------------------------------------------- waiting */

/* A hundred thousand of another's tasks, long or short, delay the first job by one of them. */
START_TEST(a_newcomer_waits_for_one_task)
{
        static const uint64_t runs_usec[] = { 10 * SECOND, 300, 5 * MSEC, 200 * MSEC };
        const struct sim_job *job;

        srand((unsigned int)_i);
        sim_setup(1 + pick(4), 4, 2);
        sim_submit(&(struct sim_job){
                .user = 0, .tasks_count = 100000, .run_usec = runs_usec[_i % 4] });
        sim_run(sim.now_usec + 20 * runs_usec[_i % 4] + pick((uint32_t)runs_usec[_i % 4]));
        job = sim_submit(&(struct sim_job){ .user = 1, .run_usec = SECOND });
        sim_settle();
        while (job->first_start_usec == USEC_NONE) {
                ck_assert_uint_le(sim.now_usec, job->submit_usec + runs_usec[_i % 4]);
                sim_step(USEC_NONE - 1);
        }
        ck_assert_uint_le(job->first_start_usec, job->submit_usec + runs_usec[_i % 4]);
        sim_teardown();
}
END_TEST

/* Tasks that were short become long: what waits in a worker's memory is taken back in time. */
START_TEST(look_ahead_is_taken_back)
{
        const struct sim_job *job;

        sim_setup(2, 2, 2);
        sim_submit(&(struct sim_job){ .user = 0, .tasks_count = 400, .run_usec = 200 });
        sim_submit(&(struct sim_job){ .user = 0, .tasks_count = 400, .run_usec = 60 * SECOND });
        sim_settle();
        while (sim.jobs[2].leased_count < 4)
                sim_require(sim_step(USEC_NONE - 1));
        ck_assert_uint_gt(sim.ahead_count, 0);
        job = sim_submit(&(struct sim_job){ .user = 1, .run_usec = SECOND });
        sim_settle();
        while (job->first_start_usec == USEC_NONE)
                sim_require(sim_step(job->submit_usec + 60 * SECOND));
        ck_assert_uint_gt(sim.revokes_count, 0);
        sim_teardown();
}
END_TEST

/* Endless small ones of two others, which never leave eight cores free at once by themselves. */
START_TEST(a_wide_job_is_not_starved)
{
        const struct sim_job *job;

        srand((unsigned int)_i);
        sim_setup(8, 10, 3);
        for (uint32_t user = 0; user < 2; user++)
                sim_submit(&(struct sim_job){ .user = user,
                                              .tasks_count = 100000,
                                              .run_usec = SECOND,
                                              .run_span_usec = SECOND,
                                              .limit_usec = _i ? 2 * SECOND : 0 });
        sim_run(sim.now_usec + 100 * SECOND);
        job = sim_submit(&(struct sim_job){ .user = 2, .cores = 8, .run_usec = SECOND });
        sim_run(sim.now_usec + 10 * SECOND);
        ck_assert_uint_le(job->first_start_usec, job->submit_usec + 4 * SECOND);
        sim_teardown();
}
END_TEST

/* A queue is four cores wide, and others keep it full with small ones. */
START_TEST(a_job_as_wide_as_its_queue_is_not_starved)
{
        struct queue *queue;
        const struct sim_job *job;

        sim_setup(8, 8, 3);
        queue = sim_add_queue(1, QUEUE_FIFO);
        queue->width_cores = 4;
        for (uint32_t user = 0; user < 2; user++)
                sim_submit(&(struct sim_job){ .user = user,
                                              .queue = 1,
                                              .tasks_count = 100000,
                                              .run_usec = SECOND,
                                              .run_span_usec = SECOND });
        sim_run(sim.now_usec + 100 * SECOND);
        job = sim_submit(
                &(struct sim_job){ .user = 2, .queue = 1, .cores = 4, .run_usec = SECOND });
        sim_run(sim.now_usec + 10 * SECOND);
        ck_assert_uint_le(job->first_start_usec, job->submit_usec + 4 * SECOND);
        sim_teardown();
}
END_TEST

/* He may have four cores; his own small ones do not keep his wide one away. */
START_TEST(a_job_as_wide_as_its_users_cap_is_not_starved)
{
        const struct sim_job *job;

        sim_setup(8, 8, 2);
        sim.shares[0].cores_max = 4;
        sim_configure();
        sim_add_queue(1, QUEUE_FIFO);
        sim_submit(&(struct sim_job){
                .tasks_count = 100000, .run_usec = SECOND, .run_span_usec = SECOND });
        sim_run(sim.now_usec + 100 * SECOND);
        job = sim_submit(&(struct sim_job){ .queue = 1, .cores = 4, .run_usec = SECOND });
        sim_run(sim.now_usec + 10 * SECOND);
        ck_assert_uint_le(job->first_start_usec, job->submit_usec + 4 * SECOND);
        sim_teardown();
}
END_TEST

START_TEST(a_low_priority_is_late_not_never)
{
        const struct sim_job *low;
        uint64_t start_usec;

        sim_setup(1, 1, 1);
        low = sim_submit(&(struct sim_job){ .priority = -5, .run_usec = SECOND });
        start_usec = sim.now_usec;
        sim_submit(&(struct sim_job){ .priority = 5, .run_usec = SECOND });
        for (int i = 0; i < 1000; i++) {
                sim_submit(&(struct sim_job){ .priority = 5, .run_usec = SECOND });
                low = sim_job(1);
                sim_run(start_usec + ((uint64_t)i + 1) * SECOND);
        }
        /* Ten points of a minute each. */
        ck_assert_uint_ge(low->first_start_usec, start_usec + 599 * SECOND);
        ck_assert_uint_le(low->first_start_usec, start_usec + 602 * SECOND);
        sim_teardown();
}
END_TEST

START_TEST(without_aging_it_may_be_never)
{
        sim_setup(1, 1, 1);
        sim.aging_usec = 0;
        sim_configure();
        sim_submit(&(struct sim_job){ .priority = 0, .run_usec = SECOND });
        sim_submit(&(struct sim_job){ .priority = 1, .run_usec = SECOND });
        for (int i = 0; i < 1000; i++) {
                sim_submit(&(struct sim_job){ .priority = 1, .run_usec = SECOND });
                sim_run(sim.now_usec + SECOND);
        }
        ck_assert_uint_eq(sim.jobs[1].first_start_usec, USEC_NONE);
        sim_teardown();
}
END_TEST

/* ------------------------------------------------------------------------------------ backfill */

/*
 * One lane, first in, first out, and all limits are right: whoever is first and does not fit starts
 * no later than if nobody had been let pass it.
 */
START_TEST(who_passes_a_wide_job_does_not_delay_it)
{
        uint64_t bound_usec[400];
        uint32_t spare_cores, passed = 0;
        uint64_t spare_memory, first = 1;

        srand((unsigned int)_i);
        sim_setup(2 + pick(15), 16, 1);
        sim.is_exact = true;
        sim.memory_bytes = pick(2) ? 1000 : 0;
        sim_configure();
        sim_add_queue(1, QUEUE_FIFO);
        for (size_t i = 1; i < ARRAY_SIZE(bound_usec); i++) {
                struct sim_job job = { .queue = 1, .run_usec = (1 + pick(100)) * 100 * MSEC };

                job.cores = 1 + (pick(3) ? pick(2) : pick(sim.cores));
                job.memory_bytes = sim.memory_bytes && pick(3) == 0 ? pick(1000) : 0;
                job.limit_usec = job.run_usec;
                bound_usec[i] = USEC_NONE;
                sim_submit(&job);
        }
        for (sim_settle(); sim.open_from < ARRAY_SIZE(bound_usec); sim_step(USEC_NONE - 1)) {
                while (first < ARRAY_SIZE(bound_usec) &&
                       sim_job(first)->first_start_usec != USEC_NONE)
                        first++;
                if (first == ARRAY_SIZE(bound_usec) || bound_usec[first] != USEC_NONE)
                        continue;
                bound_usec[first] = sim_shadow(sim_job(first), &spare_cores, &spare_memory);
        }
        for (size_t i = 1; i < ARRAY_SIZE(bound_usec); i++) {
                ck_assert_uint_le(sim_job(i)->first_start_usec, bound_usec[i]);
                passed += bound_usec[i] == USEC_NONE;
        }
        ck_assert_uint_gt(passed, 10); /* it does something at all */
        sim_teardown();
}
END_TEST

/* A hundred wide jobs of one user wait for a long one: another's small ones need not. */
START_TEST(many_wide_jobs_hide_nobody)
{
        const struct sim_job *job;

        sim_setup(4, 8, 2);
        sim.is_exact = true;
        sim_submit(&(struct sim_job){ .run_usec = 100 * SECOND, .limit_usec = 100 * SECOND });
        for (int i = 0; i < 100; i++)
                sim_submit(
                        &(struct sim_job){ .cores = 4, .run_usec = SECOND, .limit_usec = SECOND });
        sim_run(sim.now_usec + SECOND);
        job = sim_submit(&(struct sim_job){ .user = 1, .run_usec = SECOND, .limit_usec = SECOND });
        sim_settle();
        ck_assert_uint_eq(job->first_start_usec, sim.now_usec);
        sim_teardown();
}
END_TEST

/* -------------------------------------------------------------------- the machine gets smaller */

START_TEST(what_can_no_longer_run_is_in_nobodys_way)
{
        sim_setup(8, 8, 3);
        sim.memory_bytes = 1000;
        sim.aging_usec = 0;
        sim_configure();
        sim_add_queue(1, QUEUE_FIFO)->width_cores = 4;
        sim_submit(&(struct sim_job){ .user = 2, .cores = 8, .run_usec = SECOND });
        sim_settle();
        for (int i = 0; i < 100; i++) {
                sim_submit(&(struct sim_job){ .user = 0, .cores = 8, .run_usec = SECOND });
                sim_submit(&(struct sim_job){ .user = 0, .memory_bytes = 900, .run_usec = SECOND });
                sim_submit(&(struct sim_job){ .user = 1, .cores = 5, .run_usec = SECOND });
        }
        sim_submit(&(struct sim_job){ .user = 1, .queue = 1, .cores = 4, .run_usec = SECOND });
        sim.memory_bytes = 500;
        sim.cores = 7;
        sim.shares[1].cores_max = 4;
        queues_find(&fake.engine->queues, 1)->width_cores = 3;
        lanes_update_queue(fake.engine, queues_find(&fake.engine->queues, 1));
        sim.is_unchecked = true;
        sim_configure();
        sim_submit(&(struct sim_job){ .user = 0, .run_usec = SECOND });
        sim_submit(&(struct sim_job){ .user = 1, .run_usec = SECOND });
        sim_submit(&(struct sim_job){ .user = 1, .queue = 1, .run_usec = SECOND });
        sim_submit(&(struct sim_job){ .user = 2, .run_usec = SECOND });
        sim_run(sim.now_usec + 3 * SECOND);
        for (uint64_t id = sim.jobs_count - 3; id <= sim.jobs_count; id++)
                ck_assert_msg(sim_job(id)->end_usec != USEC_NONE, "job %lu waits", id);
        /* And when it has grown again nothing was forgotten. */
        sim.memory_bytes = 1000;
        sim.cores = 8;
        sim.shares[1].cores_max = 0;
        queues_find(&fake.engine->queues, 1)->width_cores = 4;
        lanes_update_queue(fake.engine, queues_find(&fake.engine->queues, 1));
        sim_configure();
        sim.is_unchecked = false;
        sim_finish(sim.now_usec + 1000 * SECOND);
        sim_teardown();
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("scheduler");
        TCase *tcase = tcase_create("sharing");

        tcase_add_loop_test(tcase, random_work_obeys_the_rules, 0, 60);
        tcase_add_loop_test(tcase, sixty_four_users_come_within_a_task_of_the_ideal, 0, 3);
        tcase_add_test(tcase, shares_do_not_depend_on_the_kind_of_work);
        tcase_add_test(tcase, queues_of_one_user_share_by_their_weights);
        tcase_add_test(tcase, who_comes_back_is_an_equal);
        tcase_add_loop_test(tcase, a_newcomer_waits_for_one_task, 0, 16);
        tcase_add_test(tcase, look_ahead_is_taken_back);
        tcase_add_loop_test(tcase, a_wide_job_is_not_starved, 0, 2);
        tcase_add_test(tcase, a_job_as_wide_as_its_queue_is_not_starved);
        tcase_add_test(tcase, a_job_as_wide_as_its_users_cap_is_not_starved);
        tcase_add_test(tcase, a_low_priority_is_late_not_never);
        tcase_add_test(tcase, without_aging_it_may_be_never);
        tcase_add_loop_test(tcase, who_passes_a_wide_job_does_not_delay_it, 0, 20);
        tcase_add_test(tcase, many_wide_jobs_hide_nobody);
        tcase_add_test(tcase, what_can_no_longer_run_is_in_nobodys_way);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
