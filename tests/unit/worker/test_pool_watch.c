/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_watch.c: workers that hang, and a pool that sleeps when nothing is to be watched.
 * Conversations with the real program.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"

#include "pool_stage.h"
#include "tests/unit/suite.h"

static void start_watched_pool(unsigned int count)
{
        ck_assert_int_eq(setenv("JOBD_POOL_WATCH_MSEC", "300", 1), 0);
        stage_start_pool(count);
        unsetenv("JOBD_POOL_WATCH_MSEC");
}

static void expect_hung(uint32_t number)
{
        Jobd__Work__Report *report = fake_await(pool, REPORT(HUNG));

        ck_assert_uint_eq(report->hung->number, number);
        wire_free_report(report);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->number, number);
        ck_assert_ptr_nonnull(strstr(report->dead_worker->why, "hung"));
        wire_free_report(report);
}

START_TEST(a_worker_that_does_not_dial_is_killed)
{
        start_watched_pool(2);
        kill((pid_t)workers[1]->pid, SIGSTOP);
        stage_hang_up();
        stage_accept_all(1); /* the pool and worker 0 */
        expect_hung(1);
        stage_accept_all(2);
}
END_TEST

START_TEST(a_worker_that_hangs_over_its_work_is_killed)
{
        start_watched_pool(2);
        stage_start_blocked(workers[0], 7, "true");
        stage_start_blocked(workers[1], 8, "true");
        kill((pid_t)workers[1]->pid, SIGSTOP);
        expect_hung(1);
        workers[1] = fake_close(workers[1]);
        stage_accept_all(2);
        stage_open_gate(); /* the other one was not touched */
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
}
END_TEST

START_TEST(an_idle_pool_does_not_wake_up)
{
        char path[64], *before, *after;

        start_watched_pool(2);
        fake_run_shell(workers[0], 7, "exit 4");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        fake_ack(workers[0], 7);
        ck_assert(fake_is_living(&fake, 1200)); /* the watch has ended by then */
        snprintf(path, sizeof(path), "/proc/%d/status", (int)fake.pid);
        ck_assert_int_eq(fs_read_file(AT_FDCWD, path, 8192, &before, NULL), 0);
        ck_assert(fake_is_living(&fake, 1000));
        ck_assert_int_eq(fs_read_file(AT_FDCWD, path, 8192, &after, NULL), 0);
        ck_assert_str_eq(strstr(before, "voluntary_ctxt_switches"),
                         strstr(after, "voluntary_ctxt_switches"));
        free(before);
        free(after);
}
END_TEST

SUITE_MAIN("pool_watch", stage_open, stage_close, a_worker_that_does_not_dial_is_killed,
           a_worker_that_hangs_over_its_work_is_killed, an_idle_pool_does_not_wake_up)
