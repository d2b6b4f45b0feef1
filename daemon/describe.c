/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the daemon is doing, in one line: what administrators look at first. The mark is made of
 * counters that only grow, and of the few flags that the line shows, so it changes whenever the
 * line does; it may change without the line. Called by daemon.c for status_line.c.
 */
#include "daemon/describe.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t describe_mark(const struct engine *engine, const struct workers *workers,
                       const struct journal *journal)
{
        const uint64_t flags = (uint64_t)engine_is_stopping(engine) << 2 |
                               (uint64_t)engine_is_draining(engine) << 1 |
                               (uint64_t)journal_is_disk_full(journal);

        return engine_events_posted(engine) + workers_changes(workers) +
               ((uint64_t)workers_wanted(workers) << 40) + (flags << 60);
}

const char *describe_runner(bool is_managed, bool has_pool)
{
        if (is_managed)
                return "run by a service manager, as is the pool";
        return has_pool ? "without a service manager, with a pool of our own"
                        : "without a service manager, and without a pool";
}

static const char *describe_mood(const struct engine *engine)
{
        if (engine_is_stopping(engine))
                return "Shutting down";
        return engine_is_draining(engine) ? "Draining" : "Serving";
}

void describe_write(const struct engine *engine, const struct workers *workers,
                    const struct journal *journal, char *text, size_t size)
{
        struct engine_counts counts;

        engine_count(engine, &counts);
        (void)snprintf(text, size,
                       "%s: %" PRIu64 " running, %" PRIu64 " queued; %zu of %" PRIu32
                       " workers connected%s",
                       describe_mood(engine), counts.leased_tasks, counts.queued_tasks,
                       workers_count(workers), workers_wanted(workers),
                       journal_is_disk_full(journal) ? "; the disk is full: no new jobs" : "");
}
