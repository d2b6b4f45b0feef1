/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of --results, in GNU parallel's layout: for each value of a task one level with the
 * number of its source and one with the value, and below them three files.
 *
 *     DIR/1/a/2/b/stdout
 *     DIR/1/a/2/b/stderr
 *     DIR/1/a/2/b/seq        the sequence number, without a newline
 *
 * In a value, backslash becomes \\, tab \t and slash \_, as in parallel. Where parallel's own way
 * would lead out of the folder or lose results we differ: the values . and .. become \. and \..,
 * and a name over 255 bytes is cut and ends in a hash of the whole instead of being cut alone.
 *
 * `seq` is written last: a task whose output is not whole has none, and --resume runs it again.
 * Levels are entered one by one, so no path is too long however many values there are.
 */
#include "client/cmd/map_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/template.h"

#define MAP_FILES_NAME_MAX 255

struct map_files {
        char *dir; /* owned */
        int fd;    /* owned: of the folder */
        uint32_t record_values;
};

struct map_files_task {
        char *path;         /* owned */
        int fd;             /* owned: of the task's folder */
        int out_fd, err_fd; /* owned */
        uint64_t sequence;
};

/* --------------------------------------------------------------------------------------- names */

static uint64_t map_files_hash(const char *data, size_t size)
{
        uint64_t hash = 0xcbf29ce484222325U;

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ (uint8_t)data[i]) * 0x100000001b3U;
        return hash;
}

/* Writes `value` as the name of a folder to `name` (twice its size and 2 bytes); returns its end.
 */
static char *map_files_escape(char *name, const struct template_word *value)
{
        const char *const data = value->data;
        char *to = name;

        if ((value->size == 1 || value->size == 2) && memcmp(data, "..", value->size) == 0)
                *to++ = '\\';
        for (size_t i = 0; i < value->size; i++) {
                const char c = data[i];

                if (c == '\\' || c == '\t' || c == '/') {
                        *to++ = '\\';
                        *to++ = c == '\\' ? '\\' : c == '\t' ? 't' : '_';
                } else {
                        *to++ = c;
                }
        }
        *to = '\0';
        if (to - name > MAP_FILES_NAME_MAX)
                to = name + MAP_FILES_NAME_MAX - 17 +
                     sprintf(name + MAP_FILES_NAME_MAX - 17, "~%016" PRIx64,
                             map_files_hash(name, (size_t)(to - name)));
        return to;
}

char *map_files_format(uint32_t record_values, const struct template_word *values,
                       size_t values_count)
{
        size_t room = 1;
        char *text, *to;

        for (size_t i = 0; i < values_count; i++)
                room += 2 * values[i].size + 16;
        text = to = malloc(room);
        if (!text)
                return NULL;
        *to = '\0';
        for (size_t i = 0; i < values_count; i++) {
                to += sprintf(to, "%s%zu/", i ? "/" : "", i % MAX(record_values, 1U) + 1);
                to = map_files_escape(to, &values[i]);
        }
        return text;
}

/* ------------------------------------------------------------------------------------ the folder
 */

static int map_files_refuse(const char *path, const char *what, struct reason *why)
{
        return reason_set(why, MAP_FILES_E_BAD, "cannot %s %.180s: %s", what, path,
                          strerror(errno));
}

struct map_files *map_files_free(struct map_files *files)
{
        if (!files)
                return NULL;
        fd_close(files->fd);
        free(files->dir);
        free(files);
        return NULL;
}

/* mkdir -p. 0, or -1 with errno. */
static int map_files_make_folders(char *path)
{
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                int r;

                *slash = '\0';
                r = mkdir(path, 0777);
                *slash = '/';
                if (r < 0 && errno != EEXIST)
                        return -1;
        }
        return mkdir(path, 0777) < 0 && errno != EEXIST ? -1 : 0;
}

/* 1, 0, or -1 with errno. */
static int map_files_is_empty(const char *path)
{
        DIR *const dir = opendir(path);
        const struct dirent *entry;
        int others = 0;

        if (!dir)
                return -1;
        while (others == 0 && (entry = readdir(dir)))
                others += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
        closedir(dir);
        return others == 0;
}

