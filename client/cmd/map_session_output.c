/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of tasks' output to our stdout and stderr.
 *
 *     put ----> gathered, up to 64 KiB ----> sink ----> stdout
 *                    of one stream          (sink.c) -> stderr
 *
 * A thousand short tasks a second would be a thousand writes: what goes to one of the two is
 * gathered until it is enough, until the other one's turn comes (their order stays), or until the
 * session is about to wait. Sinks keep what a slow reader does not take; they never wait here,
 * since the session has inputs to read meanwhile. Output for the terminal on which the progress
 * line stands goes above it. Used by map_session.c.
 */
#include "client/cmd/map_session_output.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/clock.h"
#include "common/error.h"

#include "client/cmd/progress.h"
#include "client/cmd/sink.h"

#define MAP_OUTPUT_GATHER_BYTES (64U * 1024)

struct map_output {
        struct progress *progress; /* borrowed */
        struct sink *sinks[2];     /* owned: stdout, stderr */
        bool is_terminal[2];
        int hurry_fd;   /* owned: always readable, so that no sink ever waits */
        char *gathered; /* owned */
        size_t gathered_bytes;
        unsigned int gathered_for; /* index of its sink */
};

struct map_output *map_output_free(struct map_output *output)
{
        if (!output)
                return NULL;
        sink_free(output->sinks[0]);
        sink_free(output->sinks[1]);
        fd_close(output->hurry_fd);
        free(output->gathered);
        free(output);
        return NULL;
}

int map_output_new(struct progress *progress, struct map_output **out_output)
{
        _cleanup_(map_output_freep) struct map_output *output = NULL;

        output = calloc(1, sizeof(*output));
        if (!output)
                return FAULT(-ENOMEM);
        output->progress = progress;
        output->hurry_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        if (output->hurry_fd < 0)
                return FAULT(-errno);
        output->gathered = malloc(MAP_OUTPUT_GATHER_BYTES);
        if (!output->gathered)
                return FAULT(-ENOMEM);
        for (int i = 0; i < 2; i++) {
                const int r = sink_new(STDOUT_FILENO + i, output->hurry_fd, &output->sinks[i]);

                if (r)
                        return PASS(r);
                output->is_terminal[i] = progress && isatty(STDOUT_FILENO + i) == 1;
        }
        *out_output = TAKE_PTR(output);
        return 0;
}

static int map_output_answer(int r)
{
        if (r == SINK_E_CLOSED)
                return MAP_OUTPUT_E_CLOSED;
        if (r == SINK_E_FAILED)
                return MAP_OUTPUT_E_FAILED;
        return r ? PASS(r) : 0;
}

static int map_output_write(struct map_output *output, unsigned int i, const void *data,
                            size_t size)
{
        int r;

        if (output->is_terminal[i])
                progress_hide(output->progress);
        r = sink_write(output->sinks[i], data, size);
        if (output->is_terminal[i])
                progress_note(output->progress, data, size, clock_mono_usec());
        return map_output_answer(r);
}

static int map_output_write_gathered(struct map_output *output)
{
        const size_t size = output->gathered_bytes;

        output->gathered_bytes = 0;
        return size > 0 ? map_output_write(output, output->gathered_for, output->gathered, size)
                        : 0;
}

int map_output_put(struct map_output *output, enum jobctl_output which, const void *data,
                   size_t size)
{
        const unsigned int i = which == JOBCTL_STDERR ? 1 : 0;
        int r;

        if (output->gathered_for != i || output->gathered_bytes + size > MAP_OUTPUT_GATHER_BYTES) {
                r = map_output_write_gathered(output);
                if (r)
                        return r;
        }
        if (size > MAP_OUTPUT_GATHER_BYTES)
                return map_output_write(output, i, data, size);
        output->gathered_for = i;
        memcpy(output->gathered + output->gathered_bytes, data, size);
        output->gathered_bytes += size;
        return 0;
}

int map_output_flush(struct map_output *output)
{
        int r = 0;

        for (int i = 0; i < 2 && r == 0; i++)
                if (sink_is_full(output->sinks[i]))
                        r = map_output_answer(sink_flush(output->sinks[i]));
        if (r == 0 && !map_output_is_full(output))
                r = map_output_write_gathered(output);
        return r;
}

bool map_output_is_full(const struct map_output *output)
{
        return sink_is_full(output->sinks[0]) || sink_is_full(output->sinks[1]);
}

bool map_output_is_empty(const struct map_output *output)
{
        return output->gathered_bytes == 0 && !map_output_is_full(output);
}

void map_output_poll(const struct map_output *output, struct pollfd out_polls[static 2])
{
        for (int i = 0; i < 2; i++)
                out_polls[i] = (struct pollfd){ .fd = sink_is_full(output->sinks[i])
                                                              ? sink_fd(output->sinks[i])
                                                              : -1,
                                                .events = POLLOUT };
}
