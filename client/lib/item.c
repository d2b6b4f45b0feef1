/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading fields of records.
 *
 * A `struct jobctl_item` is a protobuf message seen from outside: each one begins with a pointer to
 * its descriptor, and enum jobctl_field is the message's kind in the high byte and the number of
 * its field in the low one (both never change). So one reader serves every record, knows about
 * absence, and a field of another kind of record reads as absent instead of as garbage.
 * Nothing is allocated; what is returned belongs to the message. Called by users of jobctl.h.
 */
#include <string.h>

#include "common/cleanup.h"

#include "proto/wire.h"

#include "client/jobctl.h"

static const ProtobufCMessageDescriptor *const kinds[] = {
        [0x01] = &jobd__job__descriptor,           [0x02] = &jobd__spec__descriptor,
        [0x03] = &jobd__attempt__descriptor,       [0x04] = &jobd__usage__descriptor,
        [0x05] = &jobd__label__descriptor,         [0x06] = &jobd__rlimit__descriptor,
        [0x07] = &jobd__environment__descriptor,   [0x08] = &jobd__job_page__descriptor,
        [0x09] = &jobd__user_count__descriptor,    [0x0a] = &jobd__status_reply__descriptor,
        [0x0b] = &jobd__act_one__descriptor,       [0x0c] = &jobd__job_ended__descriptor,
        [0x0d] = &jobd__task_news__descriptor,     [0x0e] = &jobd__event__descriptor,
        [0x0f] = &jobd__pool_reply__descriptor,    [0x10] = &jobd__worker_info__descriptor,
        [0x11] = &jobd__config_reply__descriptor,  [0x12] = &jobd__config_entry__descriptor,
        [0x13] = &jobd__purged__descriptor,        [0x14] = &jobd__error__descriptor,
        [0x15] = &jobd__halt__descriptor,          [0x16] = &jobd__task_end__descriptor,
        [0x17] = &jobd__progress__descriptor,      [0x18] = &jobd__input_page__descriptor,
        [0x1d] = &jobd__dependency__descriptor,    [0x25] = &jobd__why_one__descriptor,
        [0x20] = &jobd__queue__descriptor,         [0x21] = &jobd__queue_settings__descriptor,
        [0x1a] = &jobd__resource_info__descriptor, [0x1b] = &jobd__lock_info__descriptor,
        [0x19] = &jobd__resource_ask__descriptor,  [0x1c] = &jobd__lock_ask__descriptor,
        [0x28] = &jobd__metric_family__descriptor, [0x29] = &jobd__metric_sample__descriptor,
};

#define ITEM_KIND(field) (((unsigned int)(field) >> 8) & 0xff)
#define ITEM_NUMBER(field) ((unsigned int)(field)&0xff)

/* One field of one message: where its value is, and how many there are. */
struct item_slot {
        const ProtobufCFieldDescriptor *field;
        const uint8_t *value; /* of the first */
        size_t count;
};

static size_t item_value_bytes(const ProtobufCFieldDescriptor *field)
{
        static const size_t sizes[] = {
                [PROTOBUF_C_TYPE_INT32] = 4,
                [PROTOBUF_C_TYPE_SINT32] = 4,
                [PROTOBUF_C_TYPE_UINT32] = 4,
                [PROTOBUF_C_TYPE_FIXED32] = 4,
                [PROTOBUF_C_TYPE_UINT64] = 8,
                [PROTOBUF_C_TYPE_BOOL] = sizeof(protobuf_c_boolean),
                [PROTOBUF_C_TYPE_ENUM] = sizeof(int),
                [PROTOBUF_C_TYPE_STRING] = sizeof(char *),
                [PROTOBUF_C_TYPE_BYTES] = sizeof(ProtobufCBinaryData),
                [PROTOBUF_C_TYPE_MESSAGE] = sizeof(ProtobufCMessage *),
        };

        return (size_t)field->type < ARRAY_SIZE(sizes) ? sizes[field->type] : 0;
}

static bool item_is_present(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
        const void *pointer;

        if (field->label == PROTOBUF_C_LABEL_REQUIRED)
                return true;
        if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
                memcpy(&pointer, base + field->offset, sizeof(pointer));
                return pointer;
        }
        return *(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset);
}

static bool item_find(const struct jobctl_item *item, enum jobctl_field wanted,
                      struct item_slot *out_slot)
{
        const ProtobufCMessage *const message = (const void *)item;
        const uint8_t *const base = (const void *)item;
        const unsigned int kind = ITEM_KIND(wanted);
        const ProtobufCFieldDescriptor *field;
        struct item_slot slot;

