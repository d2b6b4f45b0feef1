/* SPDX-License-Identifier: Apache-2.0 */
/* Which submit keys may be known: a set of 64-bit fingerprints that never forgets a real one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

struct key_set {
        uint64_t *slots; /* owned; 0: empty */
        size_t slots_count;
        size_t used_count;
};

void key_set_deinit(struct key_set *set);
/* 0 or a fault (memory). */
_must_use_ int key_set_add(struct key_set *set, uint32_t uid, const uint8_t *key, size_t key_bytes);
/* false: certainly new. true: ask the journal. */
bool key_set_may_have(const struct key_set *set, uint32_t uid, const uint8_t *key,
                      size_t key_bytes);
