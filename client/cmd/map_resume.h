/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier run of the same map has done already, and how tasks are numbered then. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#include "client/cmd/map_options.h"

struct map_files;
struct map_resume;
struct template_word;

enum map_resume_answer {
        MAP_RESUME_E_BAD = 1, /* the log cannot be read, or is another command's: the reason says */
        MAP_RESUME_E_DONE,    /* this task is done */
};

/*
 * Reads the plan's --joblog; with --resume-failed only tasks that succeeded count as done. files
 * (borrowed, may be NULL): with --resume, tasks whose results are there are done as well.
 * 0, MAP_RESUME_E_BAD, or a fault. A plan without --resume or a log that is not there yet: nothing
 * is done.
 */
_must_use_ int map_resume_new(const struct map_plan *plan, const struct map_files *files,
                              struct map_resume **out_resume, struct reason *why);
struct map_resume *map_resume_free(struct map_resume *resume);
DEFINE_CLEANUP(struct map_resume *, map_resume_free);

/*
 * Must the task with this sequence number (from 1, over all inputs, in rising order) still run?
 * Called by map_input. 0: it must; MAP_RESUME_E_DONE; MAP_RESUME_E_BAD: the log tells of another
 * command line, so nothing may go on; or a fault.
 */
_must_use_ int map_resume_check(struct map_resume *resume, uint64_t sequence,
                                const struct template_word *values, size_t values_count,
                                struct reason *why);

/*
 * The sequence number of jobd's task `task` (from 0): task + 1 when nothing was left out. For the
 * joblog, --results and all that people see. resume may be NULL.
 */
uint64_t map_resume_sequence(const struct map_resume *resume, uint64_t task);
/* How many tasks were left out so far. */
uint64_t map_resume_done_count(const struct map_resume *resume);
