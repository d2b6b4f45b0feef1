/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a Wait: its entries, and what has to be asked about them. */
#pragma once

#include "daemon/clients/selector.h"
#include "daemon/jobs/watch.h"

struct wait;

/* One job, or one task of a job, that is waited for. */
struct wait_entry {
        TAILQ_ENTRY(wait_entry) entry; /* in one of the lists of `wait` */
        struct wait *wait;             /* borrowed: owns us */
        struct watch *watch;           /* owned; NULL when it is no longer needed */
        bool is_array;
        uint64_t id;
        uint64_t task; /* ENGINE_ALL_TASKS: the whole job */
        /* Once it has ended; before that, how a task without a row ended, when it exists: */
        enum job_state state;
        int32_t exit_code;
        uint32_t exit_signal;
        uint64_t tasks_failed, tasks_cancelled, run_usec;
        uint64_t barrier;
        char *why; /* owned */
};
TAILQ_HEAD(wait_list, wait_entry);

struct wait {
        struct stream stream;
        struct selector *selector; /* owned; NULL when all jobs are known */
        struct wait_list watching, asking, ended;
        bool is_any;
        bool is_selecting; /* the read in flight is the selector's */
        bool told_any;
        uint64_t asked_task; /* the read in flight goes on from this task */
        uint64_t first_failed_usec;
};

/* -------------------------------------------------------------------------------- wait_entry.c */

/*
 * A new entry, in no list yet, counted as a watch. *out_entry NULL: there are too many, and the
 * stream has ended with a refusal.
 */
_must_use_ int wait_add_entry(struct wait *wait, uint64_t id, uint64_t task,
                              struct wait_entry **out_entry);
/* It is one task, or a job of one, whose state is known: how many did not succeed. */
void wait_count_one(struct wait_entry *entry);
/* A new entry for an unfinished job. task: ENGINE_ALL_TASKS, or one that is named. */
_must_use_ int wait_watch(struct wait *wait, struct job *job, uint64_t task);
/* It is in no list. */
void wait_entry_free(struct wait_entry *entry);
void wait_list_free(struct wait_list *list);
/* From the list it is in to those that are to be told. */
void wait_entry_end(struct wait_entry *entry, struct wait_list *from);
_must_use_ int wait_set_why(struct wait_entry *entry, const char *why);

/* --------------------------------------------------------------------------------- wait_rows.c */

/* Asks how the first entry of wait->asking ended; the answer goes to wait_on_answer(). */
_must_use_ int wait_ask(struct wait *wait, const struct wait_entry *entry);
_must_use_ int wait_on_answer(struct wait *wait, const struct journal_page *page);
