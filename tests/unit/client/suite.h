/* SPDX-License-Identifier: Apache-2.0 */
/* What every Check program of this folder needs: a main() of one line. */
#pragma once

#include <check.h>
#include <stdlib.h>

#include "common/cleanup.h"

/* Runs the tests, each in a process of its own; setup, teardown: around each, or NULL. */
static inline int suite_run(const char *name, const TTest *const *tests, size_t count,
                            SFun setup_fn, SFun teardown_fn)
{
        Suite *const suite = suite_create(name);
        TCase *const cases = tcase_create(name);
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(cases, setup_fn, teardown_fn);
        for (size_t i = 0; i < count; i++)
                tcase_add_test(cases, tests[i]);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define SUITE_MAIN(name, setup_fn, teardown_fn, ...)                                               \
        int main(void)                                                                             \
        {                                                                                          \
                const TTest *const tests[] = { __VA_ARGS__ };                                      \
                return suite_run(name, tests, ARRAY_SIZE(tests), setup_fn, teardown_fn);           \
        }
