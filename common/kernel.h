/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel must have for the service to keep its promises. */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

enum kernel_answer {
        KERNEL_E_MISSING = 1, /* a call is not there: the reason says which, and since when it is */
};

/* Exit code of a program that cannot run on this kernel: nothing gets better by trying again. */
#define KERNEL_EXIT 3

/* Tries each call that cannot be done without. KERNEL_E_MISSING with a sentence, or 0. */
_must_use_ int kernel_check(struct reason *why);
