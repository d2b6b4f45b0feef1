/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c and outbox.c over a socket pair: one end is the channel under test, the other a second
 * channel or a bare descriptor that sends bytes as no channel would.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/clock.h"

#include "proto/channel.h"
#include "proto/frame.h"

#include "tests/unit/suite.h"

#define GOT_MAX 20000

/* What one end has seen. */
struct end {
        struct channel *channel;
        size_t frames;
        uint64_t tags[GOT_MAX];
        size_t fd_count;
        uint64_t fd_tag[16]; /* the frames that came with a descriptor */
        ino_t fd_inode[16];
        size_t ends;
        enum channel_end end;
        size_t drains;
        size_t partials;
        size_t partial_bytes;
        size_t stop_after; /* stop reading after so many frames; 0: never */
        size_t frame_bytes;
        bool in_call; /* a function of the channel is running: no callback may come */
};

struct pair {
        struct loop *loop;
        struct end a; /* take_fds off */
        struct end b; /* take_fds on; its channel is NULL when the other end is bare */
        int bare_fd;
        bool (*is_done)(struct pair *pair);
        size_t want;
};

static void on_frame(void *arg, const uint8_t *body, size_t size, int passed_fd)
{
        struct end *end = arg;
        Jobd__Request *request = NULL;

        ck_assert(!end->in_call);
        ck_assert_uint_eq(end->ends, 0);
        ck_assert_int_eq(wire_unpack_request(body, size, &request, NULL), 0);
        ck_assert_uint_lt(end->frames, GOT_MAX);
        end->tags[end->frames++] = request->tag;
        end->frame_bytes += size;
        if (passed_fd >= 0) {
                struct stat st;

                ck_assert_uint_lt(end->fd_count, 16);
                ck_assert_int_eq(fstat(passed_fd, &st), 0);
                end->fd_tag[end->fd_count] = request->tag;
                end->fd_inode[end->fd_count++] = st.st_ino;
                close(passed_fd);
        }
        wire_free_request(request);
        if (end->stop_after > 0 && end->frames == end->stop_after)
                channel_set_reading(end->channel, false);
}

static void on_end(void *arg, enum channel_end why)
{
        struct end *end = arg;

        ck_assert(!end->in_call);
        end->ends++;
        end->end = why;
}

static void on_drained(void *arg)
{
        struct end *end = arg;

        ck_assert(!end->in_call);
        end->drains++;
}

static void on_partial(void *arg, size_t waiting_bytes)
{
        struct end *end = arg;

        ck_assert(!end->in_call);
        ck_assert_uint_eq(end->ends, 0);
        end->partials++;
        end->partial_bytes = waiting_bytes;
}

static const struct channel_ops ops = { on_frame, on_end, on_drained, on_partial };

static void pair_init(struct pair *pair, bool bare, size_t out_max_bytes)
{
        struct channel_options options = { FRAME_MAX, out_max_bytes, false };
        int fds[2];

        memset(pair, 0, sizeof(*pair));
        pair->bare_fd = -1;
        ck_assert_int_eq(loop_new(&pair->loop), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                         0);
        ck_assert_int_eq(
                channel_new(pair->loop, fds[0], &options, &ops, &pair->a, &pair->a.channel), 0);
        options.take_fds = true;
        if (bare)
                pair->bare_fd = fds[1];
        else
                ck_assert_int_eq(
                        channel_new(pair->loop, fds[1], &options, &ops, &pair->b, &pair->b.channel),
                        0);
}

static void pair_deinit(struct pair *pair)
{
        channel_free(pair->a.channel);
        channel_free(pair->b.channel);
        fd_close(pair->bare_fd);
        loop_free(pair->loop);
}

static void on_turn(void *arg)
{
        struct pair *pair = arg;

        if (pair->is_done(pair))
                loop_stop(pair->loop, 0);
}

/* Turns the loop until `is_done`; Check's own time limit ends a test that never is. */
static void run_until(struct pair *pair, bool (*is_done)(struct pair *))
{
        pair->is_done = is_done;
        ck_assert_int_eq(loop_run(pair->loop, on_turn, pair), 0);
}

