/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Databases of older releases: schema-N.sql is what one of schema N held; those between are made of
 * it by the steps up to theirs. Opening brings it to ours, keeps what was there, and fills what is
 * new with what it meant then.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"

#include "daemon/journal/schema.h"
#include "fixture.h"
#include "suites.h"

/* What is in the file, brought by our steps to this schema as the jobd of that time did. */
static void load(const char *sql_path, size_t schema)
{
        static char sql[64 * 1024];
        _cleanup_(freep) char *path = fixture_path(&the, "jobd.db");
        FILE *const file = fopen(sql_path, "re");
        sqlite3 *db = NULL;

        ck_assert_ptr_nonnull(file);
        sql[fread(sql, 1, sizeof(sql) - 1, file)] = '\0';
        ck_assert(feof(file));
        fclose(file);
        umask(077);
        ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
        ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s",
                      sqlite3_errmsg(db));
        ck_assert_int_eq(schema_migrate(db, schema_steps, schema), 0);
        sqlite3_close(db);
}

/* The columns as they stand in the file, one line each; owned by the caller. */
static char *describe(const char *path)
{
        static const char sql[] =
                "SELECT group_concat(line, char(10)) FROM (SELECT m.name || '.' || c.name || ' ' ||"
                " c.type || c.\"notnull\" || c.pk AS line FROM sqlite_schema m,"
                " pragma_table_info(m.name) c ORDER BY m.name, c.cid)";
        sqlite3_stmt *stmt = NULL;
        sqlite3 *db = NULL;
        char *text;

        ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
        if (!*path)
                ck_assert_int_eq(schema_migrate(db, schema_steps, schema_steps_count), 0);
        else
                sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
        ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
        text = strdup((const char *)sqlite3_column_text(stmt, 0));
        sqlite3_finalize(stmt);
        sqlite3_close(db);
        return text;
}

static int take_job(void *arg, const struct journal_job *row)
{
        uint64_t *const ids = arg;

        ck_assert_uint_eq(row->map_values, 0);
        ck_assert_uint_eq(row->input, JOURNAL_INPUT_CLOSED);
        ck_assert_uint_eq(row->chunk_next + row->input_bytes + row->seen_task, 0);
        ck_assert_uint_eq(row->start_delay_usec + row->halt_on + row->halt_count, 0);
        ck_assert(!row->halt_now && row->halt_percent == 0);
        *ids = *ids * 10 + row->id;
        return 0;
}

static int take_task(void *arg, const struct journal_task *row)
{
        (void)arg;
        (void)row;
        return 0;
}

static int take_key(void *arg, uint32_t uid, const uint8_t key[static JOURNAL_KEY_BYTES])
{
        (void)arg;
        (void)uid;
        (void)key;
        return 0;
}

/* The file has the number and the columns of a new one. */
static void check_is_ours(void)
{
        _cleanup_(freep) char *path = fixture_path(&the, "jobd.db");
        _cleanup_(freep) char *migrated = NULL;
        _cleanup_(freep) char *fresh = NULL;

        ck_assert_int_eq(fixture_sql(&the, "PRAGMA user_version"), (int64_t)schema_steps_count);
        migrated = describe(path);
        fresh = describe("");
        ck_assert_str_eq(migrated, fresh);
}

START_TEST(schema_1_becomes_ours)
{
        static const struct journal_restore restore = { .on_job = take_job,
                                                        .on_task = take_task,
                                                        .on_key = take_key };
        const struct journal_results_query query = { .job = 2,
                                                     .any_uid = true,
                                                     .want_output = true };
        struct answer answer;
        uint64_t ids = 0;

        load(FIXTURE_SCHEMA_1, 1);
        fixture_open(&the);
        ck_assert_uint_eq(journal_last_job_id(the.journal), 3);
        ck_assert_uint_eq(journal_last_lease(the.journal), 4);
        ck_assert_int_eq(journal_read_all(the.journal, &restore, &ids), 0);
        ck_assert_uint_eq(ids, 3);
        fixture_close(&the);

        fixture_start(&the);
        fixture_read_results(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 1);
        ck_assert_uint_eq(answer.tasks_count, 3);
        ck_assert_uint_eq(answer.outputs[2]->size, 19);
        answer_deinit(&answer);
        fixture_close(&the);
        check_is_ours();
}
END_TEST

/* Tasks that were cancelled counted as failed, and nobody noted slots. */
START_TEST(schema_2_tells_the_ends_apart)
{
        const struct journal_job_query query = {
                .any_uid = true, .min_id = 4, .want_tasks = true, .all_tasks = true
        };
        const struct journal_job *row;
        struct answer answer;

        load(FIXTURE_SCHEMA_2, 2);
        fixture_start(&the);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_eq(answer.jobs_count, 3);
        for (size_t i = 0; i < answer.tasks_count; i++)
                ck_assert_uint_eq(answer.tasks[i].slot, 0);

        row = &answer.jobs[0]; /* it runs: counted from its tasks, as at each start */
        ck_assert_uint_eq(row->id, 6);
        ck_assert_uint_eq(row->tasks_failed + row->tasks_cancelled, 0);
        row = &answer.jobs[1];
        ck_assert_uint_eq(row->tasks_ok, 2);
        ck_assert_uint_eq(row->tasks_failed + row->tasks_cancelled + row->tasks_lost, 0);
        row = &answer.jobs[2];
        ck_assert_uint_eq(row->tasks_ok, 1);
        ck_assert_uint_eq(row->tasks_failed, 7);
        ck_assert_uint_eq(row->tasks_cancelled, 3); /* one by itself, two with the rest */
        ck_assert_uint_eq(row->tasks_timeout, 1);
        ck_assert_uint_eq(row->tasks_oom, 1);
        ck_assert_uint_eq(row->tasks_lost, 1);
        answer_deinit(&answer);
        fixture_close(&the);
        check_is_ours();
}
END_TEST

/* All jobs were of the one queue that there was, and there is none else. */
START_TEST(schema_3_has_the_default_queue)
{
        const struct journal_job_query query = { .any_uid = true };
        struct answer answer;
        uint32_t last = 7;

        load(FIXTURE_SCHEMA_2, 3);
        fixture_open(&the);
        ck_assert_int_eq(journal_read_queue_id(the.journal, &last), 0);
        ck_assert_uint_eq(last, 0);
        fixture_close(&the);

        fixture_start(&the);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_gt(answer.jobs_count, 3);
        for (size_t i = 0; i < answer.jobs_count; i++)
                ck_assert_uint_eq(answer.jobs[i].queue, 0);
        answer_deinit(&answer);
        fixture_close(&the);
        check_is_ours();
}
END_TEST

START_TEST(every_older_one_becomes_ours)
{
        const struct journal_job_query query = { .any_uid = true };
        struct answer answer;

        load(FIXTURE_SCHEMA_2, (size_t)_i);
        fixture_start(&the);
        fixture_read_jobs(&the, &query, &answer);
        ck_assert_uint_gt(answer.jobs_count, 3);
        answer_deinit(&answer);
        fixture_close(&the);
        check_is_ours();
}
END_TEST

TCase *schema_case(void)
{
        TCase *const tcase = tcase_create("schema");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, schema_1_becomes_ours);
        tcase_add_test(tcase, schema_2_tells_the_ends_apart);
        tcase_add_test(tcase, schema_3_has_the_default_queue);
        tcase_add_loop_test(tcase, every_older_one_becomes_ours, 2, (int)schema_steps_count);
        return tcase;
}
