/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks of maps and arrays in a worker: values become a command here, and a job's specification
 * comes with its first Start only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/spool.h"

#include "fake_jobd.h"
#include "tests/unit/suite.h"

static struct fake fake;
static struct fake_link *jobd;

static void setup(void)
{
        fake_init(&fake);
        fake_listen(&fake);
        fake_start_worker(&fake);
        jobd = fake_accept_worker(&fake, 0);
}

static void teardown(void)
{
        jobd = fake_close(jobd);
        fake_deinit(&fake);
}

/* Task `task` of job 7, as lease 100 + task. */
static void set_task(struct fake_job *job, uint64_t task)
{
        job->start.lease = 100 + task;
        job->start.job = 7;
        job->start.task = task;
}

/* A map of job 7; every command prints what it is given. */
static void make_map(struct fake_job *job, const char *const argv[], uint32_t map_values)
{
        fake_job_init(job, 7, argv);
        job->spec.has_map_values = true;
        job->spec.map_values = map_values;
}

/* Sends a task with these values (`size` bytes). */
static void send_task(struct fake_job *job, uint64_t task, const char *values, size_t size)
{
        char copy[256];

        set_task(job, task);
        memcpy(copy, values, size);
        job->start.has_values = true;
        job->start.values = (ProtobufCBinaryData){ .data = (uint8_t *)copy, .len = size };
        fake_job_send(jobd, job);
}

static Jobd__Work__Report *expect_end(uint64_t task, Jobd__Work__Outcome outcome)
{
        Jobd__Work__Report *const report = fake_await(jobd, REPORT(EXITED));

        ck_assert_uint_eq(report->exited->lease, 100 + task);
        ck_assert_msg(report->exited->outcome == outcome, "outcome %d (%s)",
                      (int)report->exited->outcome, report->exited->why);
        fake_ack(jobd, 100 + task);
        return report;
}

static void expect_text(uint64_t task, const char *wanted)
{
        Jobd__Work__Report *const report = expect_end(task, OUTCOME(EXITED));
        char *const text = fake_text_of(report->exited->records.data, report->exited->records.len,
                                        SPOOL_STDOUT);

        ck_assert_str_eq(text, wanted);
        free(text);
        wire_free_report(report);
}

static void expect_why(uint64_t task, Jobd__Work__Outcome outcome, const char *word)
{
        Jobd__Work__Report *const report = expect_end(task, outcome);

        ck_assert_msg(strstr(report->exited->why, word), "it says: %s", report->exited->why);
        wire_free_report(report);
}

/* ------------------------------------------------------------------------------------- values */

START_TEST(values_become_arguments)
{
        static const char *const command[] = {
                "printf", "[%s]", "{}", "x{1/}", "{2}", "{#}", NULL
        };
        struct fake_job job;

        make_map(&job, command, 2);
        send_task(&job, 0, "a b\0/c/d\0", 9);
        expect_text(0, "[a b][/c/d][xa b][/c/d][1]");
        send_task(&job, 41, "$x\0\0", 4);
        expect_text(41, "[$x][][x$x][][42]");
        /* The last one has fewer. */
        send_task(&job, 42, "'\0", 2);
        expect_text(42, "['][x'][43]");
}
END_TEST

START_TEST(values_are_quoted_for_a_shell)
{
        static const char *const command[] = { "/bin/sh", "-c", "printf '[%s]' {} | cat", NULL };
        struct fake_job job;

        make_map(&job, command, 3);
        job.spec.has_shell = job.spec.shell = true;
        send_task(&job, 0, "a b\0it's; exit 1\0$x\n\0", 21);
        expect_text(0, "[a b][it's; exit 1][$x\n]");
}
END_TEST

START_TEST(too_many_values_are_left_out)
{
        static const char *const command[] = { "echo", NULL };
        struct fake_job job;

        make_map(&job, command, 1);
        send_task(&job, 0, "a\0b\0", 4);
        expect_text(0, "a\n");
}
END_TEST

START_TEST(what_a_task_is_told)
{
        static const char *const command[] = { "/bin/sh", "-c",
                                               "echo {%} $JOBD_SLOT $JOBD_TASK_ID $JOBD_JOB_ID {}",
                                               NULL };
        struct fake_job job;

        make_map(&job, command, 1);
        job.spec.has_shell = job.spec.shell = true;
        job.start.has_slot = true;
        job.start.slot = 5;
        send_task(&job, 3, "v\0", 2);
        expect_text(3, "5 5 3 7 v\n");
        /* Without one it is the worker's own. */
        job.start.has_slot = false;
        job.start.slot = 0;
        send_task(&job, 4, "v\0", 2);
        expect_text(4, "1 1 4 7 v\n");
}
END_TEST

