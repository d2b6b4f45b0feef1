/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of jobs that wait for jobs: parents by id, children in job->extra, an edge in a list of
 * each, and the rows that stand for the edges on disk. What the edges mean for their jobs is
 * deps_decide.c's.
 *
 * A parent is made when somebody waits for it, finished or not, and freed with its last edge. An
 * edge is in one of its parent's lists by what it waits for, so that news of one kind find those
 * that they concern at the front. Rows of a job go together; those of neighbouring ids, as children
 * of one parent mostly have, go in one statement, which is held back until this turn's batch is
 * handed over (deps_flush()).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"

#define DEPS_SLICE 2000

static const char *const deps_kind_names[] = {
        [DEPS_NONE] = "none",
        [DEPS_AFTER] = "after",
        [DEPS_AFTEROK] = "afterok",
        [DEPS_AFTERANY] = "afterany",
        [DEPS_AFTERNOTOK] = "afternotok",
        [DEPS_AFTERCORR] = "aftercorr",
        [DEPS_SINGLETON] = "singleton",
};
_Static_assert(ARRAY_SIZE(deps_kind_names) == DEPS_KIND_COUNT, "a name for every kind");

static const char *const deps_end_words[] = {
        [JOB_ABSENT] = "is not known any more",
        [JOB_SUCCEEDED] = "succeeded",
        [JOB_FAILED] = "failed",
        [JOB_CANCELLED] = "was cancelled",
        [JOB_TIMEOUT] = "ran into its time limit",
        [JOB_OOM] = "ran out of memory",
        [JOB_LOST] = "was lost",
};
_Static_assert(ARRAY_SIZE(deps_end_words) == JOB_STATE_COUNT, "a word for every end");

/* -------------------------------------------------------------------------------------- judging */

enum deps_verdict deps_judge(enum deps_kind kind, bool is_finished, uint8_t state, bool is_started)
{
        const bool ok = state == JOB_SUCCEEDED;

        if (!is_finished)
                return kind == DEPS_AFTER && is_started ? DEPS_MET : DEPS_OPEN;
        switch (kind) {
        case DEPS_AFTEROK:
                return ok ? DEPS_MET : DEPS_NEVER;
        case DEPS_AFTERNOTOK:
                return ok ? DEPS_NEVER : DEPS_MET;
        case DEPS_AFTERCORR:
                return ok ? DEPS_MET : DEPS_OPEN;
        default:
                return DEPS_MET;
        }
}

bool deps_is_impossible(const struct deps_edge *edge)
{
        return edge->place == DEPS_IMPOSSIBLE;
}

const char *deps_kind_name(enum deps_kind kind)
{
        return deps_kind_names[kind];
}

void deps_say(enum deps_kind kind, uint64_t id, uint8_t state, char *buf, size_t size)
{
        snprintf(buf, size, "%s:%" PRIu64 ": job %" PRIu64 " %s", deps_kind_names[kind], id, id,
                 deps_end_words[state]);
}

bool deps_describe(const struct job *job, char *buf, size_t size)
{
        const struct job_deps *child = job->extra ? job->extra->deps : NULL;
        const struct deps_edge *edge;

        if (!child || child->counts[DEPS_IMPOSSIBLE] == 0)
                return false;
        TAILQ_FOREACH (edge, &child->edges, child_entry)
                if (edge->place == DEPS_IMPOSSIBLE) {
                        deps_say(edge->kind, edge->parent->id, edge->parent->state, buf, size);
                        return true;
                }
        return false;
}

/* -------------------------------------------------------------------------------------- members */

struct deps_parent *deps_find_parent(const struct engine *e, uint64_t id)
{
        struct deps_parent *parent = NULL;

        if (e->deps.parents)
                HASH_FIND(hh, e->deps.parents, &id, sizeof(id), parent);
        return parent;
}

bool deps_has_children(const struct engine *e, uint64_t id)
{
        return deps_find_parent(e, id);
}

bool deps_has_started(struct job *job)
{
        struct task *task;

        if (job->extra && job->extra->tasks_ok + job->extra->tasks_failed > 0)
                return true;
        RB_FOREACH (task, task_tree, &job->tasks)
                if (task->started || task->attempt > 0)
                        return true;
        return false;
}

struct deps_parent *deps_get_parent(struct engine *e, uint64_t id, uint8_t state)
{
        struct deps_parent *parent = deps_find_parent(e, id);
        struct job *job = job_table_find(&e->jobs, id);
        size_t i;

