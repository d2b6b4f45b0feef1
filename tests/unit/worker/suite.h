/* SPDX-License-Identifier: Apache-2.0 */
/* A test program's main() for one Check suite. */
#pragma once

#include <check.h>

static inline int suite_run(Suite *suite)
{
        SRunner *runner = srunner_create(suite);
        int failed;

        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
