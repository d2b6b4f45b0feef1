/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds what is handed to execve(2). Nothing of the worker's own environment gets in, and nothing
 * of a job's ever gets into the worker's: there is no setenv here. Precedence, highest first:
 * JOBD_* (ours, so that a job within a job sees its own numbers), the user's entries, defaults.
 *
 * All is one piece of memory: the pointers first, then the strings. It is made before the child
 * exists and freed after it has left for execve.
 */
#include "worker/environment.h"

#include <errno.h>
#include <string.h>

#define ENVIRONMENT_OURS_MAX 24
#define ENVIRONMENT_NUMBER_MAX 32

static const char *const environment_thread_keys[] = {
        "OMP_NUM_THREADS",        "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",    "NUMBA_NUM_THREADS",    "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
};

/* One variable of ours; `value` points into the facts or into `number`. */
struct environment_variable {
        const char *key;
        const char *value;
        size_t value_size;
        bool is_default; /* the user's own wins */
        char number[ENVIRONMENT_NUMBER_MAX];
};

struct environment_list {
        struct environment_variable items[ENVIRONMENT_OURS_MAX];
        size_t count;
};

static void environment_add_text(struct environment_list *list, bool is_default, const char *key,
                                 const void *value, size_t size)
{
        struct environment_variable *item = &list->items[list->count++];

        item->key = key;
        item->is_default = is_default;
        item->value = value;
        item->value_size = size;
}

/* The digits at the end of the item's own room: a start writes several, printf would be felt. */
static void environment_add_number(struct environment_list *list, bool is_default, const char *key,
                                   uint64_t value)
{
        struct environment_variable *item = &list->items[list->count++];
        char *const end = item->number + sizeof(item->number);
        char *at = end;

        do {
                *--at = (char)('0' + value % 10);
                value /= 10;
        } while (value);
        item->key = key;
        item->is_default = is_default;
        item->value = at;
        item->value_size = (size_t)(end - at);
}

static void environment_list_ours(struct environment_list *list, const Jobd__Spec *spec,
                                  const struct environment_facts *facts)
{
        const uint32_t cpus = spec->has_cpus ? spec->cpus : 1;

        environment_add_number(list, false, "JOBD_JOB_ID", facts->job);
        environment_add_number(list, false, "JOBD_TASK_ID",
                               facts->is_array ? facts->array_index : facts->task);
        environment_add_number(list, false, "JOBD_ATTEMPT", facts->attempt);
        environment_add_number(list, false, "JOBD_CPUS", cpus);
        environment_add_number(list, false, "JOBD_SLOT", facts->slot);
        if (spec->has_cwd)
                environment_add_text(list, false, "JOBD_SUBMIT_DIR", spec->cwd.data, spec->cwd.len);
        if (facts->socket)
                environment_add_text(list, false, "JOBD_SOCKET", facts->socket,
                                     strlen(facts->socket));
        /* On one's own machine a job that asks for nothing may take what it likes, as in a shell.
         */
        if (spec->has_cpus || facts->home)
                for (size_t i = 0; i < ARRAY_SIZE(environment_thread_keys); i++)
                        environment_add_number(list, true, environment_thread_keys[i], cpus);
        if (!facts->home)
                return;
        environment_add_text(list, true, "HOME", facts->home, strlen(facts->home));
        environment_add_text(list, true, "USER", facts->user, strlen(facts->user));
        environment_add_text(list, true, "LOGNAME", facts->user, strlen(facts->user));
        environment_add_text(list, true, "SHELL", facts->shell, strlen(facts->shell));
        environment_add_text(list, true, "PATH", "/usr/local/bin:/usr/bin:/bin",
                             strlen("/usr/local/bin:/usr/bin:/bin"));
}

static bool environment_is_key(const ProtobufCBinaryData *entry, const char *key)
{
        const size_t size = strlen(key);

        return entry->len > size && entry->data[size] == '=' && memcmp(entry->data, key, size) == 0;
}

