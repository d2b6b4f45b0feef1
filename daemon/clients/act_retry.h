/* SPDX-License-Identifier: Apache-2.0 */
/* Running finished jobs again: rows from the selector, handed to the engine. */
#pragma once

#include "daemon/clients/selector.h"

enum act_retry_answer {
        ACT_RETRY_E_MORE = 1, /* more of its tasks come: the answer is due with the last */
        ACT_RETRY_E_STATE,    /* the reason says why not */
};

/* A job whose tasks come in several pages. */
struct act_retry;
struct act_retry *act_retry_free(struct act_retry *retry);

/*
 * Retries a job, or the tasks of it that were named. *retry: owned by the caller, NULL between
 * jobs. item: with its row and all tasks. 0, ACT_RETRY_E_*, or a fault.
 */
_must_use_ int act_retry_item(struct act_retry **retry, struct engine *engine,
                              const struct selector_item *item, enum engine_retry which,
                              struct reason *why);
