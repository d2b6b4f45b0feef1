/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that really is full: the state folder lies on a small tmpfs, in a mount namespace of the
 * test's own. Where neither root nor user namespaces allow that, these tests say so and pass.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal/handle.h"
#include "fixture.h"
#include "suites.h"

static void write_proc(const char *path, const char *text)
{
        const int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0) {
                (void)!write(fd, text, strlen(text));
                close(fd);
        }
}

/* Root of a namespace of our own, when we are not root already. */
static int enter_namespace(void)
{
        const unsigned int uid = geteuid(), gid = getegid();
        char map[64];

        if (uid == 0)
                return unshare(CLONE_NEWNS);
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return -1;
        write_proc("/proc/self/setgroups", "deny");
        snprintf(map, sizeof(map), "0 %u 1", uid);
        write_proc("/proc/self/uid_map", map);
        snprintf(map, sizeof(map), "0 %u 1", gid);
        write_proc("/proc/self/gid_map", map);
        return 0;
}

/* The state folder becomes a file system of 12 MiB. */
static bool mount_small(void)
{
        if (enter_namespace() == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
            mount("tmpfs", the.dir, "tmpfs", 0, "size=12m,mode=700") == 0) {
                the.options.reserve_bytes = (uint64_t)2 * 1024 * 1024;
                the.options.floor_bytes = (uint64_t)3 * 1024 * 1024;
                return true;
        }
        fprintf(stderr, "test_disk: not run: no mount here (%s)\n", strerror(errno));
        return false;
}

static void unmount_small(void)
{
        fixture_close(&the);
        ck_assert_int_eq(umount2(the.dir, MNT_DETACH), 0);
}

/* Takes every byte that is left. */
static void fill_disk(void)
{
        _cleanup_(freep) char *path = fixture_path(&the, "filler");
        const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        char block[4096];

        ck_assert_int_ge(fd, 0);
        memset(block, 'f', sizeof(block));
        while (write(fd, block, sizeof(block)) > 0)
                ;
        ck_assert_int_eq(errno, ENOSPC);
        close(fd);
}

static void empty_disk(void)
{
        _cleanup_(freep) char *path = fixture_path(&the, "filler");

        ck_assert_int_eq(unlink(path), 0);
}

static bool is_told_full(void *arg)
{
        (void)arg;
        return the.disk == 1;
}

static bool is_told_free(void *arg)
{
        (void)arg;
        return the.disk == 0;
}

static void end_job(uint64_t id, uint64_t sequence)
{
        struct journal_batch *const batch = batch_new();
        const struct journal_task task = task_row(id, 0);
        const struct journal_event event = event_row(sequence, id, 5);
        struct journal_job row = job_row(id, 5);

        row.finished = true;
        ck_assert_int_eq(journal_set_job(batch, &row), 0);
        ck_assert_int_eq(journal_put_task(batch, &task), 0);
        ck_assert_int_eq(journal_put_event(batch, &event), 0);
        fixture_post(&the, batch, sequence);
}

#define JOBS 50U

START_TEST(jobs_end_on_a_full_disk)
{
        if (!mount_small())
                return;
        fixture_start(&the);
        for (uint64_t id = 1; id <= JOBS; id++)
                fixture_submit(&the, id, 5);
        fixture_wait_durable(&the, JOBS);
        ck_assert(!journal_is_disk_full(the.journal));
        fill_disk();
        for (uint64_t id = 1; id <= JOBS; id++) {
                end_job(id, JOBS + id);
                fixture_wait_durable(&the, JOBS + id);
        }
        fixture_wait(&the, is_told_full, NULL);
        ck_assert(journal_is_disk_full(the.journal));
        ck_assert_str_eq(the.failed, "");

        /* Started on the full disk, it goes on. */
        fixture_close(&the);
        the.disk = -1;
        fixture_start(&the);
        fixture_wait(&the, is_told_full, NULL);
        end_job(1, 200);
        fixture_wait_durable(&the, 200);

        /* The next look after space was made tells of it: here the timer's. */
        empty_disk();
        post_on_timer(the.journal);
        fixture_wait(&the, is_told_free, NULL);
        ck_assert(!journal_is_disk_full(the.journal));
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM job WHERE finished = 1"), JOBS);
        unmount_small();
}
END_TEST

