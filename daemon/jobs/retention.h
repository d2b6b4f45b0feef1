/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting finished jobs by age, count and size, a slice at a time. */
#pragma once

#include <stdint.h>

#include "common/cleanup.h"

#include "daemon/jobs/engine.h"

struct retention;

struct retention_options {
        uint64_t keep_age_usec; /* 0: for ever */
        uint64_t keep_count;    /* per user; 0: no limit */
        uint64_t keep_bytes;    /* kept output in all; 0: no limit */
};

_must_use_ int retention_new(struct engine *engine, const struct retention_options *options,
                             struct retention **out_retention);
struct retention *retention_free(struct retention *retention);
DEFINE_CLEANUP(struct retention *, retention_free);
void retention_set_options(struct retention *retention, const struct retention_options *options);
/*
 * Once a turn: starts a walk when jobs have finished since the last one and that was at least ten
 * minutes ago. No timer: an idle daemon forgets nothing and does not wake. 0 or a fault.
 */
_must_use_ int retention_turn(struct retention *retention);
