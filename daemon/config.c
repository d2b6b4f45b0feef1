/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's settings: defaults, then files (config_places.c says which, config_file.c reads
 * them), then the command line; the last one counts, and each key remembers where its value came
 * from. What keys there are and what they take stands in config_values.c, the sections with a name
 * ([Share "alice"]) in config_named.c; the names are looked up at the end (config_shares.c).
 *
 * "Key=" without a value brings the default back. An unknown key or section in a file is a
 * warning, since a file may serve two releases; on the command line it is an error. A wrong value
 * is an error everywhere, and nothing of a configuration with an error is used: at the start jobd
 * refuses, at a reload it keeps the old one.
 *
 * A struct config never changes once it is loaded. Called by main.c and daemon.c (reload).
 */
#include "daemon/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "common/parse.h"

#include "daemon/config_private.h"
#include "daemon/machine.h"

#define CONFIG_WARNINGS_MAX 100

/* ---------------------------------------------------------------------------------- life time */

struct config *config_free(struct config *config)
{
        if (!config)
                return NULL;
        for (size_t i = 0; config->origins && i < config_keys_count; i++)
                free(config->origins[i].place);
        for (size_t i = 0; config->warnings && config->warnings[i]; i++)
                free(config->warnings[i]);
        config_named_free_all(config);
        free(config->shares);
        free(config->origins);
        free(config->warnings);
        free(config->log_level);
        free(config->admin_group);
        free(config);
        return NULL;
}

static int config_set(struct config *config, size_t index, const char *value, const char *place,
                      struct reason *why)
{
        const struct config_key *key = &config_keys[index];
        _cleanup_(freep) char *origin = NULL;
        int r;

        if (!*value) {
                value = config->is_system ? key->system_default : key->user_default;
                place = NULL;
        }
        if (place) {
                origin = strdup(place);
                if (!origin)
                        return FAULT(-ENOMEM);
        }
        r = config_key_set(config, key, value, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        free(config->origins[index].place);
        config->origins[index].place = TAKE_PTR(origin);
        return 0;
}

int config_new(bool system, struct config **out_config)
{
        _cleanup_(config_freep) struct config *config = calloc(1, sizeof(*config));
        struct reason why;

        if (!config)
                return FAULT(-ENOMEM);
        config->is_system = system;
        config->admin_gid = CONFIG_NOBODY;
        config->origins = calloc(config_keys_count, sizeof(*config->origins));
        config->warnings = calloc(CONFIG_WARNINGS_MAX + 1, sizeof(*config->warnings));
        if (!config->origins || !config->warnings)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < config_keys_count; i++) {
                const int r = config_set(config, i, "", NULL, &why);

                if (r)
                        return PASS(r);
        }
        *out_config = TAKE_PTR(config);
        return 0;
}

/* ------------------------------------------------------------------------------------- entries */

/* The nearest key of that section, or section; NULL when none is near. */
static const char *config_guess(const char *section, const char *key)
{
        const char *words[CONFIG_KEYS_MAX + 1];
        bool is_section_known = false;
        size_t count = 0;

        if (config_named_kind_of(section)) {
                for (size_t i = 0; i < config_named_keys_count; i++)
                        if (config_named_kind_of(section) ==
                            config_named_kind_of(config_named_keys[i].section))
                                words[count++] = config_named_keys[i].name;
                words[count] = NULL;
                return parse_nearest(key, words);
        }
        for (size_t i = 0; i < config_keys_count; i++)
                if (strcmp(config_keys[i].section, section) == 0)
                        is_section_known = true;
        for (size_t i = 0; i < config_keys_count; i++)
                if (!is_section_known)
                        words[count++] = config_keys[i].section;
                else if (strcmp(config_keys[i].section, section) == 0)
                        words[count++] = config_keys[i].name;
        words[count] = NULL;
        return parse_nearest(is_section_known ? key : section, words);
}

static size_t config_count_warnings(const struct config *config)
{
        size_t count = 0;

        while (config->warnings[count])
                count++;
        return count;
}

int config_warn(struct config *config, const char *fmt, ...)
{
        const size_t count = config_count_warnings(config);
        va_list args;
        int r;

        if (count == CONFIG_WARNINGS_MAX)
                return 0;
        va_start(args, fmt);
        r = vasprintf(&config->warnings[count], fmt, args);
        va_end(args);
        if (r >= 0)
                return 0;
        config->warnings[count] = NULL;
        return FAULT(-ENOMEM);
}

static int config_warn_unknown(struct config *config, const char *section, const char *key,
                               const char *place)
{
        const char *guess = config_guess(section, key);
        int r;

        if (!*section)
                r = config_warn(config,
                                "%s: unknown setting %s: it stands before the first [section]",
                                place, key);
        else if (guess)
                r = config_warn(config, "%s: unknown setting %s.%s, did you mean %s?", place,
                                section, key, guess);
        else
                r = config_warn(config, "%s: unknown setting %s.%s", place, section, key);
        return r ? PASS(r) : 0;
}

