/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: what jobd has counted. The numbers are as of this turn, so the answer waits until all that
 * happened before it is on disk: nothing is told that a crash could undo. Called by verbs.c.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/clients/stats.h"
#include "daemon/clients/verb.h"

static int stats_send(struct session *session, uint64_t tag, const struct metrics *metrics)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__StatsReply body = JOBD__STATS_REPLY__INIT;
        const int r = metrics_fill(metrics, &body);

        if (r)
                return PASS(r);
        reply.body_case = JOBD__REPLY__BODY_STATS;
        reply.stats = &body;
        session_send(session, tag, &reply, engine_sequence(session->clients->engine), -1);
        return 0;
}

int verb_stats(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why)
{
        _cleanup_(metrics_freep) struct metrics *metrics = NULL;
        int r;

        (void)job;
        (void)why;
        r = metrics_new(&metrics);
        if (!r)
                r = stats_add_all(from, metrics);
        if (!r)
                r = stats_send(from, request->tag, metrics);
        return r ? PASS(r) : 0;
}
