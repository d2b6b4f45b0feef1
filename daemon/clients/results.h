/* SPDX-License-Identifier: Apache-2.0 */
/* One client is told how the tasks of a job end: as they do, or in the order of their numbers. */
#pragma once

#include "daemon/clients/session.h"
#include "daemon/jobs/watch.h"

struct result_end;
TAILQ_HEAD(result_list, result_end);

/* Which tasks were told: all below `base`, and those whose bit is set. */
struct results_told {
        uint64_t base;
        uint64_t *words; /* owned: bit i of them is task base / 64 * 64 + i */
        size_t words_room;
};

struct results_options {
        uint64_t job, first_task;
        bool is_first_given, ordered, output, starts, until_end, no_tasks;
        uint64_t progress_usec; /* 0: none */
};

struct results {
        struct stream stream;
        struct results_options options;
        struct watch *watch;      /* owned; NULL: the job is not in memory */
        struct loop_timer *timer; /* owned; the next Progress is due; NULL without */
        struct results_told told, started;

        /* News that were not told yet; by task when ordered, else as they came. */
        struct result_list news;
        size_t news_count, news_bytes;
        uint64_t *starts; /* owned: tasks that started and were not told */
        size_t starts_count, starts_room;
        uint64_t starts_barrier;

        bool is_begun;
        bool is_progress_due;
        /* Tasks whose ends may be nowhere but in the rows; none when first >= end. */
        uint64_t missing_first, missing_end;
        bool is_scanning;    /* the rows are being told, */
        bool scan_is_last;   /* and the job was over when that began: nothing changes now, */
        uint64_t cursor;     /* from here on, */
        uint64_t scan_end;   /* at least up to here */
        uint64_t unfinished; /* ordered: the scan stopped at this task; UINT64_MAX: none */

        /* How the job ended, once it is known. */
        bool is_over;
        enum job_state state;
        uint64_t tasks_failed;
        /* As in Progress, for the last one: */
        uint64_t task_count, run_usec, run_count, by_state[JOB_STATE_COUNT];
        uint64_t barrier;
        char *why; /* owned */
};

/* -------------------------------------------------------------------------------- results_told.c
 */

bool results_told_has(const struct results_told *told, uint64_t task);
/* 0 or a fault. */
_must_use_ int results_told_add(struct results_told *told, uint64_t task);
/* All below `base` count as told, too. No-op when they do already. */
void results_told_skip(struct results_told *told, uint64_t base);
void results_told_deinit(struct results_told *told);

/* -------------------------------------------------------------------------------- results_page.c
 */

/* The end of a task on its way out; what it points to is its own, or borrowed from a row. */
struct result_end {
        TAILQ_ENTRY(result_end) entry; /* in results->news */
        Jobd__TaskEnd body;
        uint64_t barrier;
        size_t bytes;
        uint8_t data[]; /* the log and the reason, for those that wait */
};

/* A copy of the news, to wait in results->news. */
_must_use_ int result_end_new(const struct watch_news *news, bool with_output,
                              struct result_end **out_end);
void result_end_fill(Jobd__TaskEnd *body, const struct journal_task *row,
                     const struct journal_blob *output);

/* Ends and starts are collected and sent as TaskPages of some hundred kilobytes. */
struct results_page;
_must_use_ int results_page_new(struct results *results, struct results_page **out_page);
/* body: borrowed until the page is sent. */
void results_page_add(struct results_page *page, Jobd__TaskEnd *body, uint64_t barrier);
/* Sends what is left, with the starts that were noted, and frees it. */
struct results_page *results_page_end(struct results_page *page);
void results_tell_progress(struct results *results);
/* The job is in memory for the last time: its counts, for the last Progress. */
void results_keep_counts(struct results *results);
/* The same of a job that is only a row. */
void results_take_counts(struct results *results, const struct journal_job *row);
void results_tell_end(struct results *results);
