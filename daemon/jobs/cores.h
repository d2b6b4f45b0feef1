/* SPDX-License-Identifier: Apache-2.0 */
/* Which cores are leased: a set of numbers from 0, taken and given back. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define CORES_MAX 65536U
#define CORES_ANY UINT32_MAX /* counted, but no particular one */

struct cores {
        uint64_t *taken; /* owned: a bit each */
        uint32_t words;
        uint32_t count; /* there are */
        uint32_t used;  /* leased; more than count after that was lowered */
};

void cores_deinit(struct cores *cores);
/* There are so many now. What is leased stays leased, also beyond the new number. 0 or -ENOMEM. */
_must_use_ int cores_resize(struct cores *cores, uint32_t count);
uint32_t cores_free_count(const struct cores *cores);
/* Takes n, neighbours if possible. False, and nothing is taken: there are not so many. */
bool cores_take(struct cores *cores, uint32_t n, uint32_t *out_numbers);
/*
 * Counts n that somebody has already, come what may. numbers: which (CORES_ANY: not known). Those
 * that another one has, or that do not exist, become CORES_ANY.
 */
void cores_take_these(struct cores *cores, uint32_t n, uint32_t *numbers);
void cores_give(struct cores *cores, uint32_t n, const uint32_t *numbers);
