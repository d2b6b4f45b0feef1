/* SPDX-License-Identifier: Apache-2.0 */
/* The pool and its workers as jobd sees them: links that were dialled by them, orders, reports. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/loop.h"

struct workers;
struct worker; /* one link; lives until workers_bury() after on_gone */

/* ------------------------------------------------------------------------- what they tell us */

enum workers_slot {
        WORKERS_SLOT_NONE,
        WORKERS_SLOT_ACCEPTED, /* no GO: nothing ran */
        WORKERS_SLOT_GO,       /* the process may exist */
        WORKERS_SLOT_RUNNING,
        WORKERS_SLOT_EXITED,
};

enum workers_outcome {
        WORKERS_OUTCOME_NONE,
        WORKERS_OUTCOME_EXITED,
        WORKERS_OUTCOME_SIGNALED,
        WORKERS_OUTCOME_TIMEOUT,
        WORKERS_OUTCOME_OOM,
        WORKERS_OUTCOME_NOT_STARTED, /* GO was given, execve did not happen */
        WORKERS_OUTCOME_CANCELLED,
        WORKERS_OUTCOME_REFUSED, /* no GO */
        WORKERS_OUTCOME_COUNT,
};

struct workers_held {
        uint64_t lease, job, task;
        uint32_t attempt;
        enum workers_slot slot;
        uint32_t pid;
        uint64_t start_wall_usec;
        bool paused;
        bool spooled;
        uint64_t output_bytes;
        uint64_t stdin_taken;
        enum workers_outcome outcome; /* on_dead, slot EXITED: what the record knows of the end */
        int32_t exit_code;            /* -1: none */
        uint32_t exit_signal;
        const uint32_t *cores; /* borrowed for the call: what its START leased to it */
        size_t cores_count;
};

struct workers_exit {
        uint64_t lease;
        enum workers_outcome outcome;
        int32_t exit_code;    /* -1: none. NOT_STARTED: 127 not found, 126 not executable, 125 */
        uint32_t exit_signal; /* 0: none */
        const char *why;      /* borrowed, NULL when there is nothing to say; safe UTF-8 */
        uint32_t pid;
        uint64_t start_wall_usec, end_wall_usec, run_usec;
        uint64_t user_usec, system_usec, memory_peak_bytes, read_bytes, write_bytes;
        const uint8_t *records; /* borrowed; the log when it was not spooled */
        size_t records_size;
        uint64_t output_bytes;
        bool spooled, output_cut;
};

struct workers_ops {
        /* A worker said Hello; on_held for each lease it holds follows, then on_ready. */
        void (*on_attached)(void *arg, struct worker *worker);
        void (*on_held)(void *arg, struct worker *worker, const struct workers_held *held);
        void (*on_ready)(void *arg, struct worker *worker);
        /* The link is gone. Its leases stay open until it attaches again or on_dead. */
        void (*on_gone)(void *arg, struct worker *worker);

        void (*on_started)(void *arg, struct worker *worker, uint64_t lease, uint32_t pid,
                           uint64_t start_wall_usec);
        void (*on_exited)(void *arg, struct worker *worker, const struct workers_exit *exit);
        void (*on_revoked)(void *arg, struct worker *worker, uint64_t lease, bool too_late);
        void (*on_paused)(void *arg, struct worker *worker, uint64_t lease, bool paused);
        void (*on_output)(void *arg, struct worker *worker, uint64_t lease, uint64_t offset,
                          const uint8_t *records, size_t size);
        void (*on_spooled)(void *arg, struct worker *worker, uint64_t lease, uint64_t size_bytes);
        void (*on_grown)(void *arg, struct worker *worker, uint64_t lease, uint64_t size_bytes);
        void (*on_stdin_taken)(void *arg, struct worker *worker, uint64_t lease, uint64_t taken,
                               bool closed);

        /* The pool reports a dead worker and what its record says; answer workers_ack_dead(). */
        void (*on_dead)(void *arg, uint32_t number, uint64_t generation, bool record_intact,
                        const struct workers_held *held, size_t held_count, const char *why);
        void (*on_compacted)(void *arg, uint64_t job, uint64_t task, uint32_t attempt, bool done,
                             uint64_t size_bytes);
        /* The pool's own process came or went. */
        void (*on_pool)(void *arg, bool connected);
};

/* ---------------------------------------------------------------------------------- life time */

struct workers_options {
        const char *socket_path;         /* borrowed for the call; its folder exists, 0700 ours */
        const char *clients_socket_path; /* borrowed for the call: jobs are told of it */
        uid_t peer_uid; /* the only uid whose connections are taken: 0, or our own */
        uint8_t instance[16];
        uint32_t wanted; /* size of the pool */
        uint64_t inline_max_bytes;
        uint64_t output_cap_bytes;
        uint64_t grace_usec;
};

_must_use_ int workers_new(struct loop *loop, const struct workers_options *options,
                           const struct workers_ops *ops, void *arg, struct workers **out_workers);
