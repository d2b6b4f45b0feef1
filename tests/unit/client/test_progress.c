/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The progress line: its shape, when it is drawn, that it leaves output alone, and that rate and
 * remaining time are right for tasks that come evenly, in bursts, faster and slower. Time is told.
 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "common/clock.h"

#include "client/cmd/progress.h"
#include "tests/unit/suite.h"

static struct progress *progress;
static struct progress_counts counts;
static uint64_t now;
static int reader, writer; /* what progress writes to `writer` is read from `reader` */

static void setup(void)
{
        now = 5000 * USEC_PER_SEC;
        counts = (struct progress_counts){ .total = 0 };
        reader = writer = -1;
}

static void teardown(void)
{
        progress = progress_free(progress);
        reader = fd_close(reader);
        writer = fd_close(writer);
}

static void make_pipe(void)
{
        int ends[2];

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        reader = ends[0];
        writer = ends[1];
        ck_assert_int_eq(progress_new(writer, false, NULL, now, &progress), 0);
}

static void set_columns(unsigned short columns)
{
        const struct winsize size = { .ws_row = 24, .ws_col = columns };

        ck_assert_int_eq(ioctl(writer, TIOCSWINSZ, &size), 0);
}

static void make_terminal(unsigned short columns)
{
        struct termios raw;

        ck_assert_int_eq(openpty(&reader, &writer, NULL, NULL, NULL), 0);
        ck_assert_int_eq(tcgetattr(writer, &raw), 0);
        cfmakeraw(&raw);
        ck_assert_int_eq(tcsetattr(writer, TCSANOW, &raw), 0);
        ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
        set_columns(columns);
        ck_assert_int_eq(progress_new(writer, true, NULL, now, &progress), 0);
}

#define MARK '\x06'

/* A terminal hands bytes on when the kernel finds the time: ours comes behind all of them. */
static bool mark_end(void)
{
        struct pollfd fd = { .fd = writer, .events = POLLOUT };
        const char mark = MARK;

        return isatty(writer) && poll(&fd, 1, 0) == 1 && write(writer, &mark, 1) == 1;
}

/* What was written since the last call. */
static const char *written(void)
{
        static char text[8192];
        const bool is_marked = mark_end();
        struct pollfd fd = { .fd = reader, .events = POLLIN };
        size_t size = 0;
        ssize_t n;

        do {
                (void)poll(&fd, 1, is_marked ? 10000 : 0);
                n = read(reader, text + size, sizeof(text) - 1 - size);
                size += n > 0 ? (size_t)n : 0;
        } while (is_marked && n > 0 && text[size - 1] != MARK);
        if (is_marked && size > 0 && text[size - 1] == MARK)
                size--;
        text[size] = '\0';
        return text;
}

static void update(void)
{
        progress_update(progress, &counts, now);
}

static const char *line(unsigned int columns)
{
        static char buf[PROGRESS_LINE_MAX];

        return progress_format(progress, now, columns, buf);
}

static double remaining_seconds(void)
{
        const uint64_t usec = progress_remaining_usec(progress, now);

        return usec == USEC_NONE ? -1.0 : (double)usec / (double)USEC_PER_SEC;
}

static void expect_between(double value, double low, double high)
{
        ck_assert_msg(value >= low && value <= high, "%f is not in %f .. %f", value, low, high);
}

/* `workers` tasks at a time of `task` seconds each, told every tenth of a second. */
static void run(double seconds, double task, unsigned int workers, bool daemon_tells)
{
        const double start = (double)now;
        const uint64_t done = counts.done;

        counts.running = workers;
        for (int i = 1; i <= (int)(seconds * 10 + 0.5); i++) {
                now = (uint64_t)(start + i * 100000.0);
                counts.done = done + (uint64_t)(i * 0.1 / task + 1e-9) * workers;
                if (daemon_tells) {
                        counts.run_count = counts.done;
                        counts.run_usec = (uint64_t)((double)counts.done * task * 1e6);
                }
                update();
        }
}

/* -------------------------------------------------------------------------------------- shape */

START_TEST(test_shape)
{
        make_pipe();
        counts.total = 100;
        counts.running = 4;
        update();
        ck_assert_str_eq(line(50), "0%|                   | 0/100 [00:00<?, ? job/s]");
        run(12.3, 0.3, 1, false);
        ck_assert_str_eq(line(54), "41%|######          | 41/100 [00:12<00:17, 3.3 job/s]");
        counts.failed = 1;
        update();
        ck_assert_str_eq(line(57), "41%|####      | 41/100 [00:12<00:17, 3.3 job/s] 1 failed");
        ck_assert_uint_le(strlen(line(200)), 100);
        counts.done = 100;
        counts.running = 0;
        update();
        ck_assert_ptr_nonnull(strstr(line(80), "100%|####"));
        ck_assert_ptr_nonnull(strstr(line(80), "#| 100/100 [00:12<00:00, "));
}
END_TEST

