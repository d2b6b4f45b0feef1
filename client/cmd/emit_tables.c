/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --json shows: one table per kind of record.
 *
 * The names are a promise: once given, a name keeps its meaning and its type; new rows may be added
 * anywhere. A field that is absent in a record has no name in its object. emit.c turns rows into
 * JSON and decides how each kind of value is written.
 */
#include <stddef.h>

#include "client/cmd/emit_private.h"

/* clang-format off */
static const struct emit_row emit_usage_rows[] = {
        { EMIT_SECONDS, "user_seconds", JOBCTL_USAGE_USER_USEC, NULL },
        { EMIT_SECONDS, "system_seconds", JOBCTL_USAGE_SYSTEM_USEC, NULL },
        { EMIT_PLAIN, "memory_peak_bytes", JOBCTL_USAGE_MEMORY_PEAK_BYTES, NULL },
        { EMIT_PLAIN, "read_bytes", JOBCTL_USAGE_READ_BYTES, NULL },
        { EMIT_PLAIN, "write_bytes", JOBCTL_USAGE_WRITE_BYTES, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_usage = { emit_usage_rows };

static const struct emit_row emit_attempt_rows[] = {
        { EMIT_PLAIN, "task", JOBCTL_ATTEMPT_TASK, NULL },
        { EMIT_STATE, "state", JOBCTL_ATTEMPT_STATE, NULL },
        { EMIT_PLAIN, "attempt", JOBCTL_ATTEMPT_ATTEMPT, NULL },
        { EMIT_PLAIN, "slot", JOBCTL_ATTEMPT_SLOT, NULL },
        { EMIT_SIGNED, "exit_code", JOBCTL_ATTEMPT_EXIT_CODE, NULL },
        { EMIT_SIGNAL, "exit_signal", JOBCTL_ATTEMPT_EXIT_SIGNAL, NULL },
        { EMIT_WORDS, "why", JOBCTL_ATTEMPT_WHY, NULL },
        { EMIT_WALL, "started_at", JOBCTL_ATTEMPT_START_WALL_USEC, NULL },
        { EMIT_WALL, "ended_at", JOBCTL_ATTEMPT_END_WALL_USEC, NULL },
        { EMIT_SECONDS, "run_seconds", JOBCTL_ATTEMPT_RUN_USEC, NULL },
        { EMIT_PLAIN, "worker", JOBCTL_ATTEMPT_WORKER, NULL },
        { EMIT_PLAIN, "pid", JOBCTL_ATTEMPT_PID, NULL },
        { EMIT_TABLE, "usage", JOBCTL_ATTEMPT_USAGE, &emit_usage },
        { EMIT_PLAIN, "output_bytes", JOBCTL_ATTEMPT_OUTPUT_BYTES, NULL },
        { EMIT_FLAG, "output_cut", JOBCTL_ATTEMPT_OUTPUT_CUT, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_attempt = { emit_attempt_rows };

static const struct emit_row emit_rlimit_rows[] = {
        { EMIT_PLAIN, "resource", JOBCTL_RLIMIT_RESOURCE, NULL },
        { EMIT_PLAIN, "soft", JOBCTL_RLIMIT_SOFT, NULL },
        { EMIT_PLAIN, "hard", JOBCTL_RLIMIT_HARD, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_rlimit = { emit_rlimit_rows };

static const struct emit_row emit_halt_rows[] = {
        { EMIT_HALT, "on", JOBCTL_HALT_ON, NULL },
        { EMIT_FLAG, "now", JOBCTL_HALT_NOW, NULL },
        { EMIT_PLAIN, "count", JOBCTL_HALT_COUNT, NULL },
        { EMIT_PLAIN, "percent", JOBCTL_HALT_PERCENT, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_halt = { emit_halt_rows };

static const struct emit_row emit_dependency_rows[] = {
        { EMIT_DEPENDENCY, "kind", JOBCTL_DEPENDENCY_KIND, NULL },
        { EMIT_PLAIN, "id", JOBCTL_DEPENDENCY_JOB, NULL },
        { EMIT_PLAIN, "sibling", JOBCTL_DEPENDENCY_SIBLING, NULL },
        { EMIT_FLAG, "impossible", JOBCTL_DEPENDENCY_IMPOSSIBLE, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_dependency = { emit_dependency_rows };

static const struct emit_row emit_resource_ask_rows[] = {
        { EMIT_WORDS, "name", JOBCTL_RESOURCE_ASK_NAME, NULL },
        { EMIT_PLAIN, "count", JOBCTL_RESOURCE_ASK_COUNT, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_resource_ask = { emit_resource_ask_rows };

static const struct emit_row emit_lock_ask_rows[] = {
        { EMIT_WORDS, "name", JOBCTL_LOCK_ASK_NAME, NULL },
        { EMIT_FLAG, "shared", JOBCTL_LOCK_ASK_SHARED, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_lock_ask = { emit_lock_ask_rows };

static const struct emit_row emit_spec_rows[] = {
        { EMIT_WORDS, "name", JOBCTL_SPEC_NAME, NULL },
        { EMIT_BYTES_LIST, "argv", JOBCTL_SPEC_ARGV, NULL },
        { EMIT_FLAG, "shell", JOBCTL_SPEC_SHELL, NULL },
        { EMIT_BYTES, "cwd", JOBCTL_SPEC_CWD, NULL },
        { EMIT_PLAIN, "umask", JOBCTL_SPEC_UMASK, NULL },
        { EMIT_SIGNED, "nice", JOBCTL_SPEC_NICE, NULL },
        { EMIT_MAP, "labels", JOBCTL_SPEC_LABELS, NULL },
        { EMIT_BYTES, "input", JOBCTL_SPEC_INPUT_PATH, NULL },
        { EMIT_BYTES, "output", JOBCTL_SPEC_OUTPUT_PATH, NULL },
        { EMIT_BYTES, "error", JOBCTL_SPEC_ERROR_PATH, NULL },
        { EMIT_FLAG, "append", JOBCTL_SPEC_OUTPUT_APPEND, NULL },
        { EMIT_PLAIN, "output_cap_bytes", JOBCTL_SPEC_OUTPUT_CAP_BYTES, NULL },
        { EMIT_SECONDS, "time_limit_seconds", JOBCTL_SPEC_TIME_LIMIT_USEC, NULL },
        { EMIT_SIGNAL, "warn_signal", JOBCTL_SPEC_WARN_SIGNAL, NULL },
        { EMIT_SECONDS, "warn_before_seconds", JOBCTL_SPEC_WARN_BEFORE_USEC, NULL },
        { EMIT_SECONDS, "grace_seconds", JOBCTL_SPEC_GRACE_USEC, NULL },
        { EMIT_PLAIN, "retries", JOBCTL_SPEC_RETRIES, NULL },
        { EMIT_PLAIN_LIST, "retry_on", JOBCTL_SPEC_RETRY_ON, NULL },
        { EMIT_SECONDS, "retry_delay_seconds", JOBCTL_SPEC_RETRY_DELAY_USEC, NULL },
        { EMIT_FLAG, "requeue", JOBCTL_SPEC_REQUEUE, NULL },
        { EMIT_WORDS, "unique", JOBCTL_SPEC_UNIQUE, NULL },
        { EMIT_FLAG, "hold", JOBCTL_SPEC_HOLD, NULL },
        { EMIT_WALL, "begin", JOBCTL_SPEC_BEGIN_WALL_USEC, NULL },
        { EMIT_SIGNED, "priority", JOBCTL_SPEC_PRIORITY, NULL },
        { EMIT_PLAIN, "cpus", JOBCTL_SPEC_CPUS, NULL },
        { EMIT_PLAIN, "memory_bytes", JOBCTL_SPEC_MEMORY_BYTES, NULL },
        { EMIT_TABLES_IF, "resources", JOBCTL_SPEC_RESOURCES, &emit_resource_ask },
        { EMIT_TABLES_IF, "locks", JOBCTL_SPEC_LOCKS, &emit_lock_ask },
        { EMIT_PLAIN, "array_first", JOBCTL_SPEC_ARRAY_FIRST, NULL },
        { EMIT_PLAIN, "array_last", JOBCTL_SPEC_ARRAY_LAST, NULL },
        { EMIT_PLAIN, "array_step", JOBCTL_SPEC_ARRAY_STEP, NULL },
        { EMIT_PLAIN, "array_width", JOBCTL_SPEC_ARRAY_WIDTH, NULL },
        { EMIT_PLAIN, "map_values", JOBCTL_SPEC_MAP_VALUES, NULL },
        { EMIT_SECONDS, "start_delay_seconds", JOBCTL_SPEC_START_DELAY_USEC, NULL },
        { EMIT_TABLE, "halt", JOBCTL_SPEC_HALT, &emit_halt },
        { EMIT_TABLES_IF, "dependencies", JOBCTL_SPEC_DEPENDENCIES, &emit_dependency },
        { EMIT_FLAG, "dependencies_any", JOBCTL_SPEC_DEPENDENCIES_ANY, NULL },
        { EMIT_FLAG, "keep_waiting", JOBCTL_SPEC_KEEP_WAITING, NULL },
        { EMIT_TABLES_IF, "rlimits", JOBCTL_SPEC_RLIMITS, &emit_rlimit },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_spec = { emit_spec_rows };

static const struct emit_row emit_environment_rows[] = {
        { EMIT_BYTES_LIST, "environment", JOBCTL_ENVIRONMENT_ENTRIES, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_environment = { emit_environment_rows };

static const struct emit_row emit_job_rows[] = {
        { EMIT_PLAIN, "id", JOBCTL_JOB_ID, NULL },
        { EMIT_STATE, "state", JOBCTL_JOB_STATE, NULL },
        { EMIT_INLINE, NULL, JOBCTL_JOB_SPEC, &emit_spec },
        { EMIT_PLAIN, "uid", JOBCTL_JOB_UID, NULL },
        { EMIT_WORDS, "queue", JOBCTL_JOB_QUEUE, NULL },
        { EMIT_BLOCKERS, "blockers", JOBCTL_JOB_BLOCKERS, NULL },
        { EMIT_REASON, "why", JOBCTL_JOB_WHY, NULL },
        { EMIT_WALL, "submitted_at", JOBCTL_JOB_SUBMIT_WALL_USEC, NULL },
        { EMIT_WALL, "not_before", JOBCTL_JOB_BEGIN_WALL_USEC, NULL },
        { EMIT_PLAIN, "task_count", JOBCTL_JOB_TASK_COUNT, NULL },
        { EMIT_STATE_COUNTS, "tasks_by_state", JOBCTL_JOB_TASKS_BY_STATE, NULL },
        { EMIT_TABLES, "attempts", JOBCTL_JOB_ATTEMPTS, &emit_attempt },
        { EMIT_INLINE, NULL, JOBCTL_JOB_ENVIRONMENT, &emit_environment },
        { EMIT_WALL, "ended_at", JOBCTL_JOB_END_WALL_USEC, NULL },
        { EMIT_FLAG, "open", JOBCTL_JOB_OPEN, NULL },
        { EMIT_PLAIN, "seen_task", JOBCTL_JOB_SEEN_TASK, NULL },
        { EMIT_TABLES_IF, "waits_for", JOBCTL_JOB_DEPENDENCIES, &emit_dependency },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_job = { emit_job_rows };

static const struct emit_row emit_settings_rows[] = {
        { EMIT_POLICY, "policy", JOBCTL_SETTINGS_POLICY, NULL },
        { EMIT_PLAIN, "width", JOBCTL_SETTINGS_WIDTH_TASKS, NULL },
        { EMIT_PLAIN, "width_cores", JOBCTL_SETTINGS_WIDTH_CORES, NULL },
        { EMIT_HUNDREDTHS, "weight", JOBCTL_SETTINGS_WEIGHT, NULL },
        { EMIT_SECONDS, "time_limit_seconds", JOBCTL_SETTINGS_TIME_LIMIT_USEC, NULL },
        { EMIT_PLAIN, "memory_bytes", JOBCTL_SETTINGS_MEMORY_BYTES, NULL },
        { EMIT_PLAIN, "cpus", JOBCTL_SETTINGS_CPUS, NULL },
        { EMIT_SIGNED, "priority", JOBCTL_SETTINGS_PRIORITY, NULL },
        { EMIT_WORDS, "users", JOBCTL_SETTINGS_USERS, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_settings = { emit_settings_rows };

static const struct emit_row emit_queue_rows[] = {
        { EMIT_WORDS, "name", JOBCTL_QUEUE_NAME, NULL },
        { EMIT_INLINE, NULL, JOBCTL_QUEUE_SETTINGS, &emit_settings },
        { EMIT_FLAG, "paused", JOBCTL_QUEUE_PAUSED, NULL },
        { EMIT_FLAG, "draining", JOBCTL_QUEUE_DRAINING, NULL },
        { EMIT_PLAIN, "jobs", JOBCTL_QUEUE_JOBS, NULL },
        { EMIT_PLAIN, "running", JOBCTL_QUEUE_RUNNING, NULL },
        { EMIT_PLAIN, "cores", JOBCTL_QUEUE_CORES, NULL },
        { EMIT_PLAIN, "owner_uid", JOBCTL_QUEUE_OWNER_UID, NULL },
        { EMIT_FLAG, "may_use", JOBCTL_QUEUE_MAY_USE, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_queue = { emit_queue_rows };

static const struct emit_row emit_status_rows[] = {
        { EMIT_WORDS, "build", JOBCTL_STATUS_BUILD, NULL },
        { EMIT_PLAIN, "pid", JOBCTL_STATUS_PID, NULL },
        { EMIT_WALL, "started_at", JOBCTL_STATUS_START_WALL_USEC, NULL },
        { EMIT_FLAG, "system_mode", JOBCTL_STATUS_SYSTEM_MODE, NULL },
        { EMIT_PLAIN, "workers_wanted", JOBCTL_STATUS_WORKERS_WANTED, NULL },
        { EMIT_PLAIN, "workers_alive", JOBCTL_STATUS_WORKERS_ALIVE, NULL },
        { EMIT_PLAIN, "workers_busy", JOBCTL_STATUS_WORKERS_BUSY, NULL },
        { EMIT_PLAIN, "queued", JOBCTL_STATUS_QUEUED, NULL },
        { EMIT_PLAIN, "running", JOBCTL_STATUS_RUNNING, NULL },
        { EMIT_PLAIN, "finished", JOBCTL_STATUS_FINISHED, NULL },
        { EMIT_FLAG, "draining", JOBCTL_STATUS_DRAINING, NULL },
        { EMIT_PLAIN, "own_queued", JOBCTL_STATUS_OWN_QUEUED, NULL },
        { EMIT_PLAIN, "own_running", JOBCTL_STATUS_OWN_RUNNING, NULL },
        { EMIT_WORDS, "containment", JOBCTL_STATUS_CONTAINMENT, NULL },
        { EMIT_WORDS, "state_dir", JOBCTL_STATUS_STATE_DIR, NULL },
        { EMIT_PLAIN, "disk_free_bytes", JOBCTL_STATUS_DISK_FREE_BYTES, NULL },
        { EMIT_FLAG, "disk_full", JOBCTL_STATUS_DISK_FULL, NULL },
        { EMIT_FLAG, "pool_connected", JOBCTL_STATUS_POOL_CONNECTED, NULL },
        { EMIT_PLAIN, "commit_count", JOBCTL_STATUS_COMMIT_COUNT, NULL },
        { EMIT_SECONDS, "commit_seconds_p50", JOBCTL_STATUS_COMMIT_USEC_P50, NULL },
        { EMIT_SECONDS, "commit_seconds_max", JOBCTL_STATUS_COMMIT_USEC_MAX, NULL },
        { EMIT_PLAIN, "sessions", JOBCTL_STATUS_SESSIONS, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_status = { emit_status_rows };

static const struct emit_row emit_act_rows[] = {
        { EMIT_PLAIN, "id", JOBCTL_ACT_ID, NULL },
        { EMIT_PLAIN, "task", JOBCTL_ACT_TASK, NULL },
        { EMIT_STATE, "state", JOBCTL_ACT_STATE, NULL },
        { EMIT_PLAIN, "error", JOBCTL_ACT_CODE, NULL },
        { EMIT_WORDS, "message", JOBCTL_ACT_MESSAGE, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_act = { emit_act_rows };

static const struct emit_row emit_why_rows[] = {
        { EMIT_PLAIN, "id", JOBCTL_WHY_ID, NULL },
        { EMIT_STATE, "state", JOBCTL_WHY_STATE, NULL },
        { EMIT_BLOCKERS, "blockers", JOBCTL_WHY_BLOCKERS, NULL },
        { EMIT_REASON, "why", JOBCTL_WHY_TEXT, NULL },
        { EMIT_SECONDS, "wait_seconds", JOBCTL_WHY_WAIT_USEC, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_why = { emit_why_rows };

static const struct emit_row emit_ended_rows[] = {
        { EMIT_PLAIN, "id", JOBCTL_ENDED_ID, NULL },
        { EMIT_PLAIN, "task", JOBCTL_ENDED_TASK, NULL },
        { EMIT_STATE, "state", JOBCTL_ENDED_STATE, NULL },
        { EMIT_SIGNED, "exit_code", JOBCTL_ENDED_EXIT_CODE, NULL },
        { EMIT_SIGNAL, "exit_signal", JOBCTL_ENDED_EXIT_SIGNAL, NULL },
        { EMIT_WORDS, "why", JOBCTL_ENDED_WHY, NULL },
        { EMIT_PLAIN, "tasks_failed", JOBCTL_ENDED_TASKS_FAILED, NULL },
        { EMIT_PLAIN, "tasks_cancelled", JOBCTL_ENDED_TASKS_CANCELLED, NULL },
        { EMIT_SECONDS, "run_seconds", JOBCTL_ENDED_RUN_USEC, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_ended = { emit_ended_rows };

/* The names of emit_attempt, for a task's end in a stream of results. */
static const struct emit_row emit_task_rows[] = {
        { EMIT_PLAIN, "task", JOBCTL_TASK_NUMBER, NULL },
        { EMIT_STATE, "state", JOBCTL_TASK_STATE, NULL },
        { EMIT_PLAIN, "attempt", JOBCTL_TASK_ATTEMPT, NULL },
        { EMIT_PLAIN, "slot", JOBCTL_TASK_SLOT, NULL },
        { EMIT_SIGNED, "exit_code", JOBCTL_TASK_EXIT_CODE, NULL },
        { EMIT_SIGNAL, "exit_signal", JOBCTL_TASK_EXIT_SIGNAL, NULL },
        { EMIT_WORDS, "why", JOBCTL_TASK_WHY, NULL },
        { EMIT_WALL, "started_at", JOBCTL_TASK_START_WALL_USEC, NULL },
        { EMIT_WALL, "ended_at", JOBCTL_TASK_END_WALL_USEC, NULL },
        { EMIT_SECONDS, "run_seconds", JOBCTL_TASK_RUN_USEC, NULL },
        { EMIT_PLAIN, "output_bytes", JOBCTL_TASK_OUTPUT_BYTES, NULL },
        { EMIT_FLAG, "output_cut", JOBCTL_TASK_OUTPUT_CUT, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_task = { emit_task_rows };

static const struct emit_row emit_event_rows[] = {
        { EMIT_PLAIN, "seq", JOBCTL_EVENT_SEQ, NULL },
        { EMIT_WALL, "time", JOBCTL_EVENT_WALL_USEC, NULL },
        { EMIT_PLAIN, "job", JOBCTL_EVENT_JOB, NULL },
        { EMIT_PLAIN, "task", JOBCTL_EVENT_TASK, NULL },
        { EMIT_WORDS, "event", JOBCTL_EVENT_KIND, NULL },
        { EMIT_STATE, "state", JOBCTL_EVENT_STATE, NULL },
        { EMIT_REASON, "detail", JOBCTL_EVENT_DETAIL, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_event = { emit_event_rows };

static const struct emit_row emit_resource_rows[] = {
        { EMIT_WORDS, "name", JOBCTL_RESOURCE_NAME, NULL },
        { EMIT_PLAIN, "units", JOBCTL_RESOURCE_CAPACITY, NULL },
        { EMIT_PLAIN, "used", JOBCTL_RESOURCE_USED, NULL },
        { EMIT_PLAIN, "waiting", JOBCTL_RESOURCE_WAITING, NULL },
        { EMIT_FLAG, "machine", JOBCTL_RESOURCE_MACHINE, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_resource = { emit_resource_rows };

/* state: 1 waits, 2 holds. */
static const struct emit_row emit_lock_rows[] = {
        { EMIT_WORDS, "name", JOBCTL_LOCK_NAME, NULL },
        { EMIT_PLAIN, "state", JOBCTL_LOCK_STATE, NULL },
        { EMIT_FLAG, "shared", JOBCTL_LOCK_SHARED, NULL },
        { EMIT_FLAG, "machine", JOBCTL_LOCK_MACHINE, NULL },
        { EMIT_PLAIN, "uid", JOBCTL_LOCK_UID, NULL },
        { EMIT_PLAIN, "pid", JOBCTL_LOCK_PID, NULL },
        { EMIT_PLAIN, "job", JOBCTL_LOCK_JOB, NULL },
        { EMIT_PLAIN, "task", JOBCTL_LOCK_TASK, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_lock = { emit_lock_rows };

static const struct emit_row emit_worker_rows[] = {
        { EMIT_PLAIN, "number", JOBCTL_WORKER_NUMBER, NULL },
        { EMIT_PLAIN, "pid", JOBCTL_WORKER_PID, NULL },
        { EMIT_FLAG, "connected", JOBCTL_WORKER_CONNECTED, NULL },
        { EMIT_PLAIN, "job", JOBCTL_WORKER_JOB, NULL },
        { EMIT_PLAIN, "task", JOBCTL_WORKER_TASK, NULL },
        { EMIT_PLAIN, "leases", JOBCTL_WORKER_LEASES, NULL },
        { EMIT_WORDS, "build", JOBCTL_WORKER_BUILD, NULL },
        { EMIT_FLAG, "retiring", JOBCTL_WORKER_RETIRING, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_worker = { emit_worker_rows };

static const struct emit_row emit_pool_rows[] = {
        { EMIT_PLAIN, "wanted", JOBCTL_POOL_WANTED, NULL },
        { EMIT_FLAG, "connected", JOBCTL_POOL_CONNECTED, NULL },
        { EMIT_PLAIN, "pid", JOBCTL_POOL_PID, NULL },
        { EMIT_TABLES, "workers", JOBCTL_POOL_WORKERS, &emit_worker },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_pool = { emit_pool_rows };

static const struct emit_row emit_entry_rows[] = {
        { EMIT_WORDS, "section", JOBCTL_ENTRY_SECTION, NULL },
        { EMIT_WORDS, "key", JOBCTL_ENTRY_KEY, NULL },
        { EMIT_WORDS, "value", JOBCTL_ENTRY_VALUE, NULL },
        { EMIT_WORDS, "origin", JOBCTL_ENTRY_ORIGIN, NULL },
        { EMIT_END, NULL, 0, NULL },
};
static const struct emit_table emit_entry = { emit_entry_rows };

static const struct emit_row emit_config_rows[] = {
        { EMIT_TABLES, "entries", JOBCTL_CONFIG_ENTRIES, &emit_entry },
        { EMIT_WORDS_LIST, "warnings", JOBCTL_CONFIG_WARNINGS, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_config = { emit_config_rows };

static const struct emit_row emit_purged_rows[] = {
        { EMIT_PLAIN, "purged", JOBCTL_PURGED_JOBS, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_purged = { emit_purged_rows };

static const struct emit_row emit_other_rows[] = {
        { EMIT_PLAIN, "uid", JOBCTL_OTHER_UID, NULL },
        { EMIT_PLAIN, "queued", JOBCTL_OTHER_QUEUED, NULL },
        { EMIT_PLAIN, "running", JOBCTL_OTHER_RUNNING, NULL },
        { EMIT_END, NULL, 0, NULL },
};
const struct emit_table emit_other = { emit_other_rows };
/* clang-format on */
