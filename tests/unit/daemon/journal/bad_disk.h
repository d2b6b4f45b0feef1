/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails on request: a layer under SQLite between it and the real files. */
#pragma once

#include <stdatomic.h>

/* SQLite result codes; 0: works. May be changed at any time, from any thread. */
struct bad_disk {
        atomic_int wal_sync;
        atomic_int wal_write;
        atomic_int database_write;
        atomic_int database_read;
        atomic_uint wal_syncs; /* that succeeded */
};
extern struct bad_disk bad_disk;

/* Every database opened after this lies on it. */
void bad_disk_install(void);
