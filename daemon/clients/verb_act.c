/* SPDX-License-Identifier: Apache-2.0 */
/*
 * act: cancel, kill, pause, resume, hold, release, retry, for every job that the selector names.
 *
 * Each job, or each task that was named, has its own result; pages of results leave as windows are
 * done, stamped with the sequence of what they tell. A filter visits only jobs that the action can
 * concern (retry: finished ones, the others: unfinished ones); an id that cannot be acted on says
 * why not.
 *
 * A task that is being started cannot be cancelled here and now: its worker decides. Its result
 * stays open (struct act_open) with a watch on the job, and the last page waits for it.
 *
 * Work is bounded: a window of jobs, and of their tasks ACT_TASKS_MAX, in one turn.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/act_page.h"
#include "daemon/clients/act_retry.h"
#include "daemon/clients/selector.h"
#include "daemon/clients/verb.h"
#include "daemon/jobs/watch.h"

#define ACT_WINDOW 500U
#define ACT_RETRY_WINDOW 50U
#define ACT_TASKS_MAX 2000U

/* What is to be done in this window: a job, or the next of its tasks. */
struct act_work {
        uint64_t id;
        uint64_t last_id; /* when missing */
        uint64_t task, task_last;
        bool is_missing, has_range;
        enum job_state finished; /* JOB_ABSENT: it was unfinished */
};

/* A cancel that a worker decides. */
struct act_open {
        LIST_ENTRY(act_open) entry;
        struct act *act;     /* borrowed: owns us */
        struct watch *watch; /* owned */
        uint64_t id, task;
        bool has_range;
};
LIST_HEAD(act_open_list, act_open);

struct act {
        struct stream stream;
        struct selector *selector; /* owned */
        Jobd__Action action;
        uint32_t signo;
        uint64_t grace_usec;
        enum engine_retry which;
        struct act_work *work; /* owned: the window under way */
        size_t work_count, work_next;
        struct act_page page;
        struct act_open_list open;
        struct audit_jobs audit; /* those of others */
        struct act_retry *retry; /* owned; NULL unless a job's tasks are being gathered */
};

/* ------------------------------------------------------------------------------- cancels left open
 */

static void act_open_free(struct act_open *open)
{
        LIST_REMOVE(open, entry);
        watch_free(open->watch);
        session_give_watch(open->act->stream.session);
        free(open);
}

/* The state afterwards, for people: of the job as far as it is in memory. */
static enum job_state act_state_of(const struct act *act, uint64_t id, enum job_state otherwise)
{
        struct engine *engine = act->stream.session->clients->engine;
        const struct job *job = engine_find(engine, id);
        struct engine_view view;

        if (!job)
                return otherwise;
        engine_view_job(engine, job, &view);
        return view.state;
}

static void act_on_news(void *arg, const struct watch_news *news)
{
        struct act_open *open = arg;
        struct act *act = open->act;
        const struct job *job = engine_find(act->stream.session->clients->engine, open->id);
        const uint64_t *task = open->has_range ? &open->task : NULL;
        int r;

        if (stream_is_ended(&act->stream))
                return;
        if (!news->job_finished && job && engine_act_is_pending(job, open->task))
                return;
        r = act_page_add(&act->page, open->id, task, 0, NULL, news->job_state, news->barrier);
        act_open_free(open);
        if (r)
                session_fail(act->stream.session, PASS(r));
        else
                stream_wake(&act->stream);
}

static const struct watch_ops act_watch_ops = {
        .on_news = act_on_news,
};

