/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one source without ever waiting for it: a descriptor is read only when poll(2) says that
 * it would not block, 64 KiB at a time. O_NONBLOCK is not set on stdin, whose open file is shared
 * with others. The buffer holds one piece and a part of a value; a value that outgrows what Linux
 * can hand to a program is refused before it is read whole. Used by map_input.c.
 */
#include "client/cmd/map_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#define MAP_READER_PIECE_BYTES (64U * 1024)

static const char *map_reader_file_name(const struct map_source *source)
{
        return strcmp(source->file, "-") == 0 ? "stdin" : source->file;
}

const char *map_reader_name(const struct map_reader *reader, char buf[static MAP_READER_NAME_MAX])
{
        const unsigned long long number = reader->number;

        if (!reader->source->file)
                snprintf(buf, MAP_READER_NAME_MAX, "word %llu behind :::", number);
        else
                snprintf(buf, MAP_READER_NAME_MAX, "%s %llu of %.100s",
                         reader->null ? "input" : "line", number,
                         map_reader_file_name(reader->source));
        return buf;
}

static int map_reader_refuse_file(const struct map_source *source, const char *problem,
                                  struct reason *why)
{
        return reason_set(why, MAP_READER_E_BAD, "cannot read inputs from %.150s: %s",
                          map_reader_file_name(source), problem);
}

/* A FIFO without a writer must not make us wait here, hence O_NONBLOCK. */
int map_reader_init(struct map_reader *reader, const struct map_source *source, bool null,
                    struct reason *why)
{
        struct stat st;

        *reader = (struct map_reader){ .source = source, .fd = -1, .null = null };
        if (!source->file)
                return 0;
        if (strcmp(source->file, "-") == 0)
                reader->fd = STDIN_FILENO;
        else
                reader->fd = open(source->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (reader->fd < 0 || fstat(reader->fd, &st) < 0)
                return map_reader_refuse_file(source, strerror(errno), why);
        if (S_ISDIR(st.st_mode))
                return map_reader_refuse_file(source, "it is a folder", why);
        reader->regular = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
        return 0;
}

void map_reader_deinit(struct map_reader *reader)
{
        if (reader->fd != STDIN_FILENO)
                fd_close(reader->fd);
        free(reader->buffer.data);
}

/* Would read(2) block? A hang-up or an error is something to read as well. */
static bool map_reader_is_ready(const struct map_reader *reader)
{
        struct pollfd p = { .fd = reader->fd, .events = POLLIN };

        return reader->regular || poll(&p, 1, 0) == 1;
}

/* Reads one more piece. 0 (perhaps `eof` now), MAP_READER_E_*, or a fault. */
static int map_reader_fill(struct map_reader *reader, struct reason *why)
{
        struct map_bytes *const buffer = &reader->buffer;
        ssize_t n;
        int r;

        if (reader->from > 0) {
                buffer->size -= reader->from;
                memmove(buffer->data, buffer->data + reader->from, buffer->size);
                reader->from = 0;
        }
        r = map_bytes_reserve(buffer, MAP_READER_PIECE_BYTES);
        if (r)
                return PASS(r);
        if (!map_reader_is_ready(reader))
                return MAP_READER_E_AGAIN;
        n = read(reader->fd, buffer->data + buffer->size, MAP_READER_PIECE_BYTES);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return MAP_READER_E_AGAIN;
        if (n < 0)
                return map_reader_refuse_file(reader->source, strerror(errno), why);
        if (n == 0)
                reader->eof = true;
        buffer->size += (size_t)n;
        return 0;
}

/* Judges the value that was just counted. */
static int map_reader_check(const struct map_reader *reader, const char *value, size_t size,
                            struct reason *why)
{
        char name[MAP_READER_NAME_MAX];

        if (size > MAP_READER_VALUE_MAX)
                return reason_set(why, MAP_READER_E_BAD,
                                  "%s is longer than %d bytes, which no command can be given",
                                  map_reader_name(reader, name), MAP_READER_VALUE_MAX);
        if (!reader->null && memchr(value, '\0', size))
                return reason_set(why, MAP_READER_E_BAD,
                                  "%s holds a zero byte: inputs that end with one are read with "
                                  "-0",
                                  map_reader_name(reader, name));
        return 0;
}

static int map_reader_next_line(struct map_reader *reader, const char **out_value, size_t *out_size,
                                struct reason *why)
{
        const int separator = reader->null ? '\0' : '\n';
        size_t looked = 0; /* bytes behind `from` without a separator */

        for (;;) {
                const size_t left = reader->buffer.size - reader->from;
                const char *const start = left > 0 ? reader->buffer.data + reader->from : "";
                const char *const end =
                        left > looked ? memchr(start + looked, separator, left - looked) : NULL;
                int r;

                if (end || (left > 0 && (reader->eof || left > MAP_READER_VALUE_MAX))) {
                        *out_value = start;
                        *out_size = end ? (size_t)(end - start) : left;
                        reader->from += *out_size + (end ? 1 : 0);
                        reader->number++;
                        return map_reader_check(reader, start, *out_size, why);
                }
                if (reader->eof)
                        return MAP_READER_E_END;
                looked = left;
                r = map_reader_fill(reader, why);
                if (r)
                        return r;
        }
}

int map_reader_next(struct map_reader *reader, const char **out_value, size_t *out_size,
                    struct reason *why)
{
        if (reader->source->file)
                return map_reader_next_line(reader, out_value, out_size, why);
        if (reader->number >= reader->source->words_count)
                return MAP_READER_E_END;
        *out_value = reader->source->words[reader->number++];
        *out_size = strlen(*out_value);
        return 0;
}
