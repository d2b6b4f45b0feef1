/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that `jobctl top` shows. */
#pragma once

#include <stdio.h>

#include "client/cmd/top_model.h"

enum top_mode {
        TOP_LIST,   /* keys are commands */
        TOP_FILTER, /* they are the filter's text */
        TOP_ASK,    /* a question waits for y */
        TOP_HELP,
        TOP_PAUSE, /* the screen is not ours until a key is pressed */
};

#define TOP_FILTER_MAX 128
#define TOP_MESSAGE_MAX 200

struct top_view {
        enum top_mode mode;
        bool is_live;         /* a terminal: with keys, a selected job, cleared lines */
        bool colour;          /* states, titles */
        bool all_users;       /* whose jobs, too */
        bool is_away;         /* the daemon has not answered for a while */
        size_t rows, columns; /* 0: no limit */
        uint64_t selected;    /* id; 0: none */
        size_t first;         /* of the jobs that pass the filter, the first that is shown */
        char filter[TOP_FILTER_MAX];
        char message[TOP_MESSAGE_MAX]; /* question or answer; safe to print */
        uint64_t now_wall_usec;
};

/* Does the job pass the filter? Case does not matter. */
bool top_view_passes(const struct top_view *view, const struct top_job *job);
/* How many jobs fit the screen beside everything else. */
size_t top_screen_room(const struct top_view *view, const struct top_model *model);
/* Draws it; with is_live exactly view->rows lines. 0, or a fault. */
_must_use_ int top_screen_draw(const struct top_view *view, const struct top_model *model,
                               FILE *out);
