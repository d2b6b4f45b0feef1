/* SPDX-License-Identifier: Apache-2.0 */
/* How far jobs are, shown while somebody waits for them. */
#pragma once

#include "common/cleanup.h"

#include "client/cmd/app.h"

#define WAIT_PROGRESS_JOBS_MAX 64

struct wait_progress;

/*
 * Begins to watch `count` jobs (at most WAIT_PROGRESS_JOBS_MAX) over app->conn: one line for all of
 * them on stderr, or with --json an object per change and job on stdout. 0, or an exit status after
 * the sentence.
 */
int wait_progress_new(struct app *app, const uint64_t *jobs, size_t count,
                      struct wait_progress **out_progress);
struct wait_progress *wait_progress_free(struct wait_progress *progress);
DEFINE_CLEANUP(struct wait_progress *, wait_progress_free);

/* When wait_progress_tick() wants to be called; USEC_NONE: not of itself. */
uint64_t wait_progress_deadline(const struct wait_progress *progress);
void wait_progress_tick(struct wait_progress *progress);
/* Around something that is said on the terminal. */
void wait_progress_hide(struct wait_progress *progress);
/* All have ended: the line stays. */
void wait_progress_finish(struct wait_progress *progress);
