/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libjobctl: hand commands to jobd, watch them, read their output.
 *
 * One `struct jobctl` is one connection, used by one thread at a time. Everything that the library
 * gives out is an opaque handle; numbers and texts are read from a handle by field name, so that a
 * newer daemon can say more without breaking older programs.
 *
 * Results: every function that returns int returns JOBCTL_OK (0) or one of enum jobctl_code, and
 * then jobctl_error_text() is a sentence for people. Outputs are untouched on failure. All texts
 * are UTF-8; argv, paths and environments are bytes and come with a length. Times are microseconds
 * since 1970 (`_wall_usec`), durations microseconds (`_usec`).
 *
 * A connection that breaks while a stream runs or an answer is awaited is made anew (see
 * jobctl_set_patience()): streams go on where they were, submissions keep their key and are never
 * doubled. Only a signal or a retry whose answer got lost ends with JOBCTL_E_LOST.
 *
 * The smallest program:
 *
 *     struct jobctl *conn;
 *     struct jobctl_spec *spec;
 *     uint64_t id;
 *     const char *const argv[] = { "make", "-j4" };
 *
 *     if (jobctl_new(&conn) || jobctl_spec_new(&spec) || jobctl_spec_capture(spec) ||
 *         jobctl_spec_set_argv(spec, argv, 2) || jobctl_submit(conn, &spec, 1, &id, NULL))
 *             errx(1, "%s", jobctl_error_text(conn));
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ------------------------------------------------------------------------------------ results */

enum jobctl_code {
        JOBCTL_OK = 0,

        /* The daemon's answers. */
        JOBCTL_E_USAGE = 1,       /* the request is wrong */
        JOBCTL_E_NO_SUCH_JOB = 2, /* unknown, or somebody else's: the same answer */
        JOBCTL_E_DENIED = 3,
        JOBCTL_E_BUSY = 4, /* a limit of connections or queue: try again */
        JOBCTL_E_FULL = 5, /* the disk or a quota is full: try again later */
        JOBCTL_E_VERSION = 6,
        JOBCTL_E_STATE = 7,    /* the job's state forbids it */
        JOBCTL_E_STOPPING = 8, /* the daemon is shutting down */
        JOBCTL_E_INTERNAL = 9,

        /* Our own. */
        JOBCTL_E_NO_DAEMON = 32, /* nobody listens, and none could be started */
        JOBCTL_E_UNTRUSTED,      /* somebody else listens at the daemon's place */
        JOBCTL_E_LOST,           /* the connection broke: whether it was done is unknown */
        JOBCTL_E_TIMEOUT,
        JOBCTL_E_PROTOCOL, /* the daemon said something that makes no sense */
        JOBCTL_E_SYSTEM,   /* memory, descriptors, a system call: the text tells */
};

/* --------------------------------------------------------------------------------- connection */

struct jobctl;

/* A connection that is not made yet. Owned by the caller. */
int jobctl_new(struct jobctl **out_conn);
/*
 * Ends everything of this connection without waiting: asynchronous calls get JOBCTL_E_LOST, streams
 * are freed without a callback. Never from inside a callback. NULL-safe, returns NULL.
 */
struct jobctl *jobctl_free(struct jobctl *conn);

/* The sentence of the last failure; never NULL; valid until the next call. NULL-safe. */
const char *jobctl_error_text(const struct jobctl *conn);

enum jobctl_place {
        JOBCTL_PLACE_AUTO,   /* the system's daemon if there is one, else the user's */
        JOBCTL_PLACE_SYSTEM, /* /run/jobd/jobd.sock */
        JOBCTL_PLACE_USER,   /* the caller's own, started when it is not there */
};

/*
 * Where the daemon is; all before the connection is made. A socket named here (or else in
 * $JOBCTL_SOCKET, if no place and no state folder was set) decides alone and never starts anything;
 * a state folder means the user's daemon that keeps its state there. Copied; NULL: not set.
 */
int jobctl_set_socket(struct jobctl *conn, const char *path);
int jobctl_set_state_dir(struct jobctl *conn, const char *path);
void jobctl_set_place(struct jobctl *conn, enum jobctl_place place);
/* May a missing user daemon be started? Default: yes. */
void jobctl_set_autostart(struct jobctl *conn, bool on);
/* How long to look for a daemon that went away, or to wait until one that starts greets; default
 * 60 s; 0: fail at once, and wait 10 s for the greeting. */
void jobctl_set_patience(struct jobctl *conn, uint64_t usec);

/*
 * Finds (or starts) the daemon and greets it; blocks for at most 15 s while it starts one, or the
 * patience when one is busy or does not greet yet. Every other call does it by itself when it was
 * not done. A no-op when connected.
 */
int jobctl_connect(struct jobctl *conn);

/* Of the daemon that was reached; NULL, false, 0 before. */
const char *jobctl_socket_path(const struct jobctl *conn);
const char *jobctl_daemon_build(const struct jobctl *conn);
bool jobctl_daemon_is_system(const struct jobctl *conn);
/* Is there a connection now? While one is made anew there is none. */
bool jobctl_is_connected(const struct jobctl *conn);
/* This library's version, "0.1.0". */
const char *jobctl_version(void);

/*
 * For programs with a loop of their own: poll `jobctl_fd()` for reading (the number never changes)
 * and call jobctl_process(), which never blocks except while it starts a user daemon, and calls the
 * callbacks of streams and asynchronous calls. Callbacks may start and free streams, but neither
 * free the connection nor make blocking calls. They return: no exception, no longjmp() leaves them.
 * Returns JOBCTL_OK, or the code with which the connection ended for good.
 */
int jobctl_fd(const struct jobctl *conn);
int jobctl_process(struct jobctl *conn);

/* ---------------------------------------------------------------------------- reading a handle */

/* One record of an answer; borrowed from the result or the callback that gave it. */
struct jobctl_item;

