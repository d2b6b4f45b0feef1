/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker or the pool says reaches the engine as workers.h describes it. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/parse.h"

#include "daemon/workers/workers_private.h"
#include "fake_worker.h"
#include "tests/unit/suite.h"

static struct stage stage;
static struct fake *worker;

static void set_up(void)
{
        stage_open(&stage, getuid());
        worker = fake_ready(&stage, 0, 1);
        stage.trace[0] = '\0';
}

static void tear_down(void)
{
        stage_close(&stage);
}

static void send_exited(Jobd__Work__Exited *exited)
{
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        report.body_case = JOBD__WORK__REPORT__BODY_EXITED;
        report.exited = exited;
        fake_send(worker, &report);
}

START_TEST(lease_reports_arrive)
{
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        Jobd__Work__Started started = JOBD__WORK__STARTED__INIT;
        Jobd__Work__Revoked revoked = JOBD__WORK__REVOKED__INIT;
        Jobd__Work__Paused paused = JOBD__WORK__PAUSED__INIT;
        Jobd__Work__Spooled spooled = JOBD__WORK__SPOOLED__INIT;
        Jobd__Work__Grown grown = JOBD__WORK__GROWN__INIT;

        report.body_case = JOBD__WORK__REPORT__BODY_STARTED;
        report.started = &started;
        started.lease = 1;
        started.pid = 77;
        started.start_wall_usec = 123456;
        fake_send(worker, &report);
        report.body_case = JOBD__WORK__REPORT__BODY_REVOKED;
        report.revoked = &revoked;
        revoked.lease = 2;
        revoked.too_late = true;
        fake_send(worker, &report);
        report.body_case = JOBD__WORK__REPORT__BODY_PAUSED;
        report.paused = &paused;
        paused.lease = 3;
        paused.paused = true;
        fake_send(worker, &report);
        report.body_case = JOBD__WORK__REPORT__BODY_SPOOLED;
        report.spooled = &spooled;
        spooled.lease = 4;
        spooled.size_bytes = 4096;
        fake_send(worker, &report);
        report.body_case = JOBD__WORK__REPORT__BODY_GROWN;
        report.grown = &grown;
        grown.lease = 4;
        grown.size_bytes = 5000;
        fake_send(worker, &report);
        stage_expect(&stage, "grown");
        ck_assert_str_eq(stage.trace, "started(1,77,123456) revoked(2,1) paused(3,1) "
                                      "spooled(4,4096) grown(4,5000) ");
}
END_TEST

START_TEST(output_and_stdin_reports_arrive)
{
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        Jobd__Work__OutputPiece piece = JOBD__WORK__OUTPUT_PIECE__INIT;
        Jobd__Work__StdinTaken taken = JOBD__WORK__STDIN_TAKEN__INIT;
        uint8_t records[] = "abc";

        report.body_case = JOBD__WORK__REPORT__BODY_OUTPUT_PIECE;
        report.output_piece = &piece;
        piece.lease = 1;
        piece.offset = 64;
        piece.records.data = records;
        piece.records.len = 3;
        fake_send(worker, &report);
        report.body_case = JOBD__WORK__REPORT__BODY_STDIN_TAKEN;
        report.stdin_taken = &taken;
        taken.lease = 1;
        taken.taken = 10;
        taken.has_closed = true;
        taken.closed = true;
        fake_send(worker, &report);
        stage_expect(&stage, "stdin");
        ck_assert_str_eq(stage.trace, "output(1,64,abc) stdin(1,10,1) ");
}
END_TEST

START_TEST(exit_has_everything)
{
        Jobd__Work__Exited exited = JOBD__WORK__EXITED__INIT;
        uint8_t records[] = "log";

        exited.lease = 9;
        exited.outcome = JOBD__WORK__OUTCOME__OUTCOME_EXITED;
        exited.has_exit_code = true;
        exited.exit_code = 3;
        exited.has_run_usec = true;
        exited.run_usec = 55;
        exited.has_memory_peak_bytes = true;
        exited.memory_peak_bytes = 1 << 20;
        exited.has_records = true;
        exited.records.data = records;
        exited.records.len = 3;
        exited.has_output_bytes = true;
        exited.output_bytes = 3;
        exited.has_output_cut = true;
        exited.output_cut = true;
        send_exited(&exited);
        stage_expect(&stage, "exited(9,1,3,0,log) ");
        ck_assert_uint_eq(stage.exit.run_usec, 55);
        ck_assert_uint_eq(stage.exit.memory_peak_bytes, 1 << 20);
        ck_assert_uint_eq(stage.exit.output_bytes, 3);
        ck_assert(stage.exit.output_cut);
        ck_assert(!stage.exit.spooled);
        ck_assert_str_eq(stage.exit_why, "(null)");
}
END_TEST

