/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of a worker or the pool to jobd: dialled, and dialled again, for ever. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/loop.h"

#include "proto/wire.h"

struct link;

struct link_ops {
        /* jobd was reached and Hello is on its way. May be NULL. */
        void (*on_dialled)(void *arg);
        /* jobd answered: reports may be sent from here until on_down. */
        void (*on_up)(void *arg, const Jobd__Work__Welcome *welcome);
        /* Every other order; borrowed for the call. */
        void (*on_order)(void *arg, const Jobd__Work__Order *order);
        /* The connection is gone (it was up, or only dialled); it is being dialled again. */
        void (*on_down)(void *arg);
};

struct link_options {
        const char *socket_path;        /* borrowed, outlives the link */
        uid_t owner_uid;                /* who may listen there, besides root */
        const Jobd__Work__Hello *hello; /* borrowed, outlives the link */
};

/* Starts dialling in the first turn. */
_must_use_ int link_new(struct loop *loop, const struct link_options *options,
                        const struct link_ops *ops, void *arg, struct link **out_link);
struct link *link_free(struct link *link);
DEFINE_CLEANUP(struct link *, link_free);

/* Is there a connection, answered or not? */
bool link_is_dialled(const struct link *link);
bool link_is_up(const struct link *link);
/* Queues one report; dropped when the link is not up (what matters is repeated after on_up). */
void link_send(struct link *link, const Jobd__Work__Report *report);
/* The same for a report that may wait up to 5 ms for others to share its write. */
void link_send_patiently(struct link *link, const Jobd__Work__Report *report);
/*
 * OUTPUT and BURY of the turn. more_to_come: the caller will take another turn within 5 ms, so
 * that patient reports may stay queued.
 */
void link_turn(struct link *link, bool more_to_come);
/* Bytes queued and not yet sent. */
size_t link_pending_bytes(const struct link *link);
