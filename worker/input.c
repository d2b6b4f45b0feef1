/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing side of a job's stdin when a client feeds it. Bytes are counted from the start of
 * the stream: the client keeps what is not reported as taken and sends it again after a restart of
 * jobd, so duplicates are ordinary and are cut off here. jobd going away closes nothing; only an
 * explicit end does, or a job that closed its side (EPIPE; SIGPIPE is blocked for good).
 *
 * At most INPUT_WINDOW_BYTES wait here. Called by runner.c.
 */
#include "worker/input.h"

#include <errno.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/error.h"

struct input {
        struct loop *loop;        /* borrowed: the worker's, outlives us */
        struct buffer *waiting;   /* owned */
        int fd;                   /* owned; -1: no job, or closed */
        struct loop_watch *watch; /* owned */
        uint64_t taken_bytes;
        uint64_t told_bytes;
        bool is_ending; /* nothing comes after what waits */
        bool is_closed_by_job;
        bool is_close_told;
};

int input_new(struct loop *loop, struct input **out_input)
{
        _cleanup_(input_freep) struct input *input = calloc(1, sizeof(*input));
        int r;

        if (!input)
                return FAULT(-ENOMEM);
        input->loop = loop;
        input->fd = -1;
        r = buffer_new(&input->waiting);
        if (r)
                return PASS(r);
        *out_input = TAKE_PTR(input);
        return 0;
}

static void input_close(struct input *input)
{
        input->watch = loop_watch_free(input->watch);
        input->fd = fd_close(input->fd);
        buffer_drain(input->waiting, buffer_length(input->waiting));
}

struct input *input_free(struct input *input)
{
        if (!input)
                return NULL;
        if (input->waiting)
                input_close(input);
        buffer_free(input->waiting);
        free(input);
        return NULL;
}

void input_start(struct input *input, int fd)
{
        input_close(input);
        input->fd = fd;
        input->taken_bytes = 0;
        input->told_bytes = 0;
        input->is_ending = false;
        input->is_closed_by_job = false;
        input->is_close_told = false;
}

void input_stop(struct input *input)
{
        input_close(input);
}

static void input_pump(struct input *input);

static void input_on_writable(void *arg, _unused_ unsigned int flags)
{
        input_pump(arg);
}

/* Watches only while something waits: an empty pipe is writable all the time. */
static int input_update_watch(struct input *input)
{
        const bool is_waiting = buffer_length(input->waiting) > 0;
        int r;

        if (!is_waiting) {
                input->watch = loop_watch_free(input->watch);
                return 0;
        }
        if (input->watch)
                return 0;
        r = loop_watch_new(input->loop, input->fd, LOOP_WRITE, input_on_writable, input,
                           &input->watch);
        return PASS(r);
}

static void input_pump(struct input *input)
{
        while (input->fd >= 0 && buffer_length(input->waiting) > 0) {
                size_t written = 0;
                const int r = buffer_write_fd(input->waiting, input->fd, &written);

                if (r == BUFFER_E_AGAIN)
                        break;
                if (r) {
                        input->is_closed_by_job = true;
                        input_close(input);
                        return;
                }
                input->taken_bytes += written;
        }
        if (input->fd < 0)
                return;
        if (buffer_length(input->waiting) == 0 && input->is_ending) {
                input_close(input);
                return;
        }
        if (input_update_watch(input)) {
                input->is_closed_by_job = true;
                input_close(input);
        }
}

void input_feed(struct input *input, uint64_t offset, const void *data, size_t size, bool end)
{
        uint64_t received;

        if (input->is_closed_by_job)
                input->is_close_told = false; /* this client does not know it yet */
        if (input->fd < 0 || input->is_ending)
                return;
        received = input->taken_bytes + buffer_length(input->waiting);
        if (offset > received)
                return;
        if (received - offset < size) {
                const size_t skip = (size_t)(received - offset);
                const size_t fresh = size - skip;

                if (buffer_length(input->waiting) + fresh > INPUT_WINDOW_BYTES)
                        return;
                if (buffer_append(input->waiting, (const char *)data + skip, fresh))
                        return;
                received += fresh;
        }
        input->is_ending = end && offset + size == received;
        input_pump(input);
}

bool input_take_news(struct input *input, uint64_t *out_taken, bool *out_closed)
{
        const bool is_close_new = input->is_closed_by_job && !input->is_close_told;

        if (input->taken_bytes == input->told_bytes && !is_close_new)
                return false;
        input->told_bytes = input->taken_bytes;
        input->is_close_told = input->is_closed_by_job;
        *out_taken = input->taken_bytes;
        *out_closed = input->is_closed_by_job;
        return true;
}

uint64_t input_taken(const struct input *input)
{
        return input->taken_bytes;
}
