/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl __complete: what may stand next, for the scripts in client/completion/.
 *
 *    __complete zsh WORD...           the words behind "jobctl", the unfinished one last
 *    __complete bash BREAKS LINE      COMP_WORDBREAKS, and the line up to the cursor
 *
 * Commands, options and their values come from the tables that parse them (complete_place.c finds
 * where the last word stands, complete_values.c, complete_live.c and complete_jobs.c have the
 * candidates, complete_out.c prints them). A user at a TAB wants an answer at once or none: nothing
 * is ever started, nothing is ever said, and after two seconds it is over, whatever is waited for.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/cleanup.h"

#include "client/cmd/complete.h"

#define COMPLETE_DEADLINE_SEC 2
#define COMPLETE_NAME_MAX 80

/* What was printed before a daemon was asked has been sent. */
static void complete_on_deadline(int signo _unused_)
{
        _exit(EXIT_CODE_OK);
}

/* Not a word on stderr, and not a moment too long. */
static void complete_be_quiet(void)
{
        const struct itimerval deadline = { .it_value.tv_sec = COMPLETE_DEADLINE_SEC };
        const struct sigaction action = { .sa_handler = complete_on_deadline };
        const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
                (void)dup2(fd, STDERR_FILENO);
        fd_close(fd);
        (void)sigaction(SIGALRM, &action, NULL);
        (void)setitimer(ITIMER_REAL, &deadline, NULL);
}

/* ----------------------------------------------------------------------------------- options */

static bool complete_was_given(const struct complete *ask, const struct option_row *row)
{
        for (size_t i = 0; ask->given[i]; i++)
                if (ask->given[i] == row)
                        return row->kind != OPTION_LIST;
        return false;
}

static void complete_add_rows(struct complete *ask, const struct option_row *rows)
{
        for (; rows->kind != OPTION_END; rows++) {
                char word[COMPLETE_NAME_MAX];

                if (complete_was_given(ask, rows))
                        continue;
                snprintf(word, sizeof(word), "--%s", rows->name);
                complete_add(ask, word, COMPLETE_CLOSED, rows->help);
        }
}

/* "-f": a letter is complete as it is. */
static void complete_add_letters(struct complete *ask)
{
        const char *const typed = complete_typed(ask);

        if (typed[1] && typed[1] != '-')
                complete_add(ask, typed, COMPLETE_CLOSED, NULL);
}

static void complete_add_options(struct complete *ask)
{
        const struct command *const command = ask->command;

        complete_add_letters(ask);
        for (size_t i = 0; command && i < COMMAND_SETS_MAX && command->sets[i].rows; i++)
                complete_add_rows(ask, command->sets[i].rows);
        complete_add_rows(ask, app_common_rows);
}

/* ----------------------------------------------------------------------------------- the answer */

static const char *complete_action(enum complete_kind kind)
{
        static const char *const table[COMPLETE_KIND_COUNT] = {
                [COMPLETE_FILE] = "files",
                [COMPLETE_FOLDER] = "folders",
                [COMPLETE_COMMAND] = "command",
                [COMPLETE_INPUTS] = "command",
        };

        return table[kind] ? table[kind] : "words";
}

static void complete_answer(struct complete *ask)
{
        complete_fn fn;

        complete_find_place(ask);
        ask->action = complete_action(ask->kind);
        fn = complete_find_values(ask->kind);
        if (!fn)
                fn = complete_find_live(ask->kind);
        if (ask->wants_command)
                fn = complete_find_values(COMPLETE_TOPIC);
        if (ask->wants_option)
                complete_add_options(ask);
        else if (fn)
                fn(ask);
        else
                complete_add_jobs(ask, ask->kind);
        complete_flush(ask);
}

/* Only what a terminal shows as it is: the answer repeats it. */
static bool complete_is_safe(const char *word)
{
        for (; *word; word++)
                if ((unsigned char)*word < ' ' || *word == 0x7f)
                        return false;
        return true;
}

static int complete_bash(struct complete *ask, const char *breaks, const char *text)
{
        _cleanup_(complete_line_deinit) struct complete_line line = { 0 };

        if (complete_line_read(text, breaks, &line) || line.count < 2)
                return EXIT_CODE_ERROR;
        if (line.is_redirection) {
                puts("files");
                return EXIT_CODE_OK;
        }
        ask->line = &line;
        ask->words = line.words + 1;
        ask->count = line.count - 1;
        if (complete_is_safe(text))
                complete_answer(ask);
        return EXIT_CODE_OK;
}

static int cmd_complete_run(struct app *app, const void *options _unused_, char **args,
                            size_t count)
{
        static const char *const shells[COMPLETE_SHELL_COUNT] = {
                [COMPLETE_BASH] = "bash",
                [COMPLETE_ZSH] = "zsh",
                [COMPLETE_FISH] = "fish",
        };
        struct complete ask = { .app = app, .words = args + 1, .count = count - 1 };

        complete_be_quiet();
        while (ask.shell < COMPLETE_SHELL_COUNT && strcmp(shells[ask.shell], args[0]) != 0)
                ask.shell++;
        if (ask.shell == COMPLETE_SHELL_COUNT || (ask.shell == COMPLETE_BASH && count != 3))
                return EXIT_CODE_USAGE;
        if (ask.shell == COMPLETE_BASH)
                return complete_bash(&ask, args[1], args[2]);
        if (complete_is_safe(args[count - 1]))
                complete_answer(&ask);
        return EXIT_CODE_OK;
}

const struct command cmd_complete = {
        .name = "__complete",
        .usage = "SHELL WORD...",
        .summary = "Print what may stand next",
        .flags = COMMAND_HIDDEN | COMMAND_NO_START | COMMAND_STRICT,
        .args_min = 2,
        .args_max = COMMAND_ARGS_ANY,
        .run = cmd_complete_run,
};
