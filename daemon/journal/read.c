/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read is made on the loop (post.c), answered on the journal thread (query*.c), and comes back to
 * the loop, which shows the page and frees it. At each moment one of the two owns it; only the
 * cancel flag may be touched from the other side.
 *
 * Rows grow in plain arrays, their texts in the read's arena, so a page is freed in one go.
 */
#include "daemon/journal/read.h"

#include <errno.h>
#include <string.h>

#include "common/error.h"

int read_new(enum read_kind kind, journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_read *const read = calloc(1, sizeof(*read));

        if (!read)
                return FAULT(-ENOMEM);
        read->work.kind = WORK_READ;
        read->kind = kind;
        read->done = done;
        read->arg = arg;
        atomic_init(&read->is_cancelled, false);
        *out_read = read;
        return 0;
}

static void read_clear_page(struct journal_read *read)
{
        struct journal_page *const page = &read->page;

        for (size_t i = 0; i < page->jobs_count; i++) {
                journal_blob_unref(page->jobs[i].spec);
                journal_blob_unref(page->jobs[i].environment);
        }
        for (size_t i = 0; page->outputs && i < page->tasks_count; i++)
                journal_blob_unref(page->outputs[i]);
        free(page->outputs);
        journal_blob_unref(page->inputs.values);
        if (page->totals)
                free(page->totals->groups);
        free(page->totals);
        free(page->jobs);
        free(page->tasks);
        free(page->events);
        journal_blob_unref(page->output);
        *page = (struct journal_page){ .fault = 0 };
        read->jobs_room = read->tasks_room = read->events_room = 0;
}

struct journal_read *read_free(struct journal_read *read)
{
        if (!read)
                return NULL;
        read_clear_page(read);
        arena_deinit(&read->arena);
        free(read);
        return NULL;
}

void read_fail(struct journal_read *read, int fault)
{
        read_clear_page(read);
        read->page.fault = fault;
}

/* Room for one more element of `size` bytes in an array of `count`; NULL when memory ends. */
static void *read_grow(void *array, size_t count, size_t size, size_t *room)
{
        const size_t want = MAX(*room * 2, (size_t)8);
        void *bigger;

        if (count < *room)
                return array;
        bigger = realloc(array, want * size);
        if (bigger)
                *room = want;
        return bigger;
}

struct journal_job *read_add_job(struct journal_read *read)
{
        struct journal_page *const page = &read->page;
        struct journal_job *const rows =
                read_grow(page->jobs, page->jobs_count, sizeof(*rows), &read->jobs_room);

        if (!rows)
                return NULL;
        page->jobs = rows;
        memset(&rows[page->jobs_count], 0, sizeof(*rows));
        return &rows[page->jobs_count++];
}

struct journal_task *read_add_task(struct journal_read *read)
{
        struct journal_page *const page = &read->page;
        struct journal_task *const rows =
                read_grow(page->tasks, page->tasks_count, sizeof(*rows), &read->tasks_room);

        if (!rows)
                return NULL;
        page->tasks = rows;
        memset(&rows[page->tasks_count], 0, sizeof(*rows));
        return &rows[page->tasks_count++];
}

struct journal_event *read_add_event(struct journal_read *read)
{
        struct journal_page *const page = &read->page;
        struct journal_event *const rows =
                read_grow(page->events, page->events_count, sizeof(*rows), &read->events_room);

        if (!rows)
                return NULL;
        page->events = rows;
        memset(&rows[page->events_count], 0, sizeof(*rows));
        return &rows[page->events_count++];
}
