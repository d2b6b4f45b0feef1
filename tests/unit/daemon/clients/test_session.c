/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: who may come in, the first words, bytes that are no request, the limits of what one
 * client can make jobd keep, and that no reply leaves before what it tells is durable.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/usocket.h"

#include "proto/frame.h"

#include "daemon/clients/shared.h"
#include "stage.h"
#include "tests/unit/suite.h"

static struct stage stage;

static void setup(void)
{
        stage_init(&stage);
}

static void teardown(void)
{
        stage_close(&stage);
}

/* ------------------------------------------------------------------------------------ first words
 */

START_TEST(hello_then_ping)
{
        struct peer *peer;

        stage_open(&stage);
        peer = peer_new(&stage);
        peer_ping(peer, 7);
        peer_expect(peer, "7 done");
        peer_hello(peer, 8);
        peer_expect(peer, "8 error(USAGE)");
        peer_ping(peer, 9);
        peer_expect(peer, "9 done");
}
END_TEST

START_TEST(anything_before_hello)
{
        struct peer *peer;

        stage_open(&stage);
        peer = peer_dial(&stage);
        peer_ping(peer, 3);
        peer_ping(peer, 4);
        peer_expect(peer, "3 error(USAGE)");
        peer_expect_end(peer);
        ck_assert_uint_eq(peer->lines_count, 1);
        ck_assert_uint_eq(clients_count(stage.clients), 0);
}
END_TEST

START_TEST(other_version)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Hello hello = JOBD__HELLO__INIT;
        struct peer *peer;

        stage_open(&stage);
        peer = peer_dial(&stage);
        hello.magic = WIRE_MAGIC;
        hello.version_min = hello.version_max = WIRE_VERSION + 1;
        request.tag = 1;
        request.body_case = JOBD__REQUEST__BODY_HELLO;
        request.hello = &hello;
        peer_send(peer, &request);
        peer_expect(peer, "1 error(VERSION)");
        peer_expect_end(peer);
}
END_TEST

START_TEST(other_magic)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Hello hello = JOBD__HELLO__INIT;
        struct peer *peer;

        stage_open(&stage);
        peer = peer_dial(&stage);
        hello.magic = 1;
        hello.version_min = hello.version_max = WIRE_VERSION;
        request.tag = 6;
        request.body_case = JOBD__REQUEST__BODY_HELLO;
        request.hello = &hello;
        peer_send(peer, &request);
        peer_expect(peer, "6 error(USAGE)");
        peer_expect_end(peer);
}
END_TEST

START_TEST(user_mode_serves_one_uid)
{
        struct peer *peer;

        stage.options.own_uid = STAGE_UID_OTHER;
        stage_open(&stage);
        peer = peer_dial(&stage);
        peer_expect(peer, "0 error(DENIED)");
        peer_expect_end(peer);
}
END_TEST

/* ------------------------------------------------------------------------------------------ bytes
 */

static size_t pack_ping(uint64_t tag, uint8_t *frame)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Ping ping = JOBD__PING__INIT;
        size_t size;

        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_PING;
        request.ping = &ping;
        size = protobuf_c_message_pack(&request.base, frame + FRAME_HEADER_BYTES);
        frame_put_header(frame, (uint32_t)size);
        return size + FRAME_HEADER_BYTES;
}

START_TEST(one_byte_at_a_time)
{
        uint8_t frame[64];
        size_t size;
        struct peer *peer;

        stage_open(&stage);
        peer = peer_new(&stage);
        size = pack_ping(300, frame);
        for (size_t i = 0; i < size; i++) {
                peer_send_bytes(peer, &frame[i], 1);
                stage_turn(&stage);
        }
        peer_expect(peer, "300 done");
}
END_TEST

START_TEST(unknown_request)
{
        /* tag 9, and field 40, which this release does not know. */
        static const uint8_t frame[] = { 0, 0, 0, 5, 0x08, 9, 0xc2, 0x02, 0 };
        struct peer *peer;

        stage_open(&stage);
        peer = peer_new(&stage);
        peer_send_bytes(peer, frame, sizeof(frame));
        peer_expect(peer, "9 error(USAGE)");
        peer_ping(peer, 10);
        peer_expect(peer, "10 done");
}
END_TEST

