/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines: who waits for a resource, in order of asking. A claim that asks for several stands in all
 * of their lines with one ticket, and its turn has come when it is the first of each and all of it
 * is free. So the claim with the oldest ticket is first everywhere, and nobody starves; what it
 * waits for is kept free for it as it comes.
 *
 * A claim's rank is where it stands: its ticket, or, for a process whose owner holds something that
 * others wait for, the rank of the best of those. It would wait behind them for ever, since they
 * wait for it; so it goes before them (the newest of equal rank first: it is the one that the
 * others wait for).
 *
 * A process takes when it is called. A job is called and then needs a place to run as well; until
 * the scheduler gives it one it keeps its turn, and other jobs and processes wait behind it. Only
 * processes inside jobs may pass it after the scheduler has looked once: their job keeps the place
 * to run that the called one needs. While no jobs start at all, every process may.
 *
 * Who asks for more than there is at all (a capacity was lowered) is stranded: out of all lines,
 * with its ticket, until there is enough.
 *
 * Given back is at any time, called is in resource_book_serve() only, so that no callback comes in
 * the middle of an event. Called by claims.c and grants.c.
 */
#include <errno.h>

#include "daemon/jobs/resources_private.h"

static int resource_compare_links(struct resource_link *a, struct resource_link *b)
{
        const struct resource_claim *const x = a->claim, *const y = b->claim;

        if (x->rank != y->rank)
                return x->rank < y->rank ? -1 : 1;
        return x->ticket > y->ticket ? -1 : x->ticket < y->ticket;
}

/* clang-format off */
RB_GENERATE(resource_line, resource_link, entry, resource_compare_links)
/* clang-format on */

bool resource_claim_is_waiting(const struct resource_claim *claim)
{
        return claim->place != RESOURCE_AWAY;
}

/* --------------------------------------------------------------------------- entering, leaving */

static void resource_enter_lines(struct resource_claim *claim)
{
        for (size_t i = 0; i < claim->links_count; i++) {
                struct resource_link *link = &claim->links[i];

                RB_INSERT(resource_line, &link->resource->line, link);
                link->resource->waiting++;
                resource_mark_dirty(link->resource);
        }
        claim->place = RESOURCE_IN_LINE;
        if (claim->is_process)
                TAILQ_INSERT_TAIL(&claim->book->processes, claim, entry);
}

static void resource_uncall(struct resource_claim *claim)
{
        if (claim->is_called && !claim->is_passable)
                TAILQ_REMOVE(&claim->book->called, claim, by_call);
        claim->is_called = claim->is_passable = false;
}

static void resource_leave_lines(struct resource_claim *claim)
{
        resource_uncall(claim);
        for (size_t i = 0; i < claim->links_count; i++) {
                struct resource_link *link = &claim->links[i];

                RB_REMOVE(resource_line, &link->resource->line, link);
                link->resource->waiting--;
                resource_mark_dirty(link->resource);
        }
        if (claim->is_process)
                TAILQ_REMOVE(&claim->book->processes, claim, entry);
        claim->place = RESOURCE_AWAY;
}

void resource_claim_leave(struct resource_claim *claim)
{
        if (claim->place == RESOURCE_IN_LINE)
                resource_leave_lines(claim);
        else if (claim->place == RESOURCE_STRANDED)
                TAILQ_REMOVE(&claim->book->stranded, claim, entry);
        claim->place = RESOURCE_AWAY;
        claim->ticket = 0;
}

bool resource_link_is_possible(const struct resource_link *link)
{
        return link->resource->capacity > 0 &&
               (link->mode != RESOURCE_UNITS || link->count <= link->resource->capacity);
}

/* Could it ever be served with the capacities as they are? */
static bool resource_is_possible(const struct resource_claim *claim)
{
        for (size_t i = 0; i < claim->links_count; i++)
                if (!resource_link_is_possible(&claim->links[i]))
                        return false;
        return true;
}

void resource_claim_settle(struct resource_claim *claim)
{
        const bool is_possible = resource_is_possible(claim);

        if (claim->place == RESOURCE_IN_LINE && !is_possible) {
                resource_leave_lines(claim);
                claim->place = RESOURCE_STRANDED;
                TAILQ_INSERT_TAIL(&claim->book->stranded, claim, entry);
        } else if (claim->place == RESOURCE_STRANDED && is_possible) {
                TAILQ_REMOVE(&claim->book->stranded, claim, entry);
                resource_enter_lines(claim);
        }
}

uint64_t resource_owner_rank(const struct resource_book *book, const struct resource_owner *owner)
{
        const struct resource_holding *holding;
        uint64_t rank = UINT64_MAX;

        LIST_FOREACH (holding, resource_owner_bucket(book, owner), entry) {
                if (!resource_owner_is(&holding->owner, owner))
                        continue;
                for (size_t i = 0; i < holding->holds_count; i++) {
                        struct resource_link *first =
                                RB_MIN(resource_line, &holding->holds[i].resource->line);

                        if (first && first->claim->rank < rank)
                                rank = first->claim->rank;
                }
        }
        return rank;
}

