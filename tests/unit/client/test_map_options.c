/* SPDX-License-Identifier: Apache-2.0 */
/* The words of map: what is command, what are sources, what -j and --halt mean, what is refused. */
#include <sched.h>
#include <string.h>

#include "common/clock.h"
#include "common/template.h"

#include "client/cmd/app.h"
#include "client/cmd/map_options.h"
#include "tests/unit/suite.h"

#define WORDS_MAX 40

static struct map_options options;
static struct map_plan *plan;
static struct reason why;
static char copies[WORDS_MAX][64];
static char *argv[WORDS_MAX];

static void setup(void)
{
        options = (struct map_options){ 0 };
        why.text[0] = '\0';
}

static void teardown(void)
{
        plan = map_plan_free(plan);
}

/* The words behind "map": parsed and planned, as the command does it. */
static int make(const char *const *words)
{
        struct app_common common = { .json = false };
        const struct option_set sets[] = { { map_option_rows, &options },
                                           { app_common_rows, &common },
                                           { NULL, NULL } };
        int argc = 1, rest, r;

        setup();
        teardown();
        argv[0] = strcpy(copies[0], "map");
        for (; words[argc - 1]; argc++)
                argv[argc] = strcpy(copies[argc], words[argc - 1]);
        argv[argc] = NULL;
        r = option_parse(sets, true, argc, argv, &rest, &why);
        if (r)
                return r;
        return map_plan_new(&options, argv + rest, (size_t)(argc - rest), &plan, &why);
}

#define MAKE(...) make((const char *const[]){ __VA_ARGS__, NULL })

static void expect_refusal(int r, const char *part)
{
        ck_assert_int_eq(r, MAP_OPTIONS_E_BAD);
        ck_assert_msg(strstr(why.text, part), "'%s' lacks '%s'", why.text, part);
}

START_TEST(test_words)
{
        ck_assert_int_eq(MAKE("-k", "echo", "-n", "{}", ":::", "a", "b", ":::+", "c", ":::", "d"),
                         0);
        ck_assert(options.keep_order);
        ck_assert_uint_eq(plan->command_count, 3);
        ck_assert_str_eq(plan->command[1], "-n");
        ck_assert(!plan->shell);
        ck_assert_uint_eq(plan->sources_count, 3);
        ck_assert_uint_eq(plan->sources[0].words_count, 2);
        ck_assert_str_eq(plan->sources[0].words[1], "b");
        ck_assert(!plan->sources[0].linked);
        ck_assert(plan->sources[1].linked);
        ck_assert(!plan->sources[2].linked);
        ck_assert_str_eq(plan->sources[2].words[0], "d");
        ck_assert_ptr_null(plan->sources[2].file);
        ck_assert_uint_eq(plan->per_task, 1);
        ck_assert_uint_eq(plan->width, 0);
}
END_TEST

START_TEST(test_files)
{
        ck_assert_int_eq(MAKE("-a", "first", "echo", "::::", "x", "y", "::::+", "-", ":::", "w"),
                         0);
        ck_assert_uint_eq(plan->sources_count, 5);
        ck_assert_str_eq(plan->sources[0].file, "first");
        ck_assert_str_eq(plan->sources[1].file, "x");
        ck_assert_str_eq(plan->sources[2].file, "y");
        ck_assert(!plan->sources[2].linked);
        ck_assert_str_eq(plan->sources[3].file, "-");
        ck_assert(plan->sources[3].linked);
        ck_assert_ptr_null(plan->sources[4].file);
}
END_TEST

START_TEST(test_no_source_is_stdin)
{
        ck_assert_int_eq(MAKE("echo"), 0);
        ck_assert_uint_eq(plan->sources_count, 1);
        ck_assert_str_eq(plan->sources[0].file, "-");
        /* An empty ::: is a source without inputs, not stdin. */
        ck_assert_int_eq(MAKE("echo", ":::"), 0);
        ck_assert_ptr_null(plan->sources[0].file);
        ck_assert_uint_eq(plan->sources[0].words_count, 0);
}
END_TEST

START_TEST(test_bad_sources)
{
        expect_refusal(MAKE("echo", ":::+", "a"), ":::+ links");
        expect_refusal(MAKE("echo", "::::+", "a"), "::::+ links");
        expect_refusal(MAKE("echo", "::::"), ":::: needs the name of a file");
        expect_refusal(MAKE("-a", "-", "echo", "::::", "-"), "only one input source");
        ck_assert_int_eq(MAKE("-a", "x", "echo", ":::+", "a"), 0);
}
END_TEST

