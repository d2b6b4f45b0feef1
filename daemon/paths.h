/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything lives in either mode: sockets, state, spool, records; made and checked. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"

enum paths_answer {
        PATHS_E_BAD = 1, /* a folder or path cannot be used: the reason says why and what to do */
};

struct paths {
        bool is_system;
        char *base;           /* owned; what --state-dir said; NULL: none */
        char *runtime;        /* owned; /run/jobd */
        char *socket;         /* owned; jobd.sock, for clients */
        char *state;          /* owned; database and lock */
        char *spool;          /* owned; one file per large output */
        char *records;        /* owned; the workers' record files, and pool.lock */
        char *private_dir;    /* owned; only jobd's and the workers' */
        char *workers_socket; /* owned; private/workers.sock */
};

/* What the command line said; NULL: the default of the mode. */
struct paths_options {
        bool is_system;
        const char *socket;
        const char *state_dir;
};

/*
 * Fills *out_paths from the options and the environment (XDG_RUNTIME_DIR, XDG_STATE_HOME, HOME).
 * Touches no disk but /etc/machine-id and the runtime folder's existence. PATHS_E_BAD when a
 * socket's path is over 107 bytes or no home is known.
 */
_must_use_ int paths_find(const struct paths_options *options, struct paths *out_paths,
                          struct reason *why);
void paths_deinit(struct paths *paths);

/* The folders, opened; all -1 after paths_folders_init(). */
struct paths_folders {
        int state_fd;
        int spool_fd;
        int records_fd; /* system mode without root: -1, the pool's own business */
        int private_fd;
};
void paths_folders_init(struct paths_folders *folders);
void paths_folders_deinit(struct paths_folders *folders);
/*
 * Makes what is missing and checks owner and mode of each. In system mode as root, state and
 * private belong to uid and gid of jobd, spool to root and jobd's group, records to root; without
 * root they must exist already as tmpfiles.d made them. PATHS_E_BAD with a sentence, or a fault.
 */
_must_use_ int paths_open_folders(const struct paths *paths, uid_t jobd_uid, gid_t jobd_gid,
                                  struct paths_folders *out_folders, struct reason *why);