/* An owner holds something new: its other processes that wait may deserve a better place. */
static void resource_rank_again(struct resource_book *book, const struct resource_owner *owner)
{
        const uint64_t rank = resource_owner_rank(book, owner);
        struct resource_claim *claim, *next;

        TAILQ_FOREACH_SAFE (claim, &book->processes, entry, next)
                if (claim->rank > rank && resource_owner_is(&claim->owner, owner)) {
                        resource_leave_lines(claim);
                        claim->rank = rank;
                        resource_enter_lines(claim);
                }
}

static void resource_join(struct resource_claim *claim)
{
        claim->ticket = ++claim->book->last_ticket;
        claim->rank = claim->ticket;
        if (claim->is_process) {
                const uint64_t rank = resource_owner_rank(claim->book, &claim->owner);

                claim->rank = rank < claim->rank ? rank : claim->rank;
        }
        claim->place = RESOURCE_STRANDED;
        TAILQ_INSERT_TAIL(&claim->book->stranded, claim, entry);
        resource_claim_settle(claim);
}

/* -------------------------------------------------------------------------------------- turns */

static bool resource_may_pass(const struct resource_claim *claim,
                              const struct resource_claim *before)
{
        return claim->is_process && !before->is_process && before->is_called &&
               (claim->book->is_paused || (before->is_passable && claim->owner.job != 0));
}

/* Is nobody before it in any line, of those that count? */
static bool resource_is_next(struct resource_claim *claim)
{
        for (size_t i = 0; i < claim->links_count; i++) {
                struct resource_link *before =
                        RB_PREV(resource_line, &claim->links[i].resource->line, &claim->links[i]);

                while (before && resource_may_pass(claim, before->claim))
                        before = RB_PREV(resource_line, &claim->links[i].resource->line, before);
                if (before)
                        return false;
        }
        return true;
}

static bool resource_is_free(const struct resource_claim *claim)
{
        for (size_t i = 0; i < claim->links_count; i++)
                if (!resource_fits(claim->links[i].resource, claim->links[i].mode,
                                   claim->links[i].count))
                        return false;
        return true;
}

static void resource_call(struct resource_claim *claim)
{
        if (!claim->is_process) {
                claim->is_called = true;
                TAILQ_INSERT_TAIL(&claim->book->called, claim, by_call);
        }
        claim->book->ops->on_call(claim->book->arg, claim, claim->arg);
}

/* The first who may be called and was not; NULL: nobody. */
static struct resource_claim *resource_find_next(struct resource *resource)
{
        struct resource_link *link = RB_MIN(resource_line, &resource->line);

        /* Only called jobs may be passed, so the search ends at the first other one. */
        while (link && link->claim->is_called)
                link = RB_NEXT(resource_line, &resource->line, link);
        return link && resource_is_next(link->claim) && resource_is_free(link->claim) ? link->claim
                                                                                      : NULL;
}

static void resource_serve(struct resource *resource)
{
        struct resource_claim *claim;

        /* A process that is called takes, or leaves, and the next one may be looked at. */
        while ((claim = resource_find_next(resource))) {
                const bool is_process = claim->is_process;

                resource_call(claim);
                if (is_process && RB_MIN(resource_line, &resource->line) &&
                    resource_find_next(resource) == claim)
                        break;
        }
}

void resource_book_serve(struct resource_book *book)
{
        struct resource *resource;

        while ((resource = TAILQ_FIRST(&book->dirty))) {
                TAILQ_REMOVE(&book->dirty, resource, dirty_entry);
                resource->is_dirty = false;
                resource->refs++;
                resource_serve(resource);
                resource_unref(resource);
        }
}

void resource_book_serve_passed(struct resource_book *book)
{
        struct resource_claim *claim;

        while ((claim = TAILQ_FIRST(&book->called))) {
                TAILQ_REMOVE(&book->called, claim, by_call);
                claim->is_passable = true;
                for (size_t i = 0; i < claim->links_count; i++)
                        resource_mark_dirty(claim->links[i].resource);
        }
        resource_book_serve(book);
}

int resource_claim_take(struct resource_claim *claim, const struct resource_owner *owner,
                        struct resource_holding **out_holding)
{
        int r;

        if (claim->place == RESOURCE_AWAY)
                resource_join(claim);
        resource_claim_settle(claim);
        if (claim->place != RESOURCE_IN_LINE || !resource_is_next(claim) ||
            !resource_is_free(claim)) {
                resource_uncall(claim);
                return RESOURCE_E_WAIT;
        }
        r = resource_hold_all(claim, owner, false, NULL, out_holding);
        if (r)
                return PASS(r);
        resource_claim_leave(claim);
        resource_rank_again(claim->book, owner);
        return 0;
}
