/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers that run tasks for a given time, of a clock that the test moves. The engine believes in
 * that clock because clock_mono_usec() and clock_wall_usec() are wrapped by the linker. A worker
 * runs its leases in the order in which they came, gives back those that are revoked before they
 * run, and reports at once: what a turn decides is all that is tested.
 */
#include "test_scheduler_sim.h"

#include <assert.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim sim;

#define SIM_WALL_USEC (UINT64_C(1700000000) * USEC_PER_SEC)
#define SIM_COMMIT_USEC 500

uint64_t __wrap_clock_mono_usec(void);
uint64_t __wrap_clock_wall_usec(void);

uint64_t __wrap_clock_mono_usec(void)
{
        return sim.now_usec;
}

uint64_t __wrap_clock_wall_usec(void)
{
        return SIM_WALL_USEC + sim.now_usec;
}

static void sim_on_order(const struct fake_sent *order)
{
        if (order->order != FAKE_START && order->order != FAKE_REVOKE)
                return;
        assert(sim.orders_count < ARRAY_SIZE(sim.orders));
        sim.orders[sim.orders_count++] = *order;
}

/* ---------------------------------------------------------------------------------- life time */

void sim_setup(uint32_t cores, uint32_t workers, uint32_t users)
{
        fake_setup();
        memset(&sim, 0, sizeof(sim));
        sim.now_usec = 1000 * USEC_PER_SEC;
        sim.cores = cores;
        sim.workers_count = workers;
        sim.users_count = users;
        sim.aging_usec = 60 * USEC_PER_SEC;
        fake.wanted = workers;
        fake.on_order = sim_on_order;
        fake.commit_usec = SIM_COMMIT_USEC;
        for (uint32_t i = 0; i < users; i++)
                sim.shares[i] =
                        (struct engine_share){ .uid = SIM_UID + i, .weight = FAIR_WEIGHT_DEFAULT };
        for (uint32_t i = 0; i < workers; i++)
                fake_attach(i);
        sim_configure();
}

void sim_teardown(void)
{
        fake_teardown();
        free(sim.jobs);
        free(sim.leases);
        memset(&sim, 0, sizeof(sim));
}

void sim_configure(void)
{
        const struct engine_options options = {
                .grace_usec = USEC_PER_SEC,
                .queued_max_per_user = UINT32_MAX,
                .queued_max = UINT32_MAX,
                .spec_bytes_max_per_user = UINT32_MAX,
                .spec_bytes_max = UINT32_MAX,
                .spool_fd = -1,
                .cores = sim.cores,
                .memory_bytes = sim.memory_bytes,
                .aging_usec = sim.aging_usec,
                .shares = sim.shares,
                .shares_count = sim.users_count,
        };

        engine_set_options(fake.engine, &options);
}

struct queue *sim_add_queue(uint32_t id, enum queue_policy policy)
{
        struct queue *queue;
        char name[16];

        snprintf(name, sizeof(name), "queue%u", id);
        sim_require(queues_add(&fake.engine->queues, id, name, policy, &queue) == 0);
        return queue;
}

/* --------------------------------------------------------------------------------------- jobs */

struct sim_job *sim_job(uint64_t id)
{
        sim_require(id > 0 && id <= sim.jobs_count);
        return &sim.jobs[id];
}

struct sim_job *sim_submit(const struct sim_job *asked)
{
        struct sim_job job = *asked;
        struct engine_spec spec;

        job.cores = MAX(job.cores, 1);
        job.tasks_count = MAX(job.tasks_count, 1);
        spec = (struct engine_spec){
                .task_count = job.tasks_count,
                .is_array = job.tasks_count > 1,
                .array_step = 1,
                .array_width = job.width,
                .cpus = asked->cores,
                .memory_bytes = job.memory_bytes,
                .priority = job.priority,
                .time_limit_usec = job.limit_usec,
        };
        job.id = fake_submit(SIM_UID + job.user, &spec);
        if (!job.id)
                return NULL;
        if (job.queue)
                lanes_set_queue(fake.engine, engine_find(fake.engine, job.id),
                                queues_find(&fake.engine->queues, job.queue));
        job.submit_usec = sim.now_usec;
        job.first_start_usec = job.end_usec = USEC_NONE;
        job.leased_count = job.ended_count = 0;
        job.hold = false;
        if (job.id >= sim.jobs_size) {
                sim.jobs_size = MAX(2 * sim.jobs_size, 1024);
                sim.jobs = reallocarray(sim.jobs, sim.jobs_size, sizeof(*sim.jobs));
                assert(sim.jobs);
        }
        sim_require(job.id == sim.jobs_count + 1);
        sim.jobs_count++;
        sim.open_from = MAX(sim.open_from, 1);
        sim.jobs[job.id] = job;
        return &sim.jobs[job.id];
}

void sim_hold(struct sim_job *job, bool on)
{
        struct job *engine_job = engine_find(fake.engine, job->id);
        struct reason why;

        if (!engine_job || job->hold == on)
                return;
        if ((on ? engine_hold : engine_release)(fake.engine, engine_job, &why) == 0)
                job->hold = on;
}

/* ------------------------------------------------------------------------------------ workers */

static struct sim_job *sim_job_of(uint64_t lease)
{
        return sim_job(sim.leases[lease].job);
}

static uint64_t sim_run_usec(const struct sim_job *job, uint64_t task)
{
        const uint64_t mixed = (job->id * 7919 + task) * UINT64_C(0x9e3779b97f4a7c15);

        return job->run_usec + (job->run_span_usec ? (mixed >> 20) % job->run_span_usec : 0);
}

