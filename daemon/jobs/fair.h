/* SPDX-License-Identifier: Apache-2.0 */
/* Start-time fair queueing over core-seconds: who is furthest behind his share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"

#define FAIR_WEIGHT_DEFAULT 100U
#define FAIR_WEIGHT_MAX 10000U

/* One who gets cores: a user among users, or one of a user's lanes. Embedded in its owner. */
struct fair_share {
        RB_ENTRY(fair_share) entry;          /* in fair->waiting, while is_waiting */
        TAILQ_ENTRY(fair_share) taken_entry; /* in fair->taken, while cores > 0 */
        uint64_t vtime;         /* core-time received, by weight; compared by difference */
        uint64_t key;           /* vtime, and a little of what his cores will yet receive */
        uint64_t turn;          /* counts when he last took: among equals the longest wait */
        uint64_t charged_usec;  /* vtime and core_usec are true as of here */
        uint64_t core_usec;     /* core-time received, for those who ask */
        uint64_t expected_usec; /* that he keeps a core, about */
        uint32_t weight;
        uint32_t cores; /* that he has now */
        bool is_waiting;
};

RB_HEAD(fair_tree, fair_share);
TAILQ_HEAD(fair_queue, fair_share);

struct fair {
        struct fair_tree waiting; /* those who want more, furthest behind first */
        struct fair_queue taken;  /* those who have cores */
        uint64_t vnow;            /* nobody who begins to wait is further behind than this */
        uint64_t vmost;           /* the most that anybody has received */
        uint64_t turn;
};

void fair_init(struct fair *fair);
/* weight: 1 to FAIR_WEIGHT_MAX. Neither waiting nor with cores yet. */
void fair_share_init(struct fair_share *share, uint32_t weight);
/* What he takes from here on he will probably keep for so long; said before fair_take(). */
void fair_expect(struct fair_share *share, uint64_t run_usec);
/* Times are CLOCK_MONOTONIC in microseconds and never go back. */
void fair_set_weight(struct fair *fair, struct fair_share *share, uint32_t weight,
                     uint64_t now_usec);
/* He wants more, or no longer does. */
void fair_set_waiting(struct fair *fair, struct fair_share *share, bool on, uint64_t now_usec);
void fair_take(struct fair *fair, struct fair_share *share, uint32_t cores, uint64_t now_usec);
void fair_give(struct fair *fair, struct fair_share *share, uint32_t cores, uint64_t now_usec);
/* Charges all who have cores; O(their number). To be called before fair_first(). */
void fair_advance(struct fair *fair, uint64_t now_usec);
/* The one who waits and is furthest behind, and the next behind him; NULL when there is none. */
struct fair_share *fair_first(const struct fair *fair);
struct fair_share *fair_next(const struct fair_share *share);
