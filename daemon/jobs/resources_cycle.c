/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Circles of waiting. A process that asks while its owner (its job, or itself) holds something may
 * wait for one who waits for it. The search goes from the asker to all that it would wait for: who
 * holds what it wants, what their processes wait for, who stands before those in line. If it comes
 * back to the asker's owner, nobody in that circle would ever go on, and the asker is refused with
 * the circle in words.
 *
 * Only who holds something can close a circle, so the common question costs one look into a bucket.
 * Who stands before the asker itself does not count: where that would close a circle, the asker
 * goes first (resources_line.c). Breadth first, without recursion: claims carry the list and a
 * mark, and so do resources, whose many holders are looked at once however many wait for them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "daemon/jobs/resources_private.h"

#define RESOURCE_WHO_MAX 64U
#define RESOURCE_SHOWN_MAX 40 /* bytes of a name in a sentence */

static void resource_describe(const struct resource_owner *owner, char text[RESOURCE_WHO_MAX])
{
        if (owner->job && owner->task)
                snprintf(text, RESOURCE_WHO_MAX, "job %" PRIu64 ".%" PRIu64, owner->job,
                         owner->task);
        else if (owner->job)
                snprintf(text, RESOURCE_WHO_MAX, "job %" PRIu64, owner->job);
        else
                snprintf(text, RESOURCE_WHO_MAX, "process %" PRIu32, owner->pid);
}

static bool resource_holds_anything(const struct resource_book *book,
                                    const struct resource_owner *owner)
{
        const struct resource_holding *holding;

        LIST_FOREACH (holding, resource_owner_bucket(book, owner), entry)
                if (resource_owner_is(&holding->owner, owner))
                        return true;
        return false;
}

static void resource_visit(struct resource_claims *queue, struct resource_claim *claim,
                           struct resource_claim *from, struct resource_hold *hold, uint64_t mark)
{
        if (claim->visit == mark)
                return;
        claim->visit = mark;
        claim->visit_from = from;
        claim->visit_hold = hold;
        TAILQ_INSERT_TAIL(queue, claim, by_visit);
}

/* What the holder's own processes wait for. */
static void resource_visit_holder(struct resource_claims *queue, struct resource_claim *from,
                                  struct resource_hold *hold, uint64_t mark)
{
        struct resource_claim *claim;

        TAILQ_FOREACH (claim, &from->book->processes, entry)
                if (resource_owner_is(&claim->owner, &hold->holding->owner))
                        resource_visit(queue, claim, from, hold, mark);
}

/* The one who holds what `claim` waits for and is the asker itself; else more to visit. */
static struct resource_hold *resource_look(struct resource_claims *queue,
                                           struct resource_claim *claim,
                                           const struct resource_claim *asker, uint64_t mark)
{
        for (size_t i = 0; i < claim->links_count; i++) {
                struct resource_link *link = &claim->links[i], *before;
                struct resource_hold *hold;

                if (link->resource->visit != mark &&
                    !resource_fits(link->resource, link->mode, link->count)) {
                        link->resource->visit = mark;
                        LIST_FOREACH (hold, &link->resource->holds, entry) {
                                if (resource_owner_is(&hold->holding->owner, &asker->owner))
                                        return hold;
                                resource_visit_holder(queue, claim, hold, mark);
                        }
                }
                before =
                        claim == asker ? NULL : RB_PREV(resource_line, &link->resource->line, link);
                if (before)
                        resource_visit(queue, before->claim, claim, NULL, mark);
        }
        return NULL;
}

/* held by job 7, which waits for "b", and so on from the asker's end of the circle. */
static void resource_write_step(const struct resource_claim *claim, char *text, size_t size)
{
        char who[RESOURCE_WHO_MAX] = "a queued job";
        const size_t at = strlen(text);

        if (claim->is_process)
                resource_describe(&claim->owner, who);
        snprintf(text + at, size - at, "%s%s%s, which waits for \"%.*s\"", at ? ", " : "",
                 claim->visit_hold ? "held by " : "wanted first by ", who, RESOURCE_SHOWN_MAX,
                 resource_name(claim->links[0].resource));
}

static void resource_write_circle(struct resource_claim *last, const struct resource_claim *asker,
                                  char *text, size_t size)
{
        struct resource_claim *steps[4];
        size_t count = 0;

        for (; last != asker && last; last = last->visit_from)
                if (count < sizeof(steps) / sizeof(steps[0]))
                        steps[count++] = last;
        while (count > 0)
                resource_write_step(steps[--count], text, size);
}

int resource_claim_judge(struct resource_claim *claim, struct reason *why)
{
        struct resource_book *book = claim->book;
        const uint64_t mark = ++book->last_visit;
        struct resource_claims queue = TAILQ_HEAD_INITIALIZER(queue);
        struct resource_claim *at = NULL;
        struct resource_hold *found = NULL;
        char text[sizeof(why->text)] = "", who[RESOURCE_WHO_MAX];

        if (!resource_holds_anything(book, &claim->owner))
                return 0;
        resource_visit(&queue, claim, NULL, NULL, mark);
        while (!found && (at = TAILQ_FIRST(&queue))) {
                TAILQ_REMOVE(&queue, at, by_visit);
                found = resource_look(&queue, at, claim, mark);
        }
        if (!found)
                return 0;
        resource_describe(&claim->owner, who);
        if (at == claim)
                return reason_set(why, RESOURCE_E_CYCLE,
                                  "\"%.*s\" is held by %s itself: it would wait for ever",
                                  RESOURCE_SHOWN_MAX, resource_name(claim->links[0].resource), who);
        resource_write_circle(at, claim, text, sizeof(text));
        return reason_set(why, RESOURCE_E_CYCLE,
                          "it would wait for ever: \"%.*s\" is %s, which %s holds",
                          RESOURCE_SHOWN_MAX, resource_name(claim->links[0].resource), text, who);
}
