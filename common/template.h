/* SPDX-License-Identifier: Apache-2.0 */
/* A command with replacement strings, as GNU parallel writes them, and what it becomes for a task.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

/* An expanded command: all words with their zero bytes, and one word without it. */
#define TEMPLATE_ARGV_MAX (1024U * 1024)
#define TEMPLATE_WORD_MAX (128U * 1024 - 1)

struct template;

enum template_answer {
        TEMPLATE_E_BAD = 1, /* cannot be expanded; why says */
        TEMPLATE_E_LONG,    /* the result is over the limits */
};

/* Bytes without a zero byte in them; borrowed. */
struct template_word {
        const void *data;
        size_t size;
};

/*
 * Reads the command; the words are copied.
 * Argv mode: words are argv, values are put in literally. Shell mode: words are {"/bin/sh", "-c",
 * LINE} and values are quoted into LINE, unless the replacement is (part of) LINE's first word:
 * then they are shell text themselves. A command without a replacement string gets " {}".
 * values_max: so many values a task has at most; a replacement string beyond them is refused.
 * Returns 0, TEMPLATE_E_BAD with `why`, or a fault.
 */
_must_use_ int template_new(const struct template_word *words, size_t count, bool shell,
                            uint32_t values_max, struct template **out_template,
                            struct reason *why);
struct template *template_free(struct template *template);
DEFINE_CLEANUP(struct template *, template_free);

/* What one task puts in. A value that it lacks (the last task may have fewer) is put in as nothing.
 */
struct template_facts {
        const struct template_word *values;
        size_t values_count;
        uint64_t sequence; /* {#}, from 1 */
        uint32_t slot;     /* {%}, from 1 */
};

/*
 * argv of one task, NULL-terminated, one allocation that the caller frees with free().
 * Returns 0, TEMPLATE_E_LONG or TEMPLATE_E_BAD (no word is left) with `why`, or a fault.
 */
_must_use_ int template_expand(const struct template *template, const struct template_facts *facts,
                               char ***out_argv, size_t *out_argc, struct reason *why);
/*
 * The command as one line of shell, as parallel shows it with --dry-run and in its joblog; owned
 * by the caller. It may hold newlines and control characters. Same answers as template_expand().
 */
_must_use_ int template_format(const struct template *template, const struct template_facts *facts,
                               char **out_line, struct reason *why);

/*
 * Splits values that each end with a zero byte; the first `count` go to out_values and point into
 * `data`. Returns how many there were. Bytes behind the last zero byte are no value.
 */
size_t template_split(const void *data, size_t size, struct template_word *out_values,
                      size_t count);
/* Does the command contain any replacement string? */
bool template_has_replacement(const struct template_word *words, size_t count);