static int act_leave_open(struct act *act, struct job *job, uint64_t task, bool has_range)
{
        struct session *session = act->stream.session;
        struct act_open *open;
        int r;

        if (!session_take_watch(session))
                return act_page_add(&act->page, engine_job_id(job), has_range ? &task : NULL,
                                    JOBD__ERROR_CODE__ERROR_BUSY,
                                    "it is being cancelled, and you wait for too many jobs "
                                    "to be told when",
                                    JOB_ABSENT, engine_sequence(session->clients->engine));
        open = calloc(1, sizeof(*open));
        if (!open) {
                session_give_watch(session);
                return FAULT(-ENOMEM);
        }
        open->act = act;
        open->id = engine_job_id(job);
        open->task = task;
        open->has_range = has_range;
        LIST_INSERT_HEAD(&act->open, open, entry);
        r = watch_new(engine_watches(session->clients->engine), open->id, &act_watch_ops, open,
                      &open->watch);
        return r ? PASS(r) : 0;
}

/* --------------------------------------------------------------------------------- the actions */

static int act_cancel(struct act *act, struct job *job, uint64_t task, struct reason *why)
{
        return engine_cancel(act->stream.session->clients->engine, job, task, act->grace_usec, why);
}

static int act_kill(struct act *act, struct job *job, uint64_t task, struct reason *why)
{
        return engine_signal(act->stream.session->clients->engine, job, task, act->signo, why);
}

static int act_pause(struct act *act, struct job *job, uint64_t task, struct reason *why)
{
        return engine_pause(act->stream.session->clients->engine, job, task, why);
}

static int act_resume(struct act *act, struct job *job, uint64_t task, struct reason *why)
{
        return engine_resume(act->stream.session->clients->engine, job, task, why);
}

static int act_hold(struct act *act, struct job *job, uint64_t task, struct reason *why)
{
        (void)task;
        return engine_hold(act->stream.session->clients->engine, job, why);
}

static int act_release(struct act *act, struct job *job, uint64_t task, struct reason *why)
{
        (void)task;
        return engine_release(act->stream.session->clients->engine, job, why);
}

struct act_kind {
        int (*run)(struct act *act, struct job *job, uint64_t task, struct reason *why);
        bool whole_jobs; /* has no meaning for single tasks */
        enum audit_act act;
};

/* clang-format off */
static const struct act_kind kinds[] = {
        [JOBD__ACTION__ACTION_CANCEL] = { act_cancel, false, AUDIT_ACT_CANCEL },
        [JOBD__ACTION__ACTION_KILL] = { act_kill, false, AUDIT_ACT_KILL },
        [JOBD__ACTION__ACTION_PAUSE] = { act_pause, false, AUDIT_ACT_PAUSE },
        [JOBD__ACTION__ACTION_RESUME] = { act_resume, false, AUDIT_ACT_RESUME },
        [JOBD__ACTION__ACTION_HOLD] = { act_hold, true, AUDIT_ACT_HOLD },
        [JOBD__ACTION__ACTION_RELEASE] = { act_release, true, AUDIT_ACT_RELEASE },
        [JOBD__ACTION__ACTION_RETRY] = { NULL, false, AUDIT_ACT_RETRY },
};
/* clang-format on */

/* Acts on a job, or one task of it, that is in memory. */
static int act_do(struct act *act, struct job *job, const uint64_t *task)
{
        struct engine *engine = act->stream.session->clients->engine;
        const uint64_t id = engine_job_id(job);
        const uint64_t number = task ? *task : ENGINE_ALL_TASKS;
        const uint32_t uid = engine_job_uid(job);
        struct reason why = { "" };
        int r;

        r = kinds[act->action].run(act, job, number, &why);
        if (r < 0)
                return PASS(r);
        audit_jobs_add(&act->audit, act->stream.session, id, uid, r == 0 || r == ENGINE_E_LATER);
        if (r == ENGINE_E_LATER)
                return act_leave_open(act, job, number, task);
        if (r)
                return act_page_add(&act->page, id, task, (int)answer_code_of(r), why.text,
                                    JOB_ABSENT, engine_sequence(engine));
        return act_page_add(&act->page, id, task, 0, NULL, act_state_of(act, id, JOB_CANCELLED),
                            engine_sequence(engine));
}

/* ------------------------------------------------------------------------------ working windows
 */

