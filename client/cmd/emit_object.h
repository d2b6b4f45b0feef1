/* SPDX-License-Identifier: Apache-2.0 */
/* JSON objects that are put together by hand, and become a line that is written elsewhere. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "client/cmd/emit.h"

struct template_word;

/*
 * An empty object; a piece of output. Owned by the caller until emit_object_render(). NULL without
 * memory.
 */
struct json_t *emit_object_new(void);
struct json_t *emit_object_from_log(const struct emit_log *record);
struct json_t *emit_object_free(struct json_t *object);
DEFINE_CLEANUP(struct json_t *, emit_object_free);

/* Each adds a field; one that is there already is replaced. Without memory the field is missing. */
/* The fields of a record that are there. */
void emit_object_set_item(struct json_t *object, const struct jobctl_item *item,
                          const struct emit_table *table);
/* A record as an object; each record of an answer as the next of an array. */
void emit_object_set_object(struct json_t *object, const char *name, const struct jobctl_item *item,
                            const struct emit_table *table);
void emit_object_add_items(struct json_t *object, const char *name,
                           const struct jobctl_result *result, const struct emit_table *table);
void emit_object_set_number(struct json_t *object, const char *name, uint64_t value);
void emit_object_set_real(struct json_t *object, const char *name, double value);
/* Takes `element`, as the next of an array. */
void emit_object_add(struct json_t *object, const char *name, struct json_t *element);
/* NAME, and NAME_b64 for bytes that are no UTF-8. */
void emit_object_set_text(struct json_t *object, const char *name, const char *data, size_t size);
void emit_object_set_words(struct json_t *object, const char *name,
                           const struct template_word *words, size_t count);
/* Likewise; NULL-terminated. */
void emit_object_set_argv(struct json_t *object, const char *name, char *const *argv);

/* The object and a newline, owned by the caller; takes the object. NULL without memory. */
char *emit_object_render(struct json_t *object, size_t *out_size);
