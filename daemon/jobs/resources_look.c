/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at named resources: those that are declared, who holds and who waits, and what one claim
 * waits for. Who looks sees the machine's and his own, and walks past nobody else's. Changes
 * nothing. Called by the verbs of daemon/clients, and by claims.c and claims_why.c.
 */
#include "daemon/jobs/resources_private.h"

static void resource_view_declared(const struct resource_scope *scope,
                                   void (*each)(void *arg, const struct resource_view *view),
                                   void *arg)
{
        const struct resource *resource;

        TAILQ_FOREACH (resource, &scope->resources, scope_entry) {
                const struct resource_view view = {
                        .name = resource_name(resource),
                        .scope = scope->uid,
                        .capacity = resource->capacity,
                        .used = resource->used >= RESOURCE_ALL ? resource->capacity
                                                               : resource->used,
                        .shared = resource->shared,
                        .claims = resource->refs,
                        .waiting = resource->waiting,
                };

                if (!resource->is_declared)
                        return;
                each(arg, &view);
        }
}

void resource_book_each(const struct resource_book *book, uint32_t uid,
                        void (*each)(void *arg, const struct resource_view *view), void *arg)
{
        const struct resource_scope *machine = resource_find_scope(book, RESOURCE_EVERYBODY);
        const struct resource_scope *own =
                uid == RESOURCE_EVERYBODY ? NULL : resource_find_scope(book, uid);

        if (machine)
                resource_view_declared(machine, each, arg);
        if (own)
                resource_view_declared(own, each, arg);
}

/* False: `each` wants no more. */
static bool resource_tell_takers(struct resource *resource,
                                 bool (*each)(void *arg, const struct resource_taker *taker),
                                 void *arg)
{
        struct resource_taker taker = { .name = resource_name(resource),
                                        .scope = resource->of->uid };
        const struct resource_hold *hold;
        struct resource_link *link;

        LIST_FOREACH (hold, &resource->holds, entry) {
                taker.uid = hold->holding->uid;
                taker.mode = hold->mode;
                taker.owner = hold->holding->owner;
                if (!each(arg, &taker))
                        return false;
        }
        taker.is_waiting = true;
        RB_FOREACH (link, resource_line, &resource->line) {
                taker.uid = link->claim->uid;
                taker.mode = link->mode;
                taker.owner = link->claim->owner;
                taker.claim_arg = link->claim->arg;
                if (!each(arg, &taker))
                        return false;
        }
        return true;
}

void resource_book_each_taker(const struct resource_book *book, uint32_t uid,
                              bool (*each)(void *arg, const struct resource_taker *taker),
                              void *arg)
{
        const struct resource_scope *const scopes[] = {
                resource_find_scope(book, RESOURCE_EVERYBODY), resource_find_scope(book, uid)
        };
        struct resource *resource;

        for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
                if (!scopes[i])
                        continue;
                TAILQ_FOREACH (resource, &scopes[i]->resources, scope_entry)
                        if (!resource_tell_takers(resource, each, arg))
                                return;
        }
}

/* ---------------------------------------------------------------------------- what a claim waits
 * for
 */

static void resource_fill_wait(struct resource_link *link, uint64_t count_max,
                               struct resource_wait *wait)
{
        const struct resource *resource = link->resource;
        const struct resource_hold *hold = LIST_FIRST(&resource->holds);

        *wait = (struct resource_wait){
                .name = resource_name(resource),
                .mode = link->mode,
                .count = link->count,
                .capacity = resource->capacity,
                .used = resource->used,
                .is_free = resource_fits(resource, link->mode, link->count),
        };
        /* A lock is held by one, or by those who share it: never beside units. */
        if (resource_link_is_possible(link) && !wait->is_free && hold &&
            hold->mode != RESOURCE_UNITS) {
                wait->holders = hold->mode == RESOURCE_SHARED ? resource->shared : 1;
                wait->holder_uid = hold->holding->uid;
                wait->holder = hold->holding->owner;
        }
        if (link->claim->place != RESOURCE_IN_LINE)
                return;
        while (wait->before < count_max && (link = RB_PREV(resource_line, &resource->line, link)))
                wait->before++;
}

bool resource_claim_look(struct resource_claim *claim, uint64_t count_max,
                         struct resource_wait *out_wait)
{
        struct resource_link *impossible = NULL, *taken = NULL, *wanted = NULL, *link;

        if (claim->place == RESOURCE_AWAY)
                return false;
        for (size_t i = claim->links_count; i-- > 0;) {
                link = &claim->links[i];
                if (!resource_link_is_possible(link))
                        impossible = link;
                else if (!resource_fits(link->resource, link->mode, link->count))
                        taken = link;
                else if (claim->place == RESOURCE_IN_LINE &&
                         RB_PREV(resource_line, &link->resource->line, link))
                        wanted = link;
        }
        link = impossible ? impossible : taken ? taken : wanted;
        if (link)
                resource_fill_wait(link, count_max, out_wait);
        return link;
}
