/* SPDX-License-Identifier: Apache-2.0 */
/* What jobd says to a service manager, played by the test with a datagram socket. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/loop.h"
#include "common/usocket.h"

#include "daemon/service.h"
#include "tests/unit/daemon/fake_time.h"
#include "tests/unit/suite.h"

static char dir[64], path[96];
static int manager_fd = -1;
static struct reason why;

static void set_up(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(dir, sizeof(dir), "/tmp/jobd-service-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/notify", dir);
        strcpy(address.sun_path, path);
        manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(manager_fd, 0);
        ck_assert_int_eq(bind(manager_fd, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
        unsetenv("SYSTEMD_EXEC_PID");
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        fake_time_start();
}

static void tear_down(void)
{
        close(manager_fd);
        unlink(path);
        ck_assert_int_eq(rmdir(dir), 0);
}

static void expect_told(const char *text)
{
        char got[512] = "";

        ck_assert_int_ge(recv(manager_fd, got, sizeof(got) - 1, 0), 0);
        ck_assert_msg(strstr(got, text) != NULL, "told: %s", got);
}

static void set_pid(const char *name, pid_t pid)
{
        char text[32];

        snprintf(text, sizeof(text), "%d", (int)pid);
        ck_assert_int_eq(setenv(name, text, 1), 0);
}

START_TEST(words_reach_the_manager)
{
        int fds[2];
        char byte[8];

        ck_assert_int_eq(pipe(fds), 0);
        service_tell_ready(&fds[1]);
        expect_told("READY=1");
        ck_assert_int_eq(fds[1], -1);
        ck_assert_int_eq(read(fds[0], byte, sizeof(byte)), 1);
        ck_assert_int_eq(read(fds[0], byte, sizeof(byte)), 0);
        service_tell_reloading();
        expect_told("RELOADING=1\nMONOTONIC_USEC=");
        service_tell_reloaded();
        expect_told("READY=1");
        service_tell_status("%d jobs", 3);
        expect_told("STATUS=3 jobs");
        service_tell_stopping();
        expect_told("STOPPING=1");
        close(fds[0]);
}
END_TEST

START_TEST(words_for_another_process_are_dropped)
{
        set_pid("SYSTEMD_EXEC_PID", getpid());
        service_init();
        ck_assert(service_is_managed());
        set_pid("SYSTEMD_EXEC_PID", getppid());
        service_init();
        ck_assert(!service_is_managed());
        ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
        service_tell_stopping();
        ck_assert_int_lt(recv(manager_fd, &why, sizeof(why), 0), 0);
}
END_TEST

/* The first passed descriptor is 3: what Check has there is moved away. */
static void pass_fd(int fd)
{
        ck_assert_int_eq(dup2(fd, 3), 3);
        ck_assert_int_eq(fcntl(3, F_SETFD, 0), 0);
        set_pid("LISTEN_PID", getpid());
        ck_assert_int_eq(setenv("LISTEN_FDS", "1", 1), 0);
}

START_TEST(passed_sockets_are_taken)
{
        char socket_path[96];
        int fds[SERVICE_SOCKETS_MAX];
        size_t count = 0;
        int fd, client_fd;

        snprintf(socket_path, sizeof(socket_path), "%s/s", dir);
        ck_assert_int_eq(usocket_listen(socket_path, 0600, &fd), 0);
        pass_fd(fd);
        ck_assert_int_eq(service_take_sockets(fds, &count, &why), 0);
        ck_assert_uint_eq(count, 1);
        ck_assert_int_eq(fds[0], 3);
        ck_assert_int_eq(fcntl(3, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        ck_assert_int_eq(fcntl(3, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        ck_assert_int_eq(usocket_connect(socket_path, &client_fd), 0);
        close(client_fd);
        close(fd);
        unlink(socket_path);
}
END_TEST

START_TEST(other_descriptors_are_refused)
{
        int fds[SERVICE_SOCKETS_MAX];
        size_t count = 0;
        const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        pass_fd(fd);
        ck_assert_int_eq(service_take_sockets(fds, &count, &why), SERVICE_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "jobd.socket"));
        close(fd);
}
END_TEST

START_TEST(without_sockets_there_are_none)
{
        int fds[SERVICE_SOCKETS_MAX];
        size_t count = 7;

        ck_assert_int_eq(service_take_sockets(fds, &count, &why), 0);
        ck_assert_uint_eq(count, 0);
}
END_TEST

/* ------------------------------------------------------------------------------------ watchdog */

static bool is_well;

static bool tell_well(void *arg _unused_)
{
        return is_well;
}

START_TEST(no_watchdog_no_timer)
{
        struct service_watchdog *watchdog = NULL;
        uint64_t usec = 1;

        ck_assert_int_eq(service_watchdog_new(NULL, tell_well, NULL, &watchdog, &usec), 0);
        ck_assert_ptr_null(watchdog);
        ck_assert_uint_eq(usec, 0);
        ck_assert_uint_eq(fake_due_usec, 0);
}
END_TEST

START_TEST(watchdog_is_fed_while_all_is_well)
{
        struct service_watchdog *watchdog = NULL;
        uint64_t usec = 1;
        char got[64];

        ck_assert_int_eq(setenv("WATCHDOG_USEC", "60000000", 1), 0);
        is_well = true;
        ck_assert_int_eq(service_watchdog_new(NULL, tell_well, NULL, &watchdog, &usec), 0);
        ck_assert_ptr_nonnull(watchdog);
        ck_assert_uint_eq(usec, 60 * USEC_PER_SEC);
        for (int i = 0; i < 4; i++) {
                ck_assert_int_lt(recv(manager_fd, got, sizeof(got), 0), 0);
                fake_time_pass(30 * USEC_PER_SEC);
                expect_told("WATCHDOG=1");
        }
        /* It starves while not, and is fed again when it is well. */
        is_well = false;
        fake_time_pass(90 * USEC_PER_SEC);
        ck_assert_int_lt(recv(manager_fd, got, sizeof(got), 0), 0);
        is_well = true;
        fake_time_pass(30 * USEC_PER_SEC);
        expect_told("WATCHDOG=1");
        service_watchdog_free(watchdog);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("service");
        TCase *tests = tcase_create("service");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, words_reach_the_manager);
        tcase_add_test(tests, words_for_another_process_are_dropped);
        tcase_add_test(tests, passed_sockets_are_taken);
        tcase_add_test(tests, other_descriptors_are_refused);
        tcase_add_test(tests, without_sockets_there_are_none);
        tcase_add_test(tests, no_watchdog_no_timer);
        tcase_add_test(tests, watchdog_is_fed_while_all_is_well);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
