/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit: what of a Spec reaches the engine and how, refusals before anything is posted, and the
 * answer, which may come later or find its client gone.
 */
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

/* A request of two jobs with one environment, to be changed before it is sent. */
static struct {
        Jobd__Request request;
        Jobd__Submit submit;
        Jobd__Environment environment, *environments[1];
        ProtobufCBinaryData entries[1];
        Jobd__Submission jobs[2], *job_pointers[2];
        Jobd__Spec specs[2];
        ProtobufCBinaryData argv[2][1];
} m;

static void fill(size_t jobs_count)
{
        static uint8_t key[WIRE_KEY_BYTES] = { 1, 2, 3 }, command[] = "true", entry[] = "A=b";

        memset(&m, 0, sizeof(m));
        jobd__request__init(&m.request);
        jobd__submit__init(&m.submit);
        jobd__environment__init(&m.environment);
        m.entries[0] = (ProtobufCBinaryData){ .len = 3, .data = entry };
        m.environment.entries = m.entries;
        m.environment.n_entries = 1;
        m.environments[0] = &m.environment;
        for (size_t i = 0; i < jobs_count; i++) {
                jobd__submission__init(&m.jobs[i]);
                jobd__spec__init(&m.specs[i]);
                m.argv[i][0] = (ProtobufCBinaryData){ .len = 4, .data = command };
                m.specs[i].argv = m.argv[i];
                m.specs[i].n_argv = 1;
                m.jobs[i].spec = &m.specs[i];
                m.jobs[i].has_environment = true;
                m.job_pointers[i] = &m.jobs[i];
        }
        m.submit.key = (ProtobufCBinaryData){ .len = sizeof(key), .data = key };
        m.submit.environments = m.environments;
        m.submit.n_environments = 1;
        m.submit.jobs = m.job_pointers;
        m.submit.n_jobs = jobs_count;
        m.request.tag = 2;
        m.request.body_case = JOBD__REQUEST__BODY_SUBMIT;
        m.request.submit = &m.submit;
}

static void setup_two(void)
{
        fill(2);
}

START_TEST(two_jobs)
{
        const struct journal_blob *blob;
        Jobd__Spec *spec;

        m.specs[0].name = (char *)(uintptr_t) "first";
        peer_send(peer, &m.request);
        peer_expect(peer, "2 submitted(1, 2)");
        ck_assert_uint_eq(stage.engine.jobs_count, 2);
        ck_assert_uint_eq(stage.engine.jobs[0]->row.uid, getuid());
        /* One blob for the environment of both. */
        ck_assert_uint_eq(stage.engine.environments_count, 1);
        ck_assert_str_eq(stage.engine.spec_name, "first");
        blob = stage.engine.jobs[0]->row.spec;
        ck_assert_int_eq(wire_unpack_spec(blob->data, blob->size, &spec, NULL), 0);
        ck_assert_str_eq(spec->name, "first");
        wire_free_spec(spec);
}
END_TEST

START_TEST(waits_for_the_disk)
{
        stage.is_lagging = true;
        peer_send(peer, &m.request);
        peer_expect_nothing(peer);
        stage.durable = 1;
        peer_expect_nothing(peer);
        stage.durable = 2;
        peer_expect(peer, "2 submitted(1, 2)");
}
END_TEST

START_TEST(everything_of_a_spec)
{
        static uint32_t retry_on[] = { 1, 255 };
        Jobd__Spec *spec = &m.specs[0];
        const struct engine_spec *got = &stage.engine.spec;

        fill(1);
        spec->has_hold = spec->hold = true;
        spec->has_requeue = spec->requeue = true;
        spec->has_priority = true;
        spec->priority = -7;
        spec->has_cpus = true;
        spec->cpus = 3;
        spec->has_memory_bytes = true;
        spec->memory_bytes = 1 << 20;
        spec->has_begin_wall_usec = true;
        spec->begin_wall_usec = 99;
        spec->has_retries = true;
        spec->retries = 4;
        spec->has_retry_delay_usec = true;
        spec->retry_delay_usec = 5;
        spec->retry_on = retry_on;
        spec->n_retry_on = 2;
        spec->unique = (char *)(uintptr_t) "key";
        spec->has_array_first = spec->has_array_last = spec->has_array_step = true;
        spec->has_array_width = true;
        spec->array_first = 10;
        spec->array_last = 20;
        spec->array_step = 4;
        spec->array_width = 2;
        peer_send(peer, &m.request);
        peer_expect(peer, "2 submitted(1, 1)");
        ck_assert(got->hold && got->requeue && got->is_array && got->unique_key);
        ck_assert_int_eq(got->priority, -7);
        ck_assert_uint_eq(got->cpus, 3);
        ck_assert_uint_eq(got->memory_bytes, 1 << 20);
        ck_assert_uint_eq(got->begin_wall_usec, 99);
        ck_assert_uint_eq(got->retries, 4);
        ck_assert_uint_eq(got->retry_delay_usec, 5);
        ck_assert_uint_eq(got->task_count, 3); /* 10, 14, 18 */
        ck_assert_uint_eq(got->array_first, 10);
        ck_assert_uint_eq(got->array_step, 4);
        ck_assert_uint_eq(got->array_width, 2);
        ck_assert_uint_eq(stage.engine.retry_on[0], 2);
        ck_assert_uint_eq(stage.engine.retry_on[31], 128);
}
END_TEST

