/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs by id across page borders, and the set that must never call a known key new. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/job_table.h"
#include "daemon/jobs/key_set.h"
#include "tests/unit/suite.h"

static struct job *fake_job(uint64_t id)
{
        return (struct job *)(uintptr_t)(id * 16); /* never followed */
}

START_TEST(jobs_come_and_go)
{
        struct job_table table = { 0 };
        uint64_t id;

        for (id = 1; id <= 3 * JOB_TABLE_PAGE; id++)
                ck_assert_int_eq(job_table_add(&table, id, fake_job(id)), 0);
        for (id = 1; id <= 3 * JOB_TABLE_PAGE; id++)
                ck_assert_ptr_eq(job_table_find(&table, id), fake_job(id));
        ck_assert_ptr_null(job_table_find(&table, 0));
        ck_assert_ptr_null(job_table_find(&table, 3 * JOB_TABLE_PAGE + 1));
        ck_assert_ptr_null(job_table_find(&table, UINT64_MAX));
        for (id = 1; id <= 3 * JOB_TABLE_PAGE; id += 2)
                job_table_remove(&table, id);
        job_table_remove(&table, 1);
        ck_assert_ptr_null(job_table_find(&table, JOB_TABLE_PAGE + 1));
        ck_assert_ptr_eq(job_table_find(&table, JOB_TABLE_PAGE), fake_job(JOB_TABLE_PAGE));
        for (id = 2; id <= 3 * JOB_TABLE_PAGE; id += 2)
                job_table_remove(&table, id);
        ck_assert_ptr_null(table.pages);
        job_table_clear(&table);
}
END_TEST

/* Across empty slots, empty pages, and from an id that is gone. */
START_TEST(the_next_one)
{
        static const uint64_t ids[] = { 1,
                                        2,
                                        JOB_TABLE_PAGE - 1,
                                        JOB_TABLE_PAGE,
                                        5 * JOB_TABLE_PAGE + 7,
                                        900 * JOB_TABLE_PAGE };
        struct job_table table = { 0 };

        ck_assert_ptr_null(job_table_next(&table, 0));
        for (size_t i = ARRAY_SIZE(ids); i-- > 0;)
                ck_assert_int_eq(job_table_add(&table, ids[i], fake_job(ids[i])), 0);
        ck_assert_ptr_eq(job_table_next(&table, 0), fake_job(1));
        for (size_t i = 0; i + 1 < ARRAY_SIZE(ids); i++) {
                ck_assert_ptr_eq(job_table_next(&table, ids[i]), fake_job(ids[i + 1]));
                ck_assert_ptr_eq(job_table_next(&table, ids[i + 1] - 1), fake_job(ids[i + 1]));
        }
        ck_assert_ptr_null(job_table_next(&table, 900 * JOB_TABLE_PAGE));
        ck_assert_ptr_null(job_table_next(&table, UINT64_MAX));
        job_table_remove(&table, JOB_TABLE_PAGE);
        ck_assert_ptr_eq(job_table_next(&table, JOB_TABLE_PAGE - 1), fake_job(ids[4]));
        job_table_clear(&table);
}
END_TEST

START_TEST(a_known_key_is_never_new)
{
        struct key_set set = { 0 };
        uint64_t key[2] = { 0 };
        uint64_t i, wrong = 0;

        ck_assert(!key_set_may_have(&set, 1000, (const uint8_t *)key, sizeof(key)));
        for (i = 0; i < 10000; i++) {
                key[0] = i;
                ck_assert_int_eq(key_set_add(&set, 1000, (const uint8_t *)key, sizeof(key)), 0);
        }
        for (i = 0; i < 10000; i++) {
                key[0] = i;
                ck_assert(key_set_may_have(&set, 1000, (const uint8_t *)key, sizeof(key)));
                wrong += key_set_may_have(&set, 1001, (const uint8_t *)key, sizeof(key));
        }
        ck_assert_uint_le(wrong, 1);
        key_set_deinit(&set);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("job_table");
        TCase *tcase = tcase_create("tables");

        tcase_add_test(tcase, jobs_come_and_go);
        tcase_add_test(tcase, the_next_one);
        tcase_add_test(tcase, a_known_key_is_never_new);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
