/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that speaks in frames.
 *
 * Out: frames are packed into the outbox, which keeps apart what may leave and what waits for the
 * journal; channel_flush() or a writable socket sends the first kind.
 *
 * In: bytes go to the assembler, which hands out whole frames. One callback reads at most
 * CHANNEL_READ_MAX bytes and writes at most CHANNEL_WRITE_MAX, so that one peer cannot keep the
 * loop.
 *
 * Promises: the callbacks are called from the loop only, never from within a function that the
 * owner called: an error met by channel_flush() is kept and told by a timer that fires at once,
 * and so are frames that were left when reading was stopped. on_end comes once and is the last
 * one. It ends the channel in both directions; frames that were already complete are handed out
 * before, also when it was writing that failed. Nothing here frees the channel, closes the
 * descriptor, or ends the process.
 *
 * Used by sessions and worker links in jobd, by the workers and their pool, and by libjobctl.
 */
#include "proto/channel.h"

#include <errno.h>
#include <sys/uio.h>

#include "common/error.h"
#include "common/usocket.h"

#include "proto/assembler.h"
#include "proto/frame.h"
#include "proto/outbox.h"

#define CHANNEL_READ_MAX (256U * 1024)
#define CHANNEL_WRITE_MAX (1024U * 1024)
#define CHANNEL_IOV_MAX 64

struct channel {
        int fd;                        /* owned */
        const struct channel_ops *ops; /* borrowed from the owner */
        void *arg;
        struct loop_watch *watch; /* owned */
        struct loop_timer *kick;  /* owned; runs channel_on_kick() in the next turn */
        uint32_t frame_max_bytes;
        size_t out_max_bytes;
        bool take_fds;
        bool reading;         /* the owner wants frames */
        bool stuck;           /* the socket takes nothing now: wait for LOOP_WRITE */
        bool broken;          /* writing failed: what can still be read is, then it ends */
        bool ended;           /* nothing moves any more; on_end was called or will be by the kick */
        bool told;            /* on_end was called */
        size_t partial_bytes; /* as on_partial last told */
        enum channel_end end;

        struct assembler in;
        /*
         * Descriptors of frames that are not complete. Two are enough: one read may end the frame
         * that the first came with, and begin the frame of the second.
         */
        struct channel_passed {
                int fd;       /* owned, or -1; the first is the older one */
                uint64_t end; /* its frame holds the byte before this place in the stream */
        } passed[2];

        struct outbox out; /* owned */
};

static void channel_on_watch(void *arg, unsigned int flags);
static void channel_on_kick(void *arg);

int channel_new(struct loop *loop, int fd, const struct channel_options *options,
                const struct channel_ops *ops, void *arg, struct channel **out_channel)
{
        _cleanup_(channel_freep) struct channel *channel = NULL;
        int r;

        channel = calloc(1, sizeof(*channel));
        if (!channel) {
                fd_close(fd);
                return FAULT(-ENOMEM);
        }
        *channel = (struct channel){
                .fd = fd,
                .ops = ops,
                .arg = arg,
                .frame_max_bytes = options->frame_max_bytes,
                .out_max_bytes = options->out_max_bytes,
                .take_fds = options->take_fds,
                .reading = true,
                .passed = { { .fd = -1 }, { .fd = -1 } },
        };
        outbox_init(&channel->out);
        r = loop_timer_new(loop, channel_on_kick, channel, &channel->kick);
        if (r < 0)
                return PASS(r);
        r = loop_watch_new(loop, fd, LOOP_READ, channel_on_watch, channel, &channel->watch);
        if (r < 0)
                return PASS(r);
        *out_channel = TAKE_PTR(channel);
        return 0;
}

struct channel *channel_free(struct channel *channel)
{
        if (!channel)
                return NULL;
        loop_watch_free(channel->watch);
        loop_timer_free(channel->kick);
        outbox_deinit(&channel->out);
        fd_close(channel->passed[0].fd);
        fd_close(channel->passed[1].fd);
        assembler_deinit(&channel->in);
        fd_close(channel->fd);
        free(channel);
        return NULL;
}

/* ------------------------------------------------------------------------------- how it ends */

/* From here nothing is read or written; whoever calls this sees to it that on_end is called. */
static void channel_set_end(struct channel *channel, enum channel_end end)
{
        if (channel->ended)
                return;
        channel->ended = true;
        channel->end = channel->broken && end == CHANNEL_END_EOF ? CHANNEL_END_CUT : end;
        if (loop_watch_set(channel->watch, 0) < 0)
                channel->end = CHANNEL_END_FAULT;
}

/* Only from the loop. */
static void channel_tell_end(struct channel *channel)
{
        if (channel->told)
                return;
        channel->told = true;
        loop_timer_stop(channel->kick);
        channel->ops->on_end(channel->arg, channel->end);
}

