/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a job: argv, and the fields that its owner decides.
 *
 * The specification is the message itself (jobd.proto), kept on the heap with memory that
 * protobuf-c's free function may release, so submitting copies nothing. Fields are set by number
 * through the message's descriptor, as item.c reads them: a field of another type is refused with
 * JOBCTL_E_USAGE. What may stand in a specification is judged by proto/wire (jobctl_spec_check()),
 * the same judge that jobd asks. capture.c fills in what the process has.
 */
#include "client/lib/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

#define SPEC_KIND 0x02
#define SPEC_HALT_KIND 0x15

struct jobctl_spec *jobctl_spec_free(struct jobctl_spec *spec)
{
        if (!spec)
                return NULL;
        if (spec->message)
                jobd__spec__free_unpacked(spec->message, NULL);
        if (spec->environment)
                jobd__environment__free_unpacked(spec->environment, NULL);
        free(spec);
        return NULL;
}
DEFINE_CLEANUP(struct jobctl_spec *, jobctl_spec_free);

int jobctl_spec_new(struct jobctl_spec **out_spec)
{
        _cleanup_(jobctl_spec_freep) struct jobctl_spec *spec = NULL;

        spec = calloc(1, sizeof(*spec));
        if (!spec)
                return JOBCTL_E_SYSTEM;
        spec->message = malloc(sizeof(*spec->message));
        if (!spec->message)
                return JOBCTL_E_SYSTEM;
        jobd__spec__init(spec->message);
        spec->environment = malloc(sizeof(*spec->environment));
        if (!spec->environment)
                return JOBCTL_E_SYSTEM;
        jobd__environment__init(spec->environment);
        *out_spec = TAKE_PTR(spec);
        return JOBCTL_OK;
}

bool spec_set_bytes(ProtobufCBinaryData *bytes, const void *data, size_t size)
{
        uint8_t *const copy = malloc(size + 1);

        if (!copy)
                return false;
        memcpy(copy, data, size);
        copy[size] = '\0';
        free(bytes->data);
        bytes->data = copy;
        bytes->len = size;
        return true;
}

int jobctl_spec_set_argv(struct jobctl_spec *spec, const char *const *argv, size_t argc)
{
        Jobd__Spec *const message = spec->message;
        ProtobufCBinaryData *copies;

        for (size_t i = 0; i < message->n_argv; i++)
                free(message->argv[i].data);
        message->n_argv = 0;
        copies = realloc(message->argv, MAX(argc, 1U) * sizeof(*copies));
        if (!copies)
                return JOBCTL_E_SYSTEM;
        message->argv = copies;
        memset(copies, 0, MAX(argc, 1U) * sizeof(*copies));
        for (size_t i = 0; i < argc; i++) {
                if (!spec_set_bytes(&copies[i], argv[i], strlen(argv[i])))
                        return JOBCTL_E_SYSTEM;
                message->n_argv++;
        }
        message->has_shell = message->shell = false;
        return JOBCTL_OK;
}

int jobctl_spec_set_shell(struct jobctl_spec *spec, const char *line)
{
        const char *const argv[] = { "/bin/sh", "-c", line };
        const int r = jobctl_spec_set_argv(spec, argv, ARRAY_SIZE(argv));

        if (r == JOBCTL_OK)
                spec->message->has_shell = spec->message->shell = true;
        return r;
}

/* Where a single field is: in the specification, or in the part of it that is a message. */
struct spec_place {
        const ProtobufCFieldDescriptor *field;
        uint8_t *base;  /* of the message */
        uint8_t *value; /* NULL: there is no such field, or no memory for the part */
};

static Jobd__Halt *spec_halt(struct jobctl_spec *spec)
{
        if (spec->message->halt)
                return spec->message->halt;
        spec->message->halt = malloc(sizeof(*spec->message->halt));
        if (spec->message->halt)
                jobd__halt__init(spec->message->halt);
        return spec->message->halt;
}

static struct spec_place spec_find(struct jobctl_spec *spec, enum jobctl_field wanted)
{
        const unsigned int kind = (unsigned int)wanted >> 8;
        const ProtobufCMessageDescriptor *const kind_of =
                kind == SPEC_HALT_KIND ? &jobd__halt__descriptor : &jobd__spec__descriptor;
        struct spec_place place = { .value = NULL };

