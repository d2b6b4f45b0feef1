/* SPDX-License-Identifier: Apache-2.0 */
/*
 * info: everything about the jobs named, a few at a time, with all attempts (one for each task
 * that has begun). A job with thousands of tasks comes as several messages of the same id, of which
 * the first has everything but the later tasks. An id that is not the caller's is answered by an
 * Error among the pages; the last reply, and only that, has no `more`.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/clients/job_message.h"
#include "daemon/clients/verb.h"

#define INFO_WINDOW 32U

struct info {
        struct selector_stream base;
        bool environment;
};

static const struct stream_type info_type = {
        .run = selector_stream_run,
        .on_page = selector_stream_on_page,
        .deinit = selector_stream_deinit,
};

static void info_say_missing(struct info *info, const struct selector_item *item, bool more)
{
        struct reason why;
        const int code = answer_no_such_job(&why, item->id, item->last_id);

        answer_stream_error(&info->base.stream, (Jobd__ErrorCode)code, 0, more, why.text);
}

/* One job or one refusal; pages leave when they are heavy or a refusal stands behind them. */
static int info_add(struct info *info, struct job_page *page, const struct selector_item *item,
                    bool is_last)
{
        const bool must_send =
                job_page_count(page) > 0 && (item->is_missing || job_page_is_heavy(page));
        int r;

        if (must_send)
                job_page_send(page, true);
        if (item->is_missing) {
                info_say_missing(info, item, !is_last);
                return 0;
        }
        r = job_page_add(page, item);
        return r ? PASS(r) : 0;
}

static int info_on_window(struct stream *stream, const struct selector_item *items, size_t count)
{
        struct info *info = (struct info *)stream;
        const struct job_page_options options = {
                .is_full = true,
                .environment = info->environment,
        };
        const bool is_done = selector_is_done(info->base.selector);
        _cleanup_(job_page_freep) struct job_page *page = NULL;
        int r;

        r = job_page_new(stream, &options, count, &page);
        if (r)
                return PASS(r);
        for (size_t i = 0; i < count; i++) {
                /* What is not read yet is enough: the rest of the window comes again. */
                if (i > 0 && session_is_slow(stream->session, SESSION_SLOW_BYTES)) {
                        selector_rewind(info->base.selector, &items[i]);
                        break;
                }
                r = info_add(info, page, &items[i], is_done && i + 1 == count);
                if (r)
                        return PASS(r);
        }
        if (!selector_is_done(info->base.selector)) {
                if (job_page_count(page) > 0)
                        job_page_send(page, true);
                stream_wake(stream);
                return 0;
        }
        /* A refusal at the very end was the last reply. */
        if (count == 0 || !items[count - 1].is_missing)
                job_page_send(page, false);
        stream_end(stream);
        return 0;
}

int verb_info(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why)
{
        struct selector_options options = {
                .selector = request->info->selector,
                .window = INFO_WINDOW,
                .want_rows = true,
                .want_spec = true,
                .want_environment = request->info->has_environment && request->info->environment,
                .want_tasks = true,
                .all_tasks = true,
                .on_window = info_on_window,
        };
        struct stream *stream;
        struct info *info;
        int r;

        (void)job;
        r = session_add_stream(from, &info_type, request->tag, sizeof(*info), &stream, why);
        if (r)
                return r;
        info = (struct info *)stream;
        info->environment = options.want_environment;
        r = selector_new(stream, &options, &info->base.selector, why);
        if (r > 0)
                stream_end(stream);
        if (r)
                return r;
        session_run_stream(stream);
        return 0;
}
