/* SPDX-License-Identifier: Apache-2.0 */
/* Slow readers, and streams that are paused or freed in callbacks, their own or others'. */
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proto/spool.h"

#include "client/lib/connection.h"
#include "tests/unit/client/follow_stage.h"
#include "tests/unit/suite.h"

/* -------------------------------------------------------------------------------- slow readers */

static void on_data_pausing(void *arg, enum jobctl_output which, uint64_t wall_usec,
                            const void *data, size_t size)
{
        stage_on_data(arg, which, wall_usec, data, size);
        jobctl_stream_pause(stream, true);
}

static void script_pause(struct fake *fake)
{
        uint8_t log[64];
        const size_t size = fake_record(log, SPOOL_STDOUT, "x");
        uint64_t tag;

        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        for (uint64_t i = 0; i < 3; i++)
                stage_send_data(fake, tag, 1, i * size, log, size);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_pause)
{
        struct jobctl_stream_ops pausing = stage_ops;
        const pid_t pid = fake_start(path, script_pause);

        pausing.on_data = on_data_pausing;
        ck_assert_int_eq(
                jobctl_follow(conn, 17, 0, JOBCTL_FOLLOW_UNTIL_END, &pausing, NULL, &stream),
                JOBCTL_OK);
        /* The answer to the ping comes behind everything. */
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        ck_assert_str_eq(seen.text, "x");
        ck_assert_uint_eq(seen.ends, 0);
        for (size_t i = 2; i <= 3; i++) {
                jobctl_stream_pause(stream, false);
                ck_assert_int_eq(jobctl_process(conn), JOBCTL_OK);
                ck_assert_uint_eq(seen.size, i);
        }
        jobctl_stream_pause(stream, false);
        stage_run();
        ck_assert_str_eq(seen.text, "xxx");
        stage_finish(pid);
}
END_TEST

#define FLOOD_RECORD 65536

/* 6 MiB for a reader that sleeps: the client must not take them all. */
static void script_flood(struct fake *fake)
{
        static uint8_t log[FLOOD_RECORD];
        struct spool_record record = { .stream = SPOOL_STDOUT,
                                       .wall_usec = 1700000000000000,
                                       .size_bytes = FLOOD_RECORD - SPOOL_HEADER_BYTES };
        uint64_t tag;

        spool_put_header(log, &record);
        memset(log + SPOOL_HEADER_BYTES, 'x', record.size_bytes);
        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        for (uint64_t i = 0; i < 96; i++)
                stage_send_data(fake, tag, 1, i * FLOOD_RECORD, log, FLOOD_RECORD);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_flood_is_not_taken_in)
{
        const pid_t pid = fake_start(path, script_flood);
        int unread = 0;

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        jobctl_stream_pause(stream, true);
        ck_assert_int_eq(jobctl_connect(conn), JOBCTL_OK);
        while (conn->stuffed_count == 0)
                (void)conn_turn(conn, UINT64_MAX);
        /* The link is left alone now, so nothing is to be done: */
        ck_assert_int_eq(conn_turn(conn, 1), JOBCTL_E_TIMEOUT);
        for (int i = 0; i < 20; i++)
                ck_assert_int_eq(jobctl_process(conn), JOBCTL_OK);
        /* What the daemon goes on to send stays in the socket. */
        ck_assert_int_eq(
                poll(&(struct pollfd){ .fd = link_fd(conn->link), .events = POLLIN }, 1, 10000), 1);
        ck_assert_int_eq(ioctl(link_fd(conn->link), FIONREAD, &unread), 0);
        ck_assert_int_gt(unread, 0);
        ck_assert_uint_eq(seen.size, 0);
        jobctl_stream_pause(stream, false);
        stage_run();
        ck_assert_uint_eq(seen.size, 96 * (FLOOD_RECORD - SPOOL_HEADER_BYTES));
        ck_assert_uint_eq(conn->stuffed_count, 0);
        stage_finish(pid);
}
END_TEST

/* ------------------------------------------------------------------------------------- freeing */

static void on_data_freeing(void *arg, enum jobctl_output which, uint64_t wall_usec,
                            const void *data, size_t size)
{
        stage_on_data(arg, which, wall_usec, data, size);
        stream = jobctl_stream_free(stream);
}

