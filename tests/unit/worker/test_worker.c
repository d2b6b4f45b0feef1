/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c, runner.c and their orders: conversations between a real worker and a scripted jobd. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"

#include "proto/spool.h"

#include "fake_jobd.h"
#include "tests/unit/suite.h"
#include "worker/line.h"
#include "worker/record.h"

#define REPORT(name) JOBD__WORK__REPORT__BODY_##name
#define ORDER(name) JOBD__WORK__ORDER__BODY_##name
#define OUTCOME(name) JOBD__WORK__OUTCOME__OUTCOME_##name

static struct fake fake;
static struct fake_link *jobd;
static char gate[96];

/* ------------------------------------------------------------------------------------- helpers */

static Jobd__Work__Report *expect_end(uint64_t lease, Jobd__Work__Outcome outcome)
{
        Jobd__Work__Report *report = fake_await(jobd, REPORT(EXITED));

        ck_assert_uint_eq(report->exited->lease, lease);
        ck_assert_msg(report->exited->outcome == outcome, "outcome %d (%s)",
                      (int)report->exited->outcome, report->exited->why);
        return report;
}

static void expect_code(uint64_t lease, int code)
{
        Jobd__Work__Report *report = expect_end(lease, OUTCOME(EXITED));

        ck_assert_int_eq(report->exited->exit_code, code);
        wire_free_report(report);
        fake_ack(jobd, lease);
}

static char *text_of(const Jobd__Work__Exited *exited, enum spool_stream stream)
{
        return fake_text_of(exited->records.data, exited->records.len, (int)stream);
}

static void expect_text(const Jobd__Work__Exited *exited, enum spool_stream stream,
                        const char *wanted)
{
        char *text = text_of(exited, stream);

        ck_assert_str_eq(text, wanted);
        free(text);
}

static void make_fifo(const char *name)
{
        char path[160];

        snprintf(path, sizeof(path), "%s/%s", fake.dir, name);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
}

/* Blocks until the job has written a line into this FIFO; the line. */
static const char *read_fifo(const char *name)
{
        static char text[256];
        char path[160];
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "%s/%s", fake.dir, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        n = read(fd, text, sizeof(text) - 1);
        ck_assert_int_gt(n, 0);
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        close(fd);
        return text;
}

static void setup(void)
{
        fake_init(&fake);
        snprintf(gate, sizeof(gate), "%s/gate", fake.dir);
        ck_assert_int_eq(mkfifo(gate, 0600), 0);
        make_fifo("up");
        fake_listen(&fake);
        fake_start_worker(&fake);
        jobd = fake_accept_worker(&fake, 0);
}

static void teardown(void)
{
        jobd = fake_close(jobd);
        fake_deinit(&fake);
}

/* A job that does `before`, waits at the gate, and does `after`; it has come there on return. */
static pid_t start_blocked(uint64_t lease, const char *before, const char *after)
{
        Jobd__Work__Report *report;
        char script[800];
        pid_t pid;

        snprintf(script, sizeof(script), "%s; echo up > %s/up; read x < %s; %s", before, fake.dir,
                 gate, after);
        fake_run_shell(jobd, lease, script);
        report = fake_expect(jobd, REPORT(STARTED));
        ck_assert_uint_eq(report->started->lease, lease);
        pid = (pid_t)report->started->pid;
        wire_free_report(report);
        ck_assert_str_eq(read_fifo("up"), "up");
        return pid;
}

static void open_fifo(const char *path)
{
        const int fd = open(path, O_WRONLY | O_CLOEXEC); /* waits for the reader */

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, "\n", 1), 1);
        close(fd);
}

static void open_gate(void)
{
        open_fifo(gate);
}

static struct record_image read_record(void)
{
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        struct record_image image;

        ck_assert_int_eq(clock_read_boot_id(boot_id), 0);
        ck_assert_int_eq(record_read(fake.records_fd, "0.1", boot_id, &image), 0);
        return image;
}

static char process_state(pid_t pid)
{
        char path[64], *text, state;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        if (fs_read_file(AT_FDCWD, path, 4096, &text, NULL))
                return '-';
        state = strrchr(text, ')')[2];
        free(text);
        return state;
}

/* Nobody tells when another process's child stops: it is looked at until it has. */
static void wait_state(pid_t pid, char wanted, bool is_wanted)
{
        const uint64_t deadline = clock_mono_usec() + FAKE_DEADLINE_MS * USEC_PER_MSEC;

        while ((process_state(pid) == wanted) != is_wanted) {
                ck_assert_msg(clock_mono_usec() < deadline, "process %d is %c", (int)pid,
                              process_state(pid));
                sched_yield();
        }
}

static void reconnect(size_t leases)
{
        jobd = fake_close(jobd);
        jobd = fake_accept_worker(&fake, leases);
}

/* ------------------------------------------------------------------------------------- running */

