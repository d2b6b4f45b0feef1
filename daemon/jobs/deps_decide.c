/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that wait for other jobs: a graph in memory of what is not decided yet, and nothing else. An
 * edge leads from a parent, found by id whether it is finished or not, to an unfinished child. A
 * child with an edge that it needs has job->is_waiting, which keeps it out of the run queue.
 *
 * engine_apply.c tells of a parent's first start and of its end; both only put it on a list, and
 * deps_run() walks its edges in DECIDE, so many of them a turn, so that a job with very many
 * children holds up nobody. An edge is met, or it can never be met: then its child is cancelled by
 * the engine's own events, which may make it a parent that has ended, in the same walk and without
 * recursion. A child that was told to keep waiting stays, and comes back when its parent is run
 * again.
 *
 * Rows stand for edges that are open; they go when the edge is decided, in the transaction of that
 * decision or a later one. A crash in between is harmless: restore reads the edge and how its
 * parent ended, and decides anew. Before a finished parent is run again, what waits for it is
 * decided first, so that a retry changes nothing for those. A parent's row stays while it has edges
 * (deps_has_children()).
 *
 *   AFTER       met by the first start of any task, or by the end
 *   AFTEROK     met by success, never by another end        AFTERNOTOK  the reverse
 *   AFTERANY    met by any end                              SINGLETON   the same
 *   AFTERCORR   task by task: deps_tasks.c
 */
#include <errno.h>
#include <inttypes.h>

#include "common/log.h"

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"

/* ------------------------------------------------------------------------------------- deciding */

static void deps_clear(struct engine *e, struct job_deps *child)
{
        struct deps_edge *edge;

        while ((edge = TAILQ_FIRST(&child->edges))) {
                struct deps_parent *const parent = edge->parent;

                deps_remove_edge(edge);
                if (!parent->is_due)
                        deps_drop_parent(e, parent);
        }
        if (child->is_due)
                TAILQ_REMOVE(&e->deps.children, child, due_entry);
        child->is_due = false;
}

void deps_abandon(struct engine *e, struct job_deps *child)
{
        struct job *job = child->job;

        deps_clear(e, child);
        deps_drop_rows(e, job->id);
        job->extra->deps = NULL;
        free(child);
        job->is_waiting = false;
        /* Who sees it free sees what freed it. */
        job->last_sequence = e->sequence;
        run_queue_update(e, job);
}

void deps_settle(struct engine *e, struct job_deps *child)
{
        struct job *job = child->job;

        if (TAILQ_EMPTY(&child->edges)) {
                deps_abandon(e, child);
                return;
        }
        if (child->any)
                job->is_waiting = child->counts[DEPS_BY_TASK] == 0;
        else
                job->is_waiting = child->counts[DEPS_ON_START] + child->counts[DEPS_ON_END] +
                                          child->counts[DEPS_IMPOSSIBLE] >
                                  0;
        run_queue_update(e, job);
        if (child->counts[DEPS_BY_TASK] > 0)
                deps_on_next(e, job);
}

static void deps_meet(struct engine *e, struct deps_edge *edge)
{
        struct job_deps *child = edge->child;

        if (child->any || TAILQ_NEXT(TAILQ_FIRST(&child->edges), child_entry) == NULL) {
                deps_abandon(e, child);
                return;
        }
        deps_drop_row(e, edge);
        deps_remove_edge(edge);
        deps_settle(e, child);
}

static void deps_cancel(struct engine *e, struct job_deps *child, const char *detail)
{
        struct job *job = child->job;

        log_debug("job %" PRIu64 " is cancelled: %s", job->id, detail);
        job->extra->is_cancelled = true;
        act_give_up(e, job, false, detail);
}

static void deps_refuse(struct engine *e, struct deps_edge *edge)
{
        struct job_deps *child = edge->child;
        char detail[80];

        if (child->keep) {
                deps_move_edge(edge, DEPS_IMPOSSIBLE);
                deps_settle(e, child);
                return;
        }
        if (child->any && TAILQ_NEXT(TAILQ_FIRST(&child->edges), child_entry)) {
                deps_drop_row(e, edge);
                deps_remove_edge(edge);
                deps_settle(e, child);
                return;
        }
        deps_say(edge->kind, edge->parent->id, edge->parent->state, detail, sizeof(detail));
        deps_move_edge(edge, DEPS_IMPOSSIBLE);
        deps_cancel(e, child, detail);
}

/* The next edge of this list that has a verdict now; edges of one list mostly have. */
static bool deps_decide_first(struct engine *e, struct deps_parent *parent, enum deps_place place)
{
        struct deps_edge *const edge = TAILQ_FIRST(&parent->edges[place]);
        enum deps_verdict verdict;

        if (!edge)
                return false;
        verdict = deps_judge(edge->kind, parent->is_finished, parent->state, parent->is_started);
        if (verdict == DEPS_MET)
                deps_meet(e, edge);
        else if (verdict == DEPS_NEVER)
                deps_refuse(e, edge);
        return verdict != DEPS_OPEN;
}

void deps_make_due(struct engine *e, struct deps_parent *parent)
{
        if (!parent->is_due)
                TAILQ_INSERT_TAIL(&e->deps.due, parent, due_entry);
        parent->is_due = true;
        loop_wake(e->loop);
}

void deps_make_child_due(struct engine *e, struct job_deps *child)
{
        if (!child->is_due)
                TAILQ_INSERT_TAIL(&e->deps.children, child, due_entry);
        child->is_due = true;
        loop_wake(e->loop);
}

