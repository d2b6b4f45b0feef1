/* SPDX-License-Identifier: Apache-2.0 */
/* Which tasks of a job were told already: a low-water mark, and bits above it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct told_block;

/* All zero: nothing was told. */
struct told {
        uint64_t low;              /* all below it were told, or are not wanted */
        struct told_block *blocks; /* owned: what was told from `low` on */
};

void told_deinit(struct told *told);
bool told_has(const struct told *told, uint64_t task);
/* Adds one; *out_new: was it not there yet? 0, or a fault. */
_must_use_ int told_add(struct told *told, uint64_t task, bool *out_new);
