/* SPDX-License-Identifier: Apache-2.0 */
/* The format of emit_tables.c, which emit.c reads. */
#pragma once

#include "client/cmd/emit.h"

/* For jansson. Fifteen digits are microseconds over thirty years, without 0.30000000000000004. */
#define EMIT_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))

enum emit_kind {
        EMIT_END,
        EMIT_PLAIN, /* a number */
        EMIT_SIGNED,
        EMIT_FLAG,
        EMIT_WORDS,  /* text */
        EMIT_REASON, /* text with marks of users and times */
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
        EMIT_DEPENDENCY, /* its kind */
        EMIT_POLICY,     /* of a queue */
        EMIT_HUNDREDTHS, /* a number with a fraction */
        EMIT_HALT,       /* which ends a halt counts */
        EMIT_MAP,        /* items with a key and a value: labels */
        EMIT_TABLE,      /* an item under its name */
        EMIT_TABLES,     /* items */
        EMIT_TABLES_IF,  /* the same, left out when there are none */
        EMIT_INLINE,     /* an item whose fields stand in this object */
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

/* emit.c */

/* Adds the fields of an item that are there. */
void emit_put(struct json_t *object, const struct jobctl_item *item,
              const struct emit_table *table);
/* Text: readable as NAME, and exact as NAME_b64 when it is no UTF-8. */
void emit_put_data(struct json_t *object, const char *name, const char *data, size_t size);
/* A string in which what is no UTF-8 became U+FFFD; and the exact bytes. NULL without memory. */
struct json_t *emit_make_lossy(const char *data, size_t size);
struct json_t *emit_make_base64(const char *data, size_t size);
/* A piece of output as an object; NULL without memory. */
struct json_t *emit_make_log(const struct emit_log *record);
