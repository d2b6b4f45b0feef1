/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an Update makes of a specification. Fields are found by the message's descriptor, so one
 * loop copies them all; a table says which of them may change while a job is queued, and how the
 * history calls them. A list (exit codes, labels) is replaced as a whole, environment entries one
 * by one.
 *
 * Nothing is copied but the pointers: the result is packed at once and forgotten. Called by
 * verb_update.c.
 */
#include "daemon/clients/spec_merge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#define SPEC_MERGE_VARIABLES_MAX 64U

enum spec_merge_show {
        SHOW_NAME,
        SHOW_SIGNED,
        SHOW_NUMBER,
        SHOW_SIZE,
        SHOW_TEXT
};

struct spec_merge_row {
        const char *field; /* of Spec */
        const char *title; /* in the history; NULL: it goes with another */
        enum spec_merge_show show;
};

/* clang-format off */
static const struct spec_merge_row rows[] = {
        { "name", "name", SHOW_NAME },
        { "nice", "nice", SHOW_SIGNED },
        { "labels", "labels", SHOW_NAME },
        { "output_cap_bytes", "output cap", SHOW_SIZE },
        { "time_limit_usec", "time limit", SHOW_NAME },
        { "warn_signal", "warning signal", SHOW_NAME },
        { "warn_before_usec", "warning time", SHOW_NAME },
        { "grace_usec", "grace", SHOW_NAME },
        { "retries", "retries", SHOW_NUMBER },
        { "retry_on", "codes to retry on", SHOW_NAME },
        { "retry_delay_usec", "retry delay", SHOW_NAME },
        { "requeue", "requeue", SHOW_NAME },
        { "hold", "hold", SHOW_NUMBER },
        { "begin_wall_usec", "begin", SHOW_NAME },
        { "priority", "priority", SHOW_SIGNED },
        { "queue", "queue", SHOW_TEXT },
        { "cpus", "cores", SHOW_NUMBER },
        { "memory_bytes", "memory", SHOW_SIZE },
        { "dependencies", "dependencies", SHOW_NAME },
        { "dependencies_any", NULL, SHOW_NAME },
        { "keep_waiting", "keep waiting", SHOW_NUMBER },
};
/* clang-format on */

static const struct spec_merge_row *spec_merge_find_row(const ProtobufCFieldDescriptor *field)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].field, field->name) == 0)
                        return &rows[i];
        return NULL;
}

/* -------------------------------------------------------------------------- fields by descriptor
 */

static size_t spec_merge_value_bytes(const ProtobufCFieldDescriptor *field)
{
        switch (field->type) {
        case PROTOBUF_C_TYPE_UINT64:
                return sizeof(uint64_t);
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_MESSAGE:
                return sizeof(void *);
        case PROTOBUF_C_TYPE_BYTES:
                return sizeof(ProtobufCBinaryData);
        default:
                return sizeof(uint32_t); /* 32 bits, enums, flags */
        }
}

static bool spec_merge_has(const ProtobufCFieldDescriptor *field, const Jobd__Spec *spec)
{
        const uint8_t *const base = (const uint8_t *)spec;
        const void *pointer;
        size_t count;

        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
                memcpy(&count, base + field->quantifier_offset, sizeof(count));
                return count > 0;
        }
        if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
                memcpy(&pointer, base + field->offset, sizeof(pointer));
                return pointer;
        }
        return *(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset);
}

/* A limit of nothing is none: then the field goes. */
static void spec_merge_lift(Jobd__Spec *spec)
{
        spec->has_time_limit_usec = spec->has_time_limit_usec && spec->time_limit_usec > 0;
        spec->has_memory_bytes = spec->has_memory_bytes && spec->memory_bytes > 0;
}

/* They are one thing with the word whether one of them is enough. */
static void spec_merge_dependencies(const Jobd__Update *update, Jobd__Spec *spec)
{
        if (!spec_merge_sets_dependencies(update))
                return;
        spec->n_dependencies = update->set ? update->set->n_dependencies : 0;
        spec->has_dependencies_any = spec->n_dependencies > 0 && update->set->has_dependencies_any;
}

bool spec_merge_sets_dependencies(const Jobd__Update *update)
{
        return update->no_dependencies || (update->set && update->set->n_dependencies > 0);
}

