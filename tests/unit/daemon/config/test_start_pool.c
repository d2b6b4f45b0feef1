/* SPDX-License-Identifier: Apache-2.0 */
/* The pool's parent: how the pool is started, that there is one only, and that it comes back. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"

#include "daemon/start_pool.h"
#include "tests/unit/daemon/fake_time.h"
#include "tests/unit/suite.h"

/* The test's program: says how it was started, and waits for its end. */
static char workers_socket[] = "/x/workers.sock", records[] = "/x/w", spool[] = "/x/spool";
static const char script[] =
        "#!/bin/sh\n"
        "cd \"$(dirname \"$0\")\"\n"
        "{ echo \"$$ $(cut -d' ' -f6 /proc/$$/stat) [${NOTIFY_SOCKET:-}] $JOBD_POOL_IDLE_SEC $(ls "
        "/proc/$$/fd | tr '\\n' ' ')\"\n"
        "  echo \"$*\"; } >fifo\n"
        "exec cat end\n";

static struct paths paths;
static struct start_pool *pool;
static struct loop *loop;
static struct reason why;
static char dir[64], file[128];
static int records_fd = -1, fifo_fd = -1, end_fd = -1;
static pid_t started_pid;

static int make_fifo(const char *name)
{
        int fd;

        snprintf(file, sizeof(file), "%s/%s", dir, name);
        ck_assert_int_eq(mkfifo(file, 0600), 0);
        fd = open(file, O_RDWR | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        return fd;
}

static void set_up(void)
{
        FILE *f;

        snprintf(dir, sizeof(dir), "/tmp/jobd-start-pool-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        fifo_fd = make_fifo("fifo");
        end_fd = make_fifo("end");
        snprintf(file, sizeof(file), "%s/program", dir);
        f = fopen(file, "we");
        ck_assert_ptr_nonnull(f);
        fputs(script, f);
        fclose(f);
        ck_assert_int_eq(chmod(file, 0700), 0);
        ck_assert_int_eq(setenv("JOBD_WORKER_PROGRAM", file, 1), 0);
        records_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        paths = (struct paths){
                .workers_socket = workers_socket,
                .records = records,
                .spool = spool,
        };
        ck_assert_int_eq(loop_new(&loop), 0);
        pool = NULL;
        started_pid = 0;
        fake_time_start();
}

static void tear_down(void)
{
        char command[128];

        pool = start_pool_free(pool);
        loop_free(loop);
        if (started_pid > 0)
                kill(started_pid, SIGKILL);
        close(records_fd);
        close(fifo_fd);
        close(end_fd);
        snprintf(command, sizeof(command), "rm -r %s", dir);
        ck_assert_int_eq(system(command), 0);
}

static int make(bool may_restart)
{
        const struct start_pool_options options = {
                .paths = &paths,
                .records_fd = records_fd,
                .workers = 3,
                .idle_usec = 90 * USEC_PER_SEC,
                .jobd_uid = 77,
                .may_restart = may_restart,
        };

        return start_pool_new(&options, &pool, &why);
}

/* The next line that a started program wrote; Check's time-out is the deadline. */
static void read_line(char *line, size_t room)
{
        size_t size = 0;

        for (;;) {
                ck_assert_uint_lt(size + 1, room);
                ck_assert_int_eq(read(fifo_fd, line + size, 1), 1);
                if (line[size] == '\n')
                        break;
                size++;
        }
        line[size] = '\0';
}

static void expect_started(void)
{
        char line[512];

        read_line(line, sizeof(line));
        started_pid = (pid_t)strtol(line, NULL, 10);
        ck_assert_int_gt(started_pid, 0);
        read_line(line, sizeof(line));
}

START_TEST(pool_is_started_alone)
{
        char line[512], expected[64];

        ck_assert_int_eq(setenv("NOTIFY_SOCKET", "/x", 1), 0);
        ck_assert_int_eq(dup2(records_fd, 77), 77); /* not CLOEXEC */
        ck_assert_int_eq(make(true), 0);
        ck_assert_int_eq(start_pool_run(pool, &why), 0);
        read_line(line, sizeof(line));
        started_pid = (pid_t)strtol(line, NULL, 10);
        /* Its own session, nothing from systemd, no descriptor of ours. */
        snprintf(expected, sizeof(expected), "%d %d [] 90 0 1 ", started_pid, started_pid);
        ck_assert_msg(strncmp(line, expected, strlen(expected)) == 0, "%s", line);
        ck_assert_msg(!strstr(line, " 77 "), "%s", line);
        read_line(line, sizeof(line));
        ck_assert_str_eq(line, "--pool --socket /x/workers.sock --records /x/w --spool /x/spool "
                               "--workers 3 --owner-uid 77 --user");
}
END_TEST

START_TEST(system_pool_is_no_users)
{
        char line[512];

        paths.is_system = true;
        ck_assert_int_eq(make(false), 0);
        ck_assert_int_eq(start_pool_run(pool, &why), 0);
        read_line(line, sizeof(line));
        started_pid = (pid_t)strtol(line, NULL, 10);
        read_line(line, sizeof(line));
        ck_assert_ptr_null(strstr(line, "--user"));
}
END_TEST

START_TEST(missing_program_is_a_sentence)
{
        ck_assert_int_eq(setenv("JOBD_WORKER_PROGRAM", "/nonexistent/jobd-worker", 1), 0);
        ck_assert_int_eq(make(true), START_POOL_E_REFUSED);
        ck_assert_ptr_nonnull(strstr(why.text, "/nonexistent/jobd-worker"));
}
END_TEST

/* A child holds pool.lock, as an earlier jobd's pool would. */
static pid_t hold_lock(int *out_end_fd)
{
        int ready[2], end[2];
        char byte;
        pid_t pid;

        ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
        ck_assert_int_eq(pipe2(end, O_CLOEXEC), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                int fd;

                close(end[1]);
                if (fs_lock_file(records_fd, "pool.lock", false, &fd) ||
                    write(ready[1], "", 1) != 1)
                        _exit(1);
                _exit(read(end[0], &byte, 1) == 0 ? 0 : 1);
        }
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        close(ready[1]);
        close(end[0]);
        *out_end_fd = end[1];
        return pid;
}

/* "PID PID ..." */
static void read_children(char *out_text, size_t room)
{
        char path[64];
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
        fd = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        n = read(fd, out_text, room - 1);
        ck_assert_int_ge(n, 0);
        out_text[n] = '\0';
        close(fd);
}

static void stop_loop(void *arg _unused_, unsigned int flags _unused_)
{
        loop_stop(loop, 0);
}

static void stop_at_timer(void *arg _unused_)
{
        if (fake_due_usec > 0)
                loop_stop(loop, 0);
}

/* Turns the loop until the next attempt is set, and returns how long that is away. */
static uint64_t turn_until_waiting(void)
{
        ck_assert_int_eq(loop_run(loop, stop_at_timer, NULL), 0);
        return fake_due_usec - fake_now_usec;
}

/* The one that runs dies. */
static uint64_t let_it_die(void)
{
        const pid_t first = started_pid;
        uint64_t delay_usec;

        ck_assert_int_eq(kill(first, SIGKILL), 0);
        delay_usec = turn_until_waiting();
        fake_time_pass(delay_usec - 1);
        ck_assert_uint_ne(fake_due_usec, 0);
        fake_time_pass(1);
        expect_started();
        ck_assert_int_ne(started_pid, first);
        return delay_usec;
}

START_TEST(running_pool_is_left_alone_until_it_goes)
{
        int lock_end_fd;
        const pid_t holder = hold_lock(&lock_end_fd);
        char children[256], expected[32];

        ck_assert_int_eq(make(true), 0);
        ck_assert_int_eq(start_pool_run(pool, &why), 0);
        ck_assert_int_eq(start_pool_watch(pool, loop), 0);
        /* Does it dial us, before we look again? */
        ck_assert_uint_eq(turn_until_waiting(), USEC_PER_SEC);
        start_pool_on_link(pool, true);
        fake_time_pass(USEC_PER_SEC);
        ck_assert_uint_eq(fake_due_usec, 0);
        /* The holder is still our only child: nothing was started, not even slowly. */
        read_children(children, sizeof(children));
        snprintf(expected, sizeof(expected), "%d ", holder);
        ck_assert_str_eq(children, expected);

        /* It has let go of us, but is there: looked for, and more and more seldom. */
        start_pool_on_link(pool, false);
        ck_assert_uint_eq(turn_until_waiting(), USEC_PER_SEC);
        fake_time_pass(USEC_PER_SEC);
        ck_assert_uint_eq(turn_until_waiting(), 2 * USEC_PER_SEC);
        read_children(children, sizeof(children));
        ck_assert_str_eq(children, expected);

        close(lock_end_fd);
        ck_assert_int_eq(waitpid(holder, NULL, 0), holder);
        fake_time_pass(2 * USEC_PER_SEC);
        expect_started();
}
END_TEST

START_TEST(dead_pool_comes_back)
{
        ck_assert_int_eq(make(true), 0);
        ck_assert_int_eq(start_pool_run(pool, &why), 0);
        ck_assert_int_eq(start_pool_watch(pool, loop), 0);
        expect_started();
        start_pool_on_link(pool, true);
        start_pool_on_link(pool, false); /* it is changing itself, or hangs: it has not ended */
        ck_assert_uint_eq(fake_due_usec, 0);
        for (uint64_t sec = 2; sec < 60; sec *= 2)
                ck_assert_uint_eq(let_it_die(), sec * USEC_PER_SEC);
        ck_assert_uint_eq(let_it_die(), 60 * USEC_PER_SEC);
        ck_assert_uint_eq(let_it_die(), 60 * USEC_PER_SEC);
        /* One that has lived for a while. */
        fake_time_pass(10 * USEC_PER_SEC);
        ck_assert_uint_eq(let_it_die(), USEC_PER_SEC);
}
END_TEST

/* As in system mode, where nobody is left who could start it. */
START_TEST(dead_pool_of_root_stays_dead)
{
        struct loop_watch *watch;
        int pid_fd;

        ck_assert_int_eq(make(false), 0);
        ck_assert_int_eq(start_pool_run(pool, &why), 0);
        expect_started();
        /* Ours is looked at first, and then there is nothing more to do. */
        ck_assert_int_eq(start_pool_watch(pool, loop), 0);
        pid_fd = pidfd_open(started_pid, 0);
        ck_assert_int_ge(pid_fd, 0);
        ck_assert_int_eq(loop_watch_new(loop, pid_fd, LOOP_READ, stop_loop, NULL, &watch), 0);
        ck_assert_int_eq(kill(started_pid, SIGKILL), 0);
        ck_assert_int_eq(loop_run(loop, NULL, NULL), 0);
        ck_assert_uint_eq(fake_due_usec, 0);
        start_pool_on_link(pool, false);
        ck_assert_uint_eq(fake_due_usec, 0);
        loop_watch_free(watch);
        close(pid_fd);
}
END_TEST

START_TEST(stopped_parent_starts_nothing)
{
        int lock_end_fd;

        ck_assert_int_eq(make(true), 0);
        ck_assert_int_eq(start_pool_run(pool, &why), 0);
        ck_assert_int_eq(start_pool_watch(pool, loop), 0);
        expect_started();
        start_pool_stop(pool);
        start_pool_stop(pool);
        start_pool_on_link(pool, false);
        ck_assert_uint_eq(fake_due_usec, 0);
        /* The same for one that somebody else has started. */
        ck_assert_int_eq(kill(started_pid, 0), 0);
        pool = start_pool_free(pool);
        ck_assert_int_eq(kill(started_pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(started_pid, NULL, 0), started_pid);
        hold_lock(&lock_end_fd);
        ck_assert_int_eq(make(true), 0);
        ck_assert_int_eq(start_pool_run(pool, &why), 0);
        ck_assert_int_eq(start_pool_watch(pool, loop), 0);
        start_pool_on_link(pool, true);
        fake_time_pass(USEC_PER_SEC);
        start_pool_stop(pool);
        start_pool_on_link(pool, false);
        ck_assert_uint_eq(fake_due_usec, 0);
        close(lock_end_fd);
}
END_TEST

START_TEST(pool_outlives_its_parent)
{
        ck_assert_int_eq(make(true), 0);
        ck_assert_int_eq(start_pool_run(pool, &why), 0);
        expect_started();
        pool = start_pool_free(pool);
        /* It may live on: that is the point of a pool. */
        ck_assert_int_eq(kill(started_pid, 0), 0);
}
END_TEST

START_TEST(pool_of_a_start_in_vain_ends)
{
        siginfo_t info = { 0 };

        ck_assert_int_eq(make(true), 0);
        start_pool_end(pool); /* there is none */
        ck_assert_int_eq(start_pool_run(pool, &why), 0);
        expect_started();
        start_pool_end(pool);
        ck_assert_int_eq(waitid(P_PID, (id_t)started_pid, &info, WEXITED), 0);
        ck_assert_int_eq(info.si_code, CLD_KILLED);
        ck_assert_int_eq(info.si_status, SIGTERM);
        started_pid = 0;
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("start_pool");
        TCase *tests = tcase_create("start_pool");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, pool_is_started_alone);
        tcase_add_test(tests, system_pool_is_no_users);
        tcase_add_test(tests, missing_program_is_a_sentence);
        tcase_add_test(tests, running_pool_is_left_alone_until_it_goes);
        tcase_add_test(tests, dead_pool_comes_back);
        tcase_add_test(tests, dead_pool_of_root_stays_dead);
        tcase_add_test(tests, stopped_parent_starts_nothing);
        tcase_add_test(tests, pool_outlives_its_parent);
        tcase_add_test(tests, pool_of_a_start_in_vain_ends);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
