/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers and the pool tell jobd: one row per report, saying which event of link_state.c it
 * is and who passes it on. The handlers turn protobuf's structs into those of workers.h, which is
 * all that the engine knows; everything in them is borrowed for the call.
 *
 * proto/wire has checked ranges and texts already. What is judged here is only what relates
 * fields: an ordinary end must have an exit code, a death by signal a signal. Whether a lease
 * exists is the engine's business. A handler that returns WIRE_E_BAD costs the link.
 *
 * A sentence for people comes from the worker, or is made here of stage and errno, and is cut
 * between two characters when it is too long.
 *
 * If you add a report, add a row; an oneof case without one is refused.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

#include "proto/wire.h"

#include "daemon/workers/workers_private.h"

#define WORKER_REPORT_WHY_MAX 1024

struct worker_report_kind {
        enum link_event event;
        int (*apply)(struct worker *worker, const Jobd__Work__Report *report, struct reason *why);
};

/* --------------------------------------------------------------------------------- one lease */

static int worker_report_started(struct worker *worker, const Jobd__Work__Report *report,
                                 struct reason *why _unused_)
{
        const Jobd__Work__Started *started = report->started;

        worker->workers->ops->on_started(worker->workers->arg, worker, started->lease, started->pid,
                                         started->start_wall_usec);
        return 0;
}

/* Cuts at `max` bytes, never inside a character. `text` is valid UTF-8. */
static void worker_report_cut(char *buf, size_t max, const char *text)
{
        size_t size = strlen(text);

        if (size >= max) {
                size = max - 1;
                while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
                        size--;
        }
        memcpy(buf, text, size);
        buf[size] = '\0';
}

/* The worker's sentence, or one made of what it said; NULL when there is nothing to say. */
static const char *worker_report_why(const Jobd__Work__Exited *exited, char *buf, size_t max)
{
        char made[256];

        if (exited->why && *exited->why)
                worker_report_cut(buf, max, exited->why);
        else if (exited->stage && *exited->stage) {
                snprintf(made, sizeof(made), "%.100s: %s", exited->stage,
                         strerrordesc_np((int)exited->error) ?: "unknown error");
                worker_report_cut(buf, max, made);
        } else if (exited->survivors > 0)
                snprintf(buf, max, "%u processes outlived KILL", exited->survivors);
        else
                return NULL;
        return buf;
}

/* A start in vain always has one, even when an earlier version of the worker did not say it. */
static int32_t worker_report_code(const Jobd__Work__Exited *exited)
{
        if (exited->has_exit_code)
                return exited->exit_code;
        return exited->outcome == JOBD__WORK__OUTCOME__OUTCOME_NOT_STARTED ? 125 : -1;
}

static int worker_report_judge_exit(const Jobd__Work__Exited *exited, struct reason *why)
{
        if (exited->outcome == JOBD__WORK__OUTCOME__OUTCOME_NONE)
                return reason_set(why, WIRE_E_BAD, "Exited has no outcome");
        if (exited->outcome == JOBD__WORK__OUTCOME__OUTCOME_EXITED && !exited->has_exit_code)
                return reason_set(why, WIRE_E_BAD, "Exited has no exit code");
        if (exited->outcome == JOBD__WORK__OUTCOME__OUTCOME_SIGNALED && exited->exit_signal == 0)
                return reason_set(why, WIRE_E_BAD, "Exited has no signal");
        return 0;
}

