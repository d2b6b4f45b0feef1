/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dependencies of jobs that are being submitted. Parents that are unfinished are in memory; others
 * are looked up in the journal before the submission enters, a page of ids at a time, and so are
 * the earlier jobs of the same name for `singleton`, since names are not kept in memory. A job that
 * enters while such a read is under way is noted by the lookup itself (deps_lookup_note()), so the
 * list is complete when it is used.
 *
 * What memory says counts more than the page: a parent may have been run again meanwhile. A parent
 * that has ended is decided here: met, or the submission is refused with a sentence. What is open
 * becomes an edge and a row. A singleton needs no edge to jobs behind another waiting singleton of
 * its name: that one waits for them, and hands them on if it is cancelled (deps_decide.c).
 *
 * Called by submit.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"

struct deps_found {
        uint64_t id;
        uint8_t state; /* it ended with; JOB_ABSENT: no such job */
};

/* A name that a singleton of the submission has. */
struct deps_name {
        UT_hash_handle hh; /* by name */
        const char *name;  /* borrowed: of the submission */
        uint64_t *ids;     /* owned: unfinished jobs of that name */
        size_t ids_count, ids_room;
};

struct deps_lookup {
        TAILQ_ENTRY(deps_lookup) entry; /* in engine->deps.lookups, while there are names */
        struct engine *engine;          /* borrowed */
        uint32_t uid;
        bool any_uid;
        struct deps_found *found; /* owned, by rising id */
        size_t found_count, found_done;
        struct deps_name *names; /* owned, uthash */
        uint64_t names_before;   /* where the next page of names goes on */
        bool names_done;
        void (*done)(void *arg, int fault);
        void *arg;
        struct journal_read **read; /* borrowed: the asker's */
};

static int deps_compare_found(const void *a, const void *b)
{
        const uint64_t x = ((const struct deps_found *)a)->id;
        const uint64_t y = ((const struct deps_found *)b)->id;

        return x < y ? -1 : x > y;
}

struct deps_lookup *deps_lookup_free(struct deps_lookup *lookup)
{
        struct deps_name *name, *next;

        if (!lookup)
                return NULL;
        if (lookup->names)
                TAILQ_REMOVE(&lookup->engine->deps.lookups, lookup, entry);
        HASH_ITER (hh, lookup->names, name, next) {
                HASH_DEL(lookup->names, name);
                free(name->ids);
                free(name);
        }
        free(lookup->found);
        free(lookup);
        return NULL;
}

static int deps_lookup_add_name(struct deps_lookup *lookup, const char *text)
{
        struct deps_name *name = NULL;

        HASH_FIND(hh, lookup->names, text, strlen(text), name);
        if (name)
                return 0;
        name = calloc(1, sizeof(*name));
        if (!name)
                return FAULT(-ENOMEM);
        name->name = text;
        if (!lookup->names)
                TAILQ_INSERT_TAIL(&lookup->engine->deps.lookups, lookup, entry);
        HASH_ADD_KEYPTR(hh, lookup->names, name->name, strlen(text), name);
        if (name->hh.tbl)
                return 0;
        free(name);
        return FAULT(-ENOMEM);
}

/* What this dependency needs to be looked up for; counts without room. */
static int deps_lookup_add(struct deps_lookup *lookup, const struct engine_spec *spec,
                           const struct engine_dependency *dependency)
{
        if (dependency->kind == DEPS_SINGLETON)
                return spec->name ? deps_lookup_add_name(lookup, spec->name) : 0;
        if (dependency->is_sibling || job_table_find(&lookup->engine->jobs, dependency->job))
                return 0;
        if (lookup->found)
                lookup->found[lookup->found_count].id = dependency->job;
        lookup->found_count++;
        return 0;
}

static int deps_lookup_fill(struct deps_lookup *lookup, const struct engine_submission *submission)
{
        size_t i, k;
        int r = 0;

        lookup->found_count = 0;
        for (i = 0; i < submission->specs_count; i++)
                for (k = 0; r == 0 && k < submission->specs[i].dependencies_count; k++)
                        r = deps_lookup_add(lookup, &submission->specs[i],
                                            &submission->specs[i].dependencies[k]);
        return r;
}

static void deps_lookup_sort(struct deps_lookup *lookup)
{
        size_t i, kept = 0;

        qsort(lookup->found, lookup->found_count, sizeof(*lookup->found), deps_compare_found);
        for (i = 0; i < lookup->found_count; i++)
                if (kept == 0 || lookup->found[i].id != lookup->found[kept - 1].id)
                        lookup->found[kept++] = lookup->found[i];
        lookup->found_count = kept;
}

