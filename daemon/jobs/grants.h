/* SPDX-License-Identifier: Apache-2.0 */
/* Locks that processes hold: asked for, waited for, held until the process ends or gives it back.
 */
#pragma once

#include "daemon/jobs/engine.h"

struct grant; /* one process and one lock, waiting or held */

struct grant_ask {
        uint32_t uid;
        const char *name; /* borrowed for the call */
        bool shared;
        uint8_t token[JOURNAL_TOKEN_BYTES]; /* the same again after a reconnection */
        uint32_t pid;                       /* of the holder */
        uint64_t start;                     /* of that process, in ticks since boot; 0: not told */
        uint64_t job, task;                 /* it says that it is inside; job 0: no */
};

/*
 * The end of a wait. r 0: it is held, and the answer may leave at `barrier`; else ENGINE_E_STATE
 * and why: the holder has ended, or the same was asked for again by another connection.
 */
typedef void (*grant_fn)(void *arg, int r, uint64_t barrier, const char *why);

/*
 * Asks for a lock. 0: held now (engine_sequence() is the barrier). ENGINE_E_LATER: it waits, `done`
 * will be called, and *out_grant is what engine_lock_leave() takes. Else an answer with a sentence.
 */
_must_use_ int engine_lock(struct engine *engine, const struct grant_ask *ask, grant_fn done,
                           void *arg, struct grant **out_grant, struct reason *why);
/* Nobody waits for the answer any more: out of the line. Only before `done` was called. */
void engine_lock_leave(struct engine *engine, struct grant *grant);
/*
 * Gives locks of this name back, or stops asking: the one with this token, or all that this process
 * holds. ENGINE_E_UNKNOWN with a sentence when there is none.
 */
_must_use_ int engine_unlock(struct engine *engine, uint32_t uid, const char *name,
                             const uint8_t *token, uint32_t pid, struct reason *why);