/* clang-format off */
static const enum workers_outcome worker_report_outcomes[] = {
        [JOBD__WORK__OUTCOME__OUTCOME_NONE]        = WORKERS_OUTCOME_NONE,
        [JOBD__WORK__OUTCOME__OUTCOME_EXITED]      = WORKERS_OUTCOME_EXITED,
        [JOBD__WORK__OUTCOME__OUTCOME_SIGNALED]    = WORKERS_OUTCOME_SIGNALED,
        [JOBD__WORK__OUTCOME__OUTCOME_TIMEOUT]     = WORKERS_OUTCOME_TIMEOUT,
        [JOBD__WORK__OUTCOME__OUTCOME_OOM]         = WORKERS_OUTCOME_OOM,
        [JOBD__WORK__OUTCOME__OUTCOME_NOT_STARTED] = WORKERS_OUTCOME_NOT_STARTED,
        [JOBD__WORK__OUTCOME__OUTCOME_CANCELLED]   = WORKERS_OUTCOME_CANCELLED,
        [JOBD__WORK__OUTCOME__OUTCOME_REFUSED]     = WORKERS_OUTCOME_REFUSED,
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(worker_report_outcomes) == WORKERS_OUTCOME_COUNT, "a row per outcome");

static int worker_report_exited(struct worker *worker, const Jobd__Work__Report *report,
                                struct reason *why)
{
        const Jobd__Work__Exited *exited = report->exited;
        char sentence[WORKER_REPORT_WHY_MAX];
        struct workers_exit exit;
        int r;

        r = worker_report_judge_exit(exited, why);
        if (r)
                return r;
        exit = (struct workers_exit){
                .lease = exited->lease,
                .outcome = worker_report_outcomes[exited->outcome],
                .exit_code = worker_report_code(exited),
                .exit_signal = exited->exit_signal,
                .why = worker_report_why(exited, sentence, sizeof(sentence)),
                .pid = exited->pid,
                .start_wall_usec = exited->start_wall_usec,
                .end_wall_usec = exited->end_wall_usec,
                .run_usec = exited->run_usec,
                .user_usec = exited->user_usec,
                .system_usec = exited->system_usec,
                .memory_peak_bytes = exited->memory_peak_bytes,
                .read_bytes = exited->read_bytes,
                .write_bytes = exited->write_bytes,
                .records = exited->has_records ? exited->records.data : NULL,
                .records_size = exited->has_records ? exited->records.len : 0,
                .output_bytes = exited->output_bytes,
                .spooled = exited->spooled,
                .output_cut = exited->output_cut,
        };
        worker->workers->ops->on_exited(worker->workers->arg, worker, &exit);
        return 0;
}

static int worker_report_revoked(struct worker *worker, const Jobd__Work__Report *report,
                                 struct reason *why _unused_)
{
        worker->workers->ops->on_revoked(worker->workers->arg, worker, report->revoked->lease,
                                         report->revoked->too_late);
        return 0;
}

static int worker_report_paused(struct worker *worker, const Jobd__Work__Report *report,
                                struct reason *why _unused_)
{
        worker->workers->ops->on_paused(worker->workers->arg, worker, report->paused->lease,
                                        report->paused->paused);
        return 0;
}

static int worker_report_output(struct worker *worker, const Jobd__Work__Report *report,
                                struct reason *why _unused_)
{
        const Jobd__Work__OutputPiece *piece = report->output_piece;

        worker->workers->ops->on_output(worker->workers->arg, worker, piece->lease, piece->offset,
                                        piece->records.data, piece->records.len);
        return 0;
}

static int worker_report_spooled(struct worker *worker, const Jobd__Work__Report *report,
                                 struct reason *why _unused_)
{
        worker->workers->ops->on_spooled(worker->workers->arg, worker, report->spooled->lease,
                                         report->spooled->size_bytes);
        return 0;
}

static int worker_report_grown(struct worker *worker, const Jobd__Work__Report *report,
                               struct reason *why _unused_)
{
        worker->workers->ops->on_grown(worker->workers->arg, worker, report->grown->lease,
                                       report->grown->size_bytes);
        return 0;
}

static int worker_report_stdin(struct worker *worker, const Jobd__Work__Report *report,
                               struct reason *why _unused_)
{
        const Jobd__Work__StdinTaken *taken = report->stdin_taken;

        worker->workers->ops->on_stdin_taken(worker->workers->arg, worker, taken->lease,
                                             taken->taken, taken->closed);
        return 0;
}

