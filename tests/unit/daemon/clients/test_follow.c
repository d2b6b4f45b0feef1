/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow: every way through the table of phases - a job that runs while it is followed, one that
 * has ended, output in memory and in a file, attempts, clients that are slow or gone - and stdin.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "setup.h"
#include "tests/unit/suite.h"

static struct job *job;

static void setup_job(void)
{
        job = fake_add(e, getuid());
}

struct how {
        uint32_t attempt;
        uint64_t task, offset;
        bool until_end, want_stdin;
};

static void follow(struct peer *from, uint64_t tag, uint64_t id, const struct how *how)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Follow body = JOBD__FOLLOW__INIT;

        body.job = id;
        body.has_task = body.has_attempt = body.has_offset = true;
        body.task = how->task;
        body.attempt = how->attempt;
        body.offset = how->offset;
        body.has_until_end = body.has_want_stdin = true;
        body.until_end = how->until_end;
        body.want_stdin = how->want_stdin;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_FOLLOW;
        request.follow = &body;
        peer_send(from, &request);
        stage_turn(&stage);
}

static void send_stdin(uint64_t tag, uint64_t offset, const char *data, bool end)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__StdinData body = JOBD__STDIN_DATA__INIT;

        body.job = 1;
        body.offset = offset;
        body.has_data = data != NULL;
        body.data.data = (uint8_t *)(uintptr_t)data;
        body.data.len = data ? strlen(data) : 0;
        body.has_end = body.end = end;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_STDIN_DATA;
        request.stdin_data = &body;
        peer_send(peer, &request);
        stage_turn(&stage);
}

static void start(void)
{
        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(e, job, 0, JOB_EV_STARTED, JOB_RUNNING);
}

static int new_file(void)
{
        const int fd = memfd_create("spool", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        return fd;
}

static void expect_trace(const char *trace)
{
        stage_turn(&stage);
        ck_assert_str_eq(e->trace, trace);
}

#define TO_END (&(const struct how){ .until_end = true })
#define NOW (&(const struct how){ 0 })

/* -------------------------------------------------------------------------------------- running */

START_TEST(from_queue_to_end)
{
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(queued, 0)+");
        start();
        peer_expect(peer, "2 news(starting, 0)+");
        peer_expect(peer, "2 news(running, 1)+");
        fake_say_output(e, job, 0, "hello ");
        peer_expect(peer, "2 data(1, 0, hello )+");
        fake_say_output(e, job, 6, "world");
        peer_expect(peer, "2 data(1, 6, world)+");
        /* What did not come in a piece comes with the end. */
        fake_finish(e, job, JOB_FAILED, 3, "hello world!!");
        peer_expect(peer, "2 data(1, 11, !!)+");
        peer_expect(peer, "2 ended(1 failed exit 3)");
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(e->watches));
        /* The worker was told from the start; nobody asked it again. */
        ck_assert_str_eq(e->trace, "");
}
END_TEST

START_TEST(short_task_in_one_report)
{
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(queued, 0)+");
        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        peer_expect(peer, "2 news(starting, 0)+");
        job->tasks[0].row.attempt = 1;
        fake_finish(e, job, JOB_SUCCEEDED, 0, "all at once");
        peer_expect(peer, "2 data(1, 0, all at once)+");
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
}
END_TEST

START_TEST(joins_a_running_job)
{
        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        expect_trace("follow(1.0,on) ");
        /* A piece from before the worker began again is of no use. */
        fake_say_output(e, job, 100, "late");
        fake_say_output(e, job, 0, "first");
        peer_expect(peer, "2 data(1, 0, first)+");
        fake_say_output(e, job, 0, "first and second");
        peer_expect(peer, "2 data(1, 5,  and second)+");
        peer_stop(peer, 3, 2);
        peer_expect(peer, "2 done");
        peer_expect(peer, "3 done");
        expect_trace("follow(1.0,on) follow(1.0,off) ");
}
END_TEST

