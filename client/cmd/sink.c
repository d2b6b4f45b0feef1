/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a job's output to stdout or stderr.
 *
 * A write(2) to a full pipe or a stopped terminal blocks, and with signals read from a descriptor
 * nobody would see Ctrl-C meanwhile. So pipes and terminals are opened once more, non-blocking,
 * through /proc: the flag then belongs to our own open file and not to the one that we share with
 * the shell. While the reader is slow we wait for it together with the signals, and keep the rest
 * only when a signal wants attention. Files are written directly; what cannot be opened again (a
 * socket, somebody else's terminal) gets small pieces whenever poll(2) allows one.
 *
 * A pipe is asked to hold 1 MiB, which halves the switches between jobctl and its reader.
 * Used by follow_session.c for run, attach, logs and submit --follow.
 */
#include "client/cmd/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/error.h"

#define SINK_PIPE_BYTES (1024 * 1024)

struct sink {
        int fd;           /* where to write: own_fd, or the borrowed one */
        int own_fd;       /* owned; -1: none */
        int interrupt_fd; /* borrowed */
        size_t piece_max; /* bytes of one write */
        uint8_t *kept;    /* owned */
        size_t kept_from, kept_to;
        size_t kept_room;
};

struct sink *sink_free(struct sink *sink)
{
        if (!sink)
                return NULL;
        free(sink->kept);
        fd_close(sink->own_fd);
        free(sink);
        return NULL;
}

/* The same file, opened for ourselves without blocking. -1 where that is impossible. */
static int sink_reopen(int fd)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

int sink_new(int fd, int interrupt_fd, struct sink **out_sink)
{
        struct stat st;
        struct sink *sink;

        sink = calloc(1, sizeof(*sink));
        if (!sink)
                return FAULT(-ENOMEM);
        sink->fd = fd;
        sink->own_fd = -1;
        sink->interrupt_fd = interrupt_fd;
        sink->piece_max = SIZE_MAX / 2;
        if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
                if (S_ISFIFO(st.st_mode))
                        (void)fcntl(fd, F_SETPIPE_SZ, SINK_PIPE_BYTES);
                if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
                        sink->own_fd = sink_reopen(fd);
                if (sink->own_fd >= 0)
                        sink->fd = sink->own_fd;
                else
                        sink->piece_max = 4096; /* PIPE_BUF: what poll() promises */
        }
        *out_sink = sink;
        return 0;
}

int sink_fd(const struct sink *sink)
{
        return sink->fd;
}

bool sink_is_full(const struct sink *sink)
{
        return sink->kept_from < sink->kept_to;
}

static int sink_keep(struct sink *sink, const uint8_t *data, size_t size)
{
        if (sink->kept_from == sink->kept_to)
                sink->kept_from = sink->kept_to = 0;
        if (sink->kept_to + size > sink->kept_room) {
                const size_t room = MAX(2 * sink->kept_room, sink->kept_to + size);
                uint8_t *const bigger = realloc(sink->kept, room);

                if (!bigger)
                        return FAULT(-ENOMEM);
                sink->kept = bigger;
                sink->kept_room = room;
        }
        memcpy(sink->kept + sink->kept_to, data, size);
        sink->kept_to += size;
        return 0;
}

/* Waits until the reader takes more. False: a signal came first. */
static bool sink_wait(const struct sink *sink)
{
        struct pollfd p[] = { { .fd = sink->fd, .events = POLLOUT },
                              { .fd = sink->interrupt_fd, .events = POLLIN } };

        (void)poll(p, ARRAY_SIZE(p), -1);
        return !(p[1].revents & POLLIN);
}

/* Can a piece be written without blocking? Always true where write(2) itself would say EAGAIN. */
static bool sink_is_ready(const struct sink *sink)
{
        struct pollfd p = { .fd = sink->fd, .events = POLLOUT };

        return sink->piece_max > 4096 || poll(&p, 1, 0) == 1;
}

/* Writes until the reader takes no more; *out_written is how much. */
static int sink_put(const struct sink *sink, const uint8_t *data, size_t size, size_t *out_written)
{
        size_t done = 0;
        int r = 0;

        while (done < size && sink_is_ready(sink)) {
                const ssize_t n = write(sink->fd, data + done, MIN(size - done, sink->piece_max));

                if (n > 0) {
                        done += (size_t)n;
                        continue;
                }
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN)
                        r = errno == EPIPE ? SINK_E_CLOSED : SINK_E_FAILED;
                break;
        }
        *out_written = done;
        return r;
}

int sink_write(struct sink *sink, const void *data, size_t size)
{
        const uint8_t *at = data;

        if (sink_is_full(sink))
                return sink_keep(sink, data, size);
        while (size > 0) {
                size_t written;
                const int r = sink_put(sink, at, size, &written);

                if (r)
                        return r;
                at += written;
                size -= written;
                if (size > 0 && !sink_wait(sink))
                        return sink_keep(sink, at, size);
        }
        return 0;
}

int sink_flush(struct sink *sink)
{
        size_t written = 0;
        int r = 0;

        if (sink_is_full(sink))
                r = sink_put(sink, sink->kept + sink->kept_from, sink->kept_to - sink->kept_from,
                             &written);
        sink->kept_from += written;
        return r;
}
