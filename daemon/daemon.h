/* SPDX-License-Identifier: Apache-2.0 */
/* The composition root: what main.c prepared becomes a running daemon, turn by turn. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "daemon/config.h"
#include "daemon/paths.h"
#include "daemon/service.h"
#include "daemon/start_pool.h"

/*
 * Everything that had to be done before the loop turns: privileges are dropped, the state folder is
 * locked, the client sockets listen. Filled by main.c, which releases what is left afterwards.
 */
struct daemon_setup {
        bool is_system;
        bool is_auto;    /* started by jobctl: ends itself after config->daemon_idle_usec */
        bool is_managed; /* by systemd */

        struct config *config; /* owned by main.c; a reload frees it and puts the new one here */
        /* What config_load() is called with again on reload. Borrowed. */
        const char *config_path;
        const struct config_set *config_sets;
        size_t config_sets_count;

        const struct paths *paths; /* borrowed */
        int state_fd;              /* borrowed */
        int spool_fd;              /* borrowed */

        /* Listening, non-blocking; owned by daemon_run(), which sets them to -1. */
        int listen_fds[SERVICE_SOCKETS_MAX];
        size_t listen_fds_count;
        /* The socket file is ours (no socket activation): unlink paths->socket at the end. */
        bool is_socket_ours;

        uid_t workers_uid;    /* whose links are taken: 0 in system mode, else our own */
        uint8_t instance[16]; /* random, of this start */
        int ready_fd;         /* -1, or for service_tell_ready() */
        bool has_served;      /* out: it came as far as that */
        struct reason why;    /* out: of a start that was refused */
        /* Borrowed; NULL when a service manager runs the pool. Already running: watch it. */
        struct start_pool *pool;
};

/* A database that cannot be used: nothing gets better by starting again (EX_DATAERR). */
#define DAEMON_EXIT_STORE 65

/*
 * Runs until a signal, `shutdown`, idleness or a failure ends it. Returns the exit code of the
 * program (0, EXIT_FAILURE after a fault, DAEMON_EXIT_STORE); the sentence was logged.
 */
_must_use_ int daemon_run(struct daemon_setup *setup);
