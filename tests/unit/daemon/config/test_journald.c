/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to systemd's journal, played by the test with a datagram socket: entries as they are, one
 * that is behind, one that hangs, one that is gone and comes back. Clock and waiting are the
 * test's.
 */
#include <check.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"

#include "daemon/journald.h"
#include "tests/unit/daemon/fake_time.h"
#include "tests/unit/suite.h"

static char dir[64], path[96];
static int journal_fd = -1;
static unsigned int waits_count;
static int waited_msec;
static bool helps; /* while somebody waits, the journal reads */

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_msec);

static size_t read_all(char *last, size_t room)
{
        size_t count = 0;
        ssize_t size;

        while ((size = recv(journal_fd, last, room - 1, 0)) >= 0) {
                last[size] = '\0';
                count++;
        }
        return count;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_msec)
{
        char text[256];

        ck_assert_uint_eq(count, 1);
        ck_assert_int_eq(fds->events, POLLOUT);
        waits_count++;
        waited_msec = timeout_msec;
        return helps && read_all(text, sizeof(text)) > 0 ? 1 : 0;
}

static void come(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        strcpy(address.sun_path, path);
        journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(journal_fd, 0);
        ck_assert_int_eq(bind(journal_fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void go(void)
{
        close(journal_fd);
        unlink(path);
}

static void set_up(void)
{
        snprintf(dir, sizeof(dir), "/tmp/jobd-journald-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/socket", dir);
        fake_time_start();
        waits_count = 0;
        helps = false;
        come();
        journald_init(path);
}

static void tear_down(void)
{
        go();
        journald_init(NULL);
        ck_assert_int_eq(rmdir(dir), 0);
}

static int say(const char *text)
{
        char message[256], priority[] = "PRIORITY=5";
        struct iovec fields[2];

        snprintf(message, sizeof(message), "MESSAGE=%s", text);
        fields[0] = (struct iovec){ .iov_base = message, .iov_len = strlen(message) };
        fields[1] = (struct iovec){ .iov_base = priority, .iov_len = strlen(priority) };
        return journald_send(fields, 2);
}

static void expect(const char *entry)
{
        char text[512] = "";

        ck_assert_int_ge(recv(journal_fd, text, sizeof(text) - 1, 0), 0);
        ck_assert_str_eq(text, entry);
}

/* Until one is lost. */
static void fill(void)
{
        int r = 0;

        for (int i = 0; r == 0 && i < 1000000; i++)
                r = say("more");
        ck_assert_int_eq(r, JOURNALD_E_LOST);
}

START_TEST(an_entry_is_lines)
{
        ck_assert_int_eq(say("one"), 0);
        expect("MESSAGE=one\nPRIORITY=5\n");
        ck_assert_int_eq(say("two"), 0);
        expect("MESSAGE=two\nPRIORITY=5\n");
        ck_assert_uint_eq(waits_count, 0);
        ck_assert_uint_eq(journald_lost(), 0);
}
END_TEST

START_TEST(one_that_hangs_costs_a_moment)
{
        char text[512];

        fill();
        ck_assert_uint_eq(waits_count, 1);
        ck_assert_int_gt(waited_msec, 0);
        ck_assert_int_le(waited_msec, 200);
        ck_assert_int_eq(say("at once"), JOURNALD_E_LOST);
        ck_assert_uint_eq(waits_count, 1);
        fake_time_pass(10 * USEC_PER_SEC);
        ck_assert_int_eq(say("again"), JOURNALD_E_LOST);
        ck_assert_uint_eq(waits_count, 2);
        ck_assert_uint_eq(journald_lost(), 3);
        /* It reads again: what is missing is said where it is. */
        ck_assert_uint_gt(read_all(text, sizeof(text)), 0);
        ck_assert_str_eq(text, "MESSAGE=more\nPRIORITY=5\n");
        ck_assert_int_eq(say("back"), 0);
        expect("MESSAGE=3 lines of this log are missing here: systemd's journal did not take them\n"
               "PRIORITY=4\nSYSLOG_IDENTIFIER=jobd\n");
        expect("MESSAGE=back\nPRIORITY=5\n");
        ck_assert_int_eq(say("once"), 0);
        expect("MESSAGE=once\nPRIORITY=5\n");
        ck_assert_uint_eq(journald_lost(), 3);
}
END_TEST

START_TEST(one_that_is_behind_is_waited_for)
{
        helps = true;
        for (int i = 0; waits_count < 3 && i < 1000000; i++)
                ck_assert_int_eq(say("more"), 0);
        ck_assert_uint_eq(waits_count, 3);
        ck_assert_uint_eq(journald_lost(), 0);
}
END_TEST

START_TEST(one_that_goes_comes_back)
{
        ck_assert_int_eq(say("one"), 0);
        go();
        ck_assert_int_eq(say("two"), JOURNALD_E_GONE);
        journald_count_lost();
        come();
        ck_assert_int_eq(say("three"), 0);
        expect("MESSAGE=1 lines of this log are missing here: systemd's journal did not take them\n"
               "PRIORITY=4\nSYSLOG_IDENTIFIER=jobd\n");
        expect("MESSAGE=three\nPRIORITY=5\n");
        /* Another one in its place: nobody noticed in between. */
        go();
        come();
        ck_assert_int_eq(say("four"), 0);
        expect("MESSAGE=four\nPRIORITY=5\n");
}
END_TEST

SUITE_MAIN("journald", set_up, tear_down, an_entry_is_lines, one_that_hangs_costs_a_moment,
           one_that_is_behind_is_waited_for, one_that_goes_comes_back)
