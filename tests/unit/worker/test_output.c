/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_log.c and output.c: the log in memory and as a file, the cap and its mark, a full disk,
 * what a follower is shown, and pipes read to their end.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/loop.h"

#include "proto/spool.h"

#include "fake_jobd.h"
#include "tests/unit/suite.h"
#include "worker/output.h"
#include "worker/output_log.h"

static char folder[] = "/tmp/jobd-output-test.XXXXXX";
static int folder_fd;
static struct output_log lg;
static uint8_t *block;

static void setup(void)
{
        strcpy(folder + sizeof(folder) - 7, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        umask(027);
        output_log_init(&lg, folder_fd, 17, 0, 1);
        lg.inline_bytes = 4096;
        block = malloc(SPOOL_HEADER_BYTES + SPOOL_DATA_MAX);
}

static void teardown(void)
{
        output_log_deinit(&lg);
        unlinkat(folder_fd, "17.0.1.out", 0);
        close(folder_fd);
        rmdir(folder);
        free(block);
}

static void add(enum spool_stream stream, const char *text)
{
        memcpy(block + SPOOL_HEADER_BYTES, text, strlen(text));
        output_log_add(&lg, stream, block, strlen(text));
}

static void add_many(enum spool_stream stream, size_t size)
{
        memset(block + SPOOL_HEADER_BYTES, 'x', size);
        output_log_add(&lg, stream, block, size);
}

/* The stream's text, from wherever the log is; owned by the caller. */
static char *text_of(enum spool_stream stream)
{
        size_t size = (size_t)lg.size_bytes;
        char *data, *text;

        if (!lg.is_spooled)
                return fake_text_of(lg.memory, size, (int)stream);
        ck_assert_int_eq(fs_read_file(folder_fd, "17.0.1.out", 1 << 24, &data, &size), 0);
        ck_assert_uint_eq(size, lg.size_bytes);
        text = fake_text_of((const uint8_t *)data, size, (int)stream);
        free(data);
        return text;
}

static void expect(enum spool_stream stream, const char *wanted)
{
        char *text = text_of(stream);

        ck_assert_str_eq(text, wanted);
        free(text);
}

static bool has_file(void)
{
        return faccessat(folder_fd, "17.0.1.out", F_OK, 0) == 0;
}

/* ------------------------------------------------------------------------------------- the log */

START_TEST(little_output_stays_in_memory)
{
        add(SPOOL_STDOUT, "one ");
        add(SPOOL_STDERR, "bad");
        add(SPOOL_STDOUT, "two");
        expect(SPOOL_STDOUT, "one two");
        expect(SPOOL_STDERR, "bad");
        ck_assert(!lg.is_spooled);
        ck_assert(!has_file());
        ck_assert_uint_eq(lg.size_bytes, 3 * SPOOL_HEADER_BYTES + 10);
}
END_TEST

START_TEST(much_output_becomes_a_file)
{
        struct stat st;

        add(SPOOL_STDOUT, "begin ");
        for (int i = 0; i < 10; i++)
                add_many(SPOOL_STDOUT, 1000);
        ck_assert(lg.is_spooled);
        ck_assert_ptr_null(lg.memory);
        ck_assert_int_eq(fstatat(folder_fd, "17.0.1.out", &st, 0), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0640);
        ck_assert_uint_eq((uint64_t)st.st_size, lg.size_bytes);
        ck_assert_uint_eq(lg.size_bytes, 11 * SPOOL_HEADER_BYTES + 6 + 10000);
}
END_TEST

START_TEST(one_large_piece_becomes_a_file)
{
        add_many(SPOOL_STDOUT, 5000);
        ck_assert(lg.is_spooled);
        ck_assert_uint_eq(lg.size_bytes, SPOOL_HEADER_BYTES + 5000);
}
END_TEST

START_TEST(a_planted_file_or_link_is_not_written_to)
{
        ck_assert_int_eq(symlinkat("/tmp/jobd-output-test-victim", folder_fd, "17.0.1.out"), 0);
        add_many(SPOOL_STDOUT, 5000);
        ck_assert(lg.is_spooled);
        ck_assert_int_ne(access("/tmp/jobd-output-test-victim", F_OK), 0);
}
END_TEST

START_TEST(the_cap_cuts_with_one_mark)
{
        lg.cap_bytes = SPOOL_HEADER_BYTES + 10;
        add(SPOOL_STDOUT, "0123456789ABC");
        add(SPOOL_STDOUT, "more");
        add(SPOOL_STDERR, "more");
        expect(SPOOL_STDOUT, "0123456789");
        expect(SPOOL_STDERR, "");
        expect(SPOOL_MARK, "output cut after 26 B");
        ck_assert(lg.is_cut);
}
END_TEST

START_TEST(the_cap_holds_for_files_too)
{
        lg.cap_bytes = 1 << 20;
        for (int i = 0; i < 40; i++)
                add_many(SPOOL_STDOUT, 50000);
        ck_assert(lg.is_spooled);
        expect(SPOOL_MARK, "output cut after 1 MiB");
        ck_assert_uint_lt(lg.size_bytes, (1 << 20) + 100);
        ck_assert_uint_ge(lg.size_bytes, 1 << 20);
}
END_TEST

START_TEST(output_that_fits_exactly_is_not_cut)
{
        lg.cap_bytes = SPOOL_HEADER_BYTES + 10;
        add(SPOOL_STDOUT, "0123456789");
        ck_assert(!lg.is_cut);
        add(SPOOL_STDOUT, "x");
        ck_assert(lg.is_cut);
        expect(SPOOL_STDOUT, "0123456789");
}
END_TEST

START_TEST(a_full_disk_cuts_a_file)
{
        add_many(SPOOL_STDOUT, 5000);
        output_log_set_full(&lg, true);
        add(SPOOL_STDOUT, "gone");
        expect(SPOOL_MARK, "output cut: disk full");
        output_log_set_full(&lg, false);
        add(SPOOL_STDOUT, "still gone");
        ck_assert_uint_eq(lg.size_bytes, 2 * SPOOL_HEADER_BYTES + 5000 + 21);
}
END_TEST

START_TEST(a_full_disk_keeps_what_is_in_memory)
{
        add(SPOOL_STDOUT, "kept");
        output_log_set_full(&lg, true);
        ck_assert(!lg.is_cut);
        add_many(SPOOL_STDOUT, 5000);
        ck_assert(!lg.is_spooled);
        ck_assert(!has_file());
        expect(SPOOL_STDOUT, "kept");
        expect(SPOOL_MARK, "output cut: disk full");
}
END_TEST

START_TEST(a_disk_that_fills_up_leaves_whole_records)
{
        /* A file size limit acts like a disk of that size. */
        const struct rlimit limit = { 20000, 20000 };

        signal(SIGXFSZ, SIG_IGN);
        add_many(SPOOL_STDOUT, 5000);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        for (int i = 0; i < 5; i++)
                add_many(SPOOL_STDOUT, 7000);
        ck_assert(lg.is_cut);
        char *mark = text_of(SPOOL_MARK);
        ck_assert_ptr_nonnull(strstr(mark, "output cut: "));
        free(mark);
        ck_assert_uint_eq(lg.size_bytes % 1000,
                          (3 * SPOOL_HEADER_BYTES + 19000 + SPOOL_HEADER_BYTES +
                           strlen("output cut: ") + strlen("File too large")) %
                                  1000);
}
END_TEST

START_TEST(no_folder_no_file)
{
        lg.folder_fd = -1;
        add(SPOOL_STDOUT, "kept");
        add_many(SPOOL_STDOUT, 5000);
        expect(SPOOL_STDOUT, "kept");
        ck_assert(lg.is_cut);
}
END_TEST

START_TEST(spooling_on_demand_keeps_all)
{
        output_log_spool(&lg);
        ck_assert(!has_file()); /* nothing to keep */
        add(SPOOL_STDOUT, "early ");
        output_log_spool(&lg);
        ck_assert(has_file());
        add(SPOOL_STDOUT, "late");
        expect(SPOOL_STDOUT, "early late");
}
END_TEST

/* ------------------------------------------------------------------------- pipes and followers */

static struct loop *loop;
static struct output *output;
static int out_pipe[2], err_pipe[2];
static char shown[65536];
static uint64_t shown_end, spooled_at, grown_to;
static int ends, spooled_count;

static void on_end(_unused_ void *arg)
{
        ends++;
}

static void on_piece(_unused_ void *arg, uint64_t offset, const uint8_t *records, size_t size)
{
        if (offset == 0)
                shown_end = 0;
        ck_assert_uint_eq(offset, shown_end);
        memcpy(shown + shown_end, records, size);
        shown_end += size;
}

static void on_spooled(_unused_ void *arg, uint64_t size_bytes)
{
        spooled_count++;
        spooled_at = size_bytes;
}

static void on_grown(_unused_ void *arg, uint64_t size_bytes)
{
        ck_assert_uint_gt(size_bytes, grown_to);
        grown_to = size_bytes;
}

static const struct output_ops ops = { on_end, on_piece, on_spooled, on_grown };

static void setup_pipes(void)
{
        setup();
        ends = spooled_count = 0;
        shown_end = spooled_at = grown_to = 0;
        ck_assert_int_eq(loop_new(&loop), 0);
        ck_assert_int_eq(output_new(loop, &ops, NULL, &output), 0);
        ck_assert_int_eq(pipe2(out_pipe, O_CLOEXEC | O_NONBLOCK), 0);
        ck_assert_int_eq(pipe2(err_pipe, O_CLOEXEC | O_NONBLOCK), 0);
        output_start(output, &lg, out_pipe[0], err_pipe[0]);
}

static void teardown_pipes(void)
{
        output_stop(output);
        output = output_free(output);
        loop = loop_free(loop);
        out_pipe[1] = fd_close(out_pipe[1]);
        err_pipe[1] = fd_close(err_pipe[1]);
        teardown();
}

static void print_to(int fd, const char *text)
{
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void stop_after_turn(void *arg)
{
        int *turns = arg;

        if ((*turns)-- == 0)
                loop_stop(loop, 0);
        else
                loop_wake(loop);
}

static void turn(void)
{
        int turns = 3;

        ck_assert_int_eq(loop_run(loop, stop_after_turn, &turns), 0);
        output_show(output);
}

START_TEST(nothing_is_read_before_it_is_watched)
{
        print_to(out_pipe[1], "early");
        turn();
        ck_assert_uint_eq(lg.size_bytes, 0);
        ck_assert_int_eq(output_watch(output), 0);
        ck_assert_int_eq(output_watch(output), 0);
        turn();
        expect(SPOOL_STDOUT, "early");
        ck_assert_int_eq(ends, 0);
}
END_TEST

START_TEST(drain_takes_all_and_says_whether_it_is_the_end)
{
        print_to(out_pipe[1], "o");
        print_to(err_pipe[1], "e");
        out_pipe[1] = fd_close(out_pipe[1]);
        ck_assert(!output_drain(output)); /* somebody still holds the other one */
        err_pipe[1] = fd_close(err_pipe[1]);
        ck_assert(output_drain(output));
        expect(SPOOL_STDOUT, "o");
        expect(SPOOL_STDERR, "e");
}
END_TEST

START_TEST(the_end_is_told_when_both_are_closed)
{
        ck_assert_int_eq(output_watch(output), 0);
        out_pipe[1] = fd_close(out_pipe[1]);
        turn();
        ck_assert_int_eq(ends, 0);
        err_pipe[1] = fd_close(err_pipe[1]);
        turn();
        ck_assert_int_eq(ends, 1);
}
END_TEST

START_TEST(a_follower_sees_fresh_bytes_and_all_again_when_it_asks_again)
{
        ck_assert_int_eq(output_watch(output), 0);
        print_to(out_pipe[1], "before");
        turn();
        ck_assert_uint_eq(shown_end, 0); /* nobody follows */
        output_follow(output, true);
        turn();
        ck_assert_uint_eq(shown_end, lg.size_bytes);
        print_to(err_pipe[1], "after");
        turn();
        ck_assert_uint_eq(shown_end, lg.size_bytes);
        ck_assert_mem_eq(shown, lg.memory, shown_end);
        output_follow(output, true);
        turn();
        ck_assert_uint_eq(shown_end, lg.size_bytes);
        output_follow(output, false);
        print_to(out_pipe[1], "unseen");
        turn();
        ck_assert_uint_lt(shown_end, lg.size_bytes);
}
END_TEST

START_TEST(a_file_is_announced_once_and_then_grows)
{
        ck_assert_int_eq(output_watch(output), 0);
        output_follow(output, true);
        memset(block, 'y', 5000);
        ck_assert_int_eq(write(out_pipe[1], block, 5000), 5000);
        turn();
        ck_assert_int_eq(spooled_count, 1);
        ck_assert_uint_eq(spooled_at, SPOOL_HEADER_BYTES + 5000);
        ck_assert_uint_eq(grown_to, 0);
        print_to(out_pipe[1], "more");
        turn();
        ck_assert_int_eq(spooled_count, 1);
        ck_assert_uint_eq(grown_to, lg.size_bytes);
        output_follow(output, true);
        turn();
        ck_assert_int_eq(spooled_count, 2); /* a new follower must learn of the file */
}
END_TEST

START_TEST(a_fast_writer_gets_a_large_pipe)
{
        static uint8_t data[65536];
        const int before = fcntl(out_pipe[1], F_GETPIPE_SZ);

        ck_assert_int_eq(write(out_pipe[1], data, sizeof(data)), sizeof(data));
        ck_assert_int_eq(output_watch(output), 0);
        turn();
        ck_assert_int_gt(fcntl(out_pipe[1], F_GETPIPE_SZ), before);
        ck_assert_uint_eq(lg.size_bytes, sizeof(data) + SPOOL_HEADER_BYTES);
}
END_TEST

START_TEST(a_job_without_pipes_is_at_its_end)
{
        output_stop(output);
        output_start(output, &lg, -1, -1);
        ck_assert(output_drain(output));
        fd_close(out_pipe[0]);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("output");
        TCase *log_case = tcase_create("log");
        TCase *pipe_case = tcase_create("pipes");

        tcase_add_checked_fixture(log_case, setup, teardown);
        tcase_add_test(log_case, little_output_stays_in_memory);
        tcase_add_test(log_case, much_output_becomes_a_file);
        tcase_add_test(log_case, one_large_piece_becomes_a_file);
        tcase_add_test(log_case, a_planted_file_or_link_is_not_written_to);
        tcase_add_test(log_case, the_cap_cuts_with_one_mark);
        tcase_add_test(log_case, the_cap_holds_for_files_too);
        tcase_add_test(log_case, output_that_fits_exactly_is_not_cut);
        tcase_add_test(log_case, a_full_disk_cuts_a_file);
        tcase_add_test(log_case, a_full_disk_keeps_what_is_in_memory);
        tcase_add_test(log_case, a_disk_that_fills_up_leaves_whole_records);
        tcase_add_test(log_case, no_folder_no_file);
        tcase_add_test(log_case, spooling_on_demand_keeps_all);
        suite_add_tcase(suite, log_case);

        tcase_add_checked_fixture(pipe_case, setup_pipes, teardown_pipes);
        tcase_add_test(pipe_case, nothing_is_read_before_it_is_watched);
        tcase_add_test(pipe_case, drain_takes_all_and_says_whether_it_is_the_end);
        tcase_add_test(pipe_case, the_end_is_told_when_both_are_closed);
        tcase_add_test(pipe_case, a_follower_sees_fresh_bytes_and_all_again_when_it_asks_again);
        tcase_add_test(pipe_case, a_file_is_announced_once_and_then_grows);
        tcase_add_test(pipe_case, a_fast_writer_gets_a_large_pipe);
        tcase_add_test(pipe_case, a_job_without_pipes_is_at_its_end);
        suite_add_tcase(suite, pipe_case);
        return suite_run(suite);
}
