/* SPDX-License-Identifier: Apache-2.0 */
/* Where the daemon is, and whether the one who listens there may be believed. */
#pragma once

#include <stdbool.h>

#include "common/cleanup.h"

#include "client/lib/failure.h"

#define FIND_SYSTEM_SOCKET "/run/jobd/jobd.sock"

struct find_options {
        char *socket;    /* owned; NULL: not set */
        char *state_dir; /* owned; NULL: not set */
        enum jobctl_place place;
        bool autostart;
        const char *system_socket; /* borrowed, constant; FIND_SYSTEM_SOCKET except in tests */
};

/* What the options came to. */
struct find_target {
        char *socket;    /* owned: the path to connect to */
        char *runtime;   /* owned: the folder of start.lock; NULL: never started by us */
        char *state_dir; /* owned: for a daemon that we start; may be NULL */
};
void find_target_deinit(struct find_target *target);

enum find_answer {
        FIND_E_NOBODY = 1, /* no socket, or nobody listens */
        FIND_E_AGAIN,      /* the backlog is full: try again */
        FIND_E_REFUSED,    /* never: denied, untrusted, too long */
};

/* Applies the rules; touches no file but for looking. 0, JOBCTL_E_*, or a fault. */
_must_use_ int find_resolve(const struct find_options *options, struct find_target *out_target,
                            struct failure *failure);
/*
 * The user's runtime folder for jobd (never made here): $XDG_RUNTIME_DIR/jobd, else
 * /run/user/UID/jobd where /run/user/UID is ours, else /tmp/jobd-UID. Owned; NULL without memory.
 */
char *find_runtime_folder(void);
/* Connects and checks who listens. 0 and *out_fd, or FIND_E_* with the sentence, or a fault. */
_must_use_ int find_dial(const struct find_target *target, int *out_fd, struct failure *failure);
