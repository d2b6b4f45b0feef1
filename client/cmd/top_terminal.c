/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal for `jobctl top`: its other screen, so that what was on it comes back; keys one by
 * one and without echo, while Ctrl-C and Ctrl-Z stay signals. Lines that are too long are cut by
 * the terminal itself. Whoever enters must leave, whatever ends it; leaving twice does no harm.
 * Called by top_live.c.
 */
#include "client/cmd/top_terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/error.h"

/* The other screen, no cursor, no wrapped lines; and back. */
#define TERMINAL_ENTER "\033[?1049h\033[?25l\033[?7l\033[H\033[2J"
#define TERMINAL_LEAVE "\033[?7h\033[?25h\033[?1049l"

#define TERMINAL_PATIENCE_MSEC 100

bool top_terminal_is_there(void)
{
        const char *const term = getenv("TERM");

        return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && term && term[0] &&
               strcmp(term, "dumb") != 0;
}

/* Waiting for room is short: a terminal that is stopped (Ctrl-S) must not hold us. */
bool top_terminal_write(const char *data, size_t size)
{
        struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

        while (size > 0) {
                ssize_t n;

                if (poll(&p, 1, TERMINAL_PATIENCE_MSEC) != 1)
                        return false;
                n = write(STDOUT_FILENO, data, size);
                if (n < 0)
                        return errno != EINTR; /* gone: reading will tell */
                data += n;
                size -= (size_t)n;
        }
        return true;
}

static void terminal_say(const char *text)
{
        (void)top_terminal_write(text, strlen(text));
}

int top_terminal_enter(struct top_terminal *terminal, bool alternate)
{
        struct termios raw;

        if (!terminal->is_raw && tcgetattr(STDIN_FILENO, &terminal->before) < 0)
                return FAULT(-errno);
        raw = terminal->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
                return FAULT(-errno);
        terminal->is_raw = true;
        if (alternate)
                terminal_say(TERMINAL_ENTER);
        terminal->is_alternate = terminal->is_alternate || alternate;
        top_terminal_measure(terminal);
        return 0;
}

void top_terminal_leave(struct top_terminal *terminal)
{
        if (terminal->is_alternate)
                terminal_say(TERMINAL_LEAVE);
        terminal->is_alternate = false;
        if (terminal->is_raw)
                (void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
        terminal->is_raw = false;
}

void top_terminal_measure(struct top_terminal *terminal)
{
        struct winsize size = { 0 };

        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        terminal->rows = size.ws_row > 0 ? size.ws_row : 24;
        terminal->columns = size.ws_col > 0 ? size.ws_col : 80;
}
