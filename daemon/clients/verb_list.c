/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list: the caller's jobs, unfinished ones by rising id, then finished ones, newest first. An
 * answer has at most `limit` jobs, spread over as many pages as the walk needs; the last page says
 * where the next request goes on. An administrator may list everybody's; for others `all_users`
 * adds how much other users have, and nothing else of them.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/clients/job_message.h"
#include "daemon/clients/verb.h"

#define LIST_LIMIT 100U
#define LIST_LIMIT_MAX 1000U

struct list {
        struct selector_stream base;
        uint32_t left; /* jobs that still fit the answer */
        bool wants_others;
        uint64_t last_id;   /* the last job that was sent, */
        bool last_finished; /* and the part it is in */
};

static const struct stream_type list_type = {
        .run = selector_stream_run,
        .on_page = selector_stream_on_page,
        .deinit = selector_stream_deinit,
};

/* The last page: where the next answer begins, what others have. */
static int list_finish(struct list *list, struct job_page *page, bool more)
{
        int r = 0;

        if (more)
                job_page_set_next(page, list->last_id, list->last_finished);
        if (list->wants_others)
                r = job_page_add_others(page);
        if (r)
                return PASS(r);
        job_page_send(page, false);
        stream_end(&list->base.stream);
        return 0;
}

static int list_on_window(struct stream *stream, const struct selector_item *items, size_t count)
{
        static const struct job_page_options options = { .is_full = false };
        _cleanup_(job_page_freep) struct job_page *page = NULL;
        struct list *list = (struct list *)stream;
        size_t i;
        int r;

        r = job_page_new(stream, &options, MIN(count, list->left), &page);
        if (r)
                return PASS(r);
        for (i = 0; i < count && list->left > 0; i++) {
                if (items[i].is_missing)
                        continue;
                /* What is not read yet is enough: the rest of the window comes again. */
                if (i > 0 && session_is_slow(stream->session, SESSION_SLOW_BYTES)) {
                        selector_rewind(list->base.selector, &items[i]);
                        break;
                }
                if (job_page_is_heavy(page) && job_page_count(page) > 0)
                        job_page_send(page, true);
                r = job_page_add(page, &items[i]);
                if (r)
                        return PASS(r);
                list->left--;
                list->last_id = items[i].id;
                list->last_finished = !items[i].job;
        }
        if (list->left == 0 || selector_is_done(list->base.selector))
                return list_finish(list, page, i < count || !selector_is_done(list->base.selector));
        if (job_page_count(page) > 0)
                job_page_send(page, true);
        stream_wake(stream);
        return 0;
}

static int list_open(struct list *list, const Jobd__List *request, struct reason *why)
{
        const bool everybody = request->has_all_users && request->all_users;
        const struct session *session = list->base.stream.session;
        const bool is_public = session->clients->options.jobs_are_public;
        const struct selector_options options = {
                .selector = request->selector,
                .window = list->left,
                .may_be_empty = true,
                .ids_are_filter = true,
                .everybody = everybody,
                .is_public = is_public,
                .want_rows = true,
                .want_spec = true,
                .want_tasks = true,
                .since_wall_usec = request->has_since_wall_usec ? request->since_wall_usec : 0,
                .after_id = request->has_after_id ? request->after_id : 0,
                .after_finished = request->has_after_finished && request->after_finished,
                .on_window = list_on_window,
        };

        list->wants_others = everybody && !session->is_admin && !is_public;
        return selector_new(&list->base.stream, &options, &list->base.selector, why);
}

int verb_list(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why)
{
        const uint32_t limit = request->list->has_limit ? request->list->limit : 0;
        struct stream *stream;
        struct list *list;
        int r;

        (void)job;
        r = session_add_stream(from, &list_type, request->tag, sizeof(*list), &stream, why);
        if (r)
                return r;
        list = (struct list *)stream;
        list->left = limit ? MIN(limit, LIST_LIMIT_MAX) : LIST_LIMIT;
        r = list_open(list, request->list, why);
        if (r > 0)
                stream_end(stream);
        if (r)
                return r;
        session_run_stream(stream);
        return 0;
}
