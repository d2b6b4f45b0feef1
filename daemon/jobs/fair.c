/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets a core next, among those of different weight who want more than there is.
 *
 * The algorithm is start-time fair queueing (P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queuing",
 * SIGCOMM 1996), used twice, one inside the other, as in P. Goyal, X. Guo, H. Vin, "A Hierarchical
 * CPU Scheduler for Multimedia Operating Systems", OSDI 1996: users share the machine, and a user's
 * queues share what he gets. Each has a virtual time, the core-time received divided by his weight;
 * the smallest goes next. A virtual time is charged while cores are held, not when they are taken,
 * since nobody knows how long a job will run.
 *
 * Who begins to wait starts at the virtual time of those who wait already, and, when nobody does,
 * of the one who has received most: whoever wanted no more than he had was not kept waiting, so he
 * has earned no credit, be it that he was idle or that his one long job ran beside a hundred of
 * another's. Who holds cores is ranked as if he had received already what he will probably
 * receive by them, so that two who are equal get one core each, and not the first both of them
 * because he is a microsecond behind: without it, one of long jobs comes out two of them ahead.
 *
 * Pure: no clock, no memory of its own, nothing of jobs. O(log n) but for fair_advance(), which
 * looks at those who hold cores. Used by scheduler.c, lanes.c and core_lease.c.
 */
#include "daemon/jobs/fair.h"

#include "common/cleanup.h"

/* A core-microsecond at FAIR_WEIGHT_MAX: divisions by a weight lose next to nothing. */
#define FAIR_UNIT ((uint64_t)FAIR_WEIGHT_MAX)
#define FAIR_EXPECTED_MIN_USEC 50000U
#define FAIR_EXPECTED_MAX_USEC 10000000U

/* Virtual times wrap; those that are compared lie close together. */
static bool fair_is_before(uint64_t a, uint64_t b)
{
        return (int64_t)(a - b) < 0;
}

static int fair_compare(struct fair_share *a, struct fair_share *b)
{
        if (a->key != b->key)
                return fair_is_before(a->key, b->key) ? -1 : 1;
        if (a->turn != b->turn)
                return a->turn < b->turn ? -1 : 1;
        return a < b ? -1 : a > b;
}

/* clang-format off */
RB_GENERATE_STATIC(fair_tree, fair_share, entry, fair_compare)
/* clang-format on */

void fair_init(struct fair *fair)
{
        RB_INIT(&fair->waiting);
        TAILQ_INIT(&fair->taken);
        fair->vnow = 0;
        fair->vmost = 0;
        fair->turn = 0;
}

void fair_share_init(struct fair_share *share, uint32_t weight)
{
        *share = (struct fair_share){ .weight = weight, .expected_usec = FAIR_EXPECTED_MIN_USEC };
}

void fair_expect(struct fair_share *share, uint64_t run_usec)
{
        share->expected_usec = MAX(FAIR_EXPECTED_MIN_USEC, MIN(run_usec, FAIR_EXPECTED_MAX_USEC));
}

/* What must not stand in the tree while it changes: the key. */
static void fair_lift(struct fair *fair, struct fair_share *share)
{
        if (share->is_waiting)
                RB_REMOVE(fair_tree, &fair->waiting, share);
}

static void fair_put(struct fair *fair, struct fair_share *share)
{
        share->key = share->vtime + share->expected_usec * share->cores * FAIR_UNIT / share->weight;
        if (share->is_waiting)
                RB_INSERT(fair_tree, &fair->waiting, share);
}

static void fair_charge(struct fair *fair, struct fair_share *share, uint64_t now_usec)
{
        const uint64_t received_usec = (now_usec - share->charged_usec) * share->cores;

        share->core_usec += received_usec;
        share->vtime += received_usec * FAIR_UNIT / share->weight;
        share->charged_usec = now_usec;
        if (fair_is_before(fair->vmost, share->vtime))
                fair->vmost = share->vtime;
}

/* He begins to want more: whoever waits now is his equal. */
static void fair_wake(struct fair *fair, struct fair_share *share, uint64_t now_usec)
{
        fair_advance(fair, now_usec);
        if (fair_is_before(share->vtime, fair->vnow))
                share->vtime = fair->vnow;
}

void fair_set_weight(struct fair *fair, struct fair_share *share, uint32_t weight,
                     uint64_t now_usec)
{
        fair_lift(fair, share);
        fair_charge(fair, share, now_usec);
        share->weight = weight;
        fair_put(fair, share);
}

void fair_set_waiting(struct fair *fair, struct fair_share *share, bool on, uint64_t now_usec)
{
        if (share->is_waiting == on)
                return;
        fair_lift(fair, share);
        fair_charge(fair, share, now_usec);
        if (on)
                fair_wake(fair, share, now_usec);
        share->is_waiting = on;
        fair_put(fair, share);
}

void fair_take(struct fair *fair, struct fair_share *share, uint32_t cores, uint64_t now_usec)
{
        fair_lift(fair, share);
        fair_charge(fair, share, now_usec);
        if (!share->is_waiting && share->cores == 0)
                fair_wake(fair, share, now_usec);
        if (share->cores == 0)
                TAILQ_INSERT_TAIL(&fair->taken, share, taken_entry);
        share->cores += cores;
        share->turn = ++fair->turn;
        fair_put(fair, share);
}

void fair_give(struct fair *fair, struct fair_share *share, uint32_t cores, uint64_t now_usec)
{
        fair_lift(fair, share);
        fair_charge(fair, share, now_usec);
        share->cores -= cores;
        if (share->cores == 0)
                TAILQ_REMOVE(&fair->taken, share, taken_entry);
        fair_put(fair, share);
}

void fair_advance(struct fair *fair, uint64_t now_usec)
{
        const struct fair_share *least;
        struct fair_share *share;

        TAILQ_FOREACH (share, &fair->taken, taken_entry) {
                fair_lift(fair, share);
                fair_charge(fair, share, now_usec);
                fair_put(fair, share);
        }
        least = RB_MIN(fair_tree, &fair->waiting);
        if (fair_is_before(fair->vnow, least ? least->vtime : fair->vmost))
                fair->vnow = least ? least->vtime : fair->vmost;
}

struct fair_share *fair_first(const struct fair *fair)
{
        struct fair_tree *waiting = (struct fair_tree *)(uintptr_t)&fair->waiting; /* not changed */

        return RB_MIN(fair_tree, waiting);
}

struct fair_share *fair_next(const struct fair_share *share)
{
        return RB_NEXT(fair_tree, NULL, (struct fair_share *)(uintptr_t)share);
}
