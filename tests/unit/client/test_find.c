/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a daemon: every rule, who is believed, and starting one. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/usocket.h"

#include "client/lib/autostart.h"
#include "client/lib/find.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

static struct find_options options;
static struct find_target target;
static struct failure failure;
static char absent[108], present[108], runtime[108];

static void setup(void)
{
        snprintf(absent, sizeof(absent), "%s/absent.sock", fake_folder());
        snprintf(present, sizeof(present), "%s/present.sock", fake_folder());
        snprintf(runtime, sizeof(runtime), "%s/runtime", fake_folder());
        options = (struct find_options){ .autostart = true, .system_socket = absent };
        ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
        ck_assert_int_eq(unsetenv("JOBCTL_SOCKET"), 0);
        ck_assert_int_eq(unsetenv("JOBD_PROGRAM"), 0);
}

static void teardown(void)
{
        find_target_deinit(&target);
}

static void make_present(void)
{
        const int fd = open(present, O_CREAT | O_WRONLY, 0600);

        ck_assert_int_ge(fd, 0);
        close(fd);
        options.system_socket = present;
}

static void resolve(const char *socket, bool may_start)
{
        ck_assert_int_eq(find_resolve(&options, &target, &failure), 0);
        ck_assert_str_eq(target.socket, socket);
        ck_assert_int_eq(target.runtime != NULL, may_start);
}

/* "<runtime>/jobd/jobd.sock" */
static const char *user_socket(void)
{
        static char path[160];

        snprintf(path, sizeof(path), "%s/jobd/jobd.sock", runtime);
        return path;
}

START_TEST(test_a_named_socket_decides)
{
        char named[] = "/some/where";

        make_present();
        ck_assert_int_eq(setenv("JOBCTL_SOCKET", "/else/where", 1), 0);
        options.socket = named;
        resolve("/some/where", false);
}
END_TEST

START_TEST(test_the_variable)
{
        make_present();
        ck_assert_int_eq(setenv("JOBCTL_SOCKET", "/else/where", 1), 0);
        resolve("/else/where", false);
}
END_TEST

START_TEST(test_an_empty_variable_is_none)
{
        ck_assert_int_eq(setenv("JOBCTL_SOCKET", "", 1), 0);
        resolve(user_socket(), true);
}
END_TEST

START_TEST(test_places_go_before_the_variable)
{
        make_present();
        ck_assert_int_eq(setenv("JOBCTL_SOCKET", "/else/where", 1), 0);
        options.place = JOBCTL_PLACE_USER;
        resolve(user_socket(), true);
        find_target_deinit(&target);
        options.place = JOBCTL_PLACE_SYSTEM;
        resolve(present, false);
}
END_TEST

START_TEST(test_the_system_first_where_it_is)
{
        make_present();
        resolve(present, false);
}
END_TEST

START_TEST(test_the_user_last)
{
        resolve(user_socket(), true);
        find_target_deinit(&target);
        options.autostart = false;
        resolve(user_socket(), false);
}
END_TEST

START_TEST(test_state_folder)
{
        char state[] = "/srv/state";

        make_present();
        options.state_dir = state;
        resolve("/srv/state/run/jobd.sock", true);
        ck_assert_str_eq(target.state_dir, "/srv/state");
        ck_assert_str_eq(target.runtime, "/srv/state/run");
}
END_TEST

START_TEST(test_relative_state_folder)
{
        char state[] = "state";

        ck_assert_int_eq(chdir("/usr"), 0);
        options.state_dir = state;
        resolve("/usr/state/run/jobd.sock", true);
        ck_assert_str_eq(target.state_dir, "/usr/state");
}
END_TEST

START_TEST(test_runtime_folder)
{
        char *folder;
        char expected[64];
        struct stat st;

        ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", "relative", 1), 0);
        snprintf(expected, sizeof(expected), "/run/user/%u", (unsigned int)getuid());
        if (stat(expected, &st) == 0 && st.st_uid == getuid())
                strcat(expected, "/jobd");
        else
                snprintf(expected, sizeof(expected), "/tmp/jobd-%u", (unsigned int)getuid());
        folder = find_runtime_folder();
        ck_assert_str_eq(folder, expected);
        free(folder);
}
END_TEST

