/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a follow stream asks the journal. The job's row says whether there is such a job of the
 * caller's, and where its stdout goes; the task's row says how an attempt ended, and comes with its
 * inline output. For a task in memory only the path is asked for, beside the stream, because the
 * engine knows the rest; it is told in a TaskNews of its own. Called by follow.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/answer.h"
#include "daemon/clients/audit.h"
#include "daemon/clients/follow.h"

static int follow_keep_path(struct follow *follow, const struct journal_job *row)
{
        _cleanup_(wire_free_specp) Jobd__Spec *spec = NULL;
        struct reason why;

        if (!row->spec || follow->output_path)
                return 0;
        if (wire_unpack_spec(row->spec->data, row->spec->size, &spec, &why) ||
            !spec->has_output_path)
                return 0;
        follow->output_path = strndup((const char *)spec->output_path.data, spec->output_path.len);
        return follow->output_path ? 0 : FAULT(-ENOMEM);
}

/* The path is part of every TaskNews from now on; say the last one again. */
static void follow_on_path(void *arg, const struct journal_page *page)
{
        struct follow *follow = arg;
        const enum job_state state = follow->told_state;
        int r = page->fault;

        follow->path_read = NULL;
        session_end_wait(&follow->stream);
        if (stream_is_ended(&follow->stream) || follow->output_path)
                return;
        if (!r && page->jobs_count > 0)
                r = follow_keep_path(follow, &page->jobs[0]);
        if (r) {
                session_fail(follow->stream.session, PASS(r));
                return;
        }
        if (!follow->output_path || state == JOB_ABSENT)
                return;
        follow->told_state = JOB_ABSENT;
        follow_tell_state(follow, state, follow->told_attempt, follow->told_pid, 0);
}

static struct journal_job_query follow_query(const struct follow *follow)
{
        const struct session *session = follow->stream.session;

        return (struct journal_job_query){
                .ids = &follow->options.job,
                .ids_count = 1,
                .any_uid = session->is_admin,
                .uid = session->peer.uid,
                .want_spec = true,
        };
}

int follow_read_path(struct follow *follow)
{
        const struct journal_job_query query = follow_query(follow);
        struct journal *journal = engine_journal(follow_engine(follow));
        int r;

        if (!journal)
                return FAULT(-EIO);
        r = journal_read_jobs(journal, &query, follow_on_path, follow, &follow->path_read);
        if (r)
                return PASS(r);
        session_begin_wait(&follow->stream);
        return 0;
}

int follow_read_job(struct follow *follow)
{
        const struct journal_job_query query = follow_query(follow);
        const int r = session_read_jobs(&follow->stream, &query);

        follow->phase = FOLLOW_RESOLVING;
        return r ? PASS(r) : 0;
}

int follow_read_task(struct follow *follow)
{
        const int r =
                session_read_task(&follow->stream, follow->options.job, follow->options.task, true);

        follow->phase = FOLLOW_READING;
        return r ? PASS(r) : 0;
}

/* ----------------------------------------------------------------------------- the job's row */

int follow_on_job_row(struct follow *follow, const struct follow_fact *fact)
{
        const struct journal_page *page = fact->page;
        struct reason why;
        int r;

        if (page->jobs_count == 0) {
                r = answer_no_such_job(&why, follow->options.job, follow->options.job);
                answer_stream_error(&follow->stream, (Jobd__ErrorCode)r, 0, false, why.text);
                stream_end(&follow->stream);
                return 0;
        }
        audit_job(follow->stream.session, AUDIT_ACT_FOLLOW, page->jobs[0].id, page->jobs[0].uid);
        follow->task_count = page->jobs[0].task_count;
        follow->row_state = (enum job_state)page->jobs[0].state;
        r = follow_keep_path(follow, &page->jobs[0]);
        return r ? PASS(r) : follow_look(follow);
}

/* ---------------------------------------------------------------------------- the task's row */

/* No row: a task that never began, because it was cancelled, or a number too high. */
static int follow_on_no_row(struct follow *follow)
{
        struct engine *engine = follow_engine(follow);
        const struct job *job = engine_find(engine, follow->options.job);
        const struct follow_end end = { .state = JOB_CANCELLED, .exit_code = -1 };
        struct engine_view view;
        uint64_t count = follow->task_count;
        int r;

        if (job) {
                engine_view_job(engine, job, &view);
                count = view.task_count;
        }
        if (follow->options.task >= count && count > 0)
                return follow_refuse(follow, JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB,
                                     "it has no such task");
        r = follow_set_end(follow, &end, NULL);
        if (r)
                return PASS(r);
        follow_tell_state(follow, JOB_CANCELLED, 0, 0, 0);
        follow_over(follow);
        return 0;
}

static int follow_tell_row(struct follow *follow, const struct journal_task *row,
                           const struct journal_page *page)
{
        const struct follow_end end = {
                .goes_on = !job_state_is_finished((enum job_state)row->state),
                .state = (enum job_state)row->state,
                .exit_code = row->exit_code,
                .exit_signal = row->exit_signal,
                .run_usec = row->run_usec,
        };
        const struct journal_blob *log = page->output;
        int r;

        if (!end.goes_on)
                follow_tell_state(follow, end.state, row->attempt, row->pid, 0);
        r = follow_set_end(follow, &end, row->why);
        if (r)
                return PASS(r);
        if (row->output_where >= JOURNAL_OUTPUT_SPOOL) {
                follow->size = row->output_bytes;
                return follow_file_open(follow);
        }
        if (row->output_where == JOURNAL_OUTPUT_INLINE && log && log->size > follow->sent) {
                follow_tell_data(follow, follow->sent, log->data + follow->sent,
                                 log->size - (size_t)follow->sent);
                follow->sent = log->size;
        }
        return follow_conclude(follow);
}

int follow_on_task_row(struct follow *follow, const struct follow_fact *fact)
{
        const struct journal_page *page = fact->page;
        const struct journal_task *row = page->tasks_count ? &page->tasks[0] : NULL;

        if (!row)
                return follow_on_no_row(follow);
        if (job_state_is_leased((enum job_state)row->state))
                return follow_look(follow); /* begun again while it was read */
        if (row->attempt != follow->attempt && !follow_accept(follow, row->attempt))
                return follow_refuse(follow, JOBD__ERROR_CODE__ERROR_STATE,
                                     row->attempt > follow->options.attempt
                                             ? "the output of that attempt is gone"
                                             : "it has not had so many attempts");
        return follow_tell_row(follow, row, page);
}
