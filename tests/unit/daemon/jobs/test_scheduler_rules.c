/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of sharing, stated without regard to how the scheduler comes to its choices: from what
 * was asked for and from what the workers do, it is judged whether a start was allowed, and whether
 * somebody waits for nothing. The only thing taken over is what README and ARCHITECTURE promise: a
 * wide job of a lane that waits for its own user's cap, or for its queue's cores, is not passed in
 * its lane, and a job that does not fit the machine is passed only if it is not delayed by that.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test_scheduler_sim.h"

/* ----------------------------------------------------------------------------- what is in use */

static const struct sim_job *sim_first_job(const struct sim_worker *worker)
{
        return worker->leases_count ? sim_job(sim.leases[worker->leases[0]].job) : NULL;
}

uint32_t sim_free_cores(void)
{
        uint32_t used = 0;

        for (uint32_t i = 0; i < sim.workers_count; i++) {
                const struct sim_job *job = sim_first_job(&sim.workers[i]);

                used += job ? job->cores : 0;
        }
        sim_require(used <= sim.cores);
        return sim.cores - used;
}

uint64_t sim_free_memory(void)
{
        uint64_t used = 0;

        if (!sim.memory_bytes)
                return UINT64_MAX;
        for (uint32_t i = 0; i < sim.workers_count; i++) {
                const struct sim_job *job = sim_first_job(&sim.workers[i]);

                used += job ? job->memory_bytes : 0;
        }
        sim_require(used <= sim.memory_bytes);
        return sim.memory_bytes - used;
}

uint32_t sim_user_cores(uint32_t user)
{
        uint32_t used = 0;

        for (uint32_t i = 0; i < sim.workers_count; i++) {
                const struct sim_job *job = sim_first_job(&sim.workers[i]);

                used += job && job->user == user ? job->cores : 0;
        }
        return used;
}

void sim_queue_use(uint32_t queue, uint32_t *out_tasks, uint32_t *out_cores)
{
        *out_tasks = *out_cores = 0;
        for (uint32_t i = 0; i < sim.workers_count; i++) {
                const struct sim_job *job = sim_first_job(&sim.workers[i]);

                if (!job || job->queue != queue)
                        continue;
                *out_tasks += 1;
                *out_cores += job->cores;
        }
}

static bool sim_worker_has(const struct sim_worker *worker, const struct sim_job *job)
{
        for (uint32_t i = 0; i < worker->leases_count; i++)
                if (sim.leases[worker->leases[i]].job == job->id)
                        return true;
        return false;
}

uint32_t sim_job_workers(const struct sim_job *job)
{
        uint32_t count = 0;

        for (uint32_t i = 0; i < sim.workers_count; i++)
                count += sim_worker_has(&sim.workers[i], job);
        return count;
}

/* ------------------------------------------------------------------------- what a job could do */

static bool sim_is_ready(const struct sim_job *job)
{
        return !job->hold && job->leased_count < job->tasks_count &&
               (!job->width || sim_job_workers(job) < job->width);
}

static bool sim_fits_machine(const struct sim_job *job)
{
        return job->cores <= sim_free_cores() && job->memory_bytes <= sim_free_memory();
}

static bool sim_fits_cap(const struct sim_job *job)
{
        const uint32_t cap = sim.shares[job->user].cores_max;

        return !cap || sim_user_cores(job->user) + job->cores <= cap;
}

static bool sim_is_queue_open(const struct sim_job *job)
{
        const struct queue *queue = queues_find(&fake.engine->queues, job->queue);
        uint32_t tasks, cores;

        sim_queue_use(job->queue, &tasks, &cores);
        return !queue->is_paused && (!queue->width_tasks || tasks < queue->width_tasks) &&
               (!queue->width_cores || cores < queue->width_cores);
}

static bool sim_fits_queue(const struct sim_job *job)
{
        const struct queue *queue = queues_find(&fake.engine->queues, job->queue);
        uint32_t tasks, cores;

        sim_queue_use(job->queue, &tasks, &cores);
        return sim_is_queue_open(job) &&
               (!queue->width_cores || cores + job->cores <= queue->width_cores);
}

/* Does `a` go before `b` in their lane? */
static bool sim_is_before(const struct sim_job *a, const struct sim_job *b)
{
        const int64_t point_usec = (int64_t)sim.aging_usec;
        int64_t x, y;

        switch ((enum queue_policy)queues_find(&fake.engine->queues, a->queue)->policy) {
        case QUEUE_FIFO:
                return a->id < b->id;
        case QUEUE_LIFO:
                return a->id > b->id;
        case QUEUE_PRIORITY:
                break;
        }
        x = point_usec ? (int64_t)a->submit_usec - a->priority * point_usec : -a->priority;
        y = point_usec ? (int64_t)b->submit_usec - b->priority * point_usec : -b->priority;
        return x != y ? x < y : a->id < b->id;
}