static bool b_has_wanted(struct pair *pair)
{
        return pair->b.frames >= pair->want;
}

static bool a_has_wanted(struct pair *pair)
{
        return pair->a.frames >= pair->want;
}

static bool a_has_ended(struct pair *pair)
{
        return pair->a.ends > 0;
}

/* One more turn that finds nothing: what should not come has not come. */
static bool is_second_turn(struct pair *pair)
{
        loop_wake(pair->loop);
        return pair->want-- == 0;
}

static void run_turns(struct pair *pair, size_t turns)
{
        pair->want = turns;
        run_until(pair, is_second_turn);
}

/* A ping with `tag`, made `extra` bytes longer by the build name of a hello. */
static int try_send(struct end *end, uint64_t tag, size_t extra, uint64_t barrier, int pass_fd)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__StdinData data = JOBD__STDIN_DATA__INIT;
        Jobd__Ping ping = JOBD__PING__INIT;
        int r;

        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_PING;
        request.ping = &ping;
        if (extra > 0) {
                data.has_data = 1;
                data.data.len = extra;
                data.data.data = calloc(1, extra);
                request.body_case = JOBD__REQUEST__BODY_STDIN_DATA;
                request.stdin_data = &data;
        }
        end->in_call = true;
        r = channel_send(end->channel, &request.base, barrier, pass_fd);
        end->in_call = false;
        free(data.data.data);
        return r;
}

static void send_ok(struct end *end, uint64_t tag, size_t extra, uint64_t barrier, int pass_fd)
{
        ck_assert_int_eq(try_send(end, tag, extra, barrier, pass_fd), 0);
}

static void flush(struct end *end)
{
        end->in_call = true;
        channel_flush(end->channel);
        end->in_call = false;
}

static size_t open_fds(void)
{
        DIR *dir = opendir("/proc/self/fd");
        size_t count = 0;

        ck_assert_ptr_nonnull(dir);
        while (readdir(dir))
                count++;
        closedir(dir);
        return count;
}

static void bare_write(struct pair *pair, const void *data, size_t size)
{
        ck_assert_int_eq(write(pair->bare_fd, data, size), (ssize_t)size);
}

/* ------------------------------------------------------------------------------------- tests */

START_TEST(frames_keep_their_order)
{
        struct pair pair;

        pair_init(&pair, false, 0);
        for (uint64_t tag = 0; tag < 10000; tag++)
                send_ok(&pair.a, tag, 0, 0, -1);
        ck_assert_uint_gt(channel_pending_bytes(pair.a.channel), 10000);
        flush(&pair.a);
        pair.want = 10000;
        run_until(&pair, b_has_wanted);
        for (uint64_t tag = 0; tag < 10000; tag++)
                ck_assert_uint_eq(pair.b.tags[tag], tag);
        ck_assert_uint_eq(channel_pending_bytes(pair.a.channel), 0);
        pair_deinit(&pair);
}
END_TEST

START_TEST(nothing_leaves_before_flush)
{
        struct pair pair;
        char byte;

        pair_init(&pair, true, 0);
        send_ok(&pair.a, 1, 0, 0, -1);
        run_turns(&pair, 3);
        ck_assert_int_eq(read(pair.bare_fd, &byte, 1), -1);
        flush(&pair.a);
        ck_assert_int_eq(read(pair.bare_fd, &byte, 1), 1);
        pair_deinit(&pair);
}
END_TEST

START_TEST(large_frames_pass)
{
        struct pair pair;

        pair_init(&pair, false, 0);
        for (uint64_t tag = 0; tag < 3; tag++)
                send_ok(&pair.a, tag, FRAME_MAX - 64, 0, -1);
        flush(&pair.a);
        pair.want = 3;
        run_until(&pair, b_has_wanted);
        ck_assert_uint_gt(pair.b.frame_bytes, 3 * (FRAME_MAX - 64));
        ck_assert_uint_ge(pair.a.drains, 1);
        pair_deinit(&pair);
}
END_TEST