/* What a record holds. The values never change; new ones are added at any place. */
enum jobctl_field {
        /* a job */
        JOBCTL_JOB_ID = 0x0101,
        JOBCTL_JOB_UID,
        JOBCTL_JOB_STATE,    /* enum jobctl_state */
        JOBCTL_JOB_BLOCKERS, /* sum of enum jobctl_blocker */
        /* text; of a queued job half a sentence behind "job 17 ", with marks to be put into words:
         * {uid:1000} a user, {time:USEC} a time, {for:USEC} a duration */
        JOBCTL_JOB_WHY,
        JOBCTL_JOB_SUBMIT_WALL_USEC,
        JOBCTL_JOB_BEGIN_WALL_USEC, /* the time at which a begin or retry blocker ends */
        JOBCTL_JOB_SPEC,            /* one item */
        JOBCTL_JOB_TASK_COUNT,
        JOBCTL_JOB_TASKS_BY_STATE, /* numbers, indexed by state, when there are several tasks */
        JOBCTL_JOB_ATTEMPTS,       /* items */
        JOBCTL_JOB_ENVIRONMENT,    /* one item */
        JOBCTL_JOB_END_WALL_USEC,
        JOBCTL_JOB_OPEN,           /* flag: a map whose input is not closed yet */
        JOBCTL_JOB_SEEN_TASK,      /* tasks below it were shown to their owner (jobctl_seen()) */
        JOBCTL_JOB_DEPENDENCIES,   /* items: what it still waits for of other jobs */
        JOBCTL_JOB_QUEUE = 0x0114, /* text; absent: its queue is gone */

        /* what its owner decided; JOBCTL_SPEC_* are also the fields that a builder takes */
        JOBCTL_SPEC_ARGV = 0x0201, /* byte strings */
        JOBCTL_SPEC_CWD,           /* bytes */
        JOBCTL_SPEC_UMASK,
        JOBCTL_SPEC_NAME,    /* text */
        JOBCTL_SPEC_SHELL,   /* flag: argv is /bin/sh -c LINE */
        JOBCTL_SPEC_RLIMITS, /* items */
        JOBCTL_SPEC_NICE,    /* signed */
        JOBCTL_SPEC_LABELS,  /* items */
        JOBCTL_SPEC_INPUT_PATH = 0x020a,
        JOBCTL_SPEC_OUTPUT_PATH,
        JOBCTL_SPEC_ERROR_PATH,
        JOBCTL_SPEC_STDIN_PIPE, /* flag: stdin comes from a follower (JOBCTL_FOLLOW_STDIN) */
        JOBCTL_SPEC_OUTPUT_APPEND,
        JOBCTL_SPEC_OUTPUT_CAP_BYTES,
        JOBCTL_SPEC_TIME_LIMIT_USEC = 0x0214,
        JOBCTL_SPEC_WARN_SIGNAL,
        JOBCTL_SPEC_WARN_BEFORE_USEC,
        JOBCTL_SPEC_GRACE_USEC,
        JOBCTL_SPEC_RETRIES = 0x021e,
        JOBCTL_SPEC_RETRY_ON, /* numbers */
        JOBCTL_SPEC_RETRY_DELAY_USEC,
        JOBCTL_SPEC_REQUEUE,
        JOBCTL_SPEC_UNIQUE, /* text */
        JOBCTL_SPEC_HOLD,
        JOBCTL_SPEC_BEGIN_WALL_USEC,
        JOBCTL_SPEC_PRIORITY,
        JOBCTL_SPEC_CPUS = 0x0228,
        JOBCTL_SPEC_MEMORY_BYTES,
        JOBCTL_SPEC_RESOURCES = 0x022a,    /* items */
        JOBCTL_SPEC_LOCKS,                 /* items */
        JOBCTL_SPEC_QUEUE = 0x022c,        /* text: the queue it was submitted to */
        JOBCTL_SPEC_DEPENDENCIES = 0x022d, /* items */
        JOBCTL_SPEC_DEPENDENCIES_ANY,      /* flag: one of them is enough */
        JOBCTL_SPEC_KEEP_WAITING,          /* flag: stays when they can no longer come true */
        JOBCTL_SPEC_ARRAY_FIRST = 0x0232,
        JOBCTL_SPEC_ARRAY_LAST,
        JOBCTL_SPEC_ARRAY_STEP,
        JOBCTL_SPEC_ARRAY_WIDTH,         /* of a map, too: at most so many tasks at once */
        JOBCTL_SPEC_MAP_VALUES = 0x023c, /* a map: argv is a template for so many values */
        JOBCTL_SPEC_START_DELAY_USEC,    /* between the starts of two tasks */
        JOBCTL_SPEC_HALT,                /* one item; set through JOBCTL_HALT_* */

        /* the newest attempt of one task */
        JOBCTL_ATTEMPT_TASK = 0x0301,
        JOBCTL_ATTEMPT_STATE,
        JOBCTL_ATTEMPT_ATTEMPT, /* 1 is the first */
        JOBCTL_ATTEMPT_EXIT_CODE,
        JOBCTL_ATTEMPT_EXIT_SIGNAL,
        JOBCTL_ATTEMPT_WHY,
        JOBCTL_ATTEMPT_START_WALL_USEC,
        JOBCTL_ATTEMPT_END_WALL_USEC,
        JOBCTL_ATTEMPT_RUN_USEC,
        JOBCTL_ATTEMPT_WORKER,
        JOBCTL_ATTEMPT_PID,
        JOBCTL_ATTEMPT_USAGE, /* one item */
        JOBCTL_ATTEMPT_OUTPUT_BYTES,
        JOBCTL_ATTEMPT_OUTPUT_CUT,
        JOBCTL_ATTEMPT_SLOT, /* of an array or a map: {%} of that attempt, from 1 */

        JOBCTL_USAGE_USER_USEC = 0x0401,
        JOBCTL_USAGE_SYSTEM_USEC,
        JOBCTL_USAGE_MEMORY_PEAK_BYTES,
        JOBCTL_USAGE_READ_BYTES,
        JOBCTL_USAGE_WRITE_BYTES,

        JOBCTL_LABEL_KEY = 0x0501,
        JOBCTL_LABEL_VALUE,
        JOBCTL_RLIMIT_RESOURCE = 0x0601,
        JOBCTL_RLIMIT_SOFT,
        JOBCTL_RLIMIT_HARD,
        JOBCTL_ENVIRONMENT_ENTRIES = 0x0701, /* byte strings */

        /* a page of jobctl_list() */
        JOBCTL_PAGE_JOBS = 0x0801, /* items */
        JOBCTL_PAGE_MORE,          /* flag: ask again with JOBCTL_LIST_AFTER_* */
        JOBCTL_PAGE_NEXT_ID,
        JOBCTL_PAGE_NEXT_FINISHED,
        JOBCTL_PAGE_OTHERS, /* items: other users, for those who may not see their jobs */
        JOBCTL_OTHER_UID = 0x0901,
        JOBCTL_OTHER_QUEUED,
        JOBCTL_OTHER_RUNNING,

