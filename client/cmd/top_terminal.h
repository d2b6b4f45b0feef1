/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal that a program has for itself, and gives back as it was. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct top_terminal {
        struct termios before; /* as it was */
        bool is_raw;           /* keys come one by one, unseen */
        bool is_alternate;     /* the other screen is shown */
        size_t rows, columns;
};

/* Can stdin and stdout be such a terminal? */
bool top_terminal_is_there(void);
/*
 * Takes it, with `alternate` the screen, too; again, when somebody else may have changed it. 0, or
 * a fault.
 */
int top_terminal_enter(struct top_terminal *terminal, bool alternate);
/* Gives it back; a no-op when it has not. */
void top_terminal_leave(struct top_terminal *terminal);
/* Asks for its size anew. */
void top_terminal_measure(struct top_terminal *terminal);
/* All of it, or nothing when the terminal takes no bytes now (Ctrl-S): false. */
bool top_terminal_write(const char *data, size_t size);