        if (parent)
                return parent;
        parent = calloc(1, sizeof(*parent));
        if (!parent) {
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        parent->id = id;
        parent->engine = e;
        parent->is_finished = !job;
        parent->state = job ? JOB_ABSENT : state;
        parent->is_started = job && deps_has_started(job);
        for (i = 0; i < DEPS_PLACE_COUNT; i++)
                TAILQ_INIT(&parent->edges[i]);
        HASH_ADD(hh, e->deps.parents, id, sizeof(parent->id), parent);
        if (!parent->hh.tbl) {
                free(parent);
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        return parent;
}

static void deps_free_parent(struct engine *e, struct deps_parent *parent)
{
        if (parent->is_due)
                TAILQ_REMOVE(&e->deps.due, parent, due_entry);
        HASH_DEL(e->deps.parents, parent);
        free(parent->results);
        free(parent);
}

/* Nobody waits for it any more. */
void deps_drop_parent(struct engine *e, struct deps_parent *parent)
{
        size_t i;

        for (i = 0; i < DEPS_PLACE_COUNT; i++)
                if (!TAILQ_EMPTY(&parent->edges[i]))
                        return;
        if (parent->read)
                journal_read_cancel(parent->read);
        deps_free_parent(e, parent);
}

struct job_deps *deps_add_child(struct engine *e, struct job *job, bool any, bool keep)
{
        struct job_extra *x = engine_extra(e, job);

        if (!x || x->deps)
                return x ? x->deps : NULL;
        x->deps = calloc(1, sizeof(*x->deps));
        if (!x->deps) {
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        x->deps->job = job;
        x->deps->link_sequence = e->sequence;
        x->deps->any = any;
        x->deps->keep = keep;
        TAILQ_INIT(&x->deps->edges);
        return x->deps;
}

static void deps_place_edge(struct deps_edge *edge, enum deps_place place)
{
        edge->place = (uint8_t)place;
        edge->child->counts[place]++;
        edge->parent->by_task_count += place == DEPS_BY_TASK;
        TAILQ_INSERT_TAIL(&edge->parent->edges[place], edge, parent_entry);
}

static void deps_displace_edge(struct deps_edge *edge)
{
        edge->child->counts[edge->place]--;
        edge->parent->by_task_count -= edge->place == DEPS_BY_TASK;
        TAILQ_REMOVE(&edge->parent->edges[edge->place], edge, parent_entry);
}

void deps_move_edge(struct deps_edge *edge, enum deps_place place)
{
        deps_displace_edge(edge);
        deps_place_edge(edge, place);
}

enum deps_place deps_home(enum deps_kind kind)
{
        if (kind == DEPS_AFTERCORR)
                return DEPS_BY_TASK;
        return kind == DEPS_AFTER ? DEPS_ON_START : DEPS_ON_END;
}

struct deps_edge *deps_add_edge(struct engine *e, struct job_deps *child,
                                struct deps_parent *parent, enum deps_kind kind, uint32_t ordinal)
{
        struct deps_edge *edge = calloc(1, sizeof(*edge));

        if (!edge) {
                engine_note(e, FAULT(-ENOMEM));
                return NULL;
        }
        edge->child = child;
        edge->parent = parent;
        edge->kind = (uint8_t)kind;
        edge->ordinal = ordinal;
        child->ordinal_next = MAX(child->ordinal_next, ordinal + 1);
        if (kind == DEPS_AFTERCORR && TAILQ_EMPTY(&parent->edges[DEPS_BY_TASK]))
                deps_begin_tasks(e, parent);
        TAILQ_INSERT_TAIL(&child->edges, edge, child_entry);
        child->job->user->links_count++;
        deps_place_edge(edge, deps_home(kind));
        return edge;
}

void deps_remove_edge(struct deps_edge *edge)
{
        deps_displace_edge(edge);
        TAILQ_REMOVE(&edge->child->edges, edge, child_entry);
        edge->child->job->user->links_count--;
        free(edge);
}

bool deps_stands_for_name(const struct job *job)
{
        const struct job_deps *child = job->extra ? job->extra->deps : NULL;
        const struct deps_edge *edge;

        if (!child || (child->link_sequence < job->user->rename_sequence &&
                       job->user->rename_first_id <= job->id))
                return false;
        TAILQ_FOREACH (edge, &child->edges, child_entry)
                if (edge->kind == DEPS_SINGLETON)
                        return true;
        return false;
}

/* ----------------------------------------------------------------------------------------- rows */

void deps_write_edge(struct engine *e, const struct deps_edge *edge)
{
        struct journal_batch *batch = engine_batch(e);
        const struct job_deps *child = edge->child;
        const struct journal_dependency row = {
                .job = child->job->id,
                .ordinal = edge->ordinal,
                .kind = edge->kind,
                .flags = (uint8_t)((child->any ? DEPS_FLAG_ANY : 0) |
                                   (child->keep ? DEPS_FLAG_KEEP : 0)),
                .parent = edge->parent->id,
        };

        if (batch)
                engine_note(e, journal_put_dependency(batch, &row));
}

void deps_flush(struct engine *e)
{
        struct journal_batch *batch = e->deps.drop_first ? engine_batch(e) : NULL;

        if (batch)
                engine_note(
                        e, journal_drop_dependencies(batch, e->deps.drop_first, e->deps.drop_last));
        e->deps.drop_first = e->deps.drop_last = 0;
}

/* All rows of a job. Neighbours, as children of one parent mostly are, go in one statement. */
void deps_drop_rows(struct engine *e, uint64_t job)
{
        if (e->deps.drop_first && job == e->deps.drop_last + 1) {
                e->deps.drop_last = job;
                return;
        }
        deps_flush(e);
        e->deps.drop_first = e->deps.drop_last = job;
}

void deps_drop_row(struct engine *e, const struct deps_edge *edge)
{
        struct journal_batch *batch = engine_batch(e);

        if (batch)
                engine_note(e, journal_drop_dependency(batch, edge->child->job->id, edge->ordinal));
}

/* ------------------------------------------------------------------------------------ life time */

void deps_free_child(struct job *job)
{
        struct job_deps *child = job->extra->deps;
        struct deps_edge *edge;

        if (!child)
                return;
        while ((edge = TAILQ_FIRST(&child->edges))) {
                TAILQ_REMOVE(&child->edges, edge, child_entry);
                free(edge);
        }
        free(child);
        job->extra->deps = NULL;
}

void deps_init(struct engine *e)
{
        e->deps.slice = DEPS_SLICE;
        TAILQ_INIT(&e->deps.due);
        TAILQ_INIT(&e->deps.children);
        TAILQ_INIT(&e->deps.lookups);
        TAILQ_INIT(&e->deps.scans);
        TAILQ_INIT(&e->deps.scan_line);
}

/* The journal is closed by now, and reads with it. */
void deps_deinit(struct engine *e)
{
        struct deps_parent *parent, *next;

        HASH_ITER (hh, e->deps.parents, parent, next)
                deps_free_parent(e, parent);
}