        /* the daemon */
        JOBCTL_STATUS_BUILD = 0x0a01,
        JOBCTL_STATUS_PID,
        JOBCTL_STATUS_START_WALL_USEC,
        JOBCTL_STATUS_SYSTEM_MODE,
        JOBCTL_STATUS_WORKERS_WANTED,
        JOBCTL_STATUS_WORKERS_ALIVE,
        JOBCTL_STATUS_WORKERS_BUSY,
        JOBCTL_STATUS_QUEUED,
        JOBCTL_STATUS_RUNNING,
        JOBCTL_STATUS_FINISHED,
        JOBCTL_STATUS_DRAINING,
        JOBCTL_STATUS_OWN_QUEUED,
        JOBCTL_STATUS_OWN_RUNNING,
        JOBCTL_STATUS_CONTAINMENT,
        JOBCTL_STATUS_STATE_DIR,
        JOBCTL_STATUS_DISK_FREE_BYTES,
        JOBCTL_STATUS_DISK_FULL,
        JOBCTL_STATUS_POOL_CONNECTED,
        JOBCTL_STATUS_COMMIT_COUNT,
        JOBCTL_STATUS_COMMIT_USEC_P50,
        JOBCTL_STATUS_COMMIT_USEC_MAX,
        JOBCTL_STATUS_SESSIONS,

        /* what jobctl_act() did to one job */
        JOBCTL_ACT_ID = 0x0b01,
        JOBCTL_ACT_CODE, /* absent or 0: done; else enum jobctl_code */
        JOBCTL_ACT_MESSAGE,
        JOBCTL_ACT_STATE,
        JOBCTL_ACT_TASK,

        /* a job's end */
        JOBCTL_ENDED_ID = 0x0c01,
        JOBCTL_ENDED_STATE,
        JOBCTL_ENDED_EXIT_CODE,
        JOBCTL_ENDED_EXIT_SIGNAL,
        JOBCTL_ENDED_WHY,
        JOBCTL_ENDED_TASKS_FAILED, /* all that did not succeed */
        JOBCTL_ENDED_RUN_USEC,
        JOBCTL_ENDED_TASK,            /* when jobctl_wait() was asked about this task alone */
        JOBCTL_ENDED_TASKS_CANCELLED, /* of those */

        /* a change of a followed task */
        JOBCTL_NEWS_STATE = 0x0d01,
        JOBCTL_NEWS_ATTEMPT,
        JOBCTL_NEWS_PID,
        JOBCTL_NEWS_OUTPUT_PATH, /* its output goes to this file */

        JOBCTL_EVENT_SEQ = 0x0e01,
        JOBCTL_EVENT_WALL_USEC,
        JOBCTL_EVENT_JOB,
        JOBCTL_EVENT_TASK,
        JOBCTL_EVENT_KIND, /* text: "submitted", "started", ... */
        JOBCTL_EVENT_STATE,
        JOBCTL_EVENT_DETAIL,

        JOBCTL_POOL_WANTED = 0x0f01,
        JOBCTL_POOL_WORKERS, /* items */
        JOBCTL_POOL_CONNECTED,
        JOBCTL_POOL_PID,
        JOBCTL_WORKER_NUMBER = 0x1001,
        JOBCTL_WORKER_PID,
        JOBCTL_WORKER_CONNECTED,
        JOBCTL_WORKER_JOB,
        JOBCTL_WORKER_TASK,
        JOBCTL_WORKER_LEASES,
        JOBCTL_WORKER_BUILD,
        JOBCTL_WORKER_RETIRING,

        JOBCTL_CONFIG_ENTRIES = 0x1101,  /* items */
        JOBCTL_CONFIG_WARNINGS = 0x1102, /* texts */
        JOBCTL_ENTRY_SECTION = 0x1201,
        JOBCTL_ENTRY_KEY,
        JOBCTL_ENTRY_VALUE,
        JOBCTL_ENTRY_ORIGIN,

        /* a family of numbers (jobctl_stats()) */
        JOBCTL_FAMILY_NAME = 0x2801,   /* text: "jobd_tasks_ended_total" */
        JOBCTL_FAMILY_HELP,            /* text: a sentence */
        JOBCTL_FAMILY_KIND,            /* enum jobctl_metric_kind */
        JOBCTL_FAMILY_PER,             /* values and bounds are in 1/PER of the name's unit */
        JOBCTL_FAMILY_BOUNDS,          /* numbers, of a histogram: rising */
        JOBCTL_FAMILY_SAMPLES,         /* items */
        JOBCTL_SAMPLE_LABELS = 0x2901, /* items: JOBCTL_LABEL_* */
        JOBCTL_SAMPLE_VALUE,           /* of a histogram: the sum of what was measured */
        JOBCTL_SAMPLE_COUNTS, /* numbers, of a histogram: up to each bound, then the rest */

        JOBCTL_PURGED_JOBS = 0x1301,
        JOBCTL_PROBLEM_CODE = 0x1401, /* enum jobctl_code */
        JOBCTL_PROBLEM_MESSAGE,

        /* a queue (jobctl_queue()) */
        JOBCTL_QUEUE_NAME = 0x2001,
        JOBCTL_QUEUE_SETTINGS, /* item */
        JOBCTL_QUEUE_PAUSED,   /* flag: starts nothing */
        JOBCTL_QUEUE_DRAINING, /* flag: takes no more jobs */
        JOBCTL_QUEUE_JOBS,     /* unfinished, everybody's */
        JOBCTL_QUEUE_RUNNING,  /* workers that run tasks of it */
        JOBCTL_QUEUE_CORES,    /* that these have */
        JOBCTL_QUEUE_OWNER_UID,
        JOBCTL_QUEUE_MAY_USE,            /* flag: you may */
        JOBCTL_SETTINGS_POLICY = 0x2101, /* enum jobctl_queue_policy */
        JOBCTL_SETTINGS_WIDTH_TASKS,     /* 0: no limit; so are the others but weight */
        JOBCTL_SETTINGS_WIDTH_CORES,
        JOBCTL_SETTINGS_WEIGHT, /* hundredths */
        JOBCTL_SETTINGS_TIME_LIMIT_USEC,
        JOBCTL_SETTINGS_MEMORY_BYTES,
        JOBCTL_SETTINGS_CPUS,
        JOBCTL_SETTINGS_PRIORITY, /* signed */
        JOBCTL_SETTINGS_USERS,    /* text: "1000,@100" */

        /* when an array or a map gives up its other tasks; a builder takes these, too */
        JOBCTL_HALT_ON = 0x1501, /* enum jobctl_halt */
        JOBCTL_HALT_NOW,         /* flag: also stop those that run */
        JOBCTL_HALT_COUNT,       /* after so many, */
        JOBCTL_HALT_PERCENT,     /* or so many percent */

