/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dependencies name and memory does not tell: parents that have ended, and for `singleton` the
 * earlier jobs of the same name, since names are not kept in memory. Both are read from the journal
 * before a submission enters or queued jobs are changed, a page of ids at a time.
 *
 * Jobs go on while a read is under way: one that enters or is renamed meanwhile is noted by the
 * lookup (deps_lookup_note()), and so is the end of one that was in memory
 * (deps_lookup_note_end()), so what it knows is complete when it is used. What memory says counts
 * more: a parent may have been run again.
 *
 * Names are found by going through all unfinished jobs of the user, which takes the journal thread
 * long when there are a million. So DEPS_SCANS_MAX lookups of a user do that at a time and the
 * others stand in a line: else everybody's commits would wait for one user's pages.
 *
 * Called by deps_submit.c, deps_update.c, and submit.c, which runs it.
 */
#include <errno.h>
#include <string.h>

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"

#define DEPS_SCANS_MAX 4U

struct deps_found {
        uint64_t id;
        uint8_t state; /* it ended with; JOB_ABSENT: no such job */
};

/* A name that a singleton has. */
struct deps_name {
        UT_hash_handle hh; /* by name */
        char *name;        /* owned */
        uint64_t *ids;     /* owned: unfinished jobs of that name */
        size_t ids_count, ids_room;
        bool is_sorted; /* by rising id */
};

enum deps_scan {
        DEPS_SCAN_NONE,
        DEPS_SCAN_WAITS,
        DEPS_SCAN_RUNS,
};

struct deps_lookup {
        TAILQ_ENTRY(deps_lookup) entry;      /* in engine->deps.lookups */
        TAILQ_ENTRY(deps_lookup) scan_entry; /* in ->scans, or in ->scan_line */
        enum deps_scan scan;
        struct engine *engine; /* borrowed */
        uint32_t uid;
        bool any_uid;
        struct deps_found *found; /* owned, by rising id */
        size_t found_count, found_done;
        size_t missing_count;    /* of them not in memory */
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

static int deps_lookup_step(struct deps_lookup *lookup);
static void deps_lookup_go_on(struct deps_lookup *lookup);

/* ------------------------------------------------------------------------------ turns of a user */

/* May it go through the names now? Else it stands in line. */
static bool deps_scan_begin(struct deps_lookup *lookup)
{
        struct deps *deps = &lookup->engine->deps;
        const struct deps_lookup *other;
        uint32_t count = 0;

        if (lookup->scan == DEPS_SCAN_RUNS)
                return true;
        TAILQ_FOREACH (other, &deps->scans, scan_entry)
                count += other->uid == lookup->uid;
        lookup->scan = count < DEPS_SCANS_MAX ? DEPS_SCAN_RUNS : DEPS_SCAN_WAITS;
        if (lookup->scan == DEPS_SCAN_RUNS)
                TAILQ_INSERT_TAIL(&deps->scans, lookup, scan_entry);
        else
                TAILQ_INSERT_TAIL(&deps->scan_line, lookup, scan_entry);
        return lookup->scan == DEPS_SCAN_RUNS;
}

/* It is over: the next one of the same user has its turn. */
static void deps_scan_end(struct deps_lookup *lookup)
{
        struct deps *deps = &lookup->engine->deps;
        const enum deps_scan scan = lookup->scan;
        struct deps_lookup *next;

        lookup->scan = DEPS_SCAN_NONE;
        if (scan == DEPS_SCAN_WAITS)
                TAILQ_REMOVE(&deps->scan_line, lookup, scan_entry);
        if (scan != DEPS_SCAN_RUNS)
                return;
        TAILQ_REMOVE(&deps->scans, lookup, scan_entry);
        TAILQ_FOREACH (next, &deps->scan_line, scan_entry)
                if (next->uid == lookup->uid)
                        break;
        if (!next || deps->is_closed)
                return;
        TAILQ_REMOVE(&deps->scan_line, next, scan_entry);
        next->scan = DEPS_SCAN_NONE;
        deps_lookup_go_on(next);
}

/* ------------------------------------------------------------------------------------ life time */

struct deps_lookup *deps_lookup_free(struct deps_lookup *lookup)
{
        struct deps_name *name, *next;

        if (!lookup)
                return NULL;
        deps_scan_end(lookup);
        TAILQ_REMOVE(&lookup->engine->deps.lookups, lookup, entry);
        HASH_ITER (hh, lookup->names, name, next) {
                HASH_DEL(lookup->names, name);
                free(name->name);
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
        name->name = strdup(text);
        if (name->name)
                HASH_ADD_KEYPTR(hh, lookup->names, name->name, strlen(text), name);
        if (name->hh.tbl)
                return 0;
        free(name->name);
        free(name);
        return FAULT(-ENOMEM);
}

/* What this dependency needs to be looked up for; counts without room. */
static int deps_lookup_add(struct deps_lookup *lookup, const struct engine_spec *spec,
                           const struct engine_dependency *dependency)
{
        if (dependency->kind == DEPS_SINGLETON)
                return spec->name ? deps_lookup_add_name(lookup, spec->name) : 0;
        if (dependency->is_sibling)
                return 0;
        if (!lookup->found && !job_table_find(&lookup->engine->jobs, dependency->job))
                lookup->missing_count++;
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
        int r;

        *out_lookup = NULL;
        if (!deps_has_any(submission))
                return 0;
        lookup = calloc(1, sizeof(*lookup));
        if (!lookup)
                return FAULT(-ENOMEM);
        lookup->engine = e;
        TAILQ_INSERT_TAIL(&e->deps.lookups, lookup, entry);
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
        if (lookup->missing_count > 0 || lookup->names)
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
        name->is_sorted = false;
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

int deps_lookup_add_id(struct deps_lookup *lookup, const char *text, uint64_t id)
{
        struct deps_name *name;

        HASH_FIND(hh, lookup->names, text, strlen(text), name);
        return name ? deps_name_add(name, id) : 0;
}

void deps_lookup_note_end(struct engine *e, const struct job *job, uint8_t state)
{
        struct deps_lookup *lookup;
        struct deps_found *found;

        TAILQ_FOREACH (lookup, &e->deps.lookups, entry) {
                found = deps_lookup_find(lookup, job->id);
                if (found && (lookup->any_uid || lookup->uid == job->user->uid))
                        found->state = state;
        }
}

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
        else if (!deps_scan_begin(lookup))
                *lookup->read = NULL;
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

/* --------------------------------------------------------------------------------------- using */

/* What is known of a parent: false when the submitter has no such job. */
bool deps_lookup_find_state(struct engine *e, const struct engine_submission *submission,
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

static int deps_compare_ids(const void *a, const void *b)
{
        const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

uint64_t deps_lookup_below(const struct deps_lookup *lookup, const char *text, uint64_t id)
{
        struct deps_name *name = NULL;
        size_t low = 0, high;

        if (lookup)
                HASH_FIND(hh, lookup->names, text, strlen(text), name);
        if (!name)
                return 0;
        if (!name->is_sorted)
                qsort(name->ids, name->ids_count, sizeof(*name->ids), deps_compare_ids);
        name->is_sorted = true;
        high = name->ids_count;
        while (low < high) {
                const size_t middle = low + (high - low) / 2;

                if (name->ids[middle] < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low > 0 ? name->ids[low - 1] : 0;
}
