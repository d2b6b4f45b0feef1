/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop and the journal thread share: two queues, a lock, and a few numbers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "daemon/journal/journal.h"
#include "daemon/journal/work.h"

struct exchange;

_must_use_ int exchange_new(struct exchange **out_exchange);
/* Both queues must be empty: take them first. */
struct exchange *exchange_free(struct exchange *exchange);
DEFINE_CLEANUP(struct exchange *, exchange_free);

/* ------------------------------------------------------------------------------- on the loop */

/* Readable while the thread has something to say. Owned by the exchange. */
int exchange_fd(const struct exchange *exchange);
/* Hands work over; never blocks for longer than the lock is held. */
void exchange_post(struct exchange *exchange, struct work *work);
/* Moves what came back to *out_done and makes the descriptor unreadable. */
void exchange_collect(struct exchange *exchange, struct work_queue *out_done);
/* The thread ends when it has done what was posted. */
void exchange_stop(struct exchange *exchange);
/* true once the store failed; the sentence is copied. */
bool exchange_read_failure(struct exchange *exchange, struct reason *out_sentence);
bool exchange_is_disk_full(const struct exchange *exchange);
void exchange_read_stats(struct exchange *exchange, struct journal_stats *out_stats);

/* ----------------------------------------------------------------------------- on the thread */

enum exchange_taken {
        EXCHANGE_WORK,
        EXCHANGE_IDLE, /* nothing came within the time */
        EXCHANGE_STOP, /* nothing is left and exchange_stop() was called */
};
/* Waits until there is work, for idle_usec at most (USEC_NONE: for ever), and takes all of it. */
enum exchange_taken exchange_take(struct exchange *exchange, uint64_t idle_usec,
                                  struct work_queue *out_todo);
/* Would exchange_take() return at once? */
bool exchange_is_busy(struct exchange *exchange);
/* Hands work back to the loop and wakes it; *done is empty afterwards. */
void exchange_deliver(struct exchange *exchange, struct work_queue *done);
/* When the oldest batch that is not committed was posted; 0: none is in the thread's hands. */
void exchange_set_oldest(struct exchange *exchange, uint64_t posted_usec);
/* events: lines of history in it. */
void exchange_count_commit(struct exchange *exchange, uint64_t took_usec, uint64_t events);
struct exchange_disk {
        uint64_t free_bytes, database_bytes, wal_bytes;
};
/* Wakes the loop when `full` changes. */
void exchange_set_disk(struct exchange *exchange, bool full, const struct exchange_disk *disk);
void exchange_fail(struct exchange *exchange, const struct reason *sentence);
