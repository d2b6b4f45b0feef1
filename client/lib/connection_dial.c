/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the connection, and making it again.
 *
 * The first time a missing daemon is an answer (or is started, where that is allowed), and only a
 * busy one is worth the patience. Later, when somebody has listened, it may be restarting: the
 * socket is tried with growing pauses until the patience is over, and a user daemon that was killed
 * and that nobody brought back within a second is started again - but not one that shut down, since
 * then somebody wants it gone. A socket of systemd's takes connections while the daemon behind it
 * is still starting, so the greeting has the patience, too. The target is resolved once, so that a
 * reconnection never reaches another daemon. Called by connection.c, one attempt per turn; only the
 * start of a daemon blocks.
 */
#include "client/lib/connection_dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/version.h"

#include "client/lib/autostart.h"

/* Who is less patient waits so long for a greeting all the same. */
#define DIAL_GREET_USEC (10 * USEC_PER_SEC)
#define DIAL_BACK_OFF_FIRST_USEC (5 * USEC_PER_MSEC)
#define DIAL_BACK_OFF_LAST_USEC (250 * USEC_PER_MSEC)
#define DIAL_RESTART_AFTER_USEC USEC_PER_SEC
#define DIAL_REFUSALS_MAX 10

void dial_begin(struct jobctl *conn)
{
        const uint64_t now = clock_mono_usec();

        conn->state = CONN_DIALING;
        conn->failure.code = JOBCTL_OK;
        conn->dialing_since_usec = now;
        conn->give_up_usec = now + conn->patience_usec;
        conn->next_try_usec = now;
        conn->back_off_usec = DIAL_BACK_OFF_FIRST_USEC;
        conn_wake(conn);
}

uint64_t dial_next_usec(const struct jobctl *conn)
{
        if (conn->state == CONN_DIALING)
                return conn->next_try_usec;
        if (conn->state == CONN_GREETING)
                return conn->greet_by_usec;
        return USEC_NONE;
}

/* Not now: a later attempt, or the end when the patience is over. */
static void dial_put_off(struct jobctl *conn)
{
        const uint64_t now = clock_mono_usec();

        if (now >= conn->give_up_usec) {
                conn_fail(conn);
                return;
        }
        conn->state = CONN_DIALING;
        conn->next_try_usec = MIN(now + conn->back_off_usec, conn->give_up_usec);
        conn->back_off_usec = MIN(conn->back_off_usec * 2, DIAL_BACK_OFF_LAST_USEC);
}

/*
 * A daemon that ended in order has removed its socket: somebody wants it gone, or will start it
 * himself. One that was killed left it behind.
 */
static bool dial_was_killed(const struct jobctl *conn)
{
        return access(conn->target.socket, F_OK) == 0;
}

static bool dial_may_start(const struct jobctl *conn)
{
        if (!conn->target.runtime || conn->stopping)
                return false;
        if (!conn->was_there)
                return true;
        return clock_mono_usec() >= conn->dialing_since_usec + DIAL_RESTART_AFTER_USEC &&
               dial_was_killed(conn);
}

static int dial_connect(struct jobctl *conn, int *out_fd)
{
        int r;

        if (!conn->target.socket) {
                r = find_resolve(&conn->options, &conn->target, &conn->failure);
                if (r > 0)
                        return FIND_E_REFUSED;
                if (r)
                        return PASS(r);
        }
        r = find_dial(&conn->target, out_fd, &conn->failure);
        if (r == FIND_E_NOBODY && dial_may_start(conn))
                return autostart_dial(&conn->target, out_fd, &conn->failure);
        return r;
}

/* One of JOBD_JOB_ID and JOBD_TASK_ID, which a job's processes find in their environment. */
static bool dial_read_id(const char *name, uint64_t *out_id)
{
        const char *const text = getenv(name);
        char *end;

        if (!text || text[0] < '0' || text[0] > '9')
                return false;
        errno = 0;
        *out_id = strtoull(text, &end, 10);
        return errno == 0 && *end == 0;
}

