/* SPDX-License-Identifier: Apache-2.0 */
/* Answering reads from the store: one function per kind of question. */
#pragma once

#include "common/cleanup.h"

#include "daemon/journal/environment.h"
#include "daemon/journal/read.h"
#include "daemon/journal/store.h"

/* What the answers are read with. */
struct query {
        struct store *store;               /* borrowed */
        struct environments *environments; /* borrowed: its cache answers most of them */
        struct journal_read *read;         /* borrowed: its page is filled */
};

/*
 * Fills the page of the read. What goes wrong stands in the page (fault); the result is 0, or a
 * fault of the store itself, after which nothing more may be committed.
 */
_must_use_ int query_run(struct query *query);

/* query_jobs.c, query_events.c, query_results.c, query_totals.c: 0 or a fault. */
_must_use_ int query_read_jobs(struct query *query);
_must_use_ int query_read_events(struct query *query);
_must_use_ int query_read_results(struct query *query);
_must_use_ int query_read_input(struct query *query);
_must_use_ int query_read_totals(struct query *query);

/*
 * The chunk of input that holds a task of a job, of `uid` unless any_uid: *out_found, values NULL
 * when there is none. The caller owns the values.
 */
_must_use_ int query_find_input(struct store *store, uint64_t job, bool any_uid, uint32_t uid,
                                uint64_t task, struct journal_inputs *out_found);