void spec_merge_fields(const Jobd__Update *update, Jobd__Spec *spec)
{
        const ProtobufCMessageDescriptor *const type = &jobd__spec__descriptor;
        const Jobd__Spec *const set = update->set;
        const uint8_t *const from = (const uint8_t *)set;
        uint8_t *const to = (uint8_t *)spec;

        for (unsigned int i = 0; set && i < type->n_fields; i++) {
                const ProtobufCFieldDescriptor *const field = &type->fields[i];
                const bool is_list = field->label == PROTOBUF_C_LABEL_REPEATED;

                if (!spec_merge_has(field, set))
                        continue;
                memcpy(to + field->offset, from + field->offset,
                       is_list ? sizeof(void *) : spec_merge_value_bytes(field));
                if (is_list)
                        memcpy(to + field->quantifier_offset, from + field->quantifier_offset,
                               sizeof(size_t));
                else if (field->quantifier_offset)
                        memcpy(to + field->quantifier_offset, from + field->quantifier_offset,
                               sizeof(protobuf_c_boolean));
        }
        spec_merge_lift(spec);
        spec_merge_dependencies(update, spec);
}

/* ------------------------------------------------------------------------------------- judging */

static int spec_merge_check_fields(const Jobd__Spec *set, size_t *out_count, struct reason *why)
{
        const ProtobufCMessageDescriptor *const type = &jobd__spec__descriptor;

        for (unsigned int i = 0; set && i < type->n_fields; i++) {
                if (!spec_merge_has(&type->fields[i], set))
                        continue;
                (*out_count)++;
                if (!spec_merge_find_row(&type->fields[i]))
                        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                          "%s cannot be changed any more: cancel the job and "
                                          "submit another",
                                          type->fields[i].name);
        }
        return 0;
}

static int spec_merge_check_entries(const Jobd__Update *update, struct reason *why)
{
        Jobd__Environment set = JOBD__ENVIRONMENT__INIT;
        struct reason detail = { "" };

        set.entries = update->set_environment;
        set.n_entries = update->n_set_environment;
        if (update->n_set_environment + update->n_unset_environment > SPEC_MERGE_VARIABLES_MAX)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "at most %u variables can be changed at once",
                                  SPEC_MERGE_VARIABLES_MAX);
        if (wire_check_environment(&set, &detail))
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "%s", detail.text);
        for (size_t i = 0; i < update->n_unset_environment; i++) {
                const ProtobufCBinaryData *const name = &update->unset_environment[i];

                if (name->len == 0 || memchr(name->data, '=', name->len) ||
                    memchr(name->data, 0, name->len))
                        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                          "variable %zu to unset is no name", i);
        }
        return 0;
}

static int spec_merge_check_dependencies(const Jobd__Update *update, struct reason *why)
{
        const size_t count = update->set ? update->set->n_dependencies : 0;

        if (update->no_dependencies && count > 0)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "either other dependencies or none");
        if (update->set && update->set->has_dependencies_any && count == 0)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "dependencies_any goes with dependencies");
        for (size_t i = 0; i < count; i++)
                if (update->set->dependencies[i]->has_sibling)
                        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                          "a dependency of an update names a job by its id");
        return 0;
}

int spec_merge_check(const Jobd__Update *update, struct reason *why)
{
        size_t count = update->n_set_environment + update->n_unset_environment +
                       (update->no_dependencies ? 1 : 0);
        int r;

        r = spec_merge_check_fields(update->set, &count, why);
        if (r == 0)
                r = spec_merge_check_dependencies(update, why);
        if (r == 0)
                r = spec_merge_check_entries(update, why);
        if (r == 0 && count == 0)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "nothing is to be changed");
        return r;
}

/* --------------------------------------------------------------------------------- environment */

/* Is it "NAME=..." or, without a value, "NAME"? */
static bool spec_merge_names(const ProtobufCBinaryData *entry, const uint8_t *name, size_t size)
{
        return entry->len >= size && (size == 0 || memcmp(entry->data, name, size) == 0) &&
               (entry->len == size || entry->data[size] == '=');
}

static size_t spec_merge_name_bytes(const ProtobufCBinaryData *entry)
{
        const uint8_t *const equals = memchr(entry->data, '=', entry->len);

        return equals ? (size_t)(equals - entry->data) : entry->len;
}

static bool spec_merge_is_replaced(const Jobd__Update *update, const ProtobufCBinaryData *entry)
{
        const size_t size = spec_merge_name_bytes(entry);

        for (size_t i = 0; i < update->n_set_environment; i++)
                if (spec_merge_names(&update->set_environment[i], entry->data, size))
                        return true;
        for (size_t i = 0; i < update->n_unset_environment; i++)
                if (spec_merge_names(&update->unset_environment[i], entry->data, size))
                        return true;
        return false;
}

