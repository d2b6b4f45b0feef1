/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finished jobs: running them again, forgetting them, and their output files. What is finished is
 * not in memory, so these take rows that the journal has just answered with. Between that answer
 * and now another request may have changed the same job; what is in memory counts then.
 *
 * Files are opened and unlinked on the journal thread, in order with the transactions before.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#include "daemon/jobs/asks.h"
#include "daemon/jobs/engine_private.h"

/* --------------------------------------------------------------------------------------- retry */

bool engine_retry_wants(enum engine_retry which, const struct journal_task *row)
{
        if (!job_state_is_finished((enum job_state)row->state))
                return false;
        if (which == ENGINE_RETRY_LOST)
                return row->state == JOB_LOST;
        return which == ENGINE_RETRY_ALL || row->state != JOB_SUCCEEDED;
}

/* Is it among the tasks that were named, and one to run again? */
static bool history_wants(enum engine_retry which, const struct journal_task *row, uint64_t number)
{
        return (number >= ENGINE_THESE_TASKS || row->task == number) &&
               engine_retry_wants(which, row);
}

/* A finished task comes back as a struct in its old state, to be retried by an event. */
static struct task *history_revive(struct engine *e, struct job *job,
                                   const struct journal_task *row)
{
        struct task *task = engine_add_task(e, job, row->task);

        if (!task)
                return NULL;
        engine_dequeue(task);
        task->state = row->state;
        task->attempt = row->attempt;
        return task;
}

static uint64_t history_retry_tasks(struct engine *e, struct job *job,
                                    const struct journal_task *rows, size_t count, uint64_t number,
                                    enum engine_retry which)
{
        uint64_t done = 0;
        size_t i;

        for (i = 0; i < count && !e->fault; i++) {
                struct task *task;

                if (!history_wants(which, &rows[i], number) || engine_find_task(job, rows[i].task))
                        continue;
                task = history_revive(e, job, &rows[i]);
                if (!task)
                        break;
                if (job_is_many(job))
                        ends_remove(job->extra, (enum job_state)rows[i].state, 1);
                if (rows[i].output_where >= JOURNAL_OUTPUT_SPOOL)
                        files_unlink(e, job->id, rows[i].task, rows[i].attempt);
                engine_apply(e, task, JOB_EV_RETRY, NULL, NULL);
                done++;
        }
        return done;
}

/* Brings a finished job back among the unfinished, with no task queued yet. */
static struct job *history_reopen(struct engine *e, const struct journal_job *row)
{
        struct journal_job open = *row;
        struct job *job = NULL;
        int r;

        open.task_next = open.task_count;
        open.hold = false;
        open.begin_wall_usec = 0;
        r = restore_job(e, &open, &job);
        if (!r && job_is_many(job) && !engine_extra(e, job))
                r = FAULT(-ENOMEM);
        if (r) {
                engine_note(e, r);
                return NULL;
        }
        return job;
}

/* Tasks that were cancelled before they had a row: they sit at the end of the numbers. */
static uint64_t history_rest_begin(const struct journal_task *rows, size_t count)
{
        return count > 0 ? rows[count - 1].task + 1 : 0;
}

static uint64_t history_retry_rest(struct engine *e, struct job *job,
                                   const struct journal_task *rows, size_t count)
{
        const uint64_t first = history_rest_begin(rows, count);
        const uint64_t rest = job->task_count - first;

        if (rest == 0)
                return 0;
        if (job_is_many(job))
                ends_remove(job->extra, JOB_CANCELLED, MIN(rest, job->extra->tasks_other[0]));
        job->task_next = first;
        engine_tally_queue_tasks(e, job, (int64_t)rest);
        e->tally.rerun += rest;
        engine_post_event(e, job, first, JOB_EV_RETRY, JOB_QUEUED, NULL);
        return rest;
}

static bool history_has_work(const struct journal_job *row, const struct journal_task *rows,
                             size_t count, uint64_t number, enum engine_retry which)
{
        size_t i;

        for (i = 0; i < count; i++)
                if (history_wants(which, &rows[i], number))
                        return true;
        return number == ENGINE_ALL_TASKS && which != ENGINE_RETRY_LOST &&
               history_rest_begin(rows, count) < row->task_count;
}

/* As at submit; of what is unfinished already only the tasks are counted anew. */
static int history_check_room(struct engine *e, const struct journal_job *row,
                              const struct journal_task *rows, size_t count, uint64_t number,
                              enum engine_retry which, struct reason *why)
{
        const struct user *user = engine_get_user(e, row->uid);
        const uint64_t bytes = row->finished ? row->spec_bytes + row->input_bytes : 0;
        const uint64_t links = row->finished ? asks_count(row->asks) : 0;
        uint64_t tasks = 0;
        int r;

        for (size_t i = 0; i < count; i++)
                tasks += history_wants(which, &rows[i], number);
        if (number == ENGINE_ALL_TASKS && which != ENGINE_RETRY_LOST)
                tasks += row->task_count - MIN(history_rest_begin(rows, count), row->task_count);
        r = submit_check_open(e, why);
        if (r)
                return r;
        return user ? submit_check_room(e, user, tasks, bytes, links, why) : FAULT(-ENOMEM);
}

