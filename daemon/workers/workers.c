/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private socket and everything behind it: accepts what workers and the pool dial, keeps the
 * list of their links, holds what the pool last said, and sends orders to the pool.
 *
 * jobd binds the socket itself (never through socket activation), in a folder that only it can
 * enter. The peer's uid, as the kernel saw it at connect, must be the one that runs workers: root
 * in system mode, our own in user mode; others are closed without a word. When no descriptor is
 * left the listener leaves the loop for a second instead of spinning.
 *
 * jobd never waits here: workers that are absent dial when they are ready, and a pool that is
 * absent hears of its size as soon as it comes (Welcome, PoolSet). Links live in lists by state
 * and die in workers_bury() alone. No callback of workers_ops is called from inside a function of
 * workers.h; they come from the loop. Called by daemon.c and the engine.
 */
#include "daemon/workers/workers.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/usocket.h"

#include "daemon/workers/workers_private.h"

#define WORKERS_ACCEPT_MAX 16 /* a round; the loop comes back for more */

/* ----------------------------------------------------------------------------------- accepting */

static int workers_take(struct workers *workers, int fd)
{
        _cleanup_(fd_closep) int owned_fd = fd;
        struct usocket_peer peer;
        int r;

        r = usocket_read_peer(owned_fd, 0, &peer);
        if (r)
                return PASS(r);
        if (peer.uid != workers->peer_uid) {
                log_warning("user %u has no business on the workers' socket", (unsigned)peer.uid);
                usocket_peer_deinit(&peer);
                return 0;
        }
        usocket_peer_deinit(&peer);
        r = worker_link_new(workers, TAKE_FD(owned_fd));
        return r ? PASS(r) : 0;
}

static void workers_on_accept(void *arg, unsigned int flags _unused_)
{
        struct workers *workers = arg;

        for (int i = 0; i < WORKERS_ACCEPT_MAX; i++) {
                int fd = -1;
                const int r = usocket_accept(workers->listen_fd, &fd);

                if (r == USOCKET_E_AGAIN)
                        return;
                if (r) {
                        /* Also for a fault: a descriptor that stays readable would spin. */
                        log_warning("cannot accept a worker for now");
                        if (loop_watch_set(workers->accept_watch, 0) ||
                            loop_timer_start(workers->accept_timer, USEC_PER_SEC))
                                log_error("no more workers are accepted");
                        return;
                }
                if (workers_take(workers, fd))
                        log_debug("a connection on the workers' socket was dropped");
        }
}

static void workers_on_accept_again(void *arg)
{
        struct workers *workers = arg;

        if (loop_watch_set(workers->accept_watch, LOOP_READ))
                log_error("no more workers are accepted");
}

/* ----------------------------------------------------------------------------------- life time */

static void workers_free_list(struct worker_list *list)
{
        struct worker *worker;

        while ((worker = TAILQ_FIRST(list))) {
                TAILQ_REMOVE(list, worker, entry);
                worker_link_free(worker);
        }
}

struct workers *workers_free(struct workers *workers)
{
        if (!workers)
                return NULL;
        workers_free_list(&workers->fresh);
        workers_free_list(&workers->attached);
        workers_free_list(&workers->buried);
        worker_link_free(workers->pool);
        loop_timer_free(workers->accept_timer);
        loop_watch_free(workers->accept_watch);
        if (workers->listen_fd >= 0) {
                fd_close(workers->listen_fd);
                unlink(workers->socket_path);
        }
        user_weights_deinit(workers);
        free(workers->pool_workers);
        free(workers->containment);
        free(workers->socket_path);
        free(workers->clients_socket_path);
        free(workers);
        return NULL;
}

int workers_new(struct loop *loop, const struct workers_options *options,
                const struct workers_ops *ops, void *arg, struct workers **out_workers)
{
        _cleanup_(workers_freep) struct workers *workers = NULL;
        int r;

        workers = calloc(1, sizeof(*workers));
        if (!workers)
                return FAULT(-ENOMEM);
        TAILQ_INIT(&workers->fresh);
        TAILQ_INIT(&workers->attached);
        TAILQ_INIT(&workers->buried);
        workers->loop = loop;
        workers->ops = ops;
        workers->arg = arg;
        workers->listen_fd = -1;
        workers->peer_uid = options->peer_uid;
        workers->wanted = options->wanted;
        memcpy(workers->instance, options->instance, sizeof(workers->instance));
        workers_set_defaults(workers, options->inline_max_bytes, options->output_cap_bytes,
                             options->grace_usec);
        workers->socket_path = strdup(options->socket_path);
        workers->clients_socket_path = strdup(options->clients_socket_path);
        if (!workers->socket_path || !workers->clients_socket_path)
                return FAULT(-ENOMEM);
        r = clock_read_boot_id(workers->boot_id);
        if (r)
                return PASS(r);
        r = usocket_listen(workers->socket_path, 0600, &workers->listen_fd);
        if (r)
                return PASS(r);
        r = loop_timer_new(loop, workers_on_accept_again, workers, &workers->accept_timer);
        if (r)
                return PASS(r);
        r = loop_watch_new(loop, workers->listen_fd, LOOP_READ, workers_on_accept, workers,
                           &workers->accept_watch);
        if (r)
                return PASS(r);
        *out_workers = TAKE_PTR(workers);
        return 0;
}

