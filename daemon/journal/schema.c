/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema as a list of steps. The file's user_version says how many of them it has seen; opening
 * runs the rest, each in one transaction with its number, so a crash in between leaves a valid
 * older version and the next start goes on. A file with more steps than we know is refused: an
 * older jobd would not keep what the newer one promises.
 *
 *     job              one row per submission; small, rewritten at each change of state
 *     spec             its packed Spec, apart from `job` so that a change of state does not copy it
 *     environment      packed Environments by content, found by SHA-256
 *     environment_use  how many specs name each, apart for the same reason as spec
 *     task             the newest attempt of each task that has begun to exist
 *     output           record logs that were small enough to travel with the exit status
 *     input            chunks of the values of maps; with a rowid, since a chunk fills many pages
 *     event            history; start-up never reads it
 *     key              what a submission key was answered with
 *     queue            what an administrator said of each named queue; a row of the default one
 *                      only when something was said of it
 *     resource         capacities that users gave their own named resources
 *     lock_grant       locks that processes hold
 *     setting          what administrators said of the daemon itself, by name; without a row: 0
 *     remains          dropped jobs of which too many rows were left for one transaction
 *     mark             the high numbers ever used, one row
 *     dependency       what unfinished jobs wait for, as far as it is not decided
 *
 * What an index costs is paid at each submission, so there are only three beside the primary keys:
 * job_by_uid (lists of a user), job_unfinished (what goes through all that is queued), event_by_job
 * (history of a job, and forgetting it). input_by_task costs one entry a chunk.
 *
 * If you change the format: append a step, never edit one that was released; add the column to
 * statement.c and row.c; add a fixture of the older version to test_schema.c.
 */
#include "daemon/journal/schema.h"

#include <stdio.h>

