/* SPDX-License-Identifier: Apache-2.0 */
/* Names of a job's files: what is put in, what stays, and that a name stays in its folder. */
#include "common/file_pattern.h"

#include "tests/unit/suite.h"

static const struct file_pattern_facts facts = {
        .job = 17, .number = 3, .name = "fit", .user = "ann"
};

static void check(const struct file_pattern_facts *from, const char *pattern, const char *wanted)
{
        _cleanup_(freep) char *path = file_pattern_expand(pattern, strlen(pattern), from);

        ck_assert_str_eq(path, wanted);
}

START_TEST(test_patterns)
{
        static const struct {
                const char *pattern, *path;
        } rows[] = {
                { "", "" },
                { "/a/b", "/a/b" },
                { "/o/%j.out", "/o/17.out" },
                { "/o/%A_%a", "/o/17_3" },
                { "/%u/%x.%j%j", "/ann/fit.1717" },
                { "/100%%", "/100%" },
                { "/%%j", "/%j" },
                { "/%q%", "/%q%" },
                { "%", "%" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                check(&facts, rows[i].pattern, rows[i].path);
}
END_TEST

START_TEST(test_a_name_never_adds_a_folder)
{
        static const struct file_pattern_facts up = { .name = "../../etc/x" };
        static const struct file_pattern_facts none = { .job = 1 };

        check(&up, "/o/%x", "/o/.._.._etc_x");
        check(&none, "/%x/%u", "/job/user");
}
END_TEST

SUITE_MAIN("file_pattern", NULL, NULL, test_patterns, test_a_name_never_adds_a_folder)
