/* SPDX-License-Identifier: Apache-2.0 */
/* Following a job: pieces, files, retries, restarts in the middle, and what is there so far. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/spool.h"

#include "client/lib/connection.h"
#include "tests/unit/client/follow_stage.h"
#include "tests/unit/suite.h"

/* -------------------------------------------------------------------------------------- pieces */

static void script_pieces(struct fake *fake)
{
        uint8_t log[256];
        size_t size = fake_record(log, SPOOL_STDOUT, "one\n");
        uint64_t tag;

        size += fake_record(log + size, SPOOL_STDERR, "two");
        size += fake_record(log + size, SPOOL_MARK, "cut");
        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_news(fake, tag, 1);
        /* Cut in the middle of a header, then with an overlap. */
        stage_send_data(fake, tag, 1, 0, log, 25);
        stage_send_data(fake, tag, 1, 10, log + 10, size - 10);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_FAILED);
        fake_wait_closed(fake);
}

START_TEST(test_pieces)
{
        const pid_t pid = fake_start(path, script_pieces);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        ck_assert_str_eq(seen.text, "one\n<two>[cut]");
        ck_assert_uint_eq(seen.news, 1);
        ck_assert_uint_eq(seen.end_state, JOBCTL_STATE_FAILED);
        stage_finish(pid);
}
END_TEST

static void script_hole(struct fake *fake)
{
        uint8_t log[64];
        const size_t size = fake_record(log, SPOOL_STDOUT, "one\n");
        uint64_t tag;

        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_data(fake, tag, 1, 5, log, size);
        fake_wait_closed(fake);
}

START_TEST(test_a_hole_is_no_output)
{
        const pid_t pid = fake_start(path, script_hole);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        ck_assert_int_eq(seen.code, JOBCTL_E_PROTOCOL);
        ck_assert_uint_eq(seen.size, 0);
        stage_finish(pid);
}
END_TEST

static void script_error(struct fake *fake)
{
        fake_accept(fake);
        fake_error(fake, stage_expect(fake, 0, 0), JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB, "no job 17",
                   false);
        fake_wait_closed(fake);
}

START_TEST(test_unknown_job)
{
        const pid_t pid = fake_start(path, script_error);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        ck_assert_int_eq(seen.code, JOBCTL_E_NO_SUCH_JOB);
        stage_finish(pid);
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
        tag = stage_expect(fake, 0, 0);
        /* The first bytes are pushed, the rest is in the file, which grows. */
        fake_expect(pread(fd, head, 100, 0) == 100, "to read");
        stage_send_data(fake, tag, 1, 0, head, 100);
        stage_send_file(fake, tag, 1, fd, 1000);
        stage_send_grown(fake, tag, size / 2 + 3);
        stage_send_grown(fake, tag, size);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_file)
{
        const pid_t pid = fake_start(path, script_file);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        check_file_text();
        ck_assert_uint_eq(seen.end_state, JOBCTL_STATE_SUCCEEDED);
        stage_finish(pid);
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
        tag = stage_expect(fake, 0, 0);
        fake_expect(pread(fd, tail, 100, (off_t)size - 100) == 100, "to read");
        stage_send_file(fake, tag, 1, fd, 10);
        stage_send_data(fake, tag, 1, size - 100, tail, 100);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_piece_ahead_of_the_file)
{
        const pid_t pid = fake_start(path, script_piece_ahead);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        check_file_text();
        stage_finish(pid);
}
END_TEST

static void script_short_file(struct fake *fake)
{
        size_t size;
        const int fd = make_file(&size);
        uint64_t tag;

        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_file(fake, tag, 1, fd, size + 100);
        fake_wait_closed(fake);
}

START_TEST(test_file_shorter_than_said)
{
        const pid_t pid = fake_start(path, script_short_file);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        ck_assert_int_eq(seen.code, JOBCTL_E_PROTOCOL);
        check_file_text();
        stage_finish(pid);
}
END_TEST

static void script_file_missing(struct fake *fake)
{
        fake_accept(fake);
        stage_send_file(fake, stage_expect(fake, 0, 0), 1, -1, 100);
        fake_wait_closed(fake);
}

