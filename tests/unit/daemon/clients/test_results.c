/* SPDX-License-Identifier: Apache-2.0 */
/*
 * results: tasks that end while somebody listens, that ended before, both at once; in any order and
 * by number; a client that does not read, and a task that keeps all others waiting; what else a
 * stream of results tells.
 */
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

static const struct asked anyhow = { .has_first = true };
static const struct asked by_number = { .has_first = true, .ordered = true };
static const struct asked with_output = { .has_first = true, .output = true };
static const struct asked with_starts = { .has_first = true, .starts = true };

static void ask(uint64_t tag, const struct asked *asked)
{
        peer_results(peer, tag, 1, asked);
        stage_turn(&stage);
}

static void succeed(struct job *job, uint64_t first, uint64_t last)
{
        for (uint64_t task = first; task <= last; task++)
                fake_end_task(e, job, task, JOB_SUCCEEDED, 0, NULL);
}

static void start(struct job *job, uint64_t task)
{
        fake_tell(e, job, task, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(e, job, task, JOB_EV_STARTED, JOB_RUNNING);
}

/* Turns until the last line is this one. */
static void go_on_until(const char *line)
{
        for (int i = 0; i < 5000; i++) {
                if (peer->lines_count && strcmp(peer->lines[peer->lines_count - 1], line) == 0)
                        return;
                stage_turn(&stage);
        }
        ck_abort_msg("\"%s\" did not come; %zu ends were told", line, peer->ends_count);
}

/* Each of the tasks was told once. */
static void expect_all(uint64_t count)
{
        bool *seen = calloc(count, sizeof(*seen));

        ck_assert_ptr_nonnull(seen);
        ck_assert_uint_eq(peer->ends_count, count);
        for (size_t i = 0; i < peer->ends_count; i++) {
                ck_assert_uint_lt(peer->ends[i], count);
                ck_assert_msg(!seen[peer->ends[i]], "task %u was told twice",
                              (unsigned int)peer->ends[i]);
                seen[peer->ends[i]] = true;
        }
        free(seen);
}

static void expect_in_order(uint64_t first, uint64_t count)
{
        ck_assert_uint_eq(peer->ends_count, count);
        for (size_t i = 0; i < peer->ends_count; i++)
                ck_assert_uint_eq(peer->ends[i], first + i);
}

static void go_on_until_told(size_t count)
{
        for (int i = 0; i < 5000 && peer->ends_count < count; i++)
                stage_turn(&stage);
        ck_assert_uint_eq(peer->ends_count, count);
}

static void expect_quiet(void)
{
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(e->watches));
}

/* --------------------------------------------------------------------------------- as they end */

START_TEST(as_they_end)
{
        struct job *job = fake_add_map(e, getuid(), 4);

        ask(2, &anyhow);
        peer_expect_nothing(peer);
        fake_end_task(e, job, 2, JOB_SUCCEEDED, 0, NULL);
        peer_expect(peer, "2 tasks(2 succeeded)+");
        fake_end_task(e, job, 3, JOB_FAILED, 7, NULL);
        fake_end_task(e, job, 0, JOB_TIMEOUT, -1, NULL);
        peer_expect(peer, "2 tasks(3 failed exit 7, 0 timeout)+");
        peer_expect_nothing(peer);
        succeed(job, 1, 1);
        peer_expect(peer, "2 tasks(1 succeeded)+");
        fake_close(e, job, JOB_FAILED, NULL);
        peer_expect(peer, "2 ended(1 failed)");
        expect_quiet();
        peer_results(peer, 2, 1, &anyhow); /* the tag is free */
        peer_expect(peer, "2 tasks(0 timeout, 1 succeeded, 2 succeeded, 3 failed exit 7)+");
        peer_expect(peer, "2 ended(1 failed)");
}
END_TEST

