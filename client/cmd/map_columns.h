/* SPDX-License-Identifier: Apache-2.0 */
/* --colsep: a line split into columns at matches of a regular expression. */
#pragma once

#include <stddef.h>

#include "common/error.h"

struct map_columns;

enum map_columns_answer {
        MAP_COLUMNS_E_BAD = 1, /* no expression that can separate: the reason says */
};

/*
 * regex: POSIX extended, with perl's \t \n \r \f \d \D besides (\s \S \w \W \b are glibc's), also
 * inside brackets. One that matches nothing at all is refused. 0, MAP_COLUMNS_E_BAD, or a fault.
 */
_must_use_ int map_columns_new(const char *regex, struct map_columns **out_columns,
                               struct reason *why);
struct map_columns *map_columns_free(struct map_columns *columns);
DEFINE_CLEANUP(struct map_columns *, map_columns_free);

/* Splits `line` (borrowed until the next call) into *out_count >= 1 columns. 0 or a fault. */
_must_use_ int map_columns_split(struct map_columns *columns, const char *line, size_t size,
                                 size_t *out_count);
/* Column `index`, without the white space around it, as parallel trims it. */
const char *map_columns_get(const struct map_columns *columns, size_t index, size_t *out_size);
