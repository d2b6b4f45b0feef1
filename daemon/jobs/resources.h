/* SPDX-License-Identifier: Apache-2.0 */
/* Named resources and locks: who holds what, who waits, in order of asking. Knows no jobs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

struct resource_book;
struct resource_claim;
struct resource_holding;

#define RESOURCE_NAME_MAX 128U         /* bytes */
#define RESOURCE_CAPACITY_MAX 1000000U /* units */
#define RESOURCE_ASKS_MAX 64U          /* of one taker */
#define RESOURCE_EVERYBODY UINT32_MAX  /* the scope of what is the machine's, not a user's */

enum resource_answer {
        RESOURCE_E_WAIT =
                1,          /* not now: it stands in the lines, and is called when its turn comes */
        RESOURCE_E_UNKNOWN, /* nobody declared a resource of this name */
        RESOURCE_E_TOO_MUCH, /* more than there is */
        RESOURCE_E_CYCLE,    /* everybody in a circle would wait for the next, for ever */
        RESOURCE_E_IN_USE,
};

enum resource_mode {
        RESOURCE_UNITS,     /* so many units, with their ids; the name must be declared */
        RESOURCE_EXCLUSIVE, /* all of it: a lock */
        RESOURCE_SHARED,    /* with other shared ones: a lock */
};

struct resource_ask {
        const char *name; /* borrowed for the call */
        enum resource_mode mode;
        uint32_t count; /* UNITS: at least 1 */
};

/* Who takes: a task of a job, or a process (inside a task of a job, or of nobody's). */
struct resource_owner {
        uint64_t job, task; /* job 0: none */
        uint32_t pid;       /* 0: the task itself */
};

struct resource_ops {
        /*
         * Its turn has come and all it asks for is free: resource_claim_take() would give it. A
         * process takes in here; a job's claim may take later, and keeps its place until then.
         */
        void (*on_call)(void *arg, struct resource_claim *claim, void *claim_arg);
};

/* ops, arg: borrowed, outlive the book. */
_must_use_ int resource_book_new(const struct resource_ops *ops, void *arg,
                                 struct resource_book **out_book);
/* Claims and holdings must be gone. */
struct resource_book *resource_book_free(struct resource_book *book);
DEFINE_CLEANUP(struct resource_book *, resource_book_free);

/*
 * Declares a resource of `scope` (a uid, or RESOURCE_EVERYBODY), or changes its capacity. What is
 * held stays held; nothing new is given until it fits.
 */
_must_use_ int resource_declare(struct resource_book *book, uint32_t scope, const char *name,
                                uint32_t capacity);
/*
 * RESOURCE_E_UNKNOWN, or RESOURCE_E_IN_USE when somebody holds it or asks for it and not by_force;
 * then it stays without units until nobody does.
 */
_must_use_ int resource_withdraw(struct resource_book *book, uint32_t scope, const char *name,
                                 bool by_force);
/* Would a claim of this uid be taken in? 0, RESOURCE_E_UNKNOWN or _TOO_MUCH with a sentence. */
_must_use_ int resource_judge(const struct resource_book *book, uint32_t uid,
                              const struct resource_ask *ask, struct reason *why);
/* A name is 1 to 128 bytes of UTF-8 without control characters. */
bool resource_is_name(const char *name);

/*
 * What one taker asks for, all together. The machine's resources stand before the user's of the
 * same name; a lock that nobody declared is made, and is the user's. A name asked for twice is an
 * error of the caller. owner: NULL for a job, whose tasks take one after the other.
 */
_must_use_ int resource_claim_new(struct resource_book *book, uint32_t uid,
                                  const struct resource_ask *asks, size_t asks_count,
                                  const struct resource_owner *owner, void *arg,
                                  struct resource_claim **out_claim);
/* How many asks it has; 0 for NULL. */
size_t resource_claim_size(const struct resource_claim *claim);
/* Leaves the lines. NULL-safe. */
struct resource_claim *resource_claim_free(struct resource_claim *claim);
DEFINE_CLEANUP(struct resource_claim *, resource_claim_free);

