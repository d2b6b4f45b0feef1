/* SPDX-License-Identifier: Apache-2.0 */
/*
 * append and close_input: chunks that enter at once, wait for room or for their Submit, in order;
 * jobs that take none; who counts as an appender, and until when.
 */
#include <stdio.h>
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

/* Tasks have ended: there may be room. */
static void something_happens(void)
{
        clients_on_events(stage.clients);
        stage_turn(&stage);
}

static void submit(struct peer *from, uint64_t tag, bool is_map)
{
        static uint8_t key[WIRE_KEY_BYTES] = { 7 }, command[] = "echo";
        ProtobufCBinaryData argv[1] = { { .len = 4, .data = command } };
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Submit body = JOBD__SUBMIT__INIT;
        Jobd__Submission one = JOBD__SUBMISSION__INIT, *jobs[1] = { &one };
        Jobd__Spec spec = JOBD__SPEC__INIT;

        spec.argv = argv;
        spec.n_argv = 1;
        spec.has_map_values = is_map;
        spec.map_values = is_map;
        one.spec = &spec;
        body.key = (ProtobufCBinaryData){ .len = sizeof(key), .data = key };
        body.jobs = jobs;
        body.n_jobs = 1;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_SUBMIT;
        request.submit = &body;
        peer_send(from, &request);
}

START_TEST(chunks_and_close)
{
        struct job *job = fake_add_map(e, getuid(), 0);

        peer_append(peer, 2, 1, 0, "a b c");
        peer_append(peer, 3, 1, 1, "d");
        peer_close_input(peer, 4, 1, 2, NULL);
        peer_expect(peer, "2 appended(0, 3)");
        peer_expect(peer, "3 appended(1, 4)");
        peer_expect(peer, "4 done");
        ck_assert_str_eq(e->trace, "append(1,0) append(1,1) close(1,2) ");
        ck_assert_uint_eq(job->chunks[0].values->size, 6);
        ck_assert_mem_eq(job->chunks[0].values->data, "a\0b\0c", 6);
        ck_assert_uint_eq(job->chunks[0].count, 3);
        ck_assert_uint_eq(job->row.input, JOURNAL_INPUT_CLOSED);
}
END_TEST

START_TEST(an_empty_chunk)
{
        struct job *job = fake_add_map(e, getuid(), 0);

        peer_append(peer, 2, 1, 0, "");
        peer_expect(peer, "2 appended(0, 0)");
        ck_assert_uint_eq(job->chunks[0].values->size, 0);
}
END_TEST

START_TEST(the_same_chunk_again)
{
        fake_add_map(e, getuid(), 0);
        peer_append(peer, 2, 1, 0, "a b");
        peer_append(peer, 3, 1, 0, "a b");
        peer_append(peer, 4, 1, 1, "c");
        peer_expect(peer, "2 appended(0, 2)");
        peer_expect(peer, "3 appended(0, 2)");
        peer_expect(peer, "4 appended(1, 3)");
}
END_TEST

START_TEST(waits_for_the_disk)
{
        fake_add_map(e, getuid(), 0);
        stage.is_lagging = true;
        stage.durable = e->sequence;
        peer_append(peer, 2, 1, 0, "a");
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "2 appended(0, 1)");
        /* A chunk that is known may not be durable yet either. */
        peer_append(peer, 3, 1, 1, "b");
        stage_turn(&stage);
        peer_append(peer, 4, 1, 1, "b");
        peer_close_input(peer, 5, 1, 2, NULL);
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "3 appended(1, 2)");
        peer_expect(peer, "4 appended(1, 2)");
        peer_expect(peer, "5 done");
}
END_TEST

