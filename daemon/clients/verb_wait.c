/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: tells of each job named when it has ended, then Done.
 *
 * The selector brings the jobs; an unfinished one gets a watch, a finished one is told from its
 * row. Both become the same thing, an entry that goes through these places:
 *
 *    watching --news of the end--> ended --told--> freed
 *    watching or found --row needed--> asking --page--> ended
 *
 * A job with one task is told from the news alone. What the news does not know (how the first
 * failed task of an array ended, or a single task that had ended before) is read from the journal,
 * one entry at a time. Entries that ended while the client does not read wait in `ended`, so what a
 * client can make us keep is its entries, which are counted.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/selector.h"
#include "daemon/clients/verb.h"
#include "daemon/jobs/watch.h"

#define WAIT_WINDOW 500U
#define WAIT_TOLD_MAX 500U   /* in one turn */
#define WAIT_TASKS_MAX 1000U /* of one job, named one by one */

struct wait;

struct wait_entry {
        TAILQ_ENTRY(wait_entry) entry; /* in one of the lists of `wait` */
        struct wait *wait;             /* borrowed: owns us */
        struct watch *watch;           /* owned; NULL when it is no longer needed */
        bool is_array;
        uint64_t id;
        uint64_t task; /* ENGINE_ALL_TASKS: the whole job */
        /* Once it has ended; before that, how a task without a row ended, when it exists: */
        enum job_state state;
        int32_t exit_code;
        uint32_t exit_signal;
        uint64_t tasks_failed, run_usec;
        uint64_t barrier;
        char *why; /* owned */
};
TAILQ_HEAD(wait_list, wait_entry);

struct wait {
        struct stream stream;
        struct selector *selector; /* owned; NULL when all jobs are known */
        struct wait_list watching, asking, ended;
        bool is_any;
        bool is_selecting; /* the read in flight is the selector's */
        bool told_any;
        uint64_t asked_task; /* the read in flight goes on from this task */
        uint64_t first_failed_usec;
};

/* ------------------------------------------------------------------------------------- entries */

static void wait_entry_unwatch(struct wait_entry *entry)
{
        if (!entry->watch)
                return;
        entry->watch = watch_free(entry->watch);
        session_give_watch(entry->wait->stream.session);
}

static void wait_entry_free(struct wait_entry *entry)
{
        wait_entry_unwatch(entry);
        free(entry->why);
        free(entry);
}

static void wait_list_free(struct wait_list *list)
{
        struct wait_entry *entry;

        while ((entry = TAILQ_FIRST(list))) {
                TAILQ_REMOVE(list, entry, entry);
                wait_entry_free(entry);
        }
}

/* From `from` to the list of those that are to be told. */
static void wait_entry_end(struct wait_entry *entry, struct wait_list *from)
{
        TAILQ_REMOVE(from, entry, entry);
        wait_entry_unwatch(entry);
        TAILQ_INSERT_TAIL(&entry->wait->ended, entry, entry);
        stream_wake(&entry->wait->stream);
}

static void wait_entry_ask(struct wait_entry *entry)
{
        TAILQ_REMOVE(&entry->wait->watching, entry, entry);
        wait_entry_unwatch(entry);
        TAILQ_INSERT_TAIL(&entry->wait->asking, entry, entry);
        stream_wake(&entry->wait->stream);
}

static int wait_set_why(struct wait_entry *entry, const char *why)
{
        free(entry->why);
        entry->why = why ? strdup(why) : NULL;
        return why && !entry->why ? FAULT(-ENOMEM) : 0;
}

static int wait_entry_fill(struct wait_entry *entry, const struct watch_news *news)
{
        entry->state = entry->task == ENGINE_ALL_TASKS ? news->job_state : news->state;
        entry->exit_code = news->exit_code;
        entry->exit_signal = news->exit_signal;
        entry->run_usec = news->run_usec;
        entry->tasks_failed =
                entry->task == ENGINE_ALL_TASKS ? news->tasks_failed : news->state != JOB_SUCCEEDED;
        entry->barrier = news->barrier;
        return wait_set_why(entry, news->why);
}

/* ---------------------------------------------------------------------------------------- news */

/* Has the task that is waited for ended with this? Also in a cancel of all that had not begun. */
static bool wait_is_over(const struct wait_entry *entry, const struct watch_news *news)
{
        struct engine *engine = entry->wait->stream.session->clients->engine;
        struct engine_task_view view;
        const struct job *job;

        if (news->job_finished)
                return true;
        if (entry->task == ENGINE_ALL_TASKS)
                return false;
        if (news->task == entry->task)
                return job_state_is_finished(news->state);
        if (news->event != JOB_EV_CANCEL)
                return false;
        job = engine_find(engine, entry->id);
        return !job || !engine_view_task(engine, job, entry->task, &view);
}

