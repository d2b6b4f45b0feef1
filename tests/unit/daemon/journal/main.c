/* SPDX-License-Identifier: Apache-2.0 */
/* Runs all test cases of daemon/journal. */
#include <stdlib.h>

#include "common/log.h"

#include "suites.h"

int main(void)
{
        Suite *const suite = suite_create("journal");
        SRunner *runner;
        int failed;

        log_init("test_journal", LOG_LEVEL_ERROR);
        suite_add_tcase(suite, commit_case());
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
