/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: every job that is not finished, and the one door through which any of them changes.
 *
 * engine_apply() (engine_apply.c) asks the table in job_state.c, changes memory, writes the rows
 * and a line of history into this turn's batch, and tells the watches. Nobody else sets
 * task->state. What was posted becomes true when the journal says that engine->sequence is durable;
 * whatever leaves the process on account of it carries that number as its barrier (invariant I1 of
 * ARCHITECTURE.md).
 *
 * Memory holds unfinished jobs only. A finished one is told to its watches, moved to `buried`, and
 * freed at COMMIT; after that its rows are all there is. argv and environment are never here: they
 * go from the submission into the batch, and come back from the journal when a START is due.
 *
 * A fault (memory, mostly) cannot be undone in the middle of an event, so it is noted, nothing of
 * this turn is committed, and the daemon ends: the next start finds the last committed truth.
 */
#include "daemon/jobs/engine.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/failpoint.h"
#include "common/log.h"

#include "daemon/jobs/engine_private.h"

/* ---------------------------------------------------------------------------------- life time */

int engine_new(struct loop *loop, const struct engine_options *options,
               const struct engine_ops *ops, void *arg, struct engine **out_engine)
{
        _cleanup_(engine_freep) struct engine *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return FAULT(-ENOMEM);
        e->loop = loop;
        e->options = *options;
        e->ops = ops;
        e->arg = arg;
        TAILQ_INIT(&e->core_leases);
        STAILQ_INIT(&e->dying_grants);
        e->actor_uid = ENGINE_NOBODY;
        fair_init(&e->fair);
        engine_tally_init(&e->tally);
        TAILQ_INIT(&e->views);
        TAILQ_INIT(&e->buried);
        STAILQ_INIT(&e->doomed);
        RB_INIT(&e->begins);
        RB_INIT(&e->delays);
        deps_init(e);
        TAILQ_INIT(&e->submit_waits);
        TAILQ_INIT(&e->compactions);
        r = clock_read_boot_id(e->boot_id);
        if (r)
                return PASS(r);
        r = queues_init(&e->queues);
        if (r)
                return PASS(r);
        r = watch_book_new(&e->watches);
        if (r)
                return PASS(r);
        r = claims_init(e);
        if (r)
                return PASS(r);
        claims_set_machine(e);
        if (e->fault)
                return PASS(e->fault);
        r = scheduler_init(e);
        if (r)
                return PASS(r);
        r = map_input_init(e);
        if (r)
                return PASS(r);
        r = run_queue_init(e);
        if (r)
                return PASS(r);
        *out_engine = TAKE_PTR(e);
        return 0;
}

static void engine_free_job(struct job *job)
{
        struct task *task;

        while ((task = RB_ROOT(&job->tasks))) {
                RB_REMOVE(task_tree, &job->tasks, task);
                claims_give(task);
                free(task);
        }
        claims_free(job);
        if (job->extra) {
                deps_free_child(job);
                if (job->extra->map)
                        start_forget(job->extra->map);
                free(job->extra->map);
                free(job->extra->unique_key);
        }
        free(job->extra);
        free(job);
}

static void engine_bury(struct engine *e)
{
        struct job *job;

        while ((job = TAILQ_FIRST(&e->buried))) {
                TAILQ_REMOVE(&e->buried, job, user_entry);
                engine_free_job(job);
        }
}

static void engine_free_users(struct engine *e)
{
        struct user *user, *next_user;
        struct lane *lane;
        struct job *job;

        HASH_ITER (hh, e->users, user, next_user) {
                HASH_CLEAR(unique_hh, user->unique);
                while ((job = TAILQ_FIRST(&user->jobs))) {
                        TAILQ_REMOVE(&user->jobs, job, user_entry);
                        engine_free_job(job);
                }
                while ((lane = TAILQ_FIRST(&user->lanes)))
                        lanes_free(lane);
                HASH_DEL(e->users, user);
                free(user);
        }
}

static void engine_free_doomed(struct engine *e)
{
        struct files_doomed *doomed;

        while ((doomed = STAILQ_FIRST(&e->doomed))) {
                STAILQ_REMOVE_HEAD(&e->doomed, entry);
                free(doomed);
        }
}

struct engine *engine_free(struct engine *e)
{
        struct worker_view *view;
        struct core_lease *lease;

