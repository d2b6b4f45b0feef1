/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer as the scripts of the shells read it (client/completion/):
 *
 *    ACTION <tab> HEAD <tab> HINT
 *    +VALUE           a whole word; zsh: VALUE:DESCRIPTION, fish: VALUE <tab> DESCRIPTION
 *    -VALUE           more of the word follows, so no space
 *
 * ACTION: words (these and no others), files, folders, or command, where HEAD tells how many of
 * the words are jobctl's own, and to bash the text of the others. HEAD is the part of the last word
 * that stays; fish wants it in front of each value, bash gets what readline replaces, quoted.
 *
 * Names come from strangers: what would be changed by showing it safely is left out, descriptions
 * are shown safely, and nothing here is ever read as code by a shell. Lines go out before a daemon
 * is asked, so that a deadline costs only its part.
 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "client/cmd/complete.h"

const char *complete_typed(const struct complete *ask)
{
        return ask->words[ask->count - 1] + ask->head_bytes;
}

void complete_skip_to(struct complete *ask, const char *marks)
{
        const char *const typed = complete_typed(ask);

        for (size_t i = strlen(typed); i > 0; i--)
                if (strchr(marks, typed[i - 1])) {
                        ask->head_bytes += i;
                        return;
                }
}

/* Would a terminal show it as it is? */
static bool complete_is_plain(const char *text)
{
        _cleanup_(freep) char *safe = text_escape(text, strlen(text));

        return safe && strcmp(safe, text) == 0;
}

static void complete_begin(struct complete *ask)
{
        const char *const word = ask->words[ask->count - 1];
        const bool is_command = strcmp(ask->action, "command") == 0;

        if (ask->has_begun)
                return;
        ask->has_begun = true;
        fputs(ask->action, stdout);
        if (is_command && ask->line)
                printf("\t%s\n", ask->line->raws[ask->command_at + 1]);
        else if (is_command)
                printf("\t%zu\n", ask->command_at);
        else
                printf("\t%.*s\t%s%s%s\n", (int)ask->head_bytes, word,
                       ask->row ? ask->row->value : "", ask->row ? ": " : "",
                       ask->row ? ask->row->help : "");
}

/* Is it a name that would be read as an option, where it stands? */
static bool complete_is_option(const struct complete *ask, const char *value)
{
        return value[0] == '-' && ask->head_bytes == 0 && !ask->row && !ask->wants_option &&
               !ask->options_ended;
}

/* bash takes what it has to insert. */
static void complete_add_bash(const struct complete *ask, const char *value, char sign)
{
        const char *const word = ask->words[ask->count - 1];
        _cleanup_(freep) char *whole = NULL;
        _cleanup_(freep) char *quoted = NULL;

        if (strncmp(value, word + ask->head_bytes, strlen(word + ask->head_bytes)) != 0)
                return;
        if (asprintf(&whole, "%.*s%s", (int)ask->head_bytes, word, value) < 0) {
                whole = NULL;
                return;
        }
        quoted = complete_line_quote(whole + ask->line->start_bytes, ask->line->quote);
        if (quoted)
                printf("%c%s\n", sign, quoted);
}

/* A colon ends the value, unless it is marked. */
static void complete_add_zsh(const char *value, char sign, const char *description)
{
        putchar(sign);
        for (; *value; value++) {
                if (*value == ':' || *value == '\\')
                        putchar('\\');
                putchar(*value);
        }
        printf("%s%s\n", description ? ":" : "", description ? description : "");
}

void complete_add(struct complete *ask, const char *value, enum complete_tail tail,
                  const char *description)
{
        const char sign = tail == COMPLETE_OPEN ? '-' : '+';
        _cleanup_(freep) char *safe =
                description ? text_escape(description, strlen(description)) : NULL;

        if (!value[0] || !complete_is_plain(value) || complete_is_option(ask, value))
                return;
        complete_begin(ask);
        if (ask->shell == COMPLETE_BASH)
                complete_add_bash(ask, value, sign);
        else if (ask->shell == COMPLETE_ZSH)
                complete_add_zsh(value, sign, safe);
        else
                printf("%c%.*s%s%s%s\n", sign, (int)ask->head_bytes, ask->words[ask->count - 1],
                       value, safe ? "\t" : "", safe ? safe : "");
}

void complete_flush(struct complete *ask)
{
        complete_begin(ask);
        fflush(stdout);
}
