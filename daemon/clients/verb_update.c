/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update: changes what is queued, all jobs that were selected or none.
 *
 * The store has the specification that a START will carry, so each job's is read and changed
 * (update_set.c), a window of jobs in a turn. When all are there, and it is known how parents of
 * new dependencies ended, the engine takes them in one call; a job that started, ended or was
 * changed by somebody else meanwhile makes it refuse them all. One Error names the first that stood
 * in the way; else the results leave page by page.
 *
 * A filter finds what can be changed: jobs that run are not meant by it. An id means that job.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/act_page.h"
#include "daemon/clients/selector.h"
#include "daemon/clients/update_set.h"
#include "daemon/clients/verb.h"

#define UPDATE_WINDOW 100U
#define UPDATE_PAGE 500U

struct update {
        struct stream stream;
        struct selector *selector; /* owned; NULL when all were found */
        struct update_set set;     /* what has been gathered */
        bool is_filter, is_applied;
        uint64_t read_sequence;     /* before the window under way was read */
        struct deps_lookup *lookup; /* owned; NULL when memory knows the parents */
        uint64_t barrier;           /* of the change */
        size_t told;                /* results that have left */
        struct act_page page;
};

static void update_deinit(struct stream *stream)
{
        struct update *update = (struct update *)stream;

        engine_lookup_free(update->lookup);
        update_set_deinit(&update->set);
        act_page_deinit(&update->page);
        selector_free(update->selector);
}

/* It cannot be: says so, and that is all that happens. */
static int update_refuse(struct update *update, int code, const char *text)
{
        struct reason why;

        (void)reason_set(&why, 0, "%s; nothing was changed", text);
        answer_stream_error(&update->stream, (Jobd__ErrorCode)code, 0, false, why.text);
        stream_end(&update->stream);
        return 0;
}

/* May this one be changed? *out_skip: it was not meant. */
static int update_judge(const struct update *update, const struct selector_item *item,
                        bool *out_skip, struct reason *why)
{
        *out_skip = false;
        if (item->is_missing)
                return answer_no_such_job(why, item->id, item->last_id);
        if (item->has_range)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "update is for whole jobs: name job %" PRIu64
                                  " without its tasks",
                                  item->id);
        *out_skip = update->is_filter && (!item->job || !engine_is_updatable(item->job));
        if (item->job || *out_skip)
                return 0;
        return answer_finished(why, item->id, (enum job_state)item->row->state);
}

static int update_add(struct update *update, const struct selector_item *item, struct reason *why)
{
        const size_t before = update->set.bytes;
        int r;

        r = update_set_add(&update->set, item, update->read_sequence, why);
        if (r == 0)
                r = session_add_weight(&update->stream, update->set.bytes - before, why);
        return r < 0 ? PASS(r) : r;
}

static int update_on_window(struct stream *stream, const struct selector_item *items, size_t count)
{
        struct update *update = (struct update *)stream;
        struct reason why = { "" };
        bool skip;

        for (size_t i = 0; i < count; i++) {
                int r = update_judge(update, &items[i], &skip, &why);

                if (r == 0 && !skip)
                        r = update_add(update, &items[i], &why);
                if (r < 0)
                        return PASS(r);
                if (r)
                        return update_refuse(update, r, why.text);
        }
        stream_wake(stream);
        return 0;
}

static int update_on_page(struct stream *stream, const struct journal_page *page)
{
        return selector_on_page(((struct update *)stream)->selector, page);
}

/* --------------------------------------------------------------------------------------- doing */

static struct engine_submission update_asker(const struct update *update)
{
        const struct session *from = update->stream.session;

        return (struct engine_submission){ .uid = from->peer.uid,
                                           .gid = from->peer.gid,
                                           .groups = from->peer.groups,
                                           .groups_count = from->peer.groups_count,
                                           .is_admin = from->is_admin };
}

static void update_audit(struct update *update)
{
        const struct session *session = update->stream.session;
        struct audit_jobs audit = { 0 };

        for (size_t i = 0; i < update->set.count; i++) {
                const struct job *job =
                        engine_find(session->clients->engine, update->set.updates[i].id);

                if (job)
                        audit_jobs_add(&audit, session, engine_job_id(job), engine_job_uid(job),
                                       true);
        }
        audit_jobs_write(&audit, session, AUDIT_ACT_UPDATE);
}

