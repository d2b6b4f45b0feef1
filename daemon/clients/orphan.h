/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks whose stdin was to come from a client that is gone: they get an end of file. */
#pragma once

#include "daemon/clients/shared.h"

/*
 * Every attempt that starts from now on reads EOF, and with end_now the one that runs. No-op when
 * the job is not in memory, or has somebody else who feeds it.
 */
_must_use_ int orphan_add(struct clients *clients, uint64_t job, uint64_t task, bool end_now);
/* Somebody feeds it again. */
void orphan_remove(struct clients *clients, uint64_t job, uint64_t task);
void orphan_clear(struct clients *clients);