START_TEST(by_their_number)
{
        struct job *job = fake_add_map(e, getuid(), 5);

        ask(2, &by_number);
        succeed(job, 2, 3);
        fake_end_task(e, job, 1, JOB_FAILED, 1, NULL);
        peer_expect_nothing(peer);
        succeed(job, 0, 0);
        peer_expect(peer, "2 tasks(0 succeeded, 1 failed exit 1, 2 succeeded, 3 succeeded)+");
        succeed(job, 4, 4);
        peer_expect(peer, "2 tasks(4 succeeded)+");
        fake_close(e, job, JOB_FAILED, NULL);
        peer_expect(peer, "2 ended(1 failed)");
        expect_quiet();
}
END_TEST

START_TEST(the_job_ends_last)
{
        struct job *job = fake_add_map(e, getuid(), 3);

        ask(2, &by_number);
        succeed(job, 1, 2);
        succeed(job, 0, 0);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        peer_expect(peer, "2 tasks(0 succeeded, 1 succeeded, 2 succeeded)+");
        peer_expect(peer, "2 ended(1 succeeded)");
}
END_TEST

START_TEST(a_plain_job)
{
        struct job *job = fake_add(e, getuid());

        ask(2, &with_output);
        start(job, 0);
        fake_finish(e, job, JOB_FAILED, 3, "log");
        peer_expect(peer, "2 tasks(0 failed exit 3 log)+");
        peer_expect(peer, "2 ended(1 failed)");
        ask(3, &with_output);
        peer_expect(peer, "3 tasks(0 failed exit 3 log)+");
        peer_expect(peer, "3 ended(1 failed)");
}
END_TEST

START_TEST(output)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        ask(2, &with_output);
        ask(3, &anyhow);
        fake_end_task(e, job, 0, JOB_SUCCEEDED, 0, "zero");
        fake_end_task(e, job, 1, JOB_SUCCEEDED, 0, NULL);
        job->tasks[2].row.output_where = JOURNAL_OUTPUT_SPOOL;
        succeed(job, 2, 2);
        peer_expect(peer, "3 tasks(0 succeeded, 1 succeeded, 2 succeeded spooled)+");
        peer_expect(peer, "2 tasks(0 succeeded zero, 1 succeeded, 2 succeeded spooled)+");
        peer_stop(peer, 4, 2);
        peer_expect(peer, "2 done");
        peer_expect(peer, "4 done");
        ask(2, &with_output);
        peer_expect(peer, "2 tasks(0 succeeded zero, 1 succeeded, 2 succeeded spooled)+");
        peer_expect_nothing(peer);
}
END_TEST

START_TEST(waits_for_the_disk)
{
        struct job *job = fake_add_map(e, getuid(), 3);

        ask(2, &with_starts);
        stage.is_lagging = true;
        stage.durable = e->sequence;
        start(job, 0);
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "2 tasks() started 0+");
        succeed(job, 1, 1);
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "2 tasks(1 succeeded)+");
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        stage.durable = e->sequence - 1;
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "2 ended(1 succeeded)");
}
END_TEST

START_TEST(a_task_that_is_run_again)
{
        struct job *job = fake_add_map(e, getuid(), 3);

        ask(2, &by_number);
        fake_end_task(e, job, 0, JOB_FAILED, 1, NULL);
        peer_expect(peer, "2 tasks(0 failed exit 1)+");
        fake_tell(e, job, 0, JOB_EV_RETRY, JOB_QUEUED);
        fake_end_task(e, job, 0, JOB_SUCCEEDED, 0, NULL);
        peer_expect_nothing(peer);
        /* An attempt that is no end. */
        start(job, 1);
        fake_tell(e, job, 1, JOB_EV_REQUEUE, JOB_QUEUED);
        peer_expect_nothing(peer);
        succeed(job, 1, 1);
        peer_expect(peer, "2 tasks(1 succeeded)+");
}
END_TEST

/* --------------------------------------------------------------------------- where it begins */

