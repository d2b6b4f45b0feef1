/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.c: a job from its start to its end, what cannot start, and what is left behind.
 * Conversations between a real worker and a scripted jobd.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"

#include "proto/spool.h"

#include "stage.h"
#include "tests/unit/suite.h"

START_TEST(a_job_runs_and_its_end_is_reported)
{
        Jobd__Work__Report *report;

        fake_run_shell(jobd, 5, "echo out; echo err >&2; exit 3");
        report = stage_expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 3);
        ck_assert_uint_gt(report->exited->pid, 0);
        ck_assert_uint_gt(report->exited->start_wall_usec, 0);
        ck_assert_uint_ge(report->exited->end_wall_usec, report->exited->start_wall_usec);
        ck_assert_uint_gt(report->exited->memory_peak_bytes, 100000);
        ck_assert(!report->exited->spooled);
        ck_assert_uint_eq(report->exited->output_bytes, report->exited->records.len);
        stage_expect_text(report->exited, SPOOL_STDOUT, "out\n");
        stage_expect_text(report->exited, SPOOL_STDERR, "err\n");
        wire_free_report(report);
        ck_assert_uint_eq(stage_read_record().count, 1);
        ck_assert_uint_eq(stage_read_record().entries[0].state, RECORD_EXITED);
        fake_ack(jobd, 5);
        fake_run_shell(jobd, 6, "exit 0");
        stage_expect_code(6, 0);
}
END_TEST

START_TEST(a_signal_ends_a_job)
{
        Jobd__Work__Report *report;

        fake_run_shell(jobd, 5, "kill -SEGV $$");
        report = stage_expect_end(5, OUTCOME(SIGNALED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGSEGV);
        ck_assert(!report->exited->has_exit_code);
        wire_free_report(report);
}
END_TEST

START_TEST(a_longer_job_is_reported_as_started)
{
        struct record_image image;
        const pid_t pid = stage_start_blocked(5, "true", "exit 4");

        image = stage_read_record();
        ck_assert_uint_eq(image.count, 1);
        ck_assert_uint_eq(image.entries[0].state, RECORD_RUNNING);
        ck_assert_uint_eq(image.entries[0].pid, (uint32_t)pid);
        ck_assert_uint_gt(image.entries[0].start_boot_usec, 0);
        stage_open_gate();
        stage_expect_code(5, 4);
}
END_TEST

START_TEST(leases_run_one_after_the_other)
{
        stage_start_blocked(5, "echo first", "true");
        fake_run_shell(jobd, 6, "echo second");
        fake_run_shell(jobd, 7, "echo third");
        stage_open_gate();
        stage_expect_code(5, 0);
        stage_expect_code(6, 0);
        stage_expect_code(7, 0);
}
END_TEST

START_TEST(what_cannot_start_says_why)
{
        const char *missing[] = { "no-such-program", NULL };
        Jobd__Work__Report *report;
        struct fake_job job;

        fake_job_init(&job, 5, missing);
        fake_job_send(jobd, &job);
        report = stage_expect_end(5, OUTCOME(NOT_STARTED));
        ck_assert_str_eq(report->exited->stage, "execve");
        ck_assert_uint_eq(report->exited->error, ENOENT);
        ck_assert_str_eq(report->exited->why, "no-such-program: no such program");
        ck_assert_int_eq(report->exited->exit_code, 127);
        ck_assert(!report->exited->has_pid);
        wire_free_report(report);
        fake_ack(jobd, 5);

        fake_job_init(&job, 6, missing);
        fake_job_set_bytes(&job.spec.has_cwd, &job.spec.cwd, "/nonexistent");
        fake_job_send(jobd, &job);
        report = stage_expect_end(6, OUTCOME(NOT_STARTED));
        ck_assert_str_eq(report->exited->stage, "chdir");
        ck_assert_int_eq(report->exited->exit_code, 125);
        wire_free_report(report);
        fake_ack(jobd, 6);
        fake_run_shell(jobd, 7, "true");
        stage_expect_code(7, 0);
}
END_TEST

START_TEST(a_spec_that_is_none_is_refused)
{
        const char *command[] = { "/bin/true", NULL };
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        uint8_t nonsense[] = { 0xff, 0xff, 0xff };
        Jobd__Work__Report *report;
        struct fake_job job;

        fake_job_init(&job, 5, command);
        job.start.spec = (ProtobufCBinaryData){ .data = nonsense, .len = sizeof(nonsense) };
        order.body_case = ORDER(START);
        order.start = &job.start;
        fake_send(jobd, &order);
        report = stage_expect_end(5, OUTCOME(REFUSED));
        ck_assert_uint_gt(strlen(report->exited->why), 0);
        wire_free_report(report);
}
END_TEST

START_TEST(a_repeated_start_runs_once)
{
        stage_start_blocked(5, "echo once", "true");
        fake_run_shell(jobd, 5, "echo twice");
        stage_open_gate();
        stage_expect_code(5, 0);
        fake_run_shell(jobd, 6, "true");
        stage_expect_code(6, 0);
}
END_TEST

START_TEST(thirty_two_leases_and_no_more)
{
        Jobd__Work__Report *report;

        stage_start_blocked(1, "true", "true");
        for (uint64_t lease = 2; lease <= 33; lease++)
                fake_run_shell(jobd, lease, "true");
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 33);
        ck_assert(!report->revoked->too_late);
        wire_free_report(report);
        stage_open_gate();
        for (uint64_t lease = 1; lease <= 32; lease++)
                stage_expect_code(lease, 0);
}
END_TEST