static void channel_kick(struct channel *channel)
{
        /* A timer that cannot be started leaves the descriptor's own readiness to tell. */
        if (loop_timer_start(channel->kick, 0) < 0)
                channel->end = CHANNEL_END_FAULT;
}

/* Watches for what we want now; a loop that refuses ends the channel. */
static void channel_update_watch(struct channel *channel)
{
        const unsigned int flags = (channel->reading ? (unsigned int)LOOP_READ : 0U) |
                                   (channel->stuck ? (unsigned int)LOOP_WRITE : 0U);

        if (channel->ended || loop_watch_set(channel->watch, flags) >= 0)
                return;
        channel_set_end(channel, CHANNEL_END_FAULT);
        channel_kick(channel);
}

/* ---------------------------------------------------------------------------------- frames in */

/* A frame has one descriptor at most; jobd never sends more, and what is too much is closed. */
static void channel_keep_passed(struct channel *channel, int fd, uint64_t end)
{
        for (size_t i = 0; i < ARRAY_SIZE(channel->passed); i++)
                if (channel->passed[i].fd < 0) {
                        channel->passed[i] = (struct channel_passed){ fd, end };
                        return;
                }
        fd_close(fd);
}

/* The descriptor that came with the frame which ends before `end_offset`, or -1. */
static int channel_take_passed(struct channel *channel, uint64_t end_offset)
{
        struct channel_passed *passed = channel->passed;
        int fd;

        if (passed[0].fd < 0 || passed[0].end > end_offset)
                return -1;
        fd = passed[0].fd;
        passed[0] = passed[1];
        passed[1].fd = -1;
        return fd;
}

/*
 * Only while the owner reads: else whole frames may be among what waits. is_another: frames were
 * completed, so what waits now is of a new one.
 */
static void channel_tell_partial(struct channel *channel, bool is_another)
{
        const size_t waiting = assembler_waiting_bytes(&channel->in);

        if (!channel->ops->on_partial || !channel->reading || channel->ended ||
            (waiting == channel->partial_bytes && !(is_another && waiting > 0)))
                return;
        channel->partial_bytes = waiting;
        channel->ops->on_partial(channel->arg, waiting);
}

/* Hands out what is complete. Ends the channel at a bad header. */
static void channel_deliver(struct channel *channel)
{
        bool any = false;

        while (channel->reading && !channel->ended) {
                const uint8_t *body;
                size_t body_bytes;
                uint64_t end_offset;
                int r;

                r = assembler_next(&channel->in, channel->frame_max_bytes, &body, &body_bytes,
                                   &end_offset);
                if (r == FRAME_E_MORE)
                        break;
                if (r != 0) {
                        channel_set_end(channel, CHANNEL_END_BAD);
                        break;
                }
                channel->ops->on_frame(channel->arg, body, body_bytes,
                                       channel_take_passed(channel, end_offset));
                any = true;
        }
        assembler_trim(&channel->in);
        channel_tell_partial(channel, any);
}

static enum channel_end channel_end_of_errno(int error)
{
        return error == ENOMEM || error == EBADF || error == EINVAL ? CHANNEL_END_FAULT
                                                                    : CHANNEL_END_CUT;
}

/* read(2) where no descriptors are wanted: the kernel drops those that were passed. */
static int channel_receive_plain(struct channel *channel, uint8_t *room, size_t size,
                                 size_t *out_received)
{
        ssize_t n;

        do {
                n = read(channel->fd, room, size);
        } while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return USOCKET_E_AGAIN;
        /* A peer that closed with bytes unread has closed all the same. */
        if (n == 0 || (n < 0 && errno == ECONNRESET))
                return USOCKET_E_EOF;
        if (n < 0)
                return FAULT(-errno);
        *out_received = (size_t)n;
        return 0;
}

static int channel_receive(struct channel *channel, uint8_t *room, size_t size,
                           size_t *out_received)
{
        int passed_fd = -1;
        int r;

        if (!channel->take_fds)
                return channel_receive_plain(channel, room, size, out_received);
        r = usocket_receive(channel->fd, room, size, out_received, &passed_fd);
        if (r == 0 && passed_fd >= 0)
                channel_keep_passed(channel, passed_fd,
                                    assembler_end_offset(&channel->in) + *out_received);
        return r;
}

/* One read. 0 when there may be more, else USOCKET_E_AGAIN; may end the channel. */
static int channel_read_once(struct channel *channel, size_t *total)
{
        uint8_t *room;
        size_t room_bytes, received = 0;
        int r;

        r = assembler_reserve(&channel->in, &room, &room_bytes);
        if (r < 0) {
                channel_set_end(channel, CHANNEL_END_FAULT);
                return USOCKET_E_AGAIN;
        }
        r = channel_receive(channel, room, room_bytes, &received);
        if (r == USOCKET_E_EOF)
                channel_set_end(channel, assembler_waiting_bytes(&channel->in) > 0
                                                 ? CHANNEL_END_CUT
                                                 : CHANNEL_END_EOF);
        else if (r < 0)
                channel_set_end(channel, channel_end_of_errno(-r));
        if (r != 0)
                return USOCKET_E_AGAIN;
        assembler_commit(&channel->in, received);
        *total += received;
        channel_deliver(channel);
        /* A short read has emptied the socket; asking again would only cost a call. */
        return received < room_bytes ? USOCKET_E_AGAIN : 0;
}

