/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map that takes input belongs to whoever appends. A session enters with its first Append, or
 * with the Submit of the map, and leaves all of its maps when it ends; the engine counts the
 * appenders of each and decides what an open map without one means (jobs/map_input.c). Used by
 * verb_append.c, verb_submit.c and session.c.
 */
#include "daemon/clients/appender.h"

#include <errno.h>
#include <stdlib.h>

#include "common/error.h"

static bool appender_is_in(const struct appender *appender, uint64_t job)
{
        for (size_t i = 0; i < appender->count; i++)
                if (appender->jobs[i] == job)
                        return true;
        return false;
}

/* Maps that have ended are forgotten when the list would grow. */
static void appender_sweep(struct appender *appender, struct engine *engine)
{
        size_t kept = 0;

        for (size_t i = 0; i < appender->count; i++)
                if (engine_find(engine, appender->jobs[i]))
                        appender->jobs[kept++] = appender->jobs[i];
        appender->count = kept;
}

int appender_enter(struct appender *appender, struct engine *engine, struct job *job)
{
        const uint64_t id = engine_job_id(job);

        if (appender_is_in(appender, id))
                return 0;
        if (appender->count == appender->room)
                appender_sweep(appender, engine);
        if (appender->count == appender->room) {
                const size_t room = MAX(2 * appender->room, 4U);
                uint64_t *const jobs = reallocarray(appender->jobs, room, sizeof(*jobs));

                if (!jobs)
                        return FAULT(-ENOMEM);
                appender->jobs = jobs;
                appender->room = room;
        }
        appender->jobs[appender->count++] = id;
        engine_add_appender(engine, job);
        return 0;
}

void appender_leave_all(struct appender *appender, struct engine *engine)
{
        while (appender->count > 0) {
                struct job *const job = engine_find(engine, appender->jobs[--appender->count]);

                if (job)
                        engine_remove_appender(engine, job);
        }
        free(appender->jobs);
        *appender = (struct appender){ 0 };
}
