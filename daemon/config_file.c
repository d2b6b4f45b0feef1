/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One configuration file, entry by entry. The INI itself is libinih's business; its callback does
 * not say which line it is at, so the lines are handed to it one by one and counted here.
 *
 * libinih cuts lines that its buffer cannot hold and takes an indented line for the continuation
 * of the one above. Neither is wanted: a line that does not fit is refused, and leading blanks are
 * dropped, so that people may indent as they like. Nor does it tell of a section without a key:
 * where the name is what matters, that is done here.
 *
 * The first entry that is wrong ends the reading. Nothing is opened that is no regular file: a
 * configuration that is a FIFO would stop the daemon. Called by config.c and the fuzzer.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"

#include "daemon/config_private.h"

/* libinih keeps so much of a section's name, with its NUL, and cuts the rest without a word. */
#define CONFIG_SECTION_MAX 50

struct config_file {
        const char *name;
        const char *next, *end;
        int line;
        config_file_fn on_entry;
        void *arg;
        struct reason *why;
        int result; /* 0, CONFIG_E_BAD, or a fault: nothing more is read */
};

static int config_file_refuse(struct config_file *file, const char *sentence)
{
        file->result =
                reason_set(file->why, CONFIG_E_BAD, "%s:%d: %s", file->name, file->line, sentence);
        return file->result;
}

/*
 * The head of a section with a name means something by itself, and libinih does not tell of it.
 * line: without leading blanks.
 */
static int config_file_on_head(struct config_file *file, const char *line)
{
        const char *end = line[0] == '[' ? strchr(line, ']') : NULL;
        struct reason why = { .text = "" };
        char section[CONFIG_SECTION_MAX], place[512];
        int r;

        if (!end || !memchr(line, '"', (size_t)(end - line)))
                return 0;
        if ((size_t)(end - line) > sizeof(section))
                return config_file_refuse(file, "the name of the section is too long");
        memcpy(section, line + 1, (size_t)(end - line) - 1);
        section[end - line - 1] = '\0';
        snprintf(place, sizeof(place), "%s:%d", file->name, file->line);
        r = file->on_entry(file->arg, section, "", "", place, &why);
        if (r > 0)
                return config_file_refuse(file, why.text);
        file->result = r < 0 ? PASS(r) : 0;
        return file->result;
}

/* libinih's fgets(): the next line with its newline; NULL at the end. */
static char *config_file_next_line(char *out_line, int room, void *stream)
{
        struct config_file *file = stream;
        const char *newline;
        size_t size;

        if (file->result || file->next == file->end)
                return NULL;
        file->line++;
        newline = memchr(file->next, '\n', (size_t)(file->end - file->next));
        size = (size_t)((newline ? newline + 1 : file->end) - file->next);
        while (size > 0 && (*file->next == ' ' || *file->next == '\t')) {
                file->next++;
                size--;
        }
        if (size + 2 >= (size_t)room) {
                config_file_refuse(file, "the line is too long");
                return NULL;
        }
        if (memchr(file->next, '\0', size)) {
                config_file_refuse(file, "the line holds a NUL byte");
                return NULL;
        }
        memcpy(out_line, file->next, size);
        out_line[size] = '\0';
        file->next += size;
        return config_file_on_head(file, out_line) ? NULL : out_line;
}

/* libinih's callback: 0 makes the line an error, 1 goes on. */
static int config_file_on_key(void *arg, const char *section, const char *key, const char *value)
{
        struct config_file *file = arg;
        struct reason why = { .text = "" };
        char place[512];
        int r;

        if (file->result)
                return 0;
        snprintf(place, sizeof(place), "%s:%d", file->name, file->line);
        r = file->on_entry(file->arg, section, key, value, place, &why);
        if (r > 0)
                config_file_refuse(file, why.text);
        else if (r < 0)
                file->result = PASS(r);
        return r == 0;
}

int config_file_parse(const char *name, const char *text, size_t size, config_file_fn on_entry,
                      void *arg, struct reason *why)
{
        struct config_file file = {
                .name = name,
                .next = text,
                .end = text + size,
                .on_entry = on_entry,
                .arg = arg,
                .why = why,
        };
        const int bad_line =
                ini_parse_stream(config_file_next_line, &file, config_file_on_key, &file);

        if (file.result)
                return file.result < 0 ? PASS(file.result) : file.result;
        if (bad_line < 0)
                return FAULT(-ENOMEM);
        if (bad_line == 0)
                return 0;
        return reason_set(why, CONFIG_E_BAD, "%s:%d: neither [Section] nor Key=Value", name,
                          bad_line);
}

/* Opens what may be a file of any kind without waiting; *out_fd -1: there is none. */
static int config_file_open(const char *path, bool must_exist, int *out_fd, struct reason *why)
{
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 && errno == ENOENT && !must_exist) {
                *out_fd = -1;
                return 0;
        }
        if (fd < 0)
                return reason_set(why, CONFIG_E_BAD, "cannot read %s: %s", path, strerror(errno));
        if (fstat(fd, &st) < 0)
                return FAULT(-errno);
        if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
                return reason_set(why, CONFIG_E_BAD, "%s is not a file", path);
        if (st.st_size > (off_t)CONFIG_FILE_MAX_BYTES)
                return reason_set(why, CONFIG_E_BAD, "%s is larger than 1 MiB", path);
        *out_fd = TAKE_FD(fd);
        return 0;
}

int config_file_read(const char *path, bool must_exist, config_file_fn on_entry, void *arg,
                     struct reason *why)
{
        _cleanup_(freep) char *text = malloc(CONFIG_FILE_MAX_BYTES);
        _cleanup_(fd_closep) int fd = -1;
        size_t size = 0;
        int r;

        if (!text)
                return FAULT(-ENOMEM);
        r = config_file_open(path, must_exist, &fd, why);
        if (r || fd < 0)
                return r < 0 ? PASS(r) : r;
        while (size < CONFIG_FILE_MAX_BYTES) {
                const ssize_t n = read(fd, text + size, CONFIG_FILE_MAX_BYTES - size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return reason_set(why, CONFIG_E_BAD, "cannot read %s: %s", path,
                                          strerror(errno));
                if (n == 0)
                        break;
                size += (size_t)n;
        }
        r = config_file_parse(path, text, size, on_entry, arg, why);
        return r < 0 ? PASS(r) : r;
}