START_TEST(from_the_beginning_and_from_what_was_seen)
{
        struct job *job = fake_add_map(e, getuid(), 6);

        succeed(job, 0, 3);
        job->row.seen_task = 2;
        ask(2, &(const struct asked){ .ordered = true });
        peer_expect(peer, "2 tasks(2 succeeded, 3 succeeded)+");
        ask(3, &by_number);
        peer_expect(peer, "3 tasks(0 succeeded, 1 succeeded, 2 succeeded, 3 succeeded)+");
        ask(4, &(const struct asked){ .has_first = true, .first_task = 3 });
        peer_expect(peer, "4 tasks(3 succeeded)+");
        ask(5, &(const struct asked){ .has_first = true, .first_task = 5, .ordered = true });
        peer_expect_nothing(peer);
        succeed(job, 4, 4);
        stage_turn(&stage);
        ck_assert_uint_eq(peer->ends_count, 2 + 4 + 1 + 3);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        stage_turn(&stage);
        /* The same afterwards. */
        peer->lines_read = peer->lines_count;
        ask(6, &(const struct asked){ .ordered = true });
        peer_expect(peer, "6 tasks(2 succeeded, 3 succeeded, 4 succeeded)+");
        peer_expect(peer, "6 ended(1 succeeded)");
        ask(7, &(const struct asked){ .has_first = true, .first_task = 100 });
        peer_expect(peer, "7 ended(1 succeeded)");
}
END_TEST

START_TEST(jobs_that_are_not_there)
{
        fake_add_finished(e, STAGE_UID_OTHER, JOB_SUCCEEDED, 0);
        fake_add_map(e, STAGE_UID_OTHER, 3);
        for (uint64_t id = 1; id <= 3; id++)
                peer_results(peer, id, id, &anyhow);
        peer_expect(peer, "1 error(NO_SUCH_JOB)");
        peer_expect(peer, "2 error(NO_SUCH_JOB)");
        peer_expect(peer, "3 error(NO_SUCH_JOB)");
        expect_quiet();
}
END_TEST

START_TEST(purged_while_it_is_told)
{
        struct job *job = fake_add_map(e, getuid(), 1000);

        succeed(job, 0, 999);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        e->is_holding_reads = true;
        ask(2, &anyhow);
        job->is_dropped = true;
        e->is_holding_reads = false;
        peer_expect(peer, "2 error(NO_SUCH_JOB)");
}
END_TEST

/* ------------------------------------------------------------------------- rows and news at once
 */

START_TEST(rows_and_news)
{
        struct job *job = fake_add_map(e, getuid(), 2000);

        succeed(job, 0, 599);
        e->is_holding_reads = true;
        ask(2, &anyhow);
        /* News while the first page is read: some also in the pages that come. */
        succeed(job, 600, 999);
        stage_turn(&stage);
        e->is_holding_reads = false;
        go_on_until_told(1000);
        /* The scan ends where the news began. */
        ck_assert_uint_eq(e->reads_count, 3);
        succeed(job, 1000, 1999);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        go_on_until("2 ended(1 succeeded)");
        expect_all(2000);
}
END_TEST

/* What has ended before is told before, although its rows take longer to read. */
START_TEST(rows_before_news)
{
        struct job *job = fake_add_map(e, getuid(), 3);

        succeed(job, 0, 0);
        e->is_holding_reads = true;
        peer_results(peer, 2, 1, &anyhow);
        while (watch_book_is_empty(e->watches))
                stage_step(&stage);
        succeed(job, 1, 1);
        peer_expect_nothing(peer);
        e->is_holding_reads = false;
        peer_expect(peer, "2 tasks(0 succeeded, 1 succeeded)+");
        succeed(job, 2, 2);
        peer_expect(peer, "2 tasks(2 succeeded)+");
}
END_TEST

START_TEST(rows_and_news_by_number)
{
        struct job *job = fake_add_map(e, getuid(), 2000);

        succeed(job, 0, 599);
        start(job, 600);
        succeed(job, 601, 700);
        e->is_holding_reads = true;
        ask(2, &by_number);
        succeed(job, 701, 999);
        stage_turn(&stage);
        e->is_holding_reads = false;
        go_on_until_told(600);
        peer->lines_read = peer->lines_count;
        peer_expect_nothing(peer);
        succeed(job, 600, 600);
        go_on_until_told(1000);
        succeed(job, 1000, 1999);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        go_on_until("2 ended(1 succeeded)");
        expect_in_order(0, 2000);
}
END_TEST

