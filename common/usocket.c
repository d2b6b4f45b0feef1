/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix stream sockets: listening, connecting, who is there, and passing a descriptor.
 *
 * Every socket made here is close-on-exec from birth and non-blocking, so that nothing leaks into
 * a job and no call waits. Who a peer is comes from the kernel alone: its credentials at
 * connect(2), or at listen(2) when we are the client. An identity is never assumed: what the kernel
 * does not tell is a fault, and the uid -1, which the system calls take for "leave it", is refused.
 *
 * A listening path belongs to whoever holds the lock beside it; usocket_listen() removes what an
 * earlier owner left, but only if it is a socket.
 *
 * Used by all three programs.
 */
#include "common/usocket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define USOCKET_BACKLOG 4096
#define USOCKET_GROUPS_FIRST 64 /* enough for nearly everybody, in one call */

void usocket_peer_deinit(struct usocket_peer *peer)
{
        free(peer->groups);
        *peer = (struct usocket_peer){ 0 };
}

static int usocket_fill_address(const char *path, struct sockaddr_un *out_address)
{
        const size_t length = strlen(path);

        *out_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (length >= sizeof(out_address->sun_path))
                return USOCKET_E_TOO_LONG;
        /* An empty path would mean an abstract address that the kernel chooses. */
        if (length == 0)
                return FAULT(-EINVAL);
        memcpy(out_address->sun_path, path, length);
        return 0;
}

static int usocket_remove_stale(const char *path)
{
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : FAULT(-errno);
        if (!S_ISSOCK(st.st_mode))
                return FAULT(-EADDRINUSE);
        if (unlink(path) < 0 && errno != ENOENT)
                return FAULT(-errno);
        return 0;
}

int usocket_listen(const char *path, mode_t mode, int *out_fd)
{
        _cleanup_(fd_closep) int fd = -1;
        struct sockaddr_un address;
        int r;

        r = usocket_fill_address(path, &address);
        if (r)
                return r < 0 ? PASS(r) : r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return FAULT(-errno);
        r = usocket_remove_stale(path);
        if (r)
                return PASS(r);
        /* The file is made with the socket's mode less the umask: never wider than wanted. */
        if (fchmod(fd, mode) < 0)
                return FAULT(-errno);
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return FAULT(-errno);
        if (chmod(path, mode) < 0 || listen(fd, USOCKET_BACKLOG) < 0) {
                r = FAULT(-errno);
                unlink(path);
                return r;
        }
        *out_fd = TAKE_FD(fd);
        return 0;
}

static int usocket_connect_answer(int error)
{
        static const struct {
                int error, answer;
        } answers[] = {
                { ENOENT, USOCKET_E_NOBODY }, { ENOTDIR, USOCKET_E_NOBODY },
                { EACCES, USOCKET_E_DENIED }, { ECONNREFUSED, USOCKET_E_NOBODY },
                { EPERM, USOCKET_E_DENIED },  { EAGAIN, USOCKET_E_AGAIN },
        };

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                if (answers[i].error == error)
                        return answers[i].answer;
        return FAULT(-error);
}

int usocket_connect(const char *path, int *out_fd)
{
        _cleanup_(fd_closep) int fd = -1;
        struct sockaddr_un address;
        int r;

        r = usocket_fill_address(path, &address);
        if (r)
                return r < 0 ? PASS(r) : r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return FAULT(-errno);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                r = usocket_connect_answer(errno);
                return r < 0 ? PASS(r) : r;
        }
        *out_fd = TAKE_FD(fd);
        return 0;
}