static bool sim_is_same_lane(const struct sim_job *a, const struct sim_job *b)
{
        return a->user == b->user && a->queue == b->queue;
}

#define SIM_FOREACH_OPEN(job)                                                                      \
        for (const struct sim_job *job = &sim.jobs[sim.open_from];                                 \
             sim.open_from && job <= &sim.jobs[sim.jobs_count]; job++)

/* -------------------------------------------------------------------------------- reservations */

static int sim_compare_ends(const void *a, const void *b)
{
        const struct sim_worker *const *x = a, *const *y = b;

        return (*x)->end_usec < (*y)->end_usec ? -1 : (*x)->end_usec > (*y)->end_usec;
}

uint64_t sim_shadow(const struct sim_job *job, uint32_t *out_spare_cores,
                    uint64_t *out_spare_memory)
{
        const struct sim_worker *ends[FAKE_WORKERS_MAX];
        uint32_t cores = sim_free_cores();
        uint64_t memory_bytes = sim_free_memory();
        uint64_t at_usec = sim.now_usec;
        size_t count = 0;

        for (uint32_t i = 0; i < sim.workers_count; i++)
                if (sim.workers[i].is_running)
                        ends[count++] = &sim.workers[i];
        qsort(ends, count, sizeof(ends[0]), sim_compare_ends);
        for (size_t i = 0; i < count; i++) {
                if (job->cores <= cores && job->memory_bytes <= memory_bytes &&
                    ends[i]->end_usec > at_usec)
                        break;
                cores += sim_first_job(ends[i])->cores;
                memory_bytes += sim.memory_bytes ? sim_first_job(ends[i])->memory_bytes : 0;
                at_usec = ends[i]->end_usec;
        }
        *out_spare_cores = cores - job->cores;
        *out_spare_memory = memory_bytes - job->memory_bytes;
        return at_usec;
}

static bool sim_is_narrow(uint32_t id)
{
        const struct queue *queue = queues_find(&fake.engine->queues, id);

        return queue->width_tasks || queue->width_cores;
}

/* Would `wide` start later for it, as far as anybody can know? */
static bool sim_would_delay(const struct sim_job *wide, const struct sim_job *job)
{
        uint32_t spare_cores;
        uint64_t spare_memory;
        const uint64_t shadow_usec = sim_shadow(wide, &spare_cores, &spare_memory);

        if (!sim.is_exact)
                return true; /* nobody knows */
        if (wide->user == job->user && sim.shares[job->user].cores_max)
                spare_cores = 0;
        if (wide->queue == job->queue && sim_is_narrow(wide->queue))
                spare_cores = 0;
        return sim.now_usec + job->limit_usec > shadow_usec &&
               (job->cores > spare_cores || job->memory_bytes > spare_memory);
}

/* ------------------------------------------------------------------------------ a start is due */

/* He may have a reservation, be it that somebody of his queue has started since in this turn. */
static bool sim_somebody_does_not_fit(void)
{
        SIM_FOREACH_OPEN(job)
        if (sim_is_ready(job) && !sim_fits_machine(job))
                return true;
        return false;
}

/* Whatever reservation lets `b` pass lets `a` pass, too. */
static bool sim_passes_as_well(const struct sim_job *a, const struct sim_job *b)
{
        return a->cores <= b->cores && a->memory_bytes <= b->memory_bytes && b->limit_usec &&
               a->limit_usec && a->limit_usec <= b->limit_usec;
}

static void sim_check_order(const struct sim_job *job)
{
        const bool is_reserved = sim_somebody_does_not_fit();

        SIM_FOREACH_OPEN(other)
        {
                if (other == job || !sim_is_same_lane(other, job) || !sim_is_ready(other) ||
                    !sim_is_before(other, job))
                        continue;
                sim_require_msg(sim_fits_cap(other) && sim_fits_queue(other),
                                "job %lu passes job %lu, which waits for its cap or its queue",
                                job->id, other->id);
                if (!sim_fits_machine(other))
                        continue;
                sim_require_msg(is_reserved && !sim_passes_as_well(other, job),
                                "job %lu passes job %lu, which fits", job->id, other->id);
        }
}

static void sim_check_room(const struct sim_job *job)
{
        sim_require_msg(sim_fits_machine(job), "job %lu does not fit", job->id);
        sim_require_msg(sim_fits_cap(job), "job %lu is over its user's cap", job->id);
        sim_require_msg(sim_fits_queue(job), "job %lu is over its queue's width", job->id);
}

