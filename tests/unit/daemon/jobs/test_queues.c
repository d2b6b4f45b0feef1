/* SPDX-License-Identifier: Apache-2.0 */
/* The list of queues, and what their width permits. */
#include <check.h>
#include <stdlib.h>

#include "daemon/jobs/fair.h"
#include "daemon/jobs/queues.h"
#include "tests/unit/suite.h"

static struct queues queues;

static void setup(void)
{
        ck_assert_int_eq(queues_init(&queues), 0);
}

static void teardown(void)
{
        queues_deinit(&queues);
}

static struct queue *add(uint32_t id, const char *name)
{
        struct queue *queue;

        ck_assert_int_eq(queues_add(&queues, id, name, QUEUE_FIFO, &queue), 0);
        return queue;
}

START_TEST(the_default_is_always_there)
{
        const struct queue *queue = queues_default(&queues);

        ck_assert_uint_eq(queue->id, QUEUE_DEFAULT_ID);
        ck_assert_str_eq(queue->name, QUEUE_DEFAULT_NAME);
        ck_assert_int_eq(queue->policy, QUEUE_PRIORITY);
        ck_assert_uint_eq(queue->weight, FAIR_WEIGHT_DEFAULT);
        ck_assert(queue_is_open(queue));
        ck_assert(queue_has_cores(queue, UINT32_MAX / 2));
        add(3, "night");
        ck_assert_ptr_eq(queues_default(&queues), queue);
}
END_TEST

START_TEST(they_are_found)
{
        struct queue *c = add(7, "c"), *a = add(2, "a"), *b = add(5, "b");
        const struct queue *queue = TAILQ_FIRST(&queues.list);

        ck_assert_ptr_eq(queues_find(&queues, 2), a);
        ck_assert_ptr_eq(queues_find(&queues, 5), b);
        ck_assert_ptr_eq(queues_find_name(&queues, "c"), c);
        ck_assert_ptr_null(queues_find(&queues, 3));
        ck_assert_ptr_null(queues_find_name(&queues, "C"));
        /* By id. */
        ck_assert_uint_eq(queue->id, 0);
        ck_assert_ptr_eq((queue = TAILQ_NEXT(queue, entry)), a);
        ck_assert_ptr_eq((queue = TAILQ_NEXT(queue, entry)), b);
        ck_assert_ptr_eq((queue = TAILQ_NEXT(queue, entry)), c);
        queues_remove(&queues, b);
        ck_assert_ptr_null(queues_find(&queues, 5));
        ck_assert_ptr_eq(TAILQ_NEXT(a, entry), c);
}
END_TEST

START_TEST(widths)
{
        struct queue *queue = add(1, "narrow");

        queue->tasks_leased = 1000;
        queue->cores_leased = 1000;
        ck_assert(queue_is_open(queue));
        queue->width_tasks = 1000;
        ck_assert(!queue_is_open(queue));
        queue->width_tasks = 1001;
        ck_assert(queue_is_open(queue));
        queue->width_cores = 1000;
        ck_assert(!queue_is_open(queue));
        queue->width_cores = 1004;
        ck_assert(queue_is_open(queue));
        ck_assert(queue_has_cores(queue, 4));
        ck_assert(!queue_has_cores(queue, 5));
        /* It was made narrower than what runs. */
        queue->width_cores = 10;
        ck_assert(!queue_is_open(queue));
        ck_assert(!queue_has_cores(queue, 1));
        queue->width_cores = 0;
        queue->is_paused = true;
        ck_assert(!queue_is_open(queue));
        queue->is_paused = false;
        /* What is in it still runs. */
        queue->is_draining = true;
        ck_assert(queue_is_open(queue));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("queues");
        TCase *tcase = tcase_create("list");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, the_default_is_always_there);
        tcase_add_test(tcase, they_are_found);
        tcase_add_test(tcase, widths);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