int usocket_accept(int listen_fd, int *out_fd)
{
        static const struct {
                int error, answer;
        } answers[] = {
                { EAGAIN, USOCKET_E_AGAIN },       { EINTR, USOCKET_E_AGAIN },
                { ECONNABORTED, USOCKET_E_AGAIN }, { EPROTO, USOCKET_E_AGAIN },
                { EPERM, USOCKET_E_AGAIN },        { EMFILE, USOCKET_E_NO_FD },
                { ENFILE, USOCKET_E_NO_FD },       { ENOBUFS, USOCKET_E_NO_FD },
                { ENOMEM, USOCKET_E_NO_FD },
        };
        const int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        const int error = errno;

        if (fd >= 0) {
                *out_fd = fd;
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                if (answers[i].error == error)
                        return answers[i].answer;
        return FAULT(-error);
}

static int usocket_read_groups(int fd, struct usocket_peer *peer)
{
        socklen_t size = USOCKET_GROUPS_FIRST * sizeof(gid_t);

        for (;;) {
                _cleanup_(freep) gid_t *groups = malloc(size);
                const socklen_t room = size;

                if (!groups)
                        return FAULT(-ENOMEM);
                if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
                        peer->groups = TAKE_PTR(groups);
                        peer->groups_count = size / sizeof(gid_t);
                        return 0;
                }
                /* The kernel has put the size it needs into `size`. */
                if (errno != ERANGE)
                        return FAULT(-errno);
                if (size <= room || size > USOCKET_GROUPS_MAX * sizeof(gid_t))
                        return FAULT(-E2BIG);
        }
}

int usocket_read_peer(int fd, int want_groups, struct usocket_peer *out_peer)
{
        struct usocket_peer peer = { 0 };
        struct ucred cred;
        socklen_t size = sizeof(cred);
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
                return FAULT(-errno);
        if (size != sizeof(cred) || cred.uid == (uid_t)-1 || cred.gid == (gid_t)-1)
                return FAULT(-EPERM);
        peer.uid = cred.uid;
        peer.gid = cred.gid;
        peer.pid = cred.pid;
        if (want_groups) {
                r = usocket_read_groups(fd, &peer);
                if (r)
                        return PASS(r);
        }
        *out_peer = peer;
        return 0;
}

int usocket_send(int fd, const struct iovec *iov, int iov_count, int pass_fd, size_t *out_sent)
{
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct msghdr message = {
                /* sendmsg(2) only reads; msghdr has no const of its own. */
                .msg_iov = (struct iovec *)(uintptr_t)iov,
                .msg_iovlen = (size_t)iov_count,
        };
        ssize_t n;

        if (pass_fd >= 0) {
                message.msg_control = control.space;
                message.msg_controllen = sizeof(control.space);
                *CMSG_FIRSTHDR(&message) = (struct cmsghdr){
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS,
                        .cmsg_len = CMSG_LEN(sizeof(int)),
                };
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &pass_fd, sizeof(pass_fd));
        }
        do
                n = sendmsg(fd, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return USOCKET_E_AGAIN;
        if (n < 0)
                return FAULT(-errno);
        /* On a stream a descriptor needs a byte to ride on; without one it went nowhere. */
        if (n == 0 && pass_fd >= 0)
                return FAULT(-EINVAL);
        *out_sent = (size_t)n;
        return 0;
}

/* The first descriptor that came, the others closed; -1 without one. */
static int usocket_take_fd(struct msghdr *message)
{
        int taken = -1;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                size_t count;

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < count; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
                        if (taken < 0)
                                taken = fd;
                        else
                                fd_close(fd);
                }
        }
        return taken;
}

int usocket_receive(int fd, void *data, size_t size, size_t *out_received, int *out_fd)
{
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = data, .iov_len = size };
        struct msghdr message;
        int passed;
        ssize_t n;

        if (size == 0)
                return FAULT(-EINVAL);
        do {
                message = (struct msghdr){
                        .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = control.space,
                        .msg_controllen = sizeof(control.space),
                };
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return USOCKET_E_AGAIN;
        if (n < 0 && errno == ECONNRESET)
                return USOCKET_E_EOF;
        if (n < 0)
                return FAULT(-errno);
        passed = usocket_take_fd(&message);
        if (n == 0) {
                fd_close(passed);
                return USOCKET_E_EOF;
        }
        *out_received = (size_t)n;
        *out_fd = passed;
        return 0;
}
