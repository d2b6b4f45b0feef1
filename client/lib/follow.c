/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following one task: its output, the changes of its state, its stdin, its end.
 *
 * Replies fill a log_source; work() hands its data out in slices between the turns, so that a fast
 * job never starves the rest of the connection, and not while the user has paused. The end is told
 * only after the last byte before it. When a paused stream holds more than 1 MiB of pushed data the
 * whole link is left unread, which the daemon notices as a slow reader.
 *
 * After a reconnection the same attempt is asked for from the offset reached, and stdin from the
 * byte that the job took. A newer attempt (a retry) begins at offset 0 with a fresh source, after
 * what is left of the old one was handed out.
 */
#include <errno.h>

#include "client/lib/log_source.h"
#include "client/lib/stdin_feed.h"
#include "client/lib/stream.h"

#define FOLLOW_HELD_MAX (1024U * 1024)

struct follow {
        struct jobctl_stream stream;
        uint64_t job, task;
        unsigned int flags;
        uint32_t attempt;          /* whose output comes; 0: not known yet */
        uint32_t news_attempt;     /* the newest that was told */
        struct log_source *source; /* owned */
        struct stdin_feed *feed;   /* owned; NULL without JOBCTL_FOLLOW_STDIN */
        Jobd__Reply *last;         /* owned: the final reply, told when all data is out */
        bool stuffed;              /* counted in conn->stuffed_count */
        bool is_awaited;           /* its user knows that the end is near */
        bool awaiting;             /* counted in conn->awaiting_count */
        bool catching_up;          /* asked for what is there; the rest comes next */
};

struct stdin_feed *follow_stdin(struct jobctl_stream *stream)
{
        return ((struct follow *)stream)->feed;
}

static void follow_set_stuffed(struct follow *follow, bool stuffed)
{
        struct jobctl *const conn = follow->stream.call.conn;

        if (follow->stuffed == stuffed)
                return;
        follow->stuffed = stuffed;
        if (stuffed)
                conn->stuffed_count++;
        else
                conn->stuffed_count--;
}

/*
 * What is there and no more was asked for: the answers come at once, and a user that lets other
 * streams wait for them must get them. A followed job that runs on is no reason to read, unless its
 * user knows better.
 */
static void follow_set_awaiting(struct follow *follow)
{
        struct jobctl *const conn = follow->stream.call.conn;
        const bool awaiting = !follow->last && !follow->stuffed && follow->stream.call.active &&
                              (follow->is_awaited || !(follow->flags & JOBCTL_FOLLOW_UNTIL_END));

        if (follow->awaiting == awaiting)
                return;
        follow->awaiting = awaiting;
        if (awaiting)
                conn->awaiting_count++;
        else
                conn->awaiting_count--;
}

void follow_await(struct jobctl_stream *stream)
{
        struct follow *const follow = (struct follow *)stream;

        follow->is_awaited = true;
        follow_set_awaiting(follow);
        conn_wake(stream->call.conn); /* to watch the link again */
}

static void follow_free(struct call *call)
{
        struct follow *const follow = (struct follow *)call;

        if (call->conn) {
                follow_set_stuffed(follow, false);
                follow_set_awaiting(follow);
        }
        wire_free_reply(follow->last);
        log_source_free(follow->source);
        stdin_feed_free(follow->feed);
        free(follow);
}

static int follow_send(struct call *call)
{
        struct follow *const follow = (struct follow *)call;
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Follow message = JOBD__FOLLOW__INIT;
        int r;

        follow->last = wire_free_reply(follow->last);
        log_source_rewind(follow->source);
        follow_set_stuffed(follow, false);
        if (follow->feed)
                stdin_feed_rewind(follow->feed);
        message.job = follow->job;
        message.has_task = true;
        message.task = follow->task;
        message.has_attempt = follow->attempt > 0;
        message.attempt = follow->attempt;
        message.has_offset = true;
        message.offset = log_source_offset(follow->source);
        message.has_until_end = message.until_end =
                !follow->catching_up && (follow->flags & JOBCTL_FOLLOW_UNTIL_END);
        message.has_want_stdin = message.want_stdin = follow->feed != NULL;
        request.body_case = JOBD__REQUEST__BODY_FOLLOW;
        request.follow = &message;
        follow_set_awaiting(follow);
        r = call_send(call, &request);
        return r ? PASS(r) : 0;
}

