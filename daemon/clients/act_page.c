/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of an action on their way out. A frame waits for the latest of what it tells, so results
 * that belong together leave together; the page grows to what its biggest frame needed and is used
 * again. Called by verb_act.c.
 */
#include "daemon/clients/act_page.h"

#include <errno.h>
#include <string.h>

#include "common/error.h"

static void act_page_clear(struct act_page *page)
{
        for (size_t i = 0; i < page->count; i++)
                free(page->ones[i].message);
        page->count = 0;
}

void act_page_deinit(struct act_page *page)
{
        act_page_clear(page);
        free(page->ones);
        free(page->pointers);
}

static int act_page_grow(struct act_page *page)
{
        const size_t room = MAX(page->room * 2, 8U);
        Jobd__ActOne *ones;
        Jobd__ActOne **pointers;

        if (page->count < page->room)
                return 0;
        ones = reallocarray(page->ones, room, sizeof(*ones));
        if (!ones)
                return FAULT(-ENOMEM);
        page->ones = ones;
        pointers = reallocarray(page->pointers, room, sizeof(*pointers));
        if (!pointers)
                return FAULT(-ENOMEM);
        page->pointers = pointers;
        page->room = room;
        return 0;
}

int act_page_add(struct act_page *page, uint64_t id, const uint64_t *task, int code,
                 const char *message, enum job_state state, uint64_t barrier)
{
        Jobd__ActOne *one;
        int r;

        r = act_page_grow(page);
        if (r)
                return PASS(r);
        one = &page->ones[page->count];
        jobd__act_one__init(one);
        one->id = id;
        one->has_task = task != NULL;
        one->task = task ? *task : 0;
        one->has_code = code != 0;
        one->code = (Jobd__ErrorCode)code;
        one->has_state = state != JOB_ABSENT;
        one->state = (Jobd__JobState)state;
        if (code) {
                one->message = strdup(message);
                if (!one->message)
                        return FAULT(-ENOMEM);
        }
        page->count++;
        page->barrier = MAX(page->barrier, barrier);
        return 0;
}

void act_page_send(struct act_page *page, struct stream *stream, bool more)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__ActResult result = JOBD__ACT_RESULT__INIT;

        for (size_t i = 0; i < page->count; i++)
                page->pointers[i] = &page->ones[i];
        result.results = page->pointers;
        result.n_results = page->count;
        reply.has_more = reply.more = more;
        reply.body_case = JOBD__REPLY__BODY_ACT_RESULT;
        reply.act_result = &result;
        session_send_on(stream, &reply, page->barrier, -1);
        act_page_clear(page);
}
