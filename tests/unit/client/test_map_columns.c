/* SPDX-License-Identifier: Apache-2.0 */
/* Lines become columns; perl's habits in expressions; what cannot separate. */
#include <stdio.h>
#include <string.h>

#include "client/cmd/map_columns.h"
#include "tests/unit/suite.h"

static struct map_columns *columns;
static struct reason why;

static void setup(void)
{
        why.text[0] = '\0';
}

static void teardown(void)
{
        columns = map_columns_free(columns);
}

/* The columns of `line` with '|' between. */
static const char *split(const char *regex, const char *line)
{
        static char text[256];
        size_t count, size;
        char *to = text;

        teardown();
        ck_assert_int_eq(map_columns_new(regex, &columns, &why), 0);
        ck_assert_int_eq(map_columns_split(columns, line, strlen(line), &count), 0);
        for (size_t i = 0; i < count; i++) {
                const char *const column = map_columns_get(columns, i, &size);

                to += sprintf(to, "%s%.*s", i ? "|" : "", (int)size, column);
        }
        *to = '\0';
        return text;
}

START_TEST(test_plain)
{
        ck_assert_str_eq(split(",", "a,b,,c"), "a|b||c");
        ck_assert_str_eq(split(",", ""), "");
        ck_assert_str_eq(split(",", ","), "|");
        ck_assert_str_eq(split("\\t", "a\tb c"), "a|b c");
        ck_assert_str_eq(split("\\|", "a|b"), "a|b");
        ck_assert_str_eq(split(" ", "a b"), "a|b");
}
END_TEST

START_TEST(test_trim)
{
        ck_assert_str_eq(split(",", " a , b\t,\t c d "), "a|b|c d");
        ck_assert_str_eq(split(",", "  ,  "), "|");
}
END_TEST

START_TEST(test_expressions)
{
        ck_assert_str_eq(split("[,;]", "a,b;c"), "a|b|c");
        ck_assert_str_eq(split("\\s+", "a   b\t c"), "a|b|c");
        ck_assert_str_eq(split("\\d", "a1b2c"), "a|b|c");
        ck_assert_str_eq(split("\\D+", "1ab2"), "1|2");
        ck_assert_str_eq(split("[\\t,]", "a\tb,c"), "a|b|c");
        ck_assert_str_eq(split("[\\s\\d]+", "a 1 b"), "a|b");
        ck_assert_str_eq(split("[\\\\]", "a\\b"), "a|b");
        ck_assert_str_eq(split(", ?|;", "a, b;c,d"), "a|b|c|d");
        ck_assert_str_eq(split("^x", "xaxb"), "|axb");
        ck_assert_str_eq(split("--", "a--b"), "a|b");
        ck_assert_str_eq(split(".", "ab"), "||");
        ck_assert_str_eq(split("\\.", "a.b"), "a|b");
}
END_TEST

START_TEST(test_refused)
{
        ck_assert_int_eq(map_columns_new("(", &columns, &why), MAP_COLUMNS_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "--colsep '(' is no expression"));
        ck_assert_int_eq(map_columns_new("x*", &columns, &why), MAP_COLUMNS_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "matches nothing at all"));
        ck_assert_int_eq(map_columns_new("", &columns, &why), MAP_COLUMNS_E_BAD);
}
END_TEST

START_TEST(test_many)
{
        char line[2 * 1000];
        size_t count, size;

        memset(line, ',', sizeof(line));
        for (size_t i = 0; i < sizeof(line); i += 2)
                line[i] = 'x';
        ck_assert_int_eq(map_columns_new(",", &columns, &why), 0);
        ck_assert_int_eq(map_columns_split(columns, line, sizeof(line) - 1, &count), 0);
        ck_assert_uint_eq(count, 1000);
        ck_assert_mem_eq(map_columns_get(columns, 999, &size), "x", 1);
        ck_assert_uint_eq(size, 1);
}
END_TEST

SUITE_MAIN("map_columns", setup, teardown, test_plain, test_trim, test_expressions, test_refused,
           test_many)
