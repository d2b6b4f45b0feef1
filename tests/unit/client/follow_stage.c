/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The follower's side keeps all that its callbacks see; the scripts of the daemon's side send the
 * parts that a following is made of. Its fixture is stage_open() and stage_close(); each test has
 * a process of its own, so there is one of each.
 */
#include "tests/unit/client/follow_stage.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_MAX (8U * 1024 * 1024)

char path[108];
struct jobctl *conn;
struct jobctl_stream *stream;
struct seen seen;

void stage_open(void)
{
        snprintf(path, sizeof(path), "%s/sock", fake_folder());
        ck_assert_int_eq(jobctl_new(&conn), 0);
        ck_assert_int_eq(jobctl_set_socket(conn, path), 0);
        seen = (struct seen){ .text = calloc(1, SEEN_MAX) };
        ck_assert_ptr_nonnull(seen.text);
}

void stage_close(void)
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

void stage_on_data(void *arg _unused_, enum jobctl_output which, uint64_t wall_usec,
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

void stage_on_end(void *arg _unused_, int code, const char *text _unused_,
                  const struct jobctl_item *ended)
{
        seen.ends++;
        seen.code = code;
        seen.end_state = jobctl_number_or(ended, JOBCTL_ENDED_STATE, 0);
        seen.size_at_end = seen.size;
}

const struct jobctl_stream_ops stage_ops = {
        .size = sizeof(stage_ops),
        .on_data = stage_on_data,
        .on_item = on_item,
        .on_stdin = on_stdin,
        .on_caught_up = on_caught_up,
        .on_end = stage_on_end,
};

void stage_start(unsigned int flags)
{
        ck_assert_int_eq(jobctl_follow(conn, 17, 0, flags, &stage_ops, NULL, &stream), JOBCTL_OK);
}

void stage_run(void)
{
        ck_assert_int_eq(jobctl_stream_run(stream, 20000000), JOBCTL_OK);
        ck_assert_uint_eq(seen.ends, 1);
        ck_assert_uint_eq(seen.size, seen.size_at_end);
}

void stage_finish(pid_t pid)
{
        conn = jobctl_free(conn);
        ck_assert(fake_finish(pid));
}

/* ------------------------------------------------------------------------------ for the scripts */

uint64_t stage_expect(struct fake *fake, uint32_t attempt, uint64_t offset)
{
        const Jobd__Request *const request = fake_read(fake, JOBD__REQUEST__BODY_FOLLOW);

        fake_expect(request->follow->job == 17, "job 17");
        fake_expect(request->follow->attempt == attempt, "that attempt");
        fake_expect(request->follow->offset == offset, "that offset");
        return request->tag;
}

void stage_send_data(struct fake *fake, uint64_t tag, uint32_t attempt, uint64_t offset,
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

void stage_send_file(struct fake *fake, uint64_t tag, uint32_t attempt, int fd, uint64_t size)
{
        Jobd__Output output = JOBD__OUTPUT__INIT;
        Jobd__OutputFile file = JOBD__OUTPUT_FILE__INIT;

        output.attempt = attempt;
        output.what_case = JOBD__OUTPUT__WHAT_FILE;
        output.file = &file;
        file.size_bytes = size;
        fake_reply(fake, tag, JOBD__REPLY__BODY_OUTPUT, &output, true, fd);
}

void stage_send_grown(struct fake *fake, uint64_t tag, uint64_t size)
{
        Jobd__Output output = JOBD__OUTPUT__INIT;

        output.attempt = 1;
        output.what_case = JOBD__OUTPUT__WHAT_GROWN_BYTES;
        output.grown_bytes = size;
        fake_reply(fake, tag, JOBD__REPLY__BODY_OUTPUT, &output, true, -1);
}

void stage_send_ended(struct fake *fake, uint64_t tag, Jobd__JobState state)
{
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = 17;
        ended.state = state;
        fake_reply(fake, tag, JOBD__REPLY__BODY_JOB_ENDED, &ended, false, -1);
}

void stage_send_news(struct fake *fake, uint64_t tag, uint32_t attempt)
{
        Jobd__TaskNews news = JOBD__TASK_NEWS__INIT;

        news.state = JOBD__JOB_STATE__STATE_RUNNING;
        news.attempt = attempt;
        fake_reply(fake, tag, JOBD__REPLY__BODY_TASK_NEWS, &news, true, -1);
}

void stage_send_window(struct fake *fake, uint64_t tag, uint64_t taken, uint64_t limit, bool closed)
{
        Jobd__StdinWindow window = JOBD__STDIN_WINDOW__INIT;

        window.taken = taken;
        window.limit = limit;
        window.has_closed = window.closed = closed;
        fake_reply(fake, tag, JOBD__REPLY__BODY_STDIN_WINDOW, &window, true, -1);
}
