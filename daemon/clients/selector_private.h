/* SPDX-License-Identifier: Apache-2.0 */
/* The selector's inside, shared by selector.c and selector_walk.c. */
#pragma once

#include "daemon/clients/selector.h"

struct selector_range {
        uint64_t first, last;
        uint64_t task_first, task_last;
        bool has_tasks;
        bool is_found; /* a job of it was there */
};

enum selector_phase {
        SELECTOR_PHASE_IDS,        /* the next ids of `ranges`, one by one */
        SELECTOR_PHASE_WIDE,       /* the rows of one wide range, newest first */
        SELECTOR_PHASE_LAST,       /* the newest job */
        SELECTOR_PHASE_UNFINISHED, /* what the engine has */
        SELECTOR_PHASE_FINISHED,   /* rows, newest first */
        SELECTOR_PHASE_DONE,
        SELECTOR_PHASE_COUNT,
};

/* An id of the window under way. */
struct selector_id {
        uint64_t id;
        size_t range; /* index into `ranges`; SELECTOR_NO_RANGE */
        bool ends_range;
};
#define SELECTOR_NO_RANGE SIZE_MAX

struct selector {
        struct stream *stream;           /* borrowed: owns us */
        struct engine *engine;           /* borrowed */
        struct selector_options options; /* ->selector is NULL here */
        bool any_uid;
        uint32_t uid;

        char *name; /* owned; NULL: any */
        bool has_queue;
        uint32_t queue_id;
        char **labels;       /* owned: key, value, key, value... */
        size_t labels_count; /* pairs */
        uint32_t state_mask; /* 0: any */
        /* Of the queued ones only these, when either is set. */
        bool wants_held, wants_waiting;

        struct selector_range *ranges; /* owned */
        size_t ranges_count;
        size_t range_index; /* the next to take ids from */
        uint64_t next_id;   /* the next of that range; 0: its first */

        enum selector_phase phase;
        uint64_t cursor; /* UNFINISHED: after this id; rows newest first: before it (0: all) */

        struct selector_id *ids; /* owned: the window under way; NULL between windows */
        size_t ids_count, ids_taken, ids_room;
        struct selector_item *items; /* owned; NULL but while a window is made */
        size_t items_count;

        /* Where the window that is being delivered began, to go back there. */
        enum selector_phase window_phase;
        size_t window_range;
        uint64_t window_cursor;

        uint64_t continue_id; /* > 0: this job has more tasks, from continue_task on */
        uint64_t continue_task;
        size_t continue_range; /* as in struct selector_id: what is wanted of them */
};

/* Rows are read for jobs in memory, too. */
bool selector_needs_rows(const struct selector *selector);
/* The caller's unfinished job of this id, or NULL. */
struct job *selector_find_job(const struct selector *selector, uint64_t id);
/* Does it pass the filters that need no row? */
bool selector_may_match(const struct selector *selector, const struct job *job);
/* Does it pass the filters? row may be NULL when rows are not needed. */
bool selector_matches(const struct selector *selector, const struct job *job,
                      const struct journal_job *row);
/* With ids as a filter: is it one of them? */
bool selector_has_id(const struct selector *selector, uint64_t id);
/* Begins a window of at most `room` items. */
_must_use_ int selector_begin(struct selector *selector, size_t room);
/* Adds an item to it; NULL row or job as in struct selector_item. */
struct selector_item *selector_add(struct selector *selector, uint64_t id, struct job *job,
                                   const struct journal_job *row, const struct journal_page *page);
/* Only the tasks that this range names, when it names some; range: as in struct selector_id. */
void selector_bound(struct selector *selector, struct selector_item *item, size_t range);
void selector_add_missing(struct selector *selector, uint64_t first, uint64_t last);
/* Hands the window over; the ids that were taken are done with then. */
_must_use_ int selector_deliver(struct selector *selector);
/* A query with everything filled in but which jobs. */
struct journal_job_query selector_query(const struct selector *selector);

_must_use_ int selector_step_ids(struct selector *selector);
_must_use_ int selector_step_wide(struct selector *selector);
_must_use_ int selector_step_last(struct selector *selector);
_must_use_ int selector_step_unfinished(struct selector *selector);
_must_use_ int selector_step_finished(struct selector *selector);
_must_use_ int selector_page_ids(struct selector *selector, const struct journal_page *page);
_must_use_ int selector_page_wide(struct selector *selector, const struct journal_page *page);
_must_use_ int selector_page_last(struct selector *selector, const struct journal_page *page);
_must_use_ int selector_page_unfinished(struct selector *selector, const struct journal_page *page);
_must_use_ int selector_page_finished(struct selector *selector, const struct journal_page *page);
