/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tasks were told: a low mark and a bitmap above it. Tasks end nearly in order, so that the
 * bitmap is short; one that runs for long while a million others end costs 125 KB. The first word
 * stands for the 64 tasks around the low mark; full words at the front are dropped.
 */
#include <errno.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/results.h"

#define TOLD_BITS 64U

static uint64_t results_told_index(const struct results_told *told, uint64_t task)
{
        return task - told->base / TOLD_BITS * TOLD_BITS;
}

bool results_told_has(const struct results_told *told, uint64_t task)
{
        uint64_t index;

        if (task < told->base)
                return true;
        index = results_told_index(told, task);
        return index / TOLD_BITS < told->words_room &&
               (told->words[index / TOLD_BITS] >> (index % TOLD_BITS) & 1);
}

static int results_told_grow(struct results_told *told, size_t words)
{
        const size_t room = MAX(2 * told->words_room, words);
        uint64_t *bigger;

        if (words <= told->words_room)
                return 0;
        bigger = reallocarray(told->words, room, sizeof(*bigger));
        if (!bigger)
                return FAULT(-ENOMEM);
        memset(bigger + told->words_room, 0, (room - told->words_room) * sizeof(*bigger));
        told->words = bigger;
        told->words_room = room;
        return 0;
}

/* The low mark moves; words that it has passed make room. */
void results_told_skip(struct results_told *told, uint64_t base)
{
        uint64_t passed;

        if (base <= told->base)
                return;
        passed = MIN(base / TOLD_BITS - told->base / TOLD_BITS, told->words_room);
        told->base = base;
        if (passed == 0)
                return;
        memmove(told->words, told->words + passed, (told->words_room - passed) * sizeof(uint64_t));
        memset(told->words + told->words_room - passed, 0, passed * sizeof(uint64_t));
}

/* The low mark moves over what is set. */
static void results_told_advance(struct results_told *told)
{
        uint64_t base = told->base;

        while (results_told_index(told, base) / TOLD_BITS < told->words_room &&
               results_told_has(told, base))
                base++;
        results_told_skip(told, base);
}

int results_told_add(struct results_told *told, uint64_t task)
{
        uint64_t index;
        int r;

        if (task < told->base)
                return 0;
        index = results_told_index(told, task);
        r = results_told_grow(told, (size_t)(index / TOLD_BITS) + 1);
        if (r)
                return PASS(r);
        told->words[index / TOLD_BITS] |= (uint64_t)1 << (index % TOLD_BITS);
        if (task == told->base)
                results_told_advance(told);
        return 0;
}

void results_told_deinit(struct results_told *told)
{
        free(told->words);
        *told = (struct results_told){ 0 };
}
