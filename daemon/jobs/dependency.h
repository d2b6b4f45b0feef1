/* SPDX-License-Identifier: Apache-2.0 */
/* What jobs wait for of each other; shared by the files of daemon/jobs and by nobody else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"
#include "common/map.h"

#include "daemon/journal/journal.h"

struct engine;
struct engine_spec;
struct engine_submission;
struct engine_update;
struct job;
struct job_deps;
struct deps_parent;
struct reason;

/* jobd.DependencyKind; the same numbers. Stored. */
enum deps_kind {
        DEPS_NONE,
        DEPS_AFTER,
        DEPS_AFTEROK,
        DEPS_AFTERANY,
        DEPS_AFTERNOTOK,
        DEPS_AFTERCORR,
        DEPS_SINGLETON,
        DEPS_KIND_COUNT,
};

/* journal_dependency.flags; each row of a job has the same. */
#define DEPS_FLAG_ANY 1U
#define DEPS_FLAG_KEEP 2U

enum deps_verdict {
        DEPS_OPEN,
        DEPS_MET,
        DEPS_NEVER,
};

/* In which of its parent's lists an edge is. */
enum deps_place {
        DEPS_ON_START, /* AFTER */
        DEPS_ON_END,
        DEPS_BY_TASK,    /* AFTERCORR */
        DEPS_IMPOSSIBLE, /* can no longer come true, and its job waits all the same */
        DEPS_PLACE_COUNT,
};

/* One job waits for another. */
struct deps_edge {
        TAILQ_ENTRY(deps_edge) parent_entry;
        TAILQ_ENTRY(deps_edge) child_entry;
        struct deps_parent *parent; /* borrowed: lives as long as it has edges */
        struct job_deps *child;     /* borrowed: owns us */
        uint32_t ordinal;
        uint8_t kind;  /* enum deps_kind */
        uint8_t place; /* enum deps_place */
};
TAILQ_HEAD(deps_edges, deps_edge);

/* What a job waits for: job->extra->deps, while anything is open. */
struct job_deps {
        struct job *job;         /* borrowed: owns us */
        struct deps_edges edges; /* owned */
        uint32_t counts[DEPS_PLACE_COUNT];
        uint32_t ordinal_next;
        uint64_t link_sequence; /* what it waits for was found out as of here */
        bool any;               /* one of them is enough */
        bool keep;              /* waits on when they can no longer come true */
        bool is_due;            /* in engine->deps.children */
        TAILQ_ENTRY(job_deps) due_entry;
};
TAILQ_HEAD(deps_children, job_deps);

/* A job that others wait for, finished or not. */
struct deps_parent {
        UT_hash_handle hh; /* by id, in engine->deps.parents */
        uint64_t id;
        struct deps_edges edges[DEPS_PLACE_COUNT]; /* borrowed: of their children */
        bool is_finished;
        bool is_started;
        bool is_due; /* in engine->deps.due */
        TAILQ_ENTRY(deps_parent) due_entry;
        uint8_t state; /* enum job_state, when finished; JOB_ABSENT: forgotten */

        /* For DEPS_BY_TASK: how its tasks ended (deps_tasks.c). */
        bool is_loaded;
        bool has_task_news;
        uint64_t by_task_count; /* edges in that list, */
        uint64_t untold_count;  /* and so many at its front have yet to hear of the last news */
        uint8_t *results;       /* owned: 2 bits a task */
        uint64_t results_count;
        struct journal_read *read; /* while earlier ends are read */
        struct engine *engine;     /* borrowed: owns us */
};
TAILQ_HEAD(deps_parents, deps_parent);

/* What must be known of parents and memory does not tell (deps_lookup.c). */
struct deps_lookup;
TAILQ_HEAD(deps_lookups, deps_lookup);

/* engine->deps */
struct deps {
        struct deps_parent *parents;   /* owned, uthash by id */
        struct deps_parents due;       /* something of them has changed */
        struct deps_children children; /* whose next tasks will never be allowed */
        struct deps_lookups lookups;
        struct deps_lookups scans;      /* of those: they go through their user's jobs by name */
        struct deps_lookups scan_line;  /* and wait for their turn to do so */
        bool is_closed;                 /* nothing is read any more */
        int64_t slice;                  /* edges that are looked at in one turn */
        uint64_t drop_first, drop_last; /* jobs whose rows go with this batch; 0: none */
};

