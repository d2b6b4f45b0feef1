/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing jobs that are queued: what their owner may decide anew is written into memory, into the
 * row and into the stored specification, in one transaction. Several jobs are changed together or
 * not at all, so everything is judged before the first is touched.
 *
 * The new specification is made by who asks (daemon/clients decodes and packs, we do not) out of
 * the old one, which was read from the journal some turns ago. Whether that is still the newest one
 * is judged by sequences: a job remembers that of its last change.
 *
 * Of an array or map the tasks that no worker has yet are changed. What waits in the memory of a
 * worker, or runs, keeps the specification it was given, and the cores it was counted with.
 */
#include <inttypes.h>
#include <string.h>

#include "common/text.h"

#include "daemon/jobs/engine_private.h"

/* ------------------------------------------------------------------------------------- judging */

bool engine_is_updatable(const struct job *job)
{
        const struct job_map *map = job_map_of(job);

        return (map && map->input == JOURNAL_INPUT_OPEN) ||
               engine_job_open_tasks(job) > job->leased_count;
}

static int update_check_one(const struct engine *e, const struct engine_submission *asker,
                            const struct job *job, const struct engine_update *update,
                            struct reason *why)
{
        struct reason detail = { "" };
        int r;

        if (!job)
                return reason_set(why, ENGINE_E_STATE, "job %" PRIu64 " has ended", update->id);
        if (!engine_is_updatable(job))
                return reason_set(why, ENGINE_E_STATE,
                                  "job %" PRIu64
                                  " runs already: only what is still queued can be changed",
                                  update->id);
        if (job->extra && job->extra->update_sequence > update->read_sequence)
                return reason_set(why, ENGINE_E_BUSY,
                                  "job %" PRIu64
                                  " was changed by somebody else at the same time: try again",
                                  update->id);
        if (submit_check_possible(e, job->user, &update->spec, &detail))
                return reason_set(why, ENGINE_E_REFUSED, "job %" PRIu64 ": %s", update->id,
                                  detail.text);
        r = update->sets_queue ? engine_queues_judge(e, asker, &update->spec, &detail) : 0;
        return r ? reason_set(why, r, "%s", detail.text) : 0;
}

/* As at submit: the specifications in the store have a limit. */
static int update_check_bytes(const struct engine *e, const struct job *job, uint64_t grown,
                              struct reason *why)
{
        char most[TEXT_SIZE_MAX];

        if (grown == 0)
                return 0;
        if (job->user->spec_bytes + grown > e->options.spec_bytes_max_per_user)
                return reason_set(why, ENGINE_E_LIMIT,
                                  "the specifications of your queued jobs would exceed %s",
                                  text_format_size(e->options.spec_bytes_max_per_user, most));
        if (e->spec_bytes + grown > e->options.spec_bytes_max)
                return reason_set(why, ENGINE_E_LIMIT,
                                  "the machine's queue is full: try again later");
        return 0;
}

static int update_check(struct engine *e, const struct engine_submission *asker,
                        const struct engine_update *updates, size_t count, size_t *out_index,
                        struct reason *why)
{
        uint64_t grown = 0;

        *out_index = 0;
        if (count > 0 && journal_is_disk_full(e->journal))
                return reason_set(why, ENGINE_E_FULL,
                                  "the disk under the daemon's state folder is nearly full: "
                                  "nothing is changed until space is free again");
        for (size_t i = 0; i < count; i++) {
                const struct job *job = job_table_find(&e->jobs, updates[i].id);
                int r;

                *out_index = i;
                r = update_check_one(e, asker, job, &updates[i], why);
                if (r)
                        return r;
                if (updates[i].spec.spec->size > job->spec_bytes)
                        grown += updates[i].spec.spec->size - job->spec_bytes;
                r = update_check_bytes(e, job, grown, why);
                if (r)
                        return r;
        }
        return deps_update_check(e, asker, updates, count, out_index, why);
}

/* ------------------------------------------------------------------------------------ changing */

static void update_extra(struct job_extra *x, const struct engine_spec *s)
{
        x->cpus = s->cpus;
        x->memory_bytes = s->memory_bytes;
        x->time_limit_usec = s->time_limit_usec;
        x->retries = s->retries;
        x->retry_delay_usec = s->retry_delay_usec;
        x->has_retry_on = s->retry_on;
        if (s->retry_on)
                memcpy(x->retry_on, s->retry_on, JOB_RETRY_ON_BYTES);
}

static void update_memory(struct engine *e, struct job *job, const struct engine_update *update)
{
        const struct engine_spec *s = &update->spec;
        const uint32_t bytes = (uint32_t)s->spec->size;

        update_extra(job->extra, s);
        job->user->spec_bytes += bytes - (uint64_t)job->spec_bytes;
        e->spec_bytes += bytes - (uint64_t)job->spec_bytes;
        job->spec_bytes = bytes;
        job->requeue = s->requeue;
        if (update->sets_hold)
                job->hold = s->hold;
        if (update->sets_queue)
                lanes_set_queue(e, job,
                                s->queue ? queues_find_name(&e->queues, s->queue)
                                         : queues_default(&e->queues));
        if (job->priority != s->priority) {
                job->priority = s->priority;
                lanes_reorder(e, job);
        }
        if (job->extra->map)
                start_replace(job->extra->map, s->spec, s->environment);
        if (update->sets_begin)
                run_queue_set_begin(e, job, s->begin_wall_usec);
        run_queue_update(e, job);
}

/* Who stands for all jobs of its name may do so no more: deps_stands_for_name(). */
static void update_note_name(const struct engine *e, const struct job *job)
{
        struct user *user = job->user;

        user->rename_first_id =
                user->rename_sequence ? MIN(user->rename_first_id, job->id) : job->id;
        user->rename_sequence = e->sequence;
}

static void update_one(struct engine *e, const struct engine_update *update)
{
        struct job *job = job_table_find(&e->jobs, update->id);
        struct job_extra *x = engine_extra(e, job);
        struct journal_batch *batch = engine_batch(e);
        struct journal_job row;

        if (!x || !batch)
                return;
        update_memory(e, job, update);
        engine_fill_job_row(job, &row);
        row.name = update->spec.name;
        row.spec = update->spec.spec;
        row.environment = update->spec.environment;
        engine_note(e, journal_update_job(batch, &row));
        engine_post_event(e, job, 0, JOB_EV_UPDATE, JOB_QUEUED, update->detail);
        x->update_sequence = e->sequence;
        if (update->sets_name)
                update_note_name(e, job);
        deps_lookup_note(e, job->user->uid, update->spec.name, job->id);
}

int engine_update(struct engine *e, const struct engine_submission *asker,
                  const struct engine_update *updates, size_t count, size_t *out_index,
                  struct reason *why)
{
        const int r = update_check(e, asker, updates, count, out_index, why);

        if (r)
                return r;
        for (size_t i = 0; i < count && !e->fault; i++)
                update_one(e, &updates[i]);
        if (!e->fault)
                deps_update_apply(e, asker, updates, count);
        return e->fault ? PASS(e->fault) : 0;
}
