/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to jobd's private socket, kept by redialling:
 *
 *    WAITING --connect, peer is right--> GREETED (Hello sent) --Welcome--> UP
 *       ^                                    |                             |
 *       '------------- the channel ended ----'-----------------------------'
 *
 * While it waits for jobd nothing polls: inotify watches the socket's folder, or the nearest parent
 * that exists, and every event there is a reason to dial. Because bind(2) makes the file before
 * listen(2) makes it answer, a refusal is tried again a few times at growing distance, and then
 * only the next event counts. A jobd that takes us and hangs up before Welcome (another version)
 * is tried again slowly.
 *
 * Promises: the listener's uid is checked before a byte is sent; on_down follows every on_dialled;
 * a dead channel is freed in link_turn(), never in a callback. Nothing is kept here for later:
 * whoever needs an answer repeats its report after on_up.
 *
 * Used by worker.c and pool.c.
 */
#include "worker/link.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/usocket.h"

#include "proto/channel.h"
#include "proto/frame.h"

#define LINK_RETRY_FIRST_USEC (1 * USEC_PER_MSEC)
#define LINK_RETRY_LAST_USEC (256 * USEC_PER_MSEC) /* then only inotify */
#define LINK_PATIENCE_USEC (5 * USEC_PER_MSEC)
#define LINK_REFUSED_FIRST_USEC (100 * USEC_PER_MSEC)
#define LINK_REFUSED_MAX_USEC (5 * USEC_PER_SEC)
#define LINK_EVENTS                                                                                \
        (IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

enum link_state {
        LINK_WAITING,
        LINK_GREETED,
        LINK_UP,
};

struct link {
        uint64_t patient_usec;    /* until then, what is queued may wait for more; 0: it may not */
        struct loop *loop;        /* borrowed: outlives us */
        struct link_options with; /* members borrowed, see link.h */
        const struct link_ops *ops; /* borrowed */
        void *arg;
        enum link_state state;
        struct channel *channel;          /* owned; NULL while waiting */
        struct channel *dead;             /* owned; freed at the end of the turn */
        int inotify_fd;                   /* owned */
        int inotify_wd;                   /* -1: no folder is watched */
        struct loop_watch *inotify_watch; /* owned */
        struct loop_timer *retry;         /* owned */
        uint64_t retry_usec;              /* the next distance; 0: only inotify */
        uint64_t refused_usec;            /* distance after a link that ended before Welcome */
};

static void link_dial(struct link *link);

static const char *const link_end_words[] = {
        [CHANNEL_END_EOF] = "closed",
        [CHANNEL_END_CUT] = "cut",
        [CHANNEL_END_BAD] = "sent what is no frame",
        [CHANNEL_END_FAULT] = "failed",
};

/* ---------------------------------------------------------------------- waiting for the socket */

static void link_forget_folder(struct link *link)
{
        if (link->inotify_wd >= 0)
                (void)inotify_rm_watch(link->inotify_fd, link->inotify_wd);
        link->inotify_wd = -1;
}

/* Watches the socket's folder or the nearest parent that exists. False: inotify refuses. */
static bool link_watch_folder(struct link *link)
{
        /* A folder may appear between the look at it and the watch on its parent: look again. */
        for (int round = 0; round < 64; round++) {
                _cleanup_(freep) char *path = strdup(link->with.socket_path);
                char *folder = path ? dirname(path) : NULL;
                bool is_parent = false;
                int wd = -1;

                while (folder) {
                        wd = inotify_add_watch(link->inotify_fd, folder, LINK_EVENTS);
                        if (wd >= 0 || (errno != ENOENT && errno != ENOTDIR && errno != EACCES))
                                break;
                        if (strcmp(folder, "/") == 0 || strcmp(folder, ".") == 0)
                                break;
                        folder = dirname(folder);
                        is_parent = true;
                }
                if (wd < 0)
                        return false;
                if (link->inotify_wd >= 0 && link->inotify_wd != wd)
                        (void)inotify_rm_watch(link->inotify_fd, link->inotify_wd);
                const bool is_same = link->inotify_wd == wd;
                link->inotify_wd = wd;
                if (!is_parent || is_same)
                        return true;
        }
        return true;
}

static void link_retry_after(struct link *link, uint64_t delay_usec)
{
        if (loop_timer_start(link->retry, delay_usec))
                log_debug("a timer cannot be started");
}

/* There is something to hope for: dial now, and for a short time again. */
static void link_try(struct link *link)
{
        link->retry_usec = LINK_RETRY_FIRST_USEC;
        link_dial(link);
}

static void link_on_inotify(void *arg, _unused_ unsigned int flags)
{
        struct link *link = arg;
        char events[4096] __attribute__((__aligned__(8)));

        while (read(link->inotify_fd, events, sizeof(events)) > 0)
                continue;
        if (link->state == LINK_WAITING)
                link_try(link);
}

static void link_on_retry(void *arg)
{
        struct link *link = arg;

        if (link->state == LINK_WAITING)
                link_dial(link);
}

/* --------------------------------------------------------------------------------- the channel */

static void link_take_order(struct link *link, const Jobd__Work__Order *order)
{
        const bool is_welcome = order->body_case == JOBD__WORK__ORDER__BODY_WELCOME;

        if (link->state == LINK_GREETED && is_welcome) {
                link->state = LINK_UP;
                link->refused_usec = LINK_REFUSED_FIRST_USEC;
                channel_set_frame_max(link->channel, FRAME_MAX);
                link->ops->on_up(link->arg, order->welcome);
                return;
        }
        if (link->state == LINK_UP && !is_welcome)
                link->ops->on_order(link->arg, order);
}

static void link_on_frame(void *arg, const uint8_t *body, size_t size, int passed_fd)
{
        _cleanup_(wire_free_orderp) Jobd__Work__Order *order = NULL;
        struct link *link = arg;
        struct reason why = { "" };

        fd_close(passed_fd);
        if (!link->channel)
                return;
        if (wire_unpack_order(body, size, &order, &why)) {
                log_warning("an order of jobd's was not understood: %s", why.text);
                return;
        }
        link_take_order(link, order);
}

static void link_on_end(void *arg, enum channel_end end)
{
        struct link *link = arg;
        const bool was_up = link->state == LINK_UP;

        log_debug("the link to jobd %s", link_end_words[end]);
        link->state = LINK_WAITING;
        link->dead = TAKE_PTR(link->channel);
        link->ops->on_down(link->arg);
        loop_wake(link->loop);
        link->retry_usec = LINK_RETRY_FIRST_USEC;
        if (was_up) {
                link_retry_after(link, 0);
                return;
        }
        link_retry_after(link, link->refused_usec);
        link->refused_usec = MIN(2 * link->refused_usec, LINK_REFUSED_MAX_USEC);
}

static const struct channel_ops link_channel_ops = {
        .on_frame = link_on_frame,
        .on_end = link_on_end,
};

static bool link_is_peer_right(const struct link *link, int fd)
{
        struct usocket_peer peer = { .groups = NULL };

        if (usocket_read_peer(fd, 0, &peer))
                return false;
        const uid_t uid = peer.uid;
        usocket_peer_deinit(&peer);
        return uid == 0 || uid == link->with.owner_uid;
}

static int link_connect(struct link *link)
{
        static const struct channel_options options = { .frame_max_bytes = FRAME_MAX };
        _cleanup_(fd_closep) int fd = -1;
        int r;

        r = usocket_connect(link->with.socket_path, &fd);
        if (r)
                return r < 0 ? PASS(r) : r;
        if (!link_is_peer_right(link, fd)) {
                log_warning("%s is held by a stranger: not talking to it", link->with.socket_path);
                return FAULT(-EPERM);
        }
        r = channel_new(link->loop, TAKE_FD(fd), &options, &link_channel_ops, link, &link->channel);
        return PASS(r);
}

static void link_greet(struct link *link)
{
        Jobd__Work__Hello hello = *link->with.hello;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        report.body_case = JOBD__WORK__REPORT__BODY_HELLO;
        report.hello = &hello;
        link->state = LINK_GREETED;
        if (channel_send(link->channel, &report.base, 0, -1))
                log_debug("hello could not be queued");
        if (link->ops->on_dialled)
                link->ops->on_dialled(link->arg);
        loop_wake(link->loop);
}

static void link_dial(struct link *link)
{
        bool is_watched;
        int r;

        is_watched = link_watch_folder(link);
        r = link_connect(link);
        if (r == 0) {
                loop_timer_stop(link->retry);
                link_forget_folder(link);
                link_greet(link);
                return;
        }
        if (r != USOCKET_E_NOBODY || !is_watched)
                link->retry_usec = MAX(link->retry_usec, LINK_RETRY_FIRST_USEC);
        if (link->retry_usec == 0)
                return;
        link_retry_after(link, link->retry_usec);
        link->retry_usec *= 2;
        if (link->retry_usec > LINK_RETRY_LAST_USEC)
                link->retry_usec = r == USOCKET_E_NOBODY && is_watched ? 0 : USEC_PER_SEC;
}

/* -------------------------------------------------------------------------------------- public */

int link_new(struct loop *loop, const struct link_options *options, const struct link_ops *ops,
             void *arg, struct link **out_link)
{
        _cleanup_(link_freep) struct link *link = calloc(1, sizeof(*link));
        int r;

        if (!link)
                return FAULT(-ENOMEM);
        link->loop = loop;
        link->with = *options;
        link->ops = ops;
        link->arg = arg;
        link->inotify_wd = -1;
        link->refused_usec = LINK_REFUSED_FIRST_USEC;
        link->retry_usec = LINK_RETRY_FIRST_USEC;
        link->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (link->inotify_fd < 0)
                return FAULT(-errno);
        r = loop_watch_new(loop, link->inotify_fd, LOOP_READ, link_on_inotify, link,
                           &link->inotify_watch);
        if (r)
                return PASS(r);
        r = loop_timer_new(loop, link_on_retry, link, &link->retry);
        if (r)
                return PASS(r);
        r = loop_timer_start(link->retry, 0);
        if (r)
                return PASS(r);
        *out_link = TAKE_PTR(link);
        return 0;
}

struct link *link_free(struct link *link)
{
        if (!link)
                return NULL;
        channel_free(link->channel);
        channel_free(link->dead);
        loop_timer_free(link->retry);
        loop_watch_free(link->inotify_watch);
        fd_close(link->inotify_fd);
        free(link);
        return NULL;
}

bool link_is_dialled(const struct link *link)
{
        return link->state != LINK_WAITING;
}

bool link_is_up(const struct link *link)
{
        return link->state == LINK_UP;
}

static void link_queue(struct link *link, const Jobd__Work__Report *report)
{
        if (link->state != LINK_UP)
                return;
        /* CLOSED: on_end is on its way. Without memory: dial again, everything is repeated then. */
        if (channel_send(link->channel, &report->base, 0, -1) < 0)
                (void)shutdown(channel_fd(link->channel), SHUT_RDWR);
}

void link_send(struct link *link, const Jobd__Work__Report *report)
{
        link->patient_usec = 0;
        link_queue(link, report);
}

void link_send_patiently(struct link *link, const Jobd__Work__Report *report)
{
        /* Only what stands in an empty queue can wait: frames keep their order. */
        if (!link->channel || channel_pending_bytes(link->channel) == 0)
                link->patient_usec = clock_mono_usec() + LINK_PATIENCE_USEC;
        link_queue(link, report);
}

void link_turn(struct link *link, bool more_to_come)
{
        link->dead = channel_free(link->dead);
        if (!link->channel)
                return;
        if (more_to_come && link->patient_usec && clock_mono_usec() < link->patient_usec)
                return;
        channel_flush(link->channel);
}

size_t link_pending_bytes(const struct link *link)
{
        return link->channel ? channel_pending_bytes(link->channel) : 0;
}