        /* the end of one task (jobctl_results()) */
        JOBCTL_TASK_NUMBER = 0x1601,
        JOBCTL_TASK_STATE,
        JOBCTL_TASK_ATTEMPT, /* 0: it never began */
        JOBCTL_TASK_EXIT_CODE,
        JOBCTL_TASK_EXIT_SIGNAL,
        JOBCTL_TASK_WHY,
        JOBCTL_TASK_START_WALL_USEC,
        JOBCTL_TASK_END_WALL_USEC,
        JOBCTL_TASK_RUN_USEC,
        JOBCTL_TASK_OUTPUT_BYTES,
        JOBCTL_TASK_OUTPUT_CUT,
        JOBCTL_TASK_SPOOLED = 0x160d, /* flag: its output is a file: jobctl_follow() gives it */
        JOBCTL_TASK_SLOT,             /* of an array or a map: {%} of that attempt, from 1 */

        /* how far a job is */
        JOBCTL_PROGRESS_TASK_COUNT = 0x1701, /* so far, when open */
        JOBCTL_PROGRESS_OPEN,
        JOBCTL_PROGRESS_TASKS_BY_STATE, /* numbers, indexed by state */
        JOBCTL_PROGRESS_RUN_USEC,       /* of the tasks that ended since jobd knows them, in sum */
        JOBCTL_PROGRESS_RUN_COUNT,      /* how many those are */

        /* some values of a map (jobctl_inputs()) */
        /* what a job waits for */
        JOBCTL_DEPENDENCY_KIND = 0x1d01, /* enum jobctl_dependency */
        JOBCTL_DEPENDENCY_JOB,
        JOBCTL_DEPENDENCY_SIBLING,    /* or: the place of another spec of the same submission */
        JOBCTL_DEPENDENCY_IMPOSSIBLE, /* flag: it can no longer come true */

        /* what a job takes of named resources, and its locks */
        JOBCTL_RESOURCE_ASK_NAME = 0x1901,
        JOBCTL_RESOURCE_ASK_COUNT,
        JOBCTL_LOCK_ASK_NAME = 0x1c01,
        JOBCTL_LOCK_ASK_SHARED,
        /* named resources (jobctl_resource_list()) */
        JOBCTL_RESOURCE_NAME = 0x1a01,
        JOBCTL_RESOURCE_CAPACITY,
        JOBCTL_RESOURCE_USED,
        JOBCTL_RESOURCE_WAITING, /* jobs and processes in line */
        JOBCTL_RESOURCE_MACHINE, /* flag: the administrator's, for all users */
        /* who holds a lock, or waits for it (jobctl_lock_list()) */
        JOBCTL_LOCK_NAME = 0x1b01,
        JOBCTL_LOCK_STATE, /* 1: waits, 2: holds */
        JOBCTL_LOCK_SHARED,
        JOBCTL_LOCK_MACHINE,
        JOBCTL_LOCK_UID,
        JOBCTL_LOCK_PID,
        JOBCTL_LOCK_JOB,
        JOBCTL_LOCK_TASK,

        JOBCTL_INPUTS_FIRST_TASK = 0x1801,
        JOBCTL_INPUTS_COUNT,  /* of values; 0: there are no such tasks */
        JOBCTL_INPUTS_VALUES, /* bytes: each ended by a zero byte */

        /* why a job is where it is (jobctl_why()) */
        JOBCTL_WHY_ID = 0x2501,
        JOBCTL_WHY_STATE,
        JOBCTL_WHY_BLOCKERS,
        JOBCTL_WHY_TEXT,      /* as JOBCTL_JOB_WHY */
        JOBCTL_WHY_WAIT_USEC, /* about so long until it starts; absent: nobody knows */
};

enum jobctl_halt {
        JOBCTL_HALT_NONE,
        JOBCTL_HALT_FAIL,
        JOBCTL_HALT_SUCCESS,
        JOBCTL_HALT_DONE,
};

enum jobctl_state {
        JOBCTL_STATE_NONE,
        JOBCTL_STATE_QUEUED,
        JOBCTL_STATE_STARTING,
        JOBCTL_STATE_RUNNING,
        JOBCTL_STATE_PAUSED,
        JOBCTL_STATE_STOPPING,
        JOBCTL_STATE_SUCCEEDED,
        JOBCTL_STATE_FAILED,
        JOBCTL_STATE_CANCELLED,
        JOBCTL_STATE_TIMEOUT,
        JOBCTL_STATE_OOM,
        JOBCTL_STATE_LOST,
        JOBCTL_STATE_COUNT,
};

enum jobctl_blocker {
        JOBCTL_BLOCKER_HOLD = 1,
        JOBCTL_BLOCKER_BEGIN = 2,
        JOBCTL_BLOCKER_RETRY = 4,
        JOBCTL_BLOCKER_DEPENDENCY = 8,
        JOBCTL_BLOCKER_DRAIN = 16,
        JOBCTL_BLOCKER_QUEUE = 32,    /* it is paused, or at its width */
        JOBCTL_BLOCKER_RESOURCE = 64, /* a named resource, or a lock */
        JOBCTL_BLOCKER_CORES = 128,   /* cores or memory */
        JOBCTL_BLOCKER_CAP = 256,     /* its user has as many cores as he may have */
};

enum jobctl_dependency {
        JOBCTL_DEPENDENCY_NONE,
        JOBCTL_DEPENDENCY_AFTER, /* it has started, or ended */
        JOBCTL_DEPENDENCY_AFTEROK,
        JOBCTL_DEPENDENCY_AFTERANY,
        JOBCTL_DEPENDENCY_AFTERNOTOK,
        JOBCTL_DEPENDENCY_AFTERCORR, /* task by task */
        JOBCTL_DEPENDENCY_SINGLETON, /* no earlier own job of the same name is unfinished */
        JOBCTL_DEPENDENCY_COUNT,
};
/* "afterok"; "unknown" for one of a newer daemon. */
const char *jobctl_dependency_name(unsigned int kind);
/* JOBCTL_DEPENDENCY_NONE when `name` is no kind. */
enum jobctl_dependency jobctl_dependency_from_name(const char *name);

/* "running"; "unknown" for a state of a newer daemon. */
const char *jobctl_state_name(unsigned int state);
/* 0 (JOBCTL_STATE_NONE) when `name` is no state. */
enum jobctl_state jobctl_state_from_name(const char *name);
bool jobctl_state_is_finished(unsigned int state);

