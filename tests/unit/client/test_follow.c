/* SPDX-License-Identifier: Apache-2.0 */
/* Following a job: pieces, files, stdin, retries, slow readers, and restarts in the middle. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "proto/spool.h"

#include "client/jobctl.h"
#include "client/lib/connection.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

#define SEEN_MAX (8U * 1024 * 1024)

/* What the callbacks have seen. */
struct seen {
        char *text; /* stdout as it is, stderr in <>, marks in [] */
        size_t size;
        unsigned int news, windows, caught_up, ends;
        int code;
        uint64_t end_state;
        size_t size_at_end;
};

static char path[108];
static struct jobctl *conn;
static struct jobctl_stream *stream;
static struct seen seen;

static void setup(void)
{
        snprintf(path, sizeof(path), "%s/sock", fake_folder());
        ck_assert_int_eq(jobctl_new(&conn), 0);
        ck_assert_int_eq(jobctl_set_socket(conn, path), 0);
        seen = (struct seen){ .text = calloc(1, SEEN_MAX) };
        ck_assert_ptr_nonnull(seen.text);
}

static void teardown(void)
{
        conn = jobctl_free(conn);
        free(seen.text);
        seen.text = NULL;
}

static void see(const char *text, size_t size)
{
        ck_assert_uint_lt(seen.size + size, SEEN_MAX);
        memcpy(seen.text + seen.size, text, size);
        seen.size += size;
}

static void on_data(void *arg _unused_, enum jobctl_output which, uint64_t wall_usec,
                    const void *data, size_t size)
{
        ck_assert_uint_eq(wall_usec, 1700000000000000);
        see(which == JOBCTL_STDERR ? "<"
            : which == JOBCTL_MARK ? "["
                                   : "",
            which == JOBCTL_STDOUT ? 0 : 1);
        see(data, size);
        see(which == JOBCTL_STDERR ? ">"
            : which == JOBCTL_MARK ? "]"
                                   : "",
            which == JOBCTL_STDOUT ? 0 : 1);
}

static void on_item(void *arg _unused_, const struct jobctl_item *item)
{
        ck_assert_uint_ne(jobctl_number_or(item, JOBCTL_NEWS_STATE, 0), 0);
        seen.news++;
}

static void on_stdin(void *arg _unused_)
{
        seen.windows++;
}

static void on_caught_up(void *arg _unused_)
{
        seen.caught_up++;
        see("|", 1);
}

static void on_end(void *arg _unused_, int code, const char *text _unused_,
                   const struct jobctl_item *ended)
{
        seen.ends++;
        seen.code = code;
        seen.end_state = jobctl_number_or(ended, JOBCTL_ENDED_STATE, 0);
        seen.size_at_end = seen.size;
}

static const struct jobctl_stream_ops ops = {
        .size = sizeof(ops),
        .on_data = on_data,
        .on_item = on_item,
        .on_stdin = on_stdin,
        .on_caught_up = on_caught_up,
        .on_end = on_end,
};

static void follow(unsigned int flags)
{
        ck_assert_int_eq(jobctl_follow(conn, 17, 0, flags, &ops, NULL, &stream), JOBCTL_OK);
}

static void run(void)
{
        ck_assert_int_eq(jobctl_stream_run(stream, 20000000), JOBCTL_OK);
        ck_assert_uint_eq(seen.ends, 1);
        ck_assert_uint_eq(seen.size, seen.size_at_end);
}

/* Frees the connection, which lets the script end. */
static void finish(pid_t pid)
{
        conn = jobctl_free(conn);
        ck_assert(fake_finish(pid));
}

/* ------------------------------------------------------------------------------ for the scripts */

static uint64_t expect_follow(struct fake *fake, uint32_t attempt, uint64_t offset)
{
        const Jobd__Request *const request = fake_read(fake, JOBD__REQUEST__BODY_FOLLOW);

        fake_expect(request->follow->job == 17, "job 17");
        fake_expect(request->follow->attempt == attempt, "that attempt");
        fake_expect(request->follow->offset == offset, "that offset");
        return request->tag;
}

