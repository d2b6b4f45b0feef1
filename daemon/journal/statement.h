/* SPDX-License-Identifier: Apache-2.0 */
/* Every SQL statement that is run again and again, by name; and values into and out of them. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/journal/arena.h"

enum statement {
        STATEMENT_BEGIN,
        STATEMENT_COMMIT,
        STATEMENT_ROLLBACK,
        STATEMENT_MARK_SET,
        STATEMENT_JOB_PUT,
        STATEMENT_JOB_SET_OPEN,
        STATEMENT_JOB_SET_ANY,
        STATEMENT_JOB_SET_SEEN,
        STATEMENT_JOB_UPDATE,
        STATEMENT_JOB_DROP,
        STATEMENT_JOB_GET,
        STATEMENT_JOB_LIST,
        STATEMENT_JOB_LIST_USER,
        STATEMENT_JOB_UNFINISHED,
        STATEMENT_JOB_MOVE,
        STATEMENT_JOB_TOTALS,
        STATEMENT_JOB_TOTALS_USER,
        STATEMENT_SPEC_PUT,
        STATEMENT_SPEC_SET,
        STATEMENT_SPEC_GET,
        STATEMENT_SPEC_DROP,
        STATEMENT_ENVIRONMENT_FIND,
        STATEMENT_ENVIRONMENT_PUT,
        STATEMENT_ENVIRONMENT_GET,
        STATEMENT_ENVIRONMENT_DROP,
        STATEMENT_USE_ADD,
        STATEMENT_USE_GET,
        STATEMENT_USE_DROP,
        STATEMENT_TASK_PUT,
        STATEMENT_TASK_SET_OUTPUT,
        STATEMENT_TASK_GET,
        STATEMENT_TASK_LIST,
        STATEMENT_TASK_FROM_JOB,
        STATEMENT_TASK_DROP,
        STATEMENT_TASK_USE,
        STATEMENT_TASK_TOTALS,
        STATEMENT_OUTPUT_PUT,
        STATEMENT_OUTPUT_GET,
        STATEMENT_OUTPUT_LIST,
        STATEMENT_OUTPUT_DROP,
        STATEMENT_INPUT_PUT,
        STATEMENT_INPUT_GET,
        STATEMENT_INPUT_DROP,
        STATEMENT_EVENT_PUT,
        STATEMENT_EVENT_LIST,
        STATEMENT_EVENT_LIST_BACK,
        STATEMENT_EVENT_LIST_JOB,
        STATEMENT_EVENT_LIST_JOB_BACK,
        STATEMENT_EVENT_DROP,
        STATEMENT_KEY_PUT,
        STATEMENT_KEY_GET,
        STATEMENT_KEY_LIST,
        STATEMENT_KEY_WALK,
        STATEMENT_KEY_DROP,
        STATEMENT_QUEUE_PUT,
        STATEMENT_QUEUE_LIST,
        STATEMENT_QUEUE_DROP,
        STATEMENT_QUEUE_LAST,
        STATEMENT_RESOURCE_PUT,
        STATEMENT_RESOURCE_DROP,
        STATEMENT_RESOURCE_LIST,
        STATEMENT_SETTING_PUT,
        STATEMENT_SETTING_LIST,
        STATEMENT_GRANT_PUT,
        STATEMENT_GRANT_DROP,
        STATEMENT_GRANT_LIST,
        STATEMENT_REMAINS_PUT,
        STATEMENT_REMAINS_FIRST,
        STATEMENT_REMAINS_DROP,
        STATEMENT_DEPENDENCY_PUT,
        STATEMENT_DEPENDENCY_DROP,
        STATEMENT_DEPENDENCY_DROP_JOBS,
        STATEMENT_DEPENDENCY_LIST,
        STATEMENT_COUNT,
};

const char *statement_sql(enum statement which);

/* Columns of `job`, `task`, `event` in the order that the statements name them. */
enum job_column {
        JOB_COLUMN_ID,
        JOB_COLUMN_UID,
        JOB_COLUMN_STATE = 3,
        JOB_COLUMN_FINISHED = 4,
        JOB_COLUMN_SUBMIT = 10,
        JOB_COLUMN_END = 12,
        JOB_COLUMN_NAME = 23,
};
enum task_column {
        TASK_COLUMN_JOB,
        TASK_COLUMN_TASK,
};
enum input_column {
        INPUT_COLUMN_UID,
        INPUT_COLUMN_MAP_VALUES,
        INPUT_COLUMN_FIRST_TASK,
        INPUT_COLUMN_COUNT,
        INPUT_COLUMN_DATA,
};
enum event_column {
        EVENT_COLUMN_SEQ,
        EVENT_COLUMN_JOB = 2,
        EVENT_COLUMN_UID = 4,
};

/*
 * Binds one value after the other; the first error stays in `code` (SQLITE_OK at the beginning).
 * Texts and blobs are not copied: they must stay until the statement was stepped and reset.
 */
struct binder {
        sqlite3_stmt *stmt;
        int column; /* last one bound; 0 at the beginning */
        int code;
};
void bind_number(struct binder *to, uint64_t value);
void bind_signed(struct binder *to, int64_t value);
void bind_text(struct binder *to, const char *text);              /* NULL: SQL NULL */
void bind_blob(struct binder *to, const void *data, size_t size); /* NULL: SQL NULL */

/* Reads one column after the other; texts and blobs are copied into the arena. */
struct taker {
        sqlite3_stmt *stmt;
        struct arena *arena;
        int column;  /* next one; 0 at the beginning */
        bool failed; /* memory ended */
};
uint64_t take_number(struct taker *from);
int64_t take_signed(struct taker *from);
uint32_t take_u32(struct taker *from);
uint8_t take_u8(struct taker *from);
const char *take_text(struct taker *from); /* NULL for SQL NULL */
/* NULL unless the column is a blob of exactly `size` bytes. */
const uint8_t *take_bytes(struct taker *from, size_t size);
