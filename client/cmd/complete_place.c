/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the unfinished word stands: which command it belongs to, whether an option waits for its
 * value, or which of the command's words it is.
 *
 * The words before it are read as getopt_long(3) would read them with the same tables - values
 * behind = or in the next word, letters in one word, names cut short - but nothing is wrong here:
 * what is unknown is passed over. Options that say which daemon is meant are applied, so that it is
 * that one which is asked. Called by cmd_complete.c, once.
 */
#include <string.h>

#include "client/cmd/complete.h"
#include "client/cmd/settings.h"

struct place {
        struct complete *ask;
        const struct option_row *wanting; /* its value is the next word */
        bool ended;                       /* no options any more */
        size_t position;                  /* of the next word among those that are no options */
        const char *first;                /* the one at position 0 */
        size_t given;
        bool has_place; /* of the daemon, from the words */
};

/* ----------------------------------------------------------------------------------- the tables */

/* The set number `i` of the command, then the common one, then NULL. */
static const struct option_row *place_rows(const struct complete *ask, size_t i)
{
        const struct command *const command = ask->command;
        size_t sets = 0;

        while (command && sets < COMMAND_SETS_MAX && command->sets[sets].rows)
                sets++;
        if (i < sets)
                return command->sets[i].rows;
        return i == sets ? app_common_rows : NULL;
}

/* By the whole name, or else the only one that begins so. */
static const struct option_row *place_find_name(const struct complete *ask, const char *name,
                                                size_t size)
{
        const struct option_row *begun = NULL;
        const struct option_row *row;
        size_t count = 0;

        for (size_t i = 0; (row = place_rows(ask, i)); i++)
                for (; row->kind != OPTION_END; row++) {
                        if (strncmp(row->name, name, size) != 0)
                                continue;
                        if (row->name[size] == '\0')
                                return row;
                        begun = row;
                        count++;
                }
        return count == 1 ? begun : NULL;
}

static const struct option_row *place_find_letter(const struct complete *ask, char letter)
{
        const struct option_row *row;

        for (size_t i = 0; (row = place_rows(ask, i)); i++)
                for (; row->kind != OPTION_END; row++)
                        if (row->letter && row->letter == letter)
                                return row;
        return NULL;
}

static enum complete_kind place_kind(const struct place *place, size_t position)
{
        const struct command *const command = place->ask->command;
        size_t i = position;

        if (position >= command->args_max)
                return COMPLETE_NONE;
        if (i >= COMMAND_COMPLETE_MAX)
                i = COMMAND_COMPLETE_MAX - 1;
        while (i > 0 && command->complete[i] == COMPLETE_NONE)
                i--;
        if (command->complete[i] != COMPLETE_WORD || position == 0)
                return command->complete[i];
        for (const struct command_word *word = command->words; word->name; word++)
                if (place->first && strcmp(word->name, place->first) == 0)
                        return word->complete;
        return COMPLETE_NONE;
}

/* ---------------------------------------------------------------------------- the words before */

/* An option of all commands: it may say whom to ask. */
static void place_apply_common(struct place *place, const struct option_row *row, const char *value)
{
        struct app_common *const common = &place->ask->app->common;
        const struct option_row *at = app_common_rows;
        struct reason why = { "" };

        while (at != row && at->kind != OPTION_END)
                at++;
        if (at->kind == OPTION_END || !settings_is_place(row->name))
                return;
        if (!place->has_place) { /* not those of the environment and of the files, then */
                common->socket = NULL;
                common->state_dir = NULL;
                common->user = common->system = false;
        }
        place->has_place = true;
        if (option_store(row, common, value, &why))
                return; /* a bad value: it is passed over, as all that is wrong */
}

static void place_take_option(struct place *place, const struct option_row *row, const char *value)
{
        struct complete *const ask = place->ask;

        if (place->given + 1 < sizeof(ask->given) / sizeof(ask->given[0]))
                ask->given[place->given++] = row;
        place_apply_common(place, row, value);
}

static void place_read_long(struct place *place, const char *name)
{
        const char *const sign = strchr(name, '=');
        const struct option_row *const row = place_find_name(place->ask, name, strcspn(name, "="));

        if (!row)
                return;
        if (row->value && !sign)
                place->wanting = row;
        else
                place_take_option(place, row, sign ? sign + 1 : NULL);
}

