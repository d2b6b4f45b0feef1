/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rows to memory at start. Rows are the truth: history is not read. Each row is checked
 * against the table (a state that exists, a job that the task belongs to, numbers in range), and a
 * row that fails is an error of the store, not something to repair silently.
 *
 * Leases of this boot stay open: live workers will say what they hold, the pool reports the dead.
 * Leases of another boot are decided in the first turn, all in one transaction: their processes
 * ended with that boot, and how is not known. Nothing but reading happens before the journal
 * thread runs, so that a crash in here changes nothing and the next start does the same again.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/log.h"

#include "daemon/jobs/engine_private.h"

#define RESTORE_SLOT_MAX 65536U /* far more than workers can be */

static void restore_fill_map(struct engine *e, struct job *job, const struct journal_job *row)
{
        struct job_map *map = engine_add_map(e, job);

        if (!map)
                return;
        map->values_count = row->map_values;
        map->input = row->input;
        map->chunk_next = row->chunk_next;
        map->input_bytes = row->input_bytes;
        map->seen_task = row->seen_task;
        map->start_delay_usec = row->start_delay_usec;
        /* Who runs a finished job again has decided; its old failures do not halt it once more. */
        map->halt_on = row->finished ? 0 : row->halt_on;
        map->halt_now = row->halt_now;
        map->halt_count = row->halt_count;
        map->halt_percent = row->halt_percent;
        job->user->spec_bytes += map->input_bytes;
        e->spec_bytes += map->input_bytes;
        map_input_expect_appender(e, map);
}

static int restore_fill_extra(struct engine *e, struct job *job, const struct journal_job *row)
{
        struct job_extra *x;

        if (!row->unique_key && !row->cpus && !row->memory_bytes && !row->time_limit_usec &&
            !row->begin_wall_usec && !row->retries && !row->array_step && !row->map_values &&
            row->task_count == 1)
                return 0;
        x = engine_extra(e, job);
        if (!x)
                return FAULT(-ENOMEM);
        x->cpus = row->cpus;
        x->memory_bytes = row->memory_bytes;
        x->time_limit_usec = row->time_limit_usec;
        x->begin_wall_usec = row->begin_wall_usec;
        x->retries = row->retries;
        x->retry_delay_usec = row->retry_delay_usec;
        x->array_first = row->array_first;
        x->array_step = row->array_step;
        x->array_width = row->array_width;
        ends_from_row(x, row);
        if (row->array_step || row->map_values)
                restore_fill_map(e, job, row);
        if (row->retry_on) {
                x->has_retry_on = true;
                memcpy(x->retry_on, row->retry_on, JOB_RETRY_ON_BYTES);
        }
        if (!row->unique_key)
                return 0;
        x->unique_key = strdup(row->unique_key);
        if (!x->unique_key)
                return FAULT(-ENOMEM);
        HASH_ADD_KEYPTR(unique_hh, job->user->unique, x->unique_key, strlen(x->unique_key), x);
        return x->unique_hh.tbl ? 0 : FAULT(-ENOMEM);
}

static int restore_bad_row(const char *what, uint64_t job, uint64_t task)
{
        log_error("the store holds a %s row that cannot be: job %" PRIu64 ", task %" PRIu64, what,
                  job, task);
        return FAULT(-EBADMSG);
}

