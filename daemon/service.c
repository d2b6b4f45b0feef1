/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobd as a service: the only file that knows libsystemd. Without a service manager every function
 * here does nothing, and the library is not asked.
 *
 * The manager talks to us by environment variables, which children inherit: a jobd that jobctl has
 * started from within some other service would find that one's NOTIFY_SOCKET. So they count only
 * when SYSTEMD_EXEC_PID says that this very process was started by the manager; otherwise
 * service_init() removes them. The pool never gets them (start_pool.c).
 *
 * Sockets: systemd made them, so SO_PEERCRED of a client would show PID 1. listen() again makes
 * the kernel note our own identity.
 *
 * The watchdog is fed from the loop, so a stuck loop starves it, and only while `is_well`: a
 * journal thread that hangs in the disk starves it too. Without WatchdogSec= no timer exists.
 *
 * Called by main.c and daemon.c; the log's sink by anybody, on any thread.
 */
#include "daemon/service.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/parse.h"

#include "daemon/journald.h"

static const char *const service_variables[] = {
        "NOTIFY_SOCKET",  "LISTEN_PID",    "LISTEN_FDS",
        "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID",
};

void service_init(void)
{
        const char *text = getenv("SYSTEMD_EXEC_PID");

        if (!text || strtol(text, NULL, 10) == (long)getpid())
                return;
        for (size_t i = 0; i < ARRAY_SIZE(service_variables); i++)
                unsetenv(service_variables[i]);
}

bool service_is_heard(void)
{
        return getenv("NOTIFY_SOCKET") != NULL;
}

bool service_is_managed(void)
{
        return service_is_heard() || sd_listen_fds(0) > 0;
}

/* ------------------------------------------------------------------------------------- sockets */

static int service_take_socket(int fd, struct reason *why)
{
        int flags;

        if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
                return reason_set(why, SERVICE_E_BAD,
                                  "descriptor %d from systemd is no listening unix socket; look at "
                                  "jobd.socket",
                                  fd);
        /* sd_listen_fds() has made it CLOEXEC. */
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return FAULT(-errno);
        if (listen(fd, SOMAXCONN) < 0)
                return FAULT(-errno);
        return 0;
}

int service_take_sockets(int *fds, size_t *out_count, struct reason *why)
{
        const int count = sd_listen_fds(0);

        if (count < 0)
                return FAULT(count);
        if (count > SERVICE_SOCKETS_MAX)
                return reason_set(why, SERVICE_E_BAD, "systemd passed %d sockets, at most %d fit",
                                  count, SERVICE_SOCKETS_MAX);
        for (int i = 0; i < count; i++) {
                const int r = service_take_socket(SD_LISTEN_FDS_START + i, why);

                if (r)
                        return r < 0 ? PASS(r) : r;
                fds[i] = SD_LISTEN_FDS_START + i;
        }
        *out_count = (size_t)count;
        return 0;
}

/* --------------------------------------------------------------------------------------- state */

void service_tell_ready(int *ready_fd)
{
        sd_notify(0, "READY=1");
        if (*ready_fd >= 0 && write(*ready_fd, "\n", 1) < 0)
                log_debug("nobody waits for us to be ready");
        *ready_fd = fd_close(*ready_fd);
}

void service_tell_reloading(void)
{
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_mono_usec());
}

void service_tell_reloaded(void)
{
        sd_notify(0, "READY=1");
}

void service_tell_stopping(void)
{
        sd_notify(0, "STOPPING=1");
}

void service_tell_status(const char *fmt, ...)
{
        char text[256];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        sd_notifyf(0, "STATUS=%s", text);
}

/* ------------------------------------------------------------------------------------ watchdog */

struct service_watchdog {
        struct loop_timer *timer; /* owned */
        service_is_well_fn is_well;
        void *arg;
        uint64_t interval_usec;
};

static void service_watchdog_on_timer(void *arg)
{
        struct service_watchdog *watchdog = arg;

        if (watchdog->is_well(watchdog->arg))
                sd_notify(0, "WATCHDOG=1");
        else
                log_write(LOG_LEVEL_WARNING, LOG_EVENT_STUCK, 0,
                          "a transaction takes too long: the watchdog is not fed");
        if (loop_timer_start(watchdog->timer, watchdog->interval_usec))
                log_error("the watchdog's timer could not be started");
}

struct service_watchdog *service_watchdog_free(struct service_watchdog *watchdog)
{
        if (!watchdog)
                return NULL;
        loop_timer_free(watchdog->timer);
        free(watchdog);
        return NULL;
}

int service_watchdog_new(struct loop *loop, service_is_well_fn is_well, void *arg,
                         struct service_watchdog **out_watchdog, uint64_t *out_usec)
{
        _cleanup_(service_watchdog_freep) struct service_watchdog *watchdog = NULL;
        uint64_t usec;
        int r;

