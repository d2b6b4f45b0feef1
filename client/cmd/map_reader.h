/* SPDX-License-Identifier: Apache-2.0 */
/* One input source of a map: the words of argv, or the lines of a file, one after the other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#include "client/cmd/map_bytes.h"
#include "client/cmd/map_options.h"

#define MAP_READER_VALUE_MAX (128 * 1024 - 1) /* the longest word that Linux hands to a program */
#define MAP_READER_NAME_MAX 160

enum map_reader_answer {
        MAP_READER_E_BAD = 1, /* cannot be opened or read, or the value is none: the reason says */
        MAP_READER_E_AGAIN,   /* nothing now: wait for `fd` to be readable */
        MAP_READER_E_END,
};

struct map_reader {
        const struct map_source *source; /* borrowed */
        int fd;                          /* owned unless it is stdin; -1: words */
        bool null;                       /* values end with a zero byte instead of a newline */
        bool regular;                    /* read(2) never blocks */
        bool eof;
        struct map_bytes buffer; /* read and not yet given: from `from` on */
        size_t from;
        uint64_t number;  /* of the newest value, from 1 */
        uint32_t columns; /* map_input.c's: 0: not known yet */
};

/* source: borrowed. Nothing is read yet. 0 or MAP_READER_E_BAD; to be deinitialised in any case. */
_must_use_ int map_reader_init(struct map_reader *reader, const struct map_source *source,
                               bool null, struct reason *why);
void map_reader_deinit(struct map_reader *reader);

/*
 * The next value, valid until the next call. Never blocks. 0, MAP_READER_E_*, or a fault. The value
 * that was bad is passed: call no more.
 */
_must_use_ int map_reader_next(struct map_reader *reader, const char **out_value, size_t *out_size,
                               struct reason *why);

/* What people call the newest value: "line 7 of FILE". Returns buf. */
const char *map_reader_name(const struct map_reader *reader, char buf[static MAP_READER_NAME_MAX]);
