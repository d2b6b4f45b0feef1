/* SPDX-License-Identifier: Apache-2.0 */
/* Entries for systemd's journal, without ever waiting long for it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/cleanup.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket"
#define JOURNALD_FIELDS_MAX 8

enum journald_answer {
        JOURNALD_E_GONE = 1, /* nobody is there, or it cannot be asked: say it elsewhere */
        JOURNALD_E_LOST,     /* it does not take it; counted */
};

/* path: borrowed for ever. Before the first journald_send(), on one thread. */
void journald_init(const char *path);
/*
 * One entry: "KEY=value" each, without a newline in any value; at most JOURNALD_FIELDS_MAX. On any
 * thread. When the journal has not taken entries before, it is first told how many.
 */
_must_use_ int journald_send(const struct iovec *fields, size_t count);
/* What was to be said elsewhere could not be. */
void journald_count_lost(void);
/* Entries that nobody took, since the start. */
uint64_t journald_lost(void);
