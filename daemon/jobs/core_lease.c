/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker that runs something has been given of the machine: cores and memory.
 *
 * The tasks that wait in a worker's memory behind the one that runs need no cores of their own, so
 * the tasks of one worker share one core lease; it begins with the first and ends with the last of
 * them, and lives on while the worker's link is gone. A task that asks for more than one core
 * never has another beside it on its worker (scheduler.c).
 *
 * Beginning and end are also where users, lanes and queues are counted and charged. After a
 * restart the leases are made again from the rows, and which cores they are is learnt when the
 * worker tells what it holds.
 */
#include <errno.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"

uint32_t job_cores(const struct job *job)
{
        return job->extra && job->extra->cpus ? job->extra->cpus : 1;
}

uint64_t job_memory_bytes(const struct job *job)
{
        return job->extra ? job->extra->memory_bytes : 0;
}

static struct core_lease *core_lease_new(struct engine *e, struct job *job)
{
        const uint32_t count = job_cores(job);
        struct core_lease *lease = calloc(1, sizeof(*lease));

        if (lease)
                lease->numbers = calloc(count, sizeof(*lease->numbers));
        if (!lease || !lease->numbers) {
                engine_note(e, FAULT(-ENOMEM));
                free(lease);
                return NULL;
        }
        lease->lane = job->lane;
        lease->count = count;
        lease->memory_bytes = job_memory_bytes(job);
        lease->start_mono_usec = clock_mono_usec();
        TAILQ_INSERT_TAIL(&e->core_leases, lease, entry);
        e->memory_used += lease->memory_bytes;
        lanes_take(e, lease->lane, count);
        return lease;
}

void core_lease_lend(struct engine *e, struct core_lease *lease)
{
        lease->is_lent = true;
        cores_give(&e->cores, lease->count, lease->numbers);
        lanes_give(e, lease->lane, lease->count);
}

void core_lease_reclaim(struct engine *e, struct core_lease *lease)
{
        lease->is_lent = false;
        cores_take_these(&e->cores, lease->count, lease->numbers);
        lanes_take(e, lease->lane, lease->count);
}

static void core_lease_free(struct engine *e, struct core_lease *lease)
{
        if (!lease->is_lent) {
                cores_give(&e->cores, lease->count, lease->numbers);
                lanes_give(e, lease->lane, lease->count);
        }
        e->memory_used -= lease->memory_bytes;
        if (lease->view)
                lease->view->core_lease = NULL;
        TAILQ_REMOVE(&e->core_leases, lease, entry);
        free(lease->numbers);
        free(lease);
}

void core_lease_take(struct engine *e, struct task *task, struct worker_view *view)
{
        struct core_lease *lease = view->core_lease;

        if (!lease) {
                lease = core_lease_new(e, task->job);
                if (!lease)
                        return;
                lease->worker_number = task->worker_number;
                lease->generation = task->generation;
                lease->view = view;
                view->core_lease = lease;
                workers_set_user_weight(e->workers, lease->lane->user->uid,
                                        lease->lane->user->share.weight);
                if (!cores_take(&e->cores, lease->count, lease->numbers)) {
                        memset(lease->numbers, 0xff, lease->count * sizeof(lease->numbers[0]));
                        cores_take_these(&e->cores, lease->count, lease->numbers);
                }
        }
        task->core_lease = lease;
        lease->refs++;
}

void core_lease_restore(struct engine *e, struct task *task)
{
        struct core_lease *lease;

        TAILQ_FOREACH (lease, &e->core_leases, entry)
                if (lease->worker_number == task->worker_number &&
                    lease->generation == task->generation)
                        break;
        if (!lease) {
                lease = core_lease_new(e, task->job);
                if (!lease)
                        return;
                lease->worker_number = task->worker_number;
                lease->generation = task->generation;
                memset(lease->numbers, 0xff, lease->count * sizeof(lease->numbers[0]));
                cores_take_these(&e->cores, lease->count, lease->numbers);
        }
        task->core_lease = lease;
        lease->refs++;
}

/*
 * These are the cores that the worker uses. They may be more or fewer than its job asks for now,
 * when that was changed while the task ran.
 */
static void core_lease_name(struct engine *e, struct core_lease *lease, const uint32_t *numbers,
                            uint32_t count)
{
        uint32_t *const copy = calloc(count, sizeof(*copy));

        if (!copy) {
                engine_note(e, FAULT(-ENOMEM));
                return;
        }
        memcpy(copy, numbers, count * sizeof(*copy));
        cores_give(&e->cores, lease->count, lease->numbers);
        if (count != lease->count) {
                lanes_give(e, lease->lane, lease->count);
                lanes_take(e, lease->lane, count);
        }
        free(lease->numbers);
        lease->numbers = copy;
        lease->count = count;
        cores_take_these(&e->cores, count, lease->numbers);
}

void core_lease_attach(struct engine *e, struct task *task, struct worker_view *view,
                       const uint32_t *numbers, size_t count)
{
        struct core_lease *lease = task->core_lease;

        if (!lease)
                return;
        lease->view = view;
        view->core_lease = lease;
        if (count > 0 && count <= CORES_MAX && lease->numbers[0] == CORES_ANY && !lease->is_lent)
                core_lease_name(e, lease, numbers, (uint32_t)count);
}

void core_lease_detach(struct worker_view *view)
{
        if (view->core_lease)
                view->core_lease->view = NULL;
        view->core_lease = NULL;
}

void core_lease_drop(struct engine *e, struct task *task)
{
        struct core_lease *lease = TAKE_PTR(task->core_lease);

        if (!lease)
                return;
        lease->start_mono_usec = clock_mono_usec(); /* of the next task, if there is one */
        if (--lease->refs == 0)
                core_lease_free(e, lease);
}