START_TEST(one_byte_at_a_time)
{
        static const uint8_t stream[] = { 0, 0, 0, 4, 8, 1, 26, 0, 0, 0, 0, 4, 8, 2, 26, 0 };
        struct pair pair;

        pair_init(&pair, true, 0);
        for (size_t i = 0; i < sizeof(stream); i++) {
                bare_write(&pair, stream + i, 1);
                run_turns(&pair, 2);
                ck_assert_uint_eq(pair.a.frames, (i + 1) / 8);
        }
        ck_assert_uint_eq(pair.a.tags[0], 1);
        ck_assert_uint_eq(pair.a.tags[1], 2);
        ck_assert_uint_eq(pair.a.ends, 0);
        pair_deinit(&pair);
}
END_TEST

START_TEST(partial_frames_are_told)
{
        static const char stream[] = "\0\0\0\4\10\1\32\0\0\0\0\4\10\2\32\0";
        static const struct {
                size_t bytes, partials, waiting, frames;
        } rows[] = { { 8, 0, 0, 1 }, { 3, 1, 3, 1 }, { 4, 2, 7, 1 }, { 1, 3, 0, 2 } };
        struct pair pair;
        size_t at = 0;

        pair_init(&pair, true, 0);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                bare_write(&pair, stream + at, rows[i].bytes);
                at += rows[i].bytes;
                run_turns(&pair, 3);
                ck_assert_uint_eq(pair.a.frames, rows[i].frames);
                ck_assert_uint_eq(pair.a.partials, rows[i].partials);
                ck_assert_uint_eq(pair.a.partial_bytes, rows[i].waiting);
        }
        pair_deinit(&pair);
}
END_TEST

START_TEST(bad_lengths_end_it)
{
        static const char *const headers[] = { "\0\0\0\0", "\xff\xff\xff\xff", "\x00\x40\x00\x01" };
        struct pair pair;

        pair_init(&pair, true, 0);
        bare_write(&pair, "\0\0\0\4\10\1\32\0", 8);
        bare_write(&pair, headers[_i], 4);
        bare_write(&pair, "\0\0\0\4\10\1\32\0", 8);
        run_until(&pair, a_has_ended);
        ck_assert_int_eq(pair.a.end, CHANNEL_END_BAD);
        ck_assert_uint_eq(pair.a.frames, 1);
        run_turns(&pair, 3);
        ck_assert_uint_eq(pair.a.ends, 1);
        ck_assert_int_eq(try_send(&pair.a, 1, 0, 0, -1), CHANNEL_E_CLOSED);
        pair_deinit(&pair);
}
END_TEST

START_TEST(limit_can_change)
{
        struct pair pair;

        pair_init(&pair, false, 0);
        channel_set_frame_max(pair.a.channel, 100);
        send_ok(&pair.b, 1, 50, 0, -1);
        flush(&pair.b);
        pair.want = 1;
        run_until(&pair, a_has_wanted);
        send_ok(&pair.b, 2, 101, 0, -1);
        flush(&pair.b);
        run_until(&pair, a_has_ended);
        ck_assert_int_eq(pair.a.end, CHANNEL_END_BAD);
        pair_deinit(&pair);
}
END_TEST

START_TEST(end_tells_whether_a_frame_was_cut)
{
        static const struct {
                size_t bytes;
                enum channel_end end;
                size_t frames;
        } rows[] = {
                { 0, CHANNEL_END_EOF, 0 }, { 1, CHANNEL_END_CUT, 0 }, { 4, CHANNEL_END_CUT, 0 },
                { 7, CHANNEL_END_CUT, 0 }, { 8, CHANNEL_END_EOF, 1 }, { 9, CHANNEL_END_CUT, 1 },
        };
        struct pair pair;

        pair_init(&pair, true, 0);
        if (rows[_i].bytes > 0)
                bare_write(&pair, "\0\0\0\4\10\1\32\0\0", rows[_i].bytes);
        pair.bare_fd = fd_close(pair.bare_fd);
        run_until(&pair, a_has_ended);
        ck_assert_int_eq(pair.a.end, rows[_i].end);
        ck_assert_uint_eq(pair.a.frames, rows[_i].frames);
        run_turns(&pair, 3);
        ck_assert_uint_eq(pair.a.ends, 1);
        pair_deinit(&pair);
}
END_TEST

