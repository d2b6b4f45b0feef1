/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: greeting, questions, errors, breaking and coming back. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "common/clock.h"

#include "client/jobctl.h"
#include "client/lib/connection_dial.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

static char path[108];
static struct jobctl *conn;

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

static void script_ping(struct fake *fake)
{
        fake_accept(fake);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_ping)
{
        const pid_t pid = fake_start(path, script_ping);

        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        ck_assert_str_eq(jobctl_daemon_build(conn), "jobd fake");
        ck_assert_str_eq(jobctl_socket_path(conn), path);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

/* The question is there before the greeting is answered, and comes again when it was refused. */
static void script_early(struct fake *fake)
{
        uint64_t hello;

        fake_accept_mute(fake);
        hello = fake_read(fake, JOBD__REQUEST__BODY_HELLO)->tag;
        (void)fake_read(fake, JOBD__REQUEST__BODY_PING);
        fake_error(fake, hello, JOBD__ERROR_CODE__ERROR_BUSY, "too many", false);
        fake_accept_mute(fake);
        (void)fake_read(fake, JOBD__REQUEST__BODY_HELLO);
        (void)fake_read(fake, JOBD__REQUEST__BODY_PING);
        fake_accept_mute(fake);
        hello = fake_read(fake, JOBD__REQUEST__BODY_HELLO)->tag;
        (void)fake_read(fake, JOBD__REQUEST__BODY_PING);
        fake_greet(fake, hello);
        fake_done(fake, fake->request->tag);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_a_question_behind_the_greeting)
{
        const pid_t pid = fake_start(path, script_early);

        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

/* A signal waits for the answer: nobody could tell whether a second one would be one too many. */
static void script_not_early(struct fake *fake)
{
        uint64_t hello;
        int bytes = 0;

        fake_accept_mute(fake);
        hello = fake_read(fake, JOBD__REQUEST__BODY_HELLO)->tag;
        fake_expect(ioctl(fake->fd, FIONREAD, &bytes) == 0 && bytes == 0, "nothing else yet");
        fake_greet(fake, hello);
        fake_error(fake, fake_read(fake, JOBD__REQUEST__BODY_ACT)->tag,
                   JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB, "no job 5", false);
        fake_wait_closed(fake);
}

START_TEST(test_a_signal_waits_for_the_greeting)
{
        const pid_t pid = fake_start(path, script_not_early);
        const struct jobctl_act_options act = { .size = sizeof(act),
                                                .action = JOBCTL_ACTION_KILL,
                                                .signo = SIGTERM };
        struct jobctl_selector *selector;
        struct jobctl_result *result = NULL;

        ck_assert_int_eq(jobctl_selector_new(&selector), 0);
        ck_assert_int_eq(jobctl_selector_add_range(selector, 5, 5), 0);
        ck_assert_int_eq(jobctl_act(conn, &act, selector, &result), JOBCTL_E_NO_SUCH_JOB);
        jobctl_selector_free(selector);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

START_TEST(test_nobody)
{
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_E_NO_DAEMON);
        ck_assert_ptr_nonnull(strstr(jobctl_error_text(conn), path));
}
END_TEST

static void script_version(struct fake *fake)
{
        fake_accept_mute(fake);
        fake_error(fake, fake_read(fake, JOBD__REQUEST__BODY_HELLO)->tag,
                   JOBD__ERROR_CODE__ERROR_VERSION, "jobd 9 speaks versions 7 to 8", false);
        fake_wait_closed(fake);
}

START_TEST(test_other_version)
{
        const pid_t pid = fake_start(path, script_version);

        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_E_VERSION);
        ck_assert_str_eq(jobctl_error_text(conn), "jobd 9 speaks versions 7 to 8");
        ck_assert(fake_finish(pid));
}
END_TEST

static void script_busy(struct fake *fake)
{
        for (int i = 0; i < 3; i++) {
                fake_accept_mute(fake);
                fake_error(fake, fake_read(fake, JOBD__REQUEST__BODY_HELLO)->tag,
                           JOBD__ERROR_CODE__ERROR_BUSY, "too many connections", false);
        }
        fake_accept(fake);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_busy_is_tried_again)
{
        const pid_t pid = fake_start(path, script_busy);

        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

static void script_busy_for_ever(struct fake *fake)
{
        fake_accept_mute(fake);
        fake_error(fake, fake_read(fake, JOBD__REQUEST__BODY_HELLO)->tag,
                   JOBD__ERROR_CODE__ERROR_BUSY, "too many connections", false);
        fake_wait_closed(fake);
}

START_TEST(test_busy_ends_with_patience)
{
        const pid_t pid = fake_start(path, script_busy_for_ever);

        jobctl_set_patience(conn, 0);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_E_BUSY);
        ck_assert_str_eq(jobctl_error_text(conn), "too many connections");
        ck_assert(fake_finish(pid));
}
END_TEST

static void script_mute(struct fake *fake)
{
        fake_accept_mute(fake);
        fake_wait_closed(fake);
}

/* Of systemd's socket: it accepts while the daemon behind it is still reading its database. */
START_TEST(test_a_greeting_may_take_as_long_as_the_patience)
{
        const pid_t pid = fake_start(path, script_mute);
        const uint64_t until = clock_mono_usec() + 3600 * USEC_PER_SEC;

        jobctl_set_patience(conn, 3600 * USEC_PER_SEC);
        ck_assert_int_eq(jobctl_status_async(conn, NULL, NULL), JOBCTL_OK);
        while (conn->state != CONN_GREETING)
                ck_assert_int_eq(jobctl_process(conn), JOBCTL_OK);
        ck_assert_uint_ge(dial_next_usec(conn), until);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

/* It dies while it greets, as a daemon that is being restarted does. */
static void script_dies_greeting(struct fake *fake)
{
        fake_accept_mute(fake);
        fake_accept(fake);
        fake_wait_closed(fake);
}

START_TEST(test_a_broken_greeting_is_tried_again)
{
        const pid_t pid = fake_start(path, script_dies_greeting);

        ck_assert_int_eq(jobctl_connect(conn), JOBCTL_OK);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

/* Who never greets is no jobd, however long one waits. */
static void script_never_greets(struct fake *fake)
{
        for (;;)
                fake_accept_mute(fake);
}

START_TEST(test_no_greeting_at_all)
{
        const pid_t pid = fake_start(path, script_never_greets);

        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_E_NO_DAEMON);
        ck_assert_ptr_nonnull(strstr(jobctl_error_text(conn), "without a greeting"));
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert(!fake_finish(pid));
}
END_TEST

static void script_garbage(struct fake *fake)
{
        static const uint8_t frame[] = { 0, 0, 0, 3, 0xff, 0xff, 0xff };

        fake_accept(fake);
        (void)fake_read(fake, JOBD__REQUEST__BODY_PING);
        fake_send_bytes(fake, frame, sizeof(frame));
        fake_wait_closed(fake);
}

START_TEST(test_garbage)
{
        const pid_t pid = fake_start(path, script_garbage);

        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_E_PROTOCOL);
        ck_assert(fake_finish(pid));
}
END_TEST

/* The frame's header says more than a frame may have: the connection is worthless. */
static void script_long_frame(struct fake *fake)
{
        static const uint8_t header[] = { 0xff, 0xff, 0xff, 0xff };

        fake_accept(fake);
        (void)fake_read(fake, JOBD__REQUEST__BODY_PING);
        fake_send_bytes(fake, header, sizeof(header));
        fake_wait_closed(fake);
        fake_accept(fake);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        fake_wait_closed(fake);
}

START_TEST(test_long_frame)
{
        const pid_t pid = fake_start(path, script_long_frame);

        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

/* A restart between question and answer: asked again on the next connection. */
static void script_restart(struct fake *fake)
{
        Jobd__StatusReply status = JOBD__STATUS_REPLY__INIT;
        char text[] = "x";

        fake_accept(fake);
        (void)fake_read(fake, JOBD__REQUEST__BODY_STATUS);
        fake_close(fake);
        fake_accept(fake);
        status.build = status.containment = status.state_dir = text;
        status.pid = 42;
        fake_reply(fake, fake_read(fake, JOBD__REQUEST__BODY_STATUS)->tag, JOBD__REPLY__BODY_STATUS,
                   &status, false, -1);
        fake_wait_closed(fake);
}

START_TEST(test_restart_repeats_a_question)
{
        const pid_t pid = fake_start(path, script_restart);
        struct jobctl_result *result;

        ck_assert_int_eq(jobctl_status(conn, &result), JOBCTL_OK);
        ck_assert_uint_eq(jobctl_number_or(jobctl_result_item(result, 0), JOBCTL_STATUS_PID, 0),
                          42);
        jobctl_result_free(result);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

static void script_lost_signal(struct fake *fake)
{
        fake_accept(fake);
        (void)fake_read(fake, JOBD__REQUEST__BODY_ACT);
        fake_close(fake);
}

START_TEST(test_a_signal_is_not_sent_twice)
{
        const struct jobctl_act_options act = { .size = sizeof(act),
                                                .action = JOBCTL_ACTION_KILL,
                                                .signo = 10 };
        const pid_t pid = fake_start(path, script_lost_signal);
        struct jobctl_selector *selector;
        struct jobctl_result *result = NULL;

        ck_assert_int_eq(jobctl_selector_new(&selector), 0);
        ck_assert_int_eq(jobctl_selector_add_range(selector, 3, 3), 0);
        ck_assert_int_eq(jobctl_act(conn, &act, selector, &result), JOBCTL_E_LOST);
        ck_assert_ptr_null(result);
        jobctl_selector_free(selector);
        ck_assert(fake_finish(pid));
}
END_TEST

/* The answer was lost: that the lock is held no more says what it did. */
static void script_unlock(struct fake *fake)
{
        fake_accept(fake);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        (void)fake_read(fake, JOBD__REQUEST__BODY_UNLOCK);
        fake_close(fake);
        fake_accept(fake);
        fake_error(fake, fake_read(fake, JOBD__REQUEST__BODY_UNLOCK)->tag,
                   JOBD__ERROR_CODE__ERROR_STATE, "does not hold", false);
        fake_error(fake, fake_read(fake, JOBD__REQUEST__BODY_UNLOCK)->tag,
                   JOBD__ERROR_CODE__ERROR_STATE, "does not hold", false);
        (void)fake_read(fake, JOBD__REQUEST__BODY_UNLOCK);
        fake_close(fake);
        fake_accept(fake);
        fake_error(fake, fake_read(fake, JOBD__REQUEST__BODY_UNLOCK)->tag,
                   JOBD__ERROR_CODE__ERROR_DENIED, "no", false);
        fake_wait_closed(fake);
}

START_TEST(test_an_unlock_that_comes_again)
{
        const pid_t pid = fake_start(path, script_unlock);

        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        ck_assert_int_eq(jobctl_unlock(conn, "build", 42), JOBCTL_OK);
        ck_assert_int_eq(jobctl_unlock(conn, "build", 42), JOBCTL_E_STATE);
        ck_assert_int_eq(jobctl_unlock(conn, "build", 42), JOBCTL_E_DENIED);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

static void script_one_then_gone(struct fake *fake)
{
        fake_accept(fake);
        fake_done(fake, fake_read(fake, JOBD__REQUEST__BODY_PING)->tag);
        (void)fake_read(fake, JOBD__REQUEST__BODY_PING);
        unlink(path);
        fake_close(fake);
        close(fake->listen_fd);
}

START_TEST(test_patience_ends)
{
        const pid_t pid = fake_start(path, script_one_then_gone);

        jobctl_set_patience(conn, 50000);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_OK);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_E_NO_DAEMON);
        ck_assert(fake_finish(pid));
}
END_TEST

/* ------------------------------------------------------------------------ a user daemon ends */

static void script_killed(struct fake *fake)
{
        fake_accept(fake);
        (void)fake_read(fake, JOBD__REQUEST__BODY_PING);
        close(fake->listen_fd);
}

static void script_shut_down(struct fake *fake)
{
        fake_accept(fake);
        (void)fake_read(fake, JOBD__REQUEST__BODY_PING);
        unlink(path);
        close(fake->listen_fd);
}

/* Is a daemon that ended by `script` started again? */
static bool is_started_again(fake_script_fn script)
{
        char program[160], started[160];
        FILE *out;
        pid_t pid;

        snprintf(program, sizeof(program), "%s/program", fake_folder());
        snprintf(started, sizeof(started), "%s/started", fake_folder());
        out = fopen(program, "w");
        ck_assert_ptr_nonnull(out);
        fprintf(out, "#!/bin/sh\n>%s\nexit 1\n", started);
        ck_assert_int_eq(fclose(out), 0);
        ck_assert_int_eq(chmod(program, 0700), 0);
        ck_assert_int_eq(setenv("JOBD_PROGRAM", program, 1), 0);
        snprintf(path, sizeof(path), "%s/run", fake_folder());
        ck_assert_int_eq(mkdir(path, 0700), 0);
        strcat(path, "/jobd.sock");
        ck_assert_int_eq(jobctl_set_socket(conn, NULL), 0);
        ck_assert_int_eq(jobctl_set_state_dir(conn, fake_folder()), 0);
        jobctl_set_patience(conn, 1200000);
        pid = fake_start(path, script);
        ck_assert_int_eq(jobctl_ping(conn), JOBCTL_E_NO_DAEMON);
        ck_assert(fake_finish(pid));
        return access(started, F_OK) == 0;
}

START_TEST(test_killed_is_started_again)
{
        ck_assert(is_started_again(script_killed));
}
END_TEST

START_TEST(test_shut_down_is_left_alone)
{
        ck_assert(!is_started_again(script_shut_down));
}
END_TEST

static void script_pages(struct fake *fake)
{
        Jobd__ActResult page = JOBD__ACT_RESULT__INIT;
        Jobd__ActOne one = JOBD__ACT_ONE__INIT;
        Jobd__ActOne *rows[] = { &one };
        uint64_t tag;

        fake_accept(fake);
        tag = fake_read(fake, JOBD__REQUEST__BODY_ACT)->tag;
        page.n_results = 1;
        page.results = rows;
        one.id = 5;
        fake_reply(fake, tag, JOBD__REPLY__BODY_ACT_RESULT, &page, true, -1);
        fake_error(fake, tag, JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB, "no job 6", true);
        one.id = 7;
        fake_reply(fake, tag, JOBD__REPLY__BODY_ACT_RESULT, &page, false, -1);
        fake_wait_closed(fake);
}

START_TEST(test_pages_and_problems)
{
        const struct jobctl_act_options act = { .size = sizeof(act), .action = JOBCTL_ACTION_HOLD };
        const pid_t pid = fake_start(path, script_pages);
        struct jobctl_selector *selector;
        struct jobctl_result *result;

        ck_assert_int_eq(jobctl_selector_new(&selector), 0);
        ck_assert_int_eq(jobctl_selector_add_range(selector, 5, 7), 0);
        ck_assert_int_eq(jobctl_act(conn, &act, selector, &result), JOBCTL_OK);
        ck_assert_uint_eq(jobctl_result_count(result), 2);
        ck_assert_uint_eq(jobctl_number_or(jobctl_result_item(result, 1), JOBCTL_ACT_ID, 0), 7);
        ck_assert_uint_eq(jobctl_result_problem_count(result), 1);
        ck_assert_str_eq(
                jobctl_get_text(jobctl_result_problem(result, 0), JOBCTL_PROBLEM_MESSAGE, NULL),
                "no job 6");
        ck_assert_ptr_null(jobctl_result_item(result, 2));
        jobctl_result_free(result);
        jobctl_selector_free(selector);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

/* Job 7 in three pieces between two others: one record, with all that it has tried. */
static void send_job(struct fake *fake, uint64_t tag, uint64_t id, uint64_t first_task,
                     size_t count, bool more)
{
        Jobd__JobPage page = JOBD__JOB_PAGE__INIT;
        Jobd__Job job = JOBD__JOB__INIT;
        Jobd__Job *jobs[] = { &job };
        Jobd__Attempt attempts[4];
        Jobd__Attempt *rows[4];

        for (size_t i = 0; i < count; i++) {
                jobd__attempt__init(&attempts[i]);
                attempts[i].has_task = true;
                attempts[i].task = first_task + i;
                rows[i] = &attempts[i];
        }
        job.id = id;
        job.state = JOBD__JOB_STATE__STATE_RUNNING;
        job.n_attempts = count;
        job.attempts = rows;
        page.n_jobs = 1;
        page.jobs = jobs;
        fake_reply(fake, tag, JOBD__REPLY__BODY_JOB_PAGE, &page, more, -1);
}

static void script_pieces(struct fake *fake)
{
        uint64_t tag;

        fake_accept(fake);
        tag = fake_read(fake, JOBD__REQUEST__BODY_INFO)->tag;
        send_job(fake, tag, 6, 0, 1, true);
        send_job(fake, tag, 7, 0, 4, true);
        send_job(fake, tag, 7, 4, 4, true);
        send_job(fake, tag, 7, 8, 3, true);
        send_job(fake, tag, 8, 0, 0, true);
        send_job(fake, tag, 8, 0, 2, false);
        fake_wait_closed(fake);
}

START_TEST(test_pieces_of_a_job)
{
        static const size_t counts[] = { 1, 11, 2 };
        const pid_t pid = fake_start(path, script_pieces);
        struct jobctl_selector *selector;
        struct jobctl_result *result;

        ck_assert_int_eq(jobctl_selector_new(&selector), 0);
        ck_assert_int_eq(jobctl_selector_add_range(selector, 6, 8), 0);
        ck_assert_int_eq(jobctl_info(conn, selector, false, &result), JOBCTL_OK);
        ck_assert_uint_eq(jobctl_result_count(result), 3);
        for (size_t i = 0; i < 3; i++) {
                const struct jobctl_item *const job = jobctl_result_item(result, i);

                ck_assert_uint_eq(jobctl_number_or(job, JOBCTL_JOB_ID, 0), 6 + i);
                ck_assert_uint_eq(jobctl_count(job, JOBCTL_JOB_ATTEMPTS), counts[i]);
                for (size_t k = 0; k < counts[i]; k++)
                        ck_assert_uint_eq(
                                jobctl_number_or(jobctl_get_item_at(job, JOBCTL_JOB_ATTEMPTS, k),
                                                 JOBCTL_ATTEMPT_TASK, 99),
                                k);
        }
        jobctl_result_free(result);
        jobctl_selector_free(selector);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

/* ------------------------------------------------------------------------------------- submit */

static struct jobctl_spec *make_spec(const char *word)
{
        struct jobctl_spec *spec;
        const char *const argv[] = { word, "x" };

        ck_assert_int_eq(jobctl_spec_new(&spec), 0);
        ck_assert_int_eq(jobctl_spec_set_argv(spec, argv, 2), 0);
        ck_assert_int_eq(jobctl_spec_capture(spec), 0);
        return spec;
}

static void send_submitted(struct fake *fake, uint64_t tag, uint64_t first, uint32_t count)
{
        Jobd__Submitted submitted = JOBD__SUBMITTED__INIT;

        submitted.first_id = first;
        submitted.count = count;
        fake_reply(fake, tag, JOBD__REPLY__BODY_SUBMITTED, &submitted, false, -1);
}

/* The connection breaks before the answer: the same key comes again. */
static void script_same_key(struct fake *fake)
{
        uint8_t key[WIRE_KEY_BYTES];
        const Jobd__Request *request;

        fake_accept(fake);
        request = fake_read(fake, JOBD__REQUEST__BODY_SUBMIT);
        fake_expect(request->submit->n_jobs == 2, "two jobs in one frame");
        fake_expect(request->submit->n_environments == 1, "one environment for both");
        fake_expect(request->submit->jobs[1]->environment == 0, "the shared environment");
        memcpy(key, request->submit->key.data, sizeof(key));
        fake_close(fake);
        fake_accept(fake);
        request = fake_read(fake, JOBD__REQUEST__BODY_SUBMIT);
        fake_expect(memcmp(key, request->submit->key.data, sizeof(key)) == 0, "the same key");
        send_submitted(fake, request->tag, 17, 2);
        request = fake_read(fake, JOBD__REQUEST__BODY_SUBMIT);
        fake_expect(memcmp(key, request->submit->key.data, sizeof(key)) != 0, "another key");
        send_submitted(fake, request->tag, 19, 1);
        fake_wait_closed(fake);
}

START_TEST(test_submit_keeps_its_key)
{
        const pid_t pid = fake_start(path, script_same_key);
        struct jobctl_spec *specs[] = { make_spec("a"), make_spec("b") };
        uint64_t ids[2];
        bool existing = true;

        ck_assert_int_eq(jobctl_submit(conn, specs, 2, ids, &existing), JOBCTL_OK);
        ck_assert_uint_eq(ids[0], 17);
        ck_assert_uint_eq(ids[1], 18);
        ck_assert(!existing);
        ck_assert_int_eq(jobctl_submit(conn, specs, 1, ids, NULL), JOBCTL_OK);
        ck_assert_uint_eq(ids[0], 19);
        jobctl_spec_free(specs[0]);
        jobctl_spec_free(specs[1]);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

static void script_two_environments(struct fake *fake)
{
        const Jobd__Submit *submit;

        fake_accept(fake);
        submit = fake_read(fake, JOBD__REQUEST__BODY_SUBMIT)->submit;
        fake_expect(submit->n_jobs == 3 && submit->n_environments == 2, "two environments");
        fake_expect(submit->jobs[0]->environment == 0 && submit->jobs[1]->environment == 1 &&
                            submit->jobs[2]->environment == 1,
                    "each with its own");
        send_submitted(fake, fake->request->tag, 1, 3);
        fake_wait_closed(fake);
}

START_TEST(test_submit_tells_environments_apart)
{
        const pid_t pid = fake_start(path, script_two_environments);
        struct jobctl_spec *specs[] = { make_spec("a"), make_spec("b"), make_spec("c") };
        uint64_t ids[3];

        ck_assert_int_eq(jobctl_spec_add_environment(specs[0], "JOBCTL_TEST=1"), 0);
        ck_assert_int_eq(jobctl_spec_add_environment(specs[1], "JOBCTL_TEST=2"), 0);
        ck_assert_int_eq(jobctl_spec_add_environment(specs[2], "JOBCTL_TEST=2"), 0);
        ck_assert_int_eq(jobctl_submit(conn, specs, 3, ids, NULL), JOBCTL_OK);
        for (size_t i = 0; i < 3; i++)
                jobctl_spec_free(specs[i]);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

#define MANY 25000

/* As many as fit: 10,000 a frame. The second frame is refused, the third accepted. */
static void script_many(struct fake *fake)
{
        fake_accept(fake);
        for (int i = 0; i < 3; i++) {
                const Jobd__Request *const request = fake_read(fake, JOBD__REQUEST__BODY_SUBMIT);
                const size_t count = request->submit->n_jobs;

                fake_expect(count == (i == 2 ? 5000 : 10000), "full frames");
                if (i == 1)
                        fake_error(fake, request->tag, JOBD__ERROR_CODE__ERROR_BUSY, "too many",
                                   false);
                else
                        send_submitted(fake, request->tag, 1 + 10000 * (uint64_t)i,
                                       (uint32_t)count);
        }
        fake_wait_closed(fake);
}

START_TEST(test_submit_splits_into_frames)
{
        const pid_t pid = fake_start(path, script_many);
        static struct jobctl_spec *specs[MANY];
        static uint64_t ids[MANY];
        struct jobctl_spec *spec;
        const char *const argv[] = { "true" };

        ck_assert_int_eq(jobctl_spec_new(&spec), 0);
        ck_assert_int_eq(jobctl_spec_set_argv(spec, argv, 1), 0);
        ck_assert_int_eq(jobctl_spec_capture_cwd(spec), 0);
        for (size_t i = 0; i < MANY; i++)
                specs[i] = spec;
        ck_assert_int_eq(jobctl_submit(conn, specs, MANY, ids, NULL), JOBCTL_E_BUSY);
        ck_assert_str_eq(jobctl_error_text(conn), "too many");
        ck_assert_uint_eq(ids[9999], 10000);
        ck_assert_uint_eq(ids[10000], 0);
        ck_assert_uint_eq(ids[20000], 20001);
        jobctl_spec_free(spec);
        teardown();
        ck_assert(fake_finish(pid));
}
END_TEST

START_TEST(test_submit_refuses_before_sending)
{
        struct jobctl_spec *spec = make_spec("a");
        uint64_t id;

        ck_assert_int_eq(jobctl_spec_set_argv(spec, NULL, 0), 0);
        ck_assert_int_eq(jobctl_submit(conn, &spec, 1, &id, NULL), JOBCTL_E_USAGE);
        ck_assert_uint_gt(strlen(jobctl_error_text(conn)), 10);
        ck_assert_int_eq(conn->state, CONN_DOWN);
        jobctl_spec_free(spec);
}
END_TEST

static void on_dropped(void *arg, int code, const char *text, uint64_t first_id _unused_,
                       size_t count _unused_, bool existing _unused_)
{
        ck_assert_uint_gt(strlen(text), 0);
        *(int *)arg = code;
}

START_TEST(test_free_tells_what_is_under_way)
{
        struct jobctl_spec *spec = make_spec("a");
        int code = 0;

        ck_assert_int_eq(jobctl_submit_async(conn, &spec, 1, on_dropped, &code), JOBCTL_OK);
        teardown();
        ck_assert_int_eq(code, JOBCTL_E_LOST);
        jobctl_spec_free(spec);
}
END_TEST

SUITE_MAIN("connection", setup, teardown, test_ping, test_a_question_behind_the_greeting,
           test_a_signal_waits_for_the_greeting, test_nobody, test_other_version,
           test_busy_is_tried_again, test_busy_ends_with_patience,
           test_a_greeting_may_take_as_long_as_the_patience, test_a_broken_greeting_is_tried_again,
           test_no_greeting_at_all, test_garbage, test_long_frame, test_restart_repeats_a_question,
           test_a_signal_is_not_sent_twice, test_an_unlock_that_comes_again, test_patience_ends,
           test_killed_is_started_again, test_shut_down_is_left_alone, test_pages_and_problems,
           test_pieces_of_a_job, test_submit_keeps_its_key, test_submit_tells_environments_apart,
           test_submit_splits_into_frames, test_submit_refuses_before_sending,
           test_free_tells_what_is_under_way)
