/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `jobctl run`, `map`, `wait` and `lock` in a job's own script: the client's Hello says which task
 * it is in, and while any stream of the connection waits for other jobs, that task lends its cores
 * (daemon/jobs/lending.c). The first such stream begins it, the end of the last one ends it; each
 * stream ends through stream_end(), whose hook calls us.
 *
 * Called by the verbs that wait, and by session_streams.c.
 */
#include "daemon/clients/session.h"
#include "daemon/clients/shared.h"

void session_begin_lending(struct stream *stream, uint64_t job)
{
        struct session *session = stream->session;

        if (!session->inside_job || session->inside_job == job || stream->is_lending)
                return;
        stream->is_lending = true;
        if (session->lending_count++ == 0)
                session->lent = engine_lend(session->clients->engine, session->inside_job,
                                            session->inside_task, session->peer.uid);
}

void session_end_lending(struct stream *stream)
{
        struct session *session = stream->session;

        if (!stream->is_lending)
                return;
        stream->is_lending = false;
        if (--session->lending_count > 0 || !session->lent)
                return;
        engine_unlend(session->clients->engine, session->lent);
        session->lent = 0;
}
