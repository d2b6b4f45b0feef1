/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts output into lines, for `logs --tail` and `logs --timestamps`.
 *
 * stdout and stderr are cut apart, so a line of one is never glued to a line of the other. Lines of
 * a tail wait in a row; when there are more than wanted the oldest goes. Without a tail a line
 * passes when it is complete. A line over 1 MiB is passed in pieces, so memory stays bounded.
 * Used by follow_session.c.
 */
#include "client/cmd/line_filter.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/list.h"

#define LINE_FILTER_LINE_MAX (1024U * 1024)

struct line {
        STAILQ_ENTRY(line) entry;
        enum jobctl_output which;
        uint64_t wall_usec; /* of its first byte */
        size_t size, room;
        char *data; /* owned */
};

STAILQ_HEAD(line_list, line);

struct line_filter {
        uint64_t tail_lines;
        bool has_tail; /* lines wait */
        bool timestamps;
        uint64_t wall_usec; /* of the line that is written */
        line_filter_write_fn write;
        void *arg;                            /* borrowed */
        struct line *open[JOBCTL_STDERR + 1]; /* owned: the unfinished line of each stream */
        struct line_list waiting;             /* owned */
        uint64_t waiting_count;
};

static struct line *line_free(struct line *line)
{
        if (line)
                free(line->data);
        free(line);
        return NULL;
}

struct line_filter *line_filter_free(struct line_filter *filter)
{
        struct line *line;

        if (!filter)
                return NULL;
        while ((line = STAILQ_FIRST(&filter->waiting))) {
                STAILQ_REMOVE_HEAD(&filter->waiting, entry);
                line_free(line);
        }
        for (size_t i = 0; i < ARRAY_SIZE(filter->open); i++)
                line_free(filter->open[i]);
        free(filter);
        return NULL;
}

int line_filter_new(const uint64_t *tail_lines, bool timestamps, line_filter_write_fn write,
                    void *arg, struct line_filter **out_filter)
{
        struct line_filter *const filter = calloc(1, sizeof(*filter));

        if (!filter)
                return FAULT(-ENOMEM);
        filter->has_tail = tail_lines;
        filter->tail_lines = tail_lines ? *tail_lines : 0;
        filter->timestamps = timestamps;
        filter->write = write;
        filter->arg = arg;
        STAILQ_INIT(&filter->waiting);
        *out_filter = filter;
        return 0;
}

static int line_filter_write(struct line_filter *filter, const struct line *line)
{
        char stamp[CLOCK_TEXT_MAX + 1];
        int r = 0;

        filter->wall_usec = line->wall_usec;
        if (filter->timestamps) {
                clock_format_rfc3339(line->wall_usec, stamp);
                strcat(stamp, " ");
                r = filter->write(filter->arg, line->which, stamp, strlen(stamp));
        }
        return r ? r : filter->write(filter->arg, line->which, line->data, line->size);
}

/* Takes a complete line over. */
static int line_filter_pass(struct line_filter *filter, struct line *line)
{
        int r;

        if (!filter->has_tail) {
                r = line_filter_write(filter, line);
                line_free(line);
                return r;
        }
        STAILQ_INSERT_TAIL(&filter->waiting, line, entry);
        filter->waiting_count++;
        if (filter->waiting_count > filter->tail_lines) {
                struct line *const oldest = STAILQ_FIRST(&filter->waiting);

                STAILQ_REMOVE_HEAD(&filter->waiting, entry);
                filter->waiting_count--;
                line_free(oldest);
        }
        return 0;
}

uint64_t line_filter_wall_usec(const struct line_filter *filter)
{
        return filter->wall_usec;
}

static int line_append(struct line *line, const char *data, size_t size)
{
        if (line->size + size > line->room) {
                const size_t room = MAX(2 * line->room, line->size + size);
                char *const bigger = realloc(line->data, room);

                if (!bigger)
                        return FAULT(-ENOMEM);
                line->data = bigger;
                line->room = room;
        }
        memcpy(line->data + line->size, data, size);
        line->size += size;
        return 0;
}

int line_filter_put(struct line_filter *filter, enum jobctl_output which, uint64_t wall_usec,
                    const void *data, size_t size)
{
        const char *at = data;

        while (size > 0) {
                const char *const end = memchr(at, '\n', size);
                const size_t count = MIN(end ? (size_t)(end - at) + 1 : size, LINE_FILTER_LINE_MAX);
                struct line *line = filter->open[which];
                int r;

                if (!line) {
                        line = calloc(1, sizeof(*line));
                        if (!line)
                                return FAULT(-ENOMEM);
                        line->which = which;
                        line->wall_usec = wall_usec;
                        filter->open[which] = line;
                }
                r = line_append(line, at, count);
                if (r)
                        return PASS(r);
                at += count;
                size -= count;
                if (at[-1] != '\n' && line->size < LINE_FILTER_LINE_MAX)
                        continue;
                filter->open[which] = NULL;
                r = line_filter_pass(filter, line);
                if (r)
                        return r;
        }
        return 0;
}

int line_filter_show_tail(struct line_filter *filter)
{
        struct line *line;
        int r = 0;

        filter->has_tail = false;
        while (r == 0 && (line = STAILQ_FIRST(&filter->waiting))) {
                STAILQ_REMOVE_HEAD(&filter->waiting, entry);
                r = line_filter_pass(filter, line);
        }
        filter->waiting_count = 0;
        return r;
}

int line_filter_finish(struct line_filter *filter)
{
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(filter->open) && r == 0; i++) {
                struct line *const line = filter->open[i];

                filter->open[i] = NULL;
                if (line)
                        r = line_filter_pass(filter, line);
        }
        return r ? r : line_filter_show_tail(filter);
}