static void channel_read(struct channel *channel)
{
        size_t total = 0;

        /* What was left when reading was stopped comes first, also before an end. */
        channel_deliver(channel);
        while (channel->reading && !channel->ended && total < CHANNEL_READ_MAX)
                if (channel_read_once(channel, &total) != 0)
                        break;
        assembler_trim(&channel->in);
}

void channel_set_frame_max(struct channel *channel, uint32_t frame_max_bytes)
{
        channel->frame_max_bytes = frame_max_bytes;
}

void channel_set_reading(struct channel *channel, bool on)
{
        if (channel->reading == on || channel->ended)
                return;
        channel->reading = on;
        channel_update_watch(channel);
        /* Frames may be left that no readiness of the descriptor tells of. */
        if (on && assembler_waiting_bytes(&channel->in) > 0)
                channel_kick(channel);
}

/* --------------------------------------------------------------------------------- frames out */

int channel_send(struct channel *channel, const ProtobufCMessage *message, uint64_t barrier,
                 int pass_fd)
{
        _cleanup_(fd_closep) int owned_fd = pass_fd;
        const size_t waiting = outbox_memory_bytes(&channel->out);
        size_t body_bytes;
        int r;

        if (channel->ended || channel->broken)
                return CHANNEL_E_CLOSED;
        body_bytes = protobuf_c_message_get_packed_size(message);
        if (body_bytes == 0 || body_bytes > FRAME_MAX)
                return FAULT(-EMSGSIZE);
        if (channel->out_max_bytes > 0 && waiting > 0 &&
            waiting + body_bytes > channel->out_max_bytes)
                return CHANNEL_E_FULL;
        r = outbox_put(&channel->out, message, body_bytes, barrier, TAKE_FD(owned_fd));
        return r < 0 ? PASS(r) : 0;
}

void channel_release(struct channel *channel, uint64_t durable)
{
        outbox_release(&channel->out, durable);
}

bool channel_is_held(const struct channel *channel)
{
        return !STAILQ_EMPTY(&channel->out.held);
}

/* Writes until nothing is left or the socket is full. May find the channel broken. */
static void channel_write(struct channel *channel)
{
        struct iovec iov[CHANNEL_IOV_MAX];
        size_t total = 0;

        channel->stuck = false;
        while (outbox_is_sendable(&channel->out)) {
                int pass_fd, count, r;
                size_t sent = 0;

                if (total >= CHANNEL_WRITE_MAX) {
                        channel->stuck = true;
                        break;
                }
                count = outbox_gather(&channel->out, iov, CHANNEL_IOV_MAX, &pass_fd);
                r = usocket_send(channel->fd, iov, count, pass_fd, &sent);
                if (r == USOCKET_E_AGAIN)
                        channel->stuck = true;
                else if (r < 0)
                        channel->broken = true;
                if (r != 0)
                        break;
                outbox_sent(&channel->out, sent);
                total += sent;
        }
        channel_update_watch(channel);
}

void channel_flush(struct channel *channel)
{
        if (channel->ended || channel->broken || channel->stuck ||
            !outbox_is_sendable(&channel->out))
                return;
        channel_write(channel);
        if (channel->broken)
                channel_kick(channel);
}

size_t channel_pending_bytes(const struct channel *channel)
{
        return channel->out.pending_bytes;
}

int channel_fd(const struct channel *channel)
{
        return channel->fd;
}

/* ------------------------------------------------------------------------------ from the loop */

/* What the peer sent before it went is not lost; then the broken channel ends. */
static void channel_finish(struct channel *channel)
{
        if (channel->broken && !channel->ended) {
                channel_read(channel);
                channel_set_end(channel, CHANNEL_END_CUT);
        }
        if (channel->ended)
                channel_tell_end(channel);
}

static void channel_on_watch(void *arg, unsigned int flags)
{
        struct channel *channel = arg;

        if (!channel->ended && !channel->broken && (flags & LOOP_WRITE)) {
                channel_write(channel);
                if (!channel->broken && !channel->stuck && channel->ops->on_drained)
                        channel->ops->on_drained(channel->arg);
        }
        if (!channel->ended && channel->reading && (flags & LOOP_READ))
                channel_read(channel);
        channel_finish(channel);
}

static void channel_on_kick(void *arg)
{
        struct channel *channel = arg;

        channel_deliver(channel);
        channel_finish(channel);
}