/* What the parent's news mean for its edges; it is still due when the budget ends first. */
static void deps_run_parent(struct engine *e, struct deps_parent *parent, int64_t *budget)
{
        size_t i;

        for (i = 0; i < DEPS_IMPOSSIBLE; i++)
                while (*budget > 0 && !e->fault && deps_decide_first(e, parent, i))
                        (*budget)--;
        if (parent->has_task_news)
                parent->untold_count = parent->by_task_count;
        parent->has_task_news = false;
        deps_tell_tasks(e, parent, budget);
        if (e->fault)
                return;
        TAILQ_REMOVE(&e->deps.due, parent, due_entry);
        if (*budget <= 0) { /* there may be more: but first those behind it */
                TAILQ_INSERT_TAIL(&e->deps.due, parent, due_entry);
                return;
        }
        parent->is_due = false;
        deps_drop_parent(e, parent);
}

void deps_run(struct engine *e)
{
        int64_t budget = e->deps.slice;
        struct deps_parent *parent;
        struct job_deps *child;

        while (budget > 0 && !e->fault && (parent = TAILQ_FIRST(&e->deps.due)))
                deps_run_parent(e, parent, &budget);
        while (budget > 0 && !e->fault && (child = TAILQ_FIRST(&e->deps.children))) {
                TAILQ_REMOVE(&e->deps.children, child, due_entry);
                child->is_due = false;
                deps_cancel_tasks(e, child, &budget);
        }
        if (!TAILQ_EMPTY(&e->deps.due) || !TAILQ_EMPTY(&e->deps.children))
                loop_wake(e->loop);
}

/* ---------------------------------------------------------------------------------------- hooks */

void deps_on_started(struct engine *e, struct job *job)
{
        struct deps_parent *parent = deps_find_parent(e, job->id);

        if (!parent || parent->is_started)
                return;
        parent->is_started = true;
        if (!TAILQ_EMPTY(&parent->edges[DEPS_ON_START]))
                deps_make_due(e, parent);
}

/*
 * A job that waited for its predecessors of the same name waits no more and has not run: who waits
 * for it by name now waits for them.
 */
static void deps_bequeath(struct engine *e, struct job_deps *dying)
{
        struct deps_parent *self = deps_find_parent(e, dying->job->id);
        struct deps_edge *heir, *edge, *made;

        if (!self)
                return;
        TAILQ_FOREACH (heir, &self->edges[DEPS_ON_END], parent_entry) {
                if (heir->kind != DEPS_SINGLETON || heir->child == dying)
                        continue;
                TAILQ_FOREACH (edge, &dying->edges, child_entry) {
                        if (edge->kind != DEPS_SINGLETON || edge->parent->is_finished ||
                            edge->parent->id == heir->child->job->id)
                                continue;
                        made = deps_add_edge(e, heir->child, edge->parent, DEPS_SINGLETON,
                                             heir->child->ordinal_next);
                        if (made)
                                deps_write_edge(e, made);
                }
        }
}

void deps_unlink(struct engine *e, struct job_deps *child)
{
        deps_bequeath(e, child);
        deps_clear(e, child);
        child->job->extra->deps = NULL;
        free(child);
}

void deps_on_finished(struct engine *e, struct job *job, uint8_t state)
{
        struct job_deps *child = job->extra ? job->extra->deps : NULL;
        struct deps_parent *parent;

        if (child) {
                deps_unlink(e, child);
                deps_drop_rows(e, job->id);
        }
        deps_lookup_note_end(e, job, state);
        parent = deps_find_parent(e, job->id);
        if (!parent)
                return;
        parent->is_finished = true;
        parent->state = state;
        parent->has_task_news = true;
        deps_make_due(e, parent);
}

void deps_on_reopened(struct engine *e, struct job *job)
{
        struct deps_parent *parent = deps_find_parent(e, job->id);
        struct deps_edge *edge;
        int64_t budget = INT64_MAX;

        if (parent && parent->is_due) {
                deps_run_parent(e, parent, &budget);
                parent = deps_find_parent(e, job->id);
        }
        if (!parent)
                return;
        parent->is_finished = false;
        parent->state = JOB_ABSENT;
        while ((edge = TAILQ_FIRST(&parent->edges[DEPS_IMPOSSIBLE]))) {
                deps_move_edge(edge, deps_home(edge->kind));
                deps_settle(e, edge->child);
        }
}

/* -------------------------------------------------------------------------------------- restore */

int deps_restore(struct engine *e, const struct journal_dependency *row)
{
        struct job *job = job_table_find(&e->jobs, row->job);
        struct deps_parent *parent;
        struct job_deps *child;

        if (!job || row->kind == DEPS_NONE || row->kind >= DEPS_KIND_COUNT || row->parent == 0 ||
            row->parent == row->job ||
            (row->parent_state && !job_state_is_finished((enum job_state)row->parent_state)) ||
            row->parent_state >= JOB_STATE_COUNT) {
                log_error("the store holds a dependency row that cannot be: job %" PRIu64
                          ", number %" PRIu32,
                          row->job, row->ordinal);
                return FAULT(-EBADMSG);
        }
        child = deps_add_child(e, job, row->flags & DEPS_FLAG_ANY, row->flags & DEPS_FLAG_KEEP);
        parent = child ? deps_get_parent(e, row->parent, row->parent_state) : NULL;
        if (!parent || !deps_add_edge(e, child, parent, row->kind, row->ordinal))
                return FAULT(-ENOMEM);
        deps_settle(e, child);
        if (parent->is_finished || parent->is_started || row->kind == DEPS_AFTERCORR) {
                parent->has_task_news = true;
                deps_make_due(e, parent);
        }
        return e->fault;
}
