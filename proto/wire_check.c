/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What protobuf-c does not check. It takes NUL bytes and bad UTF-8 in strings, numbers that are
 * no value of their enum, envelopes without a body, and any count.
 *
 * One walk over the descriptors sees every field of every message, so that a new message is
 * checked without a line here:
 *
 *    string     UTF-8 without NUL, at most WIRE_STRING_MAX bytes
 *    bytes      text (argv, paths, environment): no NUL, at most WIRE_STRING_MAX bytes;
 *               a message whose bytes are data says so by its rule
 *    enum       one of its values
 *    repeated   at most WIRE_ENTRIES_MAX, or what the rule says
 *    oneof      one of them is there
 *    unknown    has a possible number; its content is a later release's
 *
 * The rest stands in wire_rules.c, one row for a message.
 *
 * Runs for each of 10,000 submissions in a frame: no memory is taken, except one array for a
 * Submit with environments. Called by wire.c only. What a submitter may ask for is judged in
 * wire_spec.c: that is answered by an error, while bytes refused here end the connection.
 */
#include "proto/wire_check.h"

#include <string.h>

#include "common/parse.h"

#define WIRE_FIELD_MAX 536870911U /* 2^29 - 1: what protocol buffers allow */

/* A value in its place, for the sentence. */
struct wire_place {
        const ProtobufCMessageDescriptor *type;
        const ProtobufCFieldDescriptor *field;
        const struct wire_rule *rule; /* NULL: none */
};

static int wire_check_message(struct wire_walk *walk, ProtobufCMessage *message);

static int wire_bad(const struct wire_walk *walk, const struct wire_place *place, const char *what)
{
        return reason_set(walk->why, WIRE_E_BAD, "%s.%s %s", place->type->short_name,
                          place->field->name, what);
}

static int wire_check_string(struct wire_walk *walk, const struct wire_place *place, void *value)
{
        const char *text = *(char **)value;
        size_t size;

        if (!text)
                return 0;
        size = wire_arena_size_of(text) - 1;
        if (size > WIRE_STRING_MAX)
                return wire_bad(walk, place, "is longer than 131,071 bytes");
        if (!parse_is_utf8(text, size))
                return wire_bad(walk, place, "is not UTF-8, or holds a NUL byte");
        return 0;
}

static int wire_check_bytes(struct wire_walk *walk, const struct wire_place *place, void *value)
{
        ProtobufCBinaryData *bytes = value;

        if (!bytes->data)
                bytes->data = wire_arena_empty(walk->arena);
        if (place->rule && place->rule->bytes_max > 0) {
                if (bytes->len < place->rule->bytes_min || bytes->len > place->rule->bytes_max)
                        return wire_bad(walk, place, "has a wrong length");
                return 0;
        }
        if (bytes->len > WIRE_STRING_MAX)
                return wire_bad(walk, place, "is longer than 131,071 bytes");
        if (memchr(bytes->data, 0, bytes->len))
                return wire_bad(walk, place, "holds a NUL byte");
        return 0;
}

static int wire_check_enum(struct wire_walk *walk, const struct wire_place *place, void *value)
{
        if (!protobuf_c_enum_descriptor_get_value(place->field->descriptor, *(int *)value))
                return wire_bad(walk, place, "has an unknown value");
        return 0;
}

static int wire_check_part(struct wire_walk *walk, _unused_ const struct wire_place *place,
                           void *value)
{
        ProtobufCMessage *part = *(ProtobufCMessage **)value;

        return part ? wire_check_message(walk, part) : 0;
}

static const struct wire_kind {
        int (*check)(struct wire_walk *walk, const struct wire_place *place, void *value);
        size_t size_bytes;
} wire_kinds[] = {
        [PROTOBUF_C_TYPE_ENUM] = { wire_check_enum, sizeof(int) },
        [PROTOBUF_C_TYPE_STRING] = { wire_check_string, sizeof(char *) },
        [PROTOBUF_C_TYPE_BYTES] = { wire_check_bytes, sizeof(ProtobufCBinaryData) },
        [PROTOBUF_C_TYPE_MESSAGE] = { wire_check_part, sizeof(ProtobufCMessage *) },
};

