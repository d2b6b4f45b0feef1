/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to systemd's journal: one datagram an entry, as sd_journal_sendv(3) sends it, but never
 * at the price of the daemon. That function waits for a journald that hangs or is stopped, for
 * ever, and clients and workers with it.
 *
 * Here an entry that finds no room waits for JOURNALD_PATIENCE_MSEC, since a busy machine lets the
 * journal fall behind for a moment; when that was in vain, nobody waits for the next
 * JOURNALD_DEAF_USEC. What is not taken is counted, told by the first entry that is, and to
 * whoever asks for metrics.
 *
 * A log belongs to the process, and anybody may write to it from either thread; so does this.
 * Called by service.c.
 */
#include "daemon/journald.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/clock.h"

#define JOURNALD_PATIENCE_MSEC 200
#define JOURNALD_DEAF_USEC (10 * USEC_PER_SEC)
/* As much as the kernel allows: what a journal that is behind may leave with us. */
#define JOURNALD_BUFFER_BYTES (8 * 1024 * 1024)

static struct {
        pthread_mutex_t lock; /* of all below */
        const char *path;     /* borrowed */
        int fd;               /* owned; -1: not connected */
        uint64_t deaf_until_usec;
        uint64_t lost, untold;
} journald = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

void journald_init(const char *path)
{
        journald.path = path;
        journald.fd = fd_close(journald.fd);
        journald.deaf_until_usec = journald.lost = journald.untold = 0;
}

static int journald_connect(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(fd_closep) int fd = -1;
        const int bytes = JOURNALD_BUFFER_BYTES;

        if (!journald.path || strlen(journald.path) >= sizeof(address.sun_path))
                return -ENOENT;
        strcpy(address.sun_path, journald.path);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        journald.fd = TAKE_FD(fd);
        return 0;
}

static int journald_try(const struct msghdr *message)
{
        int r = journald.fd < 0 ? journald_connect() : 0;

        if (r == 0 && sendmsg(journald.fd, message, MSG_NOSIGNAL) < 0)
                r = -errno;
        return r;
}

/* Is there room, after a moment at the most? */
static bool journald_wait(void)
{
        struct pollfd look = { .fd = journald.fd, .events = POLLOUT };

        if (clock_mono_usec() < journald.deaf_until_usec)
                return false;
        if (poll(&look, 1, JOURNALD_PATIENCE_MSEC) > 0)
                return true;
        journald.deaf_until_usec = clock_mono_usec() + JOURNALD_DEAF_USEC;
        return false;
}

static int journald_push(const struct iovec *iov, size_t count)
{
        /* sendmsg(2) only reads; msghdr has no const of its own. */
        const struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov,
                                        .msg_iovlen = count };
        int r = journald_try(&message);

        if (r == -ECONNREFUSED || r == -ENOTCONN || r == -ECONNRESET) {
                /* Another one has taken its place. */
                journald.fd = fd_close(journald.fd);
                r = journald_try(&message);
        }
        if (r == -EAGAIN && journald_wait())
                r = journald_try(&message);
        if (r == 0)
                return 0;
        return r == -EAGAIN || r == -ENOBUFS ? JOURNALD_E_LOST : JOURNALD_E_GONE;
}

/* Says how many are missing, where they would stand. */
static int journald_tell_lost(void)
{
        char text[256];
        struct iovec iov = { .iov_base = text };
        int r;

        if (journald.untold == 0)
                return 0;
        iov.iov_len = (size_t)snprintf(text, sizeof(text),
                                       "MESSAGE=%" PRIu64 " lines of this log are missing here: "
                                       "systemd's journal did not take them\n"
                                       "PRIORITY=4\nSYSLOG_IDENTIFIER=jobd\n",
                                       journald.untold);
        r = journald_push(&iov, 1);
        if (r == 0)
                journald.untold = 0;
        return r;
}

static void journald_lose(void)
{
        journald.lost++;
        journald.untold++;
}

int journald_send(const struct iovec *fields, size_t count)
{
        static char newline[] = "\n";
        struct iovec iov[2 * JOURNALD_FIELDS_MAX];
        size_t n = 0;
        int r;

        for (size_t i = 0; i < count && i < JOURNALD_FIELDS_MAX; i++) {
                iov[n++] = fields[i];
                iov[n++] = (struct iovec){ .iov_base = newline, .iov_len = 1 };
        }
        pthread_mutex_lock(&journald.lock);
        r = journald_tell_lost();
        if (r == 0)
                r = journald_push(iov, n);
        if (r == JOURNALD_E_LOST)
                journald_lose();
        pthread_mutex_unlock(&journald.lock);
        return r;
}

void journald_count_lost(void)
{
        pthread_mutex_lock(&journald.lock);
        journald_lose();
        pthread_mutex_unlock(&journald.lock);
}

uint64_t journald_lost(void)
{
        uint64_t lost;

        pthread_mutex_lock(&journald.lock);
        lost = journald.lost;
        pthread_mutex_unlock(&journald.lock);
        return lost;
}