/* --------------------------------------------------------------------------------- inventories */

static struct workers_held worker_report_held(const Jobd__Work__HeldLease *lease)
{
        static const enum workers_slot slots[] = {
                [JOBD__WORK__SLOT_STATE__SLOT_NONE] = WORKERS_SLOT_NONE,
                [JOBD__WORK__SLOT_STATE__SLOT_ACCEPTED] = WORKERS_SLOT_ACCEPTED,
                [JOBD__WORK__SLOT_STATE__SLOT_GO] = WORKERS_SLOT_GO,
                [JOBD__WORK__SLOT_STATE__SLOT_RUNNING] = WORKERS_SLOT_RUNNING,
                [JOBD__WORK__SLOT_STATE__SLOT_EXITED] = WORKERS_SLOT_EXITED,
        };

        const size_t outcome = lease->has_outcome ? lease->outcome : 0;

        return (struct workers_held){
                .outcome = outcome < ARRAY_SIZE(worker_report_outcomes)
                                   ? worker_report_outcomes[outcome]
                                   : WORKERS_OUTCOME_NONE,
                .exit_code = lease->has_exit_code ? lease->exit_code : -1,
                .exit_signal = lease->exit_signal,
                .lease = lease->lease,
                .job = lease->job,
                .task = lease->task,
                .attempt = lease->attempt,
                .slot = slots[lease->state],
                .pid = lease->pid,
                .start_wall_usec = lease->start_wall_usec,
                .paused = lease->paused,
                .spooled = lease->spooled,
                .output_bytes = lease->output_bytes,
                .stdin_taken = lease->stdin_taken,
                .cores = lease->cores,
                .cores_count = lease->n_cores,
        };
}

static int worker_report_inventory(struct worker *worker, const Jobd__Work__Report *report,
                                   struct reason *why)
{
        const struct workers *workers = worker->workers;
        const Jobd__Work__Inventory *inventory = report->inventory;

        for (size_t i = 0; i < inventory->n_leases; i++)
                if (inventory->leases[i]->state == JOBD__WORK__SLOT_STATE__SLOT_NONE)
                        return reason_set(why, WIRE_E_BAD, "a lease in the inventory is empty");
        for (size_t i = 0; i < inventory->n_leases; i++) {
                const struct workers_held held = worker_report_held(inventory->leases[i]);

                workers->ops->on_held(workers->arg, worker, &held);
        }
        workers->ops->on_ready(workers->arg, worker);
        return 0;
}

/* ----------------------------------------------------------------------------------- the pool */

static int worker_report_pool_state(struct worker *worker, const Jobd__Work__Report *report,
                                    struct reason *why _unused_)
{
        struct workers *workers = worker->workers;
        const Jobd__Work__PoolState *state = report->pool_state;
        _cleanup_(freep) char *containment = strdup(state->containment);
        _cleanup_(freep) struct workers_pool_worker *list = NULL;

        /* One more than needed: an empty list is no failure. */
        list = calloc(state->n_workers + 1, sizeof(*list));
        if (!containment || !list)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < state->n_workers; i++)
                list[i] =
                        (struct workers_pool_worker){ .number = state->workers[i]->number,
                                                      .generation = state->workers[i]->generation };

        free(workers->containment);
        workers->containment = TAKE_PTR(containment);
        free(workers->pool_workers);
        workers->pool_workers = TAKE_PTR(list);
        workers->pool_workers_count = state->n_workers;
        workers->is_pool_stopping = state->stopping;
        return 0;
}

static int worker_report_dead(struct worker *worker, const Jobd__Work__Report *report,
                              struct reason *why _unused_)
{
        struct workers *workers = worker->workers;
        const Jobd__Work__DeadWorker *dead = report->dead_worker;
        _cleanup_(freep) struct workers_held *held = NULL;
        char sentence[WORKER_REPORT_WHY_MAX];

