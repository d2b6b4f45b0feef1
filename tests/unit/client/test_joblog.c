/* SPDX-License-Identifier: Apache-2.0 */
/* parallel's job log: what we write, byte for byte; what we read; torn and foreign files. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client/cmd/joblog.h"
#include "tests/unit/suite.h"

#define HEADER "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"
#define LINE_7 "7\t:\t1795233784.697\t     0.003\t0\t2\t1\t0\techo a\n"

static char path[] = "/tmp/test_joblog.XXXXXX";
static struct joblog *log_file;
static struct reason why;

/* What joblog_read() told, one line each. */
static char told[4096];
static int told_count;

static void setup(void)
{
        close(mkstemp(path));
        unlink(path);
}

static void teardown(void)
{
        log_file = joblog_free(log_file);
        unlink(path);
}

static const struct joblog_entry entry_7 = {
        .sequence = 7,
        .start_wall_usec = 1795233784697123,
        .run_usec = 2600,
        .receive_bytes = 2,
        .exit_code = 1,
        .command = "echo a",
        .command_size = 6,
};

static void write_text(const char *text, size_t size)
{
        FILE *const file = fopen(path, "w");

        ck_assert_uint_eq(fwrite(text, 1, size, file), size);
        fclose(file);
}

static void expect_text(const char *text, size_t size)
{
        static char got[8192];
        FILE *const file = fopen(path, "r");
        size_t n;

        ck_assert_ptr_nonnull(file);
        n = fread(got, 1, sizeof(got), file);
        fclose(file);
        ck_assert_msg(n == size && memcmp(got, text, size) == 0, "%.*s", (int)n, got);
}

#define EXPECT_TEXT(text) expect_text((text), sizeof(text) - 1)

static int on_entry(void *arg, const struct joblog_entry *entry)
{
        told_count++;
        sprintf(told + strlen(told), "%llu %llu %llu %llu %d %d %.*s;",
                (unsigned long long)entry->sequence, (unsigned long long)entry->start_wall_usec,
                (unsigned long long)entry->run_usec, (unsigned long long)entry->receive_bytes,
                entry->exit_code, entry->exit_signal, (int)entry->command_size,
                (const char *)entry->command);
        return arg ? *(const int *)arg : 0;
}

START_TEST(test_written)
{
        struct joblog_entry entry = entry_7;

        ck_assert_int_eq(joblog_open(path, false, &log_file, &why), 0);
        EXPECT_TEXT(HEADER);
        ck_assert_int_eq(joblog_write(log_file, &entry, &why), 0);
        EXPECT_TEXT(HEADER);
        ck_assert_int_eq(joblog_flush(log_file, &why), 0);
        EXPECT_TEXT(HEADER LINE_7);
        entry = (struct joblog_entry){ .sequence = 12345678901,
                                       .start_wall_usec = 999999,
                                       .run_usec = 123456789012345,
                                       .exit_code = -1,
                                       .exit_signal = 15,
                                       .command = "a\nb\tc",
                                       .command_size = 5 };
        ck_assert_int_eq(joblog_write(log_file, &entry, &why), 0);
        log_file = joblog_free(log_file);
        EXPECT_TEXT(HEADER LINE_7 "12345678901\t:\t1.000\t123456789.012\t0\t0\t-1\t15\ta\0b\tc\n");
}
END_TEST

START_TEST(test_emptied)
{
        write_text(HEADER LINE_7, sizeof(HEADER LINE_7) - 1);
        ck_assert_int_eq(joblog_open(path, false, &log_file, &why), 0);
        EXPECT_TEXT(HEADER);
        log_file = joblog_free(log_file);
        write_text("Se", 2);
        ck_assert_int_eq(joblog_open(path, false, &log_file, &why), 0);
        EXPECT_TEXT(HEADER);
}
END_TEST

/* The inputs, or somebody's notes: nothing is emptied, added, or taken for a torn line. */
START_TEST(test_something_else)
{
        char plus[64];

        snprintf(plus, sizeof(plus), "+%s", path);
        write_text("1\n2", 3);
        ck_assert_int_eq(joblog_open(path, false, &log_file, &why), JOBLOG_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "is no job log"));
        ck_assert_int_eq(joblog_open(plus, false, &log_file, &why), JOBLOG_E_BAD);
        EXPECT_TEXT("1\n2");
        write_text("something", 9);
        ck_assert_int_eq(joblog_open(path, true, &log_file, &why), JOBLOG_E_BAD);
        EXPECT_TEXT("something");
        /* One without a header, which joblog_read() has judged. */
        write_text(LINE_7 "8\t", sizeof(LINE_7 "8\t") - 1);
        ck_assert_int_eq(joblog_open(path, true, &log_file, &why), 0);
        EXPECT_TEXT(LINE_7);
}
END_TEST

