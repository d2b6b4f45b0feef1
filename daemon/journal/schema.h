/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, and how a database of an older release becomes one of ours. */
#pragma once

#include <sqlite3.h>
#include <stddef.h>

#include "common/cleanup.h"

#define SCHEMA_APPLICATION_ID 0x6a6f6264 /* "jobd" */

enum schema_answer {
        SCHEMA_E_FOREIGN = 1, /* application_id of another program, or tables without ours */
        SCHEMA_E_NEWER,       /* made by a newer release */
        SCHEMA_E_SQL,         /* SQLite failed: sqlite3_errmsg() says why */
};

/* The steps of this release: steps[n] turns version n into n + 1; version 0 is an empty file. */
extern const char *const schema_steps[];
extern const size_t schema_steps_count;

/*
 * Looks without changing anything: is it ours, and not newer than `count` steps? *out_version is
 * what it has seen of them, also when it is newer. 0 or SCHEMA_E_*.
 */
_must_use_ int schema_examine(sqlite3 *db, size_t count, int *out_version);
/*
 * Brings the database to version `count`, each step in a transaction of its own together with its
 * number. Does nothing when it is there already. 0 or SCHEMA_E_*.
 */
_must_use_ int schema_migrate(sqlite3 *db, const char *const *steps, size_t count);