START_TEST(test_shell)
{
        ck_assert_int_eq(MAKE("cat {} | wc", ":::", "a"), 0);
        ck_assert(plan->shell);
        ck_assert(plan->job.shell);
        ck_assert_int_eq(MAKE("--no-shell", "my program", ":::", "a"), 0);
        ck_assert(!plan->shell);
        ck_assert_int_eq(MAKE("cat {} | wc", "x", ":::", "a"), 0);
        ck_assert(!plan->shell);
        ck_assert_int_eq(MAKE("--shell", "echo", "$HOME", ":::", "a"), 0);
        ck_assert(plan->shell);
        expect_refusal(MAKE("--shell", "--no-shell", "x"), "contradict");
        ck_assert(!map_plan_is_shell_line("./run-{#}_{1/.}.sh"));
        ck_assert(!map_plan_is_shell_line("a=b@c:d,e+f%g^h~"));
        for (const char *c = " \t\n|&;<>()$`\"'\\*?["; *c; c++) {
                const char word[] = { 'a', *c, 'b', '\0' };

                ck_assert(map_plan_is_shell_line(word));
        }
        ck_assert(map_plan_is_shell_line("~/bin/x"));
        ck_assert(map_plan_is_shell_line("{}"));
        ck_assert(map_plan_is_shell_line("{1}.sh"));
        ck_assert(!map_plan_is_shell_line("./{}"));
}
END_TEST

START_TEST(test_no_command)
{
        ck_assert_int_eq(MAKE(":::", "echo a"), 0);
        ck_assert_uint_eq(plan->command_count, 1);
        ck_assert_str_eq(plan->command[0], "{}");
        ck_assert(plan->shell);
        expect_refusal(MAKE("-n", "2", ":::", "echo a"), "-n needs a command");
}
END_TEST

START_TEST(test_jobs)
{
        cpu_set_t set;
        unsigned int cores;

        ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
        cores = (unsigned int)CPU_COUNT(&set);
        ck_assert_int_eq(MAKE("-j", "7", "x"), 0);
        ck_assert_uint_eq(plan->width, 7);
        ck_assert_int_eq(MAKE("-P8", "x"), 0);
        ck_assert_uint_eq(plan->width, 8);
        ck_assert_int_eq(MAKE("-j", "200%", "x"), 0);
        ck_assert_uint_eq(plan->width, 2 * cores);
        ck_assert_int_eq(MAKE("-j", "1%", "x"), 0);
        ck_assert_uint_eq(plan->width, (cores + 99) / 100);
        ck_assert_int_eq(MAKE("-j", "+3", "x"), 0);
        ck_assert_uint_eq(plan->width, cores + 3);
        ck_assert_int_eq(MAKE("-j", "-100000", "x"), 0);
        ck_assert_uint_eq(plan->width, 1);
        expect_refusal(MAKE("-j", "0", "x"), "-j 0 would run nothing");
        expect_refusal(MAKE("-j", "0%", "x"), "-j");
        expect_refusal(MAKE("-j", "%", "x"), "-j");
        expect_refusal(MAKE("-j", "many", "x"), "-j");
        expect_refusal(MAKE("-j", "", "x"), "-j");
}
END_TEST

START_TEST(test_halt)
{
        ck_assert_int_eq(MAKE("--halt", "now,fail=1", "x"), 0);
        ck_assert(plan->halt_now);
        ck_assert_int_eq(plan->halt_on, MAP_HALT_FAIL);
        ck_assert_uint_eq(plan->halt_count, 1);
        ck_assert_int_eq(MAKE("--halt", "soon,success=20", "x"), 0);
        ck_assert(!plan->halt_now);
        ck_assert_int_eq(plan->halt_on, MAP_HALT_SUCCESS);
        ck_assert_uint_eq(plan->halt_count, 20);
        ck_assert_int_eq(MAKE("--halt", "soon,done=30%", "x"), 0);
        ck_assert_int_eq(plan->halt_on, MAP_HALT_DONE);
        ck_assert_uint_eq(plan->halt_count, 0);
        ck_assert_uint_eq(plan->halt_percent, 30);
        ck_assert_int_eq(MAKE("--halt", "never", "x"), 0);
        ck_assert_int_eq(plan->halt_on, MAP_HALT_NEVER);
}
END_TEST

START_TEST(test_bad_halt)
{
        static const char *const words[] = {
                "",
                "now",
                "fail=1",
                "later,fail=1",
                "now,fail",
                "now,fail=",
                "now,fail=0",
                "now,fail=x",
                "now,fail=%",
                "now,fail=101%",
                "now,fail=0%",
                "now, fail=1",
                "now,fail=1,2",
                "now,failed=1",
                "2",
        };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                expect_refusal(MAKE("--halt", words[i], "x"), "--halt is now or soon");
                ck_assert_ptr_nonnull(strstr(why.text, words[i]));
        }
}
END_TEST

