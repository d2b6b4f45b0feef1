/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up the rest of an array or a map by its own rule: so many tasks, or so many percent of
 * them, failed (or succeeded, or ended). The rule is looked at when a task ends, inside
 * engine_apply(), where the job may not be changed further; what follows waits in `halts` for this
 * turn's DECIDE, ahead of the scheduler, so that nothing starts in between.
 *
 * The words are GNU parallel's (--halt): `soon` lets running tasks end, `now` stops them. A rule in
 * percent waits for at least three of those that it counts, out of the tasks that are known so far
 * (the client's exit status goes by the same, client/cmd/map_session_finish.c). Jobs with a rule
 * get no look-ahead (scheduler.c): a lease ahead would be a start behind the halt.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"

#include "daemon/jobs/engine_private.h"

#define HALT_PERCENT_MIN_TASKS 3U

/* jobd.HaltOn; the same numbers. */
enum halt_on {
        HALT_ON_NONE,
        HALT_ON_FAIL,
        HALT_ON_SUCCESS,
        HALT_ON_DONE,
};

static uint64_t halt_count(const struct job *job, uint8_t on)
{
        const struct job_extra *x = job->extra;

        if (on == HALT_ON_FAIL) /* what somebody cancelled is no reason to give up the rest */
                return x->tasks_failed - x->tasks_other[0];
        return on == HALT_ON_SUCCESS ? x->tasks_ok : x->tasks_ok + x->tasks_failed;
}

static bool halt_is_due(const struct job *job)
{
        const struct job_map *map = job->extra->map;
        const uint64_t count = halt_count(job, map->halt_on);

        if (map->halt_count)
                return count >= map->halt_count;
        return count >= HALT_PERCENT_MIN_TASKS &&
               count * 100 >= job->task_count * map->halt_percent;
}

void halt_look(struct engine *e, struct job *job, enum job_state state)
{
        struct job_map *map = job_map_of(job);

        if (!map || !map->halt_on || map->is_halted || state == JOB_CANCELLED || !halt_is_due(job))
                return;
        map->is_halted = true;
        map->halted_at = halt_count(job, map->halt_on);
        map->is_halt_due = true;
        TAILQ_INSERT_TAIL(&e->halts, map, halt_entry);
}

void halt_forget(struct engine *e, struct job_map *map)
{
        if (map->is_halt_due)
                TAILQ_REMOVE(&e->halts, map, halt_entry);
        map->is_halt_due = false;
}

enum job_state halt_end_state(const struct job_map *map)
{
        return map->halt_on == HALT_ON_FAIL ? JOB_FAILED : JOB_SUCCEEDED;
}

void halt_describe(const struct job_map *map, char *buf, size_t size)
{
        static const char *const words[] = { "?", "failed", "succeeded", "ended" };

        snprintf(buf, size, "halted after %" PRIu64 " of its tasks %s", map->halted_at,
                 words[map->halt_on & 3]);
}

static void halt_job(struct engine *e, struct job *job)
{
        const struct job_map *map = job->extra->map;
        char detail[80];

        halt_describe(map, detail, sizeof(detail));
        engine_post_event(e, job, job->task_next, JOB_EV_HALT, JOB_QUEUED, detail);
        log_debug("job %" PRIu64 " %s", job->id, detail);
        act_give_up(e, job, map->halt_now, detail);
}

void halt_run(struct engine *e)
{
        struct job_map *map;

        while (!e->fault && (map = TAILQ_FIRST(&e->halts))) {
                halt_forget(e, map);
                halt_job(e, map->job);
        }
}
