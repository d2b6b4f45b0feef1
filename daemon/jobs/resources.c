/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named resources: which there are, with what capacities, and who asks for them. A lock is a
 * resource too: an exclusive holder takes all of it, shared holders are counted apart and exclude
 * both exclusive ones and takers of units. So a lock that the administrator declared with capacity
 * one and a resource of that name are the same thing.
 *
 * A name means the machine's resource when there is one, else the user's own. Locks need not be
 * declared: the first claim makes one for its user, and it goes with the last. What is declared
 * stays; when it is withdrawn while somebody asks for it, it has no units until nobody does.
 *
 * What is held is resources_hold.c's, lines and turns are resources_line.c's, circles of waiting
 * resources_cycle.c's, and who asks is answered by resources_look.c. Nothing here knows a job or a
 * process: claims.c and grants.c of the engine do, and tell by callback.
 * Everything is in memory; what must last is written by those two.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#include "daemon/jobs/resources_private.h"

/* ----------------------------------------------------------------------------------- the book */

int resource_book_new(const struct resource_ops *ops, void *arg, struct resource_book **out_book)
{
        struct resource_book *book = calloc(1, sizeof(*book));

        if (!book)
                return FAULT(-ENOMEM);
        book->by_owner = calloc(RESOURCE_OWNERS, sizeof(*book->by_owner));
        if (!book->by_owner) {
                free(book);
                return FAULT(-ENOMEM);
        }
        book->ops = ops;
        book->arg = arg;
        TAILQ_INIT(&book->dirty);
        TAILQ_INIT(&book->processes);
        TAILQ_INIT(&book->stranded);
        TAILQ_INIT(&book->called);
        *out_book = book;
        return 0;
}

struct resource_scope *resource_find_scope(const struct resource_book *book, uint32_t uid)
{
        struct resource_scope *scope;

        HASH_FIND(hh, book->scopes, &uid, sizeof(uid), scope);
        return scope;
}

/* Into the list of its scope, which is made when there is none. */
static int resource_enter_scope(struct resource *resource, uint32_t uid)
{
        struct resource_book *book = resource->book;
        struct resource_scope *scope = resource_find_scope(book, uid);

        if (!scope) {
                scope = calloc(1, sizeof(*scope));
                if (!scope)
                        return FAULT(-ENOMEM);
                scope->uid = uid;
                TAILQ_INIT(&scope->resources);
                HASH_ADD(hh, book->scopes, uid, sizeof(scope->uid), scope);
                if (!scope->hh.tbl) {
                        free(scope);
                        return FAULT(-ENOMEM);
                }
        }
        resource->of = scope;
        TAILQ_INSERT_TAIL(&scope->resources, resource, scope_entry);
        return 0;
}

static void resource_leave_scope(struct resource *resource)
{
        struct resource_scope *scope = resource->of;

        TAILQ_REMOVE(&scope->resources, resource, scope_entry);
        if (!TAILQ_EMPTY(&scope->resources))
                return;
        HASH_DEL(resource->book->scopes, scope);
        free(scope);
}

/* The declared ones stand first, in the order in which they were: a few of them. */
static void resource_set_declared(struct resource *resource, bool is_declared)
{
        struct resource_queue *list = &resource->of->resources;
        struct resource *other;

        if (resource->is_declared == is_declared)
                return;
        resource->is_declared = is_declared;
        TAILQ_REMOVE(list, resource, scope_entry);
        TAILQ_FOREACH (other, list, scope_entry)
                if (!other->is_declared)
                        break;
        if (other && is_declared)
                TAILQ_INSERT_BEFORE(other, resource, scope_entry);
        else
                TAILQ_INSERT_TAIL(list, resource, scope_entry);
}

static void resource_drop(struct resource *resource)
{
        resource_leave_scope(resource);
        if (resource->is_dirty)
                TAILQ_REMOVE(&resource->book->dirty, resource, dirty_entry);
        HASH_DEL(resource->book->resources, resource);
        free(resource->taken);
        free(resource->key);
        free(resource);
}

struct resource_book *resource_book_free(struct resource_book *book)
{
        struct resource *resource, *next;

        if (!book)
                return NULL;
        HASH_ITER (hh, book->resources, resource, next)
                resource_drop(resource);
        free(book->by_owner);
        free(book);
        return NULL;
}

