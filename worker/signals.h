/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of a worker or pool: all blocked, the few that matter read from a descriptor. */
#pragma once

#include "common/cleanup.h"
#include "common/loop.h"

struct signals;
typedef void (*signals_fn)(void *arg, int signo);

/* Sets every signal to its default, blocks all, and calls `fn` for CHLD, TERM, INT and HUP. */
_must_use_ int signals_new(struct loop *loop, signals_fn fn, void *arg,
                           struct signals **out_signals);
struct signals *signals_free(struct signals *signals);
DEFINE_CLEANUP(struct signals *, signals_free);

/* Gives every signal its default action, those that libc hides too. Async-signal-safe. */
void signals_set_default(void);
