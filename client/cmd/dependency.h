/* SPDX-License-Identifier: Apache-2.0 */
/* What --dependency says, into a specification and back into words. */
#pragma once

#include <stdio.h>

#include "client/cmd/app.h"

/* Whom the words may name beside ids. */
struct dependency_names {
        uint64_t last_id; /* what `last` means; 0: it may not be named */
        /* The place of a job of the same flow, or SIZE_MAX; NULL: there are none. */
        size_t (*find)(void *arg, const char *name);
        void *arg;
};

enum dependency_answer {
        DEPENDENCY_E_BAD = 1, /* the reason says */
};

/*
 * Adds "afterok:12:13,afterany:14" (all of them) or "afterok:12?afterok:13" (one of them).
 * 0, DEPENDENCY_E_BAD, or a fault.
 */
_must_use_ int dependency_add(struct jobctl_spec *spec, const char *text,
                              const struct dependency_names *names, struct reason *why);
/* Does the text name `last`? Then somebody must ask which job that is. */
bool dependency_names_last(const char *text);
/* The caller's newest job: 0 and *out_id, or an exit status after a sentence. */
int dependency_find_last(struct app *app, uint64_t *out_id);
/* "afterok:12,afterany:14" of a job's open dependencies; NULL: none, or no memory. Owned. */
char *dependency_describe(const struct jobctl_item *job);
