/* SPDX-License-Identifier: Apache-2.0 */
/* What travels between the loop and the journal thread: one queue for all, so that order holds. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"

enum work_kind {
        WORK_BATCH,
        WORK_READ,
        WORK_ERRAND,
        WORK_PROBE, /* look at the free space again; nothing comes back */
        WORK_KIND_COUNT,
};

/* The head of every piece of work: struct journal_batch, journal_read, errand. */
struct work {
        STAILQ_ENTRY(work) entry;
        uint64_t posted_usec; /* monotonic */
        enum work_kind kind;
};
STAILQ_HEAD(work_queue, work);

struct errand {
        struct work work;
        int (*run)(void *arg);
        void (*done)(void *arg, int result); /* may be NULL */
        void *arg;
        int result;
};
