/* SPDX-License-Identifier: Apache-2.0 */
/* A map's values on their way: chunks, push-back, the close, restarts in the middle, refusals. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#include "client/jobctl.h"
#include "client/lib/connection.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

static char path[108];
static struct jobctl *conn;
static struct jobctl_input *input;
static unsigned int rooms, ends;
static int end_code;
static bool free_at_end;

static void setup(void)
{
        snprintf(path, sizeof(path), "%s/sock", fake_folder());
        ck_assert_int_eq(jobctl_new(&conn), 0);
        ck_assert_int_eq(jobctl_set_socket(conn, path), 0);
}

static void teardown(void)
{
        conn = jobctl_free(conn);
}

static void finish(pid_t pid)
{
        input = jobctl_input_free(input);
        conn = jobctl_free(conn);
        ck_assert(fake_finish(pid));
}

static void on_room(void *arg _unused_)
{
        rooms++;
}

static void on_end(void *arg _unused_, int code, const char *text _unused_)
{
        ends++;
        end_code = code;
        if (free_at_end)
                input = jobctl_input_free(input);
}

static const struct jobctl_input_ops ops = { .size = sizeof(ops),
                                             .on_room = on_room,
                                             .on_end = on_end };

static void start(uint32_t values_per_task)
{
        ck_assert_int_eq(jobctl_input_new(conn, 17, values_per_task, &ops, NULL, &input), 0);
}

static int put(const char *value)
{
        return jobctl_input_append(input, value, strlen(value));
}

static void turn_until_end(void)
{
        while (ends == 0)
                ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        ck_assert_uint_eq(ends, 1);
}

/* ------------------------------------------------------------------------------ for the scripts */

static uint64_t expect_append(struct fake *fake, uint64_t number, uint64_t count,
                              const char *values, size_t size)
{
        const Jobd__Request *const request = fake_read(fake, JOBD__REQUEST__BODY_APPEND);
        const Jobd__Append *const append = request->append;

        fake_expect(append->job == 17, "job 17");
        fake_expect(append->number == number, "that chunk");
        fake_expect(append->count == count, "so many values");
        fake_expect(!values || append->values.len == size, "so many bytes");
        fake_expect(!values || memcmp(append->values.data, values, size) == 0, "those values");
        return request->tag;
}

static uint64_t expect_close(struct fake *fake, uint64_t chunks, const char *cut)
{
        const Jobd__Request *const request = fake_read(fake, JOBD__REQUEST__BODY_CLOSE_INPUT);
        const Jobd__CloseInput *const close = request->close_input;

        fake_expect(close->job == 17 && close->chunks == chunks, "so many chunks of job 17");
        fake_expect(!cut == !close->cut, "cut or not");
        fake_expect(!cut || strcmp(cut, close->cut) == 0, "that reason");
        return request->tag;
}

static void send_appended(struct fake *fake, uint64_t tag, uint64_t number, uint64_t task_count)
{
        Jobd__Appended appended = JOBD__APPENDED__INIT;

        appended.number = number;
        appended.task_count = task_count;
        fake_reply(fake, tag, JOBD__REPLY__BODY_APPENDED, &appended, false, -1);
}

/* -------------------------------------------------------------------------------------- tests */

static void script_plain(struct fake *fake)
{
        uint64_t tags[2];

        fake_accept(fake);
        tags[0] = expect_append(fake, 0, 2, "a\0bb", 5);
        tags[1] = expect_append(fake, 1, 3, "c\0\0d", 5);
        send_appended(fake, tags[0], 0, 1);
        send_appended(fake, tags[1], 1, 3);
        fake_done(fake, expect_close(fake, 2, NULL));
        fake_wait_closed(fake);
}

