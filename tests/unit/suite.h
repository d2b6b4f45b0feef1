/* SPDX-License-Identifier: Apache-2.0 */
/* What every Check program needs: main() in a line, or its last line. */
#pragma once

#include <check.h>
#include <stdlib.h>

#include "common/cleanup.h"

/* Runs the tests of a suite, each in a process of its own, and frees it; the exit code for main().
 */
static inline _unused_ int suite_run(Suite *suite)
{
        SRunner *const runner = srunner_create(suite);
        int failed;

        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* setup, teardown: around each test, or NULL. */
static inline _unused_ int suite_run_tests(const char *name, const TTest *const *tests,
                                           size_t count, SFun setup_fn, SFun teardown_fn)
{
        Suite *const suite = suite_create(name);
        TCase *const cases = tcase_create(name);

        tcase_add_checked_fixture(cases, setup_fn, teardown_fn);
        for (size_t i = 0; i < count; i++)
                tcase_add_test(cases, tests[i]);
        suite_add_tcase(suite, cases);
        return suite_run(suite);
}

#define SUITE_MAIN(name, setup_fn, teardown_fn, ...)                                               \
        int main(void)                                                                             \
        {                                                                                          \
                const TTest *const tests[] = { __VA_ARGS__ };                                      \
                return suite_run_tests(name, tests, ARRAY_SIZE(tests), setup_fn, teardown_fn);     \
        }
