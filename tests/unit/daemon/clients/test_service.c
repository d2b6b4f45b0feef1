/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about the daemon and who may ask them; events, and following them.
 */
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

/* A request whose body is empty, or filled by the test. */
static void ask(uint64_t tag, Jobd__Request__BodyCase kind, void *body)
{
        Jobd__Request request = JOBD__REQUEST__INIT;

        request.tag = tag;
        request.body_case = kind;
        request.ping = body; /* every body is a pointer at the same place */
        peer_send(peer, &request);
}

static void ask_all(uint64_t tag)
{
        static Jobd__Status status = JOBD__STATUS__INIT;
        static Jobd__Pool pool = JOBD__POOL__INIT, resize = JOBD__POOL__INIT;
        static Jobd__Drain drain = JOBD__DRAIN__INIT, end = JOBD__DRAIN__INIT;
        static Jobd__Shutdown shutdown = JOBD__SHUTDOWN__INIT;
        static Jobd__Reload reload = JOBD__RELOAD__INIT;
        static Jobd__Config config = JOBD__CONFIG__INIT;

        resize.has_resize = true;
        resize.resize = 8;
        end.has_end = end.end = true;
        shutdown.has_now = shutdown.now = true;
        ask(tag++, JOBD__REQUEST__BODY_STATUS, &status);
        ask(tag++, JOBD__REQUEST__BODY_POOL, &pool);
        ask(tag++, JOBD__REQUEST__BODY_CONFIG, &config);
        ask(tag++, JOBD__REQUEST__BODY_POOL, &resize);
        ask(tag++, JOBD__REQUEST__BODY_DRAIN, &drain);
        ask(tag++, JOBD__REQUEST__BODY_DRAIN, &end);
        ask(tag++, JOBD__REQUEST__BODY_RELOAD, &reload);
        ask(tag++, JOBD__REQUEST__BODY_SHUTDOWN, &shutdown);
}

START_TEST(an_administrator)
{
        ask_all(10);
        peer_expect(peer, "10 status(/state, 1 sessions)");
        peer_expect(peer, "11 pool(4, 2)");
        peer_expect(peer, "12 config(3, 1)");
        peer_expect(peer, "13 pool(4, 2)");
        peer_expect(peer, "14 done");
        peer_expect(peer, "15 done");
        peer_expect(peer, "16 error(USAGE)");
        peer_expect(peer, "17 done");
        ck_assert_str_eq(stage.trace, "resize(8) reload shutdown(now) ");
        ck_assert_str_eq(e->trace, "drain(1) drain(0) ");
}
END_TEST

START_TEST(anybody_else)
{
        ask_all(10);
        peer_expect(peer, "10 status(/state, 1 sessions)");
        peer_expect(peer, "11 pool(4, 2)");
        peer_expect(peer, "12 config(3, 1)");
        for (int i = 13; i < 18; i++) {
                char line[] = "13 error(DENIED)";

                line[1] = (char)('0' + i % 10);
                peer_expect(peer, line);
        }
        ck_assert_str_eq(stage.trace, "");
        ck_assert_str_eq(e->trace, "");
}
END_TEST

START_TEST(a_pool_of_none)
{
        Jobd__Pool pool = JOBD__POOL__INIT;

        pool.has_resize = true;
        pool.resize = 0;
        ask(2, JOBD__REQUEST__BODY_POOL, &pool);
        peer_expect(peer, "2 error(USAGE)");
        pool.resize = 100000;
        ask(3, JOBD__REQUEST__BODY_POOL, &pool);
        peer_expect(peer, "3 error(USAGE)");
        ck_assert_str_eq(stage.trace, "");
}
END_TEST

/* ----------------------------------------------------------------------------------------- events
 */

static void post(uint64_t job, uint32_t uid, enum job_event kind)
{
        struct journal_event *event = &e->events[e->events_count++];

        *event = (struct journal_event){ .seq = ++e->sequence, .job = job, .uid = uid };
        event->kind = (uint8_t)kind;
        event->state = JOB_QUEUED;
        clients_on_events(stage.clients);
}