START_TEST(a_command_that_grows_too_long_is_not_started)
{
        static const char *const command[] = { "echo", "{}{}{}{}", NULL };
        const size_t size = 100000;
        char *const value = calloc(1, size + 1);
        Jobd__Work__Report *report;
        struct fake_job job;

        make_map(&job, command, 1);
        memset(value, 'x', size);
        set_task(&job, 0);
        job.start.has_values = true;
        job.start.values = (ProtobufCBinaryData){ .data = (uint8_t *)value, .len = size + 1 };
        fake_job_send(jobd, &job);
        report = expect_end(0, OUTCOME(NOT_STARTED));
        ck_assert(report->exited->has_exit_code);
        ck_assert_int_eq(report->exited->exit_code, 126);
        ck_assert_ptr_nonnull(strstr(report->exited->why, "too long with its values"));
        ck_assert(!report->exited->has_pid);
        wire_free_report(report);
        send_task(&job, 1, "ok\0", 3);
        expect_text(1, "okokokok\n");
        free(value);
}
END_TEST

START_TEST(a_command_of_which_nothing_is_left_is_not_started)
{
        static const char *const command[] = { "{2}", NULL };
        struct fake_job job;

        make_map(&job, command, 2);
        send_task(&job, 0, "a\0", 2);
        expect_why(0, OUTCOME(NOT_STARTED), "nothing is left of the command");
}
END_TEST

START_TEST(a_template_that_cannot_be_expanded_is_refused)
{
        static const char *const command[] = { "echo", "{3}", NULL };
        struct fake_job job;

        make_map(&job, command, 2);
        send_task(&job, 0, "a\0", 2);
        expect_why(0, OUTCOME(REFUSED), "'{3}' names value 3");
}
END_TEST

/* What is left of the quota comes with each Start; the job's own cap is in its specification. */
START_TEST(the_smallest_cap_counts)
{
        static const char *const command[] = { "/bin/sh", "-c", "yes | head -c 100000", NULL };
        static const uint64_t caps[][2] = { { 1 << 20, 1000 }, { 1000, 1 << 20 }, { 0, 1000 } };

        for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
                Jobd__Work__Report *report;
                struct fake_job job;

                fake_job_init(&job, 7, command);
                set_task(&job, i);
                job.start.has_output_cap_bytes = true;
                job.start.output_cap_bytes = caps[i][0];
                job.spec.has_output_cap_bytes = true;
                job.spec.output_cap_bytes = caps[i][1];
                fake_job_send(jobd, &job);
                report = expect_end(i, OUTCOME(EXITED));
                ck_assert(report->exited->output_cut);
                ck_assert_uint_lt(report->exited->output_bytes, 1200);
                wire_free_report(report);
        }
}
END_TEST

/* ------------------------------------------------------------------- one specification for many */

START_TEST(a_specification_comes_once)
{
        static const char *const command[] = { "/bin/sh", "-c", "echo $X $JOBD_TASK_ID", NULL };
        struct fake_job job;

        fake_job_init(&job, 7, command);
        fake_job_add_env(&job, "X=kept");
        job.start.array = job.start.has_array = true;
        job.start.has_array_index = true;
        job.start.array_index = 50;
        set_task(&job, 0);
        fake_job_send(jobd, &job);
        job.start.has_spec = false;
        for (uint64_t task = 1; task < 4; task++) {
                set_task(&job, task);
                job.start.array_index = 50 + task;
                fake_job_send(jobd, &job);
        }
        expect_text(0, "kept 50\n");
        expect_text(1, "kept 51\n");
        expect_text(2, "kept 52\n");
        expect_text(3, "kept 53\n");
        /* Still there when nothing of the job is. */
        set_task(&job, 4);
        fake_job_send(jobd, &job);
        expect_text(4, "kept 53\n");
}
END_TEST

START_TEST(values_come_without_a_specification)
{
        static const char *const command[] = { "echo", "{}", "{#}", NULL };
        struct fake_job job;

        make_map(&job, command, 1);
        send_task(&job, 0, "a\0", 2);
        job.start.has_spec = false;
        send_task(&job, 1, "b\0", 2);
        expect_text(0, "a 1\n");
        expect_text(1, "b 2\n");
}
END_TEST