START_TEST(reply_sent_to_us)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__Error error = JOBD__ERROR__INIT;
        struct peer *peer;

        stage_open(&stage);
        peer = peer_new(&stage);
        error.code = JOBD__ERROR_CODE__ERROR_USAGE;
        error.message = (char *)(uintptr_t) "you are wrong";
        reply.tag = 5;
        reply.body_case = JOBD__REPLY__BODY_ERROR;
        reply.error = &error;
        ck_assert_int_eq(channel_send(peer->channel, &reply.base, 0, -1), 0);
        peer_expect(peer, "5 error(USAGE)");
        peer_ping(peer, 6);
        peer_expect(peer, "6 done");
}
END_TEST

START_TEST(length_of_nothing)
{
        static const uint8_t frame[] = { 0, 0, 0, 0 };
        struct peer *peer, *other;

        stage_open(&stage);
        peer = peer_new(&stage);
        other = peer_new(&stage);
        peer_send_bytes(peer, frame, sizeof(frame));
        peer_expect_end(peer);
        peer_ping(other, 2);
        peer_expect(other, "2 done");
}
END_TEST

START_TEST(long_frame_only_after_hello)
{
        static const uint8_t header[] = { 0, 4, 0, 1 }; /* 256 KiB and a byte */
        struct peer *peer, *greeted;

        stage_open(&stage);
        peer = peer_dial(&stage);
        peer_send_bytes(peer, header, sizeof(header));
        peer_expect_end(peer);
        greeted = peer_new(&stage);
        peer_send_bytes(greeted, header, sizeof(header));
        peer_expect_nothing(greeted);
        ck_assert(!greeted->ended);
}
END_TEST

START_TEST(tag_in_use)
{
        struct job *job;
        struct peer *peer;

        stage_open(&stage);
        job = fake_add(&stage.engine, getuid());
        peer = peer_new(&stage);
        peer_wait(peer, 5, IDS({ 1 }), false);
        peer_wait(peer, 5, IDS({ 1 }), false);
        peer_expect(peer, "5 error(USAGE)");
        fake_finish(&stage.engine, job, JOB_SUCCEEDED, 0, NULL);
        peer_expect(peer, "5 ended(1 succeeded exit 0)+");
        peer_expect(peer, "5 done");
        peer_wait(peer, 5, IDS({ 1 }), false);
        peer_expect(peer, "5 ended(1 succeeded exit 0)+");
}
END_TEST

/* ---------------------------------------------------------------------------------------- limits
 */

START_TEST(too_many_connections_of_a_user)
{
        struct peer *peers[3];

        stage.options.connections_max_per_user = 2;
        stage_open(&stage);
        peers[0] = peer_new(&stage);
        peers[1] = peer_new(&stage);
        peers[2] = peer_dial(&stage);
        peer_expect(peers[2], "0 error(BUSY)");
        peer_expect_end(peers[2]);
        ck_assert_uint_eq(stage.clients->tally.turned_away, 1);
        ck_assert_uint_eq(stage.clients->tally.connections, 2);
        peer_close(peers[0]);
        peer_new(&stage);
        ck_assert_uint_eq(clients_count(stage.clients), 2);
}
END_TEST

START_TEST(too_many_connections)
{
        struct peer *peer;

        stage.options.connections_max = 1;
        stage_open(&stage);
        peer_new(&stage);
        peer = peer_dial(&stage);
        peer_expect(peer, "0 error(BUSY)");
        peer_expect_end(peer);
}
END_TEST

