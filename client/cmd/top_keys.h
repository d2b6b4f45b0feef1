/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a terminal as keys. */
#pragma once

#include <stddef.h>

/* Characters are themselves; these are the others. */
enum top_key {
        TOP_KEY_NONE,
        TOP_KEY_ENTER = 0x110000,
        TOP_KEY_BACKSPACE,
        TOP_KEY_ESCAPE,
        TOP_KEY_UP,
        TOP_KEY_DOWN,
        TOP_KEY_PAGE_UP,
        TOP_KEY_PAGE_DOWN,
        TOP_KEY_HOME,
        TOP_KEY_END,
};

/*
 * The first key of what was read in one go (size > 0); *out_used: its bytes, at least 1. An escape
 * with nothing known behind it is the key, or, when more follows, none.
 */
int top_key_read(const char *data, size_t size, size_t *out_used);
