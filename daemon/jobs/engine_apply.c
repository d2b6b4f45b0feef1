/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where a job changes. An event is looked up in the table of job_state.c; memory
 * follows (queues, leases, counts), then rows and history, then the watches hear of it, and last a
 * job whose tasks have all ended leaves the tables for the burial list.
 *
 * The order inside engine_apply() matters: the sequence is taken before the watches are told, since
 * they stamp their answers with it, and the job is taken out last, since they may still look at it.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"

bool engine_allows(const struct task *task, enum job_event event)
{
        return job_state_next((enum job_state)task->state, event) != JOB_ABSENT;
}

static void engine_note_start(struct engine *e, struct task *task, const struct workers_exit *exit)
{
        const bool is_news = !task->started;

        if (is_news) {
                task->started = true;
                task->attempt++;
        }
        if (exit && exit->pid)
                task->pid = exit->pid;
        if (exit && exit->start_wall_usec)
                task->start_wall_usec = exit->start_wall_usec;
        if (is_news)
                engine_tally_start(e, task);
}

/* The lease is over: the task is free of its worker. */
static void engine_end_lease(struct engine *e, struct task *task)
{
        struct user *user = task->job->user;

        start_give_slot(task);
        claims_give(task);
        engine_unbind(e, task);
        lending_forget(e, task);
        core_lease_drop(e, task);
        HASH_DEL(e->leased, task);
        task->job->leased_count--;
        user->leased_tasks--;
        task->cancel_wanted = false;
        task->pause_wanted = false;
        task->revoking = false;
}

static void engine_begin_lease(struct engine *e, struct task *task)
{
        struct job *job = task->job;

        if (task->is_delayed)
                run_queue_undelay(e, task);
        engine_dequeue(task);
        job->leased_count++;
        job->user->leased_tasks++;
        engine_tally_queue_tasks(e, job, -1);
        task->retry_wall_usec = 0;
        start_take_slot(e, task);
        engine_note(e, engine_index_lease(e, task));
}

static void engine_requeue(struct engine *e, struct task *task, const struct engine_end *end)
{
        struct job *job = task->job;

        task->started = false;
        task->stop_reason = JOB_STOP_NONE;
        task->pid = 0;
        task->stdin_taken = 0;
        engine_enqueue(task);
        engine_tally_queue_tasks(e, job, 1);
        if (end && end->retry_wall_usec) {
                task->retry_wall_usec = end->retry_wall_usec;
                run_queue_delay(e, task, end->retry_delay_usec);
        }
}

static void engine_leave_queue(struct engine *e, struct task *task)
{
        if (task->is_delayed)
                run_queue_undelay(e, task);
        engine_dequeue(task);
        engine_tally_queue_tasks(e, task->job, -1);
}

/* What the move from one state to another means for queues and leases. */
static void engine_move(struct engine *e, struct task *task, enum job_state before,
                        const struct engine_end *end)
{
        const enum job_state after = (enum job_state)task->state;
        const bool was_leased = job_state_is_leased(before);
        const bool is_leased = job_state_is_leased(after);

        engine_tally_move_task(e, before, after);
        if (!was_leased && is_leased)
                engine_begin_lease(e, task);
        if (was_leased && !is_leased)
                engine_end_lease(e, task);
        if (after == JOB_QUEUED && before != JOB_QUEUED)
                engine_requeue(e, task, end);
        if (before == JOB_QUEUED && job_state_is_finished(after))
                engine_leave_queue(e, task);
}

/* The state that a whole job ends in: its only task's, or the summary of many. */
static enum job_state engine_end_state(const struct job *job, enum job_state last)
{
        const struct job_map *map = job_map_of(job);

        if (!job_is_many(job))
                return last;
        if (map && map->input == JOURNAL_INPUT_CUT)
                return JOB_FAILED;
        if (map && map->is_halted)
                return halt_end_state(map);
        if (!job->extra || job->extra->tasks_failed == 0)
                return JOB_SUCCEEDED;
        return last == JOB_CANCELLED || job->extra->is_cancelled ? JOB_CANCELLED : JOB_FAILED;
}

#define ENGINE_WHY_MAX 80

/* The reason that a whole job ends with; why: of its only task, or of what ended it. */
static const char *engine_end_why(const struct job *job, const char *why, char text[ENGINE_WHY_MAX])
{
        const struct job_map *map = job_map_of(job);

        if (map && map->input == JOURNAL_INPUT_CUT) {
                snprintf(text, ENGINE_WHY_MAX, "input cut short after %" PRIu64 " tasks",
                         job->task_count);
                return text;
        }
        if (map && map->is_halted) {
                halt_describe(map, text, ENGINE_WHY_MAX);
                return text;
        }
        return why;
}

