/* SPDX-License-Identifier: Apache-2.0 */
/* Workers and a pool played by the test, over the real private socket, in the test's own loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/loop.h"
#include "common/version.h"

#include "proto/channel.h"
#include "proto/wire.h"

#include "daemon/workers/workers.h"

#define FAKE_ORDERS_MAX 64
#define FAKE_TRACE_MAX 4096

struct stage;

/* One connection to the socket under test. */
struct fake {
        struct stage *stage;        /* borrowed: outlives us */
        struct channel *channel;    /* owned */
        char trace[FAKE_TRACE_MAX]; /* the orders that came: "welcome start(5) ack(1,2) " */
        size_t orders_count;
        bool ended;
};

/* The loop, jobd's side, and what the engine would have heard. */
struct stage {
        char dir[64];
        char socket_path[96];
        struct loop *loop;
        struct workers *workers;
        struct fake *fakes[8];
        size_t fakes_count;
        uint64_t durable;           /* given to workers_flush() in each turn */
        char trace[FAKE_TRACE_MAX]; /* "attached(0/1) ready(0/1) started(5) " */
        struct worker *last;        /* of the last callback */
        struct workers_exit exit;
        char exit_why[2048];
        bool (*until)(struct stage *stage);
        void (*on_event)(struct stage *stage, const char *name); /* may be NULL */
};

void stage_open(struct stage *stage, uid_t peer_uid);
void stage_close(struct stage *stage);
/* Turns until `until` is true; the test fails after five seconds. */
void stage_turn_until(struct stage *stage, bool (*until)(struct stage *stage));
/* Turns until the engine's trace, or the orders a fake got, hold `text`. */
void stage_expect(struct stage *stage, const char *text);
void fake_expect(struct fake *fake, const char *text);
/* The first order, with this build in it; `rest`: what it says besides, such as "1,2,3". */
void fake_expect_welcome(struct fake *fake, const char *rest);
void fake_expect_end(struct fake *fake);

struct fake *fake_dial(struct stage *stage);
void fake_send(struct fake *fake, const Jobd__Work__Report *report);
void fake_send_bytes(struct fake *fake, const void *data, size_t size);
/* A valid Hello of this boot, to be changed before it is sent. boot_id is static. */
Jobd__Work__Hello fake_hello(Jobd__Work__Role role, uint32_t number, uint64_t generation);
void fake_send_hello(struct fake *fake, Jobd__Work__Hello *hello);
void fake_send_inventory(struct fake *fake, Jobd__Work__HeldLease *leases, size_t count);
/* Dials, says Hello and an empty inventory, and turns until the engine saw it ready. */
struct fake *fake_ready(struct stage *stage, uint32_t number, uint64_t generation);
struct fake *fake_pool(struct stage *stage);
