/* SPDX-License-Identifier: Apache-2.0 */
/* What journal_open() refuses, what it repairs, and what each sentence tells a person to do. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"

/* A database with one job, closed. */
static void make(void)
{
        fixture_start(&the);
        fixture_submit(&the, 17, 5);
        fixture_close(&the);
}

static void expect_job(void)
{
        fixture_open(&the);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT id FROM job"), 17);
}

static void remove_file(const char *name)
{
        _cleanup_(freep) char *path = fixture_path(&the, name);

        ck_assert_int_eq(unlink(path), 0);
}

static bool has_file(const char *name)
{
        _cleanup_(freep) char *path = fixture_path(&the, name);

        return access(path, F_OK) == 0;
}

static void put_file(const char *name, const char *text)
{
        _cleanup_(freep) char *path = fixture_path(&the, name);
        const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
}

static void overwrite(const char *name, off_t at, const void *data, size_t size)
{
        _cleanup_(freep) char *path = fixture_path(&the, name);
        const int fd = open(path, O_WRONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(pwrite(fd, data, size, at), (ssize_t)size);
        close(fd);
}

START_TEST(files_are_for_their_owner_only)
{
        static const char *const names[] = { "jobd.db", "jobd.db-wal", "highwater", "initialised" };

        umask(0);
        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_(freep) char *path = fixture_path(&the, names[i]);
                struct stat st;

                ck_assert_int_eq(stat(path, &st), 0);
                ck_assert_uint_eq(st.st_mode & 0777, 0600);
        }
        ck_assert(!has_file("jobd.db-shm"));
}
END_TEST

START_TEST(the_wal_gets_its_reserve_and_keeps_it)
{
        _cleanup_(freep) char *path = fixture_path(&the, "jobd.db-wal");
        const uint64_t reserve = (uint64_t)4 * 1024 * 1024;
        struct answer answer;
        struct stat st;
        ino_t inode;

        the.options.reserve_bytes = reserve;
        fixture_open(&the);
        ck_assert_int_eq(stat(path, &st), 0);
        inode = st.st_ino;
        ck_assert_uint_ge((uint64_t)st.st_size + 64 * 1024, reserve);
        ck_assert_uint_le((uint64_t)st.st_size, reserve + 64 * 1024);
        ck_assert_uint_ge((uint64_t)st.st_blocks * 512 + 64 * 1024, reserve);
        fixture_close(&the);
        /* Enough for checkpoints; the one after the last commit is over when a read is answered. */
        fixture_start(&the);
        for (uint64_t id = 1; id <= 200; id++) {
                fixture_submit(&the, id, 5);
                fixture_wait_durable(&the, id);
        }
        fixture_read_task(&the, 1, 1, false, &answer);
        answer_deinit(&answer);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_ge((uint64_t)st.st_size + 64 * 1024, reserve);
        ck_assert_uint_le((uint64_t)st.st_size, reserve + 64 * 1024);
        fixture_close(&the);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_ino, inode);
        ck_assert_uint_ge((uint64_t)st.st_size + 64 * 1024, reserve);
        /* The throw-away transaction left nothing behind. */
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM sqlite_schema WHERE name = "
                                           "'throw_away'"),
                         0);
        ck_assert_int_lt(fixture_sql(&the, "PRAGMA page_count"), 64);
}
END_TEST

START_TEST(a_folder_that_is_not_fit_is_refused)
{
        ck_assert_int_eq(chmod(the.dir, 0770), 0);
        fixture_expect_refused(&the, "chmod it to 0700");
        ck_assert_int_eq(chmod(the.dir, 0700), 0);
        the.options.state_dir = "/nowhere/at/all";
        fixture_expect_refused(&the, "cannot be opened: No such file");
        the.options.state_dir = the.dir;
        if (geteuid() == 0) {
                ck_assert_int_eq(chown(the.dir, 1, 1), 0);
                fixture_expect_refused(&the, "belongs to uid 1");
                ck_assert_int_eq(chown(the.dir, 0, 0), 0);
        } else {
                ck_assert_int_eq(chmod(the.dir, 0500), 0);
                fixture_expect_refused(&the, "cannot be written");
                ck_assert_int_eq(chmod(the.dir, 0700), 0);
        }
        make();
        expect_job();
}
END_TEST

