/* SPDX-License-Identifier: Apache-2.0 */
/* Building a specification, capturing a process, and reading records by field. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "client/jobctl.h"
#include "client/lib/spec.h"
#include "tests/unit/suite.h"

static struct jobctl_spec *spec;
static const struct jobctl_item *item;

static void setup(void)
{
        ck_assert_int_eq(jobctl_spec_new(&spec), 0);
        item = jobctl_spec_item(spec);
}

static void teardown(void)
{
        spec = jobctl_spec_free(spec);
}

static void set_argv(const char *a, const char *b)
{
        const char *const argv[] = { a, b };

        ck_assert_int_eq(jobctl_spec_set_argv(spec, argv, b ? 2 : 1), 0);
}

/* The value of an entry of the environment, NULL when it has none or several. */
static const char *entry(const char *name)
{
        const char *found = NULL;

        for (size_t i = 0; i < spec->environment->n_entries; i++) {
                const char *const text = (const char *)spec->environment->entries[i].data;

                if (strncmp(text, name, strlen(name)) != 0 || text[strlen(name)] != '=')
                        continue;
                if (found)
                        return NULL;
                found = text + strlen(name) + 1;
        }
        return found;
}

START_TEST(test_argv)
{
        size_t size;

        set_argv("ls", "a b");
        set_argv("echo", NULL);
        set_argv("echo", "");
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_ARGV), 2);
        ck_assert_str_eq(jobctl_get_text_at(item, JOBCTL_SPEC_ARGV, 0, NULL), "echo");
        ck_assert_str_eq(jobctl_get_text_at(item, JOBCTL_SPEC_ARGV, 1, &size), "");
        ck_assert_uint_eq(size, 0);
        ck_assert_ptr_null(jobctl_get_text_at(item, JOBCTL_SPEC_ARGV, 2, &size));
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_SPEC_SHELL, 0), 0);
}
END_TEST

START_TEST(test_shell)
{
        ck_assert_int_eq(jobctl_spec_set_shell(spec, "a | b"), 0);
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_ARGV), 3);
        ck_assert_str_eq(jobctl_get_text_at(item, JOBCTL_SPEC_ARGV, 0, NULL), "/bin/sh");
        ck_assert_str_eq(jobctl_get_text_at(item, JOBCTL_SPEC_ARGV, 2, NULL), "a | b");
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_SPEC_SHELL, 0), 1);
}
END_TEST

START_TEST(test_fields)
{
        int64_t nice;
        uint64_t value;

        ck_assert(!jobctl_get_number(item, JOBCTL_SPEC_RETRIES, &value));
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_RETRIES, 5), 0);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_HOLD, 1), 0);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_TIME_LIMIT_USEC, UINT64_MAX), 0);
        ck_assert_int_eq(jobctl_spec_set_signed(spec, JOBCTL_SPEC_NICE, -20), 0);
        ck_assert_int_eq(jobctl_spec_set_text(spec, JOBCTL_SPEC_NAME, "a"), 0);
        ck_assert_int_eq(jobctl_spec_set_text(spec, JOBCTL_SPEC_NAME, "b"), 0);
        ck_assert_int_eq(jobctl_spec_set_text(spec, JOBCTL_SPEC_CWD, "/x"), 0);
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_SPEC_RETRIES, 0), 5);
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_SPEC_HOLD, 0), 1);
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_SPEC_TIME_LIMIT_USEC, 0), UINT64_MAX);
        ck_assert(jobctl_get_signed(item, JOBCTL_SPEC_NICE, &nice));
        ck_assert_int_eq(nice, -20);
        ck_assert_str_eq(jobctl_get_text(item, JOBCTL_SPEC_NAME, NULL), "b");
        ck_assert_str_eq(jobctl_get_text(item, JOBCTL_SPEC_CWD, NULL), "/x");
}
END_TEST

START_TEST(test_wrong_fields)
{
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_NAME, 5), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_NICE, 5), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_RETRIES, 1ULL << 32),
                         JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_HOLD, 2), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_ARGV, 1), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_JOB_ID, 1), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_signed(spec, JOBCTL_SPEC_RETRIES, 1), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_signed(spec, JOBCTL_SPEC_NICE, 1LL << 31), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_text(spec, JOBCTL_SPEC_RETRIES, "1"), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_text(spec, JOBCTL_SPEC_LABELS, "1"), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_text(spec, (enum jobctl_field)0x02ff, "1"),
                         JOBCTL_E_USAGE);
}
END_TEST

