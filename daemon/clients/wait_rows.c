/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the news of an end does not tell a Wait: how the task of an array that failed first ended,
 * and how a single task ended that was over before anybody waited. Both are in the rows; they are
 * asked about one after the other. Used by verb_wait.c.
 */
#include <errno.h>
#include <inttypes.h>

#include "common/error.h"

#include "daemon/clients/answer.h"
#include "daemon/clients/wait.h"

int wait_ask(struct wait *wait, const struct wait_entry *entry)
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

/* It is not over, or was not when the row was written: watched anew, or asked again. */
static int wait_again(struct wait *wait, struct wait_entry *entry)
{
        struct job *job = engine_find(wait->stream.session->clients->engine, entry->id);
        const uint64_t task = entry->task;

        if (!job)
                return 0;
        TAILQ_REMOVE(&wait->asking, entry, entry);
        wait_entry_free(entry);
        return wait_watch(wait, job, task);
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
        if (row && !job_state_is_finished((enum job_state)row->state))
                return wait_again(wait, entry);
        entry->state = row ? (enum job_state)row->state : JOB_CANCELLED;
        wait_count_one(entry);
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
        if (row && !row->finished)
                return wait_again(wait, entry);
        entry->state = row ? (enum job_state)row->state : JOB_LOST;
        entry->tasks_failed = row ? row->tasks_failed : 0;
        entry->tasks_cancelled = row ? row->tasks_cancelled : 0;
        if (entry->state == JOB_SUCCEEDED)
                entry->exit_code = 0;
        if (row && row->why)
                r = wait_set_why(entry, row->why);
        wait_entry_end(entry, &wait->asking);
        return r;
}

int wait_on_answer(struct wait *wait, const struct journal_page *page)
{
        struct wait_entry *entry = TAILQ_FIRST(&wait->asking);
        int r;

        r = entry->task == ENGINE_ALL_TASKS ? wait_on_tasks(wait, entry, page)
                                            : wait_on_task(wait, entry, page);
        if (wait->asked_task == 0)
                wait->first_failed_usec = UINT64_MAX;
        return r ? PASS(r) : 0;
}