static void sim_lease(const struct fake_sent *order)
{
        struct sim_worker *worker = &sim.workers[order->worker];
        struct sim_job *job = sim_job(order->job);

        if (order->lease >= sim.leases_size) {
                sim.leases_size = MAX(2 * sim.leases_size, order->lease + 4096);
                sim.leases = reallocarray(sim.leases, sim.leases_size, sizeof(*sim.leases));
                assert(sim.leases);
        }
        sim.leases[order->lease] = (struct sim_lease){ order->job, order->task };
        if (!sim.is_unchecked)
                sim_check_start(job, worker);
        sim_require(worker->leases_count < SIM_SLOTS);
        worker->leases[worker->leases_count++] = order->lease;
        job->leased_count++;
        sim.starts_count++;
        sim.ahead_count += worker->leases_count > 1;
}

static void sim_begin(uint32_t number)
{
        struct sim_worker *worker = &sim.workers[number];
        const uint64_t lease = worker->leases[0];
        struct sim_job *job;

        if (worker->is_running || worker->leases_count == 0)
                return;
        job = sim_job_of(lease);
        worker->is_running = true;
        worker->start_usec = sim.now_usec;
        worker->end_usec = sim.now_usec + sim_run_usec(job, sim.leases[lease].task);
        if (job->first_start_usec == USEC_NONE)
                job->first_start_usec = sim.now_usec;
        engine_workers_ops.on_started(fake.engine, fake.workers[number], lease, 4711,
                                      clock_wall_usec());
}

static void sim_remove(struct sim_worker *worker, uint32_t at)
{
        worker->leases_count--;
        memmove(&worker->leases[at], &worker->leases[at + 1],
                (worker->leases_count - at) * sizeof(worker->leases[0]));
}

static void sim_answer_revoke(const struct fake_sent *order)
{
        struct sim_worker *worker = &sim.workers[order->worker];
        uint32_t at = 0;

        while (at < worker->leases_count && worker->leases[at] != order->lease)
                at++;
        sim_require(at < worker->leases_count);
        sim.revokes_count++;
        if (at > 0) {
                sim_job_of(order->lease)->leased_count--;
                sim_remove(worker, at);
        }
        engine_workers_ops.on_revoked(fake.engine, fake.workers[order->worker], order->lease,
                                      at == 0);
}

static void sim_end(uint32_t number)
{
        struct sim_worker *worker = &sim.workers[number];
        const uint64_t lease = worker->leases[0];
        struct sim_job *job = sim_job_of(lease);
        const struct workers_exit exit = { .lease = lease,
                                           .outcome = WORKERS_OUTCOME_EXITED,
                                           .pid = 4711,
                                           .run_usec = worker->end_usec - worker->start_usec };

        sim.got_usec[job->user] += exit.run_usec * job->cores;
        job->ended_count++;
        if (job->ended_count == job->tasks_count)
                job->end_usec = sim.now_usec;
        worker->is_running = false;
        sim_remove(worker, 0);
        engine_workers_ops.on_exited(fake.engine, fake.workers[number], &exit);
        while (sim.open_from <= sim.jobs_count && sim.jobs[sim.open_from].end_usec != USEC_NONE)
                sim.open_from++;
}

/* ----------------------------------------------------------------------------------- the turn */

static int sim_compare_orders(const void *a, const void *b)
{
        const struct fake_sent *x = a, *y = b;

        return x->lease < y->lease ? -1 : x->lease > y->lease;
}

/* As they were decided, which is the order of the leases. */
static void sim_obey(void)
{
        const size_t count = sim.orders_count;

        qsort(sim.orders, count, sizeof(sim.orders[0]), sim_compare_orders);
        for (size_t i = 0; i < count; i++)
                if (sim.orders[i].order == FAKE_START)
                        sim_lease(&sim.orders[i]);
        for (uint32_t i = 0; i < sim.workers_count; i++)
                sim_begin(i);
        for (size_t i = 0; i < count; i++)
                if (sim.orders[i].order == FAKE_REVOKE)
                        sim_answer_revoke(&sim.orders[i]);
        sim_require(sim.orders_count == count);
        sim.orders_count = 0;
}

void sim_settle(void)
{
        bool is_busy = true;

        for (int turns = 0; is_busy; turns++) {
                sim_require_msg(turns < 200, "it comes to no rest");
                fake_turn();
                is_busy = sim.orders_count > 0;
                sim_obey();
        }
        if (!sim.is_unchecked)
                sim_check_settled();
}

bool sim_step(uint64_t until_usec)
{
        uint64_t next_usec = USEC_NONE;

        for (uint32_t i = 0; i < sim.workers_count; i++)
                if (sim.workers[i].is_running)
                        next_usec = MIN(next_usec, sim.workers[i].end_usec);
        if (next_usec > until_usec)
                return false;
        sim.now_usec = next_usec;
        for (uint32_t i = 0; i < sim.workers_count; i++)
                if (sim.workers[i].is_running && sim.workers[i].end_usec == next_usec) {
                        sim_end(i);
                        sim_begin(i);
                }
        sim_settle();
        return true;
}

void sim_run(uint64_t until_usec)
{
        sim_settle();
        while (sim_step(until_usec))
                ;
        sim.now_usec = MAX(sim.now_usec, until_usec);
}

void sim_finish(uint64_t until_usec)
{
        sim_settle();
        while (sim.open_from <= sim.jobs_count && sim_step(until_usec))
                ;
        sim_require_msg(sim.open_from > sim.jobs_count, "job %zu has not ended", sim.open_from);
        sim_require(engine_is_quiet(fake.engine));
        sim_require(fake.engine->cores.used == 0);
        sim_require(fake.engine->memory_used == 0);
        sim_require(!fair_first(&fake.engine->fair));
}
