/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop's side of the journal: handing over batches, reads and errands, and bringing back what
 * the thread has done.
 *
 * post_on_ready() is the only place where callbacks of the journal are called. It takes what came
 * back in order: fetches of a batch are answered, then the batch counts as durable, and
 * on_durable() is called before any answer of a read that was posted later, once for as many
 * batches as possible. Callbacks may post, ask and cancel; they may not close the journal.
 *
 * While the disk is full a timer asks the thread to look again; there is no other timer.
 */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/error.h"

#include "daemon/journal/batch.h"
#include "daemon/journal/handle.h"
#include "daemon/journal/read.h"

#define PROBE_USEC (5 * USEC_PER_SEC)

/* -------------------------------------------------------------------------------- handing over */

void journal_post(struct journal *journal, struct journal_batch *batch, uint64_t sequence,
                  uint64_t last_job_id, uint64_t last_lease)
{
        batch->sequence = sequence;
        batch->last_job_id = last_job_id;
        batch->last_lease = last_lease;
        exchange_post(journal->exchange, &batch->work);
}

static void post_read(struct journal *journal, struct journal_read *read,
                      struct journal_read **out_read)
{
        *out_read = read;
        exchange_post(journal->exchange, &read->work);
}

int journal_read_jobs(struct journal *journal, const struct journal_job_query *query,
                      journal_page_fn done, void *arg, struct journal_read **out_read)
{
        _cleanup_(read_freep) struct journal_read *read = NULL;
        struct journal_job_query *ask;
        const size_t count = MIN(query->ids_count, (size_t)JOURNAL_PAGE_MAX);
        int r;

        r = read_new(READ_JOBS, done, arg, &read);
        if (r < 0)
                return PASS(r);
        ask = &read->ask.jobs;
        *ask = *query;
        ask->ids_count = count;
        if (query->ids) {
                ask->ids = arena_copy(&read->arena, query->ids, count * sizeof(*query->ids));
                if (!ask->ids)
                        return FAULT(-ENOMEM);
        }
        if (query->name) {
                ask->name = arena_copy_text(&read->arena, query->name, strlen(query->name));
                if (!ask->name)
                        return FAULT(-ENOMEM);
        }
        post_read(journal, TAKE_PTR(read), out_read);
        return 0;
}

int journal_read_task(struct journal *journal, uint64_t job, uint64_t task, bool want_output,
                      journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_read *read;
        int r;

        r = read_new(READ_TASK, done, arg, &read);
        if (r < 0)
                return PASS(r);
        read->ask.task.job = job;
        read->ask.task.task = task;
        read->ask.task.want_output = want_output;
        post_read(journal, read, out_read);
        return 0;
}

int journal_read_results(struct journal *journal, const struct journal_results_query *query,
                         journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_read *read;
        int r;

        r = read_new(READ_RESULTS, done, arg, &read);
        if (r < 0)
                return PASS(r);
        read->ask.results = *query;
        post_read(journal, read, out_read);
        return 0;
}

int journal_read_input(struct journal *journal, uint64_t job, bool any_uid, uint32_t uid,
                       uint64_t task, journal_page_fn done, void *arg,
                       struct journal_read **out_read)
{
        struct journal_read *read;
        int r;

        r = read_new(READ_INPUT, done, arg, &read);
        if (r < 0)
                return PASS(r);
        read->ask.input.job = job;
        read->ask.input.task = task;
        read->ask.input.any_uid = any_uid;
        read->ask.input.uid = uid;
        post_read(journal, read, out_read);
        return 0;
}

int journal_read_key(struct journal *journal, uint32_t uid,
                     const uint8_t key[static JOURNAL_KEY_BYTES], journal_page_fn done, void *arg,
                     struct journal_read **out_read)
{
        struct journal_read *read;
        int r;

        r = read_new(READ_KEY, done, arg, &read);
        if (r < 0)
                return PASS(r);
        read->ask.key.uid = uid;
        memcpy(read->ask.key.key, key, JOURNAL_KEY_BYTES);
        post_read(journal, read, out_read);
        return 0;
}

int journal_read_events(struct journal *journal, const struct journal_event_query *query,
                        journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_read *read;
        int r;

        r = read_new(READ_EVENTS, done, arg, &read);
        if (r < 0)
                return PASS(r);
        read->ask.events = *query;
        post_read(journal, read, out_read);
        return 0;
}

int journal_read_totals(struct journal *journal, const struct journal_totals_query *query,
                        journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_read *read;
        int r;

        r = read_new(READ_TOTALS, done, arg, &read);
        if (r < 0)
                return PASS(r);
        read->ask.totals = *query;
        post_read(journal, read, out_read);
        return 0;
}

