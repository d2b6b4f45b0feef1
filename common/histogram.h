/* SPDX-License-Identifier: Apache-2.0 */
/* How often a measured number fell between fixed bounds: counting is a short walk and an add. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 16

/* Bounds that rise; a number equal to a bound is counted below it. */
struct histogram_bounds {
        uint64_t at[HISTOGRAM_BOUNDS_MAX];
        size_t count;
};

/* All zero but for `bounds`. Plain: it may be copied. */
struct histogram {
        const struct histogram_bounds *bounds;     /* borrowed, constant */
        uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1]; /* not summed up; the last: above every bound */
        uint64_t count;
        uint64_t sum;
        uint64_t longest;
};

/* Microseconds: of commits and turns, and of jobs. */
extern const struct histogram_bounds histogram_short_usec, histogram_long_usec;
/* Powers of ten in steps of 1, 2, 5: how many of something there were at once. */
extern const struct histogram_bounds histogram_sizes;

void histogram_add(struct histogram *histogram, uint64_t value);
