/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker, dialled in and idle, with FIFOs through which its jobs and the test wait for each
 * other. Its fixture is stage_open() and stage_close(); each test has a process of its own, so the
 * stage is one too.
 */
#include "stage.h"

#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process.h"

struct fake fake;
struct fake_link *jobd;
char gate[96];

Jobd__Work__Report *stage_expect_end(uint64_t lease, Jobd__Work__Outcome outcome)
{
        Jobd__Work__Report *report = fake_await(jobd, REPORT(EXITED));

        ck_assert_uint_eq(report->exited->lease, lease);
        ck_assert_msg(report->exited->outcome == outcome, "outcome %d (%s)",
                      (int)report->exited->outcome, report->exited->why);
        return report;
}

void stage_expect_code(uint64_t lease, int code)
{
        Jobd__Work__Report *report = stage_expect_end(lease, OUTCOME(EXITED));

        ck_assert_int_eq(report->exited->exit_code, code);
        wire_free_report(report);
        fake_ack(jobd, lease);
}

char *stage_text_of(const Jobd__Work__Exited *exited, enum spool_stream stream)
{
        return fake_text_of(exited->records.data, exited->records.len, (int)stream);
}

void stage_expect_text(const Jobd__Work__Exited *exited, enum spool_stream stream,
                       const char *wanted)
{
        char *text = stage_text_of(exited, stream);

        ck_assert_str_eq(text, wanted);
        free(text);
}

void stage_make_fifo(const char *name)
{
        char path[160];

        snprintf(path, sizeof(path), "%s/%s", fake.dir, name);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
}

const char *stage_read_fifo(const char *name)
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

void stage_open(void)
{
        fake_init(&fake);
        snprintf(gate, sizeof(gate), "%s/gate", fake.dir);
        ck_assert_int_eq(mkfifo(gate, 0600), 0);
        stage_make_fifo("up");
        fake_listen(&fake);
        fake_start_worker(&fake);
        jobd = fake_accept_worker(&fake, 0);
}

void stage_close(void)
{
        jobd = fake_close(jobd);
        fake_deinit(&fake);
}

pid_t stage_start_blocked(uint64_t lease, const char *before, const char *after)
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
        ck_assert_str_eq(stage_read_fifo("up"), "up");
        return pid;
}

void stage_open_fifo(const char *path)
{
        const int fd = open(path, O_WRONLY | O_CLOEXEC); /* waits for the reader */

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, "\n", 1), 1);
        close(fd);
}

void stage_open_gate(void)
{
        stage_open_fifo(gate);
}

struct record_image stage_read_record(void)
{
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        struct record_image image;

        ck_assert_int_eq(clock_read_boot_id(boot_id), 0);
        ck_assert_int_eq(record_read(fake.records_fd, "0.1", boot_id, &image), 0);
        return image;
}

char stage_process_state(pid_t pid)
{
        struct process_stat stat;

        return process_read_stat(pid, &stat) ? stat.state : '-';
}

/* Nobody tells when another process's child stops: it is looked at until it has. */
void stage_wait_state(pid_t pid, char wanted, bool is_wanted)
{
        const uint64_t deadline = clock_mono_usec() + FAKE_DEADLINE_MS * USEC_PER_MSEC;

        while ((stage_process_state(pid) == wanted) != is_wanted) {
                ck_assert_msg(clock_mono_usec() < deadline, "process %d is %c", (int)pid,
                              stage_process_state(pid));
                sched_yield();
        }
}

void stage_expect_paused(bool wanted)
{
        Jobd__Work__Report *report = fake_await(jobd, REPORT(PAUSED));

        ck_assert_uint_eq(report->paused->lease, 5);
        ck_assert(report->paused->paused == wanted);
        wire_free_report(report);
}
