/* SPDX-License-Identifier: Apache-2.0 */
/* One lease that this worker holds: what is to run, how far it is, how it ended. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/list.h"

#include "proto/wire.h"

#include "worker/job.h"
#include "worker/output_log.h"
#include "worker/record.h"
#include "worker/run_state.h"
#include "worker/spawn.h"

struct lease_result {
        Jobd__Work__Outcome outcome;
        bool has_exit_code;
        int32_t exit_code;
        uint32_t exit_signal;
        enum spawn_stage stage; /* NOT_STARTED */
        uint32_t error;
        struct reason why; /* empty: nothing to say */
        uint64_t end_wall_usec;
        uint64_t run_usec;
        uint64_t user_usec, system_usec;
        uint64_t memory_peak_bytes, read_bytes, write_bytes;
        uint32_t survivors;
};

struct lease {
        TAILQ_ENTRY(lease) entry;
        uint64_t id, job, task;
        uint64_t array_index;
        bool is_array;
        uint32_t attempt;
        uid_t uid;
        gid_t gid;
        unsigned int slot; /* in the record file */
        enum run_state state;
        bool wants_follow;  /* when it starts */
        uint64_t cap_bytes; /* of the output; 0: the spec's or the default */
        struct job *what;   /* reference held; NULL once it has started */
        uint8_t *values;    /* owned; of a map's task, each ended by a zero byte */
        size_t values_bytes;
        char *resource_env; /* owned: "JOBD_RESOURCE_gpu=0", each ended by a zero byte; or NULL */
        size_t resource_env_bytes;
        uint32_t job_slot;     /* among the job's tasks that run at once; 0: none */
        uint32_t *cores;       /* owned; processors that it leases; kept for the inventory */
        size_t cores_count;    /* 0: not known */
        bool is_bound;         /* it may run on no others */
        struct output_log log; /* owned parts */
        pid_t pid;             /* 0: no process was made */
        uint64_t start_boot_usec, start_wall_usec;
        bool is_started_told;
        bool is_lost;               /* ended because the pool died: its record is left as it is */
        struct lease_result result; /* RUN_ENDED */
};
TAILQ_HEAD(lease_list, lease);

/* What a Start says apart from the job itself. spool_folder_fd: borrowed. */
_must_use_ int lease_new(const Jobd__Work__Start *start, int spool_folder_fd,
                         struct lease **out_lease);
/* Takes a reference to `job`, and this task's values. A fault. */
_must_use_ int lease_set_job(struct lease *lease, struct job *job, const Jobd__Work__Start *start);
struct lease *lease_free(struct lease *lease);
DEFINE_CLEANUP(struct lease *, lease_free);

/* Gives back what only a start needs; the result stays. */
void lease_drop_job(struct lease *lease);
/* What the record file is to say about it now. */
struct record_entry lease_to_record(const struct lease *lease, enum record_state state);
/* How an inventory shows it: the record's word for its state. */
enum record_state lease_record_state(const struct lease *lease);