void workers_set_defaults(struct workers *workers, uint64_t inline_max_bytes,
                          uint64_t output_cap_bytes, uint64_t grace_usec)
{
        struct worker *worker;

        workers->inline_max_bytes = inline_max_bytes;
        workers->output_cap_bytes = output_cap_bytes;
        workers->grace_usec = grace_usec;
        TAILQ_FOREACH (worker, &workers->attached, entry)
                worker_orders_welcome(worker);
}

void workers_flush(struct workers *workers, uint64_t durable)
{
        struct worker *worker;

        workers->durable = durable;
        TAILQ_FOREACH (worker, &workers->attached, entry)
                worker_link_flush(worker, durable);
        if (workers->pool)
                worker_link_flush(workers->pool, durable);
}

void workers_bury(struct workers *workers)
{
        workers_free_list(&workers->buried);
}

/* ---------------------------------------------------------------------------------- one worker */

uint32_t worker_number(const struct worker *worker)
{
        return worker->number;
}

uint64_t worker_generation(const struct worker *worker)
{
        return worker->generation;
}

uint32_t worker_pid(const struct worker *worker)
{
        return worker->pid;
}

const char *worker_build(const struct worker *worker)
{
        return worker->build;
}

uint32_t worker_slots(const struct worker *worker)
{
        return worker->slots;
}

bool worker_is_retiring(const struct worker *worker)
{
        return worker->is_retiring || worker->workers->is_pool_stopping ||
               worker->workers->is_stopping;
}

void worker_set_data(struct worker *worker, void *data)
{
        worker->data = data;
}

void *worker_data(const struct worker *worker)
{
        return worker->data;
}

/* ------------------------------------------------------------------------------------ the pool */

uint32_t workers_wanted(const struct workers *workers)
{
        return workers->wanted;
}

void workers_resize(struct workers *workers, uint32_t wanted)
{
        workers->wanted = wanted;
        if (workers->pool && !workers->is_stopping)
                worker_orders_pool_set(workers->pool);
}

void workers_set_extra(struct workers *workers, uint32_t extra)
{
        workers->extra = extra;
        if (workers->pool && !workers->is_stopping)
                worker_orders_pool_set(workers->pool);
}

bool workers_has_pool(const struct workers *workers)
{
        return workers->pool != NULL;
}

uint32_t workers_pool_pid(const struct workers *workers)
{
        return workers->pool ? workers->pool->pid : 0;
}

const char *workers_containment(const struct workers *workers)
{
        return workers->pool && workers->containment ? workers->containment : "unknown (no pool)";
}

void workers_ack_dead(struct workers *workers, uint32_t number, uint64_t generation,
                      uint64_t barrier)
{
        Jobd__Work__DeadAck body = JOBD__WORK__DEAD_ACK__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        if (!workers->pool)
                return;
        order.body_case = JOBD__WORK__ORDER__BODY_DEAD_ACK;
        order.dead_ack = &body;
        body.number = number;
        body.generation = generation;
        worker_link_send(workers->pool, &order, barrier);
}

void workers_compact(struct workers *workers, uint64_t job, uint64_t task, uint32_t attempt)
{
        Jobd__Work__Compact body = JOBD__WORK__COMPACT__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        if (!workers->pool)
                return;
        order.body_case = JOBD__WORK__ORDER__BODY_COMPACT;
        order.compact = &body;
        body.job = job;
        body.task = task;
        body.attempt = attempt;
        worker_link_send(workers->pool, &order, 0);
}

void workers_set_disk(struct workers *workers, bool full)
{
        struct worker *worker;

        workers->is_disk_full = full;
        TAILQ_FOREACH (worker, &workers->attached, entry)
                worker_orders_disk(worker);
}

void workers_check(struct workers *workers)
{
        Jobd__Work__CheckWorkers body = JOBD__WORK__CHECK_WORKERS__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        if (!workers->pool)
                return;
        order.body_case = JOBD__WORK__ORDER__BODY_CHECK_WORKERS;
        order.check_workers = &body;
        worker_link_send(workers->pool, &order, 0);
}

void workers_stop_pool(struct workers *workers)
{
        Jobd__Work__PoolStop body = JOBD__WORK__POOL_STOP__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        workers->is_stopping = true;
        if (!workers->pool)
                return;
        order.body_case = JOBD__WORK__ORDER__BODY_POOL_STOP;
        order.pool_stop = &body;
        worker_link_send(workers->pool, &order, 0);
}

/* --------------------------------------------------------------------------------------- lists */

struct worker *workers_at(const struct workers *workers, size_t index)
{
        struct worker *worker;

        TAILQ_FOREACH (worker, &workers->attached, entry)
                if (index-- == 0)
                        return worker;
        return NULL;
}

uint64_t workers_changes(const struct workers *workers)
{
        return workers->changes;
}

size_t workers_count(const struct workers *workers)
{
        struct worker *worker;
        size_t count = 0;

        TAILQ_FOREACH (worker, &workers->attached, entry)
                count++;
        return count;
}

bool workers_pool_has(const struct workers *workers, uint32_t number, uint64_t generation)
{
        if (!workers->pool)
                return false;
        for (size_t i = 0; i < workers->pool_workers_count; i++)
                if (workers->pool_workers[i].number == number &&
                    workers->pool_workers[i].generation == generation)
                        return true;
        return false;
}