START_TEST(refused_by_the_engine)
{
        fake_add_map(e, getuid(), 0);
        fake_add(e, getuid());
        peer_append(peer, 2, 1, 5, "a");
        peer_expect(peer, "2 error(STATE)");
        peer_append(peer, 3, 2, 0, "a");
        peer_expect(peer, "3 error(STATE)");
        peer_close_input(peer, 4, 1, 5, NULL);
        peer_expect(peer, "4 error(STATE)");
        peer_close_input(peer, 5, 1, 5, "cannot read more");
        peer_expect(peer, "5 done");
        ck_assert_ptr_nonnull(strstr(e->trace, "close(1,5,cannot read more)"));
        peer_append(peer, 6, 1, 0, "a");
        peer_expect(peer, "6 error(STATE)");
}
END_TEST

/* ------------------------------------------------------------------------------------- no room
 */

START_TEST(waits_for_room)
{
        fake_add_map(e, getuid(), 0);
        e->is_queue_full = true;
        peer_append(peer, 2, 1, 0, "a");
        peer_append(peer, 3, 1, 1, "b");
        peer_append(peer, 4, 1, 2, "c");
        peer_close_input(peer, 5, 1, 3, NULL);
        peer_expect_nothing(peer);
        something_happens();
        peer_expect_nothing(peer);
        /* Those behind the first were not even tried. */
        ck_assert_str_eq(e->trace, "append(1,0,busy) append(1,0,busy) ");
        e->is_queue_full = false;
        something_happens();
        peer_expect(peer, "2 appended(0, 1)");
        peer_expect(peer, "3 appended(1, 2)");
        peer_expect(peer, "4 appended(2, 3)");
        peer_expect(peer, "5 done");
        peer_append(peer, 6, 1, 2, "c");
        peer_expect(peer, "6 appended(2, 3)");
}
END_TEST

START_TEST(room_comes_while_the_next_arrives)
{
        fake_add_map(e, getuid(), 0);
        e->is_queue_full = true;
        peer_append(peer, 2, 1, 0, "a");
        peer_expect_nothing(peer);
        e->is_queue_full = false;
        peer_append(peer, 3, 1, 1, "b");
        /* There is room, but not for who comes second. */
        peer_expect_nothing(peer);
        something_happens();
        peer_expect(peer, "2 appended(0, 1)");
        peer_expect(peer, "3 appended(1, 2)");
}
END_TEST

/* The first is refused, which is no event: the others go on all the same. */
START_TEST(the_first_of_the_queue_is_refused)
{
        struct job *job = fake_add_map(e, getuid(), 0);

        e->is_queue_full = true;
        peer_append(peer, 2, 1, 0, "a");
        peer_append(peer, 3, 1, 1, "b");
        peer_close_input(peer, 4, 1, 0, "enough");
        peer_expect_nothing(peer);
        job->row.input = JOURNAL_INPUT_CLOSED;
        something_happens();
        peer_expect(peer, "2 error(STATE)");
        peer_expect(peer, "3 error(STATE)");
        peer_expect(peer, "4 done");
}
END_TEST

START_TEST(maps_do_not_wait_for_each_other)
{
        struct peer *other = peer_new(&stage);
        struct job *two;

        fake_add_map(e, getuid(), 0);
        two = fake_add_map(e, getuid(), 0);
        e->is_queue_full = true;
        peer_append(peer, 2, 1, 0, "a");
        peer_append(peer, 3, 2, 0, "b");
        peer_append(other, 2, 2, 0, "b");
        peer_expect_nothing(other);
        two->row.input = JOURNAL_INPUT_CLOSED;
        something_happens();
        peer_expect(peer, "3 error(STATE)");
        peer_expect(other, "2 error(STATE)");
        peer_expect_nothing(peer);
}
END_TEST

START_TEST(the_job_ends_meanwhile)
{
        struct job *job = fake_add_map(e, getuid(), 0);

        e->is_queue_full = true;
        peer_append(peer, 2, 1, 0, "a");
        peer_append(peer, 3, 1, 1, "b");
        peer_close_input(peer, 4, 1, 2, NULL);
        peer_expect_nothing(peer);
        fake_close(e, job, JOB_CANCELLED, NULL);
        something_happens();
        peer_expect(peer, "2 error(STATE)");
        peer_expect(peer, "3 error(STATE)");
        peer_expect(peer, "4 done");
}
END_TEST

