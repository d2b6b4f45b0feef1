/* SPDX-License-Identifier: Apache-2.0 */
/* Faults and answers on their way up, and sentences that stay whole and harmless. */
#include <errno.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/parse.h"

#include "suite.h"

static int lines;
static char last_line[512];

static void count_line(const struct log_record *record)
{
        lines++;
        ck_assert_int_eq(record->level, LOG_LEVEL_DEBUG);
        snprintf(last_line, sizeof(last_line), "%s", record->text);
}

START_TEST(faults_pass_and_answers_do_not)
{
        ck_assert_int_eq(FAULT(-ENOENT), -ENOENT);
        ck_assert_int_eq(FAULT(0), -ENOTRECOVERABLE);
        ck_assert_int_eq(FAULT(3), -ENOTRECOVERABLE);
        ck_assert_int_eq(PASS(0), 0);
        ck_assert_int_eq(PASS(-EIO), -EIO);
        ck_assert_int_eq(PASS(1), -ENOTRECOVERABLE);
}
END_TEST

START_TEST(faults_show_at_debug_level_only)
{
        unsetenv("JOBD_LOG_LEVEL");
        log_set_sink(count_line);
        log_init("test", LOG_LEVEL_INFO);
        errno = EDOM;
        (void)!FAULT(-ENOENT);
        ck_assert_int_eq(lines, 0);
        log_init("test", LOG_LEVEL_DEBUG);
        (void)!FAULT(-ENOENT);
        ck_assert_int_eq(lines, 1);
        ck_assert_ptr_nonnull(strstr(last_line, "test_error.c:"));
        ck_assert_ptr_nonnull(strstr(last_line, "No such file"));
        ck_assert_ptr_null(strchr(last_line, '/'));
        (void)!PASS(-ENOENT);
        ck_assert_int_eq(lines, 2);
        (void)!PASS(0);
        ck_assert_int_eq(lines, 2);
        ck_assert_int_eq(errno, EDOM);
}
END_TEST

START_TEST(reason_returns_its_answer_and_bears_null)
{
        struct reason why;

        errno = EDOM;
        ck_assert_int_eq(reason_set(&why, 7, "%s: %d", "retries", 5), 7);
        ck_assert_str_eq(why.text, "retries: 5");
        ck_assert_int_eq(reason_set(NULL, -3, "%d", 1), -3);
        ck_assert_int_eq(errno, EDOM);
}
END_TEST

START_TEST(reason_is_cut_before_a_character)
{
        struct reason why;
        char text[600];

        for (size_t lead = 0; lead < 4; lead++) {
                memset(text, 'x', lead);
                for (size_t i = lead; i + 3 < sizeof(text); i += 3)
                        memcpy(text + i, "\xe2\x82\xac", 4);
                reason_set(&why, 0, "%s", text);
                ck_assert_uint_gt(strlen(why.text), sizeof(why.text) - 4);
                ck_assert_uint_lt(strlen(why.text), sizeof(why.text));
                ck_assert(parse_is_utf8(why.text, strlen(why.text)));
        }
        memset(text, 'x', sizeof(text));
        text[255] = '\0';
        reason_set(&why, 0, "%s", text);
        ck_assert_str_eq(why.text, text);
}
END_TEST

START_TEST(reason_is_safe_to_show)
{
        struct reason why;

        reason_set(&why, 0, "bad name \"%s\"", "\x1b[31m\xff\n");
        ck_assert_str_eq(why.text, "bad name \"\\x1b[31m\\xff\\n\"");
}
END_TEST

SUITE_MAIN("error", NULL, NULL, faults_pass_and_answers_do_not, faults_show_at_debug_level_only,
           reason_returns_its_answer_and_bears_null, reason_is_cut_before_a_character,
           reason_is_safe_to_show)
