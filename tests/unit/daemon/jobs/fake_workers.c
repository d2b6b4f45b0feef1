/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers.h as a list of what was ordered (fake.sent), and workers that come, go and report when
 * the test says so.
 */
#include <assert.h>
#include <stdlib.h>

#include "fakes.h"

struct worker {
        uint32_t number;
        uint64_t generation;
        void *data;
};

static void fake_send(const struct fake_sent *sent)
{
        if (fake.on_order) {
                fake.on_order(sent);
                return;
        }
        assert(fake.sent_count < FAKE_MAX);
        fake.sent[fake.sent_count++] = *sent;
}

uint32_t worker_number(const struct worker *worker)
{
        return worker->number;
}

uint64_t worker_generation(const struct worker *worker)
{
        return worker->generation;
}

uint32_t worker_slots(const struct worker *worker)
{
        (void)worker;
        return 32;
}

bool worker_is_retiring(const struct worker *worker)
{
        (void)worker;
        return false;
}

void worker_set_data(struct worker *worker, void *data)
{
        worker->data = data;
}

void *worker_data(const struct worker *worker)
{
        return worker->data;
}

void worker_start(struct worker *worker, const struct workers_start *start, uint64_t barrier)
{
        struct fake_sent sent = { .order = FAKE_START,
                                  .worker = worker->number,
                                  .lease = start->lease,
                                  .job = start->job,
                                  .task = start->task,
                                  .barrier = barrier,
                                  .attempt = start->attempt,
                                  .slot = start->slot,
                                  .cores_count = (uint32_t)start->cores_count,
                                  .bind = start->bind,
                                  .spec_version = start->spec_version,
                                  .spec_size = start->spec_size };

        assert(start->cores_count <= ARRAY_SIZE(sent.cores));
        for (size_t i = 0; i < start->cores_count; i++)
                sent.cores[i] = start->cores[i];

        assert(start->values_size < sizeof(sent.values));
        for (size_t i = 0; i < start->values_size; i++)
                sent.values[i] = start->values[i] ? (char)start->values[i] : ',';
        fake_send(&sent);
}

static void fake_send_lease(enum fake_order order, struct worker *worker, uint64_t lease,
                            uint64_t barrier)
{
        fake_send(&(struct fake_sent){
                .order = order, .worker = worker->number, .lease = lease, .barrier = barrier });
}

void worker_revoke(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        fake_send_lease(FAKE_REVOKE, worker, lease, barrier);
}

void worker_cancel(struct worker *worker, uint64_t lease, uint64_t grace_usec, uint64_t barrier)
{
        (void)grace_usec;
        fake_send_lease(FAKE_CANCEL, worker, lease, barrier);
}

void worker_signal(struct worker *worker, uint64_t lease, uint32_t signo, uint64_t barrier)
{
        (void)signo;
        fake_send_lease(FAKE_SIGNAL, worker, lease, barrier);
}

void worker_pause(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        fake_send_lease(FAKE_PAUSE, worker, lease, barrier);
}

void worker_resume(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        fake_send_lease(FAKE_RESUME, worker, lease, barrier);
}

void worker_follow(struct worker *worker, uint64_t lease, bool on)
{
        (void)worker;
        (void)lease;
        (void)on;
}

void worker_stdin(struct worker *worker, uint64_t lease, uint64_t offset, const void *data,
                  size_t size, bool end)
{
        (void)worker;
        (void)lease;
        (void)offset;
        (void)data;
        (void)size;
        (void)end;
}

void worker_ack(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        fake_send_lease(FAKE_ACK, worker, lease, barrier);
}

void workers_ack_dead(struct workers *workers, uint32_t number, uint64_t generation,
                      uint64_t barrier)
{
        (void)workers;
        (void)number;
        (void)generation;
        (void)barrier;
        fake.dead_acked++;
}

void workers_compact(struct workers *workers, uint64_t job, uint64_t task, uint32_t attempt)
{
        (void)workers;
        (void)job;
        (void)task;
        (void)attempt;
}

void workers_set_user_weight(struct workers *workers, uint32_t uid, uint32_t weight)
{
        (void)workers;
        fake.weight_uid = uid;
        fake.weight = weight;
}

void workers_check(struct workers *workers)
{
        (void)workers;
}

void workers_set_extra(struct workers *workers, uint32_t extra)
{
        (void)workers;
        fake.extra = extra;
}

uint32_t workers_wanted(const struct workers *workers)
{
        (void)workers;
        return fake.wanted ? fake.wanted : FAKE_WORKERS;
}

bool workers_has_pool(const struct workers *workers)
{
        (void)workers;
        return !fake.is_pool_away;
}

bool workers_pool_has(const struct workers *workers, uint32_t number, uint64_t generation)
{
        (void)workers;
        (void)number;
        (void)generation;
        return !fake.pool_knows_nobody;
}

struct worker *fake_dial(uint32_t number)
{
        struct worker *worker = calloc(1, sizeof(*worker));

        assert(worker && number < ARRAY_SIZE(fake.workers));
        worker->number = number;
        worker->generation = 1;
        fake.workers[number] = worker;
        engine_workers_ops.on_attached(fake.engine, worker);
        return worker;
}

struct worker *fake_attach(uint32_t number)
{
        struct worker *worker = fake_dial(number);

        engine_workers_ops.on_ready(fake.engine, worker);
        return worker;
}

void fake_detach(struct worker *worker)
{
        fake.workers[worker->number] = NULL;
        engine_workers_ops.on_gone(fake.engine, worker);
        free(worker);
}

void fake_exit(struct worker *worker, uint64_t lease, int code)
{
        const struct workers_exit exit = { .lease = lease,
                                           .outcome = WORKERS_OUTCOME_EXITED,
                                           .exit_code = code,
                                           .pid = 4711,
                                           .run_usec = 500,
                                           .records = (const uint8_t *)"x",
                                           .records_size = 1,
                                           .output_bytes = 1 };

        engine_workers_ops.on_exited(fake.engine, worker, &exit);
}
