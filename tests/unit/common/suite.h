/* SPDX-License-Identifier: Apache-2.0 */
/* What every Check program here needs: a main() of one line, and a folder of its own. */
#pragma once

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

/* No event in these tests takes longer; past it something hangs. */
#define SUITE_DEADLINE_MSEC 10000

/* Runs the tests, each in a process of its own; the exit code for main(). */
static inline int suite_run(const char *name, const TTest *const *tests, size_t count)
{
        Suite *suite = suite_create(name);
        TCase *cases = tcase_create(name);
        SRunner *runner;
        int failed;

        for (size_t i = 0; i < count; i++)
                tcase_add_test(cases, tests[i]);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define SUITE_MAIN(name, ...)                                                                      \
        int main(void)                                                                             \
        {                                                                                          \
                const TTest *const tests[] = { __VA_ARGS__ };                                      \
                return suite_run(name, tests, ARRAY_SIZE(tests));                                  \
        }

/* Makes a folder and steps into it, so that tests use short relative names. */
static inline _unused_ void suite_enter_folder(char path[static 64])
{
        const char *base = getenv("TMPDIR");

        snprintf(path, 64, "%s/jobd-test-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(path));
        ck_assert_int_eq(chdir(path), 0);
}

/* Removes what is in it (one level of folders deep) and itself. */
static inline _unused_ void suite_leave_folder(const char *path)
{
        char command[96];

        ck_assert_int_eq(chdir("/"), 0);
        snprintf(command, sizeof(command), "rm -rf -- '%s'", path);
        ck_assert_int_eq(system(command), 0);
}

/* Waits until `fd` can be read or its writer is gone. */
static inline _unused_ void suite_wait_readable(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };

        ck_assert_int_eq(poll(&p, 1, SUITE_DEADLINE_MSEC), 1);
}
