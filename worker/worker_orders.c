/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What jobd tells a worker, one row per order. Leases that run are the runner's; those that wait
 * or have ended are looked after here. An order about a lease that is not held has lost a race (its
 * end was acknowledged meanwhile) and is ignored, except Revoke, which must be answered.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"

#include "worker/line.h"
#include "worker/report.h"
#include "worker/worker_private.h"

typedef void (*worker_order_fn)(struct worker *worker, const Jobd__Work__Order *order);

static struct lease *worker_find(struct worker *worker, uint64_t id)
{
        struct lease *lease;

        TAILQ_FOREACH (lease, &worker->leases, entry)
                if (lease->id == id)
                        return lease;
        return NULL;
}

/* The lease, if it is the one that runs. */
static struct lease *worker_find_current(struct worker *worker, uint64_t id)
{
        struct lease *lease = runner_current(worker->runner);

        return lease && lease->id == id ? lease : NULL;
}

void worker_show_busy(struct worker *worker)
{
        struct record_shared *shared = record_get_shared(worker->record);

        atomic_store(&shared->busy, worker->leases_count);
        if (worker->leases_count && !atomic_load(&shared->watching))
                line_send(worker->options->line_fd, LINE_BUSY, 0);
}

void worker_drop_lease(struct worker *worker, struct lease *lease)
{
        const struct record_entry empty = { .state = RECORD_FREE };

        record_write(worker->record, lease->slot, &empty);
        TAILQ_REMOVE(&worker->leases, lease, entry);
        worker->leases_count--;
        atomic_store(&record_get_shared(worker->record)->busy, worker->leases_count);
        lease_free(lease);
}

static void worker_give_back(struct worker *worker, struct lease *lease)
{
        const uint64_t id = lease->id;

        worker_drop_lease(worker, lease);
        report_revoked(worker->link, id, false);
}

void worker_retire(struct worker *worker)
{
        struct lease *lease, *next;

        worker->is_retiring = true;
        TAILQ_FOREACH_SAFE (lease, &worker->leases, entry, next)
                if (lease->state == RUN_HELD)
                        worker_give_back(worker, lease);
        loop_wake(worker->loop);
}

/* -------------------------------------------------------------------------------------- orders */

/*
 * What jobd says of the job is kept for the Starts after this one, whatever becomes of this lease:
 * they come without it.
 */
static int worker_take_job(struct worker *worker, const Jobd__Work__Start *start,
                           struct reason *why)
{
        int r;

        if (!start->has_spec) {
                if (worker->last_job && worker->last_job->id == start->job)
                        return 0;
                return reason_set(why, WIRE_E_BAD,
                                  "internal error: the worker was not told what job %" PRIu64
                                  " runs",
                                  start->job);
        }
        worker->last_job = job_unref(worker->last_job);
        r = job_new(start, &worker->last_job, why);
        return r < 0 ? PASS(r) : r;
}

static void worker_on_start(struct worker *worker, const Jobd__Work__Order *order)
{
        const Jobd__Work__Start *start = order->start;
        struct reason why = { "" };
        struct lease *lease;
        int slot, r, told;

        told = worker_take_job(worker, start, &why);
        if (worker_find(worker, start->lease))
                return;
        slot = record_find_free(worker->record);
        if (worker->is_retiring || slot < 0) {
                report_revoked(worker->link, start->lease, false);
                return;
        }
        r = lease_new(start, worker->spool_fd, &lease);
        if (r) {
                report_revoked(worker->link, start->lease, false);
                return;
        }
        lease->slot = (unsigned int)slot;
        lease->state = RUN_HELD;
        TAILQ_INSERT_TAIL(&worker->leases, lease, entry);
        worker->leases_count++;
        const struct record_entry entry = lease_to_record(lease, RECORD_ACCEPTED);
        record_write(worker->record, lease->slot, &entry);
        if (worker->leases_count == 1)
                worker_show_busy(worker);
        r = told ? told : lease_set_job(lease, worker->last_job, start);
        if (r < 0)
                reason_set(&why, 0, "the worker has no memory for the job");
        if (r)
                runner_end_unstarted(worker->runner, lease, JOBD__WORK__OUTCOME__OUTCOME_REFUSED,
                                     &why);
}

static void worker_on_revoke(struct worker *worker, const Jobd__Work__Order *order)
{
        struct lease *lease = worker_find(worker, order->revoke->lease);

        if (lease && lease->state == RUN_HELD)
                worker_give_back(worker, lease);
        else
                report_revoked(worker->link, order->revoke->lease, true);
}

