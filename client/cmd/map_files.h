/* SPDX-License-Identifier: Apache-2.0 */
/* --results DIR: each task's output in files, laid out as GNU parallel does it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#include "client/jobctl.h"

struct map_files;
struct template_word;
struct map_files_task; /* the three files of one task, while they are written */

enum map_files_answer {
        MAP_FILES_E_BAD = 1, /* a folder or file cannot be made or written: the reason says */
};

/*
 * Makes the folder. One that is there already must be empty, unless `resume`. record_values: values
 * of one record (map_input_record_values()), for DIR/1/A/2/B; may be set later, before the first
 * task. 0, MAP_FILES_E_BAD, or a fault.
 */
_must_use_ int map_files_new(const char *dir, bool resume, struct map_files **out_files,
                             struct reason *why);
struct map_files *map_files_free(struct map_files *files);
DEFINE_CLEANUP(struct map_files *, map_files_free);
void map_files_set_record_values(struct map_files *files, uint32_t record_values);

/* Are there results of a task with these values? */
bool map_files_has(const struct map_files *files, const struct template_word *values,
                   size_t values_count);

/*
 * Makes the task's folder, and `stdout` and `stderr` in it, empty; results of the same values from
 * before are replaced. 0, MAP_FILES_E_BAD, or a fault.
 */
_must_use_ int map_files_begin(struct map_files *files, uint64_t sequence,
                               const struct template_word *values, size_t values_count,
                               struct map_files_task **out_task, struct reason *why);
/* JOBCTL_MARK is left out. 0, MAP_FILES_E_BAD (a full disk), or a fault. */
_must_use_ int map_files_write(struct map_files_task *task, enum jobctl_output which,
                               const void *data, size_t size, struct reason *why);
/* The task's folder, "DIR/1/A"; lives as long as the task. */
const char *map_files_path(const struct map_files_task *task);
/*
 * The task has ended and its output is whole: writes `seq`, without which map_files_has() says no.
 * The task is still to be dropped. 0, MAP_FILES_E_BAD, or a fault.
 */
_must_use_ int map_files_end(struct map_files_task *task, struct reason *why);
/* Closes the files; returns NULL. NULL-safe. */
struct map_files_task *map_files_drop(struct map_files_task *task);
DEFINE_CLEANUP(struct map_files_task *, map_files_drop);

/* "1/a/2/b\_c": where a task's files are below DIR. Owned by the caller; NULL without memory. */
char *map_files_format(uint32_t record_values, const struct template_word *values,
                       size_t values_count);