int map_files_new(const char *dir, bool resume, struct map_files **out_files, struct reason *why)
{
        _cleanup_(map_files_freep) struct map_files *files = calloc(1, sizeof(*files));
        int empty;

        if (!files)
                return FAULT(-ENOMEM);
        files->fd = -1;
        files->record_values = 1;
        files->dir = strdup(dir);
        if (!files->dir)
                return FAULT(-ENOMEM);
        for (size_t n = strlen(dir); n > 1 && files->dir[n - 1] == '/'; n--)
                files->dir[n - 1] = '\0';
        if (map_files_make_folders(files->dir) < 0)
                return map_files_refuse(dir, "make the results folder", why);
        files->fd = open(files->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (files->fd < 0)
                return map_files_refuse(dir, "open the results folder", why);
        if (faccessat(files->fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
                return map_files_refuse(dir, "write to the results folder", why);
        empty = resume ? 1 : map_files_is_empty(files->dir);
        if (empty < 0)
                return map_files_refuse(dir, "read the results folder", why);
        if (!empty)
                return reason_set(why, MAP_FILES_E_BAD,
                                  "the results folder %.150s is there already and not empty: add "
                                  "--resume to go on in it, or name another",
                                  dir);
        *out_files = TAKE_PTR(files);
        return 0;
}

void map_files_set_record_values(struct map_files *files, uint32_t record_values)
{
        files->record_values = record_values;
}

/* ------------------------------------------------------------------------------------- a task */

/*
 * Enters the levels of `names`, one by one, made when `make`. The folder's descriptor, or -1 with
 * errno.
 */
static int map_files_enter(const struct map_files *files, char *names, bool make)
{
        int fd = fcntl(files->fd, F_DUPFD_CLOEXEC, 0);
        char *rest = names;
        char *name;

        while (fd >= 0 && (name = strsep(&rest, "/"))) {
                int next;

                if (!*name) /* an empty value has no level of its own */
                        continue;
                if (make && mkdirat(fd, name, 0777) < 0 && errno != EEXIST)
                        return fd_close(fd);
                next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                fd_close(fd);
                fd = next;
        }
        return fd;
}

bool map_files_has(const struct map_files *files, const struct template_word *values,
                   size_t values_count)
{
        _cleanup_(freep) char *names = map_files_format(files->record_values, values, values_count);
        _cleanup_(fd_closep) int fd = names ? map_files_enter(files, names, false) : -1;

        return fd >= 0 && faccessat(fd, "seq", F_OK, 0) == 0;
}

struct map_files_task *map_files_drop(struct map_files_task *task)
{
        if (!task)
                return NULL;
        fd_close(task->out_fd);
        fd_close(task->err_fd);
        fd_close(task->fd);
        free(task->path);
        free(task);
        return NULL;
}

static int map_files_open(const struct map_files_task *task, const char *name)
{
        return openat(task->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
}

int map_files_begin(struct map_files *files, uint64_t sequence, const struct template_word *values,
                    size_t values_count, struct map_files_task **out_task, struct reason *why)
{
        _cleanup_(map_files_dropp) struct map_files_task *task = calloc(1, sizeof(*task));
        _cleanup_(freep) char *names = NULL;

        if (!task)
                return FAULT(-ENOMEM);
        task->fd = task->out_fd = task->err_fd = -1;
        task->sequence = sequence;
        names = map_files_format(files->record_values, values, values_count);
        task->path = names ? fs_path("%s/%s", files->dir, names) : NULL;
        if (!task->path)
                return FAULT(-ENOMEM);
        task->fd = map_files_enter(files, names, true);
        if (task->fd < 0)
                return map_files_refuse(task->path, "make the results folder", why);
        if (unlinkat(task->fd, "seq", 0) < 0 && errno != ENOENT)
                return map_files_refuse(task->path, "replace the results in", why);
        task->out_fd = map_files_open(task, "stdout");
        task->err_fd = map_files_open(task, "stderr");
        if (task->out_fd < 0 || task->err_fd < 0)
                return map_files_refuse(task->path, "write results to", why);
        *out_task = TAKE_PTR(task);
        return 0;
}

const char *map_files_path(const struct map_files_task *task)
{
        return task->path;
}

static int map_files_put(const struct map_files_task *task, int fd, const void *data, size_t size,
                         struct reason *why)
{
        const int r = fs_write_all(fd, data, size);

        if (r == 0)
                return 0;
        errno = -r;
        return map_files_refuse(task->path, "write results to", why);
}

int map_files_write(struct map_files_task *task, enum jobctl_output which, const void *data,
                    size_t size, struct reason *why)
{
        if (which != JOBCTL_STDOUT && which != JOBCTL_STDERR)
                return 0;
        return map_files_put(task, which == JOBCTL_STDOUT ? task->out_fd : task->err_fd, data, size,
                             why);
}

int map_files_end(struct map_files_task *task, struct reason *why)
{
        _cleanup_(fd_closep) int fd = map_files_open(task, "seq");
        char text[24];

        if (fd < 0)
                return map_files_refuse(task->path, "write results to", why);
        snprintf(text, sizeof(text), "%" PRIu64, task->sequence);
        return map_files_put(task, fd, text, strlen(text), why);
}
