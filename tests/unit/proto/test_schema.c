/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that both .proto files must keep, proved on the generated descriptors: no message
 * contains itself (protobuf-c has no depth limit), every enum has a zero value, body numbers stay
 * below 64 (they index tables), no field has a default (wire_check.c relies on it). And
 * PROTOCOL.md tells of every message.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"

#include "tests/unit/suite.h"

#define TYPES_MAX 256
#define DEPTH_MAX 16

struct types {
        const ProtobufCMessageDescriptor *seen[TYPES_MAX];
        size_t count;
};

static bool types_has(const struct types *types, const ProtobufCMessageDescriptor *type)
{
        for (size_t i = 0; i < types->count; i++)
                if (types->seen[i] == type)
                        return true;
        return false;
}

/* Calls itself for every part; `path` holds the types above this one. */
static void collect(struct types *types, const ProtobufCMessageDescriptor **path, size_t depth,
                    const ProtobufCMessageDescriptor *type)
{
        ck_assert_uint_lt(depth, DEPTH_MAX);
        for (size_t i = 0; i < depth; i++)
                ck_assert_msg(path[i] != type, "%s contains itself", type->name);
        path[depth] = type;
        if (!types_has(types, type)) {
                ck_assert_uint_lt(types->count, TYPES_MAX);
                types->seen[types->count++] = type;
        }
        for (unsigned int i = 0; i < type->n_fields; i++)
                if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
                        collect(types, path, depth + 1, type->fields[i].descriptor);
}

static void collect_all(struct types *types)
{
        static const ProtobufCMessageDescriptor *const roots[] = {
                &jobd__request__descriptor,      &jobd__reply__descriptor,
                &jobd__work__report__descriptor, &jobd__work__order__descriptor,
                &jobd__spec__descriptor,         &jobd__environment__descriptor,
        };
        const ProtobufCMessageDescriptor *path[DEPTH_MAX];

        types->count = 0;
        for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
                collect(types, path, 0, roots[i]);
        ck_assert_uint_gt(types->count, 80);
}

START_TEST(no_message_contains_itself)
{
        struct types types;

        collect_all(&types);
}
END_TEST

START_TEST(body_numbers_are_small)
{
        struct types types;
        size_t bodies = 0;

        collect_all(&types);
        for (size_t t = 0; t < types.count; t++)
                for (unsigned int i = 0; i < types.seen[t]->n_fields; i++) {
                        const ProtobufCFieldDescriptor *field = &types.seen[t]->fields[i];

                        if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
                                continue;
                        ck_assert_msg(field->id < 64, "%s.%s", types.seen[t]->name, field->name);
                        bodies++;
                }
        ck_assert_uint_gt(bodies, 60);
}
END_TEST

START_TEST(fields_are_plain)
{
        struct types types;

        collect_all(&types);
        for (size_t t = 0; t < types.count; t++)
                for (unsigned int i = 0; i < types.seen[t]->n_fields; i++) {
                        const ProtobufCFieldDescriptor *field = &types.seen[t]->fields[i];
                        const ProtobufCEnumDescriptor *values = field->descriptor;

                        ck_assert_ptr_null(field->default_value);
                        if (field->type != PROTOBUF_C_TYPE_ENUM)
                                continue;
                        ck_assert_ptr_nonnull(protobuf_c_enum_descriptor_get_value(values, 0));
                }
}
END_TEST

static char *read_text(const char *path)
{
        FILE *file = fopen(path, "r");
        char *text = calloc(1, 1024 * 1024);

        ck_assert_ptr_nonnull(file);
        ck_assert_ptr_nonnull(text);
        ck_assert_uint_gt(fread(text, 1, 1024 * 1024 - 1, file), 0);
        fclose(file);
        return text;
}

/* Is `name` there as a word of its own, as code: `Name` or `Name.`? */
static bool is_told(const char *text, const char *name)
{
        const size_t size = strlen(name);

        for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
                if (at > text && at[-1] == '`' && (at[size] == '`' || at[size] == '.'))
                        return true;
        return false;
}

START_TEST(protocol_page_tells_every_message)
{
        char *text = read_text(PROTOCOL_MD);
        struct types types;

        collect_all(&types);
        for (size_t t = 0; t < types.count; t++)
                ck_assert_msg(is_told(text, types.seen[t]->short_name),
                              "PROTOCOL.md does not tell of `%s`", types.seen[t]->name);
        free(text);
}
END_TEST

/* Every field too, for clients in another language. */
START_TEST(protocol_page_tells_every_client_field)
{
        char *text = read_text(PROTOCOL_MD);
        struct types types;

        collect_all(&types);
        for (size_t t = 0; t < types.count; t++)
                for (unsigned int i = 0; i < types.seen[t]->n_fields; i++)
                        ck_assert_msg(is_told(text, types.seen[t]->fields[i].name),
                                      "PROTOCOL.md does not tell of `%s.%s`", types.seen[t]->name,
                                      types.seen[t]->fields[i].name);
        free(text);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("schema");
        TCase *tcase = tcase_create("schema");

        tcase_add_test(tcase, no_message_contains_itself);
        tcase_add_test(tcase, body_numbers_are_small);
        tcase_add_test(tcase, fields_are_plain);
        tcase_add_test(tcase, protocol_page_tells_every_message);
        tcase_add_test(tcase, protocol_page_tells_every_client_field);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
