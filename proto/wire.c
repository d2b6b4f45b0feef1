/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to protobuf-c. Every message that comes from a socket, a file or the database enters
 * here and nowhere else:
 *
 *    bytes -> protobuf_c_message_unpack() with memory from an arena (wire_arena.c)
 *          -> the walk over what came out (wire_check.c)
 *          -> the caller, who frees the arena through the message
 *
 * Promises: bounded memory and time; what is handed out keeps everything said in wire.h; bad
 * bytes are an answer with a sentence, never a fault. A message made by hand (not unpacked) must
 * never be given to wire_free_*().
 */
#include "proto/wire.h"

#include <assert.h>
#include <errno.h>

#include "proto/frame.h"
#include "proto/wire_arena.h"
#include "proto/wire_check.h"

static int wire_unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t size,
                       void **out_message, struct reason *why)
{
        _cleanup_(wire_arena_freep) struct wire_arena *arena = NULL;
        ProtobufCMessage *message;
        int r;

        if (size > FRAME_MAX)
                return reason_set(why, WIRE_E_BAD, "%s of %zu bytes is too long", type->short_name,
                                  size);
        r = wire_arena_new(8 * size + WIRE_DECODE_BYTES, 3 * size, &arena);
        if (r < 0)
                return PASS(r);
        message = protobuf_c_message_unpack(type, wire_arena_allocator(arena), size, data);
        if (!message && wire_arena_refusal(arena) < 0)
                return FAULT(wire_arena_refusal(arena));
        if (!message && wire_arena_refusal(arena) == ARENA_E_OVER)
                return reason_set(why, WIRE_E_BAD, "%s needs too much memory", type->short_name);
        if (!message)
                return reason_set(why, WIRE_E_BAD, "these bytes are no %s", type->short_name);
        assert(wire_arena_of(message) == arena);
        r = wire_check_decoded(message, arena, why);
        if (r != 0)
                return r;
        arena = NULL; /* the message carries it from here */
        *out_message = message;
        return 0;
}

static void *wire_free(void *message)
{
        if (message)
                wire_arena_free(wire_arena_of(message));
        return NULL;
}

/* The same pair for each type that travels or is stored on its own. */
#define WIRE_DEFINE(name, Type, prefix)                                                            \
        int wire_unpack_##name(const void *data, size_t size, Type **out_##name,                   \
                               struct reason *why)                                                 \
        {                                                                                          \
                void *message = NULL;                                                              \
                int r;                                                                             \
                                                                                                   \
                r = wire_unpack(&prefix##__descriptor, data, size, &message, why);                 \
                if (r == 0)                                                                        \
                        *out_##name = message;                                                     \
                return r;                                                                          \
        }                                                                                          \
                                                                                                   \
        Type *wire_free_##name(Type *name)                                                         \
        {                                                                                          \
                return wire_free(name);                                                            \
        }

WIRE_DEFINE(request, Jobd__Request, jobd__request)
WIRE_DEFINE(reply, Jobd__Reply, jobd__reply)
WIRE_DEFINE(report, Jobd__Work__Report, jobd__work__report)
WIRE_DEFINE(order, Jobd__Work__Order, jobd__work__order)
WIRE_DEFINE(spec, Jobd__Spec, jobd__spec)
WIRE_DEFINE(environment, Jobd__Environment, jobd__environment)

uint64_t wire_peek_tag(const void *data, size_t size)
{
        const uint8_t *at = data;
        uint64_t tag = 0;

        /* Field 1 as a varint; every writer puts it first, and nobody has to. */
        if (size < 2 || at[0] != 0x08)
                return 0;
        for (size_t i = 1; i < size && i <= 10; i++) {
                tag |= (uint64_t)(at[i] & 0x7f) << (7 * (i - 1));
                if (!(at[i] & 0x80))
                        return tag;
        }
        return 0;
}

int wire_pack(const ProtobufCMessage *message, void **out_data, size_t *out_size)
{
        const size_t size = protobuf_c_message_get_packed_size(message);
        uint8_t *data;

        data = malloc(size > 0 ? size : 1);
        if (!data)
                return FAULT(-ENOMEM);
        *out_size = protobuf_c_message_pack(message, data);
        *out_data = data;
        return 0;
}
