/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on terminals of any width, and looks that depend on values. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#include "client/cmd/style.h"
#include "client/cmd/table.h"
#include "tests/unit/suite.h"

static const struct table_column columns[] = {
        { "ID", true, false, 0 },
        { "NAME", false, true, 4 },
        { "COMMAND", false, true, 10 },
        { NULL, false, false, 0 },
};

static struct table *table;

static void setup(void)
{
        ck_assert_int_eq(table_new(columns, &table), 0);
}

static void teardown(void)
{
        table = table_free(table);
}

static void add(const char *id, const char *name, const char *command, const char *colour)
{
        ck_assert_int_eq(table_add_row(table), 0);
        ck_assert_int_eq(table_add_cell(table, id, ""), 0);
        ck_assert_int_eq(table_add_cell(table, name, colour), 0);
        ck_assert_int_eq(table_add_cell(table, command, ""), 0);
}

static void expect(size_t width, const char *bold, const char *end, const char *text)
{
        char *printed = NULL;
        size_t size = 0;
        FILE *const out = open_memstream(&printed, &size);

        table_print(table, width, bold, end, out);
        fclose(out);
        ck_assert_str_eq(printed, text);
        free(printed);
}

START_TEST(test_plain)
{
        add("7", "a", "make -j4", "");
        add("123", "nightly", "x", "");
        expect(0, "", "",
               " ID  NAME     COMMAND\n"
               "  7  a        make -j4\n"
               "123  nightly  x\n");
        expect(80, "", "",
               " ID  NAME     COMMAND\n"
               "  7  a        make -j4\n"
               "123  nightly  x\n");
        ck_assert_uint_eq(table_count_rows(table), 2);
}
END_TEST

START_TEST(test_cut)
{
        add("7", "short", "a very long command that does not fit", "");
        expect(25, "", "",
               "ID  NAME   COMMAND\n"
               " 7  short  a very long...\n");
        /* The wider one gives first; both stop at their least width. */
        expect(12, "", "",
               "ID  NAME  COMMAND\n"
               " 7  s...  a very ...\n");
}
END_TEST

START_TEST(test_colour)
{
        add("7", "red", "x", "<r>");
        expect(0, "<b>", "<e>",
               "<b>ID<e>  <b>NAME<e>  <b>COMMAND<e>\n"
               " 7  <r>red<e>   x\n");
}
END_TEST

START_TEST(test_wide_characters)
{
        ck_assert_uint_eq(table_text_width("abc"), 3);
        ck_assert_uint_eq(table_text_width("h\u00e9"), 2);
        ck_assert_uint_eq(table_text_width("e\u0301"), 1);      /* combining */
        ck_assert_uint_eq(table_text_width("\u65e5\u672c"), 4); /* two columns each */
        ck_assert_uint_eq(table_text_width("\xff"), 1);
        ck_assert_uint_eq(table_text_fit("\u65e5\u672c", 3), 3);
        ck_assert_uint_eq(table_text_fit("\u65e5\u672c", 4), 6);
        add("1", "\u65e5\u672c\u8a9e", "x", "");
        add("2", "abc", "y", "");
        expect(0, "", "",
               "ID  NAME    COMMAND\n"
               " 1  \u65e5\u672c\u8a9e  x\n"
               " 2  abc     y\n");
}
END_TEST

START_TEST(test_too_many_cells)
{
        ck_assert_int_ne(table_add_cell(table, "x", ""), 0);
        add("1", "a", "b", "");
        ck_assert_int_ne(table_add_cell(table, "x", ""), 0);
}
END_TEST

START_TEST(test_durations)
{
        char buf[STYLE_TEXT_MAX];

        ck_assert_str_eq(style_duration(0, buf), "0ms");
        ck_assert_str_eq(style_duration(999999, buf), "999ms");
        ck_assert_str_eq(style_duration(1 * USEC_PER_SEC, buf), "1.0s");
        ck_assert_str_eq(style_duration(59 * USEC_PER_SEC + 999999, buf), "59.9s");
        ck_assert_str_eq(style_duration(60 * USEC_PER_SEC, buf), "1m00s");
        ck_assert_str_eq(style_duration(3599 * USEC_PER_SEC, buf), "59m59s");
        ck_assert_str_eq(style_duration(3600 * USEC_PER_SEC, buf), "1h00m");
        ck_assert_str_eq(style_duration(90000 * USEC_PER_SEC, buf), "1d01h");
}
END_TEST

START_TEST(test_colours_are_optional)
{
        for (unsigned int i = 0; i <= JOBCTL_STATE_COUNT; i++)
                ck_assert_str_eq(style_state(false, i), "");
        ck_assert_str_ne(style_state(true, JOBCTL_STATE_FAILED), "");
        ck_assert_str_eq(style_end(false), "");
        ck_assert_str_eq(style_bold(false), "");
}
END_TEST

START_TEST(test_commands_are_safe)
{
        struct jobctl_spec *spec;
        const char *const argv[] = { "echo", "a b", "\033[2J", "\xff" };
        char *text;

        ck_assert_int_eq(jobctl_spec_new(&spec), 0);
        ck_assert_int_eq(jobctl_spec_set_argv(spec, argv, 4), 0);
        text = style_command(jobctl_spec_item(spec));
        ck_assert_ptr_nonnull(strstr(text, "echo 'a b' "));
        ck_assert_ptr_null(strchr(text, '\033'));
        ck_assert_ptr_null(strchr(text, '\xff'));
        free(text);
        ck_assert_int_eq(jobctl_spec_set_shell(spec, "a | b\n"), 0);
        text = style_command(jobctl_spec_item(spec));
        ck_assert_str_eq(text, "a | b\\n");
        free(text);
        jobctl_spec_free(spec);
}
END_TEST

SUITE_MAIN("table", setup, teardown, test_plain, test_cut, test_colour, test_wide_characters,
           test_too_many_cells, test_durations, test_colours_are_optional, test_commands_are_safe)