/*
 * Reads one field; item may be NULL. False (and *out_value untouched) when it is absent, or is no
 * field of this record. Flags are 0 and 1. Signed fields are read by jobctl_get_signed().
 */
bool jobctl_get_number(const struct jobctl_item *item, enum jobctl_field field,
                       uint64_t *out_value);
bool jobctl_get_signed(const struct jobctl_item *item, enum jobctl_field field, int64_t *out_value);
/* The same with a value for absence. */
uint64_t jobctl_number_or(const struct jobctl_item *item, enum jobctl_field field,
                          uint64_t otherwise);
/*
 * Text (NUL-terminated) or bytes (argv, paths, environment: not terminated, use *out_size); NULL
 * when absent. out_size may be NULL.
 */
const char *jobctl_get_text(const struct jobctl_item *item, enum jobctl_field field,
                            size_t *out_size);
/* The record inside this field, or NULL. */
const struct jobctl_item *jobctl_get_item(const struct jobctl_item *item, enum jobctl_field field);

/* Fields that hold several values; an index past the end gives NULL, 0. */
size_t jobctl_count(const struct jobctl_item *item, enum jobctl_field field);
uint64_t jobctl_get_number_at(const struct jobctl_item *item, enum jobctl_field field,
                              size_t index);
const char *jobctl_get_text_at(const struct jobctl_item *item, enum jobctl_field field,
                               size_t index, size_t *out_size);
const struct jobctl_item *jobctl_get_item_at(const struct jobctl_item *item,
                                             enum jobctl_field field, size_t index);

/*
 * The answer to one question: records (jobs, results of an action, events; or the one record that
 * says it all) and problems (ids that are unknown, say). Owned by the caller.
 */
struct jobctl_result;
struct jobctl_result *jobctl_result_free(struct jobctl_result *result);
size_t jobctl_result_count(const struct jobctl_result *result);
const struct jobctl_item *jobctl_result_item(const struct jobctl_result *result, size_t index);
/* The last page of the answer as one record (JOBCTL_PAGE_*); NULL without one. */
const struct jobctl_item *jobctl_result_page(const struct jobctl_result *result);
size_t jobctl_result_problem_count(const struct jobctl_result *result);
const struct jobctl_item *jobctl_result_problem(const struct jobctl_result *result, size_t index);

/* ------------------------------------------------------------------------------------- submit */

/* A job to be: argv and what its owner decides (JOBCTL_SPEC_*). Owned by the caller. */
struct jobctl_spec;

int jobctl_spec_new(struct jobctl_spec **out_spec);
struct jobctl_spec *jobctl_spec_free(struct jobctl_spec *spec);

/* All copy what they are given and replace what was there. Return JOBCTL_E_SYSTEM without memory,
 * JOBCTL_E_USAGE for a field that is no such thing. */
int jobctl_spec_set_argv(struct jobctl_spec *spec, const char *const *argv, size_t argc);
/* argv becomes {"/bin/sh", "-c", line}. */
int jobctl_spec_set_shell(struct jobctl_spec *spec, const char *line);
int jobctl_spec_set_text(struct jobctl_spec *spec, enum jobctl_field field, const char *text);
int jobctl_spec_set_number(struct jobctl_spec *spec, enum jobctl_field field, uint64_t value);
int jobctl_spec_set_signed(struct jobctl_spec *spec, enum jobctl_field field, int64_t value);
/* These add one. A label whose key is there replaces it. */
int jobctl_spec_add_label(struct jobctl_spec *spec, const char *key, const char *value);
int jobctl_spec_add_retry_on(struct jobctl_spec *spec, unsigned int exit_code);
/* Waits for a job (0 for SINGLETON), or for the one at this place in jobctl_submit()'s specs. */
int jobctl_spec_add_dependency(struct jobctl_spec *spec, enum jobctl_dependency kind, uint64_t job);
int jobctl_spec_add_sibling(struct jobctl_spec *spec, enum jobctl_dependency kind, size_t place);
/* Takes all of them away; for jobctl_update() that is a change, too. */
void jobctl_spec_clear_dependencies(struct jobctl_spec *spec);

/* Everything that a process has: the four below in one. */
int jobctl_spec_capture(struct jobctl_spec *spec);
int jobctl_spec_capture_cwd(struct jobctl_spec *spec);
int jobctl_spec_capture_umask(struct jobctl_spec *spec);
int jobctl_spec_capture_rlimits(struct jobctl_spec *spec);
int jobctl_spec_capture_environment(struct jobctl_spec *spec);
/* "K=V" sets or replaces; "K" takes K from this process (nothing, when it is unset). */
int jobctl_spec_add_environment(struct jobctl_spec *spec, const char *entry);

/* The record, for reading; borrowed from the spec. */
const struct jobctl_item *jobctl_spec_item(const struct jobctl_spec *spec);
/* Would it be accepted? JOBCTL_OK, or JOBCTL_E_USAGE and a sentence in `text` of `size` bytes. */
int jobctl_spec_check(const struct jobctl_spec *spec, char *text, size_t size);

/*
 * Submits `count` jobs; when it returns JOBCTL_OK they are on disk. As many as fit one frame (4
 * MiB, 10,000 jobs) are accepted together or not at all; several frames are pipelined, and after a
 * failure `out_ids` is 0 for those that were not accepted. out_ids: `count` numbers.
 * Jobs that wait for others of these specs go in one frame, or not at all.
 * out_existing (may be NULL): set when a job with the same unique key was there already.
 */
int jobctl_submit(struct jobctl *conn, struct jobctl_spec *const *specs, size_t count,
                  uint64_t *out_ids, bool *out_existing);

/* The same without waiting, for at most one frame; the specs may be freed on return. */
typedef void (*jobctl_submitted_fn)(void *arg, int code, const char *text, uint64_t first_id,
                                    size_t count, bool existing);
int jobctl_submit_async(struct jobctl *conn, struct jobctl_spec *const *specs, size_t count,
                        jobctl_submitted_fn fn, void *arg);

/* ---------------------------------------------------------------------------------- selecting */

/* Which jobs: the union of the ids added, or else all own jobs that match every filter. */
struct jobctl_selector;

