/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells of processes whose names are made to mislead, of ended ones, and of none. */
#include <sys/prctl.h>

#include "common/process.h"

#include "suite.h"

START_TEST(our_own)
{
        struct process_stat stat;

        ck_assert(process_read_stat(getpid(), &stat));
        ck_assert_int_eq(stat.state, 'R');
        ck_assert_int_eq(stat.parent, getppid());
        ck_assert_int_eq(stat.group, getpgrp());
        ck_assert_int_eq(stat.session, getsid(0));
        ck_assert_uint_gt(stat.start_ticks, 0);
        ck_assert_uint_eq(process_read_start(getpid()), stat.start_ticks);
}
END_TEST

/* A child that lives until our end of the pipe is closed. */
static pid_t fork_named(const char *name, int *out_fd)
{
        int go[2], ready[2];
        char byte;
        pid_t pid;

        ck_assert_int_eq(pipe(go), 0);
        ck_assert_int_eq(pipe(ready), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                prctl(PR_SET_NAME, name);
                close(go[1]);
                close(ready[1]);
                _exit((int)read(go[0], &byte, 1));
        }
        close(go[0]);
        close(ready[1]);
        ck_assert_int_eq(read(ready[0], &byte, 1), 0);
        close(ready[0]);
        *out_fd = go[1];
        return pid;
}

START_TEST(a_name_that_looks_like_fields)
{
        struct process_stat stat;
        int fd;
        const pid_t pid = fork_named("a) S 1 1 (b c)", &fd);

        ck_assert(process_read_stat(pid, &stat));
        ck_assert_str_eq(stat.name, "a) S 1 1 (b c)");
        ck_assert_int_eq(stat.parent, getpid());
        ck_assert_uint_ge(stat.start_ticks, process_read_start(getpid()));
        close(fd);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert(!process_read_stat(pid, &stat));
        ck_assert_uint_eq(process_read_start(pid), 0);
}
END_TEST

START_TEST(one_that_has_ended_and_is_not_reaped)
{
        struct process_stat stat;
        siginfo_t info;
        int fd;
        const pid_t pid = fork_named("z", &fd);

        close(fd);
        ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        ck_assert(process_read_stat(pid, &stat));
        ck_assert_int_eq(stat.state, 'Z');
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(numbers_that_are_none)
{
        struct process_stat stat = { .parent = 7 };

        ck_assert(!process_read_stat(0, &stat));
        ck_assert(!process_read_stat(-1, &stat));
        ck_assert_int_eq(stat.parent, 7); /* untouched */
}
END_TEST

SUITE_MAIN("process", NULL, NULL, our_own, a_name_that_looks_like_fields,
           one_that_has_ended_and_is_not_reaped, numbers_that_are_none)
