/* SPDX-License-Identifier: Apache-2.0 */
/* One link from dialling to burial: who is taken, who is turned away, and in what order. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_worker.h"
#include "tests/unit/suite.h"

static struct stage stage;

static void set_up(void)
{
        stage_open(&stage, getuid());
}

static void tear_down(void)
{
        stage_close(&stage);
}

START_TEST(worker_is_welcomed_and_ready)
{
        struct fake *fake = fake_ready(&stage, 2, 7);

        ck_assert_str_eq(stage.trace, "attached(2/7) ready(2/7) ");
        fake_expect_welcome(fake, "65536,1000000,10000000,/s");
        ck_assert_uint_eq(fake->orders_count, 1);
        ck_assert_uint_eq(worker_slots(stage.last), 8);
        ck_assert_uint_eq(worker_pid(stage.last), 4713);
        ck_assert_str_eq(worker_build(stage.last), version_build);
        ck_assert(!worker_is_retiring(stage.last));
}
END_TEST

START_TEST(inventory_is_told_before_ready)
{
        struct fake *fake = fake_dial(&stage);
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_WORKER, 0, 1);
        Jobd__Work__HeldLease leases[2] = { JOBD__WORK__HELD_LEASE__INIT,
                                            JOBD__WORK__HELD_LEASE__INIT };
        uint32_t cores[] = { 3, 700 };

        leases[0].lease = 11;
        leases[0].job = 1;
        leases[0].attempt = 1;
        leases[0].state = JOBD__WORK__SLOT_STATE__SLOT_RUNNING;
        leases[0].has_pid = true;
        leases[0].pid = 99;
        leases[0].cores = cores;
        leases[0].n_cores = ARRAY_SIZE(cores);
        leases[1].lease = 12;
        leases[1].job = 2;
        leases[1].attempt = 1;
        leases[1].state = JOBD__WORK__SLOT_STATE__SLOT_ACCEPTED;
        fake_send_hello(fake, &hello);
        fake_send_inventory(fake, leases, ARRAY_SIZE(leases));
        stage_expect(&stage, "attached(0/1) held(11,3,99,3+700) held(12,1,0) ready(0/1) ");
}
END_TEST

START_TEST(foreign_uid_is_closed)
{
        struct fake *fake;

        stage_close(&stage);
        stage_open(&stage, getuid() + 1);
        fake = fake_dial(&stage);
        fake_expect_end(fake);
        ck_assert_str_eq(stage.trace, "");
}
END_TEST

/* Whatever is wrong in a Hello: the link ends, nobody is attached, and others still come in. */
static void expect_refused_hello(Jobd__Work__Hello *hello)
{
        struct fake *fake = fake_dial(&stage);

        fake_send_hello(fake, hello);
        fake_expect_end(fake);
        ck_assert_str_eq(stage.trace, "");
        fake_ready(&stage, 5, 1);
}

START_TEST(other_version_is_refused)
{
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_WORKER, 0, 1);

        hello.version = WIRE_WORKER_VERSION + 1;
        expect_refused_hello(&hello);
}
END_TEST

START_TEST(other_boot_is_refused)
{
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_WORKER, 0, 1);

        hello.boot_id.data[3] ^= 1;
        expect_refused_hello(&hello);
}
END_TEST

START_TEST(worker_without_slots_is_refused)
{
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_WORKER, 0, 1);

        hello.has_slots = false;
        expect_refused_hello(&hello);
}
END_TEST

START_TEST(role_none_is_refused)
{
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_NONE, 0, 1);

        expect_refused_hello(&hello);
}
END_TEST

START_TEST(lease_report_before_inventory_is_a_breach)
{
        struct fake *fake = fake_dial(&stage);
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_WORKER, 0, 1);
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        Jobd__Work__Grown grown = JOBD__WORK__GROWN__INIT;

        report.body_case = JOBD__WORK__REPORT__BODY_GROWN;
        report.grown = &grown;
        grown.lease = 1;
        fake_send_hello(fake, &hello);
        fake_send(fake, &report);
        stage_expect(&stage, "gone(0/1)");
        ck_assert_str_eq(stage.trace, "attached(0/1) gone(0/1) ");
        fake_expect_end(fake);
}
END_TEST

START_TEST(bad_bytes_cost_only_their_link)
{
        struct fake *good = fake_ready(&stage, 1, 1);
        struct fake *bad = fake_ready(&stage, 2, 2);

        fake_send_bytes(bad, "\0\0\0\3xyz", 7);
        stage_expect(&stage, "gone(2/2)");
        fake_expect_end(bad);
        ck_assert(!good->ended);
        ck_assert_uint_eq(workers_count(stage.workers), 1);
}
END_TEST

