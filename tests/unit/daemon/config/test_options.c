/* SPDX-License-Identifier: Apache-2.0 */
/* jobd's command line: what is taken, what is refused and with which words. */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/options.h"
#include "tests/unit/suite.h"

static struct options options;
static struct reason why;

#define PARSE(...) parse((const char *const[]){ "jobd", __VA_ARGS__, NULL })

static int parse(const char *const *words)
{
        char *argv[16] = { NULL };
        int argc = 0;
        int r;

        while (words[argc]) {
                argv[argc] = strdup(words[argc]);
                argc++;
        }
        why.text[0] = '\0';
        options_deinit(&options);
        r = options_parse(argc, argv, &options, &why);
        for (int i = 0; i < argc; i++)
                free(argv[i]);
        return r;
}

static void set_up(void)
{
        options = (struct options){ .ready_fd = -1 };
}

static void tear_down(void)
{
        options_deinit(&options);
}

START_TEST(nothing_suits_the_caller)
{
        char *argv[] = { (char[]){ "jobd" }, NULL };

        ck_assert_int_eq(options_parse(1, argv, &options, &why), 0);
        ck_assert_int_eq(options.act, OPTIONS_RUN);
        ck_assert_int_eq(options.is_system, geteuid() == 0);
        ck_assert_int_eq(options.ready_fd, -1);
        ck_assert(!options.is_auto);
        ck_assert_ptr_null(options.socket);
}
END_TEST

START_TEST(everything_is_taken)
{
        ck_assert_int_eq(PARSE("--user", "--socket", "/s", "--state-dir=/d", "--config", "/c",
                               "--workers", "3", "--set", "Jobs.Grace=5s", "--ready-fd", "7"),
                         0);
        ck_assert(!options.is_system);
        ck_assert_str_eq(options.socket, "/s");
        ck_assert_str_eq(options.state_dir, "/d");
        ck_assert_str_eq(options.config_path, "/c");
        ck_assert_int_eq(options.ready_fd, 7);
        ck_assert(options.is_auto);
        ck_assert_uint_eq(options.sets_count, 2);
        ck_assert_str_eq(options.sets[0].section, "Pool");
        ck_assert_str_eq(options.sets[0].key, "Workers");
        ck_assert_str_eq(options.sets[0].value, "3");
        ck_assert_str_eq(options.sets[1].section, "Jobs");
        ck_assert_str_eq(options.sets[1].key, "Grace");
        ck_assert_str_eq(options.sets[1].value, "5s");
}
END_TEST

START_TEST(last_word_counts)
{
        ck_assert_int_eq(PARSE("--user", "--system", "--socket", "/a", "--socket", "/b"), 0);
        ck_assert(options.is_system);
        ck_assert_str_eq(options.socket, "/b");
}
END_TEST

START_TEST(relative_paths_become_absolute)
{
        char cwd[PATH_MAX];
        char expected[PATH_MAX + 8];

        ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
        ck_assert_int_eq(PARSE("--state-dir", "a/b"), 0);
        snprintf(expected, sizeof(expected), "%s/a/b", cwd);
        ck_assert_str_eq(options.state_dir, expected);
}
END_TEST

START_TEST(acts_are_told)
{
        ck_assert_int_eq(PARSE("--check-config"), 0);
        ck_assert_int_eq(options.act, OPTIONS_CHECK_CONFIG);
        ck_assert_int_eq(PARSE("--version"), 0);
        ck_assert_int_eq(options.act, OPTIONS_SHOW_VERSION);
        ck_assert_int_eq(PARSE("--help"), 0);
        ck_assert_int_eq(options.act, OPTIONS_SHOW_HELP);
}
END_TEST

START_TEST(wrong_words_are_refused_with_help)
{
        static const struct {
                const char *words[4];
                const char *sentence;
        } cases[] = {
                { { "jobd", "--sate-dir", "x" },
                  "unknown option \"--sate-dir\", did you mean --state-dir?" },
                { { "jobd", "--wokers=3" },
                  "unknown option \"--wokers=3\", did you mean --workers?" },
                { { "jobd", "--frobnicate" }, "unknown option \"--frobnicate\"" },
                { { "jobd", "-x" }, "wrong option \"-x\"" },
                { { "jobd", "--socket" }, "--socket needs a value" },
                { { "jobd", "run" }, "unexpected word \"run\"" },
                { { "jobd", "--socket", "" }, "a path is empty" },
                { { "jobd", "--ready-fd", "2" }, "--ready-fd" },
                { { "jobd", "--ready-fd", "x" }, "--ready-fd" },
                { { "jobd", "--set", "Workers=3" }, "--set takes SECTION.KEY=VALUE" },
                { { "jobd", "--set", "Pool.Workers" }, "--set takes SECTION.KEY=VALUE" },
                { { "jobd", "--set", ".Workers=3" }, "--set takes SECTION.KEY=VALUE" },
                { { "jobd", "--set", "Pool.=3" }, "--set takes SECTION.KEY=VALUE" },
                { { "jobd", "--set", "Pool=a.b" }, "--set takes SECTION.KEY=VALUE" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                ck_assert_int_eq(parse(cases[i].words), OPTIONS_E_BAD);
                ck_assert_msg(strncmp(why.text, cases[i].sentence, strlen(cases[i].sentence)) == 0,
                              "%s", why.text);
        }
}
END_TEST

START_TEST(value_may_hold_anything)
{
        ck_assert_int_eq(PARSE("--set", "Jobs.Grace=a.b=c"), 0);
        ck_assert_str_eq(options.sets[0].value, "a.b=c");
        options_deinit(&options);
        ck_assert_int_eq(PARSE("--set", "Share \"a.b\".Weight=2"), 0);
        ck_assert_str_eq(options.sets[0].section, "Share \"a.b\"");
        ck_assert_str_eq(options.sets[0].key, "Weight");
        options_deinit(&options);
        ck_assert_int_eq(PARSE("--set", "Jobs.Grace="), 0);
        ck_assert_str_eq(options.sets[0].value, "");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("options");
        TCase *tests = tcase_create("options");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, nothing_suits_the_caller);
        tcase_add_test(tests, everything_is_taken);
        tcase_add_test(tests, last_word_counts);
        tcase_add_test(tests, relative_paths_become_absolute);
        tcase_add_test(tests, acts_are_told);
        tcase_add_test(tests, wrong_words_are_refused_with_help);
        tcase_add_test(tests, value_may_hold_anything);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}