static void send_data(struct fake *fake, uint64_t tag, uint32_t attempt, uint64_t offset,
                      const void *data, size_t size)
{
        Jobd__Output output = JOBD__OUTPUT__INIT;
        Jobd__OutputData piece = JOBD__OUTPUT_DATA__INIT;

        output.attempt = attempt;
        output.what_case = JOBD__OUTPUT__WHAT_DATA;
        output.data = &piece;
        piece.offset = offset;
        piece.records.data = (uint8_t *)(uintptr_t)data;
        piece.records.len = size;
        fake_reply(fake, tag, JOBD__REPLY__BODY_OUTPUT, &output, true, -1);
}

static void send_file(struct fake *fake, uint64_t tag, uint32_t attempt, int fd, uint64_t size)
{
        Jobd__Output output = JOBD__OUTPUT__INIT;
        Jobd__OutputFile file = JOBD__OUTPUT_FILE__INIT;

        output.attempt = attempt;
        output.what_case = JOBD__OUTPUT__WHAT_FILE;
        output.file = &file;
        file.size_bytes = size;
        fake_reply(fake, tag, JOBD__REPLY__BODY_OUTPUT, &output, true, fd);
}

static void send_grown(struct fake *fake, uint64_t tag, uint64_t size)
{
        Jobd__Output output = JOBD__OUTPUT__INIT;

        output.attempt = 1;
        output.what_case = JOBD__OUTPUT__WHAT_GROWN_BYTES;
        output.grown_bytes = size;
        fake_reply(fake, tag, JOBD__REPLY__BODY_OUTPUT, &output, true, -1);
}

static void send_ended(struct fake *fake, uint64_t tag, Jobd__JobState state)
{
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = 17;
        ended.state = state;
        fake_reply(fake, tag, JOBD__REPLY__BODY_JOB_ENDED, &ended, false, -1);
}

static void send_news(struct fake *fake, uint64_t tag, uint32_t attempt)
{
        Jobd__TaskNews news = JOBD__TASK_NEWS__INIT;

        news.state = JOBD__JOB_STATE__STATE_RUNNING;
        news.attempt = attempt;
        fake_reply(fake, tag, JOBD__REPLY__BODY_TASK_NEWS, &news, true, -1);
}

static void send_window(struct fake *fake, uint64_t tag, uint64_t taken, uint64_t limit,
                        bool closed)
{
        Jobd__StdinWindow window = JOBD__STDIN_WINDOW__INIT;

        window.taken = taken;
        window.limit = limit;
        window.has_closed = window.closed = closed;
        fake_reply(fake, tag, JOBD__REPLY__BODY_STDIN_WINDOW, &window, true, -1);
}

/* -------------------------------------------------------------------------------------- pieces */

static void script_pieces(struct fake *fake)
{
        uint8_t log[256];
        size_t size = fake_record(log, SPOOL_STDOUT, "one\n");
        uint64_t tag;

        size += fake_record(log + size, SPOOL_STDERR, "two");
        size += fake_record(log + size, SPOOL_MARK, "cut");
        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_news(fake, tag, 1);
        /* Cut in the middle of a header, then with an overlap. */
        send_data(fake, tag, 1, 0, log, 25);
        send_data(fake, tag, 1, 10, log + 10, size - 10);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_FAILED);
        fake_wait_closed(fake);
}

START_TEST(test_pieces)
{
        const pid_t pid = fake_start(path, script_pieces);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        ck_assert_str_eq(seen.text, "one\n<two>[cut]");
        ck_assert_uint_eq(seen.news, 1);
        ck_assert_uint_eq(seen.end_state, JOBCTL_STATE_FAILED);
        finish(pid);
}
END_TEST

static void script_hole(struct fake *fake)
{
        uint8_t log[64];
        const size_t size = fake_record(log, SPOOL_STDOUT, "one\n");
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_data(fake, tag, 1, 5, log, size);
        fake_wait_closed(fake);
}

START_TEST(test_a_hole_is_no_output)
{
        const pid_t pid = fake_start(path, script_hole);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        ck_assert_int_eq(seen.code, JOBCTL_E_PROTOCOL);
        ck_assert_uint_eq(seen.size, 0);
        finish(pid);
}
END_TEST

