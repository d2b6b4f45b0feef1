/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heart of run, attach and logs: a stream that tells one client about one task. Where its
 * output is decides how it is told, and that changes while it runs:
 *
 *                  LEASED          SIZE                 OPENED
 *    WAITING ------------> MEMORY ------> OPENING --------------------> FILE
 *       ^                   |  ^             ^                           |
 *       |       client slow v  | RUN         | the row names a file      |
 *       |                 LAGGING            |                           |
 *       |                       ENDED        |                           |
 *       '-- another attempt --(conclude)<-- READING <-- it has ended and its output is in the rows
 *
 * In MEMORY the client has the log up to `sent`; pieces of the worker are cut there. A client that
 * does not read gets no more of them: they are dropped, and when it has read, the worker is asked
 * to show its memory again from the beginning, so nothing is kept here for anybody. In FILE the
 * client reads by itself and is told sizes, the newest only.
 *
 * The end of an attempt waits in `end` until its output was told; then comes JobEnded, or the next
 * attempt. While that is so, news of a next attempt is not looked at: follow_look() finds out
 * afterwards. Used by verb_follow.c.
 */
#include "daemon/clients/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"

#include "daemon/clients/answer.h"
#include "daemon/clients/orphan.h"
#include "daemon/clients/share.h"

#define FOLLOW_NOW_USEC (100 * USEC_PER_MSEC) /* what a worker has in memory has come by then */

/* --------------------------------------------------------------------------------- its attempts */

bool follow_accept(struct follow *follow, uint32_t attempt)
{
        const uint32_t wanted = follow->options.attempt;

        if (attempt == follow->attempt)
                return true;
        if (attempt < follow->attempt || (wanted && attempt != wanted))
                return false;
        if (follow->attempt)
                follow->sent = 0; /* the client's offset was of the first one that we met */
        follow->attempt = attempt;
        follow->size = follow->told_size = 0;
        follow->has_window = false;
        return true;
}

bool follow_meet(struct follow *follow, uint32_t attempt)
{
        /* While an attempt's end is being told, the next one waits for follow_look(). */
        if (stream_is_ended(&follow->stream) || follow->end.is_set ||
            follow->phase == FOLLOW_READING)
                return false;
        return follow_accept(follow, attempt);
}

void follow_over(struct follow *follow)
{
        if (follow->options.until_end && follow->end.is_set && !follow->end.goes_on)
                follow_tell_end(follow);
        else
                answer_stream_done(&follow->stream);
        stream_end(&follow->stream);
}

int follow_refuse(struct follow *follow, Jobd__ErrorCode code, const char *what)
{
        struct reason why;

        (void)reason_set(&why, 0, "job %" PRIu64 ": %s", follow->options.job, what);
        answer_stream_error(&follow->stream, code, 0, false, why.text);
        stream_end(&follow->stream);
        return 0;
}

int follow_set_end(struct follow *follow, const struct follow_end *end, const char *why)
{
        free(follow->end.why);
        follow->end = *end;
        follow->end.is_set = true;
        follow->end.why = why ? strdup(why) : NULL;
        return why && !follow->end.why ? FAULT(-ENOMEM) : 0;
}

static bool follow_is_moving_on(const struct follow *follow)
{
        return follow->options.until_end && follow->end.goes_on && !follow->options.attempt;
}

int follow_conclude(struct follow *follow)
{
        if (!follow_is_moving_on(follow)) {
                follow_over(follow);
                return 0;
        }
        follow_tell_state(follow, JOB_QUEUED, follow->attempt, 0, follow->end.barrier);
        follow->end.is_set = false;
        return follow_look(follow);
}

/* --------------------------------------------------------------------------------------- looking
 */

static int follow_watch(struct follow *follow, struct job *job)
{
        struct session *session = follow->stream.session;
        int r;

        if (follow->watch)
                return 0;
        if (!session_take_watch(session))
                return follow_refuse(follow, JOBD__ERROR_CODE__ERROR_BUSY,
                                     "you wait for too many jobs already");
        r = watch_new(engine_watches(follow_engine(follow)), engine_job_id(job), &follow_watch_ops,
                      follow, &follow->watch);
        if (r) {
                session_give_watch(session);
                return PASS(r);
        }
        r = share_enter(session->clients, follow->options.job, follow->options.task,
                        follow->options.want_stdin);
        follow->is_sharing = r == 0;
        if (follow->options.want_stdin) {
                orphan_remove(session->clients, follow->options.job, follow->options.task);
                session_keep_promise(session, follow->options.job);
        }
        return r ? PASS(r) : 0;
}

