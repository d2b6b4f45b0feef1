/* SPDX-License-Identifier: Apache-2.0 */
/* What the command's exit status says. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/jobctl.h"

enum exit_code {
        EXIT_CODE_OK = 0,
        EXIT_CODE_ERROR = 1,
        EXIT_CODE_USAGE = 2,
        EXIT_CODE_NO_SUCH_JOB = 3,
        EXIT_CODE_DENIED = 4,
        EXIT_CODE_NO_DAEMON = 69,
        EXIT_CODE_TRY_AGAIN = 75,
        EXIT_CODE_MANY_FAILED = 101,
        EXIT_CODE_TIME_LIMIT = 124,
        EXIT_CODE_OURS = 125, /* every failure of ours in a command that ends with a job's code */
        EXIT_CODE_INTERRUPTED = 130,
};

/* For a code of jobctl.h. */
int exit_code_from_answer(int code);
/*
 * For a job's end (JOBCTL_ENDED_*). When that is no success, `text` (size bytes) becomes a sentence
 * without the job's number, or "" when its own output is expected to tell.
 */
int exit_code_from_end(const struct jobctl_item *ended, char *text, size_t size);
/* For several: how many failed, 101 for more than 100. */
int exit_code_from_failures(size_t failed);