static void worker_on_cancel(struct worker *worker, const Jobd__Work__Order *order)
{
        const Jobd__Work__Cancel *cancel = order->cancel;
        struct lease *lease = worker_find(worker, cancel->lease);
        struct reason why = { "cancelled before it started" };

        if (!lease)
                return;
        if (lease == runner_current(worker->runner))
                runner_cancel(worker->runner, RUNNER_STOP_CANCEL,
                              cancel->has_grace_usec ? cancel->grace_usec : USEC_NONE);
        else if (lease->state == RUN_HELD)
                runner_end_unstarted(worker->runner, lease, JOBD__WORK__OUTCOME__OUTCOME_CANCELLED,
                                     &why);
}

static void worker_on_signal(struct worker *worker, const Jobd__Work__Order *order)
{
        const Jobd__Work__Signal *sig = order->signal;

        if (worker_find_current(worker, sig->lease) && sig->signal >= 1 &&
            sig->signal <= (uint32_t)SIGRTMAX)
                runner_signal(worker->runner, (int)sig->signal);
}

static void worker_set_paused(struct worker *worker, uint64_t id, enum run_event event)
{
        const struct lease *lease = worker_find(worker, id);

        if (!lease)
                return;
        if (lease == runner_current(worker->runner))
                runner_order(worker->runner, event);
        else
                report_paused(worker->link, lease);
}

static void worker_on_pause(struct worker *worker, const Jobd__Work__Order *order)
{
        worker_set_paused(worker, order->pause->lease, RUN_EV_PAUSE);
}

static void worker_on_resume(struct worker *worker, const Jobd__Work__Order *order)
{
        worker_set_paused(worker, order->resume->lease, RUN_EV_RESUME);
}

static void worker_on_follow(struct worker *worker, const Jobd__Work__Order *order)
{
        struct lease *lease = worker_find(worker, order->follow->lease);

        if (!lease)
                return;
        if (lease == runner_current(worker->runner))
                runner_follow(worker->runner, order->follow->on);
        else
                lease->wants_follow = order->follow->on;
}

static void worker_on_stdin(struct worker *worker, const Jobd__Work__Order *order)
{
        const Jobd__Work__StdinPiece *piece = order->stdin_piece;

        if (worker_find_current(worker, piece->lease))
                runner_feed(worker->runner, piece);
}

static void worker_on_ack(struct worker *worker, const Jobd__Work__Order *order)
{
        const Jobd__Work__Ack *ack = order->ack;

        for (size_t i = 0; i < ack->n_leases; i++) {
                struct lease *lease = worker_find(worker, ack->leases[i]);

                if (lease && lease->state == RUN_ENDED)
                        worker_drop_lease(worker, lease);
        }
}

static void worker_on_retire(struct worker *worker, _unused_ const Jobd__Work__Order *order)
{
        worker_retire(worker);
}

static void worker_on_disk(struct worker *worker, const Jobd__Work__Order *order)
{
        runner_set_disk_full(worker->runner, order->disk->full);
}

/* clang-format off */
static const worker_order_fn worker_order_rows[] = {
        [JOBD__WORK__ORDER__BODY_START]       = worker_on_start,
        [JOBD__WORK__ORDER__BODY_REVOKE]      = worker_on_revoke,
        [JOBD__WORK__ORDER__BODY_CANCEL]      = worker_on_cancel,
        [JOBD__WORK__ORDER__BODY_SIGNAL]      = worker_on_signal,
        [JOBD__WORK__ORDER__BODY_PAUSE]       = worker_on_pause,
        [JOBD__WORK__ORDER__BODY_RESUME]      = worker_on_resume,
        [JOBD__WORK__ORDER__BODY_FOLLOW]      = worker_on_follow,
        [JOBD__WORK__ORDER__BODY_STDIN_PIECE] = worker_on_stdin,
        [JOBD__WORK__ORDER__BODY_ACK]         = worker_on_ack,
        [JOBD__WORK__ORDER__BODY_RETIRE]      = worker_on_retire,
        [JOBD__WORK__ORDER__BODY_DISK]        = worker_on_disk,
};
/* clang-format on */

void worker_take_order(struct worker *worker, const Jobd__Work__Order *order)
{
        const size_t i = order->body_case;

        if (i < ARRAY_SIZE(worker_order_rows) && worker_order_rows[i])
                worker_order_rows[i](worker, order);
        else
                log_debug("order %zu is not for a worker", i);
}
