/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log hears of administrators: of every request that the table of verbs says, once a
 * request, with who asked, whose it was and what came of it; and nothing of one's own jobs.
 */
#include <stdio.h>
#include <string.h>

#include "common/log.h"

#include "daemon/clients/logbook.h"
#include "daemon/clients/session.h"
#include "daemon/clients/shared.h"
#include "daemon/clients/verbs.h"
#include "setup.h"
#include "tests/unit/suite.h"

/* What the log heard since the last look, a line each, without "uid N (process N) ". */
static char heard[8192];
static struct log_record last;
static char last_verb[32];

static void keep(const struct log_record *record)
{
        const char *text = strstr(record->text, ") ");

        if (record->event != LOG_EVENT_ADMIN)
                return;
        last = *record;
        snprintf(last_verb, sizeof(last_verb), "%s", record->verb ? record->verb : "");
        snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "%s\n",
                 text ? text + 2 : record->text);
}

static void expect_heard(const char *lines)
{
        ck_assert_str_eq(heard, lines);
        heard[0] = '\0';
}

static void start_hearing(void)
{
        heard[0] = '\0';
        log_init("test", LOG_LEVEL_NOTICE);
        log_set_sink(keep);
}

static void setup_heard(void)
{
        start_hearing();
        setup();
}

static void setup_user_heard(void)
{
        start_hearing();
        setup_user();
}

/* An ordinary user, in the group of administrators. */
static void setup_member_heard(void)
{
        start_hearing();
        setup_machine();
        stage.options.admin_gid = getgid();
        setup_open();
}

static void teardown_heard(void)
{
        teardown();
        log_set_sink(NULL);
}

static void ask(uint64_t tag, Jobd__Request__BodyCase kind, void *body)
{
        Jobd__Request request = JOBD__REQUEST__INIT;

        request.tag = tag;
        request.body_case = kind;
        request.ping = body; /* every body is a pointer at the same place */
        peer_send(peer, &request);
}

/* Asks, and waits until it was served: requests of one connection are, in order. */
static void serve(Jobd__Request__BodyCase kind, void *body)
{
        static uint64_t tag = 100;

        ask(++tag, kind, body);
        stage_turn(&stage);
}

