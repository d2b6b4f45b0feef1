/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event leaves in this turn's batch: the rows as they are now, one line of history with the
 * next sequence, and the inline output of an attempt that ended. Rows and history enter the same
 * transaction, so that neither can be true without the other.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"

#define ENGINE_DETAIL_MAX 384

uint32_t engine_set_actor(struct engine *e, uint32_t uid)
{
        const uint32_t before = e->actor_uid;

        e->actor_uid = uid;
        return before;
}

/* Somebody else's act says whose it is, behind what there is to say anyhow. */
static const char *engine_name_actor(const struct engine *e, const struct job *job,
                                     const char *detail, char buf[static ENGINE_DETAIL_MAX])
{
        if (e->actor_uid == ENGINE_NOBODY || e->actor_uid == job->user->uid)
                return detail;
        snprintf(buf, ENGINE_DETAIL_MAX, "%.340s%sby {uid:%" PRIu32 "}", detail ? detail : "",
                 detail ? ", " : "", e->actor_uid);
        return buf;
}

void engine_post_event(struct engine *e, struct job *job, uint64_t number, enum job_event event,
                       enum job_state state, const char *detail)
{
        struct journal_batch *batch = engine_batch(e);
        char text[ENGINE_DETAIL_MAX];
        const struct journal_event row = {
                .seq = ++e->sequence,
                .wall_usec = clock_wall_usec(),
                .job = job->id,
                .task = number,
                .uid = job->user->uid,
                .kind = (uint8_t)event,
                .state = (uint8_t)state,
                .detail = engine_name_actor(e, job, detail, text),
        };

        job->last_sequence = e->sequence;
        e->events_posted++;
        if (batch)
                engine_note(e, journal_put_event(batch, &row));
}

static void engine_fill_map_row(const struct job_map *map, struct journal_job *out_row)
{
        out_row->map_values = map->values_count;
        out_row->input = map->input;
        out_row->chunk_next = map->chunk_next;
        out_row->input_bytes = map->input_bytes;
        out_row->seen_task = map->seen_task;
        out_row->start_delay_usec = map->start_delay_usec;
        out_row->halt_on = map->halt_on;
        out_row->halt_now = map->halt_now;
        out_row->halt_count = map->halt_count;
        out_row->halt_percent = map->halt_percent;
}

void engine_fill_job_row(const struct job *job, struct journal_job *out_row)
{
        const struct job_extra *x = job->extra;

        memset(out_row, 0, sizeof(*out_row));
        out_row->id = job->id;
        out_row->uid = job->user->uid;
        out_row->gid = job->gid;
        out_row->state = JOB_QUEUED;
        out_row->hold = job->hold;
        out_row->requeue = job->requeue;
        out_row->priority = job->priority;
        out_row->submit_wall_usec = job->submit_wall_usec;
        out_row->task_count = job->task_count;
        out_row->task_next = job->task_next;
        out_row->queue = job->lane->queue->id;
        if (!x)
                return;
        out_row->cpus = x->cpus;
        out_row->memory_bytes = x->memory_bytes;
        out_row->time_limit_usec = x->time_limit_usec;
        out_row->begin_wall_usec = x->begin_wall_usec;
        out_row->array_first = x->array_first;
        out_row->array_step = x->array_step;
        out_row->array_width = x->array_width;
        out_row->retries = x->retries;
        out_row->retry_delay_usec = x->retry_delay_usec;
        out_row->retry_on = x->has_retry_on ? x->retry_on : NULL;
        ends_to_row(x, out_row);
        out_row->unique_key = x->unique_key;
        if (x->map)
                engine_fill_map_row(x->map, out_row);
}

static void engine_fill_end(struct journal_task *row, const struct workers_exit *exit)
{
        row->end_wall_usec = exit->end_wall_usec ? exit->end_wall_usec : clock_wall_usec();
        row->run_usec = exit->run_usec;
        row->exit_code = exit->exit_code;
        row->exit_signal = exit->exit_signal;
        row->user_usec = exit->user_usec;
        row->system_usec = exit->system_usec;
        row->memory_peak_bytes = exit->memory_peak_bytes;
        row->read_bytes = exit->read_bytes;
        row->write_bytes = exit->write_bytes;
        row->output_bytes = exit->output_bytes;
        row->output_cut = exit->output_cut;
        if (exit->spooled)
                row->output_where = JOURNAL_OUTPUT_SPOOL;
        else if (exit->records_size > 0)
                row->output_where = JOURNAL_OUTPUT_INLINE;
        if (row->output_where != JOURNAL_OUTPUT_NONE)
                row->output_disk_bytes = exit->output_bytes;
}

void engine_write_task(struct engine *e, const struct task *task, const struct engine_end *end)
{
        _cleanup_(freep) char *held = NULL;
        struct journal_batch *batch = engine_batch(e);
        struct journal_task row = {
                .job = task->job->id,
                .task = task->number,
                .state = task->state,
                .stop_reason = task->stop_reason,
                .started = task->started,
                .attempt = task->attempt,
                .lease = task->lease,
                .worker = task->worker_number,
                .slot = task->last_slot,
                .generation = task->generation,
                .pid = task->pid,
                .retry_wall_usec = task->retry_wall_usec,
                .start_wall_usec = task->start_wall_usec,
                .exit_code = -1,
                .why = end ? end->why : NULL,
        };

        if (!batch)
                return;
        row.held = held = claims_format_held(e, task);
        if (task->boot_is_ours)
                memcpy(row.boot_id, e->boot_id, sizeof(row.boot_id));
        if (end && end->exit)
                engine_fill_end(&row, end->exit);
        else if (job_state_is_finished(task->state))
                row.end_wall_usec = clock_wall_usec();
        engine_note(e, journal_put_task(batch, &row));
}

/* Inline output goes into the same transaction as the end. */
void engine_write_output(struct engine *e, const struct task *task, const struct workers_exit *exit)
{
        _cleanup_(journal_blob_unrefp) struct journal_blob *blob = NULL;
        struct journal_batch *batch = engine_batch(e);
        uint8_t *copy;
        int r;

        if (!batch || exit->spooled || exit->records_size == 0)
                return;
        copy = malloc(exit->records_size);
        if (!copy) {
                engine_note(e, FAULT(-ENOMEM));
                return;
        }
        memcpy(copy, exit->records, exit->records_size);
        r = journal_blob_new(copy, exit->records_size, &blob);
        if (!r)
                r = journal_put_output(batch, task->job->id, task->number, task->attempt, blob);
        engine_note(e, r);
}
