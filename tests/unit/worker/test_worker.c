/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c, runner.c and their orders: conversations between a real worker and a scripted jobd. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"

#include "proto/spool.h"

#include "fake_jobd.h"

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

static Jobd__Work__Report *expect_end(uint64_t lease, Jobd__Work__Outcome outcome)
{
        Jobd__Work__Report *report = fake_await(jobd, JOBD__WORK__REPORT__BODY_EXITED);

        ck_assert_uint_eq(report->exited->lease, lease);
        ck_assert_msg(report->exited->outcome == outcome, "outcome %d (%s)",
                      (int)report->exited->outcome, report->exited->why);
        return report;
}

START_TEST(a_job_runs_and_its_end_is_reported)
{
        Jobd__Work__Report *report;
        char *text;

        fake_run_shell(jobd, 5, "echo out; echo err >&2; exit 3");
        report = expect_end(5, JOBD__WORK__OUTCOME__OUTCOME_EXITED);
        ck_assert_int_eq(report->exited->exit_code, 3);
        ck_assert_uint_gt(report->exited->pid, 0);
        ck_assert(!report->exited->spooled);
        text = fake_text_of(report->exited->records.data, report->exited->records.len,
                            SPOOL_STDOUT);
        ck_assert_str_eq(text, "out\n");
        free(text);
        text = fake_text_of(report->exited->records.data, report->exited->records.len,
                            SPOOL_STDERR);
        ck_assert_str_eq(text, "err\n");
        free(text);
        wire_free_report(report);
        fake_ack(jobd, 5);
}
END_TEST

static Suite *worker_suite(void)
{
        Suite *suite = suite_create("worker");
        TCase *tcase = tcase_create("worker");

        tcase_set_timeout(tcase, 60);
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, a_job_runs_and_its_end_is_reported);
        suite_add_tcase(suite, tcase);
        return suite;
}

int main(void)
{
        SRunner *runner = srunner_create(worker_suite());
        int failed;

        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