static void wait_on_news(void *arg, const struct watch_news *news)
{
        struct wait_entry *entry = arg;
        const bool is_mine =
                entry->task == ENGINE_ALL_TASKS ? !entry->is_array : news->task == entry->task;
        int r;

        if (stream_is_ended(&entry->wait->stream) || !wait_is_over(entry, news))
                return;
        if (!is_mine) {
                wait_entry_ask(entry);
                return;
        }
        r = wait_entry_fill(entry, news);
        if (r)
                session_fail(entry->wait->stream.session, PASS(r));
        else
                wait_entry_end(entry, &entry->wait->watching);
}

static const struct watch_ops wait_watch_ops = {
        .on_news = wait_on_news,
};

/* --------------------------------------------------------------------------------- new entries */

/* *out_entry NULL: there are too many, and the stream has ended with a refusal. */
static int wait_add_entry(struct wait *wait, uint64_t id, uint64_t task,
                          struct wait_entry **out_entry)
{
        struct session *session = wait->stream.session;
        struct wait_entry *entry;

        *out_entry = NULL;
        if (!session_take_watch(session)) {
                answer_stream_error(&wait->stream, JOBD__ERROR_CODE__ERROR_BUSY, 0, false,
                                    "you wait for more jobs than a user may at once (100,000 on "
                                    "one connection): wait for fewer");
                stream_end(&wait->stream);
                return 0;
        }
        entry = calloc(1, sizeof(*entry));
        if (!entry) {
                session_give_watch(session);
                return FAULT(-ENOMEM);
        }
        entry->wait = wait;
        entry->id = id;
        entry->task = task;
        entry->exit_code = -1;
        *out_entry = entry;
        return 0;
}

static int wait_watch(struct wait *wait, struct job *job, uint64_t task)
{
        struct engine *engine = wait->stream.session->clients->engine;
        struct wait_entry *entry;
        struct engine_task_view view;
        struct engine_view job_view;
        int r;

        r = wait_add_entry(wait, engine_job_id(job), task, &entry);
        if (r || !entry)
                return r;
        engine_view_job(engine, job, &job_view);
        entry->is_array = job_view.task_count > 1;
        entry->state = task < job_view.task_count ? JOB_CANCELLED : JOB_ABSENT;
        TAILQ_INSERT_TAIL(&wait->watching, entry, entry);
        r = watch_new(engine_watches(engine), entry->id, &wait_watch_ops, entry, &entry->watch);
        if (r) {
                session_give_watch(wait->stream.session);
                return PASS(r);
        }
        if (task != ENGINE_ALL_TASKS && !engine_view_task(engine, job, task, &view))
                wait_entry_ask(entry); /* it has ended before, or never existed */
        return 0;
}

/* A finished job: its row and first task say it all, unless tasks differ. */
static int wait_found(struct wait *wait, const struct selector_item *item, uint64_t task)
{
        const struct journal_job *row = item->row;
        struct wait_entry *entry;
        int r;

        r = wait_add_entry(wait, item->id, task, &entry);
        if (r || !entry)
                return r;
        session_give_watch(wait->stream.session);
        entry->is_array = row->task_count > 1;
        entry->state = task < row->task_count ? JOB_CANCELLED : JOB_ABSENT;
        if (task != ENGINE_ALL_TASKS || entry->is_array) {
                TAILQ_INSERT_TAIL(&wait->asking, entry, entry);
                return 0;
        }
        TAILQ_INSERT_TAIL(&wait->ended, entry, entry);
        entry->state = (enum job_state)row->state;
        entry->tasks_failed = row->state != JOB_SUCCEEDED;
        if (item->tasks_count > 0) {
                entry->exit_code = item->tasks[0].exit_code;
                entry->exit_signal = item->tasks[0].exit_signal;
                entry->run_usec = item->tasks[0].run_usec;
        }
        return wait_set_why(entry, row->why            ? row->why
                                   : item->tasks_count ? item->tasks[0].why
                                                       : NULL);
}

static int wait_add_one(struct wait *wait, const struct selector_item *item, uint64_t task)
{
        return item->job ? wait_watch(wait, item->job, task) : wait_found(wait, item, task);
}

static int wait_add_tasks(struct wait *wait, const struct selector_item *item)
{
        int r = 0;

        if (item->task_last - item->task_first >= WAIT_TASKS_MAX) {
                answer_stream_error(&wait->stream, JOBD__ERROR_CODE__ERROR_USAGE, 0, true,
                                    "at most 1,000 tasks of a job can be waited for one by one: "
                                    "wait for the job");
                return 0;
        }
        for (uint64_t task = item->task_first;
             !r && task <= item->task_last && !stream_is_ended(&wait->stream); task++)
                r = wait_add_one(wait, item, task);
        return r;
}

