/* SPDX-License-Identifier: Apache-2.0 */
/* One question of a shell: what may stand at the end of these words? And its answer, line by line.
 */
#pragma once

#include "client/cmd/command.h"
#include "client/cmd/complete_line.h"

enum complete_shell {
        COMPLETE_BASH,
        COMPLETE_ZSH,
        COMPLETE_FISH,
        COMPLETE_SHELL_COUNT
};

struct complete {
        struct app *app;
        enum complete_shell shell;
        const struct complete_line *line; /* bash: what was typed; else NULL */
        char *const *words;               /* behind "jobctl"; the last one is unfinished */
        size_t count;                     /* of them, at least 1 */

        /* Where the last word stands (complete_place.c). */
        const struct command *command; /* NULL: none yet, or no such */
        const struct option_row *row;  /* its value is asked for; or NULL */
        bool wants_command, wants_option, options_ended;
        enum complete_kind kind;
        size_t command_at;                   /* COMMAND, INPUTS: the word at which it begins */
        const struct option_row *given[128]; /* options before; NULL-terminated */

        /* What is replaced: the last word from here on. */
        size_t head_bytes;
        const char *action; /* of the first line */
        bool has_begun;
};

/* Looks at the words with the tables of options, and applies the common options among them. */
void complete_find_place(struct complete *ask);

/* The part of the last word that is replaced. */
const char *complete_typed(const struct complete *ask);
/* Leaves what is typed up to the last of these characters as it is. */
void complete_skip_to(struct complete *ask, const char *marks);

enum complete_tail {
        COMPLETE_CLOSED, /* the word is whole: a space follows */
        COMPLETE_OPEN,   /* more of the word follows */
};
/*
 * A candidate for what is typed, with a description (or NULL). Dropped when it could not be typed,
 * since it has control characters or is not UTF-8, or would be taken for an option.
 */
void complete_add(struct complete *ask, const char *value, enum complete_tail tail,
                  const char *description);
/* Sends what there is, and the first line in any case: at the end, and before what may last. */
void complete_flush(struct complete *ask);
/* The daemon to ask, after what there is was sent; nobody waits for it. NULL: there is none. */
struct jobctl *complete_connect(struct complete *ask);

/* What completes a kind; NULL: nothing, or the shell itself. */
typedef void (*complete_fn)(struct complete *ask);
/* Those that need no daemon (complete_values.c). */
complete_fn complete_find_values(enum complete_kind kind);
/* Those that ask it (complete_live.c). */
complete_fn complete_find_live(enum complete_kind kind);
/* Ids, tasks, ranges and lists of the jobs that fit `kind`. */
void complete_add_jobs(struct complete *ask, enum complete_kind kind);