START_TEST(out_of_descriptors)
{
        struct rlimit limit;
        struct peer *first, *refused, *late;
        int highest;

        stage_open(&stage);
        first = peer_new(&stage);
        refused = peer_dial(&stage);
        late = peer_dial(&stage);
        /* Not one is left for accept(2). */
        highest = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(highest, 0);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = (rlim_t)highest;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        peer_expect(refused, "0 error(BUSY)");
        peer_expect_end(refused);
        peer_expect_nothing(late);
        peer_ping(first, 2);
        peer_expect(first, "2 done");
        /* A session that ends makes room. */
        peer_close(first);
        peer_hello(late, 1);
        stage_turn(&stage);
        stage_turn(&stage);
        ck_assert_uint_eq(late->lines_count, 1); /* at once, not when it is tried again */
        peer_expect(late, "1 hello_ok");
        fd_close(highest);
}
END_TEST

START_TEST(too_many_unfinished_frames)
{
        static uint8_t piece[64 * 1024];
        static const uint8_t header[] = { 0, 0x3f, 0xff, 0xff };
        struct peer *peers[18], *other;
        size_t ended = 0;

        stage.options.connections_max_per_user = 32;
        stage_open(&stage);
        other = peer_new(&stage);
        for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
                peers[i] = peer_new(&stage);
                peer_send_bytes(peers[i], header, sizeof(header));
                for (size_t n = 0; n < 63 && !peers[i]->ended; n++) {
                        peer_send_bytes(peers[i], piece, sizeof(piece));
                        stage_turn(&stage);
                }
        }
        for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
                ended += peers[i]->ended;
        /* 64 MiB are there for all together: the fattest had to go. */
        ck_assert_uint_ge(ended, 1);
        ck_assert_uint_le(ended, 3);
        peer_ping(other, 2);
        peer_expect(other, "2 done");
}
END_TEST

START_TEST(client_that_never_reads)
{
        struct peer *peer, *other;
        unsigned int i;

        stage.options.reply_bytes_max = 64 * 1024;
        stage_open(&stage);
        for (i = 0; i < 400; i++)
                fake_add(&stage.engine, getuid());
        peer = peer_new(&stage);
        other = peer_new(&stage);
        channel_set_reading(peer->channel, false);
        for (i = 0; i < 600; i++)
                peer_list(peer, 100 + i, NULL, 400);
        for (i = 0; i < 50; i++)
                stage_turn(&stage);
        /* It was not served without end, and others were. */
        ck_assert_uint_lt(stage.engine.reads_count, 500);
        peer_ping(other, 2);
        peer_expect(other, "2 done");
        /* Nothing is lost when it reads at last. */
        channel_set_reading(peer->channel, true);
        while (peer->lines_count < 601)
                stage_turn(&stage);
        ck_assert(!peer->ended);
}
END_TEST

START_TEST(one_long_answer_waits_for_its_reader)
{
        struct peer *peer;
        size_t reads;

        stage_open(&stage);
        for (int i = 0; i < 12800; i++)
                fake_add(&stage.engine, getuid());
        peer = peer_new(&stage);
        channel_set_reading(peer->channel, false);
        peer_info(peer, 2, IDS({ 1, 12800 }));
        for (int i = 0; i < 400; i++)
                stage_turn(&stage);
        reads = stage.engine.reads_count;
        ck_assert_uint_lt(reads, 300); /* of 400 windows */
        stage_turn(&stage);
        ck_assert_uint_eq(stage.engine.reads_count, reads);
        channel_set_reading(peer->channel, true);
        for (int i = 0; i < 1000 && stage.engine.reads_count < 400; i++)
                stage_turn(&stage);
        ck_assert_uint_ge(stage.engine.reads_count, 400);
        ck_assert(!peer->ended);
}
END_TEST

/* ------------------------------------------------------------------------------------- durability
 */

