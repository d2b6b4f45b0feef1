/* SPDX-License-Identifier: Apache-2.0 */
/* From what jobd says of a job's progress to what the line of progress shows. */
#pragma once

#include "client/cmd/progress.h"
#include "client/jobctl.h"

/* progress: JOBCTL_PROGRESS_*. */
void job_counts_read(const struct jobctl_item *progress, struct progress_counts *out_counts);
/* For several jobs at once. */
void job_counts_add(struct progress_counts *counts, const struct progress_counts *more);
