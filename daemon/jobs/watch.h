/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to hear of a job: registered per job, told as events are applied. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "daemon/jobs/job_state.h"

struct watch;
struct watch_book; /* all of them: engine_watches() */

/* One change of a task. Show it to nobody before `barrier` is durable. */
struct watch_news {
        uint64_t job, task;
        enum job_event event;
        enum job_state state;     /* of the task, afterwards */
        enum job_state job_state; /* of the job, afterwards */
        bool job_finished;        /* the whole job has ended with this */
        bool is_rest;             /* CANCEL of all tasks from `task` on that never began, in one */
        uint32_t attempt;
        uint32_t slot; /* of the job's workers, from 1; 0: none, or no array or map */
        uint32_t pid;
        int32_t exit_code;                       /* -1: none; when an attempt ended */
        uint32_t exit_signal;                    /* 0: none */
        const char *why;                         /* borrowed; NULL when none */
        uint64_t start_wall_usec, end_wall_usec; /* 0: none */
        uint64_t run_usec;
        uint64_t output_bytes;
        bool output_cut;
        uint8_t output_where;   /* enum journal_where, when an attempt ended */
        const uint8_t *records; /* borrowed: inline output, when an attempt ended */
        size_t records_size;
        uint64_t tasks_failed;    /* when job_finished: all that did not succeed, */
        uint64_t tasks_cancelled; /* and these of them */
        const char *job_why;      /* borrowed; when job_finished: the whole job's reason, or NULL */
        uint64_t barrier;
};

struct watch_ops {
        void (*on_news)(void *arg, const struct watch_news *news);
        /* The rest may be NULL. Fresh output and stdin progress of a leased task; barrier 0. stdin
         * is also told when the task's worker has come back. */
        void (*on_output)(void *arg, uint64_t task, uint32_t attempt, uint64_t offset,
                          const uint8_t *records, size_t size);
        void (*on_spooled)(void *arg, uint64_t task, uint32_t attempt, uint64_t size_bytes);
        void (*on_grown)(void *arg, uint64_t task, uint32_t attempt, uint64_t size_bytes);
        void (*on_stdin)(void *arg, uint64_t task, uint32_t attempt, uint64_t taken, bool closed);
};

/*
 * Watches an unfinished job until watch_free(), which may be called from inside a callback. After
 * the news with job_finished nothing more comes. ops, arg: borrowed, outlive the watch.
 */
_must_use_ int watch_new(struct watch_book *book, uint64_t job, const struct watch_ops *ops,
                         void *arg, struct watch **out_watch);
struct watch *watch_free(struct watch *watch);
DEFINE_CLEANUP(struct watch *, watch_free);

/* ------------------------------------------------------------------------------ for the engine */

_must_use_ int watch_book_new(struct watch_book **out_book);
/* Watches that are left are freed with it. */
struct watch_book *watch_book_free(struct watch_book *book);
bool watch_book_is_empty(const struct watch_book *book);
/* Does anybody want this job's output? */
bool watch_wants_output(const struct watch_book *book, uint64_t job);

/* The task whose output or stdin moved. */
struct watch_subject {
        uint64_t job, task;
        uint32_t attempt;
};
void watch_tell(struct watch_book *book, const struct watch_news *news);
void watch_tell_output(struct watch_book *book, const struct watch_subject *subject,
                       uint64_t offset, const uint8_t *records, size_t size);
void watch_tell_spooled(struct watch_book *book, const struct watch_subject *subject,
                        uint64_t size_bytes);
void watch_tell_grown(struct watch_book *book, const struct watch_subject *subject,
                      uint64_t size_bytes);
void watch_tell_stdin(struct watch_book *book, const struct watch_subject *subject, uint64_t taken,
                      bool closed);