/* ------------------------------------------------------------------------------------- dialling */

static int dial(const char *path)
{
        int fd = -1;
        int r;

        target.socket = strdup(path);
        r = find_dial(&target, &fd, &failure);
        ck_assert_int_eq(r == 0, fd >= 0);
        fd_close(fd);
        return r;
}

START_TEST(test_nobody)
{
        ck_assert_int_eq(dial(absent), FIND_E_NOBODY);
        ck_assert_ptr_nonnull(strstr(failure.text, absent));
}
END_TEST

/* systemctl is of use only where systemd runs the machine. */
START_TEST(test_nobody_of_the_system)
{
        const bool has_systemd = access("/run/systemd/system", F_OK) == 0;

        if (access(FIND_SYSTEM_SOCKET, F_OK) == 0)
                return;
        ck_assert_int_eq(dial(FIND_SYSTEM_SOCKET), FIND_E_NOBODY);
        ck_assert_ptr_nonnull(strstr(failure.text, FIND_SYSTEM_SOCKET));
        ck_assert(!strstr(failure.text, "systemctl") == !has_systemd);
        ck_assert(!strstr(failure.text, "jobd --system") == has_systemd);
}
END_TEST

START_TEST(test_too_long)
{
        char path[300];

        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        ck_assert_int_eq(dial(path), FIND_E_REFUSED);
        ck_assert_int_eq(failure.code, JOBCTL_E_USAGE);
}
END_TEST

START_TEST(test_somebody)
{
        int fd = -1;

        ck_assert_int_eq(usocket_listen(present, 0600, &fd), 0);
        ck_assert_int_eq(dial(present), 0);
        close(fd);
}
END_TEST