/* Everything ends while the page that says "running" is on its way. */
START_TEST(a_page_that_is_out_of_date)
{
        struct job *job = fake_add_map(e, getuid(), 10);

        start(job, 0);
        succeed(job, 1, 4);
        start(job, 5);
        e->is_holding_reads = true;
        ask(2, &by_number);
        ask(3, &anyhow);
        succeed(job, 0, 0);
        succeed(job, 5, 9);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        stage_turn(&stage);
        e->is_holding_reads = false;
        stage_turn(&stage);
        stage_turn(&stage);
        ck_assert_uint_eq(peer->ends_count, 20);
        ck_assert_str_eq(peer->lines[peer->lines_count - 1] + 1, " ended(1 succeeded)");
        /* Those of tag 3 come in any order; what is left when they are out is tag 2. */
        for (size_t i = 0, next = 0; i < peer->lines_count; i++)
                if (strncmp(peer->lines[i], "2 tasks(", 8) == 0)
                        for (const char *at = strchr(peer->lines[i], '('); at && at[1];
                             at = strchr(at + 1, ',')) {
                                ck_assert_uint_eq(strtoul(at + 1 + (*at == ','), NULL, 10), next);
                                next++;
                        }
}
END_TEST

START_TEST(several_running_at_the_front)
{
        struct job *job = fake_add_map(e, getuid(), 1000);

        for (uint64_t task = 0; task < 1000; task++)
                if (task % 100 == 50)
                        start(job, task);
                else
                        succeed(job, task, task);
        ask(2, &by_number);
        for (uint64_t task = 950; task != 50; task -= 100) {
                go_on_until_told(50);
                succeed(job, task, task);
        }
        /* A scan stops at the first, and does not begin again for the others. */
        ck_assert_uint_le(e->reads_count, 3);
        succeed(job, 50, 50);
        go_on_until_told(1000);
        expect_in_order(0, 1000);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        go_on_until("2 ended(1 succeeded)");
}
END_TEST

START_TEST(the_front_ends_one_by_one)
{
        struct job *job = fake_add_map(e, getuid(), 1000);

        for (uint64_t task = 0; task < 1000; task++)
                if (task % 100 == 50)
                        start(job, task);
                else
                        succeed(job, task, task);
        ask(2, &by_number);
        for (uint64_t task = 50; task < 1000; task += 100) {
                go_on_until_told(task);
                stage_turn(&stage);
                succeed(job, task, task);
        }
        go_on_until_told(1000);
        expect_in_order(0, 1000);
}
END_TEST

/* ------------------------------------------------------------------------------- much at once */

START_TEST(one_task_keeps_thousands_waiting)
{
        struct job *job = fake_add_map(e, getuid(), 20000);

        start(job, 0);
        ask(2, &by_number);
        /* Also backwards: the later ones give way. */
        for (uint64_t task = 12000; task >= 1; task--)
                succeed(job, task, task);
        stage_turn(&stage);
        succeed(job, 12001, 14999);
        stage_turn(&stage);
        ck_assert_uint_eq(peer->ends_count, 0);
        ck_assert_uint_le(e->reads_count, 2);
        succeed(job, 0, 0);
        go_on_until_told(15000);
        succeed(job, 15000, 19999);
        go_on_until_told(20000);
        expect_in_order(0, 20000);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        go_on_until("2 ended(1 succeeded)");
}
END_TEST

/* What was dropped is far behind: no rows are read before the low mark is there. */
START_TEST(the_front_is_slow_and_much_is_dropped)
{
        struct job *job = fake_add_map(e, getuid(), 12000);

        ask(2, &by_number);
        for (uint64_t task = 1; task < 12000; task += 2)
                succeed(job, task, task);
        stage_turn(&stage);
        for (uint64_t task = 0; task < 40; task += 2) {
                succeed(job, task, task);
                go_on_until_told(task + 2);
        }
        ck_assert_uint_eq(e->reads_count, 0);
        for (uint64_t task = 40; task < 12000; task += 2)
                succeed(job, task, task);
        go_on_until_told(12000);
        expect_in_order(0, 12000);
}
END_TEST

