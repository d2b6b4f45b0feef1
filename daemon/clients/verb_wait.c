/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: tells of each job or task named when it has ended, then Done.
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

#include "common/error.h"

#include "daemon/clients/verb.h"
#include "daemon/clients/wait.h"

#define WAIT_WINDOW 500U
#define WAIT_TOLD_MAX 500U   /* in one turn */
#define WAIT_TASKS_MAX 1000U /* of one job, named one by one */

/* --------------------------------------------------------------------------------- new entries */

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
        entry->is_array = engine_row_is_many(row);
        entry->state = task < row->task_count ? JOB_CANCELLED : JOB_ABSENT;
        if (task != ENGINE_ALL_TASKS || entry->is_array) {
                TAILQ_INSERT_TAIL(&wait->asking, entry, entry);
                return 0;
        }
        TAILQ_INSERT_TAIL(&wait->ended, entry, entry);
        entry->state = (enum job_state)row->state;
        wait_count_one(entry);
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

/* --------------------------------------------------------------------------------- the journal */

static int wait_on_page(struct stream *stream, const struct journal_page *page)
{
        struct wait *wait = (struct wait *)stream;
        int r;

        if (wait->is_selecting) {
                wait->is_selecting = false;
                r = selector_on_page(wait->selector, page);
                return r ? PASS(r) : 0;
        }
        r = wait_on_answer(wait, page);
        if (r)
                return PASS(r);
        stream_wake(stream);
        return 0;
}

/* ------------------------------------------------------------------------------------- telling */

static void wait_tell(struct wait *wait, const struct wait_entry *entry)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = entry->id;
        ended.has_task = entry->task != ENGINE_ALL_TASKS;
        ended.task = ended.has_task ? entry->task : 0;
        ended.state = (Jobd__JobState)entry->state;
        ended.has_exit_code = entry->exit_code >= 0;
        ended.exit_code = entry->exit_code;
        ended.has_exit_signal = entry->exit_signal > 0;
        ended.exit_signal = entry->exit_signal;
        ended.why = entry->why;
        ended.has_tasks_failed = true;
        ended.tasks_failed = entry->tasks_failed;
        ended.has_tasks_cancelled = entry->tasks_cancelled > 0;
        ended.tasks_cancelled = entry->tasks_cancelled;
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
        session_begin_lending(stream, 0);
        r = selector_new(stream, &options, &wait->selector, why);
        if (r > 0)
                stream_end(stream);
        if (r)
                return r;
        session_run_stream(stream);
        return 0;
}
