/* SPDX-License-Identifier: Apache-2.0 */
/* How many tasks of a job ended, by the states they ended in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/jobs/job_state.h"
#include "daemon/journal/journal.h"

struct job_extra;

/* `count` tasks of a job with several ended in `state`; or did, and are to run again. */
void ends_add(struct job_extra *extra, enum job_state state, uint64_t count);
void ends_remove(struct job_extra *extra, enum job_state state, uint64_t count);
/* Fills the finished states of the array; leaves the others alone. */
void ends_count(const struct job_extra *extra, uint64_t by_state[JOB_STATE_COUNT]);
/* The columns of the job's row, and back. They fit: see ends_row_fits(). */
void ends_to_row(const struct job_extra *extra, struct journal_job *row);
void ends_from_row(struct job_extra *extra, const struct journal_job *row);
void ends_clear_row(struct journal_job *row);
/* No more tasks ended than there are, and no more otherwise than did not succeed. */
bool ends_row_fits(const struct journal_job *row);
/* All states of the tasks of a job with several that has ended. */
void ends_count_row(const struct journal_job *row, uint64_t out_by_state[JOB_STATE_COUNT]);