START_TEST(test_map_fields)
{
        const struct jobctl_item *halt;

        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_MAP_VALUES, 2), 0);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_START_DELAY_USEC, 50), 0);
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_SPEC_MAP_VALUES, 0), 2);
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_SPEC_START_DELAY_USEC, 0), 50);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_HALT, 1), JOBCTL_E_USAGE);
        ck_assert_int_eq(jobctl_spec_set_number(spec, (enum jobctl_field)0x15ff, 1),
                         JOBCTL_E_USAGE);
        ck_assert_ptr_null(jobctl_get_item(item, JOBCTL_SPEC_HALT));

        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_HALT_PERCENT, 30), 0);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_HALT_ON, JOBCTL_HALT_FAIL), 0);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_HALT_NOW, 1), 0);
        halt = jobctl_get_item(item, JOBCTL_SPEC_HALT);
        ck_assert_uint_eq(jobctl_number_or(halt, JOBCTL_HALT_PERCENT, 0), 30);
        ck_assert_uint_eq(jobctl_number_or(halt, JOBCTL_HALT_ON, 0), JOBCTL_HALT_FAIL);
        ck_assert_uint_eq(jobctl_number_or(halt, JOBCTL_HALT_NOW, 0), 1);
        ck_assert_uint_eq(jobctl_number_or(halt, JOBCTL_HALT_COUNT, 7), 7);
}
END_TEST

/* A field of another kind of record reads as absent. */
START_TEST(test_reading_foreign_fields)
{
        uint64_t value;

        /* The umask has the same number among a specification's fields as the state among a job's.
         */
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_UMASK, 7), 0);
        ck_assert(!jobctl_get_number(item, JOBCTL_JOB_STATE, &value));
        ck_assert(!jobctl_get_number(item, JOBCTL_JOB_ID, &value));
        ck_assert(!jobctl_get_number(NULL, JOBCTL_SPEC_UMASK, &value));
        ck_assert_ptr_null(jobctl_get_text(item, JOBCTL_JOB_WHY, NULL));
        ck_assert_ptr_null(jobctl_get_item(item, JOBCTL_SPEC_NAME));
        ck_assert_ptr_null(jobctl_get_item(NULL, JOBCTL_JOB_SPEC));
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_PAGE_JOBS), 0);
        ck_assert(!jobctl_get_number(item, (enum jobctl_field)0xff01, &value));
        ck_assert(!jobctl_get_number(item, (enum jobctl_field)0x02ff, &value));
        ck_assert_int_eq(jobctl_spec_set_text(spec, JOBCTL_SPEC_NAME, "7"), 0);
        ck_assert(!jobctl_get_number(item, JOBCTL_SPEC_NAME, &value));
}
END_TEST

START_TEST(test_labels_and_codes)
{
        const struct jobctl_item *label;

        ck_assert_int_eq(jobctl_spec_add_label(spec, "a", "1"), 0);
        ck_assert_int_eq(jobctl_spec_add_label(spec, "b", "2"), 0);
        ck_assert_int_eq(jobctl_spec_add_label(spec, "a", "3"), 0);
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_LABELS), 2);
        label = jobctl_get_item_at(item, JOBCTL_SPEC_LABELS, 0);
        ck_assert_str_eq(jobctl_get_text(label, JOBCTL_LABEL_VALUE, NULL), "3");
        ck_assert_int_eq(jobctl_spec_add_retry_on(spec, 3), 0);
        ck_assert_int_eq(jobctl_spec_add_retry_on(spec, 4), 0);
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_RETRY_ON), 2);
        ck_assert_uint_eq(jobctl_get_number_at(item, JOBCTL_SPEC_RETRY_ON, 1), 4);
        ck_assert_uint_eq(jobctl_get_number_at(item, JOBCTL_SPEC_RETRY_ON, 2), 0);
}
END_TEST

START_TEST(test_capture)
{
        struct rlimit limit = { .rlim_cur = 77, .rlim_max = 88 };
        const struct jobctl_item *captured;

        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        ck_assert_int_eq(setenv("JOBCTL_TEST_VALUE", "1=2", 1), 0);
        ck_assert_int_eq(chdir("/usr"), 0);
        umask(0026);
        ck_assert_int_eq(jobctl_spec_capture(spec), 0);
        ck_assert_int_eq(umask(0), 0026);
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_SPEC_UMASK, 0), 0026);
        ck_assert_str_eq(jobctl_get_text(item, JOBCTL_SPEC_CWD, NULL), "/usr");
        ck_assert_str_eq(entry("JOBCTL_TEST_VALUE"), "1=2");
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_RLIMITS), RLIM_NLIMITS);
        captured = jobctl_get_item_at(item, JOBCTL_SPEC_RLIMITS, RLIMIT_NOFILE);
        ck_assert_uint_eq(jobctl_number_or(captured, JOBCTL_RLIMIT_RESOURCE, 0), RLIMIT_NOFILE);
        ck_assert_uint_eq(jobctl_number_or(captured, JOBCTL_RLIMIT_SOFT, 0), 77);
        ck_assert_uint_eq(jobctl_number_or(captured, JOBCTL_RLIMIT_HARD, 0), 88);
        /* Again: replaced, not added. */
        ck_assert_int_eq(jobctl_spec_capture(spec), 0);
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_RLIMITS), RLIM_NLIMITS);
        ck_assert_str_eq(entry("JOBCTL_TEST_VALUE"), "1=2");
}
END_TEST