static void engine_finish_job(struct engine *e, struct job *job, enum job_state state,
                              const char *why)
{
        struct journal_batch *batch = engine_batch(e);
        struct job_map *map = job_map_of(job);
        struct journal_job row;
        char text[ENGINE_WHY_MAX];

        why = engine_end_why(job, why, text);
        if (map) {
                job->user->spec_bytes -= map->input_bytes;
                e->spec_bytes -= map->input_bytes;
                halt_forget(e, map);
                map_input_forget(e, map);
        }
        engine_fill_job_row(job, &row);
        row.state = (uint8_t)state;
        row.finished = true;
        row.end_wall_usec = clock_wall_usec();
        row.why = why;
        if (batch)
                engine_note(e, journal_set_job(batch, &row));
        run_queue_remove(e, job);
        deps_on_finished(e, job, (uint8_t)state);
        if (job->extra && job->extra->unique_key)
                HASH_DELETE(unique_hh, job->user->unique, job->extra);
        TAILQ_REMOVE(&job->user->jobs, job, user_entry);
        job->user->spec_bytes -= job->spec_bytes;
        e->spec_bytes -= job->spec_bytes;
        job_table_remove(&e->jobs, job->id);
        job->lane->queue->jobs_count--;
        e->jobs_count--;
        TAILQ_INSERT_TAIL(&e->buried, job, user_entry);
}

/* Counts finished tasks; true when that was the last of the job. */
static bool engine_count_end(struct engine *e, struct job *job, enum job_state state,
                             uint64_t count)
{
        struct job_extra *x;

        e->finished_tasks += count;
        e->tally.ended[state] += count;
        if (!job_is_many(job))
                return true;
        x = engine_extra(e, job);
        if (!x)
                return false;
        ends_add(x, state, count);
        halt_look(e, job, state);
        return engine_job_open_tasks(job) == 0 && !(x->map && x->map->input == JOURNAL_INPUT_OPEN);
}

/* How many tasks of a finished job did not succeed. `count`: of a plain one, which was `state`. */
static void engine_count_news(struct watch_news *news, const struct job *job, enum job_state state,
                              uint64_t count)
{
        const struct job_extra *x = job_is_many(job) ? job->extra : NULL;

        news->tasks_failed = x ? x->tasks_failed : state != JOB_SUCCEEDED ? count : 0;
        news->tasks_cancelled = x ? x->tasks_other[0] : state == JOB_CANCELLED ? count : 0;
}

static void engine_tell(struct engine *e, const struct task *task, enum job_event event,
                        const struct engine_end *end, bool job_finished)
{
        const struct job *job = task->job;
        const struct workers_exit *exit = end ? end->exit : NULL;
        struct watch_news news = {
                .job = job->id,
                .task = task->number,
                .event = event,
                .state = (enum job_state)task->state,
                .job_finished = job_finished,
                .attempt = task->attempt,
                .slot = task->last_slot,
                .pid = task->pid,
                .exit_code = -1,
                .why = end ? end->why : NULL,
                .barrier = e->sequence,
        };
        char text[ENGINE_WHY_MAX];

        news.job_state = job_finished ? engine_end_state(job, news.state) : news.state;
        if (job_finished) {
                engine_count_news(&news, job, news.state, 1);
                news.job_why = engine_end_why(job, job_is_many(job) ? NULL : news.why, text);
        }
        if (exit) {
                news.exit_code = exit->exit_code;
                news.exit_signal = exit->exit_signal;
                news.run_usec = exit->run_usec;
                news.start_wall_usec = exit->start_wall_usec;
                news.end_wall_usec = exit->end_wall_usec;
                news.output_cut = exit->output_cut;
                news.output_bytes = exit->output_bytes;
                news.output_where = exit->spooled            ? JOURNAL_OUTPUT_SPOOL
                                    : exit->records_size > 0 ? JOURNAL_OUTPUT_INLINE
                                                             : JOURNAL_OUTPUT_NONE;
                news.records = exit->records;
                news.records_size = exit->records_size;
        }
        watch_tell(e->watches, &news);
}

#define ENGINE_COMPRESS_MIN_BYTES (64U * 1024)

/* The output of an ended attempt is the user's from here on, and counts. */
static void engine_keep_output(struct engine *e, const struct task *task,
                               const struct workers_exit *exit)
{
        engine_write_output(e, task, exit);
        task->job->user->output_bytes += exit->output_bytes;
        if (exit->spooled && e->options.compress &&
            exit->output_bytes > ENGINE_COMPRESS_MIN_BYTES &&
            job_state_is_finished((enum job_state)task->state))
                workers_compact(e->workers, task->job->id, task->number, task->attempt);
        else if (exit->spooled && !job_state_is_finished((enum job_state)task->state))
                files_unlink(e, task->job->id, task->number, task->attempt);
}

static void engine_measure(const struct job *job, const struct workers_exit *exit)
{
        struct job_map *map = job_map_of(job);

        if (!map)
                return;
        map->run_usec += exit->run_usec;
        map->run_count++;
}

