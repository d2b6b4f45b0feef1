/* SPDX-License-Identifier: Apache-2.0 */
/* resource: a user's own are made, changed and removed; the machine's and one's own are listed. */
#include <stdio.h>
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

#define LIST JOBD__RESOURCE_VERB__RESOURCE_LIST
#define SET JOBD__RESOURCE_VERB__RESOURCE_SET
#define REMOVE JOBD__RESOURCE_VERB__RESOURCE_REMOVE
#define NO_CAPACITY UINT64_MAX

static void ask(uint64_t tag, Jobd__ResourceVerb verb, const char *name, uint64_t capacity)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__ResourceOp op = JOBD__RESOURCE_OP__INIT;

        op.verb = verb;
        op.name = (char *)(uintptr_t)name;
        op.has_capacity = capacity != NO_CAPACITY;
        op.capacity = (uint32_t)capacity;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_RESOURCE;
        request.resource = &op;
        peer_send(peer, &request);
}

START_TEST(a_life)
{
        ask(2, LIST, NULL, NO_CAPACITY);
        peer_expect(peer, "2 resources()");
        ask(3, SET, "gpu", 2);
        peer_expect(peer, "3 done");
        ask(4, LIST, NULL, NO_CAPACITY);
        peer_expect(peer, "4 resources(gpu 0/2 0)");
        ask(5, SET, "gpu", 0);
        peer_expect(peer, "5 done");
        ask(6, SET, "net", RESOURCE_CAPACITY_MAX);
        peer_expect(peer, "6 done");
        ask(7, LIST, NULL, NO_CAPACITY);
        peer_expect(peer, "7 resources(gpu 0/0 0, net 0/1000000 0)");
        ask(8, REMOVE, "gpu", NO_CAPACITY);
        peer_expect(peer, "8 done");
        ask(9, LIST, NULL, NO_CAPACITY);
        peer_expect(peer, "9 resources(net 0/1000000 0)");
}
END_TEST

START_TEST(what_is_taken_and_who_waits)
{
        const struct resource_ask wish = { .name = "gpu", .count = 2 };
        struct resource_owner owner = { .job = 1 };
        struct resource_claim *claims[3];
        struct resource_holding *holding, *none;

        ck_assert_int_eq(resource_declare(e->book, getuid(), "gpu", 3), 0);
        for (size_t i = 0; i < ARRAY_SIZE(claims); i++)
                ck_assert_int_eq(
                        resource_claim_new(e->book, getuid(), &wish, 1, NULL, NULL, &claims[i]), 0);
        ck_assert_int_eq(resource_claim_take(claims[0], &owner, &holding), 0);
        ck_assert_int_eq(resource_claim_take(claims[1], &owner, &none), RESOURCE_E_WAIT);
        ck_assert_int_eq(resource_claim_take(claims[2], &owner, &none), RESOURCE_E_WAIT);
        ask(2, LIST, NULL, NO_CAPACITY);
        peer_expect(peer, "2 resources(gpu 2/3 2)");
        for (size_t i = 0; i < ARRAY_SIZE(claims); i++)
                resource_claim_free(claims[i]);
        resource_holding_free(holding);
}
END_TEST

START_TEST(the_machines_and_ones_own)
{
        const struct resource_ask lock = { .name = "build", .mode = RESOURCE_EXCLUSIVE };
        struct resource_claim *claim;

        /* A lock that nobody declared is no resource to speak of. */
        ck_assert_int_eq(resource_claim_new(e->book, getuid(), &lock, 1, NULL, NULL, &claim), 0);
        ck_assert_int_eq(resource_declare(e->book, RESOURCE_EVERYBODY, "tape", 1), 0);
        ck_assert_int_eq(resource_declare(e->book, STAGE_UID_OTHER, "secret", 1), 0);
        ck_assert_int_eq(resource_declare(e->book, getuid(), "gpu", 2), 0);
        ask(2, LIST, NULL, NO_CAPACITY);
        peer_expect(peer, "2 resources(tape 0/1 0 m, gpu 0/2 0)");
        ask(3, REMOVE, "secret", NO_CAPACITY);
        peer_expect(peer, "3 error(USAGE)");
        ck_assert_str_eq(peer->sentence, "you have no resource \"secret\"");
        resource_claim_free(claim);
}
END_TEST

START_TEST(the_answer_waits_for_the_disk)
{
        stage.is_lagging = true;
        ask(2, SET, "gpu", 2);
        peer_expect_nothing(peer);
        stage.is_lagging = false;
        peer_expect(peer, "2 done");
        stage.is_lagging = true;
        ask(3, REMOVE, "gpu", NO_CAPACITY);
        peer_expect_nothing(peer);
        stage.is_lagging = false;
        peer_expect(peer, "3 done");
}
END_TEST

static void expect_usage(uint64_t tag, const char *sentence)
{
        char line[40];

        snprintf(line, sizeof(line), "%u error(USAGE)", (unsigned int)tag);
        peer_expect(peer, line);
        ck_assert_str_eq(peer->sentence, sentence);
}

START_TEST(what_is_refused)
{
        static const char name[] = "the name of a resource has 1 to 128 bytes and no control "
                                   "characters";
        static const char units[] = "a resource has 0 to 1000000 units";

        ask(2, SET, NULL, 1);
        expect_usage(2, name);
        ask(3, SET, "", 1);
        expect_usage(3, name);
        ask(4, REMOVE, "a\nb", NO_CAPACITY);
        expect_usage(4, name);
        ask(5, SET, "gpu", NO_CAPACITY);
        expect_usage(5, units);
        ask(6, SET, "gpu", RESOURCE_CAPACITY_MAX + 1);
        expect_usage(6, units);
        ask(7, JOBD__RESOURCE_VERB__RESOURCE_NONE, "gpu", 1);
        expect_usage(7, "a resource is listed, set or removed");
        ck_assert_uint_eq(e->sequence, 0);
}
END_TEST

START_TEST(the_engine_refuses)
{
        e->lock_answer = ENGINE_E_LIMIT;
        e->lock_sentence = "you have 100 named resources: remove one first";
        ask(2, SET, "gpu", 1);
        peer_expect(peer, "2 error(BUSY)");
        ck_assert_str_eq(peer->sentence, e->lock_sentence);
        e->lock_answer = ENGINE_E_STATE;
        e->lock_sentence = "unfinished jobs ask for \"gpu\"";
        ask(3, REMOVE, "gpu", NO_CAPACITY);
        peer_expect(peer, "3 error(STATE)");
        ck_assert_str_eq(peer->sentence, e->lock_sentence);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients resource");
        TCase *t = tcase_create("resource");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, a_life);
        tcase_add_test(t, what_is_taken_and_who_waits);
        tcase_add_test(t, the_machines_and_ones_own);
        tcase_add_test(t, the_answer_waits_for_the_disk);
        tcase_add_test(t, what_is_refused);
        tcase_add_test(t, the_engine_refuses);
        suite_add_tcase(suite, t);
        return suite_run(suite);
}
