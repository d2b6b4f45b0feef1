/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON, by tables; the only user of jansson. */
#pragma once

#include <stdio.h>

#include "client/jobctl.h"

struct json_t;
struct emit_table; /* which fields of a record, under which names */

extern const struct emit_table emit_spec, emit_job, emit_status, emit_act, emit_ended, emit_event,
        emit_pool, emit_config, emit_purged, emit_other;

/* One object and a newline on stdout. 0, or -1 without memory. */
int emit_print_item(const struct jobctl_item *item, const struct emit_table *table);

/* A piece of a task's output. */
struct emit_log {
        uint64_t job, task;
        enum jobctl_output which;
        uint64_t wall_usec;
        const char *data; /* borrowed */
        size_t size;
};
int emit_print_log(const struct emit_log *record);

/* One array of objects on stdout. */
int emit_print_array(const struct jobctl_result *result, const struct emit_table *table);
