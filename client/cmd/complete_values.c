/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What completes a value without asking a daemon: words of tables, signals, states, users, and the
 * names (never the values) of the variables that are here. Lists go on behind their last comma.
 * Called by cmd_complete.c.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/parse.h"

#include "client/cmd/complete.h"
#include "client/cmd/completion.h"
#include "client/cmd/select.h"

#define VALUES_SIGNALS_MAX 31
#define VALUES_ACCOUNTS_MAX 1000

struct values_word {
        const char *name, *help;
};

static void values_add_words(struct complete *ask, const struct values_word *words)
{
        for (; words->name; words++)
                complete_add(ask, words->name, COMPLETE_CLOSED, words->help);
}

static void values_add_colors(struct complete *ask)
{
        static const struct values_word words[] = {
                { "auto", "on a terminal" }, { "always", NULL }, { "never", NULL }, { NULL, NULL }
        };

        values_add_words(ask, words);
}

static void values_add_policies(struct complete *ask)
{
        static const struct values_word words[] = { { "fifo", "the oldest first" },
                                                    { "lifo", "the newest first" },
                                                    { "priority", "by --priority" },
                                                    { NULL, NULL } };

        values_add_words(ask, words);
}

static void values_add_halts(struct complete *ask)
{
        static const struct values_word words[] = {
                { "soon,fail=1", "a failure: start no more" },
                { "now,fail=1", "a failure: end the others too" },
                { "soon,fail=10%", "when a tenth has failed" },
                { "now,success=1", "the first success ends the others" },
                { "soon,done=1", "the first end: start no more" },
                { NULL, NULL },
        };

        values_add_words(ask, words);
}

static void values_add_shells(struct complete *ask)
{
        for (size_t i = 0; completion_scripts[i].name; i++)
                complete_add(ask, completion_scripts[i].name, COMPLETE_CLOSED, NULL);
}

static void values_add_topics(struct complete *ask)
{
        for (const struct command *const *at = commands; *at; at++)
                if (!((*at)->flags & COMMAND_HIDDEN))
                        complete_add(ask, (*at)->name, COMPLETE_CLOSED, (*at)->summary);
}

static void values_add_command_words(struct complete *ask)
{
        for (const struct command_word *word = ask->command->words; word->name; word++)
                complete_add(ask, word->name, COMPLETE_CLOSED, word->help);
}

static void values_add_states(struct complete *ask)
{
        const char *word;

        complete_skip_to(ask, ",");
        for (unsigned int i = JOBCTL_STATE_NONE + 1; i < JOBCTL_STATE_COUNT; i++)
                complete_add(ask, jobctl_state_name(i), COMPLETE_CLOSED, NULL);
        for (size_t i = 0; (word = select_state_group(i)); i++)
                complete_add(ask, word, COMPLETE_CLOSED, NULL);
}

static void values_add_each_signal(struct complete *ask, const char *behind)
{
        const enum complete_tail tail = behind[0] ? COMPLETE_OPEN : COMPLETE_CLOSED;
        char buf[16], word[32];

        for (int i = 1; i <= VALUES_SIGNALS_MAX; i++) {
                snprintf(word, sizeof(word), "%s%s", parse_signal_name(i, buf), behind);
                complete_add(ask, word, tail, strsignal(i));
        }
}

static void values_add_signals(struct complete *ask)
{
        values_add_each_signal(ask, "");
}

static void values_add_signals_at(struct complete *ask)
{
        if (!strchr(complete_typed(ask), '@'))
                values_add_each_signal(ask, "@");
}

/* Names of variables; `behind`: "=" or "". */
static void values_add_environ(struct complete *ask, const char *behind)
{
        for (char **at = environ; at && *at; at++) {
                char word[256];
                const int n =
                        snprintf(word, sizeof(word), "%.*s%s", (int)strcspn(*at, "="), *at, behind);

                if (n > 0 && n < (int)sizeof(word))
                        complete_add(ask, word, behind[0] ? COMPLETE_OPEN : COMPLETE_CLOSED, NULL);
        }
}

static void values_add_variables(struct complete *ask)
{
        values_add_environ(ask, "");
}

static void values_add_settings(struct complete *ask)
{
        if (!strchr(complete_typed(ask), '='))
                values_add_environ(ask, "=");
}

static void values_add_exports(struct complete *ask)
{
        complete_skip_to(ask, ",");
        complete_add(ask, "ALL", COMPLETE_CLOSED, "all variables");
        complete_add(ask, "NONE", COMPLETE_CLOSED, "no variable");
        values_add_environ(ask, "");
}

static void values_add_users(struct complete *ask)
{
        char word[256];

        complete_skip_to(ask, ",");
        complete_add(ask, "all", COMPLETE_CLOSED, "everybody");
        complete_flush(ask); /* names may come from a network */
        if (complete_typed(ask)[0] == '@') {
                const struct group *group;

                for (int i = 0; i < VALUES_ACCOUNTS_MAX && (group = getgrent()); i++) {
                        snprintf(word, sizeof(word), "@%s", group->gr_name);
                        complete_add(ask, word, COMPLETE_CLOSED, NULL);
                }
                endgrent();
        } else {
                const struct passwd *user;

                for (int i = 0; i < VALUES_ACCOUNTS_MAX && (user = getpwent()); i++)
                        complete_add(ask, user->pw_name, COMPLETE_CLOSED, NULL);
                endpwent();
        }
}

/* ::: and its kin behind a map's command; the command itself is the shell's. */
static void values_add_marks(struct complete *ask)
{
        static const struct values_word words[] = {
                { ":::", "inputs" },
                { "::::", "files of inputs" },
                { ":::+", "inputs, one with each of those before" },
                { "::::+", "files, likewise" },
                { NULL, NULL },
        };

        if (complete_typed(ask)[0] != ':')
                return;
        ask->action = "words";
        values_add_words(ask, words);
}

complete_fn complete_find_values(enum complete_kind kind)
{
        static const complete_fn table[COMPLETE_KIND_COUNT] = {
                [COMPLETE_STATE] = values_add_states,
                [COMPLETE_SIGNAL] = values_add_signals,
                [COMPLETE_SIGNAL_AT] = values_add_signals_at,
                [COMPLETE_COLOR] = values_add_colors,
                [COMPLETE_POLICY] = values_add_policies,
                [COMPLETE_HALT] = values_add_halts,
                [COMPLETE_USERS] = values_add_users,
                [COMPLETE_VARIABLE] = values_add_variables,
                [COMPLETE_ENV] = values_add_settings,
                [COMPLETE_EXPORT] = values_add_exports,
                [COMPLETE_SHELL] = values_add_shells,
                [COMPLETE_TOPIC] = values_add_topics,
                [COMPLETE_WORD] = values_add_command_words,
                [COMPLETE_INPUTS] = values_add_marks,
        };

        return kind < COMPLETE_KIND_COUNT ? table[kind] : NULL;
}