START_TEST(a_specification_that_never_came_is_refused)
{
        static const char *const command[] = { "echo", NULL };
        struct fake_job job;

        make_map(&job, command, 1);
        job.start.has_spec = false;
        send_task(&job, 0, "a\0", 2);
        expect_why(0, OUTCOME(REFUSED), "was not told what job 7 runs");
        /* Another job's is not taken for it. */
        fake_run_shell(jobd, 103, "true");
        wire_free_report(expect_end(3, OUTCOME(EXITED)));
        send_task(&job, 1, "a\0", 2);
        expect_why(1, OUTCOME(REFUSED), "was not told what job 7 runs");
}
END_TEST

START_TEST(a_bad_specification_is_not_replaced_by_an_older_one)
{
        static const char *const good[] = { "echo", "{}", NULL }, *const bad[] = { "{9}", NULL };
        struct fake_job job;

        make_map(&job, good, 1);
        send_task(&job, 0, "a\0", 2);
        expect_text(0, "a\n");
        make_map(&job, bad, 1);
        send_task(&job, 1, "a\0", 2);
        expect_why(1, OUTCOME(REFUSED), "'{9}'");
        job.start.has_spec = false;
        send_task(&job, 2, "a\0", 2);
        expect_why(2, OUTCOME(REFUSED), "was not told");
}
END_TEST

START_TEST(a_specification_outlives_the_lease_it_came_with)
{
        static const char *const command[] = { "echo", "{}", NULL };
        Jobd__Work__Report *report;
        struct fake_job job;

        /* All slots are taken: this lease goes back, its specification stays. */
        fake_run_endless(&fake, jobd, 200);
        for (uint64_t lease = 201; lease < 232; lease++)
                fake_run_shell(jobd, lease, "true");
        make_map(&job, command, 1);
        send_task(&job, 0, "a\0", 2);
        report = fake_await(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 100);
        wire_free_report(report);
        fake_order_lease(jobd, JOBD__WORK__ORDER__BODY_REVOKE, 231);
        report = fake_await(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 231);
        wire_free_report(report);
        job.start.has_spec = false;
        send_task(&job, 1, "b\0", 2);
        fake_cancel(jobd, 200, 0);
        for (uint64_t lease = 200; lease < 231; lease++) {
                report = fake_await(jobd, REPORT(EXITED));
                ck_assert_uint_eq(report->exited->lease, lease);
                fake_ack(jobd, lease);
                wire_free_report(report);
        }
        expect_text(1, "b\n");
}
END_TEST

START_TEST(a_new_link_knows_nothing)
{
        static const char *const command[] = { "echo", "{}", NULL };
        struct fake_job job;

        make_map(&job, command, 1);
        send_task(&job, 0, "a\0", 2);
        expect_text(0, "a\n");
        /* The Ack came before the end of the link. */
        fake_close(jobd);
        jobd = fake_accept_worker(&fake, 0);
        job.start.has_spec = false;
        send_task(&job, 1, "b\0", 2);
        expect_why(1, OUTCOME(REFUSED), "was not told");
        job.start.has_spec = true;
        send_task(&job, 2, "c\0", 2);
        expect_text(2, "c\n");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("maps");
        TCase *tcase = tcase_create("maps");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, values_become_arguments);
        tcase_add_test(tcase, values_are_quoted_for_a_shell);
        tcase_add_test(tcase, too_many_values_are_left_out);
        tcase_add_test(tcase, what_a_task_is_told);
        tcase_add_test(tcase, a_command_that_grows_too_long_is_not_started);
        tcase_add_test(tcase, a_command_of_which_nothing_is_left_is_not_started);
        tcase_add_test(tcase, a_template_that_cannot_be_expanded_is_refused);
        tcase_add_test(tcase, the_smallest_cap_counts);
        tcase_add_test(tcase, a_specification_comes_once);
        tcase_add_test(tcase, values_come_without_a_specification);
        tcase_add_test(tcase, a_specification_that_never_came_is_refused);
        tcase_add_test(tcase, a_bad_specification_is_not_replaced_by_an_older_one);
        tcase_add_test(tcase, a_specification_outlives_the_lease_it_came_with);
        tcase_add_test(tcase, a_new_link_knows_nothing);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