        held = calloc(dead->n_leases + 1, sizeof(*held));
        if (!held)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < dead->n_leases; i++)
                held[i] = worker_report_held(dead->leases[i]);
        if (dead->why)
                worker_report_cut(sentence, sizeof(sentence), dead->why);
        workers->ops->on_dead(workers->arg, dead->number, dead->generation, dead->record_intact,
                              held, dead->n_leases, dead->why ? sentence : NULL);
        return 0;
}

static int worker_report_compacted(struct worker *worker, const Jobd__Work__Report *report,
                                   struct reason *why _unused_)
{
        const Jobd__Work__Compacted *compacted = report->compacted;

        worker->workers->ops->on_compacted(worker->workers->arg, compacted->job, compacted->task,
                                           compacted->attempt, compacted->done,
                                           compacted->size_bytes);
        return 0;
}

static int worker_report_hung(struct worker *worker _unused_, const Jobd__Work__Report *report,
                              struct reason *why _unused_)
{
        log_write(LOG_LEVEL_WARNING, LOG_EVENT_WORKER_DIED, 0,
                  "worker %u did not answer the pool and was killed", report->hung->number);
        return 0;
}

/* clang-format off */
static const struct worker_report_kind worker_report_kinds[] = {
        [JOBD__WORK__REPORT__BODY_HELLO]        = { LINK_EV_NONE,      NULL }, /* by its role */
        [JOBD__WORK__REPORT__BODY_STARTED]      = { LINK_EV_LEASE,     worker_report_started },
        [JOBD__WORK__REPORT__BODY_EXITED]       = { LINK_EV_LEASE,     worker_report_exited },
        [JOBD__WORK__REPORT__BODY_REVOKED]      = { LINK_EV_LEASE,     worker_report_revoked },
        [JOBD__WORK__REPORT__BODY_OUTPUT_PIECE] = { LINK_EV_LEASE,     worker_report_output },
        [JOBD__WORK__REPORT__BODY_SPOOLED]      = { LINK_EV_LEASE,     worker_report_spooled },
        [JOBD__WORK__REPORT__BODY_GROWN]        = { LINK_EV_LEASE,     worker_report_grown },
        [JOBD__WORK__REPORT__BODY_STDIN_TAKEN]  = { LINK_EV_LEASE,     worker_report_stdin },
        [JOBD__WORK__REPORT__BODY_PAUSED]       = { LINK_EV_LEASE,     worker_report_paused },
        [JOBD__WORK__REPORT__BODY_POOL_STATE]   = { LINK_EV_POOL,      worker_report_pool_state },
        [JOBD__WORK__REPORT__BODY_DEAD_WORKER]  = { LINK_EV_POOL,      worker_report_dead },
        [JOBD__WORK__REPORT__BODY_COMPACTED]    = { LINK_EV_POOL,      worker_report_compacted },
        [JOBD__WORK__REPORT__BODY_INVENTORY]    = { LINK_EV_INVENTORY, worker_report_inventory },
        [JOBD__WORK__REPORT__BODY_HUNG]         = { LINK_EV_POOL,      worker_report_hung },
};
/* clang-format on */

enum link_event worker_report_event(const Jobd__Work__Report *report)
{
        const size_t kind = report->body_case;

        if (report->body_case == JOBD__WORK__REPORT__BODY_HELLO) {
                if (report->hello->role == JOBD__WORK__ROLE__ROLE_WORKER)
                        return LINK_EV_HELLO_WORKER;
                return report->hello->role == JOBD__WORK__ROLE__ROLE_POOL ? LINK_EV_HELLO_POOL
                                                                          : LINK_EV_NONE;
        }
        return kind < ARRAY_SIZE(worker_report_kinds) ? worker_report_kinds[kind].event
                                                      : LINK_EV_NONE;
}

int worker_report_apply(struct worker *worker, const Jobd__Work__Report *report, struct reason *why)
{
        return worker_report_kinds[report->body_case].apply(worker, report, why);
}
