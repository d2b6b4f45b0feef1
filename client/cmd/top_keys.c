/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of a terminal: characters, a few control characters, and the sequences that xterm and its
 * relatives send for the others. Sequences that are not known are swallowed whole, so that no part
 * of them becomes a command. Pure; used by top_live.c.
 */
#include "client/cmd/top_keys.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"

/* Behind "ESC [" or "ESC O". */
static int keys_find(const char *text, size_t size)
{
        static const struct {
                const char *text;
                enum top_key key;
        } table[] = {
                { "A", TOP_KEY_UP },       { "B", TOP_KEY_DOWN },       { "H", TOP_KEY_HOME },
                { "F", TOP_KEY_END },      { "1~", TOP_KEY_HOME },      { "4~", TOP_KEY_END },
                { "5~", TOP_KEY_PAGE_UP }, { "6~", TOP_KEY_PAGE_DOWN }, { "7~", TOP_KEY_HOME },
                { "8~", TOP_KEY_END },
        };

        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (strlen(table[i].text) == size && memcmp(table[i].text, text, size) == 0)
                        return (int)table[i].key;
        return TOP_KEY_NONE;
}

/* Up to the letter or ~ that ends a sequence. */
static size_t keys_measure(const char *data, size_t size)
{
        size_t n = 2;

        while (n < size && !(data[n] >= '@' && data[n] <= '~'))
                n++;
        return n < size ? n + 1 : size;
}

int top_key_read(const char *data, size_t size, size_t *out_used)
{
        uint32_t point;

        *out_used = 1;
        if (data[0] == '\r' || data[0] == '\n')
                return TOP_KEY_ENTER;
        if (data[0] == '\b' || data[0] == 0x7f)
                return TOP_KEY_BACKSPACE;
        if (data[0] == '\033' && size == 1)
                return TOP_KEY_ESCAPE;
        if (data[0] == '\033' && data[1] != '[' && data[1] != 'O') {
                *out_used = 2; /* a letter with Alt */
                return TOP_KEY_NONE;
        }
        if (data[0] == '\033') {
                *out_used = keys_measure(data, size);
                return keys_find(data + 2, *out_used - 2);
        }
        if ((unsigned char)data[0] < ' ')
                return TOP_KEY_NONE;
        *out_used = text_decode_utf8(data, size, &point);
        if (*out_used > 0)
                return (int)point;
        *out_used = 1;
        return TOP_KEY_NONE;
}
