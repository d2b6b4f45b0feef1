/* SPDX-License-Identifier: Apache-2.0 */
/* The values of the tasks that have not ended yet, for whoever must name a task at its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

struct map_values;

_must_use_ int map_values_new(uint32_t values_per_task, struct map_values **out_values);
struct map_values *map_values_free(struct map_values *values);
DEFINE_CLEANUP(struct map_values *, map_values_free);

/*
 * Adds `count` values, each ended by a zero byte (copied): those of the next tasks, of whole ones
 * but for the last of all.
 */
_must_use_ int map_values_add(struct map_values *values, const void *data, size_t size,
                              uint64_t count);
/* The run of one task's values, borrowed until map_values_drop(). False: they are not there. */
bool map_values_find(const struct map_values *values, uint64_t task, const char **out_data,
                     size_t *out_size);
/* The task has ended: to be called once for each. */
void map_values_drop(struct map_values *values, uint64_t task);
/* What is kept now. Goes down when all tasks that came together have ended. */
size_t map_values_bytes(const struct map_values *values);
