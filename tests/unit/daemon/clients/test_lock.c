/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock and unlock: what is told at once and what later, how a wait ends (held, refused, stopped,
 * the client gone), what is refused, and how much a list tells of others.
 */
#include <stdio.h>
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

static uint8_t token[16] = "0123456789abcde";

static void send_lock(struct peer *from, uint64_t tag, Jobd__Lock *lock)
{
        Jobd__Request request = JOBD__REQUEST__INIT;

        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_LOCK;
        request.lock = lock;
        peer_send(from, &request);
}

static void fill_lock(Jobd__Lock *lock, const char *name)
{
        jobd__lock__init(lock);
        lock->name = (char *)(uintptr_t)name;
        lock->has_token = true;
        lock->token = (ProtobufCBinaryData){ .len = sizeof(token), .data = token };
}

static void ask(struct peer *from, uint64_t tag, const char *name, bool shared)
{
        Jobd__Lock lock;

        fill_lock(&lock, name);
        lock.has_shared = lock.shared = shared;
        send_lock(from, tag, &lock);
}

static void list(uint64_t tag)
{
        Jobd__Lock lock = JOBD__LOCK__INIT;

        lock.has_list = lock.list = true;
        send_lock(peer, tag, &lock);
}

static void unlock(uint64_t tag, const char *name, bool has_token, uint32_t pid)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Unlock body = JOBD__UNLOCK__INIT;

        body.name = (char *)(uintptr_t)name;
        body.has_token = has_token;
        body.token = (ProtobufCBinaryData){ .len = has_token ? sizeof(token) : 0, .data = token };
        body.has_holder_pid = pid > 0;
        body.holder_pid = pid;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_UNLOCK;
        request.unlock = &body;
        peer_send(peer, &request);
}

/* The trace with the test's own pid for "PID". */
static void expect_trace(const char *expected)
{
        const char *const mark = strstr(expected, "PID");
        char text[512];

        if (mark)
                snprintf(text, sizeof(text), "%.*s%d%s", (int)(mark - expected), expected,
                         (int)getpid(), mark + 3);
        else
                snprintf(text, sizeof(text), "%s", expected);
        ck_assert_str_eq(e->trace, text);
}

/* ------------------------------------------------------------------------------------- granted */

START_TEST(free_and_held_at_once)
{
        stage.is_lagging = true;
        ask(peer, 2, "build", false);
        peer_expect_nothing(peer); /* it is on disk first */
        stage.is_lagging = false;
        peer_expect(peer, "2 locks(build held)");
        expect_trace("lock(build,PID,own) ");
        ck_assert_mem_eq(e->lock_token, token, sizeof(token));
        ck_assert_uint_eq(e->lock_start, 0);
        /* It is the process's, not the connection's. */
        peer_close(peer);
        expect_trace("lock(build,PID,own) ");
}
END_TEST

START_TEST(for_another_process)
{
        Jobd__Lock lock;

        fill_lock(&lock, "build");
        lock.has_holder_pid = lock.has_holder_start = true;
        lock.holder_pid = 4711;
        lock.holder_start = 99;
        send_lock(peer, 2, &lock);
        peer_expect(peer, "2 locks(build held)");
        expect_trace("lock(build,4711,own) ");
        ck_assert_uint_eq(e->lock_start, 99);
}
END_TEST

START_TEST(waits_and_gets_it)
{
        e->lock_answer = ENGINE_E_LATER;
        ask(peer, 2, "build", true);
        peer_expect(peer, "2 locks(build waiting shared)+");
        peer_expect_nothing(peer);
        expect_trace("lock(build,PID,shared,own) ");
        stage.is_lagging = true;
        fake_end_lock(e, 0, NULL);
        peer_expect_nothing(peer);
        stage.is_lagging = false;
        peer_expect(peer, "2 locks(build held shared)");
        /* The wait is over: nothing is left that could be stopped. */
        peer_stop(peer, 3, 2);
        peer_expect(peer, "3 done");
        peer_close(peer);
        expect_trace("lock(build,PID,shared,own) ");
}
END_TEST

START_TEST(who_waits_inside_a_job_lends)
{
        struct peer *inside = peer_dial(&stage);

        peer_hello_inside(inside, 1, 17, 4);
        peer_expect(inside, "1 hello_ok");
        ask(inside, 2, "free", false);
        peer_expect(inside, "2 locks(free held)");
        expect_trace("lock(free,PID,own,in 17.4) ");
        e->trace[0] = '\0';
        e->lock_answer = ENGINE_E_LATER;
        ask(inside, 3, "build", false);
        peer_expect(inside, "3 locks(build waiting)+");
        expect_trace("lock(build,PID,own,in 17.4) lend(17.4,own) ");
        fake_end_lock(e, 0, NULL);
        peer_expect(inside, "3 locks(build held)");
        expect_trace("lock(build,PID,own,in 17.4) lend(17.4,own) unlend(77) ");
}
END_TEST

/* --------------------------------------------------------------------------- not granted */