static void script_stop(struct fake *fake)
{
        uint8_t log[128];
        size_t size = fake_record(log, SPOOL_STDOUT, "enough");
        uint64_t tag;

        size += fake_record(log + size, SPOOL_STDOUT, "too much");
        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_data(fake, tag, 1, 0, log, size);
        fake_expect(fake_read(fake, JOBD__REQUEST__BODY_STOP)->stop->stop_tag == tag, "its tag");
        stage_send_data(fake, tag, 1, size, log, size);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_free_in_a_callback)
{
        struct jobctl_stream_ops freeing = stage_ops;
        const pid_t pid = fake_start(path, script_stop);

        freeing.on_data = on_data_freeing;
        ck_assert_int_eq(
                jobctl_follow(conn, 17, 0, JOBCTL_FOLLOW_UNTIL_END, &freeing, NULL, &stream),
                JOBCTL_OK);
        while (stream)
                (void)conn_turn(conn, UINT64_MAX);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        ck_assert_str_eq(seen.text, "enough");
        ck_assert_uint_eq(seen.ends, 0);
        stage_finish(pid);
}
END_TEST

/* The first stream's data frees the second, which comes next in the walk. */
static struct jobctl_stream *other;

static void on_data_freeing_other(void *arg, enum jobctl_output which, uint64_t wall_usec,
                                  const void *data, size_t size)
{
        stage_on_data(arg, which, wall_usec, data, size);
        other = jobctl_stream_free(other);
}

static void script_two(struct fake *fake)
{
        uint8_t log[64];
        const size_t size = fake_record(log, SPOOL_STDOUT, "x");
        uint64_t first, second;

        fake_accept(fake);
        first = stage_expect(fake, 0, 0);
        second = stage_expect(fake, 0, 0);
        /* The second one's comes first, but the walk begins with the first. */
        fake_expect(first < second, "rising tags");
        stage_send_data(fake, second, 1, 0, log, size);
        stage_send_data(fake, first, 1, 0, log, size);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_data_frees_the_next)
{
        struct jobctl_stream_ops freeing = stage_ops;
        const pid_t pid = fake_start(path, script_two);

        freeing.on_data = on_data_freeing_other;
        ck_assert_int_eq(jobctl_follow(conn, 17, 0, 0, &freeing, NULL, &stream), JOBCTL_OK);
        ck_assert_int_eq(jobctl_follow(conn, 17, 0, 0, &stage_ops, NULL, &other), JOBCTL_OK);
        /* Held back until both have something. */
        jobctl_stream_pause(other, true);
        jobctl_stream_pause(stream, true);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        jobctl_stream_pause(other, false);
        jobctl_stream_pause(stream, false);
        while (other)
                (void)conn_turn(conn, UINT64_MAX);
        (void)jobctl_process(conn);
        ck_assert_str_eq(seen.text, "x");
        stage_finish(pid);
}
END_TEST

/* Two streams end while the first one's callback frees the second. */
static void on_end_freeing_other(void *arg, int code, const char *text,
                                 const struct jobctl_item *ended)
{
        stage_on_end(arg, code, text, ended);
        other = jobctl_stream_free(other);
}

static void script_close(struct fake *fake)
{
        fake_accept(fake);
        (void)stage_expect(fake, 0, 0);
        (void)stage_expect(fake, 0, 0);
        unlink(path);
        close(fake->listen_fd);
        fake_close(fake);
}

START_TEST(test_end_frees_the_next)
{
        struct jobctl_stream_ops freeing = stage_ops;
        const pid_t pid = fake_start(path, script_close);

        freeing.on_end = on_end_freeing_other;
        jobctl_set_patience(conn, 1000);
        ck_assert_int_eq(
                jobctl_follow(conn, 17, 0, JOBCTL_FOLLOW_UNTIL_END, &freeing, NULL, &stream),
                JOBCTL_OK);
        ck_assert_int_eq(
                jobctl_follow(conn, 17, 0, JOBCTL_FOLLOW_UNTIL_END, &stage_ops, NULL, &other),
                JOBCTL_OK);
        ck_assert_int_eq(jobctl_stream_run(stream, 20000000), JOBCTL_OK);
        ck_assert_uint_eq(seen.ends, 1);
        ck_assert_int_eq(seen.code, JOBCTL_E_NO_DAEMON);
        stage_finish(pid);
}
END_TEST

SUITE_MAIN("follow_calls", stage_open, stage_close, test_pause, test_flood_is_not_taken_in,
           test_free_in_a_callback, test_data_frees_the_next, test_end_frees_the_next)