void engine_apply(struct engine *e, struct task *task, enum job_event event, const char *detail,
                  const struct engine_end *end)
{
        struct job *job = task->job;
        const enum job_state before = (enum job_state)task->state;
        const enum job_state after = job_state_next(before, event);
        const struct workers_exit *exit = end ? end->exit : NULL;
        const bool is_end = job_state_is_finished(after);
        bool job_finished = false;

        assert(after != JOB_ABSENT);
        if (event == JOB_EV_STARTED || event == JOB_EV_LOSE || (event == JOB_EV_REQUEUE && !exit) ||
            (exit && exit->outcome != WORKERS_OUTCOME_REFUSED))
                engine_note_start(e, task, exit);
        if (task->started)
                deps_on_started(e, job);
        task->state = (uint8_t)after;
        engine_move(e, task, before, end);
        engine_post_event(e, job, task->number, event, after, detail);
        engine_write_task(e, task, end);
        if (exit)
                engine_keep_output(e, task, exit);
        if (exit && exit->outcome != WORKERS_OUTCOME_REFUSED) /* there was no attempt */
                engine_tally_exit(e, exit);
        e->tally.rerun += event == JOB_EV_RETRY;
        e->tally.returned += event == JOB_EV_UNSTARTED;
        if (exit && is_end)
                engine_measure(job, exit);
        if (is_end || event == JOB_EV_RETRY)
                deps_on_task(e, job, task->number, is_end ? (uint8_t)after : 0);
        if (is_end)
                job_finished = engine_count_end(e, job, after, 1);
        engine_tell(e, task, event, end, job_finished);
        if (job_finished) {
                engine_finish_job(e, job, engine_end_state(job, after),
                                  end && !job_is_many(job) ? end->why : NULL);
                return;
        }
        if (is_end) {
                RB_REMOVE(task_tree, &job->tasks, task);
                free(task);
        }
        run_queue_update(e, job);
        if (event == JOB_EV_ASSIGN)
                deps_on_next(e, job);
        if (after == JOB_QUEUED && job_map_of(job) && job_map_of(job)->is_halted)
                engine_apply(e, task, JOB_EV_CANCEL, NULL, NULL);
}

void engine_apply_close(struct engine *e, struct job *job, enum job_state clean, const char *detail)
{
        struct watch_news news = { .job = job->id,
                                   .task = job->task_count,
                                   .event = JOB_EV_CLOSE,
                                   .state = JOB_QUEUED,
                                   .exit_code = -1,
                                   .why = detail,
                                   .barrier = e->sequence };
        enum job_state state = engine_end_state(job, clean);
        char text[ENGINE_WHY_MAX];

        if (state == JOB_SUCCEEDED)
                state = clean;
        news.job_finished = engine_job_open_tasks(job) == 0;
        news.job_state = news.job_finished ? state : JOB_QUEUED;
        engine_count_news(&news, job, state, 1);
        news.job_why = engine_end_why(job, detail, text);
        watch_tell(e->watches, &news);
        if (news.job_finished)
                engine_finish_job(e, job, state, detail);
}

void engine_apply_cancel_rest(struct engine *e, struct job *job, const char *detail)
{
        const uint64_t count = job->task_count - job->task_next;
        const struct watch_news news_base = { .job = job->id,
                                              .task = job->task_next,
                                              .event = JOB_EV_CANCEL,
                                              .state = JOB_CANCELLED,
                                              .exit_code = -1,
                                              .why = detail };
        struct watch_news news = news_base;
        char text[ENGINE_WHY_MAX];

        if (count == 0)
                return;
        engine_post_event(e, job, job->task_next, JOB_EV_CANCEL, JOB_CANCELLED, detail);
        job->task_next = job->task_count;
        engine_tally_queue_tasks(e, job, -(int64_t)count);
        news.job_finished = engine_count_end(e, job, JOB_CANCELLED, count);
        news.job_state = news.job_finished ? engine_end_state(job, JOB_CANCELLED) : JOB_QUEUED;
        engine_count_news(&news, job, JOB_CANCELLED, count);
        news.job_why = engine_end_why(job, detail, text);
        news.is_rest = true;
        news.barrier = e->sequence;
        watch_tell(e->watches, &news);
        if (news.job_finished) {
                engine_finish_job(e, job, news.job_state, detail);
        } else {
                struct journal_batch *batch = engine_batch(e);
                struct journal_job row;

                engine_fill_job_row(job, &row);
                if (batch)
                        engine_note(e, journal_set_job(batch, &row));
                run_queue_update(e, job);
        }
}

void engine_apply_hold(struct engine *e, struct job *job, bool hold)
{
        struct journal_batch *batch;
        struct journal_job row;
        const struct watch_news base = { .job = job->id,
                                         .task = job->task_next,
                                         .event = hold ? JOB_EV_HOLD : JOB_EV_RELEASE,
                                         .state = JOB_QUEUED,
                                         .job_state = JOB_QUEUED,
                                         .exit_code = -1 };
        struct watch_news news = base;

        job->hold = hold;
        engine_post_event(e, job, 0, base.event, JOB_QUEUED, NULL);
        engine_fill_job_row(job, &row);
        batch = engine_batch(e);
        if (batch)
                engine_note(e, journal_set_job(batch, &row));
        news.barrier = e->sequence;
        watch_tell(e->watches, &news);
        run_queue_update(e, job);
}
