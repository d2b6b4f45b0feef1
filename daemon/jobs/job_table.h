/* SPDX-License-Identifier: Apache-2.0 */
/* Unfinished jobs by id: pages of pointers, since ids are dense. */
#pragma once

#include <stdint.h>

#include "common/cleanup.h"
#include "common/map.h"

struct job;

#define JOB_TABLE_PAGE 512U

struct job_page {
        UT_hash_handle hh;
        uint64_t number; /* id / JOB_TABLE_PAGE */
        uint32_t count;
        struct job *slots[JOB_TABLE_PAGE]; /* borrowed */
};

struct job_table {
        struct job_page *pages; /* owned */
};

/* 0 or a fault (memory). The id must be new. */
_must_use_ int job_table_add(struct job_table *table, uint64_t id, struct job *job);
struct job *job_table_find(const struct job_table *table, uint64_t id);
/* The job with the least id above `after_id`, or NULL. Looks at 512 slots, then at each page. */
struct job *job_table_next(const struct job_table *table, uint64_t after_id);
/* No-op when absent. */
void job_table_remove(struct job_table *table, uint64_t id);
/* Forgets everything; the jobs are not touched. */
void job_table_clear(struct job_table *table);