START_TEST(a_job_runs_and_its_end_is_reported)
{
        Jobd__Work__Report *report;

        fake_run_shell(jobd, 5, "echo out; echo err >&2; exit 3");
        report = expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 3);
        ck_assert_uint_gt(report->exited->pid, 0);
        ck_assert_uint_gt(report->exited->start_wall_usec, 0);
        ck_assert_uint_ge(report->exited->end_wall_usec, report->exited->start_wall_usec);
        ck_assert_uint_gt(report->exited->memory_peak_bytes, 100000);
        ck_assert(!report->exited->spooled);
        ck_assert_uint_eq(report->exited->output_bytes, report->exited->records.len);
        expect_text(report->exited, SPOOL_STDOUT, "out\n");
        expect_text(report->exited, SPOOL_STDERR, "err\n");
        wire_free_report(report);
        ck_assert_uint_eq(read_record().count, 1);
        ck_assert_uint_eq(read_record().entries[0].state, RECORD_EXITED);
        fake_ack(jobd, 5);
        fake_run_shell(jobd, 6, "exit 0");
        expect_code(6, 0);
}
END_TEST

START_TEST(a_signal_ends_a_job)
{
        Jobd__Work__Report *report;

        fake_run_shell(jobd, 5, "kill -SEGV $$");
        report = expect_end(5, OUTCOME(SIGNALED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGSEGV);
        ck_assert(!report->exited->has_exit_code);
        wire_free_report(report);
}
END_TEST

START_TEST(a_longer_job_is_reported_as_started)
{
        struct record_image image;
        const pid_t pid = start_blocked(5, "true", "exit 4");

        image = read_record();
        ck_assert_uint_eq(image.count, 1);
        ck_assert_uint_eq(image.entries[0].state, RECORD_RUNNING);
        ck_assert_uint_eq(image.entries[0].pid, (uint32_t)pid);
        ck_assert_uint_gt(image.entries[0].start_boot_usec, 0);
        open_gate();
        expect_code(5, 4);
}
END_TEST

START_TEST(leases_run_one_after_the_other)
{
        start_blocked(5, "echo first", "true");
        fake_run_shell(jobd, 6, "echo second");
        fake_run_shell(jobd, 7, "echo third");
        open_gate();
        expect_code(5, 0);
        expect_code(6, 0);
        expect_code(7, 0);
}
END_TEST

START_TEST(what_cannot_start_says_why)
{
        const char *missing[] = { "no-such-program", NULL };
        Jobd__Work__Report *report;
        struct fake_job job;

        fake_job_init(&job, 5, missing);
        fake_job_send(jobd, &job);
        report = expect_end(5, OUTCOME(NOT_STARTED));
        ck_assert_str_eq(report->exited->stage, "execve");
        ck_assert_uint_eq(report->exited->error, ENOENT);
        ck_assert_str_eq(report->exited->why, "no-such-program: no such program");
        ck_assert(!report->exited->has_pid);
        wire_free_report(report);
        fake_ack(jobd, 5);

        fake_job_init(&job, 6, missing);
        fake_job_set_bytes(&job.spec.has_cwd, &job.spec.cwd, "/nonexistent");
        fake_job_send(jobd, &job);
        report = expect_end(6, OUTCOME(NOT_STARTED));
        ck_assert_str_eq(report->exited->stage, "chdir");
        wire_free_report(report);
        fake_ack(jobd, 6);
        fake_run_shell(jobd, 7, "true");
        expect_code(7, 0);
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
        report = expect_end(5, OUTCOME(REFUSED));
        ck_assert_uint_gt(strlen(report->exited->why), 0);
        wire_free_report(report);
}
END_TEST

START_TEST(a_repeated_start_runs_once)
{
        start_blocked(5, "echo once", "true");
        fake_run_shell(jobd, 5, "echo twice");
        open_gate();
        expect_code(5, 0);
        fake_run_shell(jobd, 6, "true");
        expect_code(6, 0);
}
END_TEST

START_TEST(thirty_two_leases_and_no_more)
{
        Jobd__Work__Report *report;

        start_blocked(1, "true", "true");
        for (uint64_t lease = 2; lease <= 33; lease++)
                fake_run_shell(jobd, lease, "true");
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 33);
        ck_assert(!report->revoked->too_late);
        wire_free_report(report);
        open_gate();
        for (uint64_t lease = 1; lease <= 32; lease++)
                expect_code(lease, 0);
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
        report = expect_end(5, OUTCOME(EXITED));
        expect_text(report->exited, SPOOL_STDOUT, "");
        expect_text(report->exited, SPOOL_STDERR, "err\n");
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
        report = expect_end(5, OUTCOME(EXITED));
        text = text_of(report->exited, SPOOL_STDOUT);
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

/* -------------------------------------------------------------------------------------- orders */

START_TEST(only_what_never_ran_is_revoked)
{
        Jobd__Work__Report *report;

        start_blocked(5, "true", "true");
        fake_run_shell(jobd, 6, "echo must not run");
        fake_order_lease(jobd, ORDER(REVOKE), 6);
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 6);
        ck_assert(!report->revoked->too_late);
        wire_free_report(report);
        ck_assert_uint_eq(read_record().count, 1);
        fake_order_lease(jobd, ORDER(REVOKE), 5);
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 5);
        ck_assert(report->revoked->too_late);
        wire_free_report(report);
        open_gate();
        expect_code(5, 0);
        fake_run_shell(jobd, 7, "true");
        expect_code(7, 0);
}
END_TEST

