/* SPDX-License-Identifier: Apache-2.0 */
/* Results by task: what comes, each once across restarts, a slow reader, output of a task. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#include "proto/spool.h"

#include "client/jobctl.h"
#include "client/lib/connection.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

/* What the callbacks have seen, as text: "3:hello 4: s7 p2/10 end6". */
static char seen[65536];
static char path[108];
static struct jobctl *conn;
static struct jobctl_stream *stream;
static bool pause_at_task;

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
        conn = jobctl_free(conn);
        ck_assert(fake_finish(pid));
}

static void see(const char *fmt, ...) _printf_(1, 2);
static void see(const char *fmt, ...)
{
        const size_t at = strlen(seen);
        va_list args;

        va_start(args, fmt);
        ck_assert_int_lt(vsnprintf(seen + at, sizeof(seen) - at, fmt, args),
                         (int)(sizeof(seen) - at));
        va_end(args);
}

static void on_output(void *arg _unused_, enum jobctl_output which, uint64_t wall_usec,
                      const void *data, size_t size)
{
        ck_assert_uint_eq(wall_usec, 1700000000000000);
        see("%s%.*s", which == JOBCTL_STDERR ? "!" : "", (int)MIN(size, 100U), (const char *)data);
}

static void on_task(void *arg _unused_, const struct jobctl_item *task)
{
        see("%llu:", (unsigned long long)jobctl_number_or(task, JOBCTL_TASK_NUMBER, 99));
        ck_assert_uint_eq(jobctl_number_or(task, JOBCTL_TASK_STATE, 0), JOBCTL_STATE_SUCCEEDED);
        if (jobctl_task_output(task, on_output, NULL))
                see("DAMAGED");
        if (jobctl_number_or(task, JOBCTL_TASK_SPOOLED, 0))
                see("FILE");
        see(" ");
        if (pause_at_task)
                jobctl_stream_pause(stream, true);
}

static void on_started(void *arg _unused_, uint64_t task)
{
        see("s%llu ", (unsigned long long)task);
}

static void on_progress(void *arg _unused_, const struct jobctl_item *progress)
{
        see("p%llu/%llu ",
            (unsigned long long)jobctl_get_number_at(progress, JOBCTL_PROGRESS_TASKS_BY_STATE,
                                                     JOBCTL_STATE_SUCCEEDED),
            (unsigned long long)jobctl_number_or(progress, JOBCTL_PROGRESS_TASK_COUNT, 0));
}

static void on_end(void *arg _unused_, int code, const char *text _unused_,
                   const struct jobctl_item *ended)
{
        see("end%d/%llu", code, (unsigned long long)jobctl_number_or(ended, JOBCTL_ENDED_STATE, 0));
}

static const struct jobctl_stream_ops ops = { .size = sizeof(ops),
                                              .on_end = on_end,
                                              .on_task = on_task,
                                              .on_started = on_started,
                                              .on_progress = on_progress };

static void start(bool ordered, const uint64_t *first)
{
        const struct jobctl_results_options options = { .size = sizeof(options),
                                                        .first_task = first,
                                                        .ordered = ordered,
                                                        .output = true,
                                                        .starts = true,
                                                        .until_end = true,
                                                        .progress_usec = 100000 };

        ck_assert_int_eq(jobctl_results(conn, 17, &options, &ops, NULL, &stream), JOBCTL_OK);
}

static void run(void)
{
        ck_assert_int_eq(jobctl_stream_run(stream, 20000000), JOBCTL_OK);
}

/* ------------------------------------------------------------------------------ for the scripts */

/* first: UINT64_MAX when it must be absent. */
static uint64_t expect_results(struct fake *fake, bool ordered, uint64_t first)
{
        const Jobd__Request *const request = fake_read(fake, JOBD__REQUEST__BODY_RESULTS);
        const Jobd__Results *const results = request->results;

        fake_expect(results->job == 17, "job 17");
        fake_expect(results->has_first_task == (first != UINT64_MAX), "a first task, or none");
        fake_expect(!results->has_first_task || results->first_task == first, "that first task");
        fake_expect(results->ordered == ordered, "that order");
        fake_expect(results->output && results->starts && results->until_end, "the options");
        fake_expect(results->progress_usec == 100000, "the interval");
        return request->tag;
}

