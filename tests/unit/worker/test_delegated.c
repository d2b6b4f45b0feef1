/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool as a service of systemd with a delegated cgroup: the tree it makes, memory limits that
 * hold, exact usage, and nothing left of a killed worker's job. Needs root, systemd as PID 1 and
 * cgroup v2 alone; elsewhere the program says so and succeeds.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
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

#define UNIT "jobd-delegated-test.service"
#define CGROUP "/sys/fs/cgroup/system.slice/" UNIT

static struct fake fake;
static struct fake_link *pool, *worker;
static const struct passwd *nobody;

static void accept_both(void)
{
        while (!pool || !worker) {
                struct fake_link *link = fake_accept(&fake);

                if (link->role == JOBD__WORK__ROLE__ROLE_POOL) {
                        pool = link;
                } else {
                        wire_free_report(fake_expect(link, REPORT(INVENTORY)));
                        worker = link;
                }
        }
}

static void setup(void)
{
        char command[1024];

        nobody = getpwnam("nobody");
        ck_assert_ptr_nonnull(nobody);
        fake_init(&fake);
        fake_listen(&fake);
        snprintf(command, sizeof(command),
                 "systemd-run --quiet --unit=" UNIT " -p Delegate=yes -p KillMode=mixed "
                 "-p OOMPolicy=continue -p OOMScoreAdjust=-500 %s --pool --workers 1 --socket %s "
                 "--records %s --spool %s --policy /nonexistent",
                 fake.exe, fake.socket, fake.records, fake.spool);
        ck_assert_int_eq(system(command), 0);
        accept_both();
}

static void teardown(void)
{
        ck_assert_int_eq(system("systemctl stop " UNIT), 0);
        pool = fake_close(pool);
        worker = fake_close(worker);
        fake_deinit(&fake);
}

static void job_of_nobody(struct fake_job *job, uint64_t lease, const char *script)
{
        const char *command[] = { "/bin/sh", "-c", script, NULL };

        fake_job_init(job, lease, command);
        job->start.uid = nobody->pw_uid;
        job->start.gid = nobody->pw_gid;
}

static Jobd__Work__Report *run(struct fake_job *job)
{
        fake_job_send(worker, job);
        return fake_await(worker, REPORT(EXITED));
}

/* Two processes that do not end, one of them in a session of its own. */
static void start_two(const char *before)
{
        struct fake_job job;
        char script[400];

        snprintf(script, sizeof(script), "%s\nsetsid cat %s & cat %s", before, fake.never,
                 fake.never);
        job_of_nobody(&job, 5, script);
        fake_job_send(worker, &job);
        wire_free_report(fake_await(worker, REPORT(STARTED)));
}

static char *output_of(const Jobd__Work__Report *report)
{
        return fake_text_of(report->exited->records.data, report->exited->records.len,
                            SPOOL_STDOUT);
}

START_TEST(it_says_that_it_uses_them)
{
        Jobd__Work__Report *report = fake_await(pool, REPORT(POOL_STATE));

        ck_assert_str_eq(report->pool_state->containment, "cgroup v2");
        wire_free_report(report);
        ck_assert_int_eq(access(CGROUP "/pool/cgroup.procs", F_OK), 0);
}
END_TEST

START_TEST(a_job_has_its_own)
{
        Jobd__Work__Report *report;
        struct fake_job job;
        char wanted[128], *text;

        job_of_nobody(&job, 5, "cat /proc/self/cgroup; cat /proc/self/oom_score_adj");
        report = run(&job);
        text = output_of(report);
        snprintf(wanted, sizeof(wanted), "0::/system.slice/" UNIT "/u%u/j5.0.1\n0\n",
                 nobody->pw_uid);
        ck_assert_str_eq(text, wanted);
        free(text);
        wire_free_report(report);
        snprintf(wanted, sizeof(wanted), CGROUP "/u%u/j5.0.1", nobody->pw_uid);
        ck_assert_int_lt(access(wanted, F_OK), 0);
}
END_TEST

START_TEST(a_memory_limit_holds)
{
        Jobd__Work__Report *report;
        struct fake_job job;

        job_of_nobody(&job, 5,
                      "head -c 100000000 /dev/zero | tail -c 99999999 >/dev/null; echo no");
        job.spec.has_memory_bytes = true;
        job.spec.memory_bytes = 20 << 20;
        report = run(&job);
        ck_assert_int_eq(report->exited->outcome, OUTCOME(OOM));
        ck_assert_uint_le(report->exited->memory_peak_bytes, 21 << 20);
        ck_assert_uint_ge(report->exited->memory_peak_bytes, 10 << 20);
        ck_assert_ptr_nonnull(strstr(report->exited->why, "memory limit"));
        wire_free_report(report);
        job_of_nobody(&job, 6, "echo fine");
        report = run(&job);
        ck_assert_int_eq(report->exited->outcome, OUTCOME(EXITED));
        wire_free_report(report);
}
END_TEST

