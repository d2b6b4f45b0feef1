/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One link: a connection that a worker or the pool has dialled, from accept to burial.
 *
 * Frames come from proto/channel, are decoded and checked by proto/wire, pass the table of
 * link_state.c and reach worker_reports.c. Hello is handled here, because it decides what the
 * link is: it must speak this release's version or the one before, and come from this boot.
 *
 * Identity of a worker is {number, generation}. When a second link says the same pair, its first
 * one is dropped before anything of the second counts: the engine hears on_gone, then on_attached.
 * What the old socket still held is not lost, since a worker repeats what was not acknowledged.
 *
 * Ends: bad bytes, a breach of the protocol or a closed socket drop this link and no other. A
 * drop happens in callbacks of the loop only. An order that meets a full or dead channel merely
 * breaks the link and shuts the socket down, whose end then comes through the loop: the engine is
 * never called back from inside its own call. Nothing is freed before workers_bury().
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/version.h"

#include "proto/frame.h"
#include "proto/wire.h"

#include "daemon/workers/workers_private.h"

/* A worker that reads nothing while orders worth this much wait is of no use. */
#define WORKER_LINK_OUT_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct worker *worker_link_free(struct worker *worker)
{
        if (!worker)
                return NULL;
        channel_free(worker->channel);
        free(worker->acks);
        free(worker->build);
        free(worker);
        return NULL;
}

static struct worker_list *worker_link_list(struct worker *worker)
{
        if (worker->state == LINK_NEW)
                return &worker->workers->fresh;
        if (worker->state == LINK_GREETED || worker->state == LINK_READY)
                return &worker->workers->attached;
        return NULL;
}

void worker_link_drop(struct worker *worker, const char *why)
{
        struct workers *workers = worker->workers;
        const enum link_state state = worker->state;
        struct worker_list *list = worker_link_list(worker);

        if (state == LINK_DEAD)
                return;
        if (why)
                log_warning("link of %s %u closed: %s", state == LINK_POOL ? "pool" : "worker",
                            worker->number, why);
        if (list)
                TAILQ_REMOVE(list, worker, entry);
        else
                workers->pool = NULL;
        workers->changes++;
        worker->state = LINK_DEAD;
        TAILQ_INSERT_TAIL(&workers->buried, worker, entry);
        /* The peer learns at once; the descriptor itself lives until burial. */
        shutdown(channel_fd(worker->channel), SHUT_RDWR);
        channel_set_reading(worker->channel, false);
        loop_wake(workers->loop);

        if (state == LINK_GREETED || state == LINK_READY)
                workers->ops->on_gone(workers->arg, worker);
        else if (state == LINK_POOL)
                workers->ops->on_pool(workers->arg, false);
}

static void worker_link_break(struct worker *worker, const char *why)
{
        if (worker->is_broken)
                return;
        log_warning("worker %u takes no orders: %s", worker->number, why);
        worker->is_broken = true;
        shutdown(channel_fd(worker->channel), SHUT_RDWR);
}

void worker_link_send(struct worker *worker, const Jobd__Work__Order *order, uint64_t barrier)
{
        int r;

        if (worker->state == LINK_DEAD || worker->is_broken)
                return;
        r = channel_send(worker->channel, &order->base, barrier, -1);
        if (r == CHANNEL_E_FULL)
                worker_link_break(worker, "it does not read");
        else if (r == CHANNEL_E_CLOSED)
                worker->is_broken = true;
        else if (r)
                worker_link_break(worker, "an order could not be queued");
}

void worker_link_flush(struct worker *worker, uint64_t durable)
{
        if (worker->state == LINK_DEAD || worker->is_broken)
                return;
        worker_orders_send_acks(worker, durable);
        channel_release(worker->channel, durable);
        channel_flush(worker->channel);
}

bool worker_link_is_other(const struct worker *worker)
{
        return strcmp(worker->build, version_build) != 0;
}

void worker_link_retire_others(struct workers *workers)
{
        Jobd__Work__Retire retire = JOBD__WORK__RETIRE__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        struct worker *worker;

        /*
         * The pool re-execs itself when Welcome names another build. Until it has, it could only
         * replace such a worker by another such one, for ever.
         */
        if (!workers->pool || worker_link_is_other(workers->pool))
                return;
        order.body_case = JOBD__WORK__ORDER__BODY_RETIRE;
        order.retire = &retire;
        TAILQ_FOREACH (worker, &workers->attached, entry) {
                if (worker->is_retiring || !worker_link_is_other(worker))
                        continue;
                worker->is_retiring = true;
                worker_link_send(worker, &order, 0);
        }
}

/* --------------------------------------------------------------------------------------- hello */

static int worker_link_check_hello(const struct workers *workers, const Jobd__Work__Hello *hello,
                                   struct reason *why)
{
        if (hello->version > WIRE_WORKER_VERSION || hello->version == 0 ||
            hello->version + 1 < WIRE_WORKER_VERSION)
                return reason_set(why, WIRE_E_BAD,
                                  "it speaks version %u of the workers' protocol, we speak %u and "
                                  "the one before: install its version of jobd again, or restart "
                                  "jobd-workers, which ends its jobs",
                                  hello->version, WIRE_WORKER_VERSION);
        if (hello->boot_id.len != sizeof(workers->boot_id) ||
            memcmp(hello->boot_id.data, workers->boot_id, sizeof(workers->boot_id)) != 0)
                return reason_set(why, WIRE_E_BAD, "it was started in another boot");
        if (hello->role == JOBD__WORK__ROLE__ROLE_WORKER &&
            (!hello->has_number || !hello->has_generation || !hello->slots))
                return reason_set(why, WIRE_E_BAD,
                                  "a worker must say its number, generation and slots");
        return 0;
}

