/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of finished output files that jobd wants compressed. One child at a time does it
 * (compact.c), and jobd is told how it went. A file that could not be compressed stays as it is;
 * jobd being away when one is done costs nothing, since it finds either file again. What is ordered
 * twice fails the second time, which changes nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/log.h"

#include "proto/spool.h"

#include "worker/pool_private.h"

#define POOL_COMPACTIONS_MAX 100000

static void pool_compact_report(struct pool *pool, const struct pool_compaction *compaction,
                                bool is_done)
{
        Jobd__Work__Compacted compacted = JOBD__WORK__COMPACTED__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        char name[SPOOL_NAME_MAX];
        struct stat st;

        compacted.job = compaction->job;
        compacted.task = compaction->task;
        compacted.attempt = compaction->attempt;
        compacted.done = is_done;
        spool_name(name, compaction->job, compaction->task, compaction->attempt, true);
        if (is_done && fstatat(pool->spool_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                compacted.has_size_bytes = true;
                compacted.size_bytes = (uint64_t)st.st_size;
        }
        report.body_case = JOBD__WORK__REPORT__BODY_COMPACTED;
        report.compacted = &compacted;
        link_send(pool->link, &report);
}

static int pool_compact_start(struct pool *pool, const struct pool_compaction *compaction)
{
        char from[SPOOL_NAME_MAX], to[SPOOL_NAME_MAX];
        const char *const argv[] = {
                "jobd-worker", "--compact", "--spool", pool->options->spool_path, from, to, NULL
        };
        int r;

        spool_name(from, compaction->job, compaction->task, compaction->attempt, false);
        spool_name(to, compaction->job, compaction->task, compaction->attempt, true);
        r = pool_spawn_self(argv, -1, &pool->compact_pid);
        return PASS(r);
}

static void pool_compact_finish(struct pool *pool, bool is_done)
{
        struct pool_compaction *compaction = STAILQ_FIRST(&pool->compactions);

        pool->compact_pid = 0;
        if (!compaction)
                return;
        STAILQ_REMOVE_HEAD(&pool->compactions, entry);
        pool->compactions_count--;
        pool_compact_report(pool, compaction, is_done);
        free(compaction);
}

static void pool_compact_next(struct pool *pool)
{
        while (!pool->compact_pid && !pool->is_stopping && !STAILQ_EMPTY(&pool->compactions))
                if (pool_compact_start(pool, STAILQ_FIRST(&pool->compactions)))
                        pool_compact_finish(pool, false);
}

void pool_compact_add(struct pool *pool, const Jobd__Work__Compact *compact)
{
        struct pool_compaction *const compaction = pool->compactions_count < POOL_COMPACTIONS_MAX
                                                           ? calloc(1, sizeof(*compaction))
                                                           : NULL;

        if (!compaction) {
                /* Once for a heap of them: jobs cause this, and they must not fill the log. */
                if (!pool->is_compacting_less)
                        log_warning("too many files to compress: job %llu and more stay as they "
                                    "are until these are done",
                                    (unsigned long long)compact->job);
                pool->is_compacting_less = true;
                return;
        }
        compaction->job = compact->job;
        compaction->task = compact->task;
        compaction->attempt = compact->attempt;
        STAILQ_INSERT_TAIL(&pool->compactions, compaction, entry);
        pool->compactions_count++;
        pool_compact_next(pool);
}

bool pool_compact_on_exit(struct pool *pool, pid_t pid, int status)
{
        if (pid != pool->compact_pid)
                return false;
        pool_compact_finish(pool, WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (STAILQ_EMPTY(&pool->compactions))
                pool->is_compacting_less = false;
        pool_compact_next(pool);
        return true;
}

void pool_compact_deinit(struct pool *pool)
{
        struct pool_compaction *compaction;

        while ((compaction = STAILQ_FIRST(&pool->compactions))) {
                STAILQ_REMOVE_HEAD(&pool->compactions, entry);
                free(compaction);
        }
}
