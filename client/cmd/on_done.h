/* SPDX-License-Identifier: Apache-2.0 */
/* --on-done CMD: runs a line of shell for each task that ended, one after the other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#include "client/jobctl.h"

struct on_done;

#define ON_DONE_QUEUE_MAX 1000
#define ON_DONE_OUTPUT_MAX (32 * 1024) /* of stdout, in JOBD_OUTPUT */

enum on_done_answer {
        ON_DONE_E_FULL = 1, /* too many wait: first let some end */
        ON_DONE_E_FAILED,   /* /bin/sh cannot be started: the reason says */
};

/* One task that ended. Becomes the environment of CMD, beside all that jobctl itself has. */
struct on_done_task {
        uint64_t job;  /* JOBD_JOB_ID */
        uint64_t task; /* JOBD_TASK_ID; with `has_task` */
        bool has_task;
        uint32_t attempt;        /* JOBD_ATTEMPT */
        enum jobctl_state state; /* JOBD_STATE: "succeeded" */
        int exit_code;           /* JOBD_EXIT_CODE; empty when < 0: it did not exit */
        int exit_signal;         /* JOBD_EXIT_SIGNAL; 0: none */
        uint64_t run_usec;       /* JOBD_RUN_SECONDS: "1.250000" */
        const char *command;     /* JOBD_COMMAND; NULL: not set */
        const void *output;      /* JOBD_OUTPUT: stdout without the newlines at its end, as $()
                                  * has it: its first ON_DONE_OUTPUT_MAX bytes, zero bytes left
                                  * out; NULL: not set */
        size_t output_size;
        const char *results; /* JOBD_RESULTS: the folder of --results; NULL: not set */
};

/* command: borrowed, outlives it. CMD gets /dev/null as stdin, our stdout and stderr. */
_must_use_ int on_done_new(const char *command, struct on_done **out_on_done);
/* What waits is forgotten; what runs goes on by itself. */
struct on_done *on_done_free(struct on_done *on_done);
DEFINE_CLEANUP(struct on_done *, on_done_free);

/*
 * Queues a task (copied) and starts CMD when nothing runs. Order is the order of these calls.
 * 0, ON_DONE_E_FULL, ON_DONE_E_FAILED, or a fault.
 */
_must_use_ int on_done_push(struct on_done *on_done, const struct on_done_task *task,
                            struct reason *why);
/* Would on_done_push() say ON_DONE_E_FULL? Then take no more results until it is false. */
bool on_done_is_full(const struct on_done *on_done);
/* To poll for reading: CMD has ended. -1 when nothing runs. Changes with each on_done_process(). */
int on_done_fd(const struct on_done *on_done);
/* After on_done_fd() was readable: reaps, starts the next. 0, ON_DONE_E_FAILED, or a fault. */
_must_use_ int on_done_process(struct on_done *on_done, struct reason *why);
/* Nothing runs and nothing waits. */
bool on_done_is_idle(const struct on_done *on_done);
/* How many ended with another status than 0. */
uint64_t on_done_failures(const struct on_done *on_done);
