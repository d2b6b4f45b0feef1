/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs of a map as a stream of tasks: files, stdin and words, linked, crossed and packed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#include "client/cmd/map_options.h"

struct map_input;
struct map_resume;

#define MAP_INPUT_TASK_MAX (1024 * 1024) /* all values of a task: they travel in one chunk */

enum map_input_answer {
        MAP_INPUT_E_BAD = 1, /* no good: the reason says which input, and why */
        MAP_INPUT_E_AGAIN,   /* nothing more at the moment: wait for map_input_fd() */
        MAP_INPUT_E_END,     /* that was all */
};

/*
 * Opens all sources of the plan (stdin is borrowed), so that a file that cannot be read is known
 * before anything starts. plan: borrowed, outlives the input. resume: borrowed, may be NULL; tasks
 * that it calls done are left out. 0, MAP_INPUT_E_BAD, or a fault.
 */
_must_use_ int map_input_new(const struct map_plan *plan, struct map_resume *resume,
                             struct map_input **out_input, struct reason *why);
struct map_input *map_input_free(struct map_input *input);
DEFINE_CLEANUP(struct map_input *, map_input_free);

/*
 * Values of a full task, for Spec.map_values: known at once, but with --colsep only when the first
 * record was read: then 0 until map_input_prepare() has returned 0.
 */
uint32_t map_input_values(const struct map_input *input);
/* Values of one record: of a task without -n. 0 as above. */
uint32_t map_input_record_values(const struct map_input *input);

/*
 * Reads until the first task is there, so that bad input is told before a job exists; never blocks.
 * 0: it is (or MAP_INPUT_E_END: there is none at all), MAP_INPUT_E_AGAIN, MAP_INPUT_E_BAD, a fault.
 */
_must_use_ int map_input_prepare(struct map_input *input, struct reason *why);

/* A run of whole tasks, as Append wants it. */
struct map_chunk {
        const void *values; /* borrowed until the next call; each value ends with a zero byte */
        size_t size;
        uint64_t count; /* values */
        uint64_t tasks;
};

/*
 * Takes the next tasks, at most about `size_max` bytes (one task may be more, up to
 * MAP_INPUT_TASK_MAX), and less when reading would block. Only the very last task may have fewer
 * values than map_input_values(). Never blocks for longer than a regular file takes to give 64 KiB.
 * 0: *out_chunk has at least one task; or MAP_INPUT_E_*, or a fault. What was good before a bad
 * input is given first; after E_BAD and E_END it says the same again.
 */
_must_use_ int map_input_take(struct map_input *input, size_t size_max, struct map_chunk *out_chunk,
                              struct reason *why);

/* To wait for after MAP_INPUT_E_AGAIN: readable means that there is more, or the end. */
int map_input_fd(const struct map_input *input);
/* Is a source our terminal? People should be told that we wait for them. */
bool map_input_is_terminal(const struct map_input *input);

/* Tasks given out by map_input_take(), and left out because they were done. */
uint64_t map_input_task_count(const struct map_input *input);
uint64_t map_input_skipped_count(const struct map_input *input);
