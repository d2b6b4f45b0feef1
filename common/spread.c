/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram whose bounds grow with the numbers: each power of two is cut into eight, so a place
 * is at most an eighth as wide as its numbers are large, and 496 places hold all of uint64_t.
 *
 *     0 1 2 ... 15 | 16 18 20 ... 30 | 32 36 40 ... 60 | 64 72 ...
 *
 * A quantile is the place in which it falls, and within that as far as its rank. Pure. Used where
 * many rows are summed up in slices, which can be joined.
 */
#include "common/spread.h"

#include "common/cleanup.h"

#define SPREAD_BITS 3U
#define SPREAD_PARTS (1U << SPREAD_BITS)

static size_t spread_place(uint64_t value)
{
        unsigned int shift;

        if (value < SPREAD_PARTS)
                return (size_t)value;
        shift = 63U - (unsigned int)__builtin_clzll(value) - SPREAD_BITS;
        return SPREAD_PARTS * shift + (size_t)(value >> shift);
}

/* The smallest number of a place. */
static uint64_t spread_low(size_t place)
{
        const size_t shift = place < 2 * SPREAD_PARTS ? 0 : place / SPREAD_PARTS - 1;

        return (uint64_t)(place - SPREAD_PARTS * shift) << shift;
}

void spread_add(struct spread *spread, uint64_t value)
{
        spread->counts[spread_place(value)]++;
        spread->count++;
        spread->sum += value;
}

void spread_join(struct spread *spread, const struct spread *other)
{
        for (size_t i = 0; i < SPREAD_MAX; i++)
                spread->counts[i] += other->counts[i];
        spread->count += other->count;
        spread->sum += other->sum;
}

uint64_t spread_quantile(const struct spread *spread, unsigned int percent)
{
        /* The rank from 1, rounded up. */
        const uint64_t rank = MAX((spread->count * percent + 99) / 100, (uint64_t)1);
        uint64_t before = 0;

        for (size_t i = 0; i < SPREAD_MAX; i++) {
                const uint64_t low = spread_low(i);
                const uint64_t width = i + 1 < SPREAD_MAX ? spread_low(i + 1) - low : 1;

                if (before + spread->counts[i] >= rank)
                        return low + (uint64_t)((double)width * (double)(rank - before - 1) /
                                                (double)spread->counts[i]);
                before += spread->counts[i];
        }
        return 0;
}
