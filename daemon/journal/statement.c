/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQL of the journal, in one table, and the two small cursors that carry values across.
 *
 * Column lists are macros so that the INSERT, the SELECTs and the order in which row.c binds and
 * takes cannot drift apart. Numbers of 64 bits are stored as SQLite's signed integers; the two
 * conversions here are exact both ways, so UINT64_MAX ("no limit") comes back as it went in. What
 * is compared or ordered in SQL (ids, sequences, times) stays far below 2^63.
 *
 * Statements are prepared once by store_open() and kept. A SELECT that is left un-reset would keep
 * the WAL from being reused: whoever steps one resets it (store_reset()).
 */
#include "daemon/journal/statement.h"

#define JOB_COLUMNS                                                                                \
        "id, uid, gid, state, finished, hold, requeue, priority, cpus, memory_bytes,"              \
        " submit_wall, begin_wall, end_wall, task_count, task_next, array_first, array_step,"      \
        " array_width, retries, retry_delay, retry_on, tasks_ok, tasks_failed, name, unique_key,"  \
        " why, spec_bytes, map_values, input, chunk_next, input_bytes, seen_task, start_delay,"    \
        " halt_on, halt_now, halt_count, halt_percent, tasks_cancelled, tasks_timeout, tasks_oom," \
        " tasks_lost, queue, time_limit, asks"
/* Those that journal_set_job() changes; `finished` follows in one of the two statements. */
#define JOB_CHANGES                                                                                \
        "state = ?, hold = ?, priority = ?, begin_wall = ?, end_wall = ?, task_next = ?,"          \
        " tasks_ok = ?, tasks_failed = ?, why = ?, task_count = ?, input = ?, chunk_next = ?,"     \
        " input_bytes = ?, seen_task = ?, tasks_cancelled = ?, tasks_timeout = ?, tasks_oom = ?,"  \
        " tasks_lost = ?, queue = ?"
#define TOTALS_JOB_COLUMNS "id, uid, state, finished, submit_wall, task_count, cpus, queue"
#define TASK_COLUMNS                                                                               \
        "job, task, state, stop_reason, started, attempt, lease, worker, generation, boot_id, "    \
        "pid,"                                                                                     \
        " retry_wall, start_wall, end_wall, run_usec, exit_code, exit_signal, user_usec,"          \
        " system_usec, memory_peak_bytes, read_bytes, write_bytes, output_bytes,"                  \
        " output_disk_bytes, output_where, output_cut, why, slot, held"
#define QUEUE_COLUMNS                                                                              \
        "id, name, policy, width_tasks, width_cores, time_limit, memory_bytes, cpus, priority,"    \
        " weight, paused, draining, owner_uid, users"
#define GRANT_COLUMNS "uid, token, name, shared, pid, start, boot_id, job, task"
#define EVENT_COLUMNS "seq, wall, job, task, uid, kind, state, detail"