static int wait_on_window(struct stream *stream, const struct selector_item *items, size_t count)
{
        struct wait *wait = (struct wait *)stream;
        struct reason why;
        int r = 0;

        for (size_t i = 0; !r && i < count && !stream_is_ended(stream); i++) {
                if (items[i].is_missing) {
                        const int code = answer_no_such_job(&why, items[i].id, items[i].last_id);

                        answer_stream_error(stream, (Jobd__ErrorCode)code, 0, true, why.text);
                } else if (items[i].has_range) {
                        r = wait_add_tasks(wait, &items[i]);
                } else {
                        r = wait_add_one(wait, &items[i], ENGINE_ALL_TASKS);
                }
        }
        if (r)
                return PASS(r);
        stream_wake(stream);
        return 0;
}

/* ----------------------------------------------------------------------- asking for how it ended
 */

static int wait_ask(struct wait *wait, const struct wait_entry *entry)
{
        int r;

        if (entry->task != ENGINE_ALL_TASKS) {
                r = session_read_task(&wait->stream, entry->id, entry->task, false);
        } else {
                const struct journal_job_query query = {
                        .ids = &entry->id,
                        .ids_count = 1,
                        .any_uid = true,
                        .want_tasks = true,
                        .all_tasks = true,
                        .first_task = wait->asked_task,
                };

                r = session_read_jobs(&wait->stream, &query);
        }
        return r ? PASS(r) : 0;
}

static int wait_fill_row(struct wait_entry *entry, const struct journal_task *row)
{
        entry->exit_code = row->exit_code;
        entry->exit_signal = row->exit_signal;
        entry->run_usec = row->run_usec;
        return row->why ? wait_set_why(entry, row->why) : 0;
}

static void wait_say_no_task(struct wait *wait, struct wait_entry *entry)
{
        struct reason why;

        (void)reason_set(&why, 0, "job %" PRIu64 " has no task %" PRIu64, entry->id, entry->task);
        answer_stream_error(&wait->stream, JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB, 0, true, why.text);
        TAILQ_REMOVE(&wait->asking, entry, entry);
        wait_entry_free(entry);
}

/* One task that was named. Without a row it never began: it was cancelled, or is none. */
static int wait_on_task(struct wait *wait, struct wait_entry *entry,
                        const struct journal_page *page)
{
        const struct journal_task *row = page->tasks_count ? &page->tasks[0] : NULL;
        int r = 0;

        if (!row && entry->state == JOB_ABSENT) {
                wait_say_no_task(wait, entry);
                return 0;
        }
        if (row && !job_state_is_finished((enum job_state)row->state)) {
                struct job *job = engine_find(wait->stream.session->clients->engine, entry->id);
                const uint64_t task = entry->task;

                /* Retried meanwhile: from the beginning. */
                TAILQ_REMOVE(&wait->asking, entry, entry);
                wait_entry_free(entry);
                return job ? wait_watch(wait, job, task) : 0;
        }
        entry->state = row ? (enum job_state)row->state : JOB_CANCELLED;
        entry->tasks_failed = entry->state != JOB_SUCCEEDED;
        if (row)
                r = wait_fill_row(entry, row);
        wait_entry_end(entry, &wait->asking);
        return r;
}

/* A job of many tasks: the one that failed first speaks for it. */
static int wait_on_tasks(struct wait *wait, struct wait_entry *entry,
                         const struct journal_page *page)
{
        const struct journal_job *row = page->jobs_count ? &page->jobs[0] : NULL;
        int r = 0;

        for (size_t i = 0; !r && i < page->tasks_count; i++) {
                const struct journal_task *task = &page->tasks[i];

                if (task->state == JOB_SUCCEEDED ||
                    !job_state_is_finished((enum job_state)task->state) ||
                    task->end_wall_usec >= wait->first_failed_usec)
                        continue;
                wait->first_failed_usec = task->end_wall_usec;
                r = wait_fill_row(entry, task);
        }
        if (r)
                return PASS(r);
        wait->asked_task = page->next_task;
        if (page->next_task > 0)
                return 0;
        entry->state = row && row->finished ? (enum job_state)row->state : JOB_LOST;
        entry->tasks_failed = row ? row->tasks_failed : 0;
        if (entry->state == JOB_SUCCEEDED)
                entry->exit_code = 0;
        if (row && row->why)
                r = wait_set_why(entry, row->why);
        wait_entry_end(entry, &wait->asking);
        return r;
}