START_TEST(every_outcome_has_its_name)
{
        for (int outcome = 1; outcome < WORKERS_OUTCOME_COUNT; outcome++) {
                Jobd__Work__Exited exited = JOBD__WORK__EXITED__INIT;
                char text[64];

                exited.lease = (uint64_t)outcome;
                exited.outcome = (Jobd__Work__Outcome)outcome;
                exited.has_exit_code = true;
                exited.exit_code = 4;
                exited.has_exit_signal = true;
                exited.exit_signal = 9;
                send_exited(&exited);
                snprintf(text, sizeof(text), "exited(%d,%d,4,9,) ", outcome, outcome);
                stage_expect(&stage, text);
        }
}
END_TEST

START_TEST(exit_without_code_or_signal_is_a_breach)
{
        Jobd__Work__Exited exited = JOBD__WORK__EXITED__INIT;

        exited.lease = 9;
        exited.outcome =
                _i ? JOBD__WORK__OUTCOME__OUTCOME_EXITED : JOBD__WORK__OUTCOME__OUTCOME_SIGNALED;
        send_exited(&exited);
        stage_expect(&stage, "gone(0/1)");
        ck_assert_ptr_null(strstr(stage.trace, "exited"));
}
END_TEST

START_TEST(death_without_a_code_has_none)
{
        Jobd__Work__Exited exited = JOBD__WORK__EXITED__INIT;

        exited.lease = 9;
        exited.outcome = JOBD__WORK__OUTCOME__OUTCOME_SIGNALED;
        exited.has_exit_signal = true;
        exited.exit_signal = 15;
        send_exited(&exited);
        stage_expect(&stage, "exited(9,2,-1,15,) ");
}
END_TEST

START_TEST(failed_start_says_why)
{
        Jobd__Work__Exited exited = JOBD__WORK__EXITED__INIT;
        char stage_name[] = "chdir";

        exited.lease = 9;
        exited.outcome = JOBD__WORK__OUTCOME__OUTCOME_NOT_STARTED;
        exited.stage = stage_name;
        exited.has_error = true;
        exited.error = ENOENT;
        send_exited(&exited); /* as an earlier version does, without a code */
        stage_expect(&stage, "exited(9,5,125,0,) ");
        ck_assert_str_eq(stage.exit_why, "chdir: No such file or directory");
        exited.has_exit_code = true;
        exited.exit_code = 127;
        send_exited(&exited);
        stage_expect(&stage, "exited(9,5,127,0,) ");
}
END_TEST

START_TEST(survivors_are_named)
{
        Jobd__Work__Exited exited = JOBD__WORK__EXITED__INIT;

        exited.lease = 9;
        exited.outcome = JOBD__WORK__OUTCOME__OUTCOME_CANCELLED;
        exited.has_survivors = true;
        exited.survivors = 2;
        send_exited(&exited);
        stage_expect(&stage, "exited(9,6,");
        ck_assert_str_eq(stage.exit_why, "2 processes outlived KILL");
}
END_TEST

START_TEST(long_why_is_cut_between_characters)
{
        Jobd__Work__Exited exited = JOBD__WORK__EXITED__INIT;
        char why[1800];

        /* 'a' and then two-byte characters: the limit falls inside one of them. */
        memset(why, 0, sizeof(why));
        for (size_t i = _i ? 1 : 0; i + 2 < sizeof(why); i += 2)
                memcpy(why + i, "\xc3\xa4", 2);
        if (_i)
                why[0] = 'a';
        exited.lease = 9;
        exited.outcome = JOBD__WORK__OUTCOME__OUTCOME_REFUSED;
        exited.why = why;
        send_exited(&exited);
        stage_expect(&stage, "exited(9,7,");
        ck_assert_uint_ge(strlen(stage.exit_why), 1022);
        ck_assert_uint_le(strlen(stage.exit_why), 1023);
        ck_assert(parse_is_utf8(stage.exit_why, strlen(stage.exit_why)));
}
END_TEST

/* ------------------------------------------------------------------------------------ the pool */

