/* SPDX-License-Identifier: Apache-2.0 */
/* The people's side of jobd: listener and sessions, as daemon.c sees them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/histogram.h"
#include "common/loop.h"

#include "daemon/jobs/engine.h"

struct clients;

struct clients_options {
        bool system_mode;
        uid_t own_uid;   /* of jobd: with root, an administrator; user mode: the only one served */
        gid_t admin_gid; /* system mode: its members are administrators; (gid_t)-1: nobody is */
        bool jobs_are_public; /* others' jobs are listed, too, not only counted */
        uint8_t instance[16];
        uint32_t connections_max, connections_max_per_user;
        uint64_t reply_bytes_max; /* unsent, per connection */
        const char *state_dir;    /* borrowed, for ever */
        uint64_t start_wall_usec;
};

struct clients_pool {
        uint32_t wanted, pid;
        bool is_connected;
        const char *containment; /* borrowed for the call */
};
struct clients_worker {
        uint32_t number, pid;
        bool is_connected, is_retiring;
        const char *build; /* borrowed for the call; NULL when unknown */
};

/* jobd as a process; what cannot be read is 0. */
struct clients_process {
        uint64_t resident_bytes, virtual_bytes;
        uint64_t cpu_usec;
        uint64_t open_fds, max_fds; /* the first about a second old at most */
        uint64_t log_lines_lost;    /* that nobody took */
        struct histogram turn_usec; /* since the start */
};

/* What a verb asks of the daemon as a whole; daemon.c answers. arg is clients_new()'s. */
struct clients_ops {
        int (*reload)(void *arg, struct reason *why); /* 0, or > 0 with the sentence */
        void (*shutdown)(void *arg, bool now);
        /* The n-th configuration entry, as config_entry(). */
        bool (*config_entry)(void *arg, size_t index, const char **out_section,
                             const char **out_key, char *value, size_t value_size,
                             const char **out_origin);
        const char *(*config_warning)(void *arg, size_t index);
        void (*pool_resize)(void *arg, uint32_t wanted);
        void (*pool_read)(void *arg, struct clients_pool *out_pool);
        /* The n-th worker; false past the last. */
        bool (*pool_worker)(void *arg, size_t index, struct clients_worker *out_worker);
        void (*read_process)(void *arg, struct clients_process *out_process);
};

_must_use_ int clients_new(struct loop *loop, const struct clients_options *options,
                           struct engine *engine, const struct clients_ops *ops, void *arg,
                           struct clients **out_clients);
/* After the journal was closed, whose answers would come to what is gone. Jobs are not touched. */
struct clients *clients_free(struct clients *clients);
DEFINE_CLEANUP(struct clients *, clients_free);
/* Takes over what may change: limits, and who may what; also for those who are connected. */
void clients_set_limits(struct clients *clients, const struct clients_options *options);

/* Accepts on this listening socket from now on; owned. May be called for several. */
_must_use_ int clients_listen(struct clients *clients, int listen_fd);

/*
 * Without any clients object: tells those who wait at this socket why jobd cannot start, and hangs
 * up. Else a service manager would start it again for them at once, and again.
 */
void clients_turn_away(int listen_fd, const char *sentence);

/* OUTPUT: lets frames go whose barrier is durable, and writes. */
void clients_flush(struct clients *clients, uint64_t durable);
/* BURY: frees sessions that died in this turn. */
void clients_bury(struct clients *clients);
size_t clients_count(const struct clients *clients);
/* Events were posted: followers of `events` may look. */
void clients_on_events(struct clients *clients);
