/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals and Done, and the sentences that several verbs share. A job of somebody else and a job
 * that does not exist must read the same, so there is one place that says it.
 *
 * Every answer goes through session_send() with the barrier it was given: nothing here decides what
 * is durable, and nothing is kept. Called by the verbs and streams.
 */
#include "daemon/clients/answer.h"

#include <inttypes.h>

void answer_done(struct session *session, uint64_t tag, uint64_t barrier)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Done done = JOBD__DONE__INIT;

        reply.body_case = JOBD__REPLY__BODY_DONE;
        reply.done = &done;
        session_send(session, tag, &reply, barrier, -1);
}

void answer_stream_error(struct stream *stream, Jobd__ErrorCode code, uint64_t barrier, bool more,
                         const char *text)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Error error = JOBD__ERROR__INIT;
        struct reason why;

        (void)reason_set(&why, 0, "%s", text);
        error.code = code;
        error.message = why.text;
        reply.has_more = reply.more = more;
        session_count_refusal(stream->session, code);
        reply.body_case = JOBD__REPLY__BODY_ERROR;
        reply.error = &error;
        session_send_on(stream, &reply, barrier, -1);
}

void answer_stream_done(struct stream *stream)
{
        answer_done(stream->session, stream->tag, stream->barrier);
}

int answer_no_such_job(struct reason *why, uint64_t first, uint64_t last)
{
        if (first == 0)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB, "you have no such job");
        if (first == last)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB,
                                  "there is no job %" PRIu64 " of yours", first);
        return reason_set(why, JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB,
                          "there is no job of yours from %" PRIu64 " to %" PRIu64, first, last);
}

int answer_finished(struct reason *why, uint64_t id, enum job_state state)
{
        /* clang-format off */
        static const char *const words[JOB_STATE_COUNT] = {
                [JOB_SUCCEEDED] = "has already succeeded",
                [JOB_FAILED] = "has already failed",
                [JOB_CANCELLED] = "was already cancelled",
                [JOB_TIMEOUT] = "was already ended by its time limit",
                [JOB_OOM] = "was already ended by its memory limit",
                [JOB_LOST] = "is lost: nobody knows how it ended",
        };
        /* clang-format on */
        const char *word = state < JOB_STATE_COUNT ? words[state] : NULL;

        return reason_set(why, JOBD__ERROR_CODE__ERROR_STATE, "job %" PRIu64 " %s", id,
                          word ? word : "has already ended");
}

Jobd__ErrorCode answer_code_of(int engine_answer)
{
        /* clang-format off */
        static const Jobd__ErrorCode codes[] = {
                [ENGINE_E_UNKNOWN] = JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB,
                [ENGINE_E_STATE] = JOBD__ERROR_CODE__ERROR_STATE,
                [ENGINE_E_LIMIT] = JOBD__ERROR_CODE__ERROR_BUSY,
                [ENGINE_E_FULL] = JOBD__ERROR_CODE__ERROR_FULL,
                [ENGINE_E_STOPPING] = JOBD__ERROR_CODE__ERROR_STOPPING,
                [ENGINE_E_BUSY] = JOBD__ERROR_CODE__ERROR_BUSY,
                [ENGINE_E_REFUSED] = JOBD__ERROR_CODE__ERROR_USAGE,
                [ENGINE_E_LATER] = JOBD__ERROR_CODE__ERROR_INTERNAL, /* must not get here */
        };
        /* clang-format on */

        if (engine_answer <= 0 || (size_t)engine_answer >= ARRAY_SIZE(codes))
                return JOBD__ERROR_CODE__ERROR_INTERNAL;
        return codes[engine_answer];
}
