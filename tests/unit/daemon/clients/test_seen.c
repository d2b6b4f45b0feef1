/* SPDX-License-Identifier: Apache-2.0 */
/* seen and inputs: of maps that are under way, have ended, are somebody else's, or not there. */
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

START_TEST(seen_of_a_job_under_way)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        peer_seen(peer, 2, 1, 5);
        peer_expect(peer, "2 done");
        ck_assert_uint_eq(job->row.seen_task, 5);
        ck_assert_uint_eq(e->reads_count, 0);
}
END_TEST

START_TEST(seen_of_a_finished_job)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        fake_close(e, job, JOB_SUCCEEDED, NULL);
        peer_seen(peer, 2, 1, 9);
        peer_expect(peer, "2 done");
        ck_assert_uint_eq(job->row.seen_task, 9);
}
END_TEST

START_TEST(seen_waits_for_the_disk)
{
        struct job *job = fake_add_map(e, getuid(), 9);

        stage.is_lagging = true;
        stage.durable = e->sequence;
        peer_seen(peer, 2, 1, 5);
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "2 done");
        fake_close(e, job, JOB_SUCCEEDED, NULL);
        stage.durable = e->sequence;
        peer_seen(peer, 3, 1, 6);
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "3 done");
}
END_TEST

START_TEST(not_there)
{
        peer_seen(peer, 2, 99, 5);
        peer_expect(peer, "2 error(NO_SUCH_JOB)");
        peer_inputs(peer, 3, 99, 0, 0);
        peer_expect(peer, "3 error(NO_SUCH_JOB)");
        ck_assert_str_eq(e->trace, "");
}
END_TEST

START_TEST(foreign)
{
        struct job *job = fake_add_map(e, STAGE_UID_OTHER, 0);

        fake_close(e, fake_add_map(e, STAGE_UID_OTHER, 0), JOB_SUCCEEDED, NULL);
        peer_seen(peer, 2, 1, 5);
        peer_expect(peer, "2 error(NO_SUCH_JOB)");
        peer_seen(peer, 3, 2, 5);
        peer_expect(peer, "3 error(NO_SUCH_JOB)");
        job->chunks[0] = (struct fake_chunk){ .count = 1 };
        ck_assert_int_eq(journal_blob_new(strdup("a"), 2, &job->chunks[0].values), 0);
        job->row.chunk_next = 1;
        peer_inputs(peer, 4, 1, 0, 0);
        peer_expect(peer, "4 error(NO_SUCH_JOB)");
        ck_assert_str_eq(e->trace, "");
}
END_TEST

START_TEST(foreign_for_an_administrator)
{
        struct job *job = fake_add_map(e, STAGE_UID_OTHER, 3);

        peer_append(peer, 2, 1, 0, "a b");
        peer_expect(peer, "2 appended(0, 5)");
        peer_inputs(peer, 3, 1, 3, 0);
        peer_expect(peer, "3 inputs(3, 2 a b)");
        peer_seen(peer, 4, 1, 1);
        peer_expect(peer, "4 done");
        ck_assert_uint_eq(job->row.seen_task, 1);
}
END_TEST

START_TEST(inputs)
{
        fake_add_map(e, getuid(), 0);
        peer_append(peer, 2, 1, 0, "a b c");
        peer_append(peer, 3, 1, 1, "d e");
        peer_expect(peer, "2 appended(0, 3)");
        peer_expect(peer, "3 appended(1, 5)");
        peer_inputs(peer, 4, 1, 0, 0);
        peer_expect(peer, "4 inputs(0, 3 a b c)");
        peer_inputs(peer, 5, 1, 1, 1);
        peer_expect(peer, "5 inputs(1, 1 b)");
        peer_inputs(peer, 6, 1, 2, 9);
        peer_expect(peer, "6 inputs(2, 1 c)");
        peer_inputs(peer, 7, 1, 3, 0);
        peer_expect(peer, "7 inputs(3, 2 d e)");
        peer_inputs(peer, 8, 1, 5, 0);
        peer_expect(peer, "8 inputs(5, 0)");
        fake_close(e, fake_row(e, 1), JOB_SUCCEEDED, NULL);
        peer_inputs(peer, 9, 1, 4, 0);
        peer_expect(peer, "9 inputs(4, 1 e)");
}
END_TEST

START_TEST(inputs_of_several_values)
{
        struct job *job = fake_add_map(e, getuid(), 0);

        job->row.map_values = 2;
        peer_append(peer, 2, 1, 0, "a b c d");
        peer_append(peer, 3, 1, 1, "e f g");
        peer_expect(peer, "2 appended(0, 2)");
        peer_expect(peer, "3 appended(1, 4)");
        peer_inputs(peer, 4, 1, 1, 0);
        peer_expect(peer, "4 inputs(1, 2 c d)");
        peer_inputs(peer, 5, 1, 2, 1);
        peer_expect(peer, "5 inputs(2, 2 e f)");
        /* The last has fewer. */
        peer_inputs(peer, 6, 1, 3, 0);
        peer_expect(peer, "6 inputs(3, 1 g)");
}
END_TEST

START_TEST(inputs_of_a_plain_job)
{
        fake_add(e, getuid());
        peer_inputs(peer, 2, 1, 0, 0);
        peer_expect(peer, "2 inputs(0, 0)");
}
END_TEST

START_TEST(the_client_goes)
{
        fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        e->is_holding_reads = true;
        peer_seen(peer, 2, 1, 1);
        peer_inputs(peer, 3, 1, 0, 0);
        stage_turn(&stage);
        peer_close(peer);
        e->is_holding_reads = false;
        stage_turn(&stage);
        ck_assert_str_eq(e->trace, "");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients seen");
        TCase *t = tcase_create("seen"), *plain = tcase_create("plain");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, seen_of_a_job_under_way);
        tcase_add_test(t, seen_of_a_finished_job);
        tcase_add_test(t, seen_waits_for_the_disk);
        tcase_add_test(t, not_there);
        tcase_add_test(t, foreign_for_an_administrator);
        tcase_add_test(t, inputs);
        tcase_add_test(t, inputs_of_several_values);
        tcase_add_test(t, inputs_of_a_plain_job);
        tcase_add_test(t, the_client_goes);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(plain, setup_user, teardown);
        tcase_add_test(plain, foreign);
        suite_add_tcase(suite, plain);
        return suite_run(suite);
}