static int wait_on_page(struct stream *stream, const struct journal_page *page)
{
        struct wait *wait = (struct wait *)stream;
        struct wait_entry *entry = TAILQ_FIRST(&wait->asking);
        int r;

        if (wait->is_selecting) {
                wait->is_selecting = false;
                r = selector_on_page(wait->selector, page);
                return r ? PASS(r) : 0;
        }
        r = entry->task == ENGINE_ALL_TASKS ? wait_on_tasks(wait, entry, page)
                                            : wait_on_task(wait, entry, page);
        if (r)
                return PASS(r);
        if (wait->asked_task == 0)
                wait->first_failed_usec = UINT64_MAX;
        stream_wake(stream);
        return 0;
}

/* ------------------------------------------------------------------------------------- telling */

static void wait_tell(struct wait *wait, const struct wait_entry *entry)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = entry->id;
        ended.state = (Jobd__JobState)entry->state;
        ended.has_exit_code = entry->exit_code >= 0;
        ended.exit_code = entry->exit_code;
        ended.has_exit_signal = entry->exit_signal > 0;
        ended.exit_signal = entry->exit_signal;
        ended.why = entry->why;
        ended.has_tasks_failed = true;
        ended.tasks_failed = entry->tasks_failed;
        ended.has_run_usec = entry->run_usec > 0;
        ended.run_usec = entry->run_usec;
        reply.has_more = reply.more = true;
        reply.body_case = JOBD__REPLY__BODY_JOB_ENDED;
        reply.job_ended = &ended;
        session_send_on(&wait->stream, &reply, entry->barrier, -1);
}

/* Some of those that ended. */
static void wait_tell_some(struct wait *wait)
{
        struct wait_entry *entry;

        for (size_t n = 0; n < WAIT_TOLD_MAX && (entry = TAILQ_FIRST(&wait->ended)); n++) {
                TAILQ_REMOVE(&wait->ended, entry, entry);
                wait_tell(wait, entry);
                wait_entry_free(entry);
                wait->told_any = true;
                if (wait->is_any)
                        return;
        }
}

static int wait_go_on(struct wait *wait)
{
        int r = 0;

        if (wait->stream.read)
                return 0;
        if (!TAILQ_EMPTY(&wait->asking)) {
                r = wait_ask(wait, TAILQ_FIRST(&wait->asking));
        } else if (wait->selector && !selector_is_done(wait->selector)) {
                if (!TAILQ_EMPTY(&wait->ended))
                        return 0; /* first tell of those: the window is what we keep */
                wait->is_selecting = true;
                r = selector_step(wait->selector);
                if (!wait->stream.read)
                        wait->is_selecting = false;
        } else {
                wait->selector = selector_free(wait->selector);
        }
        return r ? PASS(r) : 0;
}

static int wait_run(struct stream *stream)
{
        struct wait *wait = (struct wait *)stream;
        int r;

        if (session_is_slow(stream->session, SESSION_SLOW_BYTES)) {
                stream_wait_drained(stream);
                return 0;
        }
        wait_tell_some(wait);
        if (!TAILQ_EMPTY(&wait->ended) && !wait->is_any)
                stream_wake(stream);
        if (!(wait->is_any && wait->told_any)) {
                r = wait_go_on(wait);
                if (r)
                        return PASS(r);
        }
        if (stream_is_ended(stream))
                return 0;
        if ((wait->is_any && wait->told_any) ||
            (!wait->selector && TAILQ_EMPTY(&wait->watching) && TAILQ_EMPTY(&wait->asking) &&
             TAILQ_EMPTY(&wait->ended))) {
                answer_stream_done(stream);
                stream_end(stream);
        }
        return 0;
}

static void wait_deinit(struct stream *stream)
{
        struct wait *wait = (struct wait *)stream;

        wait_list_free(&wait->watching);
        wait_list_free(&wait->asking);
        wait_list_free(&wait->ended);
        selector_free(wait->selector);
}

static const struct stream_type wait_type = {
        .is_stoppable = true,
        .run = wait_run,
        .on_page = wait_on_page,
        .deinit = wait_deinit,
};

int verb_wait(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why)
{
        const struct selector_options options = {
                .selector = request->wait->selector,
                .window = WAIT_WINDOW,
                .want_tasks = true,
                .on_window = wait_on_window,
        };
        struct stream *stream;
        struct wait *wait;
        int r;

        (void)job;
        r = session_add_stream(from, &wait_type, request->tag, sizeof(*wait), &stream, why);
        if (r)
                return r;
        wait = (struct wait *)stream;
        TAILQ_INIT(&wait->watching);
        TAILQ_INIT(&wait->asking);
        TAILQ_INIT(&wait->ended);
        wait->is_any = request->wait->has_any && request->wait->any;
        wait->first_failed_usec = UINT64_MAX;
        r = selector_new(stream, &options, &wait->selector, why);
        if (r > 0)
                stream_end(stream);
        if (r)
                return r;
        session_run_stream(stream);
        return 0;
}