void journal_read_cancel(struct journal_read *read)
{
        atomic_store(&read->is_cancelled, true);
}

int journal_run(struct journal *journal, int (*work)(void *arg),
                void (*done)(void *arg, int result), void *arg)
{
        struct errand *const errand = calloc(1, sizeof(*errand));

        if (!errand)
                return FAULT(-ENOMEM);
        errand->work.kind = WORK_ERRAND;
        errand->run = work;
        errand->done = done;
        errand->arg = arg;
        exchange_post(journal->exchange, &errand->work);
        return 0;
}

/* ------------------------------------------------------------------------------- bringing back */

static void post_free(struct work *work)
{
        switch (work->kind) {
        case WORK_BATCH:
                journal_batch_free((struct journal_batch *)work);
                break;
        case WORK_READ:
                read_free((struct journal_read *)work);
                break;
        default:
                free(work);
        }
}

static void post_tell_durable(struct journal *journal, uint64_t durable)
{
        if (durable <= journal->durable)
                return;
        journal->durable = durable;
        journal->ops->on_durable(journal->arg, durable);
}

static void post_answer_fetches(struct journal_batch *batch)
{
        for (struct op *op = batch->first; op; op = op->next) {
                const struct op_fetch *const fetch = (void *)op;
                const struct op_fetch_input *const input = (void *)op;

                if (op->kind == OP_FETCH_SPEC)
                        fetch->done(fetch->arg, fetch->token, fetch->spec, fetch->environment);
                else if (op->kind == OP_FETCH_INPUT)
                        input->done(input->arg, input->token, input->found.first_task,
                                    input->found.count, input->found.values);
        }
}

static void post_answer(struct work *work)
{
        if (work->kind == WORK_READ) {
                struct journal_read *const read = (struct journal_read *)work;

                if (!atomic_load(&read->is_cancelled))
                        read->done(read->arg, &read->page);
        } else if (work->kind == WORK_ERRAND) {
                struct errand *const errand = (struct errand *)work;

                if (errand->done)
                        errand->done(errand->arg, errand->result);
        }
}

/* Tells of a change of the disk, and keeps asking while it is full. */
static void post_tell_disk(struct journal *journal)
{
        const bool full = exchange_is_disk_full(journal->exchange);

        if (full && !loop_timer_is_on(journal->timer))
                (void)!loop_timer_start(journal->timer, PROBE_USEC);
        if (full == journal->is_full)
                return;
        journal->is_full = full;
        if (!full)
                loop_timer_stop(journal->timer);
        journal->ops->on_disk(journal->arg, full);
}

static void post_tell_failure(struct journal *journal)
{
        struct reason sentence;

        if (journal->has_failed || !exchange_read_failure(journal->exchange, &sentence))
                return;
        journal->has_failed = true;
        journal->ops->on_failed(journal->arg, sentence.text);
}

void post_on_ready(void *arg, unsigned int flags)
{
        struct journal *const journal = arg;
        uint64_t durable = 0;
        struct work_queue done;
        struct work *work;

        (void)flags;
        exchange_collect(journal->exchange, &done);
        while ((work = STAILQ_FIRST(&done))) {
                STAILQ_REMOVE_HEAD(&done, entry);
                if (work->kind == WORK_BATCH) {
                        struct journal_batch *const batch = (struct journal_batch *)work;

                        post_answer_fetches(batch);
                        durable = MAX(durable, batch->sequence);
                } else {
                        post_tell_durable(journal, durable);
                        post_answer(work);
                }
                post_free(work);
        }
        post_tell_durable(journal, durable);
        post_tell_disk(journal);
        post_tell_failure(journal);
}

void post_on_timer(void *arg)
{
        struct journal *const journal = arg;
        struct work *const probe = calloc(1, sizeof(*probe));

        if (probe) {
                probe->kind = WORK_PROBE;
                exchange_post(journal->exchange, probe);
        }
        (void)!loop_timer_start(journal->timer, PROBE_USEC);
}

void post_discard(struct journal *journal)
{
        struct work_queue done;
        struct work *work;

        exchange_collect(journal->exchange, &done);
        while ((work = STAILQ_FIRST(&done))) {
                STAILQ_REMOVE_HEAD(&done, entry);
                post_free(work);
        }
}

/* --------------------------------------------------------------------------------------- state */

uint64_t journal_durable(const struct journal *journal)
{
        return journal->durable;
}

bool journal_is_disk_full(const struct journal *journal)
{
        return exchange_is_disk_full(journal->exchange);
}

void journal_read_stats(const struct journal *journal, struct journal_stats *out_stats)
{
        exchange_read_stats(journal->exchange, out_stats);
}