START_TEST(thousands_wait_until_the_job_is_over)
{
        struct job *job = fake_add_map(e, getuid(), 10000);

        start(job, 0);
        ask(2, &by_number);
        succeed(job, 1, 9999);
        stage_turn(&stage);
        succeed(job, 0, 0);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        go_on_until("2 ended(1 succeeded)");
        expect_in_order(0, 10000);
}
END_TEST

static char *long_log(void)
{
        static char log[60001];

        memset(log, 'x', sizeof(log) - 1);
        return log;
}

/* 1,000 tasks of 60 KB each end, and the client does not read. */
static void deafen(const struct asked *asked)
{
        struct job *job = fake_add_map(e, getuid(), 1000);

        start(job, 0);
        ask(2, asked);
        channel_set_reading(peer->channel, false);
        for (uint64_t task = 1; task < 1000; task++) {
                fake_end_task(e, job, task, JOB_SUCCEEDED, 0, long_log());
                if (task % 20 == 0)
                        stage_turn(&stage);
        }
        ck_assert_uint_eq(peer->ends_count, 0);
        fake_end_task(e, job, 0, JOB_SUCCEEDED, 0, long_log());
        for (int i = 0; i < 20; i++)
                stage_turn(&stage);
        ck_assert_uint_le(e->reads_count, 5);
        channel_set_reading(peer->channel, true);
        go_on_until_told(1000);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        go_on_until("2 ended(1 succeeded)");
}

START_TEST(a_client_that_does_not_read)
{
        deafen(&with_output);
        expect_all(1000);
}
END_TEST

START_TEST(a_client_that_does_not_read_by_number)
{
        deafen(&(const struct asked){ .has_first = true, .ordered = true, .output = true });
        expect_in_order(0, 1000);
}
END_TEST

/* It reads now and then, while tasks end in a tangle. */
START_TEST(a_client_that_stutters)
{
        const struct asked asked = { .has_first = true, .ordered = _i % 2, .output = true };
        struct job *job = fake_add_map(e, getuid(), 1200);

        ask(2, &asked);
        for (uint64_t n = 0; n < 1200; n++) {
                const uint64_t block = n / 300 * 300, task = block + (n - block) * 7 % 300;

                channel_set_reading(peer->channel, n / 90 % 2);
                fake_end_task(e, job, task, JOB_SUCCEEDED, 0, long_log());
                if (n % 10 == 0)
                        stage_turn(&stage);
        }
        channel_set_reading(peer->channel, true);
        go_on_until_told(1200);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        go_on_until("2 ended(1 succeeded)");
        if (asked.ordered)
                expect_in_order(0, 1200);
        else
                expect_all(1200);
}
END_TEST

/* In any order: only the rows of those that were dropped are read again. */
START_TEST(only_what_was_dropped_is_read)
{
        struct job *job = fake_add_map(e, getuid(), 6000);
        size_t reads_count;

        ask(2, &with_output);
        start(job, 0);
        succeed(job, 1, 4000);
        go_on_until_told(4000);
        channel_set_reading(peer->channel, false);
        for (uint64_t task = 4001; task <= 4100; task++) {
                fake_end_task(e, job, task, JOB_SUCCEEDED, 0, long_log());
                if (task % 20 == 0)
                        stage_turn(&stage);
        }
        reads_count = e->reads_count;
        channel_set_reading(peer->channel, true);
        go_on_until_told(4100);
        ck_assert_uint_gt(e->reads_count, reads_count);
        ck_assert_uint_le(e->reads_count, reads_count + 6);
        succeed(job, 0, 0);
        go_on_until_told(4101);
        expect_all(4101);
}
END_TEST