        if (!e)
                return NULL;
        e->deps.is_closed = true;
        HASH_CLEAR(hh, e->leased);
        while ((lease = TAILQ_FIRST(&e->core_leases))) {
                TAILQ_REMOVE(&e->core_leases, lease, entry);
                free(lease->numbers);
                free(lease);
        }
        while ((view = TAILQ_FIRST(&e->views))) {
                TAILQ_REMOVE(&e->views, view, entry);
                worker_set_data(view->worker, NULL);
                free(view);
        }
        history_deinit(e);
        run_queue_deinit(e);
        map_input_deinit(e);
        scheduler_deinit(e);
        loop_timer_free(e->orphan_timer);
        e->watches = watch_book_free(e->watches);
        engine_bury(e);
        engine_free_users(e);
        if (e->resources)
                grants_deinit(e);
        e->resources = resource_book_free(e->resources);
        queues_deinit(&e->queues);
        cores_deinit(&e->cores);
        submit_deinit(e);
        deps_deinit(e);
        engine_free_doomed(e);
        job_table_clear(&e->jobs);
        key_set_deinit(&e->keys);
        journal_batch_free(e->batch);
        free(e);
        return NULL;
}

/* All ready jobs find their places again: a tree cannot hold two kinds of order. */
static void engine_reorder(struct engine *e)
{
        struct user *user;
        struct job *job;

        for (user = e->users; user; user = user->hh.next)
                TAILQ_FOREACH (job, &user->jobs, user_entry)
                        if (job->is_ready)
                                lanes_take_out(e, job);
        run_queue_update_all(e);
}

void engine_set_options(struct engine *e, const struct engine_options *options)
{
        const bool is_reordered = e->options.aging_usec != options->aging_usec;
        struct user *user;

        e->options = *options;
        claims_set_machine(e);
        for (user = e->users; user; user = user->hh.next)
                lanes_set_share(e, user);
        if (is_reordered)
                engine_reorder(e);
        else
                run_queue_update_all(e);
}

/* ----------------------------------------------------------------------------------- the turn */

void engine_note(struct engine *e, int r)
{
        if (r && !e->fault)
                e->fault = r < 0 ? r : FAULT(-ENOTRECOVERABLE);
}

struct journal_batch *engine_batch(struct engine *e)
{
        if (!e->batch && !e->fault)
                engine_note(e, journal_batch_new(&e->batch));
        return e->fault ? NULL : e->batch;
}

void engine_connect(struct engine *e, struct journal *journal, struct workers *workers)
{
        e->journal = journal;
        e->workers = workers;
}

void engine_decide(struct engine *e)
{
        if (!e->fault)
                halt_run(e);
        if (!e->fault)
                deps_run(e);
        if (e->fault)
                return;
        resource_book_set_paused(e->resources, e->is_draining || e->is_stopping);
        resource_book_serve(e->resources);
        scheduler_run(e);
        resource_book_serve_passed(e->resources);
}

static int engine_hand_over(struct engine *e)
{
        deps_flush(e);
        if (e->fault)
                return e->fault;
        if (e->batch && !journal_batch_is_empty(e->batch)) {
                map_input_write_seens(e, e->batch);
                if (e->fault)
                        return e->fault;
                journal_post(e->journal, TAKE_PTR(e->batch), e->sequence, e->last_job_id,
                             e->last_lease);
                e->posted_sequence = e->sequence;
        }
        return 0;
}

int engine_commit(struct engine *e)
{
        int r = engine_hand_over(e);

        if (!r)
                r = files_commit(e);
        engine_bury(e);
        grants_bury(e);
        return r ? PASS(r) : 0;
}

struct journal *engine_journal(struct engine *e)
{
        return engine_hand_over(e) ? NULL : e->journal;
}

void engine_on_durable(struct engine *e, uint64_t durable)
{
        struct worker_view *view;

        /* Acknowledged ends free their slots; counted all at once, so at worst a turn late. */
        TAILQ_FOREACH (view, &e->views, entry)
                if (view->unacked_sequence <= durable)
                        view->unacked_count = 0;
        if (FAILPOINT("engine.durable"))
                log_debug("failpoint engine.durable");
}

uint64_t engine_sequence(const struct engine *e)
{
        return e->sequence;
}

uint64_t engine_events_posted(const struct engine *e)
{
        return e->events_posted;
}
