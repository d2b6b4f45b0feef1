/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's record file: which leases it holds and how far each got, readable after its death. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/clock.h"

#define RECORD_VERSION 1U
#define RECORD_SLOTS 32U
#define RECORD_NAME_MAX 40

enum record_answer {
        RECORD_E_BAD = 1, /* the header is not intact: "no GO" proves nothing */
        RECORD_E_FOREIGN, /* written in another boot, or by another record format */
        RECORD_E_ABSENT,
        RECORD_E_LOCKED, /* its worker lives */
};

/* The values of SlotState in worker.proto. */
enum record_state {
        RECORD_FREE,
        RECORD_ACCEPTED, /* nothing ran */
        RECORD_GO,       /* the process may exist */
        RECORD_RUNNING,
        RECORD_EXITED, /* waits for jobd's Ack */
        RECORD_STATE_COUNT,
};

/* One held lease. Two of these make a slot; see record.c. */
struct record_entry {
        uint64_t sequence; /* of this slot; set by record_write() */
        uint64_t lease;
        uint64_t job;
        uint64_t task;
        uint64_t start_boot_usec; /* CLOCK_BOOTTIME just before the process was created */
        uint64_t start_wall_usec;
        uint64_t output_bytes;
        uint32_t attempt;
        uint32_t state; /* enum record_state */
        uint32_t pid;
        uint32_t uid;
        uint32_t outcome;  /* Outcome of worker.proto; EXITED only */
        int32_t exit_code; /* -1: none */
        uint32_t exit_signal;
        uint32_t spooled; /* 0 or 1 */
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        uint32_t reserved[5];
        uint32_t checksum; /* CRC-32C of everything before it */
};
_Static_assert(sizeof(struct record_entry) == 128, "a copy fills two cache lines");

/* What worker and pool tell each other without a system call. Not covered by a checksum. */
struct record_shared {
        _Atomic uint32_t pid;      /* of the worker */
        _Atomic uint32_t busy;     /* leases held and not yet acknowledged */
        _Atomic uint32_t watching; /* the pool looks after this worker; see pool_watch.c */
        uint32_t reserved[13];
};
_Static_assert(sizeof(struct record_shared) == 64, "one cache line");

/* What a dead worker's file says. */
struct record_image {
        uint32_t number;
        uint64_t generation;
        uint32_t worker_pid;
        bool is_intact; /* every slot could be read */
        size_t count;
        struct record_entry entries[RECORD_SLOTS]; /* those not FREE */
};

/* "3.17": worker 3, generation 17. */
void record_name(char out_name[static RECORD_NAME_MAX], uint32_t number, uint64_t generation);
/* Is this the name of a record? Fills both numbers when it is. */
bool record_parse_name(const char *name, uint32_t *out_number, uint64_t *out_generation);

/* (pool) Makes the empty, preallocated file, replacing a stale one of the same name. */
_must_use_ int record_create(int folder_fd, uint32_t number, uint64_t generation,
                             const uint8_t boot_id[static CLOCK_BOOT_ID_BYTES]);

/* (worker) The file, locked and mapped for the life of the process. */
struct record;
_must_use_ int record_open(int folder_fd, uint32_t number, uint64_t generation,
                           struct record **out_record);
struct record *record_close(struct record *record);
DEFINE_CLEANUP(struct record *, record_close);
/* An unused slot, or -1. It is used once record_write() put anything but FREE there. */
int record_find_free(const struct record *record);
/*
 * Writes `entry` to the slot (its sequence, boot id and checksum are filled in). When this returns
 * the entry survives the death of this process; half-way, the entry before it does. No system call.
 */
void record_write(struct record *record, unsigned int slot, const struct record_entry *entry);
struct record_shared *record_get_shared(struct record *record);

/* (pool) The shared line of a live worker's file. NULL-safe unmap. */
_must_use_ int record_map_shared(int folder_fd, uint32_t number, uint64_t generation,
                                 struct record_shared **out_shared);
struct record_shared *record_unmap_shared(struct record_shared *shared);

/* (pool) Reads a file as it is now. 0 or RECORD_E_BAD, RECORD_E_FOREIGN, RECORD_E_ABSENT. */
_must_use_ int record_read(int folder_fd, const char *name,
                           const uint8_t boot_id[static CLOCK_BOOT_ID_BYTES],
                           struct record_image *out_image);
/* The pure part of record_read(). */
_must_use_ int record_decode(const void *data, size_t size,
                             const uint8_t boot_id[static CLOCK_BOOT_ID_BYTES],
                             struct record_image *out_image);
