/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is held of named resources: how much, in which mode, and of units which ones. The lowest
 * free ids are given, and what was held before a restart is taken again by the ids in its row,
 * whatever the capacity says now. A holding is of one owner and of everything that its claim asked
 * for; given back, it makes its resources dirty, so that those who wait are looked at.
 *
 * Called by resources_line.c when a turn has come, and by claims.c and grants.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/resources_private.h"

#define RESOURCE_ID_TEXT 12U /* bytes of one id and its comma */

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