static void script_error(struct fake *fake)
{
        fake_accept(fake);
        fake_error(fake, expect_follow(fake, 0, 0), JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB,
                   "no job 17", false);
        fake_wait_closed(fake);
}

START_TEST(test_unknown_job)
{
        const pid_t pid = fake_start(path, script_error);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        ck_assert_int_eq(seen.code, JOBCTL_E_NO_SUCH_JOB);
        finish(pid);
}
END_TEST

/* ---------------------------------------------------------------------------------------- files */

#define FILE_RECORDS 3000
#define FILE_TEXT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\n"

/* A spool file with many records; returns its descriptor. */
static int make_file(size_t *out_size)
{
        char name[128];
        uint8_t record[256];
        const size_t size = fake_record(record, SPOOL_STDOUT, FILE_TEXT);
        int fd;

        snprintf(name, sizeof(name), "%s.spool", path);
        fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        fake_expect(fd >= 0, "a file");
        for (int i = 0; i < FILE_RECORDS; i++)
                fake_expect(write(fd, record, size) == (ssize_t)size, "to write");
        unlink(name);
        *out_size = size * FILE_RECORDS;
        return fd;
}

static void check_file_text(void)
{
        ck_assert_uint_eq(seen.size, FILE_RECORDS * strlen(FILE_TEXT));
        for (size_t i = 0; i < FILE_RECORDS; i++)
                ck_assert_mem_eq(seen.text + i * strlen(FILE_TEXT), FILE_TEXT, strlen(FILE_TEXT));
}

static void script_file(struct fake *fake)
{
        size_t size;
        const int fd = make_file(&size);
        uint8_t head[256];
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        /* The first bytes are pushed, the rest is in the file, which grows. */
        fake_expect(pread(fd, head, 100, 0) == 100, "to read");
        send_data(fake, tag, 1, 0, head, 100);
        send_file(fake, tag, 1, fd, 1000);
        send_grown(fake, tag, size / 2 + 3);
        send_grown(fake, tag, size);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_file)
{
        const pid_t pid = fake_start(path, script_file);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        check_file_text();
        ck_assert_uint_eq(seen.end_state, JOBCTL_STATE_SUCCEEDED);
        finish(pid);
}
END_TEST

/* A piece ahead of the file's known end: the file fills what is between. */
static void script_piece_ahead(struct fake *fake)
{
        size_t size;
        const int fd = make_file(&size);
        uint8_t tail[100];
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        fake_expect(pread(fd, tail, 100, (off_t)size - 100) == 100, "to read");
        send_file(fake, tag, 1, fd, 10);
        send_data(fake, tag, 1, size - 100, tail, 100);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_piece_ahead_of_the_file)
{
        const pid_t pid = fake_start(path, script_piece_ahead);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        check_file_text();
        finish(pid);
}
END_TEST

static void script_short_file(struct fake *fake)
{
        size_t size;
        const int fd = make_file(&size);
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_file(fake, tag, 1, fd, size + 100);
        fake_wait_closed(fake);
}

START_TEST(test_file_shorter_than_said)
{
        const pid_t pid = fake_start(path, script_short_file);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        ck_assert_int_eq(seen.code, JOBCTL_E_PROTOCOL);
        check_file_text();
        finish(pid);
}
END_TEST

static void script_file_missing(struct fake *fake)
{
        fake_accept(fake);
        send_file(fake, expect_follow(fake, 0, 0), 1, -1, 100);
        fake_wait_closed(fake);
}

START_TEST(test_file_without_descriptor)
{
        const pid_t pid = fake_start(path, script_file_missing);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        ck_assert_int_eq(seen.code, JOBCTL_E_PROTOCOL);
        finish(pid);
}
END_TEST

/* ------------------------------------------------------------------------------------- restarts */

static void script_restart(struct fake *fake)
{
        uint8_t log[256];
        size_t size = fake_record(log, SPOOL_STDOUT, "before ");
        uint64_t tag;

        size += fake_record(log + size, SPOOL_STDOUT, "after");
        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_data(fake, tag, 1, 0, log, 30);
        fake_close(fake);
        fake_accept(fake);
        fake_expect(expect_follow(fake, 1, 30) == tag, "the same tag");
        send_data(fake, tag, 1, 30, log + 30, size - 30);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_restart_goes_on_at_the_offset)
{
        const pid_t pid = fake_start(path, script_restart);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        ck_assert_str_eq(seen.text, "before after");
        finish(pid);
}
END_TEST