START_TEST(every_request_has_a_word_on_it)
{
        const ProtobufCMessageDescriptor *request = &jobd__request__descriptor;

        for (unsigned int i = 0; i < request->n_fields; i++) {
                const char *name = NULL;

                if (!(request->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
                        continue;
                ck_assert_msg(verbs_audit_of(request->fields[i].id, &name) != AUDIT_UNSAID,
                              "%s: what does the log hear of it?", request->fields[i].name);
        }
}
END_TEST

static void ask_service(void)
{
        Jobd__Pool pool = JOBD__POOL__INIT, resize = JOBD__POOL__INIT;
        Jobd__Drain drain = JOBD__DRAIN__INIT, end = JOBD__DRAIN__INIT;
        Jobd__Shutdown shutdown = JOBD__SHUTDOWN__INIT;
        Jobd__Reload reload = JOBD__RELOAD__INIT;
        Jobd__Config config = JOBD__CONFIG__INIT;
        Jobd__QueueOp queue = JOBD__QUEUE_OP__INIT, list = JOBD__QUEUE_OP__INIT;
        char name[] = "night\033";

        resize.has_resize = true;
        resize.resize = 8;
        end.has_end = end.end = true;
        shutdown.has_now = shutdown.now = true;
        queue.action = JOBD__QUEUE_ACTION__QUEUE_PAUSE;
        queue.name = name;
        list.action = JOBD__QUEUE_ACTION__QUEUE_LIST;
        serve(JOBD__REQUEST__BODY_POOL, &pool);
        serve(JOBD__REQUEST__BODY_QUEUE, &list);
        serve(JOBD__REQUEST__BODY_CONFIG, &config);
        expect_heard("");
        serve(JOBD__REQUEST__BODY_POOL, &resize);
        serve(JOBD__REQUEST__BODY_QUEUE, &queue);
        serve(JOBD__REQUEST__BODY_DRAIN, &drain);
        serve(JOBD__REQUEST__BODY_DRAIN, &end);
        serve(JOBD__REQUEST__BODY_RELOAD, &reload);
        serve(JOBD__REQUEST__BODY_SHUTDOWN, &shutdown);
}

START_TEST(acts_on_the_service)
{
        ask_service();
        ck_assert_uint_eq(last.uid, getuid());
        ck_assert(last.has_uid);
        ck_assert_str_eq(last_verb, "shutdown");
        ck_assert_msg(strstr(heard, "asks to resize the pool to 8: done\n"
                                    "asks to pause the queue night\\x1b: refused, ") == heard,
                      "%s", heard);
        ck_assert_ptr_nonnull(strstr(heard, "asks to drain: done\n"
                                            "asks to end the drain: done\n"
                                            "asks to reload the configuration: refused, "));
        ck_assert_ptr_nonnull(strstr(heard, "asks to shut down at once: done\n"));
}
END_TEST

/* Who gives up the rights by what he asks had them when he asked. */
START_TEST(the_last_act_is_an_act)
{
        Jobd__Reload reload = JOBD__RELOAD__INIT;
        Jobd__Drain drain = JOBD__DRAIN__INIT;
        const struct logbook_line attempt = { .kind = LOGBOOK_ATTEMPT, .uid = getuid() };

        stage.is_demoting = true;
        /* So many attempts are told of; acts are more. */
        for (int i = 0; i < 10; i++)
                logbook_write(stage.clients->logbook, &attempt, "asks");
        heard[0] = '\0';
        serve(JOBD__REQUEST__BODY_RELOAD, &reload);
        expect_heard("asks to reload the configuration: refused, a.conf:3: that is no number\n");
        serve(JOBD__REQUEST__BODY_DRAIN, &drain);
        expect_heard("");
}
END_TEST

START_TEST(attempts_of_others)
{
        unsigned int lines = 0;

        ask_service();
        for (const char *at = heard; (at = strstr(at, ": refused, ")); at++)
                lines++;
        ck_assert_uint_eq(lines, 6);
        ck_assert_ptr_null(strstr(heard, "done"));
}
END_TEST

START_TEST(one_line_for_many_jobs)
{
        for (int i = 0; i < 5; i++)
                fake_add(e, STAGE_UID_OTHER);
        fake_add(e, getuid());
        peer_act(peer, 2, JOBD__ACTION__ACTION_HOLD, IDS({ 1, 6 }));
        stage_turn(&stage);
        expect_heard("asks to hold 5 jobs of another user (the first is 1 of uid 4242): 5 done, 0 "
                     "refused\n");
        ck_assert_str_eq(last_verb, "hold");
        ck_assert_uint_eq(last.job_id, 0);
        fake_add(e, STAGE_UID_OTHER + 5);
        peer_act(peer, 3, JOBD__ACTION__ACTION_RELEASE, IDS({ 5, 7 }));
        stage_turn(&stage);
        ck_assert_ptr_nonnull(strstr(heard, "asks to release 2 jobs of others (the first is 5 of"));
}
END_TEST

START_TEST(one_job)
{
        fake_add(e, STAGE_UID_OTHER);
        peer_act(peer, 2, JOBD__ACTION__ACTION_CANCEL, IDS({ 1 }));
        stage_turn(&stage);
        expect_heard("asks to cancel job 1 of uid 4242: done\n");
        ck_assert_uint_eq(last.job_id, 1);
        ck_assert_str_eq(last_verb, "cancel");
        /* It has ended: nothing was done to it. */
        peer_act(peer, 3, JOBD__ACTION__ACTION_CANCEL, IDS({ 1 }));
        stage_turn(&stage);
        expect_heard("");
}
END_TEST

/* A job counts once, however many of its tasks were named, and as done when any was. */
START_TEST(tasks_of_one_job)
{
        const struct session *session = TAILQ_FIRST(&stage.clients->sessions);
        struct audit_jobs jobs = { 0 };

        audit_jobs_add(&jobs, session, 7, STAGE_UID_OTHER, false);
        audit_jobs_add(&jobs, session, 7, STAGE_UID_OTHER, true);
        audit_jobs_add(&jobs, session, 7, STAGE_UID_OTHER, false);
        audit_jobs_add(&jobs, session, 8, STAGE_UID_OTHER, false);
        audit_jobs_add(&jobs, session, 8, STAGE_UID_OTHER, false);
        audit_jobs_write(&jobs, session, AUDIT_ACT_CANCEL);
        expect_heard(
                "asks to cancel 2 jobs of another user (the first is 7 of uid 4242): 1 done, 1 "
                "refused\n");
        audit_jobs_write(&jobs, session, AUDIT_ACT_CANCEL);
        expect_heard("");
}
END_TEST

START_TEST(nothing_of_ones_own)
{
        fake_add(e, getuid());
        peer_act(peer, 2, JOBD__ACTION__ACTION_HOLD, IDS({ 1 }));
        peer_follow(peer, 3, 1);
        peer_act(peer, 4, JOBD__ACTION__ACTION_CANCEL, IDS({ 1 }));
        stage_turn(&stage);
        expect_heard("");
}
END_TEST

START_TEST(reading_what_others_wrote)
{
        struct job *job = fake_add(e, STAGE_UID_OTHER);

        fake_add_finished(e, STAGE_UID_OTHER, JOB_SUCCEEDED, 0);
        (void)job;
        peer_follow(peer, 2, 1);
        stage_turn(&stage);
        expect_heard("asks to read the output of job 1 of uid 4242\n");
        peer_follow(peer, 3, 2);
        stage_turn(&stage);
        expect_heard("asks to read the output of job 2 of uid 4242\n");
}
END_TEST

START_TEST(many_pieces_are_one_act)
{
        fake_add_map(e, STAGE_UID_OTHER, 2);
        for (uint64_t n = 2; n < 5; n++) {
                peer_append(peer, n, 1, n - 1, "a b c");
                stage_turn(&stage);
        }
        expect_heard("asks to add tasks to job 1 of uid 4242\n");
        peer_close_input(peer, 9, 1, 4, NULL);
        stage_turn(&stage);
        expect_heard("asks to end the input of job 1 of uid 4242\n");
        peer_results(peer, 10, 1, &(const struct asked){ .only_now = true });
        peer_seen(peer, 11, 1, 1);
        stage_turn(&stage);
        expect_heard("asks to read the results of job 1 of uid 4242\n"
                     "asks to mark results as seen of job 1 of uid 4242\n");
}
END_TEST

START_TEST(input_of_others)
{
        Jobd__StdinData data = JOBD__STDIN_DATA__INIT;

        fake_add(e, STAGE_UID_OTHER);
        data.job = 1;
        serve(JOBD__REQUEST__BODY_STDIN_DATA, &data);
        serve(JOBD__REQUEST__BODY_STDIN_DATA, &data);
        expect_heard("asks to write to the input of job 1 of uid 4242\n");
}
END_TEST

START_TEST(purge_and_retry)
{
        Jobd__Purge purge = JOBD__PURGE__INIT;
        struct selection_message selector;

        fake_add_finished(e, STAGE_UID_OTHER, JOB_FAILED, 1);
        fake_add_finished(e, STAGE_UID_OTHER, JOB_FAILED, 1);
        peer_act(peer, 2, JOBD__ACTION__ACTION_RETRY, IDS({ 1 }));
        stage_turn(&stage);
        expect_heard("asks to retry job 1 of uid 4242: done\n");
        purge.selector = selection_fill(&selector, IDS({ 2 }));
        serve(JOBD__REQUEST__BODY_PURGE, &purge);
        expect_heard("asks to purge job 2 of uid 4242: done\n");
}
END_TEST

START_TEST(a_client_that_leaves_is_heard_of)
{
        fake_add(e, STAGE_UID_OTHER)->cancel_is_later = true;
        peer_act(peer, 2, JOBD__ACTION__ACTION_CANCEL, IDS({ 1 }));
        stage_turn(&stage);
        expect_heard("");
        peer_close(peer);
        stage_turn(&stage);
        expect_heard("asks to cancel job 1 of uid 4242: done\n");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients audit");
        TCase *t = tcase_create("audit"), *user = tcase_create("user"),
              *member = tcase_create("member");

        tcase_add_checked_fixture(t, setup_heard, teardown_heard);
        tcase_add_test(t, every_request_has_a_word_on_it);
        tcase_add_test(t, acts_on_the_service);
        tcase_add_test(t, one_line_for_many_jobs);
        tcase_add_test(t, one_job);
        tcase_add_test(t, tasks_of_one_job);
        tcase_add_test(t, nothing_of_ones_own);
        tcase_add_test(t, reading_what_others_wrote);
        tcase_add_test(t, many_pieces_are_one_act);
        tcase_add_test(t, input_of_others);
        tcase_add_test(t, purge_and_retry);
        tcase_add_test(t, a_client_that_leaves_is_heard_of);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(user, setup_user_heard, teardown_heard);
        tcase_add_test(user, attempts_of_others);
        suite_add_tcase(suite, user);
        tcase_add_checked_fixture(member, setup_member_heard, teardown_heard);
        tcase_add_test(member, the_last_act_is_an_act);
        suite_add_tcase(suite, member);
        return suite_run(suite);
}