START_TEST(goes_on_at_an_offset)
{
        start();
        follow(peer, 2, 1, &(const struct how){ .until_end = true, .offset = 3, .attempt = 1 });
        peer_expect(peer, "2 news(running, 1)+");
        fake_say_output(e, job, 0, "abcdef");
        peer_expect(peer, "2 data(1, 3, def)+");
        fake_finish(e, job, JOB_SUCCEEDED, 0, "abcdef");
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
}
END_TEST

START_TEST(end_waits_for_the_disk_and_output_does_not)
{
        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        stage.is_lagging = true;
        fake_say_output(e, job, 0, "out");
        peer_expect(peer, "2 data(1, 0, out)+");
        fake_finish(e, job, JOB_SUCCEEDED, 0, "out+");
        peer_expect(peer, "2 data(1, 3, +)+");
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
}
END_TEST

START_TEST(two_followers)
{
        struct peer *other = peer_new(&stage);

        start();
        follow(peer, 2, 1, TO_END);
        follow(other, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        peer_expect(other, "2 news(running, 1)+");
        fake_say_output(e, job, 0, "x");
        peer_expect(peer, "2 data(1, 0, x)+");
        peer_expect(other, "2 data(1, 0, x)+");
        peer_close(peer);
        expect_trace("follow(1.0,on) follow(1.0,on) ");
        peer_close(other);
        expect_trace("follow(1.0,on) follow(1.0,on) follow(1.0,off) ");
}
END_TEST

START_TEST(pause_and_stop_are_told)
{
        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        fake_tell(e, job, 0, JOB_EV_PAUSE, JOB_PAUSED);
        peer_expect(peer, "2 news(paused, 1)+");
        fake_tell(e, job, 0, JOB_EV_SIGNAL, JOB_PAUSED);
        fake_tell(e, job, 0, JOB_EV_STOP, JOB_STOPPING);
        peer_expect(peer, "2 news(stopping, 1)+");
        fake_finish(e, job, JOB_CANCELLED, -1, NULL);
        peer_expect(peer, "2 ended(1 cancelled)");
}
END_TEST

/* ----------------------------------------------------------------------------------------- a file
 */

START_TEST(becomes_a_file)
{
        e->spool_fd = new_file();
        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        fake_say_output(e, job, 0, "abc");
        peer_expect(peer, "2 data(1, 0, abc)+");
        fake_say_spooled(e, job, 70000);
        fake_say_grown(e, job, 70001);
        peer_expect(peer, "2 file(1, 70001)+");
        stage_turn(&stage);
        ck_assert_uint_eq(peer->fds_count, 1);
        fake_say_grown(e, job, 80000);
        peer_expect(peer, "2 grown(1, 80000)+");
        fake_say_grown(e, job, 80000);
        peer_expect_nothing(peer);
        job->tasks[0].row.output_bytes = 90000;
        fake_finish(e, job, JOB_SUCCEEDED, 0, NULL);
        peer_expect(peer, "2 grown(1, 90000)+");
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
}
END_TEST

START_TEST(ends_while_the_file_is_opened)
{
        e->spool_fd = new_file();
        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        e->is_holding_spool = true;
        fake_say_spooled(e, job, 70000);
        job->tasks[0].row.output_bytes = 71000;
        fake_finish(e, job, JOB_SUCCEEDED, 0, NULL);
        peer_expect_nothing(peer);
        e->is_holding_spool = false;
        peer_expect(peer, "2 file(1, 71000)+");
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
}
END_TEST

START_TEST(gone_while_the_file_is_opened)
{
        e->spool_fd = new_file();
        start();
        follow(peer, 2, 1, TO_END);
        e->is_holding_spool = true;
        fake_say_spooled(e, job, 70000);
        stage_turn(&stage);
        peer_close(peer);
        e->is_holding_spool = false;
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(e->watches));
}
END_TEST