/* The worker is asked to show everything, and from then on what is new. */
static void follow_ask(struct follow *follow, struct job *job)
{
        follow->is_asked = true;
        follow->phase = FOLLOW_MEMORY;
        engine_follow(follow_engine(follow), job, follow->options.task, true);
        if (follow->timer && loop_timer_start(follow->timer, FOLLOW_NOW_USEC) < 0)
                session_fail(follow->stream.session, FAULT(-ENOMEM));
}

static int follow_look_leased(struct follow *follow, struct job *job,
                              const struct engine_task_view *view)
{
        if (follow->options.attempt && view->attempt > follow->options.attempt)
                return follow_refuse(follow, JOBD__ERROR_CODE__ERROR_STATE,
                                     "that attempt is over and its output is gone");
        if (view->state != JOB_STARTING && view->attached)
                follow_stdin_begin(follow, view->stdin_taken);
        follow_ask(follow, job);
        if (!view->spooled || stream_is_ended(&follow->stream))
                return 0;
        follow->size = view->output_bytes;
        return follow_file_open(follow);
}

int follow_look(struct follow *follow)
{
        struct engine *engine = follow_engine(follow);
        struct job *job = engine_find(engine, follow->options.job);
        struct engine_task_view view;
        int r;

        if (!job || !engine_view_task(engine, job, follow->options.task, &view))
                return follow_read_task(follow);
        r = follow_watch(follow, job);
        if (r || stream_is_ended(&follow->stream))
                return r;
        if (job_state_is_leased(view.state))
                (void)follow_accept(follow, view.attempt);
        follow_tell_state(follow, view.state, view.attempt, view.pid, view.barrier);
        if (job_state_is_leased(view.state))
                return follow_look_leased(follow, job, &view);
        /* Between attempts: what the last one wrote is in the rows, unless it was told. */
        if (view.attempt > follow->attempt)
                return follow_read_task(follow);
        follow->phase = FOLLOW_WAITING;
        if (!follow->options.until_end)
                follow_over(follow);
        return 0;
}

/* ----------------------------------------------------------------------------------- the inputs */

static int follow_on_leased(struct follow *follow, const struct follow_fact *fact)
{
        /* START tells the worker that somebody follows: pieces come from the beginning. */
        follow->phase = FOLLOW_MEMORY;
        follow->is_asked = false;
        follow_tell_state(follow, fact->news->state, fact->attempt, 0, fact->news->barrier);
        return 0;
}

static int follow_on_return(struct follow *follow, const struct follow_fact *fact)
{
        follow->phase = FOLLOW_WAITING;
        follow_tell_state(follow, JOB_QUEUED, fact->attempt, 0, fact->news->barrier);
        return 0;
}

static void follow_lag(struct follow *follow)
{
        follow->phase = FOLLOW_LAGGING;
        stream_wait_drained(&follow->stream);
}

static int follow_on_piece(struct follow *follow, const struct follow_fact *fact)
{
        const uint64_t end = fact->offset + fact->size;

        if (fact->offset > follow->sent) {
                if (!follow->is_asked)
                        follow_lag(follow); /* a gap: as after having dropped some */
                return 0;
        }
        follow->is_asked = false;
        if (end > follow->sent) {
                if (session_is_slow(follow->stream.session, SESSION_SLOW_BYTES)) {
                        follow_lag(follow);
                        return 0;
                }
                follow_tell_data(follow, follow->sent, fact->data + (follow->sent - fact->offset),
                                 (size_t)(end - follow->sent));
                follow->sent = end;
        }
        if (!follow->options.until_end)
                follow_over(follow);
        return 0;
}

static int follow_on_caught_up(struct follow *follow, const struct follow_fact *fact)
{
        struct job *job = engine_find(follow_engine(follow), follow->options.job);

        (void)fact;
        if (job)
                follow_ask(follow, job);
        return 0;
}

/* Without until_end: what the worker has in memory is nothing. */
static int follow_on_silence(struct follow *follow, const struct follow_fact *fact)
{
        (void)fact;
        if (!follow->options.until_end)
                follow_over(follow);
        return 0;
}

static int follow_on_spooled(struct follow *follow, const struct follow_fact *fact)
{
        const int r = follow_file_open(follow);

        follow->size = MAX(follow->size, fact->size);
        return r ? PASS(r) : 0;
}