static void events(uint64_t tag, Jobd__Events *body)
{
        ask(tag, JOBD__REQUEST__BODY_EVENTS, body);
}

START_TEST(events_of_the_past)
{
        Jobd__Events body = JOBD__EVENTS__INIT;

        post(1, getuid(), JOB_EV_SUBMIT);
        post(1, getuid(), JOB_EV_ASSIGN);
        post(2, getuid(), JOB_EV_SUBMIT);
        events(2, &body);
        peer_expect(peer, "2 events(1 submitted, 2 starting, 3 submitted)+");
        peer_expect(peer, "2 done");
        body.has_after_seq = true;
        body.after_seq = 2;
        events(3, &body);
        peer_expect(peer, "3 events(3 submitted)+");
        peer_expect(peer, "3 done");
        body.has_after_seq = false;
        body.has_last = true;
        body.last = 2;
        events(4, &body);
        peer_expect(peer, "4 events(2 starting, 3 submitted)+");
        peer_expect(peer, "4 done");
}
END_TEST

START_TEST(events_of_some_jobs)
{
        Jobd__Events body = JOBD__EVENTS__INIT;
        Jobd__IdRange one = JOBD__ID_RANGE__INIT, three = JOBD__ID_RANGE__INIT;
        Jobd__IdRange *ranges[] = { &one, &three };

        for (uint64_t id = 1; id <= 4; id++)
                post(id, getuid(), JOB_EV_SUBMIT);
        one.first = one.last = 1;
        three.first = 3;
        three.last = 9;
        body.ids = ranges;
        body.n_ids = 2;
        e->page_max = 3;
        events(2, &body);
        peer_expect(peer, "2 events(1 submitted, 3 submitted)+");
        peer_expect(peer, "2 events(4 submitted)+");
        peer_expect(peer, "2 done");
}
END_TEST

START_TEST(events_as_they_come)
{
        Jobd__Events body = JOBD__EVENTS__INIT;

        post(1, getuid(), JOB_EV_SUBMIT);
        body.has_follow = body.follow = true;
        events(2, &body);
        peer_expect(peer, "2 events(1 submitted)+");
        peer_expect_nothing(peer);
        post(1, getuid(), JOB_EV_ASSIGN);
        peer_expect(peer, "2 events(2 starting)+");
        /* What is posted while a read is under way is not missed. */
        e->is_holding_reads = true;
        post(1, getuid(), JOB_EV_STARTED);
        stage_turn(&stage);
        post(1, getuid(), JOB_EV_FAIL);
        stage_turn(&stage);
        e->is_holding_reads = false;
        peer_expect(peer, "2 events(3 started)+");
        peer_expect(peer, "2 events(4 failed)+");
        peer_expect_nothing(peer);
        peer_stop(peer, 3, 2);
        peer_expect(peer, "2 done");
        peer_expect(peer, "3 done");
        post(1, getuid(), JOB_EV_RETRY);
        peer_expect_nothing(peer);
}
END_TEST

START_TEST(events_of_others)
{
        Jobd__Events body = JOBD__EVENTS__INIT;

        post(1, STAGE_UID_OTHER, JOB_EV_SUBMIT);
        post(2, getuid(), JOB_EV_SUBMIT);
        events(2, &body);
        peer_expect(peer, "2 events(2 submitted)+");
        peer_expect(peer, "2 done");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients service");
        TCase *t = tcase_create("service"), *user = tcase_create("user");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, an_administrator);
        tcase_add_test(t, a_pool_of_none);
        tcase_add_test(t, events_of_the_past);
        tcase_add_test(t, events_of_some_jobs);
        tcase_add_test(t, events_as_they_come);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(user, setup_user, teardown);
        tcase_add_test(user, anybody_else);
        tcase_add_test(user, events_of_others);
        suite_add_tcase(suite, user);
        return suite_run(suite);
}