static int act_refuse(struct act *act, const struct act_work *work)
{
        struct reason why = { "" };
        int code;

        if (work->is_missing)
                code = answer_no_such_job(&why, work->id, work->last_id);
        else if (work->has_range && kinds[act->action].whole_jobs)
                code = reason_set(&why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "hold and release are for whole jobs: name job %" PRIu64
                                  " without its tasks",
                                  work->id);
        else
                code = answer_finished(&why, work->id, work->finished);
        return act_page_add(&act->page, work->id, NULL, code, why.text,
                            work->finished < JOB_STATE_COUNT ? work->finished : JOB_ABSENT, 0);
}

/* One step of the work at hand; *out_done when it needs no other. */
static int act_step(struct act *act, struct act_work *work, bool *out_done)
{
        struct engine *engine = act->stream.session->clients->engine;
        struct job *job = work->is_missing ? NULL : engine_find(engine, work->id);
        struct engine_view view;
        int r;

        *out_done = true;
        if (!job && work->finished == JOB_ABSENT)
                work->finished = JOB_STATE_COUNT; /* just now; how is in the rows */
        if (!job || (work->has_range && kinds[act->action].whole_jobs))
                return act_refuse(act, work);
        if (!work->has_range)
                return act_do(act, job, NULL);
        engine_view_job(engine, job, &view);
        if (work->task >= view.task_count)
                return act_page_add(&act->page, work->id, &work->task,
                                    JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB, "the job has no such task",
                                    JOB_ABSENT, view.barrier);
        work->task_last = MIN(work->task_last, view.task_count - 1);
        r = act_do(act, job, &work->task);
        *out_done = work->task++ >= work->task_last;
        return r;
}

static int act_work(struct act *act)
{
        for (size_t n = 0; n < ACT_TASKS_MAX && act->work_next < act->work_count; n++) {
                bool is_done;
                const int r = act_step(act, &act->work[act->work_next], &is_done);

                if (r)
                        return PASS(r);
                if (is_done)
                        act->work_next++;
        }
        return 0;
}

static int act_run(struct stream *stream)
{
        struct act *act = (struct act *)stream;
        int r;

        if (session_is_slow(stream->session, SESSION_SLOW_BYTES)) {
                stream_wait_drained(stream);
                return 0;
        }
        r = act_work(act);
        if (r)
                return PASS(r);
        if (act->work_next < act->work_count || !selector_is_done(act->selector)) {
                if (act->page.count > 0)
                        act_page_send(&act->page, &act->stream, true);
                if (act->work_next < act->work_count) {
                        stream_wake(stream);
                        return 0;
                }
                r = stream->read ? 0 : selector_step(act->selector);
                return r ? PASS(r) : 0;
        }
        if (LIST_EMPTY(&act->open)) {
                act_page_send(&act->page, &act->stream, false);
                stream_end(stream);
        } else if (act->page.count > 0) {
                act_page_send(&act->page, &act->stream, true);
        }
        return 0;
}

static int act_on_window(struct stream *stream, const struct selector_item *items, size_t count)
{
        struct act *act = (struct act *)stream;

        free(act->work);
        act->work_count = act->work_next = 0;
        act->work = calloc(count + 1, sizeof(*act->work));
        if (!act->work)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++)
                act->work[act->work_count++] = (struct act_work){
                        .id = items[i].id,
                        .last_id = items[i].last_id,
                        .task = items[i].task_first,
                        .task_last = items[i].task_last,
                        .is_missing = items[i].is_missing,
                        .has_range = items[i].has_range,
                        .finished = items[i].job || items[i].is_missing
                                            ? JOB_ABSENT
                                            : (enum job_state)items[i].row->state,
                };
        stream_wake(stream);
        return 0;
}

/* --------------------------------------------------------------------------------------- retry */