int restore_job(struct engine *e, const struct journal_job *row, struct job **out_job)
{
        struct job *job;
        int r;

        if (row->id == 0 || row->uid == UINT32_MAX || row->state >= JOB_STATE_COUNT ||
            (row->task_count == 0 && !row->map_values) || row->task_next > row->task_count ||
            !ends_row_fits(row))
                return restore_bad_row("job", row->id, 0);
        if (job_table_find(&e->jobs, row->id))
                return restore_bad_row("second job", row->id, 0);
        job = engine_add_job(e, row->id, row->uid);
        if (!job)
                return FAULT(-ENOMEM);
        if (row->queue)
                lanes_set_queue(e, job, engine_queues_find(e, row->queue, row->id));
        job->gid = row->gid;
        job->priority = row->priority;
        job->hold = row->hold;
        job->requeue = row->requeue;
        job->submit_wall_usec = row->submit_wall_usec;
        job->task_count = row->task_count;
        job->task_next = row->task_next;
        job->last_sequence = e->sequence;
        job->spec_bytes = (uint32_t)row->spec_bytes;
        job->user->spec_bytes += job->spec_bytes;
        e->spec_bytes += job->spec_bytes;
        engine_tally_queue_tasks(e, job, (int64_t)(job->task_count - job->task_next));
        r = restore_fill_extra(e, job, row);
        if (r)
                return PASS(r);
        claims_make(e, job, row->asks);
        if (job->extra && job->extra->begin_wall_usec)
                run_queue_begin_at(e, job);
        run_queue_update(e, job);
        *out_job = job;
        return 0;
}

/* Task rows of an unfinished job stand for numbers below task_next, whatever its row says. */
static void restore_pass_number(struct engine *e, struct job *job, uint64_t number)
{
        uint64_t passed;

        if (number < job->task_next)
                return;
        passed = number + 1 - job->task_next;
        job->task_next = number + 1;
        engine_tally_queue_tasks(e, job, -(int64_t)passed);
}

/*
 * Workers keep their slots, so that a width holds across a restart. Rows of an older jobd do not
 * say which: those get the free ones.
 */
static void restore_slot(struct engine *e, struct task *task, uint32_t slot)
{
        struct task *other;

        if (!job_map_of(task->job))
                return;
        task->slot = slot;
        RB_FOREACH (other, task_tree, &task->job->tasks)
                if (!slot && other->slot && other->worker_number == task->worker_number &&
                    other->generation == task->generation)
                        task->slot = other->slot;
        start_take_slot(e, task);
}

static int restore_leased(struct engine *e, struct task *task, const struct journal_task *row)
{
        struct job *job = task->job;

        task->lease = row->lease;
        task->worker_number = row->worker;
        task->generation = row->generation;
        task->boot_is_ours = memcmp(row->boot_id, e->boot_id, sizeof(e->boot_id)) == 0;
        task->start_ready = true;
        if (engine_find_lease(e, row->lease))
                return restore_bad_row("second lease", row->job, row->task);
        engine_dequeue(task);
        job->leased_count++;
        restore_slot(e, task, row->slot);
        if (task->boot_is_ours)
                core_lease_restore(e, task);
        if (task->boot_is_ours)
                claims_restore(e, task, row->held);
        job->user->leased_tasks++;
        engine_tally_move_task(e, JOB_QUEUED, (enum job_state)task->state);
        if (row->lease > e->last_lease)
                e->last_lease = row->lease;
        return engine_index_lease(e, task);
}

static void restore_queued(struct engine *e, struct task *task, const struct journal_task *row)
{
        const uint64_t now = clock_wall_usec();

        engine_tally_queue_tasks(e, task->job, 1);
        task->retry_wall_usec = row->retry_wall_usec;
        if (row->retry_wall_usec > now)
                run_queue_delay(e, task, row->retry_wall_usec - now);
}

int restore_task(struct engine *e, struct job *job, const struct journal_task *row)
{
        struct task *task;
        int r = 0;

        if (row->state == JOB_ABSENT || row->state >= JOB_STATE_COUNT ||
            row->task >= job->task_count || row->slot > RESTORE_SLOT_MAX ||
            engine_find_task(job, row->task))
                return restore_bad_row("task", row->job, row->task);
        restore_pass_number(e, job, row->task);
        if (job->extra)
                job->extra->rows_count++;
        if (job_state_is_finished((enum job_state)row->state)) {
                struct job_extra *x = job_is_many(job) ? engine_extra(e, job) : NULL;

                if (!x)
                        return restore_bad_row("finished task", row->job, row->task);
                ends_add(x, (enum job_state)row->state, 1);
                run_queue_update(e, job);
                return 0;
        }
        task = engine_add_task(e, job, row->task);
        if (!task)
                return FAULT(-ENOMEM);
        task->state = row->state;
        task->attempt = row->attempt;
        task->started = row->started;
        task->stop_reason = row->stop_reason;
        task->last_slot = row->slot;
        task->pid = row->pid;
        task->start_wall_usec = row->start_wall_usec;
        if (job_state_is_leased((enum job_state)row->state))
                r = restore_leased(e, task, row);
        else
                restore_queued(e, task, row);
        run_queue_update(e, job);
        return r ? PASS(r) : 0;
}