START_TEST(when_the_reserve_is_used_up_nothing_acknowledged_is_lost)
{
        struct journal_blob *const output = blob_of_size(60000, 'o');
        uint64_t sequence = 1;

        if (!mount_small()) {
                journal_blob_unref(output);
                return;
        }
        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        fill_disk();
        while (the.failed[0] == '\0' && sequence < 500) {
                struct journal_batch *const batch = batch_new();

                sequence++;
                ck_assert_int_eq(journal_put_output(batch, 1, sequence, 1, output), 0);
                fixture_post(&the, batch, sequence);
                if (sequence % 4 == 0)
                        end_job(1, ++sequence);
                if (sequence < 20)
                        fixture_wait_durable(&the, sequence);
        }
        fixture_wait_failed(&the);
        ck_assert_uint_ge(the.durable, 19);
        ck_assert_ptr_nonnull(strstr(the.failed, "full"));
        fixture_close(&the);
        empty_disk();
        fixture_open(&the);
        ck_assert_uint_ge(journal_last_sequence(the.journal), the.durable);
        fixture_close(&the);
        ck_assert_int_ge(fixture_sql(&the, "SELECT max(task) FROM output"),
                         (int64_t)the.durable - 1);
        journal_blob_unref(output);
        unmount_small();
}
END_TEST

START_TEST(a_small_disk_is_no_obstacle_to_start)
{
        if (!mount_small())
                return;
        the.options.reserve_bytes = (uint64_t)64 * 1024 * 1024;
        fixture_start(&the);
        fixture_submit(&the, 1, 5);
        fixture_wait_durable(&the, 1);
        unmount_small();
}
END_TEST

START_TEST(the_reserve_is_made_when_space_is)
{
        _cleanup_(freep) char *path = fixture_path(&the, "jobd.db-wal");
        struct stat st;

        if (!mount_small())
                return;
        fill_disk();
        fixture_expect_later(&the, "no space is left");
        empty_disk();
        the.options.reserve_bytes = 0;
        fixture_open(&the);
        fixture_close(&the);
        the.options.reserve_bytes = (uint64_t)2 * 1024 * 1024;
        fill_disk();
        fixture_start(&the);
        fixture_wait(&the, is_told_full, NULL);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_lt(st.st_size, 1024 * 1024);
        empty_disk();
        fixture_submit(&the, 1, 5);
        fixture_wait(&the, is_told_free, NULL);
        fixture_close(&the);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_gt(st.st_size, 2 * 1000 * 1000);
        unmount_small();
}
END_TEST

START_TEST(below_the_floor_submissions_are_to_be_refused)
{
        the.options.floor_bytes = UINT64_MAX;
        fixture_start(&the);
        fixture_wait(&the, is_told_full, NULL);
        ck_assert(journal_is_disk_full(the.journal));
        end_job(1, 1);
        fixture_wait_durable(&the, 1);
        ck_assert_int_eq(the.disk, 1);
}
END_TEST

TCase *disk_case(void)
{
        TCase *const tcase = tcase_create("disk");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, jobs_end_on_a_full_disk);
        tcase_add_test(tcase, when_the_reserve_is_used_up_nothing_acknowledged_is_lost);
        tcase_add_test(tcase, a_small_disk_is_no_obstacle_to_start);
        tcase_add_test(tcase, the_reserve_is_made_when_space_is);
        tcase_add_test(tcase, below_the_floor_submissions_are_to_be_refused);
        return tcase;
}
