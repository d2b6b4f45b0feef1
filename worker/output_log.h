/* SPDX-License-Identifier: Apache-2.0 */
/* The record log of one attempt: in memory while it is small, then one file in the spool. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "proto/spool.h"

struct output_log {
        int folder_fd; /* borrowed: the spool folder, open as long as the worker */
        uint64_t job, task;
        uint32_t attempt;
        uint64_t cap_bytes;  /* of the whole log, marks left out; UINT64_MAX: none */
        size_t inline_bytes; /* up to here it stays in memory */

        uint8_t *memory; /* owned; the whole log while !is_spooled */
        size_t memory_room;
        int spool_fd; /* owned; -1 while in memory, and again when it is complete */
        uint64_t size_bytes;
        bool is_spooled;
        bool is_cut;     /* something was left out, and a mark says so */
        bool is_blocked; /* the disk is full: a file is not to be made */
};

void output_log_init(struct output_log *log, int folder_fd, uint64_t job, uint64_t task,
                     uint32_t attempt);
/* NULL-safe members; the file stays. */
void output_log_deinit(struct output_log *log);

/*
 * Adds one record whose `size` bytes stand at block + SPOOL_HEADER_BYTES; the room before them is
 * overwritten. Past the cap, or where the disk refuses, a mark is added once and the rest dropped:
 * this never fails, because a job must never be stopped by its output.
 */
void output_log_add(struct output_log *log, enum spool_stream stream, uint8_t *block, size_t size);
/* Moves the log from memory to its file. No-op when it is there, or empty. */
void output_log_spool(struct output_log *log);
/* The disk is (no longer) full: what is in a file is cut here with a mark. */
void output_log_set_full(struct output_log *log, bool is_full);
/* No more records come: the file is closed. */
void output_log_complete(struct output_log *log);
