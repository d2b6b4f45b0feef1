/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of any size counted finely enough to tell a median: within an eighth of the truth. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SPREAD_MAX 496U

/* All zero at the beginning. */
struct spread {
        uint64_t counts[SPREAD_MAX];
        uint64_t count;
        uint64_t sum;
};

void spread_add(struct spread *spread, uint64_t value);
void spread_join(struct spread *spread, const struct spread *other);
/* The number that `percent` of them do not exceed, about; 0 when there are none. */
uint64_t spread_quantile(const struct spread *spread, unsigned int percent);