START_TEST(cancel_sends_term)
{
        Jobd__Work__Report *report;

        start_blocked(5, "trap 'echo asked; exit 9' TERM", "true");
        fake_cancel(jobd, 5, 10 * USEC_PER_SEC);
        report = expect_end(5, OUTCOME(CANCELLED));
        ck_assert_int_eq(report->exited->exit_code, 9);
        expect_text(report->exited, SPOOL_STDOUT, "asked\n");
        wire_free_report(report);
}
END_TEST

START_TEST(cancel_kills_after_the_grace)
{
        Jobd__Work__Report *report;
        uint64_t begun;

        start_blocked(5, "trap '' TERM", "true");
        begun = clock_mono_usec();
        fake_cancel(jobd, 5, 200 * USEC_PER_MSEC);
        report = expect_end(5, OUTCOME(CANCELLED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGKILL);
        ck_assert_uint_ge(clock_mono_usec() - begun, 200 * USEC_PER_MSEC);
        wire_free_report(report);
}
END_TEST

START_TEST(a_second_cancel_may_be_impatient)
{
        start_blocked(5, "trap '' TERM", "true");
        fake_cancel(jobd, 5, 1000 * USEC_PER_SEC);
        fake_cancel(jobd, 5, 0);
        wire_free_report(expect_end(5, OUTCOME(CANCELLED)));
}
END_TEST

START_TEST(cancel_before_the_start)
{
        Jobd__Work__Report *report;

        start_blocked(5, "true", "true");
        fake_run_shell(jobd, 6, "echo must not run");
        fake_cancel(jobd, 6, 0);
        report = expect_end(6, OUTCOME(CANCELLED));
        ck_assert(!report->exited->has_pid);
        ck_assert_uint_eq(report->exited->output_bytes, 0);
        wire_free_report(report);
        open_gate();
        expect_code(5, 0);
}
END_TEST

/* A shell in a session of its own below the job, which tells its pid through the FIFO "pid". */
static pid_t start_with_inner(const char *outer, const char *inner)
{
        char before[400];
        pid_t pid;

        make_fifo("pid");
        snprintf(before, sizeof(before),
                 "%s; setsid sh -c '%s; echo $$ > %s/pid; sleep 1000 & wait' & true", outer, inner,
                 fake.dir);
        start_blocked(5, before, "wait");
        pid = (pid_t)atoi(read_fifo("pid"));
        ck_assert_int_gt(pid, 1);
        return pid;
}

START_TEST(cancel_reaches_the_whole_tree)
{
        Jobd__Work__Report *report;
        const pid_t inner = start_with_inner("true", "trap \"echo inner; exit 0\" TERM");

        fake_cancel(jobd, 5, 1000 * USEC_PER_SEC);
        report = expect_end(5, OUTCOME(CANCELLED));
        ck_assert_int_eq(process_state(inner), '-');
        wire_free_report(report);
}
END_TEST

START_TEST(the_time_limit)
{
        const char *command[] = { "/bin/sh", "-c", "sleep 1000", NULL };
        Jobd__Work__Report *report;
        struct fake_job job;

        fake_job_init(&job, 5, command);
        job.spec.has_time_limit_usec = true;
        job.spec.time_limit_usec = 150 * USEC_PER_MSEC;
        fake_job_send(jobd, &job);
        report = expect_end(5, OUTCOME(TIMEOUT));
        ck_assert_uint_eq(report->exited->exit_signal, SIGTERM);
        ck_assert_uint_ge(report->exited->run_usec, 150 * USEC_PER_MSEC);
        wire_free_report(report);
}
END_TEST

START_TEST(a_warning_comes_before_the_limit)
{
        const char *command[] = { "/bin/sh", "-c",
                                  "trap 'echo warned; exit 3' USR1; while :; do sleep 0.01; done",
                                  NULL };
        Jobd__Work__Report *report;
        struct fake_job job;

        fake_job_init(&job, 5, command);
        job.spec.has_time_limit_usec = job.spec.has_warn_signal = job.spec.has_warn_before_usec =
                true;
        job.spec.time_limit_usec = 1000 * USEC_PER_SEC;
        job.spec.warn_signal = SIGUSR1;
        job.spec.warn_before_usec = 1000 * USEC_PER_SEC - 100 * USEC_PER_MSEC;
        fake_job_send(jobd, &job);
        report = expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 3);
        expect_text(report->exited, SPOOL_STDOUT, "warned\n");
        wire_free_report(report);
}
END_TEST

