/* SPDX-License-Identifier: Apache-2.0 */
/* Rewriting a database whose file is in doubt, before anything else reads it. */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include "daemon/journal/state_dir.h"

enum recover_answer {
        RECOVER_E_REFUSED = 1, /* the reason says why */
        RECOVER_E_LATER,       /* the same, but it may pass by itself */
};

/*
 * Finishes a rewrite that was cut short, and does one when the folder is marked suspect. No-op
 * otherwise. No connection may be open.
 */
_must_use_ int recover_database(const struct state_dir *dir, struct reason *why);
