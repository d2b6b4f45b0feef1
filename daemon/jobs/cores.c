/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cores of the machine as jobd leases them. Each is one bit; the lowest free run of the wanted
 * length is taken, since neighbours mostly share a cache, and any free ones when no run is long
 * enough.
 *
 * Never oversubscribed by cores_take(). Only what was leased before, by another life of jobd or
 * under another configuration, may exceed the count, and then nothing is taken until it fits.
 *
 * Pure. Used by core_lease.c.
 */
#include "daemon/jobs/cores.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define CORES_WORD_BITS 64U

void cores_deinit(struct cores *cores)
{
        free(cores->taken);
        *cores = (struct cores){ 0 };
}

static bool cores_has(const struct cores *cores, uint32_t n)
{
        return cores->taken[n / CORES_WORD_BITS] >> (n % CORES_WORD_BITS) & 1;
}

static void cores_flip(struct cores *cores, uint32_t n)
{
        cores->taken[n / CORES_WORD_BITS] ^= UINT64_C(1) << (n % CORES_WORD_BITS);
}

int cores_resize(struct cores *cores, uint32_t count)
{
        const uint32_t words = (count + CORES_WORD_BITS - 1) / CORES_WORD_BITS;
        uint64_t *bigger;

        if (words > cores->words) {
                bigger = reallocarray(cores->taken, words, sizeof(*bigger));
                if (!bigger)
                        return FAULT(-ENOMEM);
                memset(bigger + cores->words, 0, (words - cores->words) * sizeof(*bigger));
                cores->taken = bigger;
                cores->words = words;
        }
        cores->count = count;
        return 0;
}

uint32_t cores_free_count(const struct cores *cores)
{
        return cores->count - MIN(cores->used, cores->count);
}

/* The first free one from `at` on; count when there is none. */
static uint32_t cores_find_free(const struct cores *cores, uint32_t at)
{
        while (at < cores->count) {
                const uint64_t free_bits =
                        ~cores->taken[at / CORES_WORD_BITS] >> (at % CORES_WORD_BITS);

                if (free_bits)
                        return MIN(at + (uint32_t)__builtin_ctzll(free_bits), cores->count);
                at += CORES_WORD_BITS - at % CORES_WORD_BITS;
        }
        return cores->count;
}

/* The beginning of n free neighbours; count when there are none. */
static uint32_t cores_find_run(const struct cores *cores, uint32_t n)
{
        uint32_t first = cores_find_free(cores, 0);
        uint32_t length = 0;

        while (first < cores->count && length < n) {
                const uint32_t at = first + length;

                if (at < cores->count && !cores_has(cores, at)) {
                        length++;
                        continue;
                }
                first = cores_find_free(cores, at);
                length = 0;
        }
        return first;
}

bool cores_take(struct cores *cores, uint32_t n, uint32_t *out_numbers)
{
        uint32_t at;

        if (n > cores_free_count(cores))
                return false;
        at = n > 1 ? cores_find_run(cores, n) : 0;
        if (at == cores->count)
                at = 0;
        for (uint32_t i = 0; i < n; i++) {
                at = cores_find_free(cores, at);
                /* Cores that nobody can name may be leased, too: then there are fewer bits. */
                out_numbers[i] = at < cores->count ? at : CORES_ANY;
                if (at < cores->count)
                        cores_flip(cores, at);
        }
        cores->used += n;
        return true;
}

void cores_take_these(struct cores *cores, uint32_t n, uint32_t *numbers)
{
        for (uint32_t i = 0; i < n; i++) {
                if (numbers[i] >= cores->count || cores_has(cores, numbers[i]))
                        numbers[i] = CORES_ANY;
                else
                        cores_flip(cores, numbers[i]);
        }
        cores->used += n;
}

void cores_give(struct cores *cores, uint32_t n, const uint32_t *numbers)
{
        for (uint32_t i = 0; i < n; i++)
                if (numbers[i] != CORES_ANY)
                        cores_flip(cores, numbers[i]);
        cores->used -= n;
}