START_TEST(pool_state_is_kept)
{
        struct fake *pool = fake_pool(&stage);
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        Jobd__Work__PoolState state = JOBD__WORK__POOL_STATE__INIT;
        Jobd__Work__PoolWorker workers[2] = { JOBD__WORK__POOL_WORKER__INIT,
                                              JOBD__WORK__POOL_WORKER__INIT };
        Jobd__Work__PoolWorker *pointers[2] = { &workers[0], &workers[1] };
        Jobd__Work__Grown grown = JOBD__WORK__GROWN__INIT;
        char containment[] = "cgroup v2";

        ck_assert_str_eq(workers_containment(stage.workers), "unknown (no pool)");
        workers[0].number = 4;
        workers[0].generation = 40;
        workers[0].pid = 104;
        workers[1].number = 1;
        workers[1].generation = 10;
        workers[1].pid = 101;
        report.body_case = JOBD__WORK__REPORT__BODY_POOL_STATE;
        report.pool_state = &state;
        state.wanted = 2;
        state.containment = containment;
        state.workers = pointers;
        state.n_workers = 2;
        state.has_stopping = true;
        state.stopping = true;
        fake_send(pool, &report);
        report.body_case = JOBD__WORK__REPORT__BODY_COMPACTED;
        report.compacted = &(Jobd__Work__Compacted)JOBD__WORK__COMPACTED__INIT;
        report.compacted->job = 1;
        fake_send(pool, &report);
        stage_expect(&stage, "compacted(1.0.0,0,0) ");

        ck_assert_str_eq(workers_containment(stage.workers), "cgroup v2");
        ck_assert(workers_pool_has(stage.workers, 4, 40));
        ck_assert(workers_pool_has(stage.workers, 1, 10));
        ck_assert(!workers_pool_has(stage.workers, 1, 40));
        ck_assert(!workers_pool_has(stage.workers, 2, 10));
        ck_assert_uint_eq(workers_pool_pid(stage.workers), 4711);
        /* A pool that ends takes no more jobs, whatever its workers think. */
        ck_assert(worker_is_retiring(workers_at(stage.workers, 0)));

        /* A pool has no leases: it loses its link, and what it said counts no more. */
        report.body_case = JOBD__WORK__REPORT__BODY_GROWN;
        report.grown = &grown;
        fake_send(pool, &report);
        stage_expect(&stage, "pool(0)");
        ck_assert_str_eq(workers_containment(stage.workers), "unknown (no pool)");
        ck_assert(!workers_pool_has(stage.workers, 4, 40));
}
END_TEST

START_TEST(dead_worker_is_told)
{
        struct fake *pool = fake_pool(&stage);
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        Jobd__Work__DeadWorker dead = JOBD__WORK__DEAD_WORKER__INIT;
        Jobd__Work__HeldLease held = JOBD__WORK__HELD_LEASE__INIT;
        Jobd__Work__HeldLease *pointer = &held;
        char why[] = "killed by signal 9";

        held.lease = 21;
        held.job = 3;
        held.attempt = 1;
        held.state = JOBD__WORK__SLOT_STATE__SLOT_GO;
        report.body_case = JOBD__WORK__REPORT__BODY_DEAD_WORKER;
        report.dead_worker = &dead;
        dead.number = 2;
        dead.generation = 8;
        dead.record_intact = true;
        dead.leases = &pointer;
        dead.n_leases = 1;
        dead.why = why;
        fake_send(pool, &report);
        stage_expect(&stage, "dead(2/8,1,killed by signal 9,21:2) ");

        workers_ack_dead(stage.workers, 2, 8, 5);
        fake_ready(&stage, 6, 6);
        ck_assert_ptr_null(strstr(pool->trace, "dead_ack"));
        stage.durable = 5;
        fake_expect(pool, "dead_ack(2/8) ");
}
END_TEST

START_TEST(worker_may_not_speak_for_the_pool)
{
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        Jobd__Work__DeadWorker dead = JOBD__WORK__DEAD_WORKER__INIT;

        report.body_case = JOBD__WORK__REPORT__BODY_DEAD_WORKER;
        report.dead_worker = &dead;
        fake_send(worker, &report);
        stage_expect(&stage, "gone(0/1)");
        ck_assert_str_eq(stage.trace, "gone(0/1) ");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("worker_reports");
        TCase *tests = tcase_create("reports");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, lease_reports_arrive);
        tcase_add_test(tests, output_and_stdin_reports_arrive);
        tcase_add_test(tests, exit_has_everything);
        tcase_add_test(tests, every_outcome_has_its_name);
        tcase_add_loop_test(tests, exit_without_code_or_signal_is_a_breach, 0, 2);
        tcase_add_test(tests, death_without_a_code_has_none);
        tcase_add_test(tests, failed_start_says_why);
        tcase_add_test(tests, survivors_are_named);
        tcase_add_loop_test(tests, long_why_is_cut_between_characters, 0, 2);
        tcase_add_test(tests, pool_state_is_kept);
        tcase_add_test(tests, dead_worker_is_told);
        tcase_add_test(tests, worker_may_not_speak_for_the_pool);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
