/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A result keeps the replies to one request alive and lists what is in them, page after page, as
 * one row of records: the jobs of job pages, the rows of an action, the events; a reply that is one
 * record (status, pool, configuration) is listed itself. Errors that came beside an answer are
 * listed apart as problems. Filled by ask.c, read through jobctl.h.
 */
#include "client/lib/result.h"

#include <errno.h>

struct jobctl_result {
        Jobd__Reply **replies; /* owned */
        size_t replies_count;
        const struct jobctl_item **items; /* owned array of pointers into the replies */
        size_t items_count;
        const struct jobctl_item **problems; /* likewise */
        size_t problems_count;
        const struct jobctl_item *page; /* borrowed from the last reply */
};

struct jobctl_result *jobctl_result_free(struct jobctl_result *result)
{
        if (!result)
                return NULL;
        for (size_t i = 0; i < result->replies_count; i++)
                wire_free_reply(result->replies[i]);
        free(result->replies);
        free(result->items);
        free(result->problems);
        free(result);
        return NULL;
}

int result_new(struct jobctl_result **out_result)
{
        struct jobctl_result *const result = calloc(1, sizeof(*result));

        if (!result)
                return FAULT(-ENOMEM);
        *out_result = result;
        return 0;
}

/* Makes room for `more` pointers behind `count`; the array is at `*array`. */
static int result_grow(void *array, size_t count, size_t more)
{
        void **const where = array;
        void *const bigger = realloc(*where, (count + more) * sizeof(void *));

        if (!bigger)
                return FAULT(-ENOMEM);
        *where = bigger;
        return 0;
}

static int result_list(struct jobctl_result *result, void *const *messages, size_t count)
{
        int r;

        if (count == 0)
                return 0;
        r = result_grow(&result->items, result->items_count, count);
        if (r)
                return PASS(r);
        for (size_t i = 0; i < count; i++)
                result->items[result->items_count++] = messages[i];
        return 0;
}

static int result_list_problem(struct jobctl_result *result, const Jobd__Error *error)
{
        int r;

        r = result_grow(&result->problems, result->problems_count, 1);
        if (r)
                return PASS(r);
        result->problems[result->problems_count++] = (const void *)error;
        return 0;
}

static int result_list_reply(struct jobctl_result *result, Jobd__Reply *reply)
{
        void *const body = reply->done; /* every body is a pointer at the same place */

        switch (reply->body_case) {
        case JOBD__REPLY__BODY_ERROR:
                return result_list_problem(result, reply->error);
        case JOBD__REPLY__BODY_DONE:
                return 0;
        case JOBD__REPLY__BODY_JOB_PAGE:
                result->page = body;
                return result_list(result, (void *const *)reply->job_page->jobs,
                                   reply->job_page->n_jobs);
        case JOBD__REPLY__BODY_ACT_RESULT:
                return result_list(result, (void *const *)reply->act_result->results,
                                   reply->act_result->n_results);
        case JOBD__REPLY__BODY_EVENT_PAGE:
                return result_list(result, (void *const *)reply->event_page->events,
                                   reply->event_page->n_events);
        default:
                return result_list(result, &body, 1);
        }
}

int result_add(struct jobctl_result *result, Jobd__Reply *reply)
{
        _cleanup_(wire_free_replyp) Jobd__Reply *ours = reply;
        int r;

        r = result_grow(&result->replies, result->replies_count, 1);
        if (r)
                return PASS(r);
        result->replies[result->replies_count++] = TAKE_PTR(ours);
        r = result_list_reply(result, reply);
        return r ? PASS(r) : 0;
}

size_t jobctl_result_count(const struct jobctl_result *result)
{
        return result ? result->items_count : 0;
}

const struct jobctl_item *jobctl_result_item(const struct jobctl_result *result, size_t index)
{
        return index < jobctl_result_count(result) ? result->items[index] : NULL;
}

const struct jobctl_item *jobctl_result_page(const struct jobctl_result *result)
{
        return result ? result->page : NULL;
}

size_t jobctl_result_problem_count(const struct jobctl_result *result)
{
        return result ? result->problems_count : 0;
}

const struct jobctl_item *jobctl_result_problem(const struct jobctl_result *result, size_t index)
{
        return index < jobctl_result_problem_count(result) ? result->problems[index] : NULL;
}
