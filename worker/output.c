/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading side of a job's stdout and stderr, one job after the other. Each read becomes one
 * record of the log, so the log's order is the order of arrival here. A pipe that is found full is
 * enlarged once and read in big pieces from then on: streaming then costs two copies and no more.
 *
 * Output stays in memory until it is too much (output_log.c) or too old: a job that has run for a
 * second and printed gets its file, so that what it printed outlives us.
 *
 * A follower is told once a turn: pieces while the log is in memory, sizes when it is a file. What
 * it was shown is counted here, so a second follow starts again at 0.
 *
 * Never blocks on the job, never makes the job wait for anybody. Called by runner.c.
 */
#include "worker/output.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/error.h"

#define OUTPUT_SMALL_BYTES (64U * 1024)
#define OUTPUT_LARGE_BYTES SPOOL_DATA_MAX
#define OUTPUT_KEEP_USEC USEC_PER_SEC /* younger output stays in memory */
#define OUTPUT_SETTLE_USEC                                                                         \
        (100 * USEC_PER_MSEC) /* a job that prints last thing is about to end                      \
                               */
#define OUTPUT_TURN_READS 4   /* of one pipe, before the loop turns */
#define OUTPUT_DRAIN_READS 64 /* more than the largest pipe holds */

enum output_read {
        OUTPUT_READ_NOTHING, /* EAGAIN */
        OUTPUT_READ_SHORT,
        OUTPUT_READ_FULL, /* there may be more */
        OUTPUT_READ_END,  /* closed, and so is our end */
};

struct output_pipe {
        struct output *output; /* borrowed: holds us */
        enum spool_stream stream;
        int fd;                   /* owned */
        struct loop_watch *watch; /* owned */
        bool is_enlarged;
};

struct output {
        struct loop *loop;            /* borrowed: the worker's, outlives us */
        const struct output_ops *ops; /* borrowed */
        void *arg;
        struct output_log *log; /* borrowed from the lease that runs; NULL: none does */
        struct output_pipe pipes[2];
        uint8_t *block; /* owned: room for a header and one read */
        size_t block_bytes;
        struct loop_timer *spool_timer; /* owned */
        uint64_t start_usec;
        bool is_following;
        bool is_spool_told;
        uint64_t shown_bytes;
};

static void output_on_spool_time(void *arg)
{
        struct output *output = arg;

        if (output->log)
                output_log_spool(output->log);
}

int output_new(struct loop *loop, const struct output_ops *ops, void *arg,
               struct output **out_output)
{
        _cleanup_(output_freep) struct output *output = calloc(1, sizeof(*output));
        int r;

        if (!output)
                return FAULT(-ENOMEM);
        output->loop = loop;
        output->ops = ops;
        output->arg = arg;
        output->pipes[0] = (struct output_pipe){ output, SPOOL_STDOUT, -1, NULL, false };
        output->pipes[1] = (struct output_pipe){ output, SPOOL_STDERR, -1, NULL, false };
        output->block_bytes = OUTPUT_SMALL_BYTES;
        output->block = malloc(SPOOL_HEADER_BYTES + OUTPUT_SMALL_BYTES);
        if (!output->block)
                return FAULT(-ENOMEM);
        r = loop_timer_new(loop, output_on_spool_time, output, &output->spool_timer);
        if (r)
                return PASS(r);
        *out_output = TAKE_PTR(output);
        return 0;
}

static void output_close_pipe(struct output_pipe *pipe)
{
        pipe->watch = loop_watch_free(pipe->watch);
        pipe->fd = fd_close(pipe->fd);
}

struct output *output_free(struct output *output)
{
        if (!output)
                return NULL;
        output_close_pipe(&output->pipes[0]);
        output_close_pipe(&output->pipes[1]);
        loop_timer_free(output->spool_timer);
        free(output->block);
        free(output);
        return NULL;
}

void output_start(struct output *output, struct output_log *log, int out_fd, int err_fd)
{
        output->log = log;
        output->pipes[0].fd = out_fd;
        output->pipes[0].is_enlarged = false;
        output->pipes[1].fd = err_fd;
        output->pipes[1].is_enlarged = false;
        output->start_usec = clock_mono_usec();
        output->is_following = false;
        output->is_spool_told = false;
        output->shown_bytes = 0;
}

static bool output_is_at_end(const struct output *output)
{
        return output->pipes[0].fd < 0 && output->pipes[1].fd < 0;
}

/* Makes the room for one read `bytes` large. Without memory it stays as it is. */
static void output_resize_block(struct output *output, size_t bytes)
{
        uint8_t *block;

        if (output->block_bytes == bytes)
                return;
        block = malloc(SPOOL_HEADER_BYTES + bytes);
        if (!block)
                return;
        free(output->block);
        output->block = block;
        output->block_bytes = bytes;
}