        if (!item || kind >= ARRAY_SIZE(kinds) || message->descriptor != kinds[kind])
                return false;
        field = protobuf_c_message_descriptor_get_field(message->descriptor, ITEM_NUMBER(wanted));
        if (!field)
                return false;
        slot = (struct item_slot){ .field = field, .value = base + field->offset, .count = 1 };
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
                memcpy(&slot.count, base + field->quantifier_offset, sizeof(slot.count));
                memcpy(&slot.value, base + field->offset, sizeof(slot.value));
        } else if (!item_is_present(field, base)) {
                return false;
        }
        *out_slot = slot;
        return true;
}

/* The value at `index` of a slot; NULL past the end. */
static const void *item_value(const struct item_slot *slot, size_t index)
{
        if (index >= slot->count)
                return NULL;
        return slot->value + index * item_value_bytes(slot->field);
}

static bool item_read_signed(const struct item_slot *slot, size_t index, int64_t *out_value)
{
        const void *const value = item_value(slot, index);

        if (!value)
                return false;
        switch (slot->field->type) {
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
                *out_value = *(const int32_t *)value;
                return true;
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
                *out_value = *(const uint32_t *)value;
                return true;
        case PROTOBUF_C_TYPE_UINT64:
                *out_value = (int64_t) * (const uint64_t *)value;
                return true;
        case PROTOBUF_C_TYPE_BOOL:
                *out_value = *(const protobuf_c_boolean *)value ? 1 : 0;
                return true;
        case PROTOBUF_C_TYPE_ENUM:
                *out_value = *(const int *)value;
                return true;
        default:
                return false;
        }
}

bool jobctl_get_signed(const struct jobctl_item *item, enum jobctl_field field, int64_t *out_value)
{
        struct item_slot slot;

        return item_find(item, field, &slot) && item_read_signed(&slot, 0, out_value);
}

bool jobctl_get_number(const struct jobctl_item *item, enum jobctl_field field, uint64_t *out_value)
{
        int64_t value;

        if (!jobctl_get_signed(item, field, &value))
                return false;
        *out_value = (uint64_t)value;
        return true;
}

uint64_t jobctl_number_or(const struct jobctl_item *item, enum jobctl_field field,
                          uint64_t otherwise)
{
        uint64_t value = otherwise;

        (void)jobctl_get_number(item, field, &value);
        return value;
}

size_t jobctl_count(const struct jobctl_item *item, enum jobctl_field field)
{
        struct item_slot slot;

        return item_find(item, field, &slot) ? slot.count : 0;
}

uint64_t jobctl_get_number_at(const struct jobctl_item *item, enum jobctl_field field, size_t index)
{
        struct item_slot slot;
        int64_t value = 0;

        if (item_find(item, field, &slot))
                (void)item_read_signed(&slot, index, &value);
        return (uint64_t)value;
}

const char *jobctl_get_text_at(const struct jobctl_item *item, enum jobctl_field field,
                               size_t index, size_t *out_size)
{
        struct item_slot slot;
        const void *value = NULL;
        const char *text = NULL;
        size_t size = 0;

        if (item_find(item, field, &slot))
                value = item_value(&slot, index);
        if (value && slot.field->type == PROTOBUF_C_TYPE_STRING) {
                text = *(char *const *)value;
                size = strlen(text);
        } else if (value && slot.field->type == PROTOBUF_C_TYPE_BYTES) {
                const ProtobufCBinaryData *const bytes = value;

                text = bytes->data ? (const char *)bytes->data : "";
                size = bytes->len;
        }
        if (out_size)
                *out_size = size;
        return text;
}

const char *jobctl_get_text(const struct jobctl_item *item, enum jobctl_field field,
                            size_t *out_size)
{
        return jobctl_get_text_at(item, field, 0, out_size);
}

const struct jobctl_item *jobctl_get_item_at(const struct jobctl_item *item,
                                             enum jobctl_field field, size_t index)
{
        struct item_slot slot;
        const void *value = NULL;

        if (item_find(item, field, &slot) && slot.field->type == PROTOBUF_C_TYPE_MESSAGE)
                value = item_value(&slot, index);
        return value ? *(const struct jobctl_item *const *)value : NULL;
}

const struct jobctl_item *jobctl_get_item(const struct jobctl_item *item, enum jobctl_field field)
{
        return jobctl_get_item_at(item, field, 0);
}
