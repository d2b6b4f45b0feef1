/* SPDX-License-Identifier: Apache-2.0 */
/* Which open maps a connection appends to: when the last such connection goes, the map waits. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/jobs/engine.h"

/* The maps of one session; all zero at first. */
struct appender {
        uint64_t *jobs; /* owned */
        size_t count, room;
};

/* It appends to this job from now on. No-op when it does already. */
_must_use_ int appender_enter(struct appender *appender, struct engine *engine, struct job *job);
/* It ends; `appender` may be used anew. */
void appender_leave_all(struct appender *appender, struct engine *engine);
