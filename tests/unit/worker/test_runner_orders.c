/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker is ordered while a job waits or runs: revoke, cancel, pause, resume, signal; and
 * the orders that its own limits give. Conversations between a real worker and a scripted jobd.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#include "proto/spool.h"

#include "stage.h"
#include "tests/unit/suite.h"

START_TEST(only_what_never_ran_is_revoked)
{
        Jobd__Work__Report *report;

        stage_start_blocked(5, "true", "true");
        fake_run_shell(jobd, 6, "echo must not run");
        fake_order_lease(jobd, ORDER(REVOKE), 6);
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 6);
        ck_assert(!report->revoked->too_late);
        wire_free_report(report);
        ck_assert_uint_eq(stage_read_record().count, 1);
        fake_order_lease(jobd, ORDER(REVOKE), 5);
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 5);
        ck_assert(report->revoked->too_late);
        wire_free_report(report);
        stage_open_gate();
        stage_expect_code(5, 0);
        fake_run_shell(jobd, 7, "true");
        stage_expect_code(7, 0);
}
END_TEST

START_TEST(cancel_sends_term)
{
        Jobd__Work__Report *report;

        stage_start_blocked(5, "trap 'echo asked; exit 9' TERM", "true");
        fake_cancel(jobd, 5, 10 * USEC_PER_SEC);
        report = stage_expect_end(5, OUTCOME(CANCELLED));
        ck_assert_int_eq(report->exited->exit_code, 9);
        stage_expect_text(report->exited, SPOOL_STDOUT, "asked\n");
        wire_free_report(report);
}
END_TEST

