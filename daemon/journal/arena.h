/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is taken piece by piece and released all at once: a batch, or a page of answers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

struct arena_chunk;

struct arena {
        struct arena_chunk *chunk; /* owned; the one that is being filled, then the older ones */
        size_t used;               /* bytes of it that are taken */
};

/* An arena of zeroes is empty and ready. Releases everything; the arena is empty again. */
void arena_deinit(struct arena *arena);
/* Forgets all pieces but keeps one chunk for the next ones. */
void arena_reset(struct arena *arena);
/* `size` bytes, aligned for anything, not cleared; NULL when memory ends. They never move. */
void *arena_take(struct arena *arena, size_t size);
/* Copies; NULL when memory ends. `data` may be NULL when `size` is 0. */
void *arena_copy(struct arena *arena, const void *data, size_t size);
/* Copies `size` bytes of text and puts a NUL behind them. */
char *arena_copy_text(struct arena *arena, const char *text, size_t size);