/*
 * Takes everything for `owner`, or nothing and waits: RESOURCE_E_WAIT. Nobody who asked earlier is
 * overtaken, but for two cases without which both would wait for ever: a process goes before those
 * who wait for what its owner holds, and a process inside a job goes before a job that could have
 * what it asks for and only lacks a place to run.
 */
_must_use_ int resource_claim_take(struct resource_claim *claim, const struct resource_owner *owner,
                                   struct resource_holding **out_holding);
/*
 * Would this process's waiting close a circle? RESOURCE_E_CYCLE and the circle in `why`. Before
 * resource_claim_take().
 */
_must_use_ int resource_claim_judge(struct resource_claim *claim, struct reason *why);
/* Takes what was held before a restart, whatever the capacity says now. ids: as told then. */
_must_use_ int resource_claim_retake(struct resource_claim *claim,
                                     const struct resource_owner *owner, const char *ids,
                                     struct resource_holding **out_holding);
/* Leaves the lines and loses its place. No-op when it does not wait. */
void resource_claim_leave(struct resource_claim *claim);
bool resource_claim_is_waiting(const struct resource_claim *claim);

/* Gives everything back; those who can now be served are called in resource_book_serve(). */
struct resource_holding *resource_holding_free(struct resource_holding *holding);
DEFINE_CLEANUP(struct resource_holding *, resource_holding_free);
/*
 * The ids of the i-th ask of units: "0,1" (owned by the caller, NULL when memory ends) and its
 * name. RESOURCE_E_UNKNOWN past the last.
 */
_must_use_ int resource_holding_ids(const struct resource_holding *holding, size_t index,
                                    const char **out_name, char **out_ids);

/* Calls those whose turn has come since the last time. Before the scheduler. */
void resource_book_serve(struct resource_book *book);
/* After the scheduler: lets processes inside jobs by where a called job did not start. */
void resource_book_serve_passed(struct resource_book *book);
/* Jobs do not start at all now: processes go before them. */
void resource_book_set_paused(struct resource_book *book, bool on);

/* ------------------------------------------------------------------------------------- looking */

struct resource_view {
        const char *name; /* borrowed for the call */
        uint32_t scope;
        uint32_t capacity;
        uint32_t used;   /* units */
        uint32_t shared; /* shared holders */
        uint32_t claims; /* unfinished jobs and processes that ask for it, or hold it */
        uint32_t waiting;
};
/* All that are declared and that a user may see: the machine's and its own. */
void resource_book_each(const struct resource_book *book, uint32_t uid,
                        void (*each)(void *arg, const struct resource_view *view), void *arg);

struct resource_taker {
        const char *name; /* borrowed for the call */
        uint32_t scope, uid;
        enum resource_mode mode;
        bool is_waiting;
        struct resource_owner owner; /* of a waiting job: all 0 */
        void *claim_arg;             /* of those that wait; NULL for holders */
};
/*
 * Holders, then those who wait in their order, of all that this user may see, until `each` gives
 * false.
 */
void resource_book_each_taker(const struct resource_book *book, uint32_t uid,
                              bool (*each)(void *arg, const struct resource_taker *taker),
                              void *arg);

/* Which of its asks a claim waits for. */
struct resource_wait {
        const char *name; /* borrowed until the claim changes */
        enum resource_mode mode;
        uint32_t count; /* units asked for */
        uint32_t capacity;
        uint32_t used;    /* units taken */
        uint64_t before;  /* so many before it in that line; no more than count_max are counted */
        bool is_free;     /* and is kept for them */
        uint32_t holders; /* of what is locked and could be given; 0: none. One of them: */
        uint32_t holder_uid;
        struct resource_owner holder;
};
/*
 * The ask that can never be met, else the first that is not free, else the first with somebody
 * before it. false: the claim does not wait, or its turn has come.
 */
bool resource_claim_look(struct resource_claim *claim, uint64_t count_max,
                         struct resource_wait *out_wait);