int jobctl_selector_new(struct jobctl_selector **out_selector);
struct jobctl_selector *jobctl_selector_free(struct jobctl_selector *selector);
/* "17", "17.3", "1-5,8", "last", "all". `text`: receives the sentence (size bytes) on E_USAGE. */
int jobctl_selector_add(struct jobctl_selector *selector, const char *ids, char *text, size_t size);
int jobctl_selector_add_range(struct jobctl_selector *selector, uint64_t first, uint64_t last);
int jobctl_selector_add_task(struct jobctl_selector *selector, uint64_t id, uint64_t task);
int jobctl_selector_set_name(struct jobctl_selector *selector, const char *name);
int jobctl_selector_set_queue(struct jobctl_selector *selector, const char *queue);
int jobctl_selector_add_state(struct jobctl_selector *selector, enum jobctl_state state);
int jobctl_selector_add_label(struct jobctl_selector *selector, const char *key, const char *value);
/* Of the queued ones those that are held, those that something else keeps; beside the states. */
void jobctl_selector_set_held(struct jobctl_selector *selector, bool on);
void jobctl_selector_set_waiting(struct jobctl_selector *selector, bool on);
void jobctl_selector_set_all(struct jobctl_selector *selector, bool on);
void jobctl_selector_set_unfinished(struct jobctl_selector *selector, bool on);

/* ------------------------------------------------------------------------------ asking, acting */

struct jobctl_list_options {
        size_t size;                            /* sizeof(struct jobctl_list_options) */
        const struct jobctl_selector *selector; /* NULL: all own jobs */
        uint32_t limit;                         /* 0: 100; at most 1,000 a page */
        uint64_t after_id;                      /* JOBCTL_PAGE_NEXT_ID of the page before */
        bool after_finished;                    /* JOBCTL_PAGE_NEXT_FINISHED of the page before */
        bool all_users;
        uint64_t since_wall_usec;
};

/* Each blocks until the answer is there; *out_result is owned by the caller. */
int jobctl_ping(struct jobctl *conn);
int jobctl_list(struct jobctl *conn, const struct jobctl_list_options *options,
                struct jobctl_result **out_result);
int jobctl_why(struct jobctl *conn, const struct jobctl_selector *selector,
               struct jobctl_result **out_result);
int jobctl_info(struct jobctl *conn, const struct jobctl_selector *selector, bool environment,
                struct jobctl_result **out_result);
int jobctl_status(struct jobctl *conn, struct jobctl_result **out_result);
/* resize: the new number of workers, or 0 to ask only. */
int jobctl_pool(struct jobctl *conn, uint32_t resize, struct jobctl_result **out_result);
int jobctl_config(struct jobctl *conn, struct jobctl_result **out_result);

enum jobctl_metric_kind {
        JOBCTL_METRIC_NONE,
        JOBCTL_METRIC_GAUGE,
        JOBCTL_METRIC_COUNTER, /* rises from 0 at the start of the daemon */
        JOBCTL_METRIC_HISTOGRAM,
};

struct jobctl_stats_options {
        size_t size;              /* sizeof(struct jobctl_stats_options) */
        bool kept;                /* also sums of the jobs that the database keeps */
        uint64_t since_wall_usec; /* of these: submitted at or after; 0: all */
};
/* The result lists families of numbers: what the daemon has counted, and what there is now. */
int jobctl_stats(struct jobctl *conn, const struct jobctl_stats_options *options,
                 struct jobctl_result **out_result);
int jobctl_purge(struct jobctl *conn, const struct jobctl_selector *selector,
                 const uint64_t *older_than_usec, const uint64_t *keep_count,
                 struct jobctl_result **out_result);
int jobctl_drain(struct jobctl *conn, bool end);
int jobctl_shutdown(struct jobctl *conn, bool now);
/* The result is that of jobctl_config(): what is in force now, with warnings. */
int jobctl_reload(struct jobctl *conn, struct jobctl_result **out_result);

enum jobctl_queue_action {
        JOBCTL_QUEUE_ACTION_NONE,
        JOBCTL_QUEUE_ADD,
        JOBCTL_QUEUE_SET,
        JOBCTL_QUEUE_LIST,
        JOBCTL_QUEUE_PAUSE,
        JOBCTL_QUEUE_RESUME, /* ends pause and drain */
        JOBCTL_QUEUE_DRAIN,
        JOBCTL_QUEUE_REMOVE,
};

enum jobctl_queue_policy {
        JOBCTL_POLICY_NONE,
        JOBCTL_POLICY_FIFO,
        JOBCTL_POLICY_LIFO,
        JOBCTL_POLICY_PRIORITY,
};
/* "fifo"; "unknown" for one of a newer daemon. JOBCTL_POLICY_NONE when `name` is none. */
const char *jobctl_policy_name(unsigned int policy);
enum jobctl_queue_policy jobctl_policy_from_name(const char *name);

struct jobctl_queue_options {
        size_t size; /* sizeof(struct jobctl_queue_options) */
        enum jobctl_queue_action action;
        const char *name;    /* LIST: NULL: all */
        const char *move_to; /* REMOVE: who gets its jobs; NULL: it must have none */
        /* ADD, SET; NULL or NONE: as it is. */
        enum jobctl_queue_policy policy;
        const uint32_t *width_tasks, *width_cores, *weight, *cpus;
        const uint64_t *time_limit_usec, *memory_bytes;
        const int32_t *priority;
        const char *users; /* uids, and gids behind an @; "": everybody */
};
/* The result lists queues: those asked for, or the one that was changed; none after a removal. */
int jobctl_queue(struct jobctl *conn, const struct jobctl_queue_options *options,
                 struct jobctl_result **out_result);

enum jobctl_action {
        JOBCTL_ACTION_NONE,
        JOBCTL_ACTION_CANCEL,
        JOBCTL_ACTION_KILL,
        JOBCTL_ACTION_PAUSE,
        JOBCTL_ACTION_RESUME,
        JOBCTL_ACTION_HOLD,
        JOBCTL_ACTION_RELEASE,
        JOBCTL_ACTION_RETRY,
};

struct jobctl_act_options {
        size_t size; /* sizeof(struct jobctl_act_options) */
        enum jobctl_action action;
        int signo;                  /* KILL */
        const uint64_t *grace_usec; /* CANCEL: from TERM to KILL; NULL: the job's own */
        bool failed_only;           /* RETRY */
        bool lost_only;             /* RETRY */
};

/*
 * Changes jobs that are still queued, all that are selected or none: gives `changes` the fields
 * that are to be set (JOBCTL_SPEC_*, but not what the job is: argv, folder, files, array), the
 * dependencies that stand for all there were (or jobctl_spec_clear_dependencies()), and the
 * variables (jobctl_spec_add_environment()); unset: names of variables to take away. The result is
 * as jobctl_act()'s; a job that runs already makes it JOBCTL_E_STATE.
 */
