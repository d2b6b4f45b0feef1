/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in columns, fitted to the terminal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/cleanup.h"

struct table;

struct table_column {
        const char *title;
        bool right;       /* numbers */
        bool shrinks;     /* may be cut when the terminal is narrow */
        size_t min_width; /* not below this when cut */
};

/* columns: borrowed, ends with a NULL title. */
_must_use_ int table_new(const struct table_column *columns, struct table **out_table);
struct table *table_free(struct table *table);
DEFINE_CLEANUP(struct table *, table_free);

/* Begins a row. */
_must_use_ int table_add_row(struct table *table);
/* The next cell of the row: text (UTF-8 without control characters), copied; colour: constant. */
_must_use_ int table_add_cell(struct table *table, const char *text, const char *colour);
size_t table_count_rows(const struct table *table);

/*
 * Prints it. width: of the terminal, 0: no limit, nothing is cut. bold, end: escape sequences
 * around titles, and behind coloured cells; "" without colour.
 */
void table_print(const struct table *table, size_t width, const char *bold, const char *end,
                 FILE *out);

/* Columns that `text` takes on a terminal, and cutting it to `width` of them ("abc..."). */
size_t table_text_width(const char *text);
/* Bytes of `text` that fit `width` columns. */
size_t table_text_fit(const char *text, size_t width);
/* The width of the terminal behind stdout ($COLUMNS first); 0 when it is none. */
size_t table_terminal_width(void);