static int follow_on_size(struct follow *follow, const struct follow_fact *fact)
{
        follow->size = MAX(follow->size, fact->size);
        if (follow->phase != FOLLOW_FILE)
                return 0;
        if (session_is_slow(follow->stream.session, SESSION_DRAINED_BYTES))
                stream_wait_drained(&follow->stream);
        else
                follow_tell_size(follow);
        return 0;
}

static int follow_on_drained_file(struct follow *follow, const struct follow_fact *fact)
{
        (void)fact;
        follow_tell_size(follow);
        return 0;
}

static int follow_on_opened(struct follow *follow, const struct follow_fact *fact)
{
        if (fact->fd < 0) {
                answer_stream_error(&follow->stream, JOBD__ERROR_CODE__ERROR_STATE, 0, true,
                                    "the output file is gone");
                follow->phase = FOLLOW_FILE;
        } else {
                follow->phase = FOLLOW_FILE;
                follow_tell_file(follow, fact->fd, fact->compressed);
        }
        if (follow->end.is_set || !follow->options.until_end)
                return follow_conclude(follow);
        return 0;
}

/* -------------------------------------------------------------------------------------- an end */

static int follow_note_end(struct follow *follow, const struct watch_news *news)
{
        const struct follow_end end = {
                .goes_on = news->state == JOB_QUEUED,
                .state = news->state,
                .exit_code = news->exit_code,
                .exit_signal = news->exit_signal,
                .run_usec = news->run_usec,
                .barrier = news->barrier,
        };

        return follow_set_end(follow, &end, news->why);
}

/* An attempt that is not ours: only the end of the whole task concerns us. */
static int follow_on_other_end(struct follow *follow, const struct watch_news *news)
{
        int r;

        if (news->state == JOB_QUEUED) {
                follow->phase = FOLLOW_WAITING;
                return 0;
        }
        r = follow_note_end(follow, news);
        return r ? PASS(r) : follow_conclude(follow);
}

/* The log was in memory: the rest of it comes with the news, or is in its file. */
static int follow_on_ended_memory(struct follow *follow, const struct follow_fact *fact)
{
        const struct watch_news *news = fact->news;
        int r;

        if (!follow_meet(follow, news->attempt))
                return follow_on_other_end(follow, news);
        if (news->records_size > follow->sent &&
            session_is_slow(follow->stream.session, SESSION_SLOW_BYTES)) {
                /* Once the client has read, the rows have it. */
                follow->phase = FOLLOW_READING;
                stream_wait_drained(&follow->stream);
                return 0;
        }
        r = follow_note_end(follow, news);
        if (r)
                return PASS(r);
        if (news->output_where == JOURNAL_OUTPUT_SPOOL) {
                follow->size = news->output_bytes;
                return follow_file_open(follow);
        }
        if (news->records_size > follow->sent) {
                follow_tell_data(follow, follow->sent, news->records + follow->sent,
                                 news->records_size - (size_t)follow->sent);
                follow->sent = news->records_size;
        }
        return follow_conclude(follow);
}

static int follow_on_ended_file(struct follow *follow, const struct follow_fact *fact)
{
        const struct watch_news *news = fact->news;
        int r;

        if (!follow_meet(follow, news->attempt))
                return follow_on_other_end(follow, news);
        r = follow_note_end(follow, news);
        if (r)
                return PASS(r);
        if (news->output_where == JOURNAL_OUTPUT_SPOOL)
                follow->size = news->output_bytes;
        if (follow->phase == FOLLOW_OPENING)
                return 0;
        follow_tell_size(follow);
        return follow_conclude(follow);
}

/* ----------------------------------------------------------------------------------- the others */

static int follow_on_begin(struct follow *follow, const struct follow_fact *fact)
{
        int r;

        (void)fact;
        if (!follow->is_own)
                return follow_read_job(follow);
        r = follow_look(follow);
        /* Who feeds stdin has submitted the job and knows where its output goes. */
        if (!r && follow->watch && !follow->options.want_stdin && !stream_is_ended(&follow->stream))
                r = follow_read_path(follow);
        return r ? PASS(r) : 0;
}

/* The client has read: now the row can be told. */
static int follow_on_read_due(struct follow *follow, const struct follow_fact *fact)
{
        (void)fact;
        return follow->stream.read ? 0 : follow_read_task(follow);
}

