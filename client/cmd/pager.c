/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pager: $JOBCTL_PAGER, else $PAGER, else less, for output that is longer than the terminal. An
 * empty value or "cat" means none. It is run by the shell, as other tools do it, with less told to
 * show colours and to leave at once when everything fits. Used by list and info.
 */
#include "client/cmd/pager.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

static size_t pager_terminal_height(void)
{
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
                return size.ws_row;
        return 24;
}

FILE *pager_open(const struct app *app, size_t lines)
{
        const char *program = getenv("JOBCTL_PAGER");
        FILE *pipe;

        if (!app->out_is_terminal || app->common.no_pager || lines < pager_terminal_height())
                return stdout;
        if (!program)
                program = getenv("PAGER");
        if (!program)
                program = "less";
        if (program[0] == '\0' || strcmp(program, "cat") == 0)
                return stdout;
        (void)setenv("LESS", "FRX", 0);
        (void)signal(SIGPIPE, SIG_IGN); /* the reader may leave early */
        fflush(stdout);
        pipe = popen(program, "we");
        return pipe ? pipe : stdout;
}

void pager_close(FILE *out)
{
        if (out != stdout)
                (void)pclose(out);
}