/* clang-format off */
const char *const schema_steps[] = {
        [0] =
        "CREATE TABLE job (id INTEGER PRIMARY KEY, uid INTEGER NOT NULL, gid INTEGER NOT NULL,"
        " state INTEGER NOT NULL, finished INTEGER NOT NULL, hold INTEGER NOT NULL,"
        " requeue INTEGER NOT NULL, priority INTEGER NOT NULL, cpus INTEGER NOT NULL,"
        " memory_bytes INTEGER NOT NULL, submit_wall INTEGER NOT NULL,"
        " begin_wall INTEGER NOT NULL, end_wall INTEGER NOT NULL, task_count INTEGER NOT NULL,"
        " task_next INTEGER NOT NULL, array_first INTEGER NOT NULL, array_step INTEGER NOT NULL,"
        " array_width INTEGER NOT NULL, retries INTEGER NOT NULL, retry_delay INTEGER NOT NULL,"
        " retry_on BLOB, tasks_ok INTEGER NOT NULL, tasks_failed INTEGER NOT NULL, name TEXT,"
        " unique_key TEXT, why TEXT, spec_bytes INTEGER NOT NULL);"
        "CREATE INDEX job_by_uid ON job (uid);"
        "CREATE INDEX job_unfinished ON job (finished) WHERE finished = 0;"
        "CREATE TABLE spec (job INTEGER PRIMARY KEY, environment INTEGER, data BLOB NOT NULL);"
        "CREATE TABLE environment (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE,"
        " data BLOB NOT NULL);"
        "CREATE TABLE environment_use (id INTEGER PRIMARY KEY, uses INTEGER NOT NULL);"
        "CREATE TABLE task (job INTEGER NOT NULL, task INTEGER NOT NULL, state INTEGER NOT NULL,"
        " stop_reason INTEGER NOT NULL, started INTEGER NOT NULL, attempt INTEGER NOT NULL,"
        " lease INTEGER NOT NULL, worker INTEGER NOT NULL, generation INTEGER NOT NULL,"
        " boot_id BLOB, pid INTEGER NOT NULL, retry_wall INTEGER NOT NULL,"
        " start_wall INTEGER NOT NULL, end_wall INTEGER NOT NULL, run_usec INTEGER NOT NULL,"
        " exit_code INTEGER NOT NULL, exit_signal INTEGER NOT NULL, user_usec INTEGER NOT NULL,"
        " system_usec INTEGER NOT NULL, memory_peak_bytes INTEGER NOT NULL,"
        " read_bytes INTEGER NOT NULL, write_bytes INTEGER NOT NULL,"
        " output_bytes INTEGER NOT NULL, output_disk_bytes INTEGER NOT NULL,"
        " output_where INTEGER NOT NULL, output_cut INTEGER NOT NULL, why TEXT,"
        " PRIMARY KEY (job, task)) WITHOUT ROWID;"
        "CREATE TABLE output (job INTEGER NOT NULL, task INTEGER NOT NULL,"
        " attempt INTEGER NOT NULL, records BLOB NOT NULL,"
        " PRIMARY KEY (job, task)) WITHOUT ROWID;"
        "CREATE TABLE event (seq INTEGER PRIMARY KEY, wall INTEGER NOT NULL,"
        " job INTEGER NOT NULL, task INTEGER NOT NULL, uid INTEGER NOT NULL,"
        " kind INTEGER NOT NULL, state INTEGER NOT NULL, detail TEXT);"
        "CREATE INDEX event_by_job ON event (job);"
        "CREATE TABLE key (uid INTEGER NOT NULL, key BLOB NOT NULL, first_id INTEGER NOT NULL,"
        " count INTEGER NOT NULL, wall INTEGER NOT NULL,"
        " PRIMARY KEY (uid, key)) WITHOUT ROWID;"
        "CREATE TABLE remains (job INTEGER PRIMARY KEY);"
        "CREATE TABLE mark (id INTEGER PRIMARY KEY CHECK (id = 1),"
        " last_sequence INTEGER NOT NULL, last_job_id INTEGER NOT NULL,"
        " last_lease INTEGER NOT NULL);"
        "INSERT INTO mark VALUES (1, 0, 0, 0);",
        /* Maps. */
        [1] =
        "ALTER TABLE job ADD COLUMN map_values INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN input INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN chunk_next INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN input_bytes INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN seen_task INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN start_delay INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN halt_on INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN halt_now INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN halt_count INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN halt_percent INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE input (id INTEGER PRIMARY KEY, job INTEGER NOT NULL,"
        " number INTEGER NOT NULL, first_task INTEGER NOT NULL, count INTEGER NOT NULL,"
        " data BLOB NOT NULL);"
        "CREATE UNIQUE INDEX input_by_task ON input (job, first_task);",
        /* Ends by state, and slots. tasks_failed stays all that did not succeed; what has no row of
         * its own, or one in state 8, was cancelled. The others: 7 failed, 9 timeout, 10 oom,
         * 11 lost. Unfinished jobs are counted at each start. */
        [2] =
        "ALTER TABLE job ADD COLUMN tasks_cancelled INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN tasks_timeout INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN tasks_oom INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN tasks_lost INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE task ADD COLUMN slot INTEGER NOT NULL DEFAULT 0;"
        "UPDATE job SET"
        " tasks_cancelled = max(0, tasks_failed - (SELECT count(*) FROM task"
        " WHERE task.job = job.id AND task.state IN (7, 9, 10, 11))),"
        " tasks_timeout = (SELECT count(*) FROM task WHERE task.job = job.id AND task.state = 9),"
        " tasks_oom = (SELECT count(*) FROM task WHERE task.job = job.id AND task.state = 10),"
        " tasks_lost = (SELECT count(*) FROM task WHERE task.job = job.id AND task.state = 11)"
        " WHERE finished = 1 AND tasks_failed > 0;",
        /* Dependencies. */
        [3] =
        "CREATE TABLE dependency (job INTEGER NOT NULL, ordinal INTEGER NOT NULL,"
        " kind INTEGER NOT NULL, parent INTEGER NOT NULL, flags INTEGER NOT NULL,"
        " PRIMARY KEY (job, ordinal)) WITHOUT ROWID;",
        /* Queues. */
        [4] =
        "ALTER TABLE job ADD COLUMN queue INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE job ADD COLUMN time_limit INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
        " policy INTEGER NOT NULL, width_tasks INTEGER NOT NULL, width_cores INTEGER NOT NULL,"
        " time_limit INTEGER NOT NULL, memory_bytes INTEGER NOT NULL, cpus INTEGER NOT NULL,"
        " priority INTEGER NOT NULL, weight INTEGER NOT NULL, paused INTEGER NOT NULL,"
        " draining INTEGER NOT NULL, owner_uid INTEGER NOT NULL, users TEXT);",
        /* Named resources and locks. */
        [5] =
        "ALTER TABLE job ADD COLUMN asks TEXT;"
        "ALTER TABLE task ADD COLUMN held TEXT;"
        "CREATE TABLE resource (uid INTEGER NOT NULL, name TEXT NOT NULL,"
        " capacity INTEGER NOT NULL, PRIMARY KEY (uid, name)) WITHOUT ROWID;"
        "CREATE TABLE lock_grant (uid INTEGER NOT NULL, token BLOB NOT NULL, name TEXT NOT NULL,"
        " shared INTEGER NOT NULL, pid INTEGER NOT NULL, start INTEGER NOT NULL,"
        " boot_id BLOB NOT NULL, job INTEGER NOT NULL, task INTEGER NOT NULL,"
        " PRIMARY KEY (uid, token)) WITHOUT ROWID;",
        /* Settings. */
        [6] =
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;",
};
/* clang-format on */
const size_t schema_steps_count = sizeof(schema_steps) / sizeof(schema_steps[0]);

