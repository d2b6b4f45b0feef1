/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queued jobs are given other dependencies. What the new ones name is looked up and judged as at
 * submit; beside that a job must not come to wait for itself over jobs that are there already
 * (deps_circle.c). Then all of the old edges go, and the new ones are linked as those of a
 * submission are, in one step: rows are dropped and written in the batch that has the changed
 * specification.
 *
 * Old edges go by falling id and new ones come by rising id. A singleton that goes hands its
 * predecessors to those that wait for it, and one that comes needs none behind another singleton:
 * in this order a chain of many costs one edge each.
 *
 * Called by update.c, after it has judged everything else.
 */
#include <errno.h>
#include <inttypes.h>

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"

/* ----------------------------------------------------------------------------------- looking up */

/* Names are looked for among the jobs of the owner, whoever asks. */
static struct engine_submission deps_update_submission(const struct engine *e,
                                                       const struct engine_submission *asker,
                                                       const struct engine_update *update)
{
        const struct job *job = job_table_find(&e->jobs, update->id);
        struct engine_submission submission = *asker;

        if (job && asker->is_admin)
                submission.uid = job->user->uid;
        submission.specs = &update->spec;
        submission.specs_count = 1;
        return submission;
}

int engine_update_prepare(struct engine *e, const struct engine_submission *asker,
                          const struct engine_update *updates, size_t count,
                          struct deps_lookup **out_lookup)
{
        _cleanup_(freep) struct engine_spec *specs = NULL;
        struct engine_submission submission;
        int r;

        *out_lookup = NULL;
        if (count == 0 || !updates[0].sets_dependencies)
                return 0;
        specs = calloc(count, sizeof(*specs));
        if (!specs)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++)
                specs[i] = updates[i].spec;
        submission = deps_update_submission(e, asker, &updates[0]);
        submission.specs = specs;
        submission.specs_count = count;
        r = deps_lookup_new(e, &submission, out_lookup);
        return r ? PASS(r) : 0;
}

int engine_lookup_run(struct deps_lookup *lookup, void (*done)(void *arg, int fault), void *arg,
                      struct journal_read **out_read)
{
        const int r = deps_lookup_run(lookup, done, arg, out_read);

        return r ? PASS(r) : 0;
}

struct deps_lookup *engine_lookup_free(struct deps_lookup *lookup)
{
        return deps_lookup_free(lookup);
}

/* ------------------------------------------------------------------------------------- judging */

static int deps_update_check_singleton(const struct engine *e,
                                       const struct engine_submission *asker,
                                       const struct engine_update *updates, size_t i,
                                       struct reason *why)
{
        const struct job *first = job_table_find(&e->jobs, updates[0].id);
        const struct job *job = job_table_find(&e->jobs, updates[i].id);
        int r = 0;

        if (!deps_has_singleton(&updates[i].spec))
                return 0;
        if (asker->is_admin && first->user != job->user)
                return reason_set(why, ENGINE_E_REFUSED,
                                  "job %" PRIu64 " is another user's than job %" PRIu64
                                  ": singleton is for the jobs of one user at a time",
                                  job->id, first->id);
        if (updates[i].lookup && updates[i].spec.name)
                r = deps_lookup_add_id(updates[i].lookup, updates[i].spec.name, job->id);
        return r ? PASS(r) : 0;
}

/* It waits in vain, and shall not wait in vain any more: what then? */
static int deps_update_check_keep(const struct job *job, const struct engine_update *update,
                                  struct reason *why)
{
        char text[80];

        if (!update->sets_keep_waiting || update->spec.keep_waiting ||
            !deps_describe(job, text, sizeof(text)))
                return 0;
        return reason_set(why, ENGINE_E_STATE,
                          "job %" PRIu64
                          " waits for what cannot come true (%s): cancel it, or give it another "
                          "dependency",
                          job->id, text);
}

