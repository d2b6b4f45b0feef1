/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings under the flags: the environment, the user's file, the machine's file, in that order.
 *
 *    [jobctl]
 *    state-dir = /srv/me/jobs
 *    time-limit = 2h
 *
 * A key is an option's long name; only options that make sense as a habit are marked for it. The
 * file's values are kept as long as the program runs, since options point to them. The place of the
 * daemon is one decision: when the command line names any of --socket, --user, --system and
 * --state-dir, the others are not taken from anywhere. An unknown key warns with file and line.
 */
#include "client/cmd/settings.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"

#include "client/cmd/app.h"

#define SETTINGS_MAX 64

struct setting {
        char *key, *value; /* owned */
        const char *file;  /* borrowed: settings->files */
        int line;
};

struct settings {
        struct setting rows[SETTINGS_MAX]; /* those of the more important file first */
        size_t count;
        char *files[2]; /* owned */
        const char *reading;
};

struct settings *settings_free(struct settings *settings)
{
        if (!settings)
                return NULL;
        for (size_t i = 0; i < settings->count; i++) {
                free(settings->rows[i].key);
                free(settings->rows[i].value);
        }
        for (size_t i = 0; i < ARRAY_SIZE(settings->files); i++)
                free(settings->files[i]);
        free(settings);
        return NULL;
}
DEFINE_CLEANUP(struct settings *, settings_free);

/* For ini_parse(): keeps the pair. Returns 0 to refuse the line. */
static int settings_on_pair(void *arg, const char *section, const char *key, const char *value)
{
        struct settings *const settings = arg;
        struct setting *const row = &settings->rows[settings->count];

        if (section[0] && strcmp(section, "jobctl") != 0)
                return 1;
        if (settings->count >= SETTINGS_MAX)
                return 0;
        row->key = strdup(key);
        row->value = strdup(value ? value : "");
        row->file = settings->reading;
        settings->count++;
        return row->key && row->value;
}

static char *settings_user_file(void)
{
        const char *const config = getenv("XDG_CONFIG_HOME");
        const char *const home = getenv("HOME");

        if (config && config[0] == '/')
                return fs_path("%s/jobd/jobctl.conf", config);
        return home && home[0] == '/' ? fs_path("%s/.config/jobd/jobctl.conf", home) : NULL;
}

/* Reads both files, the user's first. An unreadable one is only warned about. */
static int settings_read(struct settings *settings, struct reason *why)
{
        settings->files[0] = settings_user_file();
        settings->files[1] = strdup("/etc/jobd/jobctl.conf");
        for (size_t i = 0; i < ARRAY_SIZE(settings->files); i++) {
                int line;

                settings->reading = settings->files[i];
                if (!settings->reading || access(settings->reading, F_OK) != 0)
                        continue;
                line = ini_parse(settings->reading, settings_on_pair, settings);
                if (line > 0)
                        return reason_set(why, OPTION_E_BAD,
                                          "%s:%d: this is no 'key = value' and no '[section]'",
                                          settings->reading, line);
                if (line < 0)
                        app_say("%s cannot be read and is ignored", settings->reading);
        }
        return 0;
}

/* JOBCTL_TIME_LIMIT for "time-limit". */
static const char *settings_from_environment(const char *name)
{
        char variable[64] = "JOBCTL_";
        size_t n = strlen(variable);
        const char *value;

        for (; *name && n < sizeof(variable) - 1; name++)
                variable[n++] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
        variable[n] = '\0';
        value = getenv(variable);
        return value && value[0] ? value : NULL;
}

static bool settings_is_place(const char *name)
{
        static const char *const names[] = { "socket", "user", "system", "state-dir" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

static int settings_store(const struct option_row *row, void *at, const char *value,
                          const char *file, struct reason *why)
{
        struct reason inner = { "" };

        if (option_store(row, at, value, &inner) == 0)
                return 0;
        return reason_set(why, OPTION_E_BAD, "%s: %s", file ? file : "in the environment",
                          inner.text);
}

static int settings_apply_row(const struct settings *settings, const struct option_row *row,
                              void *at, struct reason *why)
{
        const char *const value = settings_from_environment(row->name);

        if (value)
                return settings_store(row, at, value, NULL, why);
        for (size_t i = 0; i < settings->count; i++)
                if (strcmp(settings->rows[i].key, row->name) == 0)
                        return settings_store(row, at, settings->rows[i].value,
                                              settings->rows[i].file, why);
        return 0;
}

/* Was one of the options that say where the daemon is given by now? */
static bool settings_has_place(const struct option_set *sets)
{
        for (; sets->rows; sets++)
                for (const struct option_row *row = sets->rows; row->kind; row++)
                        if (settings_is_place(row->name) && option_is_given(row, sets->at))
                                return true;
        return false;
}

int settings_apply(const struct option_set *sets, struct settings **out_settings,
                   struct reason *why)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        int r;

        settings = calloc(1, sizeof(*settings));
        if (!settings)
                return reason_set(why, OPTION_E_BAD, "out of memory");
        r = settings_read(settings, why);
        for (const struct option_set *set = sets; r == 0 && set->rows; set++)
                for (const struct option_row *row = set->rows; r == 0 && row->kind; row++) {
                        if (!row->setting || option_is_given(row, set->at))
                                continue;
                        if (settings_is_place(row->name) && settings_has_place(sets))
                                continue;
                        r = settings_apply_row(settings, row, set->at, why);
                }
        if (r)
                return r;
        *out_settings = TAKE_PTR(settings);
        return 0;
}