static void expect_paused(bool wanted)
{
        Jobd__Work__Report *report = fake_await(jobd, REPORT(PAUSED));

        ck_assert_uint_eq(report->paused->lease, 5);
        ck_assert(report->paused->paused == wanted);
        wire_free_report(report);
}

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
        expect_paused(true);
        wait_state(pid, 'T', true);
        ck_assert(fake_is_silent(jobd, 600)); /* longer than the limit */
        fake_order_lease(jobd, ORDER(PAUSE), 5);
        expect_paused(true);
        fake_order_lease(jobd, ORDER(RESUME), 5);
        expect_paused(false);
        open_gate();
        report = expect_end(5, OUTCOME(EXITED));
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

        start_blocked(5, "trap 'exit 7' TERM", "true");
        fake_order_lease(jobd, ORDER(PAUSE), 5);
        expect_paused(true);
        before_pause = clock_mono_usec() - begun;
        begun = clock_mono_usec();
        ck_assert(fake_is_silent(jobd, 400));
        paused = clock_mono_usec() - begun;
        fake_cancel(jobd, 5, 1000 * USEC_PER_SEC);
        report = expect_end(5, OUTCOME(CANCELLED));
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
        expect_code(5, 5);
}
END_TEST

START_TEST(pause_reaches_the_whole_tree)
{
        const pid_t inner = start_with_inner("true", "true");

        fake_order_lease(jobd, ORDER(PAUSE), 5);
        expect_paused(true);
        wait_state(inner, 'T', true);
        fake_order_lease(jobd, ORDER(RESUME), 5);
        expect_paused(false);
        wait_state(inner, 'T', false);
        fake_cancel(jobd, 5, 0);
        wire_free_report(expect_end(5, OUTCOME(CANCELLED)));
        ck_assert_int_eq(process_state(inner), '-');
}
END_TEST

/* ----------------------------------------------------------------------------------- leftovers */

START_TEST(what_a_job_leaves_is_killed)
{
        Jobd__Work__Report *report;
        char before[300];
        pid_t left;

        /* A daemon by the book: two forks and a session of its own, holding the job's stdout. */
        make_fifo("pid");
        snprintf(before, sizeof(before),
                 "(setsid sh -c 'trap \"\" TERM HUP; echo $$ > %s/pid; exec sleep 1000' &)",
                 fake.dir);
        start_blocked(5, before, "exit 2");
        left = (pid_t)atoi(read_fifo("pid"));
        ck_assert_int_gt(left, 1);
        open_gate();
        report = expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 2);
        ck_assert_int_eq(process_state(left), '-');
        ck_assert(!report->exited->has_survivors);
        wire_free_report(report);
        fake_ack(jobd, 5);
        fake_run_shell(jobd, 6, "true");
        expect_code(6, 0);
}
END_TEST

START_TEST(many_generations_are_killed)
{
        Jobd__Work__Report *report;

        fake_run_shell(jobd, 5,
                       "f() { [ $1 = 0 ] && exec sleep 1000; (f $(($1 - 1))) & (f $(($1 - 1))) & "
                       "wait; }; f 4 & sleep 0.05; exit 2");
        report = expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 2);
        wire_free_report(report);
        fake_ack(jobd, 5);
        fake_run_shell(jobd, 6, "true");
        expect_code(6, 0);
}
END_TEST

START_TEST(a_job_dies_with_its_worker)
{
        const pid_t pid = start_blocked(5, "true", "true");

        kill(fake.pid, SIGKILL);
        fake_wait_program(&fake);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) /* it is ours now */
                continue;
        ck_assert_uint_eq(read_record().entries[0].state, RECORD_RUNNING);
        ck_assert_int_eq(fs_is_locked(fake.records_fd, "0.1"), 0);
}
END_TEST

/* -------------------------------------------------------------------------------------- output */

START_TEST(much_output_is_spooled)
{
        Jobd__Work__Report *report;
        char *text;

        fake_run_shell(jobd, 5, "head -c 200000 /dev/zero | tr '\\0' x; echo end");
        report = expect_end(5, OUTCOME(EXITED));
        ck_assert(report->exited->spooled);
        ck_assert_uint_eq(report->exited->records.len, 0);
        ck_assert_uint_gt(report->exited->output_bytes, 200004);
        text = fake_spooled_text(&fake, 5, SPOOL_STDOUT);
        ck_assert_uint_eq(strlen(text), 200004);
        ck_assert_str_eq(text + 200000, "end\n");
        free(text);
        wire_free_report(report);
        ck_assert(read_record().entries[0].spooled);
}
END_TEST

