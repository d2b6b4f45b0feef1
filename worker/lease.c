/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lease from Start to Ack, as data: copied when it arrives (the frame is gone when the handler
 * returns), kept with its result and, in memory or as a file, its output until jobd has
 * them on disk. What happens to it is run_state.c's and runner.c's business.
 */
#include "worker/lease.h"

#include <errno.h>
#include <string.h>

static int lease_take_cores(struct lease *lease, const Jobd__Work__Start *start)
{
        if (!start->n_cores)
                return 0;
        lease->cores = malloc(start->n_cores * sizeof(*lease->cores));
        if (!lease->cores)
                return FAULT(-ENOMEM);
        memcpy(lease->cores, start->cores, start->n_cores * sizeof(*lease->cores));
        lease->cores_count = start->n_cores;
        return 0;
}

int lease_new(const Jobd__Work__Start *start, int spool_folder_fd, struct lease **out_lease)
{
        _cleanup_(lease_freep) struct lease *lease = calloc(1, sizeof(*lease));
        int r;

        if (!lease)
                return FAULT(-ENOMEM);
        lease->id = start->lease;
        lease->job = start->job;
        lease->task = start->task;
        lease->attempt = start->attempt;
        lease->uid = start->uid;
        lease->gid = start->gid;
        lease->is_array = start->array;
        lease->array_index = start->array_index;
        lease->wants_follow = start->follow;
        lease->cap_bytes = start->output_cap_bytes;
        lease->job_slot = start->slot;
        lease->is_bound = start->bind;
        output_log_init(&lease->log, spool_folder_fd, lease->job, lease->task, lease->attempt);
        r = lease_take_cores(lease, start);
        if (r)
                return PASS(r);
        *out_lease = TAKE_PTR(lease);
        return 0;
}

/* Entries of the environment, one behind the other. */
static int lease_copy_resources(struct lease *lease, const Jobd__Work__Start *start)
{
        size_t size = 0;
        char *at;

        for (size_t i = 0; i < start->n_resource_env; i++)
                size += start->resource_env[i].len + 1;
        if (size == 0)
                return 0;
        at = malloc(size);
        if (!at)
                return FAULT(-ENOMEM);
        lease->resource_env = at;
        lease->resource_env_bytes = size;
        for (size_t i = 0; i < start->n_resource_env; i++) {
                memcpy(at, start->resource_env[i].data, start->resource_env[i].len);
                at += start->resource_env[i].len;
                *at++ = '\0';
        }
        return 0;
}

int lease_set_job(struct lease *lease, struct job *job, const Jobd__Work__Start *start)
{
        if (start->has_values && start->values.len) {
                lease->values = malloc(start->values.len);
                if (!lease->values)
                        return FAULT(-ENOMEM);
                memcpy(lease->values, start->values.data, start->values.len);
                lease->values_bytes = start->values.len;
        }
        lease->what = job_ref(job);
        return lease_copy_resources(lease, start);
}

void lease_drop_job(struct lease *lease)
{
        lease->what = job_unref(lease->what);
        free(lease->values);
        free(lease->resource_env);
        lease->resource_env = NULL;
        lease->resource_env_bytes = 0;
        lease->values = NULL;
        lease->values_bytes = 0;
}

struct lease *lease_free(struct lease *lease)
{
        if (!lease)
                return NULL;
        lease_drop_job(lease);
        output_log_deinit(&lease->log);
        free(lease->cores);
        free(lease);
        return NULL;
}

struct record_entry lease_to_record(const struct lease *lease, enum record_state state)
{
        return (struct record_entry){
                .lease = lease->id,
                .job = lease->job,
                .task = lease->task,
                .attempt = lease->attempt,
                .state = state,
                .uid = lease->uid,
                .pid = (uint32_t)lease->pid,
                .start_boot_usec = lease->start_boot_usec,
                .start_wall_usec = lease->start_wall_usec,
                .output_bytes = lease->log.size_bytes,
                .spooled = lease->log.is_spooled,
                .outcome = (uint32_t)lease->result.outcome,
                .exit_code = lease->result.has_exit_code ? lease->result.exit_code : -1,
                .exit_signal = lease->result.exit_signal,
        };
}

enum record_state lease_record_state(const struct lease *lease)
{
        switch (lease->state) {
        case RUN_ABSENT:
                return RECORD_FREE;
        case RUN_HELD:
                return RECORD_ACCEPTED;
        case RUN_ENDED:
                return RECORD_EXITED;
        default:
                return RECORD_RUNNING;
        }
}
