/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting and events: what comes, what is told once, and restarts in the middle. */
#include <stdio.h>
#include <string.h>

#include "client/jobctl.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

static char path[108];
static struct jobctl *conn;
static struct jobctl_stream *stream;
static struct jobctl_selector *selector;

static uint64_t told[16];
static size_t told_count, problems, ends;
static int end_code;

static void setup(void)
{
        snprintf(path, sizeof(path), "%s/sock", fake_folder());
        ck_assert_int_eq(jobctl_new(&conn), 0);
        ck_assert_int_eq(jobctl_set_socket(conn, path), 0);
        ck_assert_int_eq(jobctl_selector_new(&selector), 0);
}

static void teardown(void)
{
        conn = jobctl_free(conn);
        selector = jobctl_selector_free(selector);
}

static void finish(pid_t pid)
{
        conn = jobctl_free(conn);
        ck_assert(fake_finish(pid));
}

static void on_item(void *arg, const struct jobctl_item *item)
{
        ck_assert_uint_lt(told_count, ARRAY_SIZE(told));
        told[told_count++] = jobctl_number_or(item, *(const enum jobctl_field *)arg, 0);
}

static void on_problem(void *arg _unused_, int code, const char *text)
{
        ck_assert_int_eq(code, JOBCTL_E_NO_SUCH_JOB);
        ck_assert_uint_gt(strlen(text), 0);
        problems++;
}

static void on_end(void *arg _unused_, int code, const char *text _unused_,
                   const struct jobctl_item *ended)
{
        ck_assert_ptr_null(ended);
        end_code = code;
        ends++;
}

static const struct jobctl_stream_ops ops = {
        .size = sizeof(ops), .on_item = on_item, .on_problem = on_problem, .on_end = on_end
};
static enum jobctl_field ended_id = JOBCTL_ENDED_ID;
static enum jobctl_field event_seq = JOBCTL_EVENT_SEQ;

static void run(void)
{
        ck_assert_int_eq(jobctl_stream_run(stream, 20000000), JOBCTL_OK);
        ck_assert_uint_eq(ends, 1);
        stream = jobctl_stream_free(stream);
}

static void send_ended(struct fake *fake, uint64_t tag, uint64_t id)
{
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = id;
        ended.state = JOBD__JOB_STATE__STATE_SUCCEEDED;
        fake_reply(fake, tag, JOBD__REPLY__BODY_JOB_ENDED, &ended, true, -1);
}

/* After the restart the daemon tells all of them again. */
static void script_wait(struct fake *fake)
{
        const Jobd__Request *request;
        uint64_t tag;

        fake_accept(fake);
        request = fake_read(fake, JOBD__REQUEST__BODY_WAIT);
        fake_expect(request->wait->selector->n_ids == 1 &&
                            request->wait->selector->ids[0]->last == 9,
                    "ids 5 to 9");
        fake_expect(!request->wait->any, "all of them");
        tag = request->tag;
        send_ended(fake, tag, 5);
        fake_error(fake, tag, JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB, "no job 6", true);
        fake_close(fake);
        fake_accept(fake);
        request = fake_read(fake, JOBD__REQUEST__BODY_WAIT);
        fake_expect(request->tag == tag, "the same tag");
        send_ended(fake, tag, 5);
        send_ended(fake, tag, 7);
        fake_done(fake, tag);
        fake_wait_closed(fake);
}

START_TEST(test_wait_tells_once)
{
        const pid_t pid = fake_start(path, script_wait);

        ck_assert_int_eq(jobctl_selector_add_range(selector, 5, 9), 0);
        ck_assert_int_eq(jobctl_wait(conn, selector, false, &ops, &ended_id, &stream), 0);
        run();
        ck_assert_uint_eq(told_count, 2);
        ck_assert_uint_eq(told[0], 5);
        ck_assert_uint_eq(told[1], 7);
        ck_assert_uint_eq(problems, 1);
        finish(pid);
}
END_TEST

static void send_task_ended(struct fake *fake, uint64_t tag, uint64_t task)
{
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = 5;
        ended.state = JOBD__JOB_STATE__STATE_SUCCEEDED;
        ended.has_task = true;
        ended.task = task;
        fake_reply(fake, tag, JOBD__REPLY__BODY_JOB_ENDED, &ended, true, -1);
}