START_TEST(a_folder_behind_a_link_is_fine)
{
        _cleanup_(freep) char *link = fixture_path(&the, "link");

        ck_assert_int_eq(symlink(the.dir, link), 0);
        the.options.state_dir = link;
        make();
        expect_job();
}
END_TEST

START_TEST(a_missing_database_is_never_replaced_by_an_empty_one)
{
        make();
        remove_file("jobd.db");
        fixture_expect_refused(&the, "jobd.db is missing");
        remove_file("initialised");
        fixture_expect_refused(&the, "jobd.db-wal");
        remove_file("jobd.db-wal");
        /* The high-water file still remembers. */
        fixture_expect_refused(&the, "lost acknowledged jobs");
        put_file("accept-loss", "");
        fixture_open(&the);
        ck_assert_uint_eq(journal_last_job_id(the.journal), 17);
}
END_TEST

START_TEST(a_database_that_lost_its_wal_is_refused)
{
        make();
        put_file("jobd.db", "");
        remove_file("jobd.db-wal");
        fixture_expect_refused(&the, "is empty although it held jobs");
}
END_TEST

START_TEST(a_start_that_was_cut_short_is_begun_again)
{
        put_file("jobd.db", "");
        make();
        expect_job();
}
END_TEST

START_TEST(what_is_no_database_is_refused)
{
        char noise[8192];

        memset(noise, 'n', sizeof(noise) - 1);
        noise[sizeof(noise) - 1] = '\0';
        put_file("jobd.db", noise);
        fixture_expect_refused(&the, "restore it from a backup");
        remove_file("jobd.db");
        ck_assert_int_eq(fixture_sql(&the, "CREATE TABLE theirs (x)"), -1);
        fixture_expect_refused(&the, "is not a database of jobd");
        remove_file("jobd.db");
        make();
        expect_job();
}
END_TEST

START_TEST(a_link_in_place_of_the_database_is_refused)
{
        _cleanup_(freep) char *path = fixture_path(&the, "jobd.db");
        _cleanup_(freep) char *target = fixture_path(&the, "target");

        put_file("target", "");
        ck_assert_int_eq(symlink(target, path), 0);
        fixture_expect_refused(&the, "is not a plain file");
}
END_TEST

START_TEST(a_damaged_page_is_found_by_the_check)
{
        char noise[512];

        fixture_start(&the);
        for (uint64_t id = 1; id <= 200; id++)
                fixture_submit(&the, id, 5);
        fixture_close(&the);
        memset(noise, 0xee, sizeof(noise));
        /* The b-tree of `event`, wherever it lies: every page but the first few is some table's. */
        for (off_t page = 4; page < 12; page++)
                overwrite("jobd.db", page * 4096, noise, sizeof(noise));
        /* The WAL would hide it: its frames are newer. */
        put_file("jobd.db-wal", "");
        fixture_expect_refused(&the, "is damaged");
}
END_TEST

START_TEST(a_newer_schema_is_refused)
{
        make();
        fixture_sql(&the, "PRAGMA user_version = 99");
        fixture_expect_refused(&the, "newer jobd (schema 99");
}
END_TEST

/* -------------------------------------------------------------------------------- high-water */

/* A database that ends before the submission that was acknowledged last. */
static void lose_a_commit(void)
{
        make();
        fixture_start(&the);
        fixture_submit(&the, 18, 5);
        fixture_close(&the);
        fixture_sql(&the, "DELETE FROM job WHERE id = 18");
        fixture_sql(&the, "UPDATE mark SET last_sequence = 17, last_job_id = 17");
}

START_TEST(lost_commits_raise_an_alarm)
{
        lose_a_commit();
        fixture_expect_refused(&the, "it ends at event 17 of 18");
        fixture_expect_refused(&the, "touch /tmp/");
        put_file("accept-loss", "");
        fixture_open(&the);
        ck_assert_uint_eq(journal_last_job_id(the.journal), 18);
        ck_assert_uint_eq(journal_last_sequence(the.journal), 18);
        ck_assert(!has_file("accept-loss"));
        fixture_close(&the);
        /* Accepted once is enough, and only for what was lost then. */
        expect_job();
        ck_assert_int_eq(fixture_sql(&the, "SELECT last_job_id FROM mark"), 18);
        fixture_sql(&the, "UPDATE mark SET last_sequence = 17");
        fixture_expect_refused(&the, "accept-loss");
}
END_TEST