/* A job's number means nothing to another daemon than its own, whatever way its socket is named. */
static bool dial_is_of_job(const struct find_target *target)
{
        const char *const own = getenv("JOBD_SOCKET");
        struct stat ours, theirs;

        if (!own || stat(own, &ours) < 0 || stat(target->socket, &theirs) < 0)
                return true;
        return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Inside a job: while we wait for others, it lends them its cores. */
static void dial_say_where(const struct jobctl *conn, Jobd__Hello *hello)
{
        if (!dial_is_of_job(&conn->target))
                return;
        hello->has_inside_job = dial_read_id("JOBD_JOB_ID", &hello->inside_job);
        hello->has_inside_task =
                hello->has_inside_job && dial_read_id("JOBD_TASK_ID", &hello->inside_task);
}

static int dial_greet(struct jobctl *conn, int fd)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Hello hello = JOBD__HELLO__INIT;
        char build[sizeof("jobctl ") + VERSION_BYTES];
        int r;

        r = link_new(fd, &conn->link);
        if (r)
                return PASS(r);
        hello.magic = WIRE_MAGIC;
        hello.version_min = WIRE_VERSION;
        hello.version_max = WIRE_VERSION;
        snprintf(build, sizeof(build), "jobctl %s", version_text);
        hello.build = build;
        dial_say_where(conn, &hello);
        request.tag = conn->next_tag++;
        request.body_case = JOBD__REQUEST__BODY_HELLO;
        request.hello = &hello;
        r = link_send(conn->link, &request.base);
        if (r)
                return PASS(r);
        conn->state = CONN_GREETING;
        conn->was_there = true;
        conn->greet_by_usec = MAX(clock_mono_usec() + DIAL_GREET_USEC, conn->give_up_usec);
        conn_send_early(conn);
        return 0;
}

static void dial_try(struct jobctl *conn)
{
        int fd = -1;
        int r;

        r = dial_connect(conn, &fd);
        if (r == 0)
                r = dial_greet(conn, fd);
        if (r == FIND_E_AGAIN || (r == FIND_E_NOBODY && conn->was_there && !conn->stopping)) {
                dial_put_off(conn);
                return;
        }
        if (r < 0)
                failure_from(&conn->failure, r, "connecting to the daemon");
        if (r)
                conn_fail(conn);
}

void dial_on_time(struct jobctl *conn)
{
        const uint64_t now = clock_mono_usec();

        if (conn->state == CONN_DIALING && now >= conn->next_try_usec) {
                dial_try(conn);
                return;
        }
        if (conn->state != CONN_GREETING || now < conn->greet_by_usec)
                return;
        conn_drop_link(conn);
        failure_set(&conn->failure, JOBCTL_E_NO_DAEMON,
                    "the daemon at %s accepts connections but does not answer",
                    conn->target.socket);
        conn_fail(conn);
}

/* It went away before it had answered: restarting, or no jobd at all. */
void dial_on_broken_greeting(struct jobctl *conn)
{
        conn->refusals++;
        failure_set(&conn->failure, JOBCTL_E_NO_DAEMON,
                    "who listens at %s closes connections without a greeting", conn->target.socket);
        if (conn->refusals < DIAL_REFUSALS_MAX)
                dial_put_off(conn);
        else
                conn_fail(conn);
}

/*
 * A daemon that cannot start says so to those who wait for it. Who was served before it ended is
 * patient: somebody puts it right.
 */
static void dial_refused(struct jobctl *conn, const Jobd__Error *error)
{
        const bool cannot_start = error->code == JOBD__ERROR_CODE__ERROR_INTERNAL;

        failure_set(&conn->failure, cannot_start ? JOBCTL_E_NO_DAEMON : (int)error->code, "%s",
                    error->message);
        if (error->code != JOBD__ERROR_CODE__ERROR_BUSY && !(cannot_start && conn->build)) {
                conn_fail(conn);
                return;
        }
        conn_drop_link(conn);
        dial_put_off(conn);
}

void dial_on_greeting(struct jobctl *conn, const Jobd__Reply *reply)
{
        const Jobd__HelloOk *ok;

        if (reply->body_case == JOBD__REPLY__BODY_ERROR) {
                dial_refused(conn, reply->error);
                return;
        }
        if (reply->body_case != JOBD__REPLY__BODY_HELLO_OK) {
                failure_set(&conn->failure, JOBCTL_E_PROTOCOL,
                            "who listens at %s is no jobd: it did not greet", conn->target.socket);
                conn_fail(conn);
                return;
        }
        ok = reply->hello_ok;
        free(conn->build);
        conn->build = strdup(ok->build);
        conn->system_mode = ok->system_mode;
        conn->state = CONN_UP;
        conn->refusals = 0;
        conn_send_all(conn);
}
