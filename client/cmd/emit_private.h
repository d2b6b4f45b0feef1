/* SPDX-License-Identifier: Apache-2.0 */
/* The format of emit_tables.c, which emit.c reads. */
#pragma once

#include "client/cmd/emit.h"

enum emit_kind {
        EMIT_END,
        EMIT_PLAIN, /* a number */
        EMIT_SIGNED,
        EMIT_FLAG,
        EMIT_WORDS, /* text */
        EMIT_BYTES,
        EMIT_BYTES_LIST,
        EMIT_WORDS_LIST,
        EMIT_PLAIN_LIST,
        EMIT_STATE,
        EMIT_STATE_COUNTS,
        EMIT_BLOCKERS,
        EMIT_WALL,
        EMIT_SECONDS,
        EMIT_SIGNAL,
        EMIT_HALT,      /* which ends a halt counts */
        EMIT_MAP,       /* items with a key and a value: labels */
        EMIT_TABLE,     /* an item under its name */
        EMIT_TABLES,    /* items */
        EMIT_TABLES_IF, /* the same, left out when there are none */
        EMIT_INLINE,    /* an item whose fields stand in this object */
        EMIT_KIND_COUNT,
};

struct emit_row {
        enum emit_kind kind;
        const char *name;
        enum jobctl_field field;
        const struct emit_table *table;
};

struct emit_table {
        const struct emit_row *rows;
};

extern const struct emit_table emit_attempt;
