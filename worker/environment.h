/* SPDX-License-Identifier: Apache-2.0 */
/* A job's environment, built from nothing, and the patterns in the files it names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "proto/wire.h"

/* What of a lease shows in its environment and file names. */
struct environment_facts {
        uint64_t job;
        uint64_t task;
        uint64_t array_index;
        bool is_array;
        uint32_t attempt;
        uint32_t slot;            /* of the job's tasks at once, or the worker's number + 1 */
        const char *resource_env; /* NULL, or entries, each ended by a zero byte */
        size_t resource_env_bytes;
        const char *name;         /* of the job; may be NULL */
        const char *socket;       /* of its jobd; may be NULL */
        const char *user;         /* of the user; may be NULL */
        const char *home, *shell; /* system mode; else NULL: nothing is added */
};

struct environment {
        char **entries; /* owned, NULL-terminated, one piece of memory with the strings */
};

/*
 * The user's own entries (`own` may be NULL), JOBD_*, the thread-count variables (in user mode only
 * when spec->cpus is given) and in system mode HOME, USER, LOGNAME, SHELL, PATH, each of these
 * where the user has none.
 */
_must_use_ int environment_build(const Jobd__Environment *own, const Jobd__Spec *spec,
                                 const struct environment_facts *facts,
                                 struct environment *out_environment);
void environment_deinit(struct environment *environment);
/* The value of `key`, or NULL. */
const char *environment_find(const struct environment *environment, const char *key);
