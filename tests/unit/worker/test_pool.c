/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c, pool_worker.c and pool_dead.c: starting, replacing, resizing, reporting the dead, and
 * what an earlier pool has left. Conversations with the real program.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#include "pool_stage.h"
#include "tests/unit/suite.h"
#include "worker/record.h"

/* ---------------------------------------------------------------------------------------- life */

START_TEST(it_starts_its_workers_and_says_so)
{
        Jobd__Work__Report *report;

        stage_start_pool(3);
        ck_assert_uint_eq(pool->pid, (uint32_t)fake.pid);
        report = fake_await(pool, REPORT(POOL_STATE));
        ck_assert_uint_eq(report->pool_state->wanted, 3);
        ck_assert_uint_eq(report->pool_state->n_workers, 3);
        ck_assert_str_eq(report->pool_state->containment, "process groups, subreaper and rlimits");
        for (uint32_t i = 0; i < 3; i++) {
                ck_assert_uint_eq(report->pool_state->workers[i]->number, i);
                ck_assert_uint_eq(report->pool_state->workers[i]->pid, workers[i]->pid);
                ck_assert(stage_has_record(i, workers[i]->generation));
        }
        ck_assert_uint_ne(workers[0]->generation, workers[1]->generation);
        wire_free_report(report);
        for (unsigned int i = 0; i < 3; i++)
                fake_run_shell(workers[i], i + 1, "exit 5");
        for (unsigned int i = 0; i < 3; i++) {
                report = fake_await(workers[i], REPORT(EXITED));
                ck_assert_int_eq(report->exited->exit_code, 5);
                wire_free_report(report);
        }
}
END_TEST

START_TEST(there_is_one_pool)
{
        struct fake second;

        stage_start_pool(1);
        second = fake;
        fake_start_pool(&second, 1);
        ck_assert_int_eq(fake_wait_program(&second), 0);
        fake_run_shell(workers[0], 1, "exit 5");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
}
END_TEST

START_TEST(a_dead_worker_is_reported_and_replaced)
{
        Jobd__Work__Report *report;
        const Jobd__Work__HeldLease *held;
        uint64_t generation;
        pid_t job;

        stage_start_pool(2);
        generation = workers[1]->generation;
        job = stage_start_blocked(workers[1], 7, "true");
        fake_run_shell(workers[1], 8, "true");
        fake_order_lease(workers[1], ORDER(REVOKE), 7); /* answered after what came before */
        wire_free_report(fake_expect(workers[1], REPORT(REVOKED)));
        kill((pid_t)workers[1]->pid, SIGKILL);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->number, 1);
        ck_assert_uint_eq(report->dead_worker->generation, generation);
        ck_assert(report->dead_worker->record_intact);
        ck_assert_uint_eq(report->dead_worker->n_leases, 2);
        held = report->dead_worker->leases[0];
        ck_assert_uint_eq(held->lease, 7);
        ck_assert_int_eq(held->state, JOBD__WORK__SLOT_STATE__SLOT_RUNNING);
        ck_assert_uint_eq(held->pid, (uint32_t)job);
        held = report->dead_worker->leases[1];
        ck_assert_uint_eq(held->lease, 8);
        ck_assert_int_eq(held->state, JOBD__WORK__SLOT_STATE__SLOT_ACCEPTED);
        ck_assert_ptr_nonnull(strstr(report->dead_worker->why, "killed by signal 9"));
        ck_assert_int_lt(kill(job, 0), 0); /* nothing is left before it is reported */
        ck_assert(stage_has_record(1, generation));
        stage_ack_dead(report->dead_worker);
        wire_free_report(report);
        workers[1] = fake_close(workers[1]);
        stage_accept_all(2);
        ck_assert_uint_gt(workers[1]->generation, generation);
        fake_run_shell(workers[1], 9, "exit 5");
        wire_free_report(fake_await(workers[1], REPORT(EXITED)));
        ck_assert(!stage_has_record(1, generation));
}
END_TEST

