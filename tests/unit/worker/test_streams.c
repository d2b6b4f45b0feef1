/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker makes of a job's output - inline, a file, the cap, followers, a full disk - and how
 * it feeds its stdin. Conversations between a real worker and a scripted jobd.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/spool.h"

#include "stage.h"
#include "tests/unit/suite.h"

START_TEST(much_output_is_spooled)
{
        Jobd__Work__Report *report;
        char *text;

        fake_run_shell(jobd, 5, "head -c 200000 /dev/zero | tr '\\0' x; echo end");
        report = stage_expect_end(5, OUTCOME(EXITED));
        ck_assert(report->exited->spooled);
        ck_assert_uint_eq(report->exited->records.len, 0);
        ck_assert_uint_gt(report->exited->output_bytes, 200004);
        text = fake_spooled_text(&fake, 5, SPOOL_STDOUT);
        ck_assert_uint_eq(strlen(text), 200004);
        ck_assert_str_eq(text + 200000, "end\n");
        free(text);
        wire_free_report(report);
        ck_assert(stage_read_record().entries[0].spooled);
}
END_TEST

START_TEST(output_of_an_older_job_is_spooled)
{
        Jobd__Work__Report *report;
        char *text;

        stage_start_blocked(5, "echo early", "echo late");
        report = fake_expect(jobd, REPORT(SPOOLED)); /* after about a second */
        ck_assert_uint_eq(report->spooled->lease, 5);
        ck_assert_uint_eq(report->spooled->size_bytes, SPOOL_HEADER_BYTES + 6);
        wire_free_report(report);
        ck_assert(stage_read_record().entries[0].spooled);
        stage_open_gate();
        report = stage_expect_end(5, OUTCOME(EXITED));
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
        report = stage_expect_end(5, OUTCOME(EXITED)); /* it was never stopped */
        ck_assert_int_eq(report->exited->exit_code, 0);
        ck_assert(report->exited->output_cut);
        ck_assert_uint_lt(report->exited->output_bytes, (1 << 20) + 200);
        text = fake_spooled_text(&fake, 5, SPOOL_MARK);
        ck_assert_str_eq(text, "output cut after 1 MiB");
        free(text);
        wire_free_report(report);
}
END_TEST

/* jobd's Welcome sets a limit; a job may set a smaller one for itself. */
static void expect_cut(uint64_t lease, uint64_t own_bytes, const char *mark)
{
        const char *command[] = { "/bin/sh", "-c", "yes | head -c 3000000", NULL };
        Jobd__Work__Report *report;
        struct fake_job job;
        char *text;

        fake_job_init(&job, lease, command);
        job.spec.has_output_cap_bytes = true;
        job.spec.output_cap_bytes = own_bytes;
        fake_job_send(jobd, &job);
        report = stage_expect_end(lease, OUTCOME(EXITED));
        ck_assert(report->exited->output_cut);
        wire_free_report(report);
        fake_ack(jobd, lease);
        text = fake_spooled_text(&fake, lease, SPOOL_MARK);
        ck_assert_str_eq(text, mark);
        free(text);
}

START_TEST(the_smaller_cap_counts)
{
        jobd = fake_close(jobd);
        fake.output_cap_bytes = 1 << 20;
        jobd = fake_accept_worker(&fake, 0);
        expect_cut(5, 2 << 20, "output cut after 1 MiB");
        expect_cut(6, 512 << 10, "output cut after 512 KiB");
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
        stage_open_gate();
        expect_piece(SPOOL_HEADER_BYTES + 4, "two\n");
        fake_follow(jobd, 5, true);
        expect_piece(0, "one\ntwo\n");
        /* Not the gate again: the job could meet the hand that is just leaving it. */
        snprintf(script, sizeof(script), "%s/up", fake.dir);
        stage_open_fifo(script);
        report = stage_expect_end(5, OUTCOME(EXITED));
        stage_expect_text(report->exited, SPOOL_STDOUT, "one\ntwo\n");
        wire_free_report(report);
}
END_TEST

START_TEST(a_follower_of_a_file_hears_that_it_grows)
{
        Jobd__Work__Report *report;
        uint64_t size;

        stage_start_blocked(5, "head -c 100000 /dev/zero", "echo more; head -c 50000 /dev/zero");
        fake_follow(jobd, 5, true);
        report = fake_await(jobd, REPORT(SPOOLED));
        size = report->spooled->size_bytes;
        wire_free_report(report);
        stage_open_gate();
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
        report = stage_expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 6);
        ck_assert(report->exited->output_cut);
        ck_assert(!report->exited->spooled);
        stage_expect_text(report->exited, SPOOL_MARK, "output cut: disk full");
        wire_free_report(report);
}
END_TEST

/* ---------------------------------------------------------------------------------------- stdin */

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
        report = stage_expect_end(5, OUTCOME(EXITED));
        stage_expect_text(report->exited, SPOOL_STDOUT, "hello there");
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
        report = stage_expect_end(5, OUTCOME(EXITED));
        stage_expect_text(report->exited, SPOOL_STDOUT, "hello there");
        wire_free_report(report);
}
END_TEST

START_TEST(stdin_without_a_pipe_is_empty)
{
        fake_run_shell(jobd, 5, "cat; exit 3");
        stage_expect_code(5, 3);
}
END_TEST

SUITE_MAIN("streams", stage_open, stage_close, much_output_is_spooled,
           output_of_an_older_job_is_spooled, the_cap, the_smaller_cap_counts,
           a_follower_is_shown_what_comes, a_follower_of_a_file_hears_that_it_grows,
           a_full_disk_cuts_output_and_not_the_job, stdin_is_fed, stdin_survives_a_new_link,
           stdin_without_a_pipe_is_empty)
