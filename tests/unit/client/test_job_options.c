/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a job become fields of its specification; wrong ones are refused by name. */
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "common/clock.h"

#include "client/cmd/job_options.h"
#include "client/cmd/spec_cleanup.h"
#include "client/lib/spec.h"
#include "tests/unit/suite.h"

static struct job_options options;
static struct jobctl_spec *spec;
static const struct jobctl_item *item;
static struct reason why;

static void setup(void)
{
        options = (struct job_options){ 0 };
        why.text[0] = '\0';
        ck_assert_int_eq(chdir("/usr"), 0);
}

static void teardown(void)
{
        spec = jobctl_spec_free(spec);
}

static int build(void)
{
        static char echo[] = "echo", word[] = "a b";
        char *args[] = { echo, word, NULL };
        int r;

        spec = jobctl_spec_free(spec);
        r = job_options_build(&options, args, 2, &spec, &why);
        item = r == 0 ? jobctl_spec_item(spec) : NULL;
        return r;
}

static uint64_t number(enum jobctl_field field)
{
        return jobctl_number_or(item, field, 424242);
}

static const char *text(enum jobctl_field field)
{
        return jobctl_get_text(item, field, NULL);
}

static bool has_entry(const char *entry)
{
        for (size_t i = 0; i < spec->environment->n_entries; i++)
                if (strcmp((const char *)spec->environment->entries[i].data, entry) == 0)
                        return true;
        return false;
}

START_TEST(test_nothing_given)
{
        ck_assert_int_eq(setenv("JOBCTL_TEST", "x", 1), 0);
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(text(JOBCTL_SPEC_CWD), "/usr");
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_ARGV), 2);
        ck_assert_uint_gt(jobctl_count(item, JOBCTL_SPEC_RLIMITS), 0);
        ck_assert_uint_ne(number(JOBCTL_SPEC_UMASK), 424242);
        ck_assert(has_entry("JOBCTL_TEST=x"));
        ck_assert_uint_eq(number(JOBCTL_SPEC_TIME_LIMIT_USEC), 424242);
        ck_assert_ptr_null(text(JOBCTL_SPEC_NAME));
}
END_TEST

START_TEST(test_plain_ones)
{
        options.name = "n";
        options.unique = "u";
        options.append = options.requeue = options.hold = true;
        options.time_limit = (struct option_number){ true, 5 };
        options.grace = (struct option_number){ true, 0 };
        options.retries = (struct option_number){ true, 3 };
        options.nice = (struct option_signed){ true, 3 };
        options.cpus = (struct option_number){ true, 2 };
        options.memory = (struct option_number){ true, 4096 };
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(text(JOBCTL_SPEC_NAME), "n");
        ck_assert_str_eq(text(JOBCTL_SPEC_UNIQUE), "u");
        ck_assert_uint_eq(number(JOBCTL_SPEC_OUTPUT_APPEND), 1);
        ck_assert_uint_eq(number(JOBCTL_SPEC_REQUEUE), 1);
        ck_assert_uint_eq(number(JOBCTL_SPEC_HOLD), 1);
        ck_assert_uint_eq(number(JOBCTL_SPEC_TIME_LIMIT_USEC), 5);
        ck_assert_uint_eq(number(JOBCTL_SPEC_GRACE_USEC), 0);
        ck_assert_uint_eq(number(JOBCTL_SPEC_RETRIES), 3);
        ck_assert_int_eq((int64_t)number(JOBCTL_SPEC_NICE), 3);
        ck_assert_uint_eq(number(JOBCTL_SPEC_CPUS), 2);
        ck_assert_uint_eq(number(JOBCTL_SPEC_MEMORY_BYTES), 4096);
}
END_TEST

START_TEST(test_folder_and_paths)
{
        options.cwd = "lib";
        options.output = "out.log";
        options.error = "/tmp/err.log";
        options.input = "../in";
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(text(JOBCTL_SPEC_CWD), "/usr/lib");
        ck_assert_str_eq(text(JOBCTL_SPEC_OUTPUT_PATH), "/usr/lib/out.log");
        ck_assert_str_eq(text(JOBCTL_SPEC_ERROR_PATH), "/tmp/err.log");
        ck_assert_str_eq(text(JOBCTL_SPEC_INPUT_PATH), "/usr/lib/../in");
        options.output = "";
        ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
        options.output = NULL;
        options.cwd = "";
        ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
}
END_TEST

