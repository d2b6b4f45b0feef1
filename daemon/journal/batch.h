/* SPDX-License-Identifier: Apache-2.0 */
/* A batch from inside: a chain of typed records that apply.c turns into rows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "daemon/journal/arena.h"
#include "daemon/journal/journal.h"
#include "daemon/journal/work.h"

enum op_kind {
        OP_PUT_JOB,
        OP_SET_JOB,
        OP_UPDATE_JOB,
        OP_PUT_TASK,
        OP_PUT_OUTPUT,
        OP_SET_OUTPUT,
        OP_PUT_INPUT,
        OP_SET_SEEN,
        OP_PUT_EVENT,
        OP_PUT_KEY,
        OP_DROP_JOB,
        OP_PUT_QUEUE,
        OP_DROP_QUEUE,
        OP_MOVE_JOBS,
        OP_PUT_RESOURCE,
        OP_DROP_RESOURCE,
        OP_PUT_GRANT,
        OP_DROP_GRANT,
        OP_PUT_SETTING,
        OP_FETCH_SPEC,
        OP_FETCH_INPUT,
        OP_PUT_DEPENDENCY,
        OP_DROP_DEPENDENCY,
        OP_DROP_DEPENDENCIES,
        OP_COUNT,
};

/* Each op_* begins with its struct op and lives in the batch's arena. */
struct op {
        struct op *next;
        enum op_kind kind;
};

struct op_job { /* OP_PUT_JOB, OP_SET_JOB, OP_UPDATE_JOB */
        struct op op;
        struct journal_job row; /* texts in the arena; spec and environment: references held */
};

struct op_task {
        struct op op;
        struct journal_task row;
};

struct op_output {
        struct op op;
        uint64_t job, task;
        uint32_t attempt;
        struct journal_blob *records; /* reference held */
};

struct op_place {
        struct op op;
        uint64_t job, task;
        uint8_t output_where;
        uint64_t output_disk_bytes;
};

struct op_input {
        struct op op;
        uint64_t job, number, first_task, count;
        struct journal_blob *values; /* reference held */
};

struct op_seen {
        struct op op;
        uint64_t job, seen_task;
};

struct op_dependency { /* OP_PUT_DEPENDENCY, OP_DROP_DEPENDENCY */
        struct op op;
        struct journal_dependency row;
};

struct op_dependencies {
        struct op op;
        uint64_t first_job, last_job;
};

struct op_event {
        struct op op;
        struct journal_event row;
};

struct op_key {
        struct op op;
        uint32_t uid;
        uint8_t key[JOURNAL_KEY_BYTES];
        uint64_t first_id;
        uint32_t count;
        uint64_t wall_usec;
};

struct op_resource { /* OP_PUT_RESOURCE, OP_DROP_RESOURCE */
        struct op op;
        uint32_t uid, capacity;
        const char *name; /* in the arena */
};

struct op_setting { /* OP_PUT_SETTING */
        struct op op;
        const char *name; /* in the arena */
        uint64_t value;
};

struct op_grant { /* OP_PUT_GRANT, OP_DROP_GRANT: uid and token only */
        struct op op;
        struct journal_grant row; /* name in the arena */
};

struct op_drop { /* OP_DROP_JOB */
        struct op op;
        uint64_t job;
};

struct op_move { /* OP_MOVE_JOBS */
        struct op op;
        uint32_t from, to;
};

struct op_queue { /* OP_PUT_QUEUE; OP_DROP_QUEUE: only row.id */
        struct op op;
        struct journal_queue row;
};

struct op_fetch {
        struct op op;
        uint64_t job;
        void (*done)(void *arg, uint64_t token, struct journal_blob *spec,
                     struct journal_blob *environment);
        void *arg;
        uint64_t token;
        struct journal_blob *spec, *environment; /* the answer: references held */
};

struct op_fetch_input {
        struct op op;
        uint64_t job, task;
        void (*done)(void *arg, uint64_t token, uint64_t first_task, uint64_t count,
                     struct journal_blob *values);
        void *arg;
        uint64_t token;
        struct journal_inputs found; /* the answer: reference held */
};

struct journal_batch {
        struct work work;
        struct arena arena;
        struct op *first;
        struct op **last;
        size_t bytes; /* about what it adds to the store */
        bool has_fetch;
        uint64_t sequence, last_job_id, last_lease; /* journal_post() */
};
