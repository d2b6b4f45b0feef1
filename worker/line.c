/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SOCK_SEQPACKET pair that the pool makes for each worker. Its EOF is the one thing on which both
 * sides rely: a worker whose pool died ends its job, since nobody would clean up after it.
 */
#include "worker/line.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/error.h"

int line_open(int out_fds[static 2])
{
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out_fds) < 0)
                return FAULT(-errno);
        return 0;
}

void line_send(int fd, enum line_kind kind, uint64_t value)
{
        const struct line_message message = { .kind = kind, .value = value };

        (void)!send(fd, &message, sizeof(message), MSG_NOSIGNAL);
}

int line_receive(int fd, struct line_message *out_message)
{
        struct line_message message;
        const ssize_t n = recv(fd, &message, sizeof(message), 0);

        if (n == (ssize_t)sizeof(message) && message.kind < LINE_KIND_COUNT) {
                *out_message = message;
                return 0;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return LINE_E_AGAIN;
        if (n > 0)
                return FAULT(-EBADMSG);
        return LINE_E_EOF;
}