START_TEST(file_of_a_finished_job)
{
        e->spool_fd = new_file();
        e->spool_is_compressed = true;
        start();
        job->tasks[0].row.output_where = JOURNAL_OUTPUT_ZSTD;
        job->tasks[0].row.output_bytes = 1234567;
        fake_finish(e, job, JOB_SUCCEEDED, 0, NULL);
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(succeeded, 1)+");
        peer_expect(peer, "2 file(1, 1234567, zstd)+");
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
        stage_turn(&stage);
        ck_assert_uint_eq(peer->fds_count, 1);
}
END_TEST

START_TEST(file_that_is_gone)
{
        start();
        job->tasks[0].row.output_where = JOURNAL_OUTPUT_SPOOL;
        fake_finish(e, job, JOB_SUCCEEDED, 0, NULL);
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(succeeded, 1)+");
        peer_expect(peer, "2 error(STATE)+");
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
}
END_TEST

/* --------------------------------------------------------------------------------------- finished
 */

START_TEST(inline_of_a_finished_job)
{
        start();
        fake_finish(e, job, JOB_FAILED, 2, "what it said");
        follow(peer, 2, 1, &(const struct how){ .until_end = true, .offset = 5 });
        peer_expect(peer, "2 news(failed, 1)+");
        peer_expect(peer, "2 data(1, 5, it said)+");
        peer_expect(peer, "2 ended(1 failed exit 2)");
        follow(peer, 3, 1, NOW);
        peer_expect(peer, "3 news(failed, 1)+");
        peer_expect(peer, "3 data(1, 0, what it said)+");
        peer_expect(peer, "3 done");
}
END_TEST

START_TEST(cancelled_before_it_began)
{
        fake_finish(e, job, JOB_CANCELLED, -1, NULL);
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(cancelled, 0)+");
        peer_expect(peer, "2 ended(1 cancelled)");
        ck_assert_uint_eq(peer->tasks_failed, 1);
        ck_assert_uint_eq(peer->tasks_cancelled, 1);
}
END_TEST

START_TEST(foreign_and_unknown_jobs_read_alike)
{
        fake_add(e, STAGE_UID_OTHER);
        fake_add_finished(e, STAGE_UID_OTHER, JOB_SUCCEEDED, 0);
        for (uint64_t id = 1; id <= 4; id++) {
                const size_t reads = e->reads_count;

                follow(peer, 2, id, TO_END);
                peer_expect(peer, id == 1 ? "2 news(queued, 0)+" : "2 error(NO_SUCH_JOB)");
                ck_assert_uint_eq(e->reads_count, reads + 1);
                peer_stop(peer, 3, 2);
                peer_expect(peer, id == 1 ? "2 done" : "3 done");
                if (id == 1)
                        peer_expect(peer, "3 done");
        }
}
END_TEST

START_TEST(no_such_task)
{
        start();
        fake_finish(e, job, JOB_SUCCEEDED, 0, NULL);
        follow(peer, 2, 1, &(const struct how){ .until_end = true, .task = 2 });
        peer_expect(peer, "2 error(NO_SUCH_JOB)");
        follow(peer, 3, 77, TO_END);
        peer_expect(peer, "3 error(NO_SUCH_JOB)");
}
END_TEST

START_TEST(what_there_is_now)
{
        start();
        follow(peer, 2, 1, NOW);
        peer_expect(peer, "2 news(running, 1)+");
        fake_say_output(e, job, 0, "so far");
        peer_expect(peer, "2 data(1, 0, so far)+");
        peer_expect(peer, "2 done");
        /* A job that has said nothing yet does not keep anybody. */
        follow(peer, 3, 1, NOW);
        peer_expect(peer, "3 news(running, 1)+");
        peer_expect(peer, "3 done");
}
END_TEST

START_TEST(what_there_is_now_in_a_queue)
{
        follow(peer, 2, 1, NOW);
        peer_expect(peer, "2 news(queued, 0)+");
        peer_expect(peer, "2 done");
}
END_TEST