/* A peer that only closed its writing half gets no more, but the owner hears of it at once. */
START_TEST(half_closed_is_eof)
{
        struct pair pair;

        pair_init(&pair, true, 0);
        send_ok(&pair.a, 1, 0, 7, -1);
        ck_assert_int_eq(shutdown(pair.bare_fd, SHUT_WR), 0);
        run_until(&pair, a_has_ended);
        ck_assert_int_eq(pair.a.end, CHANNEL_END_EOF);
        pair_deinit(&pair);
}
END_TEST

static void expect_tags(struct pair *pair, const uint64_t *tags, size_t count)
{
        flush(&pair->a);
        pair->want = count;
        run_until(pair, b_has_wanted);
        run_turns(pair, 2);
        ck_assert_uint_eq(pair->b.frames, count);
        for (size_t i = 0; i < count; i++)
                ck_assert_uint_eq(pair->b.tags[i], tags[i]);
}

START_TEST(barriers_hold_frames)
{
        static const uint64_t tags[] = { 3, 1, 2, 5, 6, 9, 4, 7, 8 };
        struct pair pair;

        pair_init(&pair, false, 0);
        send_ok(&pair.a, 1, 0, 10, -1);
        send_ok(&pair.a, 2, 0, 10, -1);
        send_ok(&pair.a, 3, 0, 0, -1);
        send_ok(&pair.a, 4, 0, 30, -1);
        send_ok(&pair.a, 5, 0, 20, -1);
        ck_assert(channel_is_held(pair.a.channel));
        expect_tags(&pair, tags, 1);
        channel_release(pair.a.channel, 9);
        expect_tags(&pair, tags, 1);
        channel_release(pair.a.channel, 10);
        expect_tags(&pair, tags, 3);
        channel_release(pair.a.channel, 25);
        /* Behind what was released, and not held. */
        send_ok(&pair.a, 6, 0, 25, -1);
        expect_tags(&pair, tags, 5);
        /* What was durable stays so. */
        channel_release(pair.a.channel, 3);
        ck_assert(channel_is_held(pair.a.channel));
        send_ok(&pair.a, 9, 0, 25, -1);
        expect_tags(&pair, tags, 6);
        channel_release(pair.a.channel, 30);
        ck_assert(!channel_is_held(pair.a.channel));
        send_ok(&pair.a, 7, 0, 30, -1);
        send_ok(&pair.a, 8, 0, 1, -1);
        expect_tags(&pair, tags, 9);
        pair_deinit(&pair);
}
END_TEST

START_TEST(held_frames_count_as_pending)
{
        struct pair pair;

        pair_init(&pair, false, 0);
        send_ok(&pair.a, 1, 100, 10, -1);
        ck_assert_uint_gt(channel_pending_bytes(pair.a.channel), 100);
        flush(&pair.a);
        ck_assert_uint_gt(channel_pending_bytes(pair.a.channel), 100);
        channel_release(pair.a.channel, 10);
        flush(&pair.a);
        ck_assert_uint_eq(channel_pending_bytes(pair.a.channel), 0);
        pair_deinit(&pair);
}
END_TEST