/* ------------------------------------------------------------------------------------ the table */

typedef int (*follow_fn)(struct follow *follow, const struct follow_fact *fact);

/* clang-format off */
/* An empty cell: ignored. */
static const follow_fn moves[FOLLOW_PHASE_COUNT][FOLLOW_INPUT_COUNT] = {
        [FOLLOW_BEGINNING] = {
                [FOLLOW_IN_RUN] = follow_on_begin,
        },
        [FOLLOW_RESOLVING] = {
                [FOLLOW_IN_PAGE] = follow_on_job_row,
        },
        [FOLLOW_WAITING] = {
                [FOLLOW_IN_LEASED] = follow_on_leased,
                [FOLLOW_IN_ENDED] = follow_on_ended_memory,
        },
        [FOLLOW_MEMORY] = {
                [FOLLOW_IN_RETURN] = follow_on_return,
                [FOLLOW_IN_PIECE] = follow_on_piece,
                [FOLLOW_IN_SIZE] = follow_on_spooled,
                [FOLLOW_IN_ENDED] = follow_on_ended_memory,
                [FOLLOW_IN_RUN] = follow_on_silence,
        },
        [FOLLOW_LAGGING] = {
                [FOLLOW_IN_SIZE] = follow_on_spooled,
                [FOLLOW_IN_ENDED] = follow_on_ended_memory,
                [FOLLOW_IN_RUN] = follow_on_caught_up,
        },
        [FOLLOW_OPENING] = {
                [FOLLOW_IN_SIZE] = follow_on_size,
                [FOLLOW_IN_OPENED] = follow_on_opened,
                [FOLLOW_IN_ENDED] = follow_on_ended_file,
        },
        [FOLLOW_FILE] = {
                [FOLLOW_IN_SIZE] = follow_on_size,
                [FOLLOW_IN_ENDED] = follow_on_ended_file,
                [FOLLOW_IN_RUN] = follow_on_drained_file,
        },
        [FOLLOW_READING] = {
                [FOLLOW_IN_PAGE] = follow_on_task_row,
                [FOLLOW_IN_RUN] = follow_on_read_due,
        },
};
/* clang-format on */

static int follow_move(struct follow *follow, enum follow_input input,
                       const struct follow_fact *fact)
{
        const follow_fn move = moves[follow->phase][input];

        return move && !stream_is_ended(&follow->stream) ? move(follow, fact) : 0;
}

void follow_put(struct follow *follow, enum follow_input input, const struct follow_fact *fact)
{
        const int r = follow_move(follow, input, fact);

        if (r)
                session_fail(follow->stream.session, PASS(r));
}

/* ----------------------------------------------------------------------------------- the stream */

static int follow_run(struct stream *stream)
{
        static const struct follow_fact none = { .fd = -1 };

        return follow_move((struct follow *)stream, FOLLOW_IN_RUN, &none);
}

static int follow_on_page(struct stream *stream, const struct journal_page *page)
{
        const struct follow_fact fact = { .page = page };

        return follow_move((struct follow *)stream, FOLLOW_IN_PAGE, &fact);
}

static void follow_on_leave(struct stream *stream)
{
        struct follow *follow = (struct follow *)stream;
        struct clients *clients = stream->session->clients;
        const struct follow_options *options = &follow->options;

        if (!options->want_stdin || !follow->is_sharing ||
            !share_end_feeding(clients, options->job, options->task))
                return;
        follow_stdin_leave(follow);
        /* Without memory it may wait for ever, until its owner cancels it. */
        if (orphan_add(clients, options->job, options->task, !follow->has_window))
                log_debug("the input of a task cannot be ended for its client");
}

static void follow_deinit(struct stream *stream)
{
        struct follow *follow = (struct follow *)stream;

        if (follow->watch) {
                follow->watch = watch_free(follow->watch);
                session_give_watch(stream->session);
        }
        if (follow->is_sharing)
                share_leave(stream->session->clients, follow->options.job, follow->options.task);
        if (follow->path_read && !stream->hub->is_journal_closed)
                journal_read_cancel(follow->path_read);
        follow_file_forget(follow);
        loop_timer_free(follow->timer);
        free(follow->end.why);
        free(follow->output_path);
}

const struct stream_type follow_type = {
        .is_stoppable = true,
        .run = follow_run,
        .on_page = follow_on_page,
        .on_leave = follow_on_leave,
        .deinit = follow_deinit,
};