START_TEST(nothing_leaves_early)
{
        struct job *one, *two;
        struct peer *peer;

        stage_open(&stage);
        one = fake_add(&stage.engine, getuid());
        two = fake_add(&stage.engine, getuid());
        peer = peer_new(&stage);
        stage.is_lagging = true;
        peer_wait(peer, 2, IDS({ 1 }), false);
        peer_wait(peer, 3, IDS({ 2 }), false);
        stage_turn(&stage);
        fake_finish(&stage.engine, one, JOB_SUCCEEDED, 0, NULL); /* sequence 3 */
        fake_finish(&stage.engine, two, JOB_FAILED, 1, NULL);    /* sequence 4 */
        peer_expect_nothing(peer);
        /* What tells nothing is not held up by what does. */
        peer_ping(peer, 4);
        peer_expect(peer, "4 done");
        peer_expect_nothing(peer);
        stage.durable = 3;
        peer_expect(peer, "2 ended(1 succeeded exit 0)+");
        /* The Done of a stream stays behind what it follows. */
        peer_expect(peer, "2 done");
        peer_expect_nothing(peer);
        stage.durable = 4;
        peer_expect(peer, "3 ended(2 failed exit 1)+");
        peer_expect(peer, "3 done");
}
END_TEST

START_TEST(many_at_once)
{
        struct peer *peer;
        unsigned int i;
        char line[32];

        stage_open(&stage);
        peer = peer_new(&stage);
        for (i = 0; i < 1000; i++)
                peer_ping(peer, 10 + i);
        for (i = 0; i < 1000; i++) {
                snprintf(line, sizeof(line), "%u done", 10 + i);
                peer_expect(peer, line);
        }
}
END_TEST

START_TEST(gone_while_waiting)
{
        struct job *job;
        struct peer *peer;

        stage_open(&stage);
        job = fake_add(&stage.engine, getuid());
        peer = peer_new(&stage);
        stage.engine.is_holding_reads = true;
        peer_wait(peer, 2, IDS({ 1 }), false);
        peer_info(peer, 3, IDS({ 1 }));
        stage_turn(&stage);
        peer_close(peer);
        ck_assert_uint_eq(clients_count(stage.clients), 0);
        stage.engine.is_holding_reads = false;
        fake_finish(&stage.engine, job, JOB_SUCCEEDED, 0, NULL);
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(stage.engine.watches));
}
END_TEST

START_TEST(jobd_ends_in_the_middle)
{
        struct peer *peer;

        stage_open(&stage);
        fake_add(&stage.engine, getuid());
        fake_tell(&stage.engine, stage.engine.jobs[0], 0, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(&stage.engine, stage.engine.jobs[0], 0, JOB_EV_STARTED, JOB_RUNNING);
        peer = peer_new(&stage);
        stage.engine.is_holding_reads = true;
        peer_info(peer, 3, IDS({ 1 }));
        peer_follow(peer, 4, 1);
        peer_follow(peer, 5, 9);
        stage_turn(&stage);
        fake_say_spooled(&stage.engine, stage.engine.jobs[0], 70000);
        stage_turn(&stage);
        ck_assert_uint_ge(stage.engine.reads_count, 4);
        /* The teardown ends jobd in the order in which daemon.c does. */
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients session");
        TCase *t = tcase_create("session");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, hello_then_ping);
        tcase_add_test(t, anything_before_hello);
        tcase_add_test(t, other_version);
        tcase_add_test(t, other_magic);
        tcase_add_test(t, user_mode_serves_one_uid);
        tcase_add_test(t, one_byte_at_a_time);
        tcase_add_test(t, unknown_request);
        tcase_add_test(t, reply_sent_to_us);
        tcase_add_test(t, length_of_nothing);
        tcase_add_test(t, long_frame_only_after_hello);
        tcase_add_test(t, tag_in_use);
        tcase_add_test(t, too_many_connections_of_a_user);
        tcase_add_test(t, too_many_connections);
        tcase_add_test(t, out_of_descriptors);
        tcase_add_test(t, too_many_unfinished_frames);
        tcase_add_test(t, client_that_never_reads);
        tcase_add_test(t, one_long_answer_waits_for_its_reader);
        tcase_add_test(t, nothing_leaves_early);
        tcase_add_test(t, many_at_once);
        tcase_add_test(t, gone_while_waiting);
        tcase_add_test(t, jobd_ends_in_the_middle);
        suite_add_tcase(suite, t);
        return suite_run(suite);
}
