/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a running job's two pipes into its log, and shows what is fresh to whoever follows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/loop.h"

#include "worker/output_log.h"

struct output;

struct output_ops {
        /* Both pipes are at their end. May be called from within any output_*() that reads. */
        void (*on_end)(void *arg);
        /* Fresh bytes for a follower: log->memory from `offset` on. */
        void (*on_piece)(void *arg, uint64_t offset, const uint8_t *records, size_t size);
        void (*on_spooled)(void *arg, uint64_t size_bytes);
        void (*on_grown)(void *arg, uint64_t size_bytes);
};

_must_use_ int output_new(struct loop *loop, const struct output_ops *ops, void *arg,
                          struct output **out_output);
struct output *output_free(struct output *output);
DEFINE_CLEANUP(struct output *, output_free);

/*
 * Takes the read ends (-1: the job has none), both O_NONBLOCK; owned from here. Nothing is read
 * before output_watch() or output_drain(): most jobs end before that is worth a system call.
 * log: borrowed until output_stop().
 */
void output_start(struct output *output, struct output_log *log, int out_fd, int err_fd);
/* Reads as it comes from now on. A fault only where the loop refuses the descriptor. */
_must_use_ int output_watch(struct output *output);
/* Reads what is there now; true when both pipes are at their end. */
bool output_drain(struct output *output);
/* Closes what is left of the pipes, completes the log and forgets it. */
void output_stop(struct output *output);

/* Somebody follows (again: everything is shown once more), or nobody does. */
void output_follow(struct output *output, bool on);
/* OUTPUT of the turn: pieces and sizes to the follower. */
void output_show(struct output *output);
