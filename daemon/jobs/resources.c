/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named resources: their capacities, who holds what, and which ids. A lock is a resource too: an
 * exclusive holder takes all of it, shared holders are counted apart and exclude both exclusive
 * ones and takers of units. So a lock that the administrator declared with capacity one and a
 * resource of that name are the same thing.
 *
 * A name means the machine's resource when there is one, else the user's own. Locks need not be
 * declared: the first claim makes one for its user, and it goes with the last. What is declared
 * stays; when it is withdrawn while somebody asks for it, it has no units until nobody does.
 *
 * Lines and turns are resources_line.c's, circles of waiting resources_cycle.c's. Nothing here
 * knows a job or a process: claims.c and grants.c of the engine do, and tell by callback.
 * Everything is in memory; what must last is written by those two.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#include "daemon/jobs/resources_private.h"

#define RESOURCE_ID_TEXT 12U    /* bytes of one id and its comma */
#define RESOURCE_ALL (1U << 30) /* what an exclusive holder uses: more than any capacity */

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

static struct resource_scope *resource_find_scope(const struct resource_book *book, uint32_t uid)
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

/* ------------------------------------------------------------------------------------- holding */

static int resource_reserve_bits(struct resource *resource, uint32_t ids)
{
        uint8_t *bits;

        if (ids <= resource->taken_room)
                return 0;
        bits = realloc(resource->taken, (ids + 7) / 8);
        if (!bits)
                return FAULT(-ENOMEM);
        memset(bits + (resource->taken_room + 7) / 8, 0,
               (ids + 7) / 8 - (resource->taken_room + 7) / 8);
        resource->taken = bits;
        resource->taken_room = (ids + 7) / 8 * 8;
        return 0;
}

static bool resource_has_id(const struct resource *resource, uint32_t id)
{
        return id < resource->taken_room && (resource->taken[id / 8] >> (id % 8) & 1);
}

static void resource_mark_id(struct resource *resource, uint32_t id, bool on)
{
        const uint8_t bit = (uint8_t)(1U << (id % 8));

        if (on)
                resource->taken[id / 8] |= bit;
        else
                resource->taken[id / 8] &= (uint8_t)~bit;
}

/* The lowest that are free; it fits, so there are enough below the capacity. */
static int resource_pick_ids(struct resource *resource, struct resource_hold *hold)
{
        uint32_t found = 0;
        int r;

        r = resource_reserve_bits(resource, resource->capacity);
        if (r)
                return PASS(r);
        for (uint32_t id = 0; id < resource->capacity && found < hold->count; id++)
                if (id % 8 == 0 && resource->taken[id / 8] == UINT8_MAX)
                        id += 7;
                else if (!resource_has_id(resource, id))
                        hold->ids[found++] = id;
        hold->count = found;
        return 0;
}

/* "0,3": those of before a restart; what is no number, or taken twice, is left out. */
static int resource_read_ids(struct resource *resource, struct resource_hold *hold,
                             const char **ids)
{
        const char *at = *ids ? *ids : "";
        uint32_t found = 0;
        int r;

        while (*at >= '0' && *at <= '9' && found < hold->count) {
                char *end;
                const unsigned long id = strtoul(at, &end, 10);

                if (id >= RESOURCE_CAPACITY_MAX)
                        break;
                r = resource_reserve_bits(resource, (uint32_t)id + 1);
                if (r)
                        return PASS(r);
                if (!resource_has_id(resource, (uint32_t)id))
                        hold->ids[found++] = (uint32_t)id;
                at = *end == ',' ? end + 1 : end;
        }
        hold->count = found;
        at = strchr(at, '\n');
        *ids = at ? at + 1 : NULL;
        return 0;
}

