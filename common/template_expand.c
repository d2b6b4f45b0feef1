/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template's pieces become the command of one task: argv, or the line that people see.
 *
 * A walk over the pieces writes into a `struct template_out`, and is done twice: the first only
 * measures, so that the result is one allocation and the limits are known before anything is
 * copied. A walk that is over them stops at once, however many pieces are left.
 *
 * Quoting is GNU parallel's, byte for byte, since its joblog is compared by people and by --resume.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/template_internal.h"

/* -------------------------------------------------------------------------------------- values */

/* What is left of a value without its extension: the last dot behind the last slash. */
static struct template_word template_stem(struct template_word value)
{
        const char *const text = value.data;

        for (size_t i = value.size; i > 0 && text[i - 1] != '/'; i--)
                if (text[i - 1] == '.')
                        return (struct template_word){ text, i - 1 };
        return value;
}

static struct template_word template_base(struct template_word value)
{
        const char *const text = value.data;
        const char *const slash = value.size ? memrchr(text, '/', value.size) : NULL;

        if (!slash)
                return value;
        return (struct template_word){ slash + 1, value.size - (size_t)(slash + 1 - text) };
}

/* Without the slashes at its end; but "/" stays. */
static size_t template_trim_slashes(const char *text, size_t size)
{
        while (size > 1 && text[size - 1] == '/')
                size--;
        return size;
}

/* dirname(1): "a/b" and "a/b/" are in "a", "/a" and "/" in "/", "a" in ".". */
static struct template_word template_folder(struct template_word value)
{
        static const struct template_word here = { ".", 1 };
        const char *const text = value.data;
        size_t size = value.size;

        /* Twice when the name is empty: "a/b/" is "a/b" first. */
        if (size && text[size - 1] == '/')
                size = template_trim_slashes(text, size);
        while (size && text[size - 1] != '/')
                size--;
        if (size == 0)
                return here;
        return (struct template_word){ text, template_trim_slashes(text, size) };
}

static struct template_word template_part_of(struct template_word value, enum template_part part)
{
        switch (part) {
        case TEMPLATE_STEM:
                return template_stem(value);
        case TEMPLATE_BASE:
                return template_base(value);
        case TEMPLATE_FOLDER:
                return template_folder(value);
        case TEMPLATE_BASE_STEM:
                return template_stem(template_base(value));
        case TEMPLATE_WHOLE:
                break;
        }
        return value;
}

/* ------------------------------------------------------------------------------------- writing */

enum template_style {
        TEMPLATE_STYLE_ARGV, /* words, each with its zero byte */
        TEMPLATE_STYLE_LINE, /* one line, values quoted */
        TEMPLATE_STYLE_RAW,  /* one line, nothing quoted */
};

/* Where a walk writes to, or only counts. */
struct template_out {
        enum template_style style;
        char *data;        /* NULL: nothing is written */
        size_t size;       /* bytes so far */
        size_t word_start; /* where the word in work began */
        char **argv;       /* NULL: nothing is written */
        size_t argc;
        bool is_limited;  /* it is argv */
        bool quotes_text; /* a line made of words: text that needs it is quoted */
        bool is_long;     /* over the limits: all further work is in vain */
};

static void template_put(struct template_out *out, const void *data, size_t size)
{
        if (out->is_limited &&
            (size > TEMPLATE_WORD_MAX || out->size - out->word_start + size > TEMPLATE_WORD_MAX ||
             out->size + size >= TEMPLATE_ARGV_MAX))
                out->is_long = true;
        if (out->is_long)
                return;
        if (out->data && size)
                memcpy(out->data + out->size, data, size);
        out->size += size;
}

static void template_end_word(struct template_out *out)
{
        if (out->size >= TEMPLATE_ARGV_MAX)
                out->is_long = true;
        if (out->is_long)
                return;
        if (out->data)
                out->data[out->size] = '\0';
        if (out->argv)
                out->argv[out->argc] = out->data + out->word_start;
        out->argc++;
        out->size++;
        out->word_start = out->size;
}

/*
 * A word as parallel's shell_quote_scalar_default() writes it: in single quotes, each single quote
 * in double ones, and no empty pair of quotes at either end.
 */
static void template_put_quoted(struct template_out *out, struct template_word word)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789-_.+/";
        const char *const text = word.data;
        size_t i = 0;

        while (i < word.size && memchr(plain, text[i], sizeof(plain) - 1))
                i++;
        if (word.size && i == word.size) {
                template_put(out, text, word.size);
                return;
        }
        if (!word.size) {
                template_put(out, "''", 2);
                return;
        }
        if (text[0] != '\'')
                template_put(out, "'", 1);
        for (i = 0; i < word.size;) {
                const char *const quote = memchr(text + i, '\'', word.size - i);
                const size_t run = quote ? (size_t)(quote - text) - i : word.size - i;

                template_put(out, text + i, run);
                i += run;
                if (!quote)
                        break;
                if (i > 0)
                        template_put(out, "'", 1);
                template_put(out, "\"'\"", 3);
                if (++i < word.size)
                        template_put(out, "'", 1);
        }
        if (text[word.size - 1] != '\'')
                template_put(out, "'", 1);
}

static void template_put_value(struct template_out *out, struct template_word value,
                               enum template_part part)
{
        const struct template_word word = template_part_of(value, part);

        if (out->style == TEMPLATE_STYLE_LINE)
                template_put_quoted(out, word);
        else
                template_put(out, word.data, word.size);
}

