/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects for those who write their lines themselves, since a slow reader must not stop them
 * (map_json.c), or who know more than one record tells. How values are written is emit.c's: bytes
 * that are not UTF-8 appear readable, and exact beside it. Lists of words that are not all UTF-8
 * have all of them in NAME_b64. Pure, but for the memory.
 */
#include "client/cmd/emit_object.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/parse.h"
#include "common/template.h"

#include "client/cmd/emit_private.h"

json_t *emit_object_new(void)
{
        return json_object();
}

json_t *emit_object_from_log(const struct emit_log *record)
{
        return emit_make_log(record);
}

json_t *emit_object_free(json_t *object)
{
        json_decref(object);
        return NULL;
}

void emit_object_set_item(json_t *object, const struct jobctl_item *item,
                          const struct emit_table *table)
{
        emit_put(object, item, table);
}

void emit_object_set_object(json_t *object, const char *name, const struct jobctl_item *item,
                            const struct emit_table *table)
{
        json_t *const made = json_object();

        emit_put(made, item, table);
        json_object_set_new(object, name, made);
}

/* The array of this name, made where it is missing; borrowed. */
static json_t *emit_object_array(json_t *object, const char *name)
{
        json_t *const list = json_object_get(object, name);

        if (list)
                return list;
        json_object_set_new(object, name, json_array());
        return json_object_get(object, name);
}

void emit_object_add(json_t *object, const char *name, json_t *element)
{
        json_array_append_new(emit_object_array(object, name), element);
}

void emit_object_add_items(json_t *object, const char *name, const struct jobctl_result *result,
                           const struct emit_table *table)
{
        (void)emit_object_array(object, name);
        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                json_t *const made = json_object();

                emit_put(made, jobctl_result_item(result, i), table);
                emit_object_add(object, name, made);
        }
}

void emit_object_set_real(json_t *object, const char *name, double value)
{
        json_object_set_new(object, name, json_real(value));
}

void emit_object_set_number(json_t *object, const char *name, uint64_t value)
{
        json_object_set_new(object, name,
                            json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX)));
}

void emit_object_set_text(json_t *object, const char *name, const char *data, size_t size)
{
        emit_put_data(object, name, data, size);
}

static void emit_object_set_list(json_t *object, const char *name, json_t *words, json_t *exact)
{
        char b64[64];

        json_object_set_new(object, name, words);
        snprintf(b64, sizeof(b64), "%s_b64", name);
        if (exact)
                json_object_set_new(object, b64, exact);
}

void emit_object_set_words(json_t *object, const char *name, const struct template_word *words,
                           size_t count)
{
        json_t *const texts = json_array();
        json_t *exact = NULL;

        for (size_t i = 0; i < count; i++) {
                json_array_append_new(texts, emit_make_lossy(words[i].data, words[i].size));
                if (!exact && !parse_is_utf8(words[i].data, words[i].size))
                        exact = json_array();
        }
        for (size_t i = 0; exact && i < count; i++)
                json_array_append_new(exact, emit_make_base64(words[i].data, words[i].size));
        emit_object_set_list(object, name, texts, exact);
}

void emit_object_set_argv(json_t *object, const char *name, char *const *argv)
{
        json_t *const texts = json_array();
        json_t *exact = NULL;

        for (size_t i = 0; argv[i]; i++) {
                json_array_append_new(texts, emit_make_lossy(argv[i], strlen(argv[i])));
                if (!exact && !parse_is_utf8(argv[i], strlen(argv[i])))
                        exact = json_array();
        }
        for (size_t i = 0; exact && argv[i]; i++)
                json_array_append_new(exact, emit_make_base64(argv[i], strlen(argv[i])));
        emit_object_set_list(object, name, texts, exact);
}

char *emit_object_render(json_t *object, size_t *out_size)
{
        char *const text = json_dumps(object, EMIT_FLAGS);
        const size_t size = text ? strlen(text) : 0;
        char *const line = text ? realloc(text, size + 2) : NULL;

        json_decref(object);
        if (!line) {
                free(text);
                return NULL;
        }
        line[size] = '\n';
        line[size + 1] = '\0';
        *out_size = size + 1;
        return line;
}
