/* SPDX-License-Identifier: Apache-2.0 */
/* The pool's orders, the lists, and the life of the whole object. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

START_TEST(socket_is_private)
{
        struct stat st;

        ck_assert_int_eq(stat(stage.socket_path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(pool_hears_its_size)
{
        struct fake *pool;

        workers_resize(stage.workers, 3);
        pool = fake_pool(&stage);
        ck_assert(workers_has_pool(stage.workers));
        ck_assert_str_eq(stage.trace, "pool(1) ");
        workers_resize(stage.workers, 12);
        fake_expect(pool, "pool_set(12) ");
        ck_assert_uint_eq(workers_wanted(stage.workers), 12);
        /* While jobs lend it has some more, and never more than an order can say. */
        workers_set_extra(stage.workers, 2);
        fake_expect(pool, "pool_set(14) ");
        workers_resize(stage.workers, 4095);
        fake_expect(pool, "pool_set(4096) ");
}
END_TEST

START_TEST(pool_gets_its_orders)
{
        struct fake *pool = fake_pool(&stage);

        workers_compact(stage.workers, 17, 0, 1);
        fake_expect(pool, "compact(17) ");
        workers_stop_pool(stage.workers);
        fake_expect(pool, "pool_stop ");
        /* One that dials while we end is told at once, and not of its size. */
        pool = fake_dial(&stage);
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_POOL, 0, 0);
        fake_send_hello(pool, &hello);
        fake_expect(pool, "pool_stop ");
        ck_assert_ptr_null(strstr(pool->trace, "pool_set"));
        ck_assert_str_eq(stage.trace, "pool(1) pool(0) pool(1) ");
}
END_TEST

/* Only news travel; what was said before the pool came, or to another, it hears on arrival. */
START_TEST(pool_hears_the_weights_of_users)
{
        struct fake *pool;
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_POOL, 0, 0);
        char old[] = "0.0.1";

        workers_set_user_weight(stage.workers, 1002, 300);
        workers_set_user_weight(stage.workers, 1001, 100);
        pool = fake_pool(&stage);
        workers_set_user_weight(stage.workers, 1002, 300);
        workers_set_user_weight(stage.workers, 1003, 0);
        workers_set_user_weight(stage.workers, 1000, 4000000);
        workers_set_user_weight(stage.workers, 1001, 7);
        workers_stop_pool(stage.workers);
        fake_expect(pool, "pool_stop ");
        ck_assert_ptr_nonnull(strstr(pool->trace,
                                     "weight(1001,100) weight(1002,300) weight(1003,1) "
                                     "weight(1000,10000) weight(1001,7) pool_stop "));
        pool = fake_dial(&stage);
        fake_send_hello(pool, &hello);
        fake_expect(pool, "weight(1000,10000) weight(1001,7) weight(1002,300) weight(1003,1) ");
        /* To one of an older build the order would be a breach. */
        hello.build = old;
        pool = fake_dial(&stage);
        fake_send_hello(pool, &hello);
        fake_expect(pool, "pool_stop ");
        ck_assert_ptr_null(strstr(pool->trace, "weight"));
}
END_TEST

START_TEST(without_a_pool_orders_do_nothing)
{
        workers_compact(stage.workers, 17, 0, 1);
        workers_ack_dead(stage.workers, 1, 1, 0);
        workers_stop_pool(stage.workers);
        ck_assert_uint_eq(workers_pool_pid(stage.workers), 0);
        ck_assert(!workers_has_pool(stage.workers));
}
END_TEST

START_TEST(workers_are_listed_by_number)
{
        fake_ready(&stage, 5, 1);
        fake_ready(&stage, 1, 2);
        fake_ready(&stage, 3, 3);
        ck_assert_uint_eq(workers_count(stage.workers), 3);
        ck_assert_uint_eq(worker_number(workers_at(stage.workers, 0)), 1);
        ck_assert_uint_eq(worker_number(workers_at(stage.workers, 1)), 3);
        ck_assert_uint_eq(worker_number(workers_at(stage.workers, 2)), 5);
        ck_assert_ptr_null(workers_at(stage.workers, 3));
}
END_TEST

START_TEST(full_disk_is_told_to_all)
{
        struct fake *early = fake_ready(&stage, 0, 1);
        struct fake *late;

        workers_set_disk(stage.workers, true);
        fake_expect(early, "disk(1) ");
        late = fake_ready(&stage, 1, 2);
        fake_expect(late, "disk(1) ");
        workers_set_disk(stage.workers, false);
        fake_expect(late, "disk(0) ");
        fake_expect(early, "disk(0) ");
}
END_TEST

START_TEST(new_defaults_are_told)
{
        struct fake *fake = fake_ready(&stage, 0, 1);

        fake_expect(fake, "welcome");
        workers_set_defaults(stage.workers, 1, 2, 3);
        fake_expect_welcome(fake, "1,2,3,/s");
}
END_TEST

START_TEST(data_stays_with_its_worker)
{
        int mine;

        fake_ready(&stage, 0, 1);
        ck_assert_ptr_null(worker_data(stage.last));
        worker_set_data(stage.last, &mine);
        ck_assert_ptr_eq(worker_data(workers_at(stage.workers, 0)), &mine);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("workers");
        TCase *tests = tcase_create("pool");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, socket_is_private);
        tcase_add_test(tests, pool_hears_its_size);
        tcase_add_test(tests, pool_gets_its_orders);
        tcase_add_test(tests, pool_hears_the_weights_of_users);
        tcase_add_test(tests, without_a_pool_orders_do_nothing);
        tcase_add_test(tests, workers_are_listed_by_number);
        tcase_add_test(tests, full_disk_is_told_to_all);
        tcase_add_test(tests, new_defaults_are_told);
        tcase_add_test(tests, data_stays_with_its_worker);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