/* Between two values of one replacement string. */
static void template_part_values(struct template_out *out)
{
        if (out->style == TEMPLATE_STYLE_ARGV)
                template_end_word(out);
        else
                template_put(out, " ", 1);
}

/* Puts in the value or values of a piece; false when there is none. */
static bool template_put_values(struct template_out *out, const struct template_piece *piece,
                                const struct template_facts *facts)
{
        const size_t count = facts->values_count;
        const int64_t at = piece->position;

        if (at != 0) {
                const uint64_t back = (uint64_t)(at < 0 ? -at : at);

                if (back > count)
                        return false;
                template_put_value(out, facts->values[at > 0 ? back - 1 : count - back],
                                   piece->part);
                return true;
        }
        for (size_t i = 0; i < count && !out->is_long; i++) {
                if (i)
                        template_part_values(out);
                template_put_value(out, facts->values[i], piece->part);
        }
        return count > 0;
}

static void template_put_number(struct template_out *out, uint64_t number)
{
        char text[24];

        template_put(out, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, number));
}

/* Puts in one word of the command; false when nothing of it is there, not even an empty word. */
static bool template_put_span(struct template_out *out, const struct template *template,
                              const struct template_span *span, const struct template_facts *facts)
{
        bool is_there = false;

        for (size_t i = 0; i < span->count && !out->is_long; i++) {
                const struct template_piece *const piece = &template->pieces[span->first + i];

                if (piece->kind == TEMPLATE_VALUE) {
                        is_there |= template_put_values(out, piece, facts);
                        continue;
                }
                if (piece->kind == TEMPLATE_SEQUENCE)
                        template_put_number(out, facts->sequence);
                else if (piece->kind == TEMPLATE_SLOT)
                        template_put_number(out, facts->slot);
                else if (out->quotes_text && (piece->is_quoted || !piece->text.size))
                        template_put_quoted(out, piece->text);
                else
                        template_put(out, piece->text.data, piece->text.size);
                is_there = true;
        }
        return is_there;
}

/* The shell's line, quoted, is one word of its argv. */
static void template_walk_shell_line(struct template_out *out, const struct template *template,
                                     const struct template_facts *facts)
{
        const enum template_style style = out->style;

        out->style = template->is_raw ? TEMPLATE_STYLE_RAW : TEMPLATE_STYLE_LINE;
        template_put_span(out, template, &template->spans[template->spans_count - 1], facts);
        out->style = style;
}

static void template_walk_argv(struct template_out *out, const struct template *template,
                               const struct template_facts *facts)
{
        const size_t count = template->spans_count - template->is_shell;

        for (size_t i = 0; i < count && !out->is_long; i++)
                if (template_put_span(out, template, &template->spans[i], facts))
                        template_end_word(out);
        if (template->is_shell && !out->is_long) {
                template_walk_shell_line(out, template, facts);
                template_end_word(out);
        }
}

static void template_walk_line(struct template_out *out, const struct template *template,
                               const struct template_facts *facts)
{
        if (template->is_shell) {
                template_walk_shell_line(out, template, facts);
                return;
        }
        for (size_t i = 0; i < template->spans_count; i++) {
                if (i)
                        template_put(out, " ", 1);
                template_put_span(out, template, &template->spans[i], facts);
        }
}

/* How large argv is; the answers of template_expand(). */
static int template_measure(const struct template *template, const struct template_facts *facts,
                            struct template_out *out, struct reason *why)
{
        template_walk_argv(out, template, facts);
        if (out->is_long)
                return reason_set(why, TEMPLATE_E_LONG,
                                  "the command is too long with its values: at most %u bytes, %u "
                                  "for one argument",
                                  TEMPLATE_ARGV_MAX, TEMPLATE_WORD_MAX);
        if (out->argc == 0)
                return reason_set(why, TEMPLATE_E_BAD,
                                  "nothing is left of the command: its values are missing");
        return 0;
}

int template_expand(const struct template *template, const struct template_facts *facts,
                    char ***out_argv, size_t *out_argc, struct reason *why)
{
        struct template_out out = { .style = TEMPLATE_STYLE_ARGV, .is_limited = true };
        const int r = template_measure(template, facts, &out, why);
        const size_t argc = out.argc;
        char **argv;

        if (r != 0)
                return r;
        argv = malloc((argc + 1) * sizeof(*argv) + out.size);
        if (!argv)
                return FAULT(-ENOMEM);
        out = (struct template_out){
                .style = TEMPLATE_STYLE_ARGV,
                .is_limited = true,
                .data = (char *)(argv + argc + 1),
                .argv = argv,
        };
        template_walk_argv(&out, template, facts);
        argv[argc] = NULL;
        *out_argv = argv;
        *out_argc = argc;
        return 0;
}

int template_format(const struct template *template, const struct template_facts *facts,
                    char **out_line, struct reason *why)
{
        const struct template_out start = {
                .style = TEMPLATE_STYLE_LINE,
                .quotes_text = !template->is_shell,
        };
        struct template_out out = { .style = TEMPLATE_STYLE_ARGV, .is_limited = true };
        char *line;
        /* What cannot be run is not shown either: that bounds the line. */
        const int r = template_measure(template, facts, &out, why);

        if (r != 0)
                return r;
        out = start;
        template_walk_line(&out, template, facts);
        line = malloc(out.size + 1);
        if (!line)
                return FAULT(-ENOMEM);
        out = start;
        out.data = line;
        template_walk_line(&out, template, facts);
        line[out.size] = '\0';
        *out_line = line;
        return 0;
}
