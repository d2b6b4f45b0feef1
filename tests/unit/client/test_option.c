/* SPDX-License-Identifier: Apache-2.0 */
/* Options: spelling, values, where they end, and what is said about wrong ones. */
#include <signal.h>
#include <string.h>

#include "common/clock.h"

#include "client/cmd/option.h"
#include "tests/unit/suite.h"

struct first {
        bool flag;
        const char *text;
        struct option_list list;
        struct option_number number, duration, size, signo;
        struct option_signed nice;
};

struct second {
        bool other;
};

/* clang-format off */
static const struct option_row first_rows[] = {
        { OPTION_FLAG, 'f', "flag", NULL, "", offsetof(struct first, flag), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 't', "text", "TEXT", "", offsetof(struct first, text), 0, 0, false, COMPLETE_NONE },
        { OPTION_LIST, 0, "list", "X", "", offsetof(struct first, list), 0, 0, false, COMPLETE_NONE },
        { OPTION_NUMBER, 'n', "number", "N", "", offsetof(struct first, number), 1, 10, false, COMPLETE_NONE },
        { OPTION_DURATION, 0, "duration", "D", "", offsetof(struct first, duration), 0, 0, false, COMPLETE_NONE },
        { OPTION_SIZE, 0, "size", "S", "", offsetof(struct first, size), 0, 0, false, COMPLETE_NONE },
        { OPTION_SIGNAL, 0, "signal", "SIG", "", offsetof(struct first, signo), 0, 0, false, COMPLETE_NONE },
        { OPTION_SIGNED, 0, "nice", "N", "", offsetof(struct first, nice), (uint64_t)-20, 19, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
static const struct option_row second_rows[] = {
        { OPTION_FLAG, 'q', "quiet", NULL, "", offsetof(struct second, other), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static struct first first;
static struct second second;
static struct reason why;
static int rest;

/* The words of the command line, behind its name; in the order that option_parse() left. */
static char *argv[OPTION_LIST_MAX + 3];

static int parse(bool strict, const char *const *words)
{
        static char copies[OPTION_LIST_MAX + 3][32];
        const struct option_set sets[] = { { first_rows, &first },
                                           { second_rows, &second },
                                           { NULL, NULL } };
        int argc = 1;

        argv[0] = strcpy(copies[0], "command");
        for (; words[argc - 1]; argc++)
                argv[argc] = strcpy(copies[argc], words[argc - 1]);
        argv[argc] = NULL;
        first = (struct first){ 0 };
        second = (struct second){ 0 };
        why.text[0] = '\0';
        return option_parse(sets, strict, argc, argv, &rest, &why);
}

#define PARSE(strict, ...) parse((strict), (const char *const[]){ __VA_ARGS__, NULL })

START_TEST(test_values)
{
        ck_assert_int_eq(PARSE(true, "-f", "-t", "a b", "--list=x", "--list", "y", "-n7",
                               "--duration", "1m30s", "--size=2K", "--signal", "sigusr1",
                               "--nice=-5", "-q"),
                         0);
        ck_assert(first.flag);
        ck_assert(second.other);
        ck_assert_str_eq(first.text, "a b");
        ck_assert_uint_eq(first.list.count, 2);
        ck_assert_str_eq(first.list.values[1], "y");
        ck_assert_uint_eq(first.number.value, 7);
        ck_assert_uint_eq(first.duration.value, 90 * USEC_PER_SEC);
        ck_assert_uint_eq(first.size.value, 2048);
        ck_assert_uint_eq(first.signo.value, SIGUSR1);
        ck_assert_int_eq(first.nice.value, -5);
        ck_assert_int_eq(rest, 15);
}
END_TEST

START_TEST(test_nothing_given)
{
        ck_assert_int_eq(PARSE(true, "word"), 0);
        ck_assert_int_eq(rest, 1);
        for (const struct option_row *row = first_rows; row->kind; row++)
                ck_assert(!option_is_given(row, &first));
}
END_TEST

START_TEST(test_given)
{
        ck_assert_int_eq(PARSE(true, "-f", "-t", "", "--list=", "-n1", "--duration=0", "--size=0",
                               "--signal=1", "--nice=0"),
                         0);
        for (const struct option_row *row = first_rows; row->kind; row++)
                ck_assert(option_is_given(row, &first));
}
END_TEST

START_TEST(test_strict_ends_at_the_first_word)
{
        ck_assert_int_eq(PARSE(true, "-f", "python", "--text", "x", "-z"), 0);
        ck_assert_int_eq(rest, 2);
        ck_assert_ptr_null(first.text);
        ck_assert_int_eq(PARSE(true, "--", "-f"), 0);
        ck_assert_int_eq(rest, 2);
        ck_assert(!first.flag);
}
END_TEST

START_TEST(test_options_behind_words)
{
        ck_assert_int_eq(PARSE(false, "17", "-f", "18", "--text", "x"), 0);
        ck_assert(first.flag);
        ck_assert_str_eq(first.text, "x");
        ck_assert_int_eq(rest, 4);
        ck_assert_str_eq(argv[4], "17");
        ck_assert_str_eq(argv[5], "18");
}
END_TEST

START_TEST(test_unknown)
{
        ck_assert_int_eq(PARSE(true, "--tetx", "x"), OPTION_E_BAD);
        ck_assert_str_eq(why.text, "unknown option --tetx: did you mean --text?");
        ck_assert_int_eq(PARSE(true, "--somethingelse=3"), OPTION_E_BAD);
        ck_assert_str_eq(why.text, "unknown option --somethingelse");
        ck_assert_int_eq(PARSE(true, "-fz"), OPTION_E_BAD);
        ck_assert_str_eq(why.text, "unknown option -z");
}
END_TEST

START_TEST(test_missing_and_superfluous_values)
{
        ck_assert_int_eq(PARSE(true, "--text"), OPTION_E_BAD);
        ck_assert_str_eq(why.text, "--text needs a value (TEXT)");
        ck_assert_int_eq(PARSE(true, "-n"), OPTION_E_BAD);
        ck_assert_str_eq(why.text, "-n needs a value");
        ck_assert_int_eq(PARSE(true, "--flag=yes"), OPTION_E_BAD);
        ck_assert_str_eq(why.text, "--flag takes no value");
}
END_TEST

START_TEST(test_wrong_values)
{
        static const char *const words[] = { "--number=0",   "--number=11", "--number=x",
                                             "--nice=-21",   "--nice=20",   "--nice=--1",
                                             "--duration=x", "--size=1Q",   "--signal=NOPE" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                ck_assert_int_eq(PARSE(true, words[i]), OPTION_E_BAD);
                ck_assert_uint_gt(strlen(why.text), 5);
        }
}
END_TEST

START_TEST(test_list_has_an_end)
{
        const char *words[OPTION_LIST_MAX + 2] = { NULL };

        for (size_t i = 0; i <= OPTION_LIST_MAX; i++)
                words[i] = "--list=x";
        ck_assert_int_eq(parse(true, words), OPTION_E_BAD);
        ck_assert_uint_eq(first.list.count, OPTION_LIST_MAX);
}
END_TEST

START_TEST(test_stored_flags)
{
        ck_assert_int_eq(PARSE(true, "x"), 0);
        ck_assert_int_eq(option_store(&first_rows[0], &first, "yes", &why), 0);
        ck_assert(first.flag);
        ck_assert_int_eq(option_store(&first_rows[0], &first, "no", &why), 0);
        ck_assert(!first.flag);
        ck_assert_int_eq(option_store(&first_rows[0], &first, "perhaps", &why), OPTION_E_BAD);
}
END_TEST

SUITE_MAIN("option", NULL, NULL, test_values, test_nothing_given, test_given,
           test_strict_ends_at_the_first_word, test_options_behind_words, test_unknown,
           test_missing_and_superfluous_values, test_wrong_values, test_list_has_an_end,
           test_stored_flags)