static bool environment_has_key(const Jobd__Environment *own, const char *key)
{
        for (size_t i = 0; own && i < own->n_entries; i++)
                if (environment_is_key(&own->entries[i], key))
                        return true;
        return false;
}

/* Is this entry of the user's replaced by one of ours? Only JOBD_* can be. */
static bool environment_is_replaced(const ProtobufCBinaryData *entry,
                                    const struct environment_list *list)
{
        static const char resource[] = "JOBD_RESOURCE_";

        if (entry->len < 5 || memcmp(entry->data, "JOBD_", 5) != 0)
                return false;
        /* Ids of the job that this one was submitted from are not its own. */
        if (entry->len >= strlen(resource) && memcmp(entry->data, resource, strlen(resource)) == 0)
                return true;
        for (size_t i = 0; i < list->count; i++)
                if (!list->items[i].is_default && environment_is_key(entry, list->items[i].key))
                        return true;
        return false;
}

static char *environment_copy(char *to, const void *data, size_t size)
{
        memcpy(to, data, size);
        return to + size;
}

/* The entries of the named resources that the task holds stand one behind the other already. */
static size_t environment_count_resources(const struct environment_facts *facts)
{
        size_t count = 0;

        for (size_t at = 0; at < facts->resource_env_bytes; count++)
                at += strlen(facts->resource_env + at) + 1;
        return count;
}

static char **environment_fill_resources(char **entries, char *text,
                                         const struct environment_facts *facts)
{
        char *const end = environment_copy(text, facts->resource_env, facts->resource_env_bytes);

        for (; text < end; text += strlen(text) + 1)
                *entries++ = text;
        return entries;
}

static void environment_fill(char **entries, char *text, const Jobd__Environment *own,
                             const struct environment_list *list,
                             const struct environment_facts *facts)
{
        if (facts->resource_env) {
                entries = environment_fill_resources(entries, text, facts);
                text += facts->resource_env_bytes;
        }
        for (size_t i = 0; own && i < own->n_entries; i++) {
                if (environment_is_replaced(&own->entries[i], list))
                        continue;
                *entries++ = text;
                text = environment_copy(text, own->entries[i].data, own->entries[i].len);
                *text++ = '\0';
        }
        for (size_t i = 0; i < list->count; i++) {
                const struct environment_variable *item = &list->items[i];

                if (item->is_default && environment_has_key(own, item->key))
                        continue;
                *entries++ = text;
                text = environment_copy(text, item->key, strlen(item->key));
                *text++ = '=';
                text = environment_copy(text, item->value, item->value_size);
                *text++ = '\0';
        }
        *entries = NULL;
}

int environment_build(const Jobd__Environment *own, const Jobd__Spec *spec,
                      const struct environment_facts *facts, struct environment *out_environment)
{
        struct environment_list list;
        size_t count, size;
        char **entries;

        list.count = 0;
        environment_list_ours(&list, spec, facts);
        count = list.count + (own ? own->n_entries : 0) + environment_count_resources(facts) + 1;
        size = count * sizeof(char *) + facts->resource_env_bytes;
        for (size_t i = 0; own && i < own->n_entries; i++)
                size += own->entries[i].len + 1;
        for (size_t i = 0; i < list.count; i++)
                size += strlen(list.items[i].key) + list.items[i].value_size + 2;
        entries = malloc(size);
        if (!entries)
                return FAULT(-ENOMEM);
        environment_fill(entries, (char *)(entries + count), own, &list, facts);
        out_environment->entries = entries;
        return 0;
}

void environment_deinit(struct environment *environment)
{
        free(environment->entries);
        environment->entries = NULL;
}

const char *environment_find(const struct environment *environment, const char *key)
{
        const size_t size = strlen(key);

        for (char **entry = environment->entries; *entry; entry++)
                if (strncmp(*entry, key, size) == 0 && (*entry)[size] == '=')
                        return *entry + size + 1;
        return NULL;
}
