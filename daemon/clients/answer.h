/* SPDX-License-Identifier: Apache-2.0 */
/* The replies that every verb has: refusals, Done, and the words for both. */
#pragma once

#include "daemon/clients/session.h"

void answer_done(struct session *session, uint64_t tag, uint64_t barrier);

/* On a stream; `more` says that the request goes on. Neither ends the stream. */
void answer_stream_error(struct stream *stream, Jobd__ErrorCode code, uint64_t barrier, bool more,
                         const char *text);
void answer_stream_done(struct stream *stream);

/* One sentence for jobs that are unknown and for those of others; first 0: none at all. Returns the
 * jobd.ErrorCode. */
int answer_no_such_job(struct reason *why, uint64_t first, uint64_t last);
/* "job 17 has already succeeded". Returns the jobd.ErrorCode. */
int answer_finished(struct reason *why, uint64_t id, enum job_state state);
/* The jobd.ErrorCode of an ENGINE_E_*. */
Jobd__ErrorCode answer_code_of(int engine_answer);
