/* SPDX-License-Identifier: Apache-2.0 */
/* A Selector as a stream of the caller's jobs, a window at a time. */
#pragma once

#include "daemon/clients/session.h"

struct selector;

/*
 * A request that is answered window by window and needs no turns of its own: begins with this, and
 * its stream_type has the three functions.
 */
struct selector_stream {
        struct stream stream;
        struct selector *selector; /* owned */
};
/* The next window, when its client has read what it was sent. */
_must_use_ int selector_stream_run(struct stream *stream);
_must_use_ int selector_stream_on_page(struct stream *stream, const struct journal_page *page);
void selector_stream_deinit(struct stream *stream);

/* What a filter (all, name, states...) visits; ids always find what there is. */
enum selector_scope {
        SELECTOR_ALL, /* unfinished by rising id, then finished, newest first */
        SELECTOR_UNFINISHED,
        SELECTOR_FINISHED,
};

/* One job of a window; everything is borrowed for the call of on_window(). */
struct selector_item {
        uint64_t id;
        uint64_t last_id; /* when missing: no job of the caller's in id..last_id; id 0: at all */
        bool is_missing;
        struct job *job;               /* unfinished now; else NULL */
        const struct journal_job *row; /* NULL only with `job`, when no rows are wanted */
        const struct journal_task *tasks;
        size_t tasks_count;
        bool has_more_tasks; /* the same job comes again, with the following tasks */
        bool is_continued;   /* it came before */
        bool has_range;      /* only these tasks were named */
        uint64_t task_first, task_last;
        size_t source; /* the selector's: which of its ids this came from */
};

struct selector_options {
        const Jobd__Selector *selector; /* borrowed for the call; NULL: all own jobs */
        enum selector_scope scope;
        uint32_t window;     /* jobs at a time, at most JOURNAL_PAGE_MAX */
        bool may_be_empty;   /* a Selector that names nothing means all */
        bool ids_are_filter; /* ids only narrow the walk, nothing is ever missing */
        bool everybody;      /* the jobs of all users; for administrators, */
        bool is_public;      /* ... and with this for all: nothing is done to them */
        bool want_rows;      /* of unfinished jobs too */
        bool want_spec, want_environment;
        bool want_tasks, all_tasks;
        uint64_t since_wall_usec, ended_before_wall_usec; /* filter; 0: none */
        uint64_t after_id;                                /* where the walk begins, */
        bool after_finished;                              /* and in which part of it */
        /* A fault ends the session. */
        int (*on_window)(struct stream *stream, const struct selector_item *items, size_t count);
};

/* stream: borrowed, owns the selector; its read slot is used. 0, a jobd.ErrorCode, or a fault. */
_must_use_ int selector_new(struct stream *stream, const struct selector_options *options,
                            struct selector **out_selector, struct reason *why);
struct selector *selector_free(struct selector *selector);
DEFINE_CLEANUP(struct selector *, selector_free);
/*
 * Brings the next window to on_window(), once: at once when all is in memory, else after a read.
 * Windows may be empty. Not to be called when nothing is left, or while one is due.
 */
_must_use_ int selector_step(struct selector *selector);
/*
 * From on_window(): this item and those after it were too much; they come again with the next step.
 * Not the first of a window.
 */
void selector_rewind(struct selector *selector, const struct selector_item *item);
/* The stream's on_page(). */
_must_use_ int selector_on_page(struct selector *selector, const struct journal_page *page);
/* Was that the last window? */
bool selector_is_done(const struct selector *selector);
