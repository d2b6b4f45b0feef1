/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function per row and direction, in the order of the column lists in statement.c: a column
 * added there is added here, twice. Nothing is interpreted: what the engine put comes back bit by
 * bit, and whether a restored row makes sense is for daemon/jobs/restore to say.
 */
#include "daemon/journal/row.h"

#include <string.h>

#define RETRY_ON_BYTES 32

void row_bind_job(struct binder *to, const struct journal_job *row, uint64_t spec_bytes)
{
        bind_number(to, row->id);
        bind_number(to, row->uid);
        bind_number(to, row->gid);
        bind_number(to, row->state);
        bind_number(to, row->finished);
        bind_number(to, row->hold);
        bind_number(to, row->requeue);
        bind_signed(to, row->priority);
        bind_number(to, row->cpus);
        bind_number(to, row->memory_bytes);
        bind_number(to, row->submit_wall_usec);
        bind_number(to, row->begin_wall_usec);
        bind_number(to, row->end_wall_usec);
        bind_number(to, row->task_count);
        bind_number(to, row->task_next);
        bind_number(to, row->array_first);
        bind_number(to, row->array_step);
        bind_number(to, row->array_width);
        bind_number(to, row->retries);
        bind_number(to, row->retry_delay_usec);
        bind_blob(to, row->retry_on, RETRY_ON_BYTES);
        bind_number(to, row->tasks_ok);
        bind_number(to, row->tasks_failed);
        bind_text(to, row->name);
        bind_text(to, row->unique_key);
        bind_text(to, row->why);
        bind_number(to, spec_bytes);
        bind_number(to, row->map_values);
        bind_number(to, row->input);
        bind_number(to, row->chunk_next);
        bind_number(to, row->input_bytes);
        bind_number(to, row->seen_task);
        bind_number(to, row->start_delay_usec);
        bind_number(to, row->halt_on);
        bind_number(to, row->halt_now);
        bind_number(to, row->halt_count);
        bind_number(to, row->halt_percent);
        bind_number(to, row->tasks_cancelled);
        bind_number(to, row->tasks_timeout);
        bind_number(to, row->tasks_oom);
        bind_number(to, row->tasks_lost);
        bind_number(to, row->queue);
        bind_number(to, row->time_limit_usec);
        bind_text(to, row->asks);
}

void row_bind_job_changes(struct binder *to, const struct journal_job *row)
{
        bind_number(to, row->state);
        bind_number(to, row->hold);
        bind_signed(to, row->priority);
        bind_number(to, row->begin_wall_usec);
        bind_number(to, row->end_wall_usec);
        bind_number(to, row->task_next);
        bind_number(to, row->tasks_ok);
        bind_number(to, row->tasks_failed);
        bind_text(to, row->why);
        bind_number(to, row->task_count);
        bind_number(to, row->input);
        bind_number(to, row->chunk_next);
        bind_number(to, row->input_bytes);
        bind_number(to, row->seen_task);
        bind_number(to, row->tasks_cancelled);
        bind_number(to, row->tasks_timeout);
        bind_number(to, row->tasks_oom);
        bind_number(to, row->tasks_lost);
        bind_number(to, row->queue);
        bind_number(to, row->id);
}

void row_bind_job_update(struct binder *to, const struct journal_job *row, uint64_t spec_bytes)
{
        bind_text(to, row->name);
        bind_number(to, row->requeue);
        bind_number(to, row->cpus);
        bind_number(to, row->memory_bytes);
        bind_number(to, row->retries);
        bind_number(to, row->retry_delay_usec);
        bind_blob(to, row->retry_on, RETRY_ON_BYTES);
        bind_number(to, row->time_limit_usec);
        bind_number(to, spec_bytes);
        bind_number(to, row->id);
}

