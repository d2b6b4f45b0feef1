/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that is safe to show.
 *
 * Names, arguments and output come from users and are shown to other users and administrators: a
 * terminal must never obey them, and a log line must never look like two. So whatever is no plain
 * text is written out: control characters and bytes that are no UTF-8 as \xNN, the invisible
 * characters that turn the direction of a line or end it as \u{NNNN}. A backslash stays what it is:
 * the result is for reading, not for decoding.
 *
 * Everything goes through text_escape_one(), which decides character by character and never writes
 * part of one. Pure; nothing here fails but for memory.
 */
#include "common/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* No byte grows by more: "\x1b" of one, "\u{0085}" of two. */
#define TEXT_GROWTH_MAX 4
/* The longest form of one character: "\u{10FFFF}" and its NUL. */
#define TEXT_ONE_MAX 12

size_t text_decode_utf8(const void *data, size_t size, uint32_t *out_point)
{
        /* What a lead byte says, and the least point worth that length. */
        static const struct {
                uint8_t mask, lead, length;
                uint32_t least;
        } forms[] = {
                { 0x80, 0x00, 1, 0 },
                { 0xe0, 0xc0, 2, 0x80 },
                { 0xf0, 0xe0, 3, 0x800 },
                { 0xf8, 0xf0, 4, 0x10000 },
        };
        const uint8_t *p = data;

        for (size_t i = 0; size && i < ARRAY_SIZE(forms); i++) {
                uint32_t point = p[0] & (uint8_t)~forms[i].mask;

                if ((p[0] & forms[i].mask) != forms[i].lead)
                        continue;
                if (forms[i].length > size)
                        return 0;
                for (size_t k = 1; k < forms[i].length; k++) {
                        if ((p[k] & 0xc0) != 0x80)
                                return 0;
                        point = point << 6 | (p[k] & 0x3f);
                }
                if (point < forms[i].least || point > 0x10ffff || (point & 0xfffff800) == 0xd800)
                        return 0;
                *out_point = point;
                return forms[i].length;
        }
        return 0;
}