START_TEST(a_plain_spec)
{
        const struct engine_spec *got = &stage.engine.spec;

        fill(1);
        m.submit.n_environments = 0;
        m.jobs[0].has_environment = false;
        peer_send(peer, &m.request);
        peer_expect(peer, "2 submitted(1, 1)");
        ck_assert(!got->hold && !got->requeue && !got->is_array);
        ck_assert_ptr_null(got->name);
        ck_assert_ptr_null(got->unique_key);
        ck_assert_ptr_null(got->retry_on);
        ck_assert_ptr_null(got->environment);
        ck_assert_uint_eq(got->task_count, 1);
}
END_TEST

/* The job's own words count; what it leaves open is its queue's to say. */
START_TEST(a_queue_fills_in_what_is_open)
{
        struct queue *queue;
        Jobd__Spec *spec;
        struct journal_blob *blob;

        ck_assert_int_eq(queues_add(&stage.engine.queues, 1, "night", QUEUE_FIFO, &queue), 0);
        queue->time_limit_usec = 5000;
        queue->memory_bytes = 6000;
        queue->cpus = 7;
        queue->priority = -8;
        fill(1);
        m.specs[0].queue = (char *)(uintptr_t) "night";
        m.specs[0].has_cpus = true;
        m.specs[0].cpus = 2;
        m.specs[0].has_priority = true;
        peer_send(peer, &m.request);
        peer_expect(peer, "2 submitted(1, 1)");
        ck_assert_str_eq(stage.engine.spec_queue, "night");
        ck_assert(stage.engine.is_admin);
        ck_assert_uint_eq(stage.engine.spec.cpus, 2);
        ck_assert_int_eq(stage.engine.spec.priority, 0);
        ck_assert_uint_eq(stage.engine.spec.memory_bytes, 6000);
        ck_assert_uint_eq(stage.engine.spec.time_limit_usec, 5000);
        blob = fake_row(&stage.engine, 1)->row.spec;
        ck_assert_int_eq(wire_unpack_spec(blob->data, blob->size, &spec, NULL), 0);
        ck_assert_uint_eq(spec->time_limit_usec, 5000);
        ck_assert_uint_eq(spec->memory_bytes, 6000);
        wire_free_spec(spec);
}
END_TEST

START_TEST(one_bad_job_refuses_all)
{
        m.argv[1][0].len = 0;
        peer_send(peer, &m.request);
        peer_expect(peer, "2 error(USAGE)");
        ck_assert_uint_eq(stage.engine.jobs_count, 0);
}
END_TEST

START_TEST(bad_environment)
{
        static uint8_t entry[] = "=b";

        m.entries[0] = (ProtobufCBinaryData){ .len = 2, .data = entry };
        peer_send(peer, &m.request);
        peer_expect(peer, "2 error(USAGE)");
        ck_assert_uint_eq(stage.engine.jobs_count, 0);
}
END_TEST

START_TEST(unique_stands_alone)
{
        m.specs[1].unique = (char *)(uintptr_t) "key";
        peer_send(peer, &m.request);
        peer_expect(peer, "2 error(USAGE)");
}
END_TEST

START_TEST(refused_by_the_engine)
{
        static const struct {
                int answer;
                const char *line;
        } cases[] = { { ENGINE_E_LIMIT, "2 error(BUSY)" },
                      { ENGINE_E_FULL, "2 error(FULL)" },
                      { ENGINE_E_STOPPING, "2 error(STOPPING)" } };

        stage.engine.submit_answer = cases[_i].answer;
        peer_send(peer, &m.request);
        peer_expect(peer, cases[_i].line);
}
END_TEST

