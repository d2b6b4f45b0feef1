/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splitting lines into columns. parallel's --colsep is a perl expression; people use a character,
 * an escape or a small class, and all of these mean the same in POSIX's extended expressions once
 * perl's escapes are spelled out. A separator of one plain character is looked for without
 * regexec(). Columns point into the line: nothing is copied. Used by map_input.c.
 */
#include "client/cmd/map_columns.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct map_column {
        const char *data; /* borrowed from the line */
        size_t size;
};

struct map_columns {
        regex_t regex;
        bool compiled;
        char plain;               /* the separator when it is one character; else NUL */
        struct map_column *found; /* owned */
        size_t count, room;
};

struct map_columns *map_columns_free(struct map_columns *columns)
{
        if (!columns)
                return NULL;
        if (columns->compiled)
                regfree(&columns->regex);
        free(columns->found);
        free(columns);
        return NULL;
}

/* What perl's escape `letter` is in POSIX, inside brackets or outside; NULL: the same. */
static const char *map_columns_translate_escape(char letter, bool bracket)
{
        static const struct {
                char letter;
                const char *outside, *inside;
        } escapes[] = {
                { 't', "\t", "\t" },        { 'n', "\n", "\n" },         { 'r', "\r", "\r" },
                { 'f', "\f", "\f" },        { 'd', "[0-9]", "0-9" },     { 'D', "[^0-9]", NULL },
                { 's', NULL, "[:space:]" }, { 'w', NULL, "[:alnum:]_" }, { '\\', NULL, "\\" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(escapes); i++)
                if (escapes[i].letter == letter)
                        return bracket ? escapes[i].inside : escapes[i].outside;
        return NULL;
}

/* Owned by the caller; NULL without memory. */
static char *map_columns_translate(const char *perl)
{
        char *const posix = calloc(1, 12 * strlen(perl) + 1);
        char *to = posix;
        bool bracket = false;

        if (!posix)
                return NULL;
        for (; *perl; perl++) {
                if (*perl == '\\' && perl[1]) {
                        const char *const text = map_columns_translate_escape(perl[1], bracket);

                        perl++;
                        if (text)
                                to = stpcpy(to, text);
                        else if (!bracket)
                                *to++ = '\\';
                        if (!text)
                                *to++ = *perl;
                        continue;
                }
                if (*perl == '[')
                        bracket = true;
                else if (*perl == ']')
                        bracket = false;
                *to++ = *perl;
        }
        return posix;
}

/* The one character that `posix` matches, or NUL. */
static char map_columns_find_plain(const char *posix)
{
        if (posix[0] && !posix[1] && !strchr(".[(){}*+?|^$\\", posix[0]))
                return posix[0];
        if (posix[0] == '\\' && posix[1] && !posix[2] && ispunct((unsigned char)posix[1]) &&
            !strchr("<>`'", posix[1]))
                return posix[1];
        return '\0';
}

int map_columns_new(const char *regex, struct map_columns **out_columns, struct reason *why)
{
        _cleanup_(map_columns_freep) struct map_columns *columns = calloc(1, sizeof(*columns));
        _cleanup_(freep) char *posix = map_columns_translate(regex);
        char text[80];
        int r;

        if (!columns || !posix)
                return FAULT(-ENOMEM);
        columns->plain = map_columns_find_plain(posix);
        r = regcomp(&columns->regex, posix, REG_EXTENDED);
        if (r) {
                regerror(r, &columns->regex, text, sizeof(text));
                return reason_set(why, MAP_COLUMNS_E_BAD, "--colsep '%.100s' is no expression: %s",
                                  regex, text);
        }
        columns->compiled = true;
        if (regexec(&columns->regex, "", 0, NULL, 0) == 0)
                return reason_set(why, MAP_COLUMNS_E_BAD,
                                  "--colsep '%.100s' matches nothing at all: it cannot separate",
                                  regex);
        *out_columns = TAKE_PTR(columns);
        return 0;
}

static int map_columns_add(struct map_columns *columns, const char *data, size_t size)
{
        if (columns->count == columns->room) {
                const size_t room = MAX(2 * columns->room, 16U);
                struct map_column *const bigger = realloc(columns->found, room * sizeof(*bigger));

                if (!bigger)
                        return FAULT(-ENOMEM);
                columns->found = bigger;
                columns->room = room;
        }
        while (size > 0 && isspace((unsigned char)data[size - 1]))
                size--;
        while (size > 0 && isspace((unsigned char)data[0])) {
                data++;
                size--;
        }
        columns->found[columns->count++] = (struct map_column){ .data = data, .size = size };
        return 0;
}

/* The next separator in data[at..size): where it begins and ends. False: none. */
static bool map_columns_find(const struct map_columns *columns, const char *data, size_t at,
                             size_t size, size_t *out_start, size_t *out_end)
{
        regmatch_t match = { .rm_so = (regoff_t)at, .rm_eo = (regoff_t)size };

        if (columns->plain) {
                const char *const found = memchr(data + at, columns->plain, size - at);

                if (!found)
                        return false;
                *out_start = (size_t)(found - data);
                *out_end = *out_start + 1;
                return true;
        }
        if (regexec(&columns->regex, data, 1, &match, REG_STARTEND) != 0 ||
            match.rm_eo == match.rm_so)
                return false;
        *out_start = (size_t)match.rm_so;
        *out_end = (size_t)match.rm_eo;
        return true;
}

int map_columns_split(struct map_columns *columns, const char *line, size_t size, size_t *out_count)
{
        size_t at = 0, start, end;
        int r;

        columns->count = 0;
        while (map_columns_find(columns, line, at, size, &start, &end)) {
                r = map_columns_add(columns, line + at, start - at);
                if (r)
                        return PASS(r);
                at = end;
        }
        r = map_columns_add(columns, line + at, size - at);
        if (r)
                return PASS(r);
        *out_count = columns->count;
        return 0;
}

const char *map_columns_get(const struct map_columns *columns, size_t index, size_t *out_size)
{
        *out_size = columns->found[index].size;
        return columns->found[index].data;
}
