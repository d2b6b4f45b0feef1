/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a START needs: specification, environment, and for a map the task's values. Two steps: the
 * ASSIGN event is posted, and what is not in memory is fetched by the same transaction; when that
 * is durable the journal hands it over and the order leaves.
 *
 * An array or a map starts the same command again and again. So while any of its tasks is leased,
 * its specification, its environment and the chunk of input that is being worked through stay in
 * memory, and the order is queued at once, with the ASSIGN's sequence as its barrier. Chunks are
 * used up in order: a cursor stands where the next task's values begin. A task from before the
 * chunk (a retry) fetches its own and leaves no trace.
 *
 * Each worker that holds tasks of a job has a slot of it, the smallest that is free: what `{%}`
 * and JOBD_SLOT say, and what a width counts. Called by scheduler.c and engine_apply.c.
 */
#include <errno.h>
#include <string.h>

#include "common/failpoint.h"
#include "common/log.h"

#include "daemon/jobs/engine_private.h"

struct start_values {
        const uint8_t *data;
        size_t size;
};

void start_forget(struct job_map *map)
{
        map->spec = journal_blob_unref(map->spec);
        map->environment = journal_blob_unref(map->environment);
        map->chunk = journal_blob_unref(map->chunk);
        map->chunk_first = map->chunk_tasks = map->cursor_task = 0;
        map->cursor = 0;
        free(map->slot_leases);
        map->slot_leases = NULL;
        map->slots_size = map->slots_used = 0;
}

void start_replace(struct job_map *map, struct journal_blob *spec, struct journal_blob *environment)
{
        if (map->slots_used == 0)
                return; /* the next START fetches it */
        journal_blob_unref(map->spec);
        journal_blob_unref(map->environment);
        map->spec = journal_blob_ref(spec);
        map->environment = journal_blob_ref(environment);
}

/* --------------------------------------------------------------------------------------- slots */

static uint32_t start_find_own_slot(const struct task *task)
{
        const struct worker_view *view = task->worker ? worker_data(task->worker) : NULL;
        const struct task *other;

        if (!view)
                return 0;
        LIST_FOREACH (other, &view->tasks, worker_entry)
                if (other != task && other->job == task->job && other->slot)
                        return other->slot;
        return 0;
}

static uint32_t start_find_free_slot(const struct job_map *map)
{
        uint32_t i = 0;

        while (i < map->slots_size && map->slot_leases[i])
                i++;
        return i + 1;
}

/* Room for the numbers up to `slot`. False: a fault, noted. */
static bool start_make_slots(struct engine *e, struct job_map *map, uint32_t slot)
{
        const uint32_t size = (slot + 7U) / 8U * 8U;
        uint32_t *bigger;

        if (slot <= map->slots_size)
                return true;
        bigger = reallocarray(map->slot_leases, size, sizeof(*bigger));
        if (!bigger) {
                engine_note(e, FAULT(-ENOMEM));
                return false;
        }
        memset(bigger + map->slots_size, 0, (size - map->slots_size) * sizeof(*bigger));
        map->slot_leases = bigger;
        map->slots_size = size;
        return true;
}

void start_take_slot(struct engine *e, struct task *task)
{
        struct job_map *map = job_map_of(task->job);

        if (!map)
                return;
        if (!task->slot)
                task->slot = start_find_own_slot(task);
        if (!task->slot)
                task->slot = start_find_free_slot(map);
        if (!start_make_slots(e, map, task->slot))
                task->slot = 0;
        task->last_slot = task->slot;
        if (task->slot && map->slot_leases[task->slot - 1]++ == 0)
                map->slots_used++;
}

void start_give_slot(struct task *task)
{
        struct job_map *map = job_map_of(task->job);

        if (!map || !task->slot)
                return;
        if (--map->slot_leases[task->slot - 1] == 0)
                map->slots_used--;
        task->slot = 0;
        if (map->slots_used == 0)
                start_forget(map);
}

/* -------------------------------------------------------------------------------------- values */

/* Past `count` values, each ended by a zero byte. */
static size_t start_skip(const struct journal_blob *chunk, size_t at, uint64_t count)
{
        while (count-- > 0 && at < chunk->size) {
                const uint8_t *const zero = memchr(chunk->data + at, 0, chunk->size - at);

                at = zero ? (size_t)(zero - chunk->data) + 1 : chunk->size;
        }
        return at;
}

static bool start_chunk_has(const struct job_map *map, uint64_t number)
{
        return map->chunk && number >= map->chunk_first &&
               number - map->chunk_first < map->chunk_tasks;
}

/* The values of a task of the chunk in memory; the cursor moves behind them. */
static struct start_values start_take_values(struct job_map *map, uint64_t number)
{
        size_t begin, end;

        if (number < map->cursor_task) {
                map->cursor_task = map->chunk_first;
                map->cursor = 0;
        }
        begin = start_skip(map->chunk, map->cursor,
                           (number - map->cursor_task) * map->values_count);
        end = start_skip(map->chunk, begin, map->values_count);
        map->cursor_task = number + 1;
        map->cursor = end;
        return (struct start_values){ map->chunk->data + begin, end - begin };
}

/* --------------------------------------------------------------------------------------- START */

/* What is left of the user's quota bounds what one attempt may write. */
static uint64_t start_output_cap(const struct engine *e, const struct user *user)
{
        const struct engine_options *o = &e->options;
        uint64_t left;

        if (o->output_quota_bytes == 0)
                return 0;
        left = o->output_quota_bytes - MIN(user->output_bytes, o->output_quota_bytes);
        left = MAX(left, 64 * 1024); /* enough to say why there is no more */
        return o->output_cap_bytes && left > o->output_cap_bytes ? 0 : left;
}