START_TEST(the_client_stops_waiting)
{
        e->lock_answer = ENGINE_E_LATER;
        ask(peer, 2, "build", false);
        peer_expect(peer, "2 locks(build waiting)+");
        peer_stop(peer, 3, 2);
        peer_expect(peer, "2 done");
        peer_expect(peer, "3 done");
        expect_trace("lock(build,PID,own) lock_leave() ");
        /* The connection goes on. */
        e->lock_answer = 0;
        ask(peer, 4, "build", false);
        peer_expect(peer, "4 locks(build held)");
}
END_TEST

START_TEST(the_client_goes_while_it_waits)
{
        struct peer *other = peer_new(&stage);

        e->lock_answer = ENGINE_E_LATER;
        ask(other, 2, "build", false);
        peer_expect(other, "2 locks(build waiting)+");
        peer_close(other);
        expect_trace("lock(build,PID,own) lock_leave() ");
        peer_ping(peer, 2);
        peer_expect(peer, "2 done");
}
END_TEST

START_TEST(the_daemon_ends_while_it_waits)
{
        e->lock_answer = ENGINE_E_LATER;
        ask(peer, 2, "build", false);
        peer_expect(peer, "2 locks(build waiting)+");
        /* teardown() closes all of it. */
}
END_TEST

START_TEST(the_wait_ends_in_vain)
{
        e->lock_answer = ENGINE_E_LATER;
        ask(peer, 2, "build", false);
        peer_expect(peer, "2 locks(build waiting)+");
        fake_end_lock(e, ENGINE_E_STATE, "the process that should hold the lock has ended");
        peer_expect(peer, "2 error(STATE)");
        ck_assert_str_eq(peer->sentence, "the process that should hold the lock has ended");
        peer_close(peer);
        expect_trace("lock(build,PID,own) "); /* and is not left a second time */
}
END_TEST

START_TEST(the_engine_refuses)
{
        static const struct {
                int answer;
                const char *line, *sentence;
        } rows[] = {
                { ENGINE_E_REFUSED, "2 error(USAGE)", "it would wait for ever: \"a\" is held" },
                { ENGINE_E_STATE, "3 error(STATE)", "process 7 is not there" },
                { ENGINE_E_BUSY, "4 error(BUSY)", "your processes hold too many locks" },
                { ENGINE_E_FULL, "5 error(FULL)", "the disk is nearly full" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                e->lock_answer = rows[i].answer;
                e->lock_sentence = rows[i].sentence;
                ask(peer, 2 + i, "build", false);
                peer_expect(peer, rows[i].line);
                ck_assert_str_eq(peer->sentence, rows[i].sentence);
        }
        peer_close(peer);
        ck_assert_ptr_null(strstr(e->trace, "lock_leave"));
}
END_TEST

START_TEST(what_is_no_lock)
{
        static const char long_name[] =
                "123456789012345678901234567890123456789012345678901234567890"
                "123456789012345678901234567890123456789012345678901234567890"
                "123456789";
        static const char *const names[] = { "", "a\nb", "a\x7f", long_name };
        char line[200];
        Jobd__Lock lock;

        _Static_assert(sizeof(long_name) == RESOURCE_NAME_MAX + 2, "one too long");
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                snprintf(line, sizeof(line), "%zu error(USAGE)", 2 + i);
                ask(peer, 2 + i, names[i], false);
                peer_expect(peer, line);
                ck_assert_str_eq(peer->sentence, "the name of a lock has 1 to 128 bytes and no "
                                                 "control characters");
        }
        unlock(6, "", false, 0);
        peer_expect(peer, "6 error(USAGE)");
        fill_lock(&lock, NULL);
        send_lock(peer, 7, &lock);
        peer_expect(peer, "7 error(USAGE)");
        fill_lock(&lock, "build");
        lock.has_token = false;
        send_lock(peer, 8, &lock);
        peer_expect(peer, "8 error(USAGE)");
        ck_assert_str_eq(peer->sentence, "a Lock has a token");
        ck_assert_str_eq(e->trace, "");
        snprintf(line, sizeof(line), "9 locks(%s held)", long_name + 1);
        ask(peer, 9, long_name + 1, false);
        peer_expect(peer, line);
}
END_TEST

/* --------------------------------------------------------------------------------- given back */

START_TEST(given_back)
{
        stage.is_lagging = true;
        unlock(2, "build", false, 0);
        peer_expect_nothing(peer);
        stage.is_lagging = false;
        peer_expect(peer, "2 done");
        expect_trace("unlock(build,PID,own) ");
        e->trace[0] = '\0';
        unlock(3, "build", true, 4711);
        peer_expect(peer, "3 done");
        expect_trace("unlock(build,4711,own,token) ");
        ck_assert_mem_eq(e->lock_token, token, sizeof(token));
}
END_TEST

START_TEST(nothing_to_give_back)
{
        e->lock_answer = ENGINE_E_UNKNOWN;
        e->lock_sentence = "process 7 does not hold the lock \"build\"";
        unlock(2, "build", false, 7);
        peer_expect(peer, "2 error(STATE)");
        ck_assert_str_eq(peer->sentence, e->lock_sentence);
}
END_TEST

