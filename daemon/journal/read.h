/* SPDX-License-Identifier: Apache-2.0 */
/* A read on its way: the question, and the page that answers it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "daemon/journal/arena.h"
#include "daemon/journal/journal.h"
#include "daemon/journal/work.h"

/* Task rows in one page; `more` and `next` say where the next one begins. */
#define READ_TASKS_MAX 10000U
/* Rows looked at for one page. */
#define READ_LOOK_MAX 20000U
/* Blobs in one page: when it is reached, the page ends early. */
#define READ_BLOB_BYTES_MAX ((size_t)8 * 1024 * 1024)
/* Outputs in one page of results: it ends with the task that reaches it. */
#define READ_OUTPUT_BYTES_MAX ((size_t)1024 * 1024)

enum read_kind {
        READ_JOBS,
        READ_TASK,
        READ_KEY,
        READ_EVENTS,
        READ_RESULTS,
        READ_INPUT,
        READ_TOTALS,
        READ_KIND_COUNT,
};

struct journal_read {
        struct work work;
        enum read_kind kind;
        /* Set on the loop; the thread may look, only to save itself the work. */
        atomic_bool is_cancelled;
        journal_page_fn done;
        void *arg;
        union {
                struct journal_job_query jobs; /* ids, name: in the arena */
                struct journal_event_query events;
                struct journal_results_query results;
                struct journal_totals_query totals;
                struct {
                        uint64_t job, task;
                        bool any_uid;
                        uint32_t uid;
                } input;
                struct {
                        uint64_t job, task;
                        bool want_output;
                } task;
                struct {
                        uint32_t uid;
                        uint8_t key[JOURNAL_KEY_BYTES];
                } key;
        } ask;
        struct arena arena;       /* texts of the question and of the page */
        struct journal_page page; /* arrays owned */
        size_t jobs_room, tasks_room, events_room;
};

_must_use_ int read_new(enum read_kind kind, journal_page_fn done, void *arg,
                        struct journal_read **out_read);
struct journal_read *read_free(struct journal_read *read);
DEFINE_CLEANUP(struct journal_read *, read_free);

/* A cleared row at the end of the page's array, counted; NULL when memory ends. */
struct journal_job *read_add_job(struct journal_read *read);
struct journal_task *read_add_task(struct journal_read *read);
struct journal_event *read_add_event(struct journal_read *read);
/* Empties the page and leaves `fault` in it. */
void read_fail(struct journal_read *read, int fault);
