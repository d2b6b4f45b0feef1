/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.c, and a worker that uses it. Needs a cgroup v2 hierarchy in which we may make folders;
 * without one the program says so and succeeds. Controllers are not needed here (no memory limit is
 * tested): that takes a real service manager and is a test of the system.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"

#include "proto/spool.h"

#include "fake_jobd.h"
#include "tests/unit/suite.h"
#include "worker/cgroup.h"

static char base[256];
static int base_fd = -1;
static struct cgroup_job job;
static const struct cgroup_limits no_limits = { .tasks_max = UINT64_MAX };

/* The place where cgroup v2 is mounted, with a folder of ours; false: there is none. */
static bool find_base(void)
{
        char *text, mount[200];
        bool is_found = false;

        if (fs_read_file(AT_FDCWD, "/proc/self/mounts", 1 << 20, &text, NULL))
                return false;
        for (const char *line = text; line && *line && !is_found; line = strchr(line, '\n')) {
                line += *line == '\n';
                is_found = sscanf(line, "%*s %199s cgroup2 ", mount) == 1 &&
                           strstr(line, " cgroup2 ") &&
                           strstr(line, " cgroup2 ") < strchrnul(line, '\n');
        }
        free(text);
        if (!is_found)
                return false;
        snprintf(base, sizeof(base), "%s/jobd-test.%d", mount, (int)getpid());
        return mkdir(base, 0755) == 0;
}

static void setup(void)
{
        base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(base_fd, 0);
        cgroup_job_init(&job);
}

static void teardown(void)
{
        char name[32];

        cgroup_job_remove(&job);
        snprintf(name, sizeof(name), "u%u", (unsigned int)geteuid());
        (void)unlinkat(base_fd, name, AT_REMOVEDIR);
        (void)unlinkat(base_fd, "u1234", AT_REMOVEDIR);
        close(base_fd);
}

/* A child in the job's cgroup that waits for ever, with a child of its own in a session of its own.
 */