static struct worker *worker_link_find(struct workers *workers, uint32_t number,
                                       uint64_t generation)
{
        struct worker *worker;

        TAILQ_FOREACH (worker, &workers->attached, entry)
                if (worker->number == number && worker->generation == generation)
                        return worker;
        return NULL;
}

static void worker_link_attach(struct worker *worker)
{
        struct workers *workers = worker->workers;
        struct worker *at;

        TAILQ_FOREACH (at, &workers->attached, entry)
                if (at->number > worker->number)
                        break;
        if (at)
                TAILQ_INSERT_BEFORE(at, worker, entry);
        else
                TAILQ_INSERT_TAIL(&workers->attached, worker, entry);
        workers->changes++;
        worker_orders_welcome(worker);
        if (workers->is_disk_full)
                worker_orders_disk(worker);
        workers->ops->on_attached(workers->arg, worker);
        worker_link_retire_others(workers);
}

static void worker_link_attach_pool(struct worker *worker)
{
        struct workers *workers = worker->workers;

        workers->pool = worker;
        workers->is_pool_stopping = false;
        worker_orders_welcome(worker);
        if (workers->is_stopping)
                workers_stop_pool(workers);
        else
                worker_orders_pool_set(worker);
        user_weights_tell_all(workers);
        workers->ops->on_pool(workers->arg, true);
        worker_link_retire_others(workers);
}

static int worker_link_on_hello(struct worker *worker, const Jobd__Work__Hello *hello,
                                enum link_state next, struct reason *why)
{
        struct workers *workers = worker->workers;
        struct worker *old;
        int r;

        r = worker_link_check_hello(workers, hello, why);
        if (r)
                return r;
        worker->build = strdup(hello->build);
        if (!worker->build)
                return FAULT(-ENOMEM);
        worker->pid = hello->pid;
        worker->number = hello->number;
        worker->generation = hello->generation;
        worker->slots = hello->slots;
        channel_set_frame_max(worker->channel, FRAME_MAX);

        old = next == LINK_POOL ? workers->pool
                                : worker_link_find(workers, hello->number, hello->generation);
        if (old)
                worker_link_drop(old, "it dialled again");
        TAILQ_REMOVE(&workers->fresh, worker, entry);
        worker->state = next;
        if (next == LINK_POOL)
                worker_link_attach_pool(worker);
        else
                worker_link_attach(worker);
        return 0;
}

/* -------------------------------------------------------------------------------------- frames */

static int worker_link_take_report(struct worker *worker, const uint8_t *body, size_t size,
                                   struct reason *why)
{
        _cleanup_(wire_free_reportp) Jobd__Work__Report *report = NULL;
        enum link_event event;
        enum link_state next;
        int r;

        r = wire_unpack_report(body, size, &report, why);
        if (r)
                return r;
        event = worker_report_event(report);
        next = link_state_next(worker->state, event);
        if (next == LINK_NONE)
                return reason_set(why, WIRE_E_BAD, "report %d is not allowed while it is %s",
                                  (int)report->body_case, link_state_name(worker->state));
        if (report->body_case == JOBD__WORK__REPORT__BODY_HELLO)
                return worker_link_on_hello(worker, report->hello, next, why);
        worker->state = next;
        return worker_report_apply(worker, report, why);
}

static void worker_link_on_frame(void *arg, const uint8_t *body, size_t size, int passed_fd)
{
        struct worker *worker = arg;
        struct reason why = { .text = "out of memory" };
        int r;

        fd_close(passed_fd);
        if (worker->state == LINK_DEAD)
                return;
        r = worker_link_take_report(worker, body, size, &why);
        if (r)
                worker_link_drop(worker, why.text);
}

static void worker_link_on_end(void *arg, enum channel_end end)
{
        static const char *const sentences[] = {
                [CHANNEL_END_EOF] = NULL,
                [CHANNEL_END_CUT] = "the connection broke in the middle of a frame",
                [CHANNEL_END_BAD] = "it sent bytes that are no frame",
                [CHANNEL_END_FAULT] = "reading from it failed",
        };

        worker_link_drop(arg, end < ARRAY_SIZE(sentences) ? sentences[end] : "it ended");
}

static const struct channel_ops worker_link_channel_ops = {
        .on_frame = worker_link_on_frame,
        .on_end = worker_link_on_end,
};

int worker_link_new(struct workers *workers, int fd)
{
        static const struct channel_options options = {
                .frame_max_bytes = FRAME_MAX_BEFORE_HELLO,
                .out_max_bytes = WORKER_LINK_OUT_MAX_BYTES,
        };
        struct worker *worker;
        int r;

        worker = calloc(1, sizeof(*worker));
        if (!worker) {
                fd_close(fd);
                return FAULT(-ENOMEM);
        }
        worker->workers = workers;
        worker->state = LINK_NEW;
        r = channel_new(workers->loop, fd, &options, &worker_link_channel_ops, worker,
                        &worker->channel);
        if (r) {
                worker_link_free(worker);
                return PASS(r);
        }
        TAILQ_INSERT_TAIL(&workers->fresh, worker, entry);
        return 0;
}