START_TEST(a_client_that_goes)
{
        struct job *job = fake_add_map(e, getuid(), 9000);

        start(job, 0);
        ask(2, &by_number);
        ask(3, &with_starts);
        succeed(job, 1, 8000);
        peer_close(peer);
        expect_quiet();
}
END_TEST

/* ---------------------------------------------------------------------------- what never began */

START_TEST(the_rest_is_cancelled)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        ask(2, &by_number);
        start(job, 0);
        succeed(job, 1, 1);
        fake_cancel_rest(e, job, false);
        peer_expect_nothing(peer);
        fake_end_task(e, job, 0, JOB_CANCELLED, -1, NULL);
        fake_close(e, job, JOB_CANCELLED, NULL);
        peer_expect(peer, "2 tasks(0 cancelled, 1 succeeded)+");
        peer_expect(peer, "2 ended(1 cancelled)");
        expect_quiet();
        ask(3, &by_number);
        peer_expect(peer, "3 tasks(0 cancelled, 1 succeeded)+");
        peer_expect(peer, "3 ended(1 cancelled)");
}
END_TEST

START_TEST(all_of_it_is_cancelled)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        ask(2, &by_number);
        ask(3, &anyhow);
        fake_cancel_rest(e, job, true);
        peer_expect(peer, "3 ended(1 cancelled)");
        peer_expect(peer, "2 ended(1 cancelled)");
        ask(4, &by_number);
        peer_expect(peer, "4 ended(1 cancelled)");
}
END_TEST

/* A task that never ended by news, as it seems: with the job's end there is nothing to wait for. */
START_TEST(gaps_at_the_end)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        ask(2, &by_number);
        succeed(job, 1, 2);
        peer_expect_nothing(peer);
        fake_close(e, job, JOB_CANCELLED, NULL);
        peer_expect(peer, "2 tasks(1 succeeded, 2 succeeded)+");
        peer_expect(peer, "2 ended(1 cancelled)");
}
END_TEST

/* -------------------------------------------------------------------------------- what else comes
 */

START_TEST(starts)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        succeed(job, 0, 0);
        start(job, 1);
        ask(2, &with_starts);
        peer_expect(peer, "2 tasks(0 succeeded) started 1+");
        start(job, 2);
        peer_expect(peer, "2 tasks() started 2+");
        /* Another attempt is no other task. */
        fake_tell(e, job, 2, JOB_EV_REQUEUE, JOB_QUEUED);
        start(job, 2);
        peer_expect_nothing(peer);
        start(job, 3);
        succeed(job, 3, 3);
        peer_expect(peer, "2 tasks(3 succeeded) started 3+");
        /* Who did not ask does not hear of them. */
        ask(3, &anyhow);
        peer_expect(peer, "3 tasks(0 succeeded, 3 succeeded)+");
        start(job, 4);
        peer_expect(peer, "2 tasks() started 4+");
        peer_expect_nothing(peer);
}
END_TEST

START_TEST(starts_in_rows_and_news)
{
        struct job *job = fake_add_map(e, getuid(), 600);

        succeed(job, 0, 299);
        fake_tell(e, job, 300, JOB_EV_ASSIGN, JOB_STARTING);
        e->is_holding_reads = true;
        ask(2, &with_starts);
        fake_tell(e, job, 300, JOB_EV_STARTED, JOB_RUNNING);
        stage_turn(&stage);
        e->is_holding_reads = false; /* the second page has it, too */
        go_on_until_told(300);
        ck_assert_uint_eq(peer->starts_count, 1);
        ck_assert_uint_eq(peer->starts[0], 300);
}
END_TEST

START_TEST(starts_by_number)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        start(job, 0);
        succeed(job, 1, 1);
        start(job, 2);
        ask(2, &(const struct asked){ .has_first = true, .ordered = true, .starts = true });
        peer_expect(peer, "2 tasks() started 0+");
        start(job, 3);
        peer_expect(peer, "2 tasks() started 3+");
        succeed(job, 0, 0);
        peer_expect(peer, "2 tasks(0 succeeded)+");
        peer_expect(peer, "2 tasks(1 succeeded) started 2+");
        peer_expect_nothing(peer);
}
END_TEST

