/* SPDX-License-Identifier: Apache-2.0 */
/* The test cases of the journal's suite, one per file. */
#pragma once

#include <check.h>

TCase *commit_case(void);