static bool start_is_bound(const struct engine *e, const struct job *job)
{
        if (e->options.affinity == ENGINE_AFFINITY_ASKED)
                return job->extra && job->extra->cpus;
        return e->options.affinity == ENGINE_AFFINITY_ALWAYS;
}

static void start_send(struct engine *e, struct task *task, const struct journal_blob *spec,
                       const struct journal_blob *environment, const struct start_values *values,
                       uint64_t barrier)
{
        _cleanup_(freep) char *resource_env = NULL;
        struct job *job = task->job;
        const struct job_map *map = job_map_of(job);
        struct workers_start start = {
                .lease = task->lease,
                .job = job->id,
                .task = task->number,
                .attempt = task->attempt + 1,
                .uid = job->user->uid,
                .gid = job->gid,
                .spec = spec->data,
                .spec_size = spec->size,
                .environment = environment ? environment->data : NULL,
                .environment_size = environment ? environment->size : 0,
                .follow = watch_wants_output(e->watches, job->id),
                .output_cap_bytes = start_output_cap(e, job->user),
                .is_repeated = map != NULL,
                .spec_version = map ? job->extra->update_sequence : 0,
                .slot = task->slot,
                .cores = task->core_lease ? task->core_lease->numbers : NULL,
                .cores_count = task->core_lease ? task->core_lease->count : 0,
                .bind = start_is_bound(e, job),
        };

        task->start_ready = true;
        if (!task->worker)
                return; /* its link is gone: the next inventory, or the pool, decides */
        if (values) {
                start.values = values->data;
                start.values_size = values->size;
        } else if (job->extra && job->extra->array_step) {
                start.is_array = true;
                start.array_index = job->extra->array_first + task->number * job->extra->array_step;
        }
        resource_env = claims_format_environment(e, task, &start.resource_env_size);
        start.resource_env = resource_env;
        if (FAILPOINT("engine.before_start"))
                return;
        worker_start(task->worker, &start, barrier);
        scheduler_expect_answer(e, task);
}

static void start_lose(struct engine *e, struct task *task, const char *why)
{
        log_error("job %llu: %s", (unsigned long long)task->job->id, why);
        outcome_lose(e, task, why);
}

/* Sends it when nothing is missing any more. */
static bool start_try(struct engine *e, struct task *task, uint64_t barrier)
{
        struct job_map *map = job_map_of(task->job);
        struct start_values values;

        if (!map->spec)
                return false;
        if (!map->values_count) {
                start_send(e, task, map->spec, map->environment, NULL, barrier);
                return true;
        }
        if (!start_chunk_has(map, task->number))
                return false;
        values = start_take_values(map, task->number);
        start_send(e, task, map->spec, map->environment, &values, barrier);
        return true;
}

/* The lease that a fetch was made for, while it still waits for it. */
static struct task *start_find(struct engine *e, uint64_t lease)
{
        struct task *task = engine_find_lease(e, lease);

        return task && task->state == JOB_STARTING && !task->start_ready ? task : NULL;
}

static void start_on_spec(void *arg, uint64_t lease, struct journal_blob *spec,
                          struct journal_blob *environment)
{
        struct engine *e = arg;
        struct task *task = start_find(e, lease);
        struct job_map *map = task ? job_map_of(task->job) : NULL;

        if (!task)
                return; /* cancelled before it could leave */
        if (!spec) {
                start_lose(e, task, "its specification is missing from the store");
                return;
        }
        if (!map) {
                start_send(e, task, spec, environment, NULL, 0);
                return;
        }
        if (!map->spec) { /* else it is newer: start_replace() */
                map->spec = journal_blob_ref(spec);
                map->environment = journal_blob_ref(environment);
        }
        (void)start_try(e, task, task->job->extra->update_sequence);
}

/* The last task of all may have fewer values. */
static uint64_t start_count_tasks(const struct job_map *map, uint64_t values)
{
        return (values + map->values_count - 1) / map->values_count;
}

static void start_on_chunk(void *arg, uint64_t lease, uint64_t first_task, uint64_t count,
                           struct journal_blob *values)
{
        struct engine *e = arg;
        struct task *task = start_find(e, lease);
        struct job_map *map = task ? job_map_of(task->job) : NULL;
        struct job_map other;

        if (!task)
                return;
        if (!values) {
                start_lose(e, task, "its input is missing from the store");
                return;
        }
        if (map->chunk && first_task < map->chunk_first && map->spec) {
                struct start_values own;

                other = (struct job_map){ .values_count = map->values_count,
                                          .chunk = values,
                                          .chunk_first = first_task,
                                          .chunk_tasks = start_count_tasks(map, count),
                                          .cursor_task = first_task };
                own = start_take_values(&other, task->number);
                start_send(e, task, map->spec, map->environment, &own,
                           task->job->extra->update_sequence);
                return;
        }
        if (map->chunk != values) {
                journal_blob_unref(map->chunk);
                map->chunk = journal_blob_ref(values);
                map->chunk_first = map->cursor_task = first_task;
                map->chunk_tasks = start_count_tasks(map, count);
                map->cursor = 0;
        }
        (void)start_try(e, task, task->job->extra->update_sequence);
}

void start_request(struct engine *e, struct task *task)
{
        struct job_map *map = job_map_of(task->job);
        struct journal_batch *batch = engine_batch(e);

        if (!batch || (map && start_try(e, task, e->sequence)))
                return;
        if (!map || !map->spec)
                engine_note(
                        e, journal_fetch_spec(batch, task->job->id, start_on_spec, e, task->lease));
        if (map && map->values_count && !start_chunk_has(map, task->number))
                engine_note(e, journal_fetch_input(batch, task->job->id, task->number,
                                                   start_on_chunk, e, task->lease));
}