struct workers *workers_free(struct workers *workers);
DEFINE_CLEANUP(struct workers *, workers_free);
/* New defaults for what starts from now on (reload). */
void workers_set_defaults(struct workers *workers, uint64_t inline_max_bytes,
                          uint64_t output_cap_bytes, uint64_t grace_usec);

/* OUTPUT: lets frames go whose barrier is durable, and writes. */
void workers_flush(struct workers *workers, uint64_t durable);
/* BURY: frees links that died in this turn. */
void workers_bury(struct workers *workers);

/* -------------------------------------------------------------------------------- one worker */

uint32_t worker_number(const struct worker *worker);
uint64_t worker_generation(const struct worker *worker);
uint32_t worker_pid(const struct worker *worker);
const char *worker_build(const struct worker *worker);
/* Leases its record can hold. */
uint32_t worker_slots(const struct worker *worker);
/* Retires, or runs another build and was told to: gets nothing new. */
bool worker_is_retiring(const struct worker *worker);
/* One pointer for the engine: its own view of this worker. */
void worker_set_data(struct worker *worker, void *data);
void *worker_data(const struct worker *worker);

struct workers_start {
        uint64_t lease, job, task;
        uint32_t attempt;
        uint32_t uid, gid;
        const uint8_t *spec;
        size_t spec_size;
        const uint8_t *environment;
        size_t environment_size;
        uint64_t array_index;
        bool is_array;
        bool is_repeated;      /* the job's other tasks have the same spec: send it only once */
        uint64_t spec_version; /* while this is the same, too */
        const uint8_t *values; /* NULL, or a map's: each ended by a zero byte */
        size_t values_size;
        uint32_t slot;            /* 0: none */
        const uint32_t *cores;    /* that it leases, from 0; borrowed for the call */
        size_t cores_count;       /* 0, or one of them over WIRE_CORE_MAX: not known */
        bool bind;                /* it may run on no others */
        const char *resource_env; /* NULL, or "JOBD_RESOURCE_gpu=0", each ended by a zero byte */
        size_t resource_env_size;
        bool follow;
        uint64_t output_cap_bytes; /* 0: the default */
};
/* Each order is queued; `barrier` is the journal sequence it may not precede. On a dead link these
 * are no-ops. */
void worker_start(struct worker *worker, const struct workers_start *start, uint64_t barrier);
void worker_revoke(struct worker *worker, uint64_t lease, uint64_t barrier);
void worker_cancel(struct worker *worker, uint64_t lease, uint64_t grace_usec, uint64_t barrier);
void worker_signal(struct worker *worker, uint64_t lease, uint32_t signo, uint64_t barrier);
void worker_pause(struct worker *worker, uint64_t lease, uint64_t barrier);
void worker_resume(struct worker *worker, uint64_t lease, uint64_t barrier);
void worker_follow(struct worker *worker, uint64_t lease, bool on);
void worker_stdin(struct worker *worker, uint64_t lease, uint64_t offset, const void *data,
                  size_t size, bool end);
/* The end of this lease is durable at `barrier`; acknowledgements of a turn share a frame. */
void worker_ack(struct worker *worker, uint64_t lease, uint64_t barrier);

/* ---------------------------------------------------------------------------------- the pool */

uint32_t workers_wanted(const struct workers *workers);
void workers_resize(struct workers *workers, uint32_t wanted);
/* The pool has so many more than wanted, for a while. */
void workers_set_extra(struct workers *workers, uint32_t extra);
bool workers_has_pool(const struct workers *workers);
uint32_t workers_pool_pid(const struct workers *workers);
/* "cgroup v2", "process groups, subreaper and rlimits", or "unknown (no pool)". Borrowed. */
const char *workers_containment(const struct workers *workers);
void workers_ack_dead(struct workers *workers, uint32_t number, uint64_t generation,
                      uint64_t barrier);
void workers_compact(struct workers *workers, uint64_t job, uint64_t task, uint32_t attempt);
void workers_set_disk(struct workers *workers, bool full);
/*
 * A user's share of the processors, where cgroups are delegated: 100 is everybody's, and it is
 * clamped to 1..10000. Told to the pool when it is news, and again to every pool that connects.
 * Cheap when nothing changed: may be called for each start.
 */
void workers_set_user_weight(struct workers *workers, uint32_t uid, uint32_t weight);
/* A worker owes an answer for too long: the pool looks who still lives. No-op without a pool. */
void workers_check(struct workers *workers);
/* Ends pool and workers for good. */
void workers_stop_pool(struct workers *workers);

/* The n-th attached worker by number, or NULL: for lists. */
struct worker *workers_at(const struct workers *workers, size_t index);
size_t workers_count(const struct workers *workers);
/* Another number whenever somebody came or went: cheap to compare. */
uint64_t workers_changes(const struct workers *workers);
/* Does the connected pool count this worker among the living? False without a pool. */
bool workers_pool_has(const struct workers *workers, uint32_t number, uint64_t generation);
