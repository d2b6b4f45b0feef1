/* SPDX-License-Identifier: Apache-2.0 */
/* The small parts that need no database: arena, blob, batch, high-water file, schema steps. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/journal/arena.h"
#include "daemon/journal/highwater.h"
#include "daemon/journal/schema.h"
#include "fixture.h"
#include "suites.h"

START_TEST(pieces_of_an_arena_stay_where_they_are)
{
        struct arena arena = { 0 };
        char *pieces[2000];

        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
                pieces[i] = arena_take(&arena, i % 300 + 1);
                ck_assert_ptr_nonnull(pieces[i]);
                ck_assert_uint_eq((uintptr_t)pieces[i] % 16, 0);
                memset(pieces[i], (int)(i % 251), i % 300 + 1);
        }
        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
                for (size_t k = 0; k <= i % 300; k++)
                        ck_assert_uint_eq((uint8_t)pieces[i][k], i % 251);
        ck_assert_str_eq(arena_copy_text(&arena, "text", 4), "text");
        ck_assert_ptr_nonnull(arena_take(&arena, (size_t)3 * 1024 * 1024));
        ck_assert_ptr_null(arena_take(&arena, SIZE_MAX / 2));
        arena_reset(&arena);
        ck_assert_ptr_nonnull(arena_take(&arena, 100));
        arena_deinit(&arena);
        ck_assert_ptr_null(arena.chunk);
}
END_TEST

START_TEST(a_blob_lives_as_long_as_its_last_owner)
{
        struct journal_blob *blob = blob_of("bytes"), *other;

        other = journal_blob_ref(blob);
        ck_assert_ptr_eq(other, blob);
        blob = journal_blob_unref(blob);
        ck_assert_ptr_null(blob);
        ck_assert_mem_eq(other->data, "bytes", 5);
        journal_blob_unref(other);
        ck_assert_ptr_null(journal_blob_ref(NULL));
        ck_assert_ptr_null(journal_blob_unref(NULL));
}
END_TEST

START_TEST(an_unposted_batch_gives_everything_back)
{
        struct journal_batch *const batch = batch_new();
        struct journal_job row = job_row(1, 2);

        ck_assert(journal_batch_is_empty(batch));
        row.spec = blob_of("spec");
        row.environment = blob_of("environment");
        row.name = "name";
        ck_assert_int_eq(journal_put_job(batch, &row), 0);
        ck_assert_int_eq(journal_put_output(batch, 1, 0, 1, row.spec), 0);
        ck_assert(!journal_batch_is_empty(batch));
        journal_blob_unref(row.spec);
        journal_blob_unref(row.environment);
        journal_batch_free(batch);
        journal_batch_free(NULL);
}
END_TEST

/* -------------------------------------------------------------------------------- high-water */

static const struct highwater_mark mark = { .sequence = 9, .job_id = 8, .lease = UINT64_MAX };

/* Opens, gives back what was found, closes. */
static enum highwater_found reopen(int dir, struct highwater_mark *out_mark, bool *out_same_boot)
{
        struct highwater highwater;
        enum highwater_found found;

        ck_assert_int_eq(highwater_open(dir, &highwater, &found, out_mark, out_same_boot), 0);
        highwater_close(&highwater);
        return found;
}

static void write_mark(int dir)
{
        struct highwater highwater;
        enum highwater_found found;
        struct highwater_mark old;
        bool same_boot;

        ck_assert_int_eq(highwater_open(dir, &highwater, &found, &old, &same_boot), 0);
        highwater_write(&highwater, &mark);
        highwater_close(&highwater);
}