static int wire_check_repeated(struct wire_walk *walk, const struct wire_place *place,
                               uint8_t *message)
{
        const struct wire_kind *kind = &wire_kinds[place->field->type];
        const size_t max = place->rule && place->rule->entries_max > 0 ? place->rule->entries_max
                                                                       : WIRE_ENTRIES_MAX;
        const size_t count = *(size_t *)(void *)(message + place->field->quantifier_offset);
        uint8_t *values = *(uint8_t **)(void *)(message + place->field->offset);
        int r;

        if (count > max)
                return wire_bad(walk, place, "has too many entries");
        if (!kind->check)
                return 0;
        for (size_t i = 0; i < count; i++) {
                r = kind->check(walk, place, values + i * kind->size_bytes);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* Is this field, which is not repeated, there? Strings and messages tell by not being NULL. */
static bool wire_is_given(const ProtobufCFieldDescriptor *field, const uint8_t *message)
{
        const void *quantifier = message + field->quantifier_offset;

        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
                return *(const uint32_t *)quantifier == field->id;
        return field->quantifier_offset == 0 || *(const protobuf_c_boolean *)quantifier;
}

static int wire_check_fields(struct wire_walk *walk, ProtobufCMessage *message,
                             const struct wire_rule *rule)
{
        struct wire_place place = { .type = message->descriptor, .rule = rule };
        bool has_oneof = false, has_body = false;
        int r = 0;

        for (unsigned int i = 0; i < place.type->n_fields; i++) {
                const struct wire_kind *kind;

                place.field = &place.type->fields[i];
                kind = &wire_kinds[place.field->type];
                if (place.field->label == PROTOBUF_C_LABEL_REPEATED) {
                        r = wire_check_repeated(walk, &place, (uint8_t *)message);
                } else {
                        const bool oneof = place.field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
                        const bool given = wire_is_given(place.field, (uint8_t *)message);

                        has_oneof |= oneof;
                        has_body |= oneof && given;
                        if (given && kind->check)
                                r = kind->check(walk, &place,
                                                (uint8_t *)message + place.field->offset);
                }
                if (r != 0)
                        return r;
        }
        if (has_oneof && !has_body)
                return reason_set(walk->why, WIRE_E_BAD, "%s has no body that is known here",
                                  place.type->short_name);
        return 0;
}

/*
 * protobuf-c reads the field number 0 when it is written in two bytes, and writes it in one, which
 * it does not read: a Spec with such a field could be stored and never be loaded again.
 */
static int wire_check_unknown(struct wire_walk *walk, const ProtobufCMessage *message)
{
        for (unsigned int i = 0; i < message->n_unknown_fields; i++) {
                const uint32_t number = message->unknown_fields[i].tag;

                if (number < 1 || number > WIRE_FIELD_MAX)
                        return reason_set(walk->why, WIRE_E_BAD, "%s has a field numbered %u",
                                          message->descriptor->short_name, number);
        }
        return 0;
}

static int wire_check_message(struct wire_walk *walk, ProtobufCMessage *message)
{
        const struct wire_rule *rule = wire_rule_find(message->descriptor);
        int r;

        r = wire_check_unknown(walk, message);
        if (r == 0)
                r = wire_check_fields(walk, message, rule);
        if (r != 0 || !rule)
                return r;
        r = wire_check_ranges(message, message->descriptor->short_name, rule->ranges,
                              rule->ranges_count, walk->why);
        if (r != 0 || !rule->check)
                return r;
        return rule->check(walk, message);
}

int wire_check_decoded(ProtobufCMessage *message, struct wire_arena *arena, struct reason *why)
{
        struct wire_walk walk = { arena, why };

        return wire_check_message(&walk, message);
}
