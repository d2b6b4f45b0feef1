/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource: named resources, and how many units of them there are. The machine's come from the
 * configuration and are seen by all; a user's own are made here. Lowering a capacity takes nothing
 * away from anybody; nothing new is given until it fits.
 *
 * All is in memory, so the answer is there at once; what changes is written, and the answer to that
 * waits for the commit.
 */
#include <errno.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/verb.h"

#define RESOURCE_LIST_MAX 4000U

struct resource_list {
        Jobd__ResourceInfo *infos; /* owned, with the names */
        Jobd__ResourceInfo **pointers;
        size_t count, room;
        int fault;
};

static void resource_list_deinit(struct resource_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->infos[i].name);
        free(list->infos);
        free(list->pointers);
}

static void resource_list_count(void *arg, const struct resource_view *view)
{
        struct resource_list *list = arg;

        (void)view;
        list->room += list->room < RESOURCE_LIST_MAX;
}

static void resource_list_add(void *arg, const struct resource_view *view)
{
        struct resource_list *list = arg;
        Jobd__ResourceInfo *info = &list->infos[list->count];

        if (list->count == list->room)
                return;
        jobd__resource_info__init(info);
        info->name = strdup(view->name);
        if (!info->name) {
                list->fault = FAULT(-ENOMEM);
                return;
        }
        info->capacity = view->capacity;
        info->used = view->used;
        info->has_waiting = true;
        info->waiting = view->waiting;
        info->has_machine = true;
        info->machine = view->scope == RESOURCE_EVERYBODY;
        list->pointers[list->count++] = info;
}

static int resource_list(struct session *from, uint64_t tag)
{
        _cleanup_(resource_list_deinit) struct resource_list list = { 0 };
        const struct resource_book *book = engine_resources(from->clients->engine);
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__ResourceReply body = JOBD__RESOURCE_REPLY__INIT;

        resource_book_each(book, from->peer.uid, resource_list_count, &list);
        list.infos = calloc(list.room + 1, sizeof(*list.infos));
        list.pointers = calloc(list.room + 1, sizeof(*list.pointers));
        if (!list.infos || !list.pointers)
                return FAULT(-ENOMEM);
        resource_book_each(book, from->peer.uid, resource_list_add, &list);
        if (list.fault)
                return PASS(list.fault);
        body.n_resources = list.count;
        body.resources = list.pointers;
        reply.body_case = JOBD__REPLY__BODY_RESOURCE;
        reply.resource = &body;
        session_send(from, tag, &reply, engine_sequence(from->clients->engine), -1);
        return 0;
}

int verb_resource(struct session *from, const Jobd__Request *request, struct job *job,
                  struct reason *why)
{
        const Jobd__ResourceOp *op = request->resource;
        struct engine *engine = from->clients->engine;
        int r;

        (void)job;
        if (op->verb == JOBD__RESOURCE_VERB__RESOURCE_LIST)
                return resource_list(from, request->tag);
        if (!op->name || !resource_is_name(op->name))
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "the name of a resource has 1 to %u bytes and no control "
                                  "characters",
                                  RESOURCE_NAME_MAX);
        if (op->verb == JOBD__RESOURCE_VERB__RESOURCE_SET) {
                if (!op->has_capacity || op->capacity > RESOURCE_CAPACITY_MAX)
                        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                          "a resource has 0 to %u units", RESOURCE_CAPACITY_MAX);
                r = engine_resource_set(engine, from->peer.uid, op->name, op->capacity, why);
        } else if (op->verb == JOBD__RESOURCE_VERB__RESOURCE_REMOVE) {
                r = engine_resource_remove(engine, from->peer.uid, op->name, why);
        } else {
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "a resource is listed, set or removed");
        }
        if (r)
                return r < 0 ? PASS(r) : (int)answer_code_of(r);
        answer_done(from, request->tag, engine_sequence(engine));
        return 0;
}