/* Does a terminal or a line do something else than show it? */
static bool text_is_unsafe(uint32_t point)
{
        static const struct {
                uint32_t first, last;
        } ranges[] = {
                { 0x00, 0x1f },     { 0x7f, 0x9f },     { 0x61c, 0x61c },
                { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
                if (point >= ranges[i].first && point <= ranges[i].last)
                        return true;
        return false;
}

/*
 * Writes the first character of `p` (size >= 1) in its safe form to `out`, *out_length bytes;
 * returns how many bytes of `p` it stands for.
 */
static size_t text_escape_one(const uint8_t *p, size_t size, const char *passed,
                              char out[static TEXT_ONE_MAX], size_t *out_length)
{
        uint32_t point = 0;
        const size_t length = text_decode_utf8(p, size, &point);
        int n;

        if (length && (!text_is_unsafe(point) || (point && point < 0x80 && strchr(passed, *p)))) {
                memcpy(out, p, length);
                *out_length = length;
                return length;
        }
        if (length == 1 && (*p == '\n' || *p == '\t'))
                n = snprintf(out, TEXT_ONE_MAX, "\\%c", *p == '\n' ? 'n' : 't');
        else if (length > 1)
                n = snprintf(out, TEXT_ONE_MAX, "\\u{%04X}", (unsigned int)point & 0xffffff);
        else
                n = snprintf(out, TEXT_ONE_MAX, "\\x%02x", *p);
        *out_length = (size_t)n;
        return MAX(length, (size_t)1);
}

static size_t text_escape_to(const uint8_t *p, size_t size, const char *passed, char *buf,
                             size_t room)
{
        size_t used = 0;

        while (size) {
                char one[TEXT_ONE_MAX];
                size_t length;
                const size_t eaten = text_escape_one(p, size, passed, one, &length);

                if (length >= room - used)
                        break;
                memcpy(buf + used, one, length);
                used += length;
                p += eaten;
                size -= eaten;
        }
        buf[used] = '\0';
        return used;
}

static char *text_escape_new(const void *data, size_t size, const char *passed)
{
        char *text, *smaller;
        size_t room, length;

        if (__builtin_mul_overflow(size, TEXT_GROWTH_MAX, &room) || room == SIZE_MAX)
                return NULL;
        text = malloc(room + 1);
        if (!text)
                return NULL;
        length = text_escape_to(data, size, passed, text, room + 1);
        smaller = realloc(text, length + 1);
        return smaller ? smaller : text;
}

char *text_escape(const void *data, size_t size)
{
        return text_escape_new(data, size, "");
}

char *text_escape_lines(const void *data, size_t size)
{
        return text_escape_new(data, size, "\n\t");
}

size_t text_escape_into(const void *data, size_t size, char *buf, size_t room)
{
        return text_escape_to(data, size, "", buf, room);
}

/* What a word needs so that a shell reads it as it is. */
enum text_quoting {
        TEXT_PLAIN,
        TEXT_SINGLE, /* 'a b' */
        TEXT_ANSI,   /* $'a\x1b' */
};

static enum text_quoting text_choose_quoting(const char *word, bool is_first)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789_@%+:,./-=";
        const size_t size = strlen(word);
        uint32_t point = 0;

        for (size_t i = 0, length; i < size; i += length) {
                length = text_decode_utf8(word + i, size - i, &point);
                if (!length || text_is_unsafe(point))
                        return TEXT_ANSI;
        }
        /* A first word with '=' would be an assignment. */
        if (!size || strspn(word, plain) != size || (is_first && strchr(word, '=')))
                return TEXT_SINGLE;
        return TEXT_PLAIN;
}

static void text_put_single(FILE *out, const char *word)
{
        fputc('\'', out);
        for (; *word; word++)
                if (*word == '\'')
                        fputs("'\\''", out);
                else
                        fputc(*word, out);
        fputc('\'', out);
}

static void text_put_ansi(FILE *out, const char *word)
{
        size_t size = strlen(word);

        fputs("$'", out);
        while (size) {
                uint32_t point = 0;
                const size_t length = text_decode_utf8(word, size, &point);
                const size_t eaten = MAX(length, (size_t)1);

                if (*word == '\n' || *word == '\t')
                        fputs(*word == '\n' ? "\\n" : "\\t", out);
                else if (*word == '\'' || *word == '\\')
                        fprintf(out, "\\%c", *word);
                else if (length && !text_is_unsafe(point))
                        fwrite(word, 1, length, out);
                else
                        for (size_t i = 0; i < eaten; i++)
                                fprintf(out, "\\x%02x", (unsigned char)word[i]);
                word += eaten;
                size -= eaten;
        }
        fputc('\'', out);
}

char *text_quote_argv(const char *const *argv, size_t argc)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        bool is_bad;

        if (!out)
                return NULL;
        for (size_t i = 0; i < argc; i++) {
                const enum text_quoting quoting = text_choose_quoting(argv[i], i == 0);

                if (i)
                        fputc(' ', out);
                if (quoting == TEXT_PLAIN)
                        fputs(argv[i], out);
                else if (quoting == TEXT_SINGLE)
                        text_put_single(out, argv[i]);
                else
                        text_put_ansi(out, argv[i]);
        }
        is_bad = ferror(out);
        if (fclose(out) != 0 || is_bad) {
                free(text);
                return NULL;
        }
        return text;
}

char *text_format_size(uint64_t bytes, char buf[static TEXT_SIZE_MAX])
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        uint64_t unit = 1, tenths;
        size_t i = 0;

        if (bytes == UINT64_MAX) {
                strcpy(buf, "infinity");
                return buf;
        }
        while (i + 1 < ARRAY_SIZE(units) && bytes / unit >= 1024) {
                unit *= 1024;
                i++;
        }
        tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
        /* 1023.96 KiB rounds to 1024.0: that is 1 MiB. */
        if (tenths >= 10240 && i + 1 < ARRAY_SIZE(units)) {
                tenths = 10;
                i++;
        }
        if (tenths % 10)
                snprintf(buf, TEXT_SIZE_MAX, "%u.%u %s", (unsigned int)(tenths / 10),
                         (unsigned int)(tenths % 10), units[i]);
        else
                snprintf(buf, TEXT_SIZE_MAX, "%u %s", (unsigned int)(tenths / 10), units[i]);
        return buf;
}