int engine_retry(struct engine *e, const struct journal_job *row, const struct journal_task *tasks,
                 size_t tasks_count, uint64_t number, enum engine_retry which, struct reason *why)
{
        struct journal_batch *batch = engine_batch(e);
        struct job *job = job_table_find(&e->jobs, row->id);
        struct journal_job open;
        int r;

        r = history_check_room(e, row, tasks, tasks_count, number, which, why);
        if (r)
                return r;
        if (job && !row->finished)
                return history_retry_tasks(e, job, tasks, tasks_count, number, which)
                               ? 0
                               : reason_set(why, ENGINE_E_STATE,
                                            "job %" PRIu64 " has no finished task to run again",
                                            row->id);
        if (job)
                return reason_set(why, ENGINE_E_STATE, "job %" PRIu64 " is already queued again",
                                  row->id);
        if (!history_has_work(row, tasks, tasks_count, number, which))
                return reason_set(why, ENGINE_E_STATE,
                                  "job %" PRIu64 " has nothing to run again: "
                                  "all of it succeeded",
                                  row->id);
        job = history_reopen(e, row);
        if (!job || !batch)
                return FAULT(-ENOMEM);
        deps_on_reopened(e, job);
        history_retry_tasks(e, job, tasks, tasks_count, number, which);
        if (number == ENGINE_ALL_TASKS && which != ENGINE_RETRY_LOST)
                history_retry_rest(e, job, tasks, tasks_count);
        engine_fill_job_row(job, &open);
        engine_note(e, journal_set_job(batch, &open));
        run_queue_update(e, job);
        return 0;
}

/* ---------------------------------------------------------------------------------------- drop */

static void history_drop_files(struct engine *e, const struct journal_page *page, uint64_t job,
                               struct user *user)
{
        size_t i;

        for (i = 0; i < page->tasks_count; i++) {
                const struct journal_task *t = &page->tasks[i];

                if (t->job != job)
                        continue;
                if (t->output_where >= JOURNAL_OUTPUT_SPOOL)
                        files_unlink(e, job, t->task, t->attempt);
                if (user)
                        user->output_bytes -= MIN(user->output_bytes, t->output_disk_bytes);
        }
}

int engine_drop(struct engine *e, const struct journal_page *page, uint64_t *out_dropped)
{
        struct journal_batch *batch = engine_batch(e);
        uint64_t dropped = 0;
        size_t i;

        for (i = 0; batch && i < page->jobs_count; i++) {
                const struct journal_job *row = &page->jobs[i];

                if (!row->finished || job_table_find(&e->jobs, row->id) ||
                    deps_has_children(e, row->id))
                        continue;
                history_drop_files(e, page, row->id, engine_get_user(e, row->uid));
                /* More of its tasks follow in another page: the rows go with the last of them. */
                if (page->next_task > 0 && i + 1 == page->jobs_count)
                        continue;
                engine_note(e, journal_drop_job(batch, row->id));
                dropped++;
        }
        *out_dropped = dropped;
        return e->fault ? PASS(e->fault) : 0;
}

/* --------------------------------------------------------------------------------- compaction */

struct history_compaction {
        TAILQ_ENTRY(history_compaction) entry; /* in engine->compactions */
        struct engine *engine;                 /* borrowed: reads end before the engine does */
        uint64_t job, task, size_bytes;
        uint32_t attempt;
};

/* The task's row as it was before: how large its output was, and whose it is. */
static void history_on_compacted(void *arg, const struct journal_page *page)
{
        _cleanup_(freep) struct history_compaction *of = arg;
        struct engine *e = of->engine;
        const struct journal_task *row = page->tasks_count > 0 ? &page->tasks[0] : NULL;
        struct journal_batch *batch = engine_batch(e);
        struct user *user;

        TAILQ_REMOVE(&e->compactions, of, entry);
        if (page->fault || !batch)
                return;
        /* Forgotten or run again meanwhile: the worker has just made a file that nobody wants. */
        if (!row || row->task != of->task || row->attempt != of->attempt ||
            row->output_where < JOURNAL_OUTPUT_SPOOL) {
                files_unlink(e, of->job, of->task, of->attempt);
                return;
        }
        if (row->output_where != JOURNAL_OUTPUT_SPOOL)
                return;
        user = engine_get_user(e, page->jobs[0].uid);
        if (user)
                user->output_bytes = user->output_bytes -
                                     MIN(user->output_bytes, row->output_disk_bytes) +
                                     of->size_bytes;
        engine_note(e, journal_set_output(batch, of->job, of->task, JOURNAL_OUTPUT_ZSTD,
                                          of->size_bytes));
}

