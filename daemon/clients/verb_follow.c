/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow: opens the stream that follow.c runs, for a task in memory at once, else after its job's
 * row has said that there is such a job of the caller's. stdin: bytes for a task that the same
 * connection follows; no reply unless something is wrong.
 *
 * Where stdout goes to a file of the user's own, only the row knows it; for a running task it is
 * asked for beside the stream, and told in a TaskNews of its own.
 */
#include <errno.h>
#include <inttypes.h>

#include "common/error.h"

#include "daemon/clients/follow.h"
#include "daemon/clients/verb.h"

static void follow_on_timer(void *arg)
{
        struct follow *follow = arg;

        stream_wake(&follow->stream);
}

/* The path is part of every TaskNews from now on; say the last one again. */
static void follow_on_path(void *arg, const struct journal_page *page)
{
        struct follow *follow = arg;
        const enum job_state state = follow->told_state;
        int r = page->fault;

        follow->path_read = NULL;
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

static int follow_read_path(struct follow *follow)
{
        const struct journal_job_query query = follow_query(follow);
        struct journal *journal = engine_journal(follow_engine(follow));
        int r;

        if (!journal)
                return FAULT(-EIO);
        r = journal_read_jobs(journal, &query, follow_on_path, follow, &follow->path_read);
        return r ? PASS(r) : 0;
}

static int follow_begin(struct follow *follow, const struct job *job)
{
        const struct journal_job_query query = follow_query(follow);
        int r;

        if (!follow->options.until_end) {
                r = loop_timer_new(follow->stream.session->clients->loop, follow_on_timer, follow,
                                   &follow->timer);
                if (r)
                        return PASS(r);
        }
        if (!job) {
                r = session_read_jobs(&follow->stream, &query);
                return r ? PASS(r) : 0;
        }
        r = follow_look(follow);
        /* Who feeds stdin has submitted the job and knows where its output goes. */
        if (!r && !follow->options.want_stdin && !stream_is_ended(&follow->stream))
                r = follow_read_path(follow);
        return r ? PASS(r) : 0;
}

int verb_follow(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        const Jobd__Follow *body = request->follow;
        struct stream *stream;
        struct follow *follow;
        int r;

        r = session_add_stream(from, &follow_type, request->tag, sizeof(*follow), &stream, why);
        if (r)
                return r;
        follow = (struct follow *)stream;
        follow->options = (struct follow_options){
                .job = body->job,
                .task = body->has_task ? body->task : 0,
                .attempt = body->has_attempt ? body->attempt : 0,
                .until_end = body->has_until_end && body->until_end,
                .want_stdin = body->has_want_stdin && body->want_stdin,
        };
        follow->sent = body->has_offset ? body->offset : 0;
        r = follow_begin(follow, job);
        return r ? PASS(r) : 0;
}

/* --------------------------------------------------------------------------------------- stdin */

static struct follow *follow_find_stdin(const struct session *session, uint64_t job)
{
        struct stream *stream, *next;

        HASH_ITER (hh, session->streams.by_tag, stream, next) {
                struct follow *follow = (struct follow *)stream;

                if (stream->type == &follow_type && follow->options.want_stdin &&
                    follow->options.job == job)
                        return follow;
        }
        return NULL;
}

int verb_stdin(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why)
{
        const Jobd__StdinData *data = request->stdin_data;
        struct follow *follow = follow_find_stdin(from, data->job);

        if (!follow)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_STATE,
                                  "job %" PRIu64 " takes no input: it has ended, or no Follow with "
                                  "want_stdin is under way on this connection",
                                  data->job);
        return follow_stdin_take(follow, job, data, why);
}