void resource_book_set_paused(struct resource_book *book, bool on)
{
        struct resource *resource, *next;

        if (book->is_paused == on)
                return;
        book->is_paused = on;
        HASH_ITER (hh, book->resources, resource, next)
                if (resource->waiting > 0)
                        resource_mark_dirty(resource);
}

bool resource_is_name(const char *name)
{
        const size_t size = strnlen(name, RESOURCE_NAME_MAX + 1);
        size_t at = 0;

        if (size == 0 || size > RESOURCE_NAME_MAX)
                return false;
        while (at < size) {
                uint32_t point;
                const size_t step = text_decode_utf8(name + at, size - at, &point);

                if (step == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
                        return false;
                at += step;
        }
        return true;
}

/* The key of a name in a scope: its bytes and their number. */
static size_t resource_fill_key(uint32_t scope, const char *name,
                                char key[sizeof(uint32_t) + RESOURCE_NAME_MAX + 1])
{
        const size_t size = strnlen(name, RESOURCE_NAME_MAX);

        memcpy(key, &scope, sizeof(scope));
        memcpy(key + sizeof(scope), name, size);
        key[sizeof(scope) + size] = '\0';
        return sizeof(scope) + size + 1;
}

static struct resource *resource_find(const struct resource_book *book, uint32_t scope,
                                      const char *name)
{
        char key[sizeof(uint32_t) + RESOURCE_NAME_MAX + 1];
        const size_t size = resource_fill_key(scope, name, key);
        struct resource *resource;

        HASH_FIND(hh, book->resources, key, size, resource);
        return resource;
}

static int resource_add(struct resource_book *book, uint32_t scope, const char *name,
                        struct resource **out_resource)
{
        char key[sizeof(uint32_t) + RESOURCE_NAME_MAX + 1];
        const size_t size = resource_fill_key(scope, name, key);
        struct resource *resource = calloc(1, sizeof(*resource));
        int r;

        if (!resource)
                return FAULT(-ENOMEM);
        resource->book = book;
        resource->key = malloc(size);
        r = resource->key ? resource_enter_scope(resource, scope) : FAULT(-ENOMEM);
        if (r) {
                free(resource->key);
                free(resource);
                return PASS(r);
        }
        memcpy(resource->key, key, size);
        resource->key_size = size;
        resource->capacity = 1;
        RB_INIT(&resource->line);
        LIST_INIT(&resource->holds);
        HASH_ADD_KEYPTR(hh, book->resources, resource->key, size, resource);
        if (!resource->hh.tbl) {
                resource_leave_scope(resource);
                free(resource->key);
                free(resource);
                return FAULT(-ENOMEM);
        }
        *out_resource = resource;
        return 0;
}

/* What a name means to a user; NULL: nothing yet. */
static struct resource *resource_resolve(const struct resource_book *book, uint32_t uid,
                                         const char *name)
{
        struct resource *machine = resource_find(book, RESOURCE_EVERYBODY, name);

        return machine && machine->is_declared ? machine : resource_find(book, uid, name);
}

void resource_unref(struct resource *resource)
{
        if (--resource->refs == 0 && !resource->is_declared)
                resource_drop(resource);
}

void resource_mark_dirty(struct resource *resource)
{
        if (resource->is_dirty)
                return;
        resource->is_dirty = true;
        TAILQ_INSERT_TAIL(&resource->book->dirty, resource, dirty_entry);
}

/* ---------------------------------------------------------------------------------- capacities */

/* Those who ask for more than there is stand in nobody's way; those who no more do come back. */
static void resource_sort_stranded(struct resource *resource)
{
        struct resource_book *book = resource->book;
        struct resource_claim *claim, *next;
        struct resource_link *link, *next_link;

        RB_FOREACH_SAFE (link, resource_line, &resource->line, next_link)
                resource_claim_settle(link->claim);
        TAILQ_FOREACH_SAFE (claim, &book->stranded, entry, next)
                resource_claim_settle(claim);
        resource_mark_dirty(resource);
}

int resource_declare(struct resource_book *book, uint32_t scope, const char *name,
                     uint32_t capacity)
{
        struct resource *resource = resource_find(book, scope, name);
        int r;

        if (!resource) {
                r = resource_add(book, scope, name, &resource);
                if (r)
                        return PASS(r);
        }
        resource_set_declared(resource, true);
        resource->capacity = capacity;
        resource_sort_stranded(resource);
        return 0;
}

int resource_withdraw(struct resource_book *book, uint32_t scope, const char *name, bool by_force)
{
        struct resource *resource = resource_find(book, scope, name);

        if (!resource || !resource->is_declared)
                return RESOURCE_E_UNKNOWN;
        if (resource->refs > 0 && !by_force)
                return RESOURCE_E_IN_USE;
        resource_set_declared(resource, false);
        resource->capacity = 0;
        if (resource->refs == 0)
                resource_drop(resource);
        else
                resource_sort_stranded(resource);
        return 0;
}

int resource_judge(const struct resource_book *book, uint32_t uid, const struct resource_ask *ask,
                   struct reason *why)
{
        const struct resource *resource = resource_resolve(book, uid, ask->name);

        if (ask->mode != RESOURCE_UNITS)
                return 0;
        if (!resource || !resource->is_declared)
                return reason_set(why, RESOURCE_E_UNKNOWN,
                                  "there is no resource \"%s\": `jobctl resource set %s=N` makes "
                                  "one of yours",
                                  ask->name, ask->name);
        if (ask->count > resource->capacity)
                return reason_set(why, RESOURCE_E_TOO_MUCH,
                                  "the resource \"%s\" has %u units, not %u", ask->name,
                                  resource->capacity, ask->count);
        return 0;
}

bool resource_fits(const struct resource *resource, enum resource_mode mode, uint32_t count)
{
        if (mode == RESOURCE_SHARED)
                return resource->used == 0 && resource->capacity > 0;
        if (resource->shared > 0)
                return false;
        if (mode == RESOURCE_EXCLUSIVE)
                return resource->used == 0 && resource->capacity > 0;
        return resource->used <= resource->capacity && count <= resource->capacity - resource->used;
}

/* ------------------------------------------------------------------------------------- owners */

bool resource_owner_is(const struct resource_owner *a, const struct resource_owner *b)
{
        if (a->job || b->job)
                return a->job == b->job && a->task == b->task;
        return a->pid != 0 && a->pid == b->pid;
}

struct resource_holdings *resource_owner_bucket(const struct resource_book *book,
                                                const struct resource_owner *owner)
{
        const uint64_t mixed = (owner->job ? owner->job * 31 + owner->task : owner->pid) *
                               UINT64_C(0x9e3779b97f4a7c15);

        return &book->by_owner[mixed >> 56];
}

/* ------------------------------------------------------------------------------------- claims */

static int resource_link_up(struct resource_book *book, uint32_t uid,
                            const struct resource_ask *ask, struct resource_claim *claim)
{
        struct resource_link *link = &claim->links[claim->links_count];
        struct resource *resource = resource_resolve(book, uid, ask->name);
        int r;

        if (!resource) {
                r = resource_add(book, uid, ask->name, &resource);
                if (r)
                        return PASS(r);
                /* Units of what was never declared, or no more: there are none. */
                resource->capacity = ask->mode == RESOURCE_UNITS ? 0 : 1;
        }
        *link = (struct resource_link){
                .resource = resource, .claim = claim, .mode = ask->mode, .count = ask->count
        };
        resource->refs++;
        claim->links_count++;
        return 0;
}

int resource_claim_new(struct resource_book *book, uint32_t uid, const struct resource_ask *asks,
                       size_t asks_count, const struct resource_owner *owner, void *arg,
                       struct resource_claim **out_claim)
{
        _cleanup_(resource_claim_freep) struct resource_claim *claim = NULL;
        int r;

        claim = calloc(1, sizeof(*claim) + asks_count * sizeof(claim->links[0]));
        if (!claim)
                return FAULT(-ENOMEM);
        claim->book = book;
        claim->arg = arg;
        claim->uid = uid;
        claim->is_process = owner != NULL;
        if (owner)
                claim->owner = *owner;
        for (size_t i = 0; i < asks_count; i++) {
                r = resource_link_up(book, uid, &asks[i], claim);
                if (r)
                        return PASS(r);
        }
        *out_claim = TAKE_PTR(claim);
        return 0;
}

size_t resource_claim_size(const struct resource_claim *claim)
{
        return claim ? claim->links_count : 0;
}

struct resource_claim *resource_claim_free(struct resource_claim *claim)
{
        if (!claim)
                return NULL;
        resource_claim_leave(claim);
        for (size_t i = 0; i < claim->links_count; i++)
                resource_unref(claim->links[i].resource);
        free(claim);
        return NULL;
}
