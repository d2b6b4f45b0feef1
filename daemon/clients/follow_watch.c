/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine tells of a followed job, as inputs of the stream. A watch is per job and a follow
 * per task, so news of other tasks is dropped here, save one: cancelling all that had not begun is
 * a single piece of news, of the first of them.
 */
#include "daemon/clients/follow.h"

/* Went ours with the others? */
static bool follow_is_swept(const struct follow *follow, const struct watch_news *news)
{
        struct engine *engine = follow_engine(follow);
        const struct job *job = engine_find(engine, news->job);
        struct engine_task_view view;

        if (news->event != JOB_EV_CANCEL)
                return false;
        return news->job_finished || !job ||
               !engine_view_task(engine, job, follow->options.task, &view);
}

/* The attempt that is told runs now, or stands still, or is being stopped. */
static void follow_on_change(struct follow *follow, const struct watch_news *news)
{
        struct engine *engine = follow_engine(follow);
        const struct job *job = engine_find(engine, news->job);
        struct engine_task_view view;

        if (news->event == JOB_EV_STARTED && !follow_meet(follow, news->attempt))
                return;
        follow_tell_state(follow, news->state, news->attempt, news->pid, news->barrier);
        if (news->event == JOB_EV_STARTED && job &&
            engine_view_task(engine, job, news->task, &view))
                follow_stdin_begin(follow, view.stdin_taken);
}

static void follow_on_news(void *arg, const struct watch_news *news)
{
        const struct follow_fact fact = { .attempt = news->attempt, .news = news };
        struct follow *follow = arg;

        if (stream_is_ended(&follow->stream) ||
            (news->task != follow->options.task && !follow_is_swept(follow, news)))
                return;
        if (news->event == JOB_EV_REQUEUE || job_state_is_finished(news->state))
                follow_put(follow, FOLLOW_IN_ENDED, &fact);
        else if (news->event == JOB_EV_ASSIGN)
                follow_put(follow, FOLLOW_IN_LEASED, &fact);
        else if (news->event == JOB_EV_UNSTARTED)
                follow_put(follow, FOLLOW_IN_RETURN, &fact);
        else if (news->state != JOB_QUEUED && news->event != JOB_EV_SIGNAL)
                follow_on_change(follow, news);
}

static void follow_on_output(void *arg, uint64_t task, uint32_t attempt, uint64_t offset,
                             const uint8_t *records, size_t size)
{
        const struct follow_fact fact = {
                .attempt = attempt, .offset = offset, .size = size, .data = records
        };
        struct follow *follow = arg;

        if (task == follow->options.task && follow_meet(follow, attempt))
                follow_put(follow, FOLLOW_IN_PIECE, &fact);
}

static void follow_on_size(void *arg, uint64_t task, uint32_t attempt, uint64_t size_bytes)
{
        const struct follow_fact fact = { .attempt = attempt, .size = size_bytes };
        struct follow *follow = arg;

        if (task == follow->options.task && follow_meet(follow, attempt))
                follow_put(follow, FOLLOW_IN_SIZE, &fact);
}

static void follow_on_stdin(void *arg, uint64_t task, uint32_t attempt, uint64_t taken, bool closed)
{
        struct follow *follow = arg;

        if (!stream_is_ended(&follow->stream) && task == follow->options.task &&
            attempt == follow->attempt)
                follow_stdin_progress(follow, taken, closed);
}

const struct watch_ops follow_watch_ops = {
        .on_news = follow_on_news,
        .on_output = follow_on_output,
        .on_spooled = follow_on_size,
        .on_grown = follow_on_size,
        .on_stdin = follow_on_stdin,
};
