/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aftercorr: task n of a job waits for task n of its parent (the n-th of each, whatever the numbers
 * of its array are). The child's tasks begin in order, so only its next one is ever looked at: it
 * may start when its partner has succeeded, and is cancelled when the partner will not. Behind the
 * parent's last task there is no partner, and the parent's own end stands for it.
 *
 * How tasks ended is kept as two bits each while somebody waits for them: noted as they end, and
 * those that had ended before are read from their rows, a page at a time, behind everything that
 * was posted. Until that is done the child waits. What was noted meanwhile is newer than a row.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"

/* Values of two bits; 0: not known. */
#define TASKS_OK 1U
#define TASKS_BAD 2U
#define TASKS_AGAIN 3U /* it runs again: what its row says is old */

static unsigned int tasks_get(const struct deps_parent *parent, uint64_t task)
{
        if (task >= parent->results_count)
                return 0;
        return (unsigned int)parent->results[task / 4] >> (task % 4 * 2) & 3U;
}

static void tasks_set(struct engine *e, struct deps_parent *parent, uint64_t task,
                      unsigned int value)
{
        const unsigned int shift = (unsigned int)(task % 4 * 2);
        uint64_t room = MAX(parent->results_count, (uint64_t)256);
        uint8_t *bigger;

        if (task >= parent->results_count) {
                while (room <= task)
                        room *= 2;
                bigger = realloc(parent->results, room / 4);
                if (!bigger) {
                        engine_note(e, FAULT(-ENOMEM));
                        return;
                }
                memset(bigger + parent->results_count / 4, 0, (room - parent->results_count) / 4);
                parent->results = bigger;
                parent->results_count = room;
        }
        parent->results[task / 4] =
                (uint8_t)((parent->results[task / 4] & ~(3U << shift)) | (value << shift));
}

/* -------------------------------------------------------------------------------------- verdict */

static enum deps_verdict tasks_judge_edge(const struct deps_parent *parent, uint64_t task)
{
        const unsigned int known = tasks_get(parent, task);

        if (known == TASKS_AGAIN)
                return DEPS_OPEN;
        if (known)
                return known == TASKS_OK ? DEPS_MET : DEPS_NEVER;
        if (!parent->is_loaded || !parent->is_finished)
                return DEPS_OPEN;
        return parent->state == JOB_SUCCEEDED ? DEPS_MET : DEPS_NEVER;
}

/* Of the child's task; *out_parent: whose task decided, when NEVER. */
static enum deps_verdict tasks_judge(const struct job_deps *child, uint64_t task,
                                     const struct deps_parent **out_parent)
{
        const enum deps_verdict strongest = child->any ? DEPS_MET : DEPS_NEVER;
        bool is_open = child->any && child->counts[DEPS_ON_START] + child->counts[DEPS_ON_END] > 0;
        const struct deps_edge *edge;

        TAILQ_FOREACH (edge, &child->edges, child_entry) {
                enum deps_verdict verdict;

                if (edge->place != DEPS_BY_TASK)
                        continue;
                verdict = tasks_judge_edge(edge->parent, task);
                if (verdict == DEPS_NEVER)
                        *out_parent = edge->parent;
                if (verdict == strongest)
                        return verdict;
                is_open = is_open || verdict == DEPS_OPEN;
        }
        if (is_open)
                return DEPS_OPEN;
        return child->any ? DEPS_NEVER : DEPS_MET;
}

bool deps_lets_next(const struct job *job)
{
        const struct job_deps *child = job->extra ? job->extra->deps : NULL;
        const struct deps_parent *parent;

        if (!child || child->counts[DEPS_BY_TASK] == 0)
                return true;
        return tasks_judge(child, job->task_next, &parent) == DEPS_MET;
}

/* ----------------------------------------------------------------------------------------- news */

void deps_on_next(struct engine *e, struct job *job)
{
        struct job_deps *child = job->extra ? job->extra->deps : NULL;
        const struct deps_parent *parent;

        if (!child || child->counts[DEPS_BY_TASK] == 0 || child->keep || job->is_waiting)
                return;
        if (job->task_next < job->task_count &&
            tasks_judge(child, job->task_next, &parent) == DEPS_NEVER)
                deps_make_child_due(e, child);
}

