/* SPDX-License-Identifier: Apache-2.0 */
/* Judges decoded messages by their descriptors and by tables. Internal to proto/. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "proto/wire.h"
#include "proto/wire_arena.h"

enum wire_width {
        WIRE_WIDTH_NONE,
        WIRE_WIDTH_I32,
        WIRE_WIDTH_U32,
        WIRE_WIDTH_U64,
};

/* A number of a message and what it may be. */
struct wire_range {
        size_t has_offset; /* 0: the number is always there */
        size_t offset;
        enum wire_width width;
        int64_t min, max; /* max INT64_MAX: no limit */
        const char *name;
};

#define WIRE_WIDTH(type, field)                                                                    \
        _Generic(((type *)0)->field, int32_t                                                       \
                 : WIRE_WIDTH_I32, uint64_t                                                        \
                 : WIRE_WIDTH_U64, default                                                         \
                 : WIRE_WIDTH_U32)
#define WIRE_RANGE(type, field, lo, hi)                                                            \
        {                                                                                          \
                0, offsetof(type, field), WIRE_WIDTH(type, field), lo, hi, #field                  \
        }
#define WIRE_RANGE_IF(type, field, lo, hi)                                                         \
        {                                                                                          \
                offsetof(type, has_##field), offsetof(type, field), WIRE_WIDTH(type, field), lo,   \
                        hi, #field                                                                 \
        }

#define WIRE_SIGNAL_MAX 64
#define WIRE_RLIMITS_MAX 16U
#define WIRE_LABELS_MAX 64U
#define WIRE_RETRY_ON_MAX 256U
#define WIRE_USEC_MAX (100LL * 366 * 86400 * 1000000) /* 100 years */

struct wire_walk {
        struct wire_arena *arena; /* borrowed: of the message */
        struct reason *why;       /* borrowed from the caller, may be NULL */
};

struct wire_rule {
        const ProtobufCMessageDescriptor *type;
        size_t bytes_min, bytes_max; /* of its `bytes` fields; max 0: they are text */
        size_t entries_max;          /* 0: WIRE_ENTRIES_MAX */
        const struct wire_range *ranges;
        size_t ranges_count;
        int (*check)(struct wire_walk *walk, const void *message);
};

/* The rule for messages of this type, or NULL. */
const struct wire_rule *wire_rule_find(const ProtobufCMessageDescriptor *type);

/* 0 or WIRE_E_BAD. */
_must_use_ int wire_check_ranges(const void *message, const char *type,
                                 const struct wire_range *ranges, size_t count, struct reason *why);
/*
 * Everything that wire.h promises of a message just decoded into `arena`. Also lets `bytes`
 * without content point at an empty string instead of NULL. 0 or WIRE_E_BAD.
 */
_must_use_ int wire_check_decoded(ProtobufCMessage *message, struct wire_arena *arena,
                                  struct reason *why);
/* The dependencies of one job, each by itself: 0 or WIRE_E_BAD (wire_flow.c). */
_must_use_ int wire_check_dependencies(const Jobd__Spec *spec, struct reason *why);
/* The memory that entries take as C strings, terminators included. */
size_t wire_strings_bytes(const ProtobufCBinaryData *entries, size_t count);
