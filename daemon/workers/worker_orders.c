/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What jobd tells one worker: each function fills one Order of worker.proto and queues it behind
 * the journal sequence that it may not precede. Called by the engine; on a dead or broken link
 * they do nothing, since on_gone is on its way and the next inventory says what was missed.
 *
 * Acknowledgements are gathered: worker_ack() notes the lease, and workers_flush() sends one Ack
 * with every lease whose end is durable by then. They leave before the orders held for the same
 * sequence: a Start must find the slot free that an Ack frees.
 */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/version.h"

#include "daemon/workers/workers_private.h"

/* An Ack frame holds at most this many (proto/wire refuses longer lists). */
#define WORKER_ORDERS_ACKS_MAX 1024

void worker_orders_welcome(struct worker *worker)
{
        struct workers *workers = worker->workers;
        Jobd__Work__Welcome welcome = JOBD__WORK__WELCOME__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        char build[VERSION_BYTES];

        order.body_case = JOBD__WORK__ORDER__BODY_WELCOME;
        order.welcome = &welcome;
        welcome.version = WIRE_WORKER_VERSION;
        welcome.instance.data = workers->instance;
        welcome.instance.len = sizeof(workers->instance);
        snprintf(build, sizeof(build), "%s", version_build);
        welcome.build = build;
        welcome.has_inline_max_bytes = true;
        welcome.inline_max_bytes = workers->inline_max_bytes;
        welcome.has_output_cap_bytes = true;
        welcome.output_cap_bytes = workers->output_cap_bytes;
        welcome.has_grace_usec = true;
        welcome.grace_usec = workers->grace_usec;
        welcome.socket = workers->clients_socket_path;
        worker_link_send(worker, &order, 0);
}

void worker_orders_pool_set(struct worker *worker)
{
        Jobd__Work__PoolSet set = JOBD__WORK__POOL_SET__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_POOL_SET;
        order.pool_set = &set;
        /* More than this a pool takes for nonsense. */
        set.wanted = MIN(worker->workers->wanted + worker->workers->extra, WIRE_ENTRIES_MAX);
        worker_link_send(worker, &order, 0);
}

void worker_orders_disk(struct worker *worker)
{
        Jobd__Work__Disk disk = JOBD__WORK__DISK__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_DISK;
        order.disk = &disk;
        disk.full = worker->workers->is_disk_full;
        worker_link_send(worker, &order, 0);
}

/* ------------------------------------------------------------------------------ about one lease */

/* protobuf-c has no const in its structs; the bytes are only read. */
static ProtobufCBinaryData worker_orders_bytes(const void *data, size_t size)
{
        ProtobufCBinaryData bytes = { .len = size };

        memcpy(&bytes.data, &data, sizeof(data));
        return bytes;
}

/* Where it is not known which cores a task has, it is bound to none. */
static bool worker_orders_are_cores(const struct workers_start *start)
{
        for (size_t i = 0; i < start->cores_count; i++)
                if (start->cores[i] > WIRE_CORE_MAX)
                        return false;
        return start->cores_count <= WIRE_ENTRIES_MAX;
}

#define WORKER_RESOURCES_MAX 64U

/* The entries of the resources that the task holds; no more than fit. */
static size_t worker_orders_split(const struct workers_start *start,
                                  ProtobufCBinaryData entries[WORKER_RESOURCES_MAX])
{
        size_t count = 0, at = 0;

        while (at < start->resource_env_size && count < WORKER_RESOURCES_MAX) {
                const size_t size = strlen(start->resource_env + at);

                entries[count++] = worker_orders_bytes(
                        (const uint8_t *)(const void *)(start->resource_env + at), size);
                at += size + 1;
        }
        return count;
}

void worker_start(struct worker *worker, const struct workers_start *start, uint64_t barrier)
{
        ProtobufCBinaryData resources[WORKER_RESOURCES_MAX];
        Jobd__Work__Start body = JOBD__WORK__START__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_START;
        order.start = &body;
        body.lease = start->lease;
        body.job = start->job;
        body.task = start->task;
        body.attempt = start->attempt;
        body.uid = start->uid;
        body.gid = start->gid;
        /* The worker still has what the START before it brought. */
        if (!start->is_repeated || worker->spec_job != start->job ||
            worker->spec_version != start->spec_version) {
                body.has_spec = true;
                body.spec = worker_orders_bytes(start->spec, start->spec_size);
                body.has_environment = start->environment != NULL;
                body.environment = worker_orders_bytes(start->environment, start->environment_size);
        }
        body.has_output_cap_bytes = true;
        body.output_cap_bytes = start->output_cap_bytes ? start->output_cap_bytes
                                                        : worker->workers->output_cap_bytes;
        body.has_follow = true;
        body.follow = start->follow;
        body.has_array = true;
        body.array = start->is_array;
        body.n_resource_env = worker_orders_split(start, resources);
        body.resource_env = resources;
        body.has_array_index = start->is_array;
        body.array_index = start->array_index;
        body.has_values = start->values != NULL;
        body.values = worker_orders_bytes(start->values, start->values_size);
        body.has_slot = start->slot > 0;
        body.slot = start->slot;
        if (worker_orders_are_cores(start)) {
                body.has_bind = body.bind = start->bind;
                body.n_cores = start->cores_count;
                memcpy(&body.cores, &start->cores, sizeof(start->cores)); /* only read: as above */
        }
        if (barrier < worker->start_barrier)
                barrier = worker->start_barrier;
        worker->start_barrier = barrier;
        worker->spec_job = start->job;
        worker->spec_version = start->spec_version;
        /* A barrier that has passed lets this frame go at once: the Acks must be ahead of it. */
        worker_orders_send_acks(worker, worker->workers->durable);
        worker_link_send(worker, &order, barrier);
}

