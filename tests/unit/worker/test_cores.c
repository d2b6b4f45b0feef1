/* SPDX-License-Identifier: Apache-2.0 */
/* Leased processors: a job is bound to those of its Start, and the inventory tells them again. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

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

/* Runs a job and says which processors it was given: ours may be the 4th and 7th of a machine. */
static void run(uint32_t *cores, size_t count, bool bind, cpu_set_t *out_set)
{
        static const char *const command[] = { "/usr/bin/python3", "-Sc",
                                               "import os; print(*sorted(os.sched_getaffinity(0)))",
                                               NULL };
        Jobd__Work__Report *report;
        struct fake_job job;
        char *text, *end;

        fake_job_init(&job, 5, command);
        job.start.cores = cores;
        job.start.n_cores = count;
        job.start.has_bind = job.start.bind = bind;
        fake_job_send(jobd, &job);
        report = fake_await(jobd, REPORT(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 0);
        text = fake_text_of(report->exited->records.data, report->exited->records.len,
                            SPOOL_STDOUT);
        CPU_ZERO(out_set);
        for (const char *p = text; *p && *p != '\n'; p = end)
                CPU_SET(strtoul(p, &end, 10), out_set);
        free(text);
        wire_free_report(report);
        fake_ack(jobd, 5);
}

/* Core n is the n-th of those that we may use ourselves. */
START_TEST(a_job_is_bound_to_its_cores)
{
        cpu_set_t own, got, wanted;
        uint32_t cores[CPU_SETSIZE], count = 0;

        ck_assert_int_eq(sched_getaffinity(0, sizeof(own), &own), 0);
        CPU_ZERO(&wanted);
        for (size_t i = 0; i < CPU_SETSIZE; i++)
                if (CPU_ISSET(i, &own)) {
                        cores[count] = count;
                        count++;
                        CPU_ZERO(&wanted);
                        CPU_SET(i, &wanted);
                }
        run(&cores[count - 1], 1, true, &got);
        ck_assert(CPU_EQUAL(&got, &wanted));
        run(cores, count, true, &got);
        ck_assert(CPU_EQUAL(&got, &own));
}
END_TEST

/* The configuration may name more of them than the machine has. */
START_TEST(a_core_that_is_not_there_binds_nobody)
{
        uint32_t cores[] = { 0, 40000 };
        cpu_set_t own, got;

        ck_assert_int_eq(sched_getaffinity(0, sizeof(own), &own), 0);
        run(cores, 2, true, &got);
        ck_assert(CPU_EQUAL(&got, &own));
}
END_TEST

START_TEST(a_job_that_is_not_bound_may_run_anywhere)
{
        uint32_t core = 0;
        cpu_set_t own, got;

        ck_assert_int_eq(sched_getaffinity(0, sizeof(own), &own), 0);
        run(&core, 1, false, &got);
        ck_assert(CPU_EQUAL(&got, &own));
}
END_TEST

/* They are its own until its end, so a jobd that was started again must hear of them. */
START_TEST(the_inventory_tells_them)
{
        static const char *const command[] = { "/bin/true", NULL };
        uint32_t cores[] = { 2, 40000 };
        struct fake_job job;
        Jobd__Work__Report *report;

        fake_run_endless(&fake, jobd, 4);
        fake_job_init(&job, 5, command);
        job.start.cores = cores;
        job.start.n_cores = 2;
        fake_job_send(jobd, &job);
        jobd = fake_close(jobd);
        jobd = fake_accept(&fake);
        report = fake_expect(jobd, REPORT(INVENTORY));
        ck_assert_uint_eq(report->inventory->n_leases, 2);
        ck_assert_uint_eq(report->inventory->leases[0]->n_cores, 0);
        ck_assert_uint_eq(report->inventory->leases[1]->n_cores, 2);
        ck_assert_uint_eq(report->inventory->leases[1]->cores[0], 2);
        ck_assert_uint_eq(report->inventory->leases[1]->cores[1], 40000);
        wire_free_report(report);
        fake_cancel(jobd, 4, 0);
        for (uint64_t lease = 4; lease <= 5; lease++) {
                report = fake_await(jobd, REPORT(EXITED));
                ck_assert_uint_eq(report->exited->lease, lease);
                wire_free_report(report);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("cores");
        TCase *tcase = tcase_create("all");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, a_job_is_bound_to_its_cores);
        tcase_add_test(tcase, a_core_that_is_not_there_binds_nobody);
        tcase_add_test(tcase, a_job_that_is_not_bound_may_run_anywhere);
        tcase_add_test(tcase, the_inventory_tells_them);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