/* clang-format off */
static const char *const statements[STATEMENT_COUNT] = {
        [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
        [STATEMENT_COMMIT] = "COMMIT",
        [STATEMENT_ROLLBACK] = "ROLLBACK",
        [STATEMENT_MARK_SET] =
                "UPDATE mark SET last_sequence = ?, last_job_id = ?, last_lease = ? WHERE id = 1",

        [STATEMENT_JOB_PUT] =
                "INSERT INTO job (" JOB_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
                "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        /* Leaves `finished` and its index alone, which most changes of a job do. */
        [STATEMENT_JOB_SET_OPEN] =
                "UPDATE job SET " JOB_CHANGES " WHERE id = ? AND finished = 0",
        [STATEMENT_JOB_SET_ANY] =
                "UPDATE job SET " JOB_CHANGES ", finished = ?21 WHERE id = ?20",
        [STATEMENT_JOB_SET_SEEN] = "UPDATE job SET seen_task = ? WHERE id = ?",
        [STATEMENT_JOB_UPDATE] =
                "UPDATE job SET name = ?, requeue = ?, cpus = ?, memory_bytes = ?, retries = ?,"
                " retry_delay = ?, retry_on = ?, time_limit = ?, spec_bytes = ? WHERE id = ?",
        [STATEMENT_JOB_DROP] = "DELETE FROM job WHERE id = ?",
        [STATEMENT_JOB_GET] = "SELECT " JOB_COLUMNS " FROM job WHERE id = ?",
        [STATEMENT_JOB_LIST] =
                "SELECT " JOB_COLUMNS " FROM job WHERE id BETWEEN ? AND ? ORDER BY id DESC",
        [STATEMENT_JOB_LIST_USER] =
                "SELECT " JOB_COLUMNS " FROM job INDEXED BY job_by_uid"
                " WHERE id BETWEEN ? AND ? AND uid = ? ORDER BY id DESC",
        [STATEMENT_JOB_UNFINISHED] =
                "SELECT " JOB_COLUMNS " FROM job INDEXED BY job_unfinished WHERE finished = 0"
                " ORDER BY id",
        [STATEMENT_JOB_MOVE] =
                "UPDATE job INDEXED BY job_unfinished SET queue = ? WHERE finished = 0 AND queue = ?",

        [STATEMENT_JOB_TOTALS] =
                "SELECT " TOTALS_JOB_COLUMNS " FROM job WHERE id <= ? ORDER BY id DESC",
        [STATEMENT_JOB_TOTALS_USER] =
                "SELECT " TOTALS_JOB_COLUMNS " FROM job INDEXED BY job_by_uid"
                " WHERE id <= ? AND uid = ? ORDER BY id DESC",

        [STATEMENT_SPEC_PUT] = "INSERT INTO spec (job, environment, data) VALUES (?,?,?)",
        [STATEMENT_SPEC_SET] = "UPDATE spec SET environment = ?, data = ? WHERE job = ?",
        [STATEMENT_SPEC_GET] = "SELECT environment, data FROM spec WHERE job = ?",
        [STATEMENT_SPEC_DROP] = "DELETE FROM spec WHERE job = ?",
        [STATEMENT_ENVIRONMENT_FIND] = "SELECT id FROM environment WHERE hash = ?",
        [STATEMENT_ENVIRONMENT_PUT] = "INSERT INTO environment (hash, data) VALUES (?,?)",
        [STATEMENT_ENVIRONMENT_GET] = "SELECT data FROM environment WHERE id = ?",
        [STATEMENT_ENVIRONMENT_DROP] = "DELETE FROM environment WHERE id = ?",
        [STATEMENT_USE_ADD] =
                "INSERT INTO environment_use (id, uses) VALUES (?,?)"
                " ON CONFLICT (id) DO UPDATE SET uses = uses + excluded.uses",
        [STATEMENT_USE_GET] = "SELECT uses FROM environment_use WHERE id = ?",
        [STATEMENT_USE_DROP] = "DELETE FROM environment_use WHERE id = ?",

        [STATEMENT_TASK_PUT] =
                "INSERT OR REPLACE INTO task (" TASK_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,"
                "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        [STATEMENT_TASK_SET_OUTPUT] =
                "UPDATE task SET output_where = ?, output_disk_bytes = ? WHERE job = ? AND task = ?",
        [STATEMENT_TASK_GET] = "SELECT " TASK_COLUMNS " FROM task WHERE job = ? AND task = ?",
        [STATEMENT_TASK_LIST] =
                "SELECT " TASK_COLUMNS " FROM task WHERE job = ? AND task >= ? ORDER BY task",
        [STATEMENT_TASK_FROM_JOB] =
                "SELECT " TASK_COLUMNS " FROM task WHERE job >= ? ORDER BY job, task",
        [STATEMENT_TASK_DROP] =
                "DELETE FROM task WHERE job = ?1 AND task IN"
                " (SELECT task FROM task WHERE job = ?1 ORDER BY task LIMIT ?2)",
        [STATEMENT_TASK_USE] =
                "SELECT job.uid, task.output_disk_bytes FROM task CROSS JOIN job"
                " ON job.id = task.job WHERE task.output_disk_bytes <> 0",
        [STATEMENT_TASK_TOTALS] =
                "SELECT task, state, attempt, start_wall, run_usec, user_usec + system_usec FROM task"
                " WHERE job = ? AND task >= ? ORDER BY task",
        [STATEMENT_OUTPUT_PUT] =
                "INSERT OR REPLACE INTO output (job, task, attempt, records) VALUES (?,?,?,?)",
        [STATEMENT_OUTPUT_GET] = "SELECT records FROM output WHERE job = ? AND task = ?",
        [STATEMENT_OUTPUT_LIST] =
                "SELECT task, records FROM output WHERE job = ? AND task >= ? ORDER BY task",
        [STATEMENT_OUTPUT_DROP] =
                "DELETE FROM output WHERE job = ?1 AND task IN"
                " (SELECT task FROM output WHERE job = ?1 ORDER BY task LIMIT ?2)",

        [STATEMENT_INPUT_PUT] =
                "INSERT OR REPLACE INTO input (job, number, first_task, count, data)"
                " VALUES (?,?,?,?,?)",
        /* The newest chunk that begins at or before the task. */
        [STATEMENT_INPUT_GET] =
                "SELECT job.uid, job.map_values, input.first_task, input.count, input.data"
                " FROM job CROSS JOIN input INDEXED BY input_by_task ON input.job = job.id"
                " WHERE job.id = ? AND input.first_task <= ? ORDER BY input.first_task DESC LIMIT 1",
        [STATEMENT_INPUT_DROP] =
                "DELETE FROM input WHERE id IN"
                " (SELECT id FROM input INDEXED BY input_by_task WHERE job = ?1"
                " ORDER BY first_task LIMIT ?2)",

        [STATEMENT_EVENT_PUT] =
                "INSERT INTO event (" EVENT_COLUMNS ") VALUES (?,?,?,?,?,?,?,?)",
        [STATEMENT_EVENT_LIST] =
                "SELECT " EVENT_COLUMNS " FROM event WHERE seq > ? ORDER BY seq",
        [STATEMENT_EVENT_LIST_BACK] =
                "SELECT " EVENT_COLUMNS " FROM event WHERE seq > ? ORDER BY seq DESC",
        [STATEMENT_EVENT_LIST_JOB] =
                "SELECT " EVENT_COLUMNS " FROM event INDEXED BY event_by_job"
                " WHERE seq > ? AND job = ? ORDER BY seq",
        [STATEMENT_EVENT_LIST_JOB_BACK] =
                "SELECT " EVENT_COLUMNS " FROM event INDEXED BY event_by_job"
                " WHERE seq > ? AND job = ? ORDER BY seq DESC",
        [STATEMENT_EVENT_DROP] =
                "DELETE FROM event WHERE seq IN"
                " (SELECT seq FROM event INDEXED BY event_by_job WHERE job = ?1 ORDER BY seq"
                " LIMIT ?2)",

        /* A retry of a known submission may come with its key again: the first answer stands. */
        [STATEMENT_KEY_PUT] =
                "INSERT OR IGNORE INTO key (uid, key, first_id, count, wall) VALUES (?,?,?,?,?)",
        [STATEMENT_KEY_GET] = "SELECT first_id, count FROM key WHERE uid = ? AND key = ?",
        [STATEMENT_KEY_LIST] = "SELECT uid, key, wall FROM key",
        [STATEMENT_KEY_WALK] =
                "SELECT uid, key, wall FROM key WHERE (uid, key) > (?,?) ORDER BY uid, key"
                " LIMIT ?",
        [STATEMENT_KEY_DROP] = "DELETE FROM key WHERE uid = ? AND key = ?",

        [STATEMENT_QUEUE_PUT] =
                "INSERT OR REPLACE INTO queue (" QUEUE_COLUMNS ")"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        [STATEMENT_QUEUE_LIST] = "SELECT " QUEUE_COLUMNS " FROM queue ORDER BY id",
        [STATEMENT_QUEUE_DROP] = "DELETE FROM queue WHERE id = ?",
        /* The newest id ever given, also to one that is gone. */
        [STATEMENT_QUEUE_LAST] = "SELECT seq FROM sqlite_sequence WHERE name = 'queue'",

        [STATEMENT_RESOURCE_PUT] =
                "INSERT OR REPLACE INTO resource (uid, name, capacity) VALUES (?,?,?)",
        [STATEMENT_RESOURCE_DROP] = "DELETE FROM resource WHERE uid = ? AND name = ?",
        [STATEMENT_RESOURCE_LIST] = "SELECT uid, name, capacity FROM resource",
        [STATEMENT_SETTING_PUT] = "INSERT OR REPLACE INTO setting (name, value) VALUES (?,?)",
        [STATEMENT_SETTING_LIST] = "SELECT name, value FROM setting",
        [STATEMENT_GRANT_PUT] =
                "INSERT OR REPLACE INTO lock_grant (" GRANT_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?)",
        [STATEMENT_GRANT_DROP] = "DELETE FROM lock_grant WHERE uid = ? AND token = ?",
        [STATEMENT_GRANT_LIST] = "SELECT " GRANT_COLUMNS " FROM lock_grant",

        [STATEMENT_REMAINS_PUT] = "INSERT OR IGNORE INTO remains (job) VALUES (?)",
        [STATEMENT_REMAINS_FIRST] = "SELECT job FROM remains LIMIT 1",
        [STATEMENT_REMAINS_DROP] = "DELETE FROM remains WHERE job = ?",

        [STATEMENT_DEPENDENCY_PUT] =
                "INSERT OR REPLACE INTO dependency (job, ordinal, kind, parent, flags)"
                " VALUES (?,?,?,?,?)",
        [STATEMENT_DEPENDENCY_DROP] = "DELETE FROM dependency WHERE job = ? AND ordinal = ?",
        [STATEMENT_DEPENDENCY_DROP_JOBS] = "DELETE FROM dependency WHERE job BETWEEN ? AND ?",
        /* The state that the parent ended with; 0: it is unfinished, or not there. */
        [STATEMENT_DEPENDENCY_LIST] =
                "SELECT d.job, d.ordinal, d.kind, d.parent, d.flags,"
                " CASE WHEN p.finished THEN p.state ELSE 0 END"
                " FROM dependency d LEFT JOIN job p ON p.id = d.parent ORDER BY d.job, d.ordinal",
};
/* clang-format on */