START_TEST(the_high_water_file_is_believed_only_when_whole)
{
        const int dir = open(the.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(freep) char *path = fixture_path(&the, "highwater");
        struct highwater_mark found = { 0 };
        bool same_boot;
        int fd;

        ck_assert_int_eq(reopen(dir, &found, &same_boot), HIGHWATER_ABSENT);
        write_mark(dir);
        ck_assert_int_eq(reopen(dir, &found, &same_boot), HIGHWATER_VALID);
        ck_assert(same_boot);
        ck_assert_mem_eq(&found, &mark, sizeof(mark));
        for (off_t at = 0; at < 32; at++) {
                fd = open(path, O_RDWR | O_CLOEXEC);
                ck_assert_int_eq(pwrite(fd, "\x55", 1, at), 1);
                close(fd);
                ck_assert_int_eq(reopen(dir, &found, &same_boot), HIGHWATER_INVALID);
                ck_assert(!same_boot);
                write_mark(dir);
        }
        ck_assert_int_eq(truncate(path, 31), 0);
        ck_assert_int_eq(reopen(dir, &found, &same_boot), HIGHWATER_INVALID);
        ck_assert_int_eq(reopen(dir, &found, &same_boot), HIGHWATER_ABSENT);
        close(dir);
}
END_TEST

START_TEST(marks_are_compared_number_by_number)
{
        const struct highwater_mark a = { 5, 5, 5 }, b = { 5, 6, 4 };
        const struct highwater_mark both = highwater_join(&a, &b);

        ck_assert(!highwater_is_reached(&a, &b));
        ck_assert(!highwater_is_reached(&b, &a));
        ck_assert(highwater_is_reached(&a, &a));
        ck_assert(highwater_is_reached(&both, &a) && highwater_is_reached(&both, &b));
        ck_assert_uint_eq(both.job_id, 6);
        ck_assert_uint_eq(both.lease, 5);
}
END_TEST

/* ------------------------------------------------------------------------------------ schema */

static const char *const steps[] = {
        "CREATE TABLE a (x)",
        "INSERT INTO a VALUES (7)",
        "CREATE TABLE b (y); INSERT INTO b SELECT x + 1 FROM a",
};

static int version_of(sqlite3 *db)
{
        int version = -1;

        ck_assert_int_eq(schema_examine(db, 99, &version), 0);
        return version;
}

START_TEST(steps_are_run_once_and_in_order)
{
        sqlite3 *db;

        ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
        ck_assert_int_eq(schema_migrate(db, steps, 1), 0);
        ck_assert_int_eq(version_of(db), 1);
        ck_assert_int_eq(schema_migrate(db, steps, 3), 0);
        ck_assert_int_eq(version_of(db), 3);
        ck_assert_int_eq(schema_migrate(db, steps, 3), 0);
        ck_assert_int_eq(sqlite3_exec(db, "SELECT 1 / (count(*) = 1 AND max(y) = 8) FROM b", NULL,
                                      NULL, NULL),
                         SQLITE_OK);
        ck_assert_int_eq(schema_migrate(db, steps, 2), SCHEMA_E_NEWER);
        sqlite3_close(db);
}
END_TEST

START_TEST(a_step_that_fails_changes_nothing)
{
        static const char *const bad[] = { "CREATE TABLE a (x)", "CREATE TABLE b (y); nonsense" };
        _cleanup_(freep) char *path = fixture_path(&the, "x.db");
        sqlite3 *db;

        ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
        ck_assert_int_eq(schema_migrate(db, bad, 2), SCHEMA_E_SQL);
        ck_assert_ptr_nonnull(strstr(sqlite3_errmsg(db), "nonsense"));
        sqlite3_close(db);
        ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
        ck_assert_int_eq(version_of(db), 1);
        ck_assert_int_ne(sqlite3_exec(db, "SELECT * FROM b", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}
END_TEST

START_TEST(a_foreign_database_is_not_touched)
{
        sqlite3 *db;

        ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE theirs (x)", NULL, NULL, NULL), SQLITE_OK);
        ck_assert_int_eq(schema_migrate(db, steps, 3), SCHEMA_E_FOREIGN);
        sqlite3_exec(db, "DROP TABLE theirs; PRAGMA application_id = 5", NULL, NULL, NULL);
        ck_assert_int_eq(schema_migrate(db, steps, 3), SCHEMA_E_FOREIGN);
        sqlite3_close(db);
}
END_TEST

TCase *parts_case(void)
{
        TCase *const tcase = tcase_create("parts");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, pieces_of_an_arena_stay_where_they_are);
        tcase_add_test(tcase, a_blob_lives_as_long_as_its_last_owner);
        tcase_add_test(tcase, an_unposted_batch_gives_everything_back);
        tcase_add_test(tcase, the_high_water_file_is_believed_only_when_whole);
        tcase_add_test(tcase, marks_are_compared_number_by_number);
        tcase_add_test(tcase, steps_are_run_once_and_in_order);
        tcase_add_test(tcase, a_step_that_fails_changes_nothing);
        tcase_add_test(tcase, a_foreign_database_is_not_touched);
        return tcase;
}