START_TEST(the_client_goes_while_it_waits)
{
        struct peer *other = peer_new(&stage);

        fake_add_map(e, getuid(), 0);
        e->is_queue_full = true;
        peer_append(other, 2, 1, 0, "a");
        peer_append(other, 3, 1, 1, "b");
        peer_append(peer, 2, 1, 0, "a");
        peer_expect_nothing(other);
        peer_close(other);
        e->is_queue_full = false;
        something_happens();
        peer_expect(peer, "2 appended(0, 1)");
}
END_TEST

/* ------------------------------------------------------------------------------------------ job 0
 */

START_TEST(job_0_is_the_last_submit)
{
        submit(peer, 2, true);
        peer_append(peer, 3, 0, 0, "a");
        peer_close_input(peer, 4, 0, 1, NULL);
        submit(peer, 5, true);
        peer_append(peer, 6, 0, 0, "b c");
        peer_expect(peer, "2 submitted(1, 1)");
        peer_expect(peer, "3 appended(0, 1)");
        peer_expect(peer, "4 done");
        peer_expect(peer, "5 submitted(2, 1)");
        peer_expect(peer, "6 appended(0, 2)");
        ck_assert_str_eq(e->trace, "append(1,0) close(1,1) append(2,0) ");
}
END_TEST

START_TEST(job_0_without_a_submit)
{
        peer_append(peer, 2, 0, 0, "a");
        peer_expect(peer, "2 error(USAGE)");
        peer_close_input(peer, 3, 0, 0, NULL);
        peer_expect(peer, "3 error(USAGE)");
}
END_TEST

START_TEST(job_0_of_another_connection)
{
        struct peer *other = peer_new(&stage);

        submit(other, 2, true);
        peer_expect(other, "2 submitted(1, 1)");
        peer_append(peer, 2, 0, 0, "a");
        peer_expect(peer, "2 error(USAGE)");
}
END_TEST

START_TEST(job_0_while_the_submit_is_looked_up)
{
        for (int i = 0; i < 5; i++)
                fake_add_map(e, getuid(), 0);
        e->submit_is_existing = true; /* and says job 5 */
        e->is_holding_reads = true;
        submit(peer, 2, true);
        peer_append(peer, 3, 0, 0, "a");
        peer_append(peer, 4, 0, 1, "b");
        peer_close_input(peer, 5, 0, 2, NULL);
        peer_expect_nothing(peer);
        something_happens();
        ck_assert_str_eq(e->trace, "");
        e->is_holding_reads = false;
        peer_expect(peer, "2 submitted(5, 1, known)");
        peer_expect(peer, "3 appended(0, 1)");
        peer_expect(peer, "4 appended(1, 2)");
        peer_expect(peer, "5 done");
        ck_assert_uint_eq(fake_row(e, 5)->appenders_count, 1);
}
END_TEST

/* The Submit before it does not count any more. */
START_TEST(job_0_while_the_second_submit_is_looked_up)
{
        for (int i = 0; i < 5; i++)
                fake_add_map(e, getuid(), 0);
        submit(peer, 2, true);
        peer_expect(peer, "2 submitted(6, 1)");
        e->submit_is_existing = true;
        e->is_holding_reads = true;
        submit(peer, 3, true);
        peer_append(peer, 4, 0, 0, "a");
        peer_append(peer, 5, 6, 0, "b"); /* which needs not wait */
        peer_expect(peer, "5 appended(0, 1)");
        e->is_holding_reads = false;
        peer_expect(peer, "3 submitted(5, 1, known)");
        peer_expect(peer, "4 appended(0, 1)");
        ck_assert_str_eq(e->trace, "append(6,0) append(5,0) ");
}
END_TEST

