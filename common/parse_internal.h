/* SPDX-License-Identifier: Apache-2.0 */
/* What the parse_*.c files share; not for others. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest number that any word may mean: what a signed 64-bit column holds. */
#define PARSE_MAX ((uint64_t)INT64_MAX)

struct parse_unit {
        const char *name;
        uint64_t scale;
};

/* Reads decimal digits at *p (at least one, at most PARSE_MAX) and moves *p behind them. */
bool parse_digits(const char **p, uint64_t *out_value);
/*
 * Reads "1.5G" at *p: digits, perhaps a fraction, and the longest unit of the table that fits; a
 * fraction smaller than 1 is cut off. An empty unit name stands for none. Moves *p behind it.
 * false: no number, no such unit, or too large.
 */
bool parse_quantity(const char **p, const struct parse_unit *units, size_t units_count,
                    uint64_t *out_value, uint64_t *out_scale);
