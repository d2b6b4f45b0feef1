/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public functions about a connection as a whole: making and freeing it, where the daemon is,
 * connecting at once, what is known of the daemon.
 *
 * Freeing ends everything without waiting: what awaits an answer is told that it will not come,
 * streams vanish without a callback. The work between is in connection.c and connection_dial.c.
 * Called by users of jobctl.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "common/clock.h"
#include "common/version.h"

#include "client/lib/connection.h"
#include "client/lib/connection_dial.h"

#define API_PATIENCE_USEC (60 * USEC_PER_SEC)

struct jobctl *jobctl_free(struct jobctl *conn)
{
        struct call *call;

        if (!conn)
                return NULL;
        conn->link = link_free(conn->link);
        conn->state = CONN_DOWN;
        while ((call = TAILQ_FIRST(&conn->calls)))
                call_free(call);
        while ((call = TAILQ_FIRST(&conn->idle)))
                call_free(call);
        find_target_deinit(&conn->target);
        free(conn->options.socket);
        free(conn->options.state_dir);
        free(conn->build);
        fd_close(conn->timer_fd);
        fd_close(conn->epoll_fd);
        free(conn);
        return NULL;
}
DEFINE_CLEANUP(struct jobctl *, jobctl_free);

int jobctl_new(struct jobctl **out_conn)
{
        _cleanup_(jobctl_freep) struct jobctl *conn = NULL;
        struct epoll_event event = { .events = EPOLLIN };

        conn = calloc(1, sizeof(*conn));
        if (!conn)
                return JOBCTL_E_SYSTEM;
        TAILQ_INIT(&conn->calls);
        TAILQ_INIT(&conn->idle);
        TAILQ_INIT(&conn->dead);
        conn->next_tag = 1;
        conn->patience_usec = API_PATIENCE_USEC;
        conn->timer_at_usec = USEC_NONE;
        conn->options.autostart = true;
        conn->options.system_socket = FIND_SYSTEM_SOCKET;
        conn->timer_fd = -1;
        conn->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (conn->epoll_fd < 0)
                return JOBCTL_E_SYSTEM;
        conn->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (conn->timer_fd < 0 ||
            epoll_ctl(conn->epoll_fd, EPOLL_CTL_ADD, conn->timer_fd, &event) < 0)
                return JOBCTL_E_SYSTEM;
        *out_conn = TAKE_PTR(conn);
        return JOBCTL_OK;
}

const char *jobctl_error_text(const struct jobctl *conn)
{
        if (!conn)
                return "out of memory or descriptors";
        return conn->failure.text[0] ? conn->failure.text : "no error";
}

static int api_set_string(struct jobctl *conn, char **where, const char *value)
{
        char *copy = NULL;

        if (value) {
                copy = strdup(value);
                if (!copy)
                        return failure_from(&conn->failure, -ENOMEM, "an option");
        }
        free(*where);
        *where = copy;
        return JOBCTL_OK;
}

int jobctl_set_socket(struct jobctl *conn, const char *path)
{
        return api_set_string(conn, &conn->options.socket, path);
}

int jobctl_set_state_dir(struct jobctl *conn, const char *path)
{
        return api_set_string(conn, &conn->options.state_dir, path);
}

void jobctl_set_place(struct jobctl *conn, enum jobctl_place place)
{
        conn->options.place = place;
}

void jobctl_set_autostart(struct jobctl *conn, bool on)
{
        conn->options.autostart = on;
}

void jobctl_set_patience(struct jobctl *conn, uint64_t usec)
{
        conn->patience_usec = usec;
}

int jobctl_connect(struct jobctl *conn)
{
        if (conn->state == CONN_DOWN)
                dial_begin(conn);
        while (conn->state == CONN_DIALING || conn->state == CONN_GREETING) {
                const int r = conn_turn(conn, USEC_NONE);

                if (r)
                        return r;
        }
        return conn->state == CONN_UP ? JOBCTL_OK : conn->failure.code;
}

const char *jobctl_socket_path(const struct jobctl *conn)
{
        return conn->target.socket;
}

const char *jobctl_daemon_build(const struct jobctl *conn)
{
        return conn->build;
}

bool jobctl_daemon_is_system(const struct jobctl *conn)
{
        return conn->system_mode;
}

bool jobctl_is_connected(const struct jobctl *conn)
{
        return conn->state == CONN_UP;
}

const char *jobctl_version(void)
{
        return version_text;
}

int jobctl_fd(const struct jobctl *conn)
{
        return conn->epoll_fd;
}
