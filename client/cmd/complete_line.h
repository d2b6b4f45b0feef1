/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as bash hands it over, taken apart as bash and readline do it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

struct complete_line {
        char **words;        /* owned, without their quotes; the first is the command */
        const char **raws;   /* borrowed from the line: where each begins */
        size_t count;        /* >= 1: the last word is unfinished, perhaps empty */
        size_t start_bytes;  /* of the last word: readline replaces what is behind */
        char quote;          /* that is open at the end: ', " or 0 */
        bool is_redirection; /* the last word is the file behind a < or > */
};

/*
 * line: up to the cursor, borrowed. breaks: COMP_WORDBREAKS. Redirections and assignments in front
 * of the command are left out. 0, or a fault.
 */
_must_use_ int complete_line_read(const char *line, const char *breaks, struct complete_line *out);
void complete_line_deinit(struct complete_line *line);
/* `text` as it must be typed behind the open quote, or without one; owned; NULL without memory. */
char *complete_line_quote(const char *text, char quote);
