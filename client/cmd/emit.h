/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON, by tables. */
#pragma once

#include <stdio.h>

#include "client/jobctl.h"

struct json_t;
struct emit_table; /* which fields of a record, under which names */

extern const struct emit_table emit_why, emit_spec, emit_job, emit_status, emit_act, emit_ended,
        emit_event, emit_resource, emit_lock, emit_pool, emit_config, emit_purged, emit_other,
        emit_task, emit_queue;

/* One object and a newline on stdout. 0, or -1 without memory. */
int emit_print_item(const struct jobctl_item *item, const struct emit_table *table);

/* {"name":NAME,"id":ID} and a newline. Returns likewise. */
int emit_print_named(const char *name, uint64_t id);

/* {"id":ID,"existing":false} and a newline: what a submission came to. Returns likewise. */
int emit_print_submitted(uint64_t id, bool existing);
/* {"name":NAME,"FLAG":true} and a newline; without the name when it is NULL. Returns likewise. */
int emit_print_flag(const char *name, const char *flag, bool on);

/* A piece of a task's output. */
struct emit_log {
        uint64_t job, task;
        enum jobctl_output which;
        uint64_t wall_usec;
        const char *data; /* borrowed */
        size_t size;
};
int emit_print_log(const struct emit_log *record);

/* A task of a job (JOBCTL_ATTEMPT_*) as one object of its own. Returns likewise. */
int emit_print_task(uint64_t job, const struct jobctl_item *attempt);
/*
 * A job (JOBCTL_JOB_*) as one object, its attempts added one by one. Owned by the caller until
 * emit_end_job(), which prints it: as the next of an array, or, index EMIT_ALONE, with a newline.
 * NULL and -1 without memory.
 */
#define EMIT_ALONE SIZE_MAX
struct json_t *emit_begin_job(const struct jobctl_item *job);
void emit_add_attempt(struct json_t *object, const struct jobctl_item *attempt);
int emit_end_job(struct json_t *object, size_t index);
/* The next object of an array, index from 0; emit_end_array() when all `count` are out. */
int emit_print_next(size_t index, const struct jobctl_item *item, const struct emit_table *table);
void emit_end_array(size_t count);
/* The families of jobctl_stats() as one object, by name (emit_stats.c). 0, or -1 without memory. */
int emit_print_stats(const struct jobctl_result *result);
/* One array of objects on stdout. */
int emit_print_array(const struct jobctl_result *result, const struct emit_table *table);
