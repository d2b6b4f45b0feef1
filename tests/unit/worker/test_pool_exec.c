/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_exec.c: running another build of the program in place. Conversations with the real program.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/version.h"

#include "pool_stage.h"
#include "tests/unit/suite.h"

static void wait_for_eof(void)
{
        Jobd__Work__Report *report;

        while ((report = fake_receive(pool)))
                wire_free_report(report);
}

static void copy_program(const char *from, const char *to)
{
        char command[400];

        snprintf(command, sizeof(command), "cp '%s' '%s.new' && mv '%s.new' '%s'", from, to, to,
                 to);
        ck_assert_int_eq(system(command), 0);
}

/* jobd changes from one build to another, with the program beside it, while a job runs. */
static void change_build(const char *from, const char *to, const char *build)
{
        Jobd__Work__Report *report;
        char exe[128];
        uint64_t generation;
        uint32_t worker;
        pid_t old_pid;

        snprintf(exe, sizeof(exe), "%s/jobd-worker", fake.dir);
        copy_program(from, exe);
        fake.exe = exe;
        stage_start_pool(2);
        old_pid = fake.pid;
        worker = workers[0]->pid;
        generation = workers[0]->generation;
        stage_start_blocked(workers[0], 7, "true");
        copy_program(to, exe);

        fake.build = build;
        pool = fake_close(pool);
        /* It dials as the old program, executes the new one, and dials again. */
        pool = fake_accept(&fake);
        ck_assert_uint_eq(pool->pid, (uint32_t)old_pid);
        wait_for_eof();
        pool = fake_close(pool);
        pool = fake_accept(&fake);
        ck_assert_int_eq(pool->role, JOBD__WORK__ROLE__ROLE_POOL);
        ck_assert_uint_eq(pool->pid, (uint32_t)old_pid);
        report = fake_await(pool, REPORT(POOL_STATE));
        ck_assert_uint_eq(report->pool_state->n_workers, 2);
        ck_assert_uint_eq(report->pool_state->workers[0]->pid, worker);
        ck_assert_uint_eq(report->pool_state->workers[0]->generation, generation);
        wire_free_report(report);

        /* The job never noticed; its worker retires when it is told and a new one comes. */
        fake_order_lease(workers[0], ORDER(RETIRE), 0);
        stage_open_gate();
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(EXITED));
        wire_free_report(report);
        fake_ack(workers[0], 7);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->generation, generation);
        ck_assert_uint_eq(report->dead_worker->n_leases, 0);
        wire_free_report(report);
        workers[0] = fake_close(workers[0]);
        stage_accept_all(2);
        ck_assert_uint_gt(workers[0]->generation, generation);
        ck_assert_str_eq(workers[0]->build, build);

        /* The lock was kept: there is still one pool. */
        struct fake second = fake;
        fake_start_pool(&second, 1);
        ck_assert_int_eq(fake_wait_program(&second), 0);
}

START_TEST(a_newer_build_is_executed_in_place)
{
        change_build(JOBD_WORKER_PATH, JOBD_WORKER_NEXT_PATH, JOBD_WORKER_NEXT_BUILD);
}
END_TEST

START_TEST(an_older_build_too)
{
        fake.build = JOBD_WORKER_NEXT_BUILD;
        change_build(JOBD_WORKER_NEXT_PATH, JOBD_WORKER_PATH, version_build);
}
END_TEST

/* What it was started with, but for the words that belong to one program's start. */
START_TEST(the_next_program_is_told_of_the_delegation)
{
        char path[64], *words;
        struct stat st;
        size_t size;

        /* A pool that is given this test's own cgroup would rearrange it: here there is none. */
        if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return;
        if (stat("/sys/fs/cgroup", &st) == 0)
                ck_assert_int_eq(mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL), 0);
        fake.is_delegated = true;
        change_build(JOBD_WORKER_PATH, JOBD_WORKER_NEXT_PATH, JOBD_WORKER_NEXT_BUILD);
        snprintf(path, sizeof(path), "/proc/%u/cmdline", pool->pid);
        ck_assert_int_eq(fs_read_file(AT_FDCWD, path, 65536, &words, &size), 0);
        for (size_t i = 0; i < size; i++)
                words[i] = words[i] ? words[i] : ' ';
        ck_assert_ptr_nonnull(strstr(words, " --after-build " JOBD_WORKER_NEXT_BUILD " "));
        ck_assert_ptr_nonnull(strstr(words, " --user"));
        ck_assert_ptr_nonnull(strstr(words, " --delegated"));
        free(words);
}
END_TEST

/* The program before this one was a later version, which had more to say. */
START_TEST(lines_of_another_version_are_passed_over)
{
        fake.state_fd = memfd_create("state", 0);
        ck_assert_int_ge(fake.state_fd, 0);
        ck_assert_int_gt(dprintf(fake.state_fd, "colour blue\nwanted 2\nworkers of a kind\n"), 0);
        stage_start_pool(1);
        stage_accept_all(2);
        close(fake.state_fd);
}
END_TEST

START_TEST(a_build_that_is_not_there_is_tried_once)
{
        stage_start_pool(1);
        fake.build = "99.0.0";
        pool = fake_close(pool);
        pool = fake_accept(&fake);
        wait_for_eof();
        pool = fake_close(pool);
        pool = fake_accept(&fake); /* the same program again: it stays */
        wire_free_report(fake_expect(pool, REPORT(POOL_STATE)));
        ck_assert(fake_is_silent(pool, 100));
        fake_run_shell(workers[0], 7, "exit 4");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
}
END_TEST

SUITE_MAIN("pool_exec", stage_open, stage_close, a_newer_build_is_executed_in_place,
           an_older_build_too, the_next_program_is_told_of_the_delegation,
           lines_of_another_version_are_passed_over, a_build_that_is_not_there_is_tried_once)
