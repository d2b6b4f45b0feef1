/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of leases: workers that die and what their records say, links that break and the
 * inventories of the next ones, and a jobd that is started again. Told by events, over a journal in
 * memory and workers that only remember.
 */
#include <check.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

static const struct engine_spec plain = { .task_count = 1 };

/* A dead worker's record, and what each slot state of it means. */
static void die_holding(enum workers_slot slot, bool intact, bool held_at_all)
{
        const struct fake_sent *start = fake_find(FAKE_START, 0);
        const struct workers_held held = { .lease = start->lease,
                                           .job = start->job,
                                           .slot = slot,
                                           .outcome = slot == WORKERS_SLOT_EXITED
                                                              ? WORKERS_OUTCOME_EXITED
                                                              : WORKERS_OUTCOME_NONE,
                                           .exit_code = 5 };

        fake_detach(fake.workers[0]);
        engine_workers_ops.on_dead(fake.engine, 0, 1, intact, &held, held_at_all ? 1 : 0,
                                   "killed by a test");
        ck_assert_uint_eq(fake.dead_acked, 1);
}

START_TEST(dead_before_go_is_queued_again)
{
        uint64_t id;

        fake_attach(0);
        fake_start_one(&id);
        die_holding(WORKERS_SLOT_ACCEPTED, true, true);
        ck_assert_int_eq(fake_state(id), JOB_QUEUED);
        ck_assert_uint_eq(fake_task_row(id, 0)->attempt, 0);
        fake_attach(1);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->attempt, 1);
}
END_TEST

START_TEST(dead_after_go_is_lost)
{
        uint64_t id;

        fake_attach(0);
        fake_start_one(&id);
        die_holding(WORKERS_SLOT_GO, true, true);
        ck_assert_int_eq(fake.jobs[id].state, JOB_LOST);
}
END_TEST

START_TEST(dead_with_a_recorded_end_keeps_its_code)
{
        uint64_t id;

        fake_attach(0);
        fake_start_one(&id);
        die_holding(WORKERS_SLOT_EXITED, true, true);
        ck_assert_int_eq(fake.jobs[id].state, JOB_FAILED);
        ck_assert_int_eq(fake_task_row(id, 0)->exit_code, 5);
}
END_TEST

/* The record has no sentences: what is said of an end is to be true of it all the same. */
START_TEST(dead_with_a_recorded_end_says_what_is_lost)
{
        static const struct {
                struct workers_held held;
                enum job_state state;
                const char *why; /* NULL: nothing */
        } cases[] = {
                { { .outcome = WORKERS_OUTCOME_EXITED, .exit_code = 0, .pid = 4711 },
                  JOB_SUCCEEDED,
                  "its worker died after it: the output is lost" },
                { { .outcome = WORKERS_OUTCOME_EXITED, .pid = 4711, .spooled = true },
                  JOB_SUCCEEDED,
                  NULL },
                { { .outcome = WORKERS_OUTCOME_NOT_STARTED, .exit_code = 127 },
                  JOB_FAILED,
                  "it was not started, and its worker died before it could say why" },
                { { .outcome = WORKERS_OUTCOME_REFUSED, .exit_code = -1 },
                  JOB_FAILED,
                  "it was not started, and its worker died before it could say why" },
                { { .outcome = WORKERS_OUTCOME_CANCELLED, .exit_code = -1 }, JOB_CANCELLED, NULL },
        };

        for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct workers_held held = cases[i].held;
                uint64_t id;

                fake_attach(i);
                id = fake_submit(1000, &plain);
                fake_turn();
                held.lease = fake_find(FAKE_START, i)->lease;
                held.slot = WORKERS_SLOT_EXITED;
                if (cases[i].state == JOB_CANCELLED)
                        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id),
                                                       ENGINE_ALL_TASKS, 0, NULL),
                                         ENGINE_E_LATER);
                engine_workers_ops.on_dead(fake.engine, i, 1, true, &held, 1, "killed");
                ck_assert_int_eq(fake.jobs[id].state, cases[i].state);
                ck_assert_int_eq(fake_task_row(id, 0)->exit_code, held.exit_code);
                if (!cases[i].why)
                        ck_assert_ptr_null(fake.jobs[id].why);
                else
                        ck_assert_str_eq(fake.jobs[id].why, cases[i].why);
        }
}
END_TEST

START_TEST(dead_without_a_record_proves_nothing)
{
        uint64_t id;

        fake_attach(0);
        fake_start_one(&id);
        die_holding(WORKERS_SLOT_NONE, false, false);
        ck_assert_int_eq(fake.jobs[id].state, JOB_LOST);
}
END_TEST

