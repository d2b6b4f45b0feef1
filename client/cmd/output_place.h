/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a task's output went to. */
#pragma once

#include "client/cmd/app.h"

/*
 * `pattern` (of -o) as the task's file is really called; asks the daemon, and waits for the answer.
 * Owned by the caller; NULL: that could not be found out.
 */
char *output_place_find(struct app *app, uint64_t job, uint64_t task, const char *pattern);