/* Two values a task: a flush sends whole tasks only, the close the rest. */
START_TEST(test_input_chunks_hold_whole_tasks)
{
        const pid_t pid = fake_start(path, script_plain);

        start(2);
        ck_assert_int_eq(put("a"), 0);
        ck_assert_int_eq(jobctl_input_flush(input), 0);
        ck_assert_int_eq(put("bb"), 0);
        ck_assert_int_eq(put("c"), 0);
        ck_assert_int_eq(jobctl_input_flush(input), 0);
        ck_assert_int_eq(put(""), 0);
        ck_assert_int_eq(put("d"), 0);
        ck_assert_int_eq(jobctl_input_close(input, NULL), 0);
        ck_assert_int_eq(put("e"), JOBCTL_E_STATE);
        turn_until_end();
        ck_assert_int_eq(end_code, JOBCTL_OK);
        ck_assert_uint_eq(jobctl_input_stored_tasks(input), 3);
        ck_assert_uint_eq(rooms, 0);
        finish(pid);
}
END_TEST

START_TEST(test_input_refuses)
{
        char *const big = malloc(1024 * 1024);

        start(1);
        ck_assert_int_eq(jobctl_input_append(input, "a\0b", 3), JOBCTL_E_USAGE);
        memset(big, 'x', 1024 * 1024);
        ck_assert_int_eq(jobctl_input_append(input, big, 1024 * 1024), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_input_append(input, big, 1024 * 1024 - 1), JOBCTL_OK);
        free(big);
        input = jobctl_input_free(input);
}
END_TEST

#define LINE "a line of input that is forty bytes long" /* and its end */
#define LINES_OF_A_CHUNK (65536 / sizeof(LINE))

static void script_full(struct fake *fake)
{
        uint64_t tags[5];

        fake_accept(fake);
        for (uint64_t i = 0; i < 4; i++)
                tags[i] = expect_append(fake, i, LINES_OF_A_CHUNK, NULL, 0);
        send_appended(fake, tags[0], 0, LINES_OF_A_CHUNK);
        tags[4] = expect_append(fake, 4, LINES_OF_A_CHUNK, NULL, 0);
        for (uint64_t i = 1; i < 5; i++)
                send_appended(fake, tags[i], i, (i + 1) * LINES_OF_A_CHUNK);
        send_appended(fake, expect_append(fake, 5, 1, LINE, sizeof(LINE)), 5,
                      5 * LINES_OF_A_CHUNK + 1);
        fake_done(fake, expect_close(fake, 6, "the disk of our source broke"));
        fake_wait_closed(fake);
}

/* Four chunks on their way and a fifth in our hands: then it says "wait". */
START_TEST(test_input_pushes_back)
{
        const pid_t pid = fake_start(path, script_full);
        size_t taken = 0;

        start(1);
        ck_assert_int_eq(jobctl_connect(conn), 0);
        while (put(LINE) == 0)
                taken++;
        ck_assert_uint_eq(taken, 5 * LINES_OF_A_CHUNK);
        ck_assert_int_eq(put(LINE), JOBCTL_E_BUSY);
        ck_assert(jobctl_input_is_full(input));
        while (rooms == 0)
                ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        ck_assert(!jobctl_input_is_full(input));
        ck_assert_int_eq(put(LINE), 0);
        ck_assert_int_eq(jobctl_input_close(input, "the disk of our source broke"), 0);
        turn_until_end();
        ck_assert_int_eq(end_code, 0);
        ck_assert_uint_eq(jobctl_input_stored_tasks(input), 5 * LINES_OF_A_CHUNK + 1);
        finish(pid);
}
END_TEST

static void script_restart(struct fake *fake)
{
        uint64_t tags[3];

        fake_accept(fake);
        send_appended(fake, expect_append(fake, 0, 1, "a", 2), 0, 1);
        tags[0] = expect_append(fake, 1, 1, "b", 2);
        (void)expect_append(fake, 2, 1, "c", 2);
        fake_close(fake);
        fake_accept(fake);
        fake_expect(expect_append(fake, 1, 1, "b", 2) == tags[0], "the same tag");
        tags[2] = expect_append(fake, 2, 1, "c", 2);
        send_appended(fake, tags[0], 1, 2);
        send_appended(fake, tags[2], 2, 3);
        fake_wait_closed(fake);
        fake_accept(fake);
        tags[1] = expect_append(fake, 3, 0, NULL, 0); /* only to say that we are here */
        send_appended(fake, tags[1], 3, 3);
        fake_done(fake, expect_close(fake, 3, NULL));
        fake_wait_closed(fake);
}

