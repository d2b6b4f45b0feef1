/* SPDX-License-Identifier: Apache-2.0 */
/* The results of an action, gathered for one frame after the other. */
#pragma once

#include "daemon/clients/session.h"

/* All zero is an empty one. */
struct act_page {
        Jobd__ActOne *ones;      /* owned, with the messages */
        Jobd__ActOne **pointers; /* owned */
        size_t count, room;
        uint64_t barrier; /* of what the results tell */
};

void act_page_deinit(struct act_page *page);
/*
 * A result. task: NULL for the whole job. code: 0 when it was done, else a jobd.ErrorCode, with
 * `message` (copied). state: afterwards, JOB_ABSENT when it is not told.
 */
_must_use_ int act_page_add(struct act_page *page, uint64_t id, const uint64_t *task, int code,
                            const char *message, enum job_state state, uint64_t barrier);
/* Sends what there is, also when that is nothing, and empties the page. */
void act_page_send(struct act_page *page, struct stream *stream, bool more);