START_TEST(output_of_an_older_job_is_spooled)
{
        Jobd__Work__Report *report;
        char *text;

        start_blocked(5, "echo early", "echo late");
        report = fake_expect(jobd, REPORT(SPOOLED)); /* after about a second */
        ck_assert_uint_eq(report->spooled->lease, 5);
        ck_assert_uint_eq(report->spooled->size_bytes, SPOOL_HEADER_BYTES + 6);
        wire_free_report(report);
        ck_assert(read_record().entries[0].spooled);
        open_gate();
        report = expect_end(5, OUTCOME(EXITED));
        ck_assert(report->exited->spooled);
        text = fake_spooled_text(&fake, 5, SPOOL_STDOUT);
        ck_assert_str_eq(text, "early\nlate\n");
        free(text);
        wire_free_report(report);
}
END_TEST

START_TEST(the_cap)
{
        const char *command[] = { "/bin/sh", "-c", "yes | head -c 3000000; echo done >&2", NULL };
        Jobd__Work__Report *report;
        struct fake_job job;
        char *text;

        fake_job_init(&job, 5, command);
        job.start.has_output_cap_bytes = true;
        job.start.output_cap_bytes = 1 << 20;
        fake_job_send(jobd, &job);
        report = expect_end(5, OUTCOME(EXITED)); /* it was never stopped */
        ck_assert_int_eq(report->exited->exit_code, 0);
        ck_assert(report->exited->output_cut);
        ck_assert_uint_lt(report->exited->output_bytes, (1 << 20) + 200);
        text = fake_spooled_text(&fake, 5, SPOOL_MARK);
        ck_assert_str_eq(text, "output cut after 1 MiB");
        free(text);
        wire_free_report(report);
}
END_TEST

static void expect_piece(uint64_t offset, const char *wanted)
{
        Jobd__Work__Report *report = fake_await(jobd, REPORT(OUTPUT_PIECE));
        char *text;

        ck_assert_uint_eq(report->output_piece->lease, 5);
        ck_assert_uint_eq(report->output_piece->offset, offset);
        text = fake_text_of(report->output_piece->records.data, report->output_piece->records.len,
                            SPOOL_STDOUT);
        ck_assert_str_eq(text, wanted);
        free(text);
        wire_free_report(report);
}

START_TEST(a_follower_is_shown_what_comes)
{
        const char *command[] = { "/bin/sh", "-c", NULL, NULL };
        char script[300];
        struct fake_job job;
        Jobd__Work__Report *report;

        snprintf(script, sizeof(script), "echo one; read x < %s; echo two; read x < %s/up", gate,
                 fake.dir);
        command[2] = script;
        fake_job_init(&job, 5, command);
        job.spec.n_argv = 3;
        job.start.has_follow = job.start.follow = true;
        fake_job_send(jobd, &job);
        expect_piece(0, "one\n");
        open_gate();
        expect_piece(SPOOL_HEADER_BYTES + 4, "two\n");
        fake_follow(jobd, 5, true);
        expect_piece(0, "one\ntwo\n");
        /* Not the gate again: the job could meet the hand that is just leaving it. */
        snprintf(script, sizeof(script), "%s/up", fake.dir);
        open_fifo(script);
        report = expect_end(5, OUTCOME(EXITED));
        expect_text(report->exited, SPOOL_STDOUT, "one\ntwo\n");
        wire_free_report(report);
}
END_TEST

START_TEST(a_follower_of_a_file_hears_that_it_grows)
{
        Jobd__Work__Report *report;
        uint64_t size;

        start_blocked(5, "head -c 100000 /dev/zero", "echo more; head -c 50000 /dev/zero");
        fake_follow(jobd, 5, true);
        report = fake_await(jobd, REPORT(SPOOLED));
        size = report->spooled->size_bytes;
        wire_free_report(report);
        open_gate();
        do {
                report = fake_receive(jobd);
                ck_assert_ptr_nonnull(report);
                if (report->body_case == REPORT(SPOOLED)) /* the answer to the follower */
                        size = report->spooled->size_bytes;
                if (report->body_case == REPORT(GROWN)) {
                        ck_assert_uint_gt(report->grown->size_bytes, size);
                        size = report->grown->size_bytes;
                }
                const bool is_end = report->body_case == REPORT(EXITED);
                if (is_end)
                        ck_assert_uint_eq(report->exited->output_bytes, size);
                wire_free_report(report);
                if (is_end)
                        break;
        } while (true);
}
END_TEST

START_TEST(a_full_disk_cuts_output_and_not_the_job)
{
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        Jobd__Work__Disk disk = JOBD__WORK__DISK__INIT;
        Jobd__Work__Report *report;

        disk.full = true;
        order.body_case = ORDER(DISK);
        order.disk = &disk;
        fake_send(jobd, &order);
        fake_run_shell(jobd, 5, "head -c 300000 /dev/zero; exit 6");
        report = expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 6);
        ck_assert(report->exited->output_cut);
        ck_assert(!report->exited->spooled);
        expect_text(report->exited, SPOOL_MARK, "output cut: disk full");
        wire_free_report(report);
}
END_TEST