        if (sd_watchdog_enabled(0, &usec) <= 0) {
                *out_watchdog = NULL;
                *out_usec = 0;
                return 0;
        }
        watchdog = calloc(1, sizeof(*watchdog));
        if (!watchdog)
                return FAULT(-ENOMEM);
        watchdog->is_well = is_well;
        watchdog->arg = arg;
        watchdog->interval_usec = usec / 2;
        r = loop_timer_new(loop, service_watchdog_on_timer, watchdog, &watchdog->timer);
        if (r == 0)
                r = loop_timer_start(watchdog->timer, watchdog->interval_usec);
        if (r)
                return PASS(r);
        *out_usec = usec;
        *out_watchdog = TAKE_PTR(watchdog);
        return 0;
}

/* ----------------------------------------------------------------------------------------- log */

/* clang-format off */
/* Made by `journalctl --new-id128`; `journalctl MESSAGE_ID=...` finds an event by them. */
static const struct {
        const char *name, *id;
} service_events[] = {
        [LOG_EVENT_NONE]         = { NULL, NULL },
        [LOG_EVENT_STARTED]      = { "started",      "5f230f0988504bc1bf2b46b1f51f845d" },
        [LOG_EVENT_STOPPED]      = { "stopped",      "a3fbe521dfb64e4abafb2e2b77c2b061" },
        [LOG_EVENT_RELOADED]     = { "reloaded",     "ddeb45b2e40f4033ae2bb7256ce1847d" },
        [LOG_EVENT_CONFIG_BAD]   = { "config-bad",   "8e134124d3c9470c845e5f6ebe72c850" },
        [LOG_EVENT_JOB_LOST]     = { "job-lost",     "db1ddee2e1ef4656961d174658a015ec" },
        [LOG_EVENT_WORKER_DIED]  = { "worker-died",  "292bfb428e58493fb76adc339fa6239e" },
        [LOG_EVENT_STORE_FAILED] = { "store-failed", "5edacecd680f424aaf58bb7b41acd489" },
        [LOG_EVENT_DISK_FULL]    = { "disk-full",    "08b43996686b429dabefb851566dd3d4" },
        [LOG_EVENT_ADMIN]        = { "admin",        "e8720db48fab4927b49203bb98381e59" },
        [LOG_EVENT_START_REFUSED] = { "start-refused", "87b69b5446c8458bbe801ed28b74662d" },
        [LOG_EVENT_STUCK]        = { "stuck",        "04049ca123074e2db5232192a9e75f81" },
        [LOG_EVENT_CLIENT]       = { "client",       "8afbc96996a4449e9078ab61fbdbf0bd" },
        [LOG_EVENT_LEFT_OUT]     = { "left-out",     "aa9b8203389541bd99968e0836842e2d" },
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(service_events) == LOG_EVENT_COUNT, "an id per event");

static void service_log_field(struct iovec *field, char *text)
{
        *field = (struct iovec){ .iov_base = text, .iov_len = strlen(text) };
}

/* stderr leads to the same journal, without the fields: $JOURNAL_STREAM, which is a socket. */
static void service_log_plainly(const struct log_record *record)
{
        char line[4096];
        const int size = snprintf(line, sizeof(line), "<%d>%s\n", (int)record->level, record->text);

        if (send(STDERR_FILENO, line, MIN((size_t)size, sizeof(line) - 1),
                 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                journald_count_lost();
}

static void service_on_log(const struct log_record *record)
{
        char message[4096], priority[16], job[48], uid[32], verb[64], id[64], event[64];
        char ident[] = "SYSLOG_IDENTIFIER=jobd";
        struct iovec fields[JOURNALD_FIELDS_MAX];
        int count = 0;

        snprintf(message, sizeof(message), "MESSAGE=%s", record->text);
        snprintf(priority, sizeof(priority), "PRIORITY=%d", (int)record->level);
        service_log_field(&fields[count++], message);
        service_log_field(&fields[count++], priority);
        service_log_field(&fields[count++], ident);
        if (record->job_id) {
                snprintf(job, sizeof(job), "JOBD_JOB_ID=%" PRIu64, record->job_id);
                service_log_field(&fields[count++], job);
        }
        if (record->has_uid) {
                snprintf(uid, sizeof(uid), "JOBD_UID=%" PRIu32, record->uid);
                service_log_field(&fields[count++], uid);
        }
        if (record->verb) {
                snprintf(verb, sizeof(verb), "JOBD_VERB=%s", record->verb);
                service_log_field(&fields[count++], verb);
        }
        if (record->event > LOG_EVENT_NONE && record->event < LOG_EVENT_COUNT) {
                snprintf(id, sizeof(id), "MESSAGE_ID=%s", service_events[record->event].id);
                snprintf(event, sizeof(event), "JOBD_EVENT=%s", service_events[record->event].name);
                service_log_field(&fields[count++], id);
                service_log_field(&fields[count++], event);
        }
        if (journald_send(fields, (size_t)count) == JOURNALD_E_GONE)
                service_log_plainly(record);
}

void service_connect_log(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;
        uint64_t dev, ino;

        if (!stream || sscanf(stream, "%" SCNu64 ":%" SCNu64, &dev, &ino) != 2)
                return;
        if (fstat(STDERR_FILENO, &st) < 0 || st.st_dev != dev || st.st_ino != ino)
                return;
        journald_init(JOURNALD_SOCKET);
        log_set_sink(service_on_log);
}