START_TEST(progress)
{
        struct job *job = fake_add_map(e, getuid(), 3);
        const struct asked asked = { .has_first = true, .no_tasks = true, .progress_usec = 1 };

        ask(2, &asked);
        peer_expect(peer, "2 progress(3 open, 3 queued)+");
        peer_expect_nothing(peer);
        start(job, 0);
        succeed(job, 1, 1);
        peer_expect(peer, "2 progress(3 open, 1 queued, 1 running, 1 succeeded)+");
        peer_expect_nothing(peer);
        succeed(job, 0, 0);
        succeed(job, 2, 2);
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        /* The last counts always come, whenever the job ended. */
        peer_expect(peer, "2 progress(3, 3 succeeded)+");
        peer_expect(peer, "2 ended(1 succeeded)");
        expect_quiet();
        /* Nothing of the tasks was asked. */
        ck_assert_uint_eq(peer->ends_count, 0);
        ck_assert_uint_eq(e->reads_count, 0);
        ask(3, &asked);
        peer_expect(peer, "3 progress(3, 3 succeeded)+");
        peer_expect(peer, "3 ended(1 succeeded)");
}
END_TEST

START_TEST(progress_with_tasks)
{
        struct job *job = fake_add_map(e, getuid(), 2);

        ask(2, &(const struct asked){ .has_first = true, .progress_usec = 1000 });
        peer_expect(peer, "2 progress(2 open, 2 queued)+");
        succeed(job, 0, 0);
        peer_expect(peer, "2 tasks(0 succeeded)+");
        peer_expect(peer, "2 progress(2 open, 1 queued, 1 succeeded)+");
        peer_expect_nothing(peer);
}
END_TEST

START_TEST(progress_is_not_owed_to_who_does_not_read)
{
        struct job *job = fake_add_map(e, getuid(), 300);

        ask(2, &(const struct asked){ .has_first = true, .output = true, .progress_usec = 1 });
        peer_expect(peer, "2 progress(300 open, 300 queued)+");
        channel_set_reading(peer->channel, false);
        for (uint64_t task = 0; task < 100; task++)
                fake_end_task(e, job, task, JOB_SUCCEEDED, 0, long_log());
        stage_turn(&stage);
        /* The timer goes off meanwhile, as the other client sees. */
        for (uint64_t task = 100; task < 103; task++) {
                struct peer *other = peer_new(&stage);

                peer_results(other, 2, 1,
                             &(const struct asked){ .no_tasks = true, .progress_usec = 1 });
                stage_turn(&stage);
                fake_end_task(e, job, task, JOB_SUCCEEDED, 0, NULL);
                while (other->lines_count < 3)
                        stage_turn(&stage);
                peer_close(other);
        }
        channel_set_reading(peer->channel, true);
        go_on_until_told(103);
        /* 100 may have been told before the output was in the way; what came then was not. */
        for (size_t i = 0; i < peer->lines_count; i++)
                if (strncmp(peer->lines[i], "2 progress(", 11) == 0) {
                        ck_assert_ptr_null(strstr(peer->lines[i], "101 succeeded"));
                        ck_assert_ptr_null(strstr(peer->lines[i], "102 succeeded"));
                }
}
END_TEST

START_TEST(only_what_is_there_now)
{
        struct job *job = fake_add_map(e, getuid(), 9);
        const struct asked asked = { .has_first = true, .only_now = true };

        ask(2, &asked);
        peer_expect(peer, "2 done");
        succeed(job, 0, 0);
        start(job, 1);
        succeed(job, 2, 2);
        ask(3, &asked);
        peer_expect(peer, "3 tasks(0 succeeded, 2 succeeded)+");
        peer_expect(peer, "3 done");
        ask(4, &(const struct asked){ .has_first = true, .only_now = true, .ordered = true });
        peer_expect(peer, "4 tasks(0 succeeded)+");
        peer_expect(peer, "4 done");
        expect_quiet();
        fake_close(e, job, JOB_FAILED, NULL);
        ask(5, &asked);
        peer_expect(peer, "5 tasks(0 succeeded, 2 succeeded)+");
        peer_expect(peer, "5 ended(1 failed)");
}
END_TEST