/* --------------------------------------------------------------------------------------- stdin */

static void start_cat(void)
{
        const char *command[] = { "/bin/cat", NULL };
        struct fake_job job;

        fake_job_init(&job, 5, command);
        job.spec.has_stdin_pipe = job.spec.stdin_pipe = true;
        fake_job_send(jobd, &job);
        wire_free_report(fake_expect(jobd, REPORT(STARTED)));
}

START_TEST(stdin_is_fed)
{
        Jobd__Work__Report *report;

        start_cat();
        fake_stdin(jobd, 5, 0, "hello ", 6, false);
        report = fake_await(jobd, REPORT(STDIN_TAKEN));
        ck_assert_uint_eq(report->stdin_taken->taken, 6);
        ck_assert(!report->stdin_taken->closed);
        wire_free_report(report);
        fake_stdin(jobd, 5, 6, "there", 5, true);
        report = expect_end(5, OUTCOME(EXITED));
        expect_text(report->exited, SPOOL_STDOUT, "hello there");
        wire_free_report(report);
}
END_TEST

START_TEST(stdin_survives_a_new_link)
{
        Jobd__Work__Report *report;

        start_cat();
        fake_stdin(jobd, 5, 0, "hello ", 6, false);
        wire_free_report(fake_await(jobd, REPORT(STDIN_TAKEN)));
        jobd = fake_close(jobd);
        jobd = fake_accept(&fake);
        report = fake_expect(jobd, REPORT(INVENTORY));
        ck_assert_uint_eq(report->inventory->leases[0]->stdin_taken, 6);
        wire_free_report(report);
        fake_stdin(jobd, 5, 0, "hello there", 11, true);
        report = expect_end(5, OUTCOME(EXITED));
        expect_text(report->exited, SPOOL_STDOUT, "hello there");
        wire_free_report(report);
}
END_TEST

START_TEST(stdin_without_a_pipe_is_empty)
{
        fake_run_shell(jobd, 5, "cat; exit 3");
        expect_code(5, 3);
}
END_TEST

/* ----------------------------------------------------------------------------------- jobd away */

START_TEST(an_end_is_repeated_until_it_is_acknowledged)
{
        fake_run_shell(jobd, 5, "exit 3");
        wire_free_report(expect_end(5, OUTCOME(EXITED)));
        reconnect(1);
        wire_free_report(expect_end(5, OUTCOME(EXITED)));
        reconnect(1);
        expect_code(5, 3);
        /* The Ack came before the end of this link, so it counts. */
        fake_run_shell(jobd, 6, "true");
        expect_code(6, 0);
        fake_run_shell(jobd, 7, "true");
        wire_free_report(expect_end(7, OUTCOME(EXITED)));
        reconnect(1);
}
END_TEST

START_TEST(a_running_job_does_not_notice_that_jobd_is_away)
{
        Jobd__Work__Report *report;
        const Jobd__Work__HeldLease *held;
        const pid_t pid = start_blocked(5, "echo before", "echo after; exit 3");

        fake_run_shell(jobd, 6, "exit 4");
        jobd = fake_close(jobd);
        fake_unlisten(&fake);
        open_gate();
        fake_wait_gone(pid);
        fake_listen(&fake);
        jobd = fake_accept(&fake);
        report = fake_expect(jobd, REPORT(INVENTORY));
        ck_assert_uint_eq(report->inventory->n_leases, 2);
        held = report->inventory->leases[0];
        ck_assert_uint_eq(held->lease, 5);
        ck_assert_uint_eq(held->pid, (uint32_t)pid);
        wire_free_report(report);
        report = expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 3);
        expect_text(report->exited, SPOOL_STDOUT, "before\nafter\n");
        wire_free_report(report);
        expect_code(6, 4);
}
END_TEST

START_TEST(the_inventory_tells_what_runs)
{
        Jobd__Work__Report *report;
        const Jobd__Work__HeldLease *held;

        start_blocked(5, "true", "true");
        fake_run_shell(jobd, 6, "true");
        fake_order_lease(jobd, ORDER(PAUSE), 5);
        expect_paused(true);
        jobd = fake_close(jobd);
        jobd = fake_accept(&fake);
        report = fake_expect(jobd, REPORT(INVENTORY));
        ck_assert_uint_eq(report->inventory->n_leases, 2);
        held = report->inventory->leases[0];
        ck_assert_int_eq(held->state, JOBD__WORK__SLOT_STATE__SLOT_RUNNING);
        ck_assert(held->paused);
        ck_assert_uint_gt(held->start_wall_usec, 0);
        ck_assert_int_eq(report->inventory->leases[1]->state,
                         JOBD__WORK__SLOT_STATE__SLOT_ACCEPTED);
        wire_free_report(report);
        fake_cancel(jobd, 5, 0);
        wire_free_report(expect_end(5, OUTCOME(CANCELLED)));
}
END_TEST

