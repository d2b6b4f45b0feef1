/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the configuration share; nobody else includes it but their tests. */
#pragma once

#include "daemon/config.h"

#define CONFIG_FILE_MAX_BYTES ((size_t)1024 * 1024)

/* ------------------------------------------------------------------------------ config_values.c */

enum config_type {
        CONFIG_BOOL,
        CONFIG_COUNT32,  /* uint32_t */
        CONFIG_COUNT,    /* uint64_t */
        CONFIG_WORKERS,  /* uint32_t, or "auto"; of struct config */
        CONFIG_CORES,    /* uint32_t, or "auto", which is stored as 0 */
        CONFIG_SIZE,     /* uint64_t bytes, or "infinity" */
        CONFIG_MEMORY,   /* the same, or "auto": what the machine has */
        CONFIG_DURATION, /* uint64_t usec, or "infinity" */
        CONFIG_LEVEL,    /* char *, a word of config_levels */
        CONFIG_AFFINITY, /* enum config_affinity */
        CONFIG_NAME,     /* char *, a name as people and groups have them */
        CONFIG_WEIGHT,   /* uint32_t in hundredths: "2", "0.5" */
        CONFIG_TYPE_COUNT,
};

struct config_key {
        const char *section, *name;
        enum config_type type;
        size_t offset; /* in struct config, or in struct config_named */
        const char *user_default, *system_default;
        uint64_t min, max; /* "infinity" passes whatever max is, unless no_infinity */
        bool no_infinity;
        bool infinity_is_zero; /* the field says 0 where people may also say infinity */
};

#define CONFIG_KEYS_MAX 64
extern const struct config_key config_keys[];
extern const size_t config_keys_count;

/*
 * Judges `value` and stores it in `fields`, a struct config or config_named. CONFIG_E_BAD with a
 * sentence that names the key, or a fault.
 */
_must_use_ int config_key_set(void *fields, const struct config_key *key, const char *value,
                              struct reason *why);
/* What is stored, as it could stand in a file. */
void config_key_print(const void *fields, const struct config_key *key, char *value, size_t room);

/* ------------------------------------------------------------------------------- config_named.c */

struct config_origin {
        char *place; /* owned; NULL: default */
};

#define CONFIG_NAMED_MAX 256
extern const struct config_key config_named_keys[];
extern const size_t config_named_keys_count;

/* The keys of that section's kind, or NULL when `section` is none with a name. */
enum config_named_kind config_named_kind_of(const char *section);
/*
 * Sets a key of a section with a name, which is made when it is new; key "": it was mentioned.
 * *out_known false: there is no such key. CONFIG_E_BAD with a sentence, or a fault.
 */
_must_use_ int config_named_apply(struct config *config, const char *section, const char *key,
                                  const char *value, const char *place, bool *out_known,
                                  struct reason *why);
/* Has somebody set this key of struct config_named, by its offset there? */
bool config_named_has(const struct config_named *named, size_t offset);
/* The n-th entry of all such sections, as config_entry(). */
bool config_named_entry(const struct config *config, size_t index, const char **out_section,
                        const char **out_key, char *value, size_t value_size,
                        const char **out_origin);
void config_named_free_all(struct config *config);

/* ------------------------------------------------------------------------------ config_shares.c */

/* Finds the users and groups that are named: fills shares and admin_gid, warns of who is not. */
_must_use_ int config_shares_resolve(struct config *config);

/* ------------------------------------------------------------------------------ config_places.c */

/*
 * The files to be read, in that order, NULL-terminated; owned (config_places_free). folders: from
 * the one that wins to the one that loses, NULL-terminated, such as "/etc/jobd", "/run/jobd",
 * "/usr/lib/jobd". An empty list is no error. CONFIG_E_BAD when a folder cannot be read.
 */
_must_use_ int config_places_find(const char *const *folders, char ***out_paths,
                                  struct reason *why);
char **config_places_free(char **paths);
DEFINE_CLEANUP(char **, config_places_free);

/* ------------------------------------------------------------------------------- config_file.c */

/*
 * One "Key=Value", or with an empty key the head of a section with a name: 0, or CONFIG_E_BAD with
 * the sentence, without its place.
 */
typedef int (*config_file_fn)(void *arg, const char *section, const char *key, const char *value,
                              const char *place, struct reason *why);
/*
 * Calls on_entry for every entry of `text`; place is "name:line". Stops at the first that is wrong:
 * CONFIG_E_BAD with "name:line: ...".
 */
_must_use_ int config_file_parse(const char *name, const char *text, size_t size,
                                 config_file_fn on_entry, void *arg, struct reason *why);
/* The same for a file. must_exist: else a missing one has no entries. */
_must_use_ int config_file_read(const char *path, bool must_exist, config_file_fn on_entry,
                                void *arg, struct reason *why);

/* ------------------------------------------------------------------------------------ config.c */

/* All defaults, origin "default". */
_must_use_ int config_new(bool system, struct config **out_config);
/* One warning more, "sentence" made of `fmt`; no-op when there are too many. */
_must_use_ int config_warn(struct config *config, const char *fmt, ...) _printf_(2, 3);
/* A config_file_fn: arg is the struct config. key "": the section begins here. */
int config_apply(void *arg, const char *section, const char *key, const char *value,
                 const char *place, struct reason *why);