static int schema_read_number(sqlite3 *db, const char *sql, int *out_number)
{
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_step(stmt);
        if (code == SQLITE_ROW)
                *out_number = sqlite3_column_int(stmt, 0);
        sqlite3_finalize(stmt);
        return code == SQLITE_ROW ? 0 : SCHEMA_E_SQL;
}

int schema_examine(sqlite3 *db, size_t count, int *out_version)
{
        int application = 0, tables = 0;

        if (schema_read_number(db, "PRAGMA application_id", &application) != 0 ||
            schema_read_number(db, "PRAGMA user_version", out_version) != 0 ||
            schema_read_number(db, "SELECT count(*) FROM sqlite_schema", &tables) != 0)
                return SCHEMA_E_SQL;
        /* An empty file becomes ours; anything else must say that it is. */
        if (application != SCHEMA_APPLICATION_ID &&
            (application != 0 || tables != 0 || *out_version != 0))
                return SCHEMA_E_FOREIGN;
        return *out_version < 0 || (size_t)*out_version > count ? SCHEMA_E_NEWER : 0;
}

static int schema_claim(sqlite3 *db)
{
        char sql[64];

        snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", SCHEMA_APPLICATION_ID);
        return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : SCHEMA_E_SQL;
}

static int schema_run_step(sqlite3 *db, const char *step, size_t number)
{
        char version[64];

        snprintf(version, sizeof(version), "PRAGMA user_version = %zu", number);
        if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
                return SCHEMA_E_SQL;
        if (sqlite3_exec(db, step, NULL, NULL, NULL) == SQLITE_OK &&
            sqlite3_exec(db, version, NULL, NULL, NULL) == SQLITE_OK &&
            sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
                return 0;
        /* No ROLLBACK: it would replace the message. Closing the connection does the same. */
        return SCHEMA_E_SQL;
}

int schema_migrate(sqlite3 *db, const char *const *steps, size_t count)
{
        int version = 0, r;

        r = schema_examine(db, count, &version);
        if (r == 0 && version == 0)
                r = schema_claim(db);
        if (r != 0)
                return r;
        for (size_t i = (size_t)version; i < count; i++) {
                r = schema_run_step(db, steps[i], i + 1);
                if (r != 0)
                        return r;
        }
        return 0;
}