void row_take_job(struct taker *from, struct journal_job *out_row)
{
        memset(out_row, 0, sizeof(*out_row));
        out_row->id = take_number(from);
        out_row->uid = take_u32(from);
        out_row->gid = take_u32(from);
        out_row->state = take_u8(from);
        out_row->finished = take_number(from) != 0;
        out_row->hold = take_number(from) != 0;
        out_row->requeue = take_number(from) != 0;
        out_row->priority = (int32_t)take_signed(from);
        out_row->cpus = take_u32(from);
        out_row->memory_bytes = take_number(from);
        out_row->submit_wall_usec = take_number(from);
        out_row->begin_wall_usec = take_number(from);
        out_row->end_wall_usec = take_number(from);
        out_row->task_count = take_number(from);
        out_row->task_next = take_number(from);
        out_row->array_first = take_number(from);
        out_row->array_step = take_number(from);
        out_row->array_width = take_u32(from);
        out_row->retries = take_u32(from);
        out_row->retry_delay_usec = take_number(from);
        out_row->retry_on = take_bytes(from, RETRY_ON_BYTES);
        out_row->tasks_ok = take_number(from);
        out_row->tasks_failed = take_number(from);
        out_row->name = take_text(from);
        out_row->unique_key = take_text(from);
        out_row->why = take_text(from);
        out_row->spec_bytes = take_number(from);
        out_row->map_values = take_u32(from);
        out_row->input = take_u8(from);
        out_row->chunk_next = take_number(from);
        out_row->input_bytes = take_number(from);
        out_row->seen_task = take_number(from);
        out_row->start_delay_usec = take_number(from);
        out_row->halt_on = take_u8(from);
        out_row->halt_now = take_number(from) != 0;
        out_row->halt_count = take_number(from);
        out_row->halt_percent = take_u32(from);
        out_row->tasks_cancelled = take_number(from);
        out_row->tasks_timeout = take_number(from);
        out_row->tasks_oom = take_number(from);
        out_row->tasks_lost = take_number(from);
        out_row->queue = take_u32(from);
        out_row->time_limit_usec = take_number(from);
        out_row->asks = take_text(from);
}

void row_bind_task(struct binder *to, const struct journal_task *row)
{
        static const uint8_t no_boot[CLOCK_BOOT_ID_BYTES];
        const bool has_boot = memcmp(row->boot_id, no_boot, sizeof(no_boot)) != 0;

        bind_number(to, row->job);
        bind_number(to, row->task);
        bind_number(to, row->state);
        bind_number(to, row->stop_reason);
        bind_number(to, row->started);
        bind_number(to, row->attempt);
        bind_number(to, row->lease);
        bind_number(to, row->worker);
        bind_number(to, row->generation);
        bind_blob(to, has_boot ? row->boot_id : NULL, CLOCK_BOOT_ID_BYTES);
        bind_number(to, row->pid);
        bind_number(to, row->retry_wall_usec);
        bind_number(to, row->start_wall_usec);
        bind_number(to, row->end_wall_usec);
        bind_number(to, row->run_usec);
        bind_signed(to, row->exit_code);
        bind_number(to, row->exit_signal);
        bind_number(to, row->user_usec);
        bind_number(to, row->system_usec);
        bind_number(to, row->memory_peak_bytes);
        bind_number(to, row->read_bytes);
        bind_number(to, row->write_bytes);
        bind_number(to, row->output_bytes);
        bind_number(to, row->output_disk_bytes);
        bind_number(to, row->output_where);
        bind_number(to, row->output_cut);
        bind_text(to, row->why);
        bind_number(to, row->slot);
        bind_text(to, row->held);
}

static void row_take_boot_id(struct taker *from, uint8_t out_id[static CLOCK_BOOT_ID_BYTES])
{
        const int column = from->column++;
        const void *const data = sqlite3_column_blob(from->stmt, column);

        if (data && sqlite3_column_bytes(from->stmt, column) == CLOCK_BOOT_ID_BYTES)
                memcpy(out_id, data, CLOCK_BOOT_ID_BYTES);
}