static void sim_check_ahead(const struct sim_job *job, const struct sim_worker *worker)
{
        const struct sim_job *first = sim_first_job(worker);

        sim_require_msg(job->cores == 1 && !job->memory_bytes && first->cores == 1 &&
                                !first->memory_bytes,
                        "job %lu is no plain one, and waits behind another", job->id);
        sim_require_msg(sim_is_same_lane(first, job), "job %lu waits in another's place", job->id);
        SIM_FOREACH_OPEN(other)
        sim_require_msg(other->user == job->user || !sim_is_ready(other) || !sim_fits_cap(other) ||
                                !sim_fits_queue(other),
                        "job %lu is given out early, while user %u waits", job->id, other->user);
}

void sim_check_start(const struct sim_job *job, const struct sim_worker *worker)
{
        if (worker->leases_count == 0)
                sim_check_room(job);
        else
                sim_check_ahead(job, worker);
        sim_require_msg(!job->hold, "job %lu is held", job->id);
        sim_require_msg(job->leased_count < job->tasks_count, "job %lu has no more tasks", job->id);
        sim_require_msg(!job->width || sim_worker_has(worker, job) ||
                                sim_job_workers(job) < job->width,
                        "job %lu gets too wide", job->id);
        /* Its own worker may get more of a job that is as wide as it may be. */
        if (sim_is_ready(job))
                sim_check_order(job);
}

/* ----------------------------------------------------------------------------- all is at rest */

/* Of those that cannot start now the scheduler passes so many of a lane. */
#define SIM_PASSED_MAX 32

/* Is it allowed that this one waits, although it fits? */
static bool sim_may_wait(const struct sim_job *job)
{
        uint32_t passed = 0;

        SIM_FOREACH_OPEN(other)
        {
                if (!sim_is_ready(other) || other == job)
                        continue;
                /* He waits for his own wide one; and who shares the queue with a wide one. */
                if ((other->user == job->user && !sim_fits_cap(other)) ||
                    (other->queue == job->queue && !sim_fits_queue(other)))
                        return true;
                passed += sim_is_same_lane(other, job) && sim_is_before(other, job);
                if (sim_fits_machine(other) || !sim_fits_cap(other) || !sim_fits_queue(other))
                        continue;
                if (sim_would_delay(other, job))
                        return true;
        }
        return passed >= SIM_PASSED_MAX;
}

static bool sim_has_idle_worker(void)
{
        for (uint32_t i = 0; i < sim.workers_count; i++)
                if (sim.workers[i].leases_count == 0)
                        return true;
        return false;
}

/* No core has two owners. */
static void sim_check_numbers(void)
{
        const struct core_lease *lease;
        bool taken[1024] = { false };
        uint32_t count = 0;

        TAILQ_FOREACH (lease, &fake.engine->core_leases, entry) {
                for (uint32_t i = 0; i < lease->count; i++) {
                        sim_require(lease->numbers[i] < sim.cores);
                        sim_require(!taken[lease->numbers[i]]);
                        taken[lease->numbers[i]] = true;
                }
                count += lease->count;
        }
        sim_require(count == sim.cores - sim_free_cores());
}

/* No lease waits behind another while its task could run elsewhere: the newest would come back. */
static void sim_check_ahead_is_needed(void)
{
        if (!sim_has_idle_worker() || sim_free_cores() == 0)
                return;
        for (uint32_t i = 0; i < sim.workers_count; i++) {
                const struct sim_worker *worker = &sim.workers[i];
                const struct sim_job *job;

                if (worker->leases_count < 2)
                        continue;
                job = sim_job(sim.leases[worker->leases[worker->leases_count - 1]].job);
                sim_require_msg(!sim_fits_cap(job) || !sim_fits_queue(job) ||
                                        (job->width && sim_job_workers(job) >= job->width),
                                "job %lu waits behind another while a worker is idle", job->id);
        }
}

void sim_check_settled(void)
{
        sim_check_numbers();
        sim_check_ahead_is_needed();
        if (!sim_has_idle_worker())
                return;
        SIM_FOREACH_OPEN(job)
        {
                if (!sim_is_ready(job) || !sim_fits_machine(job) || !sim_fits_cap(job) ||
                    !sim_fits_queue(job) || sim_may_wait(job))
                        continue;
                ck_abort_msg("job %lu of user %u (%u cores) waits while it fits: %u cores are free",
                             job->id, job->user, job->cores, sim_free_cores());
        }
}
