/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena is a chain of chunks. Pieces are cut from the newest chunk; when it is used up, a new
 * one of at least twice its size goes in front. Nothing moves and nothing is given back before
 * arena_deinit(), so pointers into an arena may be kept as long as the arena.
 *
 * A batch of one submission fits the first chunk, so that it costs two allocations in all: the
 * batch and this chunk. A batch of ten thousand grows by doubling up to CHUNK_MAX.
 *
 * Used by batch.c (rows on their way to the thread) and query*.c (texts on their way back). An
 * arena belongs to one thread at a time; it has no lock.
 */
#include "daemon/journal/arena.h"

#include <stdalign.h>
#include <string.h>

#include "common/error.h"

#define CHUNK_MIN ((size_t)1024)
#define CHUNK_MAX ((size_t)256 * 1024)

struct arena_chunk {
        struct arena_chunk *older; /* owned */
        size_t size;               /* of data */
        alignas(max_align_t) uint8_t data[];
};

void arena_deinit(struct arena *arena)
{
        while (arena->chunk) {
                struct arena_chunk *const older = arena->chunk->older;

                free(arena->chunk);
                arena->chunk = older;
        }
        arena->used = 0;
}

void arena_reset(struct arena *arena)
{
        struct arena rest = { .chunk = arena->chunk ? arena->chunk->older : NULL };

        arena_deinit(&rest);
        if (arena->chunk)
                arena->chunk->older = NULL;
        arena->used = 0;
}

static int arena_grow(struct arena *arena, size_t size)
{
        size_t want = CHUNK_MIN - sizeof(struct arena_chunk);
        struct arena_chunk *chunk;

        if (arena->chunk)
                want = MIN(arena->chunk->size * 2, CHUNK_MAX);
        want = MAX(want, size);
        chunk = malloc(sizeof(*chunk) + want);
        if (!chunk)
                return -1;
        chunk->older = arena->chunk;
        chunk->size = want;
        arena->chunk = chunk;
        arena->used = 0;
        return 0;
}

void *arena_take(struct arena *arena, size_t size)
{
        const size_t align = alignof(max_align_t);
        void *piece;

        if (size > SIZE_MAX / 4)
                return NULL;
        size = (size + align - 1) / align * align;
        if (!arena->chunk || arena->chunk->size - arena->used < size) {
                if (arena_grow(arena, size) < 0)
                        return NULL;
        }
        piece = arena->chunk->data + arena->used;
        arena->used += size;
        return piece;
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
        void *const piece = arena_take(arena, size);

        if (piece && size > 0)
                memcpy(piece, data, size);
        return piece;
}

char *arena_copy_text(struct arena *arena, const char *text, size_t size)
{
        char *const piece = arena_take(arena, size + 1);

        if (!piece)
                return NULL;
        memcpy(piece, text, size);
        piece[size] = '\0';
        return piece;
}
