/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks of a job, page by page, so that a million of them need no memory. */
#pragma once

#include "client/cmd/app.h"
#include "client/cmd/select.h"

/* How a walk goes on after a task. */
enum task_walk_answer {
        TASK_WALK_ON,
        TASK_WALK_ENOUGH, /* end it */
};

/* job: JOBCTL_JOB_*, with its whole specification; attempt: JOBCTL_ATTEMPT_*. Borrowed. */
typedef enum task_walk_answer (*task_walk_fn)(void *arg, const struct jobctl_item *job,
                                              const struct jobctl_item *attempt);

struct task_walk {
        const struct select_job *job;
        bool failed_only; /* those that ended and did not succeed */
        bool environment; /* with that of the job, in the first page */
        uint64_t page;    /* how many numbers are asked for at a time; 0: a thousand */
        /* Before the tasks, once; NULL: not wanted. */
        void (*on_job)(void *arg, const struct jobctl_item *job);
        task_walk_fn fn;
        void *arg; /* borrowed */
};
/* Calls fn for each task that has begun, by rising number. Returns 0, or an exit status. */
int task_walk_run(struct app *app, const struct task_walk *walk);

/* Did this attempt end in another way than it should? */
bool task_walk_is_failed(const struct jobctl_item *attempt);
