/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unfinished jobs by id. Ids are given in rising order and never again, so the ids of unfinished
 * jobs lie close together: pages of 512 pointers, found by a hash over the page number, cost about
 * 9 bytes a job where a hash handle in every job would cost 56. A page is freed with its last job.
 */
#include "daemon/jobs/job_table.h"

#include <errno.h>
#include <stdlib.h>

#include "common/error.h"

static struct job_page *job_table_find_page(const struct job_table *table, uint64_t number)
{
        struct job_page *page;

        HASH_FIND(hh, table->pages, &number, sizeof(number), page);
        return page;
}

int job_table_add(struct job_table *table, uint64_t id, struct job *job)
{
        const uint64_t number = id / JOB_TABLE_PAGE;
        struct job_page *page = job_table_find_page(table, number);

        if (!page) {
                page = calloc(1, sizeof(*page));
                if (!page)
                        return FAULT(-ENOMEM);
                page->number = number;
                HASH_ADD(hh, table->pages, number, sizeof(page->number), page);
                if (!page->hh.tbl) {
                        free(page);
                        return FAULT(-ENOMEM);
                }
        }
        page->slots[id % JOB_TABLE_PAGE] = job;
        page->count++;
        return 0;
}

struct job *job_table_find(const struct job_table *table, uint64_t id)
{
        const struct job_page *page = job_table_find_page(table, id / JOB_TABLE_PAGE);

        return page ? page->slots[id % JOB_TABLE_PAGE] : NULL;
}

/* The first page with a number of at least `number`, or NULL. */
static struct job_page *job_table_next_page(const struct job_table *table, uint64_t number)
{
        struct job_page *page = job_table_find_page(table, number), *best = NULL;

        if (page)
                return page;
        for (page = table->pages; page; page = page->hh.next)
                if (page->number > number && (!best || page->number < best->number))
                        best = page;
        return best;
}

struct job *job_table_next(const struct job_table *table, uint64_t after_id)
{
        uint64_t id = after_id + 1;
        const struct job_page *page;

        if (id == 0)
                return NULL;
        while ((page = job_table_next_page(table, id / JOB_TABLE_PAGE))) {
                if (page->number > id / JOB_TABLE_PAGE)
                        id = page->number * JOB_TABLE_PAGE;
                do {
                        struct job *job = page->slots[id % JOB_TABLE_PAGE];

                        if (job)
                                return job;
                } while (++id % JOB_TABLE_PAGE != 0);
        }
        return NULL;
}

void job_table_remove(struct job_table *table, uint64_t id)
{
        struct job_page *page = job_table_find_page(table, id / JOB_TABLE_PAGE);

        if (!page || !page->slots[id % JOB_TABLE_PAGE])
                return;
        page->slots[id % JOB_TABLE_PAGE] = NULL;
        if (--page->count > 0)
                return;
        HASH_DEL(table->pages, page);
        free(page);
}

void job_table_clear(struct job_table *table)
{
        struct job_page *page, *next;

        HASH_ITER (hh, table->pages, page, next) {
                HASH_DEL(table->pages, page);
                free(page);
        }
}
