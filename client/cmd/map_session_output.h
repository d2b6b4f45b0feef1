/* SPDX-License-Identifier: Apache-2.0 */
/* Where the output of tasks goes: our stdout and stderr, gathered, below a line of progress. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

#include "client/jobctl.h"

struct map_output;
struct progress;

enum map_output_answer {
        MAP_OUTPUT_E_CLOSED = 1, /* nobody reads any more */
        MAP_OUTPUT_E_FAILED,     /* cannot be written: errno tells */
};

/* progress: borrowed, outlives it; may be NULL. */
_must_use_ int map_output_new(struct progress *progress, struct map_output **out_output);
struct map_output *map_output_free(struct map_output *output);
DEFINE_CLEANUP(struct map_output *, map_output_free);

/* Takes all of it; never waits for the reader. 0, MAP_OUTPUT_E_*, or a fault. */
_must_use_ int map_output_put(struct map_output *output, enum jobctl_output which, const void *data,
                              size_t size);
/* Writes what was gathered, as far as the readers take it. Returns likewise. */
_must_use_ int map_output_flush(struct map_output *output);
/* A reader is slow, and something is kept for it: put no more, wait with map_output_poll(). */
bool map_output_is_full(const struct map_output *output);
/* Everything was written. */
bool map_output_is_empty(const struct map_output *output);
/* Fills two entries: readers that are waited for. */
void map_output_poll(const struct map_output *output, struct pollfd out_polls[static 2]);
