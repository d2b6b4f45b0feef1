/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of task numbers that mostly grows from below, in any order within a window: everything
 * below `low` is in it, what lies above is a bit in a block of 512. Blocks stand in a map, so that
 * an array with a large step costs a block a task and not the gaps; one that the mark has passed is
 * freed. A million tasks that end about in order need a few hundred bytes.
 *
 * Used by results.c to tell each task once, and by those who tell jobd how far they came.
 */
#include "client/lib/told.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/map.h"

#define TOLD_BLOCK_BITS 512U

struct told_block {
        uint64_t number; /* task / TOLD_BLOCK_BITS */
        uint64_t bits[TOLD_BLOCK_BITS / 64];
        UT_hash_handle hh;
};

static struct told_block *told_find(const struct told *told, uint64_t task)
{
        const uint64_t number = task / TOLD_BLOCK_BITS;
        struct told_block *block;

        HASH_FIND(hh, told->blocks, &number, sizeof(number), block);
        return block;
}

static void told_drop(struct told *told, struct told_block *block)
{
        HASH_DEL(told->blocks, block);
        free(block);
}

void told_deinit(struct told *told)
{
        struct told_block *block;
        struct told_block *next;

        HASH_ITER (hh, told->blocks, block, next)
                told_drop(told, block);
}

static bool told_is_set(const struct told_block *block, uint64_t task)
{
        return block && (block->bits[task % TOLD_BLOCK_BITS / 64] >> (task % 64) & 1);
}

bool told_has(const struct told *told, uint64_t task)
{
        return task < told->low || told_is_set(told_find(told, task), task);
}

static int told_make(struct told *told, uint64_t task, struct told_block **out_block)
{
        struct told_block *block = calloc(1, sizeof(*block));

        if (!block)
                return FAULT(-ENOMEM);
        block->number = task / TOLD_BLOCK_BITS;
        HASH_ADD(hh, told->blocks, number, sizeof(block->number), block);
        if (!block->hh.tbl) {
                free(block);
                return FAULT(-ENOMEM);
        }
        *out_block = block;
        return 0;
}

/* Moves the mark over what was told in a row. */
static void told_rise(struct told *told)
{
        struct told_block *block = told_find(told, told->low);

        while (told_is_set(block, told->low)) {
                told->low++;
                if (told->low % TOLD_BLOCK_BITS == 0) {
                        told_drop(told, block);
                        block = told_find(told, told->low);
                }
        }
}

int told_add(struct told *told, uint64_t task, bool *out_new)
{
        struct told_block *block;
        int r;

        if (task < told->low) {
                *out_new = false;
                return 0;
        }
        block = told_find(told, task);
        if (!block) {
                r = told_make(told, task, &block);
                if (r)
                        return PASS(r);
        }
        *out_new = !told_is_set(block, task);
        block->bits[task % TOLD_BLOCK_BITS / 64] |= UINT64_C(1) << (task % 64);
        if (task == told->low)
                told_rise(told);
        return 0;
}