int deps_lookup_new(struct engine *e, const struct engine_submission *submission,
                    struct deps_lookup **out_lookup)
{
        _cleanup_(deps_lookup_freep) struct deps_lookup *lookup = NULL;
        size_t i;
        bool has_any = false;
        int r;

        *out_lookup = NULL;
        for (i = 0; i < submission->specs_count && !has_any; i++)
                has_any = submission->specs[i].dependencies_count > 0;
        if (!has_any)
                return 0;
        lookup = calloc(1, sizeof(*lookup));
        if (!lookup)
                return FAULT(-ENOMEM);
        lookup->engine = e;
        lookup->uid = submission->uid;
        lookup->any_uid = submission->is_admin;
        r = deps_lookup_fill(lookup, submission);
        if (r)
                return PASS(r);
        if (lookup->found_count > 0) {
                lookup->found = calloc(lookup->found_count, sizeof(*lookup->found));
                if (!lookup->found)
                        return FAULT(-ENOMEM);
                r = deps_lookup_fill(lookup, submission);
                if (r)
                        return PASS(r);
                deps_lookup_sort(lookup);
        }
        lookup->names_done = !lookup->names;
        if (lookup->found_count > 0 || lookup->names)
                *out_lookup = TAKE_PTR(lookup);
        return 0;
}

/* -------------------------------------------------------------------------------------- reading */

static struct deps_found *deps_lookup_find(const struct deps_lookup *lookup, uint64_t id)
{
        const struct deps_found key = { .id = id };

        if (!lookup || lookup->found_count == 0)
                return NULL;
        return bsearch(&key, lookup->found, lookup->found_count, sizeof(key), deps_compare_found);
}

static int deps_name_add(struct deps_name *name, uint64_t id)
{
        if (name->ids_count == name->ids_room) {
                const size_t room = MAX(name->ids_room * 2, (size_t)16);
                uint64_t *const ids = realloc(name->ids, room * sizeof(*ids));

                if (!ids)
                        return FAULT(-ENOMEM);
                name->ids = ids;
                name->ids_room = room;
        }
        name->ids[name->ids_count++] = id;
        return 0;
}

void deps_lookup_note(struct engine *e, uint32_t uid, const char *text, uint64_t id)
{
        struct deps_lookup *lookup;
        struct deps_name *name;

        if (!text)
                return;
        TAILQ_FOREACH (lookup, &e->deps.lookups, entry) {
                HASH_FIND(hh, lookup->names, text, strlen(text), name);
                if (name && lookup->uid == uid)
                        engine_note(e, deps_name_add(name, id));
        }
}

static int deps_lookup_step(struct deps_lookup *lookup);

static void deps_lookup_end(struct deps_lookup *lookup, int fault)
{
        lookup->done(lookup->arg, fault);
}

static void deps_lookup_go_on(struct deps_lookup *lookup)
{
        const int r = deps_lookup_step(lookup);

        if (r)
                deps_lookup_end(lookup, r);
}

static void deps_lookup_on_ids(void *arg, const struct journal_page *page)
{
        struct deps_lookup *lookup = arg;
        struct deps_found *found;
        size_t i;

        if (page->fault) {
                deps_lookup_end(lookup, page->fault);
                return;
        }
        for (i = 0; i < page->jobs_count; i++) {
                found = deps_lookup_find(lookup, page->jobs[i].id);
                if (found && page->jobs[i].finished)
                        found->state = page->jobs[i].state;
        }
        deps_lookup_go_on(lookup);
}

static void deps_lookup_on_names(void *arg, const struct journal_page *page)
{
        struct deps_lookup *lookup = arg;
        struct deps_name *name;
        size_t i;
        int r = page->fault;

        for (i = 0; r == 0 && i < page->jobs_count; i++) {
                const struct journal_job *row = &page->jobs[i];

                if (!row->name || row->finished)
                        continue;
                HASH_FIND(hh, lookup->names, row->name, strlen(row->name), name);
                if (name)
                        r = deps_name_add(name, row->id);
        }
        if (r) {
                deps_lookup_end(lookup, r);
                return;
        }
        lookup->names_before = page->next;
        lookup->names_done = !page->more;
        deps_lookup_go_on(lookup);
}

static int deps_lookup_read_ids(struct deps_lookup *lookup, struct journal *journal)
{
        _cleanup_(freep) uint64_t *ids = NULL;
        struct journal_job_query query = { .any_uid = lookup->any_uid, .uid = lookup->uid };
        const size_t left = lookup->found_count - lookup->found_done;
        size_t i;

        query.ids_count = MIN(left, (size_t)JOURNAL_PAGE_MAX);
        ids = calloc(query.ids_count, sizeof(*ids));
        if (!ids)
                return FAULT(-ENOMEM);
        for (i = 0; i < query.ids_count; i++)
                ids[i] = lookup->found[lookup->found_done + i].id;
        lookup->found_done += query.ids_count;
        query.ids = ids;
        return journal_read_jobs(journal, &query, deps_lookup_on_ids, lookup, lookup->read);
}