static void resource_count_hold(const struct resource_hold *hold, bool on)
{
        struct resource *resource = hold->resource;
        const uint32_t amount = hold->mode == RESOURCE_EXCLUSIVE ? RESOURCE_ALL : hold->count;
        uint32_t *const sum = hold->mode == RESOURCE_SHARED ? &resource->shared : &resource->used;

        *sum = on ? *sum + amount : *sum - amount;
        if (hold->mode == RESOURCE_UNITS)
                for (uint32_t i = 0; i < hold->count; i++)
                        resource_mark_id(resource, hold->ids[i], on);
}

static int resource_take_one(struct resource_holding *holding, const struct resource_link *link,
                             bool again, const char **ids)
{
        struct resource_hold *hold = &holding->holds[holding->holds_count];
        int r = 0;

        *hold = (struct resource_hold){
                .resource = link->resource,
                .holding = holding,
                .mode = link->mode,
                .count = link->mode == RESOURCE_UNITS ? link->count : 1,
        };
        if (link->mode == RESOURCE_UNITS) {
                hold->ids = calloc(hold->count, sizeof(*hold->ids));
                if (!hold->ids)
                        return FAULT(-ENOMEM);
                r = again ? resource_read_ids(link->resource, hold, ids)
                          : resource_pick_ids(link->resource, hold);
                if (r) {
                        free(hold->ids);
                        return PASS(r);
                }
        }
        hold->resource->refs++;
        holding->holds_count++;
        LIST_INSERT_HEAD(&hold->resource->holds, hold, entry);
        resource_count_hold(hold, true);
        return 0;
}

int resource_hold_all(const struct resource_claim *claim, const struct resource_owner *owner,
                      bool again, const char *ids, struct resource_holding **out_holding)
{
        _cleanup_(resource_holding_freep) struct resource_holding *holding = NULL;
        int r;

        holding = calloc(1, sizeof(*holding) + claim->links_count * sizeof(holding->holds[0]));
        if (!holding)
                return FAULT(-ENOMEM);
        holding->book = claim->book;
        holding->owner = *owner;
        holding->uid = claim->uid;
        LIST_INSERT_HEAD(resource_owner_bucket(claim->book, owner), holding, entry);
        for (size_t i = 0; i < claim->links_count; i++) {
                r = resource_take_one(holding, &claim->links[i], again, &ids);
                if (r)
                        return PASS(r);
        }
        *out_holding = TAKE_PTR(holding);
        return 0;
}

int resource_claim_retake(struct resource_claim *claim, const struct resource_owner *owner,
                          const char *ids, struct resource_holding **out_holding)
{
        const int r = resource_hold_all(claim, owner, true, ids, out_holding);

        return r ? PASS(r) : 0;
}

struct resource_holding *resource_holding_free(struct resource_holding *holding)
{
        if (!holding)
                return NULL;
        for (size_t i = 0; i < holding->holds_count; i++) {
                struct resource_hold *hold = &holding->holds[i];

                LIST_REMOVE(hold, entry);
                resource_count_hold(hold, false);
                resource_mark_dirty(hold->resource);
                free(hold->ids);
                resource_unref(hold->resource);
        }
        LIST_REMOVE(holding, entry);
        free(holding);
        return NULL;
}

int resource_holding_ids(const struct resource_holding *holding, size_t index,
                         const char **out_name, char **out_ids)
{
        for (size_t i = 0; i < holding->holds_count; i++) {
                const struct resource_hold *hold = &holding->holds[i];
                size_t at = 0;

                if (hold->mode != RESOURCE_UNITS || index-- > 0)
                        continue;
                *out_name = resource_name(hold->resource);
                *out_ids = calloc(hold->count + 1, RESOURCE_ID_TEXT);
                for (uint32_t k = 0; *out_ids && k < hold->count; k++)
                        at += (size_t)sprintf(*out_ids + at, k ? ",%" PRIu32 : "%" PRIu32,
                                              hold->ids[k]);
                return 0;
        }
        return RESOURCE_E_UNKNOWN;
}

/* ------------------------------------------------------------------------------------- looking */

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
