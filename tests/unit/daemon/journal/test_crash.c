/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that are killed in the middle: a child submits and writes the number of every
 * acknowledged submission into a pipe; whatever the parent reads there must be found afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"

/* Submissions of one child; it is killed long before. */
#define SUBMISSIONS 100000U
/* How many it has in flight, so that groups of several batches are cut too. */
#define WINDOW 7U

struct child {
        int ack_fd;
        uint64_t first, posted;
};

static bool child_turn(void *arg)
{
        struct child *const child = arg;
        static uint64_t told;

        if (the.durable > told) {
                told = the.durable;
                if (write(child->ack_fd, &told, sizeof(told)) != (ssize_t)sizeof(told))
                        _exit(3);
        }
        while (child->posted < the.durable + WINDOW)
                fixture_submit(&the, ++child->posted, 5);
        return the.durable >= child->first + SUBMISSIONS;
}

/* Drops a job of many rows now and then, so that slices are on the way when death comes. */
static void child_drop(uint64_t job)
{
        struct journal_batch *const batch = batch_new();
        struct journal_job row = job_row(job, 9);

        ck_assert_int_eq(journal_put_job(batch, &row), 0);
        for (uint64_t i = 0; i < 3000; i++) {
                const struct journal_task task = task_row(job, i);

                ck_assert_int_eq(journal_put_task(batch, &task), 0);
        }
        ck_assert_int_eq(journal_drop_job(batch, job), 0);
        fixture_post(&the, batch, job);
}

/*
 * Check's assertions write into a file that the processes share, and whoever is killed while he
 * does leaves half a message there. It has no name any more, as none of our own files.
 */
static void child_leave_check(void)
{
        const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct stat st;

        for (int fd = STDERR_FILENO + 1; fd < 256; fd++)
                if (fd != nowhere && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0)
                        (void)dup2(nowhere, fd);
}

static void child_main(int ack_fd, bool drops)
{
        struct child child = { .ack_fd = ack_fd };

        child_leave_check();
        fixture_start(&the);
        child.first = journal_last_job_id(the.journal);
        child.posted = child.first;
        if (drops) {
                child_drop(++child.posted);
                fixture_wait_durable(&the, child.posted);
        }
        fixture_wait(&the, child_turn, &child);
        _exit(4);
}

/* Starts a child; kills it after `acks` acknowledgements unless a failpoint does (SIZE_MAX). */
static uint64_t run_child(const char *failpoint, size_t acks, bool drops)
{
        uint64_t acked = 0, one;
        int fds[2], status;
        pid_t pid;

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                close(fds[0]);
                setenv("JOBD_FAILPOINT", failpoint, 1);
                child_main(fds[1], drops);
        }
        close(fds[1]);
        for (size_t count = 0; read(fds[0], &one, sizeof(one)) == (ssize_t)sizeof(one);) {
                ck_assert_uint_gt(one, acked);
                acked = one;
                if (++count == acks)
                        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        }
        close(fds[0]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: status %d",
                      failpoint, status);
        return acked;
}

/* Every job up to `acked` is there, whole; what is there beyond it is without a gap. */
static void expect_all(uint64_t acked)
{
        uint64_t last;

        fixture_open(&the);
        last = journal_last_job_id(the.journal);
        ck_assert_uint_ge(last, acked);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT (SELECT last_job_id FROM mark) ="
                                           " (SELECT count(*) FROM job) AND"
                                           " (SELECT last_sequence FROM mark) ="
                                           " (SELECT count(*) FROM key)"),
                         1);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM job LEFT JOIN spec ON"
                                           " spec.job = id WHERE data IS NULL OR"
                                           " CAST(data AS TEXT) <> 'spec ' || id"),
                         0);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM job WHERE id NOT IN"
                                           " (SELECT job FROM event)"),
                         0);
        ck_assert_int_eq(fixture_sql(&the, "SELECT uses = (SELECT count(*) FROM spec) FROM"
                                           " environment_use UNION ALL SELECT 1"),
                         1);
}

START_TEST(killed_at_any_time)
{
        uint64_t acked = 0;

        for (size_t round = 0; round < 12; round++) {
                const uint64_t now = run_child("none=kill", round * 3 + 1, false);

                ck_assert_uint_gt(now, acked);
                acked = now;
                expect_all(acked);
        }
}
END_TEST

#ifdef JOBD_FAILPOINTS
static const char *const places[] = {
        "journal.begin=kill:1",          "journal.begin=kill:20",
        "journal.before_commit=kill:1",  "journal.before_commit=kill:20",
        "journal.after_commit=kill:1",   "journal.after_commit=kill:20",
        "journal.before_durable=kill:1", "journal.before_durable=kill:20",
        "journal.checkpoint=kill:1",     "journal.checkpoint=kill:2",
        "journal.checkpoint=kill:5",
};

/* A process reads $JOBD_FAILPOINT once and its children inherit that: none may be visited here
 * before the last child has run. */
START_TEST(killed_at_each_place)
{
        const uint64_t first = run_child(places[_i], SIZE_MAX, false);
        const uint64_t second = run_child(places[_i], SIZE_MAX, false);

        expect_all(MAX(first, second));
}
END_TEST

START_TEST(killed_while_purging)
{
        char place[64];
        uint64_t acked;

        snprintf(place, sizeof(place), "journal.purge=kill:%d", _i);
        acked = run_child(place, SIZE_MAX, true);
        fixture_open(&the);
        ck_assert_uint_ge(journal_last_job_id(the.journal), acked);
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM job WHERE uid = 9"), 0);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM task WHERE job NOT IN"
                                           " (SELECT job FROM remains)"),
                         0);
        ck_assert_int_gt(fixture_sql(&the, "SELECT count(*) FROM task"), 0);

        /* A run that is left alone finishes it. */
        fixture_start(&the);
        for (bool is_gone = false; !is_gone;) {
                struct answer answer;

                fixture_read_task(&the, 1, 2999, false, &answer);
                is_gone = answer.tasks_count == 0;
                answer_deinit(&answer);
        }
        fixture_close(&the);
        ck_assert_int_eq(fixture_sql(&the, "SELECT count(*) FROM task"), 0);
}
END_TEST

static const char *const recover_places[] = {
        "journal.recover_ready=kill",
        "journal.recover_wal_gone=kill",
};

START_TEST(killed_while_rewriting)
{
        _cleanup_(freep) char *path = fixture_path(&the, "suspect");
        const uint64_t acked = run_child("none=kill", 5, false);
        const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        close(fd);
        ck_assert_uint_eq(run_child(recover_places[_i], SIZE_MAX, false), 0);
        expect_all(acked);
        ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST
#endif

TCase *crash_case(void)
{
        TCase *const tcase = tcase_create("crash");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
#ifdef JOBD_FAILPOINTS
        tcase_add_loop_test(tcase, killed_at_each_place, 0, (int)ARRAY_SIZE(places));
        tcase_add_loop_test(tcase, killed_while_purging, 1, 3);
        tcase_add_loop_test(tcase, killed_while_rewriting, 0, (int)ARRAY_SIZE(recover_places));
#endif
        tcase_add_test(tcase, killed_at_any_time);
        return tcase;
}