void worker_revoke(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        Jobd__Work__Revoke body = JOBD__WORK__REVOKE__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_REVOKE;
        order.revoke = &body;
        body.lease = lease;
        worker_link_send(worker, &order, barrier);
}

void worker_cancel(struct worker *worker, uint64_t lease, uint64_t grace_usec, uint64_t barrier)
{
        Jobd__Work__Cancel body = JOBD__WORK__CANCEL__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_CANCEL;
        order.cancel = &body;
        body.lease = lease;
        body.has_grace_usec = true;
        body.grace_usec = grace_usec;
        worker_link_send(worker, &order, barrier);
}

void worker_signal(struct worker *worker, uint64_t lease, uint32_t signo, uint64_t barrier)
{
        Jobd__Work__Signal body = JOBD__WORK__SIGNAL__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_SIGNAL;
        order.signal = &body;
        body.lease = lease;
        body.signal = signo;
        worker_link_send(worker, &order, barrier);
}

void worker_pause(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        Jobd__Work__Pause body = JOBD__WORK__PAUSE__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_PAUSE;
        order.pause = &body;
        body.lease = lease;
        worker_link_send(worker, &order, barrier);
}

void worker_resume(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        Jobd__Work__Resume body = JOBD__WORK__RESUME__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_RESUME;
        order.resume = &body;
        body.lease = lease;
        worker_link_send(worker, &order, barrier);
}

void worker_follow(struct worker *worker, uint64_t lease, bool on)
{
        Jobd__Work__FollowLease body = JOBD__WORK__FOLLOW_LEASE__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_FOLLOW;
        order.follow = &body;
        body.lease = lease;
        body.on = on;
        worker_link_send(worker, &order, 0);
}

void worker_stdin(struct worker *worker, uint64_t lease, uint64_t offset, const void *data,
                  size_t size, bool end)
{
        Jobd__Work__StdinPiece body = JOBD__WORK__STDIN_PIECE__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        order.body_case = JOBD__WORK__ORDER__BODY_STDIN_PIECE;
        order.stdin_piece = &body;
        body.lease = lease;
        body.offset = offset;
        body.has_data = size > 0;
        body.data = worker_orders_bytes(data, size);
        body.has_end = true;
        body.end = end;
        worker_link_send(worker, &order, 0);
}

/* ---------------------------------------------------------------------------- acknowledgements */

void worker_ack(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        if (worker->state == LINK_DEAD || worker->is_broken)
                return;
        if (worker->acks_count == worker->acks_room) {
                const size_t room = MAX(16, worker->acks_room * 2);
                void *acks = reallocarray(worker->acks, room, sizeof(*worker->acks));

                if (!acks) {
                        /* Not lost: the worker repeats its report on its next link. */
                        log_debug("no memory to acknowledge a lease");
                        return;
                }
                worker->acks = acks;
                worker->acks_room = room;
        }
        worker->acks[worker->acks_count++] =
                (struct worker_due_ack){ .lease = lease, .barrier = barrier };
}

/* Moves due leases, as many as fit, from the link's list to `leases`; returns how many. */
static size_t worker_orders_take_due(struct worker *worker, uint64_t durable, uint64_t *leases,
                                     size_t max)
{
        size_t taken = 0, kept = 0;

        for (size_t i = 0; i < worker->acks_count; i++) {
                if (worker->acks[i].barrier <= durable && taken < max)
                        leases[taken++] = worker->acks[i].lease;
                else
                        worker->acks[kept++] = worker->acks[i];
        }
        worker->acks_count = kept;
        return taken;
}

void worker_orders_send_acks(struct worker *worker, uint64_t durable)
{
        uint64_t leases[WORKER_ORDERS_ACKS_MAX];
        Jobd__Work__Ack ack = JOBD__WORK__ACK__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        ack.leases = leases;
        order.body_case = JOBD__WORK__ORDER__BODY_ACK;
        order.ack = &ack;
        for (;;) {
                ack.n_leases = worker_orders_take_due(worker, durable, leases, ARRAY_SIZE(leases));
                if (ack.n_leases == 0)
                        return;
                worker_link_send(worker, &order, 0);
        }
}