int config_apply(void *arg, const char *section, const char *key, const char *value,
                 const char *place, struct reason *why)
{
        struct config *config = arg;
        bool is_known = true;
        int r;

        if (config_named_kind_of(section)) {
                r = config_named_apply(config, section, key, value, place, &is_known, why);
                if (r || is_known)
                        return r < 0 ? PASS(r) : r;
        }
        if (!*key)
                return 0;
        for (size_t i = 0; i < config_keys_count; i++)
                if (strcmp(config_keys[i].section, section) == 0 &&
                    strcmp(config_keys[i].name, key) == 0) {
                        r = config_set(config, i, value, place, why);
                        return r < 0 ? PASS(r) : r;
                }
        r = config_warn_unknown(config, section, key, place);
        return r ? PASS(r) : 0;
}

/* ------------------------------------------------------------------------------------- loading */

static int config_load_places(struct config *config, const char *const *folders, struct reason *why)
{
        _cleanup_(config_places_freep) char **paths = NULL;
        int r;

        r = config_places_find(folders, &paths, why);
        for (size_t i = 0; r == 0 && paths[i]; i++)
                r = config_file_read(paths[i], false, config_apply, config, why);
        return r < 0 ? PASS(r) : r;
}

static int config_load_user(struct config *config, struct reason *why)
{
        const char *base = getenv("XDG_CONFIG_HOME");
        const char *home = getenv("HOME");
        _cleanup_(freep) char *folder = NULL;
        int r;

        /* Relative paths are to be ignored, says the XDG base directory specification. */
        if (base && base[0] == '/')
                folder = fs_path("%s/jobd", base);
        else if (home && home[0] == '/')
                folder = fs_path("%s/.config/jobd", home);
        else
                return 0;
        if (!folder)
                return FAULT(-ENOMEM);
        r = config_load_places(config, (const char *const[]){ folder, NULL }, why);
        return r < 0 ? PASS(r) : r;
}

static int config_load_sets(struct config *config, const struct config_set *sets, size_t sets_count,
                            struct reason *why)
{
        for (size_t i = 0; i < sets_count; i++) {
                const size_t warnings = config_count_warnings(config);
                struct reason inner = { .text = "" };
                const int r = config_apply(config, sets[i].section, sets[i].key, sets[i].value,
                                           "command line", &inner);

                if (r < 0)
                        return PASS(r);
                if (r)
                        return reason_set(why, CONFIG_E_BAD, "command line: %s", inner.text);
                if (config_count_warnings(config) > warnings)
                        return reason_set(why, CONFIG_E_BAD, "%s", config->warnings[warnings]);
        }
        return 0;
}

int config_load(bool system, const char *path, const struct config_set *sets, size_t sets_count,
                struct config **out_config, struct reason *why)
{
        static const char *const system_folders[] = { "/etc/jobd", "/run/jobd", "/usr/lib/jobd",
                                                      NULL };
        _cleanup_(config_freep) struct config *config = NULL;
        int r;

        r = config_new(system, &config);
        if (r)
                return PASS(r);
        if (path)
                r = config_file_read(path, true, config_apply, config, why);
        else
                r = system ? config_load_places(config, system_folders, why)
                           : config_load_user(config, why);
        if (r == 0)
                r = config_load_sets(config, sets, sets_count, why);
        if (r == 0)
                r = config_shares_resolve(config);
        if (r)
                return r < 0 ? PASS(r) : r;
        *out_config = TAKE_PTR(config);
        return 0;
}

/* ------------------------------------------------------------------------------------- showing */

bool config_entry(const struct config *config, size_t index, const char **out_section,
                  const char **out_key, char *value, size_t value_size, const char **out_origin)
{
        const char *place;

        if (index >= config_keys_count)
                return config_named_entry(config, index - config_keys_count, out_section, out_key,
                                          value, value_size, out_origin);
        place = config->origins[index].place;
        *out_section = config_keys[index].section;
        *out_key = config_keys[index].name;
        *out_origin = place ? place : "default";
        config_key_print(config, &config_keys[index], value, value_size);
        return true;
}

uint32_t config_cores(const struct config *config, bool is_resized)
{
        struct machine machine;

        if (config->cores > 0)
                return config->cores;
        if (config->has_workers || is_resized)
                return 0;
        machine_read(&machine);
        return machine.cores;
}

const char *config_warning(const struct config *config, size_t index)
{
        for (size_t i = 0; config->warnings[i]; i++)
                if (i == index)
                        return config->warnings[i];
        return NULL;
}
