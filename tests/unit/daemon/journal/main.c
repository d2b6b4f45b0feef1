/* SPDX-License-Identifier: Apache-2.0 */
/* Runs all test cases of daemon/journal. */
#include <stdlib.h>

#include "common/log.h"

#include "suites.h"
#include "tests/unit/suite.h"

int main(void)
{
        Suite *const suite = suite_create("journal");

        log_init("test_journal", LOG_LEVEL_ERROR);
        suite_add_tcase(suite, parts_case());
        suite_add_tcase(suite, commit_case());
        suite_add_tcase(suite, reads_case());
        suite_add_tcase(suite, totals_case());
        suite_add_tcase(suite, maps_case());
        suite_add_tcase(suite, restore_case());
        suite_add_tcase(suite, purge_case());
        suite_add_tcase(suite, open_case());
        suite_add_tcase(suite, schema_case());
        suite_add_tcase(suite, faults_case());
        suite_add_tcase(suite, disk_case());
        suite_add_tcase(suite, crash_case());
        return suite_run(suite);
}
