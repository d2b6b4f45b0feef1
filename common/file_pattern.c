/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of `out-%j.txt`. The worker opens files by these names, and jobctl tells their names
 * to those who ask where the output went; so both have to agree. A job's name must not lead into
 * another folder: a slash in it becomes an underscore. Pure.
 */
#include "common/file_pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define FILE_PATTERN_NUMBER_MAX 32

/* What `%c` stands for, in `number` when it is one; NULL: nothing, it stays as it is. */
static const char *file_pattern_find(char c, const struct file_pattern_facts *facts,
                                     char number[static FILE_PATTERN_NUMBER_MAX])
{
        switch (c) {
        case 'j':
        case 'A':
                snprintf(number, FILE_PATTERN_NUMBER_MAX, "%" PRIu64, facts->job);
                return number;
        case 'a':
                snprintf(number, FILE_PATTERN_NUMBER_MAX, "%" PRIu64, facts->number);
                return number;
        case 'x':
                return facts->name ? facts->name : "job";
        case 'u':
                return facts->user ? facts->user : "user";
        case '%':
                return "%";
        default:
                return NULL;
        }
}

static void file_pattern_flatten(char *text, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (text[i] == '/')
                        text[i] = '_';
}

char *file_pattern_expand(const void *pattern, size_t size, const struct file_pattern_facts *facts)
{
        const char *from = pattern;
        char number[FILE_PATTERN_NUMBER_MAX];
        _cleanup_(freep) char *text = NULL;
        size_t room = size + 1, used = 0;

        text = malloc(room);
        if (!text)
                return NULL;
        for (size_t i = 0; i < size; i++) {
                const char *value = NULL;
                char *bigger;

                if (from[i] == '%' && i + 1 < size)
                        value = file_pattern_find(from[i + 1], facts, number);
                if (!value) {
                        text[used++] = from[i];
                        continue;
                }
                i++;
                room += strlen(value);
                bigger = realloc(text, room);
                if (!bigger)
                        return NULL;
                text = bigger;
                memcpy(text + used, value, strlen(value));
                if (from[i] == 'x')
                        file_pattern_flatten(text + used, strlen(value));
                used += strlen(value);
        }
        text[used] = '\0';
        return TAKE_PTR(text);
}
