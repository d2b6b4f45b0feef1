/* SPDX-License-Identifier: Apache-2.0 */
/* Who a uid is: name, home, shell, groups, looked up for the worker before a job's child exists. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"

#define NAMES_GROUPS_MAX 65536
#define NAMES_AGE_MAX_USEC (10ULL * 1000 * 1000)
#define NAMES_TIMEOUT_USEC (10ULL * 1000 * 1000)

enum names_answer {
        NAMES_E_GONE = 1, /* no such user */
        NAMES_E_SILENT,   /* the name services did not answer in time, or broke */
};

struct names_user {
        uid_t uid;
        gid_t gid; /* primary */
        const char *name, *home, *shell;
        gid_t *groups; /* owned with all the texts: one piece of memory */
        size_t groups_count;
};

struct names;
/* timeout_usec: what an answer may take; NAMES_TIMEOUT_USEC. */
_must_use_ int names_new(uint64_t timeout_usec, struct names **out_names);
struct names *names_free(struct names *names);
DEFINE_CLEANUP(struct names *, names_free);

/*
 * The user behind `uid`, kept by `names` and valid until the next call. An answer may be
 * NAMES_AGE_MAX_USEC old. Blocks for the time-out at most.
 * 0, NAMES_E_* with a sentence, or a fault.
 */
_must_use_ int names_find(struct names *names, uid_t uid, const struct names_user **out_user,
                          struct reason *why);
/* `wanted` when it is one of the user's groups, else the primary group. */
gid_t names_choose_gid(const struct names_user *user, gid_t wanted);
