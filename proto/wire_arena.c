/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator for protobuf-c. A message of many small parts costs a few malloc(3) calls and
 * is freed by as many, and a hostile one cannot take more than its budget: protobuf-c turns two
 * bytes of input into a structure of hundreds.
 *
 *    first chunk:   | struct wire_arena | size | message ... | size | data 0 | ...
 *    other chunks:  | struct wire_chunk | size | data 0 | size | data 0 | ...
 *
 * Before each allocation stand 4 bytes with the size asked for: protobuf-c ends a string with a
 * zero byte and forgets its length, so this is how a NUL inside a string is found. Behind each
 * allocation stands a zero byte, so that `bytes` (argv, paths) can be used as C strings once they
 * were checked. The first allocation (the message itself) is at a known place, which leads from
 * the message back to its arena.
 *
 * Freeing a part does nothing. That bounds time too: decoding a message whose parts repeat and
 * replace each other can copy no more than the budget.
 */
#include "proto/wire_arena.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

#define ARENA_ALIGN 8U
#define ARENA_SIZE_BYTES sizeof(uint32_t)
#define ARENA_CHUNK_MIN (4U * 1024 - 64)
#define ARENA_CHUNK_MAX (1024U * 1024)

struct wire_chunk {
        struct wire_chunk *next; /* owned */
        uint64_t unused;         /* keeps the data aligned */
};

struct wire_arena {
        ProtobufCAllocator allocator;
        struct wire_chunk *chunks; /* owned; all but the first, which holds this */
        uint8_t *at;               /* always 4 before a multiple of 8 */
        uint8_t *end;
        size_t taken_bytes; /* from malloc(3) */
        size_t limit_bytes;
        size_t chunk_bytes; /* of the newest chunk */
        int refusal;
        uint8_t empty[4];
};
_Static_assert(sizeof(struct wire_arena) % ARENA_ALIGN == 0, "the first message must be aligned");
_Static_assert(sizeof(struct wire_chunk) % ARENA_ALIGN == 0, "messages must be aligned");

/* Where the first allocation of a chunk with a head of `head` bytes stands. */
#define ARENA_FIRST(head) ((head) + ARENA_ALIGN)

static void wire_arena_use(struct wire_arena *arena, void *chunk, size_t head, size_t bytes)
{
        arena->at = (uint8_t *)chunk + ARENA_FIRST(head) - ARENA_SIZE_BYTES;
        arena->end = (uint8_t *)chunk + bytes;
        arena->chunk_bytes = bytes;
        arena->taken_bytes += bytes;
}

/* A chunk with room for `need` bytes, larger than the one before if the budget allows. */
static bool wire_arena_grow(struct wire_arena *arena, size_t need)
{
        const size_t least = ARENA_FIRST(sizeof(struct wire_chunk)) + need;
        const size_t left = arena->limit_bytes - arena->taken_bytes;
        struct wire_chunk *chunk;
        size_t bytes;

        if (least > left) {
                arena->refusal = ARENA_E_OVER;
                return false;
        }
        bytes = MIN(MIN(2 * arena->chunk_bytes, ARENA_CHUNK_MAX), left);
        bytes = MAX(bytes, least);
        chunk = malloc(bytes);
        if (!chunk) {
                arena->refusal = -ENOMEM;
                return false;
        }
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        wire_arena_use(arena, chunk, sizeof(*chunk), bytes);
        return true;
}

void *wire_arena_alloc(struct wire_arena *arena, size_t size)
{
        const uint32_t size_asked = (uint32_t)size;
        size_t need;
        uint8_t *data;

        if (size > arena->limit_bytes) {
                arena->refusal = ARENA_E_OVER;
                return NULL;
        }
        need = ARENA_SIZE_BYTES + size + 1;
        need = (need + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
        if ((size_t)(arena->end - arena->at) < need && !wire_arena_grow(arena, need))
                return NULL;
        memcpy(arena->at, &size_asked, sizeof(size_asked));
        data = arena->at + ARENA_SIZE_BYTES;
        data[size] = 0;
        arena->at += need;
        return data;
}

static void *wire_arena_on_alloc(void *arg, size_t size)
{
        return wire_arena_alloc(arg, size);
}

static void wire_arena_on_free(_unused_ void *arg, _unused_ void *data)
{
}

int wire_arena_new(size_t limit_bytes, size_t expected_bytes, struct wire_arena **out_arena)
{
        size_t bytes = MIN(MAX(expected_bytes, ARENA_CHUNK_MIN), ARENA_CHUNK_MAX);
        struct wire_arena *arena;

        if (limit_bytes > UINT32_MAX || limit_bytes < ARENA_CHUNK_MIN)
                return FAULT(-EINVAL);
        bytes = MIN(bytes, limit_bytes);
        arena = malloc(bytes);
        if (!arena)
                return FAULT(-ENOMEM);
        *arena = (struct wire_arena){
                .allocator = { wire_arena_on_alloc, wire_arena_on_free, arena },
                .limit_bytes = limit_bytes,
        };
        wire_arena_use(arena, arena, sizeof(*arena), bytes);
        *out_arena = arena;
        return 0;
}

struct wire_arena *wire_arena_free(struct wire_arena *arena)
{
        struct wire_chunk *chunk;

        if (!arena)
                return NULL;
        while ((chunk = arena->chunks)) {
                arena->chunks = chunk->next;
                free(chunk);
        }
        free(arena);
        return NULL;
}

ProtobufCAllocator *wire_arena_allocator(struct wire_arena *arena)
{
        return &arena->allocator;
}

int wire_arena_refusal(const struct wire_arena *arena)
{
        return arena->refusal;
}

struct wire_arena *wire_arena_of(void *first_allocation)
{
        return (struct wire_arena *)(void *)((uint8_t *)first_allocation -
                                             ARENA_FIRST(sizeof(struct wire_arena)));
}

size_t wire_arena_size_of(const void *allocation)
{
        uint32_t size;

        memcpy(&size, (const uint8_t *)allocation - ARENA_SIZE_BYTES, sizeof(size));
        return size;
}

uint8_t *wire_arena_empty(struct wire_arena *arena)
{
        return arena->empty;
}