static void script_restart_in_file(struct fake *fake)
{
        size_t size;
        const int fd = make_file(&size);
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_file(fake, tag, 1, fd, 1000);
        /* The client has read it once it asks on a new connection. */
        fake_close(fake);
        fake_accept(fake);
        fake_expect(fake_read(fake, JOBD__REQUEST__BODY_FOLLOW)->follow->offset <= 1000,
                    "an offset within what was valid");
        send_file(fake, tag, 1, fd, size);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_restart_with_a_file)
{
        const pid_t pid = fake_start(path, script_restart_in_file);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        check_file_text();
        finish(pid);
}
END_TEST

static void script_stopping(struct fake *fake)
{
        fake_accept(fake);
        fake_error(fake, expect_follow(fake, 0, 0), JOBD__ERROR_CODE__ERROR_STOPPING,
                   "the daemon is shutting down", false);
        fake_wait_closed(fake);
}

START_TEST(test_stopping_starts_no_other)
{
        const pid_t pid = fake_start(path, script_stopping);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        ck_assert_int_eq(seen.code, JOBCTL_E_STOPPING);
        ck_assert(conn->stopping);
        finish(pid);
}
END_TEST

/* -------------------------------------------------------------------------------------- attempts
 */

static void script_attempts(struct fake *fake)
{
        uint8_t log[64];
        size_t size = fake_record(log, SPOOL_STDOUT, "first ");
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_data(fake, tag, 1, 0, log, size);
        size = fake_record(log, SPOOL_STDOUT, "second");
        send_data(fake, tag, 2, 0, log, size);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_attempts)
{
        const pid_t pid = fake_start(path, script_attempts);

        follow(JOBCTL_FOLLOW_UNTIL_END);
        run();
        ck_assert_str_eq(seen.text, "first second");
        finish(pid);
}
END_TEST

/* -------------------------------------------------------------------------------- slow readers */

static void on_data_pausing(void *arg, enum jobctl_output which, uint64_t wall_usec,
                            const void *data, size_t size)
{
        on_data(arg, which, wall_usec, data, size);
        jobctl_stream_pause(stream, true);
}

static void script_pause(struct fake *fake)
{
        uint8_t log[64];
        const size_t size = fake_record(log, SPOOL_STDOUT, "x");
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        for (uint64_t i = 0; i < 3; i++)
                send_data(fake, tag, 1, i * size, log, size);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_pause)
{
        struct jobctl_stream_ops pausing = ops;
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
        run();
        ck_assert_str_eq(seen.text, "xxx");
        finish(pid);
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
        tag = expect_follow(fake, 0, 0);
        for (uint64_t i = 0; i < 96; i++)
                send_data(fake, tag, 1, i * FLOOD_RECORD, log, FLOOD_RECORD);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_flood_is_not_taken_in)
{
        const pid_t pid = fake_start(path, script_flood);
        int unread = 0;

        follow(JOBCTL_FOLLOW_UNTIL_END);
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
        run();
        ck_assert_uint_eq(seen.size, 96 * (FLOOD_RECORD - SPOOL_HEADER_BYTES));
        ck_assert_uint_eq(conn->stuffed_count, 0);
        finish(pid);
}
END_TEST