/* -------------------------------------------------------------------------------- deps_graph.c */

/* What an edge of this kind is worth when its parent is so. */
enum deps_verdict deps_judge(enum deps_kind kind, bool is_finished, uint8_t state, bool is_started);
/* "afterok" */
const char *deps_kind_name(enum deps_kind kind);
/* "afterok:17: job 17 failed" */
void deps_say(enum deps_kind kind, uint64_t id, uint8_t state, char *buf, size_t size);
/* The same for a job that waits in vain; false: it does not. */
bool deps_describe(const struct job *job, char *buf, size_t size);
bool deps_is_impossible(const struct deps_edge *edge);
/* Does an unfinished job depend on this one? Then its row must stay. */
bool deps_has_children(const struct engine *engine, uint64_t id);
/* Has any task of this unfinished job begun? */
bool deps_has_started(struct job *job);

struct deps_parent *deps_find_parent(const struct engine *engine, uint64_t id);
/* Made when there is none; state: how it ended if it is finished. NULL after a fault. */
struct deps_parent *deps_get_parent(struct engine *engine, uint64_t id, uint8_t state);
/* Frees it when nobody waits for it any more. */
void deps_drop_parent(struct engine *engine, struct deps_parent *parent);
/* job->extra->deps, made when there is none; NULL after a fault. */
struct job_deps *deps_add_child(struct engine *engine, struct job *job, bool any, bool keep);
void deps_free_child(struct job *job);
/* The parent's list for this kind. */
enum deps_place deps_home(enum deps_kind kind);
struct deps_edge *deps_add_edge(struct engine *engine, struct job_deps *child,
                                struct deps_parent *parent, enum deps_kind kind, uint32_t ordinal);
void deps_move_edge(struct deps_edge *edge, enum deps_place place);
void deps_remove_edge(struct deps_edge *edge);

/*
 * Does it wait for all earlier jobs of its name, so that who waits for it needs no edge to those?
 * Not when it was renamed since it was linked, or an earlier one was, which may have that name now.
 */
bool deps_stands_for_name(const struct job *job);
/* Writes the edge's row; drops it; drops all rows of a job. */
void deps_write_edge(struct engine *engine, const struct deps_edge *edge);
void deps_drop_row(struct engine *engine, const struct deps_edge *edge);
void deps_drop_rows(struct engine *engine, uint64_t job);
/* What was held back goes into this turn's batch. */
void deps_flush(struct engine *engine);

void deps_init(struct engine *engine);
void deps_deinit(struct engine *engine);

/* ------------------------------------------------------------------------------- deps_decide.c */

/* DECIDE: releases and cancels what waits, so many a turn; wakes the loop for the rest. */
void deps_run(struct engine *engine);
/* Hooks of engine_apply.c. `job` has started a task. */
void deps_on_started(struct engine *engine, struct job *job);
/* `job` is finished: nothing waits in it any more, and others may wait for it. */
void deps_on_finished(struct engine *engine, struct job *job, uint8_t state);
/* A finished job is unfinished again. */
void deps_on_reopened(struct engine *engine, struct job *job);
/* A row of an unfinished job, at start, after jobs and tasks. 0 or a fault. */
_must_use_ int deps_restore(struct engine *engine, const struct journal_dependency *row);
/* Sets job->is_waiting from the edges that are left, forgets them when none is needed. */
void deps_settle(struct engine *engine, struct job_deps *child);
/* Nothing of what the job waits for is needed. */
void deps_abandon(struct engine *engine, struct job_deps *child);
/* It shall wait for something else: forgets its edges, not is_waiting; rows are the caller's. */
void deps_unlink(struct engine *engine, struct job_deps *child);
/* The parent has news; the child's next tasks can never start. */
void deps_make_due(struct engine *engine, struct deps_parent *parent);
void deps_make_child_due(struct engine *engine, struct job_deps *child);

/* -------------------------------------------------------------------------------- deps_tasks.c */

