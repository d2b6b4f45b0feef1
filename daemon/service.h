/* SPDX-License-Identifier: Apache-2.0 */
/* jobd as a service: sockets handed over, readiness, watchdog, the journal. All no-ops without
 * systemd. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/loop.h"

enum service_answer {
        SERVICE_E_BAD = 1, /* a passed descriptor is not what it should be: the reason says */
};

#define SERVICE_SOCKETS_MAX 8

/* Drops the variables that a service manager meant for another process. Call first. */
void service_init(void);
/* Is there somebody to whom service_tell_*() speaks? */
bool service_is_heard(void);
/* Does a service manager run us (NOTIFY_SOCKET or LISTEN_PID)? Then jobd starts no pool. */
bool service_is_managed(void);
/*
 * Takes the listening unix sockets that systemd passed. They are made CLOEXEC and non-blocking and
 * listen() is called again, so that a client's SO_PEERCRED shows this process and not PID 1.
 * fds: room for SERVICE_SOCKETS_MAX, owned by the caller afterwards. SERVICE_E_BAD or a fault.
 */
_must_use_ int service_take_sockets(int *fds, size_t *out_count, struct reason *why);

/* The daemon serves: READY=1, and one byte to *ready_fd (or -1), which is closed. */
void service_tell_ready(int *ready_fd);
/* Between these two a reload is under way. */
void service_tell_reloading(void);
void service_tell_reloaded(void);
void service_tell_stopping(void);
/* A line for `systemctl status`, which stays there when jobd ends. status_line.c keeps it current.
 */
void service_tell_status(const char *fmt, ...) _printf_(1, 2);

/* Answers whether the daemon is well: only then is the watchdog fed. */
typedef bool (*service_is_well_fn)(void *arg);
struct service_watchdog;
/*
 * Feeds the watchdog at half its interval while `is_well`. *out_watchdog stays NULL when systemd
 * asked for none: then nothing wakes. *out_usec is the interval, or 0.
 */
_must_use_ int service_watchdog_new(struct loop *loop, service_is_well_fn is_well, void *arg,
                                    struct service_watchdog **out_watchdog, uint64_t *out_usec);
struct service_watchdog *service_watchdog_free(struct service_watchdog *watchdog);
DEFINE_CLEANUP(struct service_watchdog *, service_watchdog_free);

/* Sends the log to the journal with its fields when stderr is the journal. */
void service_connect_log(void);
