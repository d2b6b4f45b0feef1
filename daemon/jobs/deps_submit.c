/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dependencies of jobs that are being submitted, or given new ones (deps_update.c). What memory
 * does not tell of their parents has been looked up (deps_lookup.c).
 *
 * A parent that has ended is decided here: met, or the submission is refused with a sentence. What
 * is open becomes an edge and a row. A singleton needs no edge to jobs behind another waiting
 * singleton of its name: that one waits for them, and hands them on if it is cancelled
 * (deps_decide.c).
 *
 * Called by submit.c and deps_update.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"

/* ------------------------------------------------------------------------------------- checking */

bool deps_has_any(const struct engine_submission *submission)
{
        for (size_t i = 0; i < submission->specs_count; i++)
                if (submission->specs[i].dependencies_count > 0)
                        return true;
        return false;
}

bool deps_has_singleton(const struct engine_spec *spec)
{
        for (size_t i = 0; i < spec->dependencies_count; i++)
                if (spec->dependencies[i].kind == DEPS_SINGLETON)
                        return true;
        return false;
}

static int deps_refuse_never(const struct engine_dependency *dependency, uint8_t state,
                             struct reason *why)
{
        return reason_set(why, ENGINE_E_STATE,
                          "the dependency on job %" PRIu64
                          " cannot come true: it has ended as %s (--keep-waiting takes it all "
                          "the same)",
                          dependency->job, job_state_name((enum job_state)state));
}

static int deps_check_spec(struct engine *e, const struct engine_submission *submission,
                           const struct deps_lookup *lookup, const struct engine_spec *spec,
                           struct reason *why)
{
        size_t i, never = 0;

        for (i = 0; i < spec->dependencies_count; i++) {
                const struct engine_dependency *const dependency = &spec->dependencies[i];
                uint8_t state;

                if (dependency->is_sibling || dependency->kind == DEPS_SINGLETON)
                        continue;
                if (!deps_lookup_find_state(e, submission, lookup, dependency->job, &state))
                        return reason_set(why, ENGINE_E_UNKNOWN,
                                          "no job %" PRIu64
                                          ": a dependency names a job of yours that is known still",
                                          dependency->job);
                if (state == JOB_ABSENT ||
                    deps_judge(dependency->kind, true, state, true) != DEPS_NEVER)
                        continue;
                never++;
                if (!spec->keep_waiting &&
                    (!spec->dependencies_any || never == spec->dependencies_count))
                        return deps_refuse_never(dependency, state, why);
        }
        return 0;
}

int deps_check(struct engine *e, const struct engine_submission *submission,
               const struct deps_lookup *lookup, struct reason *why)
{
        size_t i;
        int r = 0;

        for (i = 0; r == 0 && i < submission->specs_count; i++)
                r = deps_check_spec(e, submission, lookup, &submission->specs[i], why);
        return r;
}

/* -------------------------------------------------------------------------------------- linking */

/* The last place of a name in a submission, plus 1. */
struct deps_place_of {
        UT_hash_handle hh; /* by name, which is borrowed */
        size_t last;
};

struct deps_linking {
        struct engine *engine;
        const struct engine_submission *submission;
        const struct deps_lookup *lookup;
        uint64_t first_id;
        size_t *same_name; /* owned: the place before of the same name, plus 1; NULL: not needed */
};

static void deps_link_edge(struct deps_linking *link, struct job_deps *child, enum deps_kind kind,
                           uint64_t id, uint8_t state)
{
        struct engine *e = link->engine;
        struct deps_parent *parent = deps_get_parent(e, id, state);
        const struct deps_edge *edge;

        if (!parent)
                return;
        edge = deps_add_edge(e, child, parent, kind, child->ordinal_next);
        if (!edge)
                return;
        deps_write_edge(e, edge);
        if (parent->is_finished || kind == DEPS_AFTERCORR) {
                parent->has_task_news = true;
                deps_make_due(e, parent);
        }
}

