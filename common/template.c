/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The template of a map: a command with replacement strings, and the command it becomes.
 *
 *      {}          all values of the task         {1} {-1}    one, from the front, from the end
 *      {.} {1.}    without extension              {/} {1/}    without folders
 *      {//} {1//}  only its folder                {/.} {1/.}  without folders and extension
 *      {#}         the task, counted from 1       {%}         its slot, from 1
 *
 * Here each word is read once into pieces: text, or one replacement; what can never be expanded is
 * refused. template_expand.c makes commands of them.
 *
 * Words come out as the shell would split what GNU parallel writes: of "a{}b" with the values 1
 * and 2 come "a1" and "2b", of a word whose only value is missing comes nothing, but no value is
 * ever split or read as anything but itself. Where the two differ on purpose: a missing value is
 * missing also when it is counted from the end, {/} looks past newlines, and {= perl =} is refused.
 * Pure; nothing here fails but for memory and for what is judged.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/template_internal.h"

/* ------------------------------------------------------------------------------------- reading */

/* clang-format off */
static const struct template_mark {
        const char *text; /* behind the position, with the brace */
        enum template_kind kind;
        enum template_part part;
        bool has_position;
} template_marks[] = {
        { "}",   TEMPLATE_VALUE,    TEMPLATE_WHOLE,     true },
        { ".}",  TEMPLATE_VALUE,    TEMPLATE_STEM,      true },
        { "/}",  TEMPLATE_VALUE,    TEMPLATE_BASE,      true },
        { "//}", TEMPLATE_VALUE,    TEMPLATE_FOLDER,    true },
        { "/.}", TEMPLATE_VALUE,    TEMPLATE_BASE_STEM, true },
        { "#}",  TEMPLATE_SEQUENCE, TEMPLATE_WHOLE,     false },
        { "%}",  TEMPLATE_SLOT,     TEMPLATE_WHOLE,     false },
};
/* clang-format on */

/* "12", "-1" at `at`; one that is too large to be any value is INT32_MAX. Returns the end. */
static const char *template_read_position(const char *at, const char *end, int64_t *out_position)
{
        const bool is_negative = at < end && *at == '-';
        const char *p = at + is_negative;
        int64_t position = 0;

        if (p == end || *p < '0' || *p > '9')
                return at;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
                position = MIN(position * 10 + (*p - '0'), (int64_t)INT32_MAX);
        /* As parallel reads it: "{1 .}" is "{1.}". */
        while (p < end && strchr(" \t\n\r\f", *p))
                p++;
        *out_position = is_negative ? -position : position;
        return p;
}

/*
 * Is a replacement string at `at`? Then *out_piece and its length. {0} becomes position 0 with
 * *out_is_zero, since it means nothing.
 */
static size_t template_read_mark(const char *at, const char *end, struct template_piece *out_piece,
                                 bool *out_is_zero)
{
        struct template_piece piece = { .kind = TEMPLATE_TEXT };
        const char *p;
        bool has_position;

        if (at == end || *at != '{')
                return 0;
        p = template_read_position(at + 1, end, &piece.position);
        has_position = p != at + 1;
        for (size_t i = 0; i < ARRAY_SIZE(template_marks); i++) {
                const struct template_mark *mark = &template_marks[i];
                const size_t size = strlen(mark->text);

                if ((size_t)(end - p) < size || memcmp(p, mark->text, size) != 0 ||
                    (has_position && !mark->has_position))
                        continue;
                piece.kind = mark->kind;
                piece.part = mark->part;
                *out_is_zero = has_position && piece.position == 0;
                *out_piece = piece;
                return (size_t)(p - at) + size;
        }
        return 0;
}

/* The next replacement string at or behind `at`, or `end`; its length in *out_size. */
static const char *template_find_mark(const char *at, const char *end,
                                      struct template_piece *out_piece, bool *out_is_zero,
                                      size_t *out_size)
{
        for (; at < end; at++) {
                at = memchr(at, '{', (size_t)(end - at));
                if (!at)
                        return end;
                *out_size = template_read_mark(at, end, out_piece, out_is_zero);
                if (*out_size)
                        return at;
        }
        return end;
}

bool template_has_replacement(const struct template_word *words, size_t count)
{
        struct template_piece piece;
        bool is_zero;
        size_t size;

        for (size_t i = 0; i < count; i++) {
                const char *const at = words[i].data;

                if (words[i].size && template_find_mark(at, at + words[i].size, &piece, &is_zero,
                                                        &size) != at + words[i].size)
                        return true;
        }
        return false;
}

/* Would a shell read this text, a piece of a word, as anything but itself? */
static bool template_is_special(const char *text, size_t size, bool starts_word, bool is_word,
                                bool is_command)
{
        for (size_t i = 0; i < size; i++) {
                if (strchr(" \t\n\"'\\$`&|;<>()*?", text[i]))
                        return true;
                if (strchr("~#", text[i]) && starts_word && i == 0)
                        return true;
                if (text[i] == '=' && is_command)
                        return true;
                /* The command "[", and braces without a list, are no patterns. */
                if (text[i] == '[' && !(is_word && size == 1))
                        return true;
                if (text[i] == '{' &&
                    !(is_word && !memchr(text, ',', size) && !memmem(text, size, "..", 2)))
                        return true;
        }
        return false;
}

/* Why a replacement string cannot be: it names a value that no task has. */
static int template_check_mark(const struct template_piece *piece, bool is_zero,
                               uint32_t values_max, struct reason *why)
{
        const int size = (int)MIN(piece->text.size, (size_t)32);
        const char *const text = piece->text.data;
        const uint64_t position =
                (uint64_t)(piece->position < 0 ? -piece->position : piece->position);

        if (is_zero)
                return reason_set(why, TEMPLATE_E_BAD,
                                  "'%.*s' names no value: they are counted from 1", size, text);
        if (piece->kind == TEMPLATE_VALUE && position > values_max)
                return reason_set(why, TEMPLATE_E_BAD,
                                  "'%.*s' names value %" PRIu64 ", but a task has %u value%s", size,
                                  text, position, values_max, values_max == 1 ? "" : "s");
        return 0;
}

static int template_add_piece(struct template *template, const struct template_piece *piece)
{
        const size_t count = template->pieces_count;

        /* Grows at the powers of two. */
        if ((count & (count - 1)) == 0) {
                struct template_piece *const more = reallocarray(
                        template->pieces, count ? count * 2 : 1, sizeof(*template->pieces));

                if (!more)
                        return FAULT(-ENOMEM);
                template->pieces = more;
        }
        template->pieces[count] = *piece;
        template->pieces_count++;
        return 0;
}

static int template_add_text(struct template *template, const char *word, size_t word_size,
                             const char *text, size_t size)
{
        const struct template_piece piece = {
                .kind = TEMPLATE_TEXT,
                .text = { text, size },
                .is_quoted = template_is_special(text, size, text == word, size == word_size,
                                                 template->spans_count == 0),
        };

        return template_add_piece(template, &piece);
}

/* Reads one word (of our own bytes) into pieces. */
static int template_add_word(struct template *template, const char *word, size_t size,
                             bool is_literal, uint32_t values_max, struct reason *why)
{
        struct template_span *const span = &template->spans[template->spans_count];
        const char *const end = word + size;
        const char *at = word;
        int r;

        span->first = template->pieces_count;
        do {
                struct template_piece piece = { .kind = TEMPLATE_TEXT };
                bool is_zero = false;
                size_t mark_size = 0;
                const char *const mark =
                        is_literal ? end
                                   : template_find_mark(at, end, &piece, &is_zero, &mark_size);

                if (mark > at || size == 0) {
                        r = template_add_text(template, word, size, at, (size_t)(mark - at));
                        if (r < 0)
                                return PASS(r);
                }
                if (mark < end) {
                        piece.text = (struct template_word){ mark, mark_size };
                        r = template_check_mark(&piece, is_zero, values_max, why);
                        if (r != 0)
                                return r;
                        r = template_add_piece(template, &piece);
                        if (r < 0)
                                return PASS(r);
                }
                at = mark + mark_size;
        } while (at < end);
        span->count = template->pieces_count - span->first;
        template->spans_count++;
        return 0;
}

/* {= perl =}, also over several words. */
static int template_refuse_perl(const struct template_word *words, size_t count, struct reason *why)
{
        bool is_open = false;

        for (size_t i = 0; i < count; i++) {
                const char *at = words[i].data;
                size_t size = words[i].size;
                const char *const open = is_open || !size ? at : memmem(at, size, "{=", 2);

                if (!open)
                        continue;
                is_open = is_open || size;
                size -= (size_t)(open - at);
                if (size && memmem(open, size, "=}", 2))
                        return reason_set(why, TEMPLATE_E_BAD,
                                          "{= =}: expressions in Perl are not supported");
        }
        return 0;
}

/* Copies the words, one behind the other, with " {}" when nothing is replaced. */
static int template_copy_words(struct template *template, const struct template_word *words,
                               size_t count, bool appends)
{
        size_t size = sizeof(" {}"), used = 0;

        for (size_t i = 0; i < count; i++)
                if (__builtin_add_overflow(size, words[i].size, &size))
                        return FAULT(-ENOMEM);
        template->bytes = malloc(size);
        template->spans = calloc(count + 1, sizeof(*template->spans));
        if (!template->bytes || !template->spans)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++) {
                if (words[i].size)
                        memcpy(template->bytes + used, words[i].data, words[i].size);
                used += words[i].size;
        }
        if (appends)
                memcpy(template->bytes + used, " {}", 3);
        return 0;
}

/* parallel's rule: a replacement in the first word makes the values text of the line. */
static bool template_line_is_raw(const struct template *template)
{
        const struct template_span *const line = &template->spans[template->spans_count - 1];

        for (size_t i = 0; i < line->count; i++) {
                const struct template_piece *const piece = &template->pieces[line->first + i];
                const char *const text = piece->text.data;

                if (piece->kind != TEMPLATE_TEXT)
                        return true;
                for (size_t k = 0; k < piece->text.size; k++)
                        if (strchr(" \t\n=", text[k]))
                                return false;
        }
        return false;
}

static int template_check_words(const struct template_word *words, size_t count, bool shell,
                                struct reason *why)
{
        if (count == 0)
                return reason_set(why, TEMPLATE_E_BAD, "there is no command");
        if (shell && count != 3)
                return reason_set(why, TEMPLATE_E_BAD, "a shell's command is not one line");
        for (size_t i = 0; i < count; i++)
                if (words[i].size && memchr(words[i].data, 0, words[i].size))
                        return reason_set(why, TEMPLATE_E_BAD,
                                          "word %zu of the command has a zero byte", i);
        return template_refuse_perl(words, count, why);
}

int template_new(const struct template_word *words, size_t count, bool shell, uint32_t values_max,
                 struct template **out_template, struct reason *why)
{
        _cleanup_(template_freep) struct template *template = NULL;
        /* The shell and its -c are no words of the user's. */
        const size_t literal_count = shell ? 2 : 0;
        size_t used = 0;
        bool appends;
        int r;

        r = template_check_words(words, count, shell, why);
        if (r != 0)
                return r;
        template = calloc(1, sizeof(*template));
        if (!template)
                return FAULT(-ENOMEM);
        template->is_shell = shell;
        appends = !template_has_replacement(words + literal_count, count - literal_count);
        r = template_copy_words(template, words, count, appends);
        if (r < 0)
                return PASS(r);
        for (size_t i = 0; i < count; i++) {
                const bool is_line = shell && i + 1 == count;
                const size_t size = words[i].size + (is_line && appends ? strlen(" {}") : 0);

                r = template_add_word(template, template->bytes + used, size, i < literal_count,
                                      values_max, why);
                if (r != 0)
                        return r > 0 ? r : PASS(r);
                used += size;
        }
        if (appends && !shell) {
                r = template_add_word(template, template->bytes + used + 1, strlen("{}"), false,
                                      values_max, why);
                if (r != 0)
                        return r > 0 ? r : PASS(r);
        }
        template->is_raw = shell &&template_line_is_raw(template);
        *out_template = TAKE_PTR(template);
        return 0;
}

struct template *template_free(struct template *template)
{
        if (!template)
                return NULL;
        free(template->spans);
        free(template->pieces);
        free(template->bytes);
        free(template);
        return NULL;
}

size_t template_split(const void *data, size_t size, struct template_word *out_values, size_t count)
{
        const char *at = data;
        size_t found = 0;

        while (size) {
                const char *const zero = memchr(at, 0, size);

                if (!zero)
                        break;
                if (found < count)
                        out_values[found] = (struct template_word){ at, (size_t)(zero - at) };
                found++;
                size -= (size_t)(zero + 1 - at);
                at = zero + 1;
        }
        return found;
}
