/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When top asks, and for what.
 *
 * A picture is a handful of questions that are asked at once, without waiting; it is there when all
 * are answered (and one more, when there is room for what has ended). Between pictures one stream
 * of events waits for the first that is new, and is given up then: a thousand jobs a second cost no
 * more than one. It is opened anew before the next questions are asked, beginning with the newest
 * event there is; when that is not the one that was seen last, something happened in between, and
 * one more picture is due. So nothing is missed, and nothing is asked while nothing happens -
 * except when the pool is missing, whose coming is none. (Of others' jobs no events are told: of
 * these top_live.c thinks.)
 *
 * The library makes the connection anew and repeats the questions by itself. Called by top_live.c
 * and cmd_top.c.
 */
#include "client/cmd/top_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

#include "client/cmd/select.h"

struct top_fetch_question {
        struct top_fetch *fetch; /* borrowed */
        enum top_part part;
};

struct top_fetch {
        struct app *app; /* borrowed */
        struct top_fetch_options options;
        struct top_fetch_question questions[TOP_PART_COUNT];
        struct top_model model; /* what is there of the picture */
        unsigned int pending;   /* answers that are missing */
        bool is_ready;          /* a picture is there */
        bool is_stale;
        bool is_last;                 /* the last question has been asked */
        struct jobctl_stream *stream; /* owned; NULL: an event came */
        uint64_t last_seq;            /* of the newest event that was seen */
        int code;                     /* why it cannot go on */
        char text[256];
};

int top_fetch_new(struct app *app, const struct top_fetch_options *options,
                  struct top_fetch **out_fetch)
{
        struct top_fetch *const fetch = calloc(1, sizeof(*fetch));

        if (!fetch)
                return app_out_of_memory(app);
        fetch->app = app;
        fetch->options = *options;
        for (size_t i = 0; i < TOP_PART_COUNT; i++)
                fetch->questions[i] =
                        (struct top_fetch_question){ .fetch = fetch, .part = (enum top_part)i };
        *out_fetch = fetch;
        return 0;
}

struct top_fetch *top_fetch_free(struct top_fetch *fetch)
{
        if (!fetch)
                return NULL;
        /* Answers that are still to come would be told to us. */
        fetch->app->conn = jobctl_free(fetch->app->conn);
        top_model_deinit(&fetch->model);
        free(fetch);
        return NULL;
}

static void fetch_fail(struct top_fetch *fetch, int code, const char *text)
{
        if (fetch->code)
                return;
        fetch->code = code;
        snprintf(fetch->text, sizeof(fetch->text), "%s", text);
}

/* What a call to the library came to, when it is no answer. */
static int fetch_check(struct top_fetch *fetch, int r)
{
        if (r)
                fetch_fail(fetch, r, jobctl_error_text(fetch->app->conn));
        return r;
}

/* ------------------------------------------------------------------------------------- events */

static void fetch_on_event(void *arg, const struct jobctl_item *event)
{
        struct top_fetch *const fetch = arg;
        const uint64_t seq = jobctl_number_or(event, JOBCTL_EVENT_SEQ, 0);

        if (seq == fetch->last_seq)
                return;
        fetch->last_seq = seq;
        fetch->is_stale = true;
        fetch->stream = jobctl_stream_free(fetch->stream);
}

static void fetch_on_end(void *arg, int code, const char *text,
                         const struct jobctl_item *ended _unused_)
{
        fetch_fail(arg, code ? code : JOBCTL_E_LOST, text);
}

static int fetch_watch(struct top_fetch *fetch)
{
        static const struct jobctl_stream_ops ops = { .size = sizeof(ops),
                                                      .on_item = fetch_on_event,
                                                      .on_end = fetch_on_end };
        const struct jobctl_events_options query = { .size = sizeof(query),
                                                     .last = 1,
                                                     .follow = true };

        if (!fetch->options.watch || fetch->stream)
                return JOBCTL_OK;
        return fetch_check(fetch,
                           jobctl_events(fetch->app->conn, &query, &ops, fetch, &fetch->stream));
}

/* ---------------------------------------------------------------------------------- questions */

struct jobctl_selector *top_fetch_select(enum top_part part)
{
        static const struct {
                enum jobctl_state first, last;
        } states[TOP_PART_COUNT] = {
                [TOP_RUNNING] = { JOBCTL_STATE_STARTING, JOBCTL_STATE_STOPPING },
                [TOP_WAITING] = { JOBCTL_STATE_QUEUED, JOBCTL_STATE_QUEUED },
                [TOP_ENDED] = { JOBCTL_STATE_SUCCEEDED, JOBCTL_STATE_LOST },
        };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;

