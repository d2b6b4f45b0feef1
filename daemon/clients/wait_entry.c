/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of a Wait: each watches one job until the end of it, or of one of its tasks, and then
 * moves to the list of those that are told, or, when the news does not say how it ended, to those
 * that are asked about. Entries are what a client can make us keep, so each counts as a watch of
 * its session while it has one. Used by verb_wait.c and wait_rows.c.
 */
#include <errno.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/answer.h"
#include "daemon/clients/wait.h"

static void wait_entry_unwatch(struct wait_entry *entry)
{
        if (!entry->watch)
                return;
        entry->watch = watch_free(entry->watch);
        session_give_watch(entry->wait->stream.session);
}

void wait_entry_free(struct wait_entry *entry)
{
        wait_entry_unwatch(entry);
        free(entry->why);
        free(entry);
}

void wait_list_free(struct wait_list *list)
{
        struct wait_entry *entry;

        while ((entry = TAILQ_FIRST(list))) {
                TAILQ_REMOVE(list, entry, entry);
                wait_entry_free(entry);
        }
}

/* From `from` to the list of those that are to be told. */
void wait_entry_end(struct wait_entry *entry, struct wait_list *from)
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

int wait_set_why(struct wait_entry *entry, const char *why)
{
        free(entry->why);
        entry->why = why ? strdup(why) : NULL;
        return why && !entry->why ? FAULT(-ENOMEM) : 0;
}

void wait_count_one(struct wait_entry *entry)
{
        entry->tasks_failed = entry->state != JOB_SUCCEEDED;
        entry->tasks_cancelled = entry->state == JOB_CANCELLED;
}

static int wait_entry_fill(struct wait_entry *entry, const struct watch_news *news)
{
        entry->state = entry->task == ENGINE_ALL_TASKS ? news->job_state : news->state;
        entry->exit_code = news->exit_code;
        entry->exit_signal = news->exit_signal;
        entry->run_usec = news->run_usec;
        if (entry->task == ENGINE_ALL_TASKS) {
                entry->tasks_failed = news->tasks_failed;
                entry->tasks_cancelled = news->tasks_cancelled;
        } else {
                wait_count_one(entry);
        }
        entry->barrier = news->barrier;
        return wait_set_why(entry, entry->task == ENGINE_ALL_TASKS ? news->job_why : news->why);
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

/* ------------------------------------------------------------------------------------ new ones */

int wait_add_entry(struct wait *wait, uint64_t id, uint64_t task, struct wait_entry **out_entry)
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

int wait_watch(struct wait *wait, struct job *job, uint64_t task)
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
        entry->is_array = job_view.is_many;
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