START_TEST(job_0_looked_up_and_no_room)
{
        for (int i = 0; i < 5; i++)
                fake_add_map(e, getuid(), 0);
        e->submit_is_existing = true;
        e->is_holding_reads = true;
        e->is_queue_full = true;
        submit(peer, 2, true);
        peer_append(peer, 3, 0, 0, "a");
        peer_append(peer, 4, 0, 1, "b");
        peer_expect_nothing(peer);
        e->is_holding_reads = false;
        peer_expect(peer, "2 submitted(5, 1, known)");
        peer_expect_nothing(peer);
        peer_append(peer, 5, 0, 2, "c"); /* job 0 and job 5 are one queue */
        peer_append(peer, 6, 5, 3, "d");
        peer_expect_nothing(peer);
        e->is_queue_full = false;
        something_happens();
        peer_expect(peer, "3 appended(0, 1)");
        peer_expect(peer, "4 appended(1, 2)");
        peer_expect(peer, "5 appended(2, 3)");
        peer_expect(peer, "6 appended(3, 4)");
}
END_TEST

START_TEST(job_0_after_a_refused_submit)
{
        submit(peer, 2, true);
        peer_expect(peer, "2 submitted(1, 1)");
        e->submit_answer = ENGINE_E_LIMIT;
        submit(peer, 3, true);
        peer_append(peer, 4, 0, 0, "a");
        peer_append(peer, 5, 0, 1, "b");
        peer_expect(peer, "3 error(BUSY)");
        peer_expect(peer, "4 error(USAGE)");
        peer_expect(peer, "5 error(USAGE)");
}
END_TEST

/* -------------------------------------------------------------------------- finished and foreign
 */

START_TEST(finished_jobs)
{
        fake_close(e, fake_add_map(e, getuid(), 0), JOB_CANCELLED, NULL);
        peer_append(peer, 2, 1, 0, "a");
        peer_append(peer, 3, 1, 1, "b");
        peer_close_input(peer, 4, 1, 2, NULL);
        peer_expect(peer, "2 error(STATE)");
        peer_expect(peer, "3 error(STATE)");
        peer_expect(peer, "4 done");
        peer_append(peer, 5, 99, 0, "a");
        peer_expect(peer, "5 error(NO_SUCH_JOB)");
        peer_close_input(peer, 6, 99, 0, NULL);
        peer_expect(peer, "6 error(NO_SUCH_JOB)");
}
END_TEST

START_TEST(foreign_jobs)
{
        struct job *job = fake_add_map(e, STAGE_UID_OTHER, 0);

        fake_close(e, fake_add_map(e, STAGE_UID_OTHER, 0), JOB_CANCELLED, NULL);
        peer_append(peer, 2, 1, 0, "a");
        peer_expect(peer, "2 error(NO_SUCH_JOB)");
        peer_close_input(peer, 3, 1, 0, NULL);
        peer_expect(peer, "3 error(NO_SUCH_JOB)");
        peer_append(peer, 4, 2, 0, "a");
        peer_expect(peer, "4 error(NO_SUCH_JOB)");
        ck_assert_str_eq(e->trace, "");
        ck_assert_uint_eq(job->appenders_count, 0);
}
END_TEST

/* Questions to the journal are few at a time, also these. */
START_TEST(many_for_a_finished_job)
{
        fake_close(e, fake_add_map(e, getuid(), 0), JOB_CANCELLED, NULL);
        e->is_holding_reads = true;
        for (uint64_t n = 0; n < 50; n++)
                peer_append(peer, 2 + n, 1, n, "a");
        peer_expect_nothing(peer);
        ck_assert_uint_le(e->reads_count, 8);
        e->is_holding_reads = false;
        while (peer->lines_count < 51)
                stage_turn(&stage);
        ck_assert_str_eq(peer->lines[1], "2 error(STATE)");
        ck_assert_str_eq(peer->lines[50], "51 error(STATE)");
}
END_TEST

/* ------------------------------------------------------------------------------------- appenders
 */

START_TEST(appenders_come_and_go)
{
        struct peer *other = peer_new(&stage);
        struct job *job = fake_add_map(e, getuid(), 0);

        peer_append(peer, 2, 1, 0, "a");
        peer_append(peer, 3, 1, 1, "b");
        peer_expect(peer, "2 appended(0, 1)");
        peer_expect(peer, "3 appended(1, 2)");
        ck_assert_uint_eq(job->appenders_count, 1);
        peer_append(other, 2, 1, 2, "c");
        peer_expect(other, "2 appended(2, 3)");
        ck_assert_uint_eq(job->appenders_count, 2);
        peer_close(other);
        ck_assert_uint_eq(job->appenders_count, 1);
        peer_close(peer);
        ck_assert_uint_eq(job->appenders_count, 0);
}
END_TEST