/* --------------------------------------------------------------------------------------- attempts
 */

static void requeue(const char *log)
{
        fake_set_output(job, 0, log);
        job->tasks[0].row.exit_code = 1;
        fake_tell(e, job, 0, JOB_EV_REQUEUE, JOB_QUEUED);
}

START_TEST(moves_on_to_the_next_attempt)
{
        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        fake_say_output(e, job, 0, "one");
        peer_expect(peer, "2 data(1, 0, one)+");
        requeue("one.");
        peer_expect(peer, "2 data(1, 3, .)+");
        peer_expect(peer, "2 news(queued, 1)+");
        start();
        peer_expect(peer, "2 news(starting, 1)+");
        peer_expect(peer, "2 news(running, 2)+");
        fake_say_output(e, job, 0, "two");
        peer_expect(peer, "2 data(2, 0, two)+");
        fake_finish(e, job, JOB_SUCCEEDED, 0, "two");
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
}
END_TEST

START_TEST(one_attempt_only)
{
        start();
        follow(peer, 2, 1, &(const struct how){ .until_end = true, .attempt = 1 });
        peer_expect(peer, "2 news(running, 1)+");
        requeue("one");
        peer_expect(peer, "2 data(1, 0, one)+");
        peer_expect(peer, "2 done");
}
END_TEST

START_TEST(an_attempt_to_come)
{
        start();
        follow(peer, 2, 1, &(const struct how){ .until_end = true, .attempt = 2 });
        peer_expect(peer, "2 news(running, 1)+");
        fake_say_output(e, job, 0, "one");
        requeue("one");
        peer_expect_nothing(peer);
        start();
        peer_expect(peer, "2 news(starting, 1)+");
        peer_expect(peer, "2 news(running, 2)+");
        fake_say_output(e, job, 0, "two");
        peer_expect(peer, "2 data(2, 0, two)+");
        fake_finish(e, job, JOB_SUCCEEDED, 0, "two");
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
}
END_TEST

START_TEST(an_attempt_that_is_gone)
{
        start();
        requeue("one");
        start();
        follow(peer, 2, 1, &(const struct how){ .until_end = true, .attempt = 1 });
        peer_expect(peer, "2 news(running, 2)+");
        peer_expect(peer, "2 error(STATE)");
        fake_finish(e, job, JOB_SUCCEEDED, 0, "two");
        follow(peer, 3, 1, &(const struct how){ .until_end = true, .attempt = 1 });
        peer_expect(peer, "3 error(STATE)");
}
END_TEST

START_TEST(between_attempts)
{
        start();
        requeue("one");
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(queued, 1)+");
        peer_expect(peer, "2 data(1, 0, one)+");
        start();
        peer_expect(peer, "2 news(starting, 1)+");
        peer_expect(peer, "2 news(running, 2)+");
        fake_finish(e, job, JOB_SUCCEEDED, 0, "two");
        peer_expect(peer, "2 data(2, 0, two)+");
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
}
END_TEST

START_TEST(next_attempt_while_the_last_is_opened)
{
        e->spool_fd = new_file();
        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        e->is_holding_spool = true;
        fake_say_spooled(e, job, 70000);
        fake_tell(e, job, 0, JOB_EV_REQUEUE, JOB_QUEUED);
        job->spooled[0] = false;
        start();
        fake_say_output(e, job, 0, "two");
        peer_expect_nothing(peer);
        e->is_holding_spool = false;
        peer_expect(peer, "2 file(1, 70000)+");
        peer_expect(peer, "2 news(queued, 1)+");
        peer_expect(peer, "2 news(running, 2)+");
        /* What was missed is asked for. */
        expect_trace("follow(1.0,on) follow(1.0,on) ");
        fake_say_output(e, job, 0, "two");
        peer_expect(peer, "2 data(2, 0, two)+");
}
END_TEST

