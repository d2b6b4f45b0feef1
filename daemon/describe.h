/* SPDX-License-Identifier: Apache-2.0 */
/* How the daemon is doing, as one line for `systemctl status`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/jobs/engine.h"
#include "daemon/journal/journal.h"
#include "daemon/workers/workers.h"

/* Another number when describe_write() may write another line. Costs nothing: for every turn. */
uint64_t describe_mark(const struct engine *engine, const struct workers *workers,
                       const struct journal *journal);
/* Who runs jobd, and who the pool. */
const char *describe_runner(bool is_managed, bool has_pool);
/* "Serving: 3 running, 12 queued; 4 of 4 workers connected". */
void describe_write(const struct engine *engine, const struct workers *workers,
                    const struct journal *journal, char *text, size_t size);