START_TEST(test_appended)
{
        char plus[64];

        ck_assert_int_eq(joblog_open(path, true, &log_file, &why), 0);
        log_file = joblog_free(log_file);
        EXPECT_TEXT(HEADER);
        ck_assert_int_eq(joblog_open(path, true, &log_file, &why), 0);
        ck_assert_int_eq(joblog_write(log_file, &entry_7, &why), 0);
        log_file = joblog_free(log_file);
        EXPECT_TEXT(HEADER LINE_7);
        snprintf(plus, sizeof(plus), "+%s", path);
        ck_assert_int_eq(joblog_open(plus, false, &log_file, &why), 0);
        ck_assert_int_eq(joblog_write(log_file, &entry_7, &why), 0);
        log_file = joblog_free(log_file);
        EXPECT_TEXT(HEADER LINE_7 LINE_7);
}
END_TEST

/* A crash in the middle of a line: the line goes. */
START_TEST(test_torn)
{
        char block[6000] = HEADER;

        write_text(HEADER LINE_7 "8\t:\t179", sizeof(HEADER LINE_7 "8\t:\t179") - 1);
        ck_assert_int_eq(joblog_read(path, on_entry, NULL, &why), 0);
        ck_assert_int_eq(told_count, 1);
        ck_assert_int_eq(joblog_open(path, true, &log_file, &why), 0);
        EXPECT_TEXT(HEADER LINE_7);
        log_file = joblog_free(log_file);

        /* A torn line longer than the piece that is looked at. */
        memset(block + sizeof(HEADER) - 1, 'x', sizeof(block) - sizeof(HEADER) + 1);
        write_text(block, sizeof(block));
        ck_assert_int_eq(joblog_open(path, true, &log_file, &why), 0);
        EXPECT_TEXT(HEADER);
        log_file = joblog_free(log_file);

        write_text("Seq\tHo", 6);
        ck_assert_int_eq(joblog_open(path, true, &log_file, &why), 0);
        EXPECT_TEXT(HEADER);
}
END_TEST

START_TEST(test_read)
{
        static const char text[] =
                HEADER LINE_7 "8\thost\t1795233784.5\t    -0\t0\t4\t0\t9\ta\0b\tc\n"
                              "10\t:\t1795233784.700\t    61.250\t0\t4\t-1\t15\t\n";

        write_text(text, sizeof(text) - 1);
        ck_assert_int_eq(joblog_read(path, on_entry, NULL, &why), JOBLOG_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "line 3 of "));
        write_text(HEADER LINE_7 "8\thost\t1795233784.5\t 0\t0\t4\t0\t9\ta\0b\tc\n"
                                 "10\t:\t1795233784.700\t    61.250\t0\t4\t-1\t15\t\n",
                   sizeof(text) - 1 - 4);
        told[0] = '\0';
        ck_assert_int_eq(joblog_read(path, on_entry, NULL, &why), 0);
        ck_assert_str_eq(told, "7 1795233784697000 3000 2 1 0 echo a;"
                               "8 1795233784500000 0 4 0 9 a\nb\tc;"
                               "10 1795233784700000 61250000 4 -1 15 ;");
}
END_TEST

START_TEST(test_stopped_reader)
{
        const int seven = 7;

        write_text(LINE_7 LINE_7, 2 * (sizeof(LINE_7) - 1));
        ck_assert_int_eq(joblog_read(path, on_entry, (void *)(uintptr_t)&seven, &why), 7);
        ck_assert_int_eq(told_count, 1);
}
END_TEST

START_TEST(test_foreign)
{
        static const char *const lines[] = {
                "hello\n",
                "\n",
                "x\t:\t1.0\t1.0\t0\t0\t0\t0\tcmd\n",
                "0\t:\t1.0\t1.0\t0\t0\t0\t0\tcmd\n",
                "1\t:\tnow\t1.0\t0\t0\t0\t0\tcmd\n",
                "1\t:\t1.0\t1.0x\t0\t0\t0\t0\tcmd\n",
                "1\t:\t1.0\t1.0\t0\t0\t0\tcmd\n",
                "1\t:\t1.0\t1.0\t0\t0\tzero\t0\tcmd\n",
                "99999999999999999999\t:\t1.0\t1.0\t0\t0\t0\t0\tcmd\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                write_text(lines[i], strlen(lines[i]));
                ck_assert_int_eq(joblog_read(path, on_entry, NULL, &why), JOBLOG_E_BAD);
                ck_assert_ptr_nonnull(strstr(why.text, "line 1 of "));
        }
        ck_assert_int_eq(told_count, 0);
}
END_TEST

START_TEST(test_impossible)
{
        ck_assert_int_eq(joblog_read(path, on_entry, NULL, &why), JOBLOG_E_ABSENT);
        ck_assert_int_eq(joblog_read("/", on_entry, NULL, &why), JOBLOG_E_BAD);
        ck_assert_int_eq(joblog_open("/absent/log", false, &log_file, &why), JOBLOG_E_BAD);
        ck_assert_str_eq(why.text,
                         "cannot write the job log /absent/log: No such file or directory");
        /* A full disk is told, and once is enough. */
        ck_assert_int_eq(joblog_open("/dev/full", true, &log_file, &why), JOBLOG_E_BAD);
        ck_assert_str_eq(why.text, "cannot write the job log /dev/full: No space left on device");
}
END_TEST

SUITE_MAIN("joblog", setup, teardown, test_written, test_emptied, test_something_else,
           test_appended, test_torn, test_read, test_stopped_reader, test_foreign, test_impossible)