void row_take_task(struct taker *from, struct journal_task *out_row)
{
        memset(out_row, 0, sizeof(*out_row));
        out_row->job = take_number(from);
        out_row->task = take_number(from);
        out_row->state = take_u8(from);
        out_row->stop_reason = take_u8(from);
        out_row->started = take_number(from) != 0;
        out_row->attempt = take_u32(from);
        out_row->lease = take_number(from);
        out_row->worker = take_u32(from);
        out_row->generation = take_number(from);
        row_take_boot_id(from, out_row->boot_id);
        out_row->pid = take_u32(from);
        out_row->retry_wall_usec = take_number(from);
        out_row->start_wall_usec = take_number(from);
        out_row->end_wall_usec = take_number(from);
        out_row->run_usec = take_number(from);
        out_row->exit_code = (int32_t)take_signed(from);
        out_row->exit_signal = take_u32(from);
        out_row->user_usec = take_number(from);
        out_row->system_usec = take_number(from);
        out_row->memory_peak_bytes = take_number(from);
        out_row->read_bytes = take_number(from);
        out_row->write_bytes = take_number(from);
        out_row->output_bytes = take_number(from);
        out_row->output_disk_bytes = take_number(from);
        out_row->output_where = take_u8(from);
        out_row->output_cut = take_number(from) != 0;
        out_row->why = take_text(from);
        out_row->slot = take_u32(from);
        out_row->held = take_text(from);
}

void row_bind_queue(struct binder *to, const struct journal_queue *row)
{
        bind_number(to, row->id);
        bind_text(to, row->name);
        bind_number(to, row->policy);
        bind_number(to, row->width_tasks);
        bind_number(to, row->width_cores);
        bind_number(to, row->time_limit_usec);
        bind_number(to, row->memory_bytes);
        bind_number(to, row->cpus);
        bind_signed(to, row->priority);
        bind_number(to, row->weight);
        bind_number(to, row->is_paused);
        bind_number(to, row->is_draining);
        bind_number(to, row->owner_uid);
        bind_text(to, row->users);
}

void row_take_queue(struct taker *from, struct journal_queue *out_row)
{
        memset(out_row, 0, sizeof(*out_row));
        out_row->id = take_u32(from);
        out_row->name = take_text(from);
        out_row->policy = take_u8(from);
        out_row->width_tasks = take_u32(from);
        out_row->width_cores = take_u32(from);
        out_row->time_limit_usec = take_number(from);
        out_row->memory_bytes = take_number(from);
        out_row->cpus = take_u32(from);
        out_row->priority = (int32_t)take_signed(from);
        out_row->weight = take_u32(from);
        out_row->is_paused = take_number(from) != 0;
        out_row->is_draining = take_number(from) != 0;
        out_row->owner_uid = take_u32(from);
        out_row->users = take_text(from);
}

void row_bind_event(struct binder *to, const struct journal_event *row)
{
        bind_number(to, row->seq);
        bind_number(to, row->wall_usec);
        bind_number(to, row->job);
        bind_number(to, row->task);
        bind_number(to, row->uid);
        bind_number(to, row->kind);
        bind_number(to, row->state);
        bind_text(to, row->detail);
}

void row_take_event(struct taker *from, struct journal_event *out_row)
{
        memset(out_row, 0, sizeof(*out_row));
        out_row->seq = take_number(from);
        out_row->wall_usec = take_number(from);
        out_row->job = take_number(from);
        out_row->task = take_number(from);
        out_row->uid = take_u32(from);
        out_row->kind = take_u8(from);
        out_row->state = take_u8(from);
        out_row->detail = take_text(from);
}

void row_bind_grant(struct binder *to, const struct journal_grant *row)
{
        bind_number(to, row->uid);
        bind_blob(to, row->token, JOURNAL_TOKEN_BYTES);
        bind_text(to, row->name);
        bind_number(to, row->shared);
        bind_number(to, row->pid);
        bind_number(to, row->start);
        bind_blob(to, row->boot_id, CLOCK_BOOT_ID_BYTES);
        bind_number(to, row->job);
        bind_number(to, row->task);
}

void row_take_grant(struct taker *from, struct journal_grant *out_row)
{
        const uint8_t *token;

        memset(out_row, 0, sizeof(*out_row));
        out_row->uid = take_u32(from);
        token = take_bytes(from, JOURNAL_TOKEN_BYTES);
        if (token)
                memcpy(out_row->token, token, JOURNAL_TOKEN_BYTES);
        out_row->name = take_text(from);
        out_row->shared = take_number(from) != 0;
        out_row->pid = take_u32(from);
        out_row->start = take_number(from);
        row_take_boot_id(from, out_row->boot_id);
        out_row->job = take_number(from);
        out_row->task = take_number(from);
}
