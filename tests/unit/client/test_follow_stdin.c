/* SPDX-License-Identifier: Apache-2.0 */
/* A follower who feeds the job's stdin: windows, restarts, retries, and a job that closes it. */
#include <string.h>

#include "client/lib/connection.h"
#include "tests/unit/client/follow_stage.h"
#include "tests/unit/suite.h"

static void expect_stdin(struct fake *fake, uint64_t offset, const char *text, bool end)
{
        const Jobd__StdinData *const data =
                fake_read(fake, JOBD__REQUEST__BODY_STDIN_DATA)->stdin_data;

        fake_expect(data->job == 17 && data->offset == offset, "stdin at this offset");
        fake_expect(data->data.len == strlen(text), "so many bytes");
        fake_expect(data->data.len == 0 || memcmp(data->data.data, text, data->data.len) == 0,
                    text);
        fake_expect((data->has_end && data->end) == end, "the end, or not");
}

static void script_stdin(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        fake_expect(fake->request->follow->want_stdin, "a client that feeds stdin");
        stage_send_window(fake, tag, 0, 3, false);
        expect_stdin(fake, 0, "abc", false);
        stage_send_window(fake, tag, 2, 4, false);
        expect_stdin(fake, 3, "d", false);
        fake_close(fake);
        /* A new connection: from the byte that the job has taken. */
        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_window(fake, tag, 3, 100, false);
        expect_stdin(fake, 3, "def", true);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_stdin)
{
        const pid_t pid = fake_start(path, script_stdin);
        size_t taken;

        stage_start(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_STDIN);
        ck_assert_uint_eq(jobctl_stream_room(stream), 1024 * 1024);
        ck_assert_int_eq(jobctl_stream_write(stream, "abcdef", 6, &taken), JOBCTL_OK);
        ck_assert_uint_eq(taken, 6);
        ck_assert_uint_eq(jobctl_stream_room(stream), 1024 * 1024 - 6);
        ck_assert_int_eq(jobctl_stream_close_stdin(stream), JOBCTL_OK);
        ck_assert_uint_eq(jobctl_stream_room(stream), 0);
        stage_run();
        ck_assert_uint_eq(seen.windows, 3);
        stage_finish(pid);
}
END_TEST

/* A jobd that has just started knows only later how far the job has read: nothing goes before. */
static void script_stdin_late(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_window(fake, tag, 0, 3, false);
        expect_stdin(fake, 0, "abc", false);
        stage_send_window(fake, tag, 3, 3, false);
        fake_close(fake);
        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_window(fake, tag, 0, 100, false);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        stage_send_window(fake, tag, 3, 100, false);
        expect_stdin(fake, 3, "def", false);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_stdin_waits_for_a_true_window)
{
        const pid_t pid = fake_start(path, script_stdin_late);
        size_t taken;

        stage_start(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_STDIN);
        ck_assert_int_eq(jobctl_stream_write(stream, "abcdef", 6, &taken), JOBCTL_OK);
        while (seen.windows < 3)
                (void)conn_turn(conn, UINT64_MAX);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        stage_run();
        stage_finish(pid);
}
END_TEST

static void script_stdin_closed(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_window(fake, tag, 0, 0, true);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_job_closes_stdin)
{
        const pid_t pid = fake_start(path, script_stdin_closed);

        stage_start(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_STDIN);
        ck_assert(!jobctl_stream_is_stdin_closed(stream));
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        ck_assert(jobctl_stream_is_stdin_closed(stream));
        ck_assert_uint_eq(jobctl_stream_room(stream), 0);
        stage_finish(pid);
}
END_TEST

/* A retried job reads its stdin anew: what was not taken comes again, else it gets the end. */
static void script_stdin_retry(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_news(fake, tag, 1);
        stage_send_window(fake, tag, 0, 100, false);
        expect_stdin(fake, 0, "abc", false);
        stage_send_news(fake, tag, 2);
        stage_send_window(fake, tag, 0, 100, false);
        expect_stdin(fake, 0, "abc", false);
        stage_send_window(fake, tag, 3, 103, false);
        stage_send_news(fake, tag, 3);
        stage_send_window(fake, tag, 0, 100, false);
        expect_stdin(fake, 0, "", true);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_stdin_of_a_retry)
{
        const pid_t pid = fake_start(path, script_stdin_retry);
        size_t taken;

        stage_start(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_STDIN);
        ck_assert_int_eq(jobctl_stream_write(stream, "abc", 3, &taken), JOBCTL_OK);
        stage_run();
        stage_finish(pid);
}
END_TEST

SUITE_MAIN("follow_stdin", stage_open, stage_close, test_stdin, test_stdin_waits_for_a_true_window,
           test_job_closes_stdin, test_stdin_of_a_retry)
