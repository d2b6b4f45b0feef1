/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message goes, at which level, and that hostile text stays one line. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"

#include "suite.h"

static struct log_record last;
static char last_text[4096];

static void keep_record(const struct log_record *record)
{
        last = *record;
        snprintf(last_text, sizeof(last_text), "%s", record->text);
}

/* Puts a pipe in the place of stderr; returns its reading end. */
static int capture_stderr(void)
{
        int fds[2];

        ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
        ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
        close(fds[1]);
        return fds[0];
}

/* What was written since, as a string. */
static const char *captured(int fd)
{
        static char text[4096];
        const ssize_t n = read(fd, text, sizeof(text) - 1);

        text[MAX(n, (ssize_t)0)] = '\0';
        return text;
}

START_TEST(lines_carry_the_name)
{
        _cleanup_(fd_closep) int fd = capture_stderr();

        unsetenv("JOBD_LOG_LEVEL");
        log_init("jobctl", LOG_LEVEL_INFO);
        errno = EDOM;
        log_info("%d jobs", 3);
        log_debug("hidden");
        ck_assert_int_eq(errno, EDOM);
        ck_assert_str_eq(captured(fd), "jobctl: 3 jobs\n");
}
END_TEST

START_TEST(the_level_is_notice_at_first_and_the_environment_wins)
{
        _cleanup_(fd_closep) int fd = capture_stderr();

        ck_assert(log_is_on(LOG_LEVEL_NOTICE) && !log_is_on(LOG_LEVEL_INFO));
        setenv("JOBD_LOG_LEVEL", "error", 1);
        log_init("x", LOG_LEVEL_DEBUG);
        log_warning("hidden");
        log_error("seen");
        ck_assert_str_eq(captured(fd), "x: seen\n");
        setenv("JOBD_LOG_LEVEL", "nonsense", 1);
        log_init("x", LOG_LEVEL_INFO);
        ck_assert(log_is_on(LOG_LEVEL_INFO) && !log_is_on(LOG_LEVEL_DEBUG));
}
END_TEST

START_TEST(the_journal_gets_a_prefix)
{
        _cleanup_(fd_closep) int fd = capture_stderr();
        struct stat st;
        char stream[64];

        ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
        snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_init("jobd", LOG_LEVEL_INFO);
        log_error("bad");
        ck_assert_str_eq(captured(fd), "<3>bad\n");
        /* Of another stream: stderr was redirected since. */
        snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino + 1);
        setenv("JOURNAL_STREAM", stream, 1);
        log_init("jobd", LOG_LEVEL_INFO);
        log_error("bad");
        ck_assert_str_eq(captured(fd), "jobd: bad\n");
}
END_TEST

START_TEST(hostile_text_stays_one_line)
{
        _cleanup_(fd_closep) int fd = capture_stderr();

        log_init("jobd", LOG_LEVEL_INFO);
        log_error("name %s", "a\njobd: forged\x1b[2J\xff\xe2\x80\xae");
        ck_assert_str_eq(captured(fd), "jobd: name a\\njobd: forged\\x1b[2J\\xff\\u{202E}\n");
}
END_TEST

START_TEST(the_sink_gets_the_fields)
{
        log_set_sink(keep_record);
        log_write(LOG_LEVEL_WARNING, LOG_EVENT_JOB_LOST, 17, "job %d is lost", 17);
        ck_assert_int_eq(last.level, LOG_LEVEL_WARNING);
        ck_assert_int_eq(last.event, LOG_EVENT_JOB_LOST);
        ck_assert_uint_eq(last.job_id, 17);
        ck_assert_str_eq(last_text, "job 17 is lost");
        log_set_sink(NULL);
}
END_TEST

START_TEST(more_may_be_said_about_it)
{
        const struct log_record about = { .level = LOG_LEVEL_NOTICE,
                                          .event = LOG_EVENT_ADMIN,
                                          .job_id = 18,
                                          .has_uid = true,
                                          .uid = 1000,
                                          .verb = "drain",
                                          .text = "not looked at" };
        struct log_record hidden = about;

        unsetenv("JOBD_LOG_LEVEL");
        log_init("jobd", LOG_LEVEL_NOTICE);
        log_set_sink(keep_record);
        errno = EDOM;
        log_write_about(&about, "by\n%s", "anna");
        ck_assert_int_eq(errno, EDOM);
        ck_assert_int_eq(last.level, LOG_LEVEL_NOTICE);
        ck_assert_int_eq(last.event, LOG_EVENT_ADMIN);
        ck_assert_uint_eq(last.job_id, 18);
        ck_assert(last.has_uid);
        ck_assert_uint_eq(last.uid, 1000);
        ck_assert_str_eq(last.verb, "drain");
        ck_assert_str_eq(last_text, "by\\nanna");
        hidden.level = LOG_LEVEL_INFO;
        log_write_about(&hidden, "hidden");
        ck_assert_str_eq(last_text, "by\\nanna");
        log_set_sink(NULL);
}
END_TEST

START_TEST(a_long_message_is_cut_with_a_mark)
{
        static char text[10000];
        size_t length;

        log_set_sink(keep_record);
        memset(text, 'x', sizeof(text) - 1);
        log_error("%s", text);
        length = strlen(last_text);
        ck_assert_uint_gt(length, 2000);
        ck_assert_uint_lt(length, 2048);
        ck_assert_str_eq(last_text + length - 4, "x...");
        /* Short before escaping, too long after. */
        memset(text, '\x01', 1500);
        text[1500] = '\0';
        log_error("%s", text);
        length = strlen(last_text);
        ck_assert_uint_lt(length, 2048);
        ck_assert_str_eq(last_text + length - 7, "\\x01...");
        text[100] = '\0';
        log_error("%s", text);
        ck_assert_uint_eq(strlen(last_text), 400);
}
END_TEST

SUITE_MAIN("log", NULL, NULL, lines_carry_the_name,
           the_level_is_notice_at_first_and_the_environment_wins, the_journal_gets_a_prefix,
           hostile_text_stays_one_line, the_sink_gets_the_fields, more_may_be_said_about_it,
           a_long_message_is_cut_with_a_mark)