START_TEST(a_torn_high_water_file_is_no_alarm)
{
        lose_a_commit();
        overwrite("highwater", 9, "torn", 4);
        fixture_open(&the);
        ck_assert_uint_eq(journal_last_job_id(the.journal), 17);
}
END_TEST

START_TEST(an_old_high_water_file_is_no_alarm)
{
        uint8_t old[32];
        _cleanup_(freep) char *path = fixture_path(&the, "highwater");
        int fd;

        make();
        fd = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(read(fd, old, sizeof(old)), 32);
        close(fd);
        fixture_start(&the);
        fixture_submit(&the, 18, 5);
        fixture_close(&the);
        overwrite("highwater", 0, old, sizeof(old));
        fixture_open(&the);
        ck_assert_uint_eq(journal_last_job_id(the.journal), 18);
}
END_TEST

/* ------------------------------------------------------------------------------------ suspect */

START_TEST(a_suspect_database_is_rewritten)
{
        _cleanup_(freep) char *path = fixture_path(&the, "jobd.db");
        struct stat before, after;

        make();
        put_file("suspect", "");
        put_file("jobd.db.new", "half of an earlier try");
        ck_assert_int_eq(stat(path, &before), 0);
        expect_job();
        ck_assert_int_eq(stat(path, &after), 0);
        ck_assert_uint_ne(before.st_ino, after.st_ino);
        ck_assert_uint_eq(after.st_mode & 0777, 0600);
        ck_assert(!has_file("suspect"));
        ck_assert(!has_file("jobd.db.new"));
        ck_assert(!has_file("jobd.db.ready"));
        ck_assert_int_eq(fixture_sql(&the, "PRAGMA auto_vacuum"), 2);
        ck_assert_int_eq(fixture_sql(&the, "PRAGMA application_id"), 0x6a6f6264);
}
END_TEST

START_TEST(a_rewrite_that_was_cut_short_is_finished)
{
        _cleanup_(freep) char *path = fixture_path(&the, "jobd.db");
        _cleanup_(freep) char *ready = fixture_path(&the, "jobd.db.ready");

        make();
        /* Killed after the new file was ready: the old one and its WAL must not be read any more.
         */
        ck_assert_int_eq(rename(path, ready), 0);
        put_file("jobd.db", "the old file");
        put_file("suspect", "");
        expect_job();
        ck_assert(!has_file("suspect"));
        ck_assert(!has_file("jobd.db.ready"));
}
END_TEST

START_TEST(a_suspect_database_that_is_damaged_is_refused)
{
        char noise[4096];

        make();
        memset(noise, 0xee, sizeof(noise));
        for (off_t page = 3; page < 16; page++)
                overwrite("jobd.db", page * 4096, noise, sizeof(noise));
        put_file("jobd.db-wal", "");
        put_file("suspect", "");
        fixture_expect_refused(&the, "damaged");
        ck_assert(has_file("suspect"));
}
END_TEST

TCase *open_case(void)
{
        TCase *const tcase = tcase_create("open");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, files_are_for_their_owner_only);
        tcase_add_test(tcase, the_wal_gets_its_reserve_and_keeps_it);
        tcase_add_test(tcase, a_folder_that_is_not_fit_is_refused);
        tcase_add_test(tcase, a_folder_behind_a_link_is_fine);
        tcase_add_test(tcase, a_missing_database_is_never_replaced_by_an_empty_one);
        tcase_add_test(tcase, a_database_that_lost_its_wal_is_refused);
        tcase_add_test(tcase, a_start_that_was_cut_short_is_begun_again);
        tcase_add_test(tcase, what_is_no_database_is_refused);
        tcase_add_test(tcase, a_link_in_place_of_the_database_is_refused);
        tcase_add_test(tcase, a_damaged_page_is_found_by_the_check);
        tcase_add_test(tcase, a_newer_schema_is_refused);
        tcase_add_test(tcase, lost_commits_raise_an_alarm);
        tcase_add_test(tcase, a_torn_high_water_file_is_no_alarm);
        tcase_add_test(tcase, an_old_high_water_file_is_no_alarm);
        tcase_add_test(tcase, a_suspect_database_is_rewritten);
        tcase_add_test(tcase, a_rewrite_that_was_cut_short_is_finished);
        tcase_add_test(tcase, a_suspect_database_that_is_damaged_is_refused);
        return tcase;
}
