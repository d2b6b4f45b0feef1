/* SPDX-License-Identifier: Apache-2.0 */
/* Writing to readers that are fast, slow, gone, files, or interrupted. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "client/cmd/sink.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

#define MUCH (4U * 1024 * 1024)

static char much[MUCH];
static char got[MUCH];
static int pair[2]; /* pair[0] reads */
static struct sink *sink;

static void setup(void)
{
        for (size_t i = 0; i < MUCH; i++)
                much[i] = (char)(i * 7 + i / 251);
        signal(SIGPIPE, SIG_IGN);
}

static void teardown(void)
{
        sink = sink_free(sink);
}

/* Reads until the end of file. */
static size_t read_all(int fd)
{
        size_t size = 0;

        for (;;) {
                const ssize_t n = read(fd, got + size, MUCH - size);

                if (n <= 0)
                        return size;
                size += (size_t)n;
        }
}

static void make_socketpair(int *fds)
{
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

/* A child reads what the sink writes; returns true when it was all there. */
static bool check_with_reader(void)
{
        pid_t pid;
        int status;

        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                close(pair[1]);
                _exit(read_all(pair[0]) == MUCH && memcmp(got, much, MUCH) == 0 ? 0 : 1);
        }
        close(pair[0]);
        ck_assert_int_eq(sink_new(pair[1], -1, &sink), 0);
        ck_assert_int_eq(sink_write(sink, much, 1), 0);
        ck_assert_int_eq(sink_write(sink, much + 1, MUCH - 1), 0);
        ck_assert(!sink_is_full(sink));
        teardown();
        close(pair[1]);
        return waitpid(pid, &status, 0) == pid && status == 0;
}

START_TEST(test_pipe)
{
        ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
        ck_assert(check_with_reader());
}
END_TEST

START_TEST(test_socket)
{
        make_socketpair(pair);
        ck_assert(check_with_reader());
}
END_TEST

/* The shared open file stays blocking: somebody else writes there too. */
START_TEST(test_flags_of_the_shared_file_stay)
{
        ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
        ck_assert_int_eq(sink_new(pair[1], -1, &sink), 0);
        ck_assert_int_eq(fcntl(pair[1], F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

/* A file is written where it is, behind what was there. */
START_TEST(test_file)
{
        char path[100];
        int fd;

        snprintf(path, sizeof(path), "%s/file", fake_folder());
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(write(fd, "before ", 7), 7);
        ck_assert_int_eq(sink_new(fd, -1, &sink), 0);
        ck_assert_int_eq(sink_write(sink, "after", 5), 0);
        ck_assert_int_eq(pread(fd, got, 100, 0), 12);
        ck_assert_mem_eq(got, "before after", 12);
        close(fd);
}
END_TEST

START_TEST(test_reader_gone)
{
        ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
        ck_assert_int_eq(sink_new(pair[1], -1, &sink), 0);
        close(pair[0]);
        ck_assert_int_eq(sink_write(sink, "x", 1), SINK_E_CLOSED);
}
END_TEST

START_TEST(test_full_disk)
{
        const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(sink_new(fd, -1, &sink), 0);
        ck_assert_int_eq(sink_write(sink, "x", 1), SINK_E_FAILED);
        close(fd);
}
END_TEST

/* A signal comes while the reader sleeps: what is left is kept, and written later in order. */
static void check_interrupted(void)
{
        const int event = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        size_t size = 0;

        ck_assert_int_eq(sink_new(pair[1], event, &sink), 0);
        ck_assert_int_eq(sink_write(sink, much, MUCH / 2), 0);
        ck_assert(sink_is_full(sink));
        ck_assert_int_eq(sink_write(sink, much + MUCH / 2, MUCH / 2), 0);
        while (sink_is_full(sink)) {
                size += (size_t)read(pair[0], got + size, MUCH - size);
                ck_assert_int_eq(sink_flush(sink), 0);
        }
        teardown();
        close(pair[1]);
        while (size < MUCH)
                size += (size_t)read(pair[0], got + size, MUCH - size);
        ck_assert_mem_eq(got, much, MUCH);
        close(pair[0]);
        close(event);
}

START_TEST(test_interrupted_pipe)
{
        ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
        check_interrupted();
}
END_TEST

START_TEST(test_interrupted_socket)
{
        make_socketpair(pair);
        check_interrupted();
}
END_TEST

SUITE_MAIN("sink", setup, teardown, test_pipe, test_socket, test_flags_of_the_shared_file_stay,
           test_file, test_reader_gone, test_full_disk, test_interrupted_pipe,
           test_interrupted_socket)