START_TEST(test_environment)
{
        ck_assert_int_eq(setenv("JOBCTL_A", "1", 1), 0);
        ck_assert_int_eq(setenv("JOBCTL_B", "2", 1), 0);
        options.export = "NONE";
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(spec->environment->n_entries, 0);
        options.export = "JOBCTL_A,C=3";
        options.env.values[0] = "JOBCTL_B";
        options.env.values[1] = "D=4=5";
        options.env.count = 2;
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(spec->environment->n_entries, 4);
        ck_assert(has_entry("JOBCTL_A=1"));
        ck_assert(has_entry("JOBCTL_B=2"));
        ck_assert(has_entry("C=3"));
        ck_assert(has_entry("D=4=5"));
        options.export = "ALL";
        options.env.values[0] = "JOBCTL_A=9";
        ck_assert_int_eq(build(), 0);
        ck_assert(has_entry("JOBCTL_A=9"));
        ck_assert(!has_entry("JOBCTL_A=1"));
        options.env.values[0] = "=9";
        ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
}
END_TEST

START_TEST(test_labels)
{
        options.labels.values[0] = "k=v=w";
        options.labels.count = 1;
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(jobctl_get_text(jobctl_get_item_at(item, JOBCTL_SPEC_LABELS, 0),
                                         JOBCTL_LABEL_VALUE, NULL),
                         "v=w");
        options.labels.values[0] = "k";
        ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "--label"));
}
END_TEST

START_TEST(test_signal)
{
        options.time_limit = (struct option_number){ true, 600 * USEC_PER_SEC };
        options.warn = "USR1@30";
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(number(JOBCTL_SPEC_WARN_SIGNAL), SIGUSR1);
        ck_assert_uint_eq(number(JOBCTL_SPEC_WARN_BEFORE_USEC), 30 * USEC_PER_SEC);
        options.warn = "TERM";
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(number(JOBCTL_SPEC_WARN_BEFORE_USEC), 60 * USEC_PER_SEC);
        options.warn = "NOPE@30";
        ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "NOPE"));
        options.warn = "USR1@soon";
        ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
        options.warn = "USR1@30";
        options.time_limit.given = false;
        ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "--time-limit"));
}
END_TEST

START_TEST(test_retry_on)
{
        static const char *const bad[] = { "0", "256", "x", "1.2", "", "5-300" };

        options.retry_on = "1,5-7";
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_RETRY_ON), 4);
        ck_assert_uint_eq(jobctl_get_number_at(item, JOBCTL_SPEC_RETRY_ON, 3), 7);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                options.retry_on = bad[i];
                ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
                ck_assert_ptr_nonnull(strstr(why.text, "--retry-on"));
        }
}
END_TEST

static void expect_array(const char *array, uint64_t first, uint64_t last, uint64_t step,
                         uint64_t width)
{
        options.array = array;
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(number(JOBCTL_SPEC_ARRAY_FIRST), first);
        ck_assert_uint_eq(number(JOBCTL_SPEC_ARRAY_LAST), last);
        ck_assert_uint_eq(number(JOBCTL_SPEC_ARRAY_STEP), step);
        ck_assert_uint_eq(number(JOBCTL_SPEC_ARRAY_WIDTH), width);
}

START_TEST(test_array)
{
        static const char *const bad[] = { "",      "x",     "5-1",   "1-",    "-5",
                                           "1-5:0", "1-5%0", "1-5:x", "1,2,3", "1-5%10:2" };

        expect_array("0-99:4%10", 0, 99, 4, 10);
        expect_array("1-10", 1, 10, 1, 0);
        expect_array("7", 7, 7, 1, 0);
        expect_array("1-10%3", 1, 10, 1, 3);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                options.array = bad[i];
                ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
                ck_assert_uint_gt(strlen(why.text), 5);
        }
}
END_TEST

START_TEST(test_shell)
{
        options.shell = true;
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_ARGV), 3);
        ck_assert_str_eq(jobctl_get_text_at(item, JOBCTL_SPEC_ARGV, 2, NULL), "echo a b");
}
END_TEST

START_TEST(test_deleted_folder)
{
        char folder[] = "/tmp/jobctl-test-XXXXXX";

        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(chdir(folder), 0);
        ck_assert_int_eq(rmdir(folder), 0);
        ck_assert_int_eq(build(), JOB_OPTIONS_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "--cwd"));
        options.cwd = "/tmp";
        ck_assert_int_eq(build(), 0);
}
END_TEST

SUITE_MAIN("job_options", setup, teardown, test_nothing_given, test_plain_ones,
           test_folder_and_paths, test_environment, test_labels, test_signal, test_retry_on,
           test_array, test_shell, test_deleted_folder)