START_TEST(test_capture_in_a_deleted_folder)
{
        char folder[] = "/tmp/jobctl-test-XXXXXX";

        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(chdir(folder), 0);
        ck_assert_int_eq(rmdir(folder), 0);
        ck_assert_int_eq(jobctl_spec_capture_cwd(spec), JOBCTL_E_USAGE);
        ck_assert_ptr_null(jobctl_get_text(item, JOBCTL_SPEC_CWD, NULL));
}
END_TEST

START_TEST(test_environment)
{
        ck_assert_int_eq(setenv("JOBCTL_TEST_HERE", "here", 1), 0);
        ck_assert_int_eq(unsetenv("JOBCTL_TEST_GONE"), 0);
        ck_assert_int_eq(jobctl_spec_add_environment(spec, "A=1"), 0);
        ck_assert_int_eq(jobctl_spec_add_environment(spec, "AB=2"), 0);
        ck_assert_int_eq(jobctl_spec_add_environment(spec, "A=3"), 0);
        ck_assert_int_eq(jobctl_spec_add_environment(spec, "E="), 0);
        ck_assert_int_eq(jobctl_spec_add_environment(spec, "JOBCTL_TEST_HERE"), 0);
        ck_assert_int_eq(jobctl_spec_add_environment(spec, "JOBCTL_TEST_GONE"), 0);
        ck_assert_uint_eq(spec->environment->n_entries, 4);
        ck_assert_str_eq(entry("A"), "3");
        ck_assert_str_eq(entry("AB"), "2");
        ck_assert_str_eq(entry("E"), "");
        ck_assert_str_eq(entry("JOBCTL_TEST_HERE"), "here");
}
END_TEST

START_TEST(test_check)
{
        static char argument[200 * 1024];
        char text[300];

        ck_assert_int_eq(jobctl_spec_capture(spec), 0);
        ck_assert_int_eq(jobctl_spec_check(spec, text, sizeof(text)), JOBCTL_E_USAGE);
        set_argv("ls", NULL);
        ck_assert_int_eq(jobctl_spec_check(spec, text, sizeof(text)), JOBCTL_OK);
        memset(argument, 'x', sizeof(argument) - 1);
        set_argv("ls", argument);
        ck_assert_int_eq(jobctl_spec_check(spec, text, sizeof(text)), JOBCTL_E_USAGE);
        ck_assert_uint_gt(strlen(text), 10);
        set_argv("ls", NULL);
        ck_assert_int_eq(jobctl_spec_set_text(spec, JOBCTL_SPEC_CWD, "relative"), 0);
        ck_assert_int_eq(jobctl_spec_check(spec, text, sizeof(text)), JOBCTL_E_USAGE);
}
END_TEST

START_TEST(test_dependencies_are_cleared)
{
        ck_assert_int_eq(jobctl_spec_add_dependency(spec, JOBCTL_DEPENDENCY_AFTEROK, 7), 0);
        ck_assert_int_eq(jobctl_spec_add_dependency(spec, JOBCTL_DEPENDENCY_AFTER, 8), 0);
        ck_assert_int_eq(jobctl_spec_set_number(spec, JOBCTL_SPEC_DEPENDENCIES_ANY, 1), 0);
        jobctl_spec_clear_dependencies(spec);
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_DEPENDENCIES), 0);
        ck_assert_uint_eq(jobctl_number_or(item, JOBCTL_SPEC_DEPENDENCIES_ANY, 0), 0);
        ck_assert_int_eq(jobctl_spec_add_dependency(spec, JOBCTL_DEPENDENCY_AFTEROK, 9), 0);
        ck_assert_uint_eq(jobctl_count(item, JOBCTL_SPEC_DEPENDENCIES), 1);
}
END_TEST

START_TEST(test_states)
{
        for (unsigned int i = 1; i < JOBCTL_STATE_COUNT; i++)
                ck_assert_uint_eq(jobctl_state_from_name(jobctl_state_name(i)), i);
        ck_assert_str_eq(jobctl_state_name(JOBCTL_STATE_COUNT), "unknown");
        ck_assert_str_eq(jobctl_state_name(UINT32_MAX), "unknown");
        ck_assert_uint_eq(jobctl_state_from_name("unknown"), 0);
        ck_assert(!jobctl_state_is_finished(JOBCTL_STATE_STOPPING));
        ck_assert(jobctl_state_is_finished(JOBCTL_STATE_SUCCEEDED));
        ck_assert(jobctl_state_is_finished(JOBCTL_STATE_LOST));
        ck_assert(!jobctl_state_is_finished(JOBCTL_STATE_COUNT));
}
END_TEST

SUITE_MAIN("spec", setup, teardown, test_argv, test_shell, test_fields, test_wrong_fields,
           test_map_fields, test_reading_foreign_fields, test_labels_and_codes, test_capture,
           test_capture_in_a_deleted_folder, test_environment, test_check,
           test_dependencies_are_cleared, test_states)
