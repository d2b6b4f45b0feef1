/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections with a name: what one user or group gets ([Share "alice"]), how much there is of a
 * thing ([Resource "gpu"]), and locks that are one for all users ([Lock "archive"]).
 *
 * A section is made when it is first mentioned, in a file or on the command line, and keeps the
 * order of mention; a key that is given again in a later file replaces the one before. Each key
 * remembers where it is from. What the names stand for is looked up in config_shares.c.
 *
 * If you add a key, add a field to struct config_named and a row here. Called by config.c.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/fs.h"
#include "common/parse.h"

#include "daemon/config_private.h"
#include "daemon/machine.h"

#define AT(field) offsetof(struct config_named, field)
#define CONFIG_NAMED_COUNT_MAX 1000000

/* clang-format off */
static const char *const config_named_kinds[] = {
        [CONFIG_NAMED_SHARE]    = "Share",
        [CONFIG_NAMED_RESOURCE] = "Resource",
        [CONFIG_NAMED_LOCK]     = "Lock",
};
_Static_assert(ARRAY_SIZE(config_named_kinds) == CONFIG_NAMED_COUNT, "a word per kind");

const struct config_key config_named_keys[] = {
        { "Share",    "Weight",        CONFIG_WEIGHT,  AT(weight),
          "1", "1", 1, 10000, false, false },
        { "Share",    "MaxCores",      CONFIG_COUNT32, AT(cores_max),
          "0", "0", 0, MACHINE_CORES_MAX, false, false },
        { "Share",    "MaxQueuedJobs", CONFIG_COUNT,   AT(jobs_max),
          "0", "0", 0, 1000000000, false, false },
        { "Resource", "Capacity",      CONFIG_COUNT,   AT(capacity),
          "1", "1", 0, CONFIG_NAMED_COUNT_MAX, false, false },
        { "Lock",     "MachineWide",   CONFIG_BOOL,    AT(is_machine_wide),
          "yes", "yes", 0, 0, false, false },
};
/* clang-format on */
const size_t config_named_keys_count = ARRAY_SIZE(config_named_keys);

enum config_named_kind config_named_kind_of(const char *section)
{
        const size_t size = strcspn(section, " \t\"");

        for (size_t i = CONFIG_NAMED_SHARE; i < CONFIG_NAMED_COUNT; i++)
                if (strlen(config_named_kinds[i]) == size &&
                    strncmp(section, config_named_kinds[i], size) == 0)
                        return (enum config_named_kind)i;
        return CONFIG_NAMED_NONE;
}

static bool config_named_has_kind(const struct config_key *key, enum config_named_kind kind)
{
        return strcmp(key->section, config_named_kinds[kind]) == 0;
}

static struct config_named *config_named_free(struct config_named *named)
{
        if (!named)
                return NULL;
        for (size_t i = 0; named->origins && i < config_named_keys_count; i++)
                free(named->origins[i].place);
        free(named->origins);
        free(named->name);
        free(named->section);
        free(named->place);
        free(named);
        return NULL;
}
DEFINE_CLEANUP(struct config_named *, config_named_free);

void config_named_free_all(struct config *config)
{
        for (size_t i = 0; i < config->named_count; i++)
                config_named_free(config->named[i]);
        free(config->named);
        config->named = NULL;
        config->named_count = 0;
}

const struct config_named *config_find_named(const struct config *config,
                                             enum config_named_kind kind, const char *name)
{
        for (size_t i = 0; i < config->named_count; i++)
                if (config->named[i]->kind == kind && strcmp(config->named[i]->name, name) == 0)
                        return config->named[i];
        return NULL;
}

/* --------------------------------------------------------------------------------------- names */

static bool config_named_is_name(enum config_named_kind kind, const char *name)
{
        /* A resource's name becomes part of a variable's: JOBD_RESOURCE_gpu. */
        const char *others = kind == CONFIG_NAMED_RESOURCE ? "_" : "_.-";

        if (kind == CONFIG_NAMED_SHARE)
                return name[*name == '@'] && !strpbrk(name, " \t:,/\"") &&
                       parse_is_utf8(name, strlen(name));
        for (const char *at = name; *at; at++)
                if (!isalnum((unsigned char)*at) && !strchr(others, *at))
                        return false;
        return *name;
}

/* The name between the quotes. CONFIG_E_BAD with a sentence, or a fault. */
static int config_named_read_name(const char *section, enum config_named_kind kind, char **out_name,
                                  struct reason *why)
{
        const char *word = config_named_kinds[kind];
        const char *start = section + strlen(word);
        _cleanup_(freep) char *name = NULL;
        const char *end;

