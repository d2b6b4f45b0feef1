/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stdin of a followed task, from its client to its worker.
 *
 * The client may be FOLLOW_WINDOW_BYTES ahead of what the job has taken; that much lies at the
 * worker at most, and the client keeps what was not taken, to send it again after a reconnection.
 * Nothing is kept here. Offsets count the bytes of one attempt. Bytes that come again are cut, a
 * gap is an error.
 *
 * When the client goes, the job gets an end of file: it runs on, and does not wait for input that
 * will never come. When jobd itself ends nothing is said, because the client will be back.
 */
#include <errno.h>
#include <inttypes.h>

#include "common/error.h"

#include "daemon/clients/follow.h"

#define FOLLOW_WINDOW_BYTES (512U * 1024)
#define FOLLOW_WINDOW_STEP (128U * 1024) /* progress worth a frame */

static void follow_stdin_tell(struct follow *follow)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__StdinWindow window = JOBD__STDIN_WINDOW__INIT;

        window.taken = follow->stdin_taken;
        window.limit = follow->stdin_taken + FOLLOW_WINDOW_BYTES;
        window.has_closed = window.closed = follow->is_stdin_closed;
        reply.has_more = reply.more = true;
        reply.body_case = JOBD__REPLY__BODY_STDIN_WINDOW;
        reply.stdin_window = &window;
        follow->stdin_told = follow->stdin_taken;
        session_send_on(&follow->stream, &reply, 0, -1);
}

void follow_stdin_begin(struct follow *follow, uint64_t taken)
{
        if (!follow->options.want_stdin || follow->has_window)
                return;
        follow->has_window = true;
        follow->is_stdin_closed = false;
        follow->stdin_taken = follow->stdin_next = taken;
        follow_stdin_tell(follow);
}

void follow_stdin_progress(struct follow *follow, uint64_t taken, bool closed)
{
        /* The worker was away when the client came, and is back. */
        if (!follow->has_window)
                follow_stdin_begin(follow, taken);
        if (!follow->has_window || follow->is_stdin_closed)
                return;
        follow->stdin_taken = taken;
        follow->stdin_next = MAX(follow->stdin_next, taken);
        follow->is_stdin_closed = closed;
        if (closed ||
            (taken > follow->stdin_told &&
             (taken == follow->stdin_next || taken - follow->stdin_told >= FOLLOW_WINDOW_STEP)))
                follow_stdin_tell(follow);
}

int follow_stdin_take(struct follow *follow, struct job *job, const Jobd__StdinData *data,
                      struct reason *why)
{
        const uint64_t size = data->has_data ? data->data.len : 0;
        const uint64_t end = data->offset + size;
        const bool is_last = data->has_end && data->end;
        uint64_t skip;

        if (follow->is_stdin_closed)
                return 0; /* said in a StdinWindow, which was under way */
        if (!follow->has_window || !job)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_STATE,
                                  "job %" PRIu64 " takes no input now: wait for its StdinWindow",
                                  data->job);
        if (data->offset > follow->stdin_next)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "input of job %" PRIu64 " comes at %" PRIu64 ", but %" PRIu64
                                  " is next",
                                  data->job, data->offset, follow->stdin_next);
        if (end > follow->stdin_taken + FOLLOW_WINDOW_BYTES)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "input of job %" PRIu64 " goes beyond its window", data->job);
        if (end < follow->stdin_next)
                return 0;
        skip = follow->stdin_next - data->offset;
        if (size > skip || is_last)
                engine_stdin(follow_engine(follow), job, follow->options.task, follow->stdin_next,
                             size > skip ? data->data.data + skip : NULL,
                             size > skip ? (size_t)(size - skip) : 0, is_last);
        follow->stdin_next = end;
        return 0;
}

void follow_stdin_leave(struct follow *follow)
{
        struct job *job = engine_find(follow_engine(follow), follow->options.job);

        if (!job || !follow->has_window || follow->is_stdin_closed)
                return;
        engine_stdin(follow_engine(follow), job, follow->options.task, follow->stdin_next, NULL, 0,
                     true);
}