static void place_read_letters(struct place *place, const char *letters)
{
        for (; *letters; letters++) {
                const struct option_row *const row = place_find_letter(place->ask, *letters);

                if (!row)
                        return;
                if (row->value && letters[1]) {
                        place_take_option(place, row, letters + 1);
                        return;
                }
                if (row->value)
                        place->wanting = row;
                else
                        place_take_option(place, row, NULL);
        }
}

static bool place_is_shells(enum complete_kind kind)
{
        return kind == COMPLETE_COMMAND || kind == COMPLETE_INPUTS;
}

/* A word that is no option. True: from here on the words are the shell's affair. */
static bool place_read_plain(struct place *place, size_t i)
{
        struct complete *const ask = place->ask;
        const char *const word = ask->words[i];

        if (!ask->command) {
                ask->command = command_find(word);
                place->ended = !ask->command;
                return false;
        }
        if (place_is_shells(place_kind(place, place->position))) {
                if (place->position > 0 && strcmp(word, "--") == 0 && place->first)
                        return false; /* lock NAME -- COMMAND */
                ask->command_at = i;
                return true;
        }
        if (place->position++ == 0)
                place->first = word;
        place->ended = place->ended || (ask->command->flags & COMMAND_STRICT);
        return false;
}

/* All but the last. */
static bool place_read_words(struct place *place)
{
        const struct complete *const ask = place->ask;

        for (size_t i = 0; i + 1 < ask->count; i++) {
                const char *const word = ask->words[i];

                if (place->wanting) {
                        place_take_option(place, place->wanting, word);
                        place->wanting = NULL;
                } else if (!place->ended && strcmp(word, "--") == 0) {
                        place->ended = ask->command != NULL;
                } else if (!place->ended && strncmp(word, "--", 2) == 0) {
                        place_read_long(place, word + 2);
                } else if (!place->ended && word[0] == '-' && word[1]) {
                        place_read_letters(place, word + 1);
                } else if (place_read_plain(place, i)) {
                        return true;
                }
        }
        return false;
}

/* ------------------------------------------------------------------------------- the last word */

static void place_want_value(struct complete *ask, const struct option_row *row, size_t head_bytes)
{
        ask->row = row;
        ask->kind = row->complete;
        ask->head_bytes = head_bytes;
}

/* "--", "--na", "--name=va", "-", "-f", "-qva". */
static void place_end_option(struct complete *ask, const char *word)
{
        const size_t name = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;
        const struct option_row *row = NULL;

        if (name > 0 && word[2 + name]) {
                row = place_find_name(ask, word + 2, name);
                if (row && row->value)
                        place_want_value(ask, row, name + 3);
                return;
        }
        for (size_t i = 1; word[1] != '-' && word[i]; i++) {
                row = place_find_letter(ask, word[i]);
                if (!row)
                        return;
                if (row->value && word[i + 1]) {
                        place_want_value(ask, row, i + 1);
                        return;
                }
        }
        ask->wants_option = true;
}

/* Behind a map's command: files once there is a ::: or the like. */
static void place_end_command(struct complete *ask, enum complete_kind kind)
{
        ask->kind = kind;
        for (size_t i = ask->command_at; kind == COMPLETE_INPUTS && i + 1 < ask->count; i++)
                if (strncmp(ask->words[i], ":::", 3) == 0)
                        ask->kind = COMPLETE_FILE;
}

void complete_find_place(struct complete *ask)
{
        struct place place = { .ask = ask };
        const char *const word = ask->words[ask->count - 1];

        if (place_read_words(&place)) {
                place_end_command(ask, place_kind(&place, place.position));
                return;
        }
        ask->options_ended = place.ended;
        if (place.wanting) {
                place_want_value(ask, place.wanting, 0);
        } else if (!place.ended && word[0] == '-') {
                place_end_option(ask, word);
        } else if (ask->command) {
                ask->command_at = ask->count - 1;
                ask->kind = place_kind(&place, place.position);
        } else {
                ask->wants_command = !place.ended;
        }
}