        start += strspn(start, " \t");
        end = *start == '"' ? strchr(start + 1, '"') : NULL;
        if (!end || end[1])
                return reason_set(why, CONFIG_E_BAD,
                                  "the section [%s] needs a name in quotes, such as [%s \"%s\"]",
                                  section, word, kind == CONFIG_NAMED_SHARE ? "alice" : "gpu");
        name = strndup(start + 1, (size_t)(end - start - 1));
        if (!name)
                return FAULT(-ENOMEM);
        for (const char *at = name; *at; at++)
                if (iscntrl((unsigned char)*at))
                        return reason_set(why, CONFIG_E_BAD,
                                          "a name of a section holds a control character");
        if (!config_named_is_name(kind, name))
                return reason_set(why, CONFIG_E_BAD,
                                  kind == CONFIG_NAMED_SHARE
                                          ? "[%s]: a name of a user, a uid, \"@GROUP\" or \"*\" is "
                                            "expected"
                                          : "[%s]: a name is made of letters, digits and _ (locks "
                                            "also have . and -)",
                                  section);
        *out_name = TAKE_PTR(name);
        return 0;
}

/* ------------------------------------------------------------------------------------- entries */

static int config_named_set(struct config_named *named, size_t index, bool is_system,
                            const char *value, const char *place, struct reason *why)
{
        const struct config_key *key = &config_named_keys[index];
        _cleanup_(freep) char *origin = NULL;
        int r;

        if (!*value) {
                value = is_system ? key->system_default : key->user_default;
                place = NULL;
        }
        if (place) {
                origin = strdup(place);
                if (!origin)
                        return FAULT(-ENOMEM);
        }
        r = config_key_set(named, key, value, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        free(named->origins[index].place);
        named->origins[index].place = TAKE_PTR(origin);
        return 0;
}

static int config_named_new(const struct config *config, enum config_named_kind kind,
                            const char *name, const char *place, struct config_named **out_named)
{
        _cleanup_(config_named_freep) struct config_named *named = calloc(1, sizeof(*named));
        struct reason why;
        int r;

        if (!named)
                return FAULT(-ENOMEM);
        named->kind = kind;
        named->name = strdup(name);
        named->section = fs_path("%s \"%s\"", config_named_kinds[kind], name);
        named->place = strdup(place);
        named->origins = calloc(config_named_keys_count, sizeof(*named->origins));
        if (!named->name || !named->section || !named->place || !named->origins)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < config_named_keys_count; i++) {
                r = config_named_set(named, i, config->is_system, "", NULL, &why);
                if (r)
                        return PASS(r);
        }
        *out_named = TAKE_PTR(named);
        return 0;
}

static int config_named_find_or_add(struct config *config, enum config_named_kind kind,
                                    const char *name, const char *place,
                                    struct config_named **out_named, struct reason *why)
{
        struct config_named **all;
        int r;

        for (size_t i = 0; i < config->named_count; i++)
                if (config->named[i]->kind == kind && strcmp(config->named[i]->name, name) == 0) {
                        *out_named = config->named[i];
                        return 0;
                }
        if (config->named_count == CONFIG_NAMED_MAX)
                return reason_set(why, CONFIG_E_BAD, "more than %d sections with a name",
                                  CONFIG_NAMED_MAX);
        all = reallocarray(config->named, config->named_count + 1, sizeof(struct config_named *));
        if (!all)
                return FAULT(-ENOMEM);
        config->named = all;
        r = config_named_new(config, kind, name, place, &all[config->named_count]);
        if (r)
                return PASS(r);
        *out_named = all[config->named_count++];
        return 0;
}

int config_named_apply(struct config *config, const char *section, const char *key,
                       const char *value, const char *place, bool *out_known, struct reason *why)
{
        const enum config_named_kind kind = config_named_kind_of(section);
        _cleanup_(freep) char *name = NULL;
        struct config_named *named = NULL;
        int r;

        r = config_named_read_name(section, kind, &name, why);
        if (r == 0)
                r = config_named_find_or_add(config, kind, name, place, &named, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        *out_known = !*key;
        for (size_t i = 0; *key && i < config_named_keys_count; i++) {
                if (!config_named_has_kind(&config_named_keys[i], kind) ||
                    strcmp(config_named_keys[i].name, key) != 0)
                        continue;
                *out_known = true;
                r = config_named_set(named, i, config->is_system, value, place, why);
                return r < 0 ? PASS(r) : r;
        }
        return 0;
}

/* ------------------------------------------------------------------------------------- showing */

bool config_named_has(const struct config_named *named, size_t offset)
{
        for (size_t i = 0; i < config_named_keys_count; i++)
                if (config_named_keys[i].offset == offset)
                        return named->origins[i].place;
        return false;
}

bool config_named_entry(const struct config *config, size_t index, const char **out_section,
                        const char **out_key, char *value, size_t value_size,
                        const char **out_origin)
{
        for (size_t i = 0; i < config->named_count; i++) {
                const struct config_named *named = config->named[i];

                for (size_t k = 0; k < config_named_keys_count; k++) {
                        const struct config_key *key = &config_named_keys[k];

                        if (!config_named_has_kind(key, named->kind) || index-- > 0)
                                continue;
                        *out_section = named->section;
                        *out_key = key->name;
                        *out_origin = named->origins[k].place ? named->origins[k].place : "default";
                        config_key_print(named, key, value, value_size);
                        return true;
                }
        }
        return false;
}