/* May the job's next task start, as far as tasks wait for tasks? */
bool deps_lets_next(const struct job *job);
/* Its next task is another one now: after a start, or after tasks were added. */
void deps_on_next(struct engine *engine, struct job *job);
/* A task of `job` has ended (state), or is queued again (0). */
void deps_on_task(struct engine *engine, const struct job *job, uint64_t task, uint8_t state);
/* From now on it is noted how the parent's tasks end; earlier ends are read when it is due. */
void deps_begin_tasks(struct engine *engine, struct deps_parent *parent);
/*
 * The parent has news for those that wait task by task: at most *budget of them hear it, and each
 * goes to the end of the list.
 */
void deps_tell_tasks(struct engine *engine, struct deps_parent *parent, int64_t *budget);
/* Cancels the next tasks that can never start, at most *budget. */
void deps_cancel_tasks(struct engine *engine, struct job_deps *child, int64_t *budget);

/* ------------------------------------------------------------------------------- deps_lookup.c */

/* 0: no lookup is needed (*out_lookup NULL), or it is prepared; a fault. */
_must_use_ int deps_lookup_new(struct engine *engine, const struct engine_submission *submission,
                               struct deps_lookup **out_lookup);
struct deps_lookup *deps_lookup_free(struct deps_lookup *lookup);
DEFINE_CLEANUP(struct deps_lookup *, deps_lookup_free);
/* Asks the journal; done: at once or in a later turn. 0 or a fault. */
_must_use_ int deps_lookup_run(struct deps_lookup *lookup, void (*done)(void *arg, int fault),
                               void *arg, struct journal_read **out_read);
/* A job enters, or has a new name: lookups of that name hear of it. */
void deps_lookup_note(struct engine *engine, uint32_t uid, const char *name, uint64_t id);
/* Beside what it finds: this job has that name, if it is one that is looked for. */
_must_use_ int deps_lookup_add_id(struct deps_lookup *lookup, const char *name, uint64_t id);
/* A job of memory has ended so. */
void deps_lookup_note_end(struct engine *engine, const struct job *job, uint8_t state);
/* What is known of a parent: false when the submitter has no such job. lookup may be NULL. */
bool deps_lookup_find_state(struct engine *engine, const struct engine_submission *submission,
                            const struct deps_lookup *lookup, uint64_t id, uint8_t *out_state);
/* The last job of this name before `id` (it may have ended meanwhile); 0: none. */
uint64_t deps_lookup_below(const struct deps_lookup *lookup, const char *name, uint64_t id);

/* ------------------------------------------------------------------------------- deps_submit.c */

/* Does any of its jobs wait for another one? */
bool deps_has_any(const struct engine_submission *submission);
/* Is one of them a singleton? */
bool deps_has_singleton(const struct engine_spec *spec);
/* May the submission enter? 0, ENGINE_E_UNKNOWN or ENGINE_E_STATE. lookup may be NULL. */
_must_use_ int deps_check(struct engine *engine, const struct engine_submission *submission,
                          const struct deps_lookup *lookup, struct reason *why);
/* Its jobs have entered under consecutive ids: writes down what they wait for. */
void deps_link(struct engine *engine, const struct engine_submission *submission,
               const struct deps_lookup *lookup, uint64_t first_id);

/* ------------------------------------------------------------------------------- deps_update.c */

/*
 * Can they have the dependencies that they set? 0, or ENGINE_E_STATE, _UNKNOWN, _REFUSED or _LIMIT;
 * *out_index: the first that cannot.
 */
_must_use_ int deps_update_check(struct engine *engine, const struct engine_submission *asker,
                                 const struct engine_update *updates, size_t count,
                                 size_t *out_index, struct reason *why);
/* After that: all of them wait for what they set, and for nothing else. */
void deps_update_apply(struct engine *engine, const struct engine_submission *asker,
                       const struct engine_update *updates, size_t count);

/* ------------------------------------------------------------------------------- deps_circle.c */

/*
 * Would a job come to wait for itself? sorted: the updates that set dependencies, by rising id. 0,
 * ENGINE_E_REFUSED with the circle in `why`, ENGINE_E_LIMIT, or a fault.
 */
_must_use_ int deps_circle_check(struct engine *engine, const struct engine_update *const *sorted,
                                 size_t count, struct reason *why);