/* Pages of one task: its number as the text of its output. */
static void send_task(struct fake *fake, uint64_t tag, uint64_t number)
{
        Jobd__TaskPage page = JOBD__TASK_PAGE__INIT;
        Jobd__TaskEnd end = JOBD__TASK_END__INIT;
        Jobd__TaskEnd *ends[] = { &end };
        uint8_t records[200];
        char text[32];

        snprintf(text, sizeof(text), "t%llu", (unsigned long long)number);
        end.task = number;
        end.state = JOBD__JOB_STATE__STATE_SUCCEEDED;
        end.has_records = true;
        end.records.data = records;
        end.records.len = fake_record(records, SPOOL_STDOUT, text);
        end.records.len += fake_record(records + end.records.len, SPOOL_STDERR, "e");
        page.n_ends = 1;
        page.ends = ends;
        fake_reply(fake, tag, JOBD__REPLY__BODY_TASK_PAGE, &page, true, -1);
}

static void send_started(struct fake *fake, uint64_t tag, uint64_t number)
{
        Jobd__TaskPage page = JOBD__TASK_PAGE__INIT;

        page.n_started = 1;
        page.started = &number;
        fake_reply(fake, tag, JOBD__REPLY__BODY_TASK_PAGE, &page, true, -1);
}

static void send_progress(struct fake *fake, uint64_t tag, uint64_t done, uint64_t count)
{
        Jobd__Progress progress = JOBD__PROGRESS__INIT;
        uint64_t by_state[JOBCTL_STATE_COUNT] = { [JOBCTL_STATE_SUCCEEDED] = done };

        progress.task_count = count;
        progress.n_tasks_by_state = ARRAY_SIZE(by_state);
        progress.tasks_by_state = by_state;
        fake_reply(fake, tag, JOBD__REPLY__BODY_PROGRESS, &progress, true, -1);
}

static void send_ended(struct fake *fake, uint64_t tag)
{
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = 17;
        ended.state = JOBD__JOB_STATE__STATE_SUCCEEDED;
        fake_reply(fake, tag, JOBD__REPLY__BODY_JOB_ENDED, &ended, false, -1);
}

/* -------------------------------------------------------------------------------------- tests */

static void script_ordered(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = expect_results(fake, true, UINT64_MAX);
        send_progress(fake, tag, 0, 10);
        send_started(fake, tag, 4);
        fake_close(fake);
        fake_accept(fake);
        fake_expect(expect_results(fake, true, UINT64_MAX) == tag, "the same tag");
        send_task(fake, tag, 3);
        send_task(fake, tag, 5); /* 4 was no task of this job */
        fake_close(fake);
        fake_accept(fake);
        (void)expect_results(fake, true, 6);
        send_task(fake, tag, 5);
        send_task(fake, tag, 6);
        send_progress(fake, tag, 4, 10);
        send_ended(fake, tag);
        fake_wait_closed(fake);
}

START_TEST(test_results_ordered_go_on_behind_the_last)
{
        const pid_t pid = fake_start(path, script_ordered);

        start(true, NULL);
        run();
        ck_assert_str_eq(seen, "p0/10 s4 3:t3!e 5:t5!e 6:t6!e p4/10 end0/6");
        finish(pid);
}
END_TEST

static void script_unordered(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = expect_results(fake, false, 2);
        send_task(fake, tag, 9);
        send_task(fake, tag, 2);
        send_task(fake, tag, 4);
        fake_close(fake);
        fake_accept(fake);
        (void)expect_results(fake, false, 3);
        send_started(fake, tag, 9);
        send_started(fake, tag, 5);
        for (uint64_t i = 3; i < 10; i++)
                send_task(fake, tag, i);
        fake_close(fake);
        fake_accept(fake);
        (void)expect_results(fake, false, 10);
        send_ended(fake, tag);
        fake_wait_closed(fake);
}

START_TEST(test_results_unordered_are_told_once)
{
        const pid_t pid = fake_start(path, script_unordered);
        const uint64_t first = 2;

        start(false, &first);
        run();
        ck_assert_str_eq(seen, "9:t9!e 2:t2!e 4:t4!e s5 3:t3!e 5:t5!e 6:t6!e 7:t7!e 8:t8!e end0/6");
        finish(pid);
}
END_TEST

static void script_error(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = expect_results(fake, true, 0);
        send_task(fake, tag, 0);
        fake_error(fake, tag, JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB, "no job 17", false);
        fake_wait_closed(fake);
}

START_TEST(test_results_of_no_job)
{
        const pid_t pid = fake_start(path, script_error);
        const uint64_t first = 0;

        start(true, &first);
        run();
        ck_assert_str_eq(seen, "0:t0!e end2/0");
        finish(pid);
}
END_TEST

static void script_two(struct fake *fake)
{
        const uint64_t tag = (fake_accept(fake), expect_results(fake, true, UINT64_MAX));

        for (uint64_t i = 0; i < 3; i++)
                send_task(fake, tag, i);
        send_ended(fake, tag);
        fake_wait_closed(fake);
}