/* A descriptor comes with its own frame, wherever that stands and however large it is. */
START_TEST(descriptors_come_with_their_frame)
{
        static const size_t extras[] = { 0, 10, 40000, 1000000 };
        const size_t before = open_fds();
        ino_t inodes[5];
        struct pair pair;

        pair_init(&pair, false, 0);
        for (uint64_t tag = 0; tag < 50; tag++) {
                int pipe_fds[2] = { -1, -1 };
                struct stat st;

                if (tag % 10 == 7) {
                        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
                        ck_assert_int_eq(fstat(pipe_fds[0], &st), 0);
                        inodes[tag / 10] = st.st_ino;
                        close(pipe_fds[1]);
                }
                send_ok(&pair.a, tag, pipe_fds[0] >= 0 ? extras[_i] : tag % 3, 0, pipe_fds[0]);
        }
        flush(&pair.a);
        pair.want = 50;
        run_until(&pair, b_has_wanted);
        ck_assert_uint_eq(pair.b.fd_count, 5);
        for (size_t i = 0; i < 5; i++) {
                ck_assert_uint_eq(pair.b.fd_tag[i], 10 * i + 7);
                ck_assert_uint_eq(pair.b.fd_inode[i], inodes[i]);
        }
        pair_deinit(&pair);
        ck_assert_uint_eq(open_fds(), before);
}
END_TEST

/* Held frames too, and a descriptor that never left is closed with the channel. */
START_TEST(descriptors_do_not_leak)
{
        const size_t before = open_fds();
        struct pair pair;

        pair_init(&pair, false, 0);
        send_ok(&pair.a, 1, 0, 10, open("/dev/null", O_RDONLY | O_CLOEXEC));
        send_ok(&pair.a, 2, 0, 20, open("/dev/null", O_RDONLY | O_CLOEXEC));
        send_ok(&pair.a, 3, 0, 0, -1);
        channel_release(pair.a.channel, 10);
        flush(&pair.a);
        pair.want = 2;
        run_until(&pair, b_has_wanted);
        ck_assert_uint_eq(pair.b.fd_count, 1);
        ck_assert_uint_eq(pair.b.fd_tag[0], 1);
        /* b passes one to a, which takes none. */
        send_ok(&pair.b, 4, 0, 0, open("/dev/null", O_RDONLY | O_CLOEXEC));
        flush(&pair.b);
        pair.want = 1;
        run_until(&pair, a_has_wanted);
        ck_assert_uint_eq(pair.a.fd_count, 0);
        /* One that is on its way when the reader goes. */
        send_ok(&pair.a, 5, 100000, 0, open("/dev/null", O_RDONLY | O_CLOEXEC));
        flush(&pair.a);
        run_turns(&pair, 1);
        pair_deinit(&pair);
        ck_assert_uint_eq(open_fds(), before);
}
END_TEST

START_TEST(refused_descriptor_is_closed)
{
        const size_t before = open_fds();
        struct pair pair;

        pair_init(&pair, true, 0);
        pair.bare_fd = fd_close(pair.bare_fd);
        run_until(&pair, a_has_ended);
        ck_assert_int_eq(try_send(&pair.a, 1, 0, 0, open("/dev/null", O_RDONLY | O_CLOEXEC)),
                         CHANNEL_E_CLOSED);
        pair_deinit(&pair);
        ck_assert_uint_eq(open_fds(), before);
}
END_TEST

static bool a_has_drained(struct pair *pair)
{
        char block[65536];

        while (read(pair->bare_fd, block, sizeof(block)) > 0)
                ;
        return pair->a.drains > 0;
}

START_TEST(slow_reader_fills_it)
{
        const size_t max = 64 * 1024;
        struct pair pair;
        size_t sent = 0;
        int r;

        pair_init(&pair, true, max);
        while ((r = try_send(&pair.a, 1, 1000, 0, -1)) == 0 && sent < 10000) {
                flush(&pair.a);
                sent++;
        }
        ck_assert_int_eq(r, CHANNEL_E_FULL);
        ck_assert_uint_le(channel_pending_bytes(pair.a.channel), max);
        ck_assert_uint_gt(channel_pending_bytes(pair.a.channel), max - 3000);
        run_turns(&pair, 3);
        ck_assert_uint_eq(pair.a.drains, 0);
        run_until(&pair, a_has_drained);
        ck_assert_uint_eq(channel_pending_bytes(pair.a.channel), 0);
        send_ok(&pair.a, 1, 1000, 0, -1);
        flush(&pair.a);
        run_turns(&pair, 3);
        ck_assert_uint_eq(pair.a.drains, 1);
        pair_deinit(&pair);
}
END_TEST

