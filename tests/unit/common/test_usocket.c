/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets: modes, answers of connect and accept, peers, and passed descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/usocket.h"

#include "suite.h"

static char folder[64];

static void expect_flags(int fd)
{
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

static void make_pair(int fds[2])
{
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
}

static int send_text(int fd, const char *text, int pass_fd, size_t *out_sent)
{
        char copy[32];
        const struct iovec iov = { .iov_base = copy, .iov_len = strlen(text) };

        ck_assert_uint_lt(strlen(text), sizeof(copy));
        memcpy(copy, text, strlen(text));
        return usocket_send(fd, &iov, 1, pass_fd, out_sent);
}

static int count_fds(void)
{
        int count = 0;

        for (int fd = 0; fd < 256; fd++)
                count += fcntl(fd, F_GETFD) >= 0;
        return count;
}

START_TEST(listen_connect_accept)
{
        _cleanup_(fd_closep) int listener = -1, client = -1, server = -1;
        struct usocket_peer peer;
        struct stat st;

        suite_enter_folder(folder);
        umask(077);
        ck_assert_int_eq(usocket_connect("s", &client), USOCKET_E_NOBODY);
        ck_assert_int_eq(usocket_listen("s", 0666, &listener), 0);
        ck_assert_int_eq(stat("s", &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777U, 0666);
        expect_flags(listener);
        ck_assert_int_eq(usocket_accept(listener, &server), USOCKET_E_AGAIN);
        ck_assert_int_eq(usocket_connect("s", &client), 0);
        expect_flags(client);
        ck_assert_int_eq(usocket_accept(listener, &server), 0);
        expect_flags(server);
        ck_assert_int_eq(usocket_read_peer(server, 1, &peer), 0);
        ck_assert_uint_eq(peer.uid, getuid());
        ck_assert_uint_eq(peer.gid, getgid());
        ck_assert_int_eq(peer.pid, getpid());
        usocket_peer_deinit(&peer);
        ck_assert_ptr_null(peer.groups);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(a_stale_socket_gives_way_and_a_file_does_not)
{
        _cleanup_(fd_closep) int first = -1, second = -1, client = -1;
        struct stat st;

        suite_enter_folder(folder);
        ck_assert_int_eq(usocket_listen("s", 0600, &first), 0);
        ck_assert_int_eq(stat("s", &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777U, 0600);
        first = fd_close(first);
        ck_assert_int_eq(usocket_connect("s", &client), USOCKET_E_NOBODY);
        ck_assert_int_eq(usocket_listen("s", 0600, &second), 0);
        ck_assert_int_eq(usocket_connect("s", &client), 0);
        ck_assert_int_eq(close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
        ck_assert_int_lt(usocket_listen("file", 0600, &first), 0);
        ck_assert_int_eq(stat("file", &st), 0);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(paths_that_do_not_fit)
{
        char path[109];
        int fd = -5;

        suite_enter_folder(folder);
        memset(path, 'p', sizeof(path));
        path[108] = '\0';
        ck_assert_int_eq(usocket_listen(path, 0600, &fd), USOCKET_E_TOO_LONG);
        ck_assert_int_eq(usocket_connect(path, &fd), USOCKET_E_TOO_LONG);
        path[107] = '\0';
        ck_assert_int_eq(usocket_connect(path, &fd), USOCKET_E_NOBODY);
        ck_assert_int_lt(usocket_connect("", &fd), 0);
        ck_assert_int_eq(fd, -5);
        ck_assert_int_eq(usocket_listen(path, 0600, &fd), 0);
        close(fd);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(a_full_backlog_is_again)
{
        _cleanup_(fd_closep) int listener = -1;
        int clients[8], r = 0;
        size_t count = 0;

        suite_enter_folder(folder);
        ck_assert_int_eq(usocket_listen("s", 0600, &listener), 0);
        ck_assert_int_eq(listen(listener, 2), 0);
        while (count < ARRAY_SIZE(clients) && r == 0) {
                r = usocket_connect("s", &clients[count]);
                count += r == 0;
        }
        ck_assert_int_eq(r, USOCKET_E_AGAIN);
        while (count)
                close(clients[--count]);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(denied_by_the_file_mode)
{
        _cleanup_(fd_closep) int listener = -1;
        int status, fd;
        pid_t pid;

        if (geteuid() != 0)
                return;
        suite_enter_folder(folder);
        ck_assert_int_eq(chmod(".", 0711), 0);
        ck_assert_int_eq(usocket_listen("s", 0600, &listener), 0);
        pid = fork();
        if (pid == 0) {
                if (setresuid(65534, 65534, 65534) < 0)
                        _exit(99);
                _exit(usocket_connect("s", &fd));
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(WEXITSTATUS(status), USOCKET_E_DENIED);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(accept_without_descriptors)
{
        _cleanup_(fd_closep) int listener = -1, client = -1;
        struct rlimit before, none;
        int server = -5;

        suite_enter_folder(folder);
        ck_assert_int_eq(usocket_listen("s", 0600, &listener), 0);
        ck_assert_int_eq(usocket_connect("s", &client), 0);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
        ck_assert_int_eq(prlimit(0, RLIMIT_NOFILE, &none, NULL), 0);
        ck_assert_int_eq(usocket_accept(listener, &server), USOCKET_E_NO_FD);
        ck_assert_int_eq(prlimit(0, RLIMIT_NOFILE, &before, NULL), 0);
        ck_assert_int_eq(server, -5);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(peer_groups_of_any_number)
{
        static gid_t many[1000];
        struct usocket_peer peer;
        int fds[2];

        if (geteuid() != 0)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(many); i++)
                many[i] = (gid_t)(i + 5);
        for (size_t count = 0; count <= 1000; count += 500) {
                ck_assert_int_eq(setgroups(count, many), 0);
                make_pair(fds);
                ck_assert_int_eq(usocket_read_peer(fds[0], 1, &peer), 0);
                ck_assert_uint_eq(peer.groups_count, count);
                ck_assert_mem_eq(peer.groups, many, count * sizeof(gid_t));
                usocket_peer_deinit(&peer);
                ck_assert_int_eq(usocket_read_peer(fds[0], 0, &peer), 0);
                ck_assert_ptr_null(peer.groups);
                close(fds[0]);
                close(fds[1]);
        }
}
END_TEST

START_TEST(what_is_no_socket_has_no_peer)
{
        struct usocket_peer peer = { .uid = 7 };
        int fds[2];

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        ck_assert_int_lt(usocket_read_peer(fds[0], 1, &peer), 0);
        ck_assert_uint_eq(peer.uid, 7);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

START_TEST(a_descriptor_rides_on_the_first_byte)
{
        char data[16];
        size_t sent, got;
        int fds[2], ends[2], passed = -5;

        make_pair(fds);
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        ck_assert_int_eq(send_text(fds[0], "hello", ends[1], &sent), 0);
        ck_assert_uint_eq(sent, 5);
        ck_assert_int_eq(usocket_receive(fds[1], data, 2, &got, &passed), 0);
        ck_assert_uint_eq(got, 2);
        ck_assert_int_ge(passed, 0);
        ck_assert_int_ne(fcntl(passed, F_GETFD) & FD_CLOEXEC, 0);
        /* It is the pipe: a byte written to it comes out here. */
        ck_assert_int_eq(write(passed, "!", 1), 1);
        ck_assert_int_eq(read(ends[0], data, sizeof(data)), 1);
        ck_assert_int_eq(data[0], '!');
        close(passed);
        ck_assert_int_eq(usocket_receive(fds[1], data, sizeof(data), &got, &passed), 0);
        ck_assert_uint_eq(got, 3);
        ck_assert_mem_eq(data, "llo", 3);
        ck_assert_int_eq(passed, -1);
        ck_assert_int_eq(usocket_receive(fds[1], data, sizeof(data), &got, &passed),
                         USOCKET_E_AGAIN);
        close(fds[0]);
        ck_assert_int_eq(usocket_receive(fds[1], data, sizeof(data), &got, &passed), USOCKET_E_EOF);
}
END_TEST

START_TEST(more_than_one_descriptor_leaks_nothing)
{
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(3 * sizeof(int))];
        } control = { 0 };
        char byte = 'x';
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = { .msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = control.space,
                                  .msg_controllen = sizeof(control.space) };
        const int three[] = { 0, 1, 2 };
        size_t got;
        int fds[2], passed = -1, before;

        make_pair(fds);
        CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(sizeof(three));
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), three, sizeof(three));
        before = count_fds();
        ck_assert_int_eq(sendmsg(fds[0], &message, 0), 1);
        ck_assert_int_eq(usocket_receive(fds[1], &byte, 1, &got, &passed), 0);
        ck_assert_int_ge(passed, 0);
        ck_assert_int_eq(count_fds(), before + 1);
        close(passed);
}
END_TEST

START_TEST(send_says_again_and_gone)
{
        static char block[65536];
        const struct iovec iov[2] = { { block, sizeof(block) }, { block, sizeof(block) } };
        const struct iovec nothing = { block, 0 };
        size_t sent = 0;
        int fds[2], r;

        make_pair(fds);
        ck_assert_int_lt(usocket_send(fds[0], &nothing, 1, fds[1], &sent), 0);
        do
                r = usocket_send(fds[0], iov, 2, -1, &sent);
        while (r == 0);
        ck_assert_int_eq(r, USOCKET_E_AGAIN);
        ck_assert_uint_gt(sent, 0);
        close(fds[1]);
        /* No SIGPIPE, which would end this test. */
        ck_assert_int_lt(usocket_send(fds[0], iov, 2, -1, &sent), 0);
        close(fds[0]);
}
END_TEST

SUITE_MAIN("usocket", NULL, NULL, listen_connect_accept,
           a_stale_socket_gives_way_and_a_file_does_not, paths_that_do_not_fit,
           a_full_backlog_is_again, denied_by_the_file_mode, accept_without_descriptors,
           peer_groups_of_any_number, what_is_no_socket_has_no_peer,
           a_descriptor_rides_on_the_first_byte, more_than_one_descriptor_leaks_nothing,
           send_says_again_and_gone)