static int restore_on_job(void *arg, const struct journal_job *row)
{
        struct journal_job fresh = *row;
        struct job *job;

        /* Counts come from the task rows: restore_count_rest(). */
        ends_clear_row(&fresh);
        return restore_job(arg, &fresh, &job);
}

static int restore_on_task(void *arg, const struct journal_task *row)
{
        struct engine *e = arg;
        struct job *job = job_table_find(&e->jobs, row->job);

        return job ? restore_task(e, job, row) : restore_bad_row("task", row->job, row->task);
}

static int restore_on_dependency(void *arg, const struct journal_dependency *row)
{
        return deps_restore(arg, row);
}

static int restore_on_key(void *arg, uint32_t uid, const uint8_t key[static JOURNAL_KEY_BYTES])
{
        struct engine *e = arg;

        return key_set_add(&e->keys, uid, key, JOURNAL_KEY_BYTES);
}

static int restore_on_use(void *arg, uint32_t uid, uint64_t bytes)
{
        struct user *user = engine_get_user(arg, uid);

        if (!user)
                return FAULT(-ENOMEM);
        user->output_bytes = bytes;
        return 0;
}

/*
 * Every number below task_next has a row, or was cancelled together with the rest of its job.
 */
static void restore_count_rest(struct engine *e)
{
        struct user *user, *next_user;
        struct job *job;

        HASH_ITER (hh, e->users, user, next_user)
                TAILQ_FOREACH (job, &user->jobs, user_entry)
                        if (job->extra && job_is_many(job))
                                ends_add(job->extra, JOB_CANCELLED,
                                         job->task_next - job->extra->rows_count);
}

/* Leases of another boot: their processes are gone, and nobody saw how. */
static void restore_decide_old_boot(struct engine *e)
{
        struct task *task, *next;

        HASH_ITER (hh, e->leased, task, next) {
                if (!task->boot_is_ours)
                        outcome_lose(e, task, "the machine was restarted while it ran");
        }
}

int engine_restore(struct engine *e, struct journal *journal)
{
        static const struct journal_restore restore = {
                .on_queue = engine_queues_restore,
                .on_job = restore_on_job,
                .on_task = restore_on_task,
                .on_key = restore_on_key,
                .on_dependency = restore_on_dependency,
        };
        int r;

        e->sequence = journal_last_sequence(journal);
        e->posted_sequence = e->sequence;
        e->last_job_id = journal_last_job_id(journal);
        e->last_lease = journal_last_lease(journal);
        r = journal_read_queue_id(journal, &e->queues.last_id);
        if (!r)
                r = journal_read_settings(journal, act_restore_setting, e);
        if (!r)
                r = claims_restore_resources(e, journal);
        if (!r)
                r = journal_read_all(journal, &restore, e);
        if (!r)
                r = grants_restore(e, journal);
        if (!r)
                r = journal_read_output_use(journal, restore_on_use, e);
        if (r || e->fault)
                return PASS(r ? r : e->fault);
        restore_count_rest(e);
        e->tally.restored = e->queued_tasks + HASH_COUNT(e->leased);
        restore_decide_old_boot(e);
        log_info("restored %" PRIu64 " unfinished jobs, %u of their tasks with a worker",
                 e->jobs_count, HASH_COUNT(e->leased));
        return e->fault ? PASS(e->fault) : 0;
}