static int deps_update_check_one(struct engine *e, const struct engine_submission *asker,
                                 const struct engine_update *update, struct reason *why)
{
        const struct engine_submission submission = deps_update_submission(e, asker, update);
        struct job *job = job_table_find(&e->jobs, update->id);

        if (!update->sets_dependencies)
                return deps_update_check_keep(job, update, why);
        if (job_is_many(job) && (job->leased_count > 0 || deps_has_started(job)))
                return reason_set(why, ENGINE_E_STATE,
                                  "job %" PRIu64
                                  " has begun: what it waits for can be changed only before its "
                                  "first task",
                                  job->id);
        if (job->user->links_count + update->spec.dependencies_count > ENGINE_LINKS_MAX)
                return reason_set(why, ENGINE_E_LIMIT,
                                  "the queued jobs would have more than %u dependencies",
                                  ENGINE_LINKS_MAX);
        for (size_t i = 0; i < update->spec.dependencies_count; i++)
                if (update->spec.dependencies[i].job == job->id)
                        return reason_set(why, ENGINE_E_REFUSED,
                                          "job %" PRIu64 " cannot wait for itself", job->id);
        return deps_check(e, &submission, update->lookup, why);
}

static int deps_update_compare(const void *a, const void *b)
{
        const struct engine_update *const *x = a, *const *y = b;

        return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

/* Those that set dependencies, by rising id; owned by the caller. */
static int deps_update_sort(const struct engine_update *updates, size_t count,
                            const struct engine_update ***out_sorted, size_t *out_count)
{
        const struct engine_update **sorted = calloc(count + 1, sizeof(const void *));
        size_t kept = 0;

        if (!sorted)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++)
                if (updates[i].sets_dependencies)
                        sorted[kept++] = &updates[i];
        qsort(sorted, kept, sizeof(const void *), deps_update_compare);
        *out_sorted = sorted;
        *out_count = kept;
        return 0;
}

int deps_update_check(struct engine *e, const struct engine_submission *asker,
                      const struct engine_update *updates, size_t count, size_t *out_index,
                      struct reason *why)
{
        _cleanup_(freep) const struct engine_update **sorted = NULL;
        size_t sorted_count;
        int r;

        for (size_t i = 0; i < count; i++) {
                *out_index = i;
                r = deps_update_check_singleton(e, asker, updates, i, why);
                if (r == 0)
                        r = deps_update_check_one(e, asker, &updates[i], why);
                if (r)
                        return r;
        }
        r = deps_update_sort(updates, count, &sorted, &sorted_count);
        if (r)
                return PASS(r);
        *out_index = 0;
        return deps_circle_check(e, sorted, sorted_count, why);
}

/* ------------------------------------------------------------------------------------- changing */

static void deps_update_unlink(struct engine *e, const struct engine_update *update)
{
        struct job *job = job_table_find(&e->jobs, update->id);
        struct job_deps *child = job->extra ? job->extra->deps : NULL;

        if (child)
                deps_unlink(e, child);
        deps_drop_rows(e, job->id);
}

static void deps_update_link(struct engine *e, const struct engine_submission *asker,
                             const struct engine_update *update)
{
        const struct engine_submission submission = deps_update_submission(e, asker, update);
        struct job *job = job_table_find(&e->jobs, update->id);

        job->is_waiting = update->spec.dependencies_count > 0; /* until it is linked */
        deps_link(e, &submission, update->lookup, job->id);
        run_queue_update(e, job);
}

static void deps_update_keep(struct engine *e, const struct engine_update *update)
{
        struct job *job = job_table_find(&e->jobs, update->id);
        struct job_deps *child = job->extra ? job->extra->deps : NULL;
        const struct deps_edge *edge;

        if (!update->sets_keep_waiting || !child)
                return;
        child->keep = update->spec.keep_waiting;
        TAILQ_FOREACH (edge, &child->edges, child_entry)
                deps_write_edge(e, edge);
        deps_on_next(e, job);
}

void deps_update_apply(struct engine *e, const struct engine_submission *asker,
                       const struct engine_update *updates, size_t count)
{
        _cleanup_(freep) const struct engine_update **sorted = NULL;
        size_t i, sorted_count = 0;

        for (i = 0; i < count; i++)
                if (!updates[i].sets_dependencies)
                        deps_update_keep(e, &updates[i]);
        engine_note(e, deps_update_sort(updates, count, &sorted, &sorted_count));
        for (i = sorted_count; i-- > 0 && !e->fault;)
                deps_update_unlink(e, sorted[i]);
        /* Rows that are written now must not fall to a drop that is still held back. */
        deps_flush(e);
        for (i = 0; i < sorted_count && !e->fault; i++)
                deps_update_link(e, asker, sorted[i]);
}
