/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A memory of values by task. Values come in blocks of about 64 KiB and are kept so, each block
 * with an index of where its tasks begin; a block goes when all its tasks have ended. Blocks stand
 * in the order of their tasks, so that one is found by bisection; those that went leave an empty
 * place until all before them have gone, too. Pure. Used by map_session.c, which stops reading
 * inputs while this is too much.
 */
#include "client/cmd/map_session_values.h"

#include <errno.h>
#include <string.h>

struct map_values_block {
        uint64_t first_task;
        uint32_t tasks;
        uint32_t left;    /* tasks that have not ended */
        size_t bytes;     /* of the allocation */
        uint32_t *starts; /* owned, with the data behind it: tasks + 1 offsets; NULL: it went */
};

struct map_values {
        uint32_t values_per_task;
        struct map_values_block *blocks; /* owned */
        size_t first, end, room;         /* blocks[first..end) are there */
        uint64_t next_task;
        size_t bytes;
};

int map_values_new(uint32_t values_per_task, struct map_values **out_values)
{
        struct map_values *const values = calloc(1, sizeof(*values));

        if (!values)
                return FAULT(-ENOMEM);
        values->values_per_task = MAX(values_per_task, 1U);
        *out_values = values;
        return 0;
}

struct map_values *map_values_free(struct map_values *values)
{
        if (!values)
                return NULL;
        for (size_t i = values->first; i < values->end; i++)
                free(values->blocks[i].starts);
        free(values->blocks);
        free(values);
        return NULL;
}

size_t map_values_bytes(const struct map_values *values)
{
        return values->bytes;
}

/* Room for one more block behind the others. */
static int map_values_grow(struct map_values *values)
{
        const size_t count = values->end - values->first;
        struct map_values_block *bigger;

        if (values->end < values->room)
                return 0;
        if (values->first > values->room / 2) {
                memmove(values->blocks, values->blocks + values->first,
                        count * sizeof(*values->blocks));
                values->first = 0;
                values->end = count;
                return 0;
        }
        bigger = reallocarray(values->blocks, MAX(2 * values->room, (size_t)16), sizeof(*bigger));
        if (!bigger)
                return FAULT(-ENOMEM);
        values->blocks = bigger;
        values->room = MAX(2 * values->room, (size_t)16);
        return 0;
}

static char *map_values_data(const struct map_values_block *block)
{
        return (char *)(block->starts + block->tasks + 1);
}

/* Notes where each task begins. */
static void map_values_index(const struct map_values *values, struct map_values_block *block,
                             size_t size, uint64_t count)
{
        const char *const data = map_values_data(block);
        const char *at = data;

        for (uint64_t i = 0; i < count; i++) {
                if (i % values->values_per_task == 0)
                        block->starts[i / values->values_per_task] = (uint32_t)(at - data);
                at = (const char *)memchr(at, '\0', size - (size_t)(at - data)) + 1;
        }
        block->starts[block->tasks] = (uint32_t)size;
}

int map_values_add(struct map_values *values, const void *data, size_t size, uint64_t count)
{
        const uint64_t tasks = (count + values->values_per_task - 1) / values->values_per_task;
        struct map_values_block block = { .first_task = values->next_task,
                                          .tasks = (uint32_t)tasks,
                                          .left = (uint32_t)tasks };
        int r;

        if (count == 0)
                return 0;
        r = map_values_grow(values);
        if (r)
                return PASS(r);
        block.bytes = (tasks + 1) * sizeof(uint32_t) + size;
        block.starts = malloc(block.bytes);
        if (!block.starts)
                return FAULT(-ENOMEM);
        memcpy(map_values_data(&block), data, size);
        map_values_index(values, &block, size, count);
        values->blocks[values->end++] = block;
        values->next_task += tasks;
        values->bytes += block.bytes;
        return 0;
}

static struct map_values_block *map_values_block(const struct map_values *values, uint64_t task)
{
        size_t low = values->first;
        size_t high = values->end;

        while (low < high) {
                const size_t middle = low + (high - low) / 2;
                struct map_values_block *const block = &values->blocks[middle];

                if (task < block->first_task)
                        high = middle;
                else if (task >= block->first_task + block->tasks)
                        low = middle + 1;
                else
                        return block->starts ? block : NULL;
        }
        return NULL;
}

bool map_values_find(const struct map_values *values, uint64_t task, const char **out_data,
                     size_t *out_size)
{
        const struct map_values_block *const block = map_values_block(values, task);
        const size_t at = block ? (size_t)(task - block->first_task) : 0;

        if (!block)
                return false;
        *out_data = map_values_data(block) + block->starts[at];
        *out_size = block->starts[at + 1] - block->starts[at];
        return true;
}

void map_values_drop(struct map_values *values, uint64_t task)
{
        struct map_values_block *const block = map_values_block(values, task);

        if (!block || --block->left > 0)
                return;
        values->bytes -= block->bytes;
        free(block->starts);
        block->starts = NULL;
        while (values->first < values->end && !values->blocks[values->first].starts)
                values->first++;
}