/* Gives a pipe that fills faster than we turn the largest size an ordinary user may have. */
static void output_enlarge(struct output_pipe *pipe)
{
        pipe->is_enlarged = true;
        (void)fcntl(pipe->fd, F_SETPIPE_SZ, (int)OUTPUT_LARGE_BYTES);
        output_resize_block(pipe->output, OUTPUT_LARGE_BYTES);
}

/* Output that nobody would have after our death gets its file, unless the job ends just now. */
static void output_schedule_spool(struct output *output)
{
        const uint64_t age = clock_mono_usec() - output->start_usec;
        uint64_t delay = OUTPUT_SETTLE_USEC;

        if (output->log->is_spooled || output->log->size_bytes == 0 ||
            loop_timer_is_on(output->spool_timer))
                return;
        if (age + delay < OUTPUT_KEEP_USEC)
                delay = OUTPUT_KEEP_USEC - age;
        if (loop_timer_start(output->spool_timer, delay))
                output_log_spool(output->log);
}

/* One read(2) of at most the block. */
static enum output_read output_read_once(struct output_pipe *pipe)
{
        struct output *output = pipe->output;
        const size_t room = output->block_bytes;
        const ssize_t n = read(pipe->fd, output->block + SPOOL_HEADER_BYTES, room);

        if (n < 0 && errno == EAGAIN)
                return OUTPUT_READ_NOTHING;
        if (n < 0 && errno == EINTR)
                return OUTPUT_READ_SHORT;
        if (n <= 0) {
                output_close_pipe(pipe);
                return OUTPUT_READ_END;
        }
        output_log_add(output->log, pipe->stream, output->block, (size_t)n);
        if ((size_t)n < room)
                return OUTPUT_READ_SHORT;
        if (!pipe->is_enlarged)
                output_enlarge(pipe);
        return OUTPUT_READ_FULL;
}

static void output_on_readable(void *arg, _unused_ unsigned int flags)
{
        struct output_pipe *pipe = arg;
        struct output *output = pipe->output;

        for (int i = 0; i < OUTPUT_TURN_READS; i++)
                if (output_read_once(pipe) != OUTPUT_READ_FULL)
                        break;
        output_schedule_spool(output);
        if (output_is_at_end(output))
                output->ops->on_end(output->arg);
}

int output_watch(struct output *output)
{
        for (int i = 0; i < 2; i++) {
                struct output_pipe *pipe = &output->pipes[i];
                int r;

                if (pipe->fd < 0 || pipe->watch)
                        continue;
                r = loop_watch_new(output->loop, pipe->fd, LOOP_READ, output_on_readable, pipe,
                                   &pipe->watch);
                if (r)
                        return PASS(r);
        }
        return 0;
}

bool output_drain(struct output *output)
{
        for (int i = 0; i < 2; i++) {
                struct output_pipe *pipe = &output->pipes[i];

                /* A stranger may hold the other end and write for ever. */
                for (int n = 0; pipe->fd >= 0 && n < OUTPUT_DRAIN_READS; n++)
                        if (output_read_once(pipe) == OUTPUT_READ_NOTHING)
                                break;
        }
        return output_is_at_end(output);
}

void output_stop(struct output *output)
{
        if (!output->log)
                return;
        output_close_pipe(&output->pipes[0]);
        output_close_pipe(&output->pipes[1]);
        loop_timer_stop(output->spool_timer);
        output_log_complete(output->log);
        output->log = NULL;
        output->is_following = false;
        output_resize_block(output, OUTPUT_SMALL_BYTES);
}

void output_follow(struct output *output, bool on)
{
        output->is_following = on;
        if (!on)
                return;
        output->is_spool_told = false;
        output->shown_bytes = 0;
}

void output_show(struct output *output)
{
        const struct output_log *log = output->log;

        if (!log)
                return;
        if (log->is_spooled && !output->is_spool_told) {
                output->is_spool_told = true;
                output->shown_bytes = log->size_bytes;
                output->ops->on_spooled(output->arg, log->size_bytes);
        }
        if (!output->is_following || output->shown_bytes == log->size_bytes)
                return;
        if (log->is_spooled)
                output->ops->on_grown(output->arg, log->size_bytes);
        else
                output->ops->on_piece(output->arg, output->shown_bytes,
                                      log->memory + output->shown_bytes,
                                      (size_t)(log->size_bytes - output->shown_bytes));
        output->shown_bytes = log->size_bytes;
}