/* ---------------------------------------------------------------------------------------- stdin */

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
        tag = expect_follow(fake, 0, 0);
        fake_expect(fake->request->follow->want_stdin, "a client that feeds stdin");
        send_window(fake, tag, 0, 3, false);
        expect_stdin(fake, 0, "abc", false);
        send_window(fake, tag, 2, 4, false);
        expect_stdin(fake, 3, "d", false);
        fake_close(fake);
        /* A new connection: from the byte that the job has taken. */
        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_window(fake, tag, 3, 100, false);
        expect_stdin(fake, 3, "def", true);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_stdin)
{
        const pid_t pid = fake_start(path, script_stdin);
        size_t taken;

        follow(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_STDIN);
        ck_assert_uint_eq(jobctl_stream_room(stream), 1024 * 1024);
        ck_assert_int_eq(jobctl_stream_write(stream, "abcdef", 6, &taken), JOBCTL_OK);
        ck_assert_uint_eq(taken, 6);
        ck_assert_uint_eq(jobctl_stream_room(stream), 1024 * 1024 - 6);
        ck_assert_int_eq(jobctl_stream_close_stdin(stream), JOBCTL_OK);
        ck_assert_uint_eq(jobctl_stream_room(stream), 0);
        run();
        ck_assert_uint_eq(seen.windows, 3);
        finish(pid);
}
END_TEST

/* A jobd that has just started knows only later how far the job has read: nothing goes before. */
static void script_stdin_late(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_window(fake, tag, 0, 3, false);
        expect_stdin(fake, 0, "abc", false);
        send_window(fake, tag, 3, 3, false);
        fake_close(fake);
        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_window(fake, tag, 0, 100, false);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        send_window(fake, tag, 3, 100, false);
        expect_stdin(fake, 3, "def", false);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_stdin_waits_for_a_true_window)
{
        const pid_t pid = fake_start(path, script_stdin_late);
        size_t taken;

        follow(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_STDIN);
        ck_assert_int_eq(jobctl_stream_write(stream, "abcdef", 6, &taken), JOBCTL_OK);
        while (seen.windows < 3)
                (void)conn_turn(conn, UINT64_MAX);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        run();
        finish(pid);
}
END_TEST

static void script_stdin_closed(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_window(fake, tag, 0, 0, true);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_job_closes_stdin)
{
        const pid_t pid = fake_start(path, script_stdin_closed);

        follow(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_STDIN);
        ck_assert(!jobctl_stream_is_stdin_closed(stream));
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        ck_assert(jobctl_stream_is_stdin_closed(stream));
        ck_assert_uint_eq(jobctl_stream_room(stream), 0);
        finish(pid);
}
END_TEST

/* A retried job reads its stdin anew: what was not taken comes again, else it gets the end. */
static void script_stdin_retry(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_news(fake, tag, 1);
        send_window(fake, tag, 0, 100, false);
        expect_stdin(fake, 0, "abc", false);
        send_news(fake, tag, 2);
        send_window(fake, tag, 0, 100, false);
        expect_stdin(fake, 0, "abc", false);
        send_window(fake, tag, 3, 103, false);
        send_news(fake, tag, 3);
        send_window(fake, tag, 0, 100, false);
        expect_stdin(fake, 0, "", true);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_stdin_of_a_retry)
{
        const pid_t pid = fake_start(path, script_stdin_retry);
        size_t taken;

        follow(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_STDIN);
        ck_assert_int_eq(jobctl_stream_write(stream, "abc", 3, &taken), JOBCTL_OK);
        run();
        finish(pid);
}
END_TEST

/* ------------------------------------------------------------------------------------- the rest */

static void script_caught_up(struct fake *fake)
{
        uint8_t log[64];
        size_t size = fake_record(log, SPOOL_STDOUT, "old");
        uint64_t tag;

        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        fake_expect(!fake->request->follow->until_end, "only what is there");
        send_data(fake, tag, 1, 0, log, size);
        fake_done(fake, tag);
        fake_expect(expect_follow(fake, 1, size) == tag, "the same tag");
        fake_expect(fake->request->follow->until_end, "the rest");
        fake_record(log, SPOOL_STDOUT, "new");
        send_data(fake, tag, 1, size, log, size);
        send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_caught_up)
{
        const pid_t pid = fake_start(path, script_caught_up);

        follow(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_CAUGHT_UP);
        run();
        ck_assert_str_eq(seen.text, "old|new");
        ck_assert_uint_eq(seen.caught_up, 1);
        finish(pid);
}
END_TEST

static void on_data_freeing(void *arg, enum jobctl_output which, uint64_t wall_usec,
                            const void *data, size_t size)
{
        on_data(arg, which, wall_usec, data, size);
        stream = jobctl_stream_free(stream);
}

