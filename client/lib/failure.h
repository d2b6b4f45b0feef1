/* SPDX-License-Identifier: Apache-2.0 */
/* Why a call of the library did not work: a code and a sentence. */
#pragma once

#include "common/cleanup.h"

#include "client/jobctl.h"

#define FAILURE_TEXT_MAX 1024

struct failure {
        int code; /* enum jobctl_code */
        char text[FAILURE_TEXT_MAX];
};

/* Writes both (the sentence is cut at the buffer's end) and returns `code`. */
int failure_set(struct failure *failure, int code, const char *fmt, ...) _printf_(3, 4);
/*
 * For the end of a public function: 0 stays 0, a fault (-errno) becomes JOBCTL_E_SYSTEM with its
 * strerror(3), an answer (its sentence was set before) is returned as it is.
 */
int failure_from(struct failure *failure, int r, const char *what);
