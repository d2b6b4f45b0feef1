/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of the stories about jobs that wait for jobs. */
#pragma once

#include <check.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"

static const struct engine_spec plain = { .task_count = 1 };

static _unused_ bool is_waiting(uint64_t id)
{
        const struct job *job = engine_find(fake.engine, id);

        return job && job->is_waiting;
}

static _unused_ uint64_t submit_after(enum deps_kind kind, uint64_t parent)
{
        const struct engine_dependency on = { .kind = (uint8_t)kind, .job = parent };
        struct engine_spec spec = plain;

        spec.dependencies = &on;
        spec.dependencies_count = 1;
        return fake_submit(1000, &spec);
}

/* The newest START of this job's task, or NULL. */
static _unused_ const struct fake_sent *start_of(uint64_t job, uint64_t task)
{
        const struct fake_sent *found = NULL, *sent;

        for (size_t i = 0; (sent = fake_find(FAKE_START, i)); i++)
                if (sent->job == job && sent->task == task)
                        found = sent;
        return found;
}

/* Ends the task that was started. */
static _unused_ void end_task(uint64_t job, uint64_t task, int code)
{
        const struct fake_sent *const sent = start_of(job, task);

        ck_assert_ptr_nonnull(sent);
        fake_exit(fake.workers[sent->worker], sent->lease, code);
        fake_turn();
}

/* A job of one task that has ended with this code. */
static _unused_ uint64_t ended_job(int code)
{
        const uint64_t id = fake_submit(1000, &plain);

        fake_turn();
        end_task(id, 0, code);
        return id;
}

static _unused_ uint64_t submit_named(const char *name, bool singleton)
{
        static const struct engine_dependency on = { .kind = DEPS_SINGLETON };
        struct engine_spec spec = plain;

        spec.name = name;
        spec.dependencies = &on;
        spec.dependencies_count = singleton;
        return fake_submit(1000, &spec);
}