START_TEST(test_narrow)
{
        make_pipe();
        counts.total = 100;
        counts.running = 1;
        update();
        run(10, 1, 1, false);
        ck_assert_str_eq(line(44), "10%|      | 10/100 [00:10<01:30, 1.0 job/s]");
        ck_assert_str_eq(line(40), "10/100 [00:10<01:30, 1.0 job/s]");
        ck_assert_str_eq(line(12), "10/100 [00:1");
        ck_assert_str_eq(line(0), "");
}
END_TEST

START_TEST(test_open)
{
        make_pipe();
        counts.open = true;
        update();
        ck_assert_str_eq(line(80), "0/? [00:00, ? job/s]");
        counts.total = 400;
        counts.running = 2;
        run(10, 0.5, 2, false);
        ck_assert_str_eq(line(80), "40/400+ [00:10, 4.0 job/s]");
        expect_between(remaining_seconds(), -1.0, -1.0);
        counts.open = false;
        update();
        expect_between(remaining_seconds(), 85.0, 95.0);
}
END_TEST

START_TEST(test_times_and_rates)
{
        make_pipe();
        counts.total = 1000000;
        counts.running = 1;
        update();
        now += 100;
        counts.done = 1;
        update();
        ck_assert_ptr_nonnull(strstr(line(100), "10000 job/s]"));
        progress = progress_free(progress);
        teardown();
        setup();
        make_pipe();
        counts.total = 1000;
        counts.running = 1;
        update();
        for (int i = 0; i < 10; i++) {
                now += 400 * USEC_PER_SEC;
                counts.done++;
                update();
        }
        ck_assert_str_eq(line(40), "10/1000 [1:06:40<110:00:00, 400.0 s/job]");
}
END_TEST

START_TEST(test_label)
{
        make_pipe();
        progress = progress_free(progress);
        ck_assert_int_eq(progress_new(writer, false, "job 17: ", now, &progress), 0);
        counts.total = 4;
        update();
        ck_assert_str_eq(line(44), "job 17: 0%|       | 0/4 [00:00<?, ? job/s]");
}
END_TEST

/* ---------------------------------------------------------------------------------- estimates */

START_TEST(test_even)
{
        make_pipe();
        counts.total = 1000;
        update();
        for (int i = 0; i < 5; i++) {
                run(10, 0.2, 1, false);
                expect_between(progress_rate(progress, now), 4.8, 5.2);
                expect_between(remaining_seconds(), (double)(1000 - counts.done) / 5 - 5,
                               (double)(1000 - counts.done) / 5 + 5);
        }
}
END_TEST

/* From 10 a second to 1: within half a minute the estimate knows. */
START_TEST(test_slower)
{
        make_pipe();
        counts.total = 2000;
        update();
        run(60, 0.1, 1, false);
        expect_between(progress_rate(progress, now), 9.5, 10.5);
        run(30, 1.0, 1, false);
        expect_between(progress_rate(progress, now), 0.9, 2.0);
}
END_TEST

START_TEST(test_faster)
{
        make_pipe();
        counts.total = 2000;
        update();
        run(60, 1.0, 1, false);
        run(30, 0.1, 1, false);
        expect_between(progress_rate(progress, now), 8.0, 10.0);
}
END_TEST

/* Sixteen workers whose tasks all take a minute end sixteen at a time. */
START_TEST(test_bursts)
{
        make_pipe();
        counts.total = 16 * 20;
        update();
        run(59, 60, 16, true);
        expect_between(remaining_seconds(), -1.0, -1.0);
        counts.done = 0;
        for (int wave = 1; wave <= 10; wave++) {
                run(wave == 1 ? 1 : 60, wave == 1 ? 1 : 60, 16, false);
                counts.done = (uint64_t)(16 * wave);
                counts.run_count = counts.done;
                counts.run_usec = counts.done * 60 * USEC_PER_SEC;
                update();
                expect_between(remaining_seconds(), (20 - wave) * 60.0 * 0.75,
                               (20 - wave) * 60.0 * 1.25);
        }
}
END_TEST