        if (kind != SPEC_KIND && kind != SPEC_HALT_KIND)
                return place;
        place.field = protobuf_c_message_descriptor_get_field(kind_of, (unsigned int)wanted & 0xff);
        if (!place.field || place.field->label == PROTOBUF_C_LABEL_REPEATED)
                return place;
        place.base = kind == SPEC_HALT_KIND ? (uint8_t *)spec_halt(spec) : (uint8_t *)spec->message;
        if (place.base)
                place.value = place.base + place.field->offset;
        return place;
}

static void spec_mark_present(const struct spec_place *place)
{
        if (place->field->label == PROTOBUF_C_LABEL_OPTIONAL)
                *(protobuf_c_boolean *)(void *)(place->base + place->field->quantifier_offset) = 1;
}

int jobctl_spec_set_text(struct jobctl_spec *spec, enum jobctl_field field, const char *text)
{
        const struct spec_place place = spec_find(spec, field);

        if (!place.value)
                return JOBCTL_E_USAGE;
        if (place.field->type == PROTOBUF_C_TYPE_BYTES) {
                if (!spec_set_bytes((void *)place.value, text, strlen(text)))
                        return JOBCTL_E_SYSTEM;
                spec_mark_present(&place);
                return JOBCTL_OK;
        }
        if (place.field->type == PROTOBUF_C_TYPE_STRING) {
                char **const where = (void *)place.value;
                char *const copy = strdup(text);

                if (!copy)
                        return JOBCTL_E_SYSTEM;
                free(*where);
                *where = copy;
                return JOBCTL_OK;
        }
        return JOBCTL_E_USAGE;
}

int jobctl_spec_set_number(struct jobctl_spec *spec, enum jobctl_field field, uint64_t value)
{
        const struct spec_place place = spec_find(spec, field);
        void *const at = place.value;

        if (!at)
                return JOBCTL_E_USAGE;
        if (place.field->type == PROTOBUF_C_TYPE_UINT64)
                *(uint64_t *)at = value;
        else if (place.field->type == PROTOBUF_C_TYPE_UINT32 && value <= UINT32_MAX)
                *(uint32_t *)at = (uint32_t)value;
        else if (place.field->type == PROTOBUF_C_TYPE_BOOL && value <= 1)
                *(protobuf_c_boolean *)at = (protobuf_c_boolean)value;
        else if (place.field->type == PROTOBUF_C_TYPE_ENUM && value <= INT32_MAX)
                *(int *)at = (int)value;
        else
                return JOBCTL_E_USAGE;
        spec_mark_present(&place);
        return JOBCTL_OK;
}

int jobctl_spec_set_signed(struct jobctl_spec *spec, enum jobctl_field field, int64_t value)
{
        const struct spec_place place = spec_find(spec, field);

        if (!place.value || place.field->type != PROTOBUF_C_TYPE_SINT32 || value < INT32_MIN ||
            value > INT32_MAX)
                return JOBCTL_E_USAGE;
        *(int32_t *)(void *)place.value = (int32_t)value;
        spec_mark_present(&place);
        return JOBCTL_OK;
}

static Jobd__Label *spec_label(Jobd__Spec *message, const char *key)
{
        Jobd__Label **labels;
        Jobd__Label *label;

        for (size_t i = 0; i < message->n_labels; i++)
                if (strcmp(message->labels[i]->key, key) == 0)
                        return message->labels[i];
        labels = realloc(message->labels, (message->n_labels + 1) * sizeof(Jobd__Label *));
        if (!labels)
                return NULL;
        message->labels = labels;
        label = malloc(sizeof(*label));
        if (!label)
                return NULL;
        jobd__label__init(label);
        label->key = strdup(key);
        label->value = strdup("");
        if (!label->key || !label->value) {
                jobd__label__free_unpacked(label, NULL);
                return NULL;
        }
        message->labels[message->n_labels++] = label;
        return label;
}

int jobctl_spec_add_label(struct jobctl_spec *spec, const char *key, const char *value)
{
        Jobd__Label *const label = spec_label(spec->message, key);
        char *const copy = strdup(value);

        if (!label || !copy) {
                free(copy);
                return JOBCTL_E_SYSTEM;
        }
        free(label->value);
        label->value = copy;
        return JOBCTL_OK;
}