int jobctl_update(struct jobctl *conn, const struct jobctl_selector *selector,
                  const struct jobctl_spec *changes, const char *const *unset, size_t unset_count,
                  struct jobctl_result **out_result);

int jobctl_act(struct jobctl *conn, const struct jobctl_act_options *options,
               const struct jobctl_selector *selector, struct jobctl_result **out_result);
/* Without waiting; fn (may be NULL) gets the result, borrowed, or NULL with a code. */
typedef void (*jobctl_result_fn)(void *arg, int code, const char *text,
                                 const struct jobctl_result *result);
int jobctl_act_async(struct jobctl *conn, const struct jobctl_act_options *options,
                     const struct jobctl_selector *selector, jobctl_result_fn fn, void *arg);

/* Questions without waiting, for programs with a loop of their own; likewise. */
int jobctl_list_async(struct jobctl *conn, const struct jobctl_list_options *options,
                      jobctl_result_fn fn, void *arg);
int jobctl_status_async(struct jobctl *conn, jobctl_result_fn fn, void *arg);
int jobctl_stats_async(struct jobctl *conn, const struct jobctl_stats_options *options,
                       jobctl_result_fn fn, void *arg);

/* ------------------------------------------------------------------------ resources and locks */

/* Each task of the job takes these together, or waits: units of a named resource, locks. */
int jobctl_spec_add_resource(struct jobctl_spec *spec, const char *name, uint32_t count);
int jobctl_spec_add_lock(struct jobctl_spec *spec, const char *name, bool shared);

/* The machine's named resources and one's own: JOBCTL_RESOURCE_*. */
int jobctl_resource_list(struct jobctl *conn, struct jobctl_result **out_result);
/* Makes an own resource with so many units, or changes how many. Nothing is taken from anybody. */
int jobctl_resource_set(struct jobctl *conn, const char *name, uint32_t capacity);
/* JOBCTL_E_STATE: unfinished jobs ask for it. */
int jobctl_resource_remove(struct jobctl *conn, const char *name);

struct jobctl_lock_options {
        size_t size; /* sizeof(struct jobctl_lock_options) */
        bool shared;
        uint32_t holder_pid;          /* the process that is to hold it; 0: this one */
        const uint64_t *timeout_usec; /* NULL: wait for ever; 0: only if it is free */
        /* Once, when it has to wait; may be NULL. */
        void (*on_wait)(void *arg);
        void *arg;
};
/*
 * Takes a lock for a process and returns when that process holds it: until it ends, however that
 * comes about, or until jobctl_unlock(). Whoever asks first is served first, jobs that were
 * submitted with a lock among them. A connection that breaks while waiting costs the place in line,
 * and never gives the lock twice; a lock that is held stays held when jobd is started again.
 * JOBCTL_E_TIMEOUT; JOBCTL_E_USAGE: waiting would close a circle, which the sentence names.
 */
int jobctl_lock(struct jobctl *conn, const char *name, const struct jobctl_lock_options *options);
/*
 * Gives back what this process (0: the caller) holds of that name. JOBCTL_E_STATE: nothing, unless
 * the connection broke before the answer: then it was given back by the first asking.
 */
int jobctl_unlock(struct jobctl *conn, const char *name, uint32_t holder_pid);
/* Who holds and who waits: JOBCTL_LOCK_*; of other users only that there are some. */
int jobctl_lock_list(struct jobctl *conn, struct jobctl_result **out_result);

/* ------------------------------------------------------------------------------------ streams */

/* News that come as they happen: output, ends of jobs, events. Lives until freed. */
struct jobctl_stream;

enum jobctl_output {
        JOBCTL_STDOUT = 1,
        JOBCTL_STDERR = 2,
        JOBCTL_MARK = 3, /* a remark of jobd itself: "output cut after 100 MiB" */
};

/* All may be NULL. Items are borrowed for the call. */
struct jobctl_stream_ops {
        size_t size; /* sizeof(struct jobctl_stream_ops) */
        /* Output in order of arrival at the worker; wall_usec: when. */
        void (*on_data)(void *arg, enum jobctl_output which, uint64_t wall_usec, const void *data,
                        size_t size);
        /* Follow: JOBCTL_NEWS_*. Wait: JOBCTL_ENDED_*. Events: JOBCTL_EVENT_*. */
        void (*on_item)(void *arg, const struct jobctl_item *item);
        /* Wait: one of the ids is unknown. */
        void (*on_problem)(void *arg, int code, const char *text);
        /* Follow with stdin: there is room again, or the job reads no more. */
        void (*on_stdin)(void *arg);
        /* Follow with JOBCTL_FOLLOW_CAUGHT_UP, once: all that was there at the start was told. */
        void (*on_caught_up)(void *arg);
        /*
         * Nothing more comes. code: JOBCTL_OK or why not. ended: JOBCTL_ENDED_* for a followed job
         * that ended, else NULL.
         */
        void (*on_end)(void *arg, int code, const char *text, const struct jobctl_item *ended);
        /* Results: a task has ended: JOBCTL_TASK_*; jobctl_task_output() gives its output. */
        void (*on_task)(void *arg, const struct jobctl_item *task);
        /* Results with `starts`: a task has begun; after a reconnection perhaps told again. */
        void (*on_started)(void *arg, uint64_t task);
        /* Results with `progress_usec`: JOBCTL_PROGRESS_*. */
        void (*on_progress)(void *arg, const struct jobctl_item *progress);
};

enum jobctl_follow_flags {
        JOBCTL_FOLLOW_UNTIL_END = 1, /* stay until the job ends; else only what is there now */
        JOBCTL_FOLLOW_STDIN = 2,     /* jobctl_stream_write() feeds the job's stdin */
        JOBCTL_FOLLOW_CAUGHT_UP = 4, /* with UNTIL_END: on_caught_up is wanted */
};

/* ops: copied. arg: borrowed until the stream is freed. */
int jobctl_follow(struct jobctl *conn, uint64_t job, uint64_t task, unsigned int flags,
                  const struct jobctl_stream_ops *ops, void *arg,
                  struct jobctl_stream **out_stream);
/* Tells the end of each selected job (at once for finished ones); any: ends after the first. */
int jobctl_wait(struct jobctl *conn, const struct jobctl_selector *selector, bool any,
                const struct jobctl_stream_ops *ops, void *arg, struct jobctl_stream **out_stream);

