/* SPDX-License-Identifier: Apache-2.0 */
/* What --dependency takes, and what it says when it does not. */
#include <string.h>

#include "client/cmd/dependency.h"
#include "tests/unit/suite.h"

static struct jobctl_spec *spec;
static struct reason why;

static void setup(void)
{
        ck_assert_int_eq(jobctl_spec_new(&spec), 0);
        why.text[0] = '\0';
}

static void teardown(void)
{
        spec = jobctl_spec_free(spec);
}

/* "3" is the third of the flow. */
static size_t find_name(void *arg, const char *name)
{
        (void)arg;
        return strcmp(name, "train") == 0 ? 3 : SIZE_MAX;
}

static int add(const char *text)
{
        const struct dependency_names names = { .last_id = 99 };

        return dependency_add(spec, text, &names, &why);
}

static const struct jobctl_item *at(size_t index)
{
        return jobctl_get_item_at(jobctl_spec_item(spec), JOBCTL_SPEC_DEPENDENCIES, index);
}

static void expect(size_t index, enum jobctl_dependency kind, uint64_t job)
{
        ck_assert_uint_eq(jobctl_number_or(at(index), JOBCTL_DEPENDENCY_KIND, 0), kind);
        ck_assert_uint_eq(jobctl_number_or(at(index), JOBCTL_DEPENDENCY_JOB, 0), job);
}

START_TEST(all_of_them)
{
        ck_assert_int_eq(add("afterok:12:13,after:14,afterany:last,singleton"), 0);
        ck_assert_uint_eq(jobctl_count(jobctl_spec_item(spec), JOBCTL_SPEC_DEPENDENCIES), 5);
        expect(0, JOBCTL_DEPENDENCY_AFTEROK, 12);
        expect(1, JOBCTL_DEPENDENCY_AFTEROK, 13);
        expect(2, JOBCTL_DEPENDENCY_AFTER, 14);
        expect(3, JOBCTL_DEPENDENCY_AFTERANY, 99);
        expect(4, JOBCTL_DEPENDENCY_SINGLETON, 0);
        ck_assert_uint_eq(jobctl_number_or(jobctl_spec_item(spec), JOBCTL_SPEC_DEPENDENCIES_ANY, 0),
                          0);
}
END_TEST

START_TEST(any_of_them)
{
        ck_assert_int_eq(add("afternotok:12?aftercorr:13"), 0);
        expect(0, JOBCTL_DEPENDENCY_AFTERNOTOK, 12);
        expect(1, JOBCTL_DEPENDENCY_AFTERCORR, 13);
        ck_assert_uint_eq(jobctl_number_or(jobctl_spec_item(spec), JOBCTL_SPEC_DEPENDENCIES_ANY, 0),
                          1);
}
END_TEST

START_TEST(names_of_a_flow)
{
        const struct dependency_names names = { .find = find_name };

        ck_assert_int_eq(dependency_add(spec, "afterok:train:17", &names, &why), 0);
        ck_assert_uint_eq(jobctl_number_or(at(0), JOBCTL_DEPENDENCY_SIBLING, 0), 3);
        expect(1, JOBCTL_DEPENDENCY_AFTEROK, 17);
        ck_assert_int_eq(dependency_add(spec, "afterok:tain", &names, &why), DEPENDENCY_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "'tain' is neither an entry of the flow"));
}
END_TEST

static const struct {
        const char *text, *says;
} bad[] = {
        { "", "'' is no kind" },
        { "afterok", "needs a job" },
        { "afterok:", "'' is no job's id" },
        { "afterok:1:", "'' is no job's id" },
        { "afterok:0", "'0' is no job's id" },
        { "afterok:-1", "no job's id" },
        { "afterok:18446744073709551616", "no job's id" },
        { "afterok:1,", "'' is no kind" },
        { "AFTEROK:1", "no kind" },
        { "singleton:1", "takes no id" },
        { "afterok:1?after:2,after:3", "not both" },
};

START_TEST(bad_ones)
{
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                ck_assert_int_eq(add(bad[i].text), DEPENDENCY_E_BAD);
                ck_assert_msg(strstr(why.text, bad[i].says), "%s: %s", bad[i].text, why.text);
        }
}
END_TEST

START_TEST(last_is_a_word_of_its_own)
{
        ck_assert(!dependency_names_last(NULL));
        ck_assert(!dependency_names_last("afterok:1"));
        ck_assert(!dependency_names_last("afterok:lasting"));
        ck_assert(dependency_names_last("afterok:last"));
        ck_assert(dependency_names_last("afterok:lasts:last?after:2"));
        ck_assert(dependency_names_last("afterok:last,after:2"));
}
END_TEST

SUITE_MAIN("dependency", setup, teardown, all_of_them, any_of_them, names_of_a_flow, bad_ones,
           last_is_a_word_of_its_own)