static pid_t start_inside(bool ignores_term)
{
        int fds[2];
        char byte;
        const pid_t pid = pipe2(fds, O_CLOEXEC) == 0 ? fork() : -1;

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                if (write(job.procs_fd, "0", 1) != 1)
                        _exit(1);
                signal(SIGTERM, ignores_term ? SIG_IGN : SIG_DFL);
                if (fork() == 0)
                        setsid();
                if (write(fds[1], "x", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(fds[1]);
        ck_assert_int_eq(read(fds[0], &byte, 1), 1);
        ck_assert_int_eq(read(fds[0], &byte, 1), 1);
        close(fds[0]);
        return pid;
}

static void wait_empty(void)
{
        const uint64_t deadline = clock_mono_usec() + 10 * USEC_PER_SEC;

        while (cgroup_job_is_populated(&job))
                ck_assert_uint_lt(clock_mono_usec(), deadline);
}

START_TEST(kill_ends_everything_inside)
{
        int status;
        pid_t pid;

        ck_assert_int_eq(cgroup_job_open(&job, base_fd, 1234, 17, 3, 1, &no_limits), 0);
        ck_assert(cgroup_job_is_open(&job));
        ck_assert(!cgroup_job_is_populated(&job));
        ck_assert_int_eq(faccessat(base_fd, "u1234/j17.3.1", F_OK, 0), 0);
        pid = start_inside(true);
        ck_assert(cgroup_job_is_populated(&job));
        cgroup_job_kill(&job);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        wait_empty();
        cgroup_job_remove(&job);
        ck_assert(!cgroup_job_is_open(&job));
        ck_assert_int_lt(faccessat(base_fd, "u1234/j17.3.1", F_OK, 0), 0);
}
END_TEST

START_TEST(a_signal_reaches_everything_inside)
{
        int status;
        pid_t pid;

        ck_assert_int_eq(cgroup_job_open(&job, base_fd, 1234, 17, 3, 1, &no_limits), 0);
        pid = start_inside(false);
        cgroup_job_signal(&job, SIGTERM);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
        wait_empty();
}
END_TEST

START_TEST(usage_is_read)
{
        struct cgroup_usage usage;
        pid_t pid;

        ck_assert_int_eq(cgroup_job_open(&job, base_fd, 1234, 17, 3, 1, &no_limits), 0);
        pid = fork();
        if (pid == 0) {
                struct timespec used = { 0 };

                if (write(job.procs_fd, "0", 1) != 1)
                        _exit(1);
                while (used.tv_nsec < 30 * 1000 * 1000) /* of its own time, not the wall's */
                        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        cgroup_job_read_usage(&job, &usage);
        ck_assert_uint_gt(usage.user_usec + usage.system_usec, 10 * USEC_PER_MSEC);
        ck_assert(!usage.was_oom_killed);
}
END_TEST

START_TEST(what_a_dead_worker_left_is_killed_by_its_numbers)
{
        pid_t pid;

        ck_assert(cgroup_kill_left(base_fd, 1234, 99, 0, 1)); /* there is none */
        ck_assert_int_eq(cgroup_job_open(&job, base_fd, 1234, 17, 3, 1, &no_limits), 0);
        pid = start_inside(true);
        (void)cgroup_kill_left(base_fd, 1234, 17, 3, 1);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        wait_empty();
        ck_assert(cgroup_kill_left(base_fd, 1234, 17, 3, 1));
        ck_assert_int_lt(faccessat(base_fd, "u1234/j17.3.1", F_OK, 0), 0);
}
END_TEST

START_TEST(a_limit_that_cannot_be_set_is_no_job)
{
        const struct cgroup_limits limits = { .memory_bytes = 1 << 20, .tasks_max = UINT64_MAX };
        char *controllers;

        ck_assert_int_eq(fs_read_file(base_fd, "cgroup.controllers", 4096, &controllers, NULL), 0);
        if (!strstr(controllers, "memory")) {
                ck_assert_int_lt(cgroup_job_open(&job, base_fd, 1234, 17, 3, 1, &limits), 0);
                ck_assert(!cgroup_job_is_open(&job));
                ck_assert_int_lt(faccessat(base_fd, "u1234/j17.3.1", F_OK, 0), 0);
        }
        free(controllers);
}
END_TEST

START_TEST(a_worker_gives_each_job_its_cgroup)
{
        Jobd__Work__Report *report;
        struct fake_link *jobd;
        struct fake fake;
        char script[400], wanted[64], *text, *left_text;
        pid_t left;

        fake_init(&fake);
        fake.cgroup = base;
        fake_listen(&fake);
        fake_start_worker(&fake);
        jobd = fake_accept_worker(&fake, 0);
        snprintf(script, sizeof(script),
                 "grep ^0:: /proc/self/cgroup; d=$(mktemp -d); mkfifo $d/up; "
                 "setsid sh -c 'trap \"\" TERM HUP; echo $$ >&2; echo >$0; exec cat %s' $d/up & "
                 "read x <$d/up; rm -r $d; exit 3",
                 fake.never);
        fake_run_shell(jobd, 5, script);
        report = fake_await(jobd, REPORT(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 3);
        snprintf(wanted, sizeof(wanted), "/u%u/j5.0.1\n", (unsigned int)geteuid());
        text = fake_text_of(report->exited->records.data, report->exited->records.len,
                            SPOOL_STDOUT);
        ck_assert_ptr_nonnull(strstr(text, wanted));
        free(text);
        left_text = fake_text_of(report->exited->records.data, report->exited->records.len,
                                 SPOOL_STDERR);
        left = (pid_t)atoi(left_text);
        free(left_text);
        ck_assert_int_gt(left, 1);
        ck_assert_int_lt(kill(left, 0), 0);
        wire_free_report(report);
        snprintf(wanted, sizeof(wanted), "u%u/j5.0.1", (unsigned int)geteuid());
        ck_assert_int_lt(faccessat(base_fd, wanted, F_OK, 0), 0);

        snprintf(script, sizeof(script), "cat %s & cat %s", fake.never, fake.never);
        fake_run_shell(jobd, 6, script);
        wire_free_report(fake_await(jobd, REPORT(STARTED)));
        fake_cancel(jobd, 6, 10 * USEC_PER_SEC);
        report = fake_await(jobd, REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, JOBD__WORK__OUTCOME__OUTCOME_CANCELLED);
        ck_assert_uint_eq(report->exited->exit_signal, SIGTERM);
        wire_free_report(report);
        fake_close(jobd);
        fake_deinit(&fake);
}
END_TEST

#define TEST_SKIPPED 77 /* told to CTest as SKIP_RETURN_CODE */

int main(void)
{
        Suite *suite;
        TCase *tcase;
        int failed;

        if (!find_base()) {
                puts("no cgroup v2 in which we may make folders: nothing done");
                return TEST_SKIPPED;
        }
        suite = suite_create("cgroup");
        tcase = tcase_create("cgroup");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, kill_ends_everything_inside);
        tcase_add_test(tcase, a_signal_reaches_everything_inside);
        tcase_add_test(tcase, usage_is_read);
        tcase_add_test(tcase, what_a_dead_worker_left_is_killed_by_its_numbers);
        tcase_add_test(tcase, a_limit_that_cannot_be_set_is_no_job);
        tcase_add_test(tcase, a_worker_gives_each_job_its_cgroup);
        suite_add_tcase(suite, tcase);
        failed = suite_run(suite);
        (void)rmdir(base);
        return failed;
}