static int follow_on_data(void *arg, const struct spool_record *record, const uint8_t *data,
                          size_t size)
{
        struct follow *const follow = arg;

        if (follow->stream.ops.on_data && !follow->stream.ended)
                follow->stream.ops.on_data(follow->stream.arg, (enum jobctl_output)record->stream,
                                           record->wall_usec, data, size);
        return 0;
}

/* Ends the stream for a fault or an answer of the source. */
static void follow_break(struct follow *follow, int r)
{
        struct failure failure = { 0 };

        if (r < 0)
                failure_from(&failure, r, "reading a job's output");
        else if (r == LOG_SOURCE_E_NO_ZSTD)
                failure_set(
                        &failure, JOBCTL_E_SYSTEM,
                        "the output of job %llu is compressed, and libzstd.so.1 is not installed "
                        "here: install the package libzstd1 (Debian) or libzstd (Fedora)",
                        (unsigned long long)follow->job);
        else
                failure_set(&failure, JOBCTL_E_PROTOCOL,
                            "the output of job %llu is damaged at byte %llu",
                            (unsigned long long)follow->job,
                            (unsigned long long)log_source_offset(follow->source));
        stream_end(&follow->stream, failure.code, failure.text, NULL);
}

/* Another attempt: hands out the rest of the one before and begins anew. */
static int follow_move_on(struct follow *follow, uint32_t attempt)
{
        int r = 0;

        if (follow->attempt == attempt)
                return 0;
        while (follow->attempt > 0 && r == 0 && !follow->stream.ended)
                r = log_source_step(follow->source);
        if (r < 0)
                return PASS(r);
        if (follow->attempt > 0) {
                follow->source = log_source_free(follow->source);
                r = log_source_new(follow_on_data, follow, &follow->source);
                if (r)
                        return PASS(r);
        }
        follow->attempt = attempt;
        return 0;
}

static int follow_take_output(struct follow *follow, const Jobd__Output *output)
{
        int r;

        r = follow_move_on(follow, output->attempt);
        if (r)
                return PASS(r);
        if (output->what_case == JOBD__OUTPUT__WHAT_DATA)
                return log_source_push(follow->source, output->data->offset,
                                       output->data->records.data, output->data->records.len);
        if (output->what_case == JOBD__OUTPUT__WHAT_FILE)
                return log_source_set_file(follow->source,
                                           link_take_fd(follow->stream.call.conn->link),
                                           output->file->has_compressed && output->file->compressed,
                                           output->file->size_bytes);
        if (output->what_case == JOBD__OUTPUT__WHAT_GROWN_BYTES)
                log_source_set_size(follow->source, output->grown_bytes);
        return 0;
}

static void follow_on_output(struct follow *follow, const Jobd__Output *output)
{
        const int r = follow_take_output(follow, output);

        if (r) {
                follow_break(follow, r);
                return;
        }
        follow_set_stuffed(follow, log_source_held_bytes(follow->source) > FOLLOW_HELD_MAX);
}

static void follow_on_window(struct follow *follow, const Jobd__StdinWindow *window)
{
        int r;

        if (!follow->feed)
                return;
        stdin_feed_on_window(follow->feed, window);
        r = stdin_feed_pump(follow->feed, &follow->stream.call);
        if (r)
                follow_break(follow, r);
        else if (follow->stream.ops.on_stdin)
                follow->stream.ops.on_stdin(follow->stream.arg);
}

static void follow_on_news(struct follow *follow, const Jobd__TaskNews *news)
{
        if (follow->feed && follow->news_attempt > 0 && news->attempt > follow->news_attempt)
                stdin_feed_restart(follow->feed);
        follow->news_attempt = MAX(follow->news_attempt, news->attempt);
        stream_item(&follow->stream, &news->base);
}

