/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A submit key must be recognised for a day, and asking the database before every submission would
 * cost each of them a trip to the journal thread. Nearly all keys are new, so a set of 64-bit
 * fingerprints in memory says "certainly new" for them and "ask" for the rest (8 to 16 bytes a
 * key). Open addressing with linear probing; keys are random already, and the uid is mixed in, so
 * the fingerprint is a multiply and a shift. Nothing is ever removed: the set is built from the
 * journal at each start, which has dropped the old ones by then.
 */
#include "daemon/jobs/key_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

#define KEY_SET_FIRST 64U

static uint64_t key_set_fingerprint(uint32_t uid, const uint8_t *key, size_t key_bytes)
{
        /* FNV-1a over uid and key, then a finishing multiply. */
        uint64_t hash = (0xcbf29ce484222325ULL ^ uid) * 0x100000001b3ULL;
        size_t i;

        for (i = 0; i < key_bytes; i++)
                hash = (hash ^ key[i]) * 0x100000001b3ULL;
        hash ^= hash >> 32;
        hash *= 0x9e3779b97f4a7c15ULL;
        return hash ? hash : 1;
}

static uint64_t *key_set_slot(uint64_t *slots, size_t count, uint64_t print)
{
        size_t i = (size_t)(print >> 7) & (count - 1);

        while (slots[i] && slots[i] != print)
                i = (i + 1) & (count - 1);
        return &slots[i];
}

static int key_set_grow(struct key_set *set)
{
        const size_t count = set->slots_count ? set->slots_count * 2 : KEY_SET_FIRST;
        uint64_t *slots = calloc(count, sizeof(*slots));
        size_t i;

        if (!slots)
                return FAULT(-ENOMEM);
        for (i = 0; i < set->slots_count; i++)
                if (set->slots[i])
                        *key_set_slot(slots, count, set->slots[i]) = set->slots[i];
        free(set->slots);
        set->slots = slots;
        set->slots_count = count;
        return 0;
}

void key_set_deinit(struct key_set *set)
{
        free(set->slots);
        memset(set, 0, sizeof(*set));
}

int key_set_add(struct key_set *set, uint32_t uid, const uint8_t *key, size_t key_bytes)
{
        const uint64_t print = key_set_fingerprint(uid, key, key_bytes);
        uint64_t *slot;
        int r;

        if ((set->used_count + 1) * 4 > set->slots_count * 3) {
                r = key_set_grow(set);
                if (r)
                        return PASS(r);
        }
        slot = key_set_slot(set->slots, set->slots_count, print);
        if (!*slot)
                set->used_count++;
        *slot = print;
        return 0;
}

bool key_set_may_have(const struct key_set *set, uint32_t uid, const uint8_t *key, size_t key_bytes)
{
        const uint64_t print = key_set_fingerprint(uid, key, key_bytes);

        return set->slots_count && *key_set_slot(set->slots, set->slots_count, print) == print;
}
