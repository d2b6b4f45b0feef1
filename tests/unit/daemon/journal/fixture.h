/* SPDX-License-Identifier: Apache-2.0 */
/* A state folder, a loop and a journal, and a log of what the journal's callbacks said. */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/loop.h"

#include "daemon/journal/journal.h"

#define FIXTURE_PAGES_MAX 64
#define FIXTURE_FETCHES_MAX 64
#define FIXTURE_LOG_MAX 512

struct fixture {
        char dir[64]; /* the state folder, removed at the end */
        struct journal_options options;
        struct loop *loop;
        struct journal *journal;

        uint64_t durable;
        char failed[256]; /* the sentence of on_failed(), or "" */
        int disk;         /* what on_disk() said last: -1 nothing yet */
        /* One letter per callback in order: D durable, F fetch, P page, E errand. */
        char log[FIXTURE_LOG_MAX];
        bool has_expired;
};

/* The fixture of the running test: Check forks for each, so there is one at a time. */
extern struct fixture the;
void fixture_setup(void);
void fixture_teardown(void);

/* Makes the folder and the loop; opens nothing yet. */
void fixture_init(struct fixture *fixture);
void fixture_deinit(struct fixture *fixture);

void fixture_open(struct fixture *fixture);
void fixture_start(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
/* journal_open() must refuse, with `part` in its sentence. */
void fixture_expect_refused(struct fixture *fixture, const char *part);
/* The same, but it may pass by itself. */
void fixture_expect_later(struct fixture *fixture, const char *part);
char *fixture_path(const struct fixture *fixture, const char *name); /* owned by the caller */
void fixture_note(struct fixture *fixture, char letter);

/* Turns the loop until `is_done` says so; fails the test after ten seconds. */
void fixture_wait(struct fixture *fixture, bool (*is_done)(void *arg), void *arg);
void fixture_wait_durable(struct fixture *fixture, uint64_t sequence);
void fixture_wait_failed(struct fixture *fixture);

/* A page that was kept: deep enough for the assertions. */
struct answer {
        struct fixture *fixture;
        bool is_there;
        int fault;
        size_t jobs_count, tasks_count, events_count;
        struct journal_job jobs[FIXTURE_PAGES_MAX];
        char names[FIXTURE_PAGES_MAX][32];
        struct journal_task tasks[FIXTURE_PAGES_MAX];
        struct journal_event events[FIXTURE_PAGES_MAX];
        struct journal_blob *spec, *environment; /* of the first job; reference held */
        struct journal_blob *output;             /* reference held */
        bool has_outputs;
        struct journal_blob *outputs[FIXTURE_PAGES_MAX]; /* references held */
        struct journal_inputs inputs;                    /* reference held */
        bool more;
        uint64_t next, next_task, found_first;
        uint32_t found_count;
};
void answer_take(void *arg, const struct journal_page *page); /* a journal_page_fn */
void answer_deinit(struct answer *answer);

/* Ask and wait for the answer, which must be deinit'ed. */
void fixture_read_jobs(struct fixture *fixture, const struct journal_job_query *query,
                       struct answer *out_answer);
void fixture_read_task(struct fixture *fixture, uint64_t job, uint64_t task, bool want_output,
                       struct answer *out_answer);
void fixture_read_results(struct fixture *fixture, const struct journal_results_query *query,
                          struct answer *out_answer);
/* Of any user. */
void fixture_read_input(struct fixture *fixture, uint64_t job, uint64_t task,
                        struct answer *out_answer);
void fixture_read_key(struct fixture *fixture, uint32_t uid, const uint8_t *key,
                      struct answer *out_answer);
void fixture_read_events(struct fixture *fixture, const struct journal_event_query *query,
                         struct answer *out_answer);

/* ------------------------------------------------------------------------------- rows to put */

struct journal_blob *blob_of(const char *text);
struct journal_blob *blob_of_size(size_t size, int byte);
/* Texts and blobs of the row are borrowed; spec and environment may be NULL. */
struct journal_job job_row(uint64_t id, uint32_t uid);
struct journal_task task_row(uint64_t job, uint64_t task);
struct journal_event event_row(uint64_t seq, uint64_t job, uint32_t uid);
struct journal_batch *batch_new(void);
/* Posts; the marks are those of an engine that has used no lease. */
void fixture_post(struct fixture *fixture, struct journal_batch *batch, uint64_t sequence);
/* One job with spec "spec ID", an event and a key, posted with sequence = id. */
void fixture_submit(struct fixture *fixture, uint64_t id, uint32_t uid);
/* Runs SQL on the closed database and returns the first column of the first row, -1 if none. */
int64_t fixture_sql(struct fixture *fixture, const char *sql);
