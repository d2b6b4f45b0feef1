/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of resources.h, shared by the resources*.c only. */
#pragma once

#include "common/list.h"
#include "common/map.h"

#include "daemon/jobs/resources.h"

struct resource;

/* One ask of a claim: a place in one line. */
struct resource_link {
        RB_ENTRY(resource_link) entry; /* in resource->line, while its claim waits there */
        struct resource *resource;     /* borrowed: counts us */
        struct resource_claim *claim;  /* borrowed: holds us */
        enum resource_mode mode;
        uint32_t count;
};
RB_HEAD(resource_line, resource_link);

enum resource_place {
        RESOURCE_AWAY,
        RESOURCE_IN_LINE,
        RESOURCE_STRANDED, /* asks for more than there is now: in nobody's way */
};

struct resource_claim {
        struct resource_book *book; /* borrowed: outlives us */
        void *arg;
        uint32_t uid;
        bool is_process;
        bool is_called;   /* IN_LINE, and was told that it may take */
        bool is_passable; /* called, and the scheduler has looked at it since */
        enum resource_place place;
        uint64_t ticket; /* of asking: rises */
        uint64_t rank;   /* what its place is worth: its ticket, or that of one who waits for it */
        struct resource_owner owner;         /* of a process */
        TAILQ_ENTRY(resource_claim) entry;   /* in book->processes or ->stranded */
        TAILQ_ENTRY(resource_claim) by_call; /* in book->called, while is_called, not is_passable */
        TAILQ_ENTRY(resource_claim) by_visit; /* while a circle is looked for */
        struct resource_claim *visit_from;
        struct resource_hold *visit_hold; /* what leads from there to here; NULL: the line */
        uint64_t visit;
        size_t links_count;
        struct resource_link links[];
};
TAILQ_HEAD(resource_claims, resource_claim);

/* One thing held. */
struct resource_hold {
        LIST_ENTRY(resource_hold) entry; /* in resource->holds */
        struct resource *resource;       /* borrowed: counts us */
        struct resource_holding *holding;
        enum resource_mode mode;
        uint32_t count;
        uint32_t *ids; /* owned: `count`; NULL: a lock */
};
LIST_HEAD(resource_holds, resource_hold);

struct resource_holding {
        LIST_ENTRY(resource_holding) entry; /* in book->by_owner[] */
        struct resource_book *book;
        struct resource_owner owner;
        uint32_t uid;
        size_t holds_count;
        struct resource_hold holds[];
};
LIST_HEAD(resource_holdings, resource_holding);

struct resource {
        UT_hash_handle hh; /* by key */
        struct resource_book *book;
        struct resource_scope *of;         /* borrowed: lives as long as it has resources */
        TAILQ_ENTRY(resource) scope_entry; /* in of->resources */
        TAILQ_ENTRY(resource) dirty_entry;
        struct resource_line line;
        struct resource_holds holds;
        uint32_t capacity;
        uint32_t used;
        uint32_t shared;
        uint32_t refs; /* links and holds */
        uint32_t waiting;
        uint64_t visit; /* while a circle is looked for: its holders were visited */
        bool is_declared;
        bool is_dirty;
        uint8_t *taken; /* owned: a bit per id; NULL until units are taken */
        uint32_t taken_room;
        size_t key_size;
        char *key; /* owned: the scope's 4 bytes, then the name with its NUL */
};
TAILQ_HEAD(resource_queue, resource);

/* Those of a user, or of the machine: who asks for his own walks past nobody else's. */
struct resource_scope {
        UT_hash_handle hh;               /* by uid */
        uint32_t uid;                    /* RESOURCE_EVERYBODY: the machine's */
        struct resource_queue resources; /* the declared ones first */
};

#define RESOURCE_OWNERS 256U    /* buckets */
#define RESOURCE_ALL (1U << 30) /* what an exclusive holder uses: more than any capacity */

struct resource_book {
        const struct resource_ops *ops;
        void *arg;
        struct resource *resources;    /* owned, uthash by key */
        struct resource_scope *scopes; /* owned, uthash by uid */
        struct resource_queue dirty;
        struct resource_claims processes; /* those that wait */
        struct resource_claims stranded;
        struct resource_claims called;      /* not yet passable */
        struct resource_holdings *by_owner; /* owned: RESOURCE_OWNERS buckets */
        uint64_t last_ticket;
        uint64_t last_visit;
        bool is_paused;
};

RB_PROTOTYPE(resource_line, resource_link, entry, resource_compare_links)

static inline const char *resource_name(const struct resource *resource)
{
        return resource->key + sizeof(uint32_t);
}
/* Tasks of jobs with all that runs inside are one owner; else each process is. */
bool resource_owner_is(const struct resource_owner *a, const struct resource_owner *b);
struct resource_holdings *resource_owner_bucket(const struct resource_book *book,
                                                const struct resource_owner *owner);
/* NULL: it has none. */
struct resource_scope *resource_find_scope(const struct resource_book *book, uint32_t uid);
/* Could it ever be given with the capacity as it is? */
bool resource_link_is_possible(const struct resource_link *link);
bool resource_fits(const struct resource *resource, enum resource_mode mode, uint32_t count);
void resource_mark_dirty(struct resource *resource);
/* Into the lines, or out of them among the stranded, as the capacities are now. */
void resource_claim_settle(struct resource_claim *claim);
/* Takes all of it; `again`: what was held before, with these ids. */
_must_use_ int resource_hold_all(const struct resource_claim *claim,
                                 const struct resource_owner *owner, bool again, const char *ids,
                                 struct resource_holding **out_holding);
/* The best place that those deserve who wait for what this owner holds; UINT64_MAX: nobody. */
uint64_t resource_owner_rank(const struct resource_book *book, const struct resource_owner *owner);
/* One claim or holding less; frees what nobody wants. */
void resource_unref(struct resource *resource);