START_TEST(a_report_of_the_dead_is_repeated_until_acknowledged)
{
        Jobd__Work__Report *report;
        uint64_t generation;

        stage_start_pool(1);
        generation = workers[0]->generation;
        fake_run_shell(workers[0], 7, "exit 4");
        wire_free_report(fake_await(workers[0], REPORT(EXITED))); /* never acknowledged */
        kill((pid_t)workers[0]->pid, SIGKILL);
        wire_free_report(fake_await(pool, REPORT(DEAD_WORKER)));
        stage_hang_up();
        stage_accept_all(1);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->generation, generation);
        ck_assert_uint_eq(report->dead_worker->n_leases, 1);
        ck_assert_int_eq(report->dead_worker->leases[0]->state,
                         JOBD__WORK__SLOT_STATE__SLOT_EXITED);
        ck_assert_int_eq(report->dead_worker->leases[0]->outcome, OUTCOME(EXITED));
        ck_assert_int_eq(report->dead_worker->leases[0]->exit_code, 4);
        stage_ack_dead(report->dead_worker);
        wire_free_report(report);
        stage_hang_up();
        stage_accept_all(1);
        wire_free_report(fake_expect(pool, REPORT(POOL_STATE)));
        ck_assert(fake_is_silent(pool, 50));
}
END_TEST

/* What never began is told as that, with the code that a shell would give. */
START_TEST(a_start_in_vain_is_in_the_record)
{
        const char *missing[] = { "no-such-program", NULL };
        const Jobd__Work__HeldLease *held;
        Jobd__Work__Report *report;
        struct fake_job job;

        stage_start_pool(1);
        fake_job_init(&job, 7, missing);
        fake_job_send(workers[0], &job);
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        stage_start_blocked(workers[0], 8, "true");
        fake_run_shell(workers[0], 9, "true");
        fake_cancel(workers[0], 9, 0);
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        kill((pid_t)workers[0]->pid, SIGKILL);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->n_leases, 3);
        held = report->dead_worker->leases[0];
        ck_assert_int_eq(held->outcome, OUTCOME(NOT_STARTED));
        ck_assert(held->has_exit_code);
        ck_assert_int_eq(held->exit_code, 127);
        ck_assert_uint_eq(held->pid, 0);
        held = report->dead_worker->leases[2];
        ck_assert_int_eq(held->outcome, OUTCOME(CANCELLED));
        ck_assert(!held->has_exit_code);
        wire_free_report(report);
}
END_TEST

START_TEST(what_a_dead_workers_job_left_is_killed)
{
        char before[300], fifo[128];
        pid_t left;

        stage_start_pool(1);
        snprintf(fifo, sizeof(fifo), "%s/pid", fake.dir);
        ck_assert_int_eq(mkfifo(fifo, 0600), 0);
        snprintf(before, sizeof(before),
                 "(setsid sh -c 'trap \"\" TERM HUP; echo $$ > %s; exec cat %s' &)", fifo,
                 fake.never);
        stage_start_blocked(workers[0], 7, before);
        left = stage_read_pid_fifo(fifo);
        kill((pid_t)workers[0]->pid, SIGKILL);
        wire_free_report(fake_await(pool, REPORT(DEAD_WORKER)));
        ck_assert_int_lt(kill(left, 0), 0);
}
END_TEST

START_TEST(a_damaged_record_is_told)
{
        Jobd__Work__Report *report;
        char name[RECORD_NAME_MAX];
        int fd;

        stage_start_pool(1);
        record_name(name, 0, workers[0]->generation);
        fd = openat(fake.records_fd, name, O_RDWR | O_CLOEXEC);
        ck_assert_int_eq(pwrite(fd, "damage", 6, 20), 6);
        close(fd);
        kill((pid_t)workers[0]->pid, SIGKILL);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert(!report->dead_worker->record_intact);
        ck_assert_uint_eq(report->dead_worker->n_leases, 0);
        stage_ack_dead(report->dead_worker);
        wire_free_report(report);
}
END_TEST

START_TEST(growing_and_shrinking)
{
        Jobd__Work__Report *report;
        uint32_t last;

        stage_start_pool(1);
        stage_resize(4);
        stage_accept_all(4);
        stage_await_state(4);
        stage_start_blocked(workers[3], 7, "true");
        last = workers[3]->pid;
        stage_resize(2);
        report = fake_await(pool, REPORT(DEAD_WORKER)); /* the idle one leaves */
        ck_assert_uint_eq(report->dead_worker->number, 2);
        ck_assert_uint_eq(report->dead_worker->n_leases, 0);
        ck_assert_ptr_nonnull(strstr(report->dead_worker->why, "in order"));
        stage_ack_dead(report->dead_worker);
        wire_free_report(report);
        stage_open_gate(); /* the busy one finishes first */
        report = fake_await(workers[3], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(EXITED));
        wire_free_report(report);
        ck_assert_int_eq(kill((pid_t)last, 0), 0);
        fake_ack(workers[3], 7);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->number, 3);
        wire_free_report(report);
        stage_resize(3);
        workers[2] = fake_close(workers[2]);
        stage_accept_all(3);
}
END_TEST