void history_compacted(struct engine *e, uint64_t job, uint64_t task, uint32_t attempt,
                       uint64_t size_bytes)
{
        const struct journal_job_query query = {
                .ids = &job, .ids_count = 1, .any_uid = true, .want_tasks = true, .first_task = task
        };
        struct journal *journal = engine_journal(e);
        struct history_compaction *of = malloc(sizeof(*of));
        struct journal_read *read; /* never taken back */
        int r;

        if (!of || !journal) {
                free(of);
                engine_note(e, FAULT(-ENOMEM));
                return;
        }
        *of = (struct history_compaction){
                .engine = e, .job = job, .task = task, .attempt = attempt, .size_bytes = size_bytes
        };
        TAILQ_INSERT_TAIL(&e->compactions, of, entry);
        r = journal_read_jobs(journal, &query, history_on_compacted, of, &read);
        if (r) {
                TAILQ_REMOVE(&e->compactions, of, entry);
                free(of);
        }
        engine_note(e, r);
}

void history_deinit(struct engine *e)
{
        struct history_compaction *of;

        while ((of = TAILQ_FIRST(&e->compactions))) {
                TAILQ_REMOVE(&e->compactions, of, entry);
                free(of);
        }
}

/* --------------------------------------------------------------------------------------- files */

struct history_errand {
        struct engine *engine; /* borrowed: the journal ends before the engine does */
        int spool_fd;          /* borrowed: open as long as the daemon */
        uint64_t job, task;
        uint32_t attempt;
        int fd; /* owned until handed to `done` */
        bool compressed;
        void (*done)(void *arg, int fd, bool compressed);
        void *arg;
};

/* The names are those of proto/spool.h, which this folder may not include: daemon.c checks that
 * both make the same text. */
void engine_spool_name(char *out_name, size_t size, uint64_t job, uint64_t task, uint32_t attempt,
                       bool compressed)
{
        snprintf(out_name, size, "%" PRIu64 ".%" PRIu64 ".%" PRIu32 ".out%s", job, task, attempt,
                 compressed ? ".zst" : "");
}

static int history_unlink(void *arg)
{
        struct history_errand *errand = arg;
        char name[80];
        int compressed;

        for (compressed = 0; compressed < 2; compressed++) {
                engine_spool_name(name, sizeof(name), errand->job, errand->task, errand->attempt,
                                  compressed);
                if (unlinkat(errand->spool_fd, name, 0) && errno != ENOENT)
                        log_warning("cannot remove the output file %s: %s", name, strerror(errno));
        }
        return 0;
}

static int history_open(void *arg)
{
        struct history_errand *errand = arg;
        char name[80];
        int compressed;

        for (compressed = 0; compressed < 2; compressed++) {
                engine_spool_name(name, sizeof(name), errand->job, errand->task, errand->attempt,
                                  compressed);
                errand->fd = openat(errand->spool_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
                if (errand->fd >= 0) {
                        errand->compressed = compressed;
                        return 0;
                }
        }
        return -errno;
}

static void history_errand_done(void *arg, int result)
{
        struct history_errand *errand = arg;

        if (errand->done)
                errand->done(errand->arg, result ? result : TAKE_FD(errand->fd),
                             errand->compressed);
        free(errand);
}

static int history_run(struct engine *e, const struct history_errand *plan, int (*work)(void *arg))
{
        struct journal *journal = engine_journal(e);
        struct history_errand *errand = malloc(sizeof(*errand));
        int r;

        if (!errand || !journal) {
                free(errand);
                return FAULT(-ENOMEM);
        }
        *errand = *plan;
        errand->fd = -1;
        errand->engine = e;
        errand->spool_fd = e->options.spool_fd;
        r = journal_run(journal, work, history_errand_done, errand);
        if (r)
                free(errand);
        return r ? PASS(r) : 0;
}

void files_unlink(struct engine *e, uint64_t job, uint64_t task, uint32_t attempt)
{
        struct files_doomed *doomed = calloc(1, sizeof(*doomed));

        if (!doomed) {
                engine_note(e, FAULT(-ENOMEM));
                return;
        }
        doomed->job = job;
        doomed->task = task;
        doomed->attempt = attempt;
        STAILQ_INSERT_TAIL(&e->doomed, doomed, entry);
}

int files_commit(struct engine *e)
{
        struct files_doomed *doomed;
        int r = 0;

        while ((doomed = STAILQ_FIRST(&e->doomed))) {
                const struct history_errand plan = { .job = doomed->job,
                                                     .task = doomed->task,
                                                     .attempt = doomed->attempt };

                STAILQ_REMOVE_HEAD(&e->doomed, entry);
                free(doomed);
                if (!r)
                        r = history_run(e, &plan, history_unlink);
        }
        return r ? PASS(r) : 0;
}

int engine_open_spool(struct engine *e, uint64_t job, uint64_t task, uint32_t attempt,
                      void (*done)(void *arg, int fd, bool compressed), void *arg)
{
        const struct history_errand plan = {
                .job = job, .task = task, .attempt = attempt, .done = done, .arg = arg
        };
        const int r = history_run(e, &plan, history_open);

        return r ? PASS(r) : 0;
}