START_TEST(known_key_answers_later)
{
        stage.engine.submit_is_existing = true;
        stage.engine.is_holding_reads = true;
        peer_send(peer, &m.request);
        peer_expect_nothing(peer);
        stage.engine.is_holding_reads = false;
        peer_expect(peer, "2 submitted(5, 1, known)");
        /* The tag is free again. */
        peer_send(peer, &m.request);
        peer_expect(peer, "2 submitted(5, 1, known)");
}
END_TEST

START_TEST(gone_before_it_fed_what_it_promised)
{
        struct job *job;

        fill(1);
        m.specs[0].has_stdin_pipe = m.specs[0].stdin_pipe = true;
        peer_send(peer, &m.request);
        peer_expect(peer, "2 submitted(1, 1)");
        m.request.tag = 3;
        peer_send(peer, &m.request);
        peer_expect(peer, "3 submitted(2, 1)");
        job = stage.engine.jobs[0];
        fake_tell(&stage.engine, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(&stage.engine, job, 0, JOB_EV_STARTED, JOB_RUNNING);
        ck_assert_str_eq(stage.engine.trace, "");
        peer_close(peer);
        /* One ran, the other begins later. */
        ck_assert_str_eq(stage.engine.trace, "stdin(1.0,0,,end) ");
        job = stage.engine.jobs[1];
        fake_tell(&stage.engine, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(&stage.engine, job, 0, JOB_EV_STARTED, JOB_RUNNING);
        ck_assert_str_eq(stage.engine.trace, "stdin(1.0,0,,end) stdin(2.0,0,,end) ");
}
END_TEST

START_TEST(fed_over_another_connection)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Follow follow = JOBD__FOLLOW__INIT;
        struct peer *other = peer_new(&stage);

        fill(1);
        m.specs[0].has_stdin_pipe = m.specs[0].stdin_pipe = true;
        peer_send(peer, &m.request);
        peer_expect(peer, "2 submitted(1, 1)");
        follow.job = 1;
        follow.has_want_stdin = follow.want_stdin = true;
        follow.has_until_end = follow.until_end = true;
        request.tag = 2;
        request.body_case = JOBD__REQUEST__BODY_FOLLOW;
        request.follow = &follow;
        peer_send(other, &request);
        peer_expect(other, "2 news(queued, 0)+");
        peer_close(peer);
        fake_tell(&stage.engine, stage.engine.jobs[0], 0, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(&stage.engine, stage.engine.jobs[0], 0, JOB_EV_STARTED, JOB_RUNNING);
        ck_assert_str_eq(stage.engine.trace, "");
}
END_TEST

START_TEST(not_too_many_wait_for_the_journal)
{
        stage.engine.submit_is_existing = true;
        stage.engine.is_holding_reads = true;
        for (m.request.tag = 2; m.request.tag < 52; m.request.tag++)
                peer_send(peer, &m.request);
        stage_turn(&stage);
        ck_assert_uint_eq(stage.engine.reads_count, 8);
        stage.engine.is_holding_reads = false;
        for (int i = 0; i < 50; i++)
                stage_turn(&stage);
        ck_assert_uint_eq(peer->lines_count, 51);
}
END_TEST

START_TEST(gone_before_the_answer)
{
        stage.engine.submit_is_existing = true;
        stage.engine.is_holding_reads = true;
        peer_send(peer, &m.request);
        stage_turn(&stage);
        peer_close(peer);
        stage.engine.is_holding_reads = false;
        stage_turn(&stage);
        ck_assert_uint_eq(clients_count(stage.clients), 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients submit");
        TCase *t = tcase_create("submit");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_checked_fixture(t, setup_two, NULL);
        tcase_add_test(t, two_jobs);
        tcase_add_test(t, waits_for_the_disk);
        tcase_add_test(t, everything_of_a_spec);
        tcase_add_test(t, a_plain_spec);
        tcase_add_test(t, a_queue_fills_in_what_is_open);
        tcase_add_test(t, one_bad_job_refuses_all);
        tcase_add_test(t, bad_environment);
        tcase_add_test(t, unique_stands_alone);
        tcase_add_loop_test(t, refused_by_the_engine, 0, 3);
        tcase_add_test(t, known_key_answers_later);
        tcase_add_test(t, gone_before_it_fed_what_it_promised);
        tcase_add_test(t, fed_over_another_connection);
        tcase_add_test(t, not_too_many_wait_for_the_journal);
        tcase_add_test(t, gone_before_the_answer);
        suite_add_tcase(suite, t);
        return suite_run(suite);
}