START_TEST(a_start_that_was_taken_back)
{
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(queued, 0)+");
        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        peer_expect(peer, "2 news(starting, 0)+");
        fake_tell(e, job, 0, JOB_EV_UNSTARTED, JOB_QUEUED);
        peer_expect(peer, "2 news(queued, 0)+");
        start();
        peer_expect(peer, "2 news(starting, 0)+");
        peer_expect(peer, "2 news(running, 1)+");
}
END_TEST

/* ---------------------------------------------------------------------------------- slow clients
 */

/* The client stops reading, and enough is said that its socket is full and more waits. */
static uint64_t flood(void)
{
        static char big[32 * 1024 + 1];
        uint64_t offset = 0;

        memset(big, 'x', sizeof(big) - 1);
        channel_set_reading(peer->channel, false);
        for (int i = 0; i < 64; i++) {
                fake_say_output(e, job, offset, big);
                offset += sizeof(big) - 1;
                stage_turn(&stage);
        }
        return offset;
}

START_TEST(slow_client_loses_nothing)
{
        static char all[2 * 1024 * 1024 + 1];
        uint64_t said;

        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        said = flood();
        expect_trace("follow(1.0,on) "); /* pieces were dropped, and nobody asked again yet */
        channel_set_reading(peer->channel, true);
        stage_turn(&stage);
        stage_turn(&stage);
        ck_assert_uint_lt(peer->data_bytes, said);
        expect_trace("follow(1.0,on) follow(1.0,on) ");
        /* The worker shows all of it again; only the rest is told. */
        ck_assert_uint_le(said, sizeof(all) - 1);
        memset(all, 'x', (size_t)said);
        fake_say_output(e, job, 0, all);
        for (int i = 0; i < 100 && peer->data_bytes < said; i++)
                stage_turn(&stage);
        ck_assert_uint_eq(peer->data_bytes, said);
}
END_TEST

START_TEST(slow_client_gets_the_end_from_the_rows)
{
        static char log[60001];

        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        memset(log, 'y', sizeof(log) - 1);
        flood();
        job->tasks[0].row.attempt = 1;
        fake_finish(e, job, JOB_SUCCEEDED, 0, log);
        stage_turn(&stage);
        channel_set_reading(peer->channel, true);
        while (peer->lines_count == 0 ||
               strcmp(peer->lines[peer->lines_count - 1], "2 ended(1 succeeded exit 0)") != 0)
                stage_turn(&stage);
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(e->watches));
}
END_TEST

START_TEST(sizes_are_not_piled_up)
{
        e->spool_fd = new_file();
        start();
        follow(peer, 2, 1, TO_END);
        peer_expect(peer, "2 news(running, 1)+");
        flood();
        fake_say_spooled(e, job, 3000000);
        stage_turn(&stage);
        for (uint64_t i = 1; i <= 1000; i++)
                fake_say_grown(e, job, 3000000 + i);
        channel_set_reading(peer->channel, true);
        while (strcmp(peer->lines[peer->lines_count - 1], "2 grown(1, 3001000)+") != 0)
                stage_turn(&stage);
        ck_assert_str_eq(peer->lines[peer->lines_count - 2], "2 file(1, 3000000)+");
}
END_TEST

/* ------------------------------------------------------------------------------------------ stdin
 */

#define FEED (&(const struct how){ .until_end = true, .want_stdin = true })