START_TEST(the_socket_may_come_late_and_its_folder_too)
{
        jobd = fake_close(jobd);
        fake_unlisten(&fake);
        ck_assert_int_eq(unlink(fake.socket), 0);
        ck_assert_int_eq(rmdir(fake.private_dir), 0);
        ck_assert_int_eq(mkdir(fake.private_dir, 0700), 0);
        fake_listen(&fake);
        jobd = fake_accept_worker(&fake, 0);
        jobd = fake_close(jobd);
        fake_unlisten(&fake); /* the file stays: a jobd that was killed */
        fake_listen(&fake);
        jobd = fake_accept_worker(&fake, 0);
}
END_TEST

/* ------------------------------------------------------------------------------------- the end */

static void expect_orderly_end(void)
{
        const int status = fake_wait_program(&fake);

        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x",
                      (unsigned int)status);
        ck_assert_uint_eq(read_record().count, 0);
}

START_TEST(an_idle_worker_retires_at_once)
{
        fake_order_lease(jobd, ORDER(RETIRE), 0);
        expect_orderly_end();
}
END_TEST

START_TEST(a_retiring_worker_finishes_what_runs_and_gives_the_rest_back)
{
        Jobd__Work__Report *report;

        start_blocked(5, "true", "exit 3");
        fake_run_shell(jobd, 6, "true");
        fake_order_lease(jobd, ORDER(RETIRE), 0);
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 6);
        ck_assert(!report->revoked->too_late);
        wire_free_report(report);
        fake_run_shell(jobd, 7, "true");
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 7);
        wire_free_report(report);
        open_gate();
        expect_code(5, 3);
        expect_orderly_end();
}
END_TEST

START_TEST(term_means_retire)
{
        start_blocked(5, "true", "exit 3");
        kill(fake.pid, SIGTERM);
        open_gate();
        expect_code(5, 3);
        expect_orderly_end();
}
END_TEST

START_TEST(the_pools_stop_ends_the_job_and_says_so)
{
        Jobd__Work__Report *report;

        start_blocked(5, "trap 'exit 8' TERM", "true");
        line_send(fake.line_fd, LINE_STOP, 10 * USEC_PER_SEC);
        report = expect_end(5, OUTCOME(CANCELLED));
        ck_assert_int_eq(report->exited->exit_code, 8);
        ck_assert_ptr_nonnull(strstr(report->exited->why, "the workers were stopped"));
        wire_free_report(report);
        fake_ack(jobd, 5);
        expect_orderly_end();
}
END_TEST

START_TEST(a_stopped_worker_leaves_unacknowledged_ends_in_its_record)
{
        struct record_image image;
        char *text;

        fake_run_shell(jobd, 5, "echo precious; exit 3");
        wire_free_report(expect_end(5, OUTCOME(EXITED)));
        jobd = fake_close(jobd);
        fake_unlisten(&fake);
        line_send(fake.line_fd, LINE_STOP, 0);
        ck_assert_int_eq(fake_wait_program(&fake), 0);
        image = read_record();
        ck_assert_uint_eq(image.count, 1);
        ck_assert_uint_eq(image.entries[0].state, RECORD_EXITED);
        ck_assert_int_eq(image.entries[0].exit_code, 3);
        ck_assert(image.entries[0].spooled);
        text = fake_spooled_text(&fake, 5, SPOOL_STDOUT);
        ck_assert_str_eq(text, "precious\n");
        free(text);
}
END_TEST

START_TEST(without_its_pool_a_worker_ends_its_job_and_itself)
{
        struct record_image image;
        const pid_t pid = start_blocked(5, "trap '' TERM", "true");

        fake_run_shell(jobd, 6, "true");
        fake.line_fd = fd_close(fake.line_fd);
        ck_assert_int_eq(fake_wait_program(&fake), 0);
        ck_assert_int_eq(process_state(pid), '-');
        image = read_record();
        ck_assert_uint_eq(image.count, 2);
        ck_assert_uint_eq(image.entries[0].state, RECORD_RUNNING); /* nobody may call it ended */
        ck_assert_uint_eq(image.entries[1].state, RECORD_ACCEPTED);
}
END_TEST

