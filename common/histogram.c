/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed bounds, so that two histograms can be compared and added over time and machines. They are
 * tables here and a promise to those who collect them: a bound that was once told is not changed.
 * Pure. Called where something is measured: the journal, the engine, the turn.
 */
#include "common/histogram.h"

#define MSEC 1000ULL
#define SEC 1000000ULL

const struct histogram_bounds histogram_short_usec = {
        .at = { 100, 250, 500, 1 * MSEC, 2500, 5 * MSEC, 10 * MSEC, 25 * MSEC, 50 * MSEC,
                100 * MSEC, 250 * MSEC, 500 * MSEC, 1 * SEC, 5 * SEC, 20 * SEC },
        .count = 15,
};

const struct histogram_bounds histogram_long_usec = {
        .at = { 10 * MSEC, 100 * MSEC, 1 * SEC, 5 * SEC, 10 * SEC, 30 * SEC, 60 * SEC, 300 * SEC,
                600 * SEC, 1800 * SEC, 3600 * SEC, 14400 * SEC, 43200 * SEC, 86400 * SEC,
                604800 * SEC },
        .count = 15,
};

const struct histogram_bounds histogram_sizes = {
        .at = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000 },
        .count = 13,
};

void histogram_add(struct histogram *histogram, uint64_t value)
{
        const struct histogram_bounds *const bounds = histogram->bounds;
        size_t i = 0;

        while (i < bounds->count && value > bounds->at[i])
                i++;
        histogram->counts[i]++;
        histogram->count++;
        histogram->sum += value;
        if (value > histogram->longest)
                histogram->longest = value;
}
