/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of values: found by task, in any order of ends, and what stays behind. */
#include <stdio.h>
#include <string.h>

#include "client/cmd/map_session_values.h"
#include "tests/unit/suite.h"

static struct map_values *values;

static void start(uint32_t per_task)
{
        ck_assert_int_eq(map_values_new(per_task, &values), 0);
}

static void teardown(void)
{
        values = map_values_free(values);
}

static void add(const char *data, size_t size, uint64_t count)
{
        ck_assert_int_eq(map_values_add(values, data, size, count), 0);
}

static void expect(uint64_t task, const char *data, size_t size)
{
        const char *found = NULL;
        size_t found_size = 0;

        ck_assert(map_values_find(values, task, &found, &found_size));
        ck_assert_uint_eq(found_size, size);
        ck_assert_mem_eq(found, data, size);
}

START_TEST(test_values_of_tasks)
{
        const char *found;
        size_t size;

        start(2);
        add("a\0\0bb\0c", 8, 4);
        add("dd\0e\0f", 7, 3);
        expect(0, "a\0", 3);
        expect(1, "bb\0c", 5);
        expect(2, "dd\0e", 5);
        expect(3, "f", 2); /* the last task of all has fewer */
        ck_assert(!map_values_find(values, 4, &found, &size));
        ck_assert(!map_values_find(values, UINT64_MAX, &found, &size));
}
END_TEST

/* A block goes with its last task, whichever that is. */
START_TEST(test_values_go)
{
        const char *found;
        size_t size;
        size_t bytes;

        start(1);
        add("a\0b", 4, 2);
        bytes = map_values_bytes(values);
        ck_assert_uint_gt(bytes, 4);
        add("c\0d", 4, 2);
        map_values_drop(values, 3);
        expect(2, "c", 2);
        map_values_drop(values, 2);
        ck_assert_uint_eq(map_values_bytes(values), bytes);
        ck_assert(!map_values_find(values, 2, &found, &size));
        expect(1, "b", 2);
        map_values_drop(values, 0);
        map_values_drop(values, 1);
        ck_assert_uint_eq(map_values_bytes(values), 0);
        add("e", 2, 1);
        expect(4, "e", 2);
}
END_TEST

/* Many blocks, of which the first stays: as when one task lasts and all others are short. */
START_TEST(test_values_of_many_blocks)
{
        char text[16];

        start(1);
        for (uint64_t i = 0; i < 10000; i++) {
                const int n = snprintf(text, sizeof(text), "v%llu", (unsigned long long)i);

                add(text, (size_t)n + 1, 1);
                expect(i, text, (size_t)n + 1);
                expect(0, "v0", 3);
                if (i > 0)
                        map_values_drop(values, i);
        }
        ck_assert_uint_lt(map_values_bytes(values), 100);
        map_values_drop(values, 0);
        ck_assert_uint_eq(map_values_bytes(values), 0);
}
END_TEST

SUITE_MAIN("map_session_values", NULL, teardown, test_values_of_tasks, test_values_go,
           test_values_of_many_blocks)
