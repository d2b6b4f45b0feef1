/* SPDX-License-Identifier: Apache-2.0 */
/* The write-ahead log as a file: emptying it in time, and keeping it big enough for a full disk. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "daemon/journal/state_dir.h"
#include "daemon/journal/store.h"

enum checkpoint_answer {
        CHECKPOINT_E_NO_SPACE = 1, /* the disk is full; the WAL keeps everything */
};

struct checkpoint {
        const struct state_dir *dir; /* borrowed: belongs to the journal, as we do */
        uint64_t reserve_bytes;
        bool is_blocked;           /* the last one ended with NO_SPACE */
        uint64_t blocked_at_bytes; /* WAL in use then */
};

/* The WAL file is at least so long. */
uint64_t checkpoint_wal_bytes(const struct store *store);
/*
 * Frames in use ask for a checkpoint now, even when work waits. While the disk is full it waits,
 * unless half of the reserve is in use: then trying is better than running out of it.
 */
bool checkpoint_is_due(const struct checkpoint *checkpoint, const struct store *store,
                       bool is_disk_full);
/* Enough frames are in use that an idle moment should be spent on it. */
bool checkpoint_is_worthwhile(const struct checkpoint *checkpoint, const struct store *store);
/* The last checkpoint found no room: the WAL's own blocks are all there is for now. */
bool checkpoint_is_blocked(const struct checkpoint *checkpoint);
/* Moves the WAL into the database; the file keeps its size. NO_SPACE, or a fault. */
_must_use_ int checkpoint_run(struct checkpoint *checkpoint, struct store *store);
/* Grows the WAL file to the reserve when it is smaller and there is room. A fault, or 0. */
_must_use_ int checkpoint_grow(struct checkpoint *checkpoint, struct store *store);
