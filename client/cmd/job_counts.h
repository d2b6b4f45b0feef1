/* SPDX-License-Identifier: Apache-2.0 */
/* From what jobd says of a job's progress to what the line of progress shows. */
#pragma once

#include "client/cmd/progress.h"
#include "client/jobctl.h"

/* progress: JOBCTL_PROGRESS_*. */
void job_counts_read(const struct jobctl_item *progress, struct progress_counts *out_counts);
/* The job has ended (JOBCTL_ENDED_*): nothing runs any more, whatever was told last. */
void job_counts_end(struct progress_counts *counts, const struct jobctl_item *ended);
/* For several jobs at once. */
void job_counts_add(struct progress_counts *counts, const struct progress_counts *more);