START_TEST(dead_with_an_intact_record_that_lacks_the_lease)
{
        uint64_t id;

        fake_attach(0);
        fake_start_one(&id);
        die_holding(WORKERS_SLOT_NONE, true, false);
        ck_assert_int_eq(fake_state(id), JOB_QUEUED);
}
END_TEST

START_TEST(a_death_told_before_the_links_end_gets_nothing_more)
{
        const struct workers_held none = { 0 };
        uint64_t id;

        fake_attach(0);
        fake_start_one(&id);
        /* The pool is faster than the dead worker's socket. */
        engine_workers_ops.on_dead(fake.engine, 0, 1, true, &none, 0, "killed by a test");
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        ck_assert_int_eq(fake_state(id), JOB_QUEUED);
        fake_detach(fake.workers[0]);
        fake_attach(1);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->worker, 1);
}
END_TEST

START_TEST(requeue_runs_again_what_is_lost)
{
        const struct engine_spec spec = { .task_count = 1, .requeue = true };
        uint64_t id;

        fake_attach(0);
        id = fake_submit(1000, &spec);
        fake_turn();
        die_holding(WORKERS_SLOT_RUNNING, true, true);
        ck_assert_int_eq(fake_state(id), JOB_QUEUED);
        fake_attach(1);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->attempt, 2);
}
END_TEST

START_TEST(a_link_that_breaks_changes_nothing)
{
        uint64_t id, lease;

        fake_attach(0);
        lease = fake_start_one(&id);
        engine_workers_ops.on_started(fake.engine, fake.workers[0], lease, 99, 1);
        fake_detach(fake.workers[0]);
        fake_turn();
        ck_assert_int_eq(fake_state(id), JOB_RUNNING);
        /* But a worker that comes back without what it ran has lost it. */
        fake_attach(0);
        ck_assert_int_eq(fake.jobs[id].state, JOB_LOST);
}
END_TEST

START_TEST(an_inventory_binds_its_leases)
{
        uint64_t id, lease;
        struct worker *worker;
        struct workers_held held = { .slot = WORKERS_SLOT_RUNNING, .pid = 99 };

        fake_attach(0);
        lease = fake_start_one(&id);
        worker = fake.workers[0];
        engine_workers_ops.on_gone(fake.engine, worker);
        held.lease = lease;
        held.job = id;
        engine_workers_ops.on_attached(fake.engine, worker);
        engine_workers_ops.on_held(fake.engine, worker, &held);
        engine_workers_ops.on_ready(fake.engine, worker);
        ck_assert_int_eq(fake_state(id), JOB_RUNNING);
        fake_exit(worker, lease, 0);
        ck_assert_int_eq(fake.jobs[id].state, JOB_SUCCEEDED);
}
END_TEST

START_TEST(a_lease_that_never_arrived_is_queued_again)
{
        uint64_t id;
        struct worker *worker;

        fake_attach(0);
        fake_start_one(&id);
        worker = fake.workers[0];
        engine_workers_ops.on_gone(fake.engine, worker);
        engine_workers_ops.on_attached(fake.engine, worker);
        engine_workers_ops.on_ready(fake.engine, worker);
        ck_assert_int_eq(fake_state(id), JOB_QUEUED);
}
END_TEST

START_TEST(an_unknown_lease_is_killed)
{
        const struct workers_held held = { .lease = 999, .job = 9, .slot = WORKERS_SLOT_RUNNING };
        struct worker *worker = fake_attach(0);

        engine_workers_ops.on_held(fake.engine, worker, &held);
        ck_assert_uint_eq(fake_find(FAKE_CANCEL, 0)->lease, 999);
}
END_TEST

START_TEST(a_crash_keeps_queue_and_leases)
{
        uint64_t queued, running, lease;
        struct workers_held held = { .slot = WORKERS_SLOT_RUNNING };

        fake_attach(0);
        lease = fake_start_one(&running);
        queued = fake_submit(1000, &plain);
        fake_turn();
        fake_restart();
        ck_assert_int_eq(fake_state(queued), JOB_QUEUED);
        ck_assert_int_eq(fake_state(running), JOB_STARTING);
        ck_assert_uint_gt(fake_submit(1000, &plain), 100); /* never an old number again */
        held.lease = lease;
        held.job = running;
        engine_workers_ops.on_dead(fake.engine, 0, 1, true, &held, 1, "died with us");
        ck_assert_int_eq(fake.jobs[running].state, JOB_LOST);
}
END_TEST