static int update_apply(struct update *update)
{
        struct engine *engine = update->stream.session->clients->engine;
        const struct engine_submission asker = update_asker(update);
        struct reason why = { "" };
        size_t index;
        int r;

        if (update->is_filter)
                update_set_drop_started(&update->set, engine);
        update_set_settle(&update->set, update->lookup);
        r = engine_update(engine, &asker, update->set.updates, update->set.count, &index, &why);
        if (r < 0)
                return PASS(r);
        if (r)
                return update_refuse(update, answer_code_of(r), why.text);
        update->barrier = engine_sequence(engine);
        update->is_applied = true;
        update_audit(update);
        return 0;
}

static void update_on_lookup(void *arg, int fault)
{
        struct update *update = arg;
        struct stream *stream = &update->stream;
        struct engine *const engine = stream->session->clients->engine;
        uint32_t before_uid;

        stream->read = NULL;
        session_end_wait(stream);
        if (fault) {
                session_fail(stream->session, PASS(fault));
                return;
        }
        /* At once: what was found is what is so now. */
        before_uid = engine_set_actor(engine, stream->session->peer.uid);
        fault = update_apply(update);
        (void)engine_set_actor(engine, before_uid);
        if (fault)
                session_fail(stream->session, PASS(fault));
        else if (!stream_is_ended(stream))
                stream_wake(stream);
}

/* All jobs are there: changes them, or first reads what their new dependencies name. */
static int update_begin(struct update *update)
{
        struct stream *stream = &update->stream;
        const struct engine_submission asker = update_asker(update);
        int r;

        update->selector = selector_free(update->selector);
        r = engine_update_prepare(stream->session->clients->engine, &asker, update->set.updates,
                                  update->set.count, &update->lookup);
        if (r)
                return PASS(r);
        if (!update->lookup)
                return update_apply(update);
        r = engine_lookup_run(update->lookup, update_on_lookup, update, &stream->read);
        if (r)
                return PASS(r);
        session_begin_wait(stream);
        return 0;
}

static int update_tell(struct update *update)
{
        struct engine *engine = update->stream.session->clients->engine;
        const size_t end = MIN(update->set.count, update->told + UPDATE_PAGE);

        for (; update->told < end; update->told++) {
                const uint64_t id = update->set.updates[update->told].id;
                const struct job *job = engine_find(engine, id);
                struct engine_view view = { .state = JOB_ABSENT };
                int r;

                if (job)
                        engine_view_job(engine, job, &view);
                r = act_page_add(&update->page, id, NULL, 0, NULL, view.state, update->barrier);
                if (r)
                        return PASS(r);
        }
        act_page_send(&update->page, &update->stream, end < update->set.count);
        if (end < update->set.count)
                stream_wake(&update->stream);
        else
                stream_end(&update->stream);
        return 0;
}

static int update_run(struct stream *stream)
{
        struct update *update = (struct update *)stream;
        int r = 0;

        if (session_is_slow(stream->session, SESSION_SLOW_BYTES)) {
                stream_wait_drained(stream);
                return 0;
        }
        if (update->selector && !selector_is_done(update->selector)) {
                if (stream->read)
                        return 0;
                update->read_sequence = engine_sequence(stream->session->clients->engine);
                r = selector_step(update->selector);
                return r ? PASS(r) : 0;
        }
        if (update->selector)
                r = update_begin(update);
        if (r == 0 && update->is_applied && !stream_is_ended(stream))
                r = update_tell(update);
        return r ? PASS(r) : 0;
}

static const struct stream_type update_type = {
        .run = update_run,
        .on_page = update_on_page,
        .deinit = update_deinit,
};

/* --------------------------------------------------------------------------------- the request */

static int update_open(struct update *update, const Jobd__Request *request, struct reason *why)
{
        const Jobd__Selector *selector = request->update->selector;
        const struct selector_options options = {
                .selector = selector,
                .scope = SELECTOR_UNFINISHED,
                .window = UPDATE_WINDOW,
                .want_rows = true,
                .want_spec = true,
                .want_environment = true,
                .on_window = update_on_window,
        };
        int r;

        r = update_set_init(&update->set, request, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        update->is_filter = selector->n_ids == 0 && !selector->last;
        return selector_new(&update->stream, &options, &update->selector, why);
}

int verb_update(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        struct stream *stream;
        int r;

        (void)job;
        r = spec_merge_check(request->update, why);
        if (r)
                return r;
        r = session_add_stream(from, &update_type, request->tag, sizeof(struct update), &stream,
                               why);
        if (r)
                return r;
        r = update_open((struct update *)stream, request, why);
        if (r > 0)
                stream_end(stream);
        if (r)
                return r;
        session_run_stream(stream);
        return 0;
}
