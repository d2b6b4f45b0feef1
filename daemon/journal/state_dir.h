/* SPDX-License-Identifier: Apache-2.0 */
/* The state folder: whose it is, and the empty files in it that say what happened before. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

enum state_dir_answer {
        STATE_DIR_E_REFUSED = 1, /* the reason says why */
};

#define STATE_DIR_DATABASE "jobd.db"
#define STATE_DIR_WAL "jobd.db-wal"
#define STATE_DIR_JOURNAL "jobd.db-journal"
/* There was a database once: one that is missing now was lost. */
#define STATE_DIR_INITIALISED "initialised"
/* The store failed: rewrite the database before it is used again. */
#define STATE_DIR_SUSPECT "suspect"
/* Made by the administrator: begin although acknowledged rows are missing. */
#define STATE_DIR_ACCEPT_LOSS "accept-loss"

struct state_dir {
        int fd;     /* owned */
        char *path; /* owned; absolute, without symbolic links */
};

/* STATE_DIR_E_REFUSED with a sentence when it is missing, not ours, open to others or read-only. */
_must_use_ int state_dir_open(const char *path, struct state_dir *out_dir, struct reason *why);
void state_dir_close(struct state_dir *dir);

bool state_dir_has(const struct state_dir *dir, const char *name);
/* Makes an empty file and syncs the folder; removing syncs too. Both are no-ops when done already.
 */
_must_use_ int state_dir_mark(const struct state_dir *dir, const char *name);
_must_use_ int state_dir_unmark(const struct state_dir *dir, const char *name);
_must_use_ int state_dir_sync(const struct state_dir *dir);
/* Bytes of a file, 0 when there is none. */
uint64_t state_dir_size_of(const struct state_dir *dir, const char *name);
/*
 * Makes the database file, 0600, when there is none (*out_made), and refuses one that is not a
 * plain file of ours, or that is missing although there was one.
 */
_must_use_ int state_dir_claim_database(const struct state_dir *dir, bool *out_made,
                                        struct reason *why);
/* Bytes that this user may still write. */
_must_use_ int state_dir_read_free(const struct state_dir *dir, uint64_t *out_bytes);