/* Needs root: the listener is a user who is nobody to us, seen as another user. */
START_TEST(test_a_squatter)
{
        char byte = 0;
        int pair[2];
        int fd = -1;

        if (getuid() != 0)
                return;
        ck_assert_int_eq(chmod(fake_folder(), 0777), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        if (fork() == 0) {
                close(pair[0]);
                if (setresuid(54321, 54321, 54321) || usocket_listen(present, 0666, &fd) ||
                    write(pair[1], "x", 1) != 1)
                        _exit(1);
                (void)!read(pair[1], &byte, 1); /* until the test ends */
                _exit(0);
        }
        close(pair[1]);
        /* Until it listens, the socket may not be used by us, or leads to nobody. */
        ck_assert_int_eq(read(pair[0], &byte, 1), 1);
        ck_assert_int_eq(setresuid(54322, 54322, 54322), 0);
        ck_assert_int_eq(dial(present), FIND_E_REFUSED);
        ck_assert_int_eq(failure.code, JOBCTL_E_UNTRUSTED);
        ck_assert_ptr_nonnull(strstr(failure.text, "54321"));
        close(pair[0]);
}
END_TEST

/* ------------------------------------------------------------------------------------- starting */

/* A jobd that is this shell script. */
static void make_program(const char *script)
{
        static char path[160];
        FILE *out;

        snprintf(path, sizeof(path), "%s/program", fake_folder());
        out = fopen(path, "w");
        ck_assert_ptr_nonnull(out);
        fprintf(out, "#!/bin/sh\n%s\n", script);
        ck_assert_int_eq(fclose(out), 0);
        ck_assert_int_eq(chmod(path, 0700), 0);
        ck_assert_int_eq(setenv("JOBD_PROGRAM", path, 1), 0);
}

static int start(void)
{
        int fd = -1;
        int r;

        ck_assert_int_eq(find_resolve(&options, &target, &failure), 0);
        r = autostart_dial(&target, &fd, &failure);
        ck_assert_int_eq(r == 0, fd >= 0);
        fd_close(fd);
        return r;
}

START_TEST(test_start_that_fails_is_explained)
{
        make_program("echo the disk is made of cheese >&2; exit 1");
        ck_assert_int_eq(start(), FIND_E_NOBODY);
        ck_assert_int_eq(failure.code, JOBCTL_E_NO_DAEMON);
        ck_assert_ptr_nonnull(strstr(failure.text, "the disk is made of cheese"));
        /* Only what this start said. */
        make_program("echo the moon is >&2; exit 1");
        find_target_deinit(&target);
        ck_assert_int_eq(start(), FIND_E_NOBODY);
        ck_assert_ptr_nonnull(strstr(failure.text, "the moon is"));
        ck_assert_ptr_null(strstr(failure.text, "cheese"));
}
END_TEST

/* Of a long complaint the end counts. */
START_TEST(test_long_complaint)
{
        make_program("i=0; while [ $i -lt 200 ]; do echo line $i of 200; i=$((i+1)); done >&2");
        ck_assert_int_eq(start(), FIND_E_NOBODY);
        ck_assert_ptr_nonnull(strstr(failure.text, "line 199 of 200"));
        ck_assert_ptr_null(strstr(failure.text, "line 0 of 200"));
}
END_TEST

START_TEST(test_no_program)
{
        ck_assert_int_eq(setenv("JOBD_PROGRAM", "/nonexistent/jobd", 1), 0);
        ck_assert_int_eq(start(), FIND_E_NOBODY);
        ck_assert_ptr_nonnull(strstr(failure.text, "/nonexistent/jobd"));
}
END_TEST

/* What the program was given goes to a file: arguments, descriptors, session. */
START_TEST(test_how_it_is_started)
{
        char state[160], script[600], line[200], *lines;
        FILE *seen;

        snprintf(state, sizeof(state), "%s/state", fake_folder());
        options.state_dir = state;
        snprintf(script, sizeof(script),
                 "exec 9>%s/seen; echo \"$@\" >&9; ls /proc/self/fd | tr '\\n' ' ' >&9;"
                 "echo >&9; pwd >&9; cut -d' ' -f6 /proc/self/stat >&9; printf 1 >&3",
                 fake_folder());
        make_program(script);
        /* Something that this process forgot to mark. */
        ck_assert_int_eq(dup2(STDERR_FILENO, 40), 40);
        ck_assert_int_eq(start(), FIND_E_NOBODY); /* it said it is ready, and it is not there */
        snprintf(line, sizeof(line), "%s/seen", fake_folder());
        seen = fopen(line, "r");
        ck_assert_ptr_nonnull(seen);
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), seen));
        snprintf(script, sizeof(script), "--user --ready-fd 3 --state-dir %s\n", state);
        ck_assert_str_eq(line, script);
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), seen));
        /* 0 1 2, the pipe, the shell's 9, and what ls has open itself. */
        ck_assert_ptr_nonnull(strstr(line, "0 1 2 3 "));
        ck_assert_uint_le(strlen(line), strlen("0 1 2 3 4 9 \n"));
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), seen));
        ck_assert_str_eq(line, "/\n");
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), seen));
        ck_assert_int_ne(strtol(line, &lines, 10), getsid(0));
        fclose(seen);
        options.state_dir = NULL;
}
END_TEST

START_TEST(test_a_folder_of_somebody_else)
{
        char folder[160];

        ck_assert_int_eq(mkdir(runtime, 0777), 0);
        snprintf(folder, sizeof(folder), "%s/jobd", runtime);
        ck_assert_int_eq(mkdir(folder, 0777), 0);
        ck_assert_int_eq(chmod(folder, 0777), 0);
        make_program("exit 1");
        options.place = JOBCTL_PLACE_USER;
        ck_assert_int_eq(start(), FIND_E_REFUSED);
        ck_assert_int_eq(failure.code, JOBCTL_E_NO_DAEMON);
        ck_assert_ptr_nonnull(strstr(failure.text, folder));
}
END_TEST

SUITE_MAIN("find", setup, teardown, test_a_named_socket_decides, test_the_variable,
           test_an_empty_variable_is_none, test_places_go_before_the_variable,
           test_the_system_first_where_it_is, test_the_user_last, test_state_folder,
           test_relative_state_folder, test_runtime_folder, test_nobody, test_nobody_of_the_system,
           test_too_long, test_somebody, test_a_squatter, test_start_that_fails_is_explained,
           test_long_complaint, test_no_program, test_how_it_is_started,
           test_a_folder_of_somebody_else)
