/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the jobs that the database keeps, collected slice by slice. */
#pragma once

#include "daemon/clients/stats.h"

struct stats_kept;

_must_use_ int stats_kept_new(struct stats_kept **out_kept);
struct stats_kept *stats_kept_free(struct stats_kept *kept);
/* A slice more. 0 or a fault. */
_must_use_ int stats_kept_join(struct stats_kept *kept, const struct journal_totals *slice);
/* engine: has the names of queues. by_user: whose they are is told, too. */
void stats_kept_add(const struct stats_kept *kept, const struct engine *engine, bool by_user,
                    uint64_t since_wall_usec, struct metrics *metrics);
