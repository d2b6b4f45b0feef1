/* SPDX-License-Identifier: Apache-2.0 */
/* The test cases of the journal's suite, one per file. */
#pragma once

#include <check.h>

TCase *commit_case(void);
TCase *crash_case(void);
TCase *disk_case(void);
TCase *faults_case(void);
TCase *maps_case(void);
TCase *open_case(void);
TCase *parts_case(void);
TCase *purge_case(void);
TCase *reads_case(void);
TCase *restore_case(void);
TCase *schema_case(void);
TCase *totals_case(void);