int spec_merge_entries(const Jobd__Update *update, const Jobd__Environment *old,
                       ProtobufCBinaryData **out_entries, size_t *out_count)
{
        const size_t room = (old ? old->n_entries : 0) + update->n_set_environment;
        ProtobufCBinaryData *entries = calloc(room + 1, sizeof(*entries));
        size_t count = 0;

        if (!entries)
                return FAULT(-ENOMEM);
        for (size_t i = 0; old && i < old->n_entries; i++)
                if (!spec_merge_is_replaced(update, &old->entries[i]))
                        entries[count++] = old->entries[i];
        for (size_t i = 0; i < update->n_set_environment; i++)
                entries[count++] = update->set_environment[i];
        *out_entries = entries;
        *out_count = count;
        return 0;
}

/* --------------------------------------------------------------------------------- in words */

#define SPEC_MERGE_MORE ", ..."
#define SPEC_MERGE_WORD_MAX 80

/* A text that takes whole words until its room is used up. */
struct spec_merge_text {
        char *buf;
        size_t used;
        bool is_full;
};

static void spec_merge_say(struct spec_merge_text *text, const char *word)
{
        const size_t room = SPEC_MERGE_DETAIL_MAX - sizeof(SPEC_MERGE_MORE) - text->used;
        const char *const joint = text->used ? ", " : "";

        if (text->is_full)
                return;
        text->is_full = strlen(joint) + strlen(word) > room;
        text->used += (size_t)sprintf(text->buf + text->used, "%s%s", text->is_full ? "" : joint,
                                      text->is_full ? SPEC_MERGE_MORE : word);
}

static void spec_merge_name(const char *title, const char *value,
                            char word[static SPEC_MERGE_WORD_MAX])
{
        const size_t used = (size_t)snprintf(word, SPEC_MERGE_WORD_MAX, "%s ", title);

        text_escape_into(value, strlen(value), word + used, SPEC_MERGE_WORD_MAX - used);
}

static void spec_merge_say_field(struct spec_merge_text *text, const struct spec_merge_row *row,
                                 const ProtobufCFieldDescriptor *field, const Jobd__Spec *set)
{
        const void *const value = (const uint8_t *)set + field->offset;
        char size[TEXT_SIZE_MAX], word[SPEC_MERGE_WORD_MAX];

        if (row->show == SHOW_SIGNED)
                snprintf(word, sizeof(word), "%s %d", row->title, *(const int32_t *)value);
        else if (row->show == SHOW_NUMBER)
                snprintf(word, sizeof(word), "%s %u", row->title, *(const uint32_t *)value);
        else if (row->show == SHOW_SIZE)
                snprintf(word, sizeof(word), "%s %s", row->title,
                         text_format_size(*(const uint64_t *)value, size));
        else if (row->show == SHOW_TEXT)
                spec_merge_name(row->title, *(char *const *)value, word);
        else
                snprintf(word, sizeof(word), "%s", row->title);
        spec_merge_say(text, word);
}

static void spec_merge_say_variable(struct spec_merge_text *text, char mark,
                                    const ProtobufCBinaryData *entry)
{
        char word[SPEC_MERGE_WORD_MAX] = { mark };

        text_escape_into(entry->data, spec_merge_name_bytes(entry), word + 1, sizeof(word) - 1);
        spec_merge_say(text, word);
}

void spec_merge_describe(const Jobd__Update *update, char buf[static SPEC_MERGE_DETAIL_MAX])
{
        const ProtobufCMessageDescriptor *const type = &jobd__spec__descriptor;
        struct spec_merge_text text = { .buf = buf };

        buf[0] = '\0';
        for (unsigned int i = 0; update->set && i < type->n_fields; i++) {
                const struct spec_merge_row *const row = spec_merge_find_row(&type->fields[i]);

                if (row && row->title && spec_merge_has(&type->fields[i], update->set))
                        spec_merge_say_field(&text, row, &type->fields[i], update->set);
        }
        if (update->no_dependencies)
                spec_merge_say(&text, "no dependencies");
        for (size_t i = 0; i < update->n_set_environment; i++)
                spec_merge_say_variable(&text, '+', &update->set_environment[i]);
        for (size_t i = 0; i < update->n_unset_environment; i++)
                spec_merge_say_variable(&text, '-', &update->unset_environment[i]);
}