/* ------------------------------------------------------------------------------------ the list */

struct fake_taker {
        struct resource_claim *claim;
        struct resource_holding *holding;
};

/* Holds it, or waits. owner: NULL for a job, whose id is *job. */
static struct fake_taker take(uint32_t uid, const char *name, enum resource_mode mode,
                              const struct resource_owner *owner, uint64_t *job)
{
        const struct resource_owner task = { .job = job ? *job : 0, .task = 2 };
        const struct resource_ask wish = { .name = name, .mode = mode, .count = 1 };
        struct fake_taker taker = { NULL, NULL };
        int r;

        ck_assert_int_eq(resource_claim_new(e->book, uid, &wish, 1, owner, job, &taker.claim), 0);
        r = resource_claim_take(taker.claim, owner ? owner : &task, &taker.holding);
        ck_assert(r == 0 || r == RESOURCE_E_WAIT);
        return taker;
}

static void leave(struct fake_taker *taker)
{
        resource_claim_free(taker->claim);
        resource_holding_free(taker->holding);
}

static uint64_t none = 0;

START_TEST(a_list_of_own)
{
        const struct resource_owner alone = { .pid = 123 }, inside = { .job = 9, .pid = 124 };
        struct fake_taker takers[5];
        uint64_t job = 17;
        char line[200];

        list(2);
        peer_expect(peer, "2 locks()");
        ck_assert_int_eq(resource_declare(e->book, getuid(), "gpu", 2), 0);
        takers[0] = take(getuid(), "build", RESOURCE_EXCLUSIVE, &alone, &none);
        takers[1] = take(getuid(), "build", RESOURCE_SHARED, &inside, &none);
        takers[2] = take(getuid(), "build", RESOURCE_EXCLUSIVE, NULL, &job);
        takers[3] = take(getuid(), "gpu", RESOURCE_UNITS, NULL, &job); /* no lock */
        takers[4] = take(getuid(), "test", RESOURCE_SHARED, NULL, &job);
        snprintf(line, sizeof(line),
                 "3 locks(build held u%u p123, build waiting shared u%u p124 j9.0, build waiting "
                 "u%u j17, test held shared u%u j17.2)",
                 getuid(), getuid(), getuid(), getuid());
        list(3);
        peer_expect(peer, line);
        for (size_t i = 0; i < ARRAY_SIZE(takers); i++)
                leave(&takers[i]);
        list(4);
        peer_expect(peer, "4 locks()");
}
END_TEST

static void take_others(struct fake_taker takers[3])
{
        static const struct resource_owner alone = { .pid = 123 };
        static uint64_t job = 17;

        ck_assert_int_eq(resource_declare(e->book, RESOURCE_EVERYBODY, "tape", 1), 0);
        takers[0] = take(STAGE_UID_OTHER, "tape", RESOURCE_EXCLUSIVE, &alone, &none);
        takers[1] = take(STAGE_UID_OTHER, "tape", RESOURCE_EXCLUSIVE, NULL, &job);
        takers[2] = take(STAGE_UID_OTHER, "build", RESOURCE_EXCLUSIVE, &alone, &none);
}

START_TEST(of_others_only_what_is_the_machines)
{
        struct fake_taker takers[3];

        take_others(takers);
        list(2);
        peer_expect(peer, "2 locks(tape held m u4242, tape waiting m u4242)");
        for (size_t i = 0; i < ARRAY_SIZE(takers); i++)
                leave(&takers[i]);
}
END_TEST

START_TEST(an_administrator_sees_who)
{
        struct clients_options options = stage.options;
        struct fake_taker takers[3];

        options.admin_gid = getgid();
        clients_set_limits(stage.clients, &options);
        take_others(takers);
        list(2);
        peer_expect(peer, "2 locks(tape held m u4242 p123, tape waiting m u4242 j17)");
        for (size_t i = 0; i < ARRAY_SIZE(takers); i++)
                leave(&takers[i]);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients lock");
        TCase *t = tcase_create("lock"), *user = tcase_create("user");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, free_and_held_at_once);
        tcase_add_test(t, for_another_process);
        tcase_add_test(t, waits_and_gets_it);
        tcase_add_test(t, who_waits_inside_a_job_lends);
        tcase_add_test(t, the_client_stops_waiting);
        tcase_add_test(t, the_client_goes_while_it_waits);
        tcase_add_test(t, the_daemon_ends_while_it_waits);
        tcase_add_test(t, the_wait_ends_in_vain);
        tcase_add_test(t, the_engine_refuses);
        tcase_add_test(t, what_is_no_lock);
        tcase_add_test(t, given_back);
        tcase_add_test(t, nothing_to_give_back);
        tcase_add_test(t, a_list_of_own);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(user, setup_user, teardown);
        tcase_add_test(user, of_others_only_what_is_the_machines);
        tcase_add_test(user, an_administrator_sees_who);
        suite_add_tcase(suite, user);
        return suite_run(suite);
}