/* What a job asks for was changed while a task of it ran: what that task has is what counts. */
START_TEST(an_inventory_says_how_many_cores)
{
        const struct engine_spec wide = { .task_count = 1, .cpus = 3 };
        const uint32_t cores[] = { 4, 5 };
        struct workers_held held = { .slot = WORKERS_SLOT_RUNNING,
                                     .cores = cores,
                                     .cores_count = ARRAY_SIZE(cores) };

        fake_attach(0);
        held.job = fake_submit(1000, &wide);
        fake_turn();
        held.lease = fake_find(FAKE_START, 0)->lease;
        fake_restart();
        ck_assert_uint_eq(fake.engine->cores.used, 3);
        fake_dial(0);
        engine_workers_ops.on_held(fake.engine, fake.workers[0], &held);
        engine_workers_ops.on_ready(fake.engine, fake.workers[0]);
        ck_assert_uint_eq(fake.engine->cores.used, 2);
        ck_assert_uint_eq(engine_find(fake.engine, held.job)->user->share.cores, 2);
        fake_exit(fake.workers[0], held.lease, 0);
        ck_assert_uint_eq(fake.engine->cores.used, 0);
}
END_TEST

START_TEST(leases_of_another_boot_are_lost_in_the_first_turn)
{
        uint64_t running;

        fake_attach(0);
        fake_start_one(&running);
        fake.tasks[0].boot_id[0] ^= 1;
        fake_restart();
        ck_assert_int_eq(fake.jobs[running].state, JOB_LOST);
        ck_assert(fake.jobs[running].finished);
}
END_TEST

static void stop_when_looked(void *arg)
{
        if (!loop_timer_is_on(fake.engine->orphan_timer))
                loop_stop(fake.loop, 0);
        (void)arg;
}

/* The time is over that workers have to come back. */
static void look_for_orphans(void)
{
        ck_assert_int_eq(loop_timer_start(fake.engine->orphan_timer, 0), 0);
        ck_assert_int_eq(loop_run(fake.loop, stop_when_looked, NULL), 0);
        fake_turn();
}

/* An old copy of the store beside an empty folder of records: nobody can say how it ended. */
START_TEST(a_lease_that_nobody_knows_is_lost)
{
        uint64_t id;

        fake_attach(0);
        fake_start_one(&id);
        fake_restart();
        ck_assert_ptr_null(fake.engine->orphan_timer);
        engine_workers_ops.on_pool(fake.engine, true);
        ck_assert(loop_timer_is_on(fake.engine->orphan_timer));
        look_for_orphans(); /* its worker lives and will dial */
        fake.pool_knows_nobody = fake.is_pool_away = true;
        look_for_orphans();
        ck_assert_int_eq(fake_state(id), JOB_STARTING);
        fake.is_pool_away = false;
        look_for_orphans();
        ck_assert_int_eq(fake.jobs[id].state, JOB_LOST);
        ck_assert_uint_eq(fake.engine->cores.used, 0);
}
END_TEST

/* Connected is known, whatever a pool says that was started after it. */
START_TEST(a_worker_that_is_here_is_no_orphan)
{
        uint64_t id;

        fake_attach(0);
        fake_start_one(&id);
        engine_workers_ops.on_pool(fake.engine, true);
        fake.pool_knows_nobody = true;
        look_for_orphans();
        ck_assert_int_eq(fake_state(id), JOB_STARTING);
}
END_TEST

START_TEST(rows_that_cannot_be_are_a_fault)
{
        const struct engine_options options = { 0 };
        static const struct engine_ops ops;
        struct engine *engine = NULL;

        fake_attach(0);
        fake_submit(1000, &plain);
        fake_turn();
        fake.tasks[0].state = JOB_STATE_COUNT;
        ck_assert_int_eq(engine_new(fake.loop, &options, &ops, NULL, &engine), 0);
        ck_assert_int_lt(engine_restore(engine, (struct journal *)&fake), 0);
        engine_free(engine);
}
END_TEST

SUITE_MAIN("leases", fake_setup, fake_teardown, dead_before_go_is_queued_again,
           dead_after_go_is_lost, dead_with_a_recorded_end_keeps_its_code,
           dead_with_a_recorded_end_says_what_is_lost, dead_without_a_record_proves_nothing,
           dead_with_an_intact_record_that_lacks_the_lease,
           a_death_told_before_the_links_end_gets_nothing_more, requeue_runs_again_what_is_lost,
           a_link_that_breaks_changes_nothing, an_inventory_binds_its_leases,
           a_lease_that_never_arrived_is_queued_again, an_unknown_lease_is_killed,
           a_crash_keeps_queue_and_leases, an_inventory_says_how_many_cores,
           leases_of_another_boot_are_lost_in_the_first_turn, a_lease_that_nobody_knows_is_lost,
           a_worker_that_is_here_is_no_orphan, rows_that_cannot_be_are_a_fault)