/* Unfinished jobs of this user, newest first; one name is looked for by the journal itself. */
static int deps_lookup_read_names(struct deps_lookup *lookup, struct journal *journal)
{
        const struct user *user = engine_get_user(lookup->engine, lookup->uid);
        const struct job *first = user ? TAILQ_FIRST(&user->jobs) : NULL;
        const struct journal_job_query query = {
                .uid = lookup->uid,
                .before_id = lookup->names_before,
                .min_id = first ? first->id : 0,
                .state_mask = 1U << JOB_QUEUED,
                .name = HASH_COUNT(lookup->names) == 1 ? lookup->names->name : NULL,
                .limit = JOURNAL_PAGE_MAX,
        };

        return journal_read_jobs(journal, &query, deps_lookup_on_names, lookup, lookup->read);
}

static int deps_lookup_step(struct deps_lookup *lookup)
{
        struct journal *journal;
        int r = 0;

        if (lookup->found_done == lookup->found_count && lookup->names_done) {
                deps_lookup_end(lookup, 0);
                return 0;
        }
        journal = engine_journal(lookup->engine);
        if (!journal)
                return FAULT(-ENOTRECOVERABLE);
        if (lookup->found_done < lookup->found_count)
                r = deps_lookup_read_ids(lookup, journal);
        else
                r = deps_lookup_read_names(lookup, journal);
        return r ? PASS(r) : 0;
}

int deps_lookup_run(struct deps_lookup *lookup, void (*done)(void *arg, int fault), void *arg,
                    struct journal_read **out_read)
{
        int r;

        lookup->done = done;
        lookup->arg = arg;
        lookup->read = out_read;
        r = deps_lookup_step(lookup);
        return r ? PASS(r) : 0;
}

/* ------------------------------------------------------------------------------------- checking */

/* What is known of a parent: false when the submitter has no such job. */
static bool deps_find_state(struct engine *e, const struct engine_submission *submission,
                            const struct deps_lookup *lookup, uint64_t id, uint8_t *out_state)
{
        const struct job *job = job_table_find(&e->jobs, id);
        const struct deps_found *found;

        *out_state = JOB_ABSENT;
        if (job)
                return submission->is_admin || job->user->uid == submission->uid;
        found = deps_lookup_find(lookup, id);
        if (found)
                *out_state = found->state;
        return found && found->state != JOB_ABSENT;
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
                if (!deps_find_state(e, submission, lookup, dependency->job, &state))
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
                (void)deps_find_state(link->engine, link->submission, link->lookup, id, &state);
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
        const struct deps_edge *edge;

        if (!job || job == child->job)
                return false;
        deps_link_edge(link, child, DEPS_SINGLETON, id, JOB_ABSENT);
        if (!job->extra || !job->extra->deps)
                return false;
        TAILQ_FOREACH (edge, &job->extra->deps->edges, child_entry)
                if (edge->kind == DEPS_SINGLETON)
                        return true;
        return false;
}

static int deps_compare_ids_down(const void *a, const void *b)
{
        const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x > y ? -1 : x < y;
}

static void deps_link_singleton(struct deps_linking *link, struct job_deps *child, size_t index)
{
        const char *const text = link->submission->specs[index].name;
        struct deps_name *name = NULL;
        size_t at, i;

        for (at = link->same_name[index]; at > 0; at = link->same_name[at - 1])
                if (deps_link_name(link, child, link->first_id + at - 1))
                        return;
        if (link->lookup)
                HASH_FIND(hh, link->lookup->names, text, strlen(text), name);
        if (!name || name->ids_count == 0)
                return;
        qsort(name->ids, name->ids_count, sizeof(*name->ids), deps_compare_ids_down);
        for (i = 0; i < name->ids_count; i++)
                if ((i == 0 || name->ids[i] != name->ids[i - 1]) && name->ids[i] < link->first_id &&
                    deps_link_name(link, child, name->ids[i]))
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
        struct deps_name *names = NULL, *name, *next;
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
                link->same_name[i] = name->ids_count;
                name->ids_count = i + 1;
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
        bool has_any = false;
        size_t i;

        for (i = 0; i < submission->specs_count && !has_any; i++)
                has_any = submission->specs[i].dependencies_count > 0;
        if (!has_any)
                return;
        engine_note(e, deps_chain_names(&link));
        for (i = 0; i < submission->specs_count && !e->fault; i++)
                if (submission->specs[i].dependencies_count > 0)
                        deps_link_spec(&link, i);
        free(link.same_name);
}
