/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_submit SOCKET alone|pipelined|batched|noop COUNT [WIDTH]: submissions through libjobctl.
 *
 *    alone      one job a frame, the next one after the answer
 *    pipelined  one job a frame, WIDTH frames on their way
 *    batched    frames of WIDTH jobs, a few on their way
 *    noop       batched, and then until every job has ended successfully
 * Every answer means that the jobs are on disk. Prints the seconds from the first frame to the last
 * answer (noop: to the last end).
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/jobctl.h"

#define FRAMES_AT_ONCE 4

struct bench {
        struct jobctl *conn;
        struct jobctl_spec **specs; /* `width` times the same job */
        size_t width;               /* jobs in a frame */
        size_t at_once;             /* frames on their way */
        size_t on_the_way;
        size_t left; /* jobs not sent yet */
        size_t failed;
        uint64_t first_id;
};

static double now_sec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void bench_on_submitted(void *arg, int code, const char *text, uint64_t first_id,
                               size_t count, bool existing)
{
        struct bench *const bench = arg;

        (void)count;
        (void)existing;
        if (code)
                errx(1, "submission refused: %s", text);
        if (!bench->first_id || first_id < bench->first_id)
                bench->first_id = first_id;
        bench->on_the_way--;
}

static void bench_send_all(struct bench *bench)
{
        while (bench->left || bench->on_the_way) {
                struct pollfd p = { .fd = jobctl_fd(bench->conn), .events = POLLIN };

                while (bench->left && bench->on_the_way < bench->at_once) {
                        const size_t n = bench->left < bench->width ? bench->left : bench->width;

                        if (jobctl_submit_async(bench->conn, bench->specs, n, bench_on_submitted,
                                                bench))
                                errx(1, "%s", jobctl_error_text(bench->conn));
                        bench->left -= n;
                        bench->on_the_way++;
                }
                if (jobctl_process(bench->conn))
                        errx(1, "%s", jobctl_error_text(bench->conn));
                if (bench->on_the_way == bench->at_once || !bench->left)
                        if (bench->on_the_way && poll(&p, 1, -1) < 0)
                                err(1, "poll");
        }
}

static void bench_on_ended(void *arg, const struct jobctl_item *item)
{
        struct bench *const bench = arg;

        if (jobctl_number_or(item, JOBCTL_ENDED_STATE, 0) != JOBCTL_STATE_SUCCEEDED)
                bench->failed++;
}

static void bench_wait_all(struct bench *bench, size_t count)
{
        const struct jobctl_stream_ops ops = { .size = sizeof(ops), .on_item = bench_on_ended };
        struct jobctl_selector *selector;
        struct jobctl_stream *stream;

        if (jobctl_selector_new(&selector) ||
            jobctl_selector_add_range(selector, bench->first_id, bench->first_id + count - 1) ||
            jobctl_wait(bench->conn, selector, false, &ops, bench, &stream) ||
            jobctl_stream_run(stream, UINT64_MAX))
                errx(1, "%s", jobctl_error_text(bench->conn));
        jobctl_stream_free(stream);
        jobctl_selector_free(selector);
        if (bench->failed)
                errx(1, "%zu jobs failed", bench->failed);
}

static void bench_make_specs(struct bench *bench)
{
        static const char *const argv[] = { "/usr/bin/true" };

        bench->specs = calloc(bench->width, sizeof(struct jobctl_spec *));
        if (!bench->specs)
                errx(1, "no memory");
        for (size_t i = 0; i < bench->width; i++)
                if (jobctl_spec_new(&bench->specs[i]) || jobctl_spec_capture(bench->specs[i]) ||
                    jobctl_spec_set_argv(bench->specs[i], argv, 1))
                        errx(1, "no memory");
}

int main(int argc, char **argv)
{
        struct bench bench = { .width = 1, .at_once = 1 };
        size_t width, count;
        double begin;

        if (argc < 4)
                errx(2, "usage: bench_submit SOCKET alone|pipelined|batched|noop COUNT [WIDTH]");
        count = strtoul(argv[3], NULL, 10);
        width = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
        if (count == 0 || width == 0)
                errx(2, "COUNT and WIDTH are numbers above 0");
        if (strcmp(argv[2], "pipelined") == 0) {
                bench.at_once = width;
        } else if (strcmp(argv[2], "alone") != 0) {
                bench.width = width;
                bench.at_once = FRAMES_AT_ONCE;
        }
        bench.left = count;
        if (jobctl_new(&bench.conn) || jobctl_set_socket(bench.conn, argv[1]) ||
            jobctl_connect(bench.conn))
                errx(1, "%s", jobctl_error_text(bench.conn));
        bench_make_specs(&bench);
        begin = now_sec();
        bench_send_all(&bench);
        if (strcmp(argv[2], "noop") == 0)
                bench_wait_all(&bench, count);
        printf("%.6f\n", now_sec() - begin);
        for (size_t i = 0; i < bench.width; i++)
                jobctl_spec_free(bench.specs[i]);
        free(bench.specs);
        jobctl_free(bench.conn);
        return 0;
}