/* Tasks of one job, and the job itself, are ends of their own. */
static void script_wait_tasks(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = fake_read(fake, JOBD__REQUEST__BODY_WAIT)->tag;
        send_task_ended(fake, tag, 0);
        send_task_ended(fake, tag, 3);
        fake_close(fake);
        fake_accept(fake);
        tag = fake_read(fake, JOBD__REQUEST__BODY_WAIT)->tag;
        send_task_ended(fake, tag, 3);
        send_task_ended(fake, tag, 0);
        send_task_ended(fake, tag, 4);
        send_ended(fake, tag, 5);
        fake_done(fake, tag);
        fake_wait_closed(fake);
}

START_TEST(test_wait_tells_each_task)
{
        static enum jobctl_field ended_task = JOBCTL_ENDED_TASK;
        const pid_t pid = fake_start(path, script_wait_tasks);

        ck_assert_int_eq(jobctl_selector_add_task(selector, 5, 3), 0);
        ck_assert_int_eq(jobctl_wait(conn, selector, false, &ops, &ended_task, &stream), 0);
        run();
        ck_assert_uint_eq(told_count, 4);
        ck_assert_uint_eq(told[0], 0);
        ck_assert_uint_eq(told[1], 3);
        ck_assert_uint_eq(told[2], 4);
        ck_assert_uint_eq(told[3], 0); /* the job: no task */
        finish(pid);
}
END_TEST

static void script_wait_error(struct fake *fake)
{
        fake_accept(fake);
        fake_error(fake, fake_read(fake, JOBD__REQUEST__BODY_WAIT)->tag,
                   JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB, "no job 5", false);
        fake_wait_closed(fake);
}

START_TEST(test_wait_for_nothing)
{
        const pid_t pid = fake_start(path, script_wait_error);

        ck_assert_int_eq(jobctl_selector_add_task(selector, 5, 2), 0);
        ck_assert_int_eq(jobctl_wait(conn, selector, true, &ops, &ended_id, &stream), 0);
        run();
        ck_assert_int_eq(end_code, JOBCTL_E_NO_SUCH_JOB);
        ck_assert_uint_eq(told_count, 0);
        finish(pid);
}
END_TEST

static void script_wait_long(struct fake *fake)
{
        fake_accept(fake);
        (void)fake_read(fake, JOBD__REQUEST__BODY_WAIT);
        (void)fake_read(fake, JOBD__REQUEST__BODY_STOP);
        fake_wait_closed(fake);
}

START_TEST(test_wait_with_a_deadline)
{
        const pid_t pid = fake_start(path, script_wait_long);

        ck_assert_int_eq(jobctl_selector_add_range(selector, 5, 5), 0);
        ck_assert_int_eq(jobctl_wait(conn, selector, false, &ops, &ended_id, &stream), 0);
        ck_assert_int_eq(jobctl_connect(conn), JOBCTL_OK);
        ck_assert_int_eq(jobctl_stream_run(stream, 1000), JOBCTL_E_TIMEOUT);
        stream = jobctl_stream_free(stream);
        ck_assert_uint_eq(ends, 0);
        finish(pid);
}
END_TEST

static void send_events(struct fake *fake, uint64_t tag, uint64_t first, size_t count, bool more)
{
        Jobd__EventPage page = JOBD__EVENT_PAGE__INIT;
        Jobd__Event events[4];
        Jobd__Event *rows[4];
        char kind[] = "started";

        for (size_t i = 0; i < count; i++) {
                jobd__event__init(&events[i]);
                events[i].seq = first + i;
                events[i].job = 1;
                events[i].kind = kind;
                rows[i] = &events[i];
        }
        page.n_events = count;
        page.events = rows;
        fake_reply(fake, tag, JOBD__REPLY__BODY_EVENT_PAGE, &page, more, -1);
}

static void script_events(struct fake *fake)
{
        const Jobd__Events *events;
        uint64_t tag;

        fake_accept(fake);
        events = fake_read(fake, JOBD__REQUEST__BODY_EVENTS)->events;
        tag = fake->request->tag;
        fake_expect(events->last == 3 && !events->has_after_seq, "the last three");
        fake_expect(events->follow, "to stay");
        fake_expect(events->n_ids == 1 && events->ids[0]->first == 4, "job 4");
        send_events(fake, tag, 10, 3, true);
        fake_close(fake);
        fake_accept(fake);
        events = fake_read(fake, JOBD__REQUEST__BODY_EVENTS)->events;
        fake_expect(events->has_after_seq && events->after_seq == 12, "what comes behind 12");
        fake_expect(!events->has_last, "no last");
        /* One that was seen does no harm. */
        send_events(fake, tag, 12, 2, false);
        fake_wait_closed(fake);
}

