/* SPDX-License-Identifier: Apache-2.0 */
/* The journal thread: takes what was posted, commits it, answers. */
#pragma once

#include <stdint.h>

#include "common/cleanup.h"

#include "daemon/journal/apply.h"
#include "daemon/journal/checkpoint.h"
#include "daemon/journal/exchange.h"
#include "daemon/journal/highwater.h"
#include "daemon/journal/state_dir.h"
#include "daemon/journal/store.h"

struct thread;

/* What the thread works with. All borrowed; from thread_start() to thread_join() only it may touch
 * them, the exchange excepted. */
struct thread_tools {
        struct exchange *exchange;
        struct store *store;
        struct apply *apply;
        struct checkpoint *checkpoint;
        const struct highwater *highwater;
        const struct state_dir *dir;
        uint64_t floor_bytes;
        struct highwater_mark mark; /* as the database has it */
};

_must_use_ int thread_start(const struct thread_tools *tools, struct thread **out_thread);
/* Waits until everything posted is done and the thread has ended. */
struct thread *thread_join(struct thread *thread);
DEFINE_CLEANUP(struct thread *, thread_join);