/* Small frames cost more memory than bytes: the limit counts what they cost. */
START_TEST(limit_counts_memory)
{
        struct pair pair;
        size_t sent = 0;

        pair_init(&pair, true, 64 * 1024);
        while (try_send(&pair.a, 1, 0, 5, -1) == 0)
                sent++;
        ck_assert_uint_lt(sent, 64 * 1024 / 32);
        pair_deinit(&pair);
}
END_TEST

/* One frame over the limit passes when nothing else waits. */
START_TEST(large_frame_passes_a_small_limit)
{
        struct pair pair;

        pair_init(&pair, false, 1000);
        send_ok(&pair.a, 1, 5000, 0, -1);
        ck_assert_int_eq(try_send(&pair.a, 2, 0, 0, -1), CHANNEL_E_FULL);
        flush(&pair.a);
        pair.want = 1;
        run_until(&pair, b_has_wanted);
        pair_deinit(&pair);
}
END_TEST

/* Writing to a peer that is gone: told by the loop, after what the peer sent before it went. */
START_TEST(broken_pipe_is_told_by_the_loop)
{
        struct pair pair;

        pair_init(&pair, true, 0);
        bare_write(&pair, "\0\0\0\4\10\1\32\0", 8);
        pair.bare_fd = fd_close(pair.bare_fd);
        send_ok(&pair.a, 1, 0, 0, -1);
        flush(&pair.a);
        ck_assert_uint_eq(pair.a.ends, 0);
        ck_assert_int_eq(try_send(&pair.a, 2, 0, 0, -1), CHANNEL_E_CLOSED);
        flush(&pair.a);
        run_until(&pair, a_has_ended);
        ck_assert_int_eq(pair.a.end, CHANNEL_END_CUT);
        ck_assert_uint_eq(pair.a.frames, 1);
        run_turns(&pair, 3);
        ck_assert_uint_eq(pair.a.ends, 1);
        pair_deinit(&pair);
}
END_TEST

/* The same when the loop finds out, because the socket was full and writing was waited for. */
START_TEST(broken_while_stuck)
{
        struct pair pair;

        pair_init(&pair, true, 0);
        for (size_t i = 0; i < 1000; i++)
                send_ok(&pair.a, 1, 1000, 0, -1);
        flush(&pair.a);
        run_turns(&pair, 2);
        ck_assert_uint_gt(channel_pending_bytes(pair.a.channel), 0);
        bare_write(&pair, "\0\0\0\4\10\1\32\0", 8);
        pair.bare_fd = fd_close(pair.bare_fd);
        run_until(&pair, a_has_ended);
        ck_assert_int_eq(pair.a.end, CHANNEL_END_CUT);
        ck_assert_uint_eq(pair.a.frames, 1);
        ck_assert_uint_eq(pair.a.drains, 0);
        run_turns(&pair, 3);
        ck_assert_uint_eq(pair.a.ends, 1);
        pair_deinit(&pair);
}
END_TEST

/* The peer shuts down reading only: nothing comes from it, and yet the end is told. */
START_TEST(broken_pipe_without_eof)
{
        struct pair pair;

        pair_init(&pair, true, 0);
        ck_assert_int_eq(shutdown(pair.bare_fd, SHUT_RD), 0);
        send_ok(&pair.a, 1, 0, 0, -1);
        flush(&pair.a);
        run_until(&pair, a_has_ended);
        ck_assert_int_eq(pair.a.end, CHANNEL_END_CUT);
        pair_deinit(&pair);
}
END_TEST

