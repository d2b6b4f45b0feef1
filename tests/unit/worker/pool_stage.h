/* SPDX-License-Identifier: Apache-2.0 */
/* A pool and its workers, dialled in, for tests that are its jobd. Every failure ends the test. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fake_jobd.h"

#define STAGE_WORKERS_MAX 8

extern struct fake fake;
extern struct fake_link *pool; /* owned by the stage, and so are the workers' */
extern struct fake_link *workers[STAGE_WORKERS_MAX];

/* The fixture of each test: jobd listens, no pool runs. */
void stage_open(void);
void stage_close(void);

/* Starts a pool of so many workers, and takes all their connections. */
void stage_start_pool(unsigned int count);
/* Takes connections until the pool (if missing) and workers 0..count-1 are all there. */
void stage_accept_all(unsigned int count);
/* Closes all connections. */
void stage_hang_up(void);

/* A job that does `before` and waits at the gate; it has come there on return. */
pid_t stage_start_blocked(struct fake_link *worker, uint64_t lease, const char *before);
void stage_open_gate(void);
/* Blocks until somebody has written a pid into this FIFO. */
pid_t stage_read_pid_fifo(const char *path);

void stage_ack_dead(const Jobd__Work__DeadWorker *dead);
void stage_resize(uint32_t wanted);
/* Waits for a PoolState with exactly `count` living workers. */
void stage_await_state(unsigned int count);
bool stage_has_record(uint32_t number, uint64_t generation);
/* Waits for the pool's end, which must be in order. */
void stage_expect_clean_exit(void);