START_TEST(stops)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        succeed(job, 0, 0);
        ask(2, &anyhow);
        peer_expect(peer, "2 tasks(0 succeeded)+");
        peer_stop(peer, 3, 2);
        peer_expect(peer, "2 done");
        peer_expect(peer, "3 done");
        expect_quiet();
        /* While its rows are read. */
        e->is_holding_reads = true;
        ask(4, &by_number);
        peer_stop(peer, 5, 4);
        peer_expect(peer, "4 done");
        peer_expect(peer, "5 done");
        e->is_holding_reads = false;
        succeed(job, 1, 1);
        peer_expect_nothing(peer);
        expect_quiet();
}
END_TEST

/* The job is queued again before its end was told. */
START_TEST(news_after_the_end)
{
        struct job *job = fake_add_map(e, getuid(), 3);

        succeed(job, 0, 0);
        e->is_holding_reads = true;
        ask(2, &anyhow);
        fake_cancel_rest(e, job, true);
        fake_tell(e, job, 0, JOB_EV_RETRY, JOB_QUEUED);
        succeed(job, 0, 2);
        fake_close(e, job, JOB_SUCCEEDED, "again");
        e->is_holding_reads = false;
        go_on_until("2 ended(1 cancelled)");
        expect_quiet();
}
END_TEST

static void add_tests(TCase *t)
{
        tcase_add_test(t, as_they_end);
        tcase_add_test(t, by_their_number);
        tcase_add_test(t, the_job_ends_last);
        tcase_add_test(t, a_plain_job);
        tcase_add_test(t, output);
        tcase_add_test(t, waits_for_the_disk);
        tcase_add_test(t, a_task_that_is_run_again);
        tcase_add_test(t, from_the_beginning_and_from_what_was_seen);
        tcase_add_test(t, purged_while_it_is_told);
        tcase_add_test(t, rows_and_news);
        tcase_add_test(t, rows_before_news);
        tcase_add_test(t, rows_and_news_by_number);
        tcase_add_test(t, a_page_that_is_out_of_date);
        tcase_add_test(t, several_running_at_the_front);
        tcase_add_test(t, the_front_ends_one_by_one);
        tcase_add_test(t, one_task_keeps_thousands_waiting);
        tcase_add_test(t, the_front_is_slow_and_much_is_dropped);
        tcase_add_test(t, thousands_wait_until_the_job_is_over);
        tcase_add_test(t, a_client_that_does_not_read);
        tcase_add_test(t, a_client_that_does_not_read_by_number);
        tcase_add_loop_test(t, a_client_that_stutters, 0, 2);
        tcase_add_test(t, only_what_was_dropped_is_read);
        tcase_add_test(t, a_client_that_goes);
        tcase_add_test(t, the_rest_is_cancelled);
        tcase_add_test(t, all_of_it_is_cancelled);
        tcase_add_test(t, gaps_at_the_end);
        tcase_add_test(t, starts);
        tcase_add_test(t, starts_in_rows_and_news);
        tcase_add_test(t, starts_by_number);
        tcase_add_test(t, progress);
        tcase_add_test(t, progress_with_tasks);
        tcase_add_test(t, progress_is_not_owed_to_who_does_not_read);
        tcase_add_test(t, only_what_is_there_now);
        tcase_add_test(t, stops);
        tcase_add_test(t, news_after_the_end);
}

int main(void)
{
        Suite *suite = suite_create("clients results");
        TCase *t = tcase_create("results"), *plain = tcase_create("plain");

        tcase_add_checked_fixture(t, setup, teardown);
        add_tests(t);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(plain, setup_user, teardown);
        tcase_add_test(plain, jobs_that_are_not_there);
        suite_add_tcase(suite, plain);
        return suite_run(suite);
}