START_TEST(test_tries_and_times)
{
        ck_assert_int_eq(MAKE("--retries", "3", "--timeout", "1m", "--delay", "0.5", "x"), 0);
        ck_assert(plan->job.retries.given);
        ck_assert_uint_eq(plan->job.retries.value, 2);
        ck_assert_uint_eq(plan->job.time_limit.value, 60 * USEC_PER_SEC);
        ck_assert_uint_eq(plan->delay_usec, USEC_PER_SEC / 2);
        ck_assert_int_eq(MAKE("x"), 0);
        ck_assert(!plan->job.retries.given);
        ck_assert(!plan->job.time_limit.given);
        expect_refusal(MAKE("--retries", "0", "x"), "retries");
}
END_TEST

START_TEST(test_resume)
{
        expect_refusal(MAKE("--resume", "x"), "--joblog FILE or the --results DIR");
        expect_refusal(MAKE("--resume-failed", "--results", "d", "x"), "--joblog FILE");
        ck_assert_int_eq(MAKE("--resume", "--results", "d", "x"), 0);
        ck_assert(plan->resume);
        ck_assert_int_eq(MAKE("--resume-failed", "--joblog", "l", "x"), 0);
        ck_assert(plan->resume);
        expect_refusal(MAKE("--joblog", "-", "x"), "--joblog needs");
        expect_refusal(MAKE("--joblog", "", "x"), "--joblog needs");
        expect_refusal(MAKE("--results=", "x"), "--results needs");
}
END_TEST

START_TEST(test_other_options)
{
        ck_assert_int_eq(MAKE("-0", "-n", "5", "-C", ",", "--tag", "--line-buffer", "--eta",
                              "--on-done", "echo", "-J", "name", "--label", "a=b", "--nice", "3",
                              "--json", "--detach-on-interrupt", "--dry-run", "x"),
                         0);
        ck_assert(options.null && options.tag && options.line_buffer && options.detach);
        ck_assert_uint_eq(plan->per_task, 5);
        ck_assert(plan->show_progress);
        ck_assert_str_eq(plan->job.name, "name");
        ck_assert(plan->job.dry_run);
        ck_assert_int_eq(plan->job.nice.value, 3);
        expect_refusal(MAKE("-n", "0", "x"), "max-args");
        expect_refusal(MAKE("--keeporder", "x"), "did you mean --keep-order?");
}
END_TEST

/* Ragged lines are only a trouble when something wants all columns. */
START_TEST(test_uses)
{
        static const struct {
                const char *word;
                bool all;
                uint32_t position;
        } cases[] = {
                { "{1}", false, 1 },    { "{3.}{1//}", false, 3 },  { "{}", true, 0 },
                { "{2}{/.}", true, 2 }, { "{-1}", true, 0 },        { "x", true, 0 },
                { "{#}{%}", true, 0 },  { "{1/.}-{2/}", false, 2 }, { "{1}{x}{-}{1:}{", false, 1 },
                { "{12}", false, 12 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                ck_assert_int_eq(MAKE("echo", cases[i].word), 0);
                ck_assert_msg(plan->uses_all == cases[i].all, "%s", cases[i].word);
                ck_assert_uint_eq(plan->position_max, cases[i].position);
        }
        ck_assert_int_eq(MAKE("--tag", "echo", "{1}"), 0);
        ck_assert(plan->uses_all);
        ck_assert_int_eq(MAKE("--results", "d", "echo", "{1}"), 0);
        ck_assert(plan->uses_all);
}
END_TEST

static void expect_command(const char *expected)
{
        const struct template_word value = { "a b", 3 };
        const struct template_facts facts = { &value, 1, 1, 1 };
        _cleanup_(template_freep) struct template *template = NULL;
        _cleanup_(freep) char *line = NULL;

        ck_assert_int_eq(map_plan_make_template(plan, 1, &template, &why), 0);
        ck_assert_int_eq(template_format(template, &facts, &line, &why), 0);
        ck_assert_str_eq(line, expected);
}

START_TEST(test_template)
{
        ck_assert_int_eq(MAKE("echo", "x{}"), 0);
        expect_command("echo x'a b'");
        ck_assert_int_eq(MAKE("--shell", "echo", "$X", "|", "cat"), 0);
        expect_command("echo $X | cat 'a b'");
        ck_assert_int_eq(MAKE(":::", "ls"), 0);
        expect_command("a b");
        ck_assert_int_eq(MAKE("echo", "{2}"), 0);
        {
                struct template *template = NULL;

                ck_assert_int_eq(map_plan_make_template(plan, 1, &template, &why),
                                 MAP_OPTIONS_E_BAD);
                ck_assert_str_ne(why.text, "");
        }
}
END_TEST

SUITE_MAIN("map_options", setup, teardown, test_words, test_files, test_no_source_is_stdin,
           test_bad_sources, test_shell, test_no_command, test_jobs, test_halt, test_bad_halt,
           test_tries_and_times, test_resume, test_other_options, test_uses, test_template)