START_TEST(stdin_flows)
{
        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(queued, 0)+");
        start();
        peer_expect(peer, "2 news(starting, 0)+");
        peer_expect(peer, "2 news(running, 1)+");
        peer_expect(peer, "2 window(0)+");
        send_stdin(3, 0, "abc", false);
        send_stdin(4, 3, "def", true);
        peer_expect_nothing(peer);
        expect_trace("stdin(1.0,0,abc) stdin(1.0,3,def,end) ");
        fake_say_stdin(e, job, 6, false);
        peer_expect(peer, "2 window(6)+");
        fake_say_stdin(e, job, 6, true);
        peer_expect(peer, "2 window(6, closed)+");
        send_stdin(5, 6, "more", false);
        peer_expect_nothing(peer);
        fake_finish(e, job, JOB_SUCCEEDED, 0, NULL);
        peer_expect(peer, "2 ended(1 succeeded exit 0)");
        send_stdin(6, 6, "x", false);
        peer_expect(peer, "6 error(STATE)");
}
END_TEST

START_TEST(stdin_comes_again)
{
        start();
        job->stdin_taken = 100;
        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(running, 1)+");
        peer_expect(peer, "2 window(100)+");
        send_stdin(3, 98, "abcd", false);
        send_stdin(4, 90, "abcd", false);
        send_stdin(5, 102, "ef", false);
        expect_trace("follow(1.0,on) stdin(1.0,100,cd) stdin(1.0,102,ef) ");
        send_stdin(6, 105, "x", false);
        peer_expect(peer, "6 error(USAGE)");
}
END_TEST

START_TEST(stdin_beyond_its_window)
{
        static char big[600 * 1024];

        start();
        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(running, 1)+");
        peer_expect(peer, "2 window(0)+");
        memset(big, 'x', sizeof(big) - 1);
        send_stdin(3, 0, big, false);
        peer_expect(peer, "3 error(USAGE)");
        expect_trace("follow(1.0,on) ");
}
END_TEST

START_TEST(stdin_before_its_window)
{
        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(queued, 0)+");
        send_stdin(3, 0, "x", false);
        peer_expect(peer, "3 error(STATE)");
        follow(peer, 4, 1, TO_END);
        peer_expect(peer, "4 news(queued, 0)+");
        expect_trace("");
}
END_TEST

START_TEST(stdin_ends_with_its_client)
{
        start();
        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(running, 1)+");
        send_stdin(3, 0, "abc", false);
        peer_close(peer);
        expect_trace("follow(1.0,on) stdin(1.0,0,abc) stdin(1.0,3,,end) follow(1.0,off) ");
}
END_TEST

START_TEST(stdin_ends_although_it_had_not_begun)
{
        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(queued, 0)+");
        peer_close(peer);
        expect_trace("follow(1.0,off) ");
        start();
        expect_trace("follow(1.0,off) stdin(1.0,0,,end) ");
        /* Also that of the next attempt. */
        fake_tell(e, job, 0, JOB_EV_REQUEUE, JOB_QUEUED);
        start();
        expect_trace("follow(1.0,off) stdin(1.0,0,,end) stdin(1.0,0,,end) ");
        fake_finish(e, job, JOB_SUCCEEDED, 0, NULL);
        ck_assert(watch_book_is_empty(e->watches));
}
END_TEST

START_TEST(stdin_begins_again_with_the_next_attempt)
{
        start();
        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(running, 1)+");
        peer_expect(peer, "2 window(0)+");
        send_stdin(3, 0, "abc", false);
        fake_tell(e, job, 0, JOB_EV_REQUEUE, JOB_QUEUED);
        peer_expect(peer, "2 news(queued, 1)+");
        send_stdin(4, 3, "d", false);
        start();
        peer_expect(peer, "2 news(starting, 1)+");
        peer_expect(peer, "2 news(running, 2)+");
        peer_expect(peer, "2 window(0)+");
        send_stdin(5, 0, "again", false);
        expect_trace("follow(1.0,on) stdin(1.0,0,abc) stdin(1.0,3,d) stdin(1.0,0,again) ");
}
END_TEST

START_TEST(stdin_waits_for_a_worker_that_is_away)
{
        start();
        job->is_detached = true;
        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(running, 1)+");
        peer_expect_nothing(peer);
        job->is_detached = false;
        fake_say_stdin(e, job, 7, false);
        peer_expect(peer, "2 window(7)+");
        fake_say_stdin(e, job, 7, false);
        peer_expect_nothing(peer);
        send_stdin(3, 7, "abc", false);
        expect_trace("follow(1.0,on) stdin(1.0,7,abc) ");
}
END_TEST