/* A pause takes effect in the middle of what has come, and nothing of it is lost. */
START_TEST(test_results_pause)
{
        const pid_t pid = fake_start(path, script_two);
        char expected[64] = "";

        pause_at_task = true;
        start(true, NULL);
        for (unsigned int i = 0; i < 3; i++) {
                snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
                         "%u:t%u!e ", i, i);
                jobctl_stream_pause(stream, false);
                while (strlen(seen) < strlen(expected))
                        ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
                ck_assert_int_eq(jobctl_process(conn), 0);
                ck_assert_str_eq(seen, expected);
        }
        jobctl_stream_pause(stream, false);
        run();
        ck_assert_str_eq(seen + strlen(expected), "end0/6");
        finish(pid);
}
END_TEST

/* One page of about 1.5 MiB, then a follow of the same connection. */
static void script_stuffed(struct fake *fake)
{
        const uint64_t tag = (fake_accept(fake), expect_results(fake, true, UINT64_MAX));
        Jobd__TaskPage page = JOBD__TASK_PAGE__INIT;
        Jobd__TaskEnd end = JOBD__TASK_END__INIT;
        Jobd__TaskEnd *ends[] = { &end };
        const size_t size = 1500000;
        uint64_t follow;

        send_task(fake, tag, 0);
        end.task = 1;
        end.state = JOBD__JOB_STATE__STATE_SUCCEEDED;
        end.has_records = true;
        end.records.data = calloc(1, size);
        end.records.len = size;
        page.n_ends = 1;
        page.ends = ends;
        fake_reply(fake, tag, JOBD__REPLY__BODY_TASK_PAGE, &page, true, -1);
        free(end.records.data);
        follow = fake_read(fake, JOBD__REQUEST__BODY_FOLLOW)->tag;
        fake_done(fake, follow);
        fake_reply(fake, tag, JOBD__REPLY__BODY_PROGRESS, &(Jobd__Progress)JOBD__PROGRESS__INIT,
                   true, -1);
        send_ended(fake, tag);
        fake_wait_closed(fake);
}

static void on_follow_end(void *arg, int code, const char *text _unused_,
                          const struct jobctl_item *ended _unused_)
{
        ck_assert_int_eq(code, JOBCTL_OK);
        *(bool *)arg = true;
}

/* The link is left unread when too much is held, but not for a follow that the user waits for. */
static void read_beside_held_back(unsigned int flags)
{
        const pid_t pid = fake_start(path, script_stuffed);
        const struct jobctl_stream_ops follow_ops_ = { .size = sizeof(follow_ops_),
                                                       .on_end = on_follow_end };
        struct jobctl_stream *follow;
        bool followed = false;

        pause_at_task = true;
        start(true, NULL);
        while (conn->stuffed_count == 0)
                ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        ck_assert(!conn_is_reading(conn));
        ck_assert_str_eq(seen, "0:t0!e ");
        ck_assert_int_eq(jobctl_follow(conn, 17, 0, flags, &follow_ops_, &followed, &follow), 0);
        ck_assert(conn_is_reading(conn) == (flags == 0));
        jobctl_stream_await(follow);
        ck_assert(conn_is_reading(conn));
        while (!followed)
                ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        ck_assert(!conn_is_reading(conn));
        ck_assert_str_eq(seen, "0:t0!e ");
        pause_at_task = false;
        jobctl_stream_pause(stream, false);
        run();
        ck_assert_str_eq(seen, "0:t0!e 1:DAMAGED p0/0 end0/6");
        ck_assert_uint_eq(conn->stuffed_count, 0);
        finish(pid);
}

START_TEST(test_results_held_back)
{
        read_beside_held_back(0);
}
END_TEST

/* A task that was followed while it ran is only waited for when its user says so. */
START_TEST(test_results_held_back_for_an_end)
{
        read_beside_held_back(JOBCTL_FOLLOW_UNTIL_END);
}
END_TEST

static int said_all[2];

static void script_follow(struct fake *fake)
{
        const uint64_t tag = (fake_accept(fake), expect_results(fake, true, UINT64_MAX));

        send_task(fake, tag, 0);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_FOLLOW)->tag);
        send_task(fake, tag, 1);
        send_ended(fake, tag);
        fake_expect(write(said_all[1], "x", 1) == 1, "to tell the test");
        fake_wait_closed(fake);
}

static void on_follow_end_resume(void *arg _unused_, int code, const char *text _unused_,
                                 const struct jobctl_item *ended _unused_)
{
        ck_assert_int_eq(code, JOBCTL_OK);
        see("f ");
        pause_at_task = false;
        jobctl_stream_pause(stream, false);
}