START_TEST(who_submits_a_map_appends)
{
        submit(peer, 2, false);
        submit(peer, 3, true);
        peer_expect(peer, "2 submitted(1, 1)");
        peer_expect(peer, "3 submitted(2, 1)");
        ck_assert_uint_eq(fake_row(e, 1)->appenders_count, 0);
        ck_assert_uint_eq(fake_row(e, 2)->appenders_count, 1);
        peer_append(peer, 4, 2, 0, "a");
        peer_expect(peer, "4 appended(0, 1)");
        ck_assert_uint_eq(fake_row(e, 2)->appenders_count, 1);
        peer_close(peer);
        ck_assert_uint_eq(fake_row(e, 2)->appenders_count, 0);
}
END_TEST

START_TEST(who_waits_for_room_appends)
{
        struct job *job = fake_add_map(e, getuid(), 0);

        e->is_queue_full = true;
        peer_append(peer, 2, 1, 0, "a");
        peer_expect_nothing(peer);
        ck_assert_uint_eq(job->appenders_count, 1);
        peer_close(peer);
        ck_assert_uint_eq(job->appenders_count, 0);
}
END_TEST

/* Maps that have ended make room for others; the connection's end finds those that are left. */
START_TEST(many_maps_of_one_connection)
{
        uint64_t tag = 2, alive = 0;

        for (uint64_t id = 1; id <= 20; id++) {
                char line[64];

                fake_add_map(e, getuid(), 0);
                peer_append(peer, tag, id, 0, "a");
                snprintf(line, sizeof(line), "%u appended(0, 1)", (unsigned int)tag++);
                peer_expect(peer, line);
                if (id % 3)
                        fake_close(e, fake_row(e, id), JOB_SUCCEEDED, NULL);
        }
        peer_close(peer);
        for (uint64_t id = 3; id <= 20; id += 3)
                alive += fake_row(e, id)->appenders_count;
        ck_assert_uint_eq(alive, 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients append");
        TCase *t = tcase_create("append"), *plain = tcase_create("plain");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, chunks_and_close);
        tcase_add_test(t, an_empty_chunk);
        tcase_add_test(t, the_same_chunk_again);
        tcase_add_test(t, waits_for_the_disk);
        tcase_add_test(t, refused_by_the_engine);
        tcase_add_test(t, waits_for_room);
        tcase_add_test(t, room_comes_while_the_next_arrives);
        tcase_add_test(t, the_first_of_the_queue_is_refused);
        tcase_add_test(t, maps_do_not_wait_for_each_other);
        tcase_add_test(t, the_job_ends_meanwhile);
        tcase_add_test(t, the_client_goes_while_it_waits);
        tcase_add_test(t, job_0_is_the_last_submit);
        tcase_add_test(t, job_0_without_a_submit);
        tcase_add_test(t, job_0_of_another_connection);
        tcase_add_test(t, job_0_while_the_submit_is_looked_up);
        tcase_add_test(t, job_0_while_the_second_submit_is_looked_up);
        tcase_add_test(t, job_0_looked_up_and_no_room);
        tcase_add_test(t, job_0_after_a_refused_submit);
        tcase_add_test(t, finished_jobs);
        tcase_add_test(t, many_for_a_finished_job);
        tcase_add_test(t, appenders_come_and_go);
        tcase_add_test(t, who_submits_a_map_appends);
        tcase_add_test(t, who_waits_for_room_appends);
        tcase_add_test(t, many_maps_of_one_connection);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(plain, setup_user, teardown);
        tcase_add_test(plain, foreign_jobs);
        suite_add_tcase(suite, plain);
        return suite_run(suite);
}