int jobctl_spec_add_retry_on(struct jobctl_spec *spec, unsigned int exit_code)
{
        Jobd__Spec *const message = spec->message;
        uint32_t *codes;

        codes = realloc(message->retry_on, (message->n_retry_on + 1) * sizeof(*codes));
        if (!codes)
                return JOBCTL_E_SYSTEM;
        message->retry_on = codes;
        message->retry_on[message->n_retry_on++] = exit_code;
        return JOBCTL_OK;
}

/* A new one at the end of the list; NULL without memory. */
static Jobd__Dependency *spec_new_dependency(Jobd__Spec *message, enum jobctl_dependency kind)
{
        Jobd__Dependency **list, *dependency;

        list = realloc(message->dependencies, (message->n_dependencies + 1) * sizeof(*list));
        if (!list)
                return NULL;
        message->dependencies = list;
        dependency = malloc(sizeof(*dependency));
        if (!dependency)
                return NULL;
        jobd__dependency__init(dependency);
        dependency->kind = (Jobd__DependencyKind)kind;
        list[message->n_dependencies++] = dependency;
        return dependency;
}

int jobctl_spec_add_dependency(struct jobctl_spec *spec, enum jobctl_dependency kind, uint64_t job)
{
        Jobd__Dependency *const dependency = spec_new_dependency(spec->message, kind);

        if (!dependency)
                return JOBCTL_E_SYSTEM;
        dependency->has_job = job > 0;
        dependency->job = job;
        return JOBCTL_OK;
}

int jobctl_spec_add_sibling(struct jobctl_spec *spec, enum jobctl_dependency kind, size_t place)
{
        Jobd__Dependency *const dependency = spec_new_dependency(spec->message, kind);

        if (!dependency)
                return JOBCTL_E_SYSTEM;
        dependency->has_sibling = true;
        dependency->sibling = (uint32_t)place;
        return JOBCTL_OK;
}

void jobctl_spec_clear_dependencies(struct jobctl_spec *spec)
{
        Jobd__Spec *const message = spec->message;

        while (message->n_dependencies > 0)
                jobd__dependency__free_unpacked(message->dependencies[--message->n_dependencies],
                                                NULL);
        message->has_dependencies_any = false;
        spec->clears_dependencies = true;
}

const struct jobctl_item *jobctl_spec_item(const struct jobctl_spec *spec)
{
        return (const struct jobctl_item *)(const void *)spec->message;
}

int jobctl_spec_check(const struct jobctl_spec *spec, char *text, size_t size)
{
        struct reason why = { "" };

        if (wire_check_spec(spec->message, &why) == 0 &&
            wire_check_environment(spec->environment, &why) == 0)
                return JOBCTL_OK;
        snprintf(text, size, "%s", why.text);
        return JOBCTL_E_USAGE;
}

int jobctl_spec_add_resource(struct jobctl_spec *spec, const char *name, uint32_t count)
{
        Jobd__Spec *const message = spec->message;
        Jobd__ResourceAsk **list, *ask;

        list = realloc(message->resources, (message->n_resources + 1) * sizeof(*list));
        if (!list)
                return JOBCTL_E_SYSTEM;
        message->resources = list;
        ask = malloc(sizeof(*ask));
        if (!ask)
                return JOBCTL_E_SYSTEM;
        jobd__resource_ask__init(ask);
        ask->count = count;
        ask->name = strdup(name);
        list[message->n_resources++] = ask;
        return ask->name ? JOBCTL_OK : JOBCTL_E_SYSTEM;
}

int jobctl_spec_add_lock(struct jobctl_spec *spec, const char *name, bool shared)
{
        Jobd__Spec *const message = spec->message;
        Jobd__LockAsk **list, *ask;

        list = realloc(message->locks, (message->n_locks + 1) * sizeof(*list));
        if (!list)
                return JOBCTL_E_SYSTEM;
        message->locks = list;
        ask = malloc(sizeof(*ask));
        if (!ask)
                return JOBCTL_E_SYSTEM;
        jobd__lock_ask__init(ask);
        ask->has_shared = ask->shared = shared;
        ask->name = strdup(name);
        list[message->n_locks++] = ask;
        return ask->name ? JOBCTL_OK : JOBCTL_E_SYSTEM;
}