START_TEST(a_limit_too_small_to_start_is_told)
{
        Jobd__Work__Report *report;
        struct fake_job job;

        /* It is raised to what a process needs to begin. */
        job_of_nobody(&job, 5, "exit 3");
        job.spec.has_memory_bytes = true;
        job.spec.memory_bytes = 1;
        report = run(&job);
        ck_assert_int_eq(report->exited->exit_code, 3);
        wire_free_report(report);
}
END_TEST

START_TEST(leftovers_go_with_their_cgroup)
{
        Jobd__Work__Report *report;
        struct fake_job job;
        char script[400], *text;
        pid_t left;

        snprintf(script, sizeof(script),
                 "d=$(mktemp -d); mkfifo $d/up; "
                 "setsid sh -c 'trap \"\" TERM HUP; echo $$; echo >$0; exec cat %s' $d/up & "
                 "read x <$d/up; rm -r $d",
                 fake.never);
        job_of_nobody(&job, 5, script);
        report = run(&job);
        text = output_of(report);
        left = (pid_t)atoi(text);
        ck_assert_int_gt(left, 1);
        ck_assert_int_lt(kill(left, 0), 0);
        free(text);
        wire_free_report(report);
}
END_TEST

START_TEST(pause_and_cancel_reach_all)
{
        Jobd__Work__Report *report;

        start_two("");
        fake_order_lease(worker, JOBD__WORK__ORDER__BODY_PAUSE, 5);
        report = fake_await(worker, REPORT(PAUSED));
        ck_assert(report->paused->paused);
        wire_free_report(report);
        fake_cancel(worker, 5, 5 * USEC_PER_SEC);
        report = fake_await(worker, REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(CANCELLED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGTERM);
        wire_free_report(report);
}
END_TEST

START_TEST(nothing_is_left_of_a_killed_worker)
{
        Jobd__Work__Report *report;
        char path[128];

        start_two("");
        kill((pid_t)worker->pid, SIGKILL);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->n_leases, 1);
        wire_free_report(report);
        snprintf(path, sizeof(path), CGROUP "/u%u/j5.0.1", nobody->pw_uid);
        ck_assert_int_lt(access(path, F_OK), 0);
        worker = fake_close(worker);
        accept_both();
}
END_TEST

START_TEST(nothing_is_left_of_a_killed_pool)
{
        Jobd__Work__Report *report;

        start_two("trap '' TERM");
        kill((pid_t)pool->pid, SIGKILL);
        pool = fake_close(pool);
        worker = fake_close(worker);
        /* systemd has killed what was left of the unit; a pool that is started again reports it. */
        ck_assert_int_eq(system("systemctl stop " UNIT " 2>/dev/null; "
                                "systemctl reset-failed " UNIT " 2>/dev/null; true"),
                         0);
        char command[1024];
        snprintf(command, sizeof(command),
                 "systemd-run --quiet --unit=" UNIT " -p Delegate=yes -p KillMode=mixed %s --pool "
                 "--workers 1 --socket %s --records %s --spool %s --policy /nonexistent",
                 fake.exe, fake.socket, fake.records, fake.spool);
        ck_assert_int_eq(system(command), 0);
        accept_both();
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->n_leases, 1);
        wire_free_report(report);
}
END_TEST

#define TEST_SKIPPED 77 /* told to CTest as SKIP_RETURN_CODE */

static bool is_possible(void)
{
        char *text;
        bool is_systemd;

        if (geteuid() != 0 || access("/sys/fs/cgroup/cgroup.controllers", F_OK) < 0 ||
            fs_read_file(AT_FDCWD, "/proc/1/comm", 64, &text, NULL))
                return false;
        is_systemd = strcmp(text, "systemd\n") == 0;
        free(text);
        return is_systemd;
}

int main(void)
{
        Suite *suite;
        TCase *tcase;

        if (!is_possible()) {
                puts("no systemd with cgroup v2 here, or not root: nothing done");
                return TEST_SKIPPED;
        }
        suite = suite_create("delegated");
        tcase = tcase_create("delegated");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, it_says_that_it_uses_them);
        tcase_add_test(tcase, a_job_has_its_own);
        tcase_add_test(tcase, a_memory_limit_holds);
        tcase_add_test(tcase, a_limit_too_small_to_start_is_told);
        tcase_add_test(tcase, leftovers_go_with_their_cgroup);
        tcase_add_test(tcase, pause_and_cancel_reach_all);
        tcase_add_test(tcase, nothing_is_left_of_a_killed_worker);
        tcase_add_test(tcase, nothing_is_left_of_a_killed_pool);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
