/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which configuration files count, after the UAPI group's specification 6:
 *
 *    main file   jobd.conf of the first folder that has one; the others are not looked at
 *    drop-ins    jobd.conf.d/NAME.conf of all folders, sorted by NAME alone; of two with the same
 *                name the one in the earlier folder counts
 *
 * A file that is empty or a link to /dev/null hides those of its name in later folders, and says
 * nothing itself. Only names are looked at here; config_file.c reads. Pure but for readdir and
 * stat; called by config_load() before the loop and at a reload.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"

#include "daemon/config_private.h"

#define CONFIG_PLACES_MAX 1000 /* drop-ins in all */

struct config_place {
        char *name; /* owned */
        char *path; /* owned */
};

struct config_places {
        struct config_place *list; /* owned */
        size_t count;
};

static void config_places_deinit(struct config_places *places)
{
        for (size_t i = 0; i < places->count; i++) {
                free(places->list[i].name);
                free(places->list[i].path);
        }
        free(places->list);
}

char **config_places_free(char **paths)
{
        for (size_t i = 0; paths && paths[i]; i++)
                free(paths[i]);
        free(paths);
        return NULL;
}

/* Does the file exist but say nothing? */
static bool config_places_is_masked(const char *path)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return false;
        return (S_ISREG(st.st_mode) && st.st_size == 0) || S_ISCHR(st.st_mode);
}

static bool config_places_has(const struct config_places *places, const char *name)
{
        for (size_t i = 0; i < places->count; i++)
                if (strcmp(places->list[i].name, name) == 0)
                        return true;
        return false;
}

static int config_places_add(struct config_places *places, const char *folder, const char *name)
{
        struct config_place place = { .name = strdup(name),
                                      .path = fs_path("%s/%s", folder, name) };
        struct config_place *list =
                reallocarray(places->list, places->count + 1, sizeof(*places->list));

        if (list)
                places->list = list;
        if (!list || !place.name || !place.path) {
                free(place.name);
                free(place.path);
                return FAULT(-ENOMEM);
        }
        places->list[places->count++] = place;
        return 0;
}

/* By name, never a hidden file: editors leave those behind. */
static bool config_places_is_drop_in(const char *name)
{
        const size_t size = strlen(name);

        return name[0] != '.' && size > 5 && strcmp(name + size - 5, ".conf") == 0;
}

static int config_places_look(struct config_places *places, const char *folder, struct reason *why)
{
        _cleanup_(freep) char *path = fs_path("%s/jobd.conf.d", folder);
        struct dirent *entry;
        DIR *dir;
        int r = 0;

        if (!path)
                return FAULT(-ENOMEM);
        dir = opendir(path);
        if (!dir && (errno == ENOENT || errno == ENOTDIR))
                return 0;
        if (!dir)
                return reason_set(why, CONFIG_E_BAD, "cannot read %s: %s", path, strerror(errno));
        while (r == 0 && (entry = readdir(dir))) {
                if (!config_places_is_drop_in(entry->d_name) ||
                    config_places_has(places, entry->d_name))
                        continue;
                if (places->count == CONFIG_PLACES_MAX)
                        r = reason_set(why, CONFIG_E_BAD, "%s: more than %d files", path,
                                       CONFIG_PLACES_MAX);
                else
                        r = config_places_add(places, path, entry->d_name);
        }
        closedir(dir);
        return r;
}

static int config_places_compare(const void *a, const void *b)
{
        const struct config_place *left = a, *right = b;

        return strcmp(left->name, right->name);
}

/* *out_path: the main file, or NULL where there is none or it is masked. */
static int config_places_find_main(const char *const *folders, char **out_path)
{
        for (size_t i = 0; folders[i]; i++) {
                _cleanup_(freep) char *path = fs_path("%s/jobd.conf", folders[i]);

                if (!path)
                        return FAULT(-ENOMEM);
                if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
                        continue;
                *out_path = config_places_is_masked(path) ? NULL : TAKE_PTR(path);
                return 0;
        }
        *out_path = NULL;
        return 0;
}

int config_places_find(const char *const *folders, char ***out_paths, struct reason *why)
{
        _cleanup_(config_places_deinit) struct config_places places = { 0 };
        _cleanup_(config_places_freep) char **paths = NULL;
        size_t count = 0;
        int r;

        for (size_t i = 0; folders[i]; i++) {
                r = config_places_look(&places, folders[i], why);
                if (r)
                        return r < 0 ? PASS(r) : r;
        }
        if (places.count > 1)
                qsort(places.list, places.count, sizeof(*places.list), config_places_compare);
        paths = calloc(places.count + 2, sizeof(*paths));
        if (!paths)
                return FAULT(-ENOMEM);
        r = config_places_find_main(folders, &paths[0]);
        if (r)
                return PASS(r);
        if (paths[0])
                count++;
        for (size_t i = 0; i < places.count; i++)
                if (!config_places_is_masked(places.list[i].path))
                        paths[count++] = TAKE_PTR(places.list[i].path);
        *out_paths = TAKE_PTR(paths);
        return 0;
}