START_TEST(test_input_survives_restarts)
{
        const pid_t pid = fake_start(path, script_restart);

        start(1);
        for (const char *value = "a\0b\0c\0"; value[0]; value += 2) {
                ck_assert_int_eq(jobctl_input_append_run(input, value, 2, 1), 0);
                ck_assert_int_eq(jobctl_input_flush(input), 0);
                while (value[0] == 'a' && jobctl_input_stored_tasks(input) < 1)
                        ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        }
        while (jobctl_input_stored_tasks(input) < 3)
                ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        conn_lost(conn, "broken by the test");
        while (conn->state != CONN_UP)
                ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        ck_assert_int_eq(jobctl_input_close(input, NULL), 0);
        turn_until_end();
        ck_assert_int_eq(end_code, 0);
        ck_assert_uint_eq(jobctl_input_stored_tasks(input), 3);
        finish(pid);
}
END_TEST

static void script_refused(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = expect_append(fake, 0, 1, "a", 2);
        (void)expect_append(fake, 1, 1, "b", 2);
        fake_error(fake, tag, JOBD__ERROR_CODE__ERROR_STATE, "job 17 was cancelled", false);
        (void)fake_read(fake, JOBD__REQUEST__BODY_PING);
        fake_done(fake, fake->request->tag);
        fake_wait_closed(fake);
}

static void script_disk_full(struct fake *fake)
{
        uint64_t tags[2];

        fake_accept(fake);
        send_appended(fake, expect_append(fake, 0, 1, "a", 2), 0, 1);
        tags[0] = expect_append(fake, 1, 1, "b", 2);
        tags[1] = expect_append(fake, 2, 1, "c", 2);
        fake_error(fake, tags[0], JOBD__ERROR_CODE__ERROR_FULL, "the disk is full", false);
        fake_error(fake, tags[1], JOBD__ERROR_CODE__ERROR_USAGE, "chunk 1 is missing", false);
        fake_done(fake, expect_close(fake, 1, "the disk is full"));
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

/* What is on disk is what the job gets, and it knows that this was not all. */
START_TEST(test_input_of_a_full_disk)
{
        const pid_t pid = fake_start(path, script_disk_full);

        start(1);
        for (const char *value = "a\0b\0c\0"; value[0]; value += 2) {
                ck_assert_int_eq(put(value), 0);
                ck_assert_int_eq(jobctl_input_flush(input), 0);
                while (value[0] == 'a' && jobctl_input_stored_tasks(input) < 1)
                        ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        }
        turn_until_end();
        ck_assert_int_eq(end_code, JOBCTL_E_FULL);
        ck_assert_int_eq(jobctl_ping(conn), 0);
        finish(pid);
}
END_TEST

static void refused(void)
{
        const pid_t pid = fake_start(path, script_refused);

        start(1);
        for (const char *value = "a\0b\0"; value[0]; value += 2) {
                ck_assert_int_eq(put(value), 0);
                ck_assert_int_eq(jobctl_input_flush(input), 0);
        }
        turn_until_end();
        ck_assert_int_eq(end_code, JOBCTL_E_STATE);
        if (!free_at_end) {
                ck_assert_int_eq(put("c"), JOBCTL_E_STATE);
                ck_assert(jobctl_input_is_full(input));
                ck_assert_int_eq(jobctl_input_close(input, NULL), 0);
        }
        ck_assert_int_eq(jobctl_ping(conn), 0);
        finish(pid);
}

START_TEST(test_input_of_a_job_that_ended)
{
        refused();
}
END_TEST

START_TEST(test_input_freed_by_its_end)
{
        free_at_end = true;
        refused();
}
END_TEST

START_TEST(test_input_of_a_freed_connection)
{
        start(1);
        ck_assert_int_eq(put("a"), 0);
        ck_assert_int_eq(jobctl_input_flush(input), 0);
        conn = jobctl_free(conn);
        ck_assert_uint_eq(ends, 0);
}
END_TEST

SUITE_MAIN("input", setup, teardown, test_input_chunks_hold_whole_tasks, test_input_refuses,
           test_input_pushes_back, test_input_survives_restarts, test_input_of_a_job_that_ended,
           test_input_of_a_full_disk, test_input_freed_by_its_end, test_input_of_a_freed_connection)
