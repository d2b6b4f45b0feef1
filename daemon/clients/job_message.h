/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and what the engine knows, as Job messages on a JobPage. */
#pragma once

#include "daemon/clients/selector.h"

struct job_page;

struct job_page_options {
        bool is_full; /* the whole Spec and all attempts, else what a list shows */
        bool environment;
};

/* A page that is filled and sent within one callback: it points into the rows. */
_must_use_ int job_page_new(struct stream *stream, const struct job_page_options *options,
                            size_t room, struct job_page **out_page);
struct job_page *job_page_free(struct job_page *page);
DEFINE_CLEANUP(struct job_page *, job_page_free);

/*
 * Adds a job with its row; at most `room` of them. A Spec that cannot be read is left out.
 */
_must_use_ int job_page_add(struct job_page *page, const struct selector_item *item);
/* Is it as heavy as a frame should be? Then send it before adding more. */
bool job_page_is_heavy(const struct job_page *page);
size_t job_page_count(const struct job_page *page);
/* Somebody else's share of the queue. */
_must_use_ int job_page_add_others(struct job_page *page);
/* List: where the next page begins. */
void job_page_set_next(struct job_page *page, uint64_t after_id, bool after_finished);
/* Sends what is there, also when that is nothing, and empties the page. */
void job_page_send(struct job_page *page, bool more);
