/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replacement strings. What is written to lines is what GNU parallel 20221122 printed with
 * --dry-run for the same command and values; what goes to argv is how a shell split that.
 */
#include "common/template.h"

#include "suite.h"

#define ENTRIES_MAX 16

struct words {
        struct template_word list[ENTRIES_MAX];
        size_t count;
};

static struct words words_of(const char *const *texts)
{
        struct words words = { .count = 0 };

        for (; texts[words.count]; words.count++)
                words.list[words.count] =
                        (struct template_word){ texts[words.count], strlen(texts[words.count]) };
        return words;
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NONE ((const char *const[]){ NULL })
#define SHELL(line) LIST("/bin/sh", "-c", line)

/* A template of this command for tasks of `values_max` values. */
static struct template *make(const char *const *command, bool shell, uint32_t values_max)
{
        const struct words words = words_of(command);
        struct template *template = NULL;
        struct reason why = { .text = "" };

        ck_assert_msg(template_new(words.list, words.count, shell, values_max, &template, &why) ==
                              0,
                      "%s", why.text);
        return template;
}

static void expect_line(const char *const *command, bool shell, const char *const *values,
                        const char *line)
{
        _cleanup_(template_freep) struct template *template = make(command, shell, 4);
        const struct words given = words_of(values);
        const struct template_facts facts = { given.list, given.count, 7, 3 };
        _cleanup_(freep) char *text = NULL;

        ck_assert_int_eq(template_format(template, &facts, &text, NULL), 0);
        ck_assert_str_eq(text, line);
}

static void expect_argv(const char *const *command, bool shell, const char *const *values,
                        const char *const *expected)
{
        _cleanup_(template_freep) struct template *template = make(command, shell, 4);
        const struct words given = words_of(values);
        const struct template_facts facts = { given.list, given.count, 7, 3 };
        _cleanup_(freep) char **argv = NULL;
        size_t argc = 0;

        ck_assert_int_eq(template_expand(template, &facts, &argv, &argc, NULL), 0);
        for (size_t i = 0; i < argc && expected[i]; i++)
                ck_assert_str_eq(argv[i], expected[i]);
        ck_assert_ptr_null(argv[argc]);
        ck_assert_ptr_null(expected[argc]);
}

static void expect_bad(const char *const *command, bool shell, uint32_t values_max,
                       const char *sentence)
{
        const struct words words = words_of(command);
        struct template *template = NULL;
        struct reason why = { .text = "" };

        ck_assert_int_eq(template_new(words.list, words.count, shell, values_max, &template, &why),
                         TEMPLATE_E_BAD);
        ck_assert_str_eq(why.text, sentence);
        ck_assert_ptr_null(template);
}

/* ------------------------------------------------------------------------------------- quoting */

START_TEST(values_are_quoted_as_parallel_does)
{
        static const struct {
                const char *value, *line;
        } rows[] = {
                { "a", "echo a" },
                { "", "echo ''" },
                { "a b", "echo 'a b'" },
                { "it's", "echo 'it'\"'\"'s'" },
                { "'a", "echo \"'\"'a'" },
                { "a'", "echo 'a'\"'\"" },
                { "'", "echo \"'\"" },
                { "''", "echo \"'\"''\"'\"" },
                { "'a'", "echo \"'\"'a'\"'\"" },
                { "$HOME", "echo '$HOME'" },
                { "-x", "echo -x" },
                { "a-b_c.d+e/f", "echo a-b_c.d+e/f" },
                { "a,b", "echo 'a,b'" },
                { "a=b", "echo 'a=b'" },
                { "a@b", "echo 'a@b'" },
                { "a:b", "echo 'a:b'" },
                { "100%", "echo '100%'" },
                { "a\nb", "echo 'a\nb'" },
                { "\x01\x7f", "echo '\x01\x7f'" },
                { "\t", "echo '\t'" },
                { "\xc3\xa4", "echo '\xc3\xa4'" },
                { "\xff", "echo '\xff'" },
                { "\"", "echo '\"'" },
                { "\\", "echo '\\'" },
                { "{}", "echo '{}'" },
                { "~", "echo '~'" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                expect_line(LIST("echo"), false, LIST(rows[i].value), rows[i].line);
                expect_line(SHELL("echo {}"), true, LIST(rows[i].value), rows[i].line);
        }
}
END_TEST

START_TEST(text_of_the_command_is_quoted_only_for_need)
{
        expect_line(LIST("echo", "a=b", "x,y", "%s", "@", "-n", "\xc3\xa4", "a^b", "!"), false,
                    LIST("1"), "echo a=b x,y %s @ -n \xc3\xa4 a^b ! 1");
        expect_line(LIST("[", "-f", "{}", "]"), false, LIST("1"), "[ -f 1 ]");
        expect_line(LIST("echo", "{x}", "a{b}"), false, LIST("1"), "echo {x} a{b} 1");
        expect_line(LIST("echo", "{x,y}", "{1..3}", "[ab]", "~", "a~", "#", "a#"), false, LIST("1"),
                    "echo '{x,y}' '{1..3}' '[ab]' '~' a~ '#' a# 1");
        expect_line(LIST("awk", "{print $1}", "", "it's", "*", "a?b", "(", "a;b"), false, LIST("1"),
                    "awk '{print $1}' '' 'it'\"'\"'s' '*' 'a?b' '(' 'a;b' 1");
        /* Only the piece that needs it; an assignment only as the command. */
        expect_line(LIST("echo", "a b{}c=d"), false, LIST("x y"), "echo 'a b''x y'c=d");
        expect_line(LIST("A={}", "B={}"), false, LIST("1"), "'A='1 B=1");
}
END_TEST

START_TEST(a_line_that_begins_with_a_value_is_text)
{
        expect_line(SHELL("{}"), true, LIST("echo 'a b'; x"), "echo 'a b'; x");
        expect_line(SHELL("x{} {}"), true, LIST("a b"), "xa b a b");
        expect_line(SHELL("{1}/x {}"), true, LIST("a b"), "a b/x a b");
        expect_line(SHELL("A={} foo"), true, LIST("a b"), "A='a b' foo");
        expect_line(SHELL(" {}"), true, LIST("a b"), " 'a b'");
        expect_line(SHELL("A {}"), true, LIST("a b"), "A 'a b'");
        expect_line(SHELL("\"{}\" a"), true, LIST("a b"), "\"a b\" a");
        expect_argv(SHELL("{}"), true, LIST("a b", "c"), SHELL("a b c"));
        /* argv has no such text: the value is the name of a program. */
        expect_line(LIST("{}", "x"), false, LIST("a b"), "'a b' x");
}
END_TEST

/* ------------------------------------------------------------------------------- replacements */

START_TEST(parts_of_a_path)
{
        static const struct {
                const char *value, *line;
        } rows[] = {
                { "a/b.c.d", "echo a b.c.d b.c a/b.c" },
                { "/a", "echo / a a /a" },
                { "a", "echo . a a a" },
                { "a/", "echo . '' '' a/" },
                { "/", "echo / '' '' /" },
                { "//", "echo / '' '' //" },
                { ".x", "echo . .x '' ''" },
                { "a/.x", "echo a .x '' a/" },
                { "a.b/", "echo . '' '' a.b/" },
                { "a//b", "echo a b b a//b" },
                { "", "echo . '' '' ''" },
                { "a/b/", "echo a '' '' a/b/" },
                { "a/b//", "echo a '' '' a/b//" },
                { "a.b/c", "echo a.b c c a.b/c" },
                { "//a", "echo / a a //a" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                expect_line(LIST("echo", "{//}", "{/}", "{/.}", "{.}"), false, LIST(rows[i].value),
                            rows[i].line);
                expect_line(LIST("echo", "{1//}", "{-1/}", "{1 /.}", "{01.}"), false,
                            LIST(rows[i].value), rows[i].line);
        }
        expect_line(LIST("echo", "{/}"), false, LIST("a\nb/c"), "echo c");
}
END_TEST

START_TEST(positions_and_counts)
{
        expect_line(LIST("echo", "{2}", "{1}", "{-1}", "{-3}", "{#}", "{%}"), false,
                    LIST("a", "b", "c"), "echo b a c a 7 3");
        expect_line(LIST("echo", "{1.}{1/}{#}{%}"), false, LIST("a.b", "c"), "echo aa.b73");
        /* What the last task lacks. */
        expect_line(LIST("echo", "{2}", "x{}y", "{2}z", "{-2}"), false, LIST("c"), "echo  xcy z ");
        expect_argv(LIST("echo", "{2}", "x{}y", "{2}z", "{-2}"), false, LIST("c"),
                    LIST("echo", "xcy", "z"));
        /* An empty value is a word, a missing one is none; empty text is a word. */
        expect_argv(LIST("echo", "{1}", "{2}", ""), false, LIST(""), LIST("echo", "", ""));
}
END_TEST

START_TEST(a_task_with_several_values)
{
        expect_line(LIST("echo"), false, LIST("1", "2 3", "4"), "echo 1 '2 3' 4");
        expect_argv(LIST("echo"), false, LIST("1", "2 3", "4"), LIST("echo", "1", "2 3", "4"));
        expect_line(LIST("a{}b{}"), false, LIST("1", "2", "3"), "a1 2 3b1 2 3");
        expect_argv(LIST("a{}b{}"), false, LIST("1", "2", "3"), LIST("a1", "2", "3b1", "2", "3"));
        expect_argv(LIST("x", "a{}b"), false, LIST("1", "2"), LIST("x", "a1", "2b"));
        expect_argv(LIST("x", "{/}", "{#}"), false, LIST("a/1", "b/2"), LIST("x", "1", "2", "7"));
        expect_line(SHELL("cat {} | wc {.}"), true, LIST("a.x", "b c.x"),
                    "cat a.x 'b c.x' | wc a 'b c'");
        expect_argv(SHELL("cat {} | wc {.}"), true, LIST("a.x", "b c.x"),
                    SHELL("cat a.x 'b c.x' | wc a 'b c'"));
}
END_TEST

START_TEST(values_are_literal)
{
        expect_argv(LIST("printf", "%s {x} {}", "$HOME"), false, LIST("a'b {} $x\n"),
                    LIST("printf", "%s {x} a'b {} $x\n", "$HOME"));
        expect_argv(LIST("echo"), false, LIST("-leading dash"), LIST("echo", "-leading dash"));
        expect_argv(LIST("{}", "{1}"), false, LIST("\xff"), LIST("\xff", "\xff"));
}
END_TEST

START_TEST(without_a_replacement_it_is_appended)
{
        expect_argv(LIST("echo", "a"), false, LIST("1"), LIST("echo", "a", "1"));
        expect_line(SHELL("echo a;"), true, LIST("1"), "echo a; 1");
        expect_argv(SHELL("echo a;"), true, LIST("1"), SHELL("echo a; 1"));
        /* Each of these is one. */
        expect_argv(LIST("echo", "{#}"), false, LIST("1"), LIST("echo", "7"));
        expect_argv(LIST("echo", "{%}"), false, LIST("1"), LIST("echo", "3"));
        /* And none of these. */
        expect_argv(LIST("echo", "{", "}", "{a}", "{-}", "{1#}", "{...}", "{1"), false, LIST("v"),
                    LIST("echo", "{", "}", "{a}", "{-}", "{1#}", "{...}", "{1", "v"));
        expect_argv(LIST("echo", "{{}}"), false, LIST("v"), LIST("echo", "{v}"));
        /* The shell's own words are not searched. */
        expect_argv(LIST("/bin/{}", "-c", "echo"), true, LIST("v"),
                    LIST("/bin/{}", "-c", "echo v"));
}
END_TEST

START_TEST(has_replacement)
{
        const struct words with = words_of(LIST("a", "b{3.}"));
        const struct words without = words_of(LIST("a", "", "{a}{"));

        ck_assert(template_has_replacement(with.list, with.count));
        ck_assert(!template_has_replacement(without.list, without.count));
        ck_assert(!template_has_replacement(NULL, 0));
}
END_TEST

/* ------------------------------------------------------------------------------------ judgement */

START_TEST(refused)
{
        static const struct template_word zero = { "a\0b", 3 };
        struct template *template = NULL;
        struct reason why;

        expect_bad(LIST("echo", "{3}"), false, 2, "'{3}' names value 3, but a task has 2 values");
        expect_bad(LIST("echo", "a{-2/}"), false, 1,
                   "'{-2/}' names value 2, but a task has 1 value");
        expect_bad(LIST("echo", "{99999999999999999999}"), false, 9,
                   "'{99999999999999999999}' names value 2147483647, but a task has 9 values");
        expect_bad(LIST("echo", "{0}"), false, 2, "'{0}' names no value: they are counted from 1");
        expect_bad(SHELL("echo {-0.}"), true, 2, "'{-0.}' names no value: they are counted from 1");
        expect_bad(LIST("echo", "{= s/a/b/ =}"), false, 1,
                   "{= =}: expressions in Perl are not supported");
        expect_bad(LIST("echo", "{=", "", "x", "=}"), false, 1,
                   "{= =}: expressions in Perl are not supported");
        expect_bad(NONE, false, 1, "there is no command");
        expect_bad(LIST("a", "b"), true, 1, "a shell's command is not one line");
        ck_assert_int_eq(template_new(&zero, 1, false, 1, &template, &why), TEMPLATE_E_BAD);
        ck_assert_str_eq(why.text, "word 0 of the command has a zero byte");
        expect_argv(LIST("echo", "=}", "{=", "{}"), false, LIST("1"),
                    LIST("echo", "=}", "{=", "1"));
}
END_TEST

START_TEST(nothing_left)
{
        _cleanup_(template_freep) struct template *template = make(LIST("{2}"), false, 2);
        static const struct template_word value = { "a", 1 };
        const struct template_facts facts = { &value, 1, 1, 1 };
        struct reason why = { .text = "" };
        char **argv = NULL, *line = NULL;
        size_t argc = 77;

        ck_assert_int_eq(template_expand(template, &facts, &argv, &argc, &why), TEMPLATE_E_BAD);
        ck_assert_str_eq(why.text, "nothing is left of the command: its values are missing");
        ck_assert_int_eq(template_format(template, &facts, &line, NULL), TEMPLATE_E_BAD);
        ck_assert(!argv && !line && argc == 77);
}
END_TEST

/* The answer of a command for `count` values of `size` letters each. */
static int expand_long(const char *const *command, bool shell, size_t count, size_t size)
{
        _cleanup_(template_freep) struct template *template = make(command, shell, 100);
        _cleanup_(freep) char *text = malloc(size + 1);
        struct template_word values[64];
        const struct template_facts facts = { values, count, 1, 1 };
        _cleanup_(freep) char **argv = NULL;
        _cleanup_(freep) char *line = NULL;
        size_t argc;
        int r;

        memset(text, 'a', size);
        for (size_t i = 0; i < count; i++)
                values[i] = (struct template_word){ text, size };
        r = template_expand(template, &facts, &argv, &argc, NULL);
        ck_assert_int_eq(template_format(template, &facts, &line, NULL), r);
        return r;
}

START_TEST(limits)
{
        const size_t word = TEMPLATE_WORD_MAX;

        ck_assert_int_eq(expand_long(LIST("e"), false, 1, word), 0);
        ck_assert_int_eq(expand_long(LIST("e"), false, 1, word + 1), TEMPLATE_E_LONG);
        ck_assert_int_eq(expand_long(LIST("e", "x{}"), false, 1, word - 1), 0);
        ck_assert_int_eq(expand_long(LIST("e", "x{}"), false, 1, word), TEMPLATE_E_LONG);
        /* "e" and 8 words are 1 MiB and 2 bytes, which "" leaves out. */
        ck_assert_int_eq(expand_long(LIST("e"), false, 8, word), TEMPLATE_E_LONG);
        ck_assert_int_eq(expand_long(LIST("{}"), false, 8, word), 0);
        ck_assert_int_eq(expand_long(LIST("{}", ""), false, 8, word), TEMPLATE_E_LONG);
        /* A shell's line is one word. */
        ck_assert_int_eq(expand_long(SHELL("e {}"), true, 1, word - 2), 0);
        ck_assert_int_eq(expand_long(SHELL("e {}"), true, 1, word - 1), TEMPLATE_E_LONG);
        ck_assert_int_eq(expand_long(SHELL("e {}{}"), true, 1, word / 2), TEMPLATE_E_LONG);
        ck_assert_int_eq(expand_long(SHELL("{} e"), true, 1, word - 1), TEMPLATE_E_LONG);
}
END_TEST

START_TEST(a_line_may_be_longer_than_argv)
{
        _cleanup_(template_freep) struct template *template = make(LIST("e"), false, 1);
        _cleanup_(freep) char *text = malloc(TEMPLATE_WORD_MAX);
        const struct template_word value = { text, TEMPLATE_WORD_MAX };
        const struct template_facts facts = { &value, 1, 1, 1 };
        _cleanup_(freep) char *line = NULL;

        memset(text, '\'', TEMPLATE_WORD_MAX);
        ck_assert_int_eq(template_format(template, &facts, &line, NULL), 0);
        ck_assert_uint_eq(strlen(line), 2 + 5 * (size_t)TEMPLATE_WORD_MAX - 2);
}
END_TEST

START_TEST(many_pieces_are_measured_in_short_time)
{
        _cleanup_(freep) char *text = malloc(64 * 1024 + 1);
        _cleanup_(freep) char *value = malloc(100000);
        struct template_word words[3] = { { "/bin/sh", 7 }, { "-c", 2 }, { text, 64 * 1024 } };
        const struct template_word long_value = { value, 100000 };
        const struct template_facts facts = { &long_value, 1, 1, 1 };
        _cleanup_(template_freep) struct template *template = NULL;
        char **argv = NULL;
        size_t argc;

        memset(value, 'a', 100000);
        for (size_t i = 0; i < 64UL * 1024; i++)
                text[i] = "{}"[i % 2];
        ck_assert_int_eq(template_new(words, 3, true, 1, &template, NULL), 0);
        ck_assert_int_eq(template_expand(template, &facts, &argv, &argc, NULL), TEMPLATE_E_LONG);
}
END_TEST

START_TEST(split)
{
        struct template_word values[3] = { { NULL, 0 } };

        ck_assert_uint_eq(template_split("a\0\0bc\0rest", 10, values, 3), 3);
        ck_assert(values[0].size == 1 && values[1].size == 0 && values[2].size == 2);
        ck_assert_int_eq(memcmp(values[2].data, "bc", 2), 0);
        values[1].size = 77;
        ck_assert_uint_eq(template_split("a\0b\0", 4, values, 1), 2);
        ck_assert_uint_eq(values[1].size, 77);
        ck_assert_uint_eq(template_split("", 0, values, 3), 0);
        ck_assert_uint_eq(template_split(NULL, 0, NULL, 0), 0);
}
END_TEST

SUITE_MAIN("template", NULL, NULL, values_are_quoted_as_parallel_does,
           text_of_the_command_is_quoted_only_for_need, a_line_that_begins_with_a_value_is_text,
           parts_of_a_path, positions_and_counts, a_task_with_several_values, values_are_literal,
           without_a_replacement_it_is_appended, has_replacement, refused, nothing_left, limits,
           a_line_may_be_longer_than_argv, many_pieces_are_measured_in_short_time, split)
