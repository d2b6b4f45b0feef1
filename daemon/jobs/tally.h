/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine counts as it works: numbers since jobd's start, and how much there is now. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/histogram.h"

#include "daemon/jobs/job_state.h"

/* Why queued tasks are where they are; of an array or map one word for all that are queued. */
enum tally_queued {
        TALLY_QUEUED,  /* they could start: they wait for a worker, cores, their turn */
        TALLY_HELD,    /* by their owner */
        TALLY_WAITING, /* for a time, other jobs, a lock or a resource, the next attempt */
        TALLY_QUEUED_COUNT,
};

/* All are tasks but where another thing is named; counters begin at 0 with jobd. */
struct tally {
        uint64_t jobs_submitted;
        uint64_t submitted; /* also those that were appended to maps */
        uint64_t restored;  /* unfinished ones that were found at the start */
        uint64_t rerun;     /* finished ones that were queued again by their owner */
        uint64_t retried;   /* queued again because an attempt failed, */
        uint64_t requeued;  /* or because nobody knows how it ended */
        uint64_t attempts;  /* begun */
        uint64_t returned;  /* leases that came back: nothing had run */
        uint64_t ended[JOB_STATE_COUNT];
        uint64_t worker_deaths;
        uint64_t output_bytes; /* of attempts that ended */
        uint64_t cpu_usec;     /* likewise, user and system, as far as known */
        /* Now. Queued, leased and ended are what was submitted, restored and rerun. */
        uint64_t queued[TALLY_QUEUED_COUNT];
        uint64_t leased[JOB_STATE_COUNT];
        struct histogram wait_usec; /* from the submission of a job to each task's first start */
        struct histogram run_usec;  /* of attempts that ended, as their workers measured */
};

/* What there is to lease, and what is leased. */
struct tally_machine {
        uint32_t cores, cores_leased;
        uint64_t memory_bytes, memory_leased_bytes; /* the first 0: not counted */
        uint64_t core_usec;                         /* leased, since jobd's start */
        uint64_t jobs;                              /* unfinished */
        uint64_t output_bytes;                      /* kept on disk */
        uint64_t spec_bytes;                        /* of unfinished jobs */
};

struct tally_user {
        uint32_t uid;
        uint32_t weight;
        uint32_t cores; /* leased now */
        uint64_t queued, leased;
        uint64_t core_usec;
        uint64_t output_bytes; /* kept on disk */
};

struct tally_queue {
        const char *name; /* borrowed: until the queue is gone */
        uint32_t cores;
        uint64_t jobs, queued, workers; /* workers: that run tasks of it */
        uint64_t core_usec;
};