/* True: this one is met, and no edge is needed. */
static bool deps_link_one(struct deps_linking *link, struct job_deps *child,
                          const struct engine_dependency *dependency)
{
        const uint64_t id =
                dependency->is_sibling ? link->first_id + dependency->job : dependency->job;
        struct job *job = job_table_find(&link->engine->jobs, id);
        uint8_t state = JOB_ABSENT;
        enum deps_verdict verdict;

        if (!job)
                (void)deps_lookup_find_state(link->engine, link->submission, link->lookup, id,
                                             &state);
        verdict = deps_judge(dependency->kind, !job, state, job && deps_has_started(job));
        if (verdict == DEPS_MET)
                return true;
        if (verdict == DEPS_OPEN || child->keep)
                deps_link_edge(link, child, dependency->kind, id, state);
        return false;
}

/* Waits for this earlier job of its name; true: and so for all before it. */
static bool deps_link_name(struct deps_linking *link, struct job_deps *child, uint64_t id)
{
        const struct job *job = job_table_find(&link->engine->jobs, id);

        if (!job || job == child->job)
                return false;
        deps_link_edge(link, child, DEPS_SINGLETON, id, JOB_ABSENT);
        return deps_stands_for_name(job);
}

static void deps_link_singleton(struct deps_linking *link, struct job_deps *child, size_t index)
{
        const char *const text = link->submission->specs[index].name;
        uint64_t id = link->first_id;
        size_t at;

        for (at = link->same_name[index]; at > 0; at = link->same_name[at - 1])
                if (deps_link_name(link, child, link->first_id + at - 1))
                        return;
        while ((id = deps_lookup_below(link->lookup, text, id)))
                if (deps_link_name(link, child, id))
                        return;
}

static void deps_link_spec(struct deps_linking *link, size_t index)
{
        const struct engine_spec *const spec = &link->submission->specs[index];
        struct job *job = job_table_find(&link->engine->jobs, link->first_id + index);
        struct job_deps *child =
                deps_add_child(link->engine, job, spec->dependencies_any, spec->keep_waiting);
        size_t i, met = 0;

        for (i = 0; child && i < spec->dependencies_count; i++) {
                if (spec->dependencies[i].kind == DEPS_SINGLETON)
                        deps_link_singleton(link, child, index);
                else if (deps_link_one(link, child, &spec->dependencies[i]))
                        met++;
        }
        if (!child)
                return;
        if (child->any && met > 0)
                deps_abandon(link->engine, child);
        else
                deps_settle(link->engine, child);
}

/* For each place the one before it with the same name. */
static int deps_chain_names(struct deps_linking *link)
{
        const struct engine_submission *const submission = link->submission;
        struct deps_place_of *names = NULL, *name, *next;
        size_t i;
        int r = 0;

        link->same_name = calloc(submission->specs_count, sizeof(*link->same_name));
        if (!link->same_name)
                return FAULT(-ENOMEM);
        for (i = 0; r == 0 && i < submission->specs_count; i++) {
                const char *const text = submission->specs[i].name;

                if (!text)
                        continue;
                HASH_FIND(hh, names, text, strlen(text), name);
                if (!name) {
                        name = calloc(1, sizeof(*name));
                        if (name)
                                HASH_ADD_KEYPTR(hh, names, text, strlen(text), name);
                        if (!name || !name->hh.tbl) {
                                free(name);
                                r = FAULT(-ENOMEM);
                                break;
                        }
                }
                link->same_name[i] = name->last;
                name->last = i + 1;
        }
        HASH_ITER (hh, names, name, next) {
                HASH_DEL(names, name);
                free(name);
        }
        return r;
}

void deps_link(struct engine *e, const struct engine_submission *submission,
               const struct deps_lookup *lookup, uint64_t first_id)
{
        struct deps_linking link = {
                .engine = e, .submission = submission, .lookup = lookup, .first_id = first_id
        };
        size_t i;

        if (!deps_has_any(submission))
                return;
        engine_note(e, deps_chain_names(&link));
        for (i = 0; i < submission->specs_count && !e->fault; i++)
                if (submission->specs[i].dependencies_count > 0)
                        deps_link_spec(&link, i);
        free(link.same_name);
}
