/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A result keeps the replies to one request alive and lists what is in them, page after page, as
 * one row of records: the jobs of job pages, the rows of an action, the events; a reply that is one
 * record (status, pool, configuration) is listed itself. A job with thousands of tasks comes in
 * pieces, which become one record again. Errors that came beside an answer are listed apart as
 * problems. Filled by ask.c, read through jobctl.h.
 */
#include "client/lib/result.h"

#include <errno.h>
#include <string.h>

/* A job that came in pieces: all its attempts in one array, in the place of the first piece's. */
struct result_merge {
        Jobd__Job *job;           /* borrowed: in a reply */
        Jobd__Attempt **attempts; /* owned array of borrowed ones */
        size_t count, room;
        Jobd__Attempt **first; /* what the first piece had: put back at the end */
        size_t first_count;
};

struct jobctl_result {
        struct result_merge *merges; /* owned */
        size_t merges_count;
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
        for (size_t i = 0; i < result->merges_count; i++) {
                result->merges[i].job->attempts = result->merges[i].first;
                result->merges[i].job->n_attempts = result->merges[i].first_count;
                free(result->merges[i].attempts);
        }
        free(result->merges);
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

/* The merge of `job`, which is the newest one if there is one. */
static int result_begin_merge(struct jobctl_result *result, Jobd__Job *job,
                              struct result_merge **out_merge)
{
        struct result_merge *merges = result->merges;
        struct result_merge *merge;

        if (result->merges_count > 0 && merges[result->merges_count - 1].job == job) {
                *out_merge = &merges[result->merges_count - 1];
                return 0;
        }
        merges = reallocarray(merges, result->merges_count + 1, sizeof(*merges));
        if (!merges)
                return FAULT(-ENOMEM);
        result->merges = merges;
        merge = &merges[result->merges_count++];
        *merge = (struct result_merge){ .job = job,
                                        .first = job->attempts,
                                        .first_count = job->n_attempts };
        *out_merge = merge;
        return 0;
}

/* Adds a piece's attempts behind those of the first piece. */
static int result_merge_piece(struct jobctl_result *result, Jobd__Job *job, const Jobd__Job *piece)
{
        struct result_merge *merge = NULL;
        size_t need;
        int r;

        if (piece->n_attempts == 0)
                return 0;
        r = result_begin_merge(result, job, &merge);
        if (r)
                return PASS(r);
        need = job->n_attempts + piece->n_attempts;
        if (need > merge->room) {
                const size_t room = MAX(2 * merge->room, need);
                Jobd__Attempt **const bigger =
                        reallocarray(merge->attempts, room, sizeof(Jobd__Attempt *));

                if (!bigger)
                        return FAULT(-ENOMEM);
                if (merge->room == 0 && merge->first_count > 0)
                        memcpy(bigger, merge->first, merge->first_count * sizeof(*bigger));
                merge->attempts = bigger;
                merge->room = room;
        }
        memcpy(merge->attempts + job->n_attempts, piece->attempts,
               piece->n_attempts * sizeof(Jobd__Attempt *));
        job->attempts = merge->attempts;
        job->n_attempts = need;
        return 0;
}

static int result_list_jobs(struct jobctl_result *result, const Jobd__JobPage *page)
{
        size_t first = 0;
        int r = 0;

        while (r == 0 && first < page->n_jobs) {
                const size_t at = result->items_count;
                /* Records are read through a const type, but these are ours. */
                Jobd__Job *const last =
                        at > 0 ? (Jobd__Job *)(uintptr_t)result->items[at - 1] : NULL;

                if (last && last->id == page->jobs[first]->id)
                        r = result_merge_piece(result, last, page->jobs[first]);
                else
                        r = result_list(result, (void *const *)&page->jobs[first], 1);
                first++;
        }
        return r ? PASS(r) : 0;
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
                return result_list_jobs(result, reply->job_page);
        case JOBD__REPLY__BODY_ACT_RESULT:
                return result_list(result, (void *const *)reply->act_result->results,
                                   reply->act_result->n_results);
        case JOBD__REPLY__BODY_WHY:
                return result_list(result, (void *const *)reply->why->jobs, reply->why->n_jobs);
        case JOBD__REPLY__BODY_EVENT_PAGE:
                return result_list(result, (void *const *)reply->event_page->events,
                                   reply->event_page->n_events);
        case JOBD__REPLY__BODY_QUEUE:
                return result_list(result, (void *const *)reply->queue->queues,
                                   reply->queue->n_queues);
        case JOBD__REPLY__BODY_RESOURCE:
                return result_list(result, (void *const *)reply->resource->resources,
                                   reply->resource->n_resources);
        case JOBD__REPLY__BODY_STATS:
                return result_list(result, (void *const *)reply->stats->families,
                                   reply->stats->n_families);
        case JOBD__REPLY__BODY_LOCK:
                return result_list(result, (void *const *)reply->lock->locks, reply->lock->n_locks);
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
