/* SPDX-License-Identifier: Apache-2.0 */
/* Who may use a queue: names for people, numbers for the daemon. */
#pragma once

#include "common/error.h"

enum queue_users_answer {
        QUEUE_USERS_E_BAD = 1, /* the reason says */
};

/*
 * "alice,@students,1000" as "1001,@100,1000"; "all" as "". *out_numbers is owned by the caller.
 * QUEUE_USERS_E_BAD, or a fault.
 */
_must_use_ int queue_users_resolve(const char *names, char **out_numbers, struct reason *why);
/* The other way, as far as there are names; "" as "all". Owned by the caller; NULL: no memory. */
char *queue_users_name(const char *numbers);