const char *statement_sql(enum statement which)
{
        return statements[which];
}

/* Keeps the first error: later calls may fail only because of it. */
static void bind_note(struct binder *to, int code)
{
        if (to->code == SQLITE_OK)
                to->code = code;
}

void bind_signed(struct binder *to, int64_t value)
{
        bind_note(to, sqlite3_bind_int64(to->stmt, ++to->column, value));
}

void bind_number(struct binder *to, uint64_t value)
{
        bind_signed(to, (int64_t)value);
}

void bind_text(struct binder *to, const char *text)
{
        /* A NULL pointer binds SQL NULL. */
        bind_note(to, sqlite3_bind_text(to->stmt, ++to->column, text, -1, SQLITE_STATIC));
}

void bind_blob(struct binder *to, const void *data, size_t size)
{
        bind_note(to, sqlite3_bind_blob64(to->stmt, ++to->column, data, size, SQLITE_STATIC));
}

int64_t take_signed(struct taker *from)
{
        return sqlite3_column_int64(from->stmt, from->column++);
}

uint64_t take_number(struct taker *from)
{
        return (uint64_t)take_signed(from);
}

uint32_t take_u32(struct taker *from)
{
        return (uint32_t)take_signed(from);
}

uint8_t take_u8(struct taker *from)
{
        return (uint8_t)take_signed(from);
}

const char *take_text(struct taker *from)
{
        const int column = from->column++;
        const void *text;
        char *copy;

        if (sqlite3_column_type(from->stmt, column) == SQLITE_NULL)
                return NULL;
        text = sqlite3_column_text(from->stmt, column);
        copy = text ? arena_copy_text(from->arena, text,
                                      (size_t)sqlite3_column_bytes(from->stmt, column))
                    : NULL;
        if (!copy)
                from->failed = true;
        return copy;
}

const uint8_t *take_bytes(struct taker *from, size_t size)
{
        const int column = from->column++;
        const void *const data = sqlite3_column_blob(from->stmt, column);
        uint8_t *copy;

        if (!data || (size_t)sqlite3_column_bytes(from->stmt, column) != size)
                return NULL;
        copy = arena_copy(from->arena, data, size);
        if (!copy)
                from->failed = true;
        return copy;
}