START_TEST(test_events_have_no_gap)
{
        const pid_t pid = fake_start(path, script_events);
        const struct jobctl_events_options options = {
                .size = sizeof(options), .last = 3, .follow = true, .selector = selector
        };

        ck_assert_int_eq(jobctl_selector_add_range(selector, 4, 4), 0);
        ck_assert_int_eq(jobctl_events(conn, &options, &ops, &event_seq, &stream), 0);
        selector = jobctl_selector_free(selector); /* it was copied */
        run();
        ck_assert_uint_eq(told_count, 4);
        for (size_t i = 0; i < told_count; i++)
                ck_assert_uint_eq(told[i], 10 + i);
        finish(pid);
}
END_TEST

/* ---------------------------------------------------------------------------------- selectors */

static void script_selector(struct fake *fake)
{
        const Jobd__Selector *got;

        fake_accept(fake);
        got = fake_read(fake, JOBD__REQUEST__BODY_WAIT)->wait->selector;
        fake_expect(got->n_ids == 3, "three ranges");
        fake_expect(got->ids[0]->first == 1 && got->ids[0]->last == 5, "1-5");
        fake_expect(got->ids[1]->first == 8 && !got->ids[1]->has_task_first, "8");
        fake_expect(got->ids[2]->task_first == 3 && got->ids[2]->task_last == 3, "17.3");
        fake_expect(got->last && got->all && got->unfinished, "words");
        fake_expect(strcmp(got->name, "b") == 0, "the name");
        fake_expect(got->n_states == 1 && got->states[0] == JOBD__JOB_STATE__STATE_LOST, "lost");
        fake_expect(got->n_labels == 1 && strcmp(got->labels[0]->value, "v") == 0, "the label");
        fake_done(fake, fake->request->tag);
        fake_wait_closed(fake);
}

START_TEST(test_selector)
{
        const pid_t pid = fake_start(path, script_selector);
        char text[200];

        ck_assert_int_eq(jobctl_selector_add(selector, "1-5,8", text, sizeof(text)), 0);
        ck_assert_int_eq(jobctl_selector_add(selector, "17.3", text, sizeof(text)), 0);
        ck_assert_int_eq(jobctl_selector_add(selector, "last", text, sizeof(text)), 0);
        ck_assert_int_eq(jobctl_selector_add(selector, "all", text, sizeof(text)), 0);
        ck_assert_int_eq(jobctl_selector_set_name(selector, "a"), 0);
        ck_assert_int_eq(jobctl_selector_set_name(selector, "b"), 0);
        ck_assert_int_eq(jobctl_selector_add_state(selector, JOBCTL_STATE_LOST), 0);
        ck_assert_int_eq(jobctl_selector_add_label(selector, "k", "v"), 0);
        jobctl_selector_set_unfinished(selector, true);
        ck_assert_int_eq(jobctl_wait(conn, selector, false, &ops, &ended_id, &stream), 0);
        run();
        finish(pid);
}
END_TEST

START_TEST(test_wrong_selectors)
{
        char text[200] = "";

        ck_assert_int_eq(jobctl_selector_add(selector, "x", text, sizeof(text)), JOBCTL_E_USAGE);
        ck_assert_uint_gt(strlen(text), 5);
        ck_assert_int_eq(jobctl_selector_add(selector, "0", text, sizeof(text)), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_selector_add_range(selector, 0, 5), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_selector_add_range(selector, 5, 4), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_selector_add_task(selector, 0, 5), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_selector_add_state(selector, JOBCTL_STATE_NONE), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_selector_add_state(selector, JOBCTL_STATE_COUNT), JOBCTL_E_USAGE);
}
END_TEST

SUITE_MAIN("watch", setup, teardown, test_wait_tells_once, test_wait_tells_each_task,
           test_wait_for_nothing, test_wait_with_a_deadline, test_events_have_no_gap, test_selector,
           test_wrong_selectors)