struct jobctl_events_options {
        size_t size;                            /* sizeof(struct jobctl_events_options) */
        uint64_t after_seq;                     /* begin behind this one */
        uint32_t last;                          /* begin with the newest so many instead */
        bool follow;                            /* stay */
        const struct jobctl_selector *selector; /* only its ids count; NULL: all */
};
int jobctl_events(struct jobctl *conn, const struct jobctl_events_options *options,
                  const struct jobctl_stream_ops *ops, void *arg,
                  struct jobctl_stream **out_stream);

struct jobctl_results_options {
        size_t size;                /* sizeof(struct jobctl_results_options) */
        const uint64_t *first_task; /* tasks below are left out; NULL: those that were seen */
        bool ordered;               /* by task number; else as they end */
        bool output;                /* with the output of those whose output is no file */
        bool starts;                /* on_started for tasks that last some milliseconds */
        bool until_end;             /* stay until the job has ended; else only what is there now */
        bool no_tasks;              /* only on_progress and on_end */
        uint64_t progress_usec;     /* on_progress at most so often (>= 50 ms); 0: never */
};
/*
 * Tells the ends of one job's tasks, each once, also across a restart of jobd. While the stream is
 * paused at most some MiB are kept, and then the whole connection is not read.
 */
int jobctl_results(struct jobctl *conn, uint64_t job, const struct jobctl_results_options *options,
                   const struct jobctl_stream_ops *ops, void *arg,
                   struct jobctl_stream **out_stream);
/*
 * In on_task: calls `fn` for each piece of the task's output that came with it, in order of arrival
 * at the worker. JOBCTL_OK (also when there is none), or JOBCTL_E_PROTOCOL when it is damaged.
 */
typedef void (*jobctl_output_fn)(void *arg, enum jobctl_output which, uint64_t wall_usec,
                                 const void *data, size_t size);
int jobctl_task_output(const struct jobctl_item *task, jobctl_output_fn fn, void *arg);

/* Stops it; allowed in its own callbacks; NULL-safe; returns NULL. */
struct jobctl_stream *jobctl_stream_free(struct jobctl_stream *stream);
/* No on_data until resumed: for a reader that is slower than the job. */
void jobctl_stream_pause(struct jobctl_stream *stream, bool on);
/*
 * The followed task is known to have ended, and the rest of its output is waited for: the
 * connection is read for it even when paused streams hold all that they may. Nothing for other
 * streams.
 */
void jobctl_stream_await(struct jobctl_stream *stream);
/* Processes until the stream has ended or `timeout_usec` is over (JOBCTL_E_TIMEOUT). */
int jobctl_stream_run(struct jobctl_stream *stream, uint64_t timeout_usec);

/*
 * The job's stdin. At most 1 MiB that the job has not taken is kept (and sent again after a
 * reconnection): room tells how much of it is free, write takes at most that.
 */
size_t jobctl_stream_room(const struct jobctl_stream *stream);
int jobctl_stream_write(struct jobctl_stream *stream, const void *data, size_t size,
                        size_t *out_taken);
/* End of file after what was written. */
int jobctl_stream_close_stdin(struct jobctl_stream *stream);
/* The job will read no more. */
bool jobctl_stream_is_stdin_closed(const struct jobctl_stream *stream);

/* --------------------------------------------------------------------------------------- maps */

/*
 * A specification with JOBCTL_SPEC_MAP_VALUES makes an open map: a job whose tasks come as values
 * are appended, until its input is closed. Whoever submits it should start to append at once, and
 * stay connected: 60 s after the appender went away the input counts as cut, and the job fails when
 * its tasks have ended.
 */
struct jobctl_input;

struct jobctl_input_ops {
        size_t size; /* sizeof(struct jobctl_input_ops) */
        /* jobctl_input_is_full() was true and is false again. */
        void (*on_room)(void *arg);
        /*
         * No more values are taken. code: JOBCTL_OK: closed, all of them are on disk; else why not
         * (JOBCTL_E_STATE: the job was cancelled, or has ended).
         */
        void (*on_end)(void *arg, int code, const char *text);
};

/*
 * The way of values into a map, a first one: tasks are counted from 0. job: its id, or 0 for the
 * one of the newest jobctl_submit_async() of this connection, until jobctl_input_set_job() tells
 * it. values_per_task: JOBCTL_SPEC_MAP_VALUES. ops: copied. arg: borrowed until the input is freed.
 */
int jobctl_input_new(struct jobctl *conn, uint64_t job, uint32_t values_per_task,
                     const struct jobctl_input_ops *ops, void *arg,
                     struct jobctl_input **out_input);
/* Gives it up: what was not sent is lost, the job stays open. NULL-safe; returns NULL. */
struct jobctl_input *jobctl_input_free(struct jobctl_input *input);
void jobctl_input_set_job(struct jobctl_input *input, uint64_t job);
/*
 * One value (no zero byte in it), copied. Values travel in chunks of about 64 KiB, and again when
 * the connection breaks before they are on disk. JOBCTL_E_BUSY: not taken, since four chunks are on
 * their way: wait for on_room. JOBCTL_E_USAGE: a task of more than 1 MiB. JOBCTL_E_STATE: it has
 * ended.
 */
int jobctl_input_append(struct jobctl_input *input, const void *value, size_t size);
/*
 * The same for `count` values at once, each ended by a zero byte: whole tasks, at most 1 MiB. Only
 * the very last run before the close may end with a part of a task.
 */
int jobctl_input_append_run(struct jobctl_input *input, const void *values, size_t size,
                            uint64_t count);
/* Four chunks are on their way, or it has ended: no reason to read more values now. */
bool jobctl_input_is_full(const struct jobctl_input *input);
/* Does not wait for a full chunk: for the moment before waiting for more values. */
int jobctl_input_flush(struct jobctl_input *input);
/* No more values. cut: NULL, or the reason why these are not all. on_end tells when it is done. */
int jobctl_input_close(struct jobctl_input *input, const char *cut);
/* Tasks whose values are on disk. */
uint64_t jobctl_input_stored_tasks(const struct jobctl_input *input);

/*
 * Tasks below `next_task` were written where they belong: jobctl_results() without first_task goes
 * on there. The first form waits until that is on disk; fn may be NULL.
 */
int jobctl_seen(struct jobctl *conn, uint64_t job, uint64_t next_task);
int jobctl_seen_async(struct jobctl *conn, uint64_t job, uint64_t next_task, jobctl_result_fn fn,
                      void *arg);
/* The values of a map's tasks from `first_task` on, as many as fit: one record, JOBCTL_INPUTS_*.
 * limit: tasks; 0: 1,000. */
int jobctl_inputs(struct jobctl *conn, uint64_t job, uint64_t first_task, uint32_t limit,
                  struct jobctl_result **out_result);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
