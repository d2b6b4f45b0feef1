/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks whose stdin was to come from a client that is gone: they get an end of file. */
#pragma once

#include "daemon/clients/shared.h"

/* Every attempt of it that starts from now on reads EOF. No-op when it is not in memory. */
_must_use_ int orphan_add(struct clients *clients, uint64_t job, uint64_t task);
/* Somebody feeds it again. */
void orphan_remove(struct clients *clients, uint64_t job, uint64_t task);
void orphan_clear(struct clients *clients);
