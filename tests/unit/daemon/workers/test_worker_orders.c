/* SPDX-License-Identifier: Apache-2.0 */
/* Orders arrive whole, not before their barrier, and acknowledgements come together and first. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_worker.h"
#include "tests/unit/suite.h"

static struct stage stage;
static struct fake *fake;

static void set_up(void)
{
        stage_open(&stage, getuid());
        fake = fake_ready(&stage, 0, 1);
        fake_expect(fake, "welcome");
        fake->trace[0] = '\0';
        stage.trace[0] = '\0';
}

static void tear_down(void)
{
        stage_close(&stage);
}

static void start(uint64_t lease, uint64_t barrier)
{
        const struct workers_start order = {
                .lease = lease,
                .job = 1,
                .attempt = 1,
                .spec = (const uint8_t *)"SPEC",
                .spec_size = 4,
                .environment = (const uint8_t *)"ENV",
                .environment_size = 3,
        };

        worker_start(stage.last, &order, barrier);
}

START_TEST(orders_arrive)
{
        start(1, 0);
        worker_revoke(stage.last, 2, 0);
        worker_cancel(stage.last, 3, 500, 0);
        worker_signal(stage.last, 4, 10, 0);
        worker_pause(stage.last, 5, 0);
        worker_resume(stage.last, 6, 0);
        worker_follow(stage.last, 7, true);
        worker_stdin(stage.last, 8, 100, "abc", 3, false);
        worker_stdin(stage.last, 8, 103, NULL, 0, true);
        fake_expect(fake, "stdin(8,103");
        ck_assert_str_eq(fake->trace, "start(1,SPEC,ENV) revoke(2) cancel(3,500) signal(4,10) "
                                      "pause(5) resume(6) follow(7,1) stdin(8,100,abc,0) "
                                      "stdin(8,103,,1) ");
}
END_TEST

/* A task of an array: the specification is sent once, and again after another job's. */
START_TEST(a_repeated_job_is_told_once)
{
        struct workers_start order = {
                .lease = 1,
                .job = 5,
                .attempt = 1,
                .spec = (const uint8_t *)"SPEC",
                .spec_size = 4,
                .is_repeated = true,
        };

        worker_start(stage.last, &order, 0);
        order.lease = 2;
        worker_start(stage.last, &order, 0);
        start(3, 0);
        order.lease = 4;
        worker_start(stage.last, &order, 0);
        fake_expect(fake, "start(4");
        ck_assert_str_eq(fake->trace,
                         "start(1,SPEC,) start(2,,) start(3,SPEC,ENV) start(4,SPEC,) ");
}
END_TEST

START_TEST(a_start_tells_its_cores)
{
        uint32_t cores[] = { 0, 5, 4095 };
        struct workers_start order = {
                .lease = 1,
                .job = 5,
                .attempt = 1,
                .spec = (const uint8_t *)"SPEC",
                .spec_size = 4,
                .cores = cores,
                .cores_count = ARRAY_SIZE(cores),
        };

        worker_start(stage.last, &order, 0);
        order.lease = 2;
        order.bind = true;
        worker_start(stage.last, &order, 0);
        order.lease = 3;
        cores[1] = UINT32_MAX; /* one that nobody knows */
        worker_start(stage.last, &order, 0);
        fake_expect(fake, "start(3,SPEC,) ");
        ck_assert_str_eq(fake->trace, "start(1,SPEC,,0+5+4095) start(2,SPEC,,0+5+4095,bind) "
                                      "start(3,SPEC,) ");
}
END_TEST

/* It needs what the one before it brings, and may not pass it. */
START_TEST(a_start_does_not_pass_another)
{
        start(1, 10);
        start(2, 0);
        worker_follow(stage.last, 7, true);
        fake_expect(fake, "follow(7,1) ");
        ck_assert_str_eq(fake->trace, "follow(7,1) ");
        stage.durable = 10;
        fake_expect(fake, "start(2,SPEC,ENV) ");
        ck_assert_str_eq(fake->trace, "follow(7,1) start(1,SPEC,ENV) start(2,SPEC,ENV) ");
}
END_TEST