void deps_on_task(struct engine *e, const struct job *job, uint64_t task, uint8_t state)
{
        struct deps_parent *parent = NULL;

        if (e->deps.parents)
                HASH_FIND(hh, e->deps.parents, &job->id, sizeof(job->id), parent);
        if (!parent || TAILQ_EMPTY(&parent->edges[DEPS_BY_TASK]))
                return;
        tasks_set(e, parent, task,
                  state == 0               ? TASKS_AGAIN
                  : state == JOB_SUCCEEDED ? TASKS_OK
                                           : TASKS_BAD);
        parent->has_task_news = true;
        deps_make_due(e, parent);
}

void deps_cancel_tasks(struct engine *e, struct job_deps *child, int64_t *budget)
{
        struct job *job = child->job;
        const uint64_t id = job->id;
        const struct deps_parent *parent = NULL;
        char detail[80];

        while (*budget > 0 && !e->fault && job->task_next < job->task_count &&
               tasks_judge(child, job->task_next, &parent) == DEPS_NEVER) {
                struct task *task = engine_add_task(e, job, job->task_next++);
                const struct engine_end end = { .why = detail };

                if (!task || !parent)
                        return;
                (*budget)--;
                snprintf(detail, sizeof(detail),
                         "aftercorr:%" PRIu64 ": task %" PRIu64 ".%" PRIu64 " did not succeed",
                         parent->id, parent->id, task->number);
                engine_write_task(e, task, NULL);
                engine_apply(e, task, JOB_EV_CANCEL, detail, &end);
                if (job_table_find(&e->jobs, id) != job || !job->extra->deps)
                        return;
        }
        deps_on_next(e, job);
}

/* -------------------------------------------------------------------------------------- loading */

static void tasks_read(struct engine *e, struct deps_parent *parent, uint64_t first_task);

static void tasks_on_page(void *arg, const struct journal_page *page)
{
        struct deps_parent *parent = arg;
        struct engine *e = parent->engine;
        size_t i;

        parent->read = NULL;
        if (page->fault) {
                engine_note(e, page->fault);
                return;
        }
        for (i = 0; i < page->tasks_count; i++) {
                const struct journal_task *row = &page->tasks[i];

                if (job_state_is_finished((enum job_state)row->state) &&
                    tasks_get(parent, row->task) == 0)
                        tasks_set(e, parent, row->task,
                                  row->state == JOB_SUCCEEDED ? TASKS_OK : TASKS_BAD);
        }
        if (page->next_task > 0) {
                tasks_read(e, parent, page->next_task);
                return;
        }
        parent->is_loaded = true;
        parent->has_task_news = true;
        deps_make_due(e, parent);
}

static void tasks_read(struct engine *e, struct deps_parent *parent, uint64_t first_task)
{
        const struct journal_job_query query = { .ids = &parent->id,
                                                 .ids_count = 1,
                                                 .any_uid = true,
                                                 .want_tasks = true,
                                                 .all_tasks = true,
                                                 .first_task = first_task };
        struct journal *journal = engine_journal(e);

        if (journal)
                engine_note(e, journal_read_jobs(journal, &query, tasks_on_page, parent,
                                                 &parent->read));
}

void deps_begin_tasks(struct engine *e, struct deps_parent *parent)
{
        struct job *job = job_table_find(&e->jobs, parent->id);

        if (parent->read)
                journal_read_cancel(parent->read);
        parent->read = NULL;
        free(parent->results);
        parent->results = NULL;
        parent->results_count = 0;
        parent->is_loaded = job && !deps_has_started(job);
}

void deps_tell_tasks(struct engine *e, struct deps_parent *parent, int64_t *budget)
{
        struct deps_edges *list = &parent->edges[DEPS_BY_TASK];
        struct deps_edge *edge;

        if (parent->untold_count > 0 && !TAILQ_EMPTY(list) && !parent->is_loaded && !parent->read)
                tasks_read(e, parent, 0);
        for (; parent->untold_count > 0 && *budget > 0; parent->untold_count--) {
                edge = TAILQ_FIRST(list);
                if (!edge)
                        break;
                TAILQ_REMOVE(list, edge, parent_entry);
                TAILQ_INSERT_TAIL(list, edge, parent_entry);
                (*budget)--;
                run_queue_update(e, edge->child->job);
                deps_on_next(e, edge->child->job);
        }
}