START_TEST(a_worker_that_dies_young_again_and_again_is_started_more_slowly)
{
        uint64_t begun;

        stage_start_pool(1);
        begun = clock_mono_usec();
        /* 0.1 + 0.2 + 0.4 s */
        for (int i = 0; i < 3; i++) {
                Jobd__Work__Report *report;

                kill((pid_t)workers[0]->pid, SIGKILL);
                report = fake_await(pool, REPORT(DEAD_WORKER));
                stage_ack_dead(report->dead_worker);
                wire_free_report(report);
                workers[0] = fake_close(workers[0]);
                stage_accept_all(1);
        }
        ck_assert_uint_ge(clock_mono_usec() - begun, 700 * USEC_PER_MSEC);
}
END_TEST

/* ------------------------------------------------------------------------------- earlier pools */

START_TEST(the_next_pool_reports_the_dead_ones_workers)
{
        Jobd__Work__Report *report;
        uint64_t generation;
        pid_t job, worker;

        stage_start_pool(1);
        generation = workers[0]->generation;
        worker = (pid_t)workers[0]->pid;
        job = stage_start_blocked(workers[0], 7, "trap '' TERM");
        kill(fake.pid, SIGKILL);
        fake_wait_program(&fake);
        fake_wait_gone(job);
        while (waitpid(worker, NULL, 0) < 0 && errno == EINTR)
                continue;
        stage_hang_up();
        stage_start_pool(1);
        ck_assert_uint_gt(workers[0]->generation, generation);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->generation, generation);
        ck_assert_uint_eq(report->dead_worker->n_leases, 1);
        ck_assert_int_eq(report->dead_worker->leases[0]->state,
                         JOBD__WORK__SLOT_STATE__SLOT_RUNNING);
        stage_ack_dead(report->dead_worker);
        wire_free_report(report);
}
END_TEST

START_TEST(after_the_death_of_pool_and_worker_the_jobs_session_is_found)
{
        Jobd__Work__Report *report;
        char before[300], fifo[128];
        pid_t child, worker;

        stage_start_pool(1);
        snprintf(fifo, sizeof(fifo), "%s/pid", fake.dir);
        ck_assert_int_eq(mkfifo(fifo, 0600), 0);
        snprintf(before, sizeof(before),
                 "sh -c 'trap \"\" TERM HUP; echo $$ > %s; exec cat %s' & true", fifo, fake.never);
        stage_start_blocked(workers[0], 7, before);
        child = stage_read_pid_fifo(fifo);
        worker = (pid_t)workers[0]->pid;
        kill(worker, SIGSTOP); /* so that it cannot clean up after its pool */
        kill(fake.pid, SIGKILL);
        fake_wait_program(&fake);
        kill(worker, SIGKILL);
        while (waitpid(worker, NULL, 0) < 0 && errno == EINTR)
                continue;
        ck_assert_int_eq(kill(child, 0), 0); /* still there: nobody's child now but ours */
        stage_hang_up();
        stage_start_pool(1);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
                continue;
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->n_leases, 1);
        wire_free_report(report);
}
END_TEST

START_TEST(records_of_another_boot_are_deleted)
{
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES] = { 1, 2, 3 };

        ck_assert_int_eq(record_create(fake.records_fd, 2, 900, boot_id), 0);
        stage_start_pool(1);
        ck_assert(!stage_has_record(2, 900));
        ck_assert_uint_eq(workers[0]->generation, 901); /* but its number is never used again */
}
END_TEST

START_TEST(generations_go_on_counting)
{
        uint64_t generation;
        Jobd__Work__Report *report;

        stage_start_pool(1);
        generation = workers[0]->generation;
        fake_order_lease(pool, ORDER(POOL_STOP), 0);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        stage_ack_dead(report->dead_worker);
        wire_free_report(report);
        stage_expect_clean_exit();
        ck_assert(!stage_has_record(0, generation));
        stage_hang_up();
        stage_start_pool(1);
        ck_assert_uint_gt(workers[0]->generation, generation);
}
END_TEST

SUITE_MAIN("pool", stage_open, stage_close, it_starts_its_workers_and_says_so, there_is_one_pool,
           a_dead_worker_is_reported_and_replaced,
           a_report_of_the_dead_is_repeated_until_acknowledged, a_start_in_vain_is_in_the_record,
           what_a_dead_workers_job_left_is_killed, a_damaged_record_is_told, growing_and_shrinking,
           a_worker_that_dies_young_again_and_again_is_started_more_slowly,
           the_next_pool_reports_the_dead_ones_workers,
           after_the_death_of_pool_and_worker_the_jobs_session_is_found,
           records_of_another_boot_are_deleted, generations_go_on_counting)
