/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that grow, for map_input.c and map_reader.c. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/error.h"

struct map_bytes {
        char *data; /* owned: free() it */
        size_t size, room;
};

/* Room for `size` more. 0 or a fault. */
static inline int map_bytes_reserve(struct map_bytes *bytes, size_t size)
{
        char *bigger;
        size_t room;

        if (bytes->size + size <= bytes->room)
                return 0;
        room = MAX(2 * bytes->room, bytes->size + size);
        bigger = realloc(bytes->data, room);
        if (!bigger)
                return FAULT(-ENOMEM);
        bytes->data = bigger;
        bytes->room = room;
        return 0;
}

static inline int map_bytes_add(struct map_bytes *bytes, const void *data, size_t size)
{
        const int r = map_bytes_reserve(bytes, size);

        if (r)
                return PASS(r);
        if (size > 0)
                memcpy(bytes->data + bytes->size, data, size);
        bytes->size += size;
        return 0;
}

/* The same with a zero byte behind. */
static inline int map_bytes_add_value(struct map_bytes *bytes, const void *data, size_t size)
{
        const int r = map_bytes_reserve(bytes, size + 1);

        if (r)
                return PASS(r);
        if (size > 0)
                memcpy(bytes->data + bytes->size, data, size);
        bytes->data[bytes->size + size] = '\0';
        bytes->size += size + 1;
        return 0;
}