/* Every tenth task takes twenty times as long as the others; four at a time. */
START_TEST(test_tasks_that_differ)
{
        double free_at[4] = { 0, 0, 0, 0 };
        double ends[400], last = 0;
        size_t told = 0;

        make_pipe();
        counts.total = ARRAY_SIZE(ends);
        counts.running = 4;
        update();
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                const double task = i % 10 == 9 ? 10.0 : 0.5;
                size_t worker = 0;

                for (size_t w = 1; w < 4; w++)
                        if (free_at[w] < free_at[worker])
                                worker = w;
                ends[i] = free_at[worker] += task;
                last = MAX(last, ends[i]);
        }
        for (double at = 0.1; at < last * 0.9; at += 0.1) {
                counts.done = 0;
                counts.run_usec = 0;
                for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
                        if (ends[i] <= at) {
                                counts.done++;
                                counts.run_usec += i % 10 == 9 ? 10000000 : 500000;
                        }
                counts.run_count = counts.done;
                now = 5000 * USEC_PER_SEC + (uint64_t)(at * 1e6);
                update();
                if (at > last * 0.2) {
                        expect_between(remaining_seconds(), (last - at) * 0.45, (last - at) * 1.8);
                        told++;
                }
        }
        ck_assert_uint_gt(told, 100);
}
END_TEST

/* Attached after an hour: what the daemon knows of the tasks gives an answer at once. */
START_TEST(test_attached)
{
        make_pipe();
        counts = (struct progress_counts){ .total = 1000,
                                           .done = 500,
                                           .running = 4,
                                           .run_usec = 500 * 8 * USEC_PER_SEC,
                                           .run_count = 500 };
        update();
        expect_between(progress_rate(progress, now), 0.49, 0.51);
        expect_between(remaining_seconds(), 990, 1010);
        ck_assert_ptr_nonnull(strstr(line(80), "50%|"));
        ck_assert_ptr_nonnull(strstr(line(80), "500/1000 [00:00<16:40, 2.0 s/job]"));
        run(60, 8, 4, true); /* and it stays right */
        expect_between(progress_rate(progress, now), 0.4, 0.6);
}
END_TEST

START_TEST(test_silence)
{
        make_pipe();
        counts.total = 100;
        update();
        run(10, 1, 1, false);
        now += 1000 * USEC_PER_SEC;
        expect_between(progress_rate(progress, now), 0.0, 0.02);
}
END_TEST

/* ------------------------------------------------------------------------- off a terminal */