START_TEST(cancel_kills_after_the_grace)
{
        Jobd__Work__Report *report;
        uint64_t begun;

        stage_start_blocked(5, "trap '' TERM", "true");
        begun = clock_mono_usec();
        fake_cancel(jobd, 5, 200 * USEC_PER_MSEC);
        report = stage_expect_end(5, OUTCOME(CANCELLED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGKILL);
        ck_assert_uint_ge(clock_mono_usec() - begun, 200 * USEC_PER_MSEC);
        wire_free_report(report);
}
END_TEST

START_TEST(a_second_cancel_may_be_impatient)
{
        stage_start_blocked(5, "trap '' TERM", "true");
        fake_cancel(jobd, 5, 1000 * USEC_PER_SEC);
        fake_cancel(jobd, 5, 0);
        wire_free_report(stage_expect_end(5, OUTCOME(CANCELLED)));
}
END_TEST

START_TEST(a_later_cancel_never_gives_more)
{
        static const uint64_t graces[] = { UINT64_MAX - 1, 1000 * USEC_PER_SEC, 200 * USEC_PER_MSEC,
                                           500 * USEC_PER_SEC };
        Jobd__Work__Report *report;

        stage_start_blocked(5, "trap '' TERM", "true");
        for (size_t i = 0; i < ARRAY_SIZE(graces); i++)
                fake_cancel(jobd, 5, graces[i]);
        report = stage_expect_end(5, OUTCOME(CANCELLED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGKILL);
        wire_free_report(report);
}
END_TEST

START_TEST(cancel_before_the_start)
{
        Jobd__Work__Report *report;

        stage_start_blocked(5, "true", "true");
        fake_run_shell(jobd, 6, "echo must not run");
        fake_cancel(jobd, 6, 0);
        report = stage_expect_end(6, OUTCOME(CANCELLED));
        ck_assert(!report->exited->has_pid);
        ck_assert_uint_eq(report->exited->output_bytes, 0);
        wire_free_report(report);
        stage_open_gate();
        stage_expect_code(5, 0);
}
END_TEST

/* A shell in a session of its own below the job, which tells its pid through the FIFO "pid". */
static pid_t start_with_inner(const char *outer, const char *inner)
{
        char before[400];
        pid_t pid;

        stage_make_fifo("pid");
        snprintf(before, sizeof(before),
                 "%s; setsid sh -c '%s; echo $$ > %s/pid; cat %s & wait' & true", outer, inner,
                 fake.dir, fake.never);
        stage_start_blocked(5, before, "wait");
        pid = (pid_t)atoi(stage_read_fifo("pid"));
        ck_assert_int_gt(pid, 1);
        return pid;
}

START_TEST(cancel_reaches_the_whole_tree)
{
        Jobd__Work__Report *report;
        const pid_t inner = start_with_inner("true", "trap \"echo inner; exit 0\" TERM");

        fake_cancel(jobd, 5, 1000 * USEC_PER_SEC);
        report = stage_expect_end(5, OUTCOME(CANCELLED));
        ck_assert_int_eq(stage_process_state(inner), '-');
        wire_free_report(report);
}
END_TEST

START_TEST(the_time_limit)
{
        const char *command[] = { "/bin/cat", fake.never, NULL };
        Jobd__Work__Report *report;
        struct fake_job job;

        fake_job_init(&job, 5, command);
        job.spec.has_time_limit_usec = true;
        job.spec.time_limit_usec = 150 * USEC_PER_MSEC;
        fake_job_send(jobd, &job);
        report = stage_expect_end(5, OUTCOME(TIMEOUT));
        ck_assert_uint_eq(report->exited->exit_signal, SIGTERM);
        ck_assert_uint_ge(report->exited->run_usec, 150 * USEC_PER_MSEC);
        wire_free_report(report);
}
END_TEST

START_TEST(a_warning_comes_before_the_limit)
{
        const char *command[] = { "/bin/sh", "-c", NULL, NULL };
        Jobd__Work__Report *report;
        char script[160];
        struct fake_job job;

        snprintf(script, sizeof(script), "trap 'echo warned; exit 3' USR1; read x < %s",
                 fake.never);
        command[2] = script;
        fake_job_init(&job, 5, command);
        job.spec.has_time_limit_usec = job.spec.has_warn_signal = job.spec.has_warn_before_usec =
                true;
        job.spec.time_limit_usec = 1000 * USEC_PER_SEC;
        job.spec.warn_signal = SIGUSR1;
        job.spec.warn_before_usec = 1000 * USEC_PER_SEC - 100 * USEC_PER_MSEC;
        fake_job_send(jobd, &job);
        report = stage_expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 3);
        stage_expect_text(report->exited, SPOOL_STDOUT, "warned\n");
        wire_free_report(report);
}
END_TEST

START_TEST(a_paused_jobs_clock_stands_still)
{
        const char *command[] = { "/bin/sh", "-c", NULL, NULL };
        Jobd__Work__Report *report;
        char script[160];
        struct fake_job job;
        pid_t pid;

        snprintf(script, sizeof(script), "read x < %s", gate);
        command[2] = script;
        fake_job_init(&job, 5, command);
        job.spec.n_argv = 3;
        job.spec.has_time_limit_usec = true;
        job.spec.time_limit_usec = 400 * USEC_PER_MSEC;
        fake_job_send(jobd, &job);
        report = fake_expect(jobd, REPORT(STARTED));
        pid = (pid_t)report->started->pid;
        wire_free_report(report);
        fake_order_lease(jobd, ORDER(PAUSE), 5);
        stage_expect_paused(true);
        stage_wait_state(pid, 'T', true);
        ck_assert(fake_is_silent(jobd, 600)); /* longer than the limit */
        fake_order_lease(jobd, ORDER(PAUSE), 5);
        stage_expect_paused(true);
        fake_order_lease(jobd, ORDER(RESUME), 5);
        stage_expect_paused(false);
        stage_open_gate();
        report = stage_expect_end(5, OUTCOME(EXITED));
        ck_assert_uint_lt(report->exited->run_usec, 400 * USEC_PER_MSEC);
        ck_assert_uint_ge(report->exited->end_wall_usec - report->exited->start_wall_usec,
                          600 * USEC_PER_MSEC);
        wire_free_report(report);
}
END_TEST

START_TEST(a_paused_job_can_be_cancelled)
{
        Jobd__Work__Report *report;

        uint64_t begun = clock_mono_usec(), before_pause, paused;

        stage_start_blocked(5, "trap 'exit 7' TERM", "true");
        fake_order_lease(jobd, ORDER(PAUSE), 5);
        stage_expect_paused(true);
        before_pause = clock_mono_usec() - begun;
        begun = clock_mono_usec();
        ck_assert(fake_is_silent(jobd, 400));
        paused = clock_mono_usec() - begun;
        fake_cancel(jobd, 5, 1000 * USEC_PER_SEC);
        report = stage_expect_end(5, OUTCOME(CANCELLED));
        ck_assert_int_eq(report->exited->exit_code, 7);
        ck_assert_uint_le(report->exited->run_usec, before_pause);
        ck_assert_uint_ge(report->exited->end_wall_usec - report->exited->start_wall_usec, paused);
        wire_free_report(report);
}
END_TEST

START_TEST(a_signal_reaches_the_whole_tree)
{
        const pid_t inner =
                start_with_inner("trap 'exit 5' USR1", "trap \"echo inner; exit 0\" USR1");

        fake_signal(jobd, 5, SIGUSR1);
        fake_wait_gone(inner);
        stage_expect_code(5, 5);
}
END_TEST

START_TEST(pause_reaches_the_whole_tree)
{
        const pid_t inner = start_with_inner("true", "true");

        fake_order_lease(jobd, ORDER(PAUSE), 5);
        stage_expect_paused(true);
        stage_wait_state(inner, 'T', true);
        fake_order_lease(jobd, ORDER(RESUME), 5);
        stage_expect_paused(false);
        stage_wait_state(inner, 'T', false);
        fake_cancel(jobd, 5, 0);
        wire_free_report(stage_expect_end(5, OUTCOME(CANCELLED)));
        ck_assert_int_eq(stage_process_state(inner), '-');
}
END_TEST

SUITE_MAIN("runner_orders", stage_open, stage_close, only_what_never_ran_is_revoked,
           cancel_sends_term, cancel_kills_after_the_grace, a_second_cancel_may_be_impatient,
           a_later_cancel_never_gives_more, cancel_before_the_start, cancel_reaches_the_whole_tree,
           the_time_limit, a_warning_comes_before_the_limit, a_paused_jobs_clock_stands_still,
           a_paused_job_can_be_cancelled, a_signal_reaches_the_whole_tree,
           pause_reaches_the_whole_tree)