START_TEST(frame_of_length_zero_costs_the_link)
{
        struct fake *bad = fake_dial(&stage);

        fake_send_bytes(bad, "\0\0\0\0", 4);
        fake_expect_end(bad);
        ck_assert_str_eq(stage.trace, "");
}
END_TEST

START_TEST(long_frame_before_hello_costs_the_link)
{
        struct fake *bad = fake_dial(&stage);

        fake_send_bytes(bad, "\0\4\0\1", 4);
        fake_expect_end(bad);
}
END_TEST

START_TEST(second_link_drops_the_first)
{
        struct fake *old = fake_ready(&stage, 3, 9);
        struct fake *fresh;

        stage.trace[0] = '\0';
        fresh = fake_ready(&stage, 3, 9);
        ck_assert_str_eq(stage.trace, "gone(3/9) attached(3/9) ready(3/9) ");
        fake_expect_end(old);
        ck_assert(!fresh->ended);
        ck_assert_uint_eq(workers_count(stage.workers), 1);
}
END_TEST

START_TEST(other_generation_is_another_worker)
{
        struct fake *old = fake_ready(&stage, 3, 9);

        fake_ready(&stage, 3, 10);
        ck_assert_uint_eq(workers_count(stage.workers), 2);
        ck_assert(!old->ended);
}
END_TEST

START_TEST(closed_socket_is_gone)
{
        struct fake *fake = fake_ready(&stage, 0, 1);

        fake->channel = channel_free(fake->channel);
        fake->ended = true;
        stage_expect(&stage, "gone(0/1)");
        ck_assert_uint_eq(workers_count(stage.workers), 0);
}
END_TEST

/* ------------------------------------------------------------------------------------ upgrades */

static struct fake *dial_with_build(Jobd__Work__Role role, uint32_t number, const char *build)
{
        struct fake *fake = fake_dial(&stage);
        Jobd__Work__Hello hello = fake_hello(role, number, 1);
        char text[VERSION_BYTES];

        snprintf(text, sizeof(text), "%s", build);
        hello.build = text;
        fake_send_hello(fake, &hello);
        fake_expect(fake, "welcome");
        return fake;
}

START_TEST(old_worker_retires_once_the_pool_is_new)
{
        struct fake *worker = dial_with_build(JOBD__WORK__ROLE__ROLE_WORKER, 0, "0.0.9");
        struct fake *old_pool = dial_with_build(JOBD__WORK__ROLE__ROLE_POOL, 0, "0.0.9");

        stage_expect(&stage, "pool(1)");
        ck_assert_ptr_null(strstr(worker->trace, "retire"));
        ck_assert(!worker_is_retiring(workers_at(stage.workers, 0)));

        dial_with_build(JOBD__WORK__ROLE__ROLE_POOL, 0, version_build);
        fake_expect(worker, "retire");
        fake_expect_end(old_pool);
        ck_assert(worker_is_retiring(workers_at(stage.workers, 0)));
}
END_TEST

START_TEST(old_worker_that_dials_later_retires_too)
{
        struct fake *worker;

        fake_pool(&stage);
        worker = dial_with_build(JOBD__WORK__ROLE__ROLE_WORKER, 0, "0.0.9");
        fake_expect(worker, "retire");
}
END_TEST

/* jobd went back to an earlier build, and so did the pool. */
START_TEST(newer_worker_retires_too)
{
        struct fake *worker, *same;

        fake_pool(&stage);
        worker = dial_with_build(JOBD__WORK__ROLE__ROLE_WORKER, 0, "99.0");
        fake_expect(worker, "retire");
        same = fake_ready(&stage, 1, 1);
        ck_assert_ptr_null(strstr(same->trace, "retire"));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("worker_link");
        TCase *tests = tcase_create("links");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, worker_is_welcomed_and_ready);
        tcase_add_test(tests, inventory_is_told_before_ready);
        tcase_add_test(tests, foreign_uid_is_closed);
        tcase_add_test(tests, other_version_is_refused);
        tcase_add_test(tests, other_boot_is_refused);
        tcase_add_test(tests, worker_without_slots_is_refused);
        tcase_add_test(tests, role_none_is_refused);
        tcase_add_test(tests, lease_report_before_inventory_is_a_breach);
        tcase_add_test(tests, bad_bytes_cost_only_their_link);
        tcase_add_test(tests, frame_of_length_zero_costs_the_link);
        tcase_add_test(tests, long_frame_before_hello_costs_the_link);
        tcase_add_test(tests, second_link_drops_the_first);
        tcase_add_test(tests, other_generation_is_another_worker);
        tcase_add_test(tests, closed_socket_is_gone);
        tcase_add_test(tests, old_worker_retires_once_the_pool_is_new);
        tcase_add_test(tests, old_worker_that_dials_later_retires_too);
        tcase_add_test(tests, newer_worker_retires_too);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