START_TEST(the_pool_hears_of_dialling_work_and_life)
{
        struct line_message message;
        struct record_shared *shared;

        ck_assert_int_eq(line_receive(fake.line_fd, &message), 0);
        ck_assert_uint_eq(message.kind, LINE_DIALLED);
        ck_assert_uint_eq(message.value, 1);
        ck_assert_int_eq(record_map_shared(fake.records_fd, 0, 1, &shared), 0);
        ck_assert_uint_eq(atomic_load(&shared->busy), 0);
        start_blocked(5, "true", "true");
        ck_assert_uint_eq(atomic_load(&shared->busy), 1);
        ck_assert_int_eq(line_receive(fake.line_fd, &message), 0);
        ck_assert_uint_eq(message.kind, LINE_BUSY);
        atomic_store(&shared->watching, 1);
        open_gate();
        expect_code(5, 0);
        fake_run_shell(jobd, 6, "true");
        expect_code(6, 0);
        ck_assert_int_eq(line_receive(fake.line_fd, &message), LINE_E_AGAIN); /* it is watched */
        line_send(fake.line_fd, LINE_PING, 99);
        fake_run_shell(jobd, 7, "true");
        expect_code(7, 0);
        ck_assert_int_eq(line_receive(fake.line_fd, &message), 0);
        ck_assert_uint_eq(message.kind, LINE_PONG);
        ck_assert_uint_eq(message.value, 99);
        record_unmap_shared(shared);
}
END_TEST

static void add_running(Suite *suite)
{
        TCase *tcase = tcase_create("running");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, a_job_runs_and_its_end_is_reported);
        tcase_add_test(tcase, a_signal_ends_a_job);
        tcase_add_test(tcase, a_longer_job_is_reported_as_started);
        tcase_add_test(tcase, leases_run_one_after_the_other);
        tcase_add_test(tcase, what_cannot_start_says_why);
        tcase_add_test(tcase, a_spec_that_is_none_is_refused);
        tcase_add_test(tcase, a_repeated_start_runs_once);
        tcase_add_test(tcase, thirty_two_leases_and_no_more);
        tcase_add_test(tcase, the_users_own_files);
        tcase_add_test(tcase, the_environment_of_a_job);
        tcase_add_test(tcase, what_a_job_leaves_is_killed);
        tcase_add_test(tcase, many_generations_are_killed);
        tcase_add_test(tcase, a_job_dies_with_its_worker);
        suite_add_tcase(suite, tcase);
}

static void add_orders(Suite *suite)
{
        TCase *tcase = tcase_create("orders");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, only_what_never_ran_is_revoked);
        tcase_add_test(tcase, cancel_sends_term);
        tcase_add_test(tcase, cancel_kills_after_the_grace);
        tcase_add_test(tcase, a_second_cancel_may_be_impatient);
        tcase_add_test(tcase, cancel_before_the_start);
        tcase_add_test(tcase, cancel_reaches_the_whole_tree);
        tcase_add_test(tcase, the_time_limit);
        tcase_add_test(tcase, a_warning_comes_before_the_limit);
        tcase_add_test(tcase, a_paused_jobs_clock_stands_still);
        tcase_add_test(tcase, a_paused_job_can_be_cancelled);
        tcase_add_test(tcase, a_signal_reaches_the_whole_tree);
        tcase_add_test(tcase, pause_reaches_the_whole_tree);
        suite_add_tcase(suite, tcase);
}

static void add_streams(Suite *suite)
{
        TCase *tcase = tcase_create("streams");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, much_output_is_spooled);
        tcase_add_test(tcase, output_of_an_older_job_is_spooled);
        tcase_add_test(tcase, the_cap);
        tcase_add_test(tcase, a_follower_is_shown_what_comes);
        tcase_add_test(tcase, a_follower_of_a_file_hears_that_it_grows);
        tcase_add_test(tcase, a_full_disk_cuts_output_and_not_the_job);
        tcase_add_test(tcase, stdin_is_fed);
        tcase_add_test(tcase, stdin_survives_a_new_link);
        tcase_add_test(tcase, stdin_without_a_pipe_is_empty);
        suite_add_tcase(suite, tcase);
}

static void add_links(Suite *suite)
{
        TCase *tcase = tcase_create("links");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, an_end_is_repeated_until_it_is_acknowledged);
        tcase_add_test(tcase, a_running_job_does_not_notice_that_jobd_is_away);
        tcase_add_test(tcase, the_inventory_tells_what_runs);
        tcase_add_test(tcase, the_socket_may_come_late_and_its_folder_too);
        tcase_add_test(tcase, an_idle_worker_retires_at_once);
        tcase_add_test(tcase, a_retiring_worker_finishes_what_runs_and_gives_the_rest_back);
        tcase_add_test(tcase, term_means_retire);
        tcase_add_test(tcase, the_pools_stop_ends_the_job_and_says_so);
        tcase_add_test(tcase, a_stopped_worker_leaves_unacknowledged_ends_in_its_record);
        tcase_add_test(tcase, without_its_pool_a_worker_ends_its_job_and_itself);
        tcase_add_test(tcase, the_pool_hears_of_dialling_work_and_life);
        suite_add_tcase(suite, tcase);
}

int main(void)
{
        Suite *suite = suite_create("worker");

        add_running(suite);
        add_orders(suite);
        add_streams(suite);
        add_links(suite);
        return suite_run(suite);
}
