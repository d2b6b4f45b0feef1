/* SPDX-License-Identifier: Apache-2.0 */
/* `jobctl top` on a terminal: pictures, keys, signals. */
#pragma once

#include "client/cmd/app.h"
#include "client/cmd/top_fetch.h"
#include "client/cmd/top_screen.h"

struct top_live_options {
        uint64_t interval_usec; /* between two questions at least */
        bool all_users;
};

/*
 * Takes the terminal until the user leaves, and gives it back however that comes about. fetch: with
 * `watch`. Returns an exit status, the sentence said; a signal that ends it ends the program.
 */
int top_live_run(struct app *app, struct top_fetch *fetch, const struct top_live_options *options);