START_TEST(stdin_is_taken_over)
{
        struct peer *next = peer_new(&stage);

        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(queued, 0)+");
        follow(next, 2, 1, FEED);
        peer_expect(next, "2 news(queued, 0)+");
        peer_close(peer);
        start();
        expect_trace("");
        peer_close(next);
        expect_trace("stdin(1.0,0,,end) follow(1.0,off) ");
        peer = peer_new(&stage);
        follow(peer, 2, 1, FEED);
        fake_tell(e, job, 0, JOB_EV_REQUEUE, JOB_QUEUED);
        e->trace[0] = '\0';
        start();
        expect_trace("");
}
END_TEST

START_TEST(stdin_stays_open_when_jobd_ends)
{
        start();
        follow(peer, 2, 1, FEED);
        peer_expect(peer, "2 news(running, 1)+");
        peer_expect(peer, "2 window(0)+");
        stage.clients = clients_free(stage.clients);
        ck_assert_ptr_null(strstr(e->trace, "end"));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients follow");
        TCase *t = tcase_create("follow"), *user = tcase_create("user");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_checked_fixture(t, setup_job, NULL);
        tcase_add_test(t, from_queue_to_end);
        tcase_add_test(t, short_task_in_one_report);
        tcase_add_test(t, joins_a_running_job);
        tcase_add_test(t, goes_on_at_an_offset);
        tcase_add_test(t, end_waits_for_the_disk_and_output_does_not);
        tcase_add_test(t, two_followers);
        tcase_add_test(t, pause_and_stop_are_told);
        tcase_add_test(t, becomes_a_file);
        tcase_add_test(t, ends_while_the_file_is_opened);
        tcase_add_test(t, gone_while_the_file_is_opened);
        tcase_add_test(t, file_of_a_finished_job);
        tcase_add_test(t, file_that_is_gone);
        tcase_add_test(t, inline_of_a_finished_job);
        tcase_add_test(t, cancelled_before_it_began);
        tcase_add_test(t, no_such_task);
        tcase_add_test(t, what_there_is_now);
        tcase_add_test(t, what_there_is_now_in_a_queue);
        tcase_add_test(t, moves_on_to_the_next_attempt);
        tcase_add_test(t, one_attempt_only);
        tcase_add_test(t, an_attempt_to_come);
        tcase_add_test(t, an_attempt_that_is_gone);
        tcase_add_test(t, between_attempts);
        tcase_add_test(t, next_attempt_while_the_last_is_opened);
        tcase_add_test(t, a_start_that_was_taken_back);
        tcase_add_test(t, slow_client_loses_nothing);
        tcase_add_test(t, slow_client_gets_the_end_from_the_rows);
        tcase_add_test(t, sizes_are_not_piled_up);
        tcase_add_test(t, stdin_flows);
        tcase_add_test(t, stdin_comes_again);
        tcase_add_test(t, stdin_beyond_its_window);
        tcase_add_test(t, stdin_before_its_window);
        tcase_add_test(t, stdin_ends_with_its_client);
        tcase_add_test(t, stdin_ends_although_it_had_not_begun);
        tcase_add_test(t, stdin_begins_again_with_the_next_attempt);
        tcase_add_test(t, stdin_waits_for_a_worker_that_is_away);
        tcase_add_test(t, stdin_is_taken_over);
        tcase_add_test(t, stdin_stays_open_when_jobd_ends);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(user, setup_user, teardown);
        tcase_add_checked_fixture(user, setup_job, NULL);
        tcase_add_test(user, foreign_and_unknown_jobs_read_alike);
        suite_add_tcase(suite, user);
        return suite_run(suite);
}
