/* SPDX-License-Identifier: Apache-2.0 */
/* Output by lines: the last N of what is there, and times before each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "client/jobctl.h"

struct line_filter;

/* Where lines go; 0, or not 0 to stop. */
typedef int (*line_filter_write_fn)(void *arg, enum jobctl_output which, const void *data,
                                    size_t size);

/* tail_lines: NULL: no limit. arg: borrowed, outlives the filter. */
_must_use_ int line_filter_new(const uint64_t *tail_lines, bool timestamps,
                               line_filter_write_fn write, void *arg,
                               struct line_filter **out_filter);
struct line_filter *line_filter_free(struct line_filter *filter);

/* A piece of output. Returns what write returned, or a fault. */
int line_filter_put(struct line_filter *filter, enum jobctl_output which, uint64_t wall_usec,
                    const void *data, size_t size);
/* What was there has come: shows the tail; from now on lines pass at once. */
int line_filter_show_tail(struct line_filter *filter);
/* The end: shows the tail and unfinished lines. */
int line_filter_finish(struct line_filter *filter);
/* For `write`: when the line that it is given came. */
uint64_t line_filter_wall_usec(const struct line_filter *filter);
