/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow: opens the stream that follow.c runs; one that stays until the end lends what its client's
 * own job has. stdin: bytes for a task that the same connection follows; no reply unless something
 * is wrong. Neither waits for anything here.
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
        follow->is_own = job;
        r = follow->options.until_end
                    ? 0
                    : loop_timer_new(from->clients->loop, follow_on_timer, follow, &follow->timer);
        if (r)
                return PASS(r);
        if (follow->options.until_end)
                session_begin_lending(stream, body->job);
        session_run_stream(stream);
        return 0;
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
