/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for one decoded message: bounded, and freed as one. Internal to proto/. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

struct wire_arena;

/* Never takes more than `limit_bytes` from malloc(3), its own head included. */
_must_use_ int wire_arena_new(size_t limit_bytes, size_t expected_bytes,
                              struct wire_arena **out_arena);
struct wire_arena *wire_arena_free(struct wire_arena *arena);
DEFINE_CLEANUP(struct wire_arena *, wire_arena_free);

/* For protobuf-c; lives as long as the arena. Its free() does nothing. */
ProtobufCAllocator *wire_arena_allocator(struct wire_arena *arena);
/* 8-aligned, followed by a zero byte; NULL when over the limit or without memory. */
void *wire_arena_alloc(struct wire_arena *arena, size_t size);
/* Why an allocation was refused: 0 none was, ARENA_E_OVER the limit, -ENOMEM. */
enum wire_arena_answer {
        ARENA_E_OVER = 1,
};
int wire_arena_refusal(const struct wire_arena *arena);
/* The arena whose first allocation this is. */
struct wire_arena *wire_arena_of(void *first_allocation);
/* How many bytes were asked for at this allocation. */
size_t wire_arena_size_of(const void *allocation);
/* One zero byte that lives as long as the arena: what empty `bytes` point at. */
uint8_t *wire_arena_empty(struct wire_arena *arena);