        if (jobctl_selector_new(&selector))
                return NULL;
        for (unsigned int i = states[part].first; i <= states[part].last; i++)
                if (jobctl_selector_add_state(selector, (enum jobctl_state)i))
                        return NULL;
        return TAKE_PTR(selector);
}

static void fetch_on_jobs(void *arg, int code, const char *text,
                          const struct jobctl_result *result);

static int fetch_ask_jobs(struct top_fetch *fetch, enum top_part part)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = top_fetch_select(part);
        const struct jobctl_list_options query = { .size = sizeof(query),
                                                   .selector = selector,
                                                   .limit = fetch->options.limit,
                                                   .all_users = fetch->options.all_users };

        if (!selector) {
                fetch_fail(fetch, JOBCTL_E_SYSTEM, "out of memory");
                return JOBCTL_E_SYSTEM;
        }
        fetch->pending++;
        return fetch_check(fetch, jobctl_list_async(fetch->app->conn, &query, fetch_on_jobs,
                                                    &fetch->questions[part]));
}

/*
 * What has ended is asked for last, and only when there is room for it: it stands in rows, which
 * are dear to walk, and nobody would see it.
 */
static bool fetch_goes_on(struct top_fetch *fetch)
{
        if (fetch->code || fetch->is_last || fetch->model.jobs_count >= fetch->options.limit)
                return false;
        fetch->is_last = true;
        return fetch_ask_jobs(fetch, TOP_ENDED) == JOBCTL_OK;
}

static void fetch_on_answer(struct top_fetch *fetch, int code, const char *text)
{
        if (code)
                fetch_fail(fetch, code, text);
        if (--fetch->pending > 0 || fetch_goes_on(fetch))
                return;
        top_model_finish(&fetch->model, fetch->options.limit);
        /* The pool comes and goes without an event; without it nothing runs. */
        if (fetch->model.is_pool_missing)
                fetch->is_stale = true;
        fetch->is_ready = true;
}

static void fetch_on_status(void *arg, int code, const char *text,
                            const struct jobctl_result *result)
{
        struct top_fetch *const fetch = arg;

        if (code == JOBCTL_OK)
                top_model_add_status(&fetch->model, jobctl_result_item(result, 0));
        fetch_on_answer(fetch, code, text);
}

static void fetch_on_stats(void *arg, int code, const char *text,
                           const struct jobctl_result *result)
{
        struct top_fetch *const fetch = arg;

        if (code == JOBCTL_OK)
                top_model_add_stats(&fetch->model, result);
        fetch_on_answer(fetch, code, text);
}

static void fetch_on_jobs(void *arg, int code, const char *text, const struct jobctl_result *result)
{
        struct top_fetch_question *const question = arg;

        if (code == JOBCTL_OK)
                top_model_add_jobs(&question->fetch->model, question->part, result);
        fetch_on_answer(question->fetch, code, text);
}

void top_fetch_begin(struct top_fetch *fetch)
{
        static const struct jobctl_stats_options stats = { .size = sizeof(stats) };
        struct jobctl *const conn = fetch->app->conn;
        int r;

        if (fetch->pending > 0 || fetch->code)
                return;
        top_model_deinit(&fetch->model);
        fetch->is_ready = false;
        fetch->is_stale = false;
        fetch->is_last = false;
        r = fetch_watch(fetch);
        if (r == JOBCTL_OK) {
                fetch->pending++;
                r = fetch_check(fetch, jobctl_status_async(conn, fetch_on_status, fetch));
        }
        if (r == JOBCTL_OK) {
                fetch->pending++;
                r = fetch_check(fetch, jobctl_stats_async(conn, &stats, fetch_on_stats, fetch));
        }
        for (size_t i = 0; i < TOP_ENDED && r == JOBCTL_OK; i++)
                r = fetch_ask_jobs(fetch, (enum top_part)i);
}

bool top_fetch_is_pending(const struct top_fetch *fetch)
{
        return fetch->pending > 0;
}

bool top_fetch_take(struct top_fetch *fetch, struct top_model *out_model)
{
        if (!fetch->is_ready)
                return false;
        fetch->is_ready = false;
        *out_model = fetch->model;
        fetch->model = (struct top_model){ 0 };
        return true;
}

bool top_fetch_is_stale(const struct top_fetch *fetch)
{
        return fetch->is_stale;
}

int top_fetch_failure(const struct top_fetch *fetch, const char **out_text)
{
        *out_text = fetch->text;
        return fetch->code;
}
