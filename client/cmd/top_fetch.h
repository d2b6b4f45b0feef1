/* SPDX-License-Identifier: Apache-2.0 */
/* Takes pictures of a daemon, when something has changed. */
#pragma once

#include "client/cmd/app.h"
#include "client/cmd/top_model.h"

struct top_fetch;

struct top_fetch_options {
        uint32_t limit; /* of jobs; at most 1,000 */
        bool all_users;
        bool watch; /* wait for events */
};

/* app: with its connection, and it outlives this. 0, or an exit status after the sentence. */
int top_fetch_new(struct app *app, const struct top_fetch_options *options,
                  struct top_fetch **out_fetch);
struct top_fetch *top_fetch_free(struct top_fetch *fetch);
DEFINE_CLEANUP(struct top_fetch *, top_fetch_free);

/* Asks for a picture; a no-op while one is asked for. Whether it could: top_fetch_failure(). */
void top_fetch_begin(struct top_fetch *fetch);
bool top_fetch_is_pending(const struct top_fetch *fetch);
/* The picture that is there, once; then it is the caller's: true and *out_model. */
bool top_fetch_take(struct top_fetch *fetch, struct top_model *out_model);
/* Has something happened since the newest picture was asked for? */
bool top_fetch_is_stale(const struct top_fetch *fetch);
/* What made it impossible to go on: JOBCTL_OK, or a code and *out_text, borrowed. */
int top_fetch_failure(const struct top_fetch *fetch, const char **out_text);

/* Which jobs are of a part; owned by the caller. NULL without memory. */
struct jobctl_selector *top_fetch_select(enum top_part part);
