/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the pool ends: told to, with jobs that do not listen, with jobd gone, alone and idle.
 * Conversations with the real program.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"

#include "pool_stage.h"
#include "tests/unit/suite.h"

START_TEST(stop_ends_the_jobs_and_reports_them)
{
        Jobd__Work__Report *report;

        stage_start_pool(2);
        stage_start_blocked(workers[0], 7, "trap 'exit 9' TERM");
        kill(fake.pid, SIGTERM);
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(CANCELLED));
        ck_assert_int_eq(report->exited->exit_code, 9);
        ck_assert_ptr_nonnull(strstr(report->exited->why, "administrator"));
        wire_free_report(report);
        fake_ack(workers[0], 7);
        for (int i = 0; i < 2; i++) {
                report = fake_await(pool, REPORT(DEAD_WORKER));
                ck_assert_uint_eq(report->dead_worker->n_leases, 0);
                stage_ack_dead(report->dead_worker);
                wire_free_report(report);
        }
        stage_expect_clean_exit();
}
END_TEST

START_TEST(stop_says_that_it_stops)
{
        Jobd__Work__Report *report;
        bool is_stopping = false;

        stage_start_pool(1);
        fake_order_lease(pool, ORDER(POOL_STOP), 0);
        while (!is_stopping) {
                report = fake_await(pool, REPORT(POOL_STATE));
                is_stopping = report->pool_state->stopping;
                wire_free_report(report);
        }
        stage_hang_up();
        stage_expect_clean_exit();
}
END_TEST

START_TEST(a_stubborn_job_is_killed_after_the_grace)
{
        Jobd__Work__Report *report;

        fake.grace_usec = 100 * USEC_PER_MSEC;
        stage_start_pool(1);
        stage_start_blocked(workers[0], 7, "trap '' TERM");
        kill(fake.pid, SIGTERM);
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGKILL);
        wire_free_report(report);
        stage_hang_up(); /* jobd is gone: nobody waits for acknowledgements */
        fake_unlisten(&fake);
        stage_expect_clean_exit();
}
END_TEST

/* A cancel is under way when the pool is stopped: the shorter of the two graces counts. */
static void stop_during_cancel(uint64_t cancel_grace_usec, uint64_t stop_grace_usec)
{
        Jobd__Work__Report *report;

        fake.grace_usec = stop_grace_usec;
        stage_start_pool(1);
        stage_start_blocked(workers[0], 7, "trap '' TERM");
        fake_cancel(workers[0], 7, cancel_grace_usec);
        kill(fake.pid, SIGTERM);
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(CANCELLED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGKILL);
        wire_free_report(report);
        stage_hang_up();
        fake_unlisten(&fake);
        stage_expect_clean_exit();
}

START_TEST(a_stop_shortens_a_long_grace)
{
        stop_during_cancel(1000 * USEC_PER_SEC, 100 * USEC_PER_MSEC);
}
END_TEST

START_TEST(a_stop_leaves_a_short_grace)
{
        stop_during_cancel(100 * USEC_PER_MSEC, 1000 * USEC_PER_SEC);
}
END_TEST

/* The unit's TimeoutStopSec= is not to end it before it has ended the jobs. */
START_TEST(a_stop_gives_a_minute_at_most)
{
        char path[128], *log;
        int err_fd;

        snprintf(path, sizeof(path), "%s/log", fake.dir);
        err_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_ge(err_fd, 0);
        fake.err_fd = err_fd;
        fake.grace_usec = 1000 * USEC_PER_SEC;
        stage_start_pool(1);
        kill(fake.pid, SIGTERM);
        wire_free_report(fake_await(pool, REPORT(DEAD_WORKER)));
        stage_hang_up();
        fake_unlisten(&fake);
        stage_expect_clean_exit();
        close(err_fd);
        ck_assert_int_eq(fs_read_file(AT_FDCWD, path, 65536, &log, NULL), 0);
        ck_assert_msg(strstr(log, "KILL after 60 s") != NULL, "%s", log);
        free(log);
}
END_TEST

START_TEST(alone_and_idle_it_ends_itself)
{
        ck_assert_int_eq(setenv("JOBD_POOL_IDLE_SEC", "1", 1), 0);
        stage_start_pool(1);
        unsetenv("JOBD_POOL_IDLE_SEC");
        fake_unlisten(&fake);
        stage_hang_up();
        stage_expect_clean_exit();
}
END_TEST

START_TEST(alone_and_busy_it_does_not)
{
        Jobd__Work__Report *report;

        ck_assert_int_eq(setenv("JOBD_POOL_IDLE_SEC", "1", 1), 0);
        stage_start_pool(1);
        unsetenv("JOBD_POOL_IDLE_SEC");
        stage_start_blocked(workers[0], 7, "true");
        fake_unlisten(&fake);
        stage_hang_up();
        ck_assert(fake_is_living(&fake, 2200));
        fake_listen(&fake);
        stage_accept_all(1);
        stage_open_gate();
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(EXITED));
        wire_free_report(report);
}
END_TEST

SUITE_MAIN("pool_stop", stage_open, stage_close, stop_ends_the_jobs_and_reports_them,
           stop_says_that_it_stops, a_stubborn_job_is_killed_after_the_grace,
           a_stop_shortens_a_long_grace, a_stop_leaves_a_short_grace, a_stop_gives_a_minute_at_most,
           alone_and_idle_it_ends_itself, alone_and_busy_it_does_not)