START_TEST(the_users_own_files)
{
        const char *command[] = { "/bin/sh", "-c", "cat; echo err >&2", NULL };
        char pattern[128], in_path[128], *text;
        Jobd__Work__Report *report;
        struct fake_job job;
        int fd;

        snprintf(in_path, sizeof(in_path), "%s/in", fake.dir);
        fd = open(in_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(write(fd, "from a file\n", 12), 12);
        close(fd);
        snprintf(pattern, sizeof(pattern), "%s/%%x-%%j-%%a.out", fake.dir);
        fake_job_init(&job, 5, command);
        job.start.array = job.start.has_array = job.start.has_array_index = true;
        job.start.array_index = 42;
        job.spec.name = strdup("fit");
        fake_job_set_bytes(&job.spec.has_input_path, &job.spec.input_path, in_path);
        fake_job_set_bytes(&job.spec.has_output_path, &job.spec.output_path, pattern);
        fake_job_send(jobd, &job);
        report = stage_expect_end(5, OUTCOME(EXITED));
        stage_expect_text(report->exited, SPOOL_STDOUT, "");
        stage_expect_text(report->exited, SPOOL_STDERR, "err\n");
        wire_free_report(report);
        free(job.spec.name);
        snprintf(in_path, sizeof(in_path), "%s/fit-5-42.out", fake.dir);
        ck_assert_int_eq(fs_read_file(AT_FDCWD, in_path, 100, &text, NULL), 0);
        ck_assert_str_eq(text, "from a file\n");
        free(text);
}
END_TEST

START_TEST(the_environment_of_a_job)
{
        Jobd__Work__Report *report;
        const char *command[] = { "env", NULL };
        struct fake_job job;
        char *text;

        fake_job_init(&job, 5, command);
        fake_job_add_env(&job, "COLOUR=red and blue");
        fake_job_send(jobd, &job);
        report = stage_expect_end(5, OUTCOME(EXITED));
        text = stage_text_of(report->exited, SPOOL_STDOUT);
        ck_assert_ptr_nonnull(strstr(text, "COLOUR=red and blue\n"));
        ck_assert_ptr_nonnull(strstr(text, "JOBD_JOB_ID=5\n"));
        ck_assert_ptr_nonnull(strstr(text, "JOBD_SLOT=1\n"));
        ck_assert_ptr_nonnull(strstr(text, "JOBD_SUBMIT_DIR=/\n"));
        ck_assert_ptr_null(strstr(text, "HOME="));
        ck_assert_ptr_null(strstr(text, "CK_"));
        free(text);
        wire_free_report(report);
}
END_TEST

/* ------------------------------------------------------------------------------------ leftovers */

START_TEST(what_a_job_leaves_is_killed)
{
        Jobd__Work__Report *report;
        char before[300];
        pid_t left;

        /* A daemon by the book: two forks and a session of its own, holding the job's stdout. */
        stage_make_fifo("pid");
        snprintf(before, sizeof(before),
                 "(setsid sh -c 'trap \"\" TERM HUP; echo $$ > %s/pid; exec cat %s' &)", fake.dir,
                 fake.never);
        stage_start_blocked(5, before, "exit 2");
        left = (pid_t)atoi(stage_read_fifo("pid"));
        ck_assert_int_gt(left, 1);
        stage_open_gate();
        report = stage_expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 2);
        ck_assert_int_eq(stage_process_state(left), '-');
        ck_assert(!report->exited->has_survivors);
        wire_free_report(report);
        fake_ack(jobd, 5);
        fake_run_shell(jobd, 6, "true");
        stage_expect_code(6, 0);
}
END_TEST

START_TEST(many_generations_are_killed)
{
        Jobd__Work__Report *report;
        char script[500];

        /* The last ones say that they are there. */
        snprintf(script, sizeof(script),
                 "exec 8<>%s/up; f() { [ $1 = 0 ] && { echo >&8; exec cat %s; }; "
                 "(f $(($1 - 1))) & (f $(($1 - 1))) & wait; }; f 4 & "
                 "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do read x <&8; done; exit 2",
                 fake.dir, fake.never);
        fake_run_shell(jobd, 5, script);
        report = stage_expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 2);
        wire_free_report(report);
        fake_ack(jobd, 5);
        fake_run_shell(jobd, 6, "true");
        stage_expect_code(6, 0);
}
END_TEST

START_TEST(a_job_dies_with_its_worker)
{
        const pid_t pid = stage_start_blocked(5, "true", "true");

        kill(fake.pid, SIGKILL);
        fake_wait_program(&fake);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) /* it is ours now */
                continue;
        ck_assert_uint_eq(stage_read_record().entries[0].state, RECORD_RUNNING);
        ck_assert_int_eq(fs_is_locked(fake.records_fd, "0.1"), 0);
}
END_TEST

SUITE_MAIN("runner", stage_open, stage_close, a_job_runs_and_its_end_is_reported,
           a_signal_ends_a_job, a_longer_job_is_reported_as_started, leases_run_one_after_the_other,
           what_cannot_start_says_why, a_spec_that_is_none_is_refused, a_repeated_start_runs_once,
           thirty_two_leases_and_no_more, the_users_own_files, the_environment_of_a_job,
           what_a_job_leaves_is_killed, many_generations_are_killed, a_job_dies_with_its_worker)
