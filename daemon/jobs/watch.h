/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to hear of a job: registered per job, told as events are applied. */
#pragma once

#include <stdint.h>

#include "common/cleanup.h"

#include "daemon/jobs/engine.h"

struct watch;

/* One change of a task. Show it to nobody before `barrier` is durable. */
struct watch_news {
        uint64_t job, task;
        enum job_event event;
        enum job_state state;     /* of the task, afterwards */
        enum job_state job_state; /* of the job, afterwards */
        bool job_finished;        /* the whole job has ended with this */
        uint32_t attempt;
        uint32_t pid;
        int32_t exit_code;    /* -1: none; when an attempt ended */
        uint32_t exit_signal; /* 0: none */
        const char *why;      /* borrowed; NULL when none */
        uint64_t run_usec;
        uint64_t output_bytes;
        uint8_t output_where;   /* enum journal_where, when an attempt ended */
        const uint8_t *records; /* borrowed: inline output, when an attempt ended */
        size_t records_size;
        uint64_t tasks_failed; /* when job_finished */
        uint64_t barrier;
};

struct watch_ops {
        void (*on_news)(void *arg, const struct watch_news *news);
        /* The rest may be NULL. Fresh output and stdin progress of a leased task; barrier 0. */
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
_must_use_ int watch_new(struct engine *engine, struct job *job, const struct watch_ops *ops,
                         void *arg, struct watch **out_watch);
struct watch *watch_free(struct watch *watch);
DEFINE_CLEANUP(struct watch *, watch_free);