START_TEST(test_plain_lines)
{
        int lines = 0;

        make_pipe();
        counts.total = 1000;
        counts.running = 1;
        update();
        for (int i = 1; i <= 1000; i++) {
                const char *text;

                now += 10 * USEC_PER_MSEC;
                counts.done++;
                counts.failed = i > 500 ? 3 : 0;
                update();
                text = written();
                if (i % 100 == 0) {
                        char start[16];

                        snprintf(start, sizeof(start), "%d%%|", i / 10);
                        ck_assert_msg(strncmp(text, start, strlen(start)) == 0, "%s", text);
                        ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
                        ck_assert_ptr_null(strpbrk(text, "\r\x1b"));
                        lines++;
                } else {
                        ck_assert_str_eq(text, "");
                }
        }
        ck_assert_int_eq(lines, 10);
        ck_assert_uint_eq(progress_deadline(progress), USEC_NONE);
        progress_finish(progress, now);
        ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(test_plain_finish)
{
        make_pipe();
        counts.total = 4;
        update();
        counts.done = 3;
        update();
        ck_assert_ptr_nonnull(strstr(written(), "3/4"));
        counts.failed = 1; /* halted: it never gets to the next step */
        update();
        ck_assert_str_eq(written(), "");
        progress_finish(progress, now);
        ck_assert_ptr_nonnull(strstr(written(), "3/4 [00:00<"));
}
END_TEST

START_TEST(test_plain_open)
{
        make_pipe();
        counts.open = true;
        for (int i = 1; i <= 100; i++) {
                now += USEC_PER_SEC;
                counts.done = counts.total = (uint64_t)i;
                update();
        }
        ck_assert_str_eq(written(), "30/30+ [00:30, 1.0 job/s]\n60/60+ [01:00, 1.0 job/s]\n"
                                    "90/90+ [01:30, 1.0 job/s]\n");
}
END_TEST

/* ------------------------------------------------------------------------------ on a terminal */

START_TEST(test_ten_a_second)
{
        int draws = 0;

        make_terminal(80);
        counts.total = 100000;
        counts.running = 1;
        for (int i = 0; i < 2000; i++) {
                now += USEC_PER_MSEC;
                counts.done++;
                update();
                if (*written())
                        draws++;
        }
        ck_assert_int_eq(draws, 20);
}
END_TEST

START_TEST(test_deadline)
{
        make_terminal(80);
        ck_assert_uint_eq(progress_deadline(progress), USEC_NONE);
        counts.total = 10;
        update();
        ck_assert_ptr_nonnull(strstr(written(), "0/10"));
        ck_assert_uint_eq(progress_deadline(progress), USEC_NONE);
        counts.running = 1;
        now += 10 * USEC_PER_MSEC;
        update();
        ck_assert_str_eq(written(), "");
        ck_assert_uint_eq(progress_deadline(progress), now + 90 * USEC_PER_MSEC);
        progress_tick(progress, now);
        ck_assert_str_eq(written(), "");
        now = progress_deadline(progress);
        progress_tick(progress, now);
        ck_assert_str_ne(written(), "");
        /* Nothing new, but the clock in the line goes on while tasks run. */
        ck_assert_uint_eq(progress_deadline(progress), now + USEC_PER_SEC);
        now += USEC_PER_SEC;
        progress_tick(progress, now);
        ck_assert_ptr_nonnull(strstr(written(), "[00:01<"));
        update();
        ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(test_output_above)
{
        make_terminal(60);
        counts.total = 10;
        update();
        (void)written();
        progress_hide(progress);
        ck_assert_str_eq(written(), "\r\x1b[K");
        progress_hide(progress);
        ck_assert_str_eq(written(), "");
        progress_note(progress, "out\n", 4, now);
        ck_assert_str_eq(written(),
                         "\r0%|                             | 0/10 [00:00<?, ? job/s]\x1b[K");
        /* Output without a newline: the line waits, and begins a row of its own. */
        progress_hide(progress);
        (void)written();
        progress_note(progress, "out", 3, now);
        ck_assert_str_eq(written(), "");
        now = progress_deadline(progress);
        ck_assert_uint_ne(now, USEC_NONE);
        progress_tick(progress, now);
        ck_assert_msg(strncmp(written(), "\n\r0%|", 5) == 0, "no row of its own");
        now += USEC_PER_SEC;
        counts.done = 1;
        update();
        ck_assert_msg(strncmp(written(), "\r10%|", 5) == 0, "another row");
}
END_TEST

START_TEST(test_resize)
{
        const char *text;

        make_terminal(100);
        counts.total = 10;
        update();
        (void)written();
        set_columns(30);
        now += USEC_PER_SEC;
        progress_on_resize(progress, now);
        text = written();
        /* 75 columns became three rows of 30: two up, and all below is wiped. */
        ck_assert_msg(strncmp(text, "\x1b[2A\r\x1b[J\r0/10 [", 15) == 0, "%s", text + 1);
        ck_assert_uint_le(strlen(text), strlen("\x1b[2A\r\x1b[J\r\x1b[K") + 29);
        set_columns(120);
        now += 10 * USEC_PER_MSEC;
        progress_on_resize(progress, now);
        ck_assert_str_eq(written(), "");
        now = progress_deadline(progress);
        progress_tick(progress, now);
        ck_assert_ptr_nonnull(strstr(written(), "0%|   "));
}
END_TEST

START_TEST(test_finish)
{
        size_t size;
        const char *text;

        make_terminal(80);
        counts.total = 10;
        update();
        counts.done = 10;
        update();
        (void)written();
        progress_finish(progress, now);
        text = written();
        size = strlen(text);
        ck_assert_ptr_nonnull(strstr(text, "10/10 [00:00<00:00"));
        ck_assert_str_eq(text + size - 4, "\x1b[K\n");
        ck_assert_uint_eq(progress_deadline(progress), USEC_NONE);
        progress_finish(progress, now);
        ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(test_finish_with_nothing)
{
        make_terminal(80);
        progress_finish(progress, now);
        ck_assert_str_eq(written(), "");
}
END_TEST

/* A terminal that takes nothing (Ctrl-S) holds nobody up. */
START_TEST(test_stopped_terminal)
{
        make_pipe();
        progress = progress_free(progress);
        ck_assert_int_eq(progress_new(writer, true, NULL, now, &progress), 0);
        while (write(writer, "xxxxxxxxxxxxxxxx", 16) > 0)
                ;
        while (write(writer, "x", 1) > 0)
                ;
        ck_assert_int_eq(fcntl(writer, F_SETFL, 0), 0);
        counts.total = 10;
        update();
        ck_assert_uint_eq(progress_deadline(progress), now + 100 * USEC_PER_MSEC);
        progress_finish(progress, now);
}
END_TEST

SUITE_MAIN("progress", setup, teardown, test_shape, test_narrow, test_open, test_times_and_rates,
           test_label, test_even, test_slower, test_faster, test_bursts, test_tasks_that_differ,
           test_attached, test_silence, test_plain_lines, test_plain_finish, test_plain_open,
           test_ten_a_second, test_deadline, test_output_above, test_resize, test_finish,
           test_finish_with_nothing, test_stopped_terminal)
