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
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"

#include "client/cmd/command.h"

#define SETTINGS_MAX 64
#define SETTINGS_NAME_MAX 64

struct setting {
        char *key, *value; /* owned */
        const char *file;  /* borrowed: settings->files */
        int line;
};

struct settings {
        struct setting rows[SETTINGS_MAX]; /* those of the more important file first */
        size_t count;
        char *files[2];      /* owned */
        const char *reading; /* the file, and how far */
        FILE *stream;
        int line;
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

/* For ini_parse_stream(): the next line. Counts them, which the library's Debian build does not. */
static char *settings_read_line(char *text, int size, void *arg)
{
        struct settings *const settings = arg;

        settings->line++;
        return fgets(text, size, settings->stream);
}

/* For ini_parse_stream(): keeps the pair. Returns 0 to refuse the line. */
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
        row->line = settings->line;
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

static int settings_read_file(struct settings *settings, const char *path, struct reason *why)
{
        int bad;

        settings->stream = fopen(path, "re");
        if (!settings->stream) {
                if (errno != ENOENT && errno != ENOTDIR)
                        app_say("%s is ignored: %s", path, strerror(errno));
                return 0;
        }
        settings->reading = path;
        settings->line = 0;
        bad = ini_parse_stream(settings_read_line, settings, settings_on_pair, settings);
        fclose(settings->stream);
        if (bad)
                return reason_set(why, OPTION_E_BAD,
                                  "%s:%d: this is no 'key = value' and no '[section]'", path, bad);
        return 0;
}

/* Reads both files, the user's first. */
static int settings_read(struct settings *settings, struct reason *why)
{
        int r = 0;

        settings->files[0] = settings_user_file();
        settings->files[1] = strdup("/etc/jobd/jobctl.conf");
        for (size_t i = 0; i < ARRAY_SIZE(settings->files) && r == 0; i++)
                if (settings->files[i])
                        r = settings_read_file(settings, settings->files[i], why);
        return r;
}

/* JOBCTL_TIME_LIMIT for "time-limit". */
static void settings_name_variable(const char *name, char out_variable[static SETTINGS_NAME_MAX])
{
        size_t n = (size_t)(stpcpy(out_variable, "JOBCTL_") - out_variable);

        for (; *name && n < SETTINGS_NAME_MAX - 1; name++)
                out_variable[n++] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
        out_variable[n] = '\0';
}

bool settings_is_place(const char *name)
{
        static const char *const names[] = { "socket", "user", "system", "state-dir" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

static int settings_store(const struct option_row *row, void *at, const char *value,
                          const char *source, struct reason *why)
{
        struct reason inner = { "" };

        if (option_store(row, at, value, &inner) == 0)
                return 0;
        return reason_set(why, OPTION_E_BAD, "%s: %s", source, inner.text);
}

/* One option from one source: the environment (file NULL) or a file. */
static int settings_apply_row(const struct settings *settings, const char *file,
                              const struct option_row *row, void *at, struct reason *why)
{
        char variable[SETTINGS_NAME_MAX];
        char place[PATH_MAX + 16];
        const char *value;

        if (!file) {
                settings_name_variable(row->name, variable);
                value = getenv(variable);
                return value && value[0] ? settings_store(row, at, value, variable, why) : 0;
        }
        for (size_t i = 0; i < settings->count; i++)
                if (settings->rows[i].file == file &&
                    strcmp(settings->rows[i].key, row->name) == 0) {
                        snprintf(place, sizeof(place), "%s:%d", file, settings->rows[i].line);
                        return settings_store(row, at, settings->rows[i].value, place, why);
                }
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

static int settings_apply_source(const struct settings *settings, const char *file,
                                 const struct option_set *sets, struct reason *why)
{
        const bool has_place = settings_has_place(sets);

        for (const struct option_set *set = sets; set->rows; set++)
                for (const struct option_row *row = set->rows; row->kind; row++) {
                        int r;

                        if (!row->setting || option_is_given(row, set->at) ||
                            (has_place && settings_is_place(row->name)))
                                continue;
                        r = settings_apply_row(settings, file, row, set->at, why);
                        if (r)
                                return r;
                }
        return 0;
}

/* A key that no option of any command has is a mistake in writing. */
static void settings_warn_unknown(const struct settings *settings)
{
        for (size_t i = 0; i < settings->count; i++)
                if (!command_knows_setting(settings->rows[i].key))
                        app_say("%s:%d: there is no setting '%s'", settings->rows[i].file,
                                settings->rows[i].line, settings->rows[i].key);
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
        if (r)
                return r;
        settings_warn_unknown(settings);
        r = settings_apply_source(settings, NULL, sets, why);
        for (size_t i = 0; i < ARRAY_SIZE(settings->files) && r == 0; i++)
                if (settings->files[i])
                        r = settings_apply_source(settings, settings->files[i], sets, why);
        if (r)
                return r;
        *out_settings = TAKE_PTR(settings);
        return 0;
}