START_TEST(reading_stops_and_goes_on)
{
        struct pair pair;

        pair_init(&pair, false, 0);
        pair.a.stop_after = 3;
        for (uint64_t tag = 0; tag < 10; tag++)
                send_ok(&pair.b, tag, 0, 0, -1);
        flush(&pair.b);
        pair.want = 3;
        run_until(&pair, a_has_wanted);
        run_turns(&pair, 5);
        ck_assert_uint_eq(pair.a.frames, 3);
        pair.a.in_call = true;
        channel_set_reading(pair.a.channel, true);
        pair.a.in_call = false;
        ck_assert_uint_eq(pair.a.frames, 3);
        pair.want = 10;
        run_until(&pair, a_has_wanted);
        for (uint64_t tag = 0; tag < 10; tag++)
                ck_assert_uint_eq(pair.a.tags[tag], tag);
        pair_deinit(&pair);
}
END_TEST

/* Frames that wait for reading to go on are not lost when the peer closes meanwhile. */
START_TEST(stopped_frames_survive_the_end)
{
        struct pair pair;

        pair_init(&pair, true, 0);
        pair.a.stop_after = 1;
        for (size_t i = 0; i < 4; i++)
                bare_write(&pair, "\0\0\0\4\10\1\32\0", 8);
        pair.bare_fd = fd_close(pair.bare_fd);
        pair.want = 1;
        run_until(&pair, a_has_wanted);
        run_turns(&pair, 3);
        ck_assert_uint_eq(pair.a.ends, 0);
        channel_set_reading(pair.a.channel, true);
        run_until(&pair, a_has_ended);
        ck_assert_uint_eq(pair.a.frames, 4);
        ck_assert_int_eq(pair.a.end, CHANNEL_END_EOF);
        pair_deinit(&pair);
}
END_TEST

START_TEST(empty_and_huge_messages_are_faults)
{
        Jobd__Work__Report empty = JOBD__WORK__REPORT__INIT;
        struct pair pair;

        pair_init(&pair, false, 0);
        ck_assert_int_lt(channel_send(pair.a.channel, &empty.base, 0, -1), 0);
        ck_assert_int_lt(try_send(&pair.a, 1, FRAME_MAX, 0, -1), 0);
        ck_assert_uint_eq(channel_pending_bytes(pair.a.channel), 0);
        pair_deinit(&pair);
}
END_TEST

static void add_tests(TCase *tcase)
{
        tcase_add_test(tcase, frames_keep_their_order);
        tcase_add_test(tcase, nothing_leaves_before_flush);
        tcase_add_test(tcase, large_frames_pass);
        tcase_add_test(tcase, one_byte_at_a_time);
        tcase_add_test(tcase, partial_frames_are_told);
        tcase_add_loop_test(tcase, bad_lengths_end_it, 0, 3);
        tcase_add_test(tcase, limit_can_change);
        tcase_add_loop_test(tcase, end_tells_whether_a_frame_was_cut, 0, 6);
        tcase_add_test(tcase, half_closed_is_eof);
        tcase_add_test(tcase, barriers_hold_frames);
        tcase_add_test(tcase, held_frames_count_as_pending);
        tcase_add_loop_test(tcase, descriptors_come_with_their_frame, 0, 4);
        tcase_add_test(tcase, descriptors_do_not_leak);
        tcase_add_test(tcase, refused_descriptor_is_closed);
        tcase_add_test(tcase, slow_reader_fills_it);
        tcase_add_test(tcase, limit_counts_memory);
        tcase_add_test(tcase, large_frame_passes_a_small_limit);
        tcase_add_test(tcase, broken_pipe_is_told_by_the_loop);
        tcase_add_test(tcase, broken_while_stuck);
        tcase_add_test(tcase, broken_pipe_without_eof);
        tcase_add_test(tcase, reading_stops_and_goes_on);
        tcase_add_test(tcase, stopped_frames_survive_the_end);
        tcase_add_test(tcase, empty_and_huge_messages_are_faults);
}

int main(void)
{
        Suite *suite = suite_create("channel");
        TCase *tcase = tcase_create("channel");

        add_tests(tcase);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
