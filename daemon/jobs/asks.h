/* SPDX-License-Identifier: Apache-2.0 */
/* What a job takes of named resources, as the text that its row keeps. */
#pragma once

#include "daemon/jobs/resources.h"

/*
 * One ask a line: "2 gpu" for units, "x name" for a lock, "s name" for a shared one. Appends to
 * *text, which is owned by the caller; NULL at the beginning.
 */
_must_use_ int asks_add(char **text, const struct resource_ask *ask);

struct asks {
        char *text; /* owned: the names */
        struct resource_ask asks[RESOURCE_ASKS_MAX];
        size_t count;
};
/* Reads it back; lines that cannot be are left out. text: NULL, or borrowed for the call. */
_must_use_ int asks_read(const char *text, struct asks *out_asks);
/* How many lines it has; NULL: none. */
size_t asks_count(const char *text);
void asks_deinit(struct asks *asks);
