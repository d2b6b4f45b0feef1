/* SPDX-License-Identifier: Apache-2.0 */
/* The three-way result of every function that can fail, and the sentence for people. */
#pragma once

#include "common/cleanup.h"

/*
 * Every function that can fail returns int:
 *    0   done
 *   <0   a fault (-errno) nobody planned for. Never match on it; pass it up.
 *   >0   an answer, one of the MODULE_E_* values in that module's header.
 *        The caller must handle it and must never pass it up.
 */

/* Where a fault starts: logs it once, with its place, at debug level; returns it. */
#define FAULT(r) fault_report((r), __func__, __FILE__, __LINE__)
/* Each step up. An answer that nobody handled becomes -ENOTRECOVERABLE here. */
#define PASS(r) fault_trace((r), __func__, __FILE__, __LINE__)

int fault_report(int r, const char *func, const char *file, int line);
int fault_trace(int r, const char *func, const char *file, int line);

/* Why we said no, for people: what, where, what to do. Only where input is judged. */
struct reason {
        char text[256];
};

/* Writes the sentence (cut at the buffer's end; `why` may be NULL) and returns `r`. */
int reason_set(struct reason *why, int r, const char *fmt, ...) _printf_(3, 4);
