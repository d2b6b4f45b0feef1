/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: any words and values are refused, or become argv within its limits and a line. A
 * plain reader of shell words is the witness: it must read argv back from the line.
 *
 * The input: shell?, values of a task, number of words, and then words and values, each ended by a
 * zero byte.
 */
#include <string.h>

#include "common/cleanup.h"
#include "common/template.h"

#include "fuzz.h"

#define ENTRIES_MAX 64

/* Reads one word of the line to `out`; false at its end. */
static bool witness_read(const char **at, char *out)
{
        const char *p = *at;

        while (*p == ' ')
                p++;
        if (!*p)
                return false;
        while (*p && *p != ' ') {
                const char quote = *p;

                if (quote != '\'' && quote != '"') {
                        *out++ = *p++;
                        continue;
                }
                for (p++; *p != quote; p++) {
                        FUZZ_CHECK(*p);
                        *out++ = *p;
                }
                p++;
        }
        *out = '\0';
        *at = p;
        return true;
}

static void check_line(const char *line, char *const *argv, size_t argc)
{
        char *const word = malloc(strlen(line) + 1);
        const char *at = line;

        FUZZ_CHECK(word);
        for (size_t i = 0; i < argc; i++) {
                FUZZ_CHECK(witness_read(&at, word));
                FUZZ_CHECK(strcmp(word, argv[i]) == 0);
        }
        FUZZ_CHECK(!witness_read(&at, word));
        free(word);
}

static void check_argv(char *const *argv, size_t argc)
{
        size_t total = 0;

        FUZZ_CHECK(argc > 0 && !argv[argc]);
        for (size_t i = 0; i < argc; i++) {
                FUZZ_CHECK(strlen(argv[i]) <= TEMPLATE_WORD_MAX);
                total += strlen(argv[i]) + 1;
        }
        FUZZ_CHECK(total <= TEMPLATE_ARGV_MAX);
}

static void check_task(const struct template *template, bool shell,
                       const struct template_facts *facts)
{
        _cleanup_(freep) char **argv = NULL;
        _cleanup_(freep) char *line = NULL;
        size_t argc = 0;
        const int r = template_expand(template, facts, &argv, &argc, NULL);

        FUZZ_CHECK(template_format(template, facts, &line, NULL) == r);
        FUZZ_CHECK(r == 0 || r == TEMPLATE_E_BAD || r == TEMPLATE_E_LONG);
        FUZZ_CHECK((r == 0) == (argv != NULL) && (r == 0) == (line != NULL));
        if (r != 0)
                return;
        check_argv(argv, argc);
        if (shell)
                FUZZ_CHECK(argc == 3 && strcmp(argv[2], line) == 0);
        else
                check_line(line, argv, argc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct template_word entries[ENTRIES_MAX];
        _cleanup_(template_freep) struct template *template = NULL;
        struct template_facts facts = { .sequence = 12, .slot = 3 };
        struct reason why = { .text = "" };
        size_t count, words;
        int r;

        if (size < 3)
                return 0;
        count = template_split(data + 3, size - 3, entries, ENTRIES_MAX);
        count = count > ENTRIES_MAX ? ENTRIES_MAX : count;
        words = data[2] < count ? data[2] : count;
        r = template_new(entries, words, data[0] & 1, data[1], &template, &why);
        FUZZ_CHECK(r == 0 || r == TEMPLATE_E_BAD);
        FUZZ_CHECK((r == 0) == (template != NULL) && (r == 0) == (why.text[0] == '\0'));
        if (r != 0)
                return 0;
        facts.values = entries + words;
        /* Also fewer values than it could have, and more. */
        for (facts.values_count = 0; facts.values_count <= count - words; facts.values_count++)
                check_task(template, data[0] & 1, &facts);
        return 0;
}