static void follow_on_reply(struct call *call, Jobd__Reply **reply)
{
        struct follow *const follow = (struct follow *)call;
        const Jobd__Reply *const got = *reply;

        switch (got->body_case) {
        case JOBD__REPLY__BODY_OUTPUT:
                follow_on_output(follow, got->output);
                break;
        case JOBD__REPLY__BODY_TASK_NEWS:
                follow_on_news(follow, got->task_news);
                break;
        case JOBD__REPLY__BODY_STDIN_WINDOW:
                follow_on_window(follow, got->stdin_window);
                break;
        case JOBD__REPLY__BODY_ERROR:
                stream_error(&follow->stream, got->error);
                break;
        case JOBD__REPLY__BODY_JOB_ENDED:
        case JOBD__REPLY__BODY_DONE:
                wire_free_reply(follow->last);
                follow->last = TAKE_PTR(*reply);
                break;
        default:
                break;
        }
        follow_set_awaiting(follow);
}

/* The final reply, and all output before it is out: the end, or the second half. */
static void follow_on_last(struct follow *follow)
{
        const Jobd__Reply *const last = follow->last;
        int r;

        if (follow->catching_up && last->body_case == JOBD__REPLY__BODY_DONE) {
                follow->catching_up = false;
                if (follow->stream.ops.on_caught_up)
                        follow->stream.ops.on_caught_up(follow->stream.arg);
                r = follow->stream.ended ? 0 : follow_send(&follow->stream.call);
                if (r)
                        follow_break(follow, r);
                return;
        }
        stream_end(&follow->stream, JOBCTL_OK, "",
                   last->body_case == JOBD__REPLY__BODY_JOB_ENDED ? last->job_ended : NULL);
}

/* One slice of output; then, when everything is out, the end. */
static bool follow_work(struct call *call)
{
        struct follow *const follow = (struct follow *)call;
        int r;

        if (follow->stream.paused)
                return false;
        r = log_source_step(follow->source);
        if (r != 0 && r != LOG_SOURCE_E_EMPTY) {
                follow_break(follow, r);
                return false;
        }
        follow_set_stuffed(follow, log_source_held_bytes(follow->source) > FOLLOW_HELD_MAX);
        follow_set_awaiting(follow);
        if (log_source_has_more(follow->source))
                return !follow->stream.paused;
        if (follow->last && !follow->stream.paused)
                follow_on_last(follow);
        return false;
}

const struct call_ops follow_ops = {
        .send = follow_send,
        .on_reply = follow_on_reply,
        .on_fail = stream_on_fail,
        .work = follow_work,
        .free = follow_free,
};

static int follow_new(uint64_t job, unsigned int flags, struct follow **out_follow)
{
        struct follow *follow;
        int r;

        follow = calloc(1, sizeof(*follow));
        if (!follow)
                return FAULT(-ENOMEM);
        r = log_source_new(follow_on_data, follow, &follow->source);
        if (r == 0 && (flags & JOBCTL_FOLLOW_STDIN))
                r = stdin_feed_new(job, &follow->feed);
        if (r) {
                follow_free(&follow->stream.call);
                return PASS(r);
        }
        follow->job = job;
        follow->flags = flags;
        follow->catching_up = flags & JOBCTL_FOLLOW_CAUGHT_UP;
        *out_follow = follow;
        return 0;
}

int jobctl_follow(struct jobctl *conn, uint64_t job, uint64_t task, unsigned int flags,
                  const struct jobctl_stream_ops *ops, void *arg, struct jobctl_stream **out_stream)
{
        struct follow *follow = NULL;
        int r;

        r = follow_new(job, flags, &follow);
        if (r)
                return failure_from(&conn->failure, r, "following a job");
        follow->task = task;
        r = stream_start(conn, &follow->stream, &follow_ops, ops, arg);
        if (r)
                return failure_from(&conn->failure, r, "following a job");
        *out_stream = &follow->stream;
        return JOBCTL_OK;
}
