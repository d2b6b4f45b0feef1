/* SPDX-License-Identifier: Apache-2.0 */
/* Text that is safe to show: escaped for terminals and logs, and sizes in words. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

/*
 * Copies `size` bytes so that no terminal obeys them: control characters, invalid UTF-8, bidi and
 * line-separator characters become \xNN or \u{NNNN}; newline and tab become \n and \t.
 * Owned by the caller; NULL when memory ends.
 */
char *text_escape(const void *data, size_t size);
/*
 * The same into a buffer of `room` (>= 1) bytes, cut before the first character that does not fit;
 * always NUL-terminated. Returns the length. Allocates nothing.
 */
size_t text_escape_into(const void *data, size_t size, char *buf, size_t room);
/* The same for a stream that keeps its lines: newline, tab and UTF-8 pass. */
char *text_escape_lines(const void *data, size_t size);
/*
 * The words as a shell would need them: plain where it can be, 'a b', and $'\x1b' (bash, zsh, ksh)
 * for words that text_escape() would change, so that the result is safe to show as well.
 * Owned by the caller; NULL when memory ends.
 */
char *text_quote_argv(const char *const *argv, size_t argc);

/*
 * The character at `data`: its length in bytes (1-4) and *out_point; 0 when it is no valid UTF-8
 * (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) or `size` is 0.
 */
size_t text_decode_utf8(const void *data, size_t size, uint32_t *out_point);

#define TEXT_SIZE_MAX 24
/* "1.5 MiB", "512 B"; UINT64_MAX is "infinity". Rounded to a tenth. Returns buf. */
char *text_format_size(uint64_t bytes, char buf[static TEXT_SIZE_MAX]);