/* Resumed by another stream of the same turn, whose own turn came later. */
START_TEST(test_results_resumed_in_a_callback)
{
        const int pipe_made = pipe(said_all);
        const pid_t pid = fake_start(path, script_follow);
        const struct jobctl_stream_ops follow_ops_ = { .size = sizeof(follow_ops_),
                                                       .on_end = on_follow_end_resume };
        struct jobctl_stream *follow;
        char byte;

        ck_assert_int_eq(pipe_made, 0);
        pause_at_task = true;
        start(true, NULL);
        while (strlen(seen) == 0)
                ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        ck_assert_int_eq(jobctl_follow(conn, 17, 0, 0, &follow_ops_, NULL, &follow), 0);
        /* All that the script has to say is there before it is looked at. */
        ck_assert_int_eq(read(said_all[0], &byte, 1), 1);
        /* Without a deadline, which would be a turn, too. */
        ck_assert_int_eq(jobctl_stream_run(stream, UINT64_MAX), JOBCTL_OK);
        ck_assert_str_eq(seen, "0:t0!e f 1:t1!e end0/6");
        finish(pid);
}
END_TEST

/* Freed while the link is not read: other requests are answered. */
static void script_freed(struct fake *fake)
{
        const uint64_t tag = (fake_accept(fake), expect_results(fake, true, UINT64_MAX));
        uint8_t *const data = calloc(1, 2000000);
        Jobd__TaskPage page = JOBD__TASK_PAGE__INIT;
        Jobd__TaskEnd end = JOBD__TASK_END__INIT;
        Jobd__TaskEnd *ends[] = { &end };
        const Jobd__Request *request;

        end.state = JOBD__JOB_STATE__STATE_SUCCEEDED;
        end.has_records = true;
        end.records.data = data;
        end.records.len = 2000000;
        page.n_ends = 1;
        page.ends = ends;
        fake_reply(fake, tag, JOBD__REPLY__BODY_TASK_PAGE, &page, true, -1);
        free(data);
        request = fake_read(fake, JOBD__REQUEST__BODY_STOP);
        fake_expect(request->stop->stop_tag == tag, "the stream's tag");
        request = fake_read(fake, JOBD__REQUEST__BODY_SEEN);
        fake_expect(request->seen->job == 17 && request->seen->next_task == 5, "task 5 of job 17");
        fake_done(fake, request->tag);
        fake_wait_closed(fake);
}

START_TEST(test_results_freed_while_held_back)
{
        const pid_t pid = fake_start(path, script_freed);

        start(true, NULL);
        jobctl_stream_pause(stream, true);
        while (conn->stuffed_count == 0)
                ck_assert_int_eq(conn_turn(conn, USEC_NONE), 0);
        stream = jobctl_stream_free(stream);
        ck_assert_int_eq(jobctl_seen(conn, 17, 5), JOBCTL_OK);
        ck_assert_str_eq(seen, "");
        finish(pid);
}
END_TEST

static void script_inputs(struct fake *fake)
{
        Jobd__InputPage page = JOBD__INPUT_PAGE__INIT;
        const Jobd__Request *request;
        char values[] = "a\0b";

        fake_accept(fake);
        request = fake_read(fake, JOBD__REQUEST__BODY_INPUTS);
        fake_expect(request->inputs->job == 17 && request->inputs->first_task == 7, "task 7");
        page.first_task = 6;
        page.count = 2;
        page.values.data = (uint8_t *)values;
        page.values.len = sizeof(values);
        fake_reply(fake, request->tag, JOBD__REPLY__BODY_INPUT_PAGE, &page, false, -1);
        fake_wait_closed(fake);
}

START_TEST(test_inputs_page)
{
        const pid_t pid = fake_start(path, script_inputs);
        struct jobctl_result *result = NULL;
        const struct jobctl_item *item;
        size_t size = 0;

        ck_assert_int_eq(jobctl_inputs(conn, 17, 7, 0, &result), JOBCTL_OK);
        item = jobctl_result_item(result, 0);
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_INPUTS_FIRST_TASK, 0), 6);
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_INPUTS_COUNT, 0), 2);
        ck_assert_mem_eq(jobctl_get_text(item, JOBCTL_INPUTS_VALUES, &size), "a\0b", 4);
        ck_assert_uint_eq(size, 4);
        jobctl_result_free(result);
        finish(pid);
}
END_TEST

SUITE_MAIN("results", setup, teardown, test_results_ordered_go_on_behind_the_last,
           test_results_unordered_are_told_once, test_results_of_no_job, test_results_pause,
           test_results_held_back, test_results_held_back_for_an_end,
           test_results_resumed_in_a_callback, test_results_freed_while_held_back, test_inputs_page)
