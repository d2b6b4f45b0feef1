/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: what jobd has counted, and with `kept` sums of the jobs in the database, which the journal
 * thread reads in slices between commits (stats_kept.c). Counters and gauges are as of the turn in
 * which the answer is made, so it waits until all that happened before is on disk: nothing is told
 * that a crash could undo. One read is in flight at a time. Called by verbs.c.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/clients/stats_kept.h"
#include "daemon/clients/verb.h"

struct stats {
        struct stream stream;
        struct stats_kept *kept; /* owned */
        struct journal_totals_query query;
};

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

/* kept: NULL: not asked for. */
static int stats_answer(struct session *session, uint64_t tag, const struct stats *kept)
{
        _cleanup_(metrics_freep) struct metrics *metrics = NULL;
        int r;

        r = metrics_new(&metrics);
        if (!r)
                r = stats_add_all(session, metrics);
        if (r)
                return PASS(r);
        if (kept)
                stats_kept_add(kept->kept, session->clients->engine, kept->query.any_uid,
                               kept->query.since_wall_usec, metrics);
        r = stats_send(session, tag, metrics);
        return r ? PASS(r) : 0;
}

static int stats_run(struct stream *stream)
{
        const int r = session_read_totals(stream, &((struct stats *)stream)->query);

        return r ? PASS(r) : 0;
}

static int stats_on_page(struct stream *stream, const struct journal_page *page)
{
        struct stats *const stats = (struct stats *)stream;
        int r;

        r = stats_kept_join(stats->kept, page->totals);
        if (r)
                return PASS(r);
        if (page->more) {
                stats->query.before_id = page->next;
                stats->query.first_task = page->next_task;
                stats->query.rows_before = page->totals->rows_before;
                stream_wake(stream);
                return 0;
        }
        r = stats_answer(stream->session, stream->tag, stats);
        stream_end(stream);
        return r ? PASS(r) : 0;
}

static void stats_deinit(struct stream *stream)
{
        struct stats *const stats = (struct stats *)stream;

        stats->kept = stats_kept_free(stats->kept);
}

static const struct stream_type stats_type = {
        .run = stats_run,
        .on_page = stats_on_page,
        .deinit = stats_deinit,
};

static int stats_begin_kept(struct session *from, const Jobd__Request *request, struct reason *why)
{
        struct stream *stream;
        struct stats *stats;
        int r;

        r = session_add_stream(from, &stats_type, request->tag, sizeof(*stats), &stream, why);
        if (r)
                return r;
        stats = (struct stats *)stream;
        stats->query.any_uid = stats_shows_others(from);
        stats->query.uid = from->peer.uid;
        if (request->stats->has_since_wall_usec)
                stats->query.since_wall_usec = request->stats->since_wall_usec;
        r = stats_kept_new(&stats->kept);
        if (r)
                return PASS(r);
        session_run_stream(stream);
        return 0;
}

int verb_stats(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why)
{
        int r;

        (void)job;
        if (request->stats->has_kept && request->stats->kept)
                return stats_begin_kept(from, request, why);
        r = stats_answer(from, request->tag, NULL);
        return r ? PASS(r) : 0;
}
