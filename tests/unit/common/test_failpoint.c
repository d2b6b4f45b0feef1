/* SPDX-License-Identifier: Apache-2.0 */
/* The places where tests make a program die: the right visit, the right death. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/failpoint.h"
#include "common/fs.h"

#include "suite.h"

static char folder[64];

/* Visits `name` `times` times in a child; returns its wait status. */
static int visit_in_child(const char *name, int times)
{
        const pid_t pid = fork();
        int status, fails = 0;

        if (pid == 0) {
                for (int i = 0; i < times; i++)
                        fails = fails * 2 + FAILPOINT(name);
                _exit(fails);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return status;
}

START_TEST(without_a_setting_nothing_happens)
{
        unsetenv("JOBD_FAILPOINT");
        ck_assert_int_eq(visit_in_child("a", 3), 0);
}
END_TEST

START_TEST(the_nth_visit_fails_and_no_other)
{
        setenv("JOBD_FAILPOINT", "a=fail,b=fail:3,cc=kill", 1);
        ck_assert_int_eq(WEXITSTATUS(visit_in_child("a", 3)), 4);
        ck_assert_int_eq(WEXITSTATUS(visit_in_child("b", 4)), 2);
        ck_assert_int_eq(WEXITSTATUS(visit_in_child("c", 4)), 0);
}
END_TEST

START_TEST(kill_is_sigkill)
{
        setenv("JOBD_FAILPOINT", "a=kill:2", 1);
        ck_assert_int_eq(visit_in_child("a", 1), 0);
        ck_assert_int_eq(WTERMSIG(visit_in_child("a", 2)), SIGKILL);
}
END_TEST

START_TEST(pause_tells_and_waits)
{
        _cleanup_(fd_closep) int fifo = -1;
        char name[16] = "";
        int status;
        pid_t pid;

        suite_enter_folder(folder);
        ck_assert_int_eq(mkfifo("fifo", 0600), 0);
        setenv("JOBD_FAILPOINT", "here=pause", 1);
        setenv("JOBD_FAILPOINT_FIFO", "fifo", 1);
        pid = fork();
        if (pid == 0)
                _exit(FAILPOINT("here"));
        fifo = open("fifo", O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fifo, 0);
        suite_wait_readable(fifo);
        ck_assert_int_eq(read(fifo, name, sizeof(name)), 5);
        ck_assert_str_eq(name, "here\n");
        ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(WTERMSIG(status), SIGKILL);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(visits_are_listed)
{
        _cleanup_(freep) char *text = NULL;

        suite_enter_folder(folder);
        unsetenv("JOBD_FAILPOINT");
        setenv("JOBD_FAILPOINT_LOG", "log", 1);
        ck_assert_int_eq(visit_in_child("a", 2), 0);
        ck_assert_int_eq(visit_in_child("b", 1), 0);
        unsetenv("JOBD_FAILPOINT_LOG");
        ck_assert_int_eq(fs_read_file(AT_FDCWD, "log", 100, &text, NULL), 0);
        ck_assert_str_eq(text, "a\na\nb\n");
        suite_leave_folder(folder);
}
END_TEST

START_TEST(a_wrong_setting_ends_the_process)
{
        static const char *const bad[] = { "a",        "a=",        "a=explode", "a=fail:0",
                                           "a=fail:x", "a=fail:1x", "=fail",     "a=fail,b" };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                setenv("JOBD_FAILPOINT", bad[i], 1);
                ck_assert_msg(WTERMSIG(visit_in_child("z", 1)) == SIGABRT, "%s", bad[i]);
        }
}
END_TEST

START_TEST(a_replaced_file_survives_a_death_before_the_rename)
{
        _cleanup_(freep) char *text = NULL;
        _cleanup_(fd_closep) int here = -1;
        int status;
        pid_t pid;

        suite_enter_folder(folder);
        here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        setenv("JOBD_FAILPOINT", "fs-replace-written=kill:2", 1);
        pid = fork();
        if (pid == 0) {
                if (fs_replace_file(here, "f", "old", 3, 0600) == 0)
                        _exit(fs_replace_file(here, "f", "new", 3, 0600) != 0);
                _exit(1);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(WTERMSIG(status), SIGKILL);
        ck_assert_int_eq(fs_read_file(here, "f", 100, &text, NULL), 0);
        ck_assert_str_eq(text, "old");
        suite_leave_folder(folder);
}
END_TEST

SUITE_MAIN("failpoint", NULL, NULL, without_a_setting_nothing_happens,
           the_nth_visit_fails_and_no_other, kill_is_sigkill, pause_tells_and_waits,
           visits_are_listed, a_wrong_setting_ends_the_process,
           a_replaced_file_survives_a_death_before_the_rename)
