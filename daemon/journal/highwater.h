/* SPDX-License-Identifier: Apache-2.0 */
/* The high-water file: how far the store had acknowledged, kept outside the database. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"

/* High numbers ever used. */
struct highwater_mark {
        uint64_t sequence;
        uint64_t job_id;
        uint64_t lease;
};

enum highwater_found {
        HIGHWATER_ABSENT,
        HIGHWATER_INVALID, /* wrong size or checksum: says nothing */
        HIGHWATER_VALID,
};

struct highwater {
        int fd;        /* owned */
        uint32_t boot; /* checksum of this boot's id */
};

/*
 * Opens (making it) the file in the folder. *out_mark: what it holds when VALID; *out_same_boot:
 * it was written since this machine was booted.
 */
_must_use_ int highwater_open(int folder_fd, struct highwater *out_highwater,
                              enum highwater_found *out_found, struct highwater_mark *out_mark,
                              bool *out_same_boot);
void highwater_close(struct highwater *highwater);
/* One pwrite of 32 bytes, no sync; a failure only weakens the alarm and is not reported. */
void highwater_write(const struct highwater *highwater, const struct highwater_mark *mark);

/* Every number of `mark` is at least that of `than`. */
bool highwater_is_reached(const struct highwater_mark *mark, const struct highwater_mark *than);
/* The greater of each number. */
struct highwater_mark highwater_join(const struct highwater_mark *a,
                                     const struct highwater_mark *b);
