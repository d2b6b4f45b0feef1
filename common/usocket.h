/* SPDX-License-Identifier: Apache-2.0 */
/* Unix stream sockets: listening, connecting, who is there, and passing a descriptor. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/cleanup.h"
#include "common/error.h"

#define USOCKET_PATH_BYTES 108 /* of a socket's path with the zero behind it: unix(7) */
#define USOCKET_GROUPS_MAX 65536

enum usocket_answer {
        USOCKET_E_NOBODY =
                1,          /* connect: no socket there, or nobody listens (ENOENT, ECONNREFUSED) */
        USOCKET_E_DENIED,   /* connect: the file's mode forbids it */
        USOCKET_E_AGAIN,    /* accept, receive: nothing now; connect: the backlog is full */
        USOCKET_E_NO_FD,    /* accept: out of descriptors; leave the loop until one closes */
        USOCKET_E_TOO_LONG, /* the path does not fit sockaddr_un (107 bytes) */
        USOCKET_E_EOF,
};

/* Who is at the other end, as the kernel saw it at connect(2) (at listen(2), for a client). */
struct usocket_peer {
        uid_t uid;
        gid_t gid;
        pid_t pid;
        gid_t *groups; /* owned; SO_PEERGROUPS */
        size_t groups_count;
};
void usocket_peer_deinit(struct usocket_peer *peer);

/*
 * Binds a new stream socket at `path` (a stale file there is unlinked: hold the lock first) with
 * file mode `mode`, and listens. Non-blocking, CLOEXEC.
 */
_must_use_ int usocket_listen(const char *path, mode_t mode, int *out_fd);
/* Connects; CLOEXEC and non-blocking afterwards. */
_must_use_ int usocket_connect(const char *path, int *out_fd);
/* Accepts one connection, non-blocking, CLOEXEC. */
_must_use_ int usocket_accept(int listen_fd, int *out_fd);
/* SO_PEERCRED and, when `want_groups`, SO_PEERGROUPS. Refuses (uid_t)-1. Never assumes. */
_must_use_ int usocket_read_peer(int fd, int want_groups, struct usocket_peer *out_peer);
/*
 * sendmsg(2) of `iov`; pass_fd (or -1) rides on its first byte. *out_sent is what left.
 * 0, USOCKET_E_AGAIN, or a fault.
 */
_must_use_ int usocket_send(int fd, const struct iovec *iov, int iov_count, int pass_fd,
                            size_t *out_sent);
/*
 * recvmsg(2) with room for one descriptor (CLOEXEC; more are closed). *out_fd is -1 without one.
 * 0, USOCKET_E_AGAIN, USOCKET_E_EOF, or a fault.
 */
_must_use_ int usocket_receive(int fd, void *data, size_t size, size_t *out_received, int *out_fd);
