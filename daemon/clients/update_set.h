/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of one update, as they are to be; see update_set.c. */
#pragma once

#include "daemon/clients/selector.h"
#include "daemon/clients/spec_merge.h"
#include "daemon/clients/submit_spec.h"

/* What engine_update borrows for a job. */
struct update_entry {
        struct journal_blob *spec, *environment; /* owned */
        char *name;                              /* owned; NULL when none */
        uint8_t retry_on[SUBMIT_RETRY_ON_BYTES];
};

/* All zero before update_set_init() and valid for update_set_deinit(). */
struct update_set {
        Jobd__Request *request; /* owned: a copy */
        char detail[SPEC_MERGE_DETAIL_MAX];
        struct update_entry *entries;  /* owned, with what they own */
        struct engine_update *updates; /* owned: as many */
        size_t count, room;
        size_t bytes;                           /* of specifications and environments */
        struct engine_dependency *dependencies; /* owned: the new ones of all; NULL: none */
        struct journal_blob *old_environment, *new_environment; /* owned: of the last job */
};

/* 0, a jobd.ErrorCode with a sentence, or a fault. */
_must_use_ int update_set_init(struct update_set *set, const Jobd__Request *request,
                               struct reason *why);
void update_set_deinit(struct update_set *set);
/*
 * Adds a job by its row, with specification and environment. read_sequence: engine_sequence()
 * before it was read. Returns likewise.
 */
_must_use_ int update_set_add(struct update_set *set, const struct selector_item *item,
                              uint64_t read_sequence, struct reason *why);
/* Those that have started since are meant no more. */
void update_set_drop_started(struct update_set *set, struct engine *engine);
/* All are there; before engine_update(). lookup: as for struct engine_update. */
void update_set_settle(struct update_set *set, struct deps_lookup *lookup);
