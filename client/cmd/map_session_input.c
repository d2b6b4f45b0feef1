/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inputs of a map: from map_input into the open job.
 *
 * Never more is read than jobd takes (four chunks on their way) and than may be remembered: values
 * that the joblog, --tag, --results or --on-done need at a task's end are kept until then, at most
 * 64 MiB of them. Both push back on whoever writes our stdin. What there is goes out before we wait
 * for more, so that a slow producer's first line runs at once.
 *
 * The end of the inputs closes the job's; an input that is no good closes it as cut: what came
 * before runs, and the job has failed. Used by map_session.c.
 */
#include <errno.h>

#include "client/cmd/map_input.h"
#include "client/cmd/map_session_private.h"

#define MAP_SESSION_CHUNK_BYTES (64U * 1024)
#define MAP_SESSION_VALUES_MAX (64U * 1024 * 1024)

static void input_on_end(void *arg, int code, const char *text)
{
        struct map_session *const session = arg;

        session->input = jobctl_input_free(session->input);
        session->input_at_end = true;
        session->input_closing = false;
        if (code == JOBCTL_OK || code == JOBCTL_E_STATE || code == JOBCTL_E_NO_SUCH_JOB)
                return; /* the job's end tells why it takes no more */
        if (session->job > 0 && !session->ours && !session->leaving)
                map_session_say(session, "job %llu gets no more inputs: %s",
                                (unsigned long long)session->job, text);
        session->ours = true;
}

int map_session_open_input(struct map_session *session)
{
        static const struct jobctl_input_ops ops = { .size = sizeof(ops), .on_end = input_on_end };
        const uint32_t values = map_input_values(session->options->input);

        if (jobctl_input_new(session->app->conn, session->job, values, &ops, session,
                             &session->input))
                return FAULT(-ENOMEM);
        return 0;
}

static void input_close(struct map_session *session, const char *cut)
{
        session->input_at_end = true;
        if (!session->input)
                return;
        session->input_closing = true;
        if (jobctl_input_close(session->input, cut)) {
                map_session_say(session, "%s", jobctl_error_text(session->app->conn));
                map_session_break(session);
        }
}

void map_session_stop_input(struct map_session *session, const char *why)
{
        if (!session->input_at_end)
                input_close(session, why);
}

bool map_session_wants_feed(const struct map_session *session)
{
        return session->input && !session->input_at_end && !session->input_waits &&
               !session->leaving && !session->cancelled && !jobctl_input_is_full(session->input) &&
               (!session->values || map_values_bytes(session->values) < MAP_SESSION_VALUES_MAX);
}

int map_session_input_fd(const struct map_session *session)
{
        if (!session->input || session->input_at_end || !session->input_waits || session->leaving ||
            session->cancelled)
                return -1;
        return map_input_fd(session->options->input);
}

static bool input_append(struct map_session *session, const struct map_chunk *chunk)
{
        if (jobctl_input_append_run(session->input, chunk->values, chunk->size, chunk->count) ||
            (session->values &&
             map_values_add(session->values, chunk->values, chunk->size, chunk->count))) {
                map_session_say(session, "appending inputs: %s",
                                jobctl_error_text(session->app->conn));
                map_session_break(session);
                return false;
        }
        return true;
}

/* One chunk. False: no more for now. */
static bool input_step(struct map_session *session)
{
        struct reason why = { "" };
        struct map_chunk chunk;
        int r;

        r = map_input_take(session->options->input, MAP_SESSION_CHUNK_BYTES, &chunk, &why);
        if (r == 0)
                return input_append(session, &chunk);
        if (r == MAP_INPUT_E_AGAIN) {
                session->input_waits = true;
                (void)jobctl_input_flush(session->input);
        } else if (r == MAP_INPUT_E_END) {
                session->input_is_all = true;
                input_close(session, NULL);
        } else {
                map_session_say(session, "%s; the tasks before it go on",
                                r < 0 ? "out of memory" : why.text);
                session->ours = true;
                input_close(session, r < 0 ? "out of memory" : why.text);
        }
        return false;
}

void map_session_feed(struct map_session *session)
{
        while (map_session_wants_feed(session) && input_step(session))
                ;
        if (session->input && !session->input_at_end && !session->input_waits)
                (void)jobctl_input_flush(session->input);
}
