/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purge: forgets finished jobs of the caller, newest first, a page of rows at a time; unfinished
 * ones and ids that are not the caller's are passed over in silence. The next page is read after
 * the drops of the last were handed to the journal, so many jobs are forgotten in many small
 * transactions and others have their turn between. The answer is one number, stamped with the last
 * drop.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/selector.h"
#include "daemon/clients/verb.h"

#define PURGE_WINDOW 1000U

struct purge {
        struct selector_stream base;
        uint64_t keep; /* matching jobs that still have to be kept */
        uint64_t dropped;
        uint64_t barrier;
        struct audit_jobs audit;
        bool is_keeping; /* the job whose further tasks come is kept */
};

static void purge_deinit(struct stream *stream)
{
        struct purge *purge = (struct purge *)stream;

        audit_jobs_write(&purge->audit, stream->session, AUDIT_ACT_PURGE);
        selector_stream_deinit(stream);
}

static const struct stream_type purge_type = {
        .run = selector_stream_run,
        .on_page = selector_stream_on_page,
        .deinit = purge_deinit,
};

static bool purge_wants(struct purge *purge, const struct selector_item *item)
{
        if (item->is_missing || item->job || !item->row || !item->row->finished)
                return false;
        if (!item->is_continued) {
                purge->is_keeping = purge->keep > 0;
                purge->keep -= purge->is_keeping ? 1 : 0;
        }
        return !purge->is_keeping;
}

/* Puts the rows that go into a page as the engine wants it. */
static int purge_drop(struct purge *purge, const struct selector_item *const *items, size_t count)
{
        struct engine *engine = purge->base.stream.session->clients->engine;
        _cleanup_(freep) struct journal_job *jobs = NULL;
        _cleanup_(freep) struct journal_task *tasks = NULL;
        struct journal_page page = { 0 };
        size_t tasks_count = 0;
        uint64_t dropped = 0;
        int r;

        for (size_t i = 0; i < count; i++)
                tasks_count += items[i]->tasks_count;
        jobs = calloc(count, sizeof(*jobs));
        tasks = calloc(tasks_count + 1, sizeof(*tasks));
        if (!jobs || !tasks)
                return FAULT(-ENOMEM);
        page.jobs = jobs;
        page.tasks = tasks;
        for (size_t i = 0; i < count; i++) {
                jobs[page.jobs_count++] = *items[i]->row;
                if (items[i]->tasks_count > 0)
                        memcpy(&tasks[page.tasks_count], items[i]->tasks,
                               items[i]->tasks_count * sizeof(*tasks));
                page.tasks_count += items[i]->tasks_count;
        }
        /* Then only its files go; the row follows with its last tasks. */
        page.next_task = items[count - 1]->has_more_tasks ? 1 : 0;
        for (size_t i = 0; i < count; i++)
                if (!items[i]->is_continued)
                        audit_jobs_add(&purge->audit, purge->base.stream.session, items[i]->id,
                                       items[i]->row->uid, true);
        r = engine_drop(engine, &page, &dropped);
        if (r)
                return PASS(r);
        purge->dropped += dropped;
        purge->barrier = engine_sequence(engine);
        return 0;
}

static void purge_finish(struct purge *purge)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Purged purged = JOBD__PURGED__INIT;

        purged.jobs = purge->dropped;
        reply.body_case = JOBD__REPLY__BODY_PURGED;
        reply.purged = &purged;
        session_send_on(&purge->base.stream, &reply, purge->barrier, -1);
        stream_end(&purge->base.stream);
}

static int purge_on_window(struct stream *stream, const struct selector_item *items, size_t count)
{
        _cleanup_(freep) const struct selector_item **chosen = NULL;
        struct purge *purge = (struct purge *)stream;
        size_t n = 0;
        int r = 0;

        chosen = calloc(count + 1, sizeof(*chosen));
        if (!chosen)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++)
                if (purge_wants(purge, &items[i]))
                        chosen[n++] = &items[i];
        if (n > 0)
                r = purge_drop(purge, chosen, n);
        if (r)
                return PASS(r);
        if (selector_is_done(purge->base.selector))
                purge_finish(purge);
        else
                stream_wake(stream);
        return 0;
}

/* Nothing ended before the clock began; a time before it matches nothing. */
static uint64_t purge_ended_before(const Jobd__Purge *request)
{
        const uint64_t now = clock_wall_usec();

        if (!request->has_older_than_usec || request->older_than_usec == 0)
                return 0;
        return request->older_than_usec < now ? now - request->older_than_usec : 1;
}

/* A part of a job cannot be forgotten, and its name must not mean all of it. */
static int purge_check(const Jobd__Selector *selector, struct reason *why)
{
        for (size_t i = 0; selector && i < selector->n_ids; i++)
                if (selector->ids[i]->has_task_first)
                        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                          "purge is for whole jobs: name job %" PRIu64
                                          " without its tasks",
                                          selector->ids[i]->first);
        return 0;
}

int verb_purge(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why)
{
        const struct selector_options options = {
                .selector = request->purge->selector,
                .scope = SELECTOR_FINISHED,
                .window = PURGE_WINDOW,
                .may_be_empty = true,
                .ids_are_filter = true,
                .want_rows = true,
                .want_tasks = true,
                .all_tasks = true,
                .ended_before_wall_usec = purge_ended_before(request->purge),
                .on_window = purge_on_window,
        };
        struct stream *stream;
        struct purge *purge;
        int r;

        (void)job;
        r = purge_check(request->purge->selector, why);
        if (r)
                return r;
        r = session_add_stream(from, &purge_type, request->tag, sizeof(*purge), &stream, why);
        if (r)
                return r;
        purge = (struct purge *)stream;
        purge->keep = request->purge->has_keep_count ? request->purge->keep_count : 0;
        r = selector_new(stream, &options, &purge->base.selector, why);
        if (r > 0)
                stream_end(stream);
        if (r)
                return r;
        session_run_stream(stream);
        return 0;
}
