/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets of the four envelopes share: looking at all that a decoded message holds. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"

#include "fuzz.h"

/* Reads every byte that the message leads to, as its users would. Returns a sum of them. */
static inline unsigned int fuzz_wire_touch(const ProtobufCMessage *message);

static inline unsigned int fuzz_wire_touch_value(const ProtobufCFieldDescriptor *field,
                                                 const void *value)
{
        const ProtobufCBinaryData *bytes = value;
        const char *text = *(const char *const *)value;
        const ProtobufCMessage *part = *(const ProtobufCMessage *const *)value;
        unsigned int sum = 0;

        switch (field->type) {
        case PROTOBUF_C_TYPE_BYTES:
                FUZZ_CHECK(bytes->data && bytes->data[bytes->len] == 0);
                for (size_t i = 0; i < bytes->len; i++)
                        sum += bytes->data[i];
                return sum;
        case PROTOBUF_C_TYPE_STRING:
                return text ? (unsigned int)strlen(text) : 0;
        case PROTOBUF_C_TYPE_MESSAGE:
                return part ? fuzz_wire_touch(part) : 0;
        default:
                return 0;
        }
}

static inline size_t fuzz_wire_size_of(ProtobufCType type)
{
        return type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData) : sizeof(void *);
}

static inline unsigned int fuzz_wire_touch(const ProtobufCMessage *message)
{
        const uint8_t *base = (const uint8_t *)message;
        unsigned int sum = 0;

        for (unsigned int i = 0; i < message->descriptor->n_fields; i++) {
                const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
                const void *quantifier = base + field->quantifier_offset;
                const void *value = base + field->offset;

                if (field->type != PROTOBUF_C_TYPE_BYTES && field->type != PROTOBUF_C_TYPE_STRING &&
                    field->type != PROTOBUF_C_TYPE_MESSAGE)
                        continue;
                if (field->label == PROTOBUF_C_LABEL_REPEATED) {
                        const uint8_t *values = *(const uint8_t *const *)value;

                        for (size_t n = 0; n < *(const size_t *)quantifier; n++)
                                sum += fuzz_wire_touch_value(
                                        field, values + n * fuzz_wire_size_of(field->type));
                        continue;
                }
                if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
                        if (*(const uint32_t *)quantifier != field->id)
                                continue;
                } else if (field->quantifier_offset != 0 &&
                           !*(const protobuf_c_boolean *)quantifier) {
                        continue;
                }
                sum += fuzz_wire_touch_value(field, value);
        }
        return sum;
}

/*
 * A decoded message can be read, packs again, and what was packed is accepted too.
 * NAME: request, reply...; Type: its struct.
 */
#define FUZZ_WIRE(NAME, Type, data, size, then)                                                    \
        do {                                                                                       \
                struct reason why_ = { "" };                                                       \
                Type *message_ = NULL, *again_ = NULL;                                             \
                void *packed_ = NULL;                                                              \
                size_t packed_bytes_ = 0;                                                          \
                int r_ = wire_unpack_##NAME(data, size, &message_, &why_);                         \
                                                                                                   \
                FUZZ_CHECK(r_ == 0 || r_ == WIRE_E_BAD);                                           \
                FUZZ_CHECK((r_ == 0) == (message_ != NULL));                                       \
                FUZZ_CHECK((r_ == 0) == (why_.text[0] == '\0'));                                   \
                if (r_ != 0)                                                                       \
                        break;                                                                     \
                fuzz_wire_touch(&message_->base);                                                  \
                then(message_);                                                                    \
                FUZZ_CHECK(wire_pack(&message_->base, &packed_, &packed_bytes_) == 0);             \
                wire_free_##NAME(message_);                                                        \
                FUZZ_CHECK(wire_unpack_##NAME(packed_, packed_bytes_, &again_, NULL) == 0);        \
                wire_free_##NAME(again_);                                                          \
                free(packed_);                                                                     \
        } while (0)