static int act_retry_one(struct act *act, const struct selector_item *item)
{
        const struct session *session = act->stream.session;
        struct reason why = { "" };
        int r;

        if (item->is_missing) {
                r = answer_no_such_job(&why, item->id, item->last_id);
                return act_page_add(&act->page, item->id, NULL, r, why.text, JOB_ABSENT, 0);
        }
        r = act_retry_item(&act->retry, session->clients->engine, item, act->which, &why);
        if (r == ACT_RETRY_E_MORE)
                return 0;
        if (r < 0)
                return PASS(r);
        audit_jobs_add(&act->audit, session, item->id, item->row->uid, r == 0);
        if (r)
                return act_page_add(&act->page, item->id, NULL, JOBD__ERROR_CODE__ERROR_STATE,
                                    why.text, JOB_ABSENT,
                                    engine_sequence(session->clients->engine));
        return act_page_add(&act->page, item->id, NULL, 0, NULL,
                            act_state_of(act, item->id, JOB_QUEUED),
                            engine_sequence(session->clients->engine));
}

/* The rows live only now, so a window is retried at once. */
static int act_on_retry_window(struct stream *stream, const struct selector_item *items,
                               size_t count)
{
        struct act *act = (struct act *)stream;

        for (size_t i = 0; i < count; i++) {
                const int r = act_retry_one(act, &items[i]);

                if (r)
                        return PASS(r);
        }
        stream_wake(stream);
        return 0;
}

/* --------------------------------------------------------------------------------- the request */

static int act_on_page(struct stream *stream, const struct journal_page *page)
{
        return selector_on_page(((struct act *)stream)->selector, page);
}

static void act_deinit(struct stream *stream)
{
        struct act *act = (struct act *)stream;
        struct act_open *open;

        audit_jobs_write(&act->audit, stream->session, kinds[act->action].act);
        while ((open = LIST_FIRST(&act->open)))
                act_open_free(open);
        act_retry_free(act->retry);
        act_page_deinit(&act->page);
        free(act->work);
        selector_free(act->selector);
}

static const struct stream_type act_type = {
        .run = act_run,
        .on_page = act_on_page,
        .deinit = act_deinit,
};

static int act_open_request(struct act *act, const Jobd__Act *request, struct reason *why)
{
        const bool is_retry = request->action == JOBD__ACTION__ACTION_RETRY;
        const struct selector_options options = {
                .selector = request->selector,
                .scope = is_retry ? SELECTOR_FINISHED : SELECTOR_UNFINISHED,
                .window = is_retry ? ACT_RETRY_WINDOW : ACT_WINDOW,
                .want_rows = is_retry,
                .want_tasks = is_retry,
                .all_tasks = is_retry,
                .on_window = is_retry ? act_on_retry_window : act_on_window,
        };

        act->action = request->action;
        act->signo = request->has_signal ? request->signal : 0;
        act->grace_usec = request->has_grace_usec ? request->grace_usec : USEC_NONE;
        if (request->has_lost_only && request->lost_only)
                act->which = ENGINE_RETRY_LOST;
        else if (request->has_failed_only && request->failed_only)
                act->which = ENGINE_RETRY_FAILED;
        if (act->action == JOBD__ACTION__ACTION_KILL && act->signo == 0)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "kill needs a signal");
        return selector_new(&act->stream, &options, &act->selector, why);
}

int verb_act(struct session *from, const Jobd__Request *request, struct job *job,
             struct reason *why)
{
        struct stream *stream;
        int r;

        (void)job;
        if ((size_t)request->act->action >= ARRAY_SIZE(kinds) ||
            request->act->action == JOBD__ACTION__ACTION_NONE)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "unknown action %d",
                                  (int)request->act->action);
        r = session_add_stream(from, &act_type, request->tag, sizeof(struct act), &stream, why);
        if (r)
                return r;
        LIST_INIT(&((struct act *)stream)->open);
        r = act_open_request((struct act *)stream, request->act, why);
        if (r > 0)
                stream_end(stream);
        if (r)
                return r;
        session_run_stream(stream);
        return 0;
}
