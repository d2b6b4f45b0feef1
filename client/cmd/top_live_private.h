/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop of top and its keys share. */
#pragma once

#include <signal.h>

#include "client/cmd/top_live.h"
#include "client/cmd/top_terminal.h"

struct top_live {
        struct app *app;         /* borrowed */
        struct top_fetch *fetch; /* borrowed */
        struct top_live_options options;
        struct top_terminal terminal;
        struct top_view view;
        struct top_model model;
        int signal_fd; /* owned */
        sigset_t before;
        uint64_t asked_usec;             /* when the newest picture was asked for, monotonic */
        bool is_dirty;                   /* to be drawn */
        bool is_stuck;                   /* the terminal takes nothing now */
        bool is_lost;                    /* there is no connection now */
        enum jobctl_action asked_action; /* TOP_ASK: what, */
        uint64_t asked_id;               /* and with which job */
        bool done;
        int status;
        int signo; /* that ends it; 0: none */
};

/* top_live.c */

void live_finish(struct top_live *live, int status);
/* Takes the terminal (again); its screen, too, unless the mode is TOP_PAUSE. */
void live_enter(struct top_live *live);
/* In the last line, safe to print; until the next key. */
void live_say(struct top_live *live, const char *text);

/* top_live_keys.c */

/* Keys that were typed, as they were read. */
void live_on_typed(struct top_live *live, const char *data, size_t size);
/* The place of the selected job among those that pass the filter; *out_count: of all of these. */
size_t live_find_selected(const struct top_live *live, size_t *out_count);
/*
 * After the jobs, the filter or the size changed: selects the same job, or the one that is now at
 * its place `before` (SIZE_MAX: the first), and scrolls so that it is seen.
 */
void live_select_again(struct top_live *live, size_t before);