START_TEST(held_order_waits_for_its_barrier)
{
        start(1, 10);
        worker_follow(stage.last, 7, true);
        fake_expect(fake, "follow(7,1) ");
        ck_assert_str_eq(fake->trace, "follow(7,1) ");
        stage.durable = 9;
        worker_follow(stage.last, 8, true);
        fake_expect(fake, "follow(8,1) ");
        ck_assert_str_eq(fake->trace, "follow(7,1) follow(8,1) ");
        stage.durable = 10;
        fake_expect(fake, "start(1,SPEC,ENV) ");
}
END_TEST

START_TEST(acks_share_a_frame)
{
        worker_ack(stage.last, 1, 5);
        worker_ack(stage.last, 2, 6);
        worker_ack(stage.last, 3, 7);
        worker_follow(stage.last, 9, true);
        fake_expect(fake, "follow(9,1) ");
        ck_assert_str_eq(fake->trace, "follow(9,1) ");
        stage.durable = 6;
        fake_expect(fake, "ack(1,2) ");
        stage.durable = 7;
        fake_expect(fake, "ack(3) ");
        ck_assert_str_eq(fake->trace, "follow(9,1) ack(1,2) ack(3) ");
}
END_TEST

/* The slot that START uses is free only after the ACK of its last lease. */
START_TEST(ack_leaves_before_a_start)
{
        worker_ack(stage.last, 1, 5);
        start(2, 6);
        stage.durable = 6;
        fake_expect(fake, "start(2");
        ck_assert_str_eq(fake->trace, "ack(1) start(2,SPEC,ENV) ");
}
END_TEST

START_TEST(ack_leaves_before_a_start_that_need_not_wait)
{
        stage.durable = 6;
        worker_follow(stage.last, 9, true);
        fake_expect(fake, "follow(9,1) ");
        worker_ack(stage.last, 1, 5);
        start(2, 6);
        fake_expect(fake, "start(2");
        ck_assert_str_eq(fake->trace, "follow(9,1) ack(1) start(2,SPEC,ENV) ");
}
END_TEST

static bool four_orders_came(struct stage *on _unused_)
{
        return fake->orders_count >= 4;
}

START_TEST(more_acks_than_a_frame_holds_go_in_several)
{
        for (uint64_t i = 0; i < 3000; i++)
                worker_ack(stage.last, 1, 1);
        worker_ack(stage.last, 7777, 1);
        stage.durable = 1;
        stage_turn_until(&stage, four_orders_came); /* Welcome was the first */
        ck_assert(!fake->ended);
}
END_TEST

/* The engine may give orders from inside on_gone; they must not reach anything. */
static void order_to_the_dead(struct stage *on, const char *name)
{
        if (strcmp(name, "gone") != 0)
                return;
        stage.last = on->last;
        start(1, 0);
        worker_ack(on->last, 1, 0);
        worker_cancel(on->last, 1, 0, 0);
}

START_TEST(orders_on_a_dead_link_do_nothing)
{
        stage.on_event = order_to_the_dead;
        fake_send_bytes(fake, "\0\0\0\0", 4);
        fake_expect_end(fake);
        ck_assert_str_eq(fake->trace, "");
        ck_assert_str_eq(stage.trace, "gone(0/1) ");
}
END_TEST

/* Over 64 MiB wait: the link is given up, and told only from the loop. */
START_TEST(worker_that_never_reads_is_dropped)
{
        static char piece[1024 * 1024];

        channel_set_reading(fake->channel, false);
        for (int i = 0; i < 80; i++) {
                worker_stdin(stage.last, 1, 0, piece, sizeof(piece), false);
                ck_assert_str_eq(stage.trace, "");
        }
        stage_expect(&stage, "gone(0/1) ");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("worker_orders");
        TCase *tests = tcase_create("orders");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, orders_arrive);
        tcase_add_test(tests, held_order_waits_for_its_barrier);
        tcase_add_test(tests, a_repeated_job_is_told_once);
        tcase_add_test(tests, a_start_tells_its_cores);
        tcase_add_test(tests, a_start_does_not_pass_another);
        tcase_add_test(tests, acks_share_a_frame);
        tcase_add_test(tests, ack_leaves_before_a_start);
        tcase_add_test(tests, ack_leaves_before_a_start_that_need_not_wait);
        tcase_add_test(tests, more_acks_than_a_frame_holds_go_in_several);
        tcase_add_test(tests, orders_on_a_dead_link_do_nothing);
        tcase_add_test(tests, worker_that_never_reads_is_dropped);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