START_TEST(test_file_without_descriptor)
{
        const pid_t pid = fake_start(path, script_file_missing);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        ck_assert_int_eq(seen.code, JOBCTL_E_PROTOCOL);
        stage_finish(pid);
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
        tag = stage_expect(fake, 0, 0);
        stage_send_data(fake, tag, 1, 0, log, 30);
        fake_close(fake);
        fake_accept(fake);
        fake_expect(stage_expect(fake, 1, 30) == tag, "the same tag");
        stage_send_data(fake, tag, 1, 30, log + 30, size - 30);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_restart_goes_on_at_the_offset)
{
        const pid_t pid = fake_start(path, script_restart);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        ck_assert_str_eq(seen.text, "before after");
        stage_finish(pid);
}
END_TEST

static void script_restart_in_file(struct fake *fake)
{
        size_t size;
        const int fd = make_file(&size);
        uint64_t tag;

        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        stage_send_file(fake, tag, 1, fd, 1000);
        /* The client has read it once it asks on a new connection. */
        fake_close(fake);
        fake_accept(fake);
        fake_expect(fake_read(fake, JOBD__REQUEST__BODY_FOLLOW)->follow->offset <= 1000,
                    "an offset within what was valid");
        stage_send_file(fake, tag, 1, fd, size);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_restart_with_a_file)
{
        const pid_t pid = fake_start(path, script_restart_in_file);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        check_file_text();
        stage_finish(pid);
}
END_TEST

static void script_stopping(struct fake *fake)
{
        fake_accept(fake);
        fake_error(fake, stage_expect(fake, 0, 0), JOBD__ERROR_CODE__ERROR_STOPPING,
                   "the daemon is shutting down", false);
        fake_wait_closed(fake);
}

START_TEST(test_stopping_starts_no_other)
{
        const pid_t pid = fake_start(path, script_stopping);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        ck_assert_int_eq(seen.code, JOBCTL_E_STOPPING);
        ck_assert(conn->stopping);
        stage_finish(pid);
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
        tag = stage_expect(fake, 0, 0);
        stage_send_data(fake, tag, 1, 0, log, size);
        size = fake_record(log, SPOOL_STDOUT, "second");
        stage_send_data(fake, tag, 2, 0, log, size);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_attempts)
{
        const pid_t pid = fake_start(path, script_attempts);

        stage_start(JOBCTL_FOLLOW_UNTIL_END);
        stage_run();
        ck_assert_str_eq(seen.text, "first second");
        stage_finish(pid);
}
END_TEST

/* ------------------------------------------------------------------------------------- the rest */

static void script_caught_up(struct fake *fake)
{
        uint8_t log[64];
        size_t size = fake_record(log, SPOOL_STDOUT, "old");
        uint64_t tag;

        fake_accept(fake);
        tag = stage_expect(fake, 0, 0);
        fake_expect(!fake->request->follow->until_end, "only what is there");
        stage_send_data(fake, tag, 1, 0, log, size);
        fake_done(fake, tag);
        fake_expect(stage_expect(fake, 1, size) == tag, "the same tag");
        fake_expect(fake->request->follow->until_end, "the rest");
        fake_record(log, SPOOL_STDOUT, "new");
        stage_send_data(fake, tag, 1, size, log, size);
        stage_send_ended(fake, tag, JOBD__JOB_STATE__STATE_SUCCEEDED);
        fake_wait_closed(fake);
}

START_TEST(test_caught_up)
{
        const pid_t pid = fake_start(path, script_caught_up);

        stage_start(JOBCTL_FOLLOW_UNTIL_END | JOBCTL_FOLLOW_CAUGHT_UP);
        stage_run();
        ck_assert_str_eq(seen.text, "old|new");
        ck_assert_uint_eq(seen.caught_up, 1);
        stage_finish(pid);
}
END_TEST

SUITE_MAIN("follow", stage_open, stage_close, test_pieces, test_a_hole_is_no_output,
           test_unknown_job, test_file, test_piece_ahead_of_the_file, test_file_shorter_than_said,
           test_file_without_descriptor, test_restart_goes_on_at_the_offset,
           test_restart_with_a_file, test_stopping_starts_no_other, test_attempts, test_caught_up)