static void script_stop(struct fake *fake)
{
        uint8_t log[128];
        size_t size = fake_record(log, SPOOL_STDOUT, "enough");
        uint64_t tag;

        size += fake_record(log + size, SPOOL_STDOUT, "too much");
        fake_accept(fake);
        tag = expect_follow(fake, 0, 0);
        send_data(fake, tag, 1, 0, log, size);
        fake_expect(fake_read(fake, JOBD__REQUEST__BODY_STOP)->stop->stop_tag == tag, "its tag");
        send_data(fake, tag, 1, size, log, size);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_free_in_a_callback)
{
        struct jobctl_stream_ops freeing = ops;
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
        finish(pid);
}
END_TEST

/* The first stream's data frees the second, which comes next in the walk. */
static struct jobctl_stream *other;

static void on_data_freeing_other(void *arg, enum jobctl_output which, uint64_t wall_usec,
                                  const void *data, size_t size)
{
        on_data(arg, which, wall_usec, data, size);
        other = jobctl_stream_free(other);
}

static void script_two(struct fake *fake)
{
        uint8_t log[64];
        const size_t size = fake_record(log, SPOOL_STDOUT, "x");
        uint64_t first, second;

        fake_accept(fake);
        first = expect_follow(fake, 0, 0);
        second = expect_follow(fake, 0, 0);
        /* The second one's comes first, but the walk begins with the first. */
        fake_expect(first < second, "rising tags");
        send_data(fake, second, 1, 0, log, size);
        send_data(fake, first, 1, 0, log, size);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_data_frees_the_next)
{
        struct jobctl_stream_ops freeing = ops;
        const pid_t pid = fake_start(path, script_two);

        freeing.on_data = on_data_freeing_other;
        ck_assert_int_eq(jobctl_follow(conn, 17, 0, 0, &freeing, NULL, &stream), JOBCTL_OK);
        ck_assert_int_eq(jobctl_follow(conn, 17, 0, 0, &ops, NULL, &other), JOBCTL_OK);
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
        finish(pid);
}
END_TEST

/* Two streams end while the first one's callback frees the second. */
static void on_end_freeing_other(void *arg, int code, const char *text,
                                 const struct jobctl_item *ended)
{
        on_end(arg, code, text, ended);
        other = jobctl_stream_free(other);
}

static void script_close(struct fake *fake)
{
        fake_accept(fake);
        (void)expect_follow(fake, 0, 0);
        (void)expect_follow(fake, 0, 0);
        unlink(path);
        close(fake->listen_fd);
        fake_close(fake);
}

START_TEST(test_end_frees_the_next)
{
        struct jobctl_stream_ops freeing = ops;
        const pid_t pid = fake_start(path, script_close);

        freeing.on_end = on_end_freeing_other;
        jobctl_set_patience(conn, 1000);
        ck_assert_int_eq(
                jobctl_follow(conn, 17, 0, JOBCTL_FOLLOW_UNTIL_END, &freeing, NULL, &stream),
                JOBCTL_OK);
        ck_assert_int_eq(jobctl_follow(conn, 17, 0, JOBCTL_FOLLOW_UNTIL_END, &ops, NULL, &other),
                         JOBCTL_OK);
        ck_assert_int_eq(jobctl_stream_run(stream, 20000000), JOBCTL_OK);
        ck_assert_uint_eq(seen.ends, 1);
        ck_assert_int_eq(seen.code, JOBCTL_E_NO_DAEMON);
        finish(pid);
}
END_TEST

SUITE_MAIN("follow", setup, teardown, test_pieces, test_a_hole_is_no_output, test_unknown_job,
           test_file, test_piece_ahead_of_the_file, test_file_shorter_than_said,
           test_file_without_descriptor, test_restart_goes_on_at_the_offset,
           test_restart_with_a_file, test_stopping_starts_no_other, test_attempts, test_pause,
           test_flood_is_not_taken_in, test_stdin, test_stdin_waits_for_a_true_window,
           test_job_closes_stdin, test_stdin_of_a_retry, test_caught_up, test_free_in_a_callback,
           test_data_frees_the_next, test_end_frees_the_next)
